"""The training loss by hand: single draws of it, its average over t, and one step of the gradient.

    x0 from the data, t ~ U{0..T-1}, eps ~ N(0, I);    w(t) || target - f(x_t, t, y) ||²

(Ho et al. 2020, algorithm 1.) Draws, targets, errors and weights are those of `training`, so that
what is shown is what a training computes. Nothing here changes the network: the gradient is taken
on a copy of it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..data import ImageDataset
from ..denoiser import PREDICTIONS, network_output, split_output
from ..process import q_sample
from ..schedule import Schedule
from ..seeding import seeded
from ..training import (
    UNBOUNDED,
    WEIGHTINGS,
    TrainConfig,
    check_fit,
    draw_step,
    loss_weights,
    squared_errors,
)
from ..unet import UNet, without_memory
from .network_map import blocks_of


@dataclass(frozen=True, eq=False)
class LossDraws:
    """Draws of the training loss, on the CPU in fp32.

    Attributes:
        x0: Clean pictures, (B, C, H, W).
        t: Timesteps, int64, (B,).
        eps: Noise, as x0.
        y: Conditions, (B,) or (B, 1 + K), or None.
        x_t: The pictures noised to t.
        output: What the network predicts: eps, v or x0.
        target: What it should predict.
        losses: Squared error of each prediction, mean over its numbers, float32, (B,).
    """

    x0: Tensor
    t: Tensor
    eps: Tensor
    y: Tensor | None
    x_t: Tensor
    output: Tensor
    target: Tensor
    losses: Tensor


def draw_loss(
    unet: UNet, config: TrainConfig, schedule: Schedule, dataset: ImageDataset, step: int
) -> LossDraws:
    """The draws of one training step and their losses: one evaluation of a batch.

    Args:
        unet: The network, in evaluation mode; it is not changed.
        config: The settings: seed, batch size, what is predicted, what is left out of conditions.
        schedule: The noise schedule.
        dataset: The images.
        step: Number of the step, from 0; every step draws anew.

    Raises:
        ValueError: in one sentence, if the images do not fit the network.
    """
    check_fit(config, unet.config, schedule, dataset)
    x0, t, eps, y = draw_step(config, unet.config, schedule, dataset, step)
    return _draws(unet, config.prediction_type, schedule, x0, t, eps, y)


def _draws(
    unet: UNet,
    prediction_type: str,
    schedule: Schedule,
    x0: Tensor,
    t: Tensor,
    eps: Tensor,
    y: Tensor | None,
) -> LossDraws:
    x_t = q_sample(x0, t, eps, schedule)
    target = PREDICTIONS[prediction_type].target(x0, t, eps, schedule)
    device = next(unet.parameters()).device
    with torch.inference_mode():
        where = None if y is None else y.to(device)
        output = network_output(unet, unet.config, x_t.to(device), t.to(device), where)
    output = split_output(output, x_t)[0].float().cpu()
    return LossDraws(x0, t, eps, y, x_t, output, target, squared_errors(output, target))


def average_curve(
    unet: UNet,
    config: TrainConfig,
    schedule: Schedule,
    dataset: ImageDataset,
    *,
    num_timesteps: int = 21,
    batches: int = 1,
) -> Iterator[tuple[Tensor, Tensor]]:
    """The network's average loss against t, which gets smoother with every batch.

    Every batch is one of training, but all of its pictures are noised to each timestep in turn,
    with the same noise: so the curve is smoother than draws of t would make it.

    Args:
        unet: The network, in evaluation mode; it is not changed.
        config: The settings; a batch has `batch_size` pictures.
        schedule: The noise schedule.
        dataset: The images.
        num_timesteps: Points of the curve, evenly from 0 to T - 1.
        batches: Batches that are averaged.

    Yields:
        (timesteps so far, int64 (n,); mean squared error at each, float64 (n,)), a point more each
        time in the first batch. For Fourier features t = 0 is left out, where it is undefined.
    """
    check_fit(config, unet.config, schedule, dataset)
    first = 1 if unet.config.time_embedding == "fourier" else 0
    at = torch.linspace(first, len(schedule) - 1, num_timesteps).round().long().unique()
    sums = torch.zeros(len(at), dtype=torch.float64)
    # A seed of its own: other draws than those that are laid over the curve.
    other = replace(config, seed=seeded(config.seed, "average").initial_seed() % 2**31)
    for batch in range(batches):
        x0, _, eps, y = draw_step(other, unet.config, schedule, dataset, batch)
        for i, t in enumerate(at):
            times = t.expand(len(x0))
            draws = _draws(unet, config.prediction_type, schedule, x0, times, eps, y)
            sums[i] += draws.losses.double().mean()
            counts = torch.full((len(at),), batch, dtype=torch.float64)
            counts[: i + 1] += 1
            known = counts > 0
            yield at[known], sums[known] / counts[known]


def weightings(config: TrainConfig, t: Tensor, schedule: Schedule) -> dict[str, Tensor]:
    """w(t) of every weighting that can be had for this kind of prediction, float32 (B,) each."""
    return {
        name: loss_weights(replace(config, loss_weighting=name), t, schedule)
        for name in WEIGHTINGS
        if (name, config.prediction_type) != UNBOUNDED
    }


@dataclass(frozen=True)
class LayerChange:
    """How far one step of the gradient moves the weights of a block.

    Attributes:
        name: The block's path in the module tree.
        kind: Its kind; see `network_map.Block`.
        gradient: Norm of its part of the gradient.
        change: Norm of its weights' change, as a share of the norm of the weights; 0 where they are
            all zero.
    """

    name: str
    kind: str
    gradient: float
    change: float


@dataclass(frozen=True)
class GradientStep:
    """One step of the gradient on a copy of a network.

    Attributes:
        layers: The blocks in the order of the module tree.
        norm: Norm of the gradient before clipping.
        learning_rate: Length of the step, as a factor of the clipped gradient.
        before, after: Mean weighted loss of the same draws.
    """

    layers: tuple[LayerChange, ...]
    norm: float
    learning_rate: float
    before: float
    after: float


def gradient_step(
    unet: UNet, config: TrainConfig, schedule: Schedule, draws: LossDraws
) -> GradientStep:
    """Take one plain step against the gradient of the loss, on a copy that is then let go.

    θ ← θ - learning_rate · g · min(1, grad_clip / |g|)

    Plain, because AdamW's first step moves every number by about its learning rate, whatever the
    gradient is, and would show nothing of it.

    Args:
        unet: The network; it is copied with its weights, and not changed.
        config: The settings: learning rate, weighting, clipping.
        schedule: The noise schedule.
        draws: The pictures, timesteps and noise of which the loss is taken.
    """
    with torch.inference_mode(False):
        mine = copy.deepcopy(unet)
        # A loaded network wants no gradients; a fresh one says which of its parameters do.
        fresh_unet = without_memory(lambda: UNet(unet.config))
        fresh = {name: p.requires_grad for name, p in fresh_unet.named_parameters()}
        for name, p in mine.named_parameters():
            p.requires_grad_(fresh[name])
        weights = [p for p in mine.parameters() if p.requires_grad]
        device = weights[0].device
        x_t, t, target = (z.clone().to(device) for z in (draws.x_t, draws.t, draws.target))
        y = None if draws.y is None else draws.y.clone().to(device)
        w = loss_weights(config, draws.t, schedule).to(device)

        def loss() -> Tensor:
            output, _ = split_output(network_output(mine, mine.config, x_t, t, y), x_t)
            return (w * squared_errors(output, target)).mean()

        with torch.enable_grad():
            before = loss()
            gradients = torch.autograd.grad(before, weights, allow_unused=True)
        found = {
            id(p): g
            for p, g in zip(weights, gradients, strict=True)
            if g is not None  # a class embedding that no picture asks for has none
        }
        norm = float(torch.stack([g.norm() for g in found.values()]).norm())
        rate = config.learning_rate
        scale = rate * min(1.0, config.grad_clip / max(norm, 1e-12))
        layers = []
        with torch.no_grad():
            for name, module, kind in blocks_of(mine):
                own = [p for p in module.parameters() if p.requires_grad]
                size = _norm(own)
                gradient = _norm([found[id(p)] for p in own if id(p) in found])
                share = scale * gradient / size if size else 0.0
                layers.append(LayerChange(name, kind, gradient, share))
            for p in weights:
                if id(p) in found:
                    p.sub_(found[id(p)], alpha=scale)
            after = float(loss())
    return GradientStep(tuple(layers), norm, rate, float(before.detach()), after)


def _norm(tensors: Sequence[Tensor]) -> float:
    """Norm of all numbers of several tensors."""
    return float(torch.stack([x.norm() for x in tensors]).norm()) if tensors else 0.0
