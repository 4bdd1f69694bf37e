"""The view "Network" of the Inside tab: the map of the network, and one of its blocks opened."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.inspection import (
    Arithmetic,
    Block,
    BlockActivations,
    NetworkMap,
    Norm,
    look_inside,
    network_map,
)

from ..shared.cache import Cache
from ..shared.components import component, script
from ..shared.forms import Named
from ..shared.text import span
from ..shared.wire import (
    ArithmeticMessage,
    InsideMapMessage,
    MapBlock,
    NormMessage,
    OpenedBlock,
    as_base64,
)
from .inside_page import Guess, InsidePage, stage_message
from .subject import Subject

SHOWN_MAPS = 12
SHOWN_TERMS = 3  # input channels of a convolution that are written out
MOST_MAPS_KEPT = 16  # maps of networks
# What a block is for, in one sentence, and its name: by its kind.
KINDS = {
    "in": ("First convolution", "It turns the picture's colours into the first feature maps."),
    "residual": (
        "Residual block",
        "It adds a correction, made by two convolutions and told the timestep, to what comes in.",
    ),
    "attention": (
        "Attention",
        "Every place looks at every other one, and takes from those that matter to it.",
    ),
    "down": ("Down", "It halves height and width, so that the next blocks see more at once."),
    "up": ("Up", "It doubles height and width, on the way back to a picture."),
    "time": (
        "Timestep embedding",
        "It turns the timestep into a vector that tells every residual block how much noise is in.",
    ),
    "condition": (
        "Class embedding",
        "It has a vector for each class, which is added to that of the timestep.",
    ),
    "norm": ("Last norm", "It brings all groups of channels to one scale before the way out."),
    "out": ("Last convolution", "It turns the last feature maps into the network's prediction."),
}
_MAPS: Cache[NetworkMap] = Cache(MOST_MAPS_KEPT)


@dataclass(frozen=True)
class Asked:
    """What the browser has opened on the map.

    Attributes:
        block: The block's name; None is none.
        pixel: The position as shares of height and width, in [0, 1].
        convolution: Name of one of its convolutions; None is the first over neighbours.
        channel: Its output channel; None is the one that varies most.
        written: The input channel that is written out first; None is the one that adds most.
    """

    block: str | None = None
    pixel: tuple[float, float] = (0.5, 0.5)
    convolution: str | None = None
    channel: int | None = None
    written: int | None = None


def map_of(checkpoint: Checkpoint) -> NetworkMap:
    """The map of a model's network, measured once and kept; another one does not wait for it."""
    key = (checkpoint.weights_hash, str(checkpoint.device))
    return _MAPS.of(key, lambda: network_map(checkpoint.unet))


def show(subject: Subject, opened: str) -> dict[str, Any]:
    """Updates of the stage and of the map: one evaluation of the network.

    Args:
        subject: What the tab looks at.
        opened: JSON of what the browser has opened, see `asked_for`; "" is nothing.
    """
    drawn = map_of(subject.checkpoint)
    asked = asked_for(opened, drawn)
    (_, x0_hat), pictures, activations = look_inside(
        subject.checkpoint.unet,
        subject.predict,
        block=asked.block,
        pixel=asked.pixel,
        convolution=asked.convolution,
        channel=asked.channel,
    )
    message: InsideMapMessage = {
        "model": subject.checkpoint.weights_hash,
        "t": subject.t,
        "words": words_of(drawn),
        "blocks": map_blocks(drawn, pictures),
        "skips": [list(pair) for pair in drawn.skips],
    }
    if activations is not None:
        found = next(b for b in drawn.blocks if b.name == asked.block)
        message["opened"] = opened_block(found, activations, asked.written)
    return {"stage": stage_message(subject, Guess(x0_hat)), "map": json.dumps(message)}


def asked_for(opened: str, drawn: NetworkMap) -> Asked:
    """What the browser asks for, in JSON with the names of `Asked`; nonsense is left out."""
    try:
        asked = json.loads(opened or "{}")
        row, column = (float(share) for share in asked.get("pixel", (0.5, 0.5)))
    except (ValueError, TypeError, AttributeError):
        return Asked()
    pixel = (row, column) if 0 <= row <= 1 and 0 <= column <= 1 else (0.5, 0.5)
    numbers = [n if isinstance(n := asked.get(k), int) else None for k in ("channel", "written")]
    name, convolution = asked.get("block"), asked.get("convolution")
    return Asked(
        name if name in [b.name for b in drawn.blocks] else None,
        pixel,
        convolution if isinstance(convolution, str) else None,
        *numbers,
    )


def words_of(drawn: NetworkMap) -> str:
    """The network in a line."""
    parameters = sum(b.parameters for b in drawn.blocks)
    work = sum(b.multiply_adds for b in drawn.blocks)
    seconds = sum(b.seconds for b in drawn.blocks)
    folded = (
        f" · {drawn.patch} × {drawn.patch} pixels are folded into channels first"
        if drawn.patch > 1
        else ""
    )
    return (
        f"{len(drawn.blocks)} blocks · {parameters / 1e6:,.3g} million parameters · "
        f"{large(work)} multiply-adds and {span(1000 * seconds)} a picture{folded}"
    )


def large(count: int) -> str:
    """A large number in words: "421 million", "249 billion"."""
    unit, word = (1e9, "billion") if count >= 1e9 else (1e6, "million")
    return f"{count / unit:.3g} {word}"


def map_blocks(drawn: NetworkMap, pictures: dict[str, np.ndarray]) -> list[MapBlock]:
    """The blocks for the browser, each with its thumbnail where it has one."""
    work = max(1, sum(b.multiply_adds for b in drawn.blocks))
    seconds = max(1e-9, sum(b.seconds for b in drawn.blocks))
    made: list[MapBlock] = []
    for block in drawn.blocks:
        title, sentence = KINDS[block.kind]
        picture = pictures.get(block.name)
        share, time_share = block.multiply_adds / work, block.seconds / seconds
        facts = (
            f"{size_of(block)} · {block.parameters:,} parameters · {100 * share:.1f} % of the "
            f"arithmetic, {100 * time_share:.1f} % of the time"
        )
        one: MapBlock = {
            "name": block.name,
            "kind": block.kind,
            "way": block.way,
            "level": block.level,
            "title": title,
            "sentence": sentence,
            "facts": facts,
            "channels": block.channels,
            "side": max(block.resolution) if block.resolution else 0,
            "work": share,
            "time": time_share,
            "width": 0,
            "height": 0,
            "picture": "",
        }
        if picture is not None:
            one["height"], one["width"] = picture.shape[:2]
            one["picture"] = as_base64(picture)
        made.append(one)
    return made


def size_of(block: Block) -> str:
    """Resolution and channels, in words."""
    if block.resolution is None:
        return f"a vector of {block.channels} numbers"
    H, W = block.resolution
    return f"{H} × {W}, {block.channels} channels"


def levels_of(values: np.ndarray) -> str:
    """One map as bytes, over its own range."""
    low, high = float(values.min()), float(values.max())
    share = (values - low) / max(high - low, 1e-12)
    return as_base64((share * 255).round().astype(np.uint8))


def opened_block(block: Block, kept: BlockActivations, written: int | None = None) -> OpenedBlock:
    """An opened block for the browser.

    Args:
        block: The block.
        kept: What was recorded of it.
        written: As of `Asked`.
    """
    title, sentence = KINDS[block.kind]
    shown = len(kept.channels[:SHOWN_MAPS])
    h, w = kept.maps.shape[1:] if shown else (0, 0)
    left_out = f"{shown} of {block.channels} channels are shown" if shown < block.channels else ""
    if block.resolution and (h, w) != block.resolution:
        left_out += f"{', ' if left_out else ''}averaged to {h} × {w}"
    look = kept.look
    message: OpenedBlock = {
        "name": block.name,
        "title": title,
        "sentence": sentence,
        "facts": size_of(block),
        "left_out": left_out,
        "width": w,
        "height": h,
        "rows": block.resolution[0] if block.resolution else 0,
        "columns": block.resolution[1] if block.resolution else 0,
        "channels": list(kept.channels[:SHOWN_MAPS]),
        "deviations": [round(float(d), 4) for d in kept.deviations[:SHOWN_MAPS]],
        "maps": [levels_of(each) for each in kept.maps[:SHOWN_MAPS]],
        "components": "" if kept.components is None else as_base64(kept.components),
        "explained": sum(kept.explained),
        "comes_in": kept.comes_in,
        "goes_on": kept.goes_on,
        "norms": [norm_message(norm) for norm in kept.norms],
        "heads": [] if look is None else [levels_of(head) for head in look.weights],
        "most": [] if look is None else [float(head.max()) for head in look.weights],
        "vector": [] if kept.vector is None else [round(float(v), 4) for v in kept.vector],
    }
    if kept.adds is not None:
        message["adds"] = kept.adds
    if kept.arithmetic is not None:
        message["arithmetic"] = arithmetic_message(kept.arithmetic, kept.convolutions, written)
    return message


def norm_message(norm: Norm) -> NormMessage:
    """A group norm for the browser."""
    return {
        "name": norm.name,
        "groups": norm.groups,
        "most": norm.edges[1],
        "before": [round(float(v), 5) for v in norm.before],
        "after": [round(float(v), 5) for v in norm.after],
        "spread": [*norm.spread],
    }


def arithmetic_message(
    found: Arithmetic, convolutions: tuple[str, ...], written: int | None = None
) -> ArithmeticMessage:
    """One number of a convolution for the browser: the input channels that add most, and the rest.

    The parts are rounded nowhere, so that they add up to the value.

    Args:
        found: The number.
        convolutions: Names of all convolutions of its block.
        written: As of `Asked`; that channel then stands first.
    """
    sums = found.sums
    order = np.argsort(-np.abs(sums))
    if written is not None:
        first = min(max(0, written), len(sums) - 1)
        order = np.concatenate([[first], order[order != first]])
    shown, rest = order[:SHOWN_TERMS], order[SHOWN_TERMS:]
    return {
        "name": found.name,
        "names": list(convolutions),
        "channel": found.channel,
        "of": found.channels,
        "row": found.pixel[0],
        "column": found.pixel[1],
        "side": found.kernel.shape[1],
        "given": len(sums),
        "inputs": [int(c) for c in shown],
        "patches": [[float(v) for v in found.patch[c].ravel()] for c in shown],
        "kernels": [[float(v) for v in found.kernel[c].ravel()] for c in shown],
        "sums": [float(sums[c]) for c in shown],
        "others": len(rest),
        "rest": float(sums[rest].sum()),
        "bias": found.bias,
        "value": found.value,
    }


def build_network(inside: InsidePage) -> None:
    """Lay the view out and wire it.

    Args:
        inside: The tab: its controls, and `follow`, by which the view is computed anew.
    """
    drawing = component("inside_map", "{}", "inside-map")
    opened = gr.Textbox(visible=False)
    chosen = drawing.input(
        None,
        None,
        opened,
        js=script("inside_map/clicks.js", "openedBlock"),
        api_visibility="private",
    )
    inside.follow("network", show, [opened], Named({"map": drawing}), after=[chosen])
