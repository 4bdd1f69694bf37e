"""The views of the stage: the walk in the player, and what else is shown in its place.

A row of tabs above the pictures chooses one. All stay mounted, and one that is not chosen computes
nothing. The browser alone chooses (static/views): the view is in the address, absent for the walk,
and "Denoise" leads back to the walk.
"""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from diffusion_core.data import GRID_GAP

from ..shared.components import QUIET, component, script
from ..shared.forms import Controls, wired
from ..shared.start_image import StartImage
from . import comparisons, race, reconstruction
from .browser_walk import WALKS
from .form import HOLE, PICTURE, DenoiseForm
from .run_registry import RECORDINGS
from .start_controls import NOISE_TAB_PARTS, own_start

WALK = "walk"
# By the names that address and markup have for them. The exact answer is first, since it holds a
# control of the form that all of them read; which is seen first, the markup says.
OTHERS = {
    "exact": comparisons.build_exact,
    "steps": comparisons.build_steps,
    "race": race.build,
    "return": reconstruction.build,
}
EVENTS = "views/clicks.js"
GONE = "The pictures of this walk are no longer here; press Denoise, then begin with one."
IN_BROWSER = (
    'The pictures of this walk are in your browser alone; choose "this server" under Runs on and '
    "press Denoise, then begin with one."
)


def row(controls: Controls[DenoiseForm]) -> None:
    """Lay out the row of tabs, first in the stage, and the button beside them.

    Args:
        controls: The tab's controls; those of the beginning are laid out already.
    """
    with gr.Row(elem_classes=["views-row"]):
        component("views", "{}", "denoise-views")
        _begin_with_shown(controls)


def panel(name: str) -> gr.Column:
    """What a view shows, as a context to lay it out in; the stylesheet hides the others.

    Args:
        name: The view's name: `WALK`, "hole", or one of `OTHERS`.
    """
    return gr.Column(elem_id=f"denoise-view-{name}", elem_classes=["stage-view"])


def build(controls: Controls[DenoiseForm], run_id: gr.Textbox, runs: dict[str, Any]) -> None:
    """Lay out all views but the walk's, and wire them.

    Args:
        controls: The tab's controls; those of the beginning are laid out already.
        run_id: Holds a run's name, which the browser fills in.
        runs: Options of events that compute.
    """
    with panel("hole"):
        controls.place("hole")
    for name, build_view in OTHERS.items():
        with panel(name):
            build_view(controls, run_id, runs)
    begin = controls["begin"]
    for event, function in ((begin.change, "tellBeginning"), (begin.input, "chooseBeginning")):
        event(None, begin, js=script(EVENTS, function, HOLE), api_visibility="private")


def _begin_with_shown(controls: Controls[DenoiseForm]) -> None:
    """Lay out the button that takes the player's picture to begin with, and wire it."""
    button = gr.Button("Begin with this picture", size="sm", elem_id="denoise-begin-with")
    places = [gr.Textbox(visible=False), gr.Number(visible=False), gr.Number(visible=False)]
    button.click(
        **wired(
            with_shown,
            [controls["begin"], controls["t"], controls["model"], *places],
            controls.named(*NOISE_TAB_PARTS),
        ),
        js=script(EVENTS, "withShownPicture"),
        **QUIET,
    )


def with_shown(
    begin: str, t: float, model: str, run_id: str, frame: float, image: float
) -> dict[str, Any]:
    """Updates of `NOISE_TAB_PARTS`: the guess x0_hat of a shown step becomes the picture.

    Not x_t: what a walk begins with is noised first, and x_t is noisy already; from x_t itself one
    branches. Where the choice is a picture with a hole, it stays, and the hole is painted into this
    picture.

    Args:
        begin: What the walk now begins with.
        t: The timestep that the picture is noised to.
        model: The model of the controls.
        run_id: The run in the player.
        frame: Number of its frame there.
        image: Number of the image, of a run of several.
    """
    picture = shown_picture(run_id, int(frame), int(image))
    if picture is None:
        raise gr.Error(IN_BROWSER if WALKS.get(run_id) else GONE, print_exception=False)
    start: StartImage | Any = own_start(picture, t, model)
    shown = start.shown if isinstance(start, StartImage) else gr.skip()
    then = "Paint a hole into it" if begin == HOLE else f"It is noised to t = {int(t)}"
    gr.Info(f"The walk now begins with the guess x̂₀ of this step. {then}; then press Denoise.")
    return {"begin": begin if begin == HOLE else PICTURE, "start": start, "picture": shown}


def shown_picture(run_id: str, frame: int, image: int) -> np.ndarray | None:
    """The guess x0_hat of a run's frame, of one image: uint8, (H, W, C).

    Args:
        run_id: The run's name.
        frame: Number of the frame, of those that are kept.
        image: Number of the image.

    Returns:
        The picture, or None where there is no such run, frame or image.
    """
    record = RECORDINGS.get(run_id)
    frames = list(record.frames) if record is not None else []
    if record is None or not 0 <= frame < len(frames):
        return None
    if not 0 <= image < record.settings.num_images:
        return None
    sheet = frames[frame].pictures["x0_hat"]
    _, H, W = record.checkpoint.image_shape
    columns = (sheet.shape[1] + GRID_GAP) // (W + GRID_GAP)
    top, left = (H + GRID_GAP) * (image // columns), (W + GRID_GAP) * (image % columns)
    return sheet[top : top + H, left : left + W]
