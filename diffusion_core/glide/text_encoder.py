"""The text encoder: a small transformer over the words of a caption (Nichol et al. 2021, GLIDE).

    y (B, 1 + K) -> last token (B, E), tokens (B, 1 + K, D)

(Section 2.3 there.) The words are encoded by a transformer; what becomes of the last token, the end
of the caption, enters the UNet where the vector of a class did, and all tokens are attended to.
Every token attends to every other (Vaswani et al. 2017), with the norm before each branch; what
comes behind the end is attended to by nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class TextEncoderConfig:
    """The shape of a text encoder.

    Attributes:
        num_words: Words that are known; one more number stands for the end, see `Tokenizer`.
        length: Numbers of a caption.
        width: Features of a token, D.
        layers, heads: Of the transformer.
        vector: Features E of the vector that stands for the whole caption.

    Raises:
        ValueError: if a number is below 1, or the heads do not divide the width.
    """

    num_words: int
    length: int = 40
    width: int = 96
    layers: int = 4
    heads: int = 4
    vector: int = 256

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if min(vars(self).values()) < 1:
            raise ValueError("Every number of a text encoder must be at least 1.")
        if self.width % self.heads:
            raise ValueError(
                f"{self.width} features of a token are not a multiple of {self.heads} heads."
            )


class TextEncoder(nn.Module):
    """The transformer; see the module's docstring.

    Args:
        config: Its shape.
    """

    def __init__(self, config: TextEncoderConfig) -> None:
        """Random weights."""
        super().__init__()
        self.config = config
        self.words = nn.Embedding(config.num_words + 1, config.width)
        self.places = nn.Parameter(torch.empty(config.length, config.width))
        nn.init.normal_(self.places, std=0.02)
        self.layers = nn.ModuleList(
            _Layer(config.width, config.heads) for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(config.width)
        # Two layers, for the vectors of all that can be asked for span more than `width` features.
        self.to_vector = nn.Sequential(
            nn.Linear(config.width, 2 * config.width),
            nn.GELU(),
            nn.Linear(2 * config.width, config.vector),
        )

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode captions.

        Args:
            y: Captions as conditions, int64 (B, L) with L of at most `length`; see `Tokenizer`.

        Returns:
            The vector of the last token, (B, E); the tokens, (B, L, D); and which of them there
            are, bool (B, L).

        Raises:
            ValueError: if the shape does not fit, or a number of a caption on the CPU.
        """
        config = self.config
        if y.ndim != 2 or not 1 <= y.shape[1] <= config.length:
            raise ValueError(
                f"This network is asked in words: captions must be (B, {config.length}), got "
                f"{tuple(y.shape)}; give a caption in place of a class."
            )
        there = y >= 0
        last = there.sum(dim=1) - 1
        if y.device.type == "cpu" and not torch.compiler.is_compiling():
            ends = y.gather(1, last.clamp_min(0)[:, None])[:, 0]
            if bool((y > config.num_words).any()) or bool((ends != config.num_words).any()):
                raise ValueError(
                    f"A caption holds the numbers of words, below {config.num_words}, and then "
                    f"{config.num_words} for its end."
                )
        h = self.words(y.clamp_min(0)) + self.places[: y.shape[1]]
        for layer in self.layers:
            h = layer(h, there)
        h = self.norm(h)
        at = last[:, None, None].expand(-1, 1, h.shape[2])
        return self.to_vector(h.gather(1, at)[:, 0]), h, there


class _Layer(nn.Module):
    """Attention over the caption, then two linear layers, each around a shortcut."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_qkv, self.to_out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, h: Tensor, there: Tensor) -> Tensor:
        B, L, D = h.shape
        q, k, v = (
            z.view(B, L, self.heads, D // self.heads).transpose(1, 2)
            for z in self.to_qkv(self.norm1(h)).chunk(3, dim=2)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=there[:, None, None])
        h = h + self.to_out(mixed.transpose(1, 2).reshape(B, L, D))
        return h + self.down(F.gelu(self.up(self.norm2(h))))
