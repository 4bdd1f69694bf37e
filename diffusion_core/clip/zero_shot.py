"""A classifier that nobody trained: a CLIP that is asked which of some captions is true.

A contrast learns log p(x_t, c) / (p(x_t) p(c)) (see `matching`), and Bayes' rule makes of it

    p(y | x_t) = p(y) exp logit(x_t, c_y) / sum_k p(k) exp logit(x_t, c_k)

for classes of which each has its caption (Radford et al. 2021, section 3.1, there of clean
pictures). Every class is taken to be equally likely. Since the CLIP reads noisy pictures, this is a
classifier as guided diffusion needs it, and its gradient guides a model that knows no classes
(Dhariwal and Nichol 2021, section 4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..checkpoint import GuidingClassifier, GuidingClip


@dataclass(frozen=True)
class CaptionedClasses:
    """The shape of a `ZeroShotClassifier`.

    Attributes:
        sample_shape: (C, H, W) of its pictures.
        num_classes: Its captions.
    """

    sample_shape: tuple[int, ...]
    num_classes: int


class ZeroShotClassifier:
    """Which of some captions is true of a noisy picture; see the module's docstring.

    Args:
        clip: What reads pictures and captions.
        captions: One a class, in label order.

    Raises:
        ValueError: if the CLIP cannot read a caption, or there are fewer than two.
    """

    def __init__(self, clip: GuidingClip, captions: tuple[str, ...]) -> None:
        """Encode the captions."""
        if len(captions) < 2:
            raise ValueError(f"A classifier needs at least two captions, got {len(captions)}.")
        self.clip = clip.network
        self.config = CaptionedClasses(tuple(self.clip.config.sample_shape), len(captions))
        with torch.no_grad():
            y = torch.cat([clip.read_caption(caption) for caption in captions])
            device = next(self.clip.parameters()).device  # type: ignore[attr-defined]
            self.captions = self.clip.encode_captions(y.to(device))  # (K, D)

    def __call__(self, x_t: Tensor, log_snr: Tensor) -> Tensor:
        """Logits (B, K) of variance-preserving pictures (B, C, H, W) at log-SNR (B,)."""
        return self.clip.logits(self.clip.encode_pictures(x_t, log_snr), self.captions).T

    def to(self, device: torch.device) -> ZeroShotClassifier:
        """Move the CLIP and what it made of the captions to a device, in place."""
        self.clip.to(device)
        self.captions = self.captions.to(device)
        return self


def zero_shot_classifier(clip: GuidingClip, captions: Mapping[str, str]) -> GuidingClassifier:
    """The classifier of some classes that a CLIP is by their captions, to guide a model.

    Args:
        clip: The CLIP, as `load_clip` gave it.
        captions: Of each class, by its name, in label order.

    Raises:
        ValueError: if the CLIP cannot read a caption, or there are fewer than two.
    """
    network = ZeroShotClassifier(clip, tuple(captions.values()))
    return GuidingClassifier(
        network, tuple(captions), clip.name, clip.weights_hash, clip.dataset, clip.training
    )
