"""What several commands have in common: options, and help that names what there is.

The help of an option may hold a field, as {samplers}: the names are looked up in the core when the
help is shown, for the core imports torch, which takes seconds.
"""

from __future__ import annotations

import shlex
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Annotated, Any, Protocol, TypeVar

import typer
from typer.core import TyperCommand

DatasetName = Annotated[
    str, typer.Option(help="fashion-mnist[-2000], mnist, kmnist, cifar10, or a folder.")
]
Model = Annotated[str, typer.Option(help="Checkpoint folder, or Hub id owner/name.")]

# The field in a help text, and where its names are.
NAMES = {
    "samplers": ("samplers", "SAMPLERS"),
    "variances": ("samplers", "VARIANCES"),
    "spacings": ("schedule", "SPACINGS"),
    "schedules": ("schedule", "SCHEDULES"),
    "thresholds": ("denoiser", "THRESHOLDS"),
    "predictions": ("denoiser", "PREDICTION_TYPES"),
    "weightings": ("training", "WEIGHTINGS"),
    "precisions": ("training", "PRECISIONS"),
    "engines": ("engines", "ENGINES"),
    "families": ("families", "PICTURE_FAMILIES"),
}


class Command(TyperCommand):
    """A command that fills in the fields of its options' help when that is shown."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """As the parent's."""
        for option in self.params:
            text = getattr(option, "help", None)
            if text and "{" in text:
                option.help = text.format_map(_Names())  # type: ignore[attr-defined]
        super().format_help(ctx, formatter)


class _Names(dict[str, str]):
    """For a field, the names that there are, as "one, two or three"."""

    def __missing__(self, field: str) -> str:
        module, table = NAMES[field]
        names = list(getattr(import_module(f"diffusion_core.{module}"), table))
        return " or ".join([", ".join(names[:-1]), names[-1]])


class Step(Protocol):
    """What a training yields after each of its steps."""

    @property
    def step(self) -> int:
        """Steps done, from 1."""


S = TypeVar("S", bound=Step)


def typed() -> str:
    """This command as a person types it, for a card."""
    return shlex.join(["python", "-m", "diffusion_core", *sys.argv[1:]])


def train_to_the_end(
    steps: Iterable[S], total: int, facts: Callable[[S], Mapping[str, str]]
) -> None:
    """Take all steps of a training behind a bar, or leave after the step at which a signal comes.

    Args:
        steps: The training, which saves by itself.
        total: Steps in all.
        facts: What stands behind the bar after a step, by name.

    Raises:
        typer.Exit: with status 130, if a signal ended it.
    """
    from tqdm import tqdm

    signals = stop_signals()
    with tqdm(total=total, unit="step", mininterval=5.0) as bar:
        for step in steps:
            bar.update(step.step - bar.n)
            bar.set_postfix(facts(step), refresh=False)
            if signals:
                break
    if signals:
        typer.echo("Stopped; the same command goes on from the last save.", err=True)
        raise typer.Exit(130)


def stop_signals() -> list[int]:
    """A list that the first SIGINT or SIGTERM fills; the second takes effect at once."""
    signals: list[int] = []

    def note(number: int, frame: object) -> None:
        signals.append(number)
        signal.signal(number, signal.default_int_handler)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
    return signals
