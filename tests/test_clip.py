"""CLIP: two encoders, what is true of what, training that goes on, guidance, and the doors."""

import dataclasses
import json
import math

import pytest
import torch
from conftest import TINY_AVATARS, avatars, last, wake
from typer.testing import CliRunner

from diffusion_core.__main__ import app
from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.clip import (
    ClipAccuracy,
    ClipConfig,
    ClipSettings,
    ClipTraining,
    FactTable,
    Named,
    clip_accuracy,
    contrast,
    draw_pairs,
    find_clip,
    fresh_clip,
    learn_clip,
    load_clip,
    naming,
    read_clip,
    save_clip,
    single_captions,
    true_of,
    zero_shot_classifier,
)
from diffusion_core.data import AvatarFile
from diffusion_core.denoiser import ClassifierGuidance, ClipGuidance, as_denoiser
from diffusion_core.evaluation import (
    AttributeJudge,
    ClipCurve,
    ClipGuidanceRow,
    ClipResults,
    clip_results,
    measure_clip_guidance,
    save_clip_results,
)
from diffusion_core.generation import RunCard, SamplingRequest, walk
from diffusion_core.glide import (
    VOCABULARY,
    AvatarRecords,
    CaptionedPictures,
    GlideConfig,
    TextEncoderConfig,
    Tokenizer,
    begun_from,
    glide_shape,
    load_glide,
    meaning,
    save_glide,
)
from diffusion_core.publishing import write_clip_card
from diffusion_core.samplers import sample
from diffusion_core.schedule import FlowSchedule, make_schedule
from diffusion_core.training_runs import STATE_FILE
from diffusion_core.unet import UNet
from pretrained.recipes import clip as recipe

TEXT = TextEncoderConfig(len(VOCABULARY), 40, 16, 1, 2, 16)
SMALL = ClipConfig(TEXT, (3, 64, 64), 8, (8, 16), 8)
CAPTION = "a smiling person with an afro"
COSINE = make_schedule("cosine", 100)


def few(count):
    data = avatars()
    assert data.labels is not None and data.attributes is not None
    return dataclasses.replace(
        data,
        pictures=data.pictures[:count],
        labels=data.labels[:count],
        attributes=data.attributes[:count],
    )


def captioned(count=60):
    data = few(count)
    file = AvatarFile.embedded().first(count)
    return CaptionedPictures(data, AvatarRecords(file), Tokenizer())


@pytest.fixture(scope="module")
def table():
    return FactTable(AvatarRecords(AvatarFile.embedded()))


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips") / "small"
    settings = ClipSettings(SMALL, VOCABULARY, "avatars", {"steps": 1})
    save_clip(folder, fresh_clip(SMALL, 0), settings)
    return folder


@pytest.fixture(scope="module")
def words_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "words"
    small = {"width": 8, "layers": 1, "heads": 2, "cross_width": 8, "cross_heads": 2}
    torch.manual_seed(0)
    unet = wake(UNet(TINY_AVATARS))
    network = begun_from(unet, glide_shape(TINY_AVATARS, len(VOCABULARY), **small), 0)
    noise = {"name": "cosine", "num_train_timesteps": 1000}
    save_glide(folder, network, GlideConfig(network.config, noise, VOCABULARY, "v_prediction"))
    return folder


# --- the encoders -----------------------------------------------------------------------------


def test_clean_pictures_lie_on_the_sphere_and_noisy_ones_within():
    clip = fresh_clip(SMALL, 0).eval()
    x, level = torch.randn(3, 3, 64, 64), torch.tensor([math.inf, 0.0, -8.0])
    e = clip.encode_pictures(x, level)
    torch.testing.assert_close(e.norm(dim=1), torch.sigmoid(level).sqrt(), rtol=1e-5, atol=0)
    torch.testing.assert_close(clip.encode_pictures(x[:1]), e[:1])
    g = clip.encode_captions(Tokenizer().read(CAPTION))
    torch.testing.assert_close(g.norm(dim=1), torch.ones(1))
    with torch.no_grad():
        clip.temperature.fill_(50.0)
        assert float(clip.logits(e[:1], g).abs()) <= 100.001  # e^τ is bounded, as in the paper
    with pytest.raises(ValueError, match="reads pictures of 3 × 64 × 64, and was given 1 × 8 × 8"):
        clip.encode_pictures(torch.zeros(1, 1, 8, 8))


@pytest.mark.parametrize(
    "values, words",
    [
        ({"widths": [12]}, "multiples of 8"),
        ({"sample_shape": [3, 60, 60]}, "multiples of 16"),
        ({"widths": [512, 512]}, "parameters"),
        ({"patch": 0}, "patch"),
        ({"text": {}}, "num_words"),
        ({"text": {**vars(TEXT), "width": 10**6}}, "width"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(values, words):
    with pytest.raises(ValueError, match=words):
        ClipConfig.from_dict({**json.loads(json.dumps(dataclasses.asdict(SMALL))), **values})


def test_a_folder_comes_back_and_others_get_one_sentence(clip_folder, tmp_path):
    clip, settings = read_clip(clip_folder)
    assert settings.network == SMALL and settings.vocabulary == VOCABULARY
    half = fresh_clip(SMALL, 0).temperature.half().float()
    assert torch.equal(clip.temperature, half)
    assert find_clip([clip_folder.parent]).weights_hash == load_clip(clip_folder).weights_hash
    with pytest.raises(ValueError, match="with weights abc, is not here"):
        find_clip([clip_folder.parent], "abc")
    with pytest.raises(ValueError, match="There is no CLIP here"):
        find_clip([tmp_path])
    with pytest.raises(ValueError, match="holds no CLIP"):
        load_clip(tmp_path)
    for change, words in (
        (lambda v: v["vocabulary"].pop(), "different words"),
        (lambda v: v["vocabulary"].__setitem__(0, "two words"), "not one word"),
        (lambda v: v["network"]["text"].update(width=32), "its weights are not those"),
        (lambda v: v.update(format="x"), "not of the form"),
    ):
        values = json.loads((clip_folder / "config.json").read_text())
        change(values)
        (tmp_path / "config.json").write_text(json.dumps(values))
        weights = (clip_folder / "model.safetensors").read_bytes()
        (tmp_path / "model.safetensors").write_bytes(weights)
        with pytest.raises(ValueError, match=words) as caught:
            load_clip(tmp_path)
        assert "\n" not in str(caught.value)


# --- what is true of what ---------------------------------------------------------------------


def test_values_that_share_their_words_have_one_meaning():
    assert meaning("pixel-art mouth", "happy03") == meaning("pixel-art mouth", "happy11")
    assert meaning("pixel-art mouth", "happy03") != meaning("pixel-art mouth", "sad03")
    assert meaning("thumbs eyes", "variant3W12") == "variant3"
    assert meaning("pixel-art hat", "variant02") == "some" != meaning("pixel-art hat", "none")
    assert meaning("pixel-art glasses", "dark01") == "dark"
    assert meaning("head", "medium1") == "medium1"


def test_captions_are_true_of_their_pictures_and_one_fact_wrong_is_seen(table):
    data, training = captioned(), ClipTraining(batch=40)
    indices, captions = draw_pairs(data, table, training, 3)
    assert len(set(indices.tolist())) == 40 and len(captions) == 80
    true = true_of(table.told([c.told for c in captions]), table.facts[indices])
    assert true[:40].diagonal().all()
    assert true[40:].diagonal().float().mean() < 0.1  # "no glasses" is not always told
    facts = [data.records.facts(i) for i in indices.tolist()]
    for row, caption in zip(true[:40].tolist(), captions, strict=False):
        for fits, each in zip(row, facts, strict=True):
            assert fits == all(each.get(k) == v for k, v in caption.told.items())
    again = draw_pairs(data, table, training, 3)
    assert torch.equal(again[0], indices) and again[1] == captions
    assert draw_pairs(data, table, training, 4)[1] != captions


def test_a_surprise_is_what_telling_leaves_out(table):
    style = table.surprise({"class": "thumbs"})
    background = table.surprise({"class": "thumbs", "background": "teal"})
    assert 0.5 < style < 2.5
    assert abs(background - style - math.log(8)) < 0.4  # one of eight, about alike


def test_the_contrast_is_least_at_the_logits_of_bayes():
    true = torch.tensor([[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 0, 0]]).bool()
    surprise = torch.tensor([3.0, 1.0, 2.0, 2.0])
    best = torch.where(true, surprise[:, None], -30.0).requires_grad_()
    loss = contrast(best, true, surprise)
    (slope,) = torch.autograd.grad(loss, best)
    assert slope.abs().max() < 1e-6
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        other = best.detach() + torch.randn(best.shape, generator=generator)
        assert contrast(other, true, surprise) > loss
    # A caption that belongs to no picture is only to be told apart.
    assert contrast(best.detach()[:3], true[:3], surprise[:3]) == pytest.approx(
        float(loss.detach())
    )


def test_single_facts_are_named_of_their_own_style(table):
    singles = single_captions(table, "test")
    told = {(s.style, s.fact) for s in singles}
    assert {("", "class"), ("open-peeps", "face"), ("pixel-art", "skin")} <= told
    assert len({(s.style, s.fact, s.meant) for s in singles}) == len(singles)
    facts, styles = table.facts[:50], [avatars().class_names[i] for i in avatars().labels[:50]]
    shown = {s.fact: facts[:, table.column(s.fact)].tolist() for s in singles}
    names = [
        [
            value == table.number(s.fact, s.meant) and s.style in ("", style)
            for value, style in zip(shown[s.fact], styles, strict=True)
        ]
        for s in singles
    ]
    right = torch.tensor(names).float()
    assert naming(30 * right, singles, facts, table) < 1e-6
    chance = naming(torch.zeros_like(right), singles, facts, table)
    assert math.log(3) < chance < math.log(48)


# --- training ---------------------------------------------------------------------------------


def test_a_training_learns_and_goes_on_as_if_it_had_not_been_interrupted(tmp_path):
    data = captioned()
    training = ClipTraining(16, 12, 2, save_every=4)
    whole = fresh_clip(SMALL, 0)
    steps = list(learn_clip(whole, data, training))
    assert [s.step for s in steps] == list(range(1, 17))
    first, end = (sum(s.loss for s in some) for some in (steps[:4], steps[-4:]))
    assert end < 0.95 * first and 0 <= steps[-1].clean_top1 <= 1
    part = fresh_clip(SMALL, 0)
    for step in learn_clip(part, data, training, folder=tmp_path):
        if step.step == 6:
            break
    part = fresh_clip(SMALL, 0)
    rest = list(learn_clip(part, data, training, folder=tmp_path))
    assert rest[0].step == 5 and rest[-1].loss == steps[-1].loss
    assert all(
        torch.equal(a, b) for a, b in zip(whole.parameters(), part.parameters(), strict=True)
    )
    other = dataclasses.replace(training, naming=0.0)
    with pytest.raises(ValueError, match="naming"):
        next(learn_clip(fresh_clip(SMALL, 0), data, other, folder=tmp_path))
    assert (tmp_path / STATE_FILE).exists()


def test_what_cannot_be_learnt_is_refused():
    for values in ({"batch": 1}, {"clean": 2.0}, {"naming": math.nan}, {"steps": 0}):
        with pytest.raises(ValueError):
            ClipTraining(**values)
    clip = fresh_clip(dataclasses.replace(SMALL, sample_shape=(1, 64, 64)), 0)
    with pytest.raises(ValueError, match="made for pictures of"):
        next(learn_clip(clip, captioned(), ClipTraining(1, 4)))


def test_the_recipe_leaves_a_clip_and_begins_with_another(tmp_path):
    out, then = tmp_path / "clip", tmp_path / "then"
    small = dict(batch_size=4, features=16, picture_widths="8,16", text_width=16, text_layers=1)
    recipe.main(out, 1, 0, dataset="avatars-3000", **small)
    _, settings = read_clip(out)
    assert settings.training["steps"] == 1 and "recipes.clip" in settings.training["command"]
    recipe.main(then, 1, 0, init=out, dataset="avatars-3000", **small)
    assert read_clip(then)[1].training["before"]["steps"] == 1
    with pytest.raises(ValueError, match="another shape"):
        recipe.main(then, 1, 0, init=out, dataset="avatars-3000", **{**small, "features": 8})


# --- measures ---------------------------------------------------------------------------------


class Knowing:
    """A CLIP that reads the facts of these pictures from a table, and captions by their words."""

    def __init__(self, data):
        self.rows = {data.batch(torch.tensor([i]))[0].sum().item(): i for i in range(100)}
        self.words = [self.of(data.records.facts(i)["background"]) for i in range(100)]

    def parameters(self):
        return iter([torch.zeros(1)])

    def of(self, background):
        return torch.nn.functional.one_hot(torch.tensor(BACKGROUNDS.index(background)), 8).float()

    def encode_pictures(self, x, log_snr):
        return torch.stack([self.words[self.rows[each.sum().item()]] for each in x])

    def encode_captions(self, y):
        text = [
            " ".join(VOCABULARY[w] for w in row.tolist() if 0 <= w < len(VOCABULARY)) for row in y
        ]
        found = [
            next((b for b in BACKGROUNDS if any(p in t for p in PLACES[b])), None) for t in text
        ]
        return torch.stack([torch.zeros(8) if b is None else self.of(b) for b in found])


BACKGROUNDS = ["white", "cream", "sky", "mint", "rose", "lavender", "teal", "navy"]
PLACES = {
    b: [f"{p} {place}" for p in ps for place in ("background", "backdrop")]
    for b, ps in {
        "white": ["white"],
        "cream": ["cream", "beige"],
        "sky": ["light blue", "sky blue"],
        "mint": ["mint", "mint green"],
        "rose": ["rose", "light pink"],
        "lavender": ["lavender", "light purple"],
        "teal": ["teal"],
        "navy": ["navy", "navy blue"],
    }.items()
}


def test_who_knows_backgrounds_names_them_and_nothing_else():
    data = captioned(100)
    (row,) = clip_accuracy(Knowing(data), data, log_snrs=[math.inf])
    named = {each.fact: each for each in row.named}
    assert named["background"].accuracy == 1 and abs(named["background"].chance - 1 / 8) < 0.02
    assert named["face"].accuracy < 0.3 and named["class"].num == 100
    assert 0.02 < row.retrieval < 0.3 and row.log_snr is None
    with pytest.raises(ValueError, match="At least 100"):
        clip_accuracy(Knowing(data), captioned(20))


# --- guidance ---------------------------------------------------------------------------------


class Linear:
    """A CLIP whose logit is alpha c · x, so that its gradient is known."""

    config = dataclasses.make_dataclass("Shape", ["sample_shape"])((2, 2, 2))

    def encode_pictures(self, x, log_snr):
        return torch.sigmoid(log_snr).sqrt()[:, None] * x.flatten(1)

    def logits(self, pictures, captions):
        return captions @ pictures.T

    def to(self, device):
        return self


@pytest.mark.parametrize("schedule", [COSINE, FlowSchedule(100)], ids=["betas", "flow"])
def test_the_gradient_moves_both_estimates_by_one_amount(schedule):
    generator = torch.Generator().manual_seed(0)
    x, c = torch.randn(3, 2, 2, 2, generator=generator), torch.randn(3, 8, generator=generator)

    def eps(x_t, t):
        return 0.5 * x_t

    plain = as_denoiser(eps, schedule)
    guided, t = ClipGuidance(plain, Linear(), c, 2.0), 40
    alpha, sigma = (float(f(torch.tensor(t))) for f in (schedule.alpha, schedule.sigma))
    length = math.hypot(alpha, sigma)
    slope = alpha / length * c.reshape(x.shape) / length
    torch.testing.assert_close(guided.gradient(x, t), slope, rtol=1e-4, atol=1e-6)
    e, x0 = guided.predict(x, t)
    torch.testing.assert_close(e, 0.5 * x - 2 * sigma * slope, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(alpha * x0 + sigma * e, x, rtol=1e-4, atol=1e-4)
    look = guided.look(x, t)
    each = (x.flatten(1) * c).sum(dim=1) * alpha / length**2
    torch.testing.assert_close(look.logit, each, rtol=1e-4, atol=1e-5)
    off = ClipGuidance(plain, Linear(), c, 0.0).predict(x, t)
    assert all(torch.equal(a, b) for a, b in zip(off, plain.predict(x, t), strict=True))
    with pytest.raises(ValueError, match="scale of a CLIP must be at least 0"):
        ClipGuidance(plain, Linear(), c, -1.0)
    assert math.isfinite(last(sample(guided, x, num_steps=4, t_start=90)).x_prev.sum())


@pytest.mark.parametrize("sampler", ["ddim", "ddpm"])
def test_a_run_card_keeps_the_clip_to_the_bit(words_folder, clip_folder, sampler):
    plain = load_glide(words_folder)
    model = plain.guided_by_clip(load_clip(clip_folder))
    request = SamplingRequest(num_steps=3, caption=CAPTION, clip_scale=20.0, sampler=sampler)
    (*_, end) = walk(model, request)
    off = dataclasses.replace(request, clip_scale=0.0)
    (*_, without), (*_, alone) = walk(model, off), walk(plain, off)
    assert torch.equal(without.x_prev, alone.x_prev)
    assert not torch.equal(end.x_prev, without.x_prev)
    card = RunCard.from_json(RunCard.of(model, request, None, end.x_prev).to_json())
    assert card.walk == request and card.clip == model.clip.weights_hash
    (*_, again) = walk(model, card.walk)
    assert card.compare(model, again.x_prev).endswith("to the bit.")
    assert "CLIP none here" in card.compare(plain, without.x_prev)
    values = RunCard.of(model, off, None, without.x_prev).values()
    assert "clip" not in values and "clip_scale" not in values["walk"]  # as cards were before


def test_what_does_not_fit_gets_one_sentence(words_folder, avatars_folder, clip_folder, tmp_path):
    words, menus = load_glide(words_folder), load_checkpoint(avatars_folder)
    asked = SamplingRequest(caption=CAPTION, clip_scale=2.0)
    with pytest.raises(ValueError, match="comes without one; name one beside the model"):
        asked.denoiser(words)
    with pytest.raises(ValueError, match="is not asked in words"):
        asked.denoiser(menus.guided_by_clip(load_clip(clip_folder)))
    with pytest.raises(ValueError, match="write one beside its scale"):
        SamplingRequest(clip_scale=1.0)
    with pytest.raises(ValueError, match="scale of the CLIP must lie between 0 and 100"):
        SamplingRequest(caption=CAPTION, clip_scale=101.0)
    with pytest.raises(ValueError, match="set one scale to 0"):
        SamplingRequest(caption=CAPTION, clip_scale=1, classifier_scale=1, classifier_label=1)
    other = dataclasses.replace(SMALL, sample_shape=(1, 32, 32))
    save_clip(tmp_path / "gray", fresh_clip(other, 0), ClipSettings(other, VOCABULARY))
    with pytest.raises(ValueError, match="reads pictures of 1 × 32 × 32, and words makes 3"):
        words.guided_by_clip(load_clip(tmp_path / "gray"))


def test_the_command_takes_a_clip(words_folder, clip_folder, tmp_path):
    out, card = str(tmp_path / "out.png"), str(tmp_path / "card.json")
    options = ["sample", "--model", str(words_folder), "--out", out]
    asked = ["--caption", CAPTION, "--num", "1", "--steps", "2", "--clip-scale", "3"]
    by = ["--clip", str(clip_folder)]
    done = CliRunner().invoke(app, [*options, *asked, *by, "--save-card", card])
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(app, [*options, *by, "--card", card])
    assert done.exit_code == 0 and "to the bit" in done.stderr
    done = CliRunner().invoke(app, [*options, "--card", card])
    assert "--clip FOLDER" in str(done.exception)


def test_both_kinds_are_measured_and_kept(words_folder, clip_folder, tmp_path):
    model = load_glide(words_folder).guided_by_clip(load_clip(clip_folder))
    torch.manual_seed(0)
    judge = AttributeJudge(3, (3, 48, 30, 9, 5, 7, 8), (4,)).eval()
    real = few(20)
    told = real.conditions(torch.arange(4))
    curve = ClipCurve("words", model.weights_hash, "c", "ddim", 2, "trailing", 4, 0)
    found = list(
        measure_clip_guidance(
            model, judge, real, [CAPTION] * 4, told, curve, free_scales=(2.0,), clip_scales=(9.0,)
        )
    )
    assert [(r.kind, r.scale) for r in found[-1].rows] == [("classifier-free", 2.0), ("CLIP", 9.0)]
    assert all(0 <= r.obedience <= 1 and r.frechet_distance > 0 for r in found[-1].rows)
    assert found[-1].goes_on(curve)
    rows = (ClipAccuracy(None, 0.5, 100, (Named("head", 0.4, 0.02, 60),)),)
    results = ClipResults(rows, found[-1])
    save_clip_results(tmp_path, results)
    assert clip_results(tmp_path) == results and clip_results(clip_folder) == ClipResults()
    write_clip_card(tmp_path, *read_clip(clip_folder), results)
    text = (tmp_path / "README.md").read_text()
    assert "| head, of 60 | 0.020 | 0.400 |" in text and found[-1].table() in text
    assert not list(
        measure_clip_guidance(
            model, judge, real, [CAPTION] * 4, told, found[-1], free_scales=(2.0,), clip_scales=()
        )
    )
    for change in ({"format": "x"}, {"curve": {"rows": []}}, {"accuracy": [{"retrieval": 2}]}):
        with pytest.raises(ValueError):
            ClipResults.from_json(json.dumps({**json.loads(results.to_json()), **change}))
    assert dataclasses.asdict(ClipGuidanceRow("CLIP", 1, 2, 0.5, 1, 1))["kind"] == "CLIP"


# --- a classifier by captions -----------------------------------------------------------------

STYLES = {"open-peeps": "a person", "pixel-art": "a pixel person", "thumbs": "a thumb"}


def test_a_classifier_by_captions_is_the_clip_by_bayes_rule(clip_folder):
    by = load_clip(clip_folder)
    classifier = zero_shot_classifier(by, STYLES)
    assert classifier.class_names == (*STYLES,) and classifier.weights_hash == by.weights_hash
    x, y = torch.randn(4, 3, 64, 64), [by.read_caption(text) for text in STYLES.values()]
    plain = as_denoiser(lambda x, t: 0.1 * x, COSINE)
    guided = ClassifierGuidance(plain, classifier.network, 1, 1.0)
    look = guided.look(x, 40)
    each = [
        ClipGuidance(plain, by.network, by.network.encode_captions(one), 1.0).look(x, 40)
        for one in y
    ]
    logits = torch.stack([one.logit for one in each], dim=1)
    torch.testing.assert_close(look.log_probs, logits.log_softmax(dim=1))
    # The gradient of log p(y | x_t) is that of the caption less the mean of all.
    p = look.log_probs.exp()
    mean = sum(p[:, k, None, None, None] * one.gradient for k, one in enumerate(each))
    torch.testing.assert_close(look.gradient, each[1].gradient - mean, rtol=1e-4, atol=1e-7)
    assert (guided.predict(x, 40)[1] - plain.predict(x, torch.full((4,), 40))[1]).abs().max() > 1e-5
    # In plain noise every class is equally likely.
    noise = classifier.network(x, torch.full((4,), -40.0)).softmax(dim=1)
    torch.testing.assert_close(noise, torch.full((4, 3), 1 / 3), atol=1e-4, rtol=0)
    with pytest.raises(ValueError, match="at least two"):
        zero_shot_classifier(by, {"thumbs": "a thumb"})
    with pytest.raises(ValueError, match="None of the caption"):
        zero_shot_classifier(by, {**STYLES, "else": "qwertz"})
