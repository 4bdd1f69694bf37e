"""Walks that a classifier guides, and what it says at every step: plain functions.

A walk of the page is three, from the same noise: guided, by classifier-free guidance where the
model has it, and with scale 0. The first is the one that branches and that the run card replays;
all that is known of it is in its card, so that no recording is kept between two requests.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from diffusion_core.checkpoint import WEIGHTS, Checkpoint, GuidingClassifier, shipped_folder
from diffusion_core.denoiser import ClassifierGuidance
from diffusion_core.evaluation import GuidanceCurve, guidance_results
from diffusion_core.generation import RunCard, SamplingRequest
from diffusion_core.guided_diffusion import NoisyClassifier, load_classifier
from diffusion_core.samplers import SAMPLERS, SamplerStep
from diffusion_core.seeding import parse_seed

from ..shared import models
from ..shared.forms import parsed
from ..shared.text import as_words
from ..shared.wire import GuidanceCurveMessage, GuidedLane, GuidedMessage, SystemBox
from .form import BY_BOTH, GUIDES, GuidedForm
from .walks import check_cost, part_at, picture, whole_walk

CLASSIFIER = "classifier-fashion-mnist"
LOOK_LIMIT = 3.0  # a gradient is shown from -3 to 3 times its root mean square


def classifier_folder() -> Path:
    """The folder of the shipped classifier."""
    return shipped_folder() / CLASSIFIER


def shipped_classifier() -> GuidingClassifier:
    """The shipped classifier.

    Raises:
        ValueError: if it is not there, or broken, in one sentence.
    """
    if not (classifier_folder() / WEIGHTS).is_file():
        raise ValueError(
            f"The classifier {CLASSIFIER} is not here; train it with "
            "pretrained/recipes/fashion_mnist_classifier.sh."
        )
    return load_classifier(classifier_folder())


def class_names() -> list[tuple[str, str]]:
    """Choices of the menu of classes: words, and the classifier's name; empty without one."""
    try:
        return [(as_words(name), name) for name in shipped_classifier().class_names]
    except ValueError:
        return []


def guided_model(name: str) -> Checkpoint:
    """A model of the menu with the classifier beside it, as walks use it.

    Raises:
        ValueError: with a sentence for the page, if the classifier reads other pictures.
    """
    return models.for_walks(models.get(name)).guided_by(shipped_classifier())


def requested(form: GuidedForm, checkpoint: Checkpoint) -> SamplingRequest:
    """The walk that the controls ask for.

    Raises:
        ValueError: with a sentence for the page, if something does not fit.
    """
    if form.guide not in GUIDES or form.sampler not in SAMPLERS:
        raise ValueError("Choose what guides and the sampler from their menus.")
    if form.label is None:
        raise ValueError("Choose the class that the walk is guided to.")
    assert checkpoint.classifier is not None
    label = checkpoint.classifier.class_names[checkpoint.classifier.label(form.label)]
    scale, free = parsed(form, "scale"), 1.0
    told: str | int | None = None
    if form.guide == BY_BOTH and scale:
        told = told_class(checkpoint, label)
        if told is None:
            raise ValueError(
                "This model was not trained with these classes and without, so only the classifier "
                "can guide it; choose The classifier."
            )
        free = scale / 2
        scale = scale / 2
    if told is None and not can_be_plain(checkpoint):
        raise ValueError(
            "This model draws nothing without a class, and the classifier guides a model that was "
            "not told one; choose a model with a null label, or without classes."
        )
    return SamplingRequest(
        label=told,
        sampler=form.sampler,
        num_steps=parsed(form, "steps"),
        guidance_scale=free,
        seed=parse_seed(form.seed),
        classifier_label=label,
        classifier_scale=scale,
    )


def can_be_plain(checkpoint: Checkpoint) -> bool:
    """Whether the model draws without being told a class."""
    return checkpoint.null_label or not checkpoint.num_classes


def told_class(checkpoint: Checkpoint, label: str | int) -> str | None:
    """The class of the classifier as the model knows it; None where it does not, or has no null."""
    classifier = checkpoint.classifier
    assert classifier is not None
    name = classifier.class_names[classifier.label(label)]
    return name if checkpoint.null_label and name in checkpoint.config.class_names else None


def walk_message(
    checkpoint: Checkpoint,
    request: SamplingRequest,
    run: str,
    free: bool,
    stopped: Callable[[], bool] = lambda: False,
    prefix: str = "",
) -> Iterator[GuidedMessage]:
    """Walk, and give the message of what is there after every lane: the whole walk is the last.

    Args:
        checkpoint: The model, as `guided_model` gave it.
        request: The guided walk.
        run: Its name.
        free: Whether a walk by classifier-free guidance stands beside it.
        stopped: Asked after every step; true ends.
        prefix: The beginning of the caption.

    Raises:
        ValueError: with a sentence for the page, if something does not fit.
    """
    asked = [("guided", request)]
    label = wanted_of(request)
    told = None if label is None else told_class(checkpoint, label)
    if free and told is not None:
        scale = total_scale(request)
        asked.append(
            ("free", dataclasses.replace(plain(request), label=told, guidance_scale=scale))
        )
    if can_be_plain(checkpoint):
        asked.append(("zero", plain(request)))
    check_cost(checkpoint, [each for _, each in asked])
    for _, each in asked:
        models.bounded(each, checkpoint)
    lanes: list[GuidedLane] = []
    message = opening_message(checkpoint)
    for key, each in asked:
        steps = []
        for step in whole_walk(checkpoint, each):
            if stopped():
                return
            steps.append(step)
        lanes.append(lane(checkpoint, key, each, steps))
        if key == "guided":
            message |= _facts(checkpoint, request, steps, run, prefix)
        message |= {"lanes": list(lanes), "state": "running"}
        if each is not asked[-1][1]:
            yield message
    yield {**message, "state": "done"}


def plain(request: SamplingRequest) -> SamplingRequest:
    """The same walk from its beginning with scale 0: the model without a class, unguided."""
    return dataclasses.replace(
        request.root,
        label=None,
        guidance_scale=1.0,
        classifier_label=None,
        classifier_scale=0.0,
        sampler=request.sampler,
    )


def wanted_of(request: SamplingRequest) -> str | int | None:
    """The class that a walk is guided to, as it was asked for; None is none."""
    return request.label if request.classifier_label is None else request.classifier_label


def total_scale(request: SamplingRequest) -> float:
    """The scale of both kinds of guidance together, as `evaluation.guided_denoiser` parts it."""
    return request.classifier_scale + (request.guidance_scale if request.label is not None else 0.0)


def lane(
    checkpoint: Checkpoint, key: str, request: SamplingRequest, steps: list[SamplerStep]
) -> GuidedLane:
    """What the page shows of one walk, at every step and at its end.

    The classifier says of every lane what it sees; the gradient is that of the guided one.
    """
    classifier = checkpoint.classifier
    assert classifier is not None and isinstance(classifier.network, NoisyClassifier)
    beliefs, gradients, sizes = [], [], []
    for step in steps:
        wanted = classifier.label(wanted_of(part_at(request, step.index)) or 0)
        guidance = ClassifierGuidance(checkpoint.denoiser(), classifier.network, wanted, 1.0)
        look = guidance.look(step.x_t, step.t)
        beliefs.append(_shares(look.log_probs))
        if key == "guided":
            size = float(look.gradient.square().mean().sqrt())
            sizes.append(float(f"{size:.3g}"))
            gradients.append(picture(look.gradient / max(LOOK_LIMIT * size, 1e-20)))
    end = steps[-1].x_prev
    with torch.no_grad():
        level = torch.full((len(end),), math.inf, device=end.device, dtype=end.dtype)
        beliefs.append(_shares(classifier.network(end, level).log_softmax(dim=1)))
    words = {
        "guided": "both" if request.label is not None else "classifier",
        "free": "classifier-free",
        "zero": "scale 0",
    }[key]
    return {
        "key": key,
        "words": words,
        "scale": total_scale(request) if key != "zero" else 0.0,
        "x_t": [picture(step.x_t) for step in steps] + [picture(end)],
        "x0_hat": [picture(step.x0_hat) for step in steps] + [picture(end)],
        "beliefs": beliefs,
        "gradients": gradients,
        "sizes": sizes,
        "nfe": request.cost(checkpoint),
    }


def _shares(log_probs: Tensor) -> list[float]:
    return [round(p, 4) for p in log_probs[0].exp().tolist()]


def _facts(
    checkpoint: Checkpoint,
    request: SamplingRequest,
    steps: list[SamplerStep],
    run: str,
    prefix: str,
) -> GuidedMessage:
    """What the message says of the guided walk."""
    classifier, schedule = checkpoint.classifier, checkpoint.schedule
    assert classifier is not None
    labels = [wanted_of(part_at(request, step.index)) for step in steps]
    card = RunCard.of(checkpoint, request, None, steps[-1].x_prev)
    C, H, W = checkpoint.image_shape
    shown = [*(step.t for step in steps), -1]
    named = as_words(str(labels[-1])) if labels[-1] is not None else "no class"
    words = (
        f"{prefix}{Path(checkpoint.name).name} · {named}, scale {total_scale(request):g} · "
        f"{request.sampler}, {len(steps)} steps · seed {request.seed}"
    )
    return {
        "state": "running",
        "run": run,
        "width": W,
        "height": H,
        "channels": C,
        "t": shown,
        "signal": [round(float(schedule.alpha(t)), 4) for t in shown],
        "log_snr": [round(float(schedule.log_snr(t)), 2) for t in shown[:-1]],
        "wanted": [-1 if each is None else classifier.label(each) for each in labels],
        "algorithm": 1 if request.sampler == "ddpm" else 2,
        "sampler": request.sampler,
        "branch": request.branch_step if request.parent else -1,
        "card": card.to_json(),
        "file": f"guided-{Path(checkpoint.name).name}-seed{request.seed}",
        "caption": words,
        "note": "",
    }


def opening_message(checkpoint: Checkpoint | None) -> GuidedMessage:
    """What is there before a walk: the boxes, and the measured curve."""
    message: GuidedMessage = {"state": "empty", "lanes": [], "boxes": [], "class_names": []}
    try:
        classifier = shipped_classifier() if checkpoint is None else checkpoint.classifier
    except ValueError:
        classifier = None
    if classifier is not None:
        message["class_names"] = [as_words(name) for name in classifier.class_names]
        message["boxes"] = boxes(checkpoint, classifier)
    if (curve := measured_curve()) is not None:
        message["curve"] = curve
    return message


def boxes(checkpoint: Checkpoint | None, classifier: GuidingClassifier) -> list[SystemBox]:
    """The parts of the system as they are loaded: what each is, and how large."""
    network = classifier.network
    assert isinstance(network, NoisyClassifier)
    model: SystemBox = {"key": "model", "title": "DDPM", "lines": ["choose a model"]}
    if checkpoint is not None:
        told = "told no class" if checkpoint.num_classes else "without classes"
        size = f"{checkpoint.num_parameters / 1e6:.1f} M parameters"
        model["lines"] = [f"{Path(checkpoint.name).name}, {told}", size, "reads xₜ and t"]
    own: SystemBox = {
        "key": "classifier",
        "title": "Classifier",
        "lines": [
            f"{classifier.name}, {len(classifier.class_names)} classes",
            f"{network.num_parameters / 1e6:.2f} M parameters",
            "reads xₜ and log-SNR",
        ],
    }
    return [model, own]


def measured_curve() -> GuidanceCurveMessage | None:
    """The curve beside the classifier; None where there is none that can be read."""
    try:
        curve = guidance_results(classifier_folder()).curve
    except ValueError:
        return None
    return None if curve is None or not curve.rows else curve_message(curve)


def curve_message(curve: GuidanceCurve) -> GuidanceCurveMessage:
    """The measured rows, and how they were measured in words."""
    return {
        "rows": [
            {
                "kind": row.kind,
                "scale": row.scale,
                "accuracy": round(row.accuracy, 4),
                "distance": round(row.frechet_distance, 3),
                "precision": round(row.precision, 4),
                "recall": round(row.recall, 4),
            }
            for row in curve.rows
        ],
        "words": f"{curve.model}, {curve.sampler}, {curve.steps} steps, {curve.num:,} pictures "
        "a point; judged by a classifier that guides nothing.",
    }


def empty_message() -> str:
    """The message that the stage opens with, as JSON."""
    return json.dumps(opening_message(None))
