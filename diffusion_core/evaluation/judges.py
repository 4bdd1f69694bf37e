"""Judges: small classifiers, trained on real images alone, that read what a picture shows.

A `Judge` reads a class. An `AttributeJudge` reads all attributes of an image at once: one trunk, a
head for each. Their pooled features are those in which the Frechet distance is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

WIDTHS = (32, 64, 96, 128, 160, 192)
STRIDES = (2, 1, 2, 1, 2, 1)


class AttributeJudge(nn.Module):
    """Six convolutions with batch norm and ReLU, average pool, 192 features, linear heads.

    Args:
        in_channels: Channels of the images.
        sizes: Number of classes, then the number of values of each attribute.
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


def rights(seen: Tensor, conditions: Tensor) -> Tensor:
    """For each part of a condition the share of images that show it, where it is specified.

    Args:
        seen: What a judge reads in the images, (N, 1 + K), or labels alone, (N,).
        conditions: The true conditions of the images, or those that they were drawn with, of the
            same shape; -1 is unspecified.

    Returns:
        float, (1 + K,); nan where a part is unspecified in all of them.
    """
    seen, conditions = (x.reshape(len(x), -1) for x in (seen, conditions))
    known = conditions >= 0
    return ((seen == conditions) & known).sum(dim=0) / known.sum(dim=0)


class Judge(nn.Module):
    """Five convolutions 32-64-64-128-128 with batch norm and ReLU, average pool, 128 features.

    Args:
        in_channels: Channels of the images.
        num_classes: Number of classes.
    """

    def __init__(self, in_channels: int = 1, num_classes: int = 10) -> None:
        """Random weights."""
        super().__init__()
        widths, strides = (in_channels, 32, 64, 64, 128, 128), (1, 2, 1, 2, 1)
        layers: list[nn.Module] = []
        for i, stride in enumerate(strides):
            conv = nn.Conv2d(widths[i], widths[i + 1], 3, stride, padding=1, bias=False)
            layers += [conv, nn.BatchNorm2d(widths[i + 1]), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], num_classes)

    def features(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) in [-1, 1] to features (B, 128)."""
        return self.body(x).mean(dim=(2, 3))

    def verdict(self, features: Tensor) -> Tensor:
        """Features (B, 128) to labels (B,)."""
        return self.head(features).argmax(dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Images (B, C, H, W) in [-1, 1] to logits (B, num_classes)."""
        return self.head(self.features(x))


def load_judge(folder: str | Path) -> Judge | AttributeJudge:
    """Read `folder/model.safetensors`; in evaluation mode. Its weights show which kind it is.

    Raises:
        ValueError: if there is none, or it is something else.
    """
    file = Path(folder) / "model.safetensors"
    if not file.exists():
        raise ValueError(f"There is no judge at {file}; make it with pretrained/recipes/judge.py.")
    try:
        weights = load_file(str(file))
        judge: Judge | AttributeJudge
        if "heads.0.weight" in weights:
            judge = AttributeJudge.from_weights(weights)
        else:
            judge = Judge(weights["body.0.weight"].shape[1], weights["head.weight"].shape[0])
            judge.load_state_dict(weights)
    except (SafetensorError, KeyError, RuntimeError, OSError) as error:
        raise ValueError(
            f"{file} is not a judge; make one with pretrained/recipes/judge.py."
        ) from error
    return judge.eval()


@torch.no_grad()
def judged(
    judge: Judge | AttributeJudge, images: Tensor, batch_size: int = 500
) -> tuple[Tensor, Tensor]:
    """Features (N, F), float64, and what is seen, for images (N, C, H, W) in [-1, 1].

    What is seen are labels (N,), or by a judge of attributes conditions (N, 1 + K).
    """
    features, labels = [], []
    for part in images.split(batch_size):
        f = judge.features(part)
        features.append(f.double())
        labels.append(judge.verdict(f))
    return torch.cat(features), torch.cat(labels)
