"""The view "Space": clouds of points come out of noise, four side by side, and are turned."""

from __future__ import annotations

import html
import json
import time
from collections.abc import Iterator
from typing import Any

import gradio as gr

from diffusion_core.generation import RunCard

from ..shared.code_fold import CodeFold
from ..shared.components import QUIET, component, never_silent, script, why
from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import COMPUTATION, sentence_of
from ..shared.forms import Controls, Named, wired
from ..shared.limits import Bounds, PageLimit
from ..shared.number_input import beside
from ..shared.seed_input import new_seed
from ..shared.stop_signals import STOP_SIGNALS
from ..shared.wire import SpaceFrame, SpaceMessage
from .points_page import PointsPage
from .space import (
    WALKS,
    SpaceWalk,
    branched_walk,
    fresh_walk,
    is_here,
    measured,
    model,
    replayed_walk,
)
from .space_code import code
from .space_form import NOISE, OWN, VIEW, SpaceForm

EVENTS = "points_space/clicks.js"
MESSAGE_SECONDS = 1 / 8  # between two messages, as of the player of pictures
WHY = r"""
A cloud is $N$ points $x \in \mathbb R^{N \times 3}$ of a surface. All its numbers are noised as
those of a picture are, each point on its own,

$$x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1 - \bar\alpha_t}\,\epsilon$$

(Ho et al. 2020, eq. 4; for points Luo and Hu 2021, Zhou, Du and Wu 2021). A cloud has no order: the
network must give each point the same answer wherever it stands in the list. A *point-voxel
convolution* (Liu et al. 2019) has two branches. One averages features in the cells of a grid,
convolves the grid and reads it at each point by trilinear interpolation; the other is a layer on
each point by itself:

$$f_i' = \mathrm{MLP}(f_i) + \mathrm{read}\big(\mathrm{conv}_3(\mathrm{voxels}(f)),\, x_i\big)$$

PVD puts such blocks into a UNet. Here its coarsest cells attend to each other, so that a leg knows
of the other three. The network predicts $v = \sqrt{\bar\alpha_t}\,\epsilon -
\sqrt{1 - \bar\alpha_t}\,x_0$ (Salimans and Ho 2022).

**Completion.** What a camera sees stays: these points are noised to each level and put back, and
the others are diffused (RePaint, Lugmayr et al. 2022, algorithm 1):

$$x_{t-1} = m \odot q(x_{t-1} \mid x_0) + (1 - m) \odot p_\theta(x_{t-1} \mid x_t)$$

The network was never trained for it. One view leaves several answers, so that four are made.

**How near.** Chamfer's distance of two clouds is the mean squared distance of each point to the
nearest one of the other cloud, both ways:

$$\mathrm{CD}(X, Y) = \frac1{|X|}\sum_{x \in X}\min_{y \in Y}\lVert x - y\rVert^2
+ \frac1{|Y|}\sum_{y \in Y}\min_{x \in X}\lVert x - y\rVert^2$$

*Coverage* is the share of real clouds that are nearest to some made one, *MMD* the mean distance of
a real cloud to its nearest made one (Achlioptas et al. 2018). *1-NN accuracy* is how often the
nearest other cloud is of the same set: 50 % where nobody can tell made from real, 100 % where
anybody can (Lopez-Paz and Oquab 2017; Yang et al. 2019). Half of its scale is not 50 %: the shapes
that are held out are of combinations that training never saw, so that the training shapes
themselves are told apart a little. They stand in the table for this.

*Try:* go back to a middle step and branch from there with new noise: what is already decided? Then
complete a mug that is seen from the side without its handle.
"""


def message_of(
    run: str, state: str, frames: list[SpaceFrame], first: int, walk: SpaceWalk | None = None
) -> SpaceMessage:
    """A message with some frames of a walk.

    Args:
        run: The browser's name for it.
        state: "waiting", "running", "done", "stopped" or "empty".
        frames: Those that are sent.
        first: Number of the first of them.
        walk: The walk, once it is known.
    """
    made: SpaceMessage = {
        "run": run,
        "state": state,
        "first": first,
        "frames": frames,
        "total": 0 if walk is None else walk.total,
        "known": 0 if walk is None else walk.known,
        "words": "" if walk is None else words_of(walk),
    }
    return made


def words_of(walk: SpaceWalk) -> str:
    """What a walk is, in a line."""
    asked = walk.settings
    parts = [
        str(asked.label or "any category"),
        f"{walk.checkpoint.sample_shape[0]:,} points each",
        f"{asked.sampler}, {asked.num_steps} steps",
        f"seeds {asked.seed} to {asked.seed + asked.num_images - 1}",
    ]
    if asked.guidance_scale != 1:
        parts.insert(2, f"guidance {asked.guidance_scale:g}")
    if asked.parent is not None:
        parts.append(f"branched after step {asked.branch_step}")
    if walk.known:
        parts.append(f"{walk.known} points are fixed")
    return " · ".join(parts)


def walk_clouds(form: SpaceForm, asked: str, request: gr.Request) -> Iterator[dict[str, Any]]:
    """Updates of "space_stage" and "space_told" while a walk is computed.

    Args:
        form: The controls' values.
        asked: JSON of the page's scripts: "run", the walk's name; to branch, "parent", "card" and
            "step"; to replay, "card" alone.
        request: The request, of which the session is known.
    """
    session = request.session_hash or ""
    run, parent, card, step = wanted(asked)
    with STOP_SIGNALS.sign_of(f"{session} points space", run) as sign:
        try:
            if not card:
                form.request()  # what cannot be is refused before it waits
            yield {**update(message_of(run, "waiting", [], 0)), "space_told": ""}
            with COMPUTE_QUEUE.place(sign.is_set) as place:
                if not place.wait():
                    yield update(message_of(run, "stopped", [], 0))
                    return
                replayed = RunCard.from_json(card) if card and not parent else None
                if replayed is not None:
                    walk = replayed_walk(replayed)
                else:
                    walk = branched_walk(form, parent, card, step) if parent else fresh_walk(form)
                WALKS.put(run, walk)
                first = walk.settings.branch_step if parent else 0
                yield from messages(walk, run, first, replayed, place.over)
        except Exception as error:
            told = beside(sentence_of(error, COMPUTATION))
            yield {**update(message_of(run, "stopped", [], 0)), "space_told": told}


def messages(
    walk: SpaceWalk, run: str, first: int, replayed: RunCard | None, over: Any
) -> Iterator[dict[str, Any]]:
    """Updates with the frames of a walk, as they are computed.

    Two messages that come in one breath are one to the page, so that each repeats the frames of the
    one before.
    """
    most, sent_before, sent, last = Bounds.here().walk_seconds, 0, 0, 0.0
    frames: list[SpaceFrame] = []
    for frame in walk.frames(whole=replayed is not None):
        frames.append(frame)
        if over():
            yield update(
                message_of(run, "stopped", frames[sent_before:], first + sent_before, walk)
            )
            return
        if walk.seconds > most:
            raise PageLimit(
                f"This page gives {most:,.0f} s to a walk, and this one took more; "
                "take fewer steps."
            )
        if walk.result is None and time.monotonic() - last > MESSAGE_SECONDS:
            last = time.monotonic()
            some = frames[sent_before:]
            yield update(message_of(run, "running", some, first + sent_before, walk))
            sent_before, sent = sent, len(frames)
    assert walk.result is not None
    done = message_of(run, "done", frames[sent_before:], first + sent_before, walk)
    done["card"] = walk.card().to_json()
    done["words"] += f" · {walk.seconds:.1f} s"
    if replayed is not None:
        done["note"] = replayed.compare(walk.checkpoint, walk.result)
    yield update(done)


def update(message: SpaceMessage) -> dict[str, Any]:
    """The message as an update of the stage."""
    return {"space_stage": json.dumps(message)}


def wanted(asked: str) -> tuple[str, str, str, int]:
    """What the page's scripts ask for: the run, its parent, a card and a step.

    Raises:
        ValueError: if it is not what they send.
    """
    try:
        values = json.loads(asked)
        run, parent, card = (str(values.get(name, "")) for name in ("run", "parent", "card"))
        return run[:60], parent[:60], card, int(values.get("step", 0))
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise ValueError("The page asked for no walk; press the button again.") from None


def stop_clouds(run: str) -> None:
    """Handler of Stop: end the walk that the view shows."""
    STOP_SIGNALS.stop(run)


def shown_space(begin: str) -> dict[str, Any]:
    """Updates of the controls that only some walks need."""
    return {
        "seen": gr.Group(visible=begin != NOISE),
        "held": gr.Group(visible=begin == VIEW),
        "own": gr.Group(visible=begin == OWN),
    }


def measured_table() -> str:
    """What was measured of the network, as a table; what stands in for it where nothing was."""
    values = measured()
    if values is None or not is_here():
        try:
            here = model()
        except ValueError as error:
            return f'<p class="hint">{html.escape(str(error))}</p>'
        return f'<p class="hint">{here.num_parameters:,} parameters; not measured yet.</p>'
    head = "".join(f"<th scope=col>{html.escape(str(name))}</th>" for name in values["columns"])
    rows = "".join(
        f"<tr><th scope=row>{html.escape(str(row[0]))}</th>"
        + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row[1:])
        + "</tr>"
        for row in values["rows"]
    )
    said = html.escape(str(values.get("words", "")))
    return (
        '<div class="wide" tabindex="0" role="region" aria-label="Table of what was measured">'
        f"<table><caption>{said}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def build_space_controls(points: PointsPage) -> None:
    """Lay out the view's controls, which stand where those of the plane are."""
    controls = points.controls.add("space", Controls(SpaceForm))
    controls.place("begin", elem_id="space-begin")
    controls.place("category")
    with gr.Group(visible=False) as held:
        controls.place("shape")
    with gr.Group(visible=False) as own:
        controls.place("cloud")
    with gr.Group(visible=False) as seen:
        controls.place("azimuth")
        controls.place("elevation")
        controls.place("resample")
    for name, part in {"held": held, "own": own, "seen": seen}.items():
        controls.add(name, part)
    with gr.Row(elem_classes=["go"]):
        controls.add("make", gr.Button("Make clouds", variant="primary", elem_id="space-make"))
        controls.add("stop", gr.Button("Stop", elem_id="space-stop", min_width=76))
    controls.add("told", gr.HTML(elem_classes=["told"], elem_id="space-told"))
    controls.place("guidance")
    controls.place("sampler")
    controls.place("steps")
    with gr.Row():
        controls.place("seed")
        controls.add(
            "another",
            gr.Button("New noise", min_width=80, elem_classes=["beside"], elem_id="space-die"),
        )


def build_space(points: PointsPage) -> None:
    """Lay the view out and wire it."""
    controls: Controls[SpaceForm] = points.controls["space"]
    stage = component("points_space", "{}", "points-space")
    asked = gr.Textbox("{}", visible=False)
    gr.HTML(measured_table(), elem_id="space-measured")
    fold = CodeFold("The clouds in Python", "space-code")
    why(WHY)
    outputs = Named({"space_stage": stage, "space_told": controls["told"]})
    options: dict[str, Any] = {"trigger_mode": "multiple", "concurrency_limit": None, **QUIET}
    arguments = wired(never_silent(walk_clouds), [controls, asked], outputs)
    controls["make"].click(**arguments, js=script(EVENTS, "freshClouds"), **options)
    stage.input(**arguments, js=script(EVENTS, "askedClouds"), **options)
    controls["stop"].click(
        stop_clouds, asked, None, js=script(EVENTS, "shownClouds"), queue=False, **QUIET
    )
    controls["another"].click(
        None, outputs=controls["seed"], js=new_seed(), api_visibility="private"
    )
    controls["begin"].change(
        **wired(shown_space, [controls["begin"]], controls.named("seen", "held", "own")), **QUIET
    )
    fold.follow(code, controls)
