"""The prior: from a caption to the embedding of a picture that it is true of, by diffusion.

(Ramesh et al. 2022, section 2.2.) It predicts the clean embedding, not the noise:

    L = E_{t, z_i, y} || f(x_t, t, y) - x0 ||²,    x0 = sqrt(D) z_i,    x_t = alpha x0 + sigma eps

The paper's network is a transformer over the caption's tokens, its embedding, the timestep and x_t.
Here it is a residual perceptron: of an embedding there is one vector and no sequence, what the
words say together is in CLIP's embedding g, and a transformer of two megabytes would be no deeper
than the text encoder that has read them already.

The caption is a condition as the core knows it (`glide.Tokenizer`); inside, the frozen CLIP makes
of it sqrt(D) g and the mean of its tokens. CLIP has never read an empty caption, so that one has a
vector of its own, which is learnt.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..clip import Clip
from ..fields import Kind, check_fields, whole
from ..points import Block
from ..unet import EmbeddingMLP, timestep_embedding

MAX_PARAMETERS = 1_000_000  # 2 MB in half precision
PRIOR: dict[str, Kind] = {
    "features": whole(2, 512),
    "tokens": whole(1, 1024),
    "num_words": whole(1, 20_000),
    "length": whole(2, 256),
    "width": whole(2, 1024),
    "blocks": whole(1, 32),
}


@dataclass(frozen=True)
class PriorConfig:
    """The shape of a prior; a `denoiser.NetworkConfig`.

    Attributes:
        features: D, of an embedding.
        tokens: Features of a token of the CLIP's text encoder.
        num_words: Words that the CLIP knows.
        length: Numbers of a caption, its end among them.
        width: Numbers of a hidden layer, even.
        blocks: Residual blocks.

    Raises:
        ValueError: if a field is out of its bounds, or there would be more than `MAX_PARAMETERS`
            parameters.
    """

    features: int
    tokens: int
    num_words: int
    length: int
    width: int = 216
    blocks: int = 4

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        check_fields(vars(self), PRIOR, required=tuple(PRIOR), of="its network")
        if self.width % 2:
            raise ValueError("The width of a prior is even.")
        if (count := self.num_parameters) > MAX_PARAMETERS:
            raise ValueError(
                f"This prior would have {count:,} parameters, and at most {MAX_PARAMETERS:,} are "
                "allowed; take a smaller width or fewer blocks."
            )

    @classmethod
    def of(cls, clip: Clip, **sizes: int) -> PriorConfig:
        """The shape of a prior to a CLIP; sizes are `width` and `blocks`."""
        text = clip.config.text
        return cls(text.vector, text.width, text.num_words, text.length, **sizes)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PriorConfig:
        """The shape that `dataclasses.asdict` gave, also when it was JSON since.

        Raises:
            ValueError: if a field is missing or holds something else.
        """
        check_fields(values, PRIOR, required=tuple(PRIOR), of="its network")
        return cls(**values)

    @property
    def num_parameters(self) -> int:
        """Number of parameters, without the CLIP's."""
        w, told = self.width, self.features + self.tokens
        layers = [(w, w), (w, w), (self.features + told, w), (told, w), (w, self.features)]
        layers += [(w, 2 * w), (w, w), (w, w)] * self.blocks
        return told + sum((before + 1) * after for before, after in layers)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """(D,), the shape of an embedding."""
        return (self.features,)

    @property
    def num_classes(self) -> int:
        """The number of words: what stands first in a condition is a word, or the end."""
        return self.num_words

    @property
    def null_label(self) -> bool:
        """There is an empty caption: its first number is that of the end."""
        return True

    @property
    def attributes(self) -> tuple[int, ...]:
        """What stands behind the first number: words, the end, or nothing."""
        return (self.num_words + 1,) * (self.length - 1)

    @property
    def time_embedding(self) -> str:
        """The timestep enters as sines and cosines."""
        return "positional"


class PriorNetwork(nn.Module):
    """x_t (B, D), t (B,), y (B, L) -> sqrt(D) z_i (B, D); a `denoiser.Network` of embeddings.

    Args:
        config: Its shape.
        clip: The CLIP whose embeddings they are. It is frozen, goes to the devices that the network
            goes to, and is none of its weights.

    Raises:
        ValueError: if the CLIP has another shape.
    """

    clip: Clip

    def __init__(self, config: PriorConfig, clip: Clip) -> None:
        """Random weights, by torch's own generator; the output begins at zero."""
        super().__init__()
        if PriorConfig.of(clip, width=config.width, blocks=config.blocks) != config:
            raise ValueError("The prior is made for a CLIP of another shape.")
        self.config = config
        self.__dict__["clip"] = clip.eval().requires_grad_(False)  # not registered
        width, told = config.width, config.features + config.tokens
        self.nothing = nn.Parameter(torch.randn(told))
        self.time = EmbeddingMLP(width, width)
        self.first = nn.Linear(config.features + told, width)
        self.told = nn.Linear(told, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.last = nn.Linear(width, config.features)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Predict clean embeddings from noisy ones.

        Args:
            x_t: (B, D).
            t: Timesteps, (B,).
            y: Captions as conditions, int64 (B, L); None is the empty caption.

        Raises:
            ValueError: if a shape or a caption does not fit.
        """
        if x_t.shape[1:] != self.config.sample_shape:
            raise ValueError(f"This prior takes (B, {self.config.features}), got {x_t.shape}.")
        if y is not None and len(y) != len(t):
            raise ValueError(f"There must be one caption a sample, got {len(y)} for {len(t)}.")
        caption = self.nothing.expand(len(t), -1) if y is None else self.read(y)
        emb = F.silu(self.time(timestep_embedding(t, self.config.width)) + self.told(caption))
        h = self.first(torch.cat([x_t, caption], dim=1))
        for block in self.blocks:
            h = block(h, emb)
        return self.last(F.silu(self.norm(h)))

    def read(self, y: Tensor) -> Tensor:
        """What the CLIP makes of captions (B, L): sqrt(D) g and the tokens' mean, (B, D + W)."""
        if y.device.type == "cpu":  # a GPU is not asked how long the longest is
            y = y[:, : max(1, int((y >= 0).sum(dim=1).max()))]
        with torch.no_grad():
            told = self.clip.told(y)
        empty = y[:, :1] == self.config.num_words
        return torch.where(empty, self.nothing, told)

    def _apply(self, fn: Any, recurse: bool = True) -> PriorNetwork:
        """Whatever moves the weights moves the CLIP."""
        self.clip._apply(fn)
        return super()._apply(fn, recurse)


def fresh_prior(config: PriorConfig, clip: Clip, seed: int) -> PriorNetwork:
    """The prior with the random weights that this seed begins a training with, on the CPU."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PriorNetwork(config, clip)


def better_of_two(z: Tensor, g: Tensor) -> Tensor:
    """Of several samples of each embedding the one that is most like its caption, (B, D).

    (Ramesh et al. 2022, section 2.2, which draws two.)

    Args:
        z: Samples, (S, B, D), of length 1.
        g: The captions' embeddings, (B, D).
    """
    best = (z * g).sum(dim=2).argmax(dim=0)  # (B,)
    return z[best, torch.arange(z.shape[1], device=z.device)]


def shape_of(config: PriorConfig) -> dict[str, Any]:
    """The shape as plain values, which `PriorConfig.from_dict` reads."""
    return dataclasses.asdict(config)
