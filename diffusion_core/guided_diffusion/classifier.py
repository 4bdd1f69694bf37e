"""A classifier of noisy pictures, p(y | x_t, log-SNR).

It is told the log-SNR of a picture, log(alpha² / sigma²), and not its timestep, so that it serves
every schedule. Its pictures are those of a variance-preserving process, alpha² + sigma² = 1; the
guidance brings those of other processes into that form.

By Bayes' rule the gradient of the best classifier is a difference of two scores, and by Tweedie's
formula that is a difference of two means of x0 (Dhariwal and Nichol 2021, section 4, with Efron
2011):

    ∇ log p(y | x_t) = (alpha / sigma²) (E[x0 | x_t, y] - E[x0 | x_t])

It falls with alpha, and the guidance divides by alpha again. The logits are therefore built as
alpha f(x_t, log-SNR) + b, whose gradient has this factor by construction; learnt alone, it would
be noise that is enlarged ten thousand times at the first steps of a walk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..fields import Kind, check_fields, listed, whole

MAX_PARAMETERS = 300_000
LOG_SNR_LIMIT = 12.0  # what it is told; beyond it a picture is noise, or clean, to the eye

CLASSIFIER: dict[str, Kind] = {
    "sample_shape": listed(whole(1, 1024), 3, 3),
    "num_classes": whole(2, 1000),
    "widths": listed(whole(8, 512), 1, 5),
    "embedding": whole(8, 512),
}


@dataclass(frozen=True)
class ClassifierConfig:
    """The shape of a classifier.

    Attributes:
        sample_shape: (C, H, W) of its pictures.
        num_classes: Labels 0 to num_classes - 1.
        widths: Channels of each level, multiples of 8; each level but the first halves the side.
        embedding: Channels of the embedding of log-SNR.

    Raises:
        ValueError: if a width is no multiple of 8, a picture is too small for the levels, or there
            would be more than `MAX_PARAMETERS` parameters.
    """

    sample_shape: tuple[int, int, int] = (1, 28, 28)
    num_classes: int = 10
    widths: tuple[int, ...] = (16, 48, 96)
    embedding: int = 64

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        values = {k: list(v) if isinstance(v, tuple) else v for k, v in vars(self).items()}
        check_fields(values, CLASSIFIER, required=tuple(CLASSIFIER))
        if any(width % 8 for width in self.widths) or self.embedding % 2:
            raise ValueError("The widths of a classifier are multiples of 8, its embedding of 2.")
        if min(self.sample_shape[1:]) < 2 ** (len(self.widths) - 1):
            raise ValueError("The pictures are too small for so many levels of a classifier.")
        with torch.device("meta"):
            count = sum(p.numel() for p in NoisyClassifier(self, checked=True).parameters())
        if count > MAX_PARAMETERS:
            raise ValueError(
                f"This classifier would have {count:,} parameters, and at most {MAX_PARAMETERS:,} "
                "are allowed; take narrower widths."
            )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ClassifierConfig:
        """The shape that `dataclasses.asdict` gave, also when it was JSON since.

        Raises:
            ValueError: if a field is missing or holds something else.
        """
        check_fields(values, CLASSIFIER, required=tuple(CLASSIFIER))
        shape: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
        }
        return cls(**shape)


class NoisyClassifier(nn.Module):
    """Residual convolutions told the log-SNR, average pool, a linear head.

    Args:
        config: Its shape.
        checked: Whether the shape has been checked already.
    """

    def __init__(self, config: ClassifierConfig, *, checked: bool = False) -> None:
        """Random weights; the head begins at zero, so that every class is equally likely."""
        super().__init__()
        self.config = config
        C, widths = config.sample_shape[0], config.widths
        self.embed = nn.Sequential(nn.Linear(config.embedding, config.embedding), nn.SiLU())
        self.stem = nn.Conv2d(C, widths[0], 3, padding=1)
        pairs = list(zip((widths[0], *widths), widths, strict=False))
        self.blocks = nn.ModuleList(
            LogSnrBlock(before, width, config.embedding, halve=level > 0)
            for level, (before, width) in enumerate(pairs)
        )
        self.norm = nn.GroupNorm(8, widths[-1])
        self.head = nn.Linear(widths[-1], config.num_classes)
        self.prior = nn.Parameter(torch.zeros(config.num_classes))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x_t: Tensor, log_snr: Tensor) -> Tensor:
        """Logits (B, num_classes) of noisy pictures.

        Args:
            x_t: Pictures of a variance-preserving process, (B, C, H, W).
            log_snr: log(alpha² / sigma²) of each, float (B,); may be infinite.

        Raises:
            ValueError: if the pictures are of another shape.
        """
        if x_t.shape[1:] != self.config.sample_shape:
            raise ValueError(
                f"This classifier reads pictures of {_times(self.config.sample_shape)}, and was "
                f"given {_times(tuple(x_t.shape[1:]))}."
            )
        told = log_snr_embedding(log_snr, self.config.embedding)
        emb = self.embed(told.to(self.stem.weight.dtype))
        h = self.stem(x_t)
        for block in self.blocks:
            h = block(h, emb)
        read = self.head(F.silu(self.norm(h)).mean(dim=(2, 3)))
        return torch.sigmoid(log_snr).sqrt()[:, None] * read + self.prior

    @property
    def num_parameters(self) -> int:
        """Number of its parameters."""
        return sum(p.numel() for p in self.parameters())


class LogSnrBlock(nn.Module):
    """Two convolutions beside a short cut; the log-SNR scales and shifts between them.

    Args:
        before, width: Channels that come in and go out, multiples of 8.
        embedding: Channels of the embedding of log-SNR.
        halve: Whether the side is halved first, by averaging.
    """

    def __init__(self, before: int, width: int, embedding: int, *, halve: bool) -> None:
        """Random weights."""
        super().__init__()
        self.halve = halve
        self.norm1, self.norm2 = nn.GroupNorm(8, before), nn.GroupNorm(8, width)
        self.conv1 = nn.Conv2d(before, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.told = nn.Linear(embedding, 2 * width)
        self.short = nn.Identity() if before == width else nn.Conv2d(before, width, 1)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """Features (B, before, H, W) and the embedding (B, E) to (B, width, H', W')."""
        if self.halve:
            x = F.avg_pool2d(x, 2, ceil_mode=True)
        scale, shift = self.told(emb)[:, :, None, None].chunk(2, dim=1)
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.norm2(h) * (1 + scale) + shift
        return self.short(x) + self.conv2(F.silu(h))


def log_snr_embedding(log_snr: Tensor, dim: int) -> Tensor:
    """Sines and cosines of log-SNR at wavelengths from 4 to 96, (B, dim)."""
    told = log_snr.float().clamp(-LOG_SNR_LIMIT, LOG_SNR_LIMIT)
    lengths = torch.logspace(math.log10(4), math.log10(8 * LOG_SNR_LIMIT), dim // 2)
    angles = told[:, None] * (2 * math.pi / lengths.to(told.device))
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
