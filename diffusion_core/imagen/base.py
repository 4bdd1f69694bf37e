"""The base model: from a caption to a small picture (Saharia et al. 2022, section 2.4).

    x_t (B, C, h, w), t (B,), y (B, L) -> (B, C_out, h, w)

A UNet without classes, to whose timestep's vector that of the caption stands added. It begins with
the weights of a UNet with classes on larger pictures (`base_from`): patches of half the side make
of half the picture the same grid of features, so that only the convolutions which read and write
patches are other ones, and these begin as if the picture were enlarged by repetition before the
network, and shrunk by the mean behind it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..checkpoint import unet_from
from ..clip import Clip
from ..fields import Kind, check_fields, mapping
from ..unet import UNet, UNetConfig
from .captions import CAPTION, CaptionConfig, CaptionVector, InWords

BASE: dict[str, Kind] = {"unet": mapping(), "caption": mapping(CAPTION)}
READ, WRITTEN = "conv_in.weight", "conv_out"


@dataclass(frozen=True)
class BaseConfig(InWords):
    """The shape of a base model; a `denoiser.NetworkConfig`.

    Attributes:
        unet: The UNet, without classes.
        caption: The captions'.

    Raises:
        ValueError: if the UNet has classes.
    """

    unet: UNetConfig
    caption: CaptionConfig

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if self.unet.num_classes is not None:
            raise ValueError("The UNet of a base model has no classes.")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> BaseConfig:
        """The shape that `dataclasses.asdict` gave, also when it was JSON since.

        Raises:
            ValueError: if a field is missing or holds something else.
        """
        check_fields(values, BASE, required=tuple(BASE), of="its network")
        return cls(unet_from(values["unet"]), CaptionConfig.from_dict(values["caption"]))

    @property
    def sample_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of the pictures."""
        return self.unet.sample_shape

    @property
    def patch_size(self) -> int:
        """Side of the patches that are its channels."""
        return self.unet.patch_size

    @property
    def time_embedding(self) -> str:
        """How the timestep enters; see `denoiser.network_output`."""
        return self.unet.time_embedding

    @property
    def dropout(self) -> float:
        """That of the UNet."""
        return self.unet.dropout

    @property
    def learned_variance(self) -> bool:
        """That of the UNet."""
        return self.unet.learned_variance


class BaseNetwork(nn.Module):
    """The network, a `denoiser.Network`; see the module's docstring.

    Args:
        config: Its shape.
        clip: The CLIP that reads captions; see `CaptionVector`.

    Raises:
        ValueError: if the CLIP has another shape.
    """

    def __init__(self, config: BaseConfig, clip: Clip) -> None:
        """Random weights, by torch's own generator."""
        super().__init__()
        self.config = config
        self.unet = UNet(config.unet)
        self.caption = CaptionVector(config.caption, vector_size(config.unet), clip)

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Predict from noisy pictures.

        Args:
            x_t: (B, C, h, w).
            t: Timesteps, (B,).
            y: Captions as conditions, int64 (B, L); None is the empty caption.

        Raises:
            ValueError: if a shape or a caption does not fit.
        """
        emb = self.unet.conditioning(x_t, t) + self.caption(y, len(t))
        return self.unet.evaluate(x_t, emb)


def vector_size(unet: UNetConfig) -> int:
    """E, the size of a UNet's conditioning vector."""
    return unet.time_dim or 4 * unet.channels[0]


def base_shape(unet: UNetConfig, clip: Clip, side: int, hidden: int = 256) -> BaseConfig:
    """The shape of a base model that goes on from a UNet with classes.

    Args:
        unet: Of the UNet.
        clip: The CLIP that reads captions.
        side: Of the small pictures; patches are made smaller in the same proportion.
        hidden: Numbers of the caption's hidden layer.

    Raises:
        ValueError: if patches cannot be made smaller so.
    """
    whole, patch = unet.image_size[0], unet.patch_size
    if unet.image_size != (whole, whole) or whole % side or patch * side % whole:
        raise ValueError(
            f"Patches of {patch} at a side of {whole} cannot be made smaller for a side of {side}."
        )
    small = dataclasses.replace(
        unet,
        image_size=(side, side),
        patch_size=patch * side // whole,
        num_classes=None,
        attributes=(),
    )
    return BaseConfig(small, CaptionConfig.of(clip, hidden))


def base_from(unet: UNet, clip: Clip, side: int, seed: int = 0, hidden: int = 256) -> BaseNetwork:
    """The base model with the weights of a UNet with classes; see the module's docstring.

    Args:
        unet: The UNet.
        clip: The CLIP that reads captions.
        side: Of the small pictures.
        seed: Of the random weights of what is new.
        hidden: Numbers of the caption's hidden layer.

    Raises:
        ValueError: as `base_shape`.
    """
    config = base_shape(unet.config, clip, side, hidden)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = BaseNetwork(config, clip)
    old, new = unet.config.patch_size, config.unet.patch_size
    weights = trunk_of(unet)
    weights[READ] = patches_read(unet.conv_in.weight, old, new)
    for name in ("weight", "bias"):
        written = getattr(unet.conv_out, name)
        weights[f"{WRITTEN}.{name}"] = patches_written(written, old, new)
    network.unet.load_state_dict(weights)
    take_over_nothing(network.caption, unet)
    return network


def trunk_of(unet: UNet) -> dict[str, Tensor]:
    """The weights of a UNet, all but those of its classes."""
    named = unet.state_dict().items()
    return {k: v.clone() for k, v in named if not k.startswith("class_embedding.")}


def take_over_nothing(caption: CaptionVector, unet: UNet) -> None:
    """Let the empty caption begin with the vector that a UNet has for no condition."""
    if unet.config.num_classes is not None:
        with torch.no_grad():
            caption.nothing.copy_(unet.class_embedding(None, 1)[0])


def patches_read(weight: Tensor, old: int, new: int) -> Tensor:
    """The convolution that reads patches of another side as if the picture were resized.

    It reads (F, C new², k, k) as from (F, C old², k, k): larger patches as their means, smaller
    ones as if each pixel were repeated.

    Args:
        weight: Of the convolution, its input by C, then row and column in a patch.
        old: Side of the patches that it reads.
        new: The other one; one is a multiple of the other.
    """
    F_, _, k, _ = weight.shape
    w = weight.detach().reshape(F_, -1, old, old, k, k)
    if new < old:
        n = old // new
        w = w.reshape(F_, -1, new, n, new, n, k, k).sum(dim=(3, 5))
    else:
        n = new // old
        w = w.repeat_interleave(n, 2).repeat_interleave(n, 3) / n**2
    return w.reshape(F_, -1, k, k).clone()


def patches_written(weight: Tensor, old: int, new: int) -> Tensor:
    """The weight or bias of the convolution that writes patches of another side.

    It writes (C new², ...) as from (C old², ...): larger patches repeat each pixel, of smaller ones
    each pixel is the mean of those in its place.
    """
    rest = weight.shape[1:]
    w = weight.detach().reshape(-1, old, old, *rest)
    if new < old:
        n = old // new
        w = w.reshape(-1, new, n, new, n, *rest).mean(dim=(2, 4))
    else:
        n = new // old
        w = w.repeat_interleave(n, 1).repeat_interleave(n, 2)
    return w.reshape(-1, *rest).clone()
