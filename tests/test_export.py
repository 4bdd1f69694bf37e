"""Our checkpoints as folders of diffusers, drawn by its own pipeline."""

import dataclasses
import json

import pytest
import torch
from conftest import TINY, last, save_tiny, wake
from diffusers import DDPMPipeline, UNet2DModel

from diffusion_core.__main__ import main
from diffusion_core.checkpoint import (
    CheckpointConfig,
    export_diffusers,
    load_checkpoint,
    save_checkpoint,
)
from diffusion_core.data.named import FASHION_CLASSES
from diffusion_core.generation import SamplingRequest, walk
from diffusion_core.unet import UNet

PLAIN = dataclasses.replace(TINY, patch_size=1, num_classes=None)
COSINE = {"name": "cosine", "num_train_timesteps": 1000}
MODELS = {
    "epsilon": ({}, {"schedule": {"name": "linear", "beta_end": 0.03}}),
    "v, zero terminal SNR": (
        {"scale_shift": False, "image_size": (20, 28)},
        {
            "schedule": {"name": "scaled_linear", "zero_terminal_snr": True},
            "prediction_type": "v_prediction",
        },
    ),
    "x0, a schedule without a name there": (
        {"mid_norm_groups": 0, "mid_scale": 1.5},
        {"schedule": {"name": "sigmoid", "num_train_timesteps": 200}, "prediction_type": "sample"},
    ),
    "another cosine, wider clipping": (
        {"resample_down": ("resnet", "conv"), "attention": (True, True)},
        {"schedule": {**COSINE, "s": 0.1}, "prediction_type": "v_prediction", "clip_x0": 2.0},
    ),
    "no clipping, large variance": (
        {"resample": "resnet", "attention": (False, False), "activation": "gelu"},
        {
            "schedule": COSINE,
            "prediction_type": "v_prediction",
            "clip_x0": 0.0,
            "sampling": {"variance": "beta", "spacing": "leading"},
        },
    ),
    "as trained here": (
        {"num_classes": 10},
        {"schedule": COSINE, "prediction_type": "v_prediction"},
    ),
    "sigmoid in beta": (
        {"attention_up": (True, False), "time_dim": 24},
        {"schedule": {"name": "sigmoid_beta", "beta_start": 0.001}},
    ),
}


def made(folder, shape, config):
    shape = dataclasses.replace(PLAIN, **shape)
    torch.manual_seed(0)
    if shape.num_classes:
        config = {**config, "class_names": FASHION_CLASSES}
    save_checkpoint(folder, wake(UNet(shape)), CheckpointConfig(shape, **config))
    return load_checkpoint(folder)


def theirs(folder, settings):
    pipe = DDPMPipeline.from_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    return pipe(settings.num_images, settings.generators(), settings.num_steps, output_type="pt")


def compare(checkpoint, folder, label=None):
    spacing = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
    settings = SamplingRequest(
        num_images=2,
        sampler="ddpm",
        num_steps=20,
        seed=3,
        spacing=spacing["timestep_spacing"],
        variance=checkpoint.config.sampling.get("variance", "posterior"),
        label=label,
    )
    ours = (last(walk(checkpoint, settings)).x_prev / 2 + 0.5).clamp(0, 1)
    assert float(ours.std()) > 0.01
    torch.testing.assert_close(ours, theirs(folder, settings).images, rtol=0, atol=2e-4)


@pytest.mark.parametrize("name", MODELS)
def test_their_pipeline_draws_our_pictures(name, tmp_path):
    ours = made(tmp_path / "ours", *MODELS[name])
    export_diffusers(tmp_path / "theirs", ours)
    compare(ours, tmp_path / "theirs")
    back = load_checkpoint(tmp_path / "theirs")  # and we read it again
    x, t = torch.randn(1, *ours.image_shape), torch.tensor([200])
    torch.testing.assert_close(back.unet(x, t), ours.unet(x, t), rtol=1e-4, atol=1e-4)
    assert back.config.clip_x0 == ours.config.clip_x0
    assert back.config.prediction_type == ours.config.prediction_type
    torch.testing.assert_close(back.schedule.betas, ours.schedule.betas)


def test_a_class_is_exported_as_a_pipeline_of_its_own(tmp_path):
    ours = made(tmp_path / "ours", *MODELS["as trained here"])
    export_diffusers(tmp_path / "bags", ours, "Bag")
    compare(ours, tmp_path / "bags", label=8)
    export_diffusers(tmp_path / "all", ours, keep_classes=True)
    unet = UNet2DModel.from_pretrained(tmp_path / "all", subfolder="unet")
    x, t, y = torch.randn(3, 1, 28, 28), torch.tensor([5, 300, 999]), torch.tensor([0, 8, 10])
    with torch.no_grad():
        torch.testing.assert_close(
            unet(x, t, class_labels=y).sample, ours.unet(x, t, y), rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize(
    ("shape", "options", "words"),
    [
        ({"patch_size": 2}, {}, r"patch_size 2.*--patch-size 1"),
        ({"num_classes": 10, "null_label": False}, {}, "no null label"),
        ({"num_classes": 10}, {"label": "Hat"}, "no class 'Hat'"),
        ({"num_classes": 10}, {"label": 1, "keep_classes": True}, "not both"),
        ({}, {"label": 1}, "no classes"),
        ({"time_embedding": "fourier"}, {}, "sines first"),
        ({"mid_norm_groups": 0, "scale_shift": False}, {}, "only with scale_shift"),
        (
            {
                "channels": (16, 16, 16),
                "attention": (True,) * 3,
                "resample_down": ("conv", "resnet", "conv"),
            },
            {},
            "alike on the way down",
        ),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(shape, options, words, tmp_path):
    ours = made(tmp_path / "ours", shape, {"schedule": COSINE})
    with pytest.raises(ValueError, match=words) as caught:
        export_diffusers(tmp_path / "theirs", ours, **options)
    assert str(caught.value).endswith(".") and not (tmp_path / "theirs").exists()


def test_a_network_with_attributes_is_none_of_theirs(tmp_path):
    shape = dataclasses.replace(PLAIN, num_classes=2, attributes=(2, 3))
    names = (("hair", ("no", "yes")), ("skin", ("a", "b", "c")))
    config = CheckpointConfig(shape, COSINE, "epsilon", ("x", "y"), "drawn", attribute_names=names)
    save_checkpoint(tmp_path / "ours", UNet(shape), config)
    with pytest.raises(ValueError, match="knows no attributes"):
        export_diffusers(tmp_path / "theirs", load_checkpoint(tmp_path / "ours"))
    assert not (tmp_path / "theirs").exists()


def test_a_network_of_velocities_is_none_of_theirs(tmp_path):
    ours = made(tmp_path / "ours", {}, {"schedule": COSINE, "prediction_type": "velocity"})
    with pytest.raises(ValueError, match="no prediction of the velocity"):
        export_diffusers(tmp_path / "theirs", ours)
    assert not (tmp_path / "theirs").exists()


def test_the_command_exports(tmp_path, monkeypatch, capsys):
    ours = made(tmp_path / "ours", *MODELS["as trained here"])
    line = ["diffusion_core", "export", "--model", str(tmp_path / "ours"), "--out"]
    monkeypatch.setattr("sys.argv", [*line, str(tmp_path / "theirs"), "--label", "3"])
    assert main() == 0
    compare(ours, tmp_path / "theirs", label=3)
    line[3] = str(save_tiny(tmp_path / "tiny"))
    monkeypatch.setattr("sys.argv", [*line, str(tmp_path / "no")])
    assert main() == 2 and "--patch-size 1" in capsys.readouterr().err


def test_a_checkpoints_own_folder_is_not_written_over(tmp_path):
    ours = made(tmp_path / "ours", *MODELS["as trained here"])
    before = {f: f.read_bytes() for f in (tmp_path / "ours").rglob("*") if f.is_file()}
    with pytest.raises(ValueError, match="holds a checkpoint"):
        export_diffusers(tmp_path / "ours", ours)
    assert before == {f: f.read_bytes() for f in (tmp_path / "ours").rglob("*") if f.is_file()}
