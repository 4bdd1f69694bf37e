"""The view "Take away" of the Inside tab: parts of the network scaled, or taken away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import gradio as gr

from diffusion_core.inspection import MOST_SCALE, Switches, joins, num_channels, switched
from diffusion_core.unet import Attention, ResnetBlock, UNet

from ..shared import models
from ..shared.changed_network import ChangedNetwork, block_words, resolution, switch_words
from ..shared.class_menu import NO_CLASS
from ..shared.components import QUIET, script
from ..shared.forms import Controls, Named, entry, wired
from ..shared.number_input import beside, slider
from .form import InsideForm
from .inside_page import Guess, InsidePage, stage_message
from .subject import Subject

MOST_LEVELS = 8
MOST_ADDRESS = 4000  # letters of the switches in an address
SCRIPT = "inside_switches/address.js"
NO_BLOCK = ""


@dataclass(frozen=True)
class SwitchForm:
    """What the view's controls hold.

    Attributes:
        backbone: A scale for each level from the finest on; an emptied one is 1.
        skips: The same.
        attentions: Names of those that are off.
        residuals: Names of those whose branch is off.
        block: The block of which a channel is off; "" is none.
        channel: That channel.
        time: Whether the timestep's embedding is off.
    """

    backbone: tuple[float | None, ...] = entry((1.0,) * MOST_LEVELS)
    skips: tuple[float | None, ...] = entry((1.0,) * MOST_LEVELS)
    attentions: Sequence[str] | None = entry(())
    residuals: Sequence[str] | None = entry(())
    block: str | None = entry(NO_BLOCK)
    channel: float | None = entry(0)
    time: bool = entry(False)

    def switches(self, levels: int) -> Switches:
        """The switches that the controls ask for.

        Args:
            levels: Number of the network's levels; controls of others are not seen.

        Raises:
            ValueError: in one sentence, if a value is none that can be.
        """
        block, channel = self.block, self.channel
        if block and (channel is None or channel != int(channel) or channel < 0):
            raise ValueError("Channel must be a whole number from 0 on.")
        backbone, skips = (
            tuple((i, 1.0 if scale is None else scale) for i, scale in enumerate(each[:levels]))
            for each in (self.backbone, self.skips)
        )
        return Switches(
            backbone,
            skips,
            tuple(self.attentions or ()),
            tuple(self.residuals or ()),
            ((block, int(channel or 0)),) if block else (),
            bool(self.time),
        )


def compare(subject: Subject, form: SwitchForm) -> dict[str, Any]:
    """Updates of the stage: the guess of the changed network, and beside it the plain one's."""
    unet = subject.checkpoint.unet
    switches = form.switches(len(unet.config.channels))
    plain = subject.predict()[1]
    changed = subject.predict(switched(unet, switches))[1] if switches else plain
    words = switch_words(unet.config, switches)
    guesses = (Guess(changed, "changed network"), Guess(plain, "plain network"))
    return {
        "stage": stage_message(subject, *guesses, words),
        "walk": gr.Button(interactive=bool(words)),
        "chosen": json.dumps(switches.to_dict()) if switches else "",
    }


def part_updates(model: str, form: SwitchForm, shown: SwitchForm | None = None) -> dict[str, Any]:
    """Updates of the controls for a model's module tree; what it has stays as it was set.

    Args:
        model: The model's value in the menu.
        form: What the controls shall hold.
        shown: What they hold already. What stays as it is is then not set, so that a value which
            comes from the address meanwhile is not set back.
    """
    try:
        updates = tree_updates(models.get(model).unet, form)
    except ValueError:
        return {}
    if shown is not None:
        for name, update in updates["switches"].items():
            now = getattr(shown, name)
            pairs = zip(update, now, strict=True) if isinstance(update, tuple) else [(update, now)]
            for each, held in pairs:
                if each["value"] == (list(held or ()) if isinstance(each["value"], list) else held):
                    del each["value"]
    return updates


def parts_of_another_model(model: str, form: SwitchForm) -> dict[str, Any]:
    """The same where another model has come."""
    return part_updates(model, form, form)


def tree_updates(unet: UNet, form: SwitchForm) -> dict[str, Any]:
    """The same for a network: of "rows", and by the names of the form of "switches"."""
    config = unet.config
    levels = len(config.channels)
    widths: dict[int, tuple[int, int]] = {}
    for level, join, width in joins(unet):
        widths.setdefault(level, (width, join.norm1.num_channels - width))
    named = dict(unet.named_modules())

    def choices(kind: Any) -> list[tuple[str, str]]:
        found = (name for name, module in named.items() if isinstance(module, kind))
        return [(block_words(config, name), name) for name in found]

    def kept(names: Sequence[str] | None, kind: Any) -> list[str]:
        return [name for name in names or [] if isinstance(named.get(name), kind)]

    def scales(each: tuple[float | None, ...], side: int) -> tuple[Any, ...]:
        return tuple(
            gr.update(
                value=value if i < levels else 1.0,
                info=f"{resolution(config, i)}, {widths[i][side]} channels" if i < levels else "",
            )
            for i, value in enumerate(each)
        )

    blocks = (Attention, ResnetBlock)
    block = form.block if isinstance(named.get(form.block or ""), blocks) else NO_BLOCK
    most = num_channels(named[block]) - 1 if block else 65_535
    return {
        "rows": tuple(gr.update(visible=i < levels) for i in range(MOST_LEVELS)),
        "switches": {
            "backbone": scales(form.backbone, 0),
            "skips": scales(form.skips, 1),
            "attentions": gr.update(
                choices=choices(Attention), value=kept(form.attentions, Attention)
            ),
            "residuals": gr.update(
                choices=choices(ResnetBlock), value=kept(form.residuals, ResnetBlock)
            ),
            "block": gr.update(choices=[("none", NO_BLOCK), *choices(blocks)], value=block),
            "channel": gr.update(value=min(int(form.channel or 0), most)),
            "time": gr.update(value=form.time),
        },
    }


def address_form(text: str) -> SwitchForm | None:
    """What the controls hold for the switches in an address; None where they are nonsense."""
    try:
        if len(text) > MOST_ADDRESS:
            return None
        switches = Switches.from_dict(json.loads(text))
    except (ValueError, RecursionError):
        return None
    backbone, skips = dict(switches.backbone), dict(switches.skips)
    block, channel = switches.channels_off[0] if switches.channels_off else (NO_BLOCK, 0)
    return SwitchForm(
        tuple(backbone.get(i, 1.0) for i in range(MOST_LEVELS)),
        tuple(skips.get(i, 1.0) for i in range(MOST_LEVELS)),
        list(switches.attentions_off),
        list(switches.residuals_off),
        block,
        channel,
        switches.time_off,
    )


def from_address(model: str, request: gr.Request) -> dict[str, Any]:
    """Updates of the controls for the switches that stand in the page's address."""
    query = dict(request.query_params)
    form = address_form(query.get("switches", "")) if query.get("switches") else None
    if query.get("tab") != "inside" or form is None:
        return {}
    known = dict(models.available(request.session_hash or ""))
    return part_updates(known.get(query.get("model", ""), model), form)


def handed_over(form: InsideForm, switched_off: SwitchForm) -> dict[str, Any]:
    """Updates for "Walk with it": the changed network for the Denoise tab, or a sentence."""
    try:
        unet = models.get(form.loaded).unet
        switches = switched_off.switches(len(unet.config.channels))
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
    at = part_updates(first, SwitchForm()) if first else {}
    own = at.get("switches", {})
    switches = Controls(SwitchForm)
    with gr.Row(elem_classes=["view-row"]):
        again = gr.Button("Reset the switches", min_width=150, elem_id="inside-switches-reset")
        walk = gr.Button(
            "Walk with it",
            variant="primary",
            interactive=False,
            min_width=150,
            elem_id="inside-switches-walk",
        )
    rows: list[gr.Row] = []
    sliders: dict[str, list[gr.Slider]] = {"backbone": [], "skips": []}
    for i in range(MOST_LEVELS):
        with gr.Row(
            visible=i == 0 or bool(at and at["rows"][i]["visible"]), elem_classes=["pair", "lines"]
        ) as row:
            for name, scales in sliders.items():
                info = own[name][i]["info"] if own else ""
                label = f"{name.capitalize()} of level {i + 1}"
                scales.append(slider(0, MOST_SCALE, value=1.0, step=0.05, label=label, info=info))
        rows.append(row)
    for name, scales in sliders.items():
        switches.add(name, tuple(scales))

    def menu(name: str, label: str, **options: Any) -> None:
        choices = own[name]["choices"] if own else []
        switches.add(name, gr.Dropdown(choices, label=label, allow_custom_value=True, **options))

    with gr.Row():
        menu("attentions", "Attentions off", multiselect=True, value=[])
        menu("residuals", "Residual branches off", multiselect=True, value=[])
    with gr.Row(elem_classes=["pair"]):
        menu("block", "Channel off, in", value=NO_BLOCK)
        switches.add("channel", gr.Number(0, label="Channel", precision=0, minimum=0))
        switches.add("time", gr.Checkbox(False, label="Timestep's embedding off"))
    gr.Markdown(
        "A level's sliders scale what its skips bring from the way down, and what the backbone "
        "brings from below: 1 is the network as it is.",
        elem_classes=["hint"],
    )
    changed = gr.State(None)
    chosen = gr.Textbox("", visible=False)
    outputs = Named({"walk": walk, "chosen": chosen})
    triggers = [control.change for control in switches.inputs]
    inside.follow("switches", compare, [switches], outputs, also=triggers)
    chosen.change(None, chosen, None, js=script(SCRIPT, "writeSwitches"), api_visibility="private")
    loaded, parts = inside.controls["loaded"], Named({"rows": tuple(rows), "switches": switches})
    loaded.change(**wired(parts_of_another_model, [loaded, switches], parts), **QUIET)
    plain = SwitchForm(attentions=[], residuals=[])
    again.click(**wired(lambda: {"switches": plain}, outputs=parts), **QUIET)
    walk.click(
        **wired(
            handed_over,
            [inside.controls, switches],
            Named({"changed": changed}) | inside.controls.named("told"),
        ),
        **QUIET,
    )
    inside.page.give("inside_changed", changed)
    inside.page.on_address(**wired(from_address, [loaded], parts))
