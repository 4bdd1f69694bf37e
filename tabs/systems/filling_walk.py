"""Holes of pictures that are filled by words, by a network that was trained for it and by RePaint.

Both walks are `inpainting.inpaint` from one noise, with ddim and eta 1. The first has a network
that sees the picture around the hole, and the hole; the second GLIDE's own, which was never told of
holes.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from diffusion_core.checkpoint import (
    WEIGHTS,
    Checkpoint,
    digest_of,
    in_a_sentence,
    parameters_in,
    shipped_folder,
)
from diffusion_core.data import from_uint8
from diffusion_core.generation import InitialImage, SamplingRequest, SamplingRun
from diffusion_core.glide import (
    FillingResults,
    InpainterModel,
    Tokenizer,
    filling_results,
    load_glide,
    load_inpainter,
    read_glide_settings,
    words_of,
)
from diffusion_core.samplers import SamplerStep
from diffusion_core.seeding import parse_seed

from ..shared import gpu, models
from ..shared.forms import parsed
from ..shared.hole import mask_of
from ..shared.text import as_words, millions, times
from ..shared.wire import FillingLane, FillingMessage, MeasuredTable, SystemBox
from .captions import caption_of
from .drawing_card import digest, versions
from .filling_card import Filling, FillingCard
from .filling_form import FillingForm
from .pictures import fitted, held_out
from .walks import check_cost, picture

MODEL, INPAINTER = "glide-avatars", "glide-inpainting-avatars"
COMMANDS = {
    MODEL: "pretrained.recipes.glide text",
    INPAINTER: "pretrained.recipes.glide inpainting",
}
TRAINED, REPAINT = "trained to fill holes", "RePaint, with GLIDE's own network"


@dataclass(frozen=True, eq=False)
class Fillers:
    """The networks that fill a hole, on one device.

    Attributes:
        inpainter: The one that was trained for it.
        model: GLIDE's own.
    """

    inpainter: InpainterModel
    model: Checkpoint

    @property
    def weights(self) -> dict[str, str]:
        """SHA-256 of the weights of each, hex."""
        return {
            "inpainter": self.inpainter.weights_hash,
            "model": self.model.weights_hash,
        }

    @property
    def size(self) -> int:
        """Rows, and columns, of a picture."""
        return self.model.image_shape[1]


def folders() -> dict[str, Path]:
    """The folders of both networks, by their names."""
    return {name: shipped_folder() / name for name in COMMANDS}


def check_there() -> None:
    """Say which weights are not here.

    Raises:
        ValueError: with a sentence for the page.
    """
    gone = [name for name, folder in folders().items() if not (folder / WEIGHTS).is_file()]
    if gone:
        commands = "; ".join(f"{name} by python -m {COMMANDS[name]}" for name in gone)
        raise ValueError(f"No weights of {', '.join(gone)} are shipped; train {commands}.")


def fillers() -> Fillers:
    """Both networks; read once, and anew where a file is another.

    Raises:
        ValueError: with a sentence for the page, if one is not there or broken.
    """
    check_there()
    every = tuple(folders().values())
    stats = [(folder / WEIGHTS).stat() for folder in every]
    return _loaded(every, tuple((each.st_mtime_ns, each.st_size) for each in stats))


@lru_cache(maxsize=1)
def _loaded(every: tuple[Path, ...], stamps: tuple[tuple[int, int], ...]) -> Fillers:
    model, inpainter = every
    home = gpu.home()
    return Fillers(load_inpainter(inpainter).to(home), load_glide(model).to(home))


def tokenizer() -> Tokenizer | None:
    """What reads captions; None where the networks are not there."""
    try:
        check_there()
        return read_glide_settings(folders()[MODEL]).tokenizer
    except ValueError:
        return None


def known_words() -> list[str]:
    """The words that both networks know; none where they are not there."""
    reads = tokenizer()
    return [] if reads is None else list(reads.vocabulary)


def unknown_words(caption: str) -> str:
    """A sentence that names the words of a caption that are not known; "" of none."""
    reads = tokenizer()
    return "" if reads is None else reads.note(str(caption or "")[:2000])


def filling_of(form: FillingForm, size: int) -> Filling:
    """What the controls ask for.

    Args:
        form: The controls' values.
        size: Rows, and columns, of a picture.

    Raises:
        ValueError: with a sentence for the page, if something does not fit.
    """
    own = form.own if form.own is not None else held_out(form.picture)
    mask = mask_of(form.hole, (size, size), "in the picture beside Draw, then press Draw")
    kept = (255 * mask[0, 0].numpy()).astype("uint8")[..., None].repeat(3, axis=2)
    return Filling(
        caption_of(form.caption),
        parsed(form, "scale"),
        parsed(form, "steps"),
        parsed(form, "repeats"),
        parse_seed(form.seed),
        (fitted(own, size), kept),
    )


def requests_of(filling: Filling) -> tuple[SamplingRequest, SamplingRequest]:
    """The walks of the trained network and of RePaint."""
    trained = SamplingRequest(
        caption=filling.caption or None,
        guidance_scale=filling.scale if filling.caption else 1.0,
        sampler="ddim",
        eta=1.0,
        num_steps=filling.steps,
        resample=1,
        seed=filling.seed,
    )
    return trained, dataclasses.replace(trained, resample=filling.repeats)


def given_of(filling: Filling) -> InitialImage:
    """The picture and its mask."""
    shown, kept = filling.pictures
    mask = torch.from_numpy(kept[..., 0] > 127).float()[None, None]
    return InitialImage(from_uint8(shown[None]), mask)


def check(system: Fillers, filling: Filling) -> None:
    """Refuse what would compute too long, or cannot be read, before it waits.

    Raises:
        ValueError: with a sentence for the page.
    """
    requests = list(requests_of(filling))
    check_cost(system.model, requests)
    for each in requests:
        models.bounded(each, system.model)
    shape = (system.size, system.size, 3)
    if filling.pictures[0].shape != shape:
        raise ValueError(f"The picture must be {shape}, got {filling.pictures[0].shape}.")
    if filling.caption:
        system.model.read_caption(filling.caption)


def filling_message(
    system: Fillers,
    filling: Filling,
    run: str,
    stopped: Callable[[], bool] = lambda: False,
    known: FillingCard | None = None,
) -> Iterator[FillingMessage]:
    """Fill the hole twice, and give what is there after each; the last message is "done".

    Args:
        system: The networks.
        filling: What is filled; see `check`.
        run: Its name.
        stopped: Asked after every step; true ends.
        known: The card that is filled again; None of a new one.

    Raises:
        ValueError: with a sentence for the page, if something does not fit.
    """
    given = given_of(filling)
    assert given.mask is not None
    C, H, W = system.model.image_shape
    message: FillingMessage = {
        **opening_message(),
        "run": run,
        "width": W,
        "height": H,
        "channels": C,
        "caption": f"ddim, eta 1, {filling.steps} steps · guidance {filling.scale:g} · seed "
        f"{filling.seed}",
        "state": "running",
    }
    lanes, ends = list[FillingLane](), list[torch.Tensor]()
    walks = zip(
        (TRAINED, REPAINT),
        (system.inpainter.bound(given.picture, given.mask), system.model),
        requests_of(filling),
        strict=True,
    )
    for title, model, request in walks:
        steps = []
        for step in SamplingRun(model, request, given):
            if stopped():
                return
            steps.append(step)
        lanes.append(_lane(title, request, steps))
        ends.append(steps[-1].x_prev)
        message |= {"t": [*(step.t for step in _last_of_each(steps)), -1], "lanes": list(lanes)}
        if title == TRAINED:
            yield message
    card = FillingCard(filling, system.weights, versions(system.model.device), digest(*ends))
    name = "-".join(words_of(filling.caption or "empty")[:6])
    message |= {"card": card.to_json(), "file": f"inpainting-{name}-seed{filling.seed}"}
    yield {**message, "note": known.compared(card) if known else "", "state": "done"}


def _last_of_each(steps: list[SamplerStep]) -> list[SamplerStep]:
    """Of the repeats of a step the last one."""
    return [
        step
        for step, after in zip(steps, [*steps[1:], None], strict=True)
        if after is None or after.t != step.t
    ]


def _lane(title: str, request: SamplingRequest, steps: list[SamplerStep]) -> FillingLane:
    end, shown = steps[-1].x_prev, _last_of_each(steps)
    count = steps[-1].nfe * (1 if request.guidance_scale == 1 else 2)
    return {
        "title": title,
        "words": times(count),
        "x_t": [picture(step.x_t) for step in shown] + [picture(end)],
        "x0_hat": [picture(step.x0_hat) for step in shown] + [picture(end)],
    }


def opening_message() -> FillingMessage:
    """What is there before a walk: the boxes, what was measured; or why there is none."""
    message: FillingMessage = {"state": "empty", "lanes": [], "boxes": []}
    try:
        check_there()
        message["boxes"] = boxes()
    except ValueError as error:
        return {**message, "absent": str(error)}
    try:
        results = filling_results(folders()[INPAINTER])
    except ValueError:
        return message
    digests = [digest_of(folders()[name] / WEIGHTS) for name in (INPAINTER, MODEL)]
    if results.rows and digests == [results.weights, results.words]:
        message["results"] = {"tables": [table_of(results)], "words": results_words(results)}
    return message


def boxes() -> list[SystemBox]:
    """The parts of the system as the headers of their files tell.

    Raises:
        ValueError: if the weights are broken, in a sentence.
    """
    counts = dict[str, Counter[str]]()
    for name, folder in folders().items():
        with in_a_sentence(name):
            counts[name] = Counter()
            for part, numbers in parameters_in(folder / WEIGHTS).items():
                counts[name][part.partition(".")[0]] += numbers
    own = counts[INPAINTER]
    return [
        {
            "key": "text",
            "title": "Text encoder",
            "lines": [f"{millions(own['text'])} parameters", "as GLIDE's, unchanged"],
        },
        {
            "key": "model",
            "title": "UNet",
            "lines": [INPAINTER, f"{millions(own['unet'])} parameters", "reads xₜ, picture, mask"],
        },
        {
            "key": "sum",
            "title": "RePaint's network",
            "lines": [MODEL, f"{millions(sum(counts[MODEL].values()))} parameters", "reads xₜ"],
        },
    ]


def table_of(results: FillingResults) -> MeasuredTable:
    """How holes are filled, by part and network."""
    return {
        "title": "Holes over parts of held-out avatars",
        "columns": ["Part", "Network", "Each step", "Obeys", "The rest stays", "Seam"],
        "rows": [
            [
                as_words(row.part),
                {"trained": "trained for it"}.get(row.method, row.method),
                "once" if row.repeats == 1 else f"{row.repeats} ×",
                f"{row.obeys:.2f}",
                f"{row.stays:.2f}",
                f"{row.seam:.2f}",
            ]
            for row in results.rows
        ],
        "says": "Obeys: the share in which a judge reads the part that the caption asks for. The "
        "rest stays: of the other attributes, those read as before. Seam: how much neighbouring "
        "pixels differ across the edge of the hole; 1 is as in the picture before.",
    }


def results_words(results: FillingResults) -> str:
    """How it was measured, in words."""
    return (
        f"{results.num:,} pictures of each part, ddim with eta 1, {results.steps} steps, guidance "
        f"{results.guidance_scale:g}."
    )


def empty_message() -> str:
    """The message that the stage opens with, as JSON."""
    return json.dumps(opening_message())
