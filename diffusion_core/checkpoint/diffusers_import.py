"""What diffusers' configuration files say, in our words: `UNet2DModel`, DDPM and DDIM schedulers.

A file leaves out what its writer did not know of: then the default of diffusers' class holds, which
is not always ours. Keys that the class does not have are passed over, as diffusers does. What the
network or the samplers here cannot be is refused by name.

A scheduler's file also says how diffusers would walk: variance, spacing, sampler. These are put
under `sampling`, as recommended settings; they are no property of its weights. Two such habits are
not followed and are told in a note instead: here every walk ends at ᾱ = 1 (`set_alpha_to_one`), and
leading timesteps are multiples of the stride (`steps_offset`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from ..fields import (
    Kind,
    check_fields,
    either,
    flag,
    listed,
    number,
    optional,
    text,
    whole,
)
from ..schedule import MAX_TIMESTEPS
from ..unet import ACTIVATIONS, UNetConfig
from .config import BETA, BETAS, LEVELS, MAX_CLASSES, MAX_SIDE, UNET

UNET2D, SCHEDULERS = "UNet2DModel", ("DDPMScheduler", "DDIMScheduler")
SCHEDULES = {
    "linear": "linear",
    "scaled_linear": "scaled_linear",
    "squaredcos_cap_v2": "cosine",
    "sigmoid": "sigmoid_beta",
}
VARIANCES = {
    "fixed_small": "posterior",
    "fixed_small_log": "posterior",
    "fixed_large": "beta",
    "fixed_large_log": "beta",
    "learned_range": "learned",
}
PREDICTIONS = ("epsilon", "sample", "v_prediction")
WITH_DIFFUSERS = "use this model with diffusers itself"

NAME = text(200, least=1)
NETWORK: dict[str, Kind] = {  # of a UNet2DModel's config.json, as far as it is read here
    "_class_name": NAME,
    "sample_size": optional(either(whole(1, MAX_SIDE), listed(whole(1, MAX_SIDE), 2, 2))),
    "in_channels": whole(1, 1024),
    "out_channels": whole(1, 1024),
    "center_input_sample": flag(),
    "time_embedding_type": NAME,
    "time_embedding_dim": optional(whole(1, 65_536)),
    "freq_shift": UNET["freq_shift"],
    "flip_sin_to_cos": flag(),
    "down_block_types": listed(NAME, **LEVELS),
    "mid_block_type": optional(NAME),
    "up_block_types": listed(NAME, **LEVELS),
    "block_out_channels": UNET["channels"],
    "layers_per_block": UNET["blocks_per_level"],
    "mid_block_scale_factor": UNET["mid_scale"],
    "downsample_padding": UNET["downsample_padding"],
    "downsample_type": optional(NAME),
    "upsample_type": optional(NAME),
    "dropout": UNET["dropout"],
    "act_fn": NAME,
    "attention_head_dim": UNET["head_dim"],
    "norm_num_groups": UNET["norm_groups"],
    "attn_norm_num_groups": optional(whole(1, 16_384)),
    "norm_eps": UNET["norm_eps"],
    "resnet_time_scale_shift": NAME,
    "class_embed_type": optional(NAME),
    "num_class_embeds": optional(whole(1, MAX_CLASSES)),
    "add_attention": flag(),
}
SCHEDULER: dict[str, Kind] = {  # of a scheduler_config.json, as far as it is read here
    "_class_name": NAME,
    "num_train_timesteps": whole(2, MAX_TIMESTEPS),
    "beta_start": BETA,
    "beta_end": BETA,
    "beta_schedule": NAME,
    "trained_betas": optional(listed(BETA, 2, MAX_TIMESTEPS)),
    "variance_type": NAME,
    "clip_sample": optional(flag()),
    "clip_sample_range": number(0, 1000, above=True),
    "prediction_type": NAME,
    "predict_epsilon": optional(flag()),
    "thresholding": optional(flag()),
    "timestep_spacing": NAME,
    "steps_offset": whole(0, MAX_TIMESTEPS),
    "set_alpha_to_one": optional(flag()),
    "rescale_betas_zero_snr": optional(flag()),
}


def _refuse(key: str, value: Any, then: str = WITH_DIFFUSERS) -> NoReturn:
    raise ValueError(f"its {key} is {value!r}, which cannot be had here; {then}")


def _only(values: Mapping[str, Any], key: str, default: Any, known: Any) -> Any:
    """The value of a key, or its default; refused if it is not among what is known."""
    value = values.get(key, default)
    if value not in known:
        _refuse(key, value)
    return value


def unet_config(values: Mapping[str, Any]) -> UNetConfig:
    """The shape of a `UNet2DModel`.

    Args:
        values: The contents of its config.json.

    Raises:
        ValueError: if the network here cannot be that, by the name of the setting.
    """
    values = check_fields(values, {"_class_name": NAME}, others=True)
    if (kind := values.get("_class_name", UNET2D)) != UNET2D:
        _refuse("network", kind, "only UNet2DModel is read")
    check_fields(values, NETWORK, others=True)
    channels = tuple(values.get("block_out_channels", (224, 448, 672, 896)))
    levels = len(channels)
    down = _blocks(values, "down", ("DownBlock2D", *["AttnDownBlock2D"] * 3))
    up = _blocks(values, "up", (*["AttnUpBlock2D"] * 3, "UpBlock2D"))[::-1]
    if len(down) != levels or len(up) != levels:
        raise ValueError(f"it has {levels} levels, but {len(down)} blocks down and {len(up)} up")
    _only(values, "mid_block_type", "UNetMidBlock2D", ["UNetMidBlock2D"])
    _only(values, "class_embed_type", None, [None])
    shift = _only(values, "resnet_time_scale_shift", "default", ["default", "scale_shift"])
    fourier = _only(values, "time_embedding_type", "positional", ["positional", "fourier"])
    fourier = fourier == "fourier"
    size = values.get("sample_size")
    if size is None:
        raise ValueError(
            "its config.json lacks sample_size; write there how large its pictures are"
        )
    size = (size, size) if isinstance(size, int) else tuple(size)
    if any(s % 2 ** (levels - 1) for s in size):
        _refuse("sample_size", size, f"a side must be a multiple of {2 ** (levels - 1)}")
    into, out = values.get("in_channels", 3), values.get("out_channels", 3)
    if out not in (into, 2 * into):
        raise ValueError(
            f"it takes {into} channels and gives {out}, while here as many come out as go in, or "
            f"twice as many with a learned variance; {WITH_DIFFUSERS}"
        )
    UNET["in_channels"].check("its in_channels", into)
    classes = values.get("num_class_embeds")
    mid_groups = values.get("attn_norm_num_groups")
    if mid_groups is None and shift == "scale_shift":
        mid_groups = 0
    activation = str(values.get("act_fn", "silu")).lower().replace("swish", "silu")
    if activation not in ACTIVATIONS:
        _refuse("act_fn", activation)
    return UNetConfig(
        image_size=size,
        in_channels=into,
        out_channels=out,
        channels=channels,
        blocks_per_level=values.get("layers_per_block", 2),
        attention=tuple(attend for attend, _ in down),
        attention_up=_unless_same([a for a, _ in up], [a for a, _ in down]),
        mid_attention=bool(values.get("add_attention", True)),
        mid_norm_groups=mid_groups,
        mid_scale=values.get("mid_block_scale_factor", 1),
        head_dim=values.get("attention_head_dim", 8),
        norm_groups=values.get("norm_num_groups", 32),
        norm_eps=values.get("norm_eps", 1e-5),
        activation=activation,
        dropout=values.get("dropout", 0.0),
        scale_shift=shift == "scale_shift",
        time_embedding="fourier" if fourier else "positional",
        time_dim=values.get("time_embedding_dim"),
        # The fourier embedding is built without this setting.
        flip_sin_to_cos=False if fourier else bool(values.get("flip_sin_to_cos", True)),
        freq_shift=values.get("freq_shift", 0),
        center_input=bool(values.get("center_input_sample", False)),
        downsample_padding=_only(values, "downsample_padding", 1, [0, 1]),
        resample_down=_unless_same([kind for _, kind in down], ["conv"] * levels),
        resample_up=_unless_same([kind for _, kind in up], ["conv"] * levels),
        num_classes=classes,
        null_label=False,
    )


def _unless_same(values: list[Any], usual: list[Any]) -> tuple[Any, ...] | None:
    return None if values == usual else tuple(values)


def _blocks(
    values: Mapping[str, Any], way: str, default: tuple[str, ...]
) -> list[tuple[bool, str]]:
    """For each block whether it attends, and how it resamples; in the file's order.

    Only blocks with attention heed `downsample_type` and `upsample_type`.
    """
    sample = f"{way}sample"
    kind = values.get(f"{sample}_type") or "conv"
    known = {
        f"{way.title()}Block2D": (False, "conv"),
        f"Attn{way.title()}Block2D": (True, kind),
        f"Resnet{sample.title()}Block2D": (False, "resnet"),
    }
    found = []
    for name in values.get(f"{way}_block_types", default):
        block = known.get(str(name).removeprefix("UNetRes"))
        if block is None:
            _refuse(f"{way}_block_types", name)
        if block[1] not in ("conv", "resnet"):
            _refuse(f"{sample}_type", kind)
        found.append(block)
    return found


def scheduler_config(values: Mapping[str, Any]) -> dict[str, Any]:
    """Read a DDPM or DDIM scheduler's configuration: the fields of `CheckpointConfig` but `unet`.

    Args:
        values: The contents of its scheduler_config.json.

    Raises:
        ValueError: if schedule, prediction or walk cannot be that here, by name.
    """
    values = check_fields(values, {"_class_name": NAME}, others=True)
    kind = values.get("_class_name", SCHEDULERS[0])
    if kind not in SCHEDULERS:
        _refuse(
            "scheduler",
            kind,
            "if the model was trained as a DDPM, save it with "
            "DDPMScheduler.from_config(pipeline.scheduler.config)",
        )
    check_fields(values, SCHEDULER, others=True)
    if values.get("thresholding"):
        _refuse("thresholding", True, f"set it to false in its file, or {WITH_DIFFUSERS}")
    # Before there was a prediction_type, there was this.
    usual = "sample" if values.get("predict_epsilon") is False else "epsilon"
    sampling = {
        "sampler": "ddpm" if kind == "DDPMScheduler" else "ddim",
        "spacing": _only(
            values, "timestep_spacing", "leading", ["leading", "trailing", "linspace"]
        ),
    }
    if kind == "DDPMScheduler":
        variance = _only(values, "variance_type", "fixed_small", VARIANCES)
        sampling["variance"] = VARIANCES[variance]
    notes = []
    if (offset := values.get("steps_offset", 0)) and sampling["spacing"] == "leading":
        notes.append(f"diffusers would visit timesteps later by {offset} (steps_offset).")
    if kind == "DDIMScheduler" and not values.get("set_alpha_to_one", True):
        notes.append(
            "diffusers' DDIM would keep the noise of timestep 0 (set_alpha_to_one is false); here "
            "walks end without noise."
        )
    return {
        "schedule": _schedule(values),
        "prediction_type": _only(values, "prediction_type", usual, PREDICTIONS),
        "clip_x0": values.get("clip_sample_range", 1.0) if values.get("clip_sample", True) else 0.0,
        "sampling": sampling,
        "notes": tuple(notes),
    }


def _schedule(values: Mapping[str, Any]) -> dict[str, Any]:
    T = values.get("num_train_timesteps", 1000)
    zero = {"zero_terminal_snr": True} if values.get("rescale_betas_zero_snr") else {}
    betas = values.get("trained_betas")
    if betas is not None:
        if len(betas) != T:
            raise ValueError(f"it has {len(betas)} trained_betas for {T} timesteps")
        return {"name": BETAS, BETAS: [float(b) for b in betas], **zero}
    name = SCHEDULES[_only(values, "beta_schedule", "linear", SCHEDULES)]
    ends = {
        "beta_start": values.get("beta_start", 1e-4),
        "beta_end": values.get("beta_end", 0.02),
    }
    return {"name": name, "num_train_timesteps": T, **(ends if name != "cosine" else {}), **zero}
