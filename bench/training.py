"""A training step: our loop and network against two others', on 32 × 32 pictures in colour.

Each loop does what its own project's does: draw, noise, predict, clip, AdamW or Adam, average.
Ours is `train`, which every way to train goes through; none of the loops saves.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F

from diffusion_core.data import ImageDataset
from diffusion_core.device import fastest_precision
from diffusion_core.schedule import make_schedule
from diffusion_core.training import TrainConfig, TrainingState, train
from diffusion_core.unet import UNet, UNetConfig

from .timing import alternate, report

__all__ = ["bench_train"]

SIDE = 32
SAME = UNetConfig(image_size=(SIDE, SIDE), channels=(64, 128), attention=(False, True), head_dim=32)
PATCHED = UNetConfig(
    image_size=(SIDE, SIDE),
    patch_size=2,
    channels=(64, 128),
    attention=(False, True),
    head_dim=32,
    scale_shift=True,
)
# As many parameters, most of them where a picture is small; learns as much in the same time.
LEVELS = UNetConfig(
    image_size=(SIDE, SIDE),
    patch_size=2,
    channels=(32, 64, 128),
    attention=(False, False, True),
    head_dim=32,
    scale_shift=True,
)


def count(model: torch.nn.Module) -> float:
    """Millions of parameters."""
    return sum(p.numel() for p in model.parameters()) / 1e6


def pictures() -> np.ndarray:
    """Noise will do: nothing depends on what is on them."""
    return np.random.default_rng(0).integers(0, 256, (512, SIDE, SIDE, 3), dtype=np.uint8)


def ours(config: UNetConfig, precision: str, batch: int, steps: int) -> Callable[[], None]:
    """A few steps of `train`; each call goes on."""
    from accelerate import Accelerator

    settings = TrainConfig(num_steps=100_000, batch_size=batch)
    accelerator = Accelerator()
    walk = train(
        settings,
        TrainingState.begin(settings, config, accelerator.device),
        make_schedule("linear"),
        ImageDataset("noise", pictures()),
        precision=precision,
        accelerator=accelerator,
    )

    def run() -> None:
        for _ in range(steps):
            next(walk)

    return run


def diffusers_loop(batch: int, steps: int) -> tuple[Callable[[], None], float]:
    """The loop of diffusers' example of unconditional training, and its network's size."""
    from accelerate import Accelerator
    from diffusers import DDPMScheduler, UNet2DModel
    from diffusers.optimization import get_scheduler
    from diffusers.training_utils import EMAModel

    kinds = ["AttnDownBlock2D" if a else "DownBlock2D" for a in SAME.attention]
    model = UNet2DModel(
        sample_size=SIDE,
        block_out_channels=SAME.channels,
        layers_per_block=2,
        attention_head_dim=32,
        down_block_types=tuple(kinds),
        up_block_types=tuple(kind.replace("Down", "Up") for kind in reversed(kinds)),
    )
    assert {k: v.shape for k, v in model.state_dict().items()} == {
        k: v.shape for k, v in UNet(SAME).state_dict().items()
    }
    ema = EMAModel(model.parameters(), decay=0.9999, use_ema_warmup=True)
    noiser, accelerator = DDPMScheduler(num_train_timesteps=1000), Accelerator()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-4, betas=(0.95, 0.999), weight_decay=1e-6
    )
    rate = get_scheduler("cosine", optimizer, num_warmup_steps=500, num_training_steps=100_000)
    x = torch.from_numpy(pictures()).permute(0, 3, 1, 2).float() / 127.5 - 1
    data = torch.utils.data.DataLoader(x, batch_size=batch, shuffle=True)  # type: ignore[arg-type]
    model, optimizer, data, rate = accelerator.prepare(model, optimizer, data, rate)
    batches = iter(data)

    def run() -> None:
        nonlocal batches
        for _ in range(steps):
            clean = next(batches, None)
            if clean is None:
                batches = iter(data)
                clean = next(batches)
            noise = torch.randn(clean.shape, device=clean.device)
            t = torch.randint(0, 1000, (len(clean),), device=clean.device)
            noisy = noiser.add_noise(clean, noise, t)
            loss = F.mse_loss(model(noisy, t).sample.float(), noise)
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            rate.step()
            optimizer.zero_grad()
            ema.step(model.parameters())

    return run, count(model)


def lucidrains_loop(batch: int, steps: int) -> tuple[Callable[[], None], float]:
    """The step of denoising-diffusion-pytorch's Trainer, and its network's size."""
    from denoising_diffusion_pytorch import GaussianDiffusion, Unet

    diffusion = GaussianDiffusion(Unet(dim=40, dim_mults=(1, 2, 4)), image_size=SIDE)
    optimizer = torch.optim.Adam(diffusion.parameters(), lr=1e-4, betas=(0.9, 0.99))
    average = copy.deepcopy(diffusion).requires_grad_(False)
    x = torch.from_numpy(pictures()).permute(0, 3, 1, 2).float() / 255

    def run() -> None:
        for _ in range(steps):
            diffusion(x[torch.randint(len(x), (batch,))]).backward()
            torch.nn.utils.clip_grad_norm_(diffusion.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            with torch.no_grad():  # its EMA, of every tenth step, at its most
                for a, b in zip(average.parameters(), diffusion.parameters(), strict=True):
                    a.lerp_(b, 0.005)

    return run, count(diffusion)


def cases(batch: int, steps: int) -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """(what, ours, theirs) to be timed in turn."""
    precisions = ["fp32"]
    if fastest_precision(torch.device("cpu")) == "bf16":
        precisions.append("bf16")
    theirs, size = diffusers_loop(batch, steps)
    for precision in precisions:
        words = f"our {precision} / diffusers, the same network of {size:.2f} M"
        yield words, ours(SAME, precision, batch, steps), theirs
    patched = {f"2 × 2 patches, {c.channels}, {count(UNet(c)):.2f} M": c for c in (PATCHED, LEVELS)}
    for shape, config in patched.items():
        for precision in precisions:
            words = f"our {precision} on {shape} / diffusers, {size:.2f} M"
            yield words, ours(config, precision, batch, steps), theirs
    try:
        other, size = lucidrains_loop(batch, steps)
    except ImportError:
        advice = "denoising-diffusion-pytorch is not installed; pip install it to compare with it."
        print(advice, file=sys.stderr)
        return
    for shape, config in patched.items():
        words = f"our {precisions[-1]} on {shape} / lucidrains, {size:.2f} M"
        yield words, ours(config, precisions[-1], batch, steps), other


def bench_train(batch: int, steps: int, rounds: int) -> None:
    """Print the ratios of a training step's time.

    Args:
        batch: Images a step.
        steps: Steps a round.
        rounds: How often each loop runs.
    """
    for what, mine, theirs in cases(batch, steps):
        mine(), theirs()  # what is done once only is not timed
        a, b, ratio = alternate(mine, theirs, rounds)
        what = f"train, batch {batch}: {what}"
        report(what, a / steps, b / steps, ratio)
