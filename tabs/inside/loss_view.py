"""The view "Loss" of the Inside tab: the training loss, drawn by hand."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import gradio as gr
import torch

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.data import ImageDataset, load_dataset, to_uint8
from diffusion_core.inspection import (
    LossDraws,
    average_curve,
    draw_loss,
    gradient_step,
    weightings,
)
from diffusion_core.training import TrainConfig, check_fit
from diffusion_core.unet import UNetConfig

from ..shared.cache import Cache
from ..shared.changed_network import block_words
from ..shared.components import QUIET, component
from ..shared.compute_queue import COMPUTE_QUEUE
from ..shared.errors import COMPUTATION, sentence_of
from ..shared.forms import Named, wired
from ..shared.number_input import beside
from ..shared.wire import (
    InsideLossMessage,
    LayerMessage,
    LossPictures,
    WeightingMessage,
    as_base64,
)
from .form import InsideForm
from .inside_page import InsidePage
from .network_view import KINDS
from .subject import Subject

# The embedded pictures of a model's data set, by the name that its checkpoint has for that.
EMBEDDED = {"fashion-mnist": "fashion-mnist-2000", "avatars": "avatars-3000"}
# What of a training decides which draws it makes, and how it weighs them.
OWN_SETTINGS = (
    "label_dropout",
    "attribute_dropout",
    "sparse_attributes",
    "even_classes",
    "flip",
    "loss_weighting",
    "min_snr_gamma",
    "grad_clip",
)
MANY, TOGETHER = 100, 10  # draws of a button, and those that are evaluated at once
MOST_POINTS = 2000
CURVE_PICTURES, CURVE_POINTS = 8, 21
SECONDS = 40.0  # after which draws, and the curve, are left as they are
STEP_DRAWS = 8  # of which the gradient is taken
# Pixels of all pictures that are evaluated at once: a gradient of 8 pictures of 256 pixels a side
# would take 11 GB of memory with a network of 114 million parameters, one takes an eighth of it.
MOST_PIXELS = 2**16
MOST_BYTES = 600 * 2**20  # of weights that are copied
OUTPUTS = {"epsilon": "noise ε", "v_prediction": "v", "sample": "picture x₀", "velocity": "ε − x₀"}
WORDS = {"none": "none", "min_snr": "min-SNR", "clamped_snr": "clamped SNR"}
Curve = tuple[tuple[int, float], ...]
_CURVES: Cache[Curve] = Cache()


@dataclass(frozen=True)
class Drawn:
    """What was drawn for a page so far.

    Attributes:
        key: Of the model and of its pictures.
        step: Number of the next step of `draw_loss`.
        points: Timestep and loss of every draw.
        pictures: The latest draw.
        layers: How far a step of the gradient moved each block; empty where none was taken.
        told: The step of the gradient in a sentence.
    """

    key: tuple[str, str]
    step: int = 0
    points: Curve = ()
    pictures: LossPictures | None = None
    layers: tuple[LayerMessage, ...] = ()
    told: str = ""


@dataclass(frozen=True, eq=False)
class Trained:
    """A model as its training sees it.

    Attributes:
        checkpoint: The model.
        config: Settings of its training, as far as they are known.
        dataset: The pictures that are drawn from.
        words: Which pictures these are, in a sentence.
    """

    checkpoint: Checkpoint
    config: TrainConfig
    dataset: ImageDataset
    words: str

    @property
    def key(self) -> tuple[str, str]:
        """Of the weights, and of the pictures."""
        return self.checkpoint.weights_hash, self.dataset.content

    def at_once(self, most: int) -> int:
        """How many pictures are evaluated at once: at most so many, fewer where they are large."""
        _, H, W = self.checkpoint.image_shape
        return max(1, min(most, MOST_PIXELS // (H * W)))

    def draw(self, step: int, count: int) -> LossDraws:
        """So many draws of the loss."""
        config = replace(self.config, batch_size=count)
        return draw_loss(self.checkpoint.unet, config, self.checkpoint.schedule, self.dataset, step)


@lru_cache(maxsize=2)
def _embedded(name: str) -> ImageDataset:
    return load_dataset(name)


def trained(subject: Subject) -> Trained:
    """The model, its settings, and its training pictures or, without these, the starting one."""
    checkpoint = subject.checkpoint
    config = config_of(checkpoint)
    for whole, name in EMBEDDED.items():
        if checkpoint.config.dataset in (whole, name):
            dataset = _embedded(name)
            try:
                check_fit(config, checkpoint.unet.config, checkpoint.schedule, dataset)
            except ValueError:
                break
            words = f"Drawn from {len(dataset):,} of its training pictures ({name})."
            return Trained(checkpoint, config, dataset, words)
    return Trained(
        checkpoint,
        replace(config, even_classes=False, flip=False),
        own_picture(subject),
        "This model's training pictures are not at hand: each draw takes the starting picture, "
        "with another t and other noise.",
    )


def own_picture(subject: Subject) -> ImageDataset:
    """The starting picture and its condition as a data set of one."""
    shape = subject.checkpoint.unet.config
    if shape.num_classes is None:
        return ImageDataset("the starting picture", to_uint8(subject.x0))
    known = subject.labels
    if known is None:
        known = torch.tensor([shape.num_classes if shape.null_label else 0])
    known = known.cpu()
    label = known[:, 0] if known.ndim == 2 else known
    attributes = None
    if shape.attributes:
        none = torch.full((1, len(shape.attributes)), -1)
        attributes = known[:, 1:] if known.ndim == 2 else none
    names = tuple((str(i), ("",) * size) for i, size in enumerate(shape.attributes))
    return ImageDataset(
        "the starting picture", to_uint8(subject.x0), label, (), (), attributes, names
    )


def config_of(checkpoint: Checkpoint) -> TrainConfig:
    """The settings of a model's training, as far as its checkpoint tells them."""
    kind = checkpoint.config.prediction_type
    told = checkpoint.config.training.get("settings")
    told = told if isinstance(told, dict) else {}
    try:
        return TrainConfig(prediction_type=kind, **{k: told[k] for k in OWN_SETTINGS if k in told})
    except (ValueError, TypeError):  # written by another program
        return TrainConfig(prediction_type=kind)


def begin(subject: Subject, drawn: Drawn | None) -> dict[str, Any]:
    """Updates of the view when it is seen: a first draw, unless there are some of this model."""
    model = trained(subject)
    if drawn is not None and drawn.key == model.key:
        return {}
    return one(subject, drawn)


def one(subject: Subject, drawn: Drawn | None) -> dict[str, Any]:
    """Updates after one more draw."""
    model = trained(subject)
    return updates(model, more(model, drawn, 1))


def more(model: Trained, drawn: Drawn | None, count: int) -> Drawn:
    """What was drawn, and so many draws more; those of another model are left out."""
    if drawn is None or drawn.key != model.key:
        drawn = Drawn(model.key)
    draws = model.draw(drawn.step, count)
    points = [*drawn.points, *zip(draws.t.tolist(), draws.losses.tolist(), strict=True)]
    return replace(
        drawn,
        step=drawn.step + 1,
        points=tuple((t, float(f"{loss:.5g}")) for t, loss in points[-MOST_POINTS:]),
        pictures=pictures_of(model, draws),
    )


def pictures_of(model: Trained, draws: LossDraws) -> LossPictures:
    """The last of the draws as pictures."""
    square = (draws.output[-1:] - draws.target[-1:]).square().mean(dim=1)[0]
    C, H, W = draws.x0.shape[1:]
    return {
        "width": W,
        "height": H,
        "channels": C,
        "x0": as_base64(to_uint8(draws.x0[-1:])[0]),
        "eps": as_base64(to_uint8(draws.eps[-1:])[0]),
        "x_t": as_base64(to_uint8(draws.x_t[-1:])[0]),
        "output": as_base64(to_uint8(draws.output[-1:])[0]),
        "target": as_base64(to_uint8(draws.target[-1:])[0]),
        "square": as_base64((square.clamp(0, 1) * 255).round().byte().numpy()),
        "t": int(draws.t[-1]),
        "alpha_bar": float(model.checkpoint.schedule.alpha_bar(int(draws.t[-1]))),
        "loss": float(draws.losses[-1]),
    }


def updates(model: Trained, drawn: Drawn, curve: Curve | None = None) -> dict[str, Any]:
    """Updates of the view and of what was drawn."""
    if curve is None:
        curve = _CURVES.get(model.key) or ()
    assert drawn.pictures is not None
    message: InsideLossMessage = {
        **drawn.pictures,
        "T": len(model.checkpoint.schedule),
        "kind": OUTPUTS[model.config.prediction_type],
        "points": list(drawn.points),
        "curve": list(curve),
        "weightings": weighting_messages(model, drawn.points, curve),
        "own": model.config.loss_weighting,
        "source": model.words,
        "layers": list(drawn.layers),
        "told": drawn.told,
    }
    return {"loss": json.dumps(message), "drawn": drawn}


def weighting_messages(model: Trained, points: Curve, curve: Curve) -> list[WeightingMessage]:
    """How each weighting counts the draws and the curve."""
    timesteps = torch.tensor([t for t, _ in (*points, *curve)])
    found = weightings(model.config, timesteps, model.checkpoint.schedule)
    made: list[WeightingMessage] = []
    for name, weights in found.items():
        each = [float(f"{w:.4g}") for w in weights.tolist()]
        made.append(
            {
                "name": name,
                "words": WORDS[name],
                "points": each[: len(points)],
                "curve": each[len(points) :],
            }
        )
    return made


def hundred(inside: InsidePage, form: InsideForm, drawn: Drawn | None) -> Iterator[dict[str, Any]]:
    """Updates while a hundred draws are made, and the model's average curve beside them."""
    try:
        with COMPUTE_QUEUE.place() as place:
            if not place.wait():
                return
            model = trained(inside.subject(form))
            end = time.monotonic() + SECONDS
            count = model.at_once(TOGETHER)
            for _ in range(-(-MANY // count)):
                drawn = more(model, drawn, count)
                yield {**updates(model, drawn), "told": ""}
                if place.over():
                    return
                if time.monotonic() > end:
                    break
            if drawn is None or _CURVES.get(model.key) is not None:
                return
            config = replace(model.config, batch_size=model.at_once(CURVE_PICTURES))
            steps = average_curve(
                model.checkpoint.unet,
                config,
                model.checkpoint.schedule,
                model.dataset,
                num_timesteps=CURVE_POINTS,
            )
            curve: Curve = ()
            for timesteps, losses in steps:
                pairs = zip(timesteps.tolist(), losses.tolist(), strict=True)
                curve = tuple((t, float(f"{loss:.5g}")) for t, loss in pairs)
                yield updates(model, drawn, curve)
                if place.over() or time.monotonic() > end:
                    return
            _CURVES.put(model.key, curve)
    except Exception as error:  # what is shown stays
        yield {"told": beside(sentence_of(error, COMPUTATION))}


def step(subject: Subject, drawn: Drawn | None) -> dict[str, Any]:
    """Updates after one step of the gradient on a copy of the network.

    Raises:
        ValueError: in one sentence, if the network is too large to be copied here.
    """
    model = trained(subject)
    if subject.checkpoint.num_bytes > MOST_BYTES:
        size, most_size = (n / 2**20 for n in (subject.checkpoint.num_bytes, MOST_BYTES))
        raise ValueError(
            f"This model has {size:,.0f} MiB of weights, and a step copies at most "
            f"{most_size:,.0f}; choose a smaller model."
        )
    if drawn is None or drawn.key != model.key or drawn.pictures is None:
        drawn = more(model, None, 1)
    count = model.at_once(STEP_DRAWS)
    draws = model.draw(drawn.step, count)
    taken = gradient_step(subject.checkpoint.unet, model.config, subject.checkpoint.schedule, draws)
    shape = subject.checkpoint.unet.config
    layers: list[LayerMessage] = [
        {"name": layer_words(shape, layer.name, layer.kind), "change": layer.change}
        for layer in taken.layers
    ]
    most = max(layers, key=lambda layer: layer["change"])
    told = (
        f"Mean loss of {count} draw{'s' if count > 1 else ''}, before and after: "
        f"{taken.before:.6f} → "
        f"{taken.after:.6f}. Norm of the gradient {taken.norm:.3g}, learning rate "
        f"{taken.learning_rate:g}. Moved most: {most['name']}. The network itself stays as it was."
    )
    return updates(model, replace(drawn, step=drawn.step + 1, layers=tuple(layers), told=told))


def layer_words(config: UNetConfig, name: str, kind: str) -> str:
    """A block in a few words."""
    if kind in ("residual", "attention"):
        return block_words(config, name)
    if kind in ("up", "down") and len(parts := name.split(".")) > 1:
        return f"{parts[0].removesuffix('_blocks')} {int(parts[1]) + 1} · {KINDS[kind][0].lower()}"
    return KINDS[kind][0].lower()


def build_loss(inside: InsidePage) -> None:
    """Lay the view out and wire it.

    Args:
        inside: The tab: its controls, and `follow`, by which a view is computed anew.
    """
    stage = component("inside_loss", "{}", "inside-loss")
    with gr.Row(elem_classes=["view-row"]):
        again = gr.Button("Draw", variant="primary", min_width=90, elem_id="inside-draw")
        many = gr.Button(f"Draw {MANY}", min_width=110, elem_id="inside-draw-many")
        descend = gr.Button("One gradient step", min_width=180, elem_id="inside-gradient")
    gr.Markdown(
        "**The loss, by hand.** A step of training takes a picture, a random timestep and random "
        "noise, and asks the network. Draw, and see how much one draw says.",
        elem_classes=["hint"],
    )
    drawn = gr.State(None)
    outputs = Named({"loss": stage, "drawn": drawn})
    controls = inside.controls
    inside.follow("loss", begin, [drawn], outputs)

    def draw_one(form: InsideForm, before: Drawn | None) -> dict[str, Any]:
        return inside.computed(form, lambda subject: one(subject, before))

    def draw_many(form: InsideForm, before: Drawn | None) -> Iterator[dict[str, Any]]:
        yield from hundred(inside, form, before)

    def take_step(form: InsideForm, before: Drawn | None) -> dict[str, Any]:
        return inside.computed(form, lambda subject: step(subject, before))

    both = outputs | controls.named("told")
    for button, handler in ((again, draw_one), (many, draw_many), (descend, take_step)):
        button.click(
            **wired(handler, [controls, drawn], both),
            trigger_mode="once",
            concurrency_limit=8,
            concurrency_id=f"inside-{handler.__name__}",
            **QUIET,
        )
