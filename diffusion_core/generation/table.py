"""A walk as a table of numbers: all that a program without a sampler needs to walk it.

Every step of a walk is a weighted sum of a few pictures (see `samplers`), and so are the estimates
that follow from what a network puts out. So whoever can evaluate the network, clip x0_hat and add
up needs no more than the weights of every step, its timesteps, and the noise: a browser, for one.
The table comes from the same records as the walks that are computed here; no sampler is written
twice.

    x_prev = Σ weights[name] · picture[name]            the names are those of `samplers`
    x0_hat = Σ estimate.x0_hat[name] · picture[name]    of "x_t" and the network's "output",
                                                        then clipped
    eps_hat = Σ estimate.eps_hat[name] · picture[name]  of "x_t" and the clipped "x0_hat", or where
                                                        nothing is clipped, the "output"
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ..checkpoint import Checkpoint
from ..conditioning import UNSPECIFIED, null_condition
from ..denoiser import PREDICTIONS, ClassifierFreeGuidance, ModelDenoiser, check_terminal_snr
from ..process import predict_eps
from ..samplers import Interval, euler_weights, sampler_named
from ..schedule import Schedule
from ..seeding import draw_noise
from .request import SamplingRequest
from .run import SamplerState

Weights = dict[str, float]


@dataclass(frozen=True)
class EstimateWeights:
    """What the network's output at a timestep means, as weights.

    Attributes:
        t: The timestep.
        x0_hat: Weights of "x_t" and "output".
        eps_hat: Weights of "x_t" and of "x0_hat" after clipping, or of "output" without.
    """

    t: int
    x0_hat: Weights
    eps_hat: Weights


@dataclass(frozen=True)
class TableStep:
    """One step of a walk, from t to t_prev.

    Attributes:
        t, t_prev: Timesteps; t_prev is -1 at the last step.
        alpha_bar: ᾱ_t, the share of signal.
        estimate: The estimates at t.
        weights: Weights of the sum that makes up x_prev.
        trial: Weights of the trial step at whose end the network is evaluated again, for the
            picture "eps_there"; None where there is none.
        there: The estimates there, at t_prev; None without a trial.
    """

    t: int
    t_prev: int
    alpha_bar: float
    estimate: EstimateWeights
    weights: Weights
    trial: Weights | None = None
    there: EstimateWeights | None = None


def table_of(checkpoint: Checkpoint, settings: SamplingRequest) -> list[TableStep]:
    """The table of a walk from its beginning.

    Raises:
        ValueError: if the walk does not fit the model; if it branches off another, whose states it
            would need; if it fills in a hole, whose steps are mixed with a picture; or if its noise
            has a learned variance, which the network tells at each step.
    """
    if settings.resample or settings.parent is not None:
        raise ValueError("A branch, or a walk that fills in a hole, is no table of weights.")
    if settings.sampler == "ddpm" and settings.variance == "learned":
        raise ValueError(
            "The noise of a learned variance is weighed anew by the network in each step, which is "
            "no table of weights; choose variance posterior or beta."
        )
    schedule, prediction = checkpoint.schedule, checkpoint.config.prediction_type
    clips = bool(settings.clip_limit(checkpoint))
    timesteps = settings.timesteps(checkpoint)
    check_terminal_snr(settings.denoiser(checkpoint), timesteps[0])
    estimates = estimate_weights(prediction, timesteps, schedule, clips)
    steps: list[TableStep] = []
    for k, (t, t_prev) in enumerate(pairwise([*timesteps, -1])):
        before = timesteps[k - 1] if k else None
        step = Interval(t, t_prev, schedule, settings.eta, settings.variance, before)
        weights = sampler_named(settings.sampler).weights(step)
        twice = "eps_there" in weights
        steps.append(
            TableStep(
                t,
                t_prev,
                float(schedule.alpha_bar(t)),
                estimates[k],
                weights,
                euler_weights(step) if twice else None,
                estimates[k + 1] if twice else None,
            )
        )
    return steps


def estimate_weights(
    prediction_type: str, timesteps: Sequence[int], schedule: Schedule, clips: bool
) -> list[EstimateWeights]:
    """The weights of the estimates at timesteps: they are linear, so a look at each input tells.

    Args:
        prediction_type: What the network's output means, one of `denoiser.PREDICTIONS`.
        timesteps: The timesteps.
        schedule: The model's schedule.
        clips: Whether x0_hat is clipped, so that eps_hat follows from it.

    Raises:
        ValueError: if x0 does not follow from an output that is noise; see `process.predict_x0`.
    """
    t = torch.tensor(timesteps)
    one, none = torch.ones(len(t), dtype=torch.float64), torch.zeros(len(t), dtype=torch.float64)
    estimates = PREDICTIONS[prediction_type].estimates
    (eps_x, x0_x), (eps_o, x0_o) = (
        estimates(a, t, b, schedule) for a, b in ((one, none), (none, one))
    )
    rest = "output"
    if clips:
        eps_x, eps_o = (predict_eps(a, t, b, schedule) for a, b in ((one, none), (none, one)))
        rest = "x0_hat"
    columns = (z.tolist() for z in (x0_x, x0_o, eps_x, eps_o))
    return [
        EstimateWeights(at, {"x_t": a, "output": b}, {"x_t": c, rest: d})
        for at, a, b, c, d in zip(timesteps, *columns, strict=True)
    ]


def conditions(checkpoint: Checkpoint, settings: SamplingRequest) -> Tensor | None:
    """What the network is asked for: `y` of one evaluation, int64, or None without.

    (B,), or with attributes (B, 1 + K). Of a guided walk (2B, ...): each picture once with its
    condition and then each once without, as `denoiser.ClassifierFreeGuidance` evaluates them.
    """
    denoiser = settings.denoiser(checkpoint)
    guided = isinstance(denoiser, ClassifierFreeGuidance)
    plain = denoiser.denoiser if isinstance(denoiser, ClassifierFreeGuidance) else denoiser
    assert isinstance(plain, ModelDenoiser)
    if not checkpoint.num_classes:
        return None
    y, K = plain.labels(torch.zeros(settings.num_images, dtype=torch.int64)), checkpoint.attributes
    if y is None:
        if not checkpoint.null_label:
            raise ValueError("This model needs a class: choose one.")
        y = torch.full((settings.num_images,), checkpoint.num_classes)
    if K and y.ndim == 1:
        y = torch.cat([y[:, None], torch.full((len(y), len(K)), UNSPECIFIED)], dim=1)
    return torch.cat([y, null_condition(y, checkpoint.num_classes)]) if guided else y


class NoiseOfWalk:
    """The noise of a walk's steps, in pieces; drawn as `samplers.sample` draws it.

    Args:
        began: The state at the walk's first step.
    """

    def __init__(self, began: SamplerState) -> None:
        """Keep the generators' states; nothing is drawn."""
        self._states, self._shape = began.states, began.x_t.shape
        self._generators, self._at = self._fresh(), 0

    def _fresh(self) -> list[torch.Generator]:
        generators = [torch.Generator() for _ in self._states]
        for generator, state in zip(generators, self._states, strict=True):
            generator.set_state(state)
        return generators

    @property
    def nbytes(self) -> int:
        """Bytes of the noise of one step."""
        return 4 * self._shape.numel()

    def piece(self, first: int, count: int) -> np.ndarray:
        """The noise of steps first to first + count - 1, float32 (count, B, ...).

        What lies before is drawn too, unless the last piece ended there.
        """
        if first < self._at:
            self._generators, self._at = self._fresh(), 0
        for _ in range(first - self._at):
            self._draw()
        drawn = np.stack([self._draw() for _ in range(count)])
        self._at = first + count
        return drawn

    def _draw(self) -> np.ndarray:
        return draw_noise(self._shape, self._generators).numpy()
