"""Folders that diffusers wrote, old and new: the same numbers come of them here and there."""

import collections
import inspect
import json
import shutil

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, UNet2DModel
from twins import MODELS, pipeline, theirs, to_old

from diffusion_core.__main__ import main
from diffusion_core.checkpoint import load_checkpoint, save_checkpoint
from diffusion_core.checkpoint.diffusers_import import scheduler_config, unet_config
from diffusion_core.denoiser import network_output
from diffusion_core.generation import SamplingRequest, walk
from diffusion_core.samplers import sample

__all__ = ["theirs"]  # the fixture


def end(steps):
    return collections.deque(steps, maxlen=1)[0].x_prev


@pytest.mark.parametrize("name", MODELS)
def test_outputs_and_a_ddim_walk_agree_with_diffusers(name, tmp_path):
    pipe = pipeline(name)
    pipe.save_pretrained(tmp_path)
    ours = load_checkpoint(tmp_path)
    label = 2 if ours.unet.config.num_classes else None
    y = None if label is None else torch.tensor([label])
    C, H, W = ours.image_shape
    # To a convolution smaller pictures are as good, and cheap.
    H, W = (H, W) if max(H, W) < 64 else (32, 32)
    x = torch.randn(1, C, H, W, generator=torch.Generator().manual_seed(1))

    def theirs(x, t):
        with torch.no_grad():
            return pipe.unet(x, t, class_labels=y).sample

    for t in (1, len(ours.schedule) // 3, len(ours.schedule) - 1):
        out = network_output(ours.unet, ours.unet.config, x, torch.tensor([t]), y)
        torch.testing.assert_close(out, theirs(x, torch.tensor([t])), rtol=0, atol=1e-4)

    scheduler = pipe.scheduler.config
    betas = {"beta_schedule": "linear", "trained_betas": pipe.scheduler.betas.tolist()}
    ddim = DDIMScheduler.from_config(  # which does not know of the sigmoid
        scheduler, **(betas if scheduler.beta_schedule == "sigmoid" else {})
    )
    ddim.set_timesteps(20)
    config = ours.config
    # Networks of random weights make much of rounding, and the more the fewer pixels there are:
    # in single precision two right walks part by 3e-4 on some processors. In double they cannot.
    pipe.unet.double(), ours.unet.double()
    x = x.double()
    walked = end(
        sample(
            ours.denoiser(label),
            x,
            ours.schedule,
            num_steps=20,
            clip_x0=config.clip_x0,
            spacing=config.sampling["spacing"],
        )
    )
    for t in ddim.timesteps:
        x = ddim.step(theirs(x, t), t, x, use_clipped_model_output=True).prev_sample
    assert walked.dtype == torch.float64
    assert float((walked - x).abs().max()) < 2e-5 * float(x.abs().max())


# With trailing and fixed_large diffusers adds noise after the last step, so these do not meet here.
@pytest.mark.parametrize(
    ("name", "spacing", "variance"),
    [
        ("attention at other levels", "leading", "fixed_large"),
        ("attention at other levels", "linspace", "fixed_small_log"),
        ("odd sizes", "linspace", "fixed_large"),
        ("odd sizes", "trailing", "fixed_small"),
        ("x0-prediction", "leading", "fixed_small"),
        ("scale-shift, normed middle", "leading", "fixed_small_log"),
    ],
)
def test_a_ddpm_pipeline_draws_the_same_pictures(name, spacing, variance, tmp_path):
    pipe = pipeline(name)
    pipe.scheduler = DDPMScheduler.from_config(
        pipe.scheduler.config, variance_type=variance, timestep_spacing=spacing
    )
    pipe.save_pretrained(tmp_path)
    ours = load_checkpoint(tmp_path)
    settings = SamplingRequest(num_images=2, num_steps=12, seed=7, **ours.config.sampling)
    assert settings.variance == ("beta" if variance == "fixed_large" else "posterior")
    theirs = pipe(2, settings.generators(), 12, output_type="pt").images
    images = (end(walk(ours, settings)) / 2 + 0.5).clamp(0, 1)
    torch.testing.assert_close(images, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["google/ddpm-church-256", "classes", "x0-prediction", "all else"])
def test_older_forms_hold_the_same_model(name, tmp_path):
    pipe = pipeline(name)
    pipe.save_pretrained(tmp_path / "new")
    new = load_checkpoint(tmp_path / "new")
    shutil.copytree(tmp_path / "new", tmp_path / "old")
    old = load_checkpoint(to_old(tmp_path / "old"))
    assert old.config == new.config and old.weights_hash != new.weights_hash
    for key, value in old.unet.state_dict().items():
        assert torch.equal(value, new.unet.state_dict()[key]), key
    scheduler = tmp_path / "old" / "scheduler_config.json"
    written = json.loads(scheduler.read_text())
    for key in (
        "prediction_type",
        "timestep_spacing",
        "steps_offset",
        "clip_sample_range",
        "rescale_betas_zero_snr",
        "thresholding",
    ):
        if written.pop(key) == "sample":
            written["predict_epsilon"] = False
    scheduler.write_text(json.dumps(written))  # an older one did not know of these
    assert load_checkpoint(tmp_path / "old").config == new.config
    part = tmp_path / "new" / "unet"  # the network's own folder, within a pipeline and alone
    assert load_checkpoint(part).config == new.config
    alone = load_checkpoint(shutil.copytree(part, tmp_path / "alone"))
    assert "defaults are taken" in alone.config.notes[0]
    assert alone.config.unet == new.config.unet


def test_what_a_file_leaves_out_is_the_default_of_diffusers():
    defaults = inspect.signature(UNet2DModel.__init__).parameters.values()
    whole = {p.name: p.default for p in defaults if p.name not in ("self", "sample_size")}
    assert unet_config({"sample_size": 32}) == unet_config({"sample_size": 32, **whole})
    assert scheduler_config({}) == scheduler_config({**DDPMScheduler().config})
    kind = {"_class_name": "DDIMScheduler"}
    ddim = scheduler_config(kind)
    assert ddim == scheduler_config({**DDIMScheduler().config, **kind})
    assert ddim["sampling"] == {"sampler": "ddim", "spacing": "leading"}
    assert ddim["clip_x0"] == 1 and scheduler_config({"clip_sample": False})["clip_x0"] == 0
    assert scheduler_config({"predict_epsilon": False})["prediction_type"] == "sample"
    assert scheduler_config({"variance_type": "fixed_large"})["sampling"]["variance"] == "beta"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"beta_start": 1e-3, "beta_end": 0.01},
        {"num_train_timesteps": 300},
        {"beta_schedule": "scaled_linear"},
        {"beta_schedule": "squaredcos_cap_v2"},
        {"beta_schedule": "sigmoid"},
        {"rescale_betas_zero_snr": True},
        {"trained_betas": [0.1, 0.2, 0.3], "num_train_timesteps": 3},
        {
            "trained_betas": [0.1, 0.2, 0.3],
            "num_train_timesteps": 3,
            "rescale_betas_zero_snr": True,
        },
    ],
    ids=str,
)
def test_schedules_agree_with_diffusers(settings, tmp_path):
    pipe = pipeline("x0-prediction")
    pipe.scheduler = DDPMScheduler(**settings)
    pipe.save_pretrained(tmp_path)
    ours = load_checkpoint(tmp_path).schedule.alphas_cumprod.float()
    torch.testing.assert_close(ours, pipe.scheduler.alphas_cumprod, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("unet", {"_class_name": "UNet2DConditionModel"}, "UNet2DConditionModel"),
        ("unet", {"down_block_types": ["SkipDownBlock2D"] * 3}, "SkipDownBlock2D"),
        ("unet", {"up_block_types": ["UpBlock2D"] * 2}, "3 levels"),
        ("unet", {"mid_block_type": None}, "mid_block_type"),
        ("unet", {"class_embed_type": "timestep"}, "class_embed_type"),
        ("unet", {"class_embed_type": "identity"}, "class_embed_type"),
        ("unet", {"time_embedding_type": "learned"}, "time_embedding_type is 'learned'"),
        ("unet", {"act_fn": "tanh"}, "act_fn is 'tanh'"),
        ("unet", {"sample_size": None}, "sample_size"),
        ("unet", {"sample_size": 30}, "multiple of 4"),
        ("unet", {"out_channels": 5}, "3 channels and gives 5"),
        ("unet", {"layers_per_block": [1, 2, 1]}, "layers_per_block"),
        ("unet", {"downsample_type": "fir"}, "downsample_type is 'fir'"),
        ("unet", {"attention_head_dim": 5}, "head_dim 5"),
        ("unet", {"block_out_channels": [16, 32, 64]}, "weights are not those"),
        ("unet", {"layers_per_block": 2}, "resnets.1"),
        ("scheduler", {"_class_name": "PNDMScheduler"}, "PNDMScheduler"),
        ("scheduler", {"_class_name": "ScoreSdeVeScheduler"}, "DDPMScheduler.from_config"),
        ("scheduler", {"beta_schedule": "laplace"}, "beta_schedule is 'laplace'"),
        ("scheduler", {"prediction_type": "flow"}, "prediction_type is 'flow'"),
        ("scheduler", {"variance_type": "learned"}, "variance_type is 'learned'"),
        ("scheduler", {"variance_type": "learned_range"}, "must give 6 channels, and it gives 3"),
        ("scheduler", {"thresholding": True}, "thresholding"),
        ("scheduler", {"timestep_spacing": "odd"}, "timestep_spacing"),
        ("scheduler", {"trained_betas": [0.1, 0.2]}, "2 trained_betas for 1000"),
        ("scheduler", {"beta_end": 2}, "betas|beta"),
        ("scheduler", {"clip_sample_range": -1}, "clip_sample_range is -1"),
        ("scheduler", {"num_train_timesteps": "many"}, "cannot be used"),
        (".", {"vqvae": ["diffusers", "VQModel"], "_class_name": "LDMPipeline"}, "'vqvae'"),
    ],
    ids=str,
)
def test_what_cannot_be_represented_is_refused_by_name(file, change, words, theirs, tmp_path):
    folder = shutil.copytree(theirs, tmp_path / "m")
    names = {"unet": "config.json", "scheduler": "scheduler_config.json", ".": "model_index.json"}
    path = folder / file / names[file]
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ValueError, match=words) as caught:
        load_checkpoint(folder)
    text = str(caught.value)
    assert "\n" not in text and text.endswith(".") and not text.endswith("..") and "m " in text


def test_missing_and_pickled_weights_are_one_sentence(theirs, tmp_path):
    def broken(name, edit, words):
        folder = shutil.copytree(theirs, tmp_path / name)
        edit(folder)
        with pytest.raises(ValueError, match=words) as caught:
            load_checkpoint(folder)
        assert "\n" not in str(caught.value) and str(caught.value).endswith(".")

    weights = "unet/diffusion_pytorch_model.safetensors"
    broken("none", lambda f: (f / weights).unlink(), "lacks unet/diffusion_pytorch_model")
    broken(
        "bin",
        lambda f: (f / weights).rename(f / "unet/diffusion_pytorch_model.bin"),
        "pickle can run code.*use_safetensors=False",
    )
    broken("pieces", lambda f: (f / weights).rename(f / f"{weights}.index.json"), "several pieces")
    broken("cut", lambda f: (f / weights).write_bytes((f / weights).read_bytes()[:999]), "broken")
    broken("no-unet", lambda f: (f / "unet/config.json").unlink(), "lacks config.json")
    broken(
        "no-scheduler",
        lambda f: (f / "scheduler/scheduler_config.json").unlink(),
        "lacks scheduler_config.json",
    )
    broken("list", lambda f: (f / "model_index.json").write_text("[]"), "no settings")
    broken("not-json", lambda f: (f / "unet/config.json").write_text("{"), "broken")


def test_averaged_weights_are_preferred(theirs, tmp_path):
    raw = load_checkpoint(theirs)
    other = pipeline("x0-prediction", seed=5)
    beside = shutil.copytree(theirs, tmp_path / "beside")
    other.unet.register_to_config(decay=0.9999, optimization_step=10)  # as EMAModel writes
    other.unet.save_pretrained(beside / "unet_ema")
    variant = shutil.copytree(theirs, tmp_path / "variant")
    other.unet.save_pretrained(variant / "unet", variant="ema")
    for folder in (beside, variant):
        averaged = load_checkpoint(folder)
        for key, value in other.unet.state_dict().items():
            assert torch.equal(averaged.unet.state_dict()[key], value)
        assert averaged.config.notes and not raw.config.notes
        assert averaged.config.unet == raw.config.unet


def test_habits_of_diffusers_that_are_not_followed_are_told():
    kind = {"_class_name": "DDIMScheduler"}
    assert "steps_offset" in scheduler_config({"steps_offset": 1})["notes"][0]
    assert "set_alpha_to_one" in scheduler_config({**kind, "set_alpha_to_one": False})["notes"][0]
    assert scheduler_config({"steps_offset": 1, "timestep_spacing": "trailing"})["notes"] == ()


def test_a_model_is_clipped_as_it_asks(tmp_path):
    def largest(walk_settings=None, **scheduler):
        pipe = pipeline("odd sizes")
        pipe.scheduler = DDPMScheduler(**scheduler)
        pipe.save_pretrained(tmp_path)
        steps = walk(
            load_checkpoint(tmp_path), SamplingRequest(num_steps=4, **(walk_settings or {}))
        )
        return float(next(iter(steps)).x0_hat.abs().max())

    assert largest() == 1 and largest(clip_sample_range=2.5) == 2.5
    assert largest(clip_sample=False) > 10 and largest({"clip_x0": False}) > 10


def test_a_read_model_can_be_saved_as_ours(theirs, tmp_path):
    read = load_checkpoint(theirs)
    save_checkpoint(tmp_path / "ours", read.unet, read.config)
    again = load_checkpoint(tmp_path / "ours")
    assert again.config == read.config
    x, t = torch.randn(1, 3, 16, 16), torch.tensor([300])
    torch.testing.assert_close(again.unet(x, t), read.unet(x, t), rtol=1e-2, atol=1e-2)


def test_its_own_variance_is_sampled_with_and_its_run_card_walks_again(
    tmp_path, monkeypatch, capsys
):
    pipe = pipeline("odd sizes")
    pipe.scheduler = DDPMScheduler(variance_type="fixed_large")
    pipe.save_pretrained(tmp_path / "theirs")

    def run(*words):
        monkeypatch.setattr("sys.argv", ["diffusion_core", "sample", *map(str, words)])
        assert main() == 0
        return capsys.readouterr().err

    sampled = ["--sampler", "ddpm", "--steps", 3, "--num", 1, "--out", tmp_path / "o.npz"]
    card = tmp_path / "card.json"
    run("--model", tmp_path / "theirs", *sampled, "--save-card", card)
    assert json.loads(card.read_text())["walk"]["variance"] == "beta"
    monkeypatch.setenv("DIFFUSION_MODELS", str(tmp_path))  # there it is found by its name
    assert "the same, to the bit" in run("--card", card, "--out", tmp_path / "again.npz")
