"""Denoisers wrapped into denoisers, and the network as one.

A denoiser is (x_t, t) -> eps_hat. A network's output may mean eps, v or x0; `ModelDenoiser` turns
it into both eps_hat and x0_hat, without dividing by sqrt(ᾱ) where that can be zero.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .conditions import nothing
from .process import eps_from_v, predict_eps, predict_x0, x0_from_v
from .schedule import NoiseSchedule
from .unet import UNet


class ModelDenoiser:
    """A UNet and what its output means, as a denoiser.

    Args:
        unet: The network.
        schedule: The one that it was trained with.
        prediction_type: "epsilon", "v_prediction" or "sample" (x0).
        y: Label for all images, or one an image, int64 (B,); with attributes (B, 1 + K), or
            (1, 1 + K) for all. None says nothing.
    """

    def __init__(
        self,
        unet: UNet,
        schedule: NoiseSchedule,
        prediction_type: str,
        y: int | Tensor | None = None,
    ) -> None:
        """Hold the parts; nothing is computed."""
        self.unet, self.schedule, self.prediction_type, self.y = unet, schedule, prediction_type, y

    def labels(self, t: Tensor) -> Tensor | None:
        """A condition for each of the timesteps t (B,), on their device; None without one."""
        if isinstance(self.y, int):
            return torch.full_like(t, self.y)
        if self.y is not None and self.y.ndim == 2 and len(self.y) == 1:
            return self.y.to(t.device).expand(len(t), -1)
        return None if self.y is None else self.y.to(t.device)

    def with_labels(self, y: Tensor) -> ModelDenoiser:
        """The same network with other conditions, (B,) or (B, 1 + K)."""
        return ModelDenoiser(self.unet, self.schedule, self.prediction_type, y)

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """eps_hat, (B, C, H, W)."""
        return self.predict(x_t, t)[0]

    def predict(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """(eps_hat, x0_hat), each (B, C, H, W).

        An eps-predicting network leaves x0_hat undefined where ᾱ_t is 0: ValueError.
        """
        output = self.unet(x_t, t, self.labels(t))
        if self.prediction_type == "v_prediction":
            return (
                eps_from_v(x_t, t, output, self.schedule),
                x0_from_v(x_t, t, output, self.schedule),
            )
        if self.prediction_type == "sample":
            return predict_eps(x_t, t, output, self.schedule), output
        return output, predict_x0(x_t, t, output, self.schedule)


class ClassifierFreeGuidance:
    """Move away from what the network says without a condition (Ho and Salimans 2022, eq. 6).

    Without one means without class and attributes.

    eps_hat = eps_u + guidance_scale · (eps_c - eps_u), and the same for x0_hat. In the paper's own
    counting the scale is w = guidance_scale - 1: here 1 is off, and 0 is unconditional. Both
    answers come from one evaluation of 2B images, which is faster than two of B.

    Args:
        denoiser: A network with a label and a null label.
        guidance_scale: 1.0 is off.

    Raises:
        ValueError: if the denoiser has no label to be guided by.
    """

    def __init__(self, denoiser: ModelDenoiser, guidance_scale: float) -> None:
        """Hold the parts; nothing is computed."""
        config = denoiser.unet.config
        if denoiser.y is None or config.num_classes is None or not config.null_label:
            raise ValueError("Guidance needs a label, and a network that has a null label.")
        self.denoiser, self.guidance_scale = denoiser, guidance_scale
        self.null: int = config.num_classes

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """eps_hat, (B, C, H, W)."""
        return self.predict(x_t, t)[0]

    def predict(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """(eps_hat, x0_hat), each (B, C, H, W)."""
        y = self.denoiser.labels(t)
        assert y is not None
        both = self.denoiser.with_labels(torch.cat([y, nothing(y, self.null)]))
        estimates = both.predict(torch.cat([x_t, x_t]), torch.cat([t, t]))
        w = self.guidance_scale
        (eps_c, eps_u), (x0_c, x0_u) = (z.chunk(2) for z in estimates)
        return eps_u + w * (eps_c - eps_u), x0_u + w * (x0_c - x0_u)
