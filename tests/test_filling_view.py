"""The view "GLIDE: inpainting" of the tab Systems as plain handlers: holes, both walks, cards."""

import base64
import dataclasses
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import save_tiny_glide, save_tiny_inpainter
from PIL import Image

from diffusion_core import checkpoint as checkpoints
from diffusion_core.data import PART_BOXES, part_of_person
from tabs.shared.hole import painter_message
from tabs.shared.wire import as_base64
from tabs.systems import filling_walk
from tabs.systems.filling_card import Filling, FillingCard
from tabs.systems.filling_code import code
from tabs.systems.filling_form import SHAPES, FillingForm, opening_hole
from tabs.systems.filling_view import (
    fill_hole,
    fill_hole_first,
    note_caption,
    painted_picture,
    replay_filling,
    stop_filling,
)
from tabs.systems.filling_walk import REPAINT, TRAINED, opening_message
from tabs.systems.pictures import PICTURES, held_out

SESSION = SimpleNamespace(session_hash="a session")
STEPS = 3
FORM = FillingForm(caption="a woman with an afro", hole=opening_hole(), steps=STEPS)
ROW = {"part": "head", "count": 9, "stays": 0.75, "seam": 1.25}
ROWS = [
    {**ROW, "method": "trained", "repeats": 1, "obeys": 0.9},
    {**ROW, "method": "RePaint", "repeats": 5, "obeys": 0.5},
]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    top = tmp_path_factory.mktemp("shipped")
    save_tiny_glide(top / filling_walk.MODEL)
    save_tiny_inpainter(top / filling_walk.INPAINTER, top / filling_walk.MODEL)
    return top


@pytest.fixture(autouse=True)
def _shipped(shipped, monkeypatch):
    monkeypatch.setattr(filling_walk, "shipped_folder", lambda: shipped)


def last(updates):
    """The last message of a handler, and what it told beside the controls."""
    every = [each for each in updates if "filling_stage" in each]
    return json.loads(every[-1]["filling_stage"]), every[-1].get("filling_told", "")


def fill(**change):
    return last(fill_hole(dataclasses.replace(FORM, **change), "a run", SESSION))


def levels(text):
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(64, 64, 3)


def test_both_networks_fill_the_hole_and_nothing_else():
    message, told = fill()
    assert told == "" and message["state"] == "done"
    assert [lane["title"] for lane in message["lanes"]] == [TRAINED, REPAINT]
    assert len(message["t"]) == STEPS + 1 and message["t"][-1] == -1
    opened, before = part_of_person("head") > 0, held_out(FORM.picture)
    ends = [levels(lane["x0_hat"][-1]) for lane in message["lanes"]]
    for lane, end in zip(message["lanes"], ends, strict=True):
        assert len(lane["x_t"]) == len(lane["x0_hat"]) == STEPS + 1
        assert (end[~opened] == before[~opened]).all() and (end[opened] != before[opened]).any()
        assert lane["words"] == f"{2 * STEPS} evaluations"
    assert message["lanes"][0]["x_t"][0] == message["lanes"][1]["x_t"][0]  # one noise
    assert (ends[0] != ends[1]).any()


def test_repeats_are_those_of_repaint_and_show_a_frame_a_step():
    once, often = fill()[0], fill(repeats=2)[0]
    assert once["lanes"][0] == often["lanes"][0]
    other = often["lanes"][1]
    assert len(other["x0_hat"]) == STEPS + 1 and other["words"] == "10 evaluations"
    assert other["x0_hat"][-1] != once["lanes"][1]["x0_hat"][-1]
    assert fill(caption="", repeats=2)[0]["lanes"][1]["words"] == "5 evaluations"


def test_the_first_walk_comes_by_itself_once_and_only_where_it_is_seen():
    assert [*fill_hole_first(FORM, "glide", False, "a run", SESSION)] == []
    assert [*fill_hole_first(FORM, "filling", True, "a run", SESSION)] == []
    first, *rest = fill_hole_first(FORM, "filling", False, "a run", SESSION)
    assert first == {"filling_begun": True} and last(rest)[0]["state"] == "done"
    assert json.loads(rest[0]["filling_stage"])["lanes"][0]["title"] == TRAINED  # seen at once


def test_a_card_fills_the_same_again_and_says_so(shipped, tmp_path, monkeypatch):
    message = fill(repeats=2)[0]
    again, told = last(replay_filling(message["card"], "again", SESSION))
    assert told == "" and again["note"] == "The replay's result is the same, to the bit."
    assert again["lanes"] == message["lanes"]
    card = json.loads(message["card"])
    card["result"] = "0" * 64
    assert "differs" in last(replay_filling(json.dumps(card), "r", SESSION))[0]["note"]
    card["weights"]["inpainter"] = "0" * 64
    assert "other weights" in last(replay_filling(json.dumps(card), "r", SESSION))[1]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"steps": 0}, "its steps"),
        ({"caption": 4}, "its caption"),
        ({"seed": -1}, "its seed"),
    ],
)
def test_a_card_of_something_else_gets_one_sentence(change, words):
    card = json.loads(fill()[0]["card"])
    card["drawing"] |= change
    told = last(replay_filling(json.dumps(card), "r", SESSION))[1]
    assert "not a run card of this view" in told and words in told
    for broken in ("", "{}", json.dumps({**card, "pictures": card["pictures"][:1]})):
        assert "not a run card" in last(replay_filling(broken, "r", SESSION))[1]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"hole": "{}"}, "Paint over the part"),
        ({"hole": None}, "Paint over the part"),
        ({"hole": "[]"}, "Paint over the part"),
        ({"hole": json.dumps({"mask": as_base64(np.ones((8, 8), np.uint8))})}, "another size"),
        ({"picture": "nobody"}, "Choose the picture"),
        ({"caption": "x" * 3000}, "at most 2,000"),
        ({"caption": "<script>\u202e\x00"}, "None of the caption"),
        ({"steps": 900}, "Steps"),
        ({"scale": None}, "Guidance"),
        ({"repeats": 9}, "Repeats"),
        ({"seed": "one"}, "seed"),
    ],
)
def test_what_cannot_be_filled_gets_one_sentence(change, words):
    message, told = fill(**change)
    assert words.lower() in told.lower() and message["state"] == "failed" and "<script" not in told


def test_ones_own_picture_is_filled_and_the_painter_shows_it():
    own = np.full((90, 50, 3), (200, 30, 90), np.uint8)
    message, _ = fill(own=own)
    assert (levels(message["lanes"][0]["x0_hat"][-1])[60, 30] == (200, 30, 90)).all()
    painted = json.loads(opening_hole())
    shown = json.loads(painted_picture(PICTURES[0], own, json.dumps(painted)))
    assert (levels(shown["px"])[32, 32] == (200, 30, 90)).all() and "mask" not in shown
    same = json.loads(painted_picture(FORM.picture, None, json.dumps(painted)))
    assert same["mask"] == painted["mask"]  # what is painted stays while the picture does


def test_the_painter_offers_the_parts_of_a_person():
    message = json.loads(opening_hole())
    assert [each["name"] for each in message["shapes"]] == list(SHAPES)
    assert len(SHAPES) == len(PART_BOXES)
    for shape in SHAPES.values():
        assert 0 < shape.mean() < 0.9
    plain = json.loads(painter_message(held_out(PICTURES[0])))
    assert "shapes" not in plain and "mask" not in plain


def test_stop_ends_within_a_step():
    walk = fill_hole(dataclasses.replace(FORM, repeats=5), "stopped run", SESSION)
    first = next(walk)
    assert json.loads(first["filling_stage"])["state"] == "running", first
    stop_filling("stopped run")
    assert last(walk)[0]["state"] == "stopped"


def test_words_that_are_not_known_are_named():
    note = json.loads(note_caption("a woman with an afro"))
    assert "'woman'" in note["note"] and "afro" in note["words"]


def test_what_is_not_shipped_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(filling_walk, "shipped_folder", lambda: tmp_path)
    assert "glide-inpainting-avatars" in opening_message()["absent"]
    (first,) = fill_hole_first(FORM, "filling", False, "a run", SESSION)
    assert "pretrained.recipes.glide inpainting" in json.loads(first["filling_stage"])["absent"]
    assert "No weights" in fill()[1] and note_caption("woman")


def test_what_was_measured_is_shown_of_these_weights_alone(shipped, monkeypatch, tmp_path):
    shutil.copytree(shipped, tmp_path / "s")
    monkeypatch.setattr(filling_walk, "shipped_folder", lambda: tmp_path / "s")
    folder = tmp_path / "s" / filling_walk.INPAINTER
    assert "results" not in opening_message()
    weights = filling_walk.fillers().weights
    values = {"num": 9, "steps": 20, "guidance_scale": 2.0, "rows": ROWS}
    known = {"weights": weights["inpainter"], "words": weights["model"]}
    (folder / "results.json").write_text(json.dumps(values | known))
    (table,) = opening_message()["results"]["tables"]
    assert table["rows"] == [
        ["Head", "trained for it", "once", "0.90", "0.75", "1.25"],
        ["Head", "RePaint", "5 ×", "0.50", "0.75", "1.25"],
    ]
    assert "9 pictures of each part" in opening_message()["results"]["words"]
    (folder / "results.json").write_text(json.dumps(values | known | {"words": "other"}))
    assert "results" not in opening_message()
    (folder / "results.json").write_text(json.dumps(values | known | {"rows": [{"part": 4}]}))
    assert "results" not in opening_message()


def test_the_code_fold_computes_the_picture_that_the_page_shows(shipped, tmp_path, monkeypatch):
    message = fill()[0]
    filling = FillingCard.from_json(message["card"]).drawing
    assert isinstance(filling, Filling)
    for name, picture in zip(("picture", "mask"), filling.pictures, strict=True):
        Image.fromarray(picture).save(tmp_path / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(checkpoints, "shipped_folder", lambda: shipped)
    names = {}
    exec(code(FORM), names)
    off = names["image"].astype(int) - levels(message["lanes"][0]["x0_hat"][-1])
    assert np.abs(off).max() <= 1
    assert code(dataclasses.replace(FORM, steps=None)).startswith("# ")
    assert "denoiser(None, 1)" in code(dataclasses.replace(FORM, caption=""))
