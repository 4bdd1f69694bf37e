"""The decoder: from the embedding of a picture to pictures that have it (Ramesh et al. 2022).

    x_t (B, C, H, W), t (B,), z (B, D) -> (B, C_out, H, W)

It is a UNet without classes, to whose timestep's vector stands added (section 2.1)

    e(z) = n + W_2 gelu(W_1 sqrt(D) z),    and for no embedding n alone

W_2 begins at zero and n as the vector that the UNet had for the null condition, so that it begins
as that UNet without a condition. The paper also gives z to the attention, as four tokens, and the
caption; this UNet attends to nothing but itself, and the caption reaches it by the prior.

As a `denoiser.Network` it is bound to a bank of embeddings, and its condition is the number of one:
so denoisers, guidance, samplers and training are those of classes.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..checkpoint import unet_from
from ..conditioning import check_condition
from ..fields import Kind, check_fields, mapping, whole
from ..unet import UNet, UNetConfig
from .embeddings import scaled

DECODER: dict[str, Kind] = {"unet": mapping(), "features": whole(2, 512)}


@dataclass(frozen=True)
class DecoderConfig:
    """The shape of a decoder.

    Attributes:
        unet: The UNet, without classes.
        features: D, of an embedding.

    Raises:
        ValueError: if the UNet has classes.
    """

    unet: UNetConfig
    features: int

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        if self.unet.num_classes is not None:
            raise ValueError("The UNet of a decoder has no classes.")

    @classmethod
    def of(cls, unet: UNetConfig, features: int) -> DecoderConfig:
        """The shape of a decoder in place of a UNet's classes."""
        return cls(dataclasses.replace(unet, num_classes=None, attributes=()), features)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DecoderConfig:
        """The shape that `dataclasses.asdict` gave, also when it was JSON since.

        Raises:
            ValueError: if a field is missing or holds something else.
        """
        check_fields(values, DECODER, required=tuple(DECODER), of="its network")
        return cls(unet_from(values["unet"]), values["features"])

    @property
    def sample_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the pictures."""
        return self.unet.sample_shape

    @property
    def vector(self) -> int:
        """E, the size of the UNet's conditioning vector."""
        return self.unet.time_dim or 4 * self.unet.channels[0]


class DecoderNetwork(nn.Module):
    """The network; see the module's docstring.

    Args:
        config: Its shape.
    """

    def __init__(self, config: DecoderConfig) -> None:
        """Random weights; see `decoder_from` for those of a UNet with classes."""
        super().__init__()
        self.config, E = config, config.vector
        self.unet = UNet(config.unet)
        last = nn.Linear(2 * E, E)
        self.project = nn.Sequential(nn.Linear(config.features, 2 * E), nn.GELU(), last)
        self.nothing = nn.Parameter(torch.zeros(E))
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(
        self, x_t: Tensor, t: Tensor, z: Tensor | None = None, there: Tensor | None = None
    ) -> Tensor:
        """Predict from noisy pictures.

        Args:
            x_t: (B, C, H, W).
            t: Timesteps, (B,).
            z: Embeddings of length 1, (B, D); None is none.
            there: Which of them count, bool (B,); None is all.

        Raises:
            ValueError: if a shape does not fit.
        """
        emb = self.unet.conditioning(x_t, t)
        if z is None:
            return self.unet.evaluate(x_t, emb + self.nothing)
        if z.shape != (len(t), self.config.features):
            raise ValueError(
                f"There must be one embedding of {self.config.features} features a picture, got "
                f"{tuple(z.shape)} for {len(t)}."
            )
        vector = self.vector(z)
        if there is not None:
            vector = torch.where(there[:, None], vector, self.nothing)
        return self.unet.evaluate(x_t, emb + vector)

    def vector(self, z: Tensor) -> Tensor:
        """e(z), (B, E), of embeddings (B, D)."""
        return self.nothing + self.project(scaled(z))

    def bound(self, z: Tensor) -> BoundDecoder:
        """The same network with a bank of embeddings (N, D), whose numbers are conditions."""
        return BoundDecoder(self, z)


@dataclass(frozen=True)
class BoundConfig:
    """The shape of a bound decoder, a `denoiser.NetworkConfig`: a class for each embedding.

    Attributes:
        unet: The UNet's.
        num_classes: N, the embeddings of the bank.
    """

    unet: UNetConfig
    num_classes: int
    null_label: bool = True
    attributes: tuple[int, ...] = ()

    @property
    def sample_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the pictures."""
        return self.unet.sample_shape

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


class BoundDecoder(nn.Module):
    """A decoder whose condition y (B,) is the number of an embedding, and N none.

    Args:
        decoder: The decoder; its weights are shared.
        z: The bank, (N, D). It goes where the network goes, and is none of its weights.

    Raises:
        ValueError: if the bank is of another shape.
    """

    bank: Tensor

    def __init__(self, decoder: DecoderNetwork, z: Tensor) -> None:
        """Hold the parts; nothing is computed."""
        super().__init__()
        if z.ndim != 2 or z.shape[1] != decoder.config.features or not len(z):
            raise ValueError(
                f"The decoder takes embeddings (N, {decoder.config.features}), got "
                f"{tuple(z.shape)}."
            )
        self.decoder = decoder
        self.bank = z.to(decoder.nothing.device)
        self.config = BoundConfig(decoder.config.unet, len(z))

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Predict from noisy pictures (B, C, H, W); see `DecoderNetwork`.

        Raises:
            ValueError: if a shape, or a number on the CPU, does not fit.
        """
        if y is None:
            return self.decoder(x_t, t)
        N = self.config.num_classes
        if y.shape != t.shape:
            raise ValueError(f"There must be one number a picture, got shape {tuple(y.shape)}.")
        if y.device.type == "cpu":
            check_condition(y, N, null_label=True)
        return self.decoder(x_t, t, self.bank[y.clamp_max(N - 1)], y < N)

    def _apply(self, fn: Any, recurse: bool = True) -> BoundDecoder:
        """Whatever moves the weights moves the bank."""
        self.bank = fn(self.bank)
        return super()._apply(fn, recurse)


def decoder_from(unet: UNet, features: int, seed: int = 0) -> DecoderNetwork:
    """The decoder with the weights of a UNet with classes, all but those of its classes.

    Args:
        unet: The UNet; it has a null condition.
        features: D, of an embedding.
        seed: Of the random weights of what is new.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = DecoderNetwork(DecoderConfig.of(unet.config, features))
    theirs = {k: v for k, v in unet.state_dict().items() if not k.startswith("class_embedding.")}
    network.unet.load_state_dict(theirs)
    if unet.config.num_classes is not None:
        with torch.no_grad():
            network.nothing.copy_(unet.class_embedding(None, 1)[0])
    return network
