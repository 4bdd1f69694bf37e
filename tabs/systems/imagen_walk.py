"""What the view "Imagen" computes: cascades, each a walk to a small picture and one to a large.

An experiment is one cascade or several, each a `CascadeRequest` of the core: from words; from one
small picture by several noises; by several levels of augmentation; by several scales of guidance
and both thresholds. Of one cascade, and of several noises, every step of both walks is shown; of
the others, which stand in a row, where they end.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diffusion_core.checkpoint import (
    CONFIG,
    WEIGHTS,
    Checkpoint,
    GuidingClip,
    digest_of,
    in_a_sentence,
    parameters_in,
    shipped_folder,
)
from diffusion_core.clip import load_clip, read_clip_settings
from diffusion_core.data import from_uint8
from diffusion_core.denoiser import THRESHOLDS
from diffusion_core.generation import SamplingRequest
from diffusion_core.glide import Tokenizer, words_of
from diffusion_core.imagen import (
    BASE_FOLDER,
    ENLARGER_FOLDER,
    LARGE,
    SMALL,
    BaseSettings,
    Cascade,
    CascadeRequest,
    EnlargerSettings,
    ImagenResults,
    imagen_results,
    load_cascade,
    shrunk,
)
from diffusion_core.samplers import SAMPLERS, SamplerStep
from diffusion_core.schedule import SPACINGS
from diffusion_core.seeding import MAX_SEED, parse_seed
from diffusion_core.training_runs import saturation

from ..shared import gpu, models
from ..shared.forms import parsed
from ..shared.text import millions, percent
from ..shared.wire import (
    ImagenItem,
    ImagenMessage,
    ImagenResultsMessage,
    MeasuredTable,
    SystemBox,
    as_base64,
)
from .captions import MOST_CAPTION, caption_of
from .drawing_card import digest, versions
from .imagen_card import Drawing, ImagenCard
from .imagen_form import CLIPPING, LEVELS, PICTURE, SOURCES, TASKS, WORDS, ImagenForm
from .pictures import fitted, held_out
from .walks import check_evaluations, picture

# Where the weights lie, in the folder of what ships.
CLIP, CASCADE = "clip-avatars", "imagen-avatars"
MANY_NOISES = 3
LEVELS_SHOWN = (0.0, 0.1, 0.2, 0.4, 0.7, 1.0)
SCALES_SHOWN = (1.0, 3.0, 7.0, 15.0)
COMMANDS = {
    CLIP: "pretrained.recipes.clip",
    f"{CASCADE}/{BASE_FOLDER}": "pretrained.recipes.imagen base",
    f"{CASCADE}/{ENLARGER_FOLDER}": "pretrained.recipes.imagen enlarge",
}
NAMES = {"cascade": "The cascade", "real": "Real pictures"}  # in the table of models


@dataclass(frozen=True, eq=False)
class Imagen:
    """The networks, on one device.

    Attributes:
        by: The CLIP whose text encoder reads captions.
        cascade: Base model and model of super-resolution.
    """

    by: GuidingClip
    cascade: Cascade

    @property
    def weights(self) -> dict[str, str]:
        """SHA-256 of the weights of each, hex."""
        return {
            "clip": self.by.weights_hash,
            "base": self.cascade.base.weights_hash,
            "enlarger": self.cascade.enlarger.weights_hash,
        }

    @property
    def small_shape(self) -> tuple[int, int, int]:
        """(C, h, w) of a small picture."""
        return self.cascade.enlarger.network.config.small_shape

    @property
    def large(self) -> Checkpoint:
        """The model of large pictures, bound to a small one of zeros."""
        return self.cascade.enlarger.bound(torch.zeros(1, *self.small_shape), 0.0)


def folders() -> dict[str, Path]:
    """The folders of CLIP, base model and model of super-resolution, by their names."""
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


def imagen_models() -> Imagen:
    """CLIP and cascade; read once, and anew where a file is another.

    Raises:
        ValueError: with a sentence for the page, if one is not there, broken, or of another CLIP.
    """
    check_there()
    stats = [(folder / WEIGHTS).stat() for folder in folders().values()]
    stamps = tuple((each.st_mtime_ns, each.st_size) for each in stats)
    return _loaded(shipped_folder() / CLIP, shipped_folder() / CASCADE, stamps)


@lru_cache(maxsize=1)
def _loaded(clip: Path, cascade: Path, stamps: tuple[tuple[int, int], ...]) -> Imagen:
    by = load_clip(clip)
    return Imagen(by, load_cascade(cascade, by).to(gpu.home()))


def drawing_of(form: ImagenForm, system: Imagen) -> Drawing:
    """What the controls ask for.

    Raises:
        ValueError: with a sentence for the page, if something does not fit.
    """
    for value, known, words in (
        (form.task, TASKS, "experiment"),
        (form.source, SOURCES, "small picture"),
        (form.sampler, SAMPLERS, "sampler"),
        (form.threshold, THRESHOLDS, "threshold"),
    ):
        if value not in known:
            raise ValueError(f"Choose the {words} from its menu.")
    given = form.task == PICTURE or (form.task == LEVELS and form.source == PICTURE)
    own = form.own if form.own is not None else held_out(form.picture) if given else None
    return Drawing(
        form.task,
        caption=caption_of(form.about if given else form.caption),
        scale=parsed(form, "scale"),
        large_scale=parsed(form, "large_scale"),
        augmentation=parsed(form, "augmentation"),
        threshold=form.threshold,
        sampler=form.sampler,
        steps=parsed(form, "steps"),
        seed=parse_seed(form.seed),
        pictures=(before_shrinking(own, system),) if given and own is not None else (),
    )


def before_shrinking(own: np.ndarray, system: Imagen) -> np.ndarray:
    """A picture (H, W, C) cut square, at the nearest side below of which the small one is a part.

    So a picture that has such a side already is not resampled before its mean is taken.
    """
    side, ratio = system.small_shape[1], system.cascade.enlarger.network.config.ratio
    return fitted(own, side * max(1, min(ratio, min(own.shape[:2]) // side)))


def small_of(own: np.ndarray, side: int) -> Tensor:
    """A square picture, uint8 (H, H, C), as a small one in [-1, 1], (1, C, side, side)."""
    return shrunk(from_uint8(own[None]), len(own) // side)


def spacing_for(sampler: str, sampling: dict[str, object]) -> str:
    """The spacing that a model recommends with its own sampler; of others the usual one."""
    own = sampling.get("spacing", "trailing") if sampling.get("sampler") == sampler else "trailing"
    return str(own) if own in SPACINGS else "trailing"


@dataclass(frozen=True, eq=False)
class Part:
    """One cascade of an experiment.

    Attributes:
        request: What is computed.
        words: What stands under each of its pictures.
    """

    request: CascadeRequest
    words: list[str]


def parts_of(system: Imagen, drawing: Drawing) -> list[Part]:
    """The cascades of an experiment, in the order in which they are computed."""
    own = one_request(system, drawing)
    if drawing.task == PICTURE:
        seeds = [(drawing.seed + i) % (MAX_SEED + 1) for i in range(MANY_NOISES)]
        return [Part(own, [f"noise {seed}" for seed in seeds])]
    if drawing.task == LEVELS:
        return [
            Part(dataclasses.replace(own, augmentation=level), [f"level {level:g}"])
            for level in LEVELS_SHOWN
        ]
    if drawing.task == CLIPPING:
        return [
            Part(
                one_request(
                    system,
                    dataclasses.replace(
                        drawing, scale=scale, large_scale=scale, threshold=threshold
                    ),
                ),
                [f"{threshold}, guidance {scale:g}"],
            )
            for threshold in THRESHOLDS
            for scale in SCALES_SHOWN
        ]
    return [Part(own, [""])]


def one_request(system: Imagen, drawing: Drawing) -> CascadeRequest:
    """Both walks by the settings of a drawing; without a caption nothing is guided."""
    walks = [
        SamplingRequest(
            sampler=drawing.sampler,
            num_steps=drawing.steps,
            spacing=spacing_for(drawing.sampler, config.sampling),
            guidance_scale=scale if drawing.caption else 1.0,
            threshold=drawing.threshold,
        )
        for config, scale in (
            (system.cascade.base.config, drawing.scale),
            (system.cascade.enlarger.config, drawing.large_scale),
        )
    ]
    return CascadeRequest.of(
        drawing.caption or None,
        drawing.augmentation,
        *walks,
        num_images=MANY_NOISES if drawing.task == PICTURE else 1,
        seed=drawing.seed,
    )


def check(system: Imagen, drawing: Drawing) -> None:
    """Refuse what would compute too long, or cannot be read, before it waits.

    Raises:
        ValueError: with a sentence for the page.
    """
    if drawing.caption:
        system.by.read_caption(drawing.caption)
    parts, large = parts_of(system, drawing), system.large
    walked = 0 if drawing.pictures else 1 if drawing.task == LEVELS else len(parts)
    walks = [(part.request.small, system.cascade.base) for part in parts[:walked]]
    walks += [(part.request.large, large) for part in parts]
    check_evaluations(sum(walk.cost(model) for walk, model in walks))
    for model in (system.cascade.base, large):  # all walks of a model as one
        if own := [walk for walk, by in walks if by is model]:
            pictures = sum(walk.num_images for walk in own)
            models.bounded(dataclasses.replace(own[-1], num_images=pictures), model)


def threads_for(system: Imagen, drawing: Drawing) -> int:
    """Threads of the CPU that torch is to take; see `models.for_walk`."""
    request = parts_of(system, drawing)[-1].request.large
    return int(getattr(models.for_walk(system.large, request).network, "threads", 1))


def draw_message(
    system: Imagen,
    drawing: Drawing,
    run: str,
    stopped: Callable[[], bool] = lambda: False,
    known: ImagenCard | None = None,
) -> Iterator[ImagenMessage]:
    """Draw, and give what is there by and by; the last message is of the state "done".

    Args:
        system: The networks.
        drawing: What is drawn; see `check`.
        run: Its name.
        stopped: Asked after every step; true ends.
        known: The card that is drawn again; None of a new drawing.

    Raises:
        ValueError: with a sentence for the page, if something does not fit.
    """
    parts, h = parts_of(system, drawing), system.small_shape[1]
    message = {**opening_message(), **_facts(system, drawing, parts), "run": run}
    yield {"run": run, "state": "running", "progress": "The first walk …"}
    given = small_of(drawing.pictures[0], h) if drawing.pictures else None
    items, ends = list[ImagenItem](), list[Tensor]()
    every = len(parts) == 1
    for number, part in enumerate(parts):
        count = part.request.large.num_images
        small = None if given is None else given.expand(count, -1, -1, -1)
        steps: dict[str, list[SamplerStep]] = {SMALL: [], LARGE: []}
        for stage, step in system.cascade.steps(part.request, small):
            if stopped():
                return
            steps[stage].append(step)
            if stage == SMALL:
                small = step.x_prev
            elif every and len(steps[LARGE]) == 1:  # the small picture is there
                assert small is not None
                begun = _items(system, part, {**steps, LARGE: []}, small, every)
                yield _message({**message, "items": begun, "state": "running"})
            yield _progress(run, parts, number, stage, len(steps[stage]), drawing.steps)
        assert small is not None
        if drawing.task == LEVELS:
            given = small  # one small picture at every level
        ends += [small, steps[LARGE][-1].x_prev]
        items += _items(system, part, steps, small, every)
        if not every:
            yield _message({**message, "items": list(items), "state": "running"})
    here = versions(system.cascade.device)
    card = ImagenCard(drawing, system.weights, here, digest(*ends))
    note = known.compared(card) if known else ""
    message |= {"items": items, "card": card.to_json(), "note": note, "state": "done"}
    yield _message(message)


def _message(values: dict[str, object]) -> ImagenMessage:
    message: ImagenMessage = {"state": "running"}
    message.update(values)  # type: ignore[typeddict-item]
    return message


def _progress(
    run: str, parts: Sequence[Part], number: int, stage: str, step: int, steps: int
) -> ImagenMessage:
    walk = "first" if stage == SMALL else "second"
    of = f", picture {number + 1} of {len(parts)}" if len(parts) > 1 else ""
    words = f"Step {step} of {steps} of the {walk} walk{of} …"
    return {"run": run, "state": "running", "progress": words}


def _items(
    system: Imagen, part: Part, steps: dict[str, list[SamplerStep]], small: Tensor, every: bool
) -> list[ImagenItem]:
    """What the page shows of the pictures of one cascade.

    Args:
        system: The networks.
        part: The cascade.
        steps: Of its walks, as far as they are done.
        small: Where the first one ended, (N, C, h, w).
        every: Whether each step is shown, or the end alone.
    """
    ratio = system.cascade.enlarger.network.config.ratio
    small = small.float().cpu().clamp(-1, 1)
    condition = system.cascade.condition_of(small, part.request)
    large = steps[LARGE][-1].x_prev.float().cpu().clamp(-1, 1) if steps[LARGE] else None

    def frames(walk: list[SamplerStep], field: str, i: int, end: Tensor | None) -> list[str]:
        shown = [getattr(step, field)[i : i + 1] for step in walk] if every else []
        noisy = field == "x_t"
        last = [] if end is None or (noisy and not shown) else [end[i : i + 1]]
        return [picture(x) for x in [*shown, *last]]

    return [
        {
            "words": words,
            "small_x_t": frames(steps[SMALL], "x_t", i, small),
            "small_x0_hat": frames(steps[SMALL], "x0_hat", i, small),
            "condition": picture(condition[i : i + 1]),
            "large_x_t": frames(steps[LARGE], "x_t", i, large),
            "large_x0_hat": frames(steps[LARGE], "x0_hat", i, large),
            "saturated": [
                round(saturation(x[i : i + 1]), 4) for x in (small, large) if x is not None
            ],
            "away": 0.0
            if large is None
            else round(_away(shrunk(large[i : i + 1], ratio), small[i : i + 1]), 4),
            "level": part.request.augmentation,
        }
        for i, words in enumerate(part.words)
    ]


def _away(x: Tensor, y: Tensor) -> float:
    return float((x - y).square().mean().sqrt())


def _facts(system: Imagen, drawing: Drawing, parts: Sequence[Part]) -> dict[str, object]:
    """What the message says of all walks."""
    C, h, w = system.small_shape
    request = parts[0].request
    _, H, W = system.cascade.enlarger.network.config.sample_shape
    every = len(parts) == 1
    first = every and not drawing.pictures
    told = [CASCADE, *(["the second walk alone"] if drawing.pictures else [])]
    told.append(f"{drawing.sampler}, {'' if drawing.pictures else '2 × '}{drawing.steps} steps")
    if drawing.task != CLIPPING:
        walks = [request.large] if drawing.pictures else [request.small, request.large]
        scales = " and ".join(f"{walk.guidance_scale:g}" for walk in walks)
        told += [f"guidance {scales}", f"{drawing.threshold} threshold"]
    if drawing.task != LEVELS:
        told.append(f"level {drawing.augmentation:g}")
    named = drawing.caption if drawing.task in (WORDS, CLIPPING) else TASKS[drawing.task]
    facts: dict[str, object] = {
        "task": drawing.task,
        "small": [w, h],
        "large": [W, H],
        "channels": C,
        "t_small": [*request.small.timesteps(system.cascade.base), -1] if first else [],
        "t_large": [*request.large.timesteps(system.large), -1] if every else [],
        "file": f"imagen-{'-'.join(words_of(named)[:6]) or 'anything'}-seed{drawing.seed}",
        "caption": " · ".join([*told, f"seed {drawing.seed}"]),
    }
    if drawing.pictures:
        own = drawing.pictures[0]
        facts |= {"given": as_base64(own), "given_size": len(own)}
    return facts


# --- what is there before anything is drawn: settings and headers of files, and no weights ------


def _base_settings() -> BaseSettings:
    folder = shipped_folder() / CASCADE / BASE_FOLDER
    with in_a_sentence(f"{CASCADE}/{BASE_FOLDER}"):
        return BaseSettings.from_json((folder / CONFIG).read_bytes())


def _enlarger_settings() -> EnlargerSettings:
    folder = shipped_folder() / CASCADE / ENLARGER_FOLDER
    with in_a_sentence(f"{CASCADE}/{ENLARGER_FOLDER}"):
        return EnlargerSettings.from_json((folder / CONFIG).read_bytes())


def recommended_form() -> ImagenForm:
    """The controls as the page opens: the level of augmentation is that of the model's settings."""
    try:
        level = _enlarger_settings().augmentation
    except ValueError:  # which is told where the walk would be
        return ImagenForm()
    return ImagenForm(augmentation=level)


def tokenizer() -> Tokenizer | None:
    """What reads captions, as the base model's settings tell it; None where there is none."""
    try:
        return _base_settings().tokenizer
    except ValueError:
        return None


def known_words() -> list[str]:
    """The words that are known; none where there are no weights."""
    known = tokenizer()
    return [] if known is None else list(known.vocabulary)


def unknown_words(caption: object) -> str:
    """A sentence that names the words of a caption that are not known; "" of none."""
    known = tokenizer()
    return "" if known is None else known.note(str(caption or "")[:MOST_CAPTION])


def opening_message() -> ImagenMessage:
    """The boxes and what was measured; or why there is nothing."""
    message: ImagenMessage = {"state": "empty", "items": [], "boxes": []}
    try:
        check_there()
        message["boxes"] = boxes()
    except ValueError as error:
        return {**message, "absent": str(error)}
    results = results_of_these()
    if results is not None:
        if results.saturated_real is not None:
            message["saturated_real"] = round(results.saturated_real, 4)
        if (found := results_message(results)) is not None:
            message["results"] = found
    return message


def boxes() -> list[SystemBox]:
    """The parts of the system as their files tell: what each is, and how large.

    Raises:
        ValueError: if a file is broken, in a sentence.
    """
    count = {}
    for name, folder in folders().items():
        with in_a_sentence(name):
            count[name] = Counter[str]()
            for key, numbers in parameters_in(folder / WEIGHTS).items():
                count[name][key.partition(".")[0]] += numbers
    text, small, large = count.values()
    base, enlarger = _base_settings().network, _enlarger_settings().network
    with in_a_sentence(CLIP):
        words = len(read_clip_settings(folders()[CLIP]).vocabulary)
    branch = sum(large[name] for name in ("first", "second", "third", "last"))
    (_, h, w), (_, H, W) = base.sample_shape, enlarger.sample_shape
    patch = enlarger.patch_size
    return [
        {
            "key": "text",
            "title": "Text encoder, frozen",
            "lines": [
                f"{words} words, of {CLIP}",
                f"{millions(text['text'])} parameters",
                f"gives {base.caption.features + base.caption.tokens} numbers",
            ],
        },
        {
            "key": "base",
            "title": "Base model",
            "lines": [
                f"UNet, {h} × {w}",
                f"{millions(sum(small.values()))} parameters",
                f"sees patches of {base.patch_size} × {base.patch_size}",
            ],
        },
        {
            "key": "trunk",
            "title": "Super-resolution: trunk",
            "lines": [
                f"UNet, {H} × {W}",
                f"{millions(sum(large.values()) - branch)} parameters",
                f"sees patches of {patch} × {patch}",
            ],
        },
        {
            "key": "branch",
            "title": "and branch",
            "lines": [
                f"4 convolutions of {enlarger.width} channels",
                f"{millions(branch)} parameters",
                "sees every pixel",
            ],
        },
    ]


def results_of_these() -> ImagenResults | None:
    """What was measured of these very weights; None where nothing was that can be read."""
    top = shipped_folder() / CASCADE
    try:
        results = imagen_results(top)
    except ValueError:
        return None
    own = {name: digest_of(top / name / WEIGHTS) for name in (BASE_FOLDER, ENLARGER_FOLDER)}
    return results if dict(results.weights) == own else None


def results_message(results: ImagenResults) -> ImagenResultsMessage | None:
    """The measures as tables and a curve; one that was not taken is left out, None of none."""
    tables = results_tables(results)
    if not tables:
        return None
    words = (
        f"Held-out captions and pictures; dpmpp_2m, {results.steps} steps a walk. A judge that "
        "draws nothing reads what is seen, at 64 × 64; Frechet distances are in its features."
    )
    costs = results.costs
    if {"base", "enlarger"} <= {*costs}:
        words += (
            f" An evaluation of one picture takes {costs['base']:.0f} ms of processor time in the "
            f"base model and {costs['enlarger']:.0f} ms in super-resolution"
        )
        if {"trunk", "branch"} <= {*costs}:
            words += f" ({costs['trunk']:.0f} its trunk, {costs['branch']:.0f} its branch)"
        words += "."
    return {
        "tables": tables,
        "levels": [
            {
                "level": row.level,
                "distance": round(row.frechet, 2),
                "obedience": round(row.obedience, 4),
            }
            for row in results.levels
        ],
        "words": words,
    }


def results_tables(results: ImagenResults) -> list[MeasuredTable]:
    """The measures as tables; one that was not taken is left out."""
    tables: list[MeasuredTable] = []
    if models_of := results.models:
        tables.append(
            {
                "title": "Beside other models",
                "columns": ["Drawn", "Frechet", "Obeyed", "Edges"],
                "rows": [
                    [name_of(r.model), f"{r.frechet:.1f}", percent(r.obedience), f"{r.edges:.2f}"]
                    for r in models_of
                ],
                "says": f"{results.num:,} captions, guidance {results.guidance_scale:g} of the "
                f"first walk, level {results.level:g}. Edges: how much neighbouring pixels "
                "differ, where real pictures have 1.",
            }
        )
    if levels := results.levels:
        best = min(levels, key=lambda row: row.frechet)
        tables.append(
            {
                "title": "Level of augmentation",
                "columns": ["Level", "Frechet", "Obeyed", "Edges", "Away"],
                "rows": [
                    [f"{r.level:g}", f"{r.frechet:.1f}", percent(r.obedience), f"{r.edges:.2f}"]
                    + [f"{r.away:.2f}"]
                    for r in levels
                ],
                "says": f"From {results.num_curves:,} held-out pictures, shrunk: nearest to real "
                f"ones at level {best.level:g}. Away: how far the result, shrunk again, is from "
                "its small picture.",
            }
        )
    if clipped := results.thresholds:
        real = ""
        if results.saturated_real is not None:
            real = f" Of real pictures {percent(results.saturated_real)} of the pixels are."
        tables.append(
            {
                "title": "Saturated pixels by guidance",
                "columns": ["Guidance", "Small", "Large", "Frechet", "Obeyed"],
                "rows": [
                    [f"{r.guidance_scale:g}, {r.threshold}", percent(r.saturated_small)]
                    + [percent(r.saturated), f"{r.frechet:.1f}", percent(r.obedience)]
                    for r in clipped
                ],
                "says": f"{results.num_curves:,} captions, guidance and threshold in both walks."
                f"{real}",
            }
        )
    return tables


def name_of(model: str) -> str:
    """A row of the table of models, as it is read."""
    if model in NAMES:
        return NAMES[model]
    first, _, how = model.partition(", ")
    if how:
        return f"{'Base model' if first == 'base' else 'Real pictures'}, {how}"
    return f"{model}, one stage"


def empty_message() -> str:
    """The message that the stage opens with, as JSON."""
    return json.dumps(opening_message())
