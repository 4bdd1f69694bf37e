"""The Train tab's form: one table of named fields, those of the fold "Everything" among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import gradio as gr

from diffusion_core.data import AUTOMATIC
from diffusion_core.denoiser import PREDICTION_TYPES
from diffusion_core.schedule import SCHEDULES as ALL_SCHEDULES
from diffusion_core.seeding import parse_seed
from diffusion_core.training import PRECISIONS, WEIGHTINGS

from ..shared.forms import Controls, entry
from ..shared.limits import Limits
from ..shared.seed_input import seed_input
from ..shared.value_range import value_range_menu
from .datasets import SHIPPED, SIZES, SOURCES

FRESH = "random weights"
ATTENTION = {"the coarsest level": 1, "the two coarsest": 2, "none": 0}
SCHEDULES = ("cosine", *(name for name in ALL_SCHEDULES if name != "cosine"))
OWN = "own settings, below"


class Preset(NamedTuple):
    """A preset: the length of a training, and the networks that suit it.

    Attributes:
        minutes: Minutes that it takes.
        ways: Pairs of channels and the fewest steps that they need, widest first; the last needs 0.
        batch: Pictures a step.
        steps: Number of steps where the time of a step cannot be measured.
    """

    minutes: float
    ways: tuple[tuple[str, int], ...]
    batch: int
    steps: int


# Early on, steps count for more than pictures: in four minutes of one core on 2,700 avatars of
# 32 × 32, x0_hat was off by 0.34 (log-SNR 0) after 83 steps of 64 of 64,128 channels, by 0.29 after
# 270 of 16, by 0.28 after 770 of 16 of 32,64 channels; 64 is for those who stay.
PRESETS = {
    "a coffee": Preset(10, (("64,128", 5000), ("32,64", 0)), 16, 6000),
    "a lunch": Preset(60, (("64,128", 4000), ("32,64", 0)), 32, 15_000),
    "a night": Preset(480, (("96,192", 20_000), ("64,128", 0)), 64, 40_000),
}


def ema_for(steps: int) -> float:
    """A decay that averages about the last tenth of a run."""
    return min(0.9995, max(0.9, round(1 - 10 / steps, 4)))


def widths(text: str) -> tuple[int, ...]:
    """Channels from text.

    Raises:
        ValueError: if it is not whole numbers and commas.
    """
    try:
        return tuple(int(part) for part in (text or "").split(","))
    except ValueError:
        raise ValueError(
            f"Channels must be whole numbers and commas, as in 64,128, not {text!r}."
        ) from None


def number(name: str, fits: Callable[[float], bool], words: str) -> Callable[[float | None], float]:
    """A parser of numbers that fit; an emptied field is named in the sentence.

    Args:
        name: Name of the number in the ValueError's sentence.
        fits: Whether a number is allowed.
        words: What is allowed, in words.
    """

    def parse(value: float | None) -> float:
        if value is None:
            raise ValueError(empty(name))
        if not fits(value):
            raise ValueError(f"{name} must be a number {words}, not {value:g}.")
        return float(value)

    return parse


def _share(name: str) -> Callable[[float | None], float]:
    return number(name, lambda value: 0 <= value < 1, "from 0 to below 1")


def empty(name: str) -> str:
    """The sentence on a field that was emptied."""
    return f"{name} is empty; give a number."


def whole(name: str, lowest: int = 1) -> Callable[[float | None], int]:
    """A parser of whole numbers from `lowest` on.

    Args:
        name: Name of the number in the ValueError's sentence.
        lowest: The smallest number allowed.
    """

    def parse(value: float | None) -> int:
        if value is None:
            raise ValueError(empty(name))
        if value != int(value) or value < lowest:
            raise ValueError(f"{name} must be a whole number from {lowest} on, got {value:g}.")
        return int(value)

    return parse


_COFFEE = PRESETS["a coffee"]


@dataclass(frozen=True)
class TrainForm:
    """The values of the tab's controls: their names, defaults and parsing."""

    begin: str = entry(
        FRESH,
        partial(
            gr.Dropdown,
            label="Begin with",
            allow_custom_value=True,
        ),
    )
    steps: float = entry(
        _COFFEE.steps,
        partial(gr.Number, label="Training steps", precision=0, min_width=120),
        parse=whole("Training steps"),
    )
    batch: float = entry(
        _COFFEE.batch,
        partial(gr.Number, label="Batch", precision=0, info="pictures a step", min_width=100),
        parse=whole("Batch"),
    )
    learning_rate: float = entry(
        1e-3,
        partial(gr.Number, label="Learning rate", info="peak; rises, falls at last", min_width=120),
        parse=number("Learning rate", lambda value: value > 0, "above 0"),
    )
    channels: str = entry(
        _COFFEE.ways[0][0],
        partial(gr.Textbox, label="Channels", info="of each level, fine to coarse", min_width=120),
        parse=widths,
    )
    blocks: float = entry(
        2,
        partial(gr.Number, label="Blocks", precision=0, info="a level", min_width=90),
        parse=whole("Blocks"),
    )
    patch: float = entry(
        2,
        partial(gr.Number, label="Patch", precision=0, info="pixels folded, p × p", min_width=90),
        parse=whole("Patch"),
    )
    attention: str = entry(
        next(iter(ATTENTION)), partial(gr.Dropdown, list(ATTENTION), label="Attention at")
    )
    schedule: str = entry(
        "cosine", partial(gr.Dropdown, list(SCHEDULES), label="Schedule", min_width=120)
    )
    T: float = entry(
        1000,
        partial(gr.Number, label="Timesteps T", precision=0, min_width=100),
        parse=whole("Timesteps T", 2),
    )
    # In 75 seconds on 465 emoji of 32 × 32, x0_hat was off by 0.24 (log-SNR 0) where x0 was
    # predicted and by 0.29 where v was; the samples of the one are shapes in flat colours, of the
    # other speckles: noise has no structure to be learned in a few minutes, pictures have (Li & He
    # 2025).
    prediction: str = entry(
        "sample",
        partial(
            gr.Dropdown,
            list(PREDICTION_TYPES),
            label="It predicts",
            info="sample is the clean picture",
        ),
    )
    weighting: str = entry(
        "clamped_snr",
        partial(gr.Dropdown, list(WEIGHTINGS), label="Loss weighting", info="by signal over noise"),
    )
    ema: float = entry(
        ema_for(_COFFEE.steps),
        partial(gr.Number, label="EMA decay", info="of the average", min_width=100),
        parse=_share("EMA decay"),
    )
    precision: str = entry(
        "auto", partial(gr.Dropdown, list(PRECISIONS), label="Precision", min_width=100)
    )
    dropout: float = entry(
        0.1,
        partial(gr.Number, label="Label dropout", info="share, for guidance", min_width=110),
        parse=_share("Label dropout"),
    )
    flip: bool = entry(
        False, partial(gr.Checkbox, label="Mirror half of the pictures", min_width=110)
    )
    seed: str | int = entry(
        0,
        partial(seed_input, label="Seed of the training"),
        parse=partial(parse_seed, name="Seed of the training"),
    )

    @classmethod
    def within(cls, limits: Limits) -> TrainForm:
        """The controls' first values on a page with these limits."""
        return cls(steps=min(_COFFEE.steps, limits.steps), batch=min(_COFFEE.batch, limits.batch))


@dataclass(frozen=True)
class SourceForm:
    """Which pictures to learn from: the names, defaults and controls of that choice.

    Attributes:
        source: One of `SOURCES`.
        files: Paths of the uploaded files, for `MINE`; None where there are none.
        folder: A path, for `FOLDER`.
        size: Side, in pixels, of pictures that come in any size.
        value_range: Of more than 8 bits a value, which are black and white in all pictures: a key
            of `RANGES`, or the value that is white.
    """

    source: str = entry(SHIPPED, partial(gr.Dropdown, SOURCES, label="Pictures"))
    files: list[str] | None = entry(
        None,
        partial(gr.File, label="A zip, or several pictures", file_count="multiple", height=140),
    )
    folder: str = entry(
        "",
        partial(
            gr.Textbox,
            label="Folder",
            placeholder="/home/me/pictures",
            info="or a zip; Enter reads it; one subfolder each names a class",
        ),
    )
    size: int = entry(
        32,
        partial(
            gr.Dropdown,
            list(SIZES),
            label="Size",
            info="pixels of a side; pictures are cropped square",
        ),
    )
    value_range: str = entry(
        AUTOMATIC,
        partial(
            value_range_menu,
            info="of 16-bit and float pictures, one for all of them; or type the value of white",
        ),
    )


@dataclass(frozen=True)
class RunForm:
    """The controls beside the settings: how long a training may take, and what it is called.

    They are no part of `TrainForm`, whose changes each ask anew what the training would take.

    Attributes:
        preset: One of `PRESETS`, or `OWN`.
        name: The name of the model, from which that of its folder is made.
    """

    preset: str = entry(
        "a coffee",
        partial(gr.Radio, [*PRESETS, OWN], label="How long", elem_id="train-preset"),
    )
    name: str = entry("my-model", partial(gr.Textbox, label="Name", max_length=40))


# The fold "Everything", row by row; it holds all of the form but what a training begins with.
ROWS = (
    ("steps", "batch"),
    ("learning_rate", "channels"),
    ("blocks", "patch"),
    ("attention",),
    ("schedule", "T"),
    ("prediction",),
    ("weighting",),
    ("ema", "precision"),
    ("dropout", "flip"),
    ("seed",),
)
EVERYTHING = tuple(name for row in ROWS for name in row)
# What a preset fills in, and what the size of the pictures does.
PRESET_PARTS, PATCH_PARTS = ("steps", "batch", "channels", "ema"), ("patch",)


def place_everything(controls: Controls[TrainForm], limits: Limits) -> None:
    """Lay out the controls of the fold."""
    own: dict[str, dict[str, Any]] = {"steps": {"info": f"1 to {limits.steps:,}"}}
    for row in ROWS:
        if len(row) == 1:
            controls.place(row[0], **own.get(row[0], {}))
            continue
        with gr.Row():
            for name in row:
                controls.place(name, **own.get(name, {}))
