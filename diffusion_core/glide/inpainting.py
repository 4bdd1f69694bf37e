"""Inpainting by words: a network that sees what is known of a picture (Nichol et al. 2021, 2.4).

    x_t (B, C, H, W), t (B,), known x0 (B, C, H, W), mask m (B, 1, H, W), y (B, L)
        -> (B, C_out, H, W)

RePaint (`inpainting.inpaint`) fills a hole with a network that was never trained for it, and sees
the picture around it only through noise. This one is trained for it: beside x_t it is given the
picture without its hole, and the mask, as further channels, whose weights begin at zero. So it
begins as a network that is asked in words, and learns to make the hole fit.

In training the holes are drawn: boxes, strokes, and the whole picture, from which it learns to draw
all of it. A walk is that of `inpaint`, which also puts the known pixels back at every step: outside
of the hole nothing changes, to the bit.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..seeding import seeded
from ..unet import UNetConfig
from .network import GlideNetwork, GlideNetworkConfig

WHOLE, BOXES = 0.15, 0.6  # share of holes that are the whole picture, or boxes; the rest: strokes


@dataclass(frozen=True)
class InpainterShape(GlideNetworkConfig):
    """The shape of a network that fills holes; its pictures are those of `unet`.

    Raises:
        ValueError: if the parts do not fit together, or the variance is learned.
    """

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        super().__post_init__()
        if self.unet.in_channels != self.unet.out_channels:
            raise ValueError("A network that fills holes has no learned variance.")

    @classmethod
    def of(cls, shape: GlideNetworkConfig) -> InpainterShape:
        """The shape of the network that goes on from one that is asked in words."""
        return cls(**{f.name: getattr(shape, f.name) for f in dataclasses.fields(shape)})

    @property
    def trunk(self) -> UNetConfig:
        """The UNet that takes x_t, what is known, and the mask as channels."""
        return dataclasses.replace(self.unet, in_channels=2 * self.unet.in_channels + 1)


class Inpainter(GlideNetwork):
    """The network; see the module's docstring.

    Args:
        config: Its shape.
    """

    def forward(  # type: ignore[override]  # it sees more than x_t
        self, x_t: Tensor, t: Tensor, known: Tensor, mask: Tensor, y: Tensor | None = None
    ) -> Tensor:
        """Predict from noisy pictures.

        Args:
            x_t: (B, C, H, W).
            t: Timesteps, (B,).
            known: The pictures, (B, C, H, W) in [-1, 1]; what is in the hole is not seen.
            mask: 1 where a pixel is known, 0 where it is to be made, (B, 1, H, W).
            y: Captions as conditions, int64 (B, L); None is the empty caption.

        Raises:
            ValueError: if a shape or a caption does not fit.
        """
        if known.shape != x_t.shape or mask.shape != (len(x_t), 1, *x_t.shape[2:]):
            raise ValueError(
                f"Picture and mask must be {tuple(x_t.shape)} and one channel of it, got "
                f"{tuple(known.shape)} and {tuple(mask.shape)}."
            )
        mask = mask.to(x_t.dtype)
        return super().forward(torch.cat([x_t, known.to(x_t.dtype) * mask, mask], dim=1), t, y)

    def bound(self, known: Tensor, mask: Tensor) -> BoundInpainter:
        """The same network with the pictures of a walk and their masks; see `BoundInpainter`."""
        return BoundInpainter(self, known, mask)


class BoundInpainter(nn.Module):
    """A network that fills holes with the pictures of a walk, as a `denoiser.Network`.

    A batch of x_t belongs to the pictures in their order, once or, as of one picture or under
    guidance, several times.

    Args:
        inpainter: The network; its weights are shared.
        known: The pictures, (N, C, H, W) in [-1, 1]. They go where the network goes, and are none
            of its weights.
        mask: 1 where they are known, (N, 1, H, W), or (1, 1, H, W) of all.

    Raises:
        ValueError: if pictures or masks are of another shape.
    """

    known: Tensor
    mask: Tensor

    def __init__(self, inpainter: Inpainter, known: Tensor, mask: Tensor) -> None:
        """Hold the parts; nothing is computed."""
        super().__init__()
        C, H, W = inpainter.config.sample_shape
        N = len(known)
        if known.shape[1:] != (C, H, W) or not N or mask.shape not in ((1, 1, H, W), (N, 1, H, W)):
            raise ValueError(
                f"The pictures must be {(N, C, H, W)} and their masks {(N, 1, H, W)}, got "
                f"{tuple(known.shape)} and {tuple(mask.shape)}."
            )
        self.inpainter = inpainter
        device = next(inpainter.parameters()).device
        self.known, self.mask = known.to(device), mask.expand(N, -1, -1, -1).to(device)

    @property
    def config(self) -> GlideNetworkConfig:
        """The network's shape."""
        return self.inpainter.config

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Predict from noisy pictures (k N, C, H, W); see `Inpainter`.

        Raises:
            ValueError: if there are not as many as pictures, or a multiple of it.
        """
        times, over = divmod(len(x_t), len(self.known))
        if over or not times:
            raise ValueError(
                f"There are {len(self.known)} pictures; a batch must be a multiple of that, got "
                f"{len(x_t)}."
            )
        known, mask = (each.repeat(times, 1, 1, 1) for each in (self.known, self.mask))
        return self.inpainter(x_t, t, known, mask, y)

    def _apply(self, fn: Any, recurse: bool = True) -> BoundInpainter:
        """Whatever moves the weights moves pictures and masks."""
        self.known, self.mask = fn(self.known), fn(self.mask)
        return super()._apply(fn, recurse)


def inpainter_from(network: GlideNetwork) -> Inpainter:
    """The network that fills holes with the weights of one that is asked in words.

    Args:
        network: The network. Where its attention to words adds nothing, the new one has none.
    """
    shape = InpainterShape.of(network.config)
    if not network.attends:
        shape = dataclasses.replace(shape, cross_attention=(False,) * len(shape.cross_attention))
    filler = Inpainter(shape)
    theirs = {k: v.clone() for k, v in network.state_dict().items()}
    read = "unet.conv_in.weight"
    wider = torch.zeros_like(filler.state_dict()[read])
    wider[:, : theirs[read].shape[1]] = theirs[read]
    own = filler.state_dict()
    filler.load_state_dict({k: wider if k == read else theirs[k] for k in own})
    return filler


def draw_known(seed: int, step: int, shape: tuple[int, ...]) -> Tensor:
    """Masks of a step of training, (B, 1, H, W): 1 where a pixel is known.

    Args:
        seed: Of the training.
        step: The step's number.
        shape: (B, C, H, W) of the pictures.
    """
    B, _, H, W = shape
    generator = seeded(seed, "holes", step)
    rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
    return torch.from_numpy(np.stack([_known(rng, H, W) for _ in range(B)])[:, None])


def _known(rng: np.random.Generator, H: int, W: int) -> np.ndarray:
    """One mask, float32 (H, W)."""
    known = np.ones((H, W), np.float32)
    kind = rng.random()
    if kind < WHOLE:
        known[:] = 0
    elif kind < WHOLE + BOXES:
        for _ in range(rng.integers(1, 3)):
            h, w = (int(rng.integers(max(1, side // 6), 1 + 4 * side // 5)) for side in (H, W))
            top, left = int(rng.integers(0, H - h + 1)), int(rng.integers(0, W - w + 1))
            known[top : top + h, left : left + w] = 0
    else:
        rows, columns = np.mgrid[:H, :W]
        for _ in range(rng.integers(1, 4)):
            at, heading = rng.random(2) * (H, W), 2 * np.pi * rng.random()
            radius = rng.uniform(0.05, 0.15) * min(H, W)
            for _ in range(rng.integers(3, 14)):
                known[(rows - at[0]) ** 2 + (columns - at[1]) ** 2 <= radius**2] = 0
                heading += rng.normal(0, 0.6)
                at = np.clip(at + radius * np.array([np.sin(heading), np.cos(heading)]), 0, (H, W))
    return known
