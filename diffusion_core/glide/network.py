"""The UNet that is asked in words: a text encoder before it, and attention to words within.

(Nichol et al. 2021, GLIDE, section 2.3.) The vector of the last token is added to that of the
timestep, where the class stood; at the levels that are chosen the feature map attends to the
caption's tokens behind each layer in which it attends to itself. GLIDE puts tokens and positions
into one softmax; here the words have a softmax of their own, whose output begins at zero: so a
network begins as the one whose weights it takes over, and the softmax tells which words a position
looks at.

    x_t (B, C, H, W), t (B,), y (B, 1 + K) -> (B, C_out, H, W)

A caption is a condition as the core knows it, whose null condition is the empty caption; see
`Tokenizer`. So guidance, training and samplers are those of classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checkpoint import unet_from
from ..fields import Kind, check_fields, flag, listed, mapping, whole
from ..unet import UNet, UNetConfig
from .text_encoder import TextEncoder, TextEncoderConfig

TEXT: dict[str, Kind] = {
    "num_words": whole(1, 20_000),
    "length": whole(2, 256),
    "width": whole(1, 1024),
    "layers": whole(1, 32),
    "heads": whole(1, 64),
    "vector": whole(1, 4096),
}
NETWORK: dict[str, Kind] = {
    "unet": mapping(),
    "text": mapping(TEXT),
    "cross_attention": listed(flag(), 1, 10),
    "cross_width": whole(1, 4096),
    "cross_heads": whole(1, 64),
}


@dataclass(frozen=True)
class GlideNetworkConfig:
    """The shape of a UNet that is asked in words; a `denoiser.NetworkConfig`.

    Attributes:
        unet: The UNet, without classes.
        text: The text encoder; its vector has the size of the UNet's conditioning vector.
        cross_attention: For each level, whether it attends to words wherever it attends to itself.
        cross_width, cross_heads: Features and heads of the attention to words.

    Raises:
        ValueError: if the parts do not fit together.
    """

    unet: UNetConfig
    text: TextEncoderConfig
    cross_attention: tuple[bool, ...] = (False, True)
    cross_width: int = 64
    cross_heads: int = 2

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        object.__setattr__(self, "cross_attention", tuple(self.cross_attention))
        if self.unet.num_classes is not None:
            raise ValueError("A UNet that is asked in words has no classes.")
        if self.text.vector != (self.unet.time_dim or 4 * self.unet.channels[0]):
            raise ValueError("The caption's vector must have the size of the timestep's.")
        if len(self.cross_attention) != len(self.unet.channels):
            raise ValueError("cross_attention must say yes or no for each of the UNet's levels.")
        if self.cross_width % self.cross_heads:
            raise ValueError(
                f"{self.cross_width} features are not a multiple of {self.cross_heads} heads."
            )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> GlideNetworkConfig:
        """The shape that `dataclasses.asdict` gave, also when it was JSON since.

        Raises:
            ValueError: if a field is missing or holds something else.
        """
        check_fields(values, NETWORK, required=tuple(NETWORK), of="its network")
        check_fields(values["text"], TEXT, required=tuple(TEXT), of="its network.text")
        text = TextEncoderConfig(**values["text"])
        return cls(**{**values, "unet": unet_from(values["unet"]), "text": text})

    @property
    def trunk(self) -> UNetConfig:
        """The UNet that is built: that of the pictures, or one that sees more."""
        return self.unet

    @property
    def sample_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images that it denoises."""
        return self.unet.sample_shape

    @property
    def num_classes(self) -> int:
        """The number of words: what stands first in a condition is a word, or the end."""
        return self.text.num_words

    @property
    def null_label(self) -> bool:
        """There is an empty caption: its first number is that of the end."""
        return True

    @property
    def attributes(self) -> tuple[int, ...]:
        """What stands behind the first number: words, the end, or nothing."""
        return (self.text.num_words + 1,) * (self.text.length - 1)

    @property
    def time_embedding(self) -> str:
        """How the timestep enters; see `denoiser.network_output`."""
        return self.unet.time_embedding

    @property
    def dropout(self) -> float:
        """That of the UNet."""
        return self.unet.dropout

    @property
    def map_size(self) -> tuple[int, int]:
        """Rows and columns of the finest feature map that attends to words; (0, 0) of none."""
        levels = [i for i in self._levels if self.cross_attention[i]]
        if not levels:
            return 0, 0
        H, W = (side // self.unet.patch_size for side in self.unet.image_size)
        for _ in range(min(levels)):
            H, W = H // 2, W // 2
        return H, W

    def places(self) -> list[int | None]:
        """For each of the UNet's attention layers in order the channels that attend to words.

        None where a layer is followed by no attention to words.
        """
        return [self.unet.channels[i] if self.cross_attention[i] else None for i in self._levels]

    @property
    def _levels(self) -> list[int]:
        """The level of each of the UNet's attention layers, in order."""
        unet, n = self.unet, self.unet.blocks_per_level
        levels = list(range(len(unet.channels)))
        order = [i for i in levels for _ in range(n * unet.attention[i])]
        order += [levels[-1]] * unet.mid_attention
        return order + [i for i in levels[::-1] for _ in range((n + 1) * unet.up_attention[i])]


class WordAttention(nn.Module):
    """Every position of a feature map attends to the words of a caption, around a shortcut.

    softmax(q k^T / sqrt(d)) v with q of the positions, k and v of the words (Vaswani et al. 2017).

    Args:
        channels: Of the feature map.
        tokens: Features of a word.
        width, heads: Of queries, keys and values.
        groups, eps: Of the group norm before it.
    """

    def __init__(
        self, channels: int, tokens: int, width: int, heads: int, *, groups: int, eps: float
    ) -> None:
        """Random weights, but zero for what leaves it: it begins by adding nothing."""
        super().__init__()
        self.heads = heads
        self.group_norm = nn.GroupNorm(groups, channels, eps=eps)
        self.to_q = nn.Linear(channels, width)
        self.to_k, self.to_v = nn.Linear(tokens, width), nn.Linear(tokens, width)
        self.to_out = nn.Linear(width, channels)
        nn.init.zeros_(self.to_out.weight)
        nn.init.zeros_(self.to_out.bias)

    def forward(self, x: Tensor, words: Tensor, there: Tensor) -> Tensor:
        """(B, C, H, W) to the same.

        Args:
            x: The feature map.
            words: The tokens, (B, L, D).
            there: Which of them there are, bool (B, L).
        """
        B, C, H, W = x.shape
        q, k, v = self._heads(x, words)
        h = F.scaled_dot_product_attention(q, k, v, attn_mask=there[:, None, None])
        h = self.to_out(h.transpose(1, 2).reshape(B, H * W, -1))
        return x + h.transpose(1, 2).reshape(B, C, H, W)

    def weights(self, x: Tensor, words: Tensor, there: Tensor) -> Tensor:
        """How much each position attends to each word, (B, L, H, W), mean over the heads."""
        B, _, H, W = x.shape
        q, k, _ = self._heads(x, words)
        scores = (q @ k.transpose(2, 3)) * q.shape[3] ** -0.5
        scores = scores.masked_fill(~there[:, None, None], -torch.inf)
        return scores.softmax(dim=3).mean(dim=1).transpose(1, 2).reshape(B, -1, H, W)

    def _heads(self, x: Tensor, words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        positions = self.group_norm(x).flatten(2).transpose(1, 2)  # (B, HW, C)
        q, k, v = (
            z.view(len(z), z.shape[1], self.heads, -1).transpose(1, 2)
            for z in (self.to_q(positions), self.to_k(words), self.to_v(words))
        )
        return q, k, v


class GlideNetwork(nn.Module):
    """The network; see the module's docstring. It is a `denoiser.Network`.

    Args:
        config: Its shape.
    """

    def __init__(self, config: GlideNetworkConfig) -> None:
        """Random weights; see `begun_from` for those of a UNet with classes."""
        super().__init__()
        self.config = config
        self.text = TextEncoder(config.text)
        self.unet = UNet(config.trunk)
        options: dict[str, Any] = {"groups": config.unet.norm_groups, "eps": config.unet.norm_eps}
        self.cross = nn.ModuleDict(
            {
                str(k): WordAttention(
                    channels, config.text.width, config.cross_width, config.cross_heads, **options
                )
                for k, channels in enumerate(config.places())
                if channels is not None
            }
        )

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Predict from noisy images.

        Args:
            x_t: (B, C, H, W).
            t: Timesteps, (B,).
            y: Captions as conditions, int64 (B, L); None is the empty caption.

        Returns:
            (B, C_out, H, W), in x_t's precision.

        Raises:
            ValueError: if a shape or a caption does not fit.
        """
        return self._evaluate(x_t, t, y, lambda cross, h, words, there: cross(h, words, there))

    def word_maps(self, x_t: Tensor, t: Tensor, y: Tensor) -> Tensor:
        """How much each position attends to each word: the mean over the layers that attend.

        At every position the words share 1 among them. The maps are those of `forward` at the same
        arguments, which is evaluated to its end; see `WordAttention.weights`.

        Args:
            x_t: (B, C, H, W).
            t: Timesteps, (B,).
            y: Captions as conditions, int64 (B, L).

        Returns:
            (B, L, h, w), of the finest level that attends to words; maps of coarser ones are
            enlarged, bilinearly. What comes behind a caption's end has 0.

        Raises:
            ValueError: as `forward`, or if nothing in the network attends to words.
        """
        if not self.cross:
            raise ValueError("Nothing in this network attends to words.")
        seen: list[Tensor] = []

        def look(cross: WordAttention, h: Tensor, words: Tensor, there: Tensor) -> Tensor:
            seen.append(cross.weights(h, words, there))
            return cross(h, words, there)

        self._evaluate(x_t, t, y, look)
        h, w = max((each.shape[2:] for each in seen), key=lambda size: size[0])
        alike = [
            each if each.shape[2:] == (h, w) else F.interpolate(each, size=(h, w), mode="bilinear")
            for each in seen
        ]
        return torch.stack(alike).mean(dim=0)

    @property
    def attends(self) -> bool:
        """Whether attention to words adds anything: in a network as it begins it adds zero."""
        parts = [p for each in self._crosses for p in (each.to_out.weight, each.to_out.bias)]
        return any(bool(p.any()) for p in parts)

    @property
    def _crosses(self) -> list[WordAttention]:
        return cast(list[WordAttention], list(self.cross.values()))

    def _evaluate(
        self,
        x_t: Tensor,
        t: Tensor,
        y: Tensor | None,
        attend: Callable[[WordAttention, Tensor, Tensor, Tensor], Tensor],
    ) -> Tensor:
        """`forward`, with what computes an attention to words from its feature map."""
        if y is None:
            y = torch.full((len(t), 1), self.config.text.num_words, device=t.device)
        if len(y) != len(t):
            raise ValueError(f"There must be one caption an image, got {len(y)} for {len(t)}.")
        emb = self.unet.conditioning(x_t, t)
        vector, words, there = self.text(y)
        done = 0

        def attended(h: Tensor) -> Tensor:
            nonlocal done
            place, done = str(done), done + 1
            if place not in self.cross:
                return h
            return attend(cast(WordAttention, self.cross[place]), h, words, there)

        return self.unet.evaluate(x_t, emb + vector, attended)

    @property
    def num_new_parameters(self) -> int:
        """Parameters beside those of the UNet: of text encoder and attention to words."""
        return sum(p.numel() for part in (self.text, self.cross) for p in part.parameters())


def glide_shape(unet: UNetConfig, num_words: int, **sizes: Any) -> GlideNetworkConfig:
    """The shape of a network that is asked in words in place of a UNet's classes.

    Args:
        unet: The UNet, with classes or without; its coarsest level attends to words.
        num_words: Words that are known.
        sizes: Fields of `TextEncoderConfig`, and those of `GlideNetworkConfig` that begin with
            "cross_".
    """
    cross = {k: sizes.pop(k) for k in list(sizes) if k.startswith("cross_")}
    plain = dataclasses.replace(unet, num_classes=None, attributes=())
    text = TextEncoderConfig(num_words, vector=unet.time_dim or 4 * unet.channels[0], **sizes)
    levels = (False,) * (len(unet.channels) - 1) + (True,)
    return GlideNetworkConfig(plain, text, **{"cross_attention": levels, **cross})


def begun_from(unet: UNet, config: GlideNetworkConfig, seed: int = 0) -> GlideNetwork:
    """The network with the weights of a UNet with classes, all but those of its classes.

    Args:
        unet: The UNet.
        config: The shape, as of `glide_shape`.
        seed: Of the random weights of all that is new.

    Raises:
        ValueError: if the UNet has another shape.
    """
    if dataclasses.replace(unet.config, num_classes=None, attributes=()) != config.unet:
        raise ValueError("The UNet to begin with has another shape than the one asked for.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = GlideNetwork(config)
    theirs = {k: v for k, v in unet.state_dict().items() if not k.startswith("class_embedding.")}
    network.unet.load_state_dict(theirs)
    return network
