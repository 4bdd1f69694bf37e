"""A training run as a whole: its plan, the loop, and its checkpoints.

`train` does the steps; `train_resumably` keeps their state in a folder, and goes on from there;
`fit` also writes, at every save and at the end, a checkpoint that can be used at once. Command line
and page both train through it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..checkpoint import (
    BETAS,
    CheckpointConfig,
    load_checkpoint,
    save_checkpoint,
    schedule_from,
    unet_from,
)
from ..data import ImageDataset
from ..device import fastest_precision
from ..fields import Kind, check_fields, flag, mapping, number, optional, parse_json, text, whole
from ..schedule import Schedule, make_schedule
from ..training import (
    TrainConfig,
    TrainingState,
    TrainStep,
    check_fit,
    default_accelerator,
    fresh_unet,
    train,
)
from ..unet import UNet, UNetConfig
from .state import STATE_FILE, load_average, read_state, write_state

if TYPE_CHECKING:
    from accelerate import Accelerator

_KINDS = {bool: flag(), int: whole(0, 2**64 - 1), float: number(0, 1e12), str: text()}
_TRAIN = {each.name: _KINDS[type(each.default)] for each in dataclasses.fields(TrainConfig)}
_PLAN: dict[str, Kind] = {
    "train": mapping(),
    "unet": mapping(),
    "noise": mapping(),
    "init": optional(text(10_000)),
    "command": text(100_000, lines=True),
}
# In what a network may differ from the checkpoint that it begins with.
FREE = (
    "image_size",
    "num_classes",
    "null_label",
    "attributes",
    "attention",
    "attention_up",
    "dropout",
    "out_channels",
)


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
        learned_variance: bool = False,
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
            learned_variance: Twice the output channels, for v of a learned variance.
            init: Checkpoint to begin with.
            command: The command that makes the same run, for the card.
        """
        C, H, W = dataset.shape
        unet = UNetConfig(
            image_size=(H, W),
            in_channels=C,
            out_channels=2 * C if learned_variance else C,
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

    @classmethod
    def from_checkpoint(
        cls,
        config: CheckpointConfig,
        dataset: ImageDataset,
        train: TrainConfig,
        *,
        changes: Mapping[str, Any] | None = None,
        noise: Mapping[str, Any] | None = None,
        init: str | None = None,
        command: str = "",
    ) -> TrainingPlan:
        """The network of a checkpoint, for these pictures: their size, classes and attributes.

        Args:
            config: The settings of the checkpoint.
            dataset: The training data.
            train: The settings of the training.
            changes: Fields of `UNetConfig` that shall be otherwise.
            noise: Arguments of `make_schedule` that shall be otherwise; with another name, of the
                checkpoint's only the number of timesteps is taken over.
            init: The checkpoint, to begin with its weights.
            command: The command that makes the same run, for the card.

        Raises:
            ValueError: if the pictures have other channels than the network, or a size that its
                levels do not divide, or the timesteps are not those of its betas.
        """
        C, H, W = dataset.shape
        if config.unet.in_channels != C:
            raise ValueError(
                f"{dataset.name} has pictures of {C} channels, and the network of {init} takes "
                f"{config.unet.in_channels}; choose pictures, or a checkpoint, of the same."
            )
        fitting: dict[str, Any] = {
            "image_size": (H, W),
            "num_classes": len(dataset.class_names) or None,
            "null_label": True,
            "attributes": tuple(len(values) for _, values in dataset.attribute_names),
        }
        unet = dataclasses.replace(config.unet, **fitting, **(changes or {}))
        unet.check_image_size()
        asked, known, T = dict(noise or {}), dict(config.schedule), len(config.noise())
        if "name" in asked:
            known = {"num_train_timesteps": T}
        elif BETAS in known and asked.get("num_train_timesteps", T) != T:
            raise ValueError(
                f"The schedule of {init} is a list of {T} betas, so there are {T} timesteps; "
                "choose another schedule by its name, or leave the timesteps out."
            )
        return cls(train, unet, {**known, **asked}, init, command)

    def schedule(self) -> Schedule:
        """The noise schedule of the run.

        Raises:
            ValueError: if there is no such schedule.
        """
        if BETAS in self.noise:
            return schedule_from(self.noise)
        return make_schedule(**self.noise)

    def to_json(self) -> str:
        """The plan as JSON."""
        values = dataclasses.asdict(self) | {"train": self.train.to_dict()}
        return json.dumps(values, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> TrainingPlan:
        """Read what `to_json` wrote.

        Raises:
            ValueError: if it is something else.
        """
        try:
            values = check_fields(
                parse_json(text, "it"), _PLAN, required=("train", "unet", "noise")
            )
            train = TrainConfig(**check_fields(values["train"], _TRAIN, prefix="its train."))
            unet = unet_from(values["unet"])
            schedule_from(values["noise"])
            return cls(**{**values, "train": train, "unet": unet})
        except ValueError as error:
            raise ValueError(f"This is no plan of a training run: {error}") from error

    def checkpoint_config(self, dataset: ImageDataset, steps: int) -> CheckpointConfig:
        """The settings of the checkpoint after so many steps."""
        training: dict[str, Any] = {
            "settings": self.train.to_dict(),
            "command": self.command,
            "steps": steps,
        }
        if self.init:
            training["init"] = self.init
        known: dict[str, Any] = {}
        if self.unet.learned_variance:
            known["sampling"] = {"variance": "learned"}
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
    attend that did not: such a layer begins by adding zero, so that nothing is forgotten. A network
    may learn its variance that did not: of its last layer the rows of the prediction are taken
    over, and v begins halfway between its bounds.

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
        raise ValueError(
            f"The network of {plan.init} has another shape than the one asked for"
            f"{_difference(known.config, plan.unet)}."
        )
    fit_in = {k: v for k, v in theirs.items() if k in own and v.shape == own[k].shape}
    if known.config.num_classes != plan.unet.num_classes:  # as many, by chance, are not the same
        fit_in = {k: v for k, v in fit_in.items() if not k.startswith("class_embedding.")}
    for name in ("conv_out.weight", "conv_out.bias"):
        rows = torch.zeros_like(own[name])
        both = min(len(rows), len(theirs[name]))
        rows[:both] = theirs[name][:both]
        fit_in[name] = rows
    unet.load_state_dict(own | fit_in)
    return unet


def _difference(known: UNetConfig, asked: UNetConfig) -> str:
    """The first setting in which a network differs from the one that is asked for, in words."""
    for each in dataclasses.fields(UNetConfig):
        theirs, ours = getattr(known, each.name), getattr(asked, each.name)
        if each.name not in FREE and theirs != ours:
            return f": its {each.name} is {theirs}, and {ours} is asked for"
    return ": it attends where the other does not"


def train_resumably(
    config: TrainConfig,
    unet_config: UNetConfig,
    schedule: Schedule,
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
    accelerator = accelerator or default_accelerator()
    if config.batch_size % accelerator.num_processes:
        raise ValueError("batch_size must be a multiple of the number of processes.")
    state = TrainingState.begin(config, unet_config, accelerator.device, initial)
    path, precision = Path(out) / STATE_FILE, config.precision
    settings = {
        "train": config.to_dict(),
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
    accelerator = accelerator or default_accelerator()
    goes_on = (Path(out) / STATE_FILE).exists()  # then what it once began with may be gone
    initial = None if plan.init is None or goes_on else beginning(plan)

    def write(unet: UNet, step: int) -> None:
        if accelerator.is_main_process:
            save_checkpoint(out, unet, plan.checkpoint_config(dataset, step))

    steps = train_resumably(
        plan.train,
        plan.unet,
        plan.schedule(),
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
                write(step.network, step.step)
            yield step
        begun = True
    finally:
        steps.close()  # saves the state, also of steps since the last save
        state = Path(out) / STATE_FILE
        if begun and accelerator.is_main_process and state.exists():
            average = UNet(plan.unet)
            write(average, load_average(state, average))
