"""A training run as a whole: the loop, its checkpoints, and what is known of its progress.

`train` does the steps; `fit` also writes, at every save and at the end, a checkpoint that can be
used at once. Command line and page both train through it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from .checkpoint import CheckpointConfig, load_checkpoint, save_checkpoint
from .data import ImageDataset
from .schedule import make_schedule
from .state import load_average
from .train_config import TrainConfig
from .training import STATE_FILE, TrainStep, train
from .unet import UNet, UNetConfig

LOSS_BINS = 20


@dataclass(frozen=True)
class Plan:
    """All that a run is to be.

    Attributes:
        train: How to train.
        unet: What to train.
        noise: Arguments of `make_schedule`.
        init: Checkpoint whose weights to begin with, a folder or Hub id; None begins at random.
        command: That makes the same run, for the card.
    """

    train: TrainConfig
    unet: UNetConfig
    noise: dict[str, Any]
    init: str | None = None
    command: str = ""

    @classmethod
    def for_data(
        cls, dataset: ImageDataset, train: TrainConfig, noise: dict[str, Any],
        channels: tuple[int, ...] = (64, 128), *, blocks: int = 2, patch_size: int = 2,
        scale_shift: bool = True, init: str | None = None, command: str = "",
    ) -> Plan:  # fmt: skip
        """A network that fits the pictures: their size, channels, classes and attributes.

        Args:
            dataset: On what.
            train: How.
            noise: Arguments of `make_schedule`.
            channels: Of each level; the lowest one attends.
            blocks: Residual blocks a level.
            patch_size: Fold p × p pixels into channels.
            scale_shift: Condition by scale and shift.
            init: Checkpoint to begin with.
            command: For the card.
        """
        C, H, W = dataset.shape
        unet = UNetConfig(
            image_size=(H, W), in_channels=C, out_channels=C, patch_size=patch_size,
            channels=channels, blocks_per_level=blocks,
            attention=(False,) * (len(channels) - 1) + (True,), scale_shift=scale_shift,
            num_classes=len(dataset.class_names) or None,
            attributes=tuple(len(values) for _, values in dataset.attribute_names),
        )  # fmt: skip
        return cls(train, unet, noise, init, command)

    def checkpoint_config(self, dataset: ImageDataset, steps: int) -> CheckpointConfig:
        """What the checkpoint after so many steps says of itself."""
        training: dict[str, Any] = {
            "settings": dataclasses.asdict(self.train), "command": self.command, "steps": steps
        }  # fmt: skip
        if self.init:
            training["init"] = self.init
        return CheckpointConfig(
            self.unet, self.noise, self.train.prediction_type, dataset.class_names, dataset.name,
            training, attribute_names=dataset.attribute_names if self.unet.attributes else (),
        )  # fmt: skip


def fit(
    plan: Plan,
    dataset: ImageDataset,
    out: str | Path,
    *,
    accelerator: Accelerator | None = None,
) -> Generator[TrainStep, None, None]:
    """Train, yield after every step, and keep a checkpoint in `out` beside the state.

    Leaving the generator early saves both. A run that was over already writes its checkpoint.

    Args:
        plan: The run.
        dataset: On what.
        out: Folder of the state and of the checkpoint.
        accelerator: For several processes or devices; None makes one.

    Raises:
        ValueError: if plan, data and what is in `out` do not fit together.
    """
    accelerator = accelerator or Accelerator()
    initial = None if plan.init is None else load_checkpoint(plan.init).unet
    if initial is not None and initial.config != plan.unet:
        raise ValueError(f"The network of {plan.init} has another shape than the one asked for.")

    def write(unet: UNet, step: int) -> None:
        if accelerator.is_main_process:
            save_checkpoint(out, unet, plan.checkpoint_config(dataset, step))

    steps = train(
        plan.train, plan.unet, make_schedule(**plan.noise), dataset, out, initial=initial,
        accelerator=accelerator,
    )  # fmt: skip
    begun = False  # of a run that is refused, nothing is touched
    try:
        for step in steps:
            begun = True
            if step.step % plan.train.save_every == 0:
                write(step.unet, step.step)
            yield step
        begun = True
    finally:
        steps.close()  # saves the state, also of steps since the last save
        state = Path(out) / STATE_FILE
        if begun and accelerator.is_main_process and state.exists():
            average = UNet(plan.unet)
            write(average, load_average(state, average))


@dataclass
class Progress:
    """What the steps so far have shown.

    The loss of a step is that of the few timesteps that were drawn, so it is noisy; and most of it
    is made at timesteps where nothing more can be known, so it soon looks flat. The loss by
    timestep falls on where there is still something to learn.

    Attributes:
        total: Steps that there will be.
        batch_size: Images a step.
        T: Timesteps of the schedule.
        smooth: How much of the smoothed loss one step makes.
    """

    total: int
    batch_size: int
    T: int
    smooth: float = 0.02
    step: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    by_timestep: list[float | None] = field(default_factory=lambda: [None] * LOSS_BINS)
    history: list[tuple[int, float]] = field(default_factory=list)

    def add(self, done: TrainStep) -> None:
        """Take a step's loss, time, and losses by timestep in."""
        first = self.step == 0
        self.step = done.step
        self.loss = done.loss if first else self.loss + self.smooth * (done.loss - self.loss)
        self.seconds = (
            done.seconds if first else self.seconds + self.smooth * (done.seconds - self.seconds)
        )
        bins = (done.t.cpu() * LOSS_BINS // self.T).clamp_max(LOSS_BINS - 1)
        for k in bins.unique().tolist():
            mean = float(done.losses[bins == k].mean())
            before = self.by_timestep[k]
            self.by_timestep[k] = mean if before is None else before + 0.05 * (mean - before)
        self.history.append((done.step, self.loss))
        if len(self.history) > 2000:  # half as dense, for as long a run as it may be
            self.history = self.history[::2]

    @property
    def images_per_second(self) -> float:
        """Of the last steps."""
        return self.batch_size / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float:
        """Until the last step, at this pace."""
        return (self.total - self.step) * self.seconds


def memory_of_training(unet: UNet, batch_size: int) -> int:
    """Bytes that a training step takes, about.

    Weights, gradients, AdamW's two moments and the average are five times the weights; what is
    kept for the backward pass is measured on one image and counted for the batch.

    Args:
        unet: The network, on the CPU.
        batch_size: Images a step.
    """
    weights = sum(p.numel() * p.element_size() for p in unet.parameters())
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    config = unet.config
    x = torch.zeros(1, config.in_channels, *config.image_size)
    y = torch.zeros(1, dtype=torch.int64) if config.num_classes else None
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        unet(x, torch.zeros(1, dtype=torch.int64), y).sum()
    own = {p.data_ptr() for p in unet.parameters()}
    activations = sum(size for pointer, size in kept.items() if pointer not in own)
    return 5 * weights + batch_size * activations
