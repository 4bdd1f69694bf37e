"""A training run as a whole: its plan, the loop, and its checkpoints.

`train` does the steps; `train_resumably` keeps their state in a folder, and goes on from there;
`fit` also writes, at every save and at the end, a checkpoint that can be used at once. Command line
and page both train through it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from ..checkpoint import CheckpointConfig, load_checkpoint, save_checkpoint
from ..data import ImageDataset
from ..device import fastest_precision
from ..schedule import NoiseSchedule, make_schedule
from ..training import TrainConfig, TrainingState, TrainStep, check_fit, fresh_unet, train
from ..unet import UNet, UNetConfig
from .state import STATE_FILE, load_average, read_state, write_state

# In what a network may differ from the checkpoint that it begins with.
FREE = ("image_size", "num_classes", "attributes", "attention", "attention_up")


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that determines a training run.

    Attributes:
        train: The settings of the training.
        unet: The shape of the network.
        noise: Arguments of `make_schedule`.
        init: Checkpoint whose weights to begin with, a folder or Hub id; None begins at random.
        command: The command that makes the same run, for the card.
    """

    train: TrainConfig
    unet: UNetConfig
    noise: dict[str, Any]
    init: str | None = None
    command: str = ""

    @classmethod
    def for_data(
        cls,
        dataset: ImageDataset,
        train: TrainConfig,
        noise: dict[str, Any],
        channels: tuple[int, ...] = (64, 128),
        *,
        blocks: int = 2,
        patch_size: int = 2,
        attention: tuple[bool, ...] | None = None,
        attention_up: tuple[bool, ...] | None = None,
        scale_shift: bool = True,
        init: str | None = None,
        command: str = "",
    ) -> TrainingPlan:
        """A network that fits the pictures: their size, channels, classes and attributes.

        Args:
            dataset: The training data.
            train: The settings of the training.
            noise: Arguments of `make_schedule`.
            channels: Feature channels of each level.
            blocks: Residual blocks a level.
            patch_size: Fold p × p pixels into channels.
            attention: For each level, whether it attends to itself; None is the lowest one alone.
            attention_up: The same on the way up; None is as on the way down.
            scale_shift: Condition by scale and shift.
            init: Checkpoint to begin with.
            command: The command that makes the same run, for the card.
        """
        C, H, W = dataset.shape
        unet = UNetConfig(
            image_size=(H, W),
            in_channels=C,
            out_channels=C,
            patch_size=patch_size,
            channels=channels,
            blocks_per_level=blocks,
            attention=attention or (False,) * (len(channels) - 1) + (True,),
            attention_up=attention_up,
            scale_shift=scale_shift,
            num_classes=len(dataset.class_names) or None,
            attributes=tuple(len(values) for _, values in dataset.attribute_names),
        )
        return cls(train, unet, noise, init, command)

    def to_json(self) -> str:
        """The plan as JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> TrainingPlan:
        """Read what `to_json` wrote.

        Raises:
            ValueError: if it is something else.
        """
        try:
            values = json.loads(text)
            train, unet = TrainConfig(**values["train"]), UNetConfig.from_dict(values["unet"])
            return cls(**{**values, "train": train, "unet": unet})
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError("This is no plan of a training run.") from error

    def checkpoint_config(self, dataset: ImageDataset, steps: int) -> CheckpointConfig:
        """The settings of the checkpoint after so many steps."""
        training: dict[str, Any] = {
            "settings": dataclasses.asdict(self.train),
            "command": self.command,
            "steps": steps,
        }
        if self.init:
            training["init"] = self.init
        known: dict[str, Any] = {}
        if self.unet.attributes:
            known["attribute_names"] = dataset.attribute_names
            known["attribute_classes"] = dataset.attribute_classes
        return CheckpointConfig(
            self.unet,
            self.noise,
            self.train.prediction_type,
            dataset.class_names,
            dataset.name,
            training,
            **known,
        )


def beginning(plan: TrainingPlan) -> UNet:
    """The network that a run begins with, on the CPU: random, or with the weights of `init`.

    Those of a checkpoint may have been trained for another size of pictures, or for other classes:
    then the embeddings of the classes begin at random, and all else is taken over. Levels may
    attend that did not: such a layer begins by adding zero, so that nothing is forgotten.

    Raises:
        ValueError: if the checkpoint cannot be had, or its network has another shape.
    """
    unet = fresh_unet(plan.unet, plan.train.seed)
    if plan.init is None:
        return unet
    known = load_checkpoint(plan.init).unet
    free = {name: getattr(plan.unet, name) for name in FREE}
    own, theirs = unet.state_dict(), known.state_dict()
    if dataclasses.replace(known.config, **free) != plan.unet or any(
        ".attentions." in name and name not in own for name in theirs
    ):
        raise ValueError(f"The network of {plan.init} has another shape than the one asked for.")
    fit_in = {k: v for k, v in theirs.items() if k in own and v.shape == own[k].shape}
    if known.config.num_classes != plan.unet.num_classes:  # as many, by chance, are not the same
        fit_in = {k: v for k, v in fit_in.items() if not k.startswith("class_embedding.")}
    unet.load_state_dict(own | fit_in)
    return unet


def train_resumably(
    config: TrainConfig,
    unet_config: UNetConfig,
    schedule: NoiseSchedule,
    dataset: ImageDataset,
    out: str | Path,
    *,
    initial: UNet | None = None,
    resume: bool = True,
    accelerator: Accelerator | None = None,
) -> Generator[TrainStep, None, None]:
    """`train`, with its state kept in a folder: yield after every step, and go on from there.

    Every `save_every` steps and at the end the whole state (weights, average, optimiser, step) is
    written to `out/state.safetensors`, beside its name and then renamed, so that a kill at any
    moment loses at most the steps since the last save. Leaving the generator early saves too.

    Args:
        config: The settings of the training.
        unet_config: The shape of the network.
        schedule: The noise schedule.
        dataset: The training data; they must fit the network.
        out: Folder of the state.
        initial: Weights to begin with, in place of random ones (fine-tuning).
        resume: Go on from a state in `out`, if there is one.
        accelerator: Runs several processes or devices; None makes one.

    Raises:
        ValueError: if data and network do not fit, or the state in `out` is of another run.
    """
    check_fit(config, unet_config, schedule, dataset)
    accelerator = accelerator or Accelerator()
    if config.batch_size % accelerator.num_processes:
        raise ValueError("batch_size must be a multiple of the number of processes.")
    state = TrainingState.begin(config, unet_config, accelerator.device, initial)
    path, precision = Path(out) / STATE_FILE, config.precision
    settings = {
        "train": dataclasses.asdict(config),
        "unet": dataclasses.asdict(unet_config),
        "data": {"dataset": dataset.name, "pictures": len(dataset), "content": dataset.content},
    }
    if resume and path.exists():
        used = read_state(path, settings, schedule, state)
        precision = used if precision == "auto" else precision
    if precision == "auto":
        precision = fastest_precision(accelerator.device)

    def save() -> None:
        if accelerator.is_main_process:
            write_state(path, settings, schedule, state, precision)

    saved, whole = state.step, True
    steps = train(config, state, schedule, dataset, precision=precision, accelerator=accelerator)
    try:
        while True:
            whole = False
            step = next(steps, None)
            whole = True
            if step is None:
                return
            if step.step % config.save_every == 0 or step.step == config.num_steps:
                save()
                saved = step.step
            yield step
    finally:
        # Left between steps: keep them. Broken off inside one: the last save is the last good one.
        if whole and saved < state.step:
            save()


def fit(
    plan: TrainingPlan,
    dataset: ImageDataset,
    out: str | Path,
    *,
    accelerator: Accelerator | None = None,
) -> Generator[TrainStep, None, None]:
    """Train, yield after every step, and keep a checkpoint in `out` beside the state.

    Leaving the generator early saves both. A run that was over already writes its checkpoint.

    Args:
        plan: The plan of the run.
        dataset: The training data.
        out: Folder of the state and of the checkpoint.
        accelerator: Runs several processes or devices; None makes one.

    Raises:
        ValueError: if plan, data and what is in `out` do not fit together.
    """
    accelerator = accelerator or Accelerator()
    goes_on = (Path(out) / STATE_FILE).exists()  # then what it once began with may be gone
    initial = None if plan.init is None or goes_on else beginning(plan)

    def write(unet: UNet, step: int) -> None:
        if accelerator.is_main_process:
            save_checkpoint(out, unet, plan.checkpoint_config(dataset, step))

    steps = train_resumably(
        plan.train,
        plan.unet,
        make_schedule(**plan.noise),
        dataset,
        out,
        initial=initial,
        accelerator=accelerator,
    )
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
