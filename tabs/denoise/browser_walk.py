"""Walks that the visitor's own browser computes: what the server sends for them, and why not.

The browser gets the network as a graph, a table of every step's weights (see `generation.table`),
and the noise: x_T at once, that of the steps in pieces as it needs them. It makes the same frames
as `Recording` would, so the player shows them as it shows any. The server computes nothing but
random numbers, so such a walk takes no place in its queue.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import threading
from collections import OrderedDict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.denoiser import PERCENTILE
from diffusion_core.files import replace_file
from diffusion_core.generation import (
    NoiseOfWalk,
    Recording,
    RunCard,
    SamplingRequest,
    conditions,
    table_of,
)
from diffusion_core.unet import num_parameters

from ..shared import wire
from ..shared.components import RUNTIME, served, served_address
from ..shared.sessions import SESSIONS
from ..shared.wire import as_base64
from .captions import head
from .form import HOLE, RUNS_ON, SERVER, DenoiseForm
from .link import link_card

ENGINE = "onnxruntime-web"
MOST_MILLIONS = 16  # of parameters that a browser is sent, of 2 or 4 bytes each
MOST_NOISE_MEGABYTES = 64  # for one walk
PIECE_BYTES = 2**20  # of the noise in one answer
GRAPHS_KEPT = 512 * 2**20  # bytes of graphs on this machine's disk
WALKS_KEPT = 512
_ONE_AT_A_TIME = threading.Lock()
CHOOSE = 'choose "this server" under Runs on'
STOPPED = (
    "This walk was made in this browser and stopped before its end; press Denoise and let it come "
    "to its end, then branch."
)
LOST = "the server no longer knows this walk"  # in a sentence of the player's


def runs_on(checkpoint: Checkpoint) -> dict[str, Any]:
    """Options of the control for this model: it can be chosen, or says why not."""
    reason = model_reason(checkpoint)
    if reason:
        return {"interactive": False, "value": SERVER, "info": reason.replace(f"; {CHOOSE}", "")}
    return {"interactive": True, "info": RUNS_ON}


def reason_against(form: DenoiseForm, checkpoint: Checkpoint) -> str:
    """Why the walk of a form cannot run in a browser, in a sentence; empty where it can.

    Raises:
        ValueError: with a sentence for the page, if the values do not fit the model.
    """
    if reason := model_reason(checkpoint):
        return reason
    if form.begin == HOLE:
        return f"A hole is filled in by the server alone; {CHOOSE}."
    if form.exact:
        return f"The exact answer beside the network is computed by the server; {CHOOSE}."
    walk, _ = form.walk(checkpoint)
    if walk.switches is not None:
        return f"A network with changes is walked by the server alone; {CHOOSE}."
    return noise_reason(walk, checkpoint)


def model_reason(checkpoint: Checkpoint) -> str:
    """Why no walk of this model can run in a browser; empty where some can."""
    try:
        millions = num_parameters(checkpoint.unet.config) / 1e6
    except ValueError:
        return f"A model of this kind is walked by the server alone; {CHOOSE}."
    if millions <= MOST_MILLIONS:
        return ""
    return (
        f"This network has {millions:,.3g} million parameters, and a browser is sent at most "
        f"{MOST_MILLIONS} million; {CHOOSE}."
    )


def noise_reason(walk: SamplingRequest, checkpoint: Checkpoint) -> str:
    """Why the noise of a walk is too much to be sent; empty where it is not."""
    C, H, W = checkpoint.image_shape
    each = 4 * walk.num_images * C * H * W
    count = 1 + (len(walk.timesteps(checkpoint)) - 1) * walk.random
    megabytes = count * each / 1e6
    if megabytes <= MOST_NOISE_MEGABYTES:
        return ""
    return (
        f"The noise of this walk has {megabytes:,.0f} MB, and a browser is sent at most "
        f"{MOST_NOISE_MEGABYTES} MB; take fewer steps or images, ddim with eta 0, which adds no "
        f"noise, or {CHOOSE}."
    )


def message(record: Recording, run_id: str, session: str, prefix: str = "") -> str:
    """The player's message of a walk that the browser is to compute.

    Args:
        record: The walk, of which nothing is computed here.
        run_id: The browser's name for the run.
        session: The session that it goes with.
        prefix: Begins the caption.
    """
    with _ONE_AT_A_TIME:  # a table of a thousand steps takes half a second
        return json.dumps(_message(record, run_id, session, prefix))


def _message(record: Recording, run_id: str, session: str, prefix: str) -> wire.PlayerMessage:
    checkpoint, settings = record.checkpoint, record.settings
    C, H, W = checkpoint.image_shape
    began = record.walker.beginning()
    with_noise = settings.random * (len(record.walker.timesteps) - 1)
    WALKS.put(run_id, _Walk(session, NoiseOfWalk(began), with_noise))
    y = conditions(checkpoint, settings)
    values = head(record, prefix + "walked by this browser · ")
    graph, size = GRAPHS.of(checkpoint)
    table: wire.WalkTable = {
        "shape": (C, H, W),
        "images": settings.num_images,
        "columns": values["columns"],
        "views": values["views"],
        "stride": record.stride,
        "piece": max(1, PIECE_BYTES // (4 * settings.num_images * C * H * W)),
        "guidance": settings.guidance_scale,
        "clip": settings.clip_limit(checkpoint),
        "percentile": PERCENTILE if settings.threshold == "dynamic" else 0.0,
        "y": [] if y is None else y.tolist(),
        "steps": [dataclasses.asdict(row) for row in table_of(checkpoint, settings)],  # type: ignore[misc]
    }
    card = _card(record)
    return {
        "run": run_id,
        "total": len(values["alpha_bars"]),
        "done": False,
        "first": 0,
        "frames": [],
        "head": values,
        "walk": {
            "table": table,
            "runtime": served_address(f"{RUNTIME}/"),
            "graph": graph,
            "size": size + _runtime_size(),
            "start": as_base64(began.x_t.cpu().numpy()),
            "card": card.to_json(),
            "link": link_card(card),
        },
    }


def _card(record: Recording) -> RunCard:
    """The run card, in which the browser writes the result's digest."""
    start = record.walker.beginning().x_t
    card = RunCard.of(record.checkpoint, record.settings, record.given, start)
    versions = {ENGINE: _runtime_version(), "device": "a browser", "torch": torch.__version__}
    return dataclasses.replace(card, versions=versions, result="", engine=ENGINE)


@cache
def _runtime_version() -> str:
    """The version of the vendored runtime, as its module's first lines say it."""
    found = re.search(r"ONNX Runtime Web v(\S+)", _runtime("*.mjs").read_text("utf-8")[:500])
    assert found is not None
    return found[1]


@cache
def _runtime_size() -> int:
    """Bytes that the browser loads of it before it can evaluate anything."""
    return _runtime("*.wasm.gz").stat().st_size


def _runtime(pattern: str) -> Path:
    return next((served() / RUNTIME).glob(pattern))


def walk_noise(request: wire.NoiseRequest) -> str:
    """The noise of the walk's next steps, or of its first ones again.

    No other is drawn, since what lies before it would have to be drawn as well.

    Args:
        request: `run`, the `first` step, and how many are at most wanted (`count`). It comes from
            a browser, so any of them may be missing or of another type.

    Returns:
        JSON of a `NoiseAnswer`: float32 (steps, B, C, H, W), or an error in a sentence.
    """
    answer: wire.NoiseAnswer
    known = WALKS.get(str(request.get("run")))
    first, count = request.get("first"), request.get("count")
    if known is None:
        answer = {"error": LOST}
    elif not (isinstance(first, int) and isinstance(count, int)):
        answer = {"error": LOST}
    else:
        piece = known.piece(first, count)
        answer = {"error": LOST} if piece is None else {"values": as_base64(piece)}
    return json.dumps(answer)


class _Walk:
    """A walk that a browser computes: its session, and its noise."""

    def __init__(self, session: str, noise: NoiseOfWalk, steps: int) -> None:
        """Draw nothing yet; `steps` of the walk have noise."""
        self.session, self.steps, self._next = session, steps, 0
        self._noise, self._lock = noise, threading.Lock()

    def piece(self, first: int, count: int) -> np.ndarray | None:
        """Noise of at most so many steps, and of no more than one answer holds.

        None unless it goes on where the last piece ended, or begins anew.
        """
        most = max(1, PIECE_BYTES // self._noise.nbytes)
        with self._lock:
            if first not in (0, self._next) or first >= self.steps:
                return None
            count = max(1, min(count, self.steps - first, most))
            self._next = first + count
            return self._noise.piece(first, count)


class _Walks:
    """The walks whose noise browsers may still want, by the run's name; the oldest go."""

    def __init__(self) -> None:
        """Begin without one."""
        self._walks: OrderedDict[str, _Walk] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, run_id: str, walk: _Walk) -> None:
        """Keep a walk, as the newest."""
        with self._lock:
            self._walks[run_id] = walk
            while len(self._walks) > WALKS_KEPT:
                self._walks.popitem(last=False)

    def get(self, run_id: str) -> _Walk | None:
        """The walk of that run, if it is still here."""
        with self._lock:
            return self._walks.get(run_id)

    def end_session(self, session: str) -> None:
        """Let go of a session's walks."""
        with self._lock:
            for run_id in [name for name, w in self._walks.items() if w.session == session]:
                del self._walks[run_id]


class _Graphs:
    """The graphs of models as files that the page serves; the oldest go where they are many."""

    def __init__(self) -> None:
        """Begin without one."""
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, checkpoint: Checkpoint) -> tuple[str, int]:
        """Address and size in bytes of a model's graph; built where it is not here.

        Its name cannot be guessed by who does not know the weights.
        """
        from diffusion_core.engines import browser_graph

        config = checkpoint.unet.config.to_json()
        key = hashlib.sha256(f"{checkpoint.weights_hash} {config}".encode()).hexdigest()
        name = f"graphs/{key}.onnx"
        with self._lock:
            if name in self._sizes:
                self._sizes.move_to_end(name)
            else:
                graph = browser_graph(checkpoint.unet)
                replace_file(served() / name, lambda path: path.write_bytes(graph))
                self._sizes[name] = len(graph)
                while len(self._sizes) > 1 and sum(self._sizes.values()) > GRAPHS_KEPT:
                    oldest, _ = self._sizes.popitem(last=False)
                    (served() / oldest).unlink(missing_ok=True)
            return served_address(name), self._sizes[name]


WALKS = _Walks()
GRAPHS = _Graphs()
SESSIONS.on_session_end.append(WALKS.end_session)


def session_of(run_id: str) -> str:
    """The session of a walk that a browser computed, which may have a model of its own."""
    walk = WALKS.get(run_id)
    return walk.session if walk else ""
