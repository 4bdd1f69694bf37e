"""The tab Systems as plain handlers: guided walks, the class switched on the way, run cards."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import save_tiny_avatars

from diffusion_core.data import to_uint8
from diffusion_core.evaluation import GuidanceResults
from diffusion_core.generation import RunCard, SamplingRequest, walk
from tabs.shared import models
from tabs.shared.wire import as_base64
from tabs.systems import guided_walk, walks
from tabs.systems.differ_form import DifferForm
from tabs.systems.differ_view import draw_by_all_first
from tabs.systems.filling_form import FillingForm
from tabs.systems.filling_view import fill_hole_first
from tabs.systems.form import BY_BOTH, GuidedForm
from tabs.systems.glide_form import GlideForm
from tabs.systems.glide_view import draw_captions_first
from tabs.systems.guided_code import code
from tabs.systems.guided_view import guide, guide_first, replay_guided, stop_guided, switch
from tabs.systems.guided_walk import boxes, guided_model, measured_curve, opening_message
from tabs.systems.imagen_form import ImagenForm
from tabs.systems.imagen_view import draw_cascade_first
from tabs.systems.layout import SYSTEMS, shown_system
from tabs.systems.unclip_form import UnclipForm
from tabs.systems.unclip_view import draw_embedding_first

SESSION = SimpleNamespace(session_hash="a session")
STEPS = 3


@pytest.fixture(scope="module")
def fashion():
    return dict(models.available())["fashion-mnist"]


@pytest.fixture
def form(fashion):
    return GuidedForm(model=fashion, label="Bag", steps=STEPS, scale=4)


def last(updates):
    """The last message of a handler, and what it told beside the controls."""
    every = [each for each in updates if "guided_stage" in each]
    return json.loads(every[-1]["guided_stage"]), every[-1].get("guided_told", "")


def test_a_walk_has_what_happens_at_every_step(form):
    message, told = last(guide(form, "run 1", SESSION))
    assert told == "" and message["state"] == "done" and message["run"] == "run 1"
    guided, free, zero = message["lanes"]
    assert [lane["key"] for lane in message["lanes"]] == ["guided", "free", "zero"]
    assert [lane["words"] for lane in message["lanes"]] == [
        "classifier",
        "classifier-free",
        "scale 0",
    ]
    for lane in message["lanes"]:
        assert len(lane["x_t"]) == len(lane["x0_hat"]) == len(lane["beliefs"]) == STEPS + 1
        assert all(sum(row) == pytest.approx(1, abs=1e-3) for row in lane["beliefs"])
        assert lane["x_t"][0] == guided["x_t"][0]  # the same noise
        assert lane["x_t"][-1] == lane["x0_hat"][-1]
    assert len(guided["gradients"]) == len(guided["sizes"]) == STEPS and not zero["gradients"]
    assert guided["x_t"][-1] != zero["x_t"][-1] and guided["x_t"][-1] != free["x_t"][-1]
    assert message["wanted"] == [8] * STEPS and message["t"][-1] == -1
    assert message["algorithm"] == 2 and message["branch"] == -1
    # What is shown is what the core computes.
    checkpoint = guided_model(form.model)
    request = SamplingRequest(num_steps=STEPS, classifier_label="Bag", classifier_scale=4)
    steps = list(walk(checkpoint, request))
    assert guided["x0_hat"][1] == as_base64(to_uint8(steps[1].x0_hat)[0])
    look = request.denoiser(checkpoint).look(steps[1].x_t, steps[1].t)
    assert guided["beliefs"][1][8] == pytest.approx(float(look.log_probs[0, 8].exp()), abs=1e-4)
    plain = list(walk(checkpoint, SamplingRequest(num_steps=STEPS)))
    assert zero["x_t"][-1] == as_base64(to_uint8(plain[-1].x_prev)[0])


def test_the_run_card_is_walked_again_to_the_bit(form):
    for sampler in ("ddim", "ddpm"):
        chosen = dataclasses.replace(form, sampler=sampler, free=False)
        message, _ = last(guide(chosen, "run 2", SESSION))
        again, told = last(replay_guided(form, message["card"], "run 3", SESSION))
        assert told == "" and again["note"] == "The replay's result is the same, to the bit."
        assert again["lanes"][0] == message["lanes"][0]
        assert message["algorithm"] == (1 if sampler == "ddpm" else 2)
        card = json.loads(message["card"])
        other = json.dumps({**card, "result": "0" * 64})
        assert "differs" in last(replay_guided(form, other, "run 4", SESSION))[0]["note"]
    assert "is not a run card" in last(replay_guided(form, "{}", "run 5", SESSION))[1]


def test_the_class_is_switched_on_the_way(form):
    first, _ = last(guide(form, "run 6", SESSION))
    other = dataclasses.replace(form, label="Sneaker", scale=8, seed=99, steps=50)
    message, told = last(switch(other, first["card"], 2, "run 7", SESSION))
    assert told == "" and message["wanted"] == [8, 8, 7] and message["branch"] == 2
    before, after = first["lanes"][0], message["lanes"][0]
    assert before["x_t"][:3] == after["x_t"][:3] and before["x_t"][3] != after["x_t"][3]
    assert message["lanes"][-1]["x_t"] == first["lanes"][-1]["x_t"]  # scale 0 has not changed
    card = RunCard.from_json(message["card"])
    assert card.walk.parent is not None and card.walk.branch_step == 2
    again, _ = last(replay_guided(form, message["card"], "run 8", SESSION))
    assert "to the bit" in again["note"]
    for index in (0, STEPS):
        assert "from 1 to 2" in last(switch(other, first["card"], index, "run 9", SESSION))[1]
    assert "Press Guide first" in last(switch(other, "", 1, "run 9", SESSION))[1]


def test_both_share_the_scale_and_scale_0_is_the_plain_walk(form):
    both, _ = last(guide(dataclasses.replace(form, guide=BY_BOTH), "run 10", SESSION))
    assert both["lanes"][0]["words"] == "both" and both["lanes"][0]["scale"] == 4
    request = RunCard.from_json(both["card"]).walk
    assert (request.guidance_scale, request.classifier_scale) == (2.0, 2.0)
    none, _ = last(guide(dataclasses.replace(form, scale=0), "run 11", SESSION))
    lanes = {lane["key"]: lane for lane in none["lanes"]}
    assert lanes["guided"]["x_t"] == lanes["zero"]["x_t"]
    assert none["wanted"] == [8] * STEPS  # whose gradient is shown, though it moves nothing


def test_what_does_not_fit_is_told_in_a_sentence(form, tmp_path, monkeypatch):
    avatars = dict(models.available())["avatars"]
    for change, words in (
        ({"model": avatars}, "reads pictures of 1 × 28 × 28, and avatars makes 3 × 64 × 64"),
        ({"label": None}, "Choose the class"),
        ({"label": "Hat"}, "has no class"),
        ({"scale": 21}, "Classifier scale"),
        ({"scale": None}, "Classifier scale"),
        ({"steps": 0}, "Steps"),
        ({"seed": "x"}, "eed"),
        ({"sampler": "none"}, "from their menus"),
        ({"model": "nothing"}, "nothing"),
    ):
        message, told = last(guide(dataclasses.replace(form, **change), "run 12", SESSION))
        assert words in told and "lanes" not in message, change
    monkeypatch.setattr(walks, "MOST_EVALUATIONS", 5)
    assert "take fewer steps" in last(guide(form, "run 13", SESSION))[1]
    monkeypatch.setattr(guided_walk, "shipped_folder", lambda: tmp_path)
    assert "train it with" in last(guide(form, "run 14", SESSION))[1]
    assert guided_walk.class_names() == [] and opening_message(None)["boxes"] == []
    assert save_tiny_avatars(tmp_path / "avatars").is_dir()


def test_a_walk_is_stopped_and_the_first_one_comes_by_itself(form):
    stop_guided("run 15")  # before it began
    assert last(guide(form, "run 15", SESSION))[0] == {"run": "run 15", "state": "stopped"}
    first = list(guide_first(form, "guided", False, "run 16", SESSION))
    assert first[0] == {"guided_begun": True}
    assert json.loads(first[-1]["guided_stage"])["state"] == "done"
    assert list(guide_first(form, "guided", True, "run 17", SESSION)) == []
    assert list(guide_first(form, "glide", False, "run 17", SESSION)) == []


@pytest.mark.parametrize(
    "first, form",
    [
        (guide_first, GuidedForm()),
        (draw_captions_first, GlideForm()),
        (fill_hole_first, FillingForm()),
        (draw_embedding_first, UnclipForm()),
        (draw_cascade_first, ImagenForm()),
        (draw_by_all_first, DifferForm()),
    ],
)
@pytest.mark.parametrize("run", ["", None])
def test_an_event_that_the_page_gave_no_name_begins_nothing(first, form, run):
    """A view is seen twice in one breath: the second event comes before the first is noted."""
    for name in SYSTEMS:
        assert list(first(form, name, False, run, SESSION)) == []


def test_the_boxes_and_the_curve_are_those_of_the_files(form):
    checkpoint = guided_model(form.model)
    model, classifier = boxes(checkpoint, checkpoint.classifier)
    assert model["lines"] == [
        "fashion-mnist, told no class",
        "4.3 M parameters",
        "reads xₜ and t",
    ]
    assert "0.19 M parameters" in classifier["lines"]
    results = GuidanceResults.from_json(
        (guided_walk.classifier_folder() / "results.json").read_bytes()
    )
    shown = measured_curve()
    assert len(shown["rows"]) == len(results.curve.rows)
    assert shown["rows"][3]["distance"] == round(results.curve.rows[3].frechet_distance, 3)
    assert f"{results.curve.num:,} pictures" in shown["words"]


@pytest.mark.parametrize("change", [{}, {"sampler": "ddpm"}, {"guide": BY_BOTH, "scale": 6}])
def test_the_code_makes_the_picture_of_the_page(form, change):
    chosen = dataclasses.replace(form, free=False, **change)
    names = {}
    exec(code(chosen), names)  # noqa: S102
    message, _ = last(guide(chosen, "run 18", SESSION))
    page = np.frombuffer(__import__("base64").b64decode(message["lanes"][0]["x_t"][-1]), np.uint8)
    assert np.abs(names["image"].ravel().astype(int) - page).max() <= 1
    assert code(dataclasses.replace(form, steps=0)).startswith("# ")


def test_one_system_is_shown():
    assert [column.visible for column in shown_system("guided")] == [
        name == "guided" for name in SYSTEMS
    ]
    assert all(system.lead.count(".") == 1 for system in SYSTEMS.values())
