"""Imagen: captions, both networks, their trainings, folders, the cascade, the command, recipes."""

import dataclasses
import json
import shutil
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import TINY_AVATARS, avatars, last, wake
from PIL import Image
from safetensors.torch import load_file
from typer.testing import CliRunner

from diffusion_core.__main__ import app
from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.clip import ClipConfig, ClipSettings, fresh_clip, load_clip, save_clip
from diffusion_core.data import AvatarFile, avatars_name, find_avatars
from diffusion_core.denoiser import ClassifierFreeGuidance, ModelDenoiser
from diffusion_core.generation import SamplingRequest
from diffusion_core.glide import (
    MAX_TOKENS,
    VOCABULARY,
    AvatarRecords,
    CaptionedPictures,
    MenuTargets,
    TextEncoderConfig,
    Tokenizer,
)
from diffusion_core.imagen import (
    LARGE,
    SMALL,
    BaseConfig,
    BaseSettings,
    CascadeRecording,
    CascadeRequest,
    EnlargerConfig,
    EnlargerSettings,
    augmented,
    base_from,
    base_shape,
    clip_of,
    draw_augmentation,
    enlarged,
    enlarger_from,
    enlarger_shape,
    imagen_training,
    large_seed,
    learn_base,
    learn_enlarger,
    learn_words,
    load_base,
    load_cascade,
    load_enlarger,
    patches_read,
    patches_written,
    recommended,
    save_base,
    save_enlarger,
    shrunk,
    words_training,
)
from diffusion_core.process import q_sample
from diffusion_core.samplers import SAMPLERS
from diffusion_core.schedule import make_schedule
from diffusion_core.seeding import seeded
from diffusion_core.unet import UNet
from pretrained.recipes import imagen as recipe
from pretrained.recipes import imagen_measured as measured
from pretrained.recipes.avatars_data import collect, sized

NOISE = {"name": "cosine", "num_train_timesteps": 1000}
SCHEDULE = make_schedule("cosine", num_train_timesteps=1000)
TOKENIZER = Tokenizer()
CAPTION = "a smiling person with an afro"
SIZES = {"hidden": 8, "width": 4, "maps": 3}


def small_clip(seed=0):
    text = TextEncoderConfig(len(VOCABULARY), MAX_TOKENS, 8, 1, 2, 8)
    return fresh_clip(ClipConfig(text, patch=8, widths=(8, 16), embedding=8), seed).eval()


def tiny_unet(seed=0):
    torch.manual_seed(seed)
    return wake(UNet(TINY_AVATARS), seed)


def small_base(awake=True):
    network = base_from(tiny_unet(), small_clip(), 32, hidden=8)
    if awake:
        wake(network.caption.project, size=0.3)
    return network


def small_enlarger(awake=True):
    network = enlarger_from(tiny_unet(), small_clip(), 128, **SIZES)
    if awake:
        for part in (network.caption.project, network.level, network.told, network.last):
            wake(part, size=0.1)
    return network


def captioned(side, count=12):
    """A few avatars at a side, each pixel repeated or averaged, with what is recorded of them."""
    file, data = AvatarFile.embedded().first(count), avatars()
    cut = {name: getattr(data, name)[:count] for name in ("pictures", "labels", "attributes")}
    if side > 64:
        cut["pictures"] = cut["pictures"].repeat(side // 64, 1).repeat(side // 64, 2)
    data = CaptionedPictures(dataclasses.replace(data, **cut), AvatarRecords(file), TOKENIZER)
    return recipe.averaged(data, side) if side < 64 else data


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    folder, clip = tmp_path_factory.mktemp("clips") / "clip", small_clip()
    save_clip(folder, clip, ClipSettings(clip.config, VOCABULARY, "avatars with captions"))
    return folder


@pytest.fixture(scope="module")
def cascade_folder(clip_folder, tmp_path_factory):
    by, top = load_clip(clip_folder), tmp_path_factory.mktemp("imagen") / "cascade"
    known = {"schedule": NOISE, "clip": by.weights_hash, "clip_x0": 1.0, "vocabulary": VOCABULARY}
    known["sampling"] = {"sampler": "dpmpp_2m", "num_steps": 3, "spacing": "karras"}
    base, enlarger = small_base(), small_enlarger()
    save_base(top / "base", base, BaseSettings(network=base.config, **known))
    settings = EnlargerSettings(network=enlarger.config, augmentation=0.2, **known)
    save_enlarger(top / "enlarger", enlarger, settings)
    return top


@pytest.fixture(scope="module")
def cascade(cascade_folder, clip_folder):
    return load_cascade(cascade_folder, load_clip(clip_folder))


def asked(num_images=2, augmentation=0.3, seed=5, **walk):
    both = SamplingRequest(**{"num_steps": 3, **walk})
    return CascadeRequest.of(CAPTION, augmentation, both, both, num_images=num_images, seed=seed)


# --- captions and networks --------------------------------------------------------------------


def test_a_caption_is_a_vector_by_the_frozen_clip_and_none_is_the_empty_one():
    network = small_base()
    caption = network.caption
    y = torch.cat([TOKENIZER.read(CAPTION), TOKENIZER.condition([])])
    e = caption(y, 2)
    told = caption.clip.told(y[:1])
    torch.testing.assert_close(told[:, :8], 8**0.5 * caption.clip.encode_captions(y[:1]))
    vectors = caption.clip.text.words(torch.cat([y[0, :6], torch.tensor([len(VOCABULARY)])]))
    told = torch.cat([told, vectors.sum(dim=0, keepdim=True) / 7**0.5], dim=1)
    torch.testing.assert_close(e[:1], caption.nothing + caption.project(told))
    assert torch.equal(e[1], caption.nothing) and torch.equal(caption(None, 1)[0], e[1])
    x, t = torch.randn(2, 3, 32, 32), torch.tensor([10, 900])
    out = network(x, t, y)
    torch.testing.assert_close(out[1:], network(x[1:], t[1:]))
    assert (out[0] - network(x[:1], t[:1])[0]).abs().max() > 1e-3
    assert not any("clip" in name for name in network.state_dict())
    assert network.double().caption.clip.temperature.dtype == torch.float64
    with pytest.raises(ValueError, match="one caption a sample"):
        caption(y, 3)
    text = TextEncoderConfig(len(VOCABULARY), MAX_TOKENS, 16, 1, 2, 8)
    other = fresh_clip(ClipConfig(text, patch=8, widths=(8, 16), embedding=8), 0)
    with pytest.raises(ValueError, match="CLIP of another shape"):
        type(network)(network.config, other)


def test_patches_of_another_side_are_read_and_written_as_if_the_picture_were_resized():
    weight, bias = torch.randn(5, 3 * 16, 3, 3), torch.randn(3 * 16)
    x = torch.randn(2, 3, 8, 8)
    repeated = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    wanted = F.conv2d(F.pixel_unshuffle(repeated, 4), weight)
    found = F.conv2d(F.pixel_unshuffle(x, 2), patches_read(weight, 4, 2))
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)
    large = torch.randn(2, 3, 32, 32)
    wanted = F.conv2d(F.pixel_unshuffle(F.avg_pool2d(large, 2), 4), weight)
    found = F.conv2d(F.pixel_unshuffle(large, 8), patches_read(weight, 4, 8))
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)
    h, back = torch.randn(2, 5, 4, 4), weight.transpose(0, 1)
    picture = F.pixel_shuffle(F.conv2d(h, back, bias), 4)
    for new, resized in (
        (2, F.avg_pool2d(picture, 2)),
        (8, F.interpolate(picture, scale_factor=2.0)),
    ):
        own = patches_written(back, 4, new), patches_written(bias, 4, new)
        found = F.pixel_shuffle(F.conv2d(h, *own), new)
        torch.testing.assert_close(found, resized, atol=1e-4, rtol=0)


def test_a_base_model_begins_as_its_unet_on_larger_pictures():
    unet, network = tiny_unet(), small_base(awake=False)
    x, t = torch.randn(2, 3, 32, 32), torch.tensor([10, 900])
    wanted = F.avg_pool2d(unet(F.interpolate(x, scale_factor=2.0), t), 2)
    torch.testing.assert_close(network(x, t), wanted, atol=1e-4, rtol=1e-4)
    y = TOKENIZER.read(CAPTION).expand(2, -1)
    torch.testing.assert_close(network(x, t, y), network(x, t))
    with pytest.raises(ValueError, match="cannot be made smaller"):
        base_shape(TINY_AVATARS, small_clip(), 48)
    with pytest.raises(ValueError, match="has no classes"):
        BaseConfig(TINY_AVATARS, network.config.caption)


def test_super_resolution_begins_as_enlargement_and_its_trunk_as_its_unet():
    unet, network = tiny_unet(), small_enlarger(awake=False)
    x, z = torch.randn(2, 3, 128, 128), torch.randn(2, 3, 32, 32)
    t, level = torch.tensor([10, 900]), torch.tensor([0.0, 0.5])
    out = network(x, t, z, level)
    torch.testing.assert_close(out[0], enlarged(z, 4)[0])
    torch.testing.assert_close(out[1], 0.5**0.5 * enlarged(z, 4)[1])
    seen = []
    network.third.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network(x, t, z, level)
    maps, wanted = seen[0][:, 4:7], unet(shrunk(x, 2), t)
    torch.testing.assert_close(maps, F.interpolate(wanted, scale_factor=2.0), atol=1e-4, rtol=1e-4)
    with pytest.raises(ValueError, match="one small picture each"):
        network(x, t, z[:1], level)


def test_super_resolution_is_told_picture_level_caption_and_noise():
    network = small_enlarger()
    x, z = torch.randn(2, 3, 128, 128), torch.randn(2, 3, 32, 32)
    t, level, y = torch.tensor([10, 900]), torch.tensor([0.1, 0.6]), TOKENIZER.read(CAPTION)
    out = network(x, t, z, level, y.expand(2, -1))
    for other in (
        (x + 0.1, t, z, level),
        (x, t + 50, z, level),
        (x, t, z + 0.1, level),
        (x, t, z, level + 0.2),
    ):
        assert (network(*other, y.expand(2, -1)) - out).abs().amax((1, 2, 3)).min() > 1e-4
    assert (network(x, t, z, level) - out).abs().amax((1, 2, 3)).min() > 1e-4
    torch.testing.assert_close(
        network(x[1:], t[1:], z[1:], level[1:], y), out[1:], atol=1e-5, rtol=0
    )


def test_small_pictures_are_bound_to_super_resolution_also_under_guidance():
    network, z = small_enlarger().eval(), torch.randn(2, 3, 32, 32)
    bound = network.bound(z, 0.25)
    x, t, y = torch.randn(2, 3, 128, 128), torch.tensor([500, 500]), TOKENIZER.read(CAPTION)
    level = torch.full((2,), 0.25)
    with torch.no_grad():
        c, u = network(x, t, z, level, y.expand(2, -1)), network(x, t, z, level)
        guided = ClassifierFreeGuidance(ModelDenoiser(bound, SCHEDULE, "sample", y), 3.0)
        torch.testing.assert_close(guided.predict(x, 500)[1], u + 3 * (c - u), atol=1e-4, rtol=1e-4)
        assert not any("small" in name for name in bound.state_dict())
        with pytest.raises(ValueError, match="must be a multiple"):
            bound(x[:1], t[:1])
    assert bound.double().small.dtype == torch.float64
    with pytest.raises(ValueError, match="between 0 and 1, got 1.5"):
        network.bound(z, 1.5)
    with pytest.raises(ValueError, match="small pictures must be 3 × 32 × 32"):
        network.bound(x, 0.5)


def test_augmentation_is_a_turn_from_the_picture_to_noise():
    x, noise = torch.full((3, 3, 4, 4), 0.5), torch.randn(3, 3, 4, 4)
    z = augmented(x, torch.tensor([0.0, 1.0, 0.5]), noise)
    torch.testing.assert_close(z[0], x[0])
    torch.testing.assert_close(z[1], noise[1], atol=1e-6, rtol=0)
    torch.testing.assert_close(z[2], (x[2] + noise[2]) / 2**0.5)
    config = imagen_training(10, batch_size=4)
    small = torch.zeros(500, 3, 2, 2)
    drawn, level = draw_augmentation(config, 3, small)
    again = draw_augmentation(config, 3, small)
    assert torch.equal(drawn, again[0]) and not torch.equal(
        level, draw_augmentation(config, 4, small)[1]
    )
    assert level.min() < 0.02 and level.max() > 0.98 and 0.45 < float(level.mean()) < 0.55
    torch.testing.assert_close(
        drawn.std(dim=(1, 2, 3))[level > 0.9].mean(), torch.tensor(1.0), atol=0.1, rtol=0
    )


def test_shapes_are_bounded_and_each_file_stays_below_ten_mebibytes():
    unet = load_checkpoint("pretrained/avatars").unet.config
    text = TextEncoderConfig(len(VOCABULARY), MAX_TOKENS, 96, 3, vector=128)
    with torch.device("meta"):
        clip = fresh_clip(ClipConfig(text), 0)
        base = base_from(UNet(unet), clip, 32)
        enlarger = enlarger_from(UNet(unet), clip, 128)
    for network, read in ((base, BaseConfig), (enlarger, EnlargerConfig)):
        assert 2 * sum(p.numel() for p in network.parameters()) + 100_000 < 10 * 2**20
        again = read.from_dict(json.loads(json.dumps(dataclasses.asdict(network.config))))
        assert again == network.config
    shape = enlarger.config
    with pytest.raises(ValueError, match="multiple of the ratio, 3"):
        dataclasses.replace(shape, ratio=3)
    with pytest.raises(ValueError, match="sides must be multiples of 16"):
        odd = dataclasses.replace(shape.unet, image_size=(100, 100))
        dataclasses.replace(shape, unet=odd)
    with pytest.raises(ValueError, match="has no classes, and no learned"):
        dataclasses.replace(shape, unet=dataclasses.replace(shape.unet, num_classes=3))
    with pytest.raises(ValueError, match="is no multiple"):
        enlarger_shape(unet, clip, 100)


# --- training ---------------------------------------------------------------------------------


def run(learn, stop=None):
    losses = []
    for step in learn:
        losses.append(step.loss)
        if step.step == stop:
            break
    return losses


def goes_on(learn, folder, steps):
    """Losses of a training, and its state; the same in two parts, to the bit."""
    whole = run(learn(folder / "whole"))
    half = steps // 2
    assert run(learn(folder / "parts"), half) + run(learn(folder / "parts")) == whole
    a, b = (load_file(folder / part / "state.safetensors") for part in ("whole", "parts"))
    assert all(torch.equal(a[key], b[key]) for key in a) and len(whole) == steps
    assert not any("clip" in key for key in a)
    return whole, a


def test_captions_learn_the_vectors_of_menus_and_go_on(tmp_path):
    data, unet = captioned(64), tiny_unet()
    names = avatars()
    targets = MenuTargets(unet.class_embedding, names.class_names, names.attribute_names)
    training = dataclasses.replace(words_training(80, batch=24), save_every=40, learning_rate=0.02)
    shares = []

    def learn(folder):
        network = small_base(awake=False)
        for step in learn_words(network.caption, data, targets, training, folder=folder):
            shares.append(step.unexplained)
            yield step

    goes_on(learn, tmp_path, 80)
    assert sum(shares[70:80]) < 0.6 * sum(shares[:10])


def test_the_base_model_learns_pictures_and_goes_on(tmp_path, cpu):
    data = captioned(32)
    quick = {"save_every": 10, "warmup_steps": 3, "learning_rate": 3e-3}
    config = dataclasses.replace(imagen_training(20, batch_size=4), **quick)

    def learn(folder, count=20):
        settings = dataclasses.replace(config, num_steps=count)
        return learn_base(small_base(), data, SCHEDULE, settings, folder=folder)

    losses, _ = goes_on(learn, tmp_path, 20)
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    with pytest.raises(ValueError, match="already did 20 steps"):
        run(learn(tmp_path / "whole", 10))
    with pytest.raises(ValueError, match="takes pictures of 3 × 32 × 32, and these have 3 × 64"):
        run(learn_base(small_base(), captioned(64), SCHEDULE, config))


def test_super_resolution_learns_and_goes_on(tmp_path, cpu):
    data = captioned(128)
    quick = {"save_every": 8, "warmup_steps": 2, "learning_rate": 3e-3}
    config = dataclasses.replace(imagen_training(16, batch_size=2), **quick)
    networks = []

    def learn(folder):
        for step in learn_enlarger(small_enlarger(), data, SCHEDULE, config, folder=folder):
            networks.append(step.raw)
            yield step

    def error(network):
        """Of the clean pictures, from a third of their signal and clean small ones."""
        x0, _ = data.batch(torch.arange(6))
        t, level = torch.full((6,), 700), torch.full((6,), 0.05)
        x_t = q_sample(x0, t, torch.randn(x0.shape, generator=seeded("error")), SCHEDULE)
        with torch.no_grad():
            return float((network(x_t, t, shrunk(x0, 4), level) - x0).square().mean())

    _, state = goes_on(learn, tmp_path, 16)
    assert error(networks[-1]) < 0.8 * error(small_enlarger())
    assert not torch.equal(state["unet.last.weight"], state["ema.module.last.weight"])
    network = small_enlarger()
    with torch.no_grad():
        network.last.bias.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="diverged at step 1"):
        run(learn_enlarger(network, data, SCHEDULE, config))


# --- folders ----------------------------------------------------------------------------------


def test_folders_come_back_and_belong_to_their_clip(cascade_folder, clip_folder, tmp_path):
    by = load_clip(clip_folder)
    assert clip_of(cascade_folder) == by.weights_hash
    base, enlarger = (
        load_base(cascade_folder / "base", by),
        load_enlarger(cascade_folder / "enlarger", by),
    )
    assert base.reads_captions and base.image_shape == (3, 32, 32)
    x, t, y = torch.randn(1, 3, 32, 32), torch.tensor([300]), base.read_caption(CAPTION)
    torch.testing.assert_close(base.network(x, t, y), small_base()(x, t, y), atol=2e-2, rtol=0)
    assert enlarger.config.augmentation == 0.2
    assert enlarger.network.config == small_enlarger().config
    other = small_clip(1)
    save_clip(tmp_path / "other", other, ClipSettings(other.config, VOCABULARY, ""))
    for load, name in ((load_base, "base"), (load_enlarger, "enlarger")):
        with pytest.raises(
            ValueError, match="was trained with the CLIP whose weights are .* name that CLIP"
        ):
            load(cascade_folder / name, load_clip(tmp_path / "other"))
    with pytest.raises(ValueError, match="holds no base model; train one with"):
        load_base(tmp_path / "none", by)
    with pytest.raises(ValueError, match="holds no model of super-resolution"):
        load_enlarger(tmp_path / "none", by)
    with pytest.raises(ValueError, match="holds no cascade; train one"):
        clip_of(tmp_path)
    twice = tmp_path / "twice"
    shutil.copytree(cascade_folder / "base", twice / "base")
    shutil.copytree(cascade_folder / "base", twice / "enlarger")
    with pytest.raises(
        ValueError, match="is not of the form diffusion-playground-imagen-enlarger/1"
    ):
        load_cascade(twice, by)


@pytest.mark.parametrize(
    ("name", "path", "value", "sentence"),
    [
        ("base", ("network", "unet", "channels"), [0], "channels"),
        ("base", ("network", "caption", "hidden"), -1, "hidden"),
        ("base", ("network", "caption"), None, "caption"),
        ("base", ("vocabulary",), ["one"], "must have"),
        ("base", ("clip",), "short", "clip"),
        ("base", ("schedule",), {"name": "none"}, "schedule"),
        ("enlarger", ("network", "maps"), 1000, "maps"),
        ("enlarger", ("network", "ratio"), 3, "ratio"),
        ("enlarger", ("network", "unet", "image_size"), [128], "image_size"),
        ("enlarger", ("network", "unet", "patch_size"), 2, "patches of 2 pixels"),
        ("enlarger", ("augmentation",), 2, "augmentation"),
        ("enlarger", ("format",), "other", "is not of the form"),
    ],
)
def test_hostile_settings_are_refused_in_a_sentence(
    cascade_folder, clip_folder, tmp_path, name, path, value, sentence
):
    shutil.copytree(cascade_folder / name, tmp_path / name)
    file = tmp_path / name / "config.json"
    settings = json.loads(file.read_text())
    inner = settings
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    file.write_text(json.dumps(settings))
    load = load_base if name == "base" else load_enlarger
    with pytest.raises(ValueError, match=sentence) as caught:
        load(tmp_path / name, load_clip(clip_folder))
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


# --- the cascade ------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_draws_the_same_cascade_again_to_the_bit(cascade, sampler):
    request = asked(num_images=1, sampler=sampler, num_steps=2)
    small, large = cascade.draw(request)
    assert small.shape == (1, 3, 32, 32) and large.shape == (1, 3, 128, 128)
    again = cascade.draw(request)
    assert torch.equal(small, again[0]) and torch.equal(large, again[1])


def test_the_small_picture_becomes_the_condition_and_the_level_counts(cascade):
    request = asked()
    steps = list(cascade.steps(request))
    assert [stage for stage, _ in steps] == [SMALL] * 3 + [LARGE] * 3
    small, large = cascade.draw(request)
    assert torch.equal(steps[2][1].x_prev.clamp(-1, 1), small)
    assert torch.equal(cascade.draw(request, small)[1], large)  # one's own, if it is the same
    z = cascade.condition_of(small, request)
    noise = z - np.cos(0.15 * np.pi) * small
    assert abs(float(noise.std()) - np.sin(0.15 * np.pi)) < 0.02
    assert torch.equal(
        cascade.condition_of(small, dataclasses.replace(request, augmentation=0.0)), small
    )
    assert not torch.equal(noise[0], noise[1])
    one = asked(num_images=1)
    torch.testing.assert_close(cascade.draw(one)[1], large[:1], atol=1e-4, rtol=0)
    other = dataclasses.replace(request, augmentation=0.9)
    assert (cascade.draw(other, small)[1] - large).abs().mean() > 1e-3
    assert not torch.equal(steps[0][1].x_t[0, 0, 0, :8], steps[3][1].x_t[0, 0, 0, :8])
    with pytest.raises(ValueError, match="must be 2 small pictures"):
        cascade.draw(request, small[:1])
    with pytest.raises(ValueError, match="small pictures must be"):
        cascade.draw(request, small[:, :, :16])


def test_thresholds_of_both_walks_are_static_or_dynamic(cascade):
    static, dynamic = (
        asked(num_images=1, guidance_scale=15.0, threshold=kind) for kind in ("static", "dynamic")
    )
    found = [cascade.draw(request) for request in (static, dynamic)]
    for a, b in zip(*found, strict=True):
        assert a.abs().max() <= 1 and not torch.equal(a, b)
    mixed = dataclasses.replace(static, large=dynamic.large)
    small, large = cascade.draw(mixed)
    assert torch.equal(small, found[0][0]) and not torch.equal(large, found[0][1])


def test_both_walks_are_recorded_one_after_the_other_as_they_are_drawn(cascade):
    request = asked(sampler="ddpm", num_steps=4)
    record = CascadeRecording(cascade, request)
    frames = list(record.run())
    assert [stage for stage, _ in frames] == [SMALL] * 5 + [LARGE] * 5
    assert frames[0][1].pictures["x_t"].shape[0] < frames[-1][1].pictures["x_t"].shape[0]
    small, large = cascade.draw(request)
    assert torch.equal(record.result.clamp(-1, 1), large)
    assert torch.equal(record.recordings[SMALL].result.clamp(-1, 1), small)
    own = CascadeRecording(cascade, request, small)
    assert {stage for stage, _ in own.run()} == {LARGE}
    assert torch.equal(own.result, record.result)
    halted = CascadeRecording(cascade, request)
    assert len(list(halted.run(lambda: True))) == 0 and halted.result is None


def test_requests_are_refused_in_a_sentence_and_recommended_ones_are_there(cascade, cascade_folder):
    small, large, level = recommended(cascade)
    assert (small.sampler, large.num_steps, level) == ("dpmpp_2m", 3, 0.2)
    request = CascadeRequest.of(None, level, small, large, num_images=3, seed=2**64 - 1)
    assert request.large.seed == large_seed(2**64 - 1) == 2**31 - 1
    with pytest.raises(ValueError, match="as many images"):
        CascadeRequest(small, dataclasses.replace(large, num_images=2), level)
    with pytest.raises(ValueError, match="begin with noise"):
        CascadeRequest(dataclasses.replace(small, t_start=5), large, level)
    with pytest.raises(ValueError, match="augmentation must lie between 0 and 1, got nan"):
        CascadeRequest(small, large, float("nan"))
    base = dataclasses.replace(cascade.base, network=small_base().unet)
    with pytest.raises(ValueError, match="belong together"):
        dataclasses.replace(cascade, base=dataclasses.replace(base, network=tiny_unet()))
    odd = dataclasses.replace(cascade.base.config, sampling={"no": 1})
    with pytest.raises(ValueError, match="no setting 'no'"):
        recommended(
            dataclasses.replace(cascade, base=dataclasses.replace(cascade.base, config=odd))
        )


# --- the command ------------------------------------------------------------------------------


def test_the_command_draws_a_cascade(cascade_folder, clip_folder, cascade, tmp_path):
    common = ["sample", "--cascade", str(cascade_folder), "--clip", str(clip_folder)]
    common += ["--num", "2", "--steps", "3", "--seed", "5"]
    told = [
        *common,
        "--caption",
        CAPTION,
        "--augmentation",
        "0.3",
        "--out",
        str(tmp_path / "a.npz"),
    ]
    done = CliRunner().invoke(app, told, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    pictures = np.load(tmp_path / "a.npz")["images"]
    wanted = cascade.draw(asked())[1]
    assert pictures.shape == (2, 128, 128, 3)
    assert np.abs(pictures / 127.5 - 1 - wanted.permute(0, 2, 3, 1).numpy()).max() < 0.005
    film = [*common, "--large-steps", "2", "--out", str(tmp_path / "a.gif")]
    assert CliRunner().invoke(app, film, catch_exceptions=False).exit_code == 0
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 3 + 2 + 1
    for more, sentence in (
        (["--label", "1"], "A cascade is asked by --caption; leave --label out."),
        (["--model", "x"], "leave --model out"),
        (["--seed-to", "0"], "leave --seed-to out"),
        (["--augmentation", "7"], "between 0 and 1, got 7"),
    ):
        done = CliRunner().invoke(app, [*common, *more, "--out", str(tmp_path / "b.png")])
        assert done.exit_code and sentence in done.output + str(done.exception)


def test_the_python_of_the_training_page_runs(cascade_folder, clip_folder):
    page = (Path(__file__).parents[1] / "docs" / "training.md").read_text(encoding="utf-8")
    code = page.partition("## Avatars by a cascade")[2].partition("In Python:\n\n")[2]
    code = code.partition("\n## ")[0]
    for folder, own in (("runs/clip", clip_folder), ("runs/imagen", cascade_folder)):
        assert f'"{folder}"' in code
        code = code.replace(f'"{folder}"', repr(own.as_posix()))
    names = {}
    exec(compile(textwrap.dedent(code), "docs/training.md", "exec"), names)
    assert names["large_pictures"].shape == (4, 3, 128, 128) and names["augmentation"] == 0.2


# --- data and recipes -------------------------------------------------------------------------


class Painter:
    """In place of Node.js: noise that follows from what was chosen."""

    def draw(self, choices):
        for choice in choices:
            n = {"open-peeps": 256, "pixel-art": 16, "thumbs": 256}[choice.style]
            seed = [*choice.parts, *choice.indices]
            rng = np.random.default_rng([int(each) + 1 for each in seed])
            yield rng.integers(0, 256, (n, n, 3), dtype=np.uint8)


def test_the_same_avatars_are_drawn_at_either_side(tmp_path, monkeypatch):
    counts = {"open-peeps": 6, "pixel-art": 4, "thumbs": 4}
    small, large = (collect(Painter(), counts, False, set(), 0, 8, side) for side in (64, 128))
    assert small.pictures.shape == (8, 64, 64, 3) and large.pictures.shape == (8, 128, 128, 3)
    for name in ("labels", "attributes", "parts"):
        assert (getattr(small, name) == getattr(large, name)).all()
    means = large.pictures.reshape(8, 64, 2, 64, 2, 3).mean((2, 4))
    assert np.abs(means - small.pictures).max() <= 1
    grid = large.pictures[large.labels == 1].reshape(-1, 16, 8, 16, 8, 3)
    assert len(grid) and (grid == grid[:, :, :1, :, :1]).all()
    assert sized(np.zeros((16, 16, 3), np.uint8), 128).shape == (128, 128, 3)
    assert (avatars_name(), avatars_name(128)) == ("avatars.npz", "avatars-128.npz")
    monkeypatch.setenv("AVATARS_DIR", str(tmp_path))
    with pytest.raises(ValueError, match="avatars-128.npz: make them with .* --size 128"):
        find_avatars(128)


def test_smaller_pictures_are_means_and_the_grid_of_pixel_art_stays_true():
    data = captioned(32)
    whole = captioned(64).pictures.pictures
    assert data.pictures.shape == (3, 32, 32) and len(data.pictures) == 12
    means = whole.reshape(12, 32, 2, 32, 2, 3).mean((2, 4))
    assert np.abs(data.pictures.pictures - means).max() <= 0.5
    pixel_art = data.pictures.pictures[data.pictures.labels.numpy() == 1]
    grid = pixel_art.reshape(-1, 16, 2, 16, 2, 3)
    assert len(grid) and (grid == grid[:, :, :1, :, :1]).all()
    assert last(iter([shrunk(torch.ones(1, 3, 8, 8), 4)])).shape == (1, 3, 2, 2)


@pytest.fixture(scope="module")
def large_avatars(tmp_path_factory):
    """A folder with a file of 24 + 8 avatars of 128 pixels, as the recipe draws them."""
    folder, file = tmp_path_factory.mktemp("drawn"), AvatarFile.embedded()

    def part(first, count):
        cut = {n: getattr(file, n)[first : first + count] for n in ("labels", "attributes")}
        pictures = file.pictures[first : first + count].repeat(2, 1).repeat(2, 2)
        return dataclasses.replace(file, pictures=pictures, **cut)

    AvatarFile.write(folder / avatars_name(128), {"train": part(0, 24), "test": part(24, 8)})
    return folder


def test_the_recipe_trains_all_and_they_are_measured(
    avatars_folder, clip_folder, large_avatars, tmp_path, monkeypatch
):
    monkeypatch.setenv("AVATARS_DIR", str(large_avatars))
    train, top = CliRunner(), tmp_path / "cascade"

    def command(name, *more, steps=2):
        told = [name, "--clip", str(clip_folder), "--init", str(avatars_folder)]
        told += ["--steps", str(steps), "--batch-size", "2", "--say-every", "2", *more]
        done = train.invoke(recipe.app, told, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    words, embedded = str(tmp_path / "words"), ("--dataset", "avatars-3000")
    monkeypatch.setattr(recipe, "captioned", lambda name: captioned(64))
    assert "step 2 of 2" in command("words", "--out", words, *embedded)
    into = {name: ("--words", words, "--out", str(top / name)) for name in ("base", "enlarger")}
    assert "loss" in command("base", *into["base"], *embedded)
    assert "loss" in command("enlarge", *into["enlarger"])
    more = command("enlarge", *into["enlarger"], steps=3)
    assert "step 3 of 3" in more and "step 2 of" not in more  # it went on
    by = load_clip(clip_folder)
    cascade = load_cascade(top, by)
    assert cascade.enlarger.config.training["steps"] == 3
    assert cascade.base.config.training["words"] == words
    before = load_base(words, by).network.caption.project[0].weight
    assert (cascade.base.network.caption.project[0].weight - before).abs().max() < 0.01
    measured.main(
        top, clip_folder, "", str(avatars_folder), split="test", num=4, num_curves=2,
        augmentation=None, augmentations="0,1", scales="1,3", steps=2, guidance_scale=2.0,
        judge=measured.JUDGE,
    )  # fmt: skip
    values = json.loads((top / "results.json").read_text())
    found = ["cascade", "base, interpolated", "real, interpolated", "real"]
    assert [row["model"] for row in values["models"]] == found
    assert values["models"][-1]["edges"] == 1 and values["models"][-1]["obedience"] > 0.9
    assert [row["level"] for row in values["levels"]] == [0, 1]
    assert {row["threshold"] for row in values["thresholds"]} == {"static", "dynamic"}
    assert len(values["thresholds"]) == 4 and 0 < values["saturated_real"] < 1
    assert values["costs"]["enlarger"] > 0
    text = (top / "README.md").read_text()
    assert "| base, interpolated |" in text and "## Level of augmentation" in text
    assert "imagen" in text and "3\nsteps" in text


def test_what_is_measured_tells_a_good_enlargement_from_a_bad_one(
    cascade, large_avatars, monkeypatch
):
    monkeypatch.setenv("AVATARS_DIR", str(large_avatars))
    known = load_checkpoint("pretrained/avatars").config
    judge = measured.load_judge(measured.JUDGE)
    settings = {"steps": 2, "guidance_scale": 1.0, "level": 0.1}
    by = measured.measured_with(
        cascade, judge, recipe.captioned_large("train"), known, 12, **settings
    )
    real, blurred = by.figures(by.real), by.figures(enlarged(shrunk(by.real, 16), 16))
    assert real["frechet"] < 1e-6 and real["edges"] == 1 and real["obedience"] > 0.9
    assert blurred["frechet"] > 10 and blurred["edges"] < 0.6
    assert blurred["obedience"] < real["obedience"]
    assert not torch.equal(by.real, by.others) and len(by.others) == 12
    with pytest.raises(ValueError, match="--scales takes numbers"):
        measured.numbers("1,two", "scales")
    # A perfect second walk: the truth, whatever it is told.
    monkeypatch.setattr(
        measured.Measured, "large", lambda self, small, level: self.real[: len(small)]
    )
    rows = measured.levels(by, 12, [0.0, 0.5])
    assert all(row["away"] < 1e-5 and row["frechet"] < 1e-6 for row in rows)
