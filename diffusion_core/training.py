"""Training: draw a timestep, add that much noise, have the network predict what was added.

    L = E_{x0, t ~ U{0..T-1}, eps ~ N(0, I)} w(t) || target - f(x_t, t, y) ||²

With target = eps and w = 1 this is L_simple (Ho et al. 2020, eq. 14 and algorithm 1). The target
may also be v or x0, and w the min-SNR weight (Hang et al. 2023).

A network of learned variance has twice the channels, and a second term (Nichol and Dhariwal 2021,
eq. 16), L_hybrid = L + λ L_vlb, in which the prediction counts as given, so that L_vlb only teaches
the variance. L_vlb is T times the mean of `process.bound_terms`, bits per dimension, as in the
authors' code. Timesteps may be drawn by how large their loss is (ibid., section 3.3).

`train` is a generator: it yields after every step, and stopping it is leaving it. All randomness
of step k comes from generators seeded by (seed, k), so a resumed run is the unbroken run, and
several processes draw what one would have drawn: to the bit on the CPU of one machine with the same
threads. On CUDA kernels sum in an order that changes from run to run, so that the first losses of
two runs agree to 1e-4 of their size.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from .conditioning import check_condition, null_condition
from .denoiser import (
    PREDICTION_TYPES,
    PREDICTIONS,
    Network,
    NetworkConfig,
    check_prediction,
    network_output,
    split_output,
)
from .process import bound_terms, learned_log_variance, q_sample
from .schedule import FlowSchedule, Schedule
from .seeding import parse_seed, seeded
from .unet import UNet, UNetConfig

if TYPE_CHECKING:
    from accelerate import Accelerator

    from .data import ImageDataset

__all__ = [
    "PRECISIONS",
    "UNBOUNDED",
    "WEIGHTINGS",
    "Batch",
    "TrainConfig",
    "LossHistory",
    "TrainStep",
    "TrainingData",
    "TrainingState",
    "ahead",
    "check_fit",
    "default_accelerator",
    "draw_batch",
    "draw_step",
    "ema_update",
    "fresh_unet",
    "learning_rate_at",
    "loss_weights",
    "squared_errors",
    "train",
    "variance_losses",
]

NetworkT = TypeVar("NetworkT", bound=nn.Module)
"""A `denoiser.Network` that is trained: a `UNet`, or one of another kind of data."""

WEIGHTINGS = ("none", "min_snr", "clamped_snr")
UNBOUNDED = ("clamped_snr", "epsilon")  # SNR 0 weighs infinitely: there eps does not determine x0
PRECISIONS = ("auto", "fp32", "bf16")


@dataclass(frozen=True)
class TrainConfig:
    """The settings of a training; stored as JSON with the state and the checkpoint.

    Attributes:
        num_steps: Optimiser steps in all.
        batch_size: Images a step, over all processes together.
        learning_rate: Peak of AdamW's learning rate.
        warmup_steps: First steps, over which the learning rate rises linearly; then it is level.
        decay_steps: Last steps, over which it falls linearly to 0.
        weight_decay: AdamW's weight decay.
        grad_clip: Largest norm of the gradient.
        ema_decay: Decay of the averaged weights; begins low and rises with the steps.
        label_dropout: Share of labels replaced by the null label (Ho and Salimans 2022), and with
            them all attributes.
        attribute_dropout: Share of pictures in which each attribute is left out by itself.
        sparse_attributes: Share of pictures of which any number of attributes is left out, each
            number alike, so that the network also learns conditions that specify little.
        prediction_type: What the network's output means: epsilon, v_prediction, sample (x0) or
            velocity (eps - x0).
        loss_weighting: "none", "min_snr" or "clamped_snr"; see `training.loss_weights`.
        min_snr_gamma: The γ of these two weightings.
        vlb_weight: The λ of L_hybrid; only a network of learned variance has that term.
        importance_sampling: Draw timesteps by how large their loss is; see `LossHistory`.
        precision: "bf16" or "fp32"; "auto" measures which is faster here.
        even_classes: Draw every class equally often, whatever its share of the pictures.
        flip: Mirror half of the pictures, left to right: for what has no left and right.
        seed: Seed of the initial weights and of every step's draws.
        save_every: Steps between saves of the state.
    """

    num_steps: int = 10_000
    batch_size: int = 64
    learning_rate: float = 1e-3
    warmup_steps: int = 500
    decay_steps: int = 2_000
    weight_decay: float = 0.0
    grad_clip: float = 1.0
    ema_decay: float = 0.9995
    label_dropout: float = 0.1
    attribute_dropout: float = 0.1
    sparse_attributes: float = 0.0
    prediction_type: str = "epsilon"
    loss_weighting: str = "none"
    min_snr_gamma: float = 5.0
    precision: str = "auto"
    even_classes: bool = False
    flip: bool = False
    seed: int = 0
    save_every: int = 500
    vlb_weight: float = 0.001
    importance_sampling: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The settings by name; those of a learned variance are left out where they are default.

        So the files of trainings without one stay as they were before there was such a thing.
        """
        values = dataclasses.asdict(self)
        default = {field.name: field.default for field in dataclasses.fields(self)}
        for name in ("vlb_weight", "importance_sampling"):
            if values[name] == default[name]:
                del values[name]
        return values

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, in one sentence."""
        for name, choices in (
            ("prediction_type", PREDICTION_TYPES),
            ("loss_weighting", WEIGHTINGS),
            ("precision", PRECISIONS),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"There is no {name} {getattr(self, name)!r}; choose {', '.join(choices)}."
                )
        if (self.loss_weighting, self.prediction_type) == UNBOUNDED:
            raise ValueError(
                "clamped_snr has no bound where epsilon is predicted; choose min_snr, or "
                "another prediction_type."
            )
        if min(self.num_steps, self.batch_size, self.save_every) < 1:
            raise ValueError("num_steps, batch_size and save_every must be at least 1.")
        if not (self.learning_rate > 0 and self.grad_clip > 0 and self.min_snr_gamma > 0):
            raise ValueError("learning_rate, grad_clip and min_snr_gamma must be above 0.")
        if not 0 <= self.vlb_weight < math.inf:
            raise ValueError("vlb_weight must be at least 0.")
        if not all(
            0 <= x < 1
            for x in (
                self.ema_decay,
                self.label_dropout,
                self.attribute_dropout,
                self.sparse_attributes,
            )
        ):
            raise ValueError("ema_decay, the dropouts and sparse_attributes must lie in [0, 1).")
        if min(self.warmup_steps, self.decay_steps) < 0:
            raise ValueError("warmup_steps and decay_steps must be at least 0.")
        parse_seed(self.seed, "seed")


def learning_rate_at(config: TrainConfig, step: int) -> float:
    """Warm-up, level, decay: the rate of zero-based `step` (Hu et al. 2024, "WSD").

    The level part does not depend on num_steps, so a run can be lengthened or cut short before
    its decay without changing what came before.
    """
    up = (step + 1) / config.warmup_steps if config.warmup_steps else 1.0
    down = (config.num_steps - step) / config.decay_steps if config.decay_steps else 1.0
    return config.learning_rate * min(1.0, up, down)


def batch_indices(config: TrainConfig, step: int, size: int) -> Tensor:
    """Which images step k sees, int64 (B,): the k-th slice of an endless row of shuffles."""
    first, parts, needed = step * config.batch_size, [], config.batch_size
    while needed:
        epoch, offset = divmod(first, size)
        order = torch.randperm(size, generator=seeded(config.seed, "epoch", epoch))
        parts.append(order[offset : offset + needed])
        needed -= len(parts[-1])
        first += len(parts[-1])
    return torch.cat(parts)


class TrainingData(Protocol):
    """What a training asks of its data: an `ImageDataset`, or points of a plane.

    Classes drawn evenly, mirrored pictures and attributes are asked of an `ImageDataset` alone.
    """

    def __len__(self) -> int:
        """The number of samples."""

    def batch(self, indices: Tensor, /) -> tuple[Tensor, Tensor | None]:
        """Samples, float32 (B, ...), and their labels, int64 (B,), or None."""


class LossHistory:
    """The last ten losses at each timestep, by which the next timesteps are drawn.

    p_t ∝ sqrt(E[L_t²]), and the loss of each draw is divided by T p_t (Nichol and Dhariwal 2021,
    eq. 18). Timesteps are drawn evenly until each has ten losses, and a thousandth of the draws
    evenly after that, so that none is forgotten.

    Attributes:
        losses: The losses, float64 (T, 10), in turn overwritten.
        counts: How many there have been at each timestep, int64 (T,).
    """

    KEPT, EVEN = 10, 0.001

    def __init__(self, num_timesteps: int) -> None:
        """No loss is known."""
        self.losses = torch.zeros(num_timesteps, self.KEPT, dtype=torch.float64)
        self.counts = torch.zeros(num_timesteps, dtype=torch.int64)

    def add(self, t: Tensor, losses: Tensor) -> None:
        """Note losses, float (B,), at timesteps, int64 (B,), both on the CPU."""
        for at, loss in zip(t.tolist(), losses.double().tolist(), strict=True):
            self.losses[at, int(self.counts[at]) % self.KEPT] = loss
            self.counts[at] += 1

    def probabilities(self) -> Tensor:
        """p_t, float64 (T,)."""
        T = len(self.counts)
        even = torch.full((T,), 1 / T, dtype=torch.float64)
        size = self.losses.square().mean(dim=1).sqrt()
        if int(self.counts.min()) < self.KEPT or not bool(size.sum() > 0):
            return even
        return (1 - self.EVEN) * size / size.sum() + self.EVEN * even


def draw_step(
    config: TrainConfig,
    unet: NetworkConfig,
    schedule: Schedule,
    dataset: TrainingData,
    step: int,
    probabilities: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """All that is random in a step, for the whole batch, on the CPU: x0, t, eps, y.

    Of a condition with attributes, all is left out with the probability of label_dropout, and each
    part, the class too, by itself with that of attribute_dropout. Of a share of sparse_attributes
    each attribute, but not the class, is left out at a rate that is itself drawn from 0 to 1: many
    conditions then specify little, as when a person chooses one attribute or the class alone.

    Timesteps are drawn evenly, or by `probabilities`, float64 (T,).
    """
    if config.even_classes:
        evenly = cast("ImageDataset", dataset).evenly
        indices = evenly[batch_indices(config, step, len(evenly))]
    else:
        indices = batch_indices(config, step, len(dataset))
    x0, y = dataset.batch(indices)
    generator = seeded(config.seed, "step", step)
    if probabilities is None:
        t = torch.randint(len(schedule), (len(x0),), generator=generator)
    else:
        t = torch.multinomial(probabilities, len(x0), replacement=True, generator=generator)
    eps = torch.randn(x0.shape, generator=generator)
    if config.flip:  # from its own generator: all else is drawn as without it
        mirrored = torch.rand(len(x0), generator=seeded(config.seed, "flip", step)) < 0.5
        x0 = torch.where(mirrored[:, None, None, None], x0.flip(3), x0)
    if unet.num_classes is None or y is None:
        return x0, t, eps, None
    if unet.null_label:
        dropped = torch.rand(len(x0), generator=generator) < config.label_dropout
        y = torch.where(dropped, unet.num_classes, y)
        if unet.attributes:
            condition = cast("ImageDataset", dataset).conditions(indices)
            assert condition is not None
            alone = torch.rand(condition.shape, generator=generator) < config.attribute_dropout
            if config.sparse_attributes:  # drawn last: all else is drawn as without it
                rate = torch.rand(len(x0), 1, generator=generator)
                sparse = torch.rand(len(x0), 1, generator=generator) < config.sparse_attributes
                left_out = torch.rand(condition.shape, generator=generator) < rate
                left_out[:, 0] = False  # the class
                alone |= sparse & left_out
            null = null_condition(condition, unet.num_classes)
            y = torch.where(dropped[:, None] | alone, null, condition)
    return x0, t, eps, y


@dataclass(frozen=True, eq=False)
class Batch:
    """What a step trains on, an item a sample.

    Attributes:
        x_t: Noisy samples, (B, ...).
        t: Their timesteps, int64 (B,).
        y: Their conditions, or None.
        target: What the network is to predict, as x_t.
        weights: w(t), (B,).
        x0: Clean samples, for the term of a learned variance; else None.
        shares: 1 / (T p_t), (B,), where timesteps are not drawn evenly; else None.
    """

    x_t: Tensor
    t: Tensor
    y: Tensor | None
    target: Tensor
    weights: Tensor
    x0: Tensor | None = None
    shares: Tensor | None = None

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        some = (self.y, self.x0, self.shares)
        y, x0, shares = (None if each is None else change(each) for each in some)
        others = (self.x_t, self.t, self.target, self.weights)
        x_t, t, target, weights = (change(each) for each in others)
        return Batch(x_t, t, y, target, weights, x0, shares)

    def part(self, which: slice) -> Batch:
        """Some of the images."""
        return self._each(lambda each: each[which])

    def pinned(self) -> Batch:
        """The same in memory that a GPU copies from while the CPU goes on."""
        return self._each(Tensor.pin_memory)

    def to(self, device: torch.device) -> Batch:
        """The same on a device; what is pinned is copied without waiting for it."""
        return self._each(lambda each: each.to(device, non_blocking=each.is_pinned()))


def draw_batch(
    config: TrainConfig,
    unet: NetworkConfig,
    schedule: Schedule,
    dataset: TrainingData,
    step: int,
    probabilities: Tensor | None = None,
) -> Batch:
    """What a step trains on, the whole batch, on the CPU; its draws are those of `draw_step`."""
    x0, t, eps, y = draw_step(config, unet, schedule, dataset, step, probabilities)
    target = PREDICTIONS[config.prediction_type].target(x0, t, eps, schedule)
    x_t = q_sample(x0, t, eps, schedule)
    learned = getattr(unet, "learned_variance", False)
    return Batch(
        x_t,
        t,
        y,
        target,
        loss_weights(config, t, schedule),
        x0 if learned else None,
        None if probabilities is None else 1 / (len(schedule) * probabilities[t]).float(),
    )


@contextmanager
def ahead(
    draw: Callable[[int], Batch], end: int, threaded: bool
) -> Iterator[Callable[[int], Batch]]:
    """A function of the step that gives what `draw` gives, drawn one step ahead in a thread.

    The draws of a step depend on its number alone, so that they are the same to the bit.

    Args:
        draw: Draws the batch of a step.
        end: Number of steps; the first that is not drawn.
        threaded: Whether there is a thread; else a step is drawn when it is asked for.
    """
    if not threaded:
        yield draw
        return
    pool = ThreadPoolExecutor(1, "draws")
    begun: dict[int, Future[Batch]] = {}

    def batch_at(step: int) -> Batch:
        wanted = begun.pop(step, None) or pool.submit(draw, step)
        if step + 1 < end and step + 1 not in begun:
            begun.clear()
            begun[step + 1] = pool.submit(draw, step + 1)
        return wanted.result()

    try:
        yield batch_at
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def seeded_dropout(config: NetworkConfig, *parts: object) -> Generator[None, None, None]:
    """Dropout draws from torch's global generator: seed it for this step, and put it back."""
    if not getattr(config, "dropout", 0.0):  # only some kinds of network have any
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(seeded("dropout", *parts).initial_seed() % 2**63)
        yield


@dataclass(frozen=True)
class TrainStep(Generic[NetworkT]):
    """The result of one step.

    Attributes:
        step: Steps done so far, from 1.
        loss: Mean weighted loss of the batch.
        t: The timesteps drawn by this process, (B,).
        losses: Unweighted squared error of each image, mean over its pixels, (B,).
        learning_rate: Learning rate of this step.
        grad_norm: Norm of the gradient before clipping.
        seconds: Duration of the step.
        network: The averaged (EMA) network at this step; read it, do not change it.
        raw: The network in training, likewise.
    """

    step: int
    loss: float
    t: Tensor
    losses: Tensor
    learning_rate: float
    grad_norm: float
    seconds: float
    network: NetworkT
    raw: NetworkT


def squared_errors(output: Tensor, target: Tensor) -> Tensor:
    """Squared error of each prediction, mean over its numbers: (B, ...) twice to float32 (B,)."""
    return (output.float() - target).square().flatten(1).mean(dim=1)


def loss_weights(config: TrainConfig, t: Tensor, schedule: Schedule) -> Tensor:
    """w(t), float32 (B,), that the squared error of the prediction is multiplied by.

    none: 1. In units of x0's error, and converted to those of the prediction:
    min_snr: min(SNR, γ)                                           (Hang et al. 2023, eq. 9)
    clamped_snr: min(max(SNR, 1), γ): truncated below as well      (Salimans & Ho 2022, section 4)
    """
    if config.loss_weighting == "none":
        return torch.ones(t.shape)
    snr, gamma = schedule.log_snr(t).exp(), config.min_snr_gamma
    if config.prediction_type == "epsilon":
        return (gamma / snr).clamp_max(1.0).float()
    least = min(1.0, gamma) if config.loss_weighting == "clamped_snr" else 0.0
    in_x0 = snr.clamp(least, gamma)
    # x0's error is sigma times v's, and sigma / (alpha + sigma) times the velocity's.
    if config.prediction_type == "v_prediction":
        in_x0 = in_x0 / (snr + 1)
    elif config.prediction_type == "velocity":
        in_x0 = in_x0 / (snr.sqrt() + 1) ** 2
    return in_x0.float()


def variance_losses(
    prediction_type: str,
    prediction: Tensor,
    v: Tensor,
    x0: Tensor,
    x_t: Tensor,
    t: Tensor,
    schedule: Schedule,
) -> Tensor:
    """The term of L_vlb at each timestep, bits per dimension, float32 (B,); it only teaches v.

    The prediction counts as given: no gradient flows into it (Nichol and Dhariwal 2021, section
    3.1).

    Args:
        prediction_type: What the prediction means; see `denoiser.PREDICTIONS`.
        prediction: The first half of the network's output, (B, ...).
        v: The second half.
        x0: Clean samples in [-1, 1], of 256 levels, (B, ...).
        x_t: Noisy samples, (B, ...).
        t: Timesteps, int64 (B,); on the CPU they wait for no other device.
        schedule: The schedule.
    """
    given = prediction.detach().float()
    _, x0_hat = PREDICTIONS[prediction_type].estimates(x_t.float(), t, given, schedule)
    log_variance = learned_log_variance(v.float(), t, t - 1, schedule)
    return bound_terms(x0.float(), x0_hat, log_variance, t, t - 1, schedule)


def fresh_unet(config: UNetConfig, seed: int) -> UNet:
    """The network with the random weights that this seed begins a run with, on the CPU."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return UNet(config)


def ema_update(decay: float) -> Any:
    """What `AveragedModel` averages by: a decay that begins low and rises with the steps."""

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], count: Tensor | int) -> None:
        n = int(count)
        now = min(decay, (1 + n) / (10 + n))  # early on, the average follows closely
        torch._foreach_lerp_(averaged, current, 1 - now)

    return update


class NetworkAverage(AveragedModel):
    """The averaged weights, as `AveragedModel` by `ema_update`, which does not wait for a GPU.

    The parent takes the number of averages to the device at each step, whence the decay, a number
    for the CPU, would have to be fetched again.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        """A copy of the network; the first update takes its weights over as they are then."""
        super().__init__(network)
        self._update = ema_update(decay)

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Move the averages towards the weights, and take the buffers over."""
        averaged: list[Tensor] = [*self.parameters()]
        current: list[Tensor] = [*model.parameters()]
        if count := int(self.n_averaged):
            self._update(averaged, current, count)
        else:
            torch._foreach_copy_(averaged, current)
        for own, its in zip(self.module.buffers(), model.buffers(), strict=True):
            own.copy_(its)
        self.n_averaged += 1


@dataclass(eq=False)
class TrainingState(Generic[NetworkT]):
    """All that the next step depends on, beside the settings.

    Attributes:
        unet: The network in training, on its device.
        ema: Its averaged weights.
        optimizer: AdamW, with its two moments.
        step: Steps done.
        history: The losses by which timesteps are drawn; None where they are drawn evenly.
    """

    unet: NetworkT
    ema: AveragedModel
    optimizer: torch.optim.Optimizer
    step: int = 0
    history: LossHistory | None = None

    @staticmethod
    def begin(
        config: TrainConfig,
        unet_config: UNetConfig,
        device: torch.device | str = "cpu",
        initial: UNet | None = None,
    ) -> TrainingState[UNet]:
        """The state of a UNet before the first step.

        Args:
            config: The settings of the training.
            unet_config: The shape of the network to train.
            device: The device to train on.
            initial: Weights to begin with, in place of random ones (fine-tuning).
        """
        unet = fresh_unet(unet_config, config.seed)
        if initial is not None:
            unet.load_state_dict(initial.state_dict())
        return TrainingState.of(unet, config, device)

    @classmethod
    def of(
        cls, network: NetworkT, config: TrainConfig, device: torch.device | str = "cpu"
    ) -> TrainingState[NetworkT]:
        """The state of any network before the first step, with the weights that it has.

        Args:
            network: The network to train; it is moved to the device, in place.
            config: The settings of the training.
            device: The device to train on.
        """
        network.to(device)
        ema = NetworkAverage(network, config.ema_decay)
        optimizer = torch.optim.AdamW(
            network.parameters(),
            lr=config.learning_rate,
            betas=(0.9, 0.99),
            fused=torch.device(device).type != "mps",
            weight_decay=config.weight_decay,
        )
        return cls(network, ema, optimizer)


def check_fit(
    config: TrainConfig, unet_config: UNetConfig, schedule: Schedule, dataset: ImageDataset
) -> None:
    """Refuse a network, a schedule and pictures that cannot be trained together.

    Raises:
        ValueError: in one sentence.
    """
    if dataset.shape[0] != unet_config.in_channels or any(
        s % unet_config.divisor for s in dataset.shape[1:]
    ):
        raise ValueError(
            f"The pictures are {' × '.join(map(str, dataset.shape))}, but the network takes "
            f"{unet_config.in_channels} channels and sides that are multiples of "
            f"{unet_config.divisor}."
        )
    if unet_config.num_classes is not None and dataset.labels is None:
        raise ValueError("The network has classes, but the pictures have no labels.")
    sizes = tuple(len(values) for _, values in dataset.attribute_names)
    if unet_config.attributes and unet_config.attributes != sizes:
        raise ValueError("The network has other attributes than the pictures.")
    check_prediction(config.prediction_type, schedule)
    if config.prediction_type == "epsilon" and schedule.alpha(len(schedule) - 1) == 0:
        flow = isinstance(schedule, FlowSchedule)
        kind, wanted = ("flow", "velocity") if flow else ("zero terminal SNR", "v_prediction")
        raise ValueError(
            f"A schedule with {kind} wants prediction_type {wanted} or sample: in pure noise there "
            "is nothing to learn from predicting it."
        )


def default_accelerator() -> Accelerator:
    """Accelerate's handle on the processes and devices that this process was launched with.

    Accelerate is imported here, since whoever only walks or looks needs none of it.
    """
    from accelerate import Accelerator

    return Accelerator()


def train(
    config: TrainConfig,
    state: TrainingState[NetworkT],
    schedule: Schedule,
    dataset: TrainingData,
    *,
    precision: str = "fp32",
    accelerator: Accelerator | None = None,
) -> Generator[TrainStep[NetworkT], None, None]:
    """Train from a state on, and yield after every step; `state` is changed in place.

    Nothing is written: `training_runs` saves the state and resumes from it.

    Args:
        config: The settings of the training.
        state: The state to go on from: of `TrainingState.begin` or `of`, or read from a file.
        schedule: The noise schedule, which the model is then tied to.
        dataset: The samples, which must fit the network; of images see `check_fit`.
        precision: "fp32", or "bf16" for the forward pass and its gradient.
        accelerator: Accelerate's handle on processes and devices; None makes one.

    Under fp16 (`accelerate launch --mixed_precision fp16`) the loss is scaled before its gradient
    is taken. A scale that is too large for fp16 is no divergence: the step is taken again with a
    lower one.

    Raises:
        FloatingPointError: if the gradient is not finite; the state is that of the step before.
    """
    accelerator = accelerator or default_accelerator()
    model, optimizer = accelerator.prepare(state.unet, state.optimizer)
    model.train()
    device, shape = accelerator.device, cast(Network, state.unet).config
    each = config.batch_size // accelerator.num_processes  # this process's part of the batch
    part = slice(accelerator.process_index * each, (accelerator.process_index + 1) * each)

    if config.importance_sampling and state.history is None:
        state.history = LossHistory(len(schedule))
    history = state.history if config.importance_sampling else None

    def draw(step: int) -> Batch:
        drawn_by = None if history is None else history.probabilities()
        batch = draw_batch(config, shape, schedule, dataset, step, drawn_by).part(part)
        if device.type == "cpu":
            return batch
        if batch.y is not None and shape.num_classes is not None:  # a GPU is not asked
            check_condition(batch.y, shape.num_classes, shape.null_label, shape.attributes)
        return batch.pinned() if device.type == "cuda" else batch

    # On the CPU a second thread would only take the network's processor from it; and what is drawn
    # by the losses waits for those of the step before.
    threaded = device.type == "cuda" and history is None
    with ahead(draw, config.num_steps, threaded) as batch_at:
        while (done := state.step) < config.num_steps:
            start, rate = time.perf_counter(), learning_rate_at(config, done)
            for group in optimizer.param_groups:
                group["lr"] = rate
            drawn = batch_at(done)
            batch = drawn.to(device)
            with (
                seeded_dropout(shape, config.seed, done, accelerator.process_index),
                torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"),
            ):
                output = network_output(model, shape, batch.x_t, batch.t, batch.y)
            prediction, v = split_output(output, batch.x_t)
            losses = squared_errors(prediction, batch.target)
            weighted = batch.weights * losses
            if v is not None and batch.x0 is not None:
                kind, x0 = config.prediction_type, batch.x0
                bound = variance_losses(kind, prediction, v, x0, batch.x_t, drawn.t, schedule)
                weighted = weighted + config.vlb_weight * len(schedule) * bound
            even = weighted if batch.shares is None else weighted * batch.shares
            loss = even.mean()
            optimizer.zero_grad()
            accelerator.backward(loss)
            norm = accelerator.clip_grad_norm_(model.parameters(), config.grad_clip)
            # All numbers that are looked at, in the one moment of a step that waits for the device.
            shared = accelerator.reduce(loss.detach(), "mean")
            numbers = torch.cat([shared.reshape(1), norm.reshape(1), losses.detach()]).cpu()
            length = float(numbers[1])
            if not math.isfinite(length):
                if _overflowed(accelerator.scaler, loss, model):
                    optimizer.step()  # leaves the weights as they are, and lowers the scale
                    continue
                raise FloatingPointError(
                    f"Training diverged at step {done + 1}: the gradient is not finite. "
                    "Lower the learning rate; the same command then goes on from the last save."
                )
            optimizer.step()
            state.ema.update_parameters(state.unet)
            state.step = done + 1
            if history is not None:
                _note(history, accelerator, drawn.t, weighted.detach())
            yield TrainStep(
                state.step,
                float(numbers[0]),
                drawn.t,
                numbers[2:],
                rate,
                length,
                time.perf_counter() - start,
                cast(NetworkT, state.ema.module),
                state.unet,
            )


def _note(history: LossHistory, accelerator: Accelerator, t: Tensor, losses: Tensor) -> None:
    """Note the losses of all processes, (B,), at timesteps (B,)."""
    both = accelerator.gather(torch.stack([t.to(losses), losses], dim=1)).cpu()
    history.add(both[:, 0].round().long(), both[:, 1])


def _overflowed(scaler: torch.amp.GradScaler | None, loss: Tensor, model: torch.nn.Module) -> bool:
    """Whether a gradient is not finite because its scale, which is then lowered, is too large."""
    if scaler is None or scaler.get_scale() < 1 or not bool(torch.isfinite(loss)):
        return False
    gradients = (p.grad for p in model.parameters() if p.grad is not None)
    return any(not bool(torch.isfinite(each).all()) for each in gradients)
