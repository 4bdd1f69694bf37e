"""The tab's menu of models: what was chosen is brought here, and the other controls follow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from diffusion_core.checkpoint import plain_id

from ..shared import fetching, models
from ..shared.class_menu import class_choices, classes
from ..shared.number_input import beside

# The class that a shipped picture shows, by the model's data set; else the first of the menu.
SHOWS = {"fashion-mnist": "Ankle boot"}
ARRIVED_PARTS = ("loaded", "label", "t", "model_told")


def opening_class(model: str) -> str:
    """The class of the picture that suits the model."""
    choices = classes(model)
    try:
        dataset = models.get(model).config.dataset
    except ValueError:
        dataset = ""
    shown = next((name for start, name in SHOWS.items() if dataset.startswith(start)), "")
    return shown if shown in choices else choices[0]


def bring(
    text: str | None, loaded: str, label: str | None, t: float | None, request: gr.Request
) -> Iterator[Any]:
    """Handler of the menu: bring what was chosen, showing how far that is.

    A choice ends the download of the one before it.

    Args:
        text: The choice, as chosen or typed.
        loaded: The model that is shown, to which the menu returns where this one fails.
        label: The chosen class.
        t: The timestep.
        request: The request, which names the session.

    Yields:
        Updates of `ARRIVED_PARTS` and "model", by name; nothing any more when another choice took
        its place.
    """
    name = plain_id((text or "").strip())
    if not name:
        yield {"model": loaded, "model_told": ""}
        return
    work = yield from fetching.bring(name, _stage(request), lambda line: {"model_told": line})
    if work is None:
        return
    if work.error is not None:
        yield {"model": loaded, "model_told": work.refusal()}
        return
    yield {"model": work.value, **arrived_updates(work.value, label, t)}


def _stage(request: gr.Request) -> str:
    return f"{request.session_hash or ''} inside"


def arrived(
    model: str, loaded: str, label: str | None, t: float | None, request: gr.Request
) -> dict[str, Any]:
    """Updates of `ARRIVED_PARTS` where the menu's value was changed, by whomever.

    What is not here yet changes nothing; `bring` brings it. What is here ends the download of
    another.
    """
    try:
        models.get(model)
    except ValueError:
        return {}
    left = fetching.end_others(_stage(request), model)
    if model == loaded:
        return {} if left is None else {"model_told": left}
    return arrived_updates(model, label, t)


def arrived_updates(model: str, label: str | None, t: float | None) -> dict[str, Any]:
    """The same for a model, whichever was there before; none where it cannot be shown."""
    try:
        checkpoint = models.get(model)
    except ValueError:
        return {}
    try:
        checkpoint.image_shape, checkpoint.unet  # noqa: B018  (each raises where there is none)
    except ValueError as error:
        return {"model_told": beside(str(error))}
    last = len(checkpoint.schedule) - 1
    kept = label if label in classes(model) else opening_class(model)
    return {
        "loaded": model,
        "label": gr.Dropdown(class_choices(model), value=kept),
        "t": gr.Slider(maximum=last, value=last if t is None else min(t, last)),
        "model_told": "",
    }


def menu(request: gr.Request) -> gr.Dropdown:
    """The models' menu as it is now: some came after the page was built."""
    return gr.Dropdown(models.available(request.session_hash or ""))
