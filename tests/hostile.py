"""Files as a stranger may write them: configurations, weights and run cards, each changed a little.

A change is drawn by hypothesis: a place in a valid file, and what stands there instead. `outcome`
then reads, shows and walks what came of it, as the page does, and gives a class: "walked", or
"sentence", or what else happened, which must not be. As a program it counts these classes:

    PYTHONPATH=. python tests/hostile.py 1100
"""

from __future__ import annotations

import collections
import copy
import dataclasses
import json
import re
import shutil
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).parent))
from conftest import save_tiny, save_tiny_avatars
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twins import pipeline

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.generation import RunCard, SamplingRequest, SamplingRun
from tabs.denoise import defaults, model_picker
from tabs.shared import models

PATIENCE = 20  # seconds that one file may take
GONE = object()  # the place itself is taken away
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3, 7, 100, 10**9, 2**63, 10**30, -5, 0.5, 1e-300, 1e308),
    *(float("nan"), float("inf"), -float("inf")),
    *("", "x", "3", "none", "\ud800", "\x00", "a" * 5000, "conv", "betas", "epsilon"),
    *([], [1], [[]], [None], ["a"], [1, 2], [0, 0], [-1, 3], [20000, 20000], [True, True]),
    *({}, {"a": 1}, {"name": "linear"}, [[1]] * 10, [["a", ["b"]]], [["class", ["b"]]], GONE),
]
TURNS: list[Callable[[Any], Any]] = [
    lambda v: v * 2 if isinstance(v, int | float | list | str) else v,
    lambda v: v + 1 if isinstance(v, int | float) else [v],
    lambda v: -v if isinstance(v, int | float) else {"a": v},
    lambda v: v[:-1] if isinstance(v, list | str) else str(v),
    lambda v: v[::-1] if isinstance(v, list | str) else float("nan"),
    lambda v: v / 3 if isinstance(v, int | float) else v,
]
# Words of Python, torch and pydantic that mean nothing to who reads them.
FOREIGN = re.compile(
    r"unhashable|not supported between|cannot unpack|object is not|unexpected keyword|"
    r"NoneType|out of range|invalid literal|could not convert|must be str|codec can't|Traceback|"
    r"has no attribute|do not fit together|not iterable|not subscriptable|argument|Exceeds the"
    r"|expected scalar|Error\b|<class|validation error|cannot be read\.$"
)


def places(values: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places in a JSON value; of a long list the first ones."""
    if path:
        yield path
    if isinstance(values, dict):
        for key, value in values.items():
            yield from places(value, (*path, key))
    if isinstance(values, list):
        for i, value in enumerate(values[:2]):
            yield from places(value, (*path, i))


def put(values: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A JSON value with another one at a place."""
    changed = copy.deepcopy(values)
    at = changed
    try:
        for key in path[:-1]:
            at = at[key]
        if new is GONE:
            del at[path[-1]]
        else:
            at[path[-1]] = new(at[path[-1]]) if callable(new) else new
    except (KeyError, IndexError, TypeError):  # an earlier change took the place away
        return changed
    return changed


@st.composite
def mutations(draw: st.DrawFn, base: Any) -> Any:
    """A JSON value with one or two places changed."""
    known = list(places(base))
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(known))
        base = put(base, path, draw(st.sampled_from([*VALUES, *TURNS])))
    if draw(st.integers(0, 9)) == 0:
        base = put(base, ("odd",), 1)
    return base


@st.composite
def broken_texts(draw: st.DrawFn, text: str) -> bytes:
    """A JSON text that was cut, changed in a byte, nested, or written in another encoding."""
    data = text.encode()
    at = draw(st.integers(0, len(data) - 1))
    made = {
        "cut": lambda: data[:at],
        "byte": lambda: data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :],
        "mark": lambda: b"\xef\xbb\xbf" + data,
        "utf-16": lambda: text.encode("utf-16"),
        "deep": lambda: b"[" * 100_000,
        "deep object": lambda: b'{"a":' * 900 + b"1" + b"}" * 900,
        "digits": lambda: data.replace(b"1", b"1" * 5000, 1),
        "list": lambda: b"[]",
        "twice": lambda: data + data,
    }
    return made[draw(st.sampled_from(sorted(made)))]()


@st.composite
def broken_weights(draw: st.DrawFn, data: bytes) -> bytes:
    """A safetensors file whose header lies, or that was cut."""
    length = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    kind = draw(st.sampled_from(["length", "cut", "byte", "twice", "field", "values", "pickle"]))
    if kind == "length":
        new = draw(st.sampled_from([0, 1, length - 1, length + 1, 2**31, 2**63, 2**64 - 1]))
        return struct.pack("<Q", new) + data[8:]
    if kind == "cut":
        return data[: draw(st.integers(0, len(data) - 1))]
    if kind == "byte":
        at = draw(st.integers(0, 8 + length))
        return data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
    if kind == "pickle":
        return b"\x80\x02}q\x00." + data
    if kind == "values":  # NaN and Infinity in half precision
        at = 2 * draw(st.integers(0, len(body) // 2 - 1))
        bad = draw(st.sampled_from([b"\x00\x7e", b"\x00\x7c", b"\x00\xfc"]))
        return data[: 8 + length] + body[:at] + bad + body[at + 2 :]
    name = draw(st.sampled_from([n for n in header if n != "__metadata__"]))
    if kind == "field":
        new: dict[str, list[Any]] = {
            "data_offsets": [[0, 0], [0, 2**62], [8, 4], [-1, 2], [0, 4], [], None, "x"],
            "shape": [[], [0], [2**40, 2**40], [1], [-1], [2**63], None, "x", [1.5]],
            "dtype": ["F32", "I16", "BF16", "BOOL", "F64", "U16", "x", None, 1, "F8_E4M3"],
        }
        field = draw(st.sampled_from(sorted(new)))
        header[name][field] = draw(st.sampled_from(new[field]))
        if draw(st.booleans()):
            header[draw(st.sampled_from(["x", "\x00", "..", "a" * 500]))] = header.pop(name)
        text = json.dumps(header)
    else:  # the same name twice
        text = json.dumps(header)[:-1] + f", {json.dumps(name)}: {json.dumps(header[name])}}}"
    return struct.pack("<Q", len(text.encode())) + text.encode() + body


def judged(error: Exception) -> str:
    """The class of an error: our sentence, or something else."""
    text = str(error)
    if type(error) is not ValueError:
        return f"{type(error).__name__}: {text[:80]}"
    if FOREIGN.search(text):
        return f"foreign: {FOREIGN.search(text)[0]}"  # type: ignore[index]
    if "\n" in text or not text.endswith(".") or len(text) > 1200:
        return f"no sentence: {text[:80]}"
    return "sentence"


def outcome(folder: Path) -> str:
    """What comes of a checkpoint: it is read, its menus and its summary are made, it is walked."""
    try:
        checkpoint = load_checkpoint(folder, name="hostile")
    except Exception as error:
        return judged(error)
    try:
        if checkpoint.image_shape[1] * checkpoint.image_shape[2] > 128**2:
            return "walked"  # so it would be, in minutes
        known = {
            "get": lambda name: checkpoint,
            "evaluation_seconds_of": lambda checkpoint, pictures=1: 0.001,
        }
        with mock.patch.multiple(models, **known), mock.patch.object(models, "available", list):
            model_picker.model_summary(checkpoint).encode()
            form = defaults.opening("hostile")
            json.dumps(defaults.class_menu("hostile", None).get_config()).encode()
            form = dataclasses.replace(form, steps=2, images=1)
            walk, _ = form.walk(checkpoint)
        checkpoint.config.to_json().encode()
        made = list(SamplingRun(checkpoint, walk))
        assert made[-1].x_prev.shape == (1, *checkpoint.image_shape)
    except Exception as error:
        if type(error) is ValueError and "zero terminal SNR" in str(error):
            return "sentence"  # of the walk: this model can go from other timesteps
        return f"later {type(error).__name__}: {str(error)[:80]}"
    return "walked"


def outcome_of_card(text: str | bytes, checkpoint: Any) -> str:
    """What comes of a run card: it is read, compared with a model, and walked."""
    try:
        card = RunCard.from_json(text)
        card.walk.cost(checkpoint)
    except Exception as error:
        return judged(error)
    try:
        if hasattr(card, "check"):
            card.check(checkpoint)
        if card.walk.cost(checkpoint) < 60:
            list(SamplingRun(checkpoint, card.walk, card.given))
    except Exception as error:
        return "sentence" if judged(error) == "sentence" else f"later {judged(error)}"
    return "walked"


THEIRS = ("x0-prediction", "attention resampled by resnet")  # the second has trained betas


def bases(folder: Path, theirs: tuple[str, ...] = THEIRS) -> dict[str, Path]:
    """A valid checkpoint of each layout."""
    made = {"ours": save_tiny(folder / "ours"), "avatars": save_tiny_avatars(folder / "avatars")}
    for name in theirs:
        pipeline(name).save_pretrained(folder / name)
        made[name] = folder / name
    return made


def settings_of(folder: Path) -> list[Path]:
    """The files of settings in a checkpoint's folder."""
    names = ("config.json", "unet/config.json", "scheduler/scheduler_config.json")
    return [folder / n for n in (*names, "model_index.json") if (folder / n).is_file()]


def card_text(checkpoint: Any) -> str:
    """A valid run card of a branch."""
    parent = SamplingRequest(num_steps=3, label="Bag", seed=3)
    mine = SamplingRequest(num_steps=4, label="Bag", eta=0.5, parent=parent, branch_step=1, seed=4)
    run = list(SamplingRun(checkpoint, mine))
    return RunCard.of(checkpoint, mine, None, run[-1].x_prev).to_json()


def count(number: int, within: Path) -> dict[str, collections.Counter[str]]:
    """The outcomes of that many mutations of each kind of file."""
    found: dict[str, collections.Counter[str]] = {}
    known = bases(within / "bases")
    whole = settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )

    def tally(kind: str, strategy: st.SearchStrategy[Any], do: Callable[[Any], str]) -> None:
        seen = found.setdefault(kind, collections.Counter())

        @whole
        @given(strategy)
        def each(value: Any) -> None:
            if hasattr(signal, "alarm"):
                signal.alarm(PATIENCE)
            try:
                seen[do(value)] += 1
            finally:
                if hasattr(signal, "alarm"):
                    signal.alarm(0)

        each()

    changed = within / "changed"
    for base in known.values():
        for file in settings_of(base):
            shutil.copytree(base, changed, dirs_exist_ok=False)
            text = file.read_text()
            target = changed / file.relative_to(base)

            def written(value: Any, target: Path = target) -> str:
                data = value if isinstance(value, bytes) else json.dumps(value).encode()
                target.write_bytes(data)
                return outcome(changed)

            tally("settings", mutations(json.loads(text)), written)
            tally("texts", broken_texts(text), written)
            shutil.rmtree(changed)
    base = known["ours"]
    shutil.copytree(base, changed)
    weights = changed / "model.safetensors"

    def of_weights(data: bytes) -> str:
        weights.write_bytes(data)
        return outcome(changed)

    tally("weights", broken_weights((base / weights.name).read_bytes()), of_weights)
    checkpoint = load_checkpoint(base)
    text = card_text(checkpoint)
    tally(
        "cards", mutations(json.loads(text)), lambda v: outcome_of_card(json.dumps(v), checkpoint)
    )
    tally("card texts", broken_texts(text), lambda v: outcome_of_card(v, checkpoint))
    return found


def _too_long(number: int, frame: object) -> None:
    raise TimeoutError(f"over {PATIENCE} s")


if __name__ == "__main__":
    import tempfile

    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGALRM, _too_long)
    with tempfile.TemporaryDirectory() as place:
        for kind, seen in count(int(sys.argv[1]), Path(place)).items():
            print(kind, sum(seen.values()), dict(seen.most_common()))
