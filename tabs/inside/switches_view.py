"""The view "Take away" of the Inside tab: parts of the network scaled, or taken away."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import gradio as gr

from diffusion_core.inspection import MOST_SCALE, Switches, joins, num_channels, switched
from diffusion_core.unet import Attention, ResnetBlock, UNet

from ..shared import models
from ..shared.changed_network import ChangedNetwork, block_words, resolution, switch_words
from ..shared.class_menu import NO_CLASS
from ..shared.components import QUIET, component, script
from ..shared.forms import Named, wired
from ..shared.number_input import beside, slider
from .form import InsideForm
from .inside_page import InsidePage, stage_message
from .subject import Subject

MOST_LEVELS = 8
MOST_ADDRESS = 4000  # letters of the switches in an address
SCRIPT = "inside_switches/address.js"
NO_BLOCK = ""
# The values of the view's controls, in their order; see `switches_of`.
Values = tuple[
    tuple[float | None, ...],
    tuple[float | None, ...],
    list[str] | None,
    list[str] | None,
    str | None,
    float | None,
    bool,
]
PARTS = ("rows", "backbone", "skips", "attentions", "residuals", "block", "channel", "time")
RESET: Values = ((1.0,) * MOST_LEVELS, (1.0,) * MOST_LEVELS, [], [], NO_BLOCK, 0, False)


def switches_of(
    levels: int,
    backbone: tuple[float | None, ...],
    skips: tuple[float | None, ...],
    attentions: list[str] | None,
    residuals: list[str] | None,
    block: str | None,
    channel: float | None,
    time: bool,
) -> Switches:
    """The switches that the controls ask for.

    Args:
        levels: Number of the network's levels; controls of others are not seen.
        backbone: A scale for each level; an emptied one is 1.
        skips: The same.
        attentions: Names of those that are off.
        residuals: Names of those whose branch is off.
        block: The block of which a channel is off; "" is none.
        channel: That channel.
        time: Whether the timestep's embedding is off.

    Raises:
        ValueError: in one sentence, if a value is none that can be.
    """
    if block and (channel is None or channel != int(channel) or channel < 0):
        raise ValueError("Channel must be a whole number from 0 on.")
    return Switches(
        tuple((i, 1.0 if b is None else b) for i, b in enumerate(backbone[:levels])),
        tuple((i, 1.0 if s is None else s) for i, s in enumerate(skips[:levels])),
        tuple(attentions or ()),
        tuple(residuals or ()),
        ((block, int(channel or 0)),) if block else (),
        bool(time),
    )


def compare(subject: Subject, *values: Any) -> dict[str, Any]:
    """Updates of the stage and of the plain network's pictures, and the errors of both in words."""
    unet = subject.checkpoint.unet
    switches = switches_of(len(unet.config.channels), *values)
    plain = subject.predict()[1]
    changed = subject.predict(switched(unet, switches))[1] if switches else plain
    words = switch_words(unet.config, switches)
    before, now = subject.error(plain), subject.error(changed)
    told = (
        f"Changed: **{words}**. Error {now:.3f}, and {before:.3f} with the plain network."
        if words
        else f"Nothing is changed. Error {before:.3f}."
    )
    return {
        "stage": stage_message(subject, changed, words),
        "plain": stage_message(subject, plain),
        "words": told,
        "walk": gr.Button(interactive=bool(words)),
        "chosen": json.dumps(switches.to_dict()) if switches else "",
    }


def part_updates(model: str, *values: Any) -> dict[str, Any]:
    """Updates of `PARTS` for a model's module tree; what was set stays where the tree has it."""
    try:
        unet = models.get(model).unet
    except ValueError:
        return {}
    return tree_updates(unet, *values)


def tree_updates(
    unet: UNet,
    backbone: tuple[float | None, ...],
    skips: tuple[float | None, ...],
    attentions: list[str] | None,
    residuals: list[str] | None,
    block: str | None,
    channel: float | None,
    time: bool,
) -> dict[str, Any]:
    """The same for a network."""
    config = unet.config
    levels = len(config.channels)
    widths: dict[int, tuple[int, int]] = {}
    for level, join, width in joins(unet):
        widths.setdefault(level, (width, join.norm1.num_channels - width))
    named = dict(unet.named_modules())

    def choices(kind: Any) -> list[tuple[str, str]]:
        found = (name for name, module in named.items() if isinstance(module, kind))
        return [(block_words(config, name), name) for name in found]

    def kept(names: list[str] | None, kind: Any) -> list[str]:
        return [name for name in names or () if isinstance(named.get(name), kind)]

    def scales(what: str, each: tuple[float | None, ...], side: int) -> tuple[Any, ...]:
        return tuple(
            gr.update(
                value=value if i < levels else 1.0,
                label=f"{what} of {resolution(config, i)}" if i < levels else what,
                info=f"{widths[i][side]} channels" if i < levels else "",
            )
            for i, value in enumerate(each)
        )

    blocks = (Attention, ResnetBlock)
    block = block if isinstance(named.get(block or ""), blocks) else NO_BLOCK
    most = num_channels(named[block]) - 1 if block else 65_535
    return {
        "rows": tuple(gr.update(visible=i < levels) for i in range(MOST_LEVELS)),
        "backbone": scales("Backbone", backbone, 0),
        "skips": scales("Skips", skips, 1),
        "attentions": gr.update(choices=choices(Attention), value=kept(attentions, Attention)),
        "residuals": gr.update(choices=choices(ResnetBlock), value=kept(residuals, ResnetBlock)),
        "block": gr.update(choices=[("none", NO_BLOCK), *choices(blocks)], value=block),
        "channel": min(int(channel or 0), most),
        "time": time,
    }


def address_values(text: str) -> tuple[Any, ...] | None:
    """The controls' values for the switches in an address; None where they are nonsense."""
    try:
        if len(text) > MOST_ADDRESS:
            return None
        switches = Switches.from_dict(json.loads(text))
    except (ValueError, RecursionError):
        return None
    backbone, skips = dict(switches.backbone), dict(switches.skips)
    block, channel = switches.channels_off[0] if switches.channels_off else (NO_BLOCK, 0)
    return (
        tuple(backbone.get(i, 1.0) for i in range(MOST_LEVELS)),
        tuple(skips.get(i, 1.0) for i in range(MOST_LEVELS)),
        list(switches.attentions_off),
        list(switches.residuals_off),
        block,
        channel,
        switches.time_off,
    )


def from_address(model: str, request: gr.Request) -> dict[str, Any]:
    """Updates of `PARTS` for the switches that stand in the page's address."""
    query = dict(request.query_params)
    values = address_values(query.get("switches", "")) if query.get("switches") else None
    if query.get("tab") != "inside" or values is None:
        return {}
    known = dict(models.available(request.session_hash or ""))
    return part_updates(known.get(query.get("model", ""), model), *values)


def reset() -> dict[str, Any]:
    """Updates that switch everything back."""
    return dict(zip(PARTS[1:], RESET, strict=True))


def handed_over(form: InsideForm, *values: Any) -> dict[str, Any]:
    """Updates for "Walk with it": the changed network for the Denoise tab, or a sentence."""
    try:
        unet = models.get(form.loaded).unet
        switches = switches_of(len(unet.config.channels), *values)
        if not switches:
            raise ValueError("Nothing is changed: move a slider or choose a part first.")
        switches.check(unet)
    except ValueError as error:
        return {"told": beside(str(error))}
    label = None if form.label == NO_CLASS else form.label  # guidance there may need a class
    return {"changed": ChangedNetwork(form.loaded, switches, label, uuid4().hex)}


def build_switches(inside: InsidePage) -> None:
    """Lay the view out and wire it.

    Args:
        inside: The tab: its controls, and `follow`, by which a view is computed anew.
    """
    first = inside.controls.opening.loaded
    at = part_updates(first, *RESET) if first else {}
    labels = [at[n] for n in ("backbone", "skips")] if at else []
    gr.Markdown(
        "Scale what skips and backbone bring to a level, or take a part away. The pictures above "
        "are the changed network's; at the end stands the plain network's guess.",
        elem_classes=["hint"],
    )
    words = gr.Markdown(elem_id="inside-switches-words")
    rows: list[gr.Row] = []
    backbone: list[gr.Slider] = []
    skips: list[gr.Slider] = []
    for i in range(MOST_LEVELS):
        seen = at["rows"][i]["visible"] if at else False
        with gr.Row(visible=seen, elem_classes=["pair"]) as row:
            for kept, what, column in ((backbone, "Backbone", 0), (skips, "Skips", 1)):
                label = labels[column][i]["label"] if labels else what
                kept.append(slider(0, MOST_SCALE, value=1.0, step=0.05, label=label))
        rows.append(row)

    def menu(name: str, label: str, **options: Any) -> gr.Dropdown:
        choices = at[name]["choices"] if at else []
        return gr.Dropdown(choices, label=label, allow_custom_value=True, **options)

    with gr.Row():
        attentions = menu("attentions", "Attentions off", multiselect=True, value=[])
        residuals = menu("residuals", "Residual branches off", multiselect=True, value=[])
    with gr.Row():
        block = menu("block", "Channel off, in", value=NO_BLOCK)
        channel = gr.Number(0, label="Channel", precision=0, minimum=0)
        time = gr.Checkbox(False, label="Timestep's embedding off")
    with gr.Row():
        again = gr.Button("Reset the switches", elem_id="inside-switches-reset")
        walk = gr.Button(
            "Walk with it", variant="primary", interactive=False, elem_id="inside-switches-walk"
        )
    gr.Markdown("The plain network, to compare:", elem_classes=["hint"])
    plain = component("inside", "{}", "inside-switches-plain")
    changed = gr.State(None)
    chosen = gr.Textbox("", visible=False)
    inputs = [tuple(backbone), tuple(skips), attentions, residuals, block, channel, time]
    parts = Named(dict(zip(PARTS, (tuple(rows), *inputs), strict=True)))
    loaded = inside.controls["loaded"]
    each: list[Any] = [*backbone, *skips, attentions, residuals, block, channel, time]
    inside.follow(
        "switches",
        compare,
        inputs,
        Named({"plain": plain, "words": words, "walk": walk, "chosen": chosen}),
        stage=True,
        also=[control.change for control in each],
    )
    chosen.change(None, chosen, None, js=script(SCRIPT, "writeSwitches"), api_visibility="private")
    loaded.change(**wired(part_updates, [loaded, *inputs], parts), **QUIET)
    back = Named({name: parts.parts[name] for name in PARTS[1:]})
    again.click(**wired(reset, outputs=back), **QUIET)
    walk.click(
        **wired(
            handed_over,
            [inside.controls, *inputs],
            Named({"changed": changed}) | inside.controls.named("told"),
        ),
        **QUIET,
    )
    inside.page.give("inside_changed", changed)
    inside.page.on_load(**wired(from_address, [loaded], parts), **QUIET)
