"""The Denoise tab's form: one table of named fields, to a request and back from a run card."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import gradio as gr
import numpy as np
import torch

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.data import to_uint8
from diffusion_core.generation import MAX_RESAMPLE, InitialImage, SamplingRequest
from diffusion_core.inpainting import INPAINTING_SAMPLERS
from diffusion_core.samplers import sampler_named
from diffusion_core.schedule import SPACINGS
from diffusion_core.seeding import parse_seed

from ..shared import models
from ..shared.changed_network import ChangedNetwork
from ..shared.class_menu import NO_CLASS, class_choices
from ..shared.components import component
from ..shared.forms import entry, parsed, table
from ..shared.hole import mask_of as painted_mask
from ..shared.hole import painter_message
from ..shared.number_input import in_range, slider
from ..shared.seed_input import seed_input
from ..shared.start_image import StartImage
from ..shared.text import LONGEST_NAME, original, printable
from ..shared.wire import as_base64
from .attributes import ANY, ATTRIBUTE_PARTS, SLOTS, attribute_updates, chosen_attributes
from .sampler_words import LARGE_VARIANCE, LEARNED_VARIANCE, SAMPLER_WORDS

Value = TypeVar("Value")
NOISE, SEEDS, PICTURE, HOLE = "noise", "two seeds", "a picture", "a picture with a hole"
BEGINNINGS = (NOISE, SEEDS, PICTURE, HOLE)
SERVER, BROWSER = "this server", "this browser"
RUNS_ON = (
    "What computes the view Walk. this browser: your own computer, where its pictures stay; it "
    "loads the network first"
)
# Fills a hole in place of a sampler that cannot. With eta 1 every step adds new noise, as the steps
# of RePaint do, whatever their number.
HOLE_SAMPLER, HOLE_ETA = "ddim", 1.0
ROW = 9  # pictures from seed to seed
SAMPLER_CHOICES = [(words.choice, name) for name, words in SAMPLER_WORDS.items()]
WORDS = {name: words.hint for name, words in SAMPLER_WORDS.items()}
IMAGE_COUNTS = (1, 4, 16)
MOST_STEPS, STRONGEST_GUIDANCE = 1000, 8  # the sliders' upper ends
THRESHOLD_CHOICES = [
    ("static: to ±1", "static"),
    ("dynamic: by its own range (Imagen)", "dynamic"),
]


@dataclass(frozen=True, eq=False)
class OpenedCard:
    """A run card with its model, as the fields of the form read it.

    Attributes:
        path: The model's choice in the menu.
        checkpoint: The model.
        walk: The request that was computed.
        given: The picture and mask that it began with; None where it began with noise.
    """

    path: str
    checkpoint: Checkpoint
    walk: SamplingRequest
    given: InitialImage | None

    @property
    def picture(self) -> InitialImage | None:
        """The picture that the controls can show; a walk between two seeds has none."""
        return None if self.walk.root.seed_to is not None else self.given


def _number(name: str, lowest: float, highest: float) -> Callable[[Any], float]:
    """How a field is parsed that holds a number of this range; its name with a capital is shown."""
    return lambda value: in_range(value, name, name.capitalize(), lowest, highest)


def _whole(name: str, label: str, lowest: int, highest: int) -> Callable[[Any], int]:
    """How a field is parsed that holds a whole number of this range."""

    def parse(value: Any) -> int:
        return whole(in_range(value, name, label, lowest, highest), label)

    return parse


def _first_seed(value: str | int | None) -> int:
    if value in (None, ""):
        raise ValueError("Seed is empty: fill in a whole number, or press the die.")
    return parse_seed(value)


def _second_seed(value: str | int | None) -> int:
    if value in (None, ""):
        raise ValueError("Second seed is empty: fill in a whole number.")
    return parse_seed(value, "The second seed")


def _class(value: str | None) -> str | None:
    return None if value in (None, "", NO_CLASS) else value


def _write_class(form: DenoiseForm, checkpoint: Checkpoint) -> dict[str, Any]:
    label = parsed(form, "label")
    return {"label": label and original(label, checkpoint.config.class_names)}


def _read_class(card: OpenedCard) -> dict[str, Any]:
    return {"label": gr.Dropdown(class_choices(card.path), value=_label_of(card))}


def _label_of(card: OpenedCard) -> str:
    """The class menu's value for a card."""
    checkpoint = card.checkpoint
    label, names = checkpoint.label(card.walk.label), checkpoint.config.class_names
    if label is None or label >= checkpoint.num_classes:
        return NO_CLASS
    return printable(names[label], LONGEST_NAME) if names else str(label)


def _write_guidance(form: DenoiseForm, checkpoint: Checkpoint) -> dict[str, Any]:
    guidance = parsed(form, "guidance")
    condition = parsed(form, "label") or chosen_attributes(checkpoint, form.label, form.attributes)
    if not condition and guidance != 1:
        raise ValueError("Guidance needs a class: choose one, or set guidance to 1.")
    return {"guidance_scale": guidance}


def _write_sampler(form: DenoiseForm, _: Checkpoint) -> dict[str, Any]:
    sampler, variance = sampler_of(fitting(form.sampler, form.begin))
    return {"sampler": sampler, "variance": variance}


def _write_eta(form: DenoiseForm, _: Checkpoint) -> dict[str, Any]:
    chosen = fitting(form.sampler, form.begin)
    if chosen != form.sampler:
        return {"eta": HOLE_ETA}
    return {"eta": parsed(form, "eta") if takes_eta(chosen) else 0.0}


def _write_images(form: DenoiseForm, _: Checkpoint) -> dict[str, Any]:
    count = parsed(form, "images")
    return {"num_images": ROW if form.begin == SEEDS else count}


def _read_images(card: OpenedCard) -> dict[str, Any]:
    count = card.walk.num_images
    return {"images": count} if count in IMAGE_COUNTS else {}


def _read_begin(card: OpenedCard) -> dict[str, Any]:
    if card.walk.root.seed_to is not None:
        return {"begin": SEEDS}
    if card.given is None:
        return {"begin": NOISE}
    return {"begin": PICTURE if card.given.mask is None else HOLE}


def _write_seed_to(form: DenoiseForm, _: Checkpoint) -> dict[str, Any]:
    return {"seed_to": parsed(form, "seed_to") if form.begin == SEEDS else None}


def _read_seed_to(card: OpenedCard) -> dict[str, Any]:
    seed_to = card.walk.root.seed_to
    return {} if seed_to is None else {"seed_to": seed_to}


def _write_start(form: DenoiseForm, checkpoint: Checkpoint) -> dict[str, Any]:
    if form.begin not in (PICTURE, HOLE):
        return {}
    if form.start is None:
        raise ValueError("Choose a picture to begin with.")
    x0, t = form.start.fit(checkpoint)
    if form.begin == PICTURE:
        return {"t_start": t, "given": InitialImage(x0)}
    return {"given": InitialImage(x0, mask_of(form.hole, checkpoint))}


def _read_start(card: OpenedCard) -> dict[str, Any]:
    """The picture and its timestep have controls of their own beside the form."""
    if card.picture is None:
        return {}
    start, t = _start_of(card)
    return {"start": start, "picture": start.shown, "t": t}


def _start_of(card: OpenedCard) -> tuple[StartImage, int]:
    assert card.given is not None
    schedule, root = card.checkpoint.schedule, card.walk.root
    t = len(schedule) // 2 if root.t_start is None else root.t_start
    return StartImage(to_uint8(card.given.picture)[0], float(schedule.log_snr(t))), t


def _read_hole(card: OpenedCard) -> dict[str, Any]:
    if card.picture is None or card.picture.mask is None:
        return {}
    opened = (card.picture.mask[0, 0] == 0).numpy().astype(np.uint8)
    hole = json.loads(hole_message(_start_of(card)[0], card.path))
    return {"hole": json.dumps({**hole, "mask": as_base64(opened)})}


def _write_resample(form: DenoiseForm, _: Checkpoint) -> dict[str, Any]:
    return {"resample": parsed(form, "resample") if form.begin == HOLE else 0}


def _read_resample(card: OpenedCard) -> dict[str, Any]:
    filled_in = card.picture is not None and card.picture.mask is not None
    return {"resample": card.walk.resample} if filled_in else {}


def _read_attributes(card: OpenedCard) -> dict[str, Any]:
    """The menus' group and words follow with them."""
    chosen = dict(card.walk.attributes)
    names = [name for name, _ in card.checkpoint.config.attribute_names[:SLOTS]]
    unseen = (ANY for _ in range(SLOTS - len(names)))
    return attribute_updates(
        card.path, _label_of(card), (*(chosen.get(name, ANY) for name in names), *unseen)
    )


def _write_changed(form: DenoiseForm, _: Checkpoint) -> dict[str, Any]:
    own = form.changed is not None and form.changed.model == form.model
    return {"switches": form.changed.switches} if own and form.changed else {}


def _read_changed(card: OpenedCard) -> dict[str, Any]:
    switches = card.walk.switches
    return {"changed": ChangedNetwork(card.path, switches) if switches else None}


@dataclass(frozen=True)
class DenoiseForm:
    """The values of the tab's controls: the table of their names, defaults, parsing, cards.

    `write` of an entry takes the form and its checkpoint and returns arguments of
    `SamplingRequest`, and under "given" the `InitialImage`; `read` takes an `OpenedCard` and
    returns updates of controls by name.
    """

    model: str = entry(
        "",
        partial(
            gr.Dropdown,
            label="Model",
            allow_custom_value=True,  # a Hub id, or a folder
        ),
        read=lambda card: {"model": card.path},
    )
    label: str | None = entry(
        NO_CLASS,
        partial(
            gr.Dropdown,
            label="Class",
            interactive=True,
            allow_custom_value=True,  # an unknown value is refused by the walk
        ),
        parse=_class,
        write=_write_class,
        read=_read_class,
    )
    guidance: float | None = entry(
        1.0,
        partial(
            slider,
            0,
            STRONGEST_GUIDANCE,
            step=0.1,
            label="Guidance",
            info="How strongly to follow the class; 1: off",
        ),
        parse=_number("guidance", 0, STRONGEST_GUIDANCE),
        write=_write_guidance,
        read=lambda card: {"guidance": min(max(card.walk.guidance_scale, 0.0), STRONGEST_GUIDANCE)},
    )
    sampler: str = entry(
        "ddim",
        partial(gr.Dropdown, SAMPLER_CHOICES, label="Sampler"),
        write=_write_sampler,
        read=lambda card: {"sampler": _offered(card.walk)},
    )
    steps: float | None = entry(
        25,
        partial(
            slider,
            1,
            MOST_STEPS,
            step=1,
            label="Steps",
            info="One network evaluation per step (heun: two)",
        ),
        parse=_whole("steps", "Steps", 1, MOST_STEPS),
        write=lambda form, _: {"num_steps": parsed(form, "steps")},
        read=lambda card: {"steps": min(max(card.walk.num_steps, 1), MOST_STEPS)},
    )
    seed: str | int | None = entry(
        7,
        partial(seed_input, label="Seed"),
        parse=_first_seed,
        write=lambda form, _: {"seed": parsed(form, "seed")},
        read=lambda card: {"seed": card.walk.seed},
    )
    images: float = entry(
        4,
        partial(gr.Radio, [(str(n), n) for n in IMAGE_COUNTS], label="Images", type="value"),
        parse=_whole("images", "Images", 1, max(IMAGE_COUNTS)),
        write=_write_images,
        read=_read_images,
    )
    eta: float = entry(
        0.0,
        partial(
            slider,
            0,
            1,
            step=0.05,
            label="Eta",
            info="New noise that ddim adds at every step. 0: none; 1: as much as ddpm",
        ),
        parse=_number("eta", 0, 1),
        write=_write_eta,
        read=lambda card: {"eta": card.walk.eta},
    )
    spacing: str = entry(
        "trailing",
        partial(
            gr.Dropdown,
            list(SPACINGS),
            label="Spacing",
            info="Which timesteps are visited. karras: more of them where little noise is left",
        ),
        write=lambda form, _: {"spacing": form.spacing},
        read=lambda card: {"spacing": card.walk.spacing},
    )
    begin: str = entry(
        NOISE, partial(gr.Radio, list(BEGINNINGS), label="Begin with"), read=_read_begin
    )
    seed_to: str | int | None = entry(
        42,
        partial(seed_input, label="Second seed"),
        parse=_second_seed,
        write=_write_seed_to,
        read=_read_seed_to,
    )
    start: StartImage | None = entry(None, gr.State, write=_write_start, read=_read_start)
    hole: str | None = entry(  # written with the picture that it is painted on
        "{}", lambda value: component("hole", value, "denoise-hole"), read=_read_hole
    )
    resample: float = entry(
        5,
        partial(
            slider,
            1,
            MAX_RESAMPLE,
            step=1,
            label="Repeats of each step",
            info="With more repeats the new part fits the old one better (RePaint)",
        ),
        parse=_whole("resample", "Repeats of each step", 1, MAX_RESAMPLE),
        write=_write_resample,
        read=_read_resample,
    )
    exact: bool = entry(  # on no card: it stands beside a walk, and does not change it
        False,
        partial(
            gr.Checkbox,
            label="Show it beside the network in the view Walk",
            info="for each x_t of the walk, what a denoiser guesses that remembers training images",
        ),
    )
    threshold: str = entry(
        "static",
        partial(
            gr.Dropdown,
            THRESHOLD_CHOICES,
            label="Clipping",
            info="Of the guess x̂₀. dynamic keeps the colours at strong guidance",
        ),
        write=lambda form, _: {"threshold": form.threshold},
        read=lambda card: {"threshold": card.walk.threshold},
    )
    attributes: tuple[str | None, ...] = entry(  # see `attributes.place`
        (ANY,) * SLOTS,
        write=lambda form, checkpoint: {
            "attributes": chosen_attributes(checkpoint, form.label, form.attributes)
        },
        read=_read_attributes,
    )

    runs_on: str = entry(  # on no card beside the engine: the same walk
        SERVER,
        partial(gr.Radio, [SERVER, BROWSER], label="Runs on", info=RUNS_ON),
    )
    changed: ChangedNetwork | None = entry(  # of one model alone; see `changed.place`
        None, gr.State, write=_write_changed, read=_read_changed
    )

    def checkpoint(self) -> Checkpoint:
        """The model, with the engine that evaluates it in walks.

        Raises:
            ValueError: if it is not here or cannot be read.
        """
        return models.for_walks(models.get(self.model))

    def walk(self, checkpoint: Checkpoint) -> tuple[SamplingRequest, InitialImage | None]:
        """The requested walk, and what it begins with beside noise.

        Raises:
            ValueError: with a sentence for the page, if the values do not fit the model.
        """
        request: dict[str, Any] = {}
        for each in table(self).values():
            if each.write is not None:
                request |= each.write(self, checkpoint)
        given = request.pop("given", None)
        walk = SamplingRequest(**request)
        checkpoint.condition(walk.condition)
        if walk.switches is not None:
            walk.switches.check(checkpoint.unet)
        walk.timesteps(checkpoint)  # raises what does not fit this model
        return walk, given


def card_updates(card: OpenedCard) -> dict[str, Any]:
    """Updates of the controls, by name, so that they request a run card's walk."""
    updates: dict[str, Any] = {}
    for each in table(DenoiseForm).values():
        if each.read is not None:
            updates |= each.read(card)
    return updates


# What a run card's updates name: the form's fields that a card holds, and what follows with them.
CARD_PARTS = (
    *(n for n, e in table(DenoiseForm).items() if e.read is not None and n not in ATTRIBUTE_PARTS),
    "picture",
    "t",
    *ATTRIBUTE_PARTS,
)


def _offered(walk: SamplingRequest) -> str:
    """The menu's choice that comes nearest to a walk."""
    choice = choice_of(walk)
    return choice if choice in SAMPLER_WORDS else walk.sampler


def sampler_of(choice: str) -> tuple[str, str]:
    """(sampler, variance) of a menu's choice."""
    return ("ddpm", "beta") if choice == LARGE_VARIANCE else (choice, "posterior")


def fitting(choice: str, begin: str) -> str:
    """The sampler's choice, or the one that takes its place because it cannot fill a hole."""
    can = begin != HOLE or sampler_of(choice)[0] in INPAINTING_SAMPLERS
    return choice if can else HOLE_SAMPLER


def takes_eta(choice: str) -> bool:
    """Whether the control for eta has an effect with this choice of the menu."""
    return sampler_named(sampler_of(choice)[0]).fixed_eta is None


def choice_of(walk: SamplingRequest) -> str:
    """The menu's choice for a walk: the way back from `sampler_of`.

    A walk of a learned variance comes from a run card, and has a name that the menu does not offer.
    """
    if walk.sampler == "ddpm" and walk.variance == "learned":
        return LEARNED_VARIANCE
    large = walk.sampler == "ddpm" and walk.variance == "beta"  # which others do not use
    return LARGE_VARIANCE if large else walk.sampler


def whole(value: float, name: str) -> int:
    """The value as a whole number.

    Raises:
        ValueError: with a sentence, if it is none.
    """
    if int(value) != value:
        raise ValueError(f"{name} is {value:g}: it takes a whole number.")
    return int(value)


def hole_message(start: StartImage | None, model: str, before: str = "{}") -> str:
    """For the painter: the picture as the model sees it, to paint a hole into.

    Args:
        start: The picture.
        model: The model, which sets size and channels.
        before: The painter's present message; its hole stays where the picture is the same.
    """
    try:
        checkpoint = models.get(model)
    except ValueError:
        return "{}"
    if start is None:
        return "{}"
    return painter_message(to_uint8(start.fit(checkpoint)[0])[0], before)


def mask_of(hole: str | None, checkpoint: Checkpoint) -> torch.Tensor:
    """The painted hole as a mask (1, 1, H, W): 1 keeps, 0 is to be filled.

    Raises:
        ValueError: if nothing is painted, or it was painted for another size.
    """
    _, H, W = checkpoint.image_shape
    return painted_mask(hole, (H, W), "in the view Hole, then press Denoise")
