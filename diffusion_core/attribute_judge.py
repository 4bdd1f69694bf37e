"""A judge that reads all attributes of an image at once: one trunk, a head for each.

It is trained on real images alone, so it can say of a generated one what it shows. Its pooled
features are those in which the Frechet distance of such images is taken.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

WIDTHS = (32, 64, 96, 128, 160, 192)
STRIDES = (2, 1, 2, 1, 2, 1)


class AttributeJudge(nn.Module):
    """Six convolutions with batch norm and ReLU, average pool, 192 features, linear heads.

    Args:
        in_channels: Of the images.
        sizes: Classes, then the number of values of each attribute.
        widths: Channels of the convolutions; the last is the number of features.
    """

    def __init__(
        self, in_channels: int, sizes: tuple[int, ...], widths: tuple[int, ...] = WIDTHS
    ) -> None:
        """Random weights."""
        super().__init__()
        layers: list[nn.Module] = []
        for before, width, stride in zip((in_channels, *widths), widths, STRIDES, strict=False):
            conv = nn.Conv2d(before, width, 3, stride, padding=1, bias=False)
            layers += [conv, nn.BatchNorm2d(width), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.heads = nn.ModuleList(nn.Linear(widths[-1], size) for size in sizes)

    @classmethod
    def from_weights(cls, weights: Mapping[str, Tensor]) -> AttributeJudge:
        """The judge whose weights these are; stored in half precision or not."""
        widths = tuple(
            weights[f"body.{3 * i}.weight"].shape[0]
            for i in range(len(STRIDES))
            if f"body.{3 * i}.weight" in weights
        )
        count = sum(name.startswith("heads.") and name.endswith(".weight") for name in weights)
        sizes = tuple(weights[f"heads.{i}.weight"].shape[0] for i in range(count))
        judge = cls(weights["body.0.weight"].shape[1], sizes, widths)
        judge.load_state_dict(
            {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}
        )
        return judge

    def features(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) in [-1, 1] to features (B, F)."""
        return self.body(x).mean(dim=(2, 3))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Images (B, C, H, W) in [-1, 1] to the logits of each head, (B, size)."""
        f = self.features(x)
        return [head(f) for head in self.heads]

    def verdict(self, features: Tensor) -> Tensor:
        """Features (B, F) to conditions (B, 1 + K): the class, then each attribute's value."""
        return torch.stack([head(features).argmax(dim=1) for head in self.heads], dim=1)


def rights(seen: Tensor, said: Tensor) -> Tensor:
    """For each part the share of images that show what is said of it, where something is said.

    Args:
        seen: What a judge saw, (N, 1 + K), or labels alone, (N,).
        said: What is true of the images, or was asked for, as seen; -1 is not said.

    Returns:
        float, (1 + K,); nan where nothing was said.
    """
    seen, said = (x.reshape(len(x), -1) for x in (seen, said))
    known = said >= 0
    return ((seen == said) & known).sum(dim=0) / known.sum(dim=0)
