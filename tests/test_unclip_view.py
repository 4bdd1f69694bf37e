"""The view DALL·E 2 of the tab Systems as plain handlers: words, pictures, rows, cards, tables."""

import base64
import dataclasses
import hashlib
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import save_tiny_unclip
from PIL import Image

from diffusion_core import checkpoint as checkpoints
from diffusion_core.clip import load_clip
from diffusion_core.data import from_uint8, to_uint8
from diffusion_core.samplers import draw_noise, sample
from diffusion_core.seeding import seeded
from diffusion_core.unclip import UnclipResults, drawn_embeddings, unclip_results
from tabs.shared.limits import PageLimit
from tabs.systems import unclip_walk
from tabs.systems.unclip_card import Drawing, UnclipCard
from tabs.systems.unclip_code import code
from tabs.systems.unclip_form import (
    COMPONENTS,
    DIFFERENCE,
    INTERPOLATION,
    PICTURES,
    TASKS,
    VARIATIONS,
    WORDS,
    UnclipForm,
)
from tabs.systems.unclip_view import (
    draw_embedding,
    draw_embedding_first,
    note_after,
    note_before,
    note_caption,
    replay_embedding,
    shown_controls,
    stop_embedding,
)
from tabs.systems.unclip_walk import opening_message, results_tables, unclip_models

SESSION = SimpleNamespace(session_hash="a session")
STEPS = 2
FORM = UnclipForm(caption="a woman with an afro", steps=STEPS, row_steps=STEPS)
RESULTS = {
    "weights": "w",
    "num": 30,
    "share": 0.3,
    "steps": 10,
    "guidance_scale": 2.0,
    "prior_scale": 2.0,
    "variations": [
        {"attribute": "head", "pictures": 20, "kept": 0.9, "chance": 0.1},
        {"attribute": "background", "pictures": 10, "kept": 0.6, "chance": 0.4},
    ],
    "words": [{"attribute": "head", "told": 20, "prior": 0.9, "text": 0.5, "nothing": 0.1}],
    "quality": [
        {
            "attribute": "variations",
            "pictures": 9,
            "frechet": 30.12,
            "precision": 0.5,
            "recall": 0.25,
        }
    ],
    "differences": [{"attribute": "skin", "pictures": 9, "changed": 0.8, "others_stay": 0.7}],
}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    return save_tiny_unclip(tmp_path_factory.mktemp("shipped"))


@pytest.fixture(autouse=True)
def _shipped(shipped, monkeypatch):
    monkeypatch.setattr(unclip_walk, "shipped_folder", lambda: shipped)


def drawn(updates):
    """The last message of a handler, and what it told beside the controls."""
    every = [each for each in updates if "unclip_stage" in each]
    return json.loads(every[-1]["unclip_stage"]), every[-1].get("unclip_told", "")


def draw(**change):
    return drawn(draw_embedding(dataclasses.replace(FORM, **change), "unclip run", SESSION))


def levels(text):
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(64, 64, 3)


def ends(message):
    return np.stack([levels(item["x0_hat"][-1]) for item in message["items"]])


# --- from words ------------------------------------------------------------------------------


def test_words_walk_to_an_embedding_and_by_three_conditions_to_pictures(shipped):
    message, told = draw()
    assert told == "" and message["state"] == "done" and message["task"] == WORDS
    prior, items = message["prior"], message["items"]
    assert len(prior["t"]) == 25 and prior["t"][0] == 999 and prior["nfe"] == 100
    assert [len(row) for row in prior["distances"]] == [25, 25]
    assert all(row[-1] < 1e-3 < row[0] <= 2 for row in prior["distances"])
    assert prior["taken"] == int(np.argmax(prior["similarities"]))
    assert [item["words"][:6] for item in items] == ["by the", "by the", "by not"]
    assert {item["x_t"][0] for item in items} == {items[0]["x_t"][0]}  # one noise
    assert len({item["x_t"][-1] for item in items}) == 3
    assert all(len(item["x_t"]) == len(item["x0_hat"]) == STEPS + 1 for item in items)
    assert message["t"][-1] == -1 and message["given"] == []
    # What is shown is what the core computes.
    system = unclip_models()
    y = load_clip(shipped / unclip_walk.CLIP).read_caption(FORM.caption)
    z = drawn_embeddings(system.prior, y, seeded(0, "prior"), guidance_scale=2.0)
    g = system.clip.encode_captions(y)
    assert prior["similarities"][prior["taken"]] == pytest.approx(float((z * g).sum()), abs=1e-3)
    x_T = draw_noise((1, 3, 64, 64), [torch.Generator().manual_seed(0)])
    options = {"sampler": "dpmpp_2m", "num_steps": STEPS, "spacing": "karras"}
    for item, denoiser in zip(
        items,
        (system.decoder.denoiser(z, 2.0), system.decoder.denoiser(g, 2.0),
         system.decoder.denoiser(None)),
        strict=True,
    ):  # fmt: skip
        (*_, end) = sample(denoiser, x_T, **options)
        off = to_uint8(end.x_prev)[0].astype(int) - levels(item["x0_hat"][-1])
        assert np.abs(off).max() <= 1


def test_the_prior_is_seen_before_the_decoder_begins_and_steps_are_told():
    messages = [
        json.loads(each["unclip_stage"]) for each in draw_embedding(FORM, "unclip 1", SESSION)
    ]
    first, *steps, last = messages
    assert "card" not in first and len(first["prior"]["t"]) == 25
    assert [item["x0_hat"] for item in first["items"]] == [[], [], []]
    assert [item["x_t"] for item in first["items"]] == [item["x_t"][:1] for item in last["items"]]
    assert [each["progress"] for each in steps][-1] == "Step 2 of 2 of the decoder …"
    assert last["prior"] == first["prior"] and len(last["items"]) == 3


def test_some_pictures_have_no_embedding():
    decoder = unclip_models().decoder
    x, z = torch.randn(3, 3, 64, 64), F.normalize(torch.randn(3, 8), dim=1)
    t = torch.tensor([500, 500, 500])
    there = torch.tensor([True, False, True])
    for scale in (1.0, 3.0):
        some = decoder.denoiser(z, scale, there).predict(x, t)[1]
        every, none = decoder.denoiser(z, scale), decoder.denoiser(None)
        torch.testing.assert_close(some[there], every.predict(x, t)[1][there])
        torch.testing.assert_close(some[1:2], none.predict(x[1:2], t[1:2])[1])
    with pytest.raises(ValueError, match="between 0 and 100"):
        decoder.denoiser(z, 101.0, there)


# --- from pictures ---------------------------------------------------------------------------


def test_the_held_out_pictures_are_eight_avatars():
    shown = [unclip_walk.held_out(name) for name in PICTURES]
    assert len(shown) == 8 and all(each.shape == (64, 64, 3) for each in shown)
    assert len({each.tobytes() for each in shown}) == 8
    with pytest.raises(ValueError, match="from its menu"):
        unclip_walk.held_out("none")


def test_variations_keep_the_embedding_and_eta_says_how_far():
    still, _ = draw(task=VARIATIONS, eta=0)
    far, _ = draw(task=VARIATIONS, eta=1)
    assert len(still["items"]) == 6 and "prior" not in still
    assert (ends(still) == ends(still)[0]).all()  # nothing is drawn
    assert len({each.tobytes() for each in ends(far)}) == 6
    assert levels(still["given"][0]).tobytes() == unclip_walk.held_out(PICTURES[1]).tobytes()
    assert all(item["x_t"] == [] for item in far["items"])


def test_ones_own_picture_goes_before_the_shipped_ones():
    own = np.random.default_rng(0).integers(0, 256, (90, 120, 1), np.uint8)
    message, told = draw(task=VARIATIONS, own=own)
    assert told == "" and levels(message["given"][0]).shape == (64, 64, 3)
    assert (levels(message["given"][0])[..., 0] == levels(message["given"][0])[..., 2]).all()
    assert (ends(message) != ends(draw(task=VARIATIONS)[0])).any()


def test_between_two_pictures_both_ends_are_those_of_the_pictures():
    there, _ = draw(task=INTERPOLATION, picture=PICTURES[0], other=PICTURES[2], scale=1)
    back, _ = draw(task=INTERPOLATION, picture=PICTURES[2], other=PICTURES[0], scale=1)
    assert [item["words"] for item in there["items"]][::3] == ["0 %", "50 %", "100 %"]
    assert len(there["given"]) == 2
    assert np.abs(ends(there).astype(int) - ends(back)[::-1]).max() <= 1
    alone, _ = draw(task=VARIATIONS, picture=PICTURES[0], eta=0, scale=1)
    assert np.abs(ends(there)[0].astype(int) - ends(alone)[0]).max() <= 1


def test_a_text_difference_begins_at_the_picture_and_leads_away():
    message, _ = draw(task=DIFFERENCE, scale=1)
    alone, _ = draw(task=VARIATIONS, eta=0, scale=1)
    first, *_, last = ends(message)
    assert np.abs(first.astype(int) - ends(alone)[0]).max() <= 1
    assert (first != last).any() and message["items"][0]["words"] == "θ = 0.00"
    assert "say the same" in draw(task=DIFFERENCE, after=FORM.before)[1]
    assert "is empty" in draw(task=DIFFERENCE, after=" ")[1]


def test_all_components_are_the_embedding_itself():
    message, _ = draw(task=COMPONENTS)
    assert [item["words"].split(" ·")[0] for item in message["items"]] == [
        "4 components",
        "all 8 components",
    ]
    assert message["items"][1]["words"].endswith("100 %")
    system = unclip_models()
    x0 = from_uint8(unclip_walk.held_out(FORM.picture)[None])
    noise = draw_noise(x0.shape, [torch.Generator().manual_seed(0)])
    z = system.clip.encode_pictures(x0)
    (*_, end) = sample(system.decoder.denoiser(z, 2.0), noise, num_steps=STEPS)
    assert np.abs(to_uint8(end.x_prev)[0].astype(int) - ends(message)[1]).max() <= 1


# --- cards, bounds, what does not fit --------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_a_run_card_is_drawn_again_to_the_bit(task):
    message, _ = draw(task=task, seed="5")
    again, told = drawn(replay_embedding(message["card"], "unclip 2", SESSION))
    assert told == "" and again["note"] == "The replay's result is the same, to the bit."
    assert again["items"] == message["items"] and again["given"] == message["given"]
    assert message["card"] == UnclipCard.from_json(message["card"]).to_json()


def test_what_is_no_card_of_this_view_is_refused_in_a_sentence():
    card = json.loads(draw()[0]["card"])
    other = {**card, "result": "0" * 64, "versions": {**card["versions"], "torch": "1"}}
    note = drawn(replay_embedding(json.dumps(other), "unclip 3", SESSION))[0]["note"]
    assert "differs" in note and f"torch {torch.__version__} here, 1 then" in note
    for change, words in (
        ({"format": "x"}, "form diffusion-playground/unclip-1"),
        ({"weights": {**card["weights"], "prior": "0" * 64}}, "a prior of other weights"),
        ({"weights": {"clip": "0" * 64}}, "name no prior"),
        ({"drawing": {**card["drawing"], "steps": 1000}}, "steps"),
        ({"drawing": {**card["drawing"], "sampler": "none"}}, "sampler"),
        ({"drawing": {**card["drawing"], "task": VARIATIONS}}, "needs 1 pictures"),
        ({"pictures": ["%%"]}, "PNG in base64"),
        ({"pictures": [base64.b64encode(b"no picture").decode()]}, "picture"),
    ):
        told = drawn(replay_embedding(json.dumps({**card, **change}), "unclip 4", SESSION))[1]
        assert words in told and "\n" not in told, words
    assert "is not a run card of this view" in drawn(replay_embedding("{", "run", SESSION))[1]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"caption": ""}, "is empty"),
        ({"caption": None}, "is empty"),
        ({"caption": "afro " * 60}, "60 words, and at most 39"),
        ({"caption": "x" * 3000}, "at most 2,000"),
        ({"caption": "qwertz"}, "None of the caption"),
        ({"task": DIFFERENCE, "before": "qwertz"}, "None of the caption"),
        ({"scale": 11}, "Guidance of the decoder"),
        ({"prior_scale": None}, "Guidance of the prior"),
        ({"steps": 0}, "Steps"),
        ({"task": VARIATIONS, "row_steps": 51}, "Steps of DDIM"),
        ({"task": VARIATIONS, "eta": 2}, "eta"),
        ({"task": VARIATIONS, "picture": "none"}, "from its menu"),
        ({"task": "none"}, "from its menu"),
        ({"sampler": "none"}, "from its menu"),
        ({"seed": "x"}, "eed"),
    ],
)
def test_what_does_not_fit_is_told_in_a_sentence(change, words):
    message, told = draw(**change)
    assert words in told and "items" not in message and message["state"] == "failed"


def test_a_public_page_bounds_what_is_drawn(monkeypatch):
    asked = []

    def bounded(request, model):
        asked.append((request.num_images, request.num_steps))
        raise PageLimit("Too long.")

    monkeypatch.setattr(unclip_walk.models, "bounded", bounded)
    assert "Too long." in draw(task=INTERPOLATION)[1] and asked == [(7, STEPS)]


def test_a_drawing_is_stopped_and_the_first_one_comes_by_itself():
    stop_embedding("unclip 5")  # before it began
    stopped, _ = drawn(draw_embedding(FORM, "unclip 5", SESSION))
    assert stopped == {"run": "unclip 5", "state": "stopped"}
    first = list(draw_embedding_first(FORM, "unclip", False, "unclip 6", SESSION))
    assert first[0] == {"unclip_begun": True}
    assert json.loads(first[-1]["unclip_stage"])["state"] == "done"
    for seen, begun in (("unclip", True), ("glide", False)):
        assert list(draw_embedding_first(FORM, seen, begun, "unclip 7", SESSION)) == []


def test_controls_that_an_experiment_needs_are_there():
    seen = {task: [each.visible for each in shown_controls(task)] for task in TASKS}
    assert seen[WORDS] == [True, False, False, False, False, True, False]
    assert seen[DIFFERENCE] == [False, True, False, True, False, False, True]
    assert len({tuple(each) for each in seen.values()}) == len(TASKS)


def test_unknown_words_are_named_under_their_fields():
    for note, field in (
        (note_caption, "unclip-caption"),
        (note_before, "unclip-before"),
        (note_after, "unclip-after"),
    ):
        message = json.loads(note("a woman with an afro"))
        assert message["field"] == field and "afro" in message["words"]
        assert "'woman'" in message["note"] and json.loads(note("an afro"))["note"] == ""


# --- what is there before, and what is not ---------------------------------------------------


def test_the_boxes_are_read_from_headers_and_no_weights_are_loaded(monkeypatch):
    counts = [sum(p.numel() for p in network.parameters()) for network in (
        unclip_models().clip, unclip_models().prior.network, unclip_models().decoder.network,
    )]  # fmt: skip
    monkeypatch.setattr(unclip_walk, "unclip_models", lambda: pytest.fail("weights are loaded"))
    boxes = opening_message()["boxes"]
    assert [box["key"] for box in boxes] == ["clip", "prior", "decoder"]
    for box, count in zip(boxes, counts, strict=True):
        shown = f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count / 1e6:.2f} M"
        assert box["lines"][1] == f"{shown} parameters"
    assert boxes[0]["lines"][0] == "293 words, 64 × 64"
    assert "results" not in opening_message()


def test_without_weights_there_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(unclip_walk, "shipped_folder", lambda: tmp_path)
    message = opening_message()
    for words in ("clip-avatars", "python -m pretrained.recipes.clip", "unclip prior"):
        assert words in message["absent"]
    assert message["boxes"] == []
    (only,) = draw_embedding_first(FORM, "unclip", False, "unclip 8", SESSION)
    assert json.loads(only["unclip_stage"]) == {**message, "run": "unclip 8"}
    assert "are shipped" in draw()[1] and code(FORM).startswith("# No weights of clip-avatars")
    assert json.loads(note_caption("afro"))["words"] == []


def test_a_broken_file_is_told_in_a_sentence(shipped, tmp_path, monkeypatch):
    save_tiny_unclip(tmp_path)
    monkeypatch.setattr(unclip_walk, "shipped_folder", lambda: tmp_path)
    (tmp_path / unclip_walk.DECODER / "model.safetensors").write_bytes(b"broken")
    assert "unclip-avatars" in opening_message()["absent"]


def test_what_was_measured_is_shown_of_these_weights_alone(shipped, tmp_path, monkeypatch):
    save_tiny_unclip(tmp_path)
    monkeypatch.setattr(unclip_walk, "shipped_folder", lambda: tmp_path)
    folder = tmp_path / unclip_walk.DECODER
    with pytest.raises(ValueError, match="without results.json"):
        unclip_results(folder)
    (folder / "results.json").write_text(json.dumps(RESULTS))
    assert "results" not in opening_message()
    weights = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    (folder / "results.json").write_text(json.dumps({**RESULTS, "weights": weights}))
    found = opening_message()["results"]
    words, kept, drawn, moved = found["tables"]
    assert drawn["rows"] == [["Variations", "30.1", "0.50", "0.25"]]
    assert words["rows"] == [["Head", "90.0 %", "50.0 %", "10.0 %", "20"]]
    assert kept["says"] == "80.0 % are kept, 20.0 % by chance."  # weighted by pictures
    assert moved["title"].endswith("θ = 0.3") and moved["rows"][0][1:3] == ["80.0 %", "70.0 %"]
    assert "guidance 2 of the decoder" in found["words"]
    assert unclip_results(folder).variations[1].chance == 0.4


def test_results_that_are_something_else_are_refused():
    for change in (
        {"variations": [{"attribute": "head"}]},
        {"words": 3},
        {"share": 2},
        {"differences": [{**RESULTS["differences"][0], "changed": 1.5}]},
    ):
        with pytest.raises(ValueError, match=r"^[^\n]+\.$"):
            UnclipResults.from_json(json.dumps({**RESULTS, **change}))
    for text in ("[]", "{", json.dumps({"num": 3})):
        with pytest.raises(ValueError):
            UnclipResults.from_json(text)
    bare = {k: v for k, v in RESULTS.items() if not isinstance(v, list)}
    assert results_tables(UnclipResults.from_json(json.dumps(bare))) == []


@pytest.mark.parametrize(
    "change",
    [{}, {"sampler": "ddpm"}, {"prior_scale": 1, "scale": 1}, *({"task": t} for t in TASKS)],
)
def test_the_code_makes_the_pictures_of_the_page(change, shipped, tmp_path, monkeypatch):
    form = dataclasses.replace(FORM, **change)
    monkeypatch.setattr(checkpoints, "shipped_folder", lambda: shipped)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code(form), names)  # noqa: S102
    page = ends(draw(**change)[0])
    own = names["pictures"]
    assert np.abs(own.astype(int) - page[: len(own)]).max() <= 1
    assert len(own) == (1 if form.task == WORDS else len(page))


def test_the_code_of_ones_own_picture_reads_it_from_a_file(shipped, tmp_path, monkeypatch):
    own = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    Image.fromarray(own).save(tmp_path / "picture.png")
    monkeypatch.setattr(checkpoints, "shipped_folder", lambda: shipped)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(code(dataclasses.replace(FORM, task=VARIATIONS, own=own)), names)  # noqa: S102
    page = ends(draw(task=VARIATIONS, own=own)[0])
    assert np.abs(names["pictures"].astype(int) - page).max() <= 1


def test_a_drawing_needs_its_pictures_and_its_words():
    with pytest.raises(ValueError, match="needs 2 pictures"):
        Drawing(INTERPOLATION)
    with pytest.raises(ValueError, match="is empty"):
        Drawing(WORDS, caption=" ")
