"""The lines of Python that draw what the view "How the systems differ" draws."""

from __future__ import annotations

from diffusion_core.conditioning import CLASS
from diffusion_core.glide import facts_in

from ..shared.python_needs import NEEDS
from .differ_card import Comparison
from .differ_form import DifferForm
from .differ_systems import (
    AVATARS,
    CLASS_CAPTIONS,
    CLIP,
    DECODER,
    GLIDE,
    IMAGEN,
    PRIOR,
    PRIOR_STEPS,
    SAMPLER,
    SPACING,
    SYSTEMS,
    avatars,
    told_by_menus,
)
from .differ_walk import comparison_of


def code(form: DifferForm) -> str:
    """The lines for the controls' values, or a comment with the error in them."""
    try:
        return lines(form)
    except ValueError as error:
        return f"# {error}"


def lines(form: DifferForm) -> str:
    """Python that computes `pictures`, by the systems that are here: uint8 (1, H, W, C) each.

    Raises:
        ValueError: if a control holds what it may not; one sentence.
    """
    c, here = comparison_of(form), []
    for system in SYSTEMS:
        try:
            system.check_there()
            here.append(system.key)
        except ValueError:
            continue
    imports = [
        "import torch",
        "",
        "from diffusion_core.checkpoint import load_checkpoint, shipped_folder",
        "from diffusion_core.clip import load_clip, zero_shot_classifier",
        "from diffusion_core.data import to_uint8",
        "from diffusion_core.generation import SamplingRequest, walk",
        "from diffusion_core.glide import load_glide",
        *(
            ["from diffusion_core.imagen import CascadeRequest, load_cascade, recommended"]
            if "imagen" in here
            else []
        ),
        *(
            [
                "from diffusion_core.samplers import draw_noise, sample",
                "from diffusion_core.seeding import seeded",
                "from diffusion_core.unclip import drawn_embeddings, load_decoder, load_prior",
            ]
            if "unclip" in here
            else []
        ),
    ]
    of = {
        "menus": _menus,
        "class": _by_classifier,
        "glide": _glide,
        "unclip": _unclip,
        "imagen": _imagen,
    }
    return "\n".join(
        [
            NEEDS,
            *imports,
            "",
            "shipped, pictures = shipped_folder(), {}",
            f"caption = {c.caption!r}",
            f'same = {{"sampler": "{SAMPLER}", "num_steps": {c.steps}, "spacing": "{SPACING}"}}',
            *(line for key in here for line in of[key](c)),
        ]
    )


def _menus(c: Comparison) -> list[str]:
    told = told_by_menus(c.caption, avatars())
    label = told.pop(CLASS, None)
    scale = c.scale if label is not None or told else 1.0
    return [
        f'avatars = load_checkpoint(shipped / "{AVATARS}")',
        f"request = SamplingRequest(label={label!r}, attributes={tuple(told.items())!r},",
        f"                          guidance_scale={scale:g}, seed={c.seed}, **same)",
        "*_, step = walk(avatars, request)",
        'pictures["menus"] = to_uint8(step.x_prev)',
    ]


def _by_classifier(c: Comparison) -> list[str]:
    label = facts_in(c.caption).get(CLASS)
    guided = ""
    if label is not None and c.classifier_scale:
        guided = f"classifier_label={label!r}, classifier_scale={c.classifier_scale:g}, "
    return [
        f'clip = load_clip(shipped / "{CLIP}")',
        f"classifier = zero_shot_classifier(clip, {CLASS_CAPTIONS!r})",
        f'guided = load_checkpoint(shipped / "{AVATARS}").guided_by(classifier)',
        f"request = SamplingRequest({guided}seed={c.seed}, **same)",
        "*_, step = walk(guided, request)",
        'pictures["class"] = to_uint8(step.x_prev)',
    ]


def _glide(c: Comparison) -> list[str]:
    return [
        f'glide = load_glide(shipped / "{GLIDE}")',
        f"request = SamplingRequest(caption=caption, guidance_scale={c.scale:g}, seed={c.seed},",
        "                          **same)",
        "*_, step = walk(glide, request)",
        'pictures["glide"] = to_uint8(step.x_prev)',
    ]


def _unclip(c: Comparison) -> list[str]:
    return [
        f'clip = load_clip(shipped / "{CLIP}")',
        f'prior = load_prior(shipped / "{PRIOR}", clip)',
        f'decoder = load_decoder(shipped / "{DECODER}", clip)',
        f'z = drawn_embeddings(prior, clip.read_caption(caption), seeded({c.seed}, "prior"),',
        f"                     guidance_scale={c.scale:g}, num_steps={PRIOR_STEPS})",
        f"generator = torch.Generator().manual_seed({c.seed})",
        "x_T = draw_noise((1, *decoder.bound(z).image_shape), [generator])",
        f"*_, step = sample(decoder.denoiser(z, {c.scale:g}), x_T, generator=[generator],",
        "                  clip_x0=decoder.config.clip_x0, **same)",
        'pictures["unclip"] = to_uint8(step.x_prev)',
    ]


def _imagen(c: Comparison) -> list[str]:
    return [
        f'cascade = load_cascade(shipped / "{IMAGEN}", load_clip(shipped / "{CLIP}"))',
        "*_, level = recommended(cascade)  # of augmentation",
        f"small = SamplingRequest(guidance_scale={c.scale:g}, **same)",
        "large = SamplingRequest(**same)",
        f"request = CascadeRequest.of(caption, level, small, large, seed={c.seed})",
        'pictures["imagen"] = to_uint8(cascade.draw(request)[1])',
    ]
