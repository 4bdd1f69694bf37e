"""A picture that a walk begins with: made in the Noise tab or chosen in the Denoise tab."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.data import fit_picture, from_uint8, to_pil


@dataclass(frozen=True, eq=False)
class StartImage:
    """A picture to begin a walk with, and how far it is noised.

    Attributes:
        picture: uint8, (H, W, C); what is not square is cropped.
        log_snr: Natural logarithm of the signal-to-noise ratio that it is noised to.
        where: The timestep and schedule of that, in words; "" where they are the model's own.
    """

    picture: np.ndarray
    log_snr: float
    where: str = ""

    @property
    def shown(self) -> np.ndarray:
        """The picture for a control, which takes colours alone: uint8, (H, W, 3)."""
        grey = self.picture.shape[2] == 1
        return self.picture.repeat(3, axis=2) if grey else self.picture

    def fit(self, checkpoint: Checkpoint) -> tuple[Tensor, int]:
        """The picture in the model's size and channels, (1, C, H, W), and the nearest timestep.

        Nearest in log-SNR: the same share of noise, whatever the model's schedule calls it.
        """
        C, H, W = checkpoint.image_shape
        image = to_pil(fit_picture(self.picture, H)).convert("L" if C == 1 else "RGB")
        x0 = from_uint8(np.array(image.resize((W, H))).reshape(1, H, W, C))
        every = checkpoint.schedule.log_snr(torch.arange(len(checkpoint.schedule)))
        return x0, int((every - self.log_snr).abs().argmin())

    def words(self, checkpoint: Checkpoint) -> str:
        """A sentence for the page on how the picture is fitted and noised for this model."""
        C, H, W = checkpoint.image_shape
        _, t = self.fit(checkpoint)
        there = f", where there is as much noise as at {self.where}" if self.where else ""
        return (
            f"**From your picture:** made {H} × {W} and {'grey' if C == 1 else 'colour'} for this "
            f"model, and noised to its t = {t}{there}. "
            f"The model has only seen {checkpoint.config.dataset}: what it cannot make out in the "
            "noise it fills in from there, so another world comes back as that one."
        )
