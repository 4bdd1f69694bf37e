"""The Points tab's handlers as plain functions, with the smallest trainings."""

from __future__ import annotations

import base64
import html
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from diffusion_core.samplers import SAMPLERS
from tabs.points import learning, paths_view
from tabs.points.code import code
from tabs.points.data_view import begin_drawing, data_message, show_data
from tabs.points.field_view import FIRST_T, field_message, show_field
from tabs.points.form import DATA, DRAWN, EXACT, NOTHING, PICTURE, RETURN, WORD, PointsForm
from tabs.points.form import LEARNT as LEARNT_MODEL
from tabs.points.layout import address_updates
from tabs.points.learn_view import show_learn, stop, train
from tabs.points.learnt import LEARNT, MOST_OF_ONE, LearntNetworks
from tabs.points.points_page import Asked, computed
from tabs.points.subject import DIFFUSION, FLOW, PATHS, Subject, grey, strokes, subject_of
from tabs.points.walk_view import MOST_WEIGHED, walk_message
from tabs.points.walks import times_longer, turned_over
from tabs.shared.compute_queue import COMPUTE_QUEUE
from tabs.shared.limits import PointLimits
from tabs.shared.sessions import SESSIONS
from tabs.shared.wire import packed_points, unpacked_points

SMALL = PointsForm(count=20, steps=4, particles=30, beside=NOTHING)
WHITE = np.full((4, 4, 3), 255, np.uint8)


def numbers(packed) -> np.ndarray:
    """What the page reads of packed points."""
    levels = np.frombuffer(base64.b64decode(packed["values"]), "<i2")
    return levels.reshape(packed["shape"]) * (packed["most"] / 32_767)


def asked(form: PointsForm, session: str = "") -> Asked:
    return Asked(subject_of(form), form, session)


@pytest.fixture
def session():
    """A session whose visitor's networks are let go at the end."""
    yield "points-test"
    SESSIONS.forget("points-test")
    LEARNT.forget(SESSIONS.visitor("points-test"))
    SESSIONS.forget("points-test")


@pytest.fixture
def short(monkeypatch):
    """Trainings of six steps, each of which is looked at."""
    monkeypatch.setattr(learning, "STEPS", 6)
    monkeypatch.setattr(learning, "SHOWN_SECONDS", 0.0)
    monkeypatch.setattr(learning, "LOOK_SHARE", 0.0)
    monkeypatch.setattr(learning, "LOOK_STEPS", 2)
    monkeypatch.setattr(learning, "HELD_OUT", 60)
    monkeypatch.setattr("tabs.points.subject.HELD_OUT", 60)
    monkeypatch.setattr(Subject, "scale", 0.002)


@pytest.mark.parametrize("data", [name for name in DATA if name not in (DRAWN, PICTURE)])
def test_points_lie_in_the_plane_and_are_the_same_again(data):
    one, again = subject_of(replace(SMALL, data=data)), subject_of(replace(SMALL, data=data))
    assert one.points.shape == (20, 2) and one.points.abs().max() < 1.3
    assert torch.equal(one.points, again.points) and one.key == again.key
    assert not torch.isin(one.held_out, one.points).any()


def test_points_of_a_picture_lie_where_it_is_dark():
    picture = np.full((40, 40, 3), 255, np.uint8)
    picture[:20, :20] = [10, 20, 30]
    points = subject_of(replace(SMALL, data=PICTURE, picture=picture, count=200)).points
    assert (points[:, 0] <= 0.01).all() and (points[:, 1] >= -0.01).all()
    assert grey(np.array([[[255, 0, 0]]], np.uint8))[0, 0] == 85


def test_strokes_come_as_the_browser_packs_them():
    drawn = np.array([[0.5, -0.25], [-1, 1]])
    text = packed_points(drawn)["values"]  # whose largest number is 1
    assert np.abs(unpacked_points(text) - drawn).max() < 1e-4
    points = subject_of(replace(SMALL, data=DRAWN, drawn=text, count=200)).points
    far = torch.cdist(points, torch.from_numpy(drawn).float()).amin(1)
    assert far.max() < 0.12 and strokes(text).dtype == torch.float32
    with pytest.raises(ValueError, match="did not arrive"):
        strokes("nonsense")
    with pytest.raises(ValueError, match="10,000 are the most"):
        strokes(packed_points(np.ones((10_001, 2)))["values"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": "stars"}, "There are no points 'stars'"),
        ({"data": WORD, "word": ""}, "letter"),
        ({"data": WORD, "word": "much too long a word"}, "12"),
        ({"data": PICTURE}, "Choose a picture"),
        (
            {"data": PICTURE, "picture": np.full((4, 4, 3), 255, np.uint8)},
            "Nothing in this picture",
        ),
        ({"data": DRAWN}, "Draw on the plane"),
        ({"count": 7}, "Points to learn from is 7"),
        ({"steps": None}, "Steps is empty"),
        ({"particles": 10**6}, "Particles is 1e"),
        ({"seed": "x"}, "The seed must be"),
        ({"sampler": "none"}, "samplers from their menus"),
        ({"model": "magic"}, "no denoiser 'magic'"),
        ({"model": LEARNT_MODEL}, "press Train"),
        ({"count": 10_000, "particles": 2_000, "steps": 100}, "would take long"),
    ],
)
def test_bad_input_is_one_sentence(change, words, session):
    updates = computed(
        replace(SMALL, **change), session, lambda asked: {"walk": walk_message(asked)}
    )
    assert "walk" not in updates and words in html.unescape(updates["told"])
    assert updates["told"].count("<p") == 1 and "Traceback" not in updates["told"]


def test_the_browser_gets_what_it_mixes():
    message = json.loads(show_data(asked(SMALL))["data_stage"])
    subject = subject_of(SMALL)
    assert np.abs(numbers(message["x0"]) - subject.points.numpy()).max() < 1e-3
    assert 0.5 < numbers(message["eps"]).std() < 1.5
    schedule = PATHS[DIFFUSION][0]
    assert message["alphas"][500] == pytest.approx(float(schedule.alpha(500)), abs=1e-5)
    assert not message["drawing"] and "20 points" in message["words"]
    empty = json.loads(begin_drawing(replace(SMALL, data=DRAWN))["data_stage"])
    assert empty["drawing"] and numbers(empty["x0"]).size == 0
    assert begin_drawing(SMALL) == {} and json.loads(data_message(None, True))["id"] == ""


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_step_of_a_walk_is_the_sum_that_is_sent(sampler):
    lane = walk_message(asked(replace(SMALL, sampler=sampler, steps=60)))["lanes"][0]
    x, x0_hat, eps_hat = (numbers(lane[name]) for name in ("x", "x0_hat", "eps_hat"))
    assert x.shape == (61, 30, 2) and len(lane["t"]) == 61 and lane["t"][-1] == -1
    noise = numbers(lane["noise"]) if "noise" in lane else np.zeros_like(x0_hat)
    assert ("noise" in lane) == (lane["kind"] == "SDE")
    for k, weights in enumerate(lane["weights"]):
        if "eps_there" in weights:  # the one term that is not sent
            continue
        known = {"x_t": x[k], "x0_hat": x0_hat[k], "eps_hat": eps_hat[k], "noise": noise[k]}
        known["x0_before"] = x0_hat[k - 1]
        total = sum(weight * known[name] for name, weight in weights.items())
        assert np.abs(total - x[k + 1]).max() < 5e-3
    ends = torch.from_numpy(x[-1]).float()
    near = torch.cdist(ends, subject_of(SMALL).points).amin(1)
    # The exact denoiser ends on its points, or between two that the last step does not tell apart.
    assert near.median() < 0.02 and near.max() < 0.1


def test_two_samplers_begin_with_one_noise():
    first, other = walk_message(asked(replace(SMALL, beside="ddpm")))["lanes"]
    assert np.abs(numbers(first["x"])[0] - numbers(other["x"])[0]).max() < 1e-3
    assert np.abs(numbers(first["x"])[-1] - numbers(other["x"])[-1]).max() > 0.1
    assert (first["kind"], other["kind"]) == ("ODE", "SDE")
    another = walk_message(asked(replace(SMALL, seed="1")))["lanes"][0]
    assert np.abs(numbers(first["x"])[0] - numbers(another["x"])[0]).max() > 0.1


def test_inversion_goes_to_noise_and_comes_back_nearer_with_more_steps():
    errors = []
    for steps in (4, 100):
        lane = walk_message(asked(replace(SMALL, beside=RETURN, steps=steps)))["lanes"][1]
        x = numbers(lane["x"])
        assert lane["kind"] == "return" and len(x) == 2 * steps + 1 == len(lane["alphas"])
        assert lane["t"][0] == lane["t"][-1] == -1 and lane["t"][steps] == 999
        assert len(lane["weights"]) == 2 * steps
        errors.append(lane["error"])
        assert lane["error"] == pytest.approx(np.linalg.norm(x[-1] - x[0], axis=1).mean(), abs=2e-3)
    assert errors[1] <= errors[0]


def test_triples_of_neighbours_turn_over_in_a_mirror_alone():
    start = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    assert turned_over(start, 2 * start + 1) == 0
    assert turned_over(start, start * torch.tensor([-1.0, 1.0])) == 1


def test_a_straight_path_is_as_long_as_the_line_between_its_ends():
    ends = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    straight = torch.stack([ends, ends + 1, ends + 3])
    assert times_longer(straight) == 1
    around = torch.tensor([[[0.0, 0.0]], [[0.0, 1.0]], [[1.0, 1.0]]])
    around = torch.cat([around, torch.zeros(3, 1, 2)], dim=1)  # and one that stays where it is
    assert times_longer(around) == pytest.approx(2**0.5, abs=1e-3)


def test_the_exact_field_leads_to_the_points_and_knows_its_own():
    message = field_message(asked(SMALL), 100)
    side, reach = message["side"], message["reach"]
    arrows = numbers(message["exact"]).reshape(side, side, 2)
    assert arrows[0, side // 2, 1] > 0 and arrows[-1, side // 2, 1] < 0  # noise leads outwards
    assert arrows[side // 2, 0, 0] < 0 and reach > 1
    exact = message["errors"][0]
    assert exact["new"] > exact["known"] and "learnt" not in message and "share" not in message
    assert json.loads(show_field(asked(SMALL), "nonsense")["field_stage"])["t"] == FIRST_T
    assert field_message(asked(SMALL), 10**6)["t"] == 999


def trained(form: PointsForm, run: str, session: str) -> list[dict]:
    return list(train(form, run, SimpleNamespace(session_hash=session)))


def test_a_training_is_seen_and_its_network_is_the_visitors_own(short, session):
    updates = trained(SMALL, "run one", session)
    messages = [json.loads(u["learn_stage"]) for u in updates]
    assert [m["state"] for m in messages] == ["waiting", *["running"] * 5, "done"]
    assert [m["step"] for m in messages] == list(range(7))
    particles = [numbers(m["particles"]) for m in messages[1:]]
    assert np.abs(particles[-1] - particles[0]).max() > 0.01  # it moves as it learns
    assert len(messages[-1]["ratios"]) == 6 and messages[-1]["losses"]
    assert updates[-1]["model"] == LEARNT_MODEL and "model" not in updates[-2]
    mine = asked(replace(SMALL, model=LEARNT_MODEL), session)
    assert json.loads(show_learn(mine)["learn_stage"])["state"] == "done"
    assert walk_message(mine)["lanes"][0]["nfe"] == 4
    field = field_message(mine, 300)
    assert field["share"] <= 1 and len(field["errors"]) == 2
    assert len(numbers(field["learnt"])) == field["side"] ** 2
    with pytest.raises(ValueError, match="press Train"):
        walk_message(asked(replace(SMALL, model=LEARNT_MODEL), "somebody else"))
    assert json.loads(show_learn(asked(SMALL, "somebody else"))["learn_stage"])["state"] == "empty"
    SESSIONS.forget("somebody else")


def test_stop_ends_a_training_within_a_step(short, session, monkeypatch):
    monkeypatch.setattr(learning, "STEPS", 1000)
    steps = train(SMALL, "run two", SimpleNamespace(session_hash=session))
    next(steps), next(steps)
    seen = json.loads(next(steps)["learn_stage"])["step"]
    stop("run two")
    last = [json.loads(u["learn_stage"]) for u in steps][-1]
    assert last["state"] == "stopped" and last["step"] == seen + 1
    assert LEARNT.of(session, subject_of(SMALL).key, DIFFUSION).steps == seen + 1
    assert not COMPUTE_QUEUE.running


def test_a_training_that_was_stopped_before_its_turn_learns_nothing(short, session):
    stop("run three")
    states = [json.loads(u["learn_stage"])["state"] for u in trained(SMALL, "run three", session)]
    assert states == ["waiting", "stopped"]
    assert LEARNT.of(session, subject_of(SMALL).key, DIFFUSION) is None


def test_a_public_page_bounds_a_training(short, session, monkeypatch):
    monkeypatch.setattr(SESSIONS, "public", True)
    assert PointLimits.here().seconds < 1e6
    monkeypatch.setenv("POINTS_MAX_STEPS", "3")
    assert json.loads(trained(SMALL, "run four", session)[-1]["learn_stage"])["step"] == 3
    monkeypatch.setenv("POINTS_MAX_SECONDS", "0")
    last = json.loads(trained(SMALL, "run five", session)[-1]["learn_stage"])
    assert last["step"] == 1 and last["state"] == "stopped"


def test_a_bad_seed_stops_no_page(short, session):
    updates = trained(replace(SMALL, seed="x"), "run six", session)
    assert len(updates) == 1 and "The seed must be" in updates[0]["told"]


def test_few_networks_of_a_visitor_are_kept_and_none_after_the_visit():
    kept = LearntNetworks()
    for k in range(MOST_OF_ONE + 2):
        kept.keep("one visitor", str(k), DIFFUSION, SimpleNamespace())
    kept.keep("another", "0", DIFFUSION, SimpleNamespace())
    assert len(kept) == MOST_OF_ONE + 1
    assert kept.of("one visitor", "0", DIFFUSION) is None
    assert kept.of("one visitor", str(MOST_OF_ONE + 1), DIFFUSION) is not None
    kept.forget(SESSIONS.visitor("one visitor"))
    assert len(kept) == 1
    SESSIONS.forget("one visitor")
    SESSIONS.forget("another")


def test_both_paths_are_learnt_for_equal_steps_and_compared(short, session, monkeypatch):
    monkeypatch.setattr(paths_view, "STEP_COUNTS", (1, 2))
    monkeypatch.setattr(paths_view, "SEEN_STEPS", 5)
    monkeypatch.setattr(paths_view, "SAMPLES", 60)
    monkeypatch.setattr(paths_view, "SEEN", 20)
    request = SimpleNamespace(session_hash=session)
    updates = list(paths_view.compare(SMALL, "run seven", request))
    last = json.loads(updates[-1]["paths_stage"])
    assert last["state"] == "done" and last["step"] == last["of"] == 12
    assert [path["name"] for path in last["paths"]] == ["Diffusion (cosine)", "Flow matching"]
    for path in last["paths"]:
        assert numbers(path["x"]).shape == (6, 20, 2) and path["longer"] >= 1
        assert [count for count, _ in path["near"]] == [1, 2]
    first = [numbers(path["x"])[0] for path in last["paths"]]
    assert np.abs(first[0] - first[1]).max() < 1e-3  # from one noise
    subject = subject_of(SMALL)
    assert all(LEARNT.of(session, subject.key, path).steps == 6 for path in (DIFFUSION, FLOW))
    shown = json.loads(paths_view.show_paths(asked(SMALL, session))["paths_stage"])
    assert shown["state"] == "done" and shown["paths"] == last["paths"]
    again = list(paths_view.compare(SMALL, "run eight", request))  # nothing is trained twice
    assert len(again) == 3
    empty = json.loads(paths_view.show_paths(asked(SMALL, ""))["paths_stage"])
    assert empty["state"] == "empty" and empty["paths"] == []


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
@pytest.mark.parametrize("model", [EXACT, LEARNT_MODEL])
def test_the_code_makes_the_samples_that_the_page_shows(short, session, capsys, sampler, model):
    form = replace(SMALL, sampler=sampler, model=model, seed="3")
    if model == LEARNT_MODEL:
        trained(form, "run nine", session)
    shown = numbers(walk_message(asked(form, session))["lanes"][0]["x"])[-1]
    names: dict = {}
    exec(code(form), names)
    assert np.abs(names["samples"].numpy() - shown).max() < 1e-3
    capsys.readouterr()


def test_the_code_names_what_the_data_need_and_what_is_wrong():
    assert "word('go')" in code(replace(SMALL, data=WORD, word="go"))
    assert "points.npy" in code(replace(SMALL, data=DRAWN))
    assert "picture.png" in code(replace(SMALL, data=PICTURE))
    assert code(replace(SMALL, seed="x")).startswith("# The seed must be")


def test_the_code_of_a_picture_and_of_points_runs_beside_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    picture = np.full((9, 9, 3), 255, np.uint8)
    picture[:3, 2:5] = [30, 60, 90]
    Image.fromarray(picture).save("picture.png")
    np.save("points.npy", np.array([[0.5, -0.25], [-1, 1]], np.float32))
    drawn = packed_points(np.array([[0.5, -0.25], [-1, 1]]))["values"]
    for change in ({"data": PICTURE, "picture": picture}, {"data": DRAWN, "drawn": drawn}):
        names: dict = {}
        exec(code(replace(SMALL, **change)), names)
        far = names["points"] - subject_of(replace(SMALL, **change)).points
        assert far.abs().max() < 1e-4, change
    capsys.readouterr()


def test_an_address_names_the_controls_and_nonsense_is_left_out():
    asked_for = {"tab": "points", "data": "spiral", "count": "200", "denoiser": EXACT}
    asked_for |= {"sampler": "heun", "beside": NOTHING, "steps": "12", "seed": "7", "word": "go"}
    assert address_updates(asked_for) == {
        "data": "spiral",
        "count": 200,
        "model": EXACT,
        "sampler": "heun",
        "beside": NOTHING,
        "steps": 12,
        "seed": "7",
        "word": "go",
    }
    nonsense = {"tab": "points", "data": "x", "count": "21", "sampler": "", "steps": "-3"}
    assert address_updates(nonsense) == {}
    assert address_updates({**asked_for, "tab": "noise"}) == {}


def test_the_exact_denoiser_has_a_bound_that_the_opening_keeps():
    form = PointsForm()
    assert 2 * form.steps * form.particles * form.count <= MOST_WEIGHED
