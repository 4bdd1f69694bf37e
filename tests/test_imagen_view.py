"""The view Imagen of the tab Systems as plain handlers: both walks, rows, cards, tables."""

import base64
import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import save_tiny_imagen
from PIL import Image

from diffusion_core import checkpoint as checkpoints
from diffusion_core.checkpoint import digest_of
from diffusion_core.clip import load_clip
from diffusion_core.data import from_uint8, to_uint8
from diffusion_core.generation import SamplingRequest
from diffusion_core.imagen import (
    CascadeRequest,
    ImagenResults,
    imagen_results,
    load_cascade,
    shrunk,
)
from diffusion_core.publishing import write_imagen_card
from diffusion_core.training_runs import saturation
from tabs.shared.limits import PageLimit
from tabs.systems import imagen_walk, walks
from tabs.systems.imagen_card import Drawing, ImagenCard
from tabs.systems.imagen_code import code
from tabs.systems.imagen_form import CLIPPING, LEVELS, PICTURE, TASKS, WORDS, ImagenForm
from tabs.systems.imagen_view import (
    draw_cascade,
    draw_cascade_first,
    note_cascade_about,
    note_cascade_caption,
    replay_cascade,
    shown_cascade_controls,
    stop_cascade,
)
from tabs.systems.imagen_walk import imagen_models, opening_message, recommended_form
from tabs.systems.imagen_walk import results_message as told_results
from tabs.systems.pictures import PICTURES, held_out

SESSION = SimpleNamespace(session_hash="a session")
STEPS = 2
FORM = ImagenForm(caption="a woman with an afro", steps=STEPS)
FIGURES = {"frechet": 50.12, "obedience": 0.9, "edges": 1.05}
RESULTS = {
    "weights": {"base": "b", "enlarger": "e"},
    "num": 300,
    "num_curves": 100,
    "steps": 10,
    "guidance_scale": 2.0,
    "level": 0.1,
    "saturated_real": 0.184,
    "costs": {"base": 28.2, "enlarger": 55.0, "trunk": 33.2, "branch": 21.8},
    "models": [
        {"model": "cascade", **FIGURES, "attributes": {"head": 1.0}},
        {"model": "base, interpolated", **FIGURES},
        {"model": "glide-avatars", **FIGURES},
        {"model": "real, interpolated", **FIGURES},
        {"model": "real", **FIGURES},
    ],
    "levels": [
        {"level": 0.0, **FIGURES, "away": 0.05},
        {"level": 0.2, **{**FIGURES, "frechet": 40.0}, "away": 0.1},
    ],
    "thresholds": [
        {
            "guidance_scale": 7.0,
            "threshold": "dynamic",
            "saturated_small": 0.1,
            "saturated": 0.2,
            **FIGURES,
        }
    ],
}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    return save_tiny_imagen(tmp_path_factory.mktemp("shipped"))


@pytest.fixture(autouse=True)
def _shipped(shipped, monkeypatch):
    monkeypatch.setattr(imagen_walk, "shipped_folder", lambda: shipped)


@pytest.fixture
def cascade(shipped):
    return load_cascade(shipped / imagen_walk.CASCADE, load_clip(shipped / imagen_walk.CLIP))


def drawn(updates):
    """The last message of a handler, and what it told beside the controls."""
    every = [each for each in updates if "imagen_stage" in each]
    return json.loads(every[-1]["imagen_stage"]), every[-1].get("imagen_told", "")


def draw(**change):
    return drawn(draw_cascade(dataclasses.replace(FORM, **change), "imagen run", SESSION))


def levels(text):
    flat = np.frombuffer(base64.b64decode(text), np.uint8)
    side = round((len(flat) / 3) ** 0.5)
    return flat.reshape(side, side, 3)


def ends(message):
    return np.stack([levels(item["large_x0_hat"][-1]) for item in message["items"]])


def request(augmentation=0.1, small=None, large=None, **settings):
    walk = {"sampler": "dpmpp_2m", "num_steps": STEPS, "spacing": "karras"}
    both = [
        SamplingRequest(**{**walk, "guidance_scale": 2.0, **(small or {})}),
        SamplingRequest(**{**walk, **(large or {})}),
    ]
    return CascadeRequest.of(FORM.caption, augmentation, *both, **settings)


# --- from words ------------------------------------------------------------------------------


def test_both_walks_are_shown_at_every_step_as_the_core_computes_them(cascade):
    message, told = draw()
    assert told == "" and message["state"] == "done" and message["task"] == WORDS
    (item,) = message["items"]
    steps = list(cascade.steps(request()))
    small, large = (
        [step for stage, step in steps if stage == which] for which in ("small", "large")
    )
    for walk, key in ((small, "small"), (large, "large")):
        assert message[f"t_{key}"] == [*(step.t for step in walk), -1]
        for field in ("x_t", "x0_hat"):
            wanted = [to_uint8(getattr(step, field))[0] for step in walk]
            wanted.append(to_uint8(walk[-1].x_prev)[0])
            found = [levels(x) for x in item[f"{key}_{field}"]]
            assert [x.tobytes() for x in found] == [x.tobytes() for x in wanted]
    z = cascade.condition_of(small[-1].x_prev, request())
    assert (levels(item["condition"]) == to_uint8(z)[0]).all()
    assert (levels(item["condition"]) != levels(item["small_x0_hat"][-1])).any()  # noise is in it
    first, last = small[-1].x_prev.clamp(-1, 1), large[-1].x_prev.clamp(-1, 1)
    assert item["saturated"] == [round(saturation(x), 4) for x in (first, last)]
    away = float((shrunk(last, 4) - first).square().mean().sqrt())
    assert item["away"] == pytest.approx(away, abs=1e-4)
    assert message["small"] == [32, 32] and message["large"] == [128, 128]


def test_the_small_picture_is_seen_before_the_second_walk_and_steps_are_told():
    messages = [json.loads(each["imagen_stage"]) for each in draw_cascade(FORM, "1", SESSION)]
    whole = [each for each in messages if "items" in each]
    assert len(whole) == 2 and whole[0]["items"][0]["large_x0_hat"] == []
    assert "card" not in whole[0] and len(whole[0]["items"][0]["saturated"]) == 1
    begun, done = (each["items"][0] for each in whole)
    assert begun["small_x_t"] == done["small_x_t"] and begun["condition"] == done["condition"]
    told = [each["progress"] for each in messages if "progress" in each]
    assert told[1:3] == ["Step 1 of 2 of the first walk …", "Step 2 of 2 of the first walk …"]
    assert told[-1] == "Step 2 of 2 of the second walk …"


def test_without_a_caption_any_avatar_is_drawn_and_nothing_is_guided():
    message, told = draw(caption="  ", scale=9, large_scale=9)
    assert told == "" and "guidance 1 and 1" in message["caption"]
    assert (ends(message) == ends(draw(caption="", scale=1)[0])).all()
    assert (ends(message) != ends(draw()[0])).any()
    assert message["file"] == "imagen-anything-seed0"


# --- from pictures, and rows -----------------------------------------------------------------


def test_a_picture_is_shrunk_by_the_mean_and_enlarged_from_several_noises(cascade):
    message, told = draw(task=PICTURE)
    assert told == "" and message["t_small"] == []
    assert [item["words"] for item in message["items"]] == ["noise 0", "noise 1", "noise 2"]
    own = held_out(PICTURES[1])
    assert (levels(message["given"]) == own).all()  # it is not resampled
    small = shrunk(from_uint8(own[None]), 2)
    for item in message["items"]:
        assert (levels(item["small_x0_hat"][-1]) == to_uint8(small)[0]).all()
        assert item["small_x_t"] == [] and len(item["large_x_t"]) == STEPS + 1
    assert len({each.tobytes() for each in ends(message)}) == 3
    asked = dataclasses.replace(request(num_images=3), large=SamplingRequest(
        sampler="dpmpp_2m", num_steps=STEPS, spacing="karras", num_images=3,
        seed=request().large.seed,
    ))  # fmt: skip
    _, large = cascade.draw(asked, small.expand(3, -1, -1, -1))
    assert (to_uint8(large) == ends(message)).all()
    told_too, _ = draw(task=PICTURE, about="an afro", large_scale=3)
    assert (ends(told_too) != ends(message)).any() and "guidance 3" in told_too["caption"]


def test_ones_own_picture_goes_before_the_shipped_ones():
    own = np.random.default_rng(0).integers(0, 256, (150, 200, 1), np.uint8)
    message, _ = draw(task=PICTURE, own=own)
    assert levels(message["given"]).shape == (128, 128, 3)
    tiny, _ = draw(task=PICTURE, own=own[:9, :7])  # smaller than the small picture
    assert levels(tiny["given"]).shape == (32, 32, 3)
    assert (levels(tiny["given"]) == levels(tiny["items"][0]["small_x0_hat"][0])).all()


@pytest.mark.parametrize("source", [WORDS, PICTURE])
def test_one_small_picture_is_enlarged_at_every_level(source, cascade):
    message, _ = draw(task=LEVELS, source=source)
    items = message["items"]
    assert [item["level"] for item in items] == [*imagen_walk.LEVELS_SHOWN]
    assert items[1]["words"] == "level 0.1" and message["t_large"] == []
    assert len({item["small_x0_hat"][0] for item in items}) == 1
    assert len({each.tobytes() for each in ends(message)}) == 6
    assert items[0]["condition"] == items[0]["small_x0_hat"][0]  # no noise
    assert all(item["large_x_t"] == [] and len(item["large_x0_hat"]) == 1 for item in items)
    if source == WORDS:
        _, large = cascade.draw(request(0.4))
        assert (to_uint8(large)[0] == ends(message)[3]).all()


def test_thresholds_stand_beside_each_other_by_guidance_of_both_walks(cascade):
    message, _ = draw(task=CLIPPING)
    words = [item["words"] for item in message["items"]]
    assert words[0] == "static, guidance 1" and words[-1] == "dynamic, guidance 15"
    assert len(words) == 8
    both = {"guidance_scale": 7.0, "threshold": "dynamic"}
    _, large = cascade.draw(request(small=both, large=both))
    assert (to_uint8(large)[0] == ends(message)[words.index("dynamic, guidance 7")]).all()
    shares = {item["words"]: item["saturated"] for item in message["items"]}
    assert shares["dynamic, guidance 15"][1] < shares["static, guidance 15"][1]
    assert "write one to compare thresholds" in draw(task=CLIPPING, caption="")[1]


# --- cards, bounds, what does not fit --------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_a_run_card_is_drawn_again_to_the_bit(task):
    message, _ = draw(task=task, seed="5", source=PICTURE)
    again, told = drawn(replay_cascade(message["card"], "imagen 2", SESSION))
    assert told == "" and again["note"] == "The replay's result is the same, to the bit."
    assert again["items"] == message["items"] and again.get("given") == message.get("given")
    assert message["card"] == ImagenCard.from_json(message["card"]).to_json()


def test_what_is_no_card_of_this_view_is_refused_in_a_sentence():
    card = json.loads(draw()[0]["card"])
    other = {**card, "result": "0" * 64, "versions": {**card["versions"], "torch": "1"}}
    note = drawn(replay_cascade(json.dumps(other), "imagen 3", SESSION))[0]["note"]
    assert "differs" in note and f"torch {torch.__version__} here, 1 then" in note
    for change, words in (
        ({"format": "diffusion-playground/unclip-1"}, "form diffusion-playground/imagen-1"),
        ({"weights": {**card["weights"], "enlarger": "0" * 64}}, "an enlarger of other weights"),
        ({"weights": {"clip": "0" * 64}}, "name no base"),
        ({"drawing": {**card["drawing"], "steps": 1000}}, "steps"),
        ({"drawing": {**card["drawing"], "threshold": "none"}}, "threshold"),
        ({"drawing": {**card["drawing"], "augmentation": 1.5}}, "augmentation"),
        ({"drawing": {**card["drawing"], "task": PICTURE}}, "needs 1 picture"),
        ({"pictures": ["%%"]}, "PNG in base64"),
        ({"pictures": [base64.b64encode(b"no picture").decode()]}, "picture"),
    ):
        told = drawn(replay_cascade(json.dumps({**card, **change}), "imagen 4", SESSION))[1]
        assert words in told and "\n" not in told, words
    assert "is not a run card of this view" in drawn(replay_cascade("{", "run", SESSION))[1]
    with pytest.raises(ValueError, match="needs no picture"):
        Drawing(WORDS, pictures=(np.zeros((32, 32, 3), np.uint8),))


@pytest.mark.parametrize(
    "change, words",
    [
        ({"caption": "afro " * 60}, "60 words, and at most 39"),
        ({"caption": "x" * 3000}, "at most 2,000"),
        ({"caption": "qwertz"}, "None of the caption"),
        ({"caption": "<script>\u202e\x00"}, "None of the caption"),
        ({"task": PICTURE, "about": "qwertz"}, "None of the caption"),
        ({"scale": 16}, "Guidance"),
        ({"large_scale": None}, "Guidance of the second walk"),
        ({"augmentation": 1.1}, "Level of augmentation"),
        ({"steps": 0}, "Steps"),
        ({"task": CLIPPING, "steps": 50, "sampler": "heun"}, "take fewer steps"),
        ({"task": PICTURE, "picture": "none"}, "from its menu"),
        ({"task": "none"}, "from its menu"),
        ({"source": "none"}, "from its menu"),
        ({"threshold": "none"}, "from its menu"),
        ({"sampler": "none"}, "from its menu"),
        ({"seed": "x"}, "eed"),
    ],
)
def test_what_does_not_fit_is_told_in_a_sentence(change, words):
    message, told = draw(**change)
    assert words in told and "items" not in message and message["state"] == "failed"


def test_the_evaluations_that_are_bounded_are_those_that_are_done(monkeypatch):
    seen = []
    monkeypatch.setattr(imagen_walk, "check_evaluations", seen.append)
    for change in (
        {"task": WORDS},
        {"task": PICTURE},
        {"task": LEVELS},
        {"task": LEVELS, "source": PICTURE},
        {"task": CLIPPING},
    ):
        draw(**change)
    guided = 2 * STEPS
    row = 2 * (1 + 3 * 2) * STEPS  # by each threshold once without guidance
    assert seen == [guided + STEPS, 3 * STEPS, guided + 6 * STEPS, 6 * STEPS, 2 * row]
    assert max(seen) < walks.MOST_EVALUATIONS


def test_a_public_page_bounds_what_is_drawn(monkeypatch):
    asked = []

    def bounded(walk, model):
        asked.append((walk.num_images, walk.num_steps, model.image_shape))
        if model.image_shape[1] > 32:
            raise PageLimit("Too long.")

    monkeypatch.setattr(imagen_walk.models, "bounded", bounded)
    assert "Too long." in draw(task=LEVELS)[1]
    assert asked == [(1, STEPS, (3, 32, 32)), (6, STEPS, (3, 128, 128))]


def test_a_drawing_is_stopped_and_the_first_one_comes_by_itself():
    stop_cascade("imagen 5")  # before it began
    stopped, _ = drawn(draw_cascade(FORM, "imagen 5", SESSION))
    assert stopped == {"run": "imagen 5", "state": "stopped"}
    first = list(draw_cascade_first(FORM, "imagen", False, "imagen 6", SESSION))
    assert first[0] == {"imagen_begun": True}
    assert json.loads(first[-1]["imagen_stage"])["state"] == "done"
    for seen, begun in (("imagen", True), ("unclip", False)):
        assert list(draw_cascade_first(FORM, seen, begun, "imagen 7", SESSION)) == []


def test_controls_that_an_experiment_needs_are_there():
    seen = {
        (task, source): [each.visible for each in shown_cascade_controls(task, source)]
        for task in TASKS
        for source in (WORDS, PICTURE)
    }
    for source in (WORDS, PICTURE):  # words and picture stand where only they can be meant
        assert seen[WORDS, source] == [False, True, False, False, True, True, True, True]
        assert seen[PICTURE, source] == [False, False, True, True, False, True, True, True]
        assert seen[CLIPPING, source] == [False, True, False, False, False, False, True, False]
    assert seen[LEVELS, WORDS] == [True, True, False, False, True, True, False, True]
    assert seen[LEVELS, PICTURE] == [True, False, True, True, False, True, False, True]


def test_unknown_words_are_named_under_their_fields():
    for note, field in (
        (note_cascade_caption, "imagen-caption"),
        (note_cascade_about, "imagen-about"),
    ):
        message = json.loads(note("a woman with an afro"))
        assert message["field"] == field and "afro" in message["words"]
        assert "'woman'" in message["note"] and json.loads(note("an afro"))["note"] == ""


# --- what is there before, and what is not ---------------------------------------------------


def test_the_page_is_laid_out_from_settings_and_no_weights_are_loaded(monkeypatch):
    system = imagen_models()
    enlarger = system.cascade.enlarger.network
    branch = (enlarger.first, enlarger.second, enlarger.third, enlarger.last)
    counts = [
        sum(p.numel() for p in system.by.network.text.parameters()),
        system.cascade.base.num_parameters,
        enlarger.num_parameters - sum(p.numel() for m in branch for p in m.parameters()),
        sum(p.numel() for m in branch for p in m.parameters()),
    ]
    monkeypatch.setattr(imagen_walk, "imagen_models", lambda: pytest.fail("weights are loaded"))
    boxes = opening_message()["boxes"]
    assert [box["key"] for box in boxes] == ["text", "base", "trunk", "branch"]
    for box, count in zip(boxes, counts, strict=True):
        assert box["lines"][1] == f"{count / 1e6:.2f} M parameters"
    assert boxes[0]["lines"][0] == "293 words, of clip-avatars"
    assert boxes[2]["lines"][0] == "UNet, 128 × 128"
    assert "results" not in opening_message()
    assert recommended_form().augmentation == 0.2  # of the settings


def test_without_weights_there_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(imagen_walk, "shipped_folder", lambda: tmp_path)
    message = opening_message()
    for words in ("clip-avatars", "imagen-avatars/base", "python -m pretrained.recipes.imagen"):
        assert words in message["absent"]
    assert message["boxes"] == [] and recommended_form().augmentation == 0.1
    assert "imagen-avatars/enlarger" in draw()[1] and "#" in code(FORM)[:1]
    (told,) = draw_cascade_first(FORM, "imagen", False, "imagen 8", SESSION)
    assert "absent" in json.loads(told["imagen_stage"])
    assert json.loads(note_cascade_caption("afro"))["words"] == []


def test_a_broken_file_is_told_in_a_sentence(tmp_path, monkeypatch):
    save_tiny_imagen(tmp_path)
    monkeypatch.setattr(imagen_walk, "shipped_folder", lambda: tmp_path)
    (tmp_path / imagen_walk.CASCADE / "enlarger" / "model.safetensors").write_bytes(b"broken")
    assert "imagen-avatars/enlarger" in opening_message()["absent"]
    assert "\n" not in opening_message()["absent"]


def test_what_was_measured_is_shown_of_these_weights_alone(tmp_path, monkeypatch):
    save_tiny_imagen(tmp_path)
    monkeypatch.setattr(imagen_walk, "shipped_folder", lambda: tmp_path)
    top = tmp_path / imagen_walk.CASCADE
    with pytest.raises(ValueError, match="without results.json"):
        imagen_results(top)
    (top / "results.json").write_text(json.dumps(RESULTS))
    assert "results" not in opening_message()
    weights = {name: digest_of(top / name / "model.safetensors") for name in ("base", "enlarger")}
    (top / "results.json").write_text(json.dumps({**RESULTS, "weights": weights}))
    message = opening_message()
    assert message["saturated_real"] == 0.184
    found = message["results"]
    drawn_by, by_level, clipped = found["tables"]
    assert [row[0] for row in drawn_by["rows"]] == [
        "The cascade",
        "Base model, interpolated",
        "glide-avatars, one stage",
        "Real pictures, interpolated",
        "Real pictures",
    ]
    assert drawn_by["rows"][0][1:] == ["50.1", "90.0 %", "1.05"]
    assert "nearest to real ones at level 0.2" in by_level["says"]
    assert clipped["rows"] == [["7, dynamic", "10.0 %", "20.0 %", "50.1", "90.0 %"]]
    assert "18.4 %" in clipped["says"]
    assert found["levels"][1] == {"level": 0.2, "distance": 40.0, "obedience": 0.9}
    assert "28 ms" in found["words"] and "33 its trunk, 22 its branch" in found["words"]
    assert draw()[0]["saturated_real"] == 0.184


def test_results_that_are_something_else_are_refused_and_missing_measures_left_out():
    for change in (
        {"models": [{"model": "cascade"}]},
        {"levels": 3},
        {"level": 2},
        {"weights": {"base": "b"}},
        {"costs": {"base": "fast"}},
        {"thresholds": [{**RESULTS["thresholds"][0], "threshold": "none"}]},
    ):
        with pytest.raises(ValueError, match=r"^[^\n]+\.$"):
            ImagenResults.from_json(json.dumps({**RESULTS, **change}))
    for text in ("[]", "{", json.dumps({"num": 3})):
        with pytest.raises(ValueError):
            ImagenResults.from_json(text)
    optional = ("models", "levels", "thresholds", "costs", "saturated_real")
    bare = {k: v for k, v in RESULTS.items() if k not in optional}
    assert told_results(ImagenResults.from_json(json.dumps(bare))) is None
    some = ImagenResults.from_json(json.dumps({**bare, "models": RESULTS["models"]}))
    told = told_results(some)
    assert len(told["tables"]) == 1 and told["levels"] == [] and "ms" not in told["words"]


def test_the_card_of_a_cascade_tells_what_was_measured(tmp_path, cascade):
    write_imagen_card(tmp_path, cascade, ImagenResults.from_json(json.dumps(RESULTS)))
    text = (tmp_path / "README.md").read_text()
    assert f"# {tmp_path.name}" in text and "Avatars of 128 × 128" in text
    assert f"{cascade.base.num_parameters:,} parameters" in text
    assert "| base, interpolated | 50.12 | 0.900 | 1.050 |" in text
    assert "| 0.2 | 40.00 | 0.900 | 1.050 | 0.100 |" in text
    assert "| 7, dynamic | 0.100 | 0.200 | 50.12 |" in text and "0.184 are saturated" in text
    assert "base 28.2, enlarger 55.0" in text
    bare = {k: v for k, v in RESULTS.items() if k not in ("models", "levels", "costs")}
    write_imagen_card(tmp_path, cascade, ImagenResults.from_json(json.dumps(bare)))
    text = (tmp_path / "README.md").read_text()
    assert "## Models" not in text and "## Costs" not in text and "## Thresholds" in text


# --- the code --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"sampler": "ddpm", "augmentation": 0.3, "threshold": "dynamic"},
        {"caption": "", "large_scale": 4},
        {"task": LEVELS, "source": PICTURE, "about": "an afro"},
        *({"task": task} for task in TASKS),
    ],
)
def test_the_code_makes_the_pictures_of_the_page(change, shipped, tmp_path, monkeypatch):
    form = dataclasses.replace(FORM, **change)
    monkeypatch.setattr(checkpoints, "shipped_folder", lambda: shipped)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code(form), names)  # noqa: S102
    assert (names["pictures"] == ends(draw(**change)[0])).all()


def test_the_code_of_ones_own_picture_reads_it_from_a_file(shipped, tmp_path, monkeypatch):
    own = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    Image.fromarray(own).save(tmp_path / "picture.png")
    monkeypatch.setattr(checkpoints, "shipped_folder", lambda: shipped)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code(dataclasses.replace(FORM, task=PICTURE, own=own)), names)  # noqa: S102
    assert (names["pictures"] == ends(draw(task=PICTURE, own=own)[0])).all()
