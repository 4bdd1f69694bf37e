"""The caption in Imagen's networks: a vector, from the frozen text encoder of a CLIP.

    e(c) = n + W_2 gelu(W_1 [sqrt(D) g; m; w]),    and of the empty caption n alone     (B, E)

(Saharia et al. 2022, section 2.1.) g is the CLIP's embedding of the caption, m the mean of its
tokens, and w the sum of the vectors of its words, as they enter the text encoder, over the root of
their number: the pooled text embedding of the paper, which stands added to the timestep's vector.
The paper's networks also attend to the tokens; theirs read sentences, ours lists of facts, for
which w is enough. Without it much would be lost: a text encoder that was trained by a contrast
keeps of a caption what its pictures are told apart by, in g first of all.

The text encoder is not trained, and is none of the network's weights. It has never read an empty
caption, which therefore has a learnt vector of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..clip import Clip
from ..fields import Kind, check_fields, whole

CAPTION: dict[str, Kind] = {
    "features": whole(2, 512),
    "tokens": whole(1, 1024),
    "num_words": whole(1, 20_000),
    "length": whole(2, 256),
    "hidden": whole(1, 1024),
}


@dataclass(frozen=True)
class CaptionConfig:
    """The shape of the captions that a network is told.

    Attributes:
        features: D, of an embedding.
        tokens: Features of a token of the CLIP's text encoder.
        num_words: Words that the CLIP knows.
        length: Numbers of a caption, its end among them.
        hidden: Numbers of the hidden layer.

    Raises:
        ValueError: if a field is out of its bounds.
    """

    features: int
    tokens: int
    num_words: int
    length: int
    hidden: int = 256

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        check_fields(vars(self), CAPTION, required=tuple(CAPTION), of="its network.caption")

    @classmethod
    def of(cls, clip: Clip, hidden: int = 256) -> CaptionConfig:
        """The shape for the captions of a CLIP."""
        text = clip.config.text
        return cls(text.vector, text.width, text.num_words, text.length, hidden)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CaptionConfig:
        """The shape that `dataclasses.asdict` gave, also when it was JSON since.

        Raises:
            ValueError: if a field is missing or holds something else.
        """
        check_fields(values, CAPTION, required=tuple(CAPTION), of="its network.caption")
        return cls(**values)


class InWords:
    """What a network's shape says of its captions, as a `denoiser.NetworkConfig` does of classes.

    Attributes:
        caption: The captions' shape.
    """

    caption: CaptionConfig

    @property
    def num_words(self) -> int:
        """Words that are known."""
        return self.caption.num_words

    @property
    def length(self) -> int:
        """Numbers of a caption, its end among them."""
        return self.caption.length

    @property
    def num_classes(self) -> int:
        """The number of words: what stands first in a condition is a word, or the end."""
        return self.caption.num_words

    @property
    def null_label(self) -> bool:
        """There is an empty caption: its first number is that of the end."""
        return True

    @property
    def attributes(self) -> tuple[int, ...]:
        """What stands behind the first number: words, the end, or nothing."""
        return (self.caption.num_words + 1,) * (self.caption.length - 1)


class CaptionVector(nn.Module):
    """Captions (B, L) -> e(c) (B, E); see the module's docstring.

    Args:
        config: The captions' shape.
        vector: E, the size of the vector.
        clip: The CLIP that reads them. It is frozen, goes to the devices that this goes to, and is
            none of its weights.

    Raises:
        ValueError: if the CLIP has another shape.
    """

    clip: Clip

    def __init__(self, config: CaptionConfig, vector: int, clip: Clip) -> None:
        """Random weights, by torch's own generator; every caption begins as the empty one."""
        super().__init__()
        if CaptionConfig.of(clip, config.hidden) != config:
            raise ValueError("The network is made for a CLIP of another shape.")
        self.config = config
        self.__dict__["clip"] = clip.eval().requires_grad_(False)  # not registered
        last = nn.Linear(config.hidden, vector)
        told = nn.Linear(config.features + 2 * config.tokens, config.hidden)
        self.project = nn.Sequential(told, nn.GELU(), last)
        self.nothing = nn.Parameter(torch.zeros(vector))
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, y: Tensor | None, count: int) -> Tensor:
        """The vectors of `count` captions, (B, E); None is the empty caption for all.

        Raises:
            ValueError: if there is not one caption a sample.
        """
        if y is None:
            return self.nothing.expand(count, -1)
        if len(y) != count:
            raise ValueError(f"There must be one caption a sample, got {len(y)} for {count}.")
        if y.device.type == "cpu":  # a GPU is not asked how long the longest is
            y = y[:, : max(1, int((y >= 0).sum(dim=1).max()))]
        with torch.no_grad():
            told = torch.cat([self.clip.told(y), self.words(y)], dim=1)
        empty = y[:, :1] == self.config.num_words
        return self.nothing + torch.where(empty, 0.0, self.project(told))

    def words(self, y: Tensor) -> Tensor:
        """The words of captions (B, L) as w, (B, W); see the module."""
        there = (y >= 0)[:, :, None]
        total = (self.clip.text.words(y.clamp_min(0)) * there).sum(dim=1)
        return total / there.sum(dim=1).sqrt()

    def _apply(self, fn: Any, recurse: bool = True) -> CaptionVector:
        """Whatever moves the weights moves the CLIP."""
        self.clip._apply(fn)
        return super()._apply(fn, recurse)
