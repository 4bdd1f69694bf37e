"""What the tab looks at: a model, a picture noised to a timestep, and a condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.denoiser import ModelDenoiser, Network
from diffusion_core.process import predict_eps, q_sample
from diffusion_core.schedule import Schedule
from diffusion_core.seeding import draw_noise, parse_seed

from ..shared import models
from ..shared.class_menu import NO_CLASS
from ..shared.forms import parsed
from ..shared.start_image import StartImage
from ..shared.text import original
from .form import InsideForm


@dataclass(frozen=True, eq=False)
class Subject:
    """One noisy picture at one timestep, and the model that is to denoise it.

    All tensors are on the CPU in fp32; whoever evaluates a network moves them to its device, as
    `predict` does.

    Attributes:
        model: The model's value in the menus.
        checkpoint: The model. Its network is shared by all sessions and never changed.
        x0: The clean picture, the truth, (1, C, H, W).
        eps: The noise in x_t, (1, C, H, W).
        x_t: The noisy picture, (1, C, H, W).
        t: The timestep, from 0 to T - 1.
        y: The condition in the network's numbers: a label, conditions (1, 1 + K), or None.
        words: Which step of a walk this is; "" where it is the starting picture.
        truth: Whether x0 is the truth. A walk from noise has none: there x0 is where it ended.
    """

    model: str
    checkpoint: Checkpoint
    x0: Tensor
    eps: Tensor
    x_t: Tensor
    t: int
    y: int | Tensor | None
    words: str = ""
    truth: bool = True

    @property
    def schedule(self) -> Schedule:
        """The schedule of the model."""
        return self.checkpoint.schedule

    @property
    def timesteps(self) -> Tensor:
        """The timestep as a network takes it: int64, (1,), on the network's device."""
        return torch.tensor([self.t], device=self.checkpoint.device)

    @property
    def labels(self) -> Tensor | None:
        """The condition as a network takes it, (1,) or (1, 1 + K), on its device; or None."""
        return self.denoiser().labels(self.timesteps)

    def denoiser(self, network: Network | None = None) -> ModelDenoiser:
        """A network with the model's schedule, meaning of the output, and condition.

        Args:
            network: A network in place of the model's own, as a changed copy of it.
        """
        network = self.checkpoint.network if network is None else network
        kind = self.checkpoint.config.prediction_type
        return ModelDenoiser(network, self.schedule, kind, self.y)

    def predict(self, network: Network | None = None) -> tuple[Tensor, Tensor]:
        """What a network makes of x_t: one evaluation.

        Args:
            network: A network in place of the model's own, as a changed copy of it.

        Returns:
            (eps_hat, x0_hat), each (1, C, H, W), on the CPU. x0_hat is clipped as the model's walks
            clip it.
        """
        with torch.inference_mode():
            x_t = self.x_t.to(self.checkpoint.device)
            eps_hat, x0_hat = self.denoiser(network).predict(x_t, self.timesteps)
        return eps_hat.float().cpu(), self.clipped(x0_hat.float().cpu())

    def clipped(self, x0_hat: Tensor) -> Tensor:
        """x0_hat within the range to which the model's walks clip it."""
        most = self.checkpoint.config.clip_x0
        return x0_hat.clamp(-most, most) if most else x0_hat

    def error(self, x0_hat: Tensor) -> float:
        """Root of the mean squared error of x0_hat, of any shape that x0 has; units of [-1, 1]."""
        return float((x0_hat - self.x0).square().mean().sqrt())


def subject_of(form: InsideForm) -> Subject:
    """The subject of the controls' values.

    Raises:
        ValueError: with a sentence for the page, if they do not fit.
    """
    checkpoint = models.get(form.loaded)
    shape = checkpoint.image_shape
    checkpoint.unet  # noqa: B018  (raises where the network is none)
    t = min(parsed(form, "t"), len(checkpoint.schedule) - 1)
    y = _condition(checkpoint, form.label)
    step = form.step
    if step is not None and step.model == form.loaded:
        x0, at = step.x0, torch.tensor([step.t])
        eps = predict_eps(step.x_t, at, x0, checkpoint.schedule)
        x_t = step.x_t if t == step.t else q_sample(x0, t, eps, checkpoint.schedule)
        if step.y is not None and form.label == step.label:
            y = step.y  # with its attributes
        return Subject(form.loaded, checkpoint, x0, eps, x_t, t, y, step.words, step.truth)
    if form.picture is None:
        raise ValueError("Choose a picture first.")
    x0, _ = StartImage(form.picture, 0.0).fit(checkpoint)
    seed = 0 if form.seed in (None, "") else parse_seed(form.seed)
    eps = draw_noise((1, *shape), torch.Generator().manual_seed(seed))
    x_t = q_sample(x0, t, eps, checkpoint.schedule)
    return Subject(form.loaded, checkpoint, x0, eps, x_t, t, y)


def _condition(checkpoint: Checkpoint, label: str | None) -> Any:
    """The class in the network's numbers, with its attributes at their defaults: none is asked."""
    if label in (None, "", NO_CLASS):
        return None
    return checkpoint.condition({"class": original(label or "", checkpoint.config.class_names)})
