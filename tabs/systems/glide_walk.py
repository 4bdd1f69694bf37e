"""Walks that are asked for in words, and which words each position looks at: plain functions.

The page shows two walks from the same noise. The first is that of the caption: it branches, and of
each a run card is all that is kept. Beside it stands the walk of a second caption, or of the empty
one, from which guidance leads away; beside a branch the walk that it left.

Which words a position attends to is computed from x_t of each step by the network itself, with the
caption as its condition; see `GlideNetwork.word_maps`. How well x_t agrees with the first caption
is what the CLIP beside the model says, whether it guides or not.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from diffusion_core.checkpoint import (
    WEIGHTS,
    Checkpoint,
    digest_of,
    in_a_sentence,
    parameters_in,
    shipped_folder,
)
from diffusion_core.clip import load_clip, read_clip_settings
from diffusion_core.evaluation import ClipCurve, clip_results
from diffusion_core.fields import printable
from diffusion_core.generation import RunCard, SamplingRequest
from diffusion_core.glide import (
    GlideConfig,
    GlideNetwork,
    GlideResults,
    Tokenizer,
    glide_results,
    load_glide,
    read_glide_settings,
    reads_words,
    words_of,
)
from diffusion_core.samplers import SAMPLERS, SamplerStep
from diffusion_core.seeding import parse_seed

from ..shared import gpu, models
from ..shared.forms import parsed
from ..shared.text import as_words, millions
from ..shared.wire import (
    CaptionPart,
    ClipResultsMessage,
    GlideLane,
    GlideMessage,
    GlideResultsMessage,
    SystemBox,
    as_base64,
)
from .glide_form import GlideForm
from .walks import check_cost, part_at, picture, whole_walk

MODEL, CLIP = "glide-avatars", "clip-avatars"
END = "(end)"  # the last token, whose vector stands for the whole caption
EMPTY = "the empty caption"


def glide_folder() -> Path:
    """The folder of the shipped model that is asked in words."""
    return shipped_folder() / MODEL


def clip_folder() -> Path:
    """The folder of the shipped CLIP, which may not be there."""
    return shipped_folder() / CLIP


def check_there() -> None:
    """Say that the model is not here.

    Raises:
        ValueError: with a sentence for the page.
    """
    if not (glide_folder() / WEIGHTS).is_file():
        raise ValueError(
            f"The model {MODEL} is not here; train it with python -m pretrained.recipes.glide."
        )


def glide_model() -> Checkpoint:
    """The shipped model that is asked in words, as walks use it.

    Raises:
        ValueError: with a sentence for the page, if it is not there or broken.
    """
    check_there()
    return models.for_walks(_loaded(glide_folder(), clip_folder(), _changed()))


def _changed() -> tuple[tuple[int, int] | None, ...]:
    """By what other weights of the model or of the CLIP are known; None of none."""
    files = [folder / WEIGHTS for folder in (glide_folder(), clip_folder())]
    stats = [file.stat() if file.is_file() else None for file in files]
    return tuple(s and (s.st_mtime_ns, s.st_size) for s in stats)


@lru_cache(maxsize=1)
def _loaded(folder: Path, clip: Path, changed: tuple[tuple[int, int] | None, ...]) -> Checkpoint:
    """Read once, with the CLIP where there is one; other files are read anew."""
    checkpoint = load_glide(folder).to(gpu.home())
    return checkpoint if changed[1] is None else checkpoint.guided_by_clip(load_clip(clip))


def network_of(checkpoint: Checkpoint) -> GlideNetwork:
    """The network itself, whatever evaluates it."""
    network = getattr(checkpoint.network, "module", checkpoint.network)
    assert isinstance(network, GlideNetwork)
    return network


def tokenizer_of(checkpoint: Checkpoint) -> Tokenizer:
    """What turns captions into the model's numbers."""
    assert isinstance(checkpoint.config, GlideConfig)
    return checkpoint.config.tokenizer


def known_words() -> list[str]:
    """The words that the model knows; none where it is not there."""
    try:
        check_there()
        return list(read_glide_settings(glide_folder()).vocabulary)
    except ValueError:
        return []


def unknown_words(caption: str) -> str:
    """A sentence that names the words of a caption that the model does not know; "" of none."""
    try:
        check_there()
        return read_glide_settings(glide_folder()).tokenizer.note(str(caption or "")[:2000])
    except ValueError:  # which is told where the walk would be
        return ""


def requested(form: GlideForm, checkpoint: Checkpoint, caption: str) -> SamplingRequest:
    """The walk of a caption by the controls; of "" that of the empty caption, which is not guided.

    Raises:
        ValueError: with a sentence for the page, if something does not fit.
    """
    if form.sampler not in SAMPLERS:
        raise ValueError("Choose the sampler from its menu.")
    scale, steps = parsed(form, "scale"), parsed(form, "steps")
    if caption:
        checkpoint.condition({"caption": caption})
    return SamplingRequest(
        caption=caption or None,
        guidance_scale=scale if caption else 1.0,
        clip_scale=parsed(form, "clip_scale") if caption else 0.0,
        sampler=form.sampler,
        num_steps=steps,
        spacing=spacing_for(form.sampler, checkpoint),
        seed=parse_seed(form.seed),
    )


def spacing_for(sampler: str, checkpoint: Checkpoint) -> str:
    """The spacing that is recommended with the model's own sampler; of others the usual one."""
    own = checkpoint.config.sampling
    return str(own.get("spacing", "trailing")) if own.get("sampler") == sampler else "trailing"


def first_request(form: GlideForm, checkpoint: Checkpoint) -> SamplingRequest:
    """The walk of the first caption, which must have words.

    Raises:
        ValueError: with a sentence for the page.
    """
    caption = str(form.caption or "").strip()
    checkpoint.condition({"caption": caption})  # an empty one has a sentence of its own
    return requested(form, checkpoint, caption)


def second_request(form: GlideForm, checkpoint: Checkpoint) -> SamplingRequest:
    """The walk beside it.

    Raises:
        ValueError: with a sentence for the page.
    """
    return requested(form, checkpoint, str(form.second or "").strip())


def without_caption(request: SamplingRequest) -> SamplingRequest:
    """The walk of the empty caption from the same noise, from its beginning."""
    return dataclasses.replace(request.root, caption=None, guidance_scale=1.0, clip_scale=0.0)


def walk_message(
    checkpoint: Checkpoint,
    requests: Sequence[SamplingRequest],
    run: str,
    stopped: Callable[[], bool] = lambda: False,
    prefix: str = "",
) -> Iterator[GlideMessage]:
    """Walk, and give the message of what is there after every walk: both are in the last.

    Args:
        checkpoint: The model, as `glide_model` gave it.
        requests: The walks; the first one branches.
        run: Their name.
        stopped: Asked after every step; true ends.
        prefix: The beginning of the caption.

    Raises:
        ValueError: with a sentence for the page, if something does not fit.
    """
    check_cost(checkpoint, list(requests))
    for each in requests:
        models.bounded(each, checkpoint)
    lanes: list[GlideLane] = []
    message = opening_message()
    for request in requests:
        steps = []
        for step in whole_walk(checkpoint, request):
            if stopped():
                return
            steps.append(step)
        lanes.append(lane(checkpoint, request, steps, requests[0].caption))
        if request is requests[0]:
            message |= _facts(checkpoint, request, steps, run, prefix)
            message |= {"card": lanes[0]["card"]}
        message |= {"lanes": list(lanes), "state": "running"}
        if request is not requests[-1]:
            yield message
    yield {**message, "state": "done"}


def lane(
    checkpoint: Checkpoint, request: SamplingRequest, steps: list[SamplerStep], read: str | None
) -> GlideLane:
    """What the page shows of one walk, at every step and at its end.

    Args:
        checkpoint: The model.
        request: The walk.
        steps: All of its steps.
        read: The caption that the CLIP compares x_t with.
    """
    end = steps[-1].x_prev
    parts, maps = words_and_maps(checkpoint, request, steps)
    card = RunCard.of(checkpoint, request, None, end)
    name = Path(checkpoint.name).name
    return {
        "caption": request.caption or EMPTY,
        "scale": request.guidance_scale,
        "clip_scale": request.clip_scale,
        "agreement": agreement(checkpoint, steps, read),
        "parts": parts,
        "x_t": [picture(step.x_t) for step in steps] + [picture(end)],
        "x0_hat": [picture(step.x0_hat) for step in steps] + [picture(end)],
        "maps": maps,
        "nfe": request.cost(checkpoint),
        "card": card.to_json(),
        "file": f"glide-{name}-{'-'.join(words_of(request.caption or 'empty')[:6])}"
        f"-seed{request.seed}",
    }


def agreement(
    checkpoint: Checkpoint, steps: Sequence[SamplerStep], caption: str | None
) -> list[float]:
    """The cosine of the CLIP's embeddings of x_t and of a caption, at every step and at the end.

    x_t is read at its log-SNR, the end as a clean picture. Without a CLIP, or of no caption, empty.
    """
    if checkpoint.clip is None or not caption:
        return []
    clip, schedule = checkpoint.clip.network, checkpoint.schedule
    pictures = torch.cat([*(step.x_t[:1] for step in steps), steps[-1].x_prev[:1]]).float()
    levels = [float(schedule.log_snr(step.t)) for step in steps]
    with torch.no_grad():
        seen = clip.encode_pictures(pictures, torch.tensor([*levels, math.inf]).to(pictures))
        wanted = clip.encode_captions(checkpoint.clip.read_caption(caption).to(pictures.device))
        return [round(x, 4) for x in F.cosine_similarity(seen, wanted).tolist()]


def words_and_maps(
    checkpoint: Checkpoint, request: SamplingRequest, steps: list[SamplerStep]
) -> tuple[list[CaptionPart], list[str]]:
    """The words of each part of a walk, and which of them each position attends to at every step.

    Returns:
        The parts, one of a walk without a branch; and a step's maps (tokens, h, w) as uint8, from
        the least that a token gets of any position in that part, 0, to the most, 255. Of a model
        that does not attend to words yet there are no maps.
    """
    network, parts, maps = network_of(checkpoint), list[CaptionPart](), list[str]()
    shown = network.attends
    for caption, each in groupby(steps, lambda step: part_at(request, step.index).caption):
        own = list(each)
        words, places = tokens_of(tokenizer_of(checkpoint), caption)
        least, most = list[float](), list[float]()
        if shown:
            seen = torch.stack([word_maps(checkpoint, step, caption) for step in own])
            low, high = seen.amin(dim=(0, 2, 3)), seen.amax(dim=(0, 2, 3))  # of each token
            spread = (high - low).clamp_min(1e-12)
            levels = (255 * (seen - low[:, None, None]) / spread[:, None, None]).round()
            maps += [as_base64(x) for x in levels.to(torch.uint8).numpy()]
            least, most = ([float(f"{x:.4g}") for x in end.tolist()] for end in (low, high))
        part: CaptionPart = {
            "first": own[0].index,
            "words": words,
            "places": places,
            "least": least,
            "most": most,
        }
        parts.append(part)
    return parts, maps


def word_maps(checkpoint: Checkpoint, step: SamplerStep, caption: str | None) -> Tensor:
    """How much each position attends to each token of a caption at a step, float32 (L, h, w)."""
    tokenizer = tokenizer_of(checkpoint)
    y = tokenizer.condition([]) if caption is None else tokenizer.read(caption)
    y = y[:, : int((y >= 0).sum())].to(step.x_t.device)
    t = torch.full((1,), step.t, device=step.x_t.device)
    with torch.no_grad():
        return network_of(checkpoint).word_maps(step.x_t[:1].float(), t, y)[0].cpu()


def tokens_of(tokenizer: Tokenizer, caption: str | None) -> tuple[list[str], list[int]]:
    """The words of a caption and the end, and of each its token's place; -1 of an unknown word."""
    words, places, known = list[str](), list[int](), set(tokenizer.vocabulary)
    for word in words_of(caption or ""):
        words.append(printable(word, 40))
        places.append(sum(place >= 0 for place in places) if word in known else -1)
    return [*words, END], [*places, sum(place >= 0 for place in places)]


def _facts(
    checkpoint: Checkpoint,
    request: SamplingRequest,
    steps: list[SamplerStep],
    run: str,
    prefix: str,
) -> GlideMessage:
    """What the message says of both walks."""
    C, H, W = checkpoint.image_shape
    network = network_of(checkpoint)
    words = (
        f"{prefix}{Path(checkpoint.name).name} · {request.sampler}, {len(steps)} steps · "
        f"seed {request.seed}"
    )
    if request.clip_scale:
        words += f" · CLIP guidance {request.clip_scale:g}"
    return {
        "state": "running",
        "run": run,
        "width": W,
        "height": H,
        "channels": C,
        "t": [*(step.t for step in steps), -1],
        "branch": request.branch_step if request.parent else -1,
        "attends": network.attends,
        "map_size": list(network.config.map_size),
        "layers": len(network.cross),
        "sampler": request.sampler,
        "caption": words,
        "note": "",
    }


def opening_message() -> GlideMessage:
    """What is there before a walk: the boxes, the words, what was measured; or why there is none.

    Settings are read, and the header of the weights.
    """
    message: GlideMessage = {"state": "empty", "lanes": [], "boxes": [], "vocabulary": []}
    try:
        check_there()
        settings = read_glide_settings(glide_folder())
        message["boxes"] = boxes(settings)
    except ValueError as error:
        return {**message, "absent": str(error)}
    message["vocabulary"] = list(settings.vocabulary)
    if (found := measured()) is not None:
        message["results"] = found
    if (by_clip := clip_measured()) is not None:
        message["clip_results"] = by_clip
    return message


def boxes(settings: GlideConfig) -> list[SystemBox]:
    """The parts of the system as their files tell: what each is, and how large.

    Raises:
        ValueError: if the weights are broken, in a sentence.
    """
    config, folder = settings.network, glide_folder()
    text, (h, w) = config.text, config.map_size
    layers = sum(channels is not None for channels in config.places())
    with in_a_sentence(MODEL):
        count = Counter[str]()
        for name, numbers in parameters_in(folder / WEIGHTS).items():
            count[name.partition(".")[0]] += numbers
    return [
        {
            "key": "text",
            "title": "Text encoder",
            "lines": [
                f"{len(settings.vocabulary)} words, {_layers(text.layers)}",
                f"{millions(count['text'])} parameters",
                "gives tokens, a vector",
            ],
        },
        {
            "key": "attention",
            "title": "Attention to words",
            "lines": [
                f"{_layers(layers)} at {h} × {w}",
                f"{millions(count['cross'])} parameters",
                f"{config.cross_heads} heads" if reads_words(folder) else "adds nothing yet",
            ],
        },
        {
            "key": "model",
            "title": "UNet",
            "lines": [
                MODEL,
                f"{millions(count['unet'])} parameters",
                "reads xₜ, t, the vector",
            ],
        },
        *_clip_box(),
    ]


def _clip_box() -> list[SystemBox]:
    """The CLIP's, where there is one."""
    weights = clip_folder() / WEIGHTS
    if not weights.is_file():
        return []
    with in_a_sentence(CLIP):
        count = sum(parameters_in(weights).values())
        features = read_clip_settings(clip_folder()).network.features
    lines = [f"{features} features", f"{millions(count)} parameters", "guides, where asked"]
    return [{"key": "clip", "title": "CLIP", "lines": lines}]


def _layers(count: int) -> str:
    return f"{count} layer{'' if count == 1 else 's'}"


def measured() -> GlideResultsMessage | None:
    """What was measured of these very weights; None where nothing was that can be read."""
    try:
        results = glide_results(glide_folder())
    except ValueError:
        return None
    if not results.rows or results.weights != digest_of(glide_folder() / WEIGHTS):
        return None
    return results_message(results)


def clip_measured() -> ClipResultsMessage | None:
    """What the CLIP's guidance does with these very weights; None where nothing was measured."""
    try:
        curve = clip_results(clip_folder()).curve
    except ValueError:
        return None
    if curve is None or not curve.rows or not (clip_folder() / WEIGHTS).is_file():
        return None
    own = [digest_of(folder / WEIGHTS) for folder in (glide_folder(), clip_folder())]
    return clip_message(curve) if own == [curve.model_weights, curve.clip_weights] else None


def clip_message(curve: ClipCurve) -> ClipResultsMessage:
    """The measured rows of both kinds of guidance, and how they were measured in words."""
    return {
        "rows": [
            {
                "kind": row.kind,
                "scale": row.scale,
                "obedience": round(row.obedience, 4),
                "distance": round(row.frechet_distance, 2),
            }
            for row in curve.rows
        ],
        "words": f"{curve.num:,} pictures a row, of the same captions and from the same noise; a "
        "judge that guides nothing reads what they show of what was asked. Scale 1 of "
        f"classifier-free guidance is without it, 0 without the caption. {curve.sampler}, "
        f"{curve.steps} steps.",
    }


def results_message(results: GlideResults) -> GlideResultsMessage:
    """The measured rows, and how they were measured in words."""
    same = ""
    if results.same is not None:
        same = (
            f"Asked for the same in ten other ways ({results.same_of} avatars), "
            f"{100 * results.same:.1f} % of what the judge reads stays the same."
        )
    return {
        "rows": [
            {
                "name": as_words(row.attribute),
                "told": row.told,
                "words": round(row.words, 4),
                "menus": round(row.menus, 4),
            }
            for row in results.rows
        ],
        "words": f"{results.num:,} avatars of combinations that no training saw, each drawn twice "
        "from the same noise: from a caption, and by the menus of the avatars model; a judge reads "
        f"both. {results.sampler}, {results.steps} steps, guidance {results.guidance_scale:g}.",
        "same": same,
    }


def empty_message() -> str:
    """The message that the stage opens with, as JSON."""
    return json.dumps(opening_message())
