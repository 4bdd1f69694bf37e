"""The systems that are compared: plain menus, a classifier, GLIDE, DALL·E 2 and Imagen.

Each draws a picture of one caption, from what of it it can be told, with the same sampler and
steps, by torch. The noise of the models of 64 × 64 is the same, x_T of the seed; the cascade's base
model has smaller noise of its own, of the same seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from diffusion_core.checkpoint import (
    WEIGHTS,
    Checkpoint,
    GuidingClip,
    digest_of,
    in_a_sentence,
    load_checkpoint,
    parameters_in,
    shipped_folder,
)
from diffusion_core.clip import load_clip, zero_shot_classifier
from diffusion_core.conditioning import CLASS
from diffusion_core.generation import SamplingRequest, SamplingRun
from diffusion_core.glide import STYLES, facts_in, load_glide, phrase_of
from diffusion_core.imagen import (
    BASE_FOLDER,
    ENLARGER_FOLDER,
    Cascade,
    CascadeRequest,
    load_cascade,
    recommended,
)
from diffusion_core.samplers import SamplerStep, sample
from diffusion_core.seeding import draw_noise, seeded
from diffusion_core.unclip import Decoder, embedding_walk, load_decoder, load_prior

from ..shared import gpu
from .differ_card import Comparison, DifferCard
from .glide_walk import MODEL as GLIDE
from .unclip_walk import CLIP, DECODER, PRIOR, PRIOR_STEPS, TRIES

SAMPLER, SPACING = "dpmpp_2m", "karras"
AVATARS, IMAGEN = "avatars", "imagen-avatars"
BASE, ENLARGER = f"{IMAGEN}/{BASE_FOLDER}", f"{IMAGEN}/{ENLARGER_FOLDER}"
# Where the weights of the networks of a run card lie, in the folder of what ships.
FOLDERS = dict(
    zip(DifferCard.NETWORKS, (AVATARS, CLIP, GLIDE, PRIOR, DECODER, BASE, ENLARGER), strict=True)
)
COMMANDS = {
    AVATARS: "pretrained/recipes/avatars.sh",
    CLIP: "python -m pretrained.recipes.clip",
    GLIDE: "python -m pretrained.recipes.glide",
    PRIOR: "python -m pretrained.recipes.unclip prior",
    DECODER: "python -m pretrained.recipes.unclip pictures",
    BASE: "python -m pretrained.recipes.imagen",
    ENLARGER: "python -m pretrained.recipes.imagen",
}
CLASS_CAPTIONS = {style: f"a {phrase_of(CLASS, style)}" for style in STYLES}
# What the networks are called on the page, by folder and part.
NAMES = {
    (AVATARS, ""): "avatars",
    (CLIP, ""): "CLIP",
    (CLIP, "text"): "text encoder",
    (GLIDE, ""): "GLIDE",
    (PRIOR, ""): "prior",
    (DECODER, ""): "decoder",
    (BASE, ""): "base",
    (ENLARGER, ""): "enlarger",
}
Frames = Iterator[Tensor | None]


@dataclass(frozen=True, eq=False)
class Walks:
    """The walks of a system to one picture, ready to be computed.

    Attributes:
        frames: Computes them: after each step the estimate of the picture (1, C, H, W), at the
            end the picture; None after a step that has none, as those of embeddings.
        evaluations: How often each network, by its name on the page, is asked for one picture, or
            embedding.
        bounded: The walks of pictures with their models, which a public page bounds.
    """

    frames: Callable[[], Frames]
    evaluations: dict[str, int]
    bounded: tuple[tuple[SamplingRequest, Checkpoint], ...]


@dataclass(frozen=True)
class System:
    """One of the systems that are compared.

    Attributes:
        key: Its name in messages.
        name: Its name.
        folders: Where its weights lie, beside what a part of each is called of which alone it has
            need; "" is all of it.
        told: What it is told of a caption, in a sentence; see `told_by_menus` for facts.
        walks: Its walks.
    """

    key: str
    name: str
    folders: dict[str, str]
    told: Callable[[Comparison], str]
    walks: Callable[[Comparison], Walks]

    def check_there(self) -> None:
        """Say which weights are not here, and how they are trained.

        Raises:
            ValueError: with a sentence for the page.
        """
        gone = [name for name in self.folders if not weights_file(name).is_file()]
        if gone:
            commands = " and ".join(dict.fromkeys(COMMANDS[name] for name in gone))
            raise ValueError(f"The weights {', '.join(gone)} are not here; train with {commands}.")

    def parameters(self) -> dict[str, int]:
        """Parameters of the networks that it needs, by their names: headers of files are read.

        Raises:
            ValueError: with a sentence for the page.
        """
        self.check_there()
        found = {}
        for name, part in self.folders.items():
            with in_a_sentence(name):
                counts = parameters_in(weights_file(name))
            of = {k: n for k, n in counts.items() if not part or k.startswith(f"{part}.")}
            found[NAMES[name, part]] = sum(of.values())
        return found


def weights_file(name: str) -> Path:
    """The file of the weights of one of `FOLDERS`."""
    return shipped_folder() / name / WEIGHTS


def weights() -> dict[str, str]:
    """SHA-256 of the weights of every network, hex; `DifferCard.MISSING` of one not here."""
    return {
        network: digest_of(weights_file(name))
        if weights_file(name).is_file()
        else DifferCard.MISSING
        for network, name in FOLDERS.items()
    }


# --- the models, each read once, and anew where a file is another --------------------------------


def _changed(*names: str) -> tuple[tuple[int, int], ...]:
    stats = [weights_file(name).stat() for name in names]
    return tuple((each.st_mtime_ns, each.st_size) for each in stats)


def avatars() -> Checkpoint:
    """The plain model of avatars with its menus."""
    return _avatars(shipped_folder() / AVATARS, _changed(AVATARS))


@lru_cache(maxsize=1)
def _avatars(folder: Path, _: object) -> Checkpoint:
    return load_checkpoint(folder).to(gpu.home())


def clip() -> GuidingClip:
    """The CLIP."""
    return _clip(shipped_folder() / CLIP, _changed(CLIP))


@lru_cache(maxsize=1)
def _clip(folder: Path, _: object) -> GuidingClip:
    by = load_clip(folder)
    by.network.to(gpu.home())
    return by


def glide() -> Checkpoint:
    """The model that is asked in words."""
    return _glide(shipped_folder() / GLIDE, _changed(GLIDE))


@lru_cache(maxsize=1)
def _glide(folder: Path, _: object) -> Checkpoint:
    return load_glide(folder).to(gpu.home())


def prior_and_decoder() -> tuple[Checkpoint, Decoder]:
    """Both models of embeddings."""
    return _prior_and_decoder(shipped_folder(), _changed(CLIP, PRIOR, DECODER))


@lru_cache(maxsize=1)
def _prior_and_decoder(folder: Path, _: object) -> tuple[Checkpoint, Decoder]:
    by, home = clip(), gpu.home()
    return load_prior(folder / PRIOR, by).to(home), load_decoder(folder / DECODER, by).to(home)


def cascade() -> Cascade:
    """Base model and model of super-resolution."""
    return _cascade(shipped_folder() / IMAGEN, _changed(CLIP, BASE, ENLARGER))


@lru_cache(maxsize=1)
def _cascade(folder: Path, _: object) -> Cascade:
    return load_cascade(folder, clip()).to(gpu.home())


# --- what each is told, and how it draws ---------------------------------------------------------


def _request(c: Comparison) -> SamplingRequest:
    return SamplingRequest(sampler=SAMPLER, num_steps=c.steps, spacing=SPACING, seed=c.seed)


def _estimates(walk: Iterable[SamplerStep]) -> Frames:
    end = None
    for step in walk:
        end = step.x_prev
        yield step.x0_hat
    assert end is not None
    yield end


def _once(name: str, model: Checkpoint, request: SamplingRequest, guide: str = "") -> Walks:
    """One walk of one model; what guides it is asked as often as the walk has evaluations."""
    asked = request.cost(model)
    guides = {NAMES[guide, ""]: asked // request.pictures_per_evaluation} if guide else {}
    return Walks(
        lambda: _estimates(SamplingRun(model, request)),
        {NAMES[name, ""]: asked, **guides},
        ((request, model),),
    )


def told_by_menus(caption: str, model: Checkpoint) -> dict[str, str]:
    """Class and attributes that a caption tells, as far as the model's menus have them."""
    facts, names = facts_in(caption), dict(model.config.attribute_names)
    label, of = facts.get(CLASS), dict(model.config.attribute_classes)
    told = {CLASS: label} if label in model.config.class_names else {}
    for name, value in facts.items():
        if value in names.get(name, ()) and label in of.get(name, (label,)):
            told[name] = value
    return {name: value for name, value in told.items() if value is not None}


def _menus_told(c: Comparison) -> str:
    told = told_by_menus(c.caption, avatars())
    if not told:
        return "Its menus have nothing of the caption: it is told nothing."
    return f"Told by menus: {', '.join(told)}."


def _menus(c: Comparison) -> Walks:
    model = avatars()
    told = told_by_menus(c.caption, model)
    label = told.pop(CLASS, None)
    scale = c.scale if label is not None or told else 1.0
    request = replace(
        _request(c), label=label, attributes=tuple(told.items()), guidance_scale=scale
    )
    return _once(AVATARS, model, request)


def _class_told(c: Comparison) -> str:
    label = facts_in(c.caption).get(CLASS)
    if label is None:
        return "The caption names no class, so nothing guides it."
    return "Told nothing. A classifier pulls it to the class, and no further."


def _by_classifier(c: Comparison) -> Walks:
    by, label = clip(), facts_in(c.caption).get(CLASS)
    model = avatars().guided_by(zero_shot_classifier(by, CLASS_CAPTIONS))
    if label is None or not c.classifier_scale:
        return _once(AVATARS, model, _request(c))
    guided = {"classifier_label": label, "classifier_scale": c.classifier_scale}
    return _once(AVATARS, model, replace(_request(c), **guided), CLIP)  # type: ignore[arg-type]


def _glide_walks(c: Comparison) -> Walks:
    request = replace(_request(c), caption=c.caption, guidance_scale=c.scale)
    return _once(GLIDE, glide(), request)


def _unclip_walks(c: Comparison) -> Walks:
    by, (prior, decoder) = clip(), prior_and_decoder()
    guided = 1 if c.scale == 1 else 2
    model = decoder.bound(torch.zeros(1, decoder.network.config.features))
    request = replace(_request(c), label=0, guidance_scale=c.scale)

    def frames() -> Frames:
        y = by.read_caption(c.caption).to(decoder.device)
        ends = None
        for step in embedding_walk(
            prior, y, seeded(c.seed, "prior"), guidance_scale=c.scale, num_steps=PRIOR_STEPS
        ):
            ends = step.x_prev
            yield None
        assert ends is not None
        with torch.no_grad():
            z = torch.nn.functional.normalize(ends, dim=1)
            better = int((z @ decoder.clip.encode_captions(y)[0]).argmax())
        generators = [torch.Generator().manual_seed(c.seed)]
        x_T = draw_noise((1, *model.image_shape), generators).to(decoder.device)
        walk = sample(
            decoder.denoiser(z[better : better + 1], c.scale),
            x_T,
            sampler=SAMPLER,
            num_steps=c.steps,
            spacing=SPACING,
            clip_x0=model.config.clip_x0,
            generator=generators,
        )
        yield from _estimates(walk)

    asked = {"prior": PRIOR_STEPS * TRIES * guided, "decoder": request.cost(model)}
    return Walks(frames, asked, ((request, model),))


def cascade_request(c: Comparison, both: Cascade) -> CascadeRequest:
    """Both walks, with the level of augmentation that the models recommend; the second unguided."""
    *_, level = recommended(both)
    small = replace(_request(c), guidance_scale=c.scale)
    return CascadeRequest.of(c.caption, level, small, _request(c), seed=c.seed)


def _imagen_walks(c: Comparison) -> Walks:
    both = cascade()
    request = cascade_request(c, both)
    large = both.large_of(torch.zeros(1, *both.base.image_shape), request)

    def frames() -> Frames:
        return _estimates(step for _, step in both.steps(request))

    asked = {"base": request.small.cost(both.base), "enlarger": request.large.cost(large)}
    return Walks(frames, asked, ((request.small, both.base), (request.large, large)))


def _all_words(_: Comparison) -> str:
    return "Told the caption: all words that it knows."


SYSTEMS = (
    System("menus", "Plain, by menus", {AVATARS: ""}, _menus_told, _menus),
    System("class", "Guided by a class", {AVATARS: "", CLIP: ""}, _class_told, _by_classifier),
    System("glide", "GLIDE", {GLIDE: ""}, _all_words, _glide_walks),
    System(
        "unclip",
        "DALL·E 2",
        {CLIP: "text", PRIOR: "", DECODER: ""},
        lambda _: "Told zᵢ, which its prior made of the caption.",
        _unclip_walks,
    ),
    System(
        "imagen",
        "Imagen",
        {CLIP: "text", BASE: "", ENLARGER: ""},
        _all_words,
        _imagen_walks,
    ),
)
