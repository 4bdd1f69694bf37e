"""CLIP for noisy pictures: two encoders into one space (Radford et al. 2021; GLIDE, section 2.4).

    e(x_t, λ) = alpha(λ) f / |f|,   g(c) = w / |w|,   logit(x_t, c) = exp(τ) e · g        (B, D)

f is what residual convolutions make of a picture, told its log-SNR λ as the classifier of noisy
pictures is; w is the last token of GLIDE's text encoder; τ is learnt. A clean picture has
alpha = 1, so that its embedding z_i lies on the unit sphere, where captions lie.

The factor alpha is that of the classifier, and for its reason: a logit is what a caption and a
picture say of each other, log p(x_t, c) / (p(x_t) p(c)), which is 0 where the picture is noise, and
whose gradient falls with alpha (see `guided_diffusion.classifier`). Embeddings of length 1 at every
level would leave at the first steps of a walk the gradient of noise, and guidance enlarges it there
by 1 / alpha.

The picture is cut into patches (4 × 4 pixels in one convolution) since that is cheap: a contrast
needs many pictures in a step. The last features are read by their places, not averaged: where a
thing is says what it is.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..fields import Kind, check_fields, listed, mapping, whole
from ..glide import TextEncoder, TextEncoderConfig
from ..guided_diffusion import LogSnrBlock, log_snr_embedding
from ..unet import without_memory

MAX_PARAMETERS = 2_000_000  # 4 MB in half precision
MAX_TEMPERATURE = math.log(100)  # of τ, as in CLIP
_FIRST_TEMPERATURE = math.log(1 / 0.07)

CLIP: dict[str, Kind] = {
    "text": mapping(),
    "sample_shape": listed(whole(1, 1024), 3, 3),
    "patch": whole(1, 64),
    "widths": listed(whole(8, 512), 1, 5),
    "embedding": whole(8, 512),
}
_TEXT: dict[str, Kind] = {
    "num_words": whole(1, 20_000),
    "length": whole(1, 1000),
    "width": whole(1, 1024),
    "layers": whole(1, 48),
    "heads": whole(1, 64),
    "vector": whole(1, 1024),
}


@dataclass(frozen=True)
class ClipConfig:
    """The shape of a CLIP.

    Attributes:
        text: The text encoder; its `vector` is the number D of features of both embeddings.
        sample_shape: (C, H, W) of its pictures.
        patch: Side of the patches that the first convolution reads.
        widths: Channels of each level, multiples of 8; each level but the first halves the side.
        embedding: Channels of the embedding of log-SNR.

    Raises:
        ValueError: if a width is no multiple of 8, the side does not fit patches and levels, or
            there would be more than `MAX_PARAMETERS` parameters.
    """

    text: TextEncoderConfig
    sample_shape: tuple[int, int, int] = (3, 64, 64)
    patch: int = 4
    widths: tuple[int, ...] = (64, 96, 128)
    embedding: int = 64

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        values = {k: list(v) if isinstance(v, tuple) else v for k, v in vars(self).items()}
        check_fields({**values, "text": vars(self.text)}, CLIP, required=tuple(CLIP))
        if any(width % 8 for width in self.widths) or self.embedding % 2:
            raise ValueError("The widths of a CLIP are multiples of 8, its embedding of 2.")
        step = self.patch * 2 ** (len(self.widths) - 1)
        if any(side % step for side in self.sample_shape[1:]):
            raise ValueError(f"The sides of a CLIP's pictures must be multiples of {step}.")
        count = sum(p.numel() for p in without_memory(lambda: Clip(self)).parameters())
        if count > MAX_PARAMETERS:
            raise ValueError(
                f"This CLIP would have {count:,} parameters, and at most {MAX_PARAMETERS:,} are "
                "allowed; take narrower widths."
            )

    @property
    def features(self) -> int:
        """The number D of features of an embedding."""
        return self.text.vector

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ClipConfig:
        """The shape that `dataclasses.asdict` gave, also when it was JSON since.

        Raises:
            ValueError: if a field is missing or holds something else.
        """
        check_fields(values, CLIP, required=tuple(CLIP))
        check_fields(values["text"], _TEXT, required=tuple(_TEXT), prefix="its text.")
        shape: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
        }
        return cls(**{**shape, "text": TextEncoderConfig(**values["text"])})


class PictureEncoder(nn.Module):
    """Patches, residual convolutions told the log-SNR, and a linear layer over all places.

    Args:
        config: The shape.
    """

    def __init__(self, config: ClipConfig) -> None:
        """Random weights."""
        super().__init__()
        self.config = config
        C, height, width = config.sample_shape
        widths = config.widths
        self.embed = nn.Sequential(nn.Linear(config.embedding, config.embedding), nn.SiLU())
        self.stem = nn.Conv2d(C, widths[0], config.patch, config.patch)
        pairs = list(zip((widths[0], *widths), widths, strict=False))
        self.blocks = nn.ModuleList(
            LogSnrBlock(before, after, config.embedding, halve=level > 0)
            for level, (before, after) in enumerate(pairs)
        )
        self.norm = nn.GroupNorm(8, widths[-1])
        step = config.patch * 2 ** (len(widths) - 1)
        self.head = nn.Linear(widths[-1] * (height // step) * (width // step), config.features)

    def forward(self, x_t: Tensor, log_snr: Tensor) -> Tensor:
        """Embeddings (B, D) of length alpha.

        Args:
            x_t: Pictures of a variance-preserving process, (B, C, H, W).
            log_snr: log(alpha² / sigma²) of each, float (B,); infinite of clean pictures.

        Raises:
            ValueError: if the pictures are of another shape.
        """
        if x_t.shape[1:] != self.config.sample_shape:
            theirs, own = (
                " × ".join(map(str, s)) for s in (x_t.shape[1:], self.config.sample_shape)
            )
            raise ValueError(f"This CLIP reads pictures of {own}, and was given {theirs}.")
        told = log_snr_embedding(log_snr, self.config.embedding)
        emb = self.embed(told.to(self.stem.weight.dtype))
        h = self.stem(x_t)
        for block in self.blocks:
            h = block(h, emb)
        f = F.normalize(self.head(F.silu(self.norm(h)).flatten(1)), dim=1)
        return torch.sigmoid(log_snr).sqrt()[:, None] * f


class Clip(nn.Module):
    """Both encoders and the temperature; see the module's docstring.

    Args:
        config: The shape.
    """

    def __init__(self, config: ClipConfig) -> None:
        """Random weights."""
        super().__init__()
        self.config = config
        self.picture = PictureEncoder(config)
        self.text = TextEncoder(config.text)
        self.temperature = nn.Parameter(torch.tensor(_FIRST_TEMPERATURE))

    def encode_pictures(self, x_t: Tensor, log_snr: Tensor | None = None) -> Tensor:
        """Embeddings (B, D) of pictures (B, C, H, W); of clean ones, without log-SNR, z_i."""
        if log_snr is None:
            log_snr = torch.full((len(x_t),), math.inf, device=x_t.device)
        return self.picture(x_t, log_snr)

    def encode_captions(self, y: Tensor) -> Tensor:
        """Embeddings (B, D) of length 1 of captions (B, L); see `glide.Tokenizer`."""
        vector, _, _ = self.text(y)
        return F.normalize(vector, dim=1)

    def told(self, y: Tensor) -> Tensor:
        """What captions (B, L) tell other networks: sqrt(D) g and the tokens' mean, (B, D + W)."""
        vector, tokens, there = self.text(y)
        mean = (tokens * there[:, :, None]).sum(dim=1) / there.sum(dim=1)[:, None]
        return torch.cat([F.normalize(vector, dim=1) * vector.shape[1] ** 0.5, mean], dim=1)

    def logits(self, pictures: Tensor, captions: Tensor) -> Tensor:
        """exp(τ) g · e for all pairs, (captions, pictures), of embeddings (N, D) and (M, D)."""
        return self.temperature.clamp(max=MAX_TEMPERATURE).exp() * captions @ pictures.T

    @property
    def num_parameters(self) -> int:
        """Number of its parameters."""
        return sum(p.numel() for p in self.parameters())


def fresh_clip(config: ClipConfig, seed: int) -> Clip:
    """The CLIP with the random weights that this seed begins a training with, on the CPU."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Clip(config)


def shape_of(config: ClipConfig) -> dict[str, Any]:
    """The shape as plain values, which `ClipConfig.from_dict` reads."""
    return dataclasses.asdict(config)
