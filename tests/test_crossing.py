"""What crosses to whoever asked: any text can be shown, and every error is one short sentence."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import gradio as gr
import gradio.queueing
import gradio.routes
import pytest
from conftest import save_tiny
from gradio.exceptions import InvalidPathError
from hypothesis import given
from hypothesis import strategies as st

from tabs.denoise import form
from tabs.shared import class_menu, crossing, models
from tabs.shared.text import (
    LONGEST_ECHO,
    LONGEST_NAME,
    LONGEST_SENTENCE,
    echo,
    fits_utf8,
    original,
    path_of,
    path_text,
    printable,
    sentence,
)

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # halves of surrogate pairs among them
HOSTILE = "a\udcff\u202egnp.exe\x1b[31m\0\n\u2066" + "é漢🌫️"


@given(ANY_TEXT)
def test_any_text_can_be_shown(text):
    shown = printable(text)
    assert fits_utf8(shown) and printable(shown) == shown
    assert not any(c in shown for c in "\0\x1b\n\r\u202e\u2066\u200f")


@pytest.mark.parametrize("text", ["Bag", "é漢字 日本語", "שלום", "👨‍👩‍👧", "a b-c_(1).png", "नमस्ते"])
def test_what_can_be_shown_stays(text):
    assert printable(text) == text


def test_what_cannot_is_shown_by_its_code():
    assert printable("a\udcffb\x1b\u202e") == "a\\udcffb\\x1b\\u202e"
    assert printable("\udcfe") != printable("\udcff")


def test_a_long_name_keeps_both_ends():
    shown = printable("begin" + 10_000 * "x" + "end", LONGEST_NAME)
    assert len(shown) == LONGEST_NAME and shown.startswith("begin") and shown.endswith("end")
    assert len(printable(10_000 * "\x1b", LONGEST_NAME)) <= 4 * LONGEST_NAME


@given(ANY_TEXT.map(lambda t: t * 50))
def test_a_sentence_is_one_line_and_no_longer_than_it_is_read(text):
    one = sentence(text)
    assert len(one) <= LONGEST_SENTENCE and "\n" not in one and fits_utf8(one)


@pytest.mark.parametrize(
    "value",
    [10_000_000 * "x", 10**5000, [[[[1]]]] * 10**5, {"a" * 10**6: 1}, "\udcff", float("nan")],
    ids=["text", "digits", "list", "key", "surrogate", "nan"],
)
def test_little_of_what_was_sent_is_repeated(value):
    assert 0 < len(echo(value)) <= LONGEST_ECHO and fits_utf8(echo(value))


def test_an_echo_of_what_is_short_is_what_python_writes():
    assert [echo(v) for v in ("many", 2.5, True, None, [8])] == [
        "'many'",
        "2.5",
        "True",
        "None",
        "[8]",
    ]


def test_a_path_comes_back_as_it_went(tmp_path):
    for name in ("plain", "é 漢", "a\u202eb"):
        path = tmp_path / name
        assert path_of(path_text(path)) == path
    assert path_text(tmp_path / "a\u202eb").endswith("a\\u202eb")
    assert original("a\\u202eb", ["x", "a\u202eb"]) == "a\u202eb"
    assert original("unknown", ["x"]) == "unknown"


@pytest.fixture
def installed():
    crossing.install()


@given(
    st.recursive(
        ANY_TEXT | st.integers() | st.none(), lambda s: st.lists(s) | st.dictionaries(ANY_TEXT, s)
    )
)
def test_any_answer_can_be_written(value):
    crossing.install()
    with_numbers = json.loads(crossing.rendered([{"x": "é"}, "ok"]))
    assert with_numbers == [{"x": "é"}, "ok"]
    try:
        crossing.rendered(value).decode()
    except TypeError as error:  # an integer of more than 64 bits is no text
        assert "64-bit" in str(error)


def test_streams_write_any_text_too(installed):
    for module in (gradio.routes.orjson, gradio.routes.json):
        written = module.dumps({"data": ["\udcff", "é"]})
        text = written.decode() if isinstance(written, bytes) else written
        assert json.loads(text) == {"data": ["\\udcff", "é"]}
    assert gradio.routes.json.loads("[1]") == [1]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (gr.Error("A sentence.", print_exception=False), "A sentence."),
        (gr.Error(10_000 * "x"), "xxx"),
        (InvalidPathError("Cannot move /etc/passwd to the cache"), "Send the picture as a file"),
        (
            ValueError("didn't receive enough input values (needed: 2, got: 1).\n[/root/x]"),
            "takes 2",
        ),
        (ValueError("/root/secret"), "do not fit"),
        (KeyError("x"), "do not fit"),
        (RecursionError(), "do not fit"),
        (None, "do not fit"),
    ],
)
def test_every_error_is_a_sentence(installed, error, words):
    for payload in (gradio.utils.error_payload, gradio.queueing.error_payload):
        said = payload(error, False)["error"]
        assert words in said and len(said) <= LONGEST_SENTENCE and "\n" not in said
        assert "/etc" not in said and "/root" not in said


@pytest.mark.skipif(sys.platform != "linux", reason="only there a name is bytes of any kind")
def test_a_model_in_a_folder_of_any_name_is_listed_and_chosen(tmp_path, monkeypatch):
    """A name of bytes that are no UTF-8, and one that turns the direction of writing."""
    names = [b"bytes-\xff\xfe", "evil\u202egnp\x1b[31m".encode(), b"plain"]
    for seed, name in enumerate(names):
        folder = Path(os.fsdecode(bytes(tmp_path) + b"/" + name))
        save_tiny(tmp_path / "made", seed=seed).rename(folder)
    monkeypatch.setenv("DIFFUSION_MODELS", str(tmp_path))
    listed = [m for m in models.available() if str(tmp_path) in m[1]]
    assert len(listed) == 3
    for text in (each for pair in listed for each in pair):
        assert fits_utf8(text) and printable(text) == text
    json.loads(crossing._write(listed))  # as it is, without the safety net
    hashes = set()
    for name, value in listed:
        assert models.place(value)[0].is_dir()
        if name.startswith("bytes"):  # safetensors opens no such path: a sentence, and no more
            with pytest.raises(ValueError):
                models.get(value)
        else:
            hashes.add(models.get(value).weights_hash)
            assert models.listed(name).weights_hash in hashes
    assert len(hashes) == 2


def test_a_class_of_any_name_is_chosen_as_it_is_shown(tiny_folder, monkeypatch):
    import dataclasses

    checkpoint = models.get(str(tiny_folder))
    # The worst that a configuration takes: it refuses control characters and halves of pairs.
    names = ("a\u202egnp.\u2066é漢🌫️", 300 * "n", *checkpoint.config.class_names[2:])
    config = dataclasses.replace(checkpoint.config, class_names=names)
    hostile = dataclasses.replace(checkpoint, config=config)
    monkeypatch.setattr(models, "get", lambda path: hostile)
    choices = class_menu.classes("any")
    assert all(fits_utf8(c) and printable(c) == c and len(c) <= 2 * LONGEST_NAME for c in choices)
    for index in (0, 1, 3):
        chosen = [c for c in choices if c != class_menu.NO_CLASS][index]
        walk, _ = form.DenoiseForm(model="any", label=chosen, steps=2).walk(hostile)
        assert walk.label == names[index] and hostile.label(walk.label) == index
