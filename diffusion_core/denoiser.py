"""Denoisers: a network, a formula over a data set, or one guided by another.

A denoiser knows its schedule and gives at (x_t, t) an estimate of the noise and of the clean data,
(eps_hat, x0_hat). A plain function (x_t, t) -> eps_hat becomes one by `as_denoiser`.

A network's output may mean eps, v, x0 or the velocity eps - x0. `PREDICTIONS` has for each its
target in training and, beside it, the estimates that follow from an output, without dividing by
alpha where that can be zero; `ModelDenoiser` is a network read in this way. A network of learned
variance gives v beside it, in a second half of its channels (Nichol and Dhariwal 2021).
`ClassifierFreeGuidance` moves away from what it predicts without a condition. `ClassifierGuidance`
and `ClipGuidance` follow the gradient of a classifier, or of a CLIP, that was trained apart.

`ExactDenoiser` is the best denoiser of a finite data set, in closed form: what a network would be
that memorised. If the data are N points and nothing else, x_t is a mixture of N equal Gaussians,
and the posterior mean, which minimises the training loss at every t, is known (Karras et al. 2022,
appendix B.3):

    E[x0 | x_t] = Σ_i w_i x_i,    w = softmax_i( -|x_t - alpha_t x_i|² / (2 sigma_t²) )

A walk with it can only end on the data themselves; what a trained network does otherwise is what
it has generalised.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from .conditioning import check_condition, null_condition
from .process import (
    Denoiser,
    eps_from_v,
    eps_from_velocity,
    predict_eps,
    predict_v,
    predict_x0,
    x0_from_v,
    x0_from_velocity,
)
from .schedule import FlowSchedule, Schedule


class NetworkConfig(Protocol):
    """What denoisers need to know of a network's shape, whatever its kind."""

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample: (C, H, W) of an image, (D,) of a point."""

    @property
    def num_classes(self) -> int | None:
        """Labels 0 to num_classes - 1; None is an unconditional network."""

    @property
    def null_label(self) -> bool:
        """Whether label num_classes means "no class"; only of a network with classes."""

    @property
    def attributes(self) -> tuple[int, ...]:
        """Number of values of each attribute of a condition; see `conditioning`."""

    @property
    def time_embedding(self) -> str:
        """How the timestep enters, "positional" or "fourier"; see `network_output`."""


class Network(Protocol):
    """A network that predicts eps, v or x0: a `UNet`, or another `nn.Module` of this form."""

    @property
    def config(self) -> NetworkConfig:
        """Its shape."""

    def __call__(self, x_t: Tensor, t: Tensor, y: Tensor | None = None, /) -> Tensor:
        """What it predicts, as x_t (B, ...), at timesteps t (B,) and conditions y."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Its weights."""

    def to(self, device: torch.device, /) -> Any:
        """Move the weights to a device, in place."""


class ScheduledDenoiser(Protocol):
    """A denoiser that knows its schedule; what samplers, inversion and inpainting walk with."""

    @property
    def schedule(self) -> Schedule:
        """The schedule of the process that it reverses."""

    def predict(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """(eps_hat, x0_hat), each as x_t (B, ...), at the timesteps t, int64 (B,).

        One that has `takes_one_timestep = True` also takes one int for the whole batch, as walks
        have it: nothing then waits for a GPU to tell what timestep it was given.
        """

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """eps_hat alone, as x_t."""


def timesteps_of(x_t: Tensor, t: int | Tensor) -> Tensor:
    """The timestep of each item of x_t (B, ...), int64 (B,) on its device, from one for all."""
    if isinstance(t, Tensor):
        return t
    return torch.full((x_t.shape[0],), t, dtype=torch.int64, device=x_t.device)


def as_denoiser(
    denoiser: Denoiser | ScheduledDenoiser, schedule: Schedule | None = None
) -> ScheduledDenoiser:
    """Any denoiser as one that knows its schedule and predicts both eps_hat and x0_hat.

    Args:
        denoiser: A function (x_t, t) -> eps_hat; or an object that has
            `.predict(x_t, t) -> (eps_hat, x0_hat)`, and perhaps `.schedule`.
        schedule: The walk's schedule; None takes the denoiser's own.

    Raises:
        ValueError: if none is given and the denoiser has none.
    """
    own: Schedule | None = getattr(denoiser, "schedule", None)
    of_walk = own if schedule is None else schedule
    if of_walk is None:
        raise ValueError("This denoiser knows no schedule, so one must be given beside it.")
    known = cast(ScheduledDenoiser, denoiser)
    predicts = hasattr(denoiser, "predict")
    if predicts and of_walk is own:
        return known
    if not predicts or isinstance(denoiser, EpsDenoiser):  # whose x0_hat depends on the schedule
        return EpsDenoiser(denoiser, of_walk)
    return _OnSchedule(known, of_walk)


class EpsDenoiser:
    """A function (x_t, t) -> eps_hat, from which x0_hat follows where alpha_t is not 0."""

    takes_one_timestep = True

    def __init__(self, function: Denoiser, schedule: Schedule) -> None:
        """Hold the parts; nothing is computed."""
        self.function, self.schedule = function, schedule

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """eps_hat, (B, ...)."""
        return self.function(x_t, t)

    def predict(self, x_t: Tensor, t: int | Tensor) -> tuple[Tensor, Tensor]:
        """(eps_hat, x0_hat), each (B, ...)."""
        eps_hat = self.function(x_t, timesteps_of(x_t, t))
        return eps_hat, predict_x0(x_t, t, eps_hat, self.schedule)


class _OnSchedule:
    """An object that predicts, on the schedule of a walk."""

    def __init__(self, denoiser: ScheduledDenoiser, schedule: Schedule) -> None:
        self.predict, self.schedule = denoiser.predict, schedule
        self.takes_one_timestep = getattr(denoiser, "takes_one_timestep", False)
        self.learns_variance = learns_variance(denoiser)
        if self.learns_variance:
            self.predict_variance = cast(ModelDenoiser, denoiser).predict_variance

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        return self.predict(x_t, t)[0]


def check_terminal_snr(denoiser: ScheduledDenoiser, first: int) -> None:
    """Refuse a walk that begins at pure noise with a denoiser that predicts eps alone.

    Args:
        denoiser: The denoiser of the walk.
        first: The noisiest timestep of the walk.

    Raises:
        ValueError: if alpha is 0 there and x0_hat is to follow from eps_hat.
    """
    if isinstance(denoiser, EpsDenoiser) and denoiser.schedule.alpha(first) == 0:
        raise ValueError(
            "This schedule ends in pure noise (zero terminal SNR), where predicted noise says "
            "nothing of the image; use a model that predicts v or x0, or keep to smaller timesteps."
        )


@dataclass(frozen=True)
class Prediction:
    """What the output of a network means: its target in training, and the estimates from it.

    Attributes:
        name: Its name in configurations.
        target: (x0, t, eps, schedule) -> the output to train for, (B, ...).
        estimates: (x_t, t, output, schedule) -> (eps_hat, x0_hat), the way back from the target.
    """

    name: str
    target: Callable[[Tensor, Tensor, Tensor, Schedule], Tensor]
    estimates: Callable[[Tensor, int | Tensor, Tensor, Schedule], tuple[Tensor, Tensor]]


PREDICTIONS = {
    prediction.name: prediction
    for prediction in (
        Prediction(
            "epsilon",
            target=lambda x0, t, eps, schedule: eps,
            estimates=lambda x_t, t, eps, schedule: (eps, predict_x0(x_t, t, eps, schedule)),
        ),
        Prediction(
            "v_prediction",
            target=predict_v,
            estimates=lambda x_t, t, v, schedule: (
                eps_from_v(x_t, t, v, schedule),
                x0_from_v(x_t, t, v, schedule),
            ),
        ),
        Prediction(
            "sample",
            target=lambda x0, t, eps, schedule: x0,
            estimates=lambda x_t, t, x0, schedule: (predict_eps(x_t, t, x0, schedule), x0),
        ),
        Prediction(
            "velocity",
            target=lambda x0, t, eps, schedule: eps - x0,
            estimates=lambda x_t, t, u, schedule: (
                eps_from_velocity(x_t, t, u, schedule),
                x0_from_velocity(x_t, t, u, schedule),
            ),
        ),
    )
}
PREDICTION_TYPES = tuple(PREDICTIONS)


def check_prediction(prediction_type: str, schedule: Schedule) -> None:
    """Refuse an output that does not determine x0 on the path of a schedule.

    v = alpha eps - sigma x0 is a turn of (x0, eps) only where alpha² + sigma² is 1.

    Raises:
        ValueError: in one sentence.
    """
    if isinstance(schedule, FlowSchedule) and prediction_type == "v_prediction":
        raise ValueError(
            "v_prediction is defined on schedules of betas alone; on the straight path of the flow "
            "schedule choose velocity, or sample."
        )


def network_output(
    network: Callable[..., Tensor],
    config: NetworkConfig,
    x_t: Tensor,
    t: Tensor,
    y: Tensor | None = None,
) -> Tensor:
    """What a network predicts at timesteps t: c_out(t) · network(x_t, c_noise(t), y).

    (Karras et al. 2022, eq. 7, with c_in = 1 and c_skip = 0.) A network with a positional embedding
    takes the timestep as it is: c_noise = t and c_out = 1. One with Fourier features takes t for a
    noise level and gives a score: c_noise = log t and c_out = 1 / t (Song et al. 2021, as in
    diffusers' UNet2DModel); at t = 0 it is undefined.

    Args:
        network: A network, or one that is wrapped for several processes.
        config: The network's configuration.
        x_t: Noisy samples, (B, ...).
        t: Timesteps, (B,).
        y: Conditions, or None; see `UNet.forward`.

    Returns:
        eps, v or x0, whatever it was trained for, as x_t; of a network of learned variance with
        its v in the channels behind, see `split_output`.
    """
    output = network(x_t, noise_condition(config, t), y)
    return output / _per_item(t, x_t) if config.time_embedding == "fourier" else output


def split_output(output: Tensor, x_t: Tensor) -> tuple[Tensor, Tensor | None]:
    """A network's prediction, as x_t (B, C, ...), and v of its variance, as x_t, if it gives one.

    (Nichol and Dhariwal 2021, section 3.1; what v is says `process.learned_log_variance`.)
    """
    if output.ndim > 1 and output.shape[1] == 2 * x_t.shape[1]:
        prediction, v = output.chunk(2, dim=1)
        return prediction, v
    return output, None


def learns_variance(denoiser: object) -> bool:
    """Whether a denoiser gives v of a learned variance, by its `predict_variance`."""
    return bool(getattr(denoiser, "learns_variance", False))


def noise_condition(config: NetworkConfig, t: Tensor) -> Tensor:
    """c_noise(t), the form in which a network is given the timesteps t (B,); see `network_output`.

    It is t itself, or log t in float32 for Fourier features.
    """
    return torch.log(t.float()) if config.time_embedding == "fourier" else t


NO_VARIANCE = (
    "This model has learned no variance; choose posterior or beta, or a model that was trained "
    "with --learned-variance."
)


class ModelDenoiser:
    """A network and what its output means, as a denoiser.

    Args:
        network: The network.
        schedule: The schedule that it was trained with.
        prediction_type: "epsilon", "v_prediction", "sample" (x0) or "velocity" (eps - x0).
        y: Label for all images, or one an image, int64 (B,); with attributes (B, 1 + K), or
            (1, 1 + K) for all. None is the null condition.
    """

    takes_one_timestep = True

    def __init__(
        self,
        network: Network,
        schedule: Schedule,
        prediction_type: str,
        y: int | Tensor | None = None,
    ) -> None:
        """Hold the parts; nothing is computed."""
        self.network, self.schedule = network, schedule
        self.prediction_type, self.y = prediction_type, y

    def labels(self, t: Tensor) -> Tensor | None:
        """The condition for a batch at timesteps t (B,), on their device; None without one.

        Raises:
            ValueError: if a number does not fit that is about to go to a GPU, where the network
                does not look at it.
        """
        if self.y is None:
            return None
        if t.device.type != "cpu" and (isinstance(self.y, int) or self.y.device.type == "cpu"):
            config = self.network.config
            if config.num_classes is not None:
                check_condition(self.y, config.num_classes, config.null_label, config.attributes)
        if isinstance(self.y, int):
            return torch.full_like(t, self.y)
        self.y = self.y.to(t.device)  # once a walk
        return self.y.expand(len(t), -1) if self.y.ndim == 2 and len(self.y) == 1 else self.y

    def with_labels(self, y: Tensor) -> ModelDenoiser:
        """The same network with other conditions, (B,) or (B, 1 + K)."""
        return ModelDenoiser(self.network, self.schedule, self.prediction_type, y)

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """eps_hat, as x_t (B, ...)."""
        return self.predict(x_t, t)[0]

    def predict(self, x_t: Tensor, t: int | Tensor) -> tuple[Tensor, Tensor]:
        """(eps_hat, x0_hat), each as x_t (B, ...), at timesteps (B,), or one for all.

        An eps-predicting network leaves x0_hat undefined where alpha_t is 0: ValueError.
        """
        eps_hat, x0_hat, _ = self._predict(x_t, t)
        return eps_hat, x0_hat

    @property
    def learns_variance(self) -> bool:
        """Whether the network gives v of a learned variance."""
        return getattr(self.network.config, "learned_variance", False)

    def predict_variance(self, x_t: Tensor, t: int | Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(eps_hat, x0_hat, v), each as x_t, of one evaluation; see `learned_log_variance`.

        Raises:
            ValueError: as `predict`, or if the network has learned no variance.
        """
        eps_hat, x0_hat, v = self._predict(x_t, t)
        if v is None:
            raise ValueError(NO_VARIANCE)
        return eps_hat, x0_hat, v

    def _predict(self, x_t: Tensor, t: int | Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        each = timesteps_of(x_t, t)
        output = network_output(self.network, self.network.config, x_t, each, self.labels(each))
        prediction, v = split_output(output, x_t)
        estimates = PREDICTIONS[self.prediction_type].estimates
        return (*estimates(x_t, t, prediction, self.schedule), v)


class ClassifierFreeGuidance:
    """Move away from what the network predicts unconditionally (Ho and Salimans 2022, eq. 6).

    Unconditionally means with class and attributes unspecified.

    eps_hat = eps_u + guidance_scale · (eps_c - eps_u), and the same for x0_hat. In the paper's own
    convention the scale is w = guidance_scale - 1: here 1 is off, and 0 is unconditional. Both
    predictions come from one evaluation of 2B images, which is faster than two of B.

    Args:
        denoiser: A network with a label and a null label.
        guidance_scale: The factor above; 1.0 is off.

    Raises:
        ValueError: if the denoiser has no label to be guided by.
    """

    takes_one_timestep = True

    def __init__(self, denoiser: ModelDenoiser, guidance_scale: float) -> None:
        """Hold the parts; nothing is computed."""
        config = denoiser.network.config
        if denoiser.y is None or config.num_classes is None or not config.null_label:
            raise ValueError("Guidance needs a label, and a network that has a null label.")
        self.denoiser, self.guidance_scale = denoiser, guidance_scale
        self.null: int = config.num_classes

    @property
    def schedule(self) -> Schedule:
        """The schedule that the network was trained with."""
        return self.denoiser.schedule

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """eps_hat, as x_t (B, ...)."""
        return self.predict(x_t, t)[0]

    def predict(self, x_t: Tensor, t: int | Tensor) -> tuple[Tensor, Tensor]:
        """(eps_hat, x0_hat), each as x_t (B, ...), at timesteps (B,), or one for all."""
        both, twice = self._both(x_t, t)
        return self._guided(both.predict(torch.cat([x_t, x_t]), twice))

    @property
    def learns_variance(self) -> bool:
        """Whether the network gives v of a learned variance."""
        return self.denoiser.learns_variance

    def predict_variance(self, x_t: Tensor, t: int | Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(eps_hat, x0_hat, v); v, as in GLIDE, is that of the condition (Nichol et al. 2021)."""
        both, twice = self._both(x_t, t)
        *estimates, v = both.predict_variance(torch.cat([x_t, x_t]), twice)
        return (*self._guided(estimates), v.chunk(2)[0])

    def _both(self, x_t: Tensor, t: int | Tensor) -> tuple[ModelDenoiser, int | Tensor]:
        """The network for each sample with its condition, then for each without; and both's t."""
        y = self.denoiser.labels(timesteps_of(x_t, t))
        assert y is not None
        both = self.denoiser.with_labels(torch.cat([y, null_condition(y, self.null)]))
        return both, torch.cat([t, t]) if isinstance(t, Tensor) else t

    def _guided(self, estimates: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        w = self.guidance_scale
        (eps_c, eps_u), (x0_c, x0_u) = (z.chunk(2) for z in estimates)
        return eps_u + w * (eps_c - eps_u), x0_u + w * (x0_c - x0_u)


class ClassifierConfig(Protocol):
    """What guidance needs to know of a classifier's shape."""

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""

    @property
    def num_classes(self) -> int:
        """Labels 0 to num_classes - 1."""


class Classifier(Protocol):
    """A classifier of noisy samples, p(y | x_t, log-SNR)."""

    @property
    def config(self) -> ClassifierConfig:
        """Its shape."""

    def __call__(self, x_t: Tensor, log_snr: Tensor, /) -> Tensor:
        """Logits (B, K) of variance-preserving samples (B, ...) at log-SNR (B,)."""

    def to(self, device: torch.device, /) -> Any:
        """Move the weights to a device, in place."""


@dataclass(frozen=True, eq=False)
class ClassifierLook:
    """What a classifier says of noisy samples.

    Attributes:
        log_probs: log p(y | x_t) of all classes, (B, K).
        gradient: The gradient of log p(y | x_t) of the wanted class by x_t, as x_t (B, ...).
    """

    log_probs: Tensor
    gradient: Tensor


class GradientGuidance(ABC):
    """Follow the gradient of what reads noisy samples (Dhariwal and Nichol 2021, section 4).

    Algorithm 2 moves the estimates, and serves every sampler:

        eps_hat <- eps_hat - s sigma_t g,    x0_hat <- x0_hat + s (sigma_t² / alpha_t) g

    with g = ∇ log p(c | x_t), c what is wanted, so that both still belong to the same x_t.
    Algorithm 1 leaves them, and moves the mean of each step of ancestral sampling by s Σ g, Σ the
    variance of the step's noise; `samplers.take_step` does so for a denoiser that has a
    `mean_shift`.

    What reads is told log-SNR and sees x_t / sqrt(alpha_t² + sigma_t²), so that it serves every
    schedule; g has the factor that follows from that. Where alpha_t is 0, x_t says nothing of x0,
    and nothing is moved.

    Args:
        denoiser: What is guided.
        scale: The factor s; 0 leaves the denoiser as it is, to the bit.
        algorithm: 1 or 2, as above.
        reader: What reads, in a sentence.

    Raises:
        ValueError: if the scale is negative or not finite, or there is no such algorithm.
    """

    takes_one_timestep = True

    def __init__(
        self, denoiser: ScheduledDenoiser, scale: float, algorithm: int, reader: str
    ) -> None:
        """Hold the parts; nothing is computed."""
        if not 0 <= scale < math.inf:
            raise ValueError(f"The scale of a {reader} must be at least 0, got {scale}.")
        if algorithm not in (1, 2):
            raise ValueError(f"Guidance by a {reader} has algorithms 1 and 2, got {algorithm}.")
        self.denoiser, self.scale, self.algorithm = denoiser, scale, algorithm
        if algorithm == 1 and scale:
            self.mean_shift = self._mean_shift

    @abstractmethod
    def gradient(self, x_t: Tensor, t: int | Tensor) -> Tensor:
        """The gradient g by x_t, as x_t (B, ...), at timesteps (B,), or one for all."""

    @property
    def schedule(self) -> Schedule:
        """The schedule of the denoiser."""
        return self.denoiser.schedule

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """eps_hat, as x_t (B, ...)."""
        return self.predict(x_t, t)[0]

    def predict(self, x_t: Tensor, t: int | Tensor) -> tuple[Tensor, Tensor]:
        """(eps_hat, x0_hat), each as x_t (B, ...), at timesteps (B,), or one for all."""
        eps_hat, x0_hat = self.denoiser.predict(x_t, self._given(x_t, t))
        return self._moved(x_t, t, eps_hat, x0_hat)

    @property
    def learns_variance(self) -> bool:
        """Whether what is guided gives v of a learned variance."""
        return learns_variance(self.denoiser)

    def predict_variance(self, x_t: Tensor, t: int | Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(eps_hat, x0_hat, v) of what is guided; a gradient leaves the variance as it is."""
        guided = cast(ModelDenoiser, self.denoiser)  # or another that has learned one
        eps_hat, x0_hat, v = guided.predict_variance(x_t, self._given(x_t, t))
        return (*self._moved(x_t, t, eps_hat, x0_hat), v)

    def _given(self, x_t: Tensor, t: int | Tensor) -> Tensor:
        """The timesteps in the form that what is guided takes."""
        one = getattr(self.denoiser, "takes_one_timestep", False)
        return cast(Tensor, t) if one else timesteps_of(x_t, t)

    def _moved(
        self, x_t: Tensor, t: int | Tensor, eps_hat: Tensor, x0_hat: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The estimates after algorithm 2; algorithm 1 leaves them."""
        if self.algorithm == 1 or self.scale == 0:
            return eps_hat, x0_hat
        level = timesteps_of(x_t, t).cpu()
        alpha, sigma = self.schedule.alpha(level), self.schedule.sigma(level)
        says = alpha > 0  # whether x_t says anything of x0
        of_eps = torch.where(says, sigma, 0.0)
        of_x0 = torch.where(says, sigma**2 / torch.where(says, alpha, 1.0), 0.0)
        step = self.scale * self.gradient(x_t, t)
        moved_eps, moved_x0 = (_weights_of(w, x_t) * step for w in (of_eps, of_x0))
        return eps_hat - moved_eps, x0_hat + moved_x0

    def _mean_shift(self, x_t: Tensor, t: int | Tensor) -> Tensor:
        """S g, by whose multiple algorithm 1 moves the mean of a step."""
        return self.scale * self.gradient(x_t, t)

    def _read(
        self, x_t: Tensor, t: int | Tensor, read: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, Tensor]:
        """What is read in x_t, and the gradient by x_t of what is wanted of it, as x_t.

        Args:
            x_t: Noisy samples, (B, ...).
            t: Timesteps (B,), or one for all.
            read: (variance-preserving samples, log-SNR (B,)) -> (what is read, of which what is
                wanted, (B,)).
        """
        level = timesteps_of(x_t, t).cpu()
        alpha, sigma = self.schedule.alpha(level), self.schedule.sigma(level)
        length = _weights_of((alpha**2 + sigma**2).sqrt(), x_t)
        log_snr = self.schedule.log_snr(level).to(x_t.dtype).to(x_t.device)
        with torch.enable_grad():
            x = (x_t.detach() / length).requires_grad_()
            found, wanted = read(x, log_snr)
            (gradient,) = torch.autograd.grad(wanted.sum(), x)
        return found.detach(), gradient / length


class ClassifierGuidance(GradientGuidance):
    """Follow a classifier's gradient towards a class (Dhariwal and Nichol 2021, section 4).

    See `GradientGuidance`; what is wanted is a class, g = ∇ log p(y | x_t).

    Args:
        denoiser: What is guided: without classes, or with classifier-free guidance ("both").
        classifier: What guides it.
        y: The wanted label for all samples, or one a sample, int64 (B,).
        scale: The factor s; 0 leaves the denoiser as it is, to the bit.
        algorithm: 1 or 2.

    Raises:
        ValueError: if the scale is negative or not finite, there is no such algorithm, or the
            classifier has no such class.
    """

    def __init__(
        self,
        denoiser: ScheduledDenoiser,
        classifier: Classifier,
        y: int | Tensor,
        scale: float,
        algorithm: int = 2,
    ) -> None:
        """Hold the parts; nothing is computed."""
        super().__init__(denoiser, scale, algorithm, "classifier")
        count, labels = classifier.config.num_classes, torch.as_tensor(y)
        if labels.numel() and not (0 <= int(labels.min()) and int(labels.max()) < count):
            raise ValueError(f"The classifier has the classes 0 to {count - 1}, got {y}.")
        self.classifier, self.y = classifier, y

    def gradient(self, x_t: Tensor, t: int | Tensor) -> Tensor:
        """∇ log p(y | x_t), as x_t (B, ...)."""
        return self.look(x_t, t).gradient

    def look(self, x_t: Tensor, t: int | Tensor) -> ClassifierLook:
        """What the classifier says of x_t (B, ...) at timesteps (B,), or one for all."""
        y = torch.as_tensor(self.y, device=x_t.device)

        def read(x: Tensor, log_snr: Tensor) -> tuple[Tensor, Tensor]:
            log_probs = self.classifier(x, log_snr).log_softmax(dim=1)
            return log_probs, log_probs.gather(1, y.expand(len(x))[:, None])

        return ClassifierLook(*self._read(x_t, t, read))


class ContrastiveConfig(Protocol):
    """What guidance needs to know of a CLIP's shape."""

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample."""


class ContrastiveModel(Protocol):
    """A CLIP of noisy samples: embeddings of samples and of captions, and how well they agree."""

    @property
    def config(self) -> ContrastiveConfig:
        """Its shape."""

    def encode_pictures(self, x_t: Tensor, log_snr: Tensor, /) -> Tensor:
        """Embeddings (B, D) of variance-preserving samples (B, ...) at log-SNR (B,)."""

    def encode_captions(self, y: Tensor, /) -> Tensor:
        """Embeddings (N, D) of captions in its own numbers, (N, L)."""

    def logits(self, pictures: Tensor, captions: Tensor, /) -> Tensor:
        """What it has learnt for log p(x_t, c) / (p(x_t) p(c)), (N, B), of embeddings."""

    def to(self, device: torch.device, /) -> Any:
        """Move the weights to a device, in place."""


@dataclass(frozen=True, eq=False)
class ClipLook:
    """What a CLIP says of noisy samples.

    Attributes:
        logit: How well each agrees with the caption, log p(x_t, c) / (p(x_t) p(c)), (B,).
        gradient: Its gradient by x_t, as x_t (B, ...).
    """

    logit: Tensor
    gradient: Tensor


class ClipGuidance(GradientGuidance):
    """Follow the agreement of a picture with a caption, as a CLIP sees it (GLIDE, section 2.4).

        g = ∇ exp(τ) e(x_t) · g(c)                                        (Nichol et al. 2021)

    See `GradientGuidance`. The paper's s multiplies the product of the embeddings alone; here that
    of a CLIP's logit, which a contrast teaches to be log p(c | x_t) - log p(c): so the gradient is
    that of log p(c | x_t), and s is a classifier's, 1 where Bayes' rule has it.

    Args:
        denoiser: What is guided, with or without classifier-free guidance.
        clip: What guides it.
        caption: The embedding of the caption, (1, D) for all samples, or (B, D).
        scale: The factor s; 0 leaves the denoiser as it is, to the bit.
        algorithm: 1 or 2.

    Raises:
        ValueError: if the scale is negative or not finite, or there is no such algorithm.
    """

    def __init__(
        self,
        denoiser: ScheduledDenoiser,
        clip: ContrastiveModel,
        caption: Tensor,
        scale: float,
        algorithm: int = 2,
    ) -> None:
        """Hold the parts; nothing is computed."""
        super().__init__(denoiser, scale, algorithm, "CLIP")
        self.clip, self.caption = clip, caption

    def gradient(self, x_t: Tensor, t: int | Tensor) -> Tensor:
        """∇ log p(c | x_t), as x_t (B, ...)."""
        return self.look(x_t, t).gradient

    def look(self, x_t: Tensor, t: int | Tensor) -> ClipLook:
        """What the CLIP says of x_t (B, ...) at timesteps (B,), or one for all."""
        caption = self.caption.to(x_t.device)

        def read(x: Tensor, log_snr: Tensor) -> tuple[Tensor, Tensor]:
            logits = self.clip.logits(self.clip.encode_pictures(x, log_snr), caption)
            each = logits[0] if len(logits) == 1 else logits.diagonal()
            return each, each

        return ClipLook(*self._read(x_t, t, read))


THRESHOLDS = ("static", "dynamic")
PERCENTILE = 0.995


def estimate(
    denoiser: ScheduledDenoiser,
    x_t: Tensor,
    t: int,
    clip_x0: float,
    threshold: str = "static",
) -> tuple[Tensor, Tensor]:
    """(eps_hat, x0_hat) at (x_t, t), consistent with each other after clipping.

    Args:
        denoiser: The denoiser to evaluate; see `as_denoiser`.
        x_t: Noisy data, (B, ...).
        t: Timestep of the whole batch.
        clip_x0: x0_hat is brought into [-clip_x0, clip_x0]; 0 leaves it.
        threshold: The way to bring it there: one of `THRESHOLDS`.
    """
    one = getattr(denoiser, "takes_one_timestep", False)
    given = cast(Tensor, t) if one else timesteps_of(x_t, t)
    eps_hat, x0_hat = denoiser.predict(x_t, given)
    return _clipped(denoiser.schedule, x_t, t, eps_hat, x0_hat, clip_x0, threshold)


def estimate_variance(
    denoiser: ScheduledDenoiser,
    x_t: Tensor,
    t: int,
    clip_x0: float,
    threshold: str = "static",
) -> tuple[Tensor, Tensor, Tensor]:
    """(eps_hat, x0_hat, v) of one evaluation, clipped as in `estimate`, whose arguments these are.

    Raises:
        ValueError: if the denoiser has learned no variance.
    """
    if not learns_variance(denoiser):
        raise ValueError(NO_VARIANCE)
    one = getattr(denoiser, "takes_one_timestep", False)
    given = cast(Tensor, t) if one else timesteps_of(x_t, t)
    eps_hat, x0_hat, v = cast(ModelDenoiser, denoiser).predict_variance(x_t, given)
    return (*_clipped(denoiser.schedule, x_t, t, eps_hat, x0_hat, clip_x0, threshold), v)


def _clipped(
    schedule: Schedule,
    x_t: Tensor,
    t: int,
    eps_hat: Tensor,
    x0_hat: Tensor,
    clip_x0: float,
    threshold: str,
) -> tuple[Tensor, Tensor]:
    limit = float(clip_x0)  # True is 1
    if limit:
        if threshold == "dynamic":
            x0_hat = limit * dynamic_threshold(x0_hat / limit)
        else:
            x0_hat = x0_hat.clamp(-limit, limit)
        eps_hat = predict_eps(x_t, t, x0_hat, schedule)
    return eps_hat, x0_hat


def dynamic_threshold(x0_hat: Tensor, percentile: float = PERCENTILE) -> Tensor:
    """Bring each image into [-1, 1] by its own range (Saharia et al. 2022, Imagen, section 2.3).

    x0_hat / s, clipped to [-1, 1], where s is the percentile of |x0_hat| over all values of the
    image, and at least 1. A strong guidance drives most of an image past the range: to clip it
    there (static) leaves flat, garish colours; to scale it keeps its shades apart.

    Args:
        x0_hat: Predicted clean images, (B, ...).
        percentile: The quantile, from 0 to 1.
    """
    values = x0_hat.abs().reshape(len(x0_hat), -1)
    values = values if values.dtype == torch.float64 else values.float()
    # One by one, since quantile takes no more than 16 million numbers.
    s = torch.stack([torch.quantile(image, percentile) for image in values]).clamp_min(1.0)
    return (x0_hat / _per_item(s.to(x0_hat.dtype), x0_hat)).clamp(-1, 1)


def _weights_of(values: Tensor, x: Tensor) -> Tensor:
    """Weights in float64 on the CPU, (B,), in the form of x: its precision, device and shape."""
    return _per_item(values.to(x.dtype).to(x.device), x)


def _per_item(values: Tensor, x: Tensor) -> Tensor:
    """One number an item, (B,), shaped to multiply x, (B, ...)."""
    return values.reshape(-1, *(1,) * (x.ndim - 1))


_CHUNK = 2**22  # numbers held in float64 at a time: 32 MiB


class ExactDenoiser:
    """The posterior mean over a set of images, as a denoiser.

    It is computed on x_t's device, in float64, over a slice of the images at a time, so that memory
    beyond the images themselves is bounded.

    Args:
        images: The data set, float (N, C, H, W) in [-1, 1], or points of any shape (N, ...).
        schedule: The schedule of the process that is reversed.

    Raises:
        ValueError: if images is of another dtype, or empty.
    """

    takes_one_timestep = True

    def __init__(self, images: Tensor, schedule: Schedule) -> None:
        """Hold the parts; nothing is computed."""
        if images.ndim < 1 or not images.is_floating_point():
            raise ValueError(
                f"images must be float (N, ...), got {images.dtype} {tuple(images.shape)}."
            )
        if images.numel() == 0:
            raise ValueError(f"There must be at least one image, got {tuple(images.shape)}.")
        self.images, self.schedule = images, schedule

    def __call__(self, x_t: Tensor, t: int | Tensor) -> Tensor:
        """eps_hat, (B, ...)."""
        return self.predict(x_t, t)[0]

    @torch.no_grad()
    def predict(self, x_t: Tensor, t: int | Tensor) -> tuple[Tensor, Tensor]:
        """(eps_hat, x0_hat), each (B, ...); x0_hat is the mean of the data where alpha_t is 0.

        x0_hat = Σ_i w_i x_i,   eps_hat = (x_t - alpha_t x0_hat) / sigma_t

        Args:
            x_t: Noisy data, (B, ...), of the set's shape.
            t: Zero-based timesteps, int64, (B,), or one for all.

        Raises:
            ValueError: if x_t is no batch of such images or t is outside [0, T).
        """
        x = self._flat(x_t)  # (B, D)
        t = torch.as_tensor(t).cpu()
        if t.shape not in ((), (1,), (len(x),)):
            raise ValueError(
                f"There must be one timestep an image: got {tuple(t.shape)} for {len(x)} images."
            )
        alpha = self.schedule.alpha(t).to(x.device).reshape(-1, 1)
        variance = self.schedule.noise_variance(t).to(x.device).reshape(-1, 1)
        variance = variance.clamp_min(torch.finfo(torch.float64).tiny)
        # The softmax over all slices, of which each rescales what came before (as in attention
        # that is computed by tiles: Milakov and Gimelshein 2018).
        best = x.new_full((len(x), 1), -torch.inf)
        total, mean = torch.zeros_like(best), torch.zeros_like(x)
        for images in self._slices(x):  # (n, D)
            # |x_t|² is the same for all images, so that it cancels in the softmax. What is left
            # is divided by sigma_t², which may be 1e-5, so that float32's error would decide
            # between images; and only after the maximum is taken away, so that nothing overflows.
            near = alpha * (x @ images.T) - alpha**2 * images.square().sum(1) / 2
            before, best = best, torch.maximum(best, near.amax(1, keepdim=True))
            weights = ((near - best) / variance).exp()  # (B, n)
            kept = ((before - best) / variance).exp()
            total = kept * total + weights.sum(1, keepdim=True)
            mean = kept * mean + weights @ images
        x0_hat = (mean / total).reshape(x_t.shape).to(x_t.device, x_t.dtype)
        return predict_eps(x_t, t, x0_hat, self.schedule), x0_hat

    @torch.no_grad()
    def log_density(self, x_t: Tensor, t: int | Tensor) -> Tensor:
        """Log p_t(x_t), natural, float64 (B,), of the data set as it is noised to t.

        p_t(x) = 1/N Σ_i N(x; alpha_t x_i, sigma_t² I): a Gaussian at each image. Its gradient is
        the score, -eps_hat / sigma_t. Arguments and errors are those of `predict`.
        """
        x = self._flat(x_t)
        t = torch.as_tensor(t).cpu()
        alpha = self.schedule.alpha(t).to(x.device).reshape(-1, 1)
        variance = self.schedule.noise_variance(t).to(x.device).reshape(-1, 1)
        total = x.new_full((len(x),), -torch.inf)
        for images in self._slices(x):  # in float64, whose error over sigma² stays below 1e-10
            far = x.square().sum(1, keepdim=True) - 2 * alpha * (x @ images.T)
            far = (far + alpha**2 * images.square().sum(1)).clamp_min(
                0
            )  # float64: 1e-10 after / σ²
            total = torch.logaddexp(total, torch.logsumexp(-far / (2 * variance), dim=1))
        normal = x.shape[1] / 2 * torch.log(2 * math.pi * variance).reshape(-1)
        return total - math.log(len(self.images)) - normal

    @torch.no_grad()
    def nearest(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest image of the set, by root mean square distance over pixels.

        Args:
            x: Images, (B, ...).

        Returns:
            Indices into the set, int64 (B,); and the distances, (B,), in units of the images'
            range: 2 is black against white.

        Raises:
            ValueError: if x is no batch of such images.
        """
        flat, first = self._flat(x), 0
        best = flat.new_full((len(flat),), torch.inf)
        index = torch.zeros(len(flat), dtype=torch.int64, device=flat.device)
        for images in self._slices(flat):
            far, at = (images.square().sum(1) - 2 * flat @ images.T).min(1)  # + |x|²
            index = torch.where(far < best, at + first, index)
            best, first = torch.minimum(best, far), first + len(images)
        # From the difference, since |x|² - 2xy + |y|² of equal images is not exactly 0.
        found = self._flat(self.image(index)).to(flat.device)
        rms = (flat - found).square().mean(1).sqrt()
        return index.to(x.device), rms.to(x.device, x.dtype)

    def image(self, index: Tensor) -> Tensor:
        """Images of the set by their indices, (B,): (B, ...), on the set's device."""
        return self.images[index.to(self.images.device)]

    def _flat(self, x: Tensor) -> Tensor:
        """Images as rows, (B, D), float64, on the device of the computation."""
        if x.shape[1:] != self.images.shape[1:] or not x.is_floating_point():
            raise ValueError(
                f"Images must be float (B, {', '.join(map(str, self.images.shape[1:]))}), "
                f"got {x.dtype} {tuple(x.shape)}."
            )
        device = torch.device("cpu") if x.device.type == "mps" else x.device  # it has no float64
        return x.to(device).double().reshape(len(x), -1)

    def _slices(self, x: Tensor) -> Iterator[Tensor]:
        """The set as rows, (n, D), float64, on x's device, a slice at a time."""
        for part in self.images.reshape(len(self.images), -1).split(max(1, _CHUNK // max(x.shape))):
            yield part.to(x.device).double()
