"""Folders as diffusers itself writes them, to be read by our loader and compared."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import wake
from diffusers import DDIMScheduler, DDPMPipeline, DDPMScheduler, UNet2DModel
from safetensors.torch import load_file, save_file

# The published configurations, as their files stand on the Hub.
CIFAR: dict[str, Any] = {
    "act_fn": "silu",
    "attention_head_dim": None,
    "block_out_channels": (128, 256, 256, 256),
    "center_input_sample": False,
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
    "downsample_padding": 0,
    "flip_sin_to_cos": False,
    "freq_shift": 1,
    "in_channels": 3,
    "layers_per_block": 2,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-6,
    "norm_num_groups": 32,
    "out_channels": 3,
    "sample_size": 32,
    "time_embedding_type": "positional",
    "up_block_types": ("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
}
CELEBA: dict[str, Any] = CIFAR | {
    "block_out_channels": (128, 128, 256, 256, 512, 512),
    "sample_size": 256,
    "down_block_types": (*["DownBlock2D"] * 4, "AttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "AttnUpBlock2D", *["UpBlock2D"] * 4),
}
# Narrower: that what is published is of another width changes no name, shape or order of layers.
NARROW: dict[str, Any] = {"block_out_channels": (32, 32, 32, 32, 64, 64)}
NARROW_CIFAR: dict[str, Any] = {"block_out_channels": (32, 64, 64, 64)}
SMALL: dict[str, Any] = {
    "sample_size": 16,
    "block_out_channels": (16, 32, 32),
    "norm_num_groups": 8,
    "layers_per_block": 1,
    "attention_head_dim": 8,
    "down_block_types": ("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
}

# name: (settings of the UNet, scheduler)
MODELS: dict[str, tuple[dict[str, Any], Any]] = {
    "google/ddpm-cifar10-32": (CIFAR | NARROW_CIFAR, DDPMScheduler(variance_type="fixed_large")),
    "google/ddpm-celebahq-256": (CELEBA | NARROW, DDPMScheduler()),
    "google/ddpm-church-256": (CELEBA | NARROW, DDPMScheduler(variance_type="fixed_small")),
    "attention at other levels": (
        SMALL
        | {
            "down_block_types": ("AttnDownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
            "up_block_types": ("AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
        },
        DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
    ),
    "fourier": (
        SMALL | {"time_embedding_type": "fourier", "flip_sin_to_cos": True},
        DDPMScheduler(timestep_spacing="trailing"),
    ),
    "scale-shift": (
        SMALL | {"resnet_time_scale_shift": "scale_shift"},
        DDIMScheduler(beta_schedule="scaled_linear", beta_start=0.001, clip_sample=False),
    ),
    "scale-shift, normed middle": (
        SMALL | {"resnet_time_scale_shift": "scale_shift", "attn_norm_num_groups": 4},
        DDPMScheduler(num_train_timesteps=500, timestep_spacing="trailing"),
    ),
    "resnet down and up": (
        SMALL
        | {
            "down_block_types": ("ResnetDownsampleBlock2D", "DownBlock2D", "AttnDownBlock2D"),
            "up_block_types": ("AttnUpBlock2D", "ResnetUpsampleBlock2D", "UpBlock2D"),
            "downsample_type": "resnet",
            "upsample_type": "resnet",
        },
        DDPMScheduler(beta_schedule="sigmoid"),
    ),
    "attention resampled by resnet": (
        SMALL
        | {
            "down_block_types": ("AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
            "up_block_types": ("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
            "downsample_type": "resnet",
            "upsample_type": "resnet",
        },
        DDIMScheduler(trained_betas=torch.linspace(1e-3, 0.015, 1000).tolist()),
    ),
    "classes": (SMALL | {"num_class_embeds": 5}, DDIMScheduler()),
    "odd sizes": (
        SMALL | {"sample_size": (20, 36), "in_channels": 1, "out_channels": 1},
        DDPMScheduler(clip_sample_range=1.5),
    ),
    "v-prediction, zero terminal SNR": (
        SMALL,
        DDIMScheduler(
            prediction_type="v_prediction",
            rescale_betas_zero_snr=True,
            timestep_spacing="trailing",
            clip_sample=False,
        ),
    ),
    "x0-prediction": (SMALL, DDPMScheduler(prediction_type="sample")),
    "all else": (
        SMALL
        | {
            "act_fn": "mish",
            "mid_block_scale_factor": 1.5,
            "center_input_sample": True,
            "time_embedding_dim": 40,
            "add_attention": False,
            "attention_head_dim": None,
        },
        DDPMScheduler(variance_type="fixed_small_log"),
    ),
}


def pipeline(name: str, seed: int = 0, **changes: Any) -> DDPMPipeline:
    """diffusers' own, with random weights that all count."""
    settings, scheduler = MODELS[name]
    torch.manual_seed(seed)
    unet = UNet2DModel(**{**settings, **changes}).eval()
    with torch.no_grad():
        wake(unet, seed, 0.01)
    pipe = DDPMPipeline(unet, scheduler)
    pipe.scheduler = scheduler
    pipe.set_progress_bar_config(disable=True)
    return pipe


def to_old(folder: Path) -> Path:
    """Bring a saved pipeline to the form that the Hub's older repositories have."""
    for file in ("config.json", "diffusion_pytorch_model.safetensors"):
        shutil.move(folder / "unet" / file, folder / file)
    shutil.move(folder / "scheduler" / "scheduler_config.json", folder / "scheduler_config.json")
    weights = folder / "diffusion_pytorch_model.safetensors"
    names = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    old = {}
    for key, value in load_file(weights).items():
        for new, before in names.items():
            key = key.replace(f".{new}.", f".{before}.")
        old[key] = value
    save_file(old, weights)
    for empty in ("unet", "scheduler"):
        (folder / empty).rmdir()
    return folder


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small pipeline, as diffusers saves it; to be read, not changed."""
    folder = tmp_path_factory.mktemp("theirs")
    pipeline("x0-prediction").save_pretrained(folder)
    return folder
