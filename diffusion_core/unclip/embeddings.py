"""The world of embeddings: what CLIP makes of pictures, and ways through it.

An embedding z of a clean picture has length 1, (D,), where captions lie too (see `clip.network`).
Networks are given sqrt(D) z, whose features have a variance of about 1.

    text difference   slerp(z, (g_b - g_a) / |g_b - g_a|, θ)      (Ramesh et al. 2022, section 3.3)
    components        z ≈ m + Σ_{k<K} (u_k · (z - m)) u_k, of length 1 again   (section 4, figure 7)

g_a and g_b are the embeddings of two captions, u_k the principal components of many z by falling
variance, and m their mean. What a decoder draws of few components shows what z keeps first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..clip import Clip
from ..data import ImageDataset
from ..families import slerp
from ..files import save_tensors

KEPT = "embeddings.safetensors"
BATCH = 256
NEARLY_NOTHING = 1e-6  # of a length, below which there is no direction


def scaled(z: Tensor) -> Tensor:
    """sqrt(D) z: embeddings (B, D) of length 1 as networks take them."""
    return z * z.shape[-1] ** 0.5


def encode(clip: Clip, x0: Tensor) -> Tensor:
    """z_i (B, D) of clean pictures (B, C, H, W) in [-1, 1], on the CLIP's device, no gradient."""
    with torch.no_grad():
        device = clip.temperature.device
        return torch.cat([clip.encode_pictures(part.to(device)) for part in x0.split(BATCH)])


def encode_all(
    clip: Clip, pictures: ImageDataset, folder: Path | None = None, weights: str = ""
) -> Tensor:
    """z_i of all pictures of a data set, float32 (N, D), on the CPU.

    Args:
        clip: The CLIP, on its device.
        pictures: The pictures.
        folder: Where they are kept, and found again by the next call; None keeps none.
        weights: SHA-256 of the CLIP's weights; with what is kept of another CLIP nothing is done.
    """
    told = {"clip": weights, "content": pictures.content}
    file = None if folder is None else folder / KEPT
    if file is not None and (kept := _kept(file, told)) is not None:
        return kept
    parts = torch.arange(len(pictures)).split(BATCH)
    z = torch.cat([encode(clip, pictures.batch(part)[0]).cpu() for part in parts])
    if file is not None:
        save_tensors(file, {"z": z}, told)
    return z


def _kept(file: Path, told: dict[str, str]) -> Tensor | None:
    """What is kept of these pictures and this CLIP; None if it is of others, or not there."""
    try:
        with safe_open(str(file), framework="pt") as opened:
            held = opened.metadata() or {}
            if all(held.get(name) == value for name, value in told.items()):
                return opened.get_tensor("z").clone()
    except (SafetensorError, OSError):
        pass
    return None


def text_difference(z: Tensor, g_a: Tensor, g_b: Tensor, shares: Tensor) -> Tensor:
    """Move z along the difference of two captions, (K, D); see the module.

    Args:
        z: The embedding of a picture, (D,).
        g_a: Of a caption that says what is there, (D,).
        g_b: Of one that says what shall be there, (D,).
        shares: θ, (K,): 0 is z itself, 1 the difference alone. The paper goes to 0.25 or 0.5.

    Raises:
        ValueError: if both captions have the same embedding.
    """
    away = g_b - g_a
    if float(away.norm()) < NEARLY_NOTHING:
        raise ValueError("Both captions say the same; change a word of one of them.")
    return slerp(z, F.normalize(away, dim=0), shares)


@dataclass(frozen=True, eq=False)
class Components:
    """The principal components of embeddings; see the module.

    Attributes:
        mean: m, (D,).
        basis: The u_k in its rows, (D, D), orthonormal, by falling variance.
        variance: Of the embeddings along each, (D,).
    """

    mean: Tensor
    basis: Tensor
    variance: Tensor

    @property
    def explained(self) -> Tensor:
        """The share of all variance that the first K explain, for each K from 1 on, (D,)."""
        return self.variance.cumsum(0) / self.variance.sum()

    def reconstruct(self, z: Tensor, count: int) -> Tensor:
        """Embeddings (B, D) of their first components alone, of length 1.

        Args:
            z: Embeddings, (B, D).
            count: K, how many components; 0 is the mean, and all give z back.

        Raises:
            ValueError: if there are not as many.
        """
        if not 0 <= count <= len(self.basis):
            raise ValueError(f"There are 0 to {len(self.basis)} components, got {count}.")
        first = self.basis[:count]
        return F.normalize(self.mean + (z - self.mean) @ first.T @ first, dim=1)


def components(z: Tensor) -> Components:
    """The principal components of embeddings (N, D), N of at least 2.

    Raises:
        ValueError: if there are fewer.
    """
    if z.ndim != 2 or len(z) < 2:
        raise ValueError(f"Components need two or more embeddings, got shape {tuple(z.shape)}.")
    values = z.double()
    mean = values.mean(dim=0)
    covariance = (values - mean).T @ (values - mean) / (len(z) - 1)
    variance, columns = torch.linalg.eigh(covariance)  # by rising variance
    basis = columns.T.flip(0)
    return Components(*(each.to(z.dtype) for each in (mean, basis, variance.flip(0).clamp_min(0))))
