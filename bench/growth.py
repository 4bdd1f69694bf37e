"""How the cost of a network grows, and how near it is to the machine's arithmetic.

The limit is the multiply-adds of an evaluation, at the rate of a large product of matrices measured
beside it: nothing on this machine computes them faster in this precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch

from diffusion_core.denoiser import ModelDenoiser
from diffusion_core.inspection import network_map
from diffusion_core.samplers import sample
from diffusion_core.schedule import make_schedule
from diffusion_core.unet import UNet, UNetConfig

from .timing import alternate, report

__all__ = ["bench_growth"]

BASE = UNetConfig(image_size=(32, 32), channels=(64, 128), attention=(False, True), head_dim=32)
Run = Callable[[], None]


def product(side: int) -> tuple[Run, float]:
    """A product of square matrices, and its multiply-adds."""
    a, b = torch.rand(side, side), torch.rand(side, side)

    def run() -> None:
        torch.mm(a, b)

    return run, float(side**3)


def walk(config: UNetConfig, batch: int, steps: int) -> Run:
    """A walk of so many steps with a network of random weights."""
    denoiser = ModelDenoiser(UNet(config).eval(), make_schedule("cosine"), "v_prediction")
    x = torch.randn(batch, *config.sample_shape)

    def run() -> None:
        for _ in sample(denoiser, x, num_steps=steps):
            pass

    return run


def pairs(batch: int, steps: int) -> Iterator[tuple[str, Run, Run]]:
    """(what, the larger, the smaller), each with twice as much of one thing."""
    small = walk(BASE, batch, steps)
    yield f"steps, {2 * steps} / {steps}", walk(BASE, batch, 2 * steps), small
    yield f"batch, {2 * batch} / {batch}", walk(BASE, 2 * batch, steps), small
    larger = replace(BASE, image_size=(64, 64))
    yield "size, 64 × 64 / 32 × 32", walk(larger, batch, steps), small
    wider = replace(BASE, channels=(128, 256))
    yield "channels, (128, 256) / (64, 128)", walk(wider, batch, steps), small


def bench_growth(batch: int, steps: int, side: int, rounds: int) -> None:
    """Print an evaluation beside its limit, and walks with twice as much of one thing.

    Args:
        batch: Images of the smaller walk.
        steps: Steps of the smaller walk.
        side: Side of the matrices that give the machine's rate.
        rounds: How often each runs.
    """
    multiply, products = product(side)
    evaluate = walk(BASE, batch, 1)
    adds = batch * sum(block.multiply_adds for block in network_map(UNet(BASE).eval()).blocks)
    multiply(), evaluate()
    took, matrices, ratio = alternate(evaluate, multiply, rounds)
    share = products / adds
    what = f"growth, one evaluation, batch {batch}: network / its arithmetic as one product"
    report(what, took, matrices / share, ratio * share)
    for name, larger, smaller in pairs(batch, steps):
        larger(), smaller()
        report(f"growth with {name}", *alternate(larger, smaller, rounds))
