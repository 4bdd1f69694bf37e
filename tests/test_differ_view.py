"""The view "How the systems differ" of the tab Systems, and the time line above all of them."""

import base64
import dataclasses
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import save_tiny_systems

from app import TABS
from diffusion_core import checkpoint as checkpoints
from diffusion_core.checkpoint import parameters_in
from diffusion_core.conditioning import CLASS
from diffusion_core.data import AvatarFile, from_uint8
from diffusion_core.glide import AvatarRecords, describe, phrase_of
from tabs.shared.limits import PageLimit
from tabs.systems import differ_systems, differ_walk
from tabs.systems.differ_card import DifferCard
from tabs.systems.differ_code import code
from tabs.systems.differ_form import DifferForm
from tabs.systems.differ_systems import FOLDERS, avatars, told_by_menus, weights_file
from tabs.systems.differ_view import (
    draw_by_all,
    draw_by_all_first,
    note_compared,
    replay_comparison,
    stop_comparison,
)
from tabs.systems.differ_walk import (
    facts_of,
    judged_names,
    measured_obedience,
    opening_message,
    told_facts,
)
from tabs.systems.layout import SYSTEMS
from tabs.systems.timeline import ENTRIES, timeline_message

SESSION = SimpleNamespace(session_hash="a session")
STEPS = 2
FORM = DifferForm(caption="a smiling person with an afro, mint background", steps=STEPS)
KEYS = ["menus", "class", "glide", "unclip", "imagen"]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    return save_tiny_systems(tmp_path_factory.mktemp("shipped"))


@pytest.fixture(autouse=True)
def _shipped(shipped, monkeypatch):
    ship(shipped, monkeypatch)


def ship(folder, monkeypatch):
    for module in (differ_systems, differ_walk):
        monkeypatch.setattr(module, "shipped_folder", lambda: folder)


def drawn(updates):
    """The last message of a handler, and what it told beside the controls."""
    every = [each for each in updates if "differ_stage" in each]
    return json.loads(every[-1]["differ_stage"]), every[-1].get("differ_told", "")


def draw(**change):
    return drawn(draw_by_all(dataclasses.replace(FORM, **change), "differ run", SESSION))


def levels(text):
    flat = np.frombuffer(base64.b64decode(text), np.uint8)
    side = round((len(flat) / 3) ** 0.5)
    return flat.reshape(side, side, 3)


def ends(message):
    return {row["key"]: levels(row["frames"][-1]) for row in message["rows"] if row["frames"]}


# --- what all draw ---------------------------------------------------------------------------


def test_all_draw_one_caption_and_each_row_says_what_it_cost(shipped):
    message, told = draw()
    assert told == "" and message["state"] == "done"
    rows = message["rows"]
    assert [row["key"] for row in rows] == KEYS
    assert all("absent" not in row for row in rows)
    pictures = ends(message)
    assert [pictures[key].shape[0] for key in KEYS] == [64, 64, 64, 64, 128]
    assert len({pictures[key].tobytes() for key in KEYS}) == 5
    assert [len(row["frames"]) for row in rows] == [STEPS + 1] * 4 + [2 * STEPS + 1]
    assert levels(rows[-1]["frames"][0]).shape == (32, 32, 3)  # the cascade's first walk
    asked = [{each["name"]: each["words"] for each in row["evaluations"]} for row in rows]
    assert asked == [
        {"avatars": "4"},  # guidance asks twice a step
        {"avatars": "2", "CLIP": "2"},
        {"GLIDE": "4"},
        {"prior": "100", "decoder": "4"},
        {"base": "4", "enlarger": "2"},
    ]
    assert [row["asked"] for row in rows] == [4, 4, 4, 104, 6]
    assert all(row["milliseconds"] > 0 and row["time"] for row in rows)
    # The parameters are those of the files, of the CLIP what is needed.
    count = {name: sum(parameters_in(weights_file(name)).values()) for name in FOLDERS.values()}
    text = sum(n for k, n in parameters_in(weights_file("clip-avatars")).items() if "text." in k)
    folders = ["avatars", "glide-avatars", "unclip-prior-avatars", "unclip-avatars"]
    plain, words, prior, decoder = (count[name] for name in folders)
    base, enlarger = (count[f"imagen-avatars/{name}"] for name in ("base", "enlarger"))
    assert [row["count"] for row in rows] == [
        plain,
        plain + count["clip-avatars"],
        words,
        text + prior + decoder,
        text + base + enlarger,
    ]


def test_each_is_told_what_it_can_be_told():
    said = {row["key"]: row["told"] for row in draw()[0]["rows"]}
    assert said["menus"] == "Told by menus: class, face, head, background."
    assert said["class"].startswith("Told nothing. A classifier")
    rows = draw(caption="yellow and blue")[0]["rows"]
    assert "nothing of the caption" in rows[0]["told"]
    assert "names no class" in rows[1]["told"] and rows[1]["asked"] == STEPS
    # Then both are the plain model without a condition, from the same noise.
    assert rows[0]["frames"] == rows[1]["frames"] and rows[0]["facts"] == []
    alone = draw(classifier_scale=0)[0]["rows"][1]
    assert alone["frames"] == rows[1]["frames"]
    # A colour of hair has no menu, and no style has the attributes of another.
    told = told_by_menus("pixel art, red hair, a red shirt", avatars())
    assert told == {"class": "pixel-art", "clothing": "red"}


def test_rows_come_one_by_one_and_steps_are_told():
    messages = [json.loads(u["differ_stage"]) for u in draw_by_all(FORM, "differ 1", SESSION)]
    there = [len(ends(each)) for each in messages if "rows" in each]
    assert there == [1, 2, 3, 4, 5, 5]
    progress = [each["progress"] for each in messages if "progress" in each]
    assert progress[0] == "Plain, by menus: step 1 …" and "DALL·E 2: step 27 …" in progress
    assert "card" not in messages[-2] and messages[-1]["card"]


def test_a_comparison_is_stopped_within_a_step_and_the_first_one_comes_by_itself():
    going = draw_by_all(FORM, "differ 2", SESSION)
    next(going)
    stop_comparison("differ 2")
    left = [json.loads(each["differ_stage"]) for each in going]
    assert left == [{"run": "differ 2", "state": "stopped"}]
    first = list(draw_by_all_first(FORM, "differ", False, "differ 3", SESSION))
    assert first[0] == {"differ_begun": True}
    assert json.loads(first[-1]["differ_stage"])["state"] == "done"
    for seen, begun in (("differ", True), ("glide", False)):
        assert list(draw_by_all_first(FORM, seen, begun, "differ 4", SESSION)) == []


# --- the judge -------------------------------------------------------------------------------


def test_the_judge_reads_what_is_recorded_of_real_avatars():
    file, right, told = AvatarFile.embedded(), 0, 0
    records = AvatarRecords(file)
    for i in range(40):
        caption = describe(records.facts(i), i)
        facts = facts_of(caption.text, from_uint8(file.pictures[i : i + 1]))
        assert len(facts) == len({*caption.told} & {name for name, _ in judged_names()})
        told += len(facts)
        right += sum(fact["right"] for fact in facts)
        assert all((fact["words"] == fact["seen"]) == fact["right"] for fact in facts)
    assert told > 100 and right / told > 0.98
    # A larger picture is shrunk to the judge's size; one of another avatar is told from it.
    large = from_uint8(file.pictures[:1]).repeat_interleave(2, 2).repeat_interleave(2, 3)
    caption = describe(records.facts(0), 0).text
    assert facts_of(caption, large) == facts_of(caption, large[..., ::2, ::2])
    assert not all(fact["right"] for fact in facts_of(caption, torch.zeros(1, 3, 64, 64)))


def test_every_fact_that_is_read_has_words_of_its_own():
    for name, values in judged_names():
        words = [phrase_of(name, value) for value in values]
        assert all(words) and len({*words}) == len(words), name
    assert told_facts("a thumb with a wink") == {CLASS: "thumbs"}


def test_without_a_judge_nothing_is_read(shipped, tmp_path, monkeypatch):
    shutil.copytree(shipped, tmp_path / "all", ignore=shutil.ignore_patterns("judge-avatars"))
    ship(tmp_path / "all", monkeypatch)
    assert all(row["facts"] == [] for row in draw()[0]["rows"])


# --- cards, bounds, what is not there --------------------------------------------------------


def test_a_run_card_is_drawn_again_to_the_bit():
    message, _ = draw(seed="5", scale=1)
    again, told = drawn(replay_comparison(message["card"], "differ 5", SESSION))
    assert told == "" and again["note"] == "The replay's result is the same, to the bit."
    assert [row["frames"] for row in again["rows"]] == [row["frames"] for row in message["rows"]]
    assert message["card"] == DifferCard.from_json(message["card"]).to_json()
    card = json.loads(message["card"])
    for change, words in (
        ({"format": "x"}, "form diffusion-playground/differ-1"),
        ({"weights": {**card["weights"], "prior": "1" * 64}}, "a prior of other weights"),
        ({"drawing": {**card["drawing"], "steps": 1000}}, "steps"),
        ({"drawing": {**card["drawing"], "caption": "qwertz"}}, "none of the caption"),
    ):
        told = drawn(replay_comparison(json.dumps({**card, **change}), "run", SESSION))[1]
        assert words in told and "\n" not in told, words
    other = json.dumps({**card, "result": "0" * 64})
    assert "differs" in drawn(replay_comparison(other, "differ 6", SESSION))[0]["note"]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"caption": ""}, "has no words"),
        ({"caption": None}, "has no words"),
        ({"caption": "afro " * 60}, "60 words, and at most 39"),
        ({"caption": "x" * 3000}, "at most 2,000"),
        ({"caption": "qwertz"}, "None of the caption"),
        ({"scale": 11}, "Guidance"),
        ({"classifier_scale": None}, "Classifier scale"),
        ({"steps": 51}, "Steps"),
        ({"seed": "x"}, "eed"),
    ],
)
def test_what_does_not_fit_is_told_in_a_sentence(change, words):
    message, told = draw(**change)
    assert words in told and "rows" not in message and message["state"] == "failed"
    assert words in code(dataclasses.replace(FORM, **change))


def test_a_public_page_bounds_every_walk(monkeypatch):
    asked = []
    monkeypatch.setattr(differ_walk.models, "bounded", lambda r, m: asked.append(m.image_shape))
    draw()
    assert [shape[1] for shape in asked] == [64, 64, 64, 64, 32, 128]

    def bounded(request, model):
        raise PageLimit("Too long.")

    monkeypatch.setattr(differ_walk.models, "bounded", bounded)
    assert "Too long." in draw()[1]


def test_a_system_whose_weights_are_not_here_says_so_and_the_others_draw(
    shipped, tmp_path, monkeypatch
):
    some = shutil.copytree(shipped, tmp_path / "some")
    shutil.rmtree(some / "imagen-avatars")
    (some / "glide-avatars" / "model.safetensors").write_bytes(b"broken")
    ship(some, monkeypatch)
    message, told = draw()
    assert told == "" and [*ends(message)] == ["menus", "class", "unclip"]
    rows = {row["key"]: row for row in message["rows"]}
    assert "imagen-avatars/base" in rows["imagen"]["absent"]
    assert "python -m pretrained.recipes.imagen." in rows["imagen"]["absent"]
    assert "glide-avatars" in rows["glide"]["absent"]
    again, _ = drawn(replay_comparison(message["card"], "differ 7", SESSION))
    assert again["note"].endswith("to the bit.")
    assert "imagen" not in code(FORM).split("caption =")[1]
    ship(tmp_path / "none", monkeypatch)
    assert "No weights of a system" in draw()[1]
    assert all("absent" in row for row in opening_message()["rows"])


def test_the_rows_are_there_before_anything_is_loaded(monkeypatch):
    for name in ("_avatars", "_clip", "_glide", "_prior_and_decoder", "_cascade"):
        monkeypatch.setattr(differ_systems, name, lambda *_: pytest.fail("weights are loaded"))
    message = opening_message()
    assert [row["key"] for row in message["rows"]] == KEYS
    assert all(row["size"] and row["told"] == "" and not row["frames"] for row in message["rows"])


def test_what_was_measured_is_told_of_these_weights_alone(shipped, tmp_path, monkeypatch):
    assert [measured_obedience(key) for key in KEYS] == [""] * 5
    monkeypatch.undo()  # what ships
    menus, guided, words, embeddings, _ = (measured_obedience(key) for key in KEYS)
    assert guided == "" and menus.endswith("over all menus, held-out avatars")
    assert words.endswith("over 210 held-out captions")
    assert embeddings.endswith("over 100 held-out captions")
    assert float(menus.split()[0]) > float(words.split()[0]) > float(embeddings.split()[0]) > 70


def test_unknown_words_are_named_under_the_caption():
    message = json.loads(note_compared("a woman with an afro"))
    assert message["field"] == "differ-caption" and "'woman'" in message["note"]


@pytest.mark.parametrize(
    "change", [{}, {"scale": 1, "seed": 3}, {"caption": "blue", "classifier_scale": 3}]
)
def test_the_code_makes_the_pictures_of_the_page(change, shipped, monkeypatch):
    monkeypatch.setattr(checkpoints, "shipped_folder", lambda: shipped)
    names = {}
    exec(code(dataclasses.replace(FORM, **change)), names)  # noqa: S102
    page = ends(draw(**change)[0])
    assert [*names["pictures"]] == KEYS
    for key, own in names["pictures"].items():
        assert np.abs(own[0].astype(int) - page[key]).max() <= 1, key


# --- the time line ---------------------------------------------------------------------------


def test_the_time_line_is_in_order_and_each_entry_opens_what_is_there():
    message = json.loads(timeline_message(SYSTEMS, "glide"))
    entries = message["entries"]
    assert message["seen"] == "glide"
    assert {"DDPM", "Improved DDPM", "PVD", "Guided diffusion", "GLIDE", "DALL·E 2"} <= {
        each["name"] for each in entries
    }
    for each in entries:
        assert each["tab"] in TABS
        if each["tab"] == "systems":
            assert each["shown"] in SYSTEMS
    assert sorted(ENTRIES, key=lambda each: each.months) == [*ENTRIES]
    # The room behind an entry is the time until the next one; the last one has none.
    assert [each["months"] for each in entries][:3] == [8, 2, 1] and entries[-1]["months"] == 0


def test_an_entry_without_a_view_is_left_out():
    alone = json.loads(timeline_message(["glide"], "glide"))["entries"]
    assert [each["name"] for each in alone] == ["DDPM", "Improved DDPM", "PVD", "GLIDE"]
