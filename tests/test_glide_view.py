"""The view GLIDE of the tab Systems as plain handlers: captions, maps of words, branches, cards."""

import base64
import dataclasses
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import save_tiny_clip, save_tiny_glide

from diffusion_core import checkpoint as checkpoints
from diffusion_core.data import to_uint8
from diffusion_core.evaluation import ClipCurve, ClipGuidanceRow, ClipResults, save_clip_results
from diffusion_core.generation import RunCard, SamplingRequest, SamplingRun, walk
from diffusion_core.glide import (
    GlideNetwork,
    GlideNetworkConfig,
    GlideResults,
    glide_results,
    load_glide,
)
from tabs.shared import models
from tabs.shared.wire import as_base64
from tabs.systems import glide_walk
from tabs.systems.glide_code import code
from tabs.systems.glide_form import EXAMPLES, GlideForm
from tabs.systems.glide_view import (
    draw_captions,
    draw_captions_first,
    go_on_with,
    name_unknown,
    name_unknown_second,
    replay_captions,
    stop_captions,
)
from tabs.systems.glide_walk import END, glide_model, opening_message, results_message, tokens_of

SESSION = SimpleNamespace(session_hash="a session")
STEPS = 3
FORM = GlideForm(
    caption="a smiling woman with an afro", second="pixel art", steps=STEPS, sampler="ddim"
)
RESULTS = {
    "weights": "w",
    "menus": "m",
    "num": 30,
    "setting": {"sampler": "dpmpp_2m", "steps": 10, "eta": 0.0, "guidance_scale": 2.0},
    "obedience": [
        {"attribute": "head", "told": 20, "words": 0.9, "menus": 1.0, "relative": 0.9},
        {"attribute": "open-peeps hair", "told": 5, "words": 1.0, "menus": 0.0, "relative": 0},
    ],
    "same": {"avatars": 4, "share": 0.975},
    "frechet": 1.0,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny_glide(tmp_path_factory.mktemp("shipped") / "glide-avatars")


@pytest.fixture(autouse=True)
def _shipped(folder, monkeypatch):
    monkeypatch.setattr(glide_walk, "shipped_folder", lambda: folder.parent)


def last(updates):
    """The last message of a handler, and what it told beside the controls."""
    every = [each for each in updates if "glide_stage" in each]
    return json.loads(every[-1]["glide_stage"]), every[-1].get("glide_told", "")


def levels(lane, k, size):
    count = len(lane["parts"][0]["most"])
    return np.frombuffer(base64.b64decode(lane["maps"][k]), np.uint8).reshape(count, *size)


# --- the maps, in the core ----------------------------------------------------------------------


def test_maps_are_what_the_layers_attend_to_in_the_forward_pass(folder, monkeypatch):
    model = load_glide(folder)
    network, y = model.network, model.read_caption("a smiling person with an afro")
    x, t = torch.randn(2, *model.image_shape), torch.tensor([900, 30])
    y = torch.cat([y, model.read_caption("thumb")])
    seen = []
    for layer in network.cross.values():
        layer.register_forward_hook(
            lambda layer, given, out: seen.append(layer.weights(*given))  # noqa: B023
        )
    with torch.no_grad():
        network(x, t, y)
        expected = torch.stack(seen).mean(dim=0)
        maps = network.word_maps(x, t, y)
    torch.testing.assert_close(maps, expected)
    assert maps.shape == (2, y.shape[1], *network.config.map_size)
    torch.testing.assert_close(maps.sum(dim=1), torch.ones(2, *network.config.map_size))
    assert not maps[1, 2:].any()  # behind the end of "thumb"
    assert maps[0, :7].std() > 0.01 and network.attends


def test_levels_of_two_sizes_are_brought_to_the_finer_one(folder):
    plain = load_glide(folder).network.config
    shape = dataclasses.replace(
        plain,
        unet=dataclasses.replace(plain.unet, attention=(True, True), attention_up=None),
        cross_attention=(True, True),
    )
    network = GlideNetwork(GlideNetworkConfig.from_dict(dataclasses.asdict(shape))).eval()
    assert not network.attends  # as it begins it adds zero
    y = torch.tensor([[1, plain.text.num_words]])
    maps = network.word_maps(torch.randn(1, *plain.sample_shape), torch.tensor([5]), y)
    assert maps.shape == (1, 2, *shape.map_size) and shape.map_size == (8, 8)
    torch.testing.assert_close(maps.sum(dim=1), torch.ones(1, 8, 8))


def test_a_network_without_attention_to_words_has_no_maps(folder):
    plain = load_glide(folder).network.config
    network = GlideNetwork(dataclasses.replace(plain, cross_attention=(False, False)))
    assert network.config.map_size == (0, 0) and not network.attends
    with pytest.raises(ValueError, match="attends to words"):
        network.word_maps(torch.zeros(1, 3, 64, 64), torch.tensor([5]), torch.zeros(1, 1).long())


def test_results_are_read_and_what_is_something_else_is_refused(folder, tmp_path):
    results = GlideResults.from_json(json.dumps(RESULTS))
    assert (results.num, results.steps, results.same, results.same_of) == (30, 10, 0.975, 4)
    assert [(row.attribute, row.words) for row in results.rows][0] == ("head", 0.9)
    for change in (
        {"obedience": [{"attribute": "head"}]},
        {"obedience": 3},
        {"setting": {"sampler": "ddim"}},
        {"same": {"share": 2, "avatars": 1}},
        {"num": -1},
    ):
        with pytest.raises(ValueError, match=r"^[^\n]+\.$"):
            GlideResults.from_json(json.dumps({**RESULTS, **change}))
    for text in ("[]", "{", json.dumps({"num": 3})):
        with pytest.raises(ValueError):
            GlideResults.from_json(text)
    with pytest.raises(ValueError, match="without results.json"):
        glide_results(tmp_path)


# --- walks ---------------------------------------------------------------------------------------


def test_two_captions_are_drawn_from_one_noise_with_maps_at_every_step(folder):
    message, told = last(draw_captions(FORM, "glide 1", SESSION))
    assert told == "" and message["state"] == "done" and message["run"] == "glide 1"
    first, second = message["lanes"]
    assert first["x_t"][0] == second["x_t"][0] and first["x_t"][-1] != second["x_t"][-1]
    for lane in (first, second):
        assert len(lane["x_t"]) == len(lane["x0_hat"]) == STEPS + 1 and len(lane["maps"]) == STEPS
        assert lane["x_t"][-1] == lane["x0_hat"][-1]
    assert message["t"][-1] == -1 and message["attends"] and message["branch"] == -1
    # What is shown is what the core computes.
    model = load_glide(folder)
    request = SamplingRequest(caption=FORM.caption, guidance_scale=2, num_steps=STEPS)
    steps = list(walk(model, request))
    assert first["x0_hat"][1] == as_base64(to_uint8(steps[1].x0_hat)[0])
    (part,) = first["parts"]
    assert part["words"] == ["a", "smiling", "woman", "with", "an", "afro", END]
    assert part["places"] == [0, 1, -1, 2, 3, 4, 5]  # "woman" is no token
    y = model.read_caption(FORM.caption)
    with torch.no_grad():
        maps = [
            model.network.word_maps(step.x_t, torch.tensor([step.t]), y)[0, :6] for step in steps
        ]
    assert part["most"][4] == pytest.approx(float(torch.stack(maps)[:, 4].max()), rel=1e-3)
    least, most = (torch.tensor(part[name])[:, None, None] for name in ("least", "most"))
    shown = torch.from_numpy(levels(first, 1, message["map_size"]).copy())
    torch.testing.assert_close(least + (most - least) * shown / 255, maps[1], atol=2e-3, rtol=0)
    assert message["caption"].startswith("glide-avatars · ddim, 3 steps")


def test_an_empty_second_caption_is_the_one_that_guidance_leads_away_from(folder):
    message, _ = last(draw_captions(dataclasses.replace(FORM, second="  "), "glide 2", SESSION))
    empty = message["lanes"][1]
    assert (empty["caption"], empty["scale"], empty["nfe"]) == ("the empty caption", 1.0, STEPS)
    assert empty["parts"][0]["words"] == [END]
    plain = list(walk(load_glide(folder), SamplingRequest(num_steps=STEPS)))
    assert empty["x_t"][-1] == as_base64(to_uint8(plain[-1].x_prev)[0])


def test_the_spacing_that_is_recommended_goes_with_its_sampler(folder):
    for sampler, spacing in (("dpmpp_2m", "karras"), ("heun", "trailing")):
        form = dataclasses.replace(FORM, sampler=sampler)
        message, told = last(draw_captions(form, "glide 3", SESSION))
        assert told == ""
        assert RunCard.from_json(message["card"]).walk.spacing == spacing


def test_a_run_card_of_either_walk_is_walked_again_to_the_bit():
    message, _ = last(draw_captions(dataclasses.replace(FORM, sampler="ddpm"), "glide 4", SESSION))
    for lane in message["lanes"]:
        again, told = last(replay_captions(lane["card"], "glide 5", SESSION))
        assert told == "" and again["note"] == "The replay's result is the same, to the bit."
        assert again["lanes"][0] == lane
    assert again["lanes"][1]["caption"] == "the empty caption"
    card = json.loads(message["card"])
    other = json.dumps({**card, "result": "0" * 64})
    assert "differs" in last(replay_captions(other, "glide 6", SESSION))[0]["note"]
    assert "is not a run card" in last(replay_captions("{}", "glide 6", SESSION))[1]
    foreign = json.dumps({**card, "weights": "0" * 64})
    assert "of other weights" in last(replay_captions(foreign, "glide 6", SESSION))[1]
    assert "of other weights" in last(go_on_with(FORM, foreign, 1, "glide 6", SESSION))[1]


@pytest.fixture
def with_clip(folder, tmp_path, monkeypatch):
    """The same model, with a CLIP beside it."""
    shutil.copytree(folder, tmp_path / "glide-avatars")
    save_tiny_clip(tmp_path / "clip-avatars")
    monkeypatch.setattr(glide_walk, "shipped_folder", lambda: tmp_path)
    return tmp_path


def test_a_clip_guides_the_walk_and_its_run_card_is_walked_again_to_the_bit(with_clip):
    plain, _ = last(draw_captions(FORM, "glide 30", SESSION))
    form = dataclasses.replace(FORM, scale=1, clip_scale=10)
    message, told = last(draw_captions(form, "glide 31", SESSION))
    assert told == "" and "CLIP guidance 10" in message["caption"]
    assert [lane["clip_scale"] for lane in message["lanes"]] == [10, 10]
    free, _ = last(draw_captions(dataclasses.replace(FORM, scale=1), "glide 32", SESSION))
    assert message["lanes"][0]["x0_hat"][-1] != free["lanes"][0]["x0_hat"][-1]
    again, told = last(replay_captions(message["card"], "glide 33", SESSION))
    assert told == "" and again["note"] == "The replay's result is the same, to the bit."
    assert again["lanes"][0] == message["lanes"][0]
    assert again["lanes"][1]["clip_scale"] == 0  # the empty caption, which it cannot follow
    further, told = last(go_on_with(FORM, message["card"], 2, "glide 34", SESSION))
    assert told == "" and further["lanes"][1]["card"] == message["card"]
    assert len(plain["boxes"]) == 4 and plain["boxes"][3]["lines"][0] == "8 features"


def test_agreement_is_the_cosine_of_both_embeddings_at_each_noise_level(with_clip):
    message, _ = last(draw_captions(FORM, "glide 35", SESSION))
    walk = RunCard.from_json(message["card"]).walk
    checkpoint = glide_model()
    clip, caption = checkpoint.clip.network, checkpoint.clip.read_caption(FORM.caption)
    steps, log_snr = list(SamplingRun(checkpoint, walk)), checkpoint.schedule.log_snr
    with torch.no_grad():
        g = clip.encode_captions(caption)[0]
        read = [
            *((step.x_t, log_snr(torch.tensor([step.t])).float()) for step in steps),
            (steps[-1].x_prev, None),
        ]
        each = [clip.encode_pictures(x.float(), level)[0] for x, level in read]
        wanted = [float(e @ g / e.norm()) for e in each]
    found = message["lanes"][0]["agreement"]
    assert found == pytest.approx(wanted, abs=2e-4) and len(found) == STEPS + 1
    beside = message["lanes"][1]["agreement"]  # of the other walk, with the same first caption
    assert beside[0] == found[0] and beside != found


def test_without_a_clip_nothing_agrees_and_its_guidance_is_one_sentence():
    message, _ = last(draw_captions(FORM, "glide 36", SESSION))
    assert message["lanes"][0]["agreement"] == [] and len(message["boxes"]) == 3
    form = dataclasses.replace(FORM, clip_scale=1)
    assert "comes without one" in last(draw_captions(form, "glide 37", SESSION))[1]


def test_what_guidance_by_the_clip_does_is_shown_of_these_weights_alone(with_clip):
    checkpoint = glide_model()
    rows = (ClipGuidanceRow("CLIP", 2.0, 60, 0.98765, 60.123, 1.0),)
    curve = ClipCurve("m", "other", "c", "dpmpp_2m", 10, "karras", 60, 0, "", rows)
    save_clip_results(with_clip / "clip-avatars", ClipResults((), curve))
    assert "clip_results" not in opening_message()
    own = {"model_weights": checkpoint.weights_hash, "clip_weights": checkpoint.clip.weights_hash}
    curve = dataclasses.replace(curve, **own)
    save_clip_results(with_clip / "clip-avatars", ClipResults((), curve))
    found = opening_message()["clip_results"]
    assert found["rows"] == [{"kind": "CLIP", "scale": 2, "obedience": 0.9877, "distance": 60.12}]
    assert "60 pictures a row" in found["words"]


def test_a_walk_goes_on_with_another_caption_from_a_step():
    first, _ = last(draw_captions(FORM, "glide 7", SESSION))
    other = dataclasses.replace(FORM, caption="an orange thumb", scale=4, seed=99, steps=20)
    message, told = last(go_on_with(other, first["card"], 2, "glide 8", SESSION))
    assert told == "" and message["branch"] == 2
    before, (after, beside) = first["lanes"][0], message["lanes"]
    assert before["x_t"][:3] == after["x_t"][:3] and before["x_t"][3] != after["x_t"][3]
    assert beside["x_t"] == before["x_t"]  # the walk that it left
    assert [(part["first"], part["words"][-2]) for part in after["parts"]] == [
        (0, "afro"),
        (2, "thumb"),
    ]
    assert len(after["maps"]) == STEPS
    again, _ = last(replay_captions(message["card"], "glide 9", SESSION))
    assert "to the bit" in again["note"] and again["lanes"] == message["lanes"]
    for index in (0, STEPS):
        assert "from 1 to 2" in last(go_on_with(other, first["card"], index, "run", SESSION))[1]
    assert "Press Draw first" in last(go_on_with(other, "", 1, "glide 9", SESSION))[1]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"caption": ""}, "has no words"),
        ({"caption": None}, "has no words"),
        ({"caption": "?!, <script>" * 400}, "characters, and at most 2,000"),
        ({"caption": "afro " * 60}, "60 words, and at most 39"),
        ({"caption": "qwertz"}, "None of the caption"),
        ({"second": "qwertz"}, "None of the caption"),
        ({"scale": 11}, "Guidance"),
        ({"steps": None}, "Steps"),
        ({"seed": "x"}, "eed"),
        ({"sampler": "none"}, "from its menu"),
    ],
)
def test_what_does_not_fit_is_told_in_a_sentence(change, words):
    message, told = last(draw_captions(dataclasses.replace(FORM, **change), "glide 10", SESSION))
    assert words in told and "lanes" not in message and message["state"] == "failed"


def test_walks_are_stopped_and_the_first_ones_come_by_themselves():
    stop_captions("glide 11")  # before it began
    assert last(draw_captions(FORM, "glide 11", SESSION))[0] == {
        "run": "glide 11",
        "state": "stopped",
    }
    first = list(draw_captions_first(FORM, "glide", False, "glide 12", SESSION))
    assert first[0] == {"glide_begun": True}
    assert json.loads(first[-1]["glide_stage"])["state"] == "done"
    for seen, begun in (("glide", True), ("guided", False)):
        assert list(draw_captions_first(FORM, seen, begun, "glide 13", SESSION)) == []


def test_unknown_words_are_named_under_their_field():
    for name, field in ((name_unknown, "glide-caption"), (name_unknown_second, "glide-second")):
        message = json.loads(name("a woman with <b>an afro</b> and qwertz"))
        assert message["field"] == field and "afro" in message["words"]
        assert "words 'woman', 'b', 'qwertz', so they are not drawn" in message["note"]
        assert json.loads(name("an afro"))["note"] == "" == json.loads(name(None))["note"]
    words, places = tokens_of(glide_walk.tokenizer_of(glide_model()), None)
    assert (words, places) == ([END], [0])


def test_every_example_has_known_words_alone():
    tokenizer = glide_walk.tokenizer_of(glide_model())
    assert len(EXAMPLES) == 6
    for caption in EXAMPLES.values():
        assert tokenizer.unknown(caption) == () and tokenizer.read(caption).shape == (1, 40)


# --- what is loaded, and what is not there -------------------------------------------------------


def test_the_boxes_are_what_the_files_tell_and_no_weights_are_loaded(folder, monkeypatch):
    monkeypatch.setattr(glide_walk, "glide_model", lambda: pytest.fail("weights are loaded"))
    message = opening_message()
    text, attention, model = message["boxes"]
    assert text["lines"][0] == "293 words, 1 layer"
    assert attention["lines"][0] == "4 layers at 4 × 4" and attention["lines"][2] == "2 heads"
    count = sum(p.numel() for p in load_glide(folder).network.unet.parameters())
    assert model["lines"][:2] == ["glide-avatars", f"{count / 1e6:.2f} M parameters"]
    assert len(message["vocabulary"]) == 293 and not {"results", "absent"} & {*message}


def test_what_was_measured_is_shown_of_these_weights_alone(folder, monkeypatch):
    results = GlideResults.from_json(json.dumps(RESULTS))
    message = results_message(results)
    assert message["rows"][0] == {"name": "Head", "told": 20, "words": 0.9, "menus": 1.0}
    assert "30 avatars" in message["words"] and "97.5 %" in message["same"]
    monkeypatch.setattr(glide_walk, "glide_results", lambda folder: results)
    assert glide_walk.measured() is None
    own = dataclasses.replace(results, weights=glide_model().weights_hash)
    monkeypatch.setattr(glide_walk, "glide_results", lambda folder: own)
    assert opening_message()["results"]["rows"] == message["rows"]


def test_without_the_model_there_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(glide_walk, "shipped_folder", lambda: tmp_path)
    message = opening_message()
    assert "train it with python -m pretrained.recipes.glide" in message["absent"]
    assert message["boxes"] == [] and message["vocabulary"] == []
    (only,) = draw_captions_first(FORM, "glide", False, "glide 14", SESSION)
    assert json.loads(only["glide_stage"]) == {**message, "run": "glide 14"}
    assert "is not here" in last(draw_captions(FORM, "glide 15", SESSION))[1]
    assert json.loads(name_unknown("afro"))["words"] == []
    assert code(FORM).startswith("# The model glide-avatars is not here")


def test_a_model_that_does_not_attend_yet_has_no_maps(tmp_path, monkeypatch):
    save_tiny_glide(tmp_path / "glide-avatars", attends=False)
    monkeypatch.setattr(glide_walk, "shipped_folder", lambda: tmp_path)
    message, _ = last(draw_captions(FORM, "glide 16", SESSION))
    assert message["attends"] is False and message["lanes"][0]["maps"] == []
    assert message["boxes"][1]["lines"][2] == "adds nothing yet"


@pytest.mark.parametrize(
    "change",
    [{}, {"sampler": "ddpm"}, {"sampler": "dpmpp_2m", "scale": 1}, {"clip_scale": 8, "scale": 1}],
)
def test_the_code_makes_the_picture_of_the_page(change, with_clip, monkeypatch, capsys):
    form = dataclasses.replace(FORM, **change)
    monkeypatch.setattr(checkpoints, "shipped_folder", lambda: with_clip)
    names = {}
    exec(code(form), names)  # noqa: S102
    message, _ = last(draw_captions(form, "glide 17", SESSION))
    page = np.frombuffer(base64.b64decode(message["lanes"][0]["x_t"][-1]), np.uint8)
    assert np.abs(names["image"].ravel().astype(int) - page).max() <= 1
    assert tuple(names["maps"].shape) == (1, 40, 4, 4)
    assert "'woman'" in capsys.readouterr().out
    assert code(dataclasses.replace(form, steps=0)).startswith("# ")


def test_menus_of_models_do_not_offer_what_no_menu_of_classes_can_ask(folder, monkeypatch):
    """Class and attributes cannot choose a caption, and these menus lead to nothing else."""
    places = [*checkpoints.checkpoint_folders(), folder.parent]
    monkeypatch.setattr(models, "checkpoint_folders", lambda: places)
    names = [name for name, _ in models.available("a session")]
    assert "fashion-mnist" in names and "glide-avatars" not in names
    assert "glide-avatars" not in [name for name, _ in models.readable()]
    assert models.by_hash(load_glide(folder).weights_hash) is None
    assert models.first() in dict(models.available()).values()
