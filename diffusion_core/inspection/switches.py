"""Parts of a UNet scaled or taken away while it computes, to see what they are for.

At every block of the way up, the decoder joins its own features h, the backbone, with those that a
skip connection brings from the way down, s. FreeU (Si et al. 2023, section 3) scales the two:

    h, s  ->  b · h, s · k        with a backbone scale b and a skip scale k for each level

Here both act on all channels and frequencies, as in the experiment with which that paper begins;
the method that it ends with scales half of the channels of h, and low frequencies of s alone.

Taken away can be what an attention or a residual branch adds to its shortcut (the shortcut stays:
He et al. 2016), the timestep's embedding e_t (it becomes 0), and single channels of a block's
output. All of it is done by hooks on a shallow copy; the weights are shared and never changed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..fields import Kind, check_fields, flag, listed, number, pair, text, whole
from ..unet import Attention, ResnetBlock, UNet
from .shallow_copy import shallow_copy

MOST_SCALE = 2.0
_SCALES = listed(pair(whole(0, 63), number(0, MOST_SCALE)), 0, 64)
_BLOCKS = listed(text(100, least=1), 0, 1000)
SWITCHES: dict[str, Kind] = {
    "backbone": _SCALES,
    "skips": _SCALES,
    "attentions_off": _BLOCKS,
    "residuals_off": _BLOCKS,
    "channels_off": listed(pair(text(100, least=1), whole(0, 65_535)), 0, 1000),
    "time_off": flag(),
}


@dataclass(frozen=True)
class Switches:
    """What is changed in a network; JSON in and out. The default changes nothing.

    Blocks go by their names in the module tree, as "up_blocks.1.resnets.0". Each field is brought
    into one order and scales of 1 are left out, so that equal changes are equal records.

    Attributes:
        backbone: (level, scale) of what the way up brings to its joins, 0 to 2; level 0 is the
            finest.
        skips: (level, scale) of what skip connections bring there, 0 to 2.
        attentions_off: Attentions that add nothing.
        residuals_off: Residual blocks whose branch adds nothing.
        channels_off: (block, channel) of residual blocks and attentions whose output is 0 there.
        time_off: Whether the timestep's embedding is 0; that of a class stays.
    """

    backbone: tuple[tuple[int, float], ...] = ()
    skips: tuple[tuple[int, float], ...] = ()
    attentions_off: tuple[str, ...] = ()
    residuals_off: tuple[str, ...] = ()
    channels_off: tuple[tuple[str, int], ...] = ()
    time_off: bool = False

    def __post_init__(self) -> None:
        """Refuse what no network can have, in one sentence, and bring the rest into one order."""
        check_fields(self.to_dict(), SWITCHES, of="the switches", prefix="the switches' ")
        for name in ("backbone", "skips"):
            scales = sorted((int(i), float(scale)) for i, scale in getattr(self, name))
            if len({i for i, _ in scales}) < len(scales):
                raise ValueError(f"the switches' {name} name a level twice; give it one scale.")
            object.__setattr__(self, name, tuple(s for s in scales if s[1] != 1))
        for name in ("attentions_off", "residuals_off"):
            object.__setattr__(self, name, tuple(sorted({*getattr(self, name)})))
        channels = sorted({(block, int(channel)) for block, channel in self.channels_off})
        object.__setattr__(self, "channels_off", tuple(channels))
        object.__setattr__(self, "time_off", bool(self.time_off))

    def __bool__(self) -> bool:
        """Whether anything is changed."""
        return self != Switches()

    def to_dict(self) -> dict[str, Any]:
        """What is changed, as JSON values: {} where nothing is."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {name: value for name, value in values.items() if value not in ((), False)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Switches:
        """Read what `to_dict` gave, from anywhere.

        Raises:
            ValueError: in one sentence.
        """
        checked = check_fields(values, SWITCHES, of="the switches", prefix="the switches' ")
        return cls(**{name: _tuples(value) for name, value in checked.items()})

    def check(self, network: nn.Module) -> None:
        """Refuse switches that a network does not have.

        Raises:
            ValueError: in one sentence; also if the network is no UNet.
        """
        unet = _unet(network)
        levels = len(unet.config.channels)
        for level, _ in (*self.backbone, *self.skips):
            if level >= levels:
                raise ValueError(f"The network has levels 0 to {levels - 1}, and no level {level}.")
        kinds: tuple[tuple[Sequence[str], Any, str], ...] = (
            (self.attentions_off, Attention, "attention"),
            (self.residuals_off, ResnetBlock, "residual block"),
            ([block for block, _ in self.channels_off], (Attention, ResnetBlock), "block"),
        )
        for names, kind, words in kinds:
            for name in names:
                if not isinstance(_part(unet, name), kind):
                    raise ValueError(f"The network has no {words} {name!r}; choose another model.")
        for name, channel in self.channels_off:
            most = num_channels(_part(unet, name))
            if channel >= most:
                raise ValueError(f"{name} has channels 0 to {most - 1}, and no channel {channel}.")


def switched(network: nn.Module, switches: Switches) -> UNet:
    """A view of a network with these changes; the network itself stays as it is.

    Args:
        network: A UNet. Other threads may compute with it at the same time.
        switches: What to change. Without a change the view gives the network's output to the bit.

    Returns:
        A shallow copy that shares the weights, with hooks. It is for one use on one device: see
        `shallow_copy`.

    Raises:
        ValueError: if the network does not have these parts.
    """
    switches.check(network)
    view = shallow_copy(_unet(network))
    backbone, skips = dict(switches.backbone), dict(switches.skips)
    for level, block, width in joins(view):
        b, k = backbone.get(level, 1.0), skips.get(level, 1.0)
        if (b, k) != (1.0, 1.0):
            block.register_forward_pre_hook(_scaled(width, b, k))
    for name in switches.attentions_off:
        _part(view, name).to_out[0].register_forward_hook(_nothing)
    for name in switches.residuals_off:
        _part(view, name).conv2.register_forward_hook(_nothing)
    for name, channel in switches.channels_off:
        _part(view, name).register_forward_hook(_without(channel))
    if switches.time_off:
        view.time_embedding.register_forward_hook(_nothing)
    return view


def joins(unet: UNet) -> Iterator[tuple[int, ResnetBlock, int]]:
    """Where backbone and skip are joined: (level, residual block, channels of the backbone).

    They come in the order in which they are computed. A block's input has the backbone's channels
    first, then the skip's.
    """
    before: Any = unet.mid_block.resnets[1]
    last = len(unet.config.channels) - 1
    for i, level in enumerate(unet.up_blocks):
        for block in level.resnets:  # type: ignore[union-attr]
            yield last - i, block, before.conv2.out_channels
            before = block


def num_channels(block: nn.Module) -> int:
    """Channels of what a residual block or an attention gives."""
    layer: Any = block.conv2 if isinstance(block, ResnetBlock) else block.to_q  # type: ignore[union-attr]
    return layer.out_channels if isinstance(layer, nn.Conv2d) else layer.in_features


def _unet(network: nn.Module) -> UNet:
    if not isinstance(network, UNet):
        raise ValueError("This network is not a UNet, so no part of it can be taken away here.")
    return network


def _part(unet: UNet, name: str) -> Any:
    """The module of this name, or None."""
    return dict(unet.named_modules()).get(name)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(each) for each in value) if isinstance(value, list | tuple) else value


def _scaled(width: int, backbone: float, skip: float) -> Callable[..., Any]:
    """A hook that scales the first `width` channels of the input by one number, others by another.

    A scale of 1 leaves the bits as they are, and one of 0 gives zeros whatever was there.
    """

    def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        x, *others = inputs
        parts = (x[:, :width], backbone), (x[:, width:], skip)
        x = torch.cat([p * s if s else torch.zeros_like(p) for p, s in parts], dim=1)
        return (x, *others)

    return hook


def _nothing(_: nn.Module, __: Any, output: Tensor) -> Tensor:
    return torch.zeros_like(output)


def _without(channel: int) -> Callable[..., Tensor]:
    def hook(_: nn.Module, __: Any, output: Tensor) -> Tensor:
        output = output.clone()
        output[:, channel] = 0
        return output

    return hook
