"""A checkpoint in diffusers' layout: `DDPMPipeline.from_pretrained(folder)` draws what we draw.

`model_index.json`, `unet/`, `scheduler/` and a card. The weights are fp32, under their own names,
which are diffusers' too. A pipeline of DDPM knows no classes; a network that does is exported as
the unconditional network that it is for one label. The label only ever enters as a vector added to
the timestep's, W₂ silu(W₁ emb(t) + b₁) + b₂ + e_y, so its vector e_y is added to the bias b₂.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from ..files import save_tensors, write_text
from ..schedule import FlowSchedule
from ..unet import UNetConfig
from .config import CONFIG
from .diffusers_import import SCHEDULES, VARIANCES
from .formats import INDEX, SCHEDULER, THEIRS
from .model import Checkpoint
from .store import CARD, WEIGHTS

VERSION = "0.35.0"  # of diffusers, whose settings these are


def export_diffusers(
    folder: str | Path,
    checkpoint: Checkpoint,
    label: str | int | None = None,
    *,
    keep_classes: bool = False,
) -> None:
    """Write a checkpoint as a folder that `DDPMPipeline.from_pretrained` reads.

    For the same noise its pictures are those of our ddpm, with the spacing that is written: the
    model's own, else trailing.

    Args:
        folder: Made if it is not there.
        checkpoint: Without patches (patch_size 1).
        label: The class, by name or number, whose pictures the pipeline shall draw; None is the
            null label. Only for a network with classes.
        keep_classes: Keep all classes instead, null label last; DDPMPipeline cannot pass a label,
            but `UNet2DModel.from_pretrained(folder, subfolder="unet")` can.

    Raises:
        ValueError: if diffusers' UNet2DModel cannot be that network, or its DDPMScheduler that
            schedule, by name, or there is no such class.
    """
    scheduler = _scheduler(checkpoint)
    config, name = checkpoint.unet.config, Path(checkpoint.name).name
    if config.patch_size > 1:
        raise ValueError(
            f"{name} folds pixels into channels (patch_size {config.patch_size}), which diffusers' "
            "UNet2DModel cannot; train one with --patch-size 1 to export it."
        )
    folder = Path(folder)
    if (folder / CONFIG).is_file() or (folder / WEIGHTS).is_file():
        raise ValueError(f"{folder} holds a checkpoint, which would be hidden; choose another.")
    label = checkpoint.label(label)
    if label is not None and keep_classes:
        raise ValueError("Name a class, or keep all classes, not both.")
    settings = _unet(config)
    tensors = {k: v.detach().cpu().float() for k, v in checkpoint.unet.state_dict().items()}
    if config.num_classes is not None and not keep_classes:
        if label is None and not config.null_label:
            raise ValueError(f"{name} has no null label; name a class, or keep all classes.")
        _fold(tensors, config.num_classes if label is None else label)
        settings["num_class_embeds"] = None
    tensors = {k: v.contiguous().clone() for k, v in tensors.items()}
    save_tensors(folder / "unet" / THEIRS, tensors, {"format": "pt"})
    _write(folder / "unet" / "config.json", {"_class_name": "UNet2DModel"} | settings)
    _write(folder / "scheduler" / SCHEDULER, {"_class_name": "DDPMScheduler"} | scheduler)
    kinds = {"scheduler": "DDPMScheduler", "unet": "UNet2DModel"}
    parts = {part: ["diffusers", kind] for part, kind in kinds.items()}
    _write(folder / INDEX, {"_class_name": "DDPMPipeline"} | parts)
    write_text(folder / CARD, _card(checkpoint, name, keep_classes))


def _write(path: Path, values: dict[str, Any]) -> None:
    text = json.dumps(values | {"_diffusers_version": VERSION}, indent=2, sort_keys=True)
    write_text(path, text + "\n")


def _fold(tensors: dict[str, Tensor], label: int) -> None:
    """Make one label part of the network."""
    vectors = tensors.pop("class_embedding.weight")
    bias = "time_embedding.linear_2.bias"
    tensors[bias] = tensors[bias] + vectors[label]


def _unet(config: UNetConfig) -> dict[str, Any]:
    """Settings of diffusers' `UNet2DModel`; ValueError if it cannot be that."""
    if config.attributes:
        raise ValueError("diffusers' UNet2DModel knows no attributes; this network has them.")
    fourier = config.time_embedding == "fourier"
    if fourier and config.flip_sin_to_cos:
        raise ValueError("diffusers' fourier embedding has sines first; flip_sin_to_cos has not.")
    if config.mid_norm_groups == 0 and config.mid_attention and not config.scale_shift:
        raise ValueError(
            "diffusers leaves out the norm of the middle's attention only with scale_shift."
        )
    down, down_kind = _blocks(config, "down")
    up, up_kind = _blocks(config, "up")
    H, W = config.image_size
    groups = config.norm_groups if config.mid_norm_groups is None else config.mid_norm_groups
    return {
        "sample_size": H if H == W else [H, W],
        "in_channels": config.in_channels,
        "out_channels": config.out_channels,
        "center_input_sample": config.center_input,
        "time_embedding_type": config.time_embedding,
        "time_embedding_dim": config.time_dim,
        "freq_shift": config.freq_shift,
        "flip_sin_to_cos": config.flip_sin_to_cos,
        "down_block_types": down,
        "mid_block_type": "UNetMidBlock2D",
        "up_block_types": up[::-1],
        "block_out_channels": list(config.channels),
        "layers_per_block": config.blocks_per_level,
        "mid_block_scale_factor": config.mid_scale,
        "downsample_padding": config.downsample_padding,
        "downsample_type": down_kind,
        "upsample_type": up_kind,
        "dropout": config.dropout,
        "act_fn": config.activation,
        "attention_head_dim": config.head_dim,
        "norm_num_groups": config.norm_groups,
        "attn_norm_num_groups": groups or None,
        "norm_eps": config.norm_eps,
        "resnet_time_scale_shift": "scale_shift" if config.scale_shift else "default",
        "add_attention": config.mid_attention,
        "class_embed_type": None,
        "num_class_embeds": (
            None if config.num_classes is None else config.num_classes + config.null_label
        ),
    }


def _blocks(config: UNetConfig, way: str) -> tuple[list[str], str]:
    """The names of a way's blocks, from fine to coarse, and how those with attention resample."""
    attention = config.attention if way == "down" else config.up_attention
    kinds = list(config.resample_kinds(way))
    idle = -1 if way == "down" else 0  # there is no way on from there
    kinds[idle] = ""
    attended = {k for k, a in zip(kinds, attention, strict=True) if a and k}
    if len(attended) > 1:
        raise ValueError(f"diffusers resamples all levels with attention alike on the way {way}.")
    plain = {"resnet": f"Resnet{way.title()}sampleBlock2D"}
    names = [
        f"Attn{way.title()}Block2D" if a else plain.get(k, f"{way.title()}Block2D")
        for k, a in zip(kinds, attention, strict=True)
    ]
    return names, next(iter(attended), "conv")


def _scheduler(checkpoint: Checkpoint) -> dict[str, Any]:
    """Settings of diffusers' `DDPMScheduler`."""
    config = checkpoint.config
    if isinstance(checkpoint.schedule, FlowSchedule):
        raise ValueError(
            "diffusers' schedulers of flow matching tell the network u · T, from T down to 1, and "
            "a network of the flow schedule here is told the timestep, T - 1 to 0, so none of them "
            "gives this walk; export it with --onnx."
        )
    if config.prediction_type == "velocity":
        raise ValueError(
            "diffusers' DDPMScheduler knows no prediction of the velocity eps - x0; a network that "
            "predicts epsilon, v_prediction or sample can be exported."
        )
    theirs = {ours: name for name, ours in SCHEDULES.items()}.get(config.schedule["name"])
    ends = {"beta_start": 1e-4, "beta_end": 0.02}
    own = set(config.schedule) - {"name", "num_train_timesteps", "zero_terminal_snr"}
    values: dict[str, Any] = {"trained_betas": None, "rescale_betas_zero_snr": False}
    if theirs is None or (theirs == "squaredcos_cap_v2" and own):
        # A schedule that diffusers has no name for goes as it is.
        values |= {"beta_schedule": "linear", "trained_betas": checkpoint.schedule.betas.tolist()}
    else:
        zero = bool(config.schedule.get("zero_terminal_snr", False))
        values |= {"beta_schedule": theirs, "rescale_betas_zero_snr": zero}
        ends |= {k: config.schedule[k] for k in own & set(ends)}
    variances = {ours: name for name, ours in reversed(VARIANCES.items())}
    variance = config.sampling.get("variance", "posterior")
    if checkpoint.unet.config.learned_variance:  # else its second half would be no variance
        variance = "learned"
    # After the last step of a strided trailing walk diffusers would add noise of this variance.
    usual = "trailing" if variance == "posterior" else "leading"
    spacing = config.sampling.get("spacing", usual)
    return {
        "num_train_timesteps": len(checkpoint.schedule),
        **ends,
        **values,
        "variance_type": variances[variance],
        "prediction_type": config.prediction_type,
        "clip_sample": config.clip_x0 > 0,
        "clip_sample_range": config.clip_x0 or 1.0,
        "thresholding": False,
        "timestep_spacing": spacing if spacing != "karras" else usual,  # which it has not
        "steps_offset": 0,
    }


def _card(checkpoint: Checkpoint, name: str, keep_classes: bool) -> str:
    kind = 'UNet2DModel.from_pretrained("FOLDER", subfolder="unet")'
    if not keep_classes:
        kind = 'DDPMPipeline.from_pretrained("FOLDER")'
    C, H, W = checkpoint.image_shape
    return f"""---
library_name: diffusers
pipeline_tag: unconditional-image-generation
tags: [diffusion, ddpm, unconditional-image-generation]
---
# {name}

A DDPM on {checkpoint.config.dataset or "pictures"}, images {H} × {W} × {C}, for diffusers:

    from diffusers import {kind.partition(".")[0]}
    model = {kind}
"""
