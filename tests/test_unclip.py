"""unCLIP: embeddings and ways through them, prior, decoder, their trainings, folders, recipes."""

import dataclasses
import json
import shutil
import textwrap
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from conftest import TINY_AVATARS, avatars, wake
from safetensors.torch import load_file
from typer.testing import CliRunner

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.clip import (
    ClipConfig,
    ClipSettings,
    fresh_clip,
    load_clip,
    save_clip,
)
from diffusion_core.data import AvatarFile
from diffusion_core.denoiser import ClassifierFreeGuidance, ModelDenoiser
from diffusion_core.glide import (
    MAX_TOKENS,
    VOCABULARY,
    AvatarRecords,
    CaptionedPictures,
    TextEncoderConfig,
    Tokenizer,
)
from diffusion_core.samplers import SAMPLERS, sample
from diffusion_core.schedule import make_schedule
from diffusion_core.training import draw_step
from diffusion_core.unclip import (
    CaptionedEmbeddings,
    DecoderConfig,
    DecoderNetwork,
    DecoderSettings,
    NumberedPictures,
    PriorConfig,
    PriorSettings,
    better_of_two,
    components,
    decoder_from,
    decoder_training,
    drawn_embeddings,
    encode,
    encode_all,
    fresh_prior,
    learn_decoder,
    learn_prior,
    learn_projection,
    load_decoder,
    load_prior,
    noise_of,
    prior_training,
    projection_training,
    save_decoder,
    save_prior,
    scaled,
    text_difference,
    variation,
)
from diffusion_core.unet import UNet
from pretrained.recipes import unclip as recipe
from pretrained.recipes import unclip_measured as measured

NOISE = {"name": "cosine", "num_train_timesteps": 1000}
SCHEDULE = make_schedule("cosine", num_train_timesteps=1000)
TOKENIZER = Tokenizer()
D = 8
SIZES = {"width": 16, "blocks": 1}


def small_clip(seed=0):
    text = TextEncoderConfig(len(VOCABULARY), MAX_TOKENS, 8, 1, 2, D)
    return fresh_clip(ClipConfig(text, patch=8, widths=(8, 16), embedding=8), seed).eval()


def small_prior(seed=0, awake=True):
    clip = small_clip(seed)
    prior = fresh_prior(PriorConfig.of(clip, **SIZES), clip, seed)
    return wake(prior, size=0.3) if awake else prior


def small_decoder(seed=0, awake=True):
    torch.manual_seed(seed)
    unet = wake(UNet(TINY_AVATARS), seed)
    decoder = decoder_from(unet, D, seed)
    if awake:
        wake(decoder.project, size=0.3)
    return unet, decoder


@pytest.fixture(scope="module")
def few():
    """Twelve avatars with captions, and their embeddings."""
    file, data = AvatarFile.embedded().first(12), avatars()
    cut = {name: getattr(data, name)[:12] for name in ("pictures", "labels", "attributes")}
    captioned = CaptionedPictures(dataclasses.replace(data, **cut), AvatarRecords(file), TOKENIZER)
    return captioned, encode_all(small_clip(), captioned.pictures)


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    folder, clip = tmp_path_factory.mktemp("clips") / "clip", small_clip()
    save_clip(folder, clip, ClipSettings(clip.config, VOCABULARY, "avatars with captions"))
    return folder


@pytest.fixture(scope="module")
def folders(clip_folder, tmp_path_factory):
    """The folders of a prior and of a decoder."""
    by, top = load_clip(clip_folder), tmp_path_factory.mktemp("unclip")
    config = PriorConfig.of(by.network, **SIZES)
    prior = wake(fresh_prior(config, by.network, 0), size=0.3)
    known = {"schedule": NOISE, "clip": by.weights_hash}
    save_prior(top / "prior", prior, PriorSettings(network=config, vocabulary=VOCABULARY, **known))
    decoder = small_decoder()[1]
    save_decoder(top / "decoder", decoder, DecoderSettings(network=decoder.config, **known))
    return top / "prior", top / "decoder"


# --- embeddings -------------------------------------------------------------------------------


def test_pictures_are_encoded_once_and_those_of_another_clip_anew(few, tmp_path, monkeypatch):
    pictures, wanted = few[0].pictures, few[1]
    clip = small_clip()
    torch.testing.assert_close(wanted.norm(dim=1), torch.ones(12))
    torch.testing.assert_close(scaled(wanted).square().mean(), torch.tensor(1.0))
    torch.testing.assert_close(encode(clip, pictures.batch(torch.arange(12))[0]), wanted)
    assert torch.equal(encode_all(clip, pictures, tmp_path, "a"), wanted)
    other = small_clip(1)
    assert torch.equal(encode_all(other, pictures, tmp_path, "a"), wanted)  # kept
    anew = encode_all(other, pictures, tmp_path, "b")
    assert (anew - wanted).abs().max() > 1e-3
    (tmp_path / "embeddings.safetensors").write_bytes(b"broken")
    assert torch.equal(encode_all(clip, pictures, tmp_path, "b"), wanted)


def test_a_text_difference_turns_an_embedding_towards_what_the_captions_differ_in():
    z, g_a, g_b = torch.eye(4)[0], torch.eye(4)[1], torch.eye(4)[2]
    moved = text_difference(z, g_a, g_b, torch.tensor([0.0, 1 / 3, 1.0]))
    away = (g_b - g_a) / 2**0.5  # at a right angle to z
    torch.testing.assert_close(moved[0], z)
    torch.testing.assert_close(moved[1], 3**0.5 / 2 * z + away / 2)  # by 30°
    torch.testing.assert_close(moved[2], away)
    with pytest.raises(ValueError, match="say the same"):
        text_difference(z, g_a, g_a, torch.tensor([0.5]))


def test_components_are_those_of_the_covariance_and_all_of_them_give_the_embedding_back():
    generator = torch.Generator().manual_seed(0)
    turn = torch.linalg.qr(torch.randn(D, D, generator=generator))[0]
    spread = torch.tensor([0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.001])
    z = F.normalize(0.3 + torch.randn(400, D, generator=generator) * spread @ turn, dim=1)
    found = components(z)
    torch.testing.assert_close(found.basis @ found.basis.T, torch.eye(D), atol=1e-5, rtol=0)
    along = (z - found.mean) @ found.basis.T
    torch.testing.assert_close(along.var(dim=0), found.variance, atol=1e-6, rtol=1e-3)
    assert (found.variance.diff() <= 0).all() and found.explained[-1] == pytest.approx(1)
    torch.testing.assert_close(found.reconstruct(z, D), z)
    alike = [float((found.reconstruct(z, k) * z).sum(dim=1).mean()) for k in range(D + 1)]
    assert alike[0] < 0.99 < alike[3] < alike[5] < alike[-1]
    mean = F.normalize(found.mean, dim=0).expand(3, D)
    torch.testing.assert_close(found.reconstruct(z[:3], 0), mean)
    plane = components(torch.eye(3)[[0, 1, 0, 1]])  # two points: one component is all
    torch.testing.assert_close(plane.variance, torch.tensor([2 / 3, 0, 0]))
    with pytest.raises(ValueError, match="0 to 8 components"):
        found.reconstruct(z, 9)
    with pytest.raises(ValueError, match="two or more"):
        components(z[:1])


# --- the prior --------------------------------------------------------------------------------


def test_the_better_of_two_is_the_one_more_like_the_caption():
    g = torch.eye(3)[:2]
    z = torch.stack([torch.eye(3)[[0, 2]], torch.eye(3)[[1, 1]]])
    assert torch.equal(better_of_two(z, g), torch.eye(3)[[0, 1]])
    assert torch.equal(better_of_two(z[:1], g), z[0])


def test_a_prior_is_told_its_caption_by_the_frozen_clip():
    prior = small_prior()
    y = torch.cat([TOKENIZER.read("a smiling person with an afro"), TOKENIZER.condition([])])
    told = prior.read(y)
    torch.testing.assert_close(told[0, :D], scaled(prior.clip.encode_captions(y))[0])
    _, tokens, there = prior.clip.text(y)
    torch.testing.assert_close(told[0, D:], tokens[0, :7].mean(dim=0))
    assert int(there[0].sum()) == 7 and torch.equal(told[1], prior.nothing)
    x, t = torch.randn(2, D), torch.tensor([10, 900])
    out = prior(x, t, y)
    torch.testing.assert_close(out[1:], prior(x[1:], t[1:]))  # none is the empty caption
    assert (out[0] - prior(x[:1], t[:1])[0]).abs().max() > 1e-3
    names = {name.split(".")[0] for name in prior.state_dict()}
    assert names == {"nothing", "time", "first", "told", "blocks", "last"}  # without the CLIP
    assert sum(p.numel() for p in prior.parameters()) == prior.config.num_parameters
    assert prior.double().clip.temperature.dtype == torch.float64  # goes where the prior goes
    with pytest.raises(ValueError, match="one caption a sample"):
        prior(x.double(), t, y[:1])
    with pytest.raises(ValueError, match="takes"):
        prior(torch.randn(2, 3), t, y)


def test_shapes_of_priors_and_decoders_are_bounded():
    text = TextEncoderConfig(len(VOCABULARY), MAX_TOKENS, 96, 3, vector=128)
    config = PriorConfig(text.vector, text.width, text.num_words, text.length)
    assert 2 * config.num_parameters <= 2_000_000
    assert PriorConfig.from_dict(json.loads(json.dumps(vars(config)))) == config
    with pytest.raises(ValueError, match="at most 1,000,000"):
        dataclasses.replace(config, width=400)
    with pytest.raises(ValueError, match="even"):
        dataclasses.replace(config, width=15)
    with pytest.raises(ValueError, match="another shape"):
        fresh_prior(config, small_clip(), 0)
    unet = load_checkpoint("pretrained/avatars").unet.config
    with torch.device("meta"):
        decoder = DecoderNetwork(DecoderConfig.of(unet, 128))
    assert 2 * sum(p.numel() for p in decoder.parameters()) + 100_000 < 10 * 2**20
    again = DecoderConfig.from_dict(json.loads(json.dumps(dataclasses.asdict(decoder.config))))
    assert again == decoder.config
    with pytest.raises(ValueError, match="has no classes"):
        DecoderConfig(unet, 128)


# --- the decoder ------------------------------------------------------------------------------


def test_a_decoder_begins_as_its_unet_without_a_condition():
    unet, decoder = small_decoder(awake=False)
    x, t, z = torch.randn(2, 3, 64, 64), torch.tensor([10, 900]), torch.randn(2, D)
    torch.testing.assert_close(decoder(x, t, z), unet(x, t))
    torch.testing.assert_close(decoder(x, t), unet(x, t))
    menu = torch.tensor([[0, 3, 2, 1, 0, 4, 6], [2, -1, -1, -1, -1, -1, 3]])
    wanted = unet.class_embedding(menu, 2)
    decoder.vector = lambda z: wanted  # type: ignore[method-assign]
    torch.testing.assert_close(decoder(x, t, z), unet(x, t, menu))


def test_a_bound_decoder_is_asked_by_the_number_of_an_embedding():
    _, decoder = small_decoder()
    z = F.normalize(torch.randn(5, D), dim=1)
    bound = decoder.bound(z)
    x, t = torch.randn(3, 3, 64, 64), torch.tensor([10, 500, 900])
    out = bound(x, t, torch.tensor([4, 5, 0]))
    torch.testing.assert_close(out[[0, 2]], decoder(x[[0, 2]], t[[0, 2]], z[[4, 0]]))
    torch.testing.assert_close(out[1:2], decoder(x[1:2], t[1:2]))
    assert (out[0] - decoder(x[:1], t[:1])[0]).abs().max() > 1e-4
    torch.testing.assert_close(bound(x, t), decoder(x, t))
    assert {*bound.state_dict()} == {f"decoder.{name}" for name in decoder.state_dict()}
    guided = ClassifierFreeGuidance(ModelDenoiser(bound, SCHEDULE, "sample", 4), 3.0)
    plain = ModelDenoiser(bound, SCHEDULE, "sample", 4).predict(x, t)[1]
    without = ModelDenoiser(bound, SCHEDULE, "sample", 5).predict(x, t)[1]
    torch.testing.assert_close(
        guided.predict(x, t)[1], without + 3 * (plain - without), atol=1e-4, rtol=0
    )
    with pytest.raises(ValueError, match=r"lie in \[0, 5\]"):
        bound(x, t, torch.tensor([4, 6, 0]))
    with pytest.raises(ValueError, match="one number a picture"):
        bound(x, t, torch.tensor([4]))
    with pytest.raises(ValueError, match="takes embeddings"):
        decoder.bound(z[:, :3])
    with pytest.raises(ValueError, match="one embedding of 8 features"):
        decoder(x, t, z)


# --- training ---------------------------------------------------------------------------------


def run(learn, stop=None):
    losses = []
    for step in learn:
        losses.append(step.loss)
        if step.step == stop:
            break
    return losses


def goes_on(learn, folder, steps, name="state.safetensors"):
    """Losses of a training; the same in two parts, to the bit."""
    whole = run(learn(folder / "whole"))
    half = steps // 2
    assert run(learn(folder / "parts"), half) + run(learn(folder / "parts")) == whole
    a, b = (load_file(folder / part / name) for part in ("whole", "parts"))
    assert all(torch.equal(a[key], b[key]) for key in a) and len(whole) == steps
    return whole, a


def test_the_prior_learns_embeddings_and_goes_on(few, tmp_path, cpu):
    data, z = few
    embedded = CaptionedEmbeddings(z, data)
    x, labels = embedded.batch(torch.tensor([0, 12, 5]))
    torch.testing.assert_close(x, scaled(z[[0, 0, 5]]))
    assert labels.tolist() == data.pictures.labels[[0, 0, 5]].tolist()
    quick = {"save_every": 20, "warmup_steps": 5, "learning_rate": 1e-2}
    config = dataclasses.replace(prior_training(40, batch_size=16), **quick)
    _, _, _, y = draw_step(
        dataclasses.replace(config, label_dropout=0.5),
        small_prior().config, SCHEDULE, embedded, 0,
    )  # fmt: skip
    empty = y[:, 0] == len(VOCABULARY)
    assert 2 < int(empty.sum()) < 14 and bool((y[empty, 1:] == -1).all())

    def learn(folder, count=40):
        settings = dataclasses.replace(config, num_steps=count)
        return learn_prior(small_prior(awake=False), embedded, SCHEDULE, settings, folder=folder)

    losses, state = goes_on(learn, tmp_path, 40)
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])
    assert not any("clip" in key for key in state)
    with pytest.raises(ValueError, match="already did 40 steps"):
        run(learn(tmp_path / "whole", 20))
    with pytest.raises(ValueError, match="as many embeddings"):
        CaptionedEmbeddings(z[:5], data)


def test_the_projection_learns_the_vectors_of_menus_and_goes_on(few, tmp_path):
    data, z = few
    training = dataclasses.replace(projection_training(100, batch=24), save_every=50)
    unet = small_decoder()[0]
    shares = []

    def learn(folder):
        decoder = small_decoder(awake=False)[1]
        for step in learn_projection(
            decoder, data.pictures, z, unet.class_embedding, training, folder=folder
        ):
            shares.append(step.unexplained)
            yield step

    _, state = goes_on(learn, tmp_path, 100)
    assert shares[0] > 0.5 and shares[99] < 0.5 * shares[0]
    assert {key.split(".")[0] for key in state} == {"module", "optimizer"}
    bare = dataclasses.replace(data.pictures, labels=None, attributes=None)
    with pytest.raises(ValueError, match="Nothing is recorded"):
        run(learn_projection(small_decoder()[1], bare, z, unet.class_embedding, training))


@pytest.mark.parametrize("only", [True, False])
def test_the_decoder_learns_pictures_and_goes_on(few, tmp_path, cpu, only):
    data, z = few
    config = dataclasses.replace(decoder_training(4, batch_size=2), save_every=2)

    def learn(folder, only=only):
        decoder = small_decoder()[1]
        return learn_decoder(
            decoder, data.pictures, z, SCHEDULE, config, only_projection=only, folder=folder
        )

    _, state = goes_on(learn, tmp_path, 4)
    begun = small_decoder()[1].state_dict()
    ended = {key: state[f"unet.decoder.{key}"] for key in begun}
    moved = {key.split(".")[0] for key in begun if not torch.equal(begun[key], ended[key])}
    assert moved == {"project", "nothing"} | (set() if only else {"unet"})
    with pytest.raises(ValueError, match="only_projection"):
        run(learn(tmp_path / "whole", not only))
    numbered = NumberedPictures(data.pictures)
    assert numbered.batch(torch.tensor([3, 1]))[1].tolist() == [3, 1] and len(numbered) == 12


# --- folders, and what is drawn ---------------------------------------------------------------


def test_prior_and_decoder_come_back_from_their_folders_with_their_clip_alone(
    folders, clip_folder, tmp_path
):
    by = load_clip(clip_folder)
    prior, decoder = load_prior(folders[0], by), load_decoder(folders[1], by)
    assert prior.reads_captions and prior.sample_shape == (D,) and prior.null_label
    assert prior.num_bytes == 4 * prior.network.config.num_parameters
    assert decoder.name == "decoder" and len(decoder.weights_hash) == 64
    clip = small_clip(1)
    save_clip(tmp_path / "other", clip, ClipSettings(clip.config, VOCABULARY))
    for load, folder in ((load_prior, folders[0]), (load_decoder, folders[1])):
        with pytest.raises(ValueError, match=f"weights are {by.weights_hash[:8]}, and other has"):
            load(folder, load_clip(tmp_path / "other"))
        with pytest.raises(ValueError, match=r"nowhere holds no (prior|decoder); train one"):
            load(tmp_path / "nowhere", by)
        with pytest.raises(ValueError, match="is not of the form"):
            load(clip_folder, by)
    shutil.copytree(folders[0], tmp_path / "prior")
    values = json.loads((folders[0] / "config.json").read_text())
    for change, words in (
        ({"vocabulary": ["a"]}, "different words"),
        ({"vocabulary": [*VOCABULARY[:-1], "two words"]}, "not one word"),
        ({"clip": "x"}, "clip"),
        ({"network": {**values["network"], "width": 10**6}}, "width"),
    ):
        (tmp_path / "prior" / "config.json").write_text(json.dumps({**values, **change}))
        with pytest.raises(ValueError, match=words) as caught:
            load_prior(tmp_path / "prior", by)
        assert str(caught.value).count("\n") == 0


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_words_walk_to_an_embedding_with_every_sampler(folders, clip_folder, sampler):
    prior = load_prior(folders[0], load_clip(clip_folder))
    denoiser = prior.denoiser({"caption": "a calm person with an afro"}, 2.0)
    x_T = torch.randn(2, D, generator=torch.Generator().manual_seed(0))
    (*_, end) = sample(
        denoiser, x_T, sampler=sampler, num_steps=3, clip_x0=False,
        generator=torch.Generator().manual_seed(1),
    )  # fmt: skip
    assert end.x_prev.shape == (2, D) and bool(torch.isfinite(end.x_prev).all())


def test_embeddings_of_captions_are_the_better_of_two(folders, clip_folder):
    prior = load_prior(folders[0], load_clip(clip_folder))
    words = ("an afro", "a bun", "pixel art", "a hat")
    y = torch.cat([prior.read_caption(each) for each in words])

    def drawn(tries):
        generator = torch.Generator().manual_seed(3)
        return drawn_embeddings(prior, y, generator, num_steps=4, tries=tries)

    z, one = drawn(2), drawn(1)
    g = prior.network.clip.encode_captions(y)
    torch.testing.assert_close(z.norm(dim=1), torch.ones(4))
    alike, alone = (z * g).sum(dim=1), (one * g).sum(dim=1)  # the first tries are the same
    assert bool((alike >= alone - 1e-6).all())
    with pytest.raises(ValueError, match="At least one sample"):
        drawn(0)
    with pytest.raises(ValueError, match="is no prior"):
        drawn_embeddings(load_checkpoint("pretrained/avatars"), y, torch.Generator())


def test_a_variation_from_its_own_noise_comes_back_and_eta_leads_away(folders, clip_folder, few):
    decoder = load_decoder(folders[1], load_clip(clip_folder))
    x0 = few[0].pictures.batch(torch.tensor([0]))[0]

    def vary(seed=0, **options):
        generator = torch.Generator().manual_seed(seed)
        return variation(decoder, x0, generator, num_steps=4, **options)

    z = encode(decoder.clip, x0)
    (*_, end) = sample(decoder.denoiser(z), noise_of(decoder, x0, z, 4), num_steps=4)
    same = vary(eta=0)
    torch.testing.assert_close(same, end.x_prev.clamp(-1, 1))
    assert torch.equal(same, vary(1, eta=0))  # nothing is drawn
    far = [float((vary(eta=eta) - same).abs().mean()) for eta in (0.2, 1.0)]
    assert 0 < far[0] < far[1]
    fresh = vary(eta=0, inverted=False)
    assert (fresh - vary(1, eta=0, inverted=False)).abs().max() > 1e-3
    guided = vary(eta=0, inverted=False, guidance_scale=3.0)
    assert guided.shape == x0.shape and (guided - fresh).abs().max() > 1e-4
    with pytest.raises(ValueError, match="Guidance needs"):
        decoder.denoiser(None, 2.0)
    x, t = torch.randn(1, 3, 64, 64), torch.tensor([500])
    none = decoder.denoiser(None).predict(x, t)[1]
    torch.testing.assert_close(none, decoder.network(x, t))


# --- the recipe -------------------------------------------------------------------------------


def test_the_recipe_trains_both_and_they_are_measured(
    few, clip_folder, avatars_folder, tmp_path, monkeypatch, cpu
):
    for module in (recipe, measured):
        monkeypatch.setattr(module, "captioned", lambda dataset, split="train": few[0])
    prior, begun, out = (str(tmp_path / name) for name in ("prior", "projection", "out"))

    def does(command, folder, *options):
        shared = [command, "--clip", str(clip_folder), "--out", folder, "--steps", "2"]
        done = CliRunner().invoke(recipe.app, [*shared, "--batch-size", "2", *options])
        assert done.exit_code == 0, done.output
        assert "12 embeddings of 8 features" in done.output and "step 2 of 2" in done.output

    does("prior", prior, "--width", "16", "--blocks", "1")
    does("projection", begun, "--init", str(avatars_folder))
    does("pictures", out, "--init", begun, "--only-projection")
    by = load_clip(clip_folder)
    decoder, first = load_decoder(out, by), load_decoder(begun, by)
    assert decoder.config.training["before"]["steps"] == 2
    own, known = decoder.network.unet.state_dict(), load_checkpoint(avatars_folder).unet
    known = known.state_dict()
    assert all(torch.equal(own[key], known[key]) for key in own)  # the UNet was left as it is
    assert decoder.weights_hash != first.weights_hash  # and the projection was not
    assert decoder.config.prediction_type == "v_prediction"  # of the model that it began with
    measured.main(
        tmp_path / "out", tmp_path / "prior", clip_folder, str(avatars_folder), num=4,
        num_differences=2, steps=2,
    )  # fmt: skip
    values = json.loads((tmp_path / "out" / "results.json").read_text())
    assert values["weights"] == decoder.weights_hash and values["clip"] == by.weights_hash
    assert {row["attribute"] for row in values["variations"]} >= {"class", "background"}
    for row in [*values["variations"], *values["words"], *values["differences"]]:
        shares = [value for value in row.values() if isinstance(value, float)]
        assert shares and all(0 <= share <= 1 for share in shares)
    assert all({*measured.CONDITIONS} < {*row} for row in values["words"])
    drawn = {row["attribute"]: row for row in values["quality"]}
    assert {*drawn} == {
        "other held-out pictures",
        "variations",
        *(f"words, by {name}" for name in measured.CONDITIONS),
    }
    assert all(row["frechet"] > 0 and 0 <= row["recall"] <= 1 for row in drawn.values())
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    other = drawn["other held-out pictures"]
    assert f"| other held-out pictures | {other['frechet']:.2f} | {other['precision']:.3f}" in card
    (head,) = [row for row in values["variations"] if row["attribute"] == "class"]
    assert f"| class | {head['kept']:.3f} | {head['chance']:.3f} | {head['pictures']} |" in card


def test_what_is_kept_changed_and_stays_is_told_from_what_the_judge_reads(
    few, folders, clip_folder, monkeypatch
):
    """A decoder of which is known what it shows."""
    data, z = few
    names = data.pictures.attribute_names
    decoder = load_decoder(folders[1], load_clip(clip_folder))
    by = measured.Measured(decoder, None, data, data.pictures.class_names, names, 2, 1.0)
    true = data.pictures.conditions(torch.arange(12))
    by_picture = {x.numpy().tobytes(): y for x, y in zip(data.pictures.batch(
        torch.arange(12))[0], true, strict=True)}  # fmt: skip
    monkeypatch.setattr(
        measured,
        "judged",
        lambda judge, x: (None, torch.stack([by_picture[one.numpy().tobytes()] for one in x])),
    )

    def shows(self, asked, num):
        """What is nearest among the pictures; a head is always the first."""
        seen = true[(asked @ z.T).argmax(dim=1)].clone()
        seen[:, 1] = 0
        return seen

    monkeypatch.setattr(measured.Measured, "seen", shows)
    rows = {row["attribute"]: row for row in measured.variations(by, 12)}
    heads = true[true[:, 1] >= 0, 1]
    assert rows["head"]["kept"] == pytest.approx(float((heads == 0).float().mean()))
    assert rows["head"]["pictures"] == len(heads)
    assert all(row["kept"] == 1 for name, row in rows.items() if name != "head")
    background = true[by.chosen(12, "unclip variations"), -1]
    assert by.names[-1] == "background"
    chance = float((background == background.roll(1)).float().mean())
    assert rows["background"]["chance"] == pytest.approx(chance)
    still = measured.differences(by, 3, 0.0)
    assert all(row["others_stay"] == 1 and row["changed"] == 0 for row in still[1:])
    assert by.told({}).tolist() == [-1] * (1 + len(names))


def test_the_python_of_the_training_page_runs(folders, clip_folder):
    page = (Path(__file__).parents[1] / "docs" / "training.md").read_text(encoding="utf-8")
    code = page.partition("## Avatars from embeddings")[2].partition("In Python:\n\n")[2]
    code = code.partition("\n## ")[0]
    for folder, own in (
        ("runs/clip", clip_folder), ("runs/unclip-prior", folders[0]), ("runs/unclip", folders[1])
    ):  # fmt: skip
        assert f'"{folder}"' in code
        code = code.replace(f'"{folder}"', repr(own.as_posix()))
    names = {}
    exec(compile(textwrap.dedent(code), "docs/training.md", "exec"), names)
    assert names["z"].shape == (1, D) and names["denoiser"].guidance_scale == 2
