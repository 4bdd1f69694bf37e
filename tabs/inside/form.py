"""The Inside tab's form: one table of named fields."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import gradio as gr
import numpy as np

from ..shared.class_menu import NO_CLASS
from ..shared.forms import entry
from ..shared.number_input import in_range, slider
from ..shared.picture_upload import picture_input
from ..shared.seed_input import seed_input
from ..shared.walk_step import WalkStep

LAST_T = 999  # the slider's end for a model of 1000 timesteps


@dataclass(frozen=True, eq=False)
class InsideForm:
    """What the tab's controls hold: the table of their names, defaults and controls.

    The values are checked where a `Subject` is made of them.

    Attributes:
        model: What the menu of models holds, which may not be here yet.
        loaded: The last choice of that menu that could be read; what the tab shows.
        label: The class menu's value.
        picture: The starting picture, uint8, (H, W, C); None where there is none.
        t: The timestep.
        seed: The seed of the noise, in digits.
        step: The step of a walk that is shown in place of the picture and its noise; or None.
    """

    model: str = entry("", partial(gr.Dropdown, label="Model", allow_custom_value=True))
    loaded: str = entry("", gr.State)
    label: str | None = entry(
        NO_CLASS,
        partial(gr.Dropdown, label="Class", interactive=True, allow_custom_value=True),
    )
    picture: np.ndarray | None = entry(
        None,  # its control takes the path of a file
        partial(
            picture_input,
            label="Picture",
            height=150,
            buttons=["fullscreen"],
            sources=["upload", "clipboard", "webcam"],
            alt_text="the picture to be noised",
        ),
    )
    t: float | None = entry(
        400,
        partial(slider, 0, LAST_T, step=1, label="Timestep"),
        parse=lambda value: int(in_range(value, "t", "Timestep", 0, 10**6)),
    )
    seed: str | int | None = entry(0, partial(seed_input, label="Seed"))
    step: WalkStep | None = entry(None, gr.State)
