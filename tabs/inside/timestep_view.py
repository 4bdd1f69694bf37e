"""The view "Timestep" of the Inside tab: how the network is told t, and told a wrong one."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from diffusion_core.inspection import (
    ToldTimestep,
    cosine_similarity,
    timestep_encoding,
    wrong_time_curve,
)
from diffusion_core.unet import UNet

from ..shared.cache import Cache
from ..shared.components import QUIET, component, script
from ..shared.forms import Named, wired
from ..shared.number_input import in_range, slider
from ..shared.wire import EncodingMap, InsideTimestepMessage, as_base64
from .form import LAST_T
from .inside_page import Guess, InsidePage, stage_message
from .subject import Subject

SCRIPT = "inside_timestep/address.js"
OPENING_TOLD = 800
ROWS = 100  # timesteps in the pictures of the encodings
COLUMNS = 128  # numbers of an encoding in its picture
CURVE_POINTS, FEWEST = 25, 5
CURVE_SECONDS = 3.0  # after which it is left as coarse as it is
TOGETHER = 8  # pictures that are evaluated at once


def show(subject: Subject, told: Any) -> dict[str, Any]:
    """Updates of the stage and of the encodings: what the network makes of x_t, told t'.

    Args:
        subject: What the tab looks at.
        told: The timestep t' that the slider holds.
    """
    last = len(subject.schedule) - 1
    told = min(int(in_range(told, "told", "Timestep that the network is told", 0, 10**6)), last)
    first = first_timestep(subject.checkpoint.unet)
    told = max(told, first)
    network = ToldTimestep(subject.checkpoint.network, told)
    _, x0_hat = subject.predict(network)
    _, honest = (None, x0_hat) if told == subject.t else subject.predict()
    now, at = subject.error(x0_hat), subject.error(honest)
    guesses = (Guess(x0_hat, f"told t′ = {told}"), Guess(honest, f"told t = {subject.t}"))
    sentence = (
        f"Told the truth, t′ = t = {subject.t}: error {at:.3f}."
        if told == subject.t
        else f"Told t′ = {told}, the error is {now:.3f}; told the truth, t = {subject.t}, {at:.3f}."
    )
    curve = curve_of(subject, first)
    if not curve:
        sentence += " The curve is left out: this model takes too long for its evaluations here."
    message = encoding_message(subject, told, now)
    message["curve"], message["words"] = curve, sentence
    return {"stage": stage_message(subject, *guesses), "encoding": json.dumps(message)}


def curve_of(subject: Subject, first: int) -> list[tuple[int, float]]:
    """(t', error of x0_hat) over the timesteps that the network could be told; kept.

    Args:
        subject: What the tab looks at.
        first: The smallest timestep that it can be told.

    Returns:
        The pairs in the order of t', fewer where the model is slow; none where it is too slow.
    """
    condition = subject.labels
    seen = [subject.x_t, subject.x0, *([] if condition is None else [condition.cpu()])]
    content = hashlib.sha256(b"".join(z.numpy().tobytes() for z in seen)).hexdigest()
    key = (subject.checkpoint.weights_hash, subject.t, content)

    def compute() -> list[tuple[int, float]]:
        every = np.linspace(first, len(subject.schedule) - 1, CURVE_POINTS).round().astype(int)
        told = sorted({*every.tolist(), subject.t} - set(range(first)))
        order = sorted(range(len(told)), key=lambda i: (i % 8 != 0, i % 4 != 0, i % 2 != 0, i))
        x_t, end, found = subject.x_t.to(subject.checkpoint.device), None, []
        while order and (end is None or time.monotonic() < end):
            start, some = time.monotonic(), order[: 1 if end is None else TOGETHER]
            order = order[len(some) :]
            end = start + CURVE_SECONDS if end is None else end
            squares = wrong_time_curve(
                subject.denoiser(),
                subject.x0,
                x_t,
                subject.t,
                [told[i] for i in some],
                clip_x0=float(subject.checkpoint.config.clip_x0),
                batch_size=TOGETHER,
            )
            errors = squares.sqrt().tolist()
            found += [(told[i], float(f"{e:.5g}")) for i, e in zip(some, errors, strict=True)]
            if TOGETHER * (time.monotonic() - start) > CURVE_SECONDS * len(some):
                break  # so slow that a batch would take longer than all of it may
        return sorted(found) if len(found) >= FEWEST else []

    return _CURVES.of(key, compute)


@dataclass(frozen=True, eq=False)
class ShownEncoding:
    """A network's encodings, reduced to rows that a picture can show.

    Attributes:
        features: Sines and cosines, each row the mean of neighbouring timesteps, (N, D).
        learnt: The same of the learnt embedding, less its mean over all timesteps, (N, E).
        mean: That mean, (E,).
    """

    features: Tensor
    learnt: Tensor
    mean: Tensor


def shown_encoding(unet: UNet, first: int, T: int) -> ShownEncoding:
    """The encodings of all timesteps from `first` on, reduced to at most `ROWS` rows."""
    every = timestep_encoding(unet, torch.arange(first, T))
    rows = min(ROWS, T - first)
    mean = every.embedding.mean(dim=0)
    features, learnt = (
        functional.adaptive_avg_pool1d(values.T, rows).T
        for values in (every.features, every.embedding - mean)
    )
    return ShownEncoding(features, learnt, mean)


_ENCODINGS: Cache[ShownEncoding] = Cache()
_CURVES: Cache[list[tuple[int, float]]] = Cache()


def encoding_message(subject: Subject, told: int, now: float) -> InsideTimestepMessage:
    """The encodings of all timesteps as pictures, and those of t as curves."""
    unet, T = subject.checkpoint.unet, len(subject.schedule)
    first = first_timestep(unet)
    key = (subject.checkpoint.weights_hash, str(subject.checkpoint.device), T)
    shown = _ENCODINGS.of(key, lambda: shown_encoding(unet, first, T))
    mine = timestep_encoding(unet, torch.tensor([max(subject.t, first), told]))
    own = mine.embedding - shown.mean
    near = cosine_similarity(torch.cat([own, shown.learnt]))[0, 1:]
    return {
        "t": subject.t,
        "told": told,
        "T": T,
        "rows": len(shown.features),
        "fourier": bool(first),
        "features": encoding_map(shown.features, mine.features[0]),
        "learnt": encoding_map(shown.learnt, own[0]),
        "similarity": as_base64(levels(cosine_similarity(shown.learnt), 1.0)),
        "near": [round(x, 3) for x in near[1:].tolist()],
        "pair": round(float(near[0]), 3),
        "curve": [],
        "error": now,
        "words": "",
    }


def first_timestep(unet: UNet) -> int:
    """The smallest timestep that the network can be told: Fourier features have none of 0."""
    return 1 if unet.config.time_embedding == "fourier" else 0


def encoding_map(rows: Tensor, mine: Tensor) -> EncodingMap:
    """Encodings (N, D) as a picture of at most `COLUMNS` numbers, and that of t (D,)."""
    D = rows.shape[1]
    columns = torch.linspace(0, D - 1, min(COLUMNS, D)).round().long()
    most = max(float(rows.abs().quantile(0.995)), 1e-9)
    return {
        "width": len(columns),
        "of": D,
        "most": float(f"{most:.4g}"),
        "px": as_base64(levels(rows[:, columns], most)),
        "row": [round(x, 4) for x in mine[columns].tolist()],
    }


def levels(values: Tensor, most: float) -> np.ndarray:
    """Numbers from -most to most as bytes; 0 becomes 128."""
    return (values / most * 127 + 128).round().clamp(1, 255).byte().numpy()


def from_address(request: gr.Request) -> dict[str, Any]:
    """Update of the slider where its value stands in the page's address."""
    query = dict(request.query_params)
    text = str(query.get("told") or "")
    if query.get("tab") != "inside" or not text.isdecimal() or len(text) > 6:
        return {}
    return {"told": int(text)}


def truth(t: float | None) -> Any:
    """The slider's value that is the truth; an emptied timestep changes nothing."""
    return gr.skip() if t is None else t


def build_timestep(inside: InsidePage) -> None:
    """Lay the view out and wire it.

    Args:
        inside: The tab: its controls, and `follow`, by which a view is computed anew.
    """
    with gr.Row(elem_classes=["view-row"]):
        told = slider(
            0,
            LAST_T,
            value=OPENING_TOLD,
            step=1,
            label="Timestep that the network is told",
            info="the picture stays noised to its own; where is the error lowest?",
            elem_id="inside-told-timestep",
        )
        honest = gr.Button(
            "Tell it the truth", size="md", min_width=170, scale=0, elem_id="inside-tell-truth"
        )
    encoding = component("inside_timestep", "{}", "inside-timestep")
    outputs = Named({"encoding": encoding})
    inside.follow("timestep", show, [told], outputs, also=[told.change])
    honest.click(truth, inside.controls["t"], told, **QUIET)
    told.change(None, told, None, js=script(SCRIPT, "writeTold"), api_visibility="private")
    inside.page.on_address(**wired(from_address, outputs=Named({"told": told})))
