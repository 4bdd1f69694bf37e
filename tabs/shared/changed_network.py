"""A network of which parts are changed, as one tab hands it to another, and what it is in words."""

from __future__ import annotations

from dataclasses import dataclass

from diffusion_core.inspection import Switches
from diffusion_core.unet import UNetConfig

_KINDS = {
    "resnets": "residual block",
    "attentions": "attention",
    "downsamplers": "resampling block",
    "upsamplers": "resampling block",
}


@dataclass(frozen=True)
class ChangedNetwork:
    """What is changed in the network of a model.

    Attributes:
        model: The model's value in the menus.
        switches: What is changed.
        label: The class menu's value where it was changed.
        pressed: Another text for each time that it was handed over.
    """

    model: str
    switches: Switches
    label: str | None = None
    pressed: str = ""


def resolution(config: UNetConfig, level: int) -> str:
    """Height and width of a level's feature maps, as "16²", or "16 × 24"."""
    height, width = (side // config.patch_size >> level for side in config.image_size)
    return f"{height}²" if height == width else f"{height} × {width}"


def block_words(config: UNetConfig, name: str) -> str:
    """A block in words: "up_blocks.1.resnets.0" as "up 16² · residual block 1"."""
    parts = name.split(".")
    number = int(parts[-1]) + 1
    kind = f"{_KINDS[parts[-2]]} {number}"
    if parts[0] == "mid_block":
        return f"middle · {kind}"
    way, at = parts[0].removesuffix("_blocks"), int(parts[1])
    level = at if way == "down" else len(config.channels) - 1 - at
    return f"{way} {resolution(config, level)} · {kind}"


def switch_words(config: UNetConfig, switches: Switches) -> str:
    """What is changed, in a few words: "skips of 16² × 0, no timestep embedding"; "" is nothing."""
    scales = [
        f"{what} of {resolution(config, level)} × {scale:g}"
        for what, each in (("skips", switches.skips), ("backbone", switches.backbone))
        for level, scale in each
    ]
    off = [
        f"without the branch of {block_words(config, name)}"
        for name in (*switches.attentions_off, *switches.residuals_off)
    ]
    channels = [
        f"channel {channel} of {block_words(config, name)} × 0"
        for name, channel in switches.channels_off
    ]
    time = ["no timestep embedding"] if switches.time_off else []
    return ", ".join([*scales, *off, *channels, *time])
