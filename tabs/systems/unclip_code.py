"""The lines of Python that draw what the view "DALL·E 2" draws."""

from __future__ import annotations

from ..shared.python_needs import NEEDS, NEEDS_PICTURE
from .pictures import PICTURES
from .unclip_card import Drawing
from .unclip_form import (
    COMPONENTS,
    DIFFERENCE,
    INTERPOLATION,
    VARIATIONS,
    WORDS,
    UnclipForm,
)
from .unclip_walk import (
    CLIP,
    COUNTS,
    DECODER,
    FARTHEST,
    MANY_BETWEEN,
    MANY_VARIATIONS,
    PRIOR,
    PRIOR_STEPS,
    drawing_of,
    spacing_for,
    unclip_models,
)


def code(form: UnclipForm) -> str:
    """The lines for the controls' values, or a comment with the error in them."""
    try:
        return lines(form)
    except ValueError as error:
        return f"# {error}"


def lines(form: UnclipForm) -> str:
    """Python that computes `pictures`, uint8 (K, H, W, C): from words the one of the prior alone.

    Raises:
        ValueError: if a control holds what it may not; one sentence.
    """
    system = unclip_models()
    drawing = drawing_of(form, system.size)
    shared = [
        "from diffusion_core.checkpoint import shipped_folder",
        "from diffusion_core.clip import load_clip",
    ]
    head = [
        f'clip = load_clip(shipped_folder() / "{CLIP}")',
        f'decoder = load_decoder(shipped_folder() / "{DECODER}", clip)',
    ]
    last = ["pictures = to_uint8(list(walk)[-1].x_prev)"]
    if drawing.task == WORDS:
        imports = [
            *shared,
            "from diffusion_core.data import to_uint8",
            "from diffusion_core.samplers import draw_noise, sample",
            "from diffusion_core.seeding import seeded",
            "from diffusion_core.unclip import drawn_embeddings, load_decoder, load_prior",
        ]
        return "\n".join(
            [
                NEEDS,
                "import torch",
                "",
                *imports,
                "",
                *head,
                f'prior = load_prior(shipped_folder() / "{PRIOR}", clip)',
                f"y = clip.read_caption({drawing.caption!r})",
                "z = drawn_embeddings(  # (1, D): the better of two",
                f'    prior, y, seeded({drawing.seed}, "prior"), num_steps={PRIOR_STEPS},',
                f"    guidance_scale={drawing.prior_scale:g},",
                ")",
                f"generator = torch.Generator().manual_seed({drawing.seed})",
                "x_T = draw_noise((1, *decoder.bound(z).image_shape), [generator])",
                f'walk = sample(decoder.denoiser(z, {drawing.scale:g}), x_T, sampler="'
                f'{drawing.sampler}",',
                f'              num_steps={drawing.steps}, spacing="'
                f'{spacing_for(drawing.sampler, system)}", generator=[generator])',
                *last,
            ]
        )
    return "\n".join([*_opened(form, shared, system.size), "", *head, *_row(drawing), *last])


def _opened(form: UnclipForm, shared: list[str], size: int) -> list[str]:
    """Imports, and the pictures as `x0`, (1 or 2, 3, H, W)."""
    names = {
        VARIATIONS: ["encode", "load_decoder", "noise_of"],
        INTERPOLATION: ["encode", "load_decoder", "noise_of"],
        DIFFERENCE: ["encode", "load_decoder", "noise_of", "text_difference"],
        COMPONENTS: ["components", "encode", "load_decoder"],
    }[form.task]
    own = form.own is not None
    from_data = ["fit_picture", "from_uint8", "read_picture", "to_pil", "to_uint8"]
    if form.task == COMPONENTS:
        from_data.insert(0, "AvatarFile")
    moved = ["from diffusion_core.families import slerp"] if form.task == INTERPOLATION else []
    seeds = "draw_noise" if form.task == COMPONENTS else "image_generators"
    sheet = 'read_picture(Path(tabs.__file__).parent / "static/pictures/avatars-held-out.png")'
    chosen = [] if own else [PICTURES.index(form.picture)]
    chosen += [PICTURES.index(form.other)] if form.task == INTERPOLATION else []
    lines = [
        NEEDS,
        *([NEEDS_PICTURE] if own else []),
        *(["from pathlib import Path", ""] if chosen else []),
        "import numpy as np",
        "import torch",
        "",
        *(["import tabs"] if chosen else []),
        *shared,
        f"from diffusion_core.data import {', '.join(from_data)}",
        *moved,
        "from diffusion_core.samplers import sample",
        f"from diffusion_core.seeding import {seeds}",
        f"from diffusion_core.unclip import {', '.join(names)}",
        "",
        "shown = []",
    ]
    if own:
        lines += [
            f'square = to_pil(fit_picture(read_picture("picture.png"), {size}))',
            'shown.append(np.array(square.convert("RGB")))',
        ]
    if chosen:
        lines += ["# Eight held-out avatars:", f"sheet = {sheet}", "side = len(sheet)"]
        for i in chosen:
            lines.append(
                f"shown.append(np.array(to_pil(fit_picture(sheet[:, {i} * side : {i + 1} * side], "
                f'{size})).convert("RGB")))'
            )
    return [*lines, "x0 = from_uint8(np.stack(shown))"]


def _row(drawing: Drawing) -> list[str]:
    """The embeddings `z`, the noises and the walk."""
    steps, seed = drawing.steps, drawing.seed
    lines = ["z = encode(decoder.clip, x0)  # (B, D), of length 1"]
    many = MANY_BETWEEN
    if drawing.task == COMPONENTS:
        lines += [
            "known = components(encode(decoder.clip, from_uint8(AvatarFile.embedded().pictures)))",
            f"counts = [*(k for k in {COUNTS} if k < z.shape[1]), z.shape[1]]",
            "z = torch.cat([known.reconstruct(z, k) for k in counts])",
            f"generators = [torch.Generator().manual_seed({seed}) for _ in counts]  # one noise",
            "x_T = draw_noise((len(z), *x0.shape[1:]), generators)",
        ]
    else:
        lines.append(f"x_T = noise_of(decoder, x0, z, {steps})  # from which DDIM leads back")
    if drawing.task == VARIATIONS:
        many = MANY_VARIATIONS
        lines.append(f"z, x_T = z.expand({many}, -1), x_T.expand({many}, -1, -1, -1)")
    elif drawing.task == INTERPOLATION:
        lines += [
            f"share = torch.linspace(0, 1, {many})",
            "z, x_T = slerp(z[0], z[1], share), slerp(x_T[0], x_T[1], share)",
        ]
    elif drawing.task == DIFFERENCE:
        lines += [
            "g_a, g_b = (decoder.clip.encode_captions(clip.read_caption(words))[0] for words in",
            f"            ({drawing.before!r}, {drawing.after!r}))",
            f"share = {FARTHEST} * torch.linspace(0, 1, {many})",
            "z = text_difference(z[0], g_a, g_b, share)",
            f"x_T = x_T.expand({many}, -1, -1, -1)",
        ]
    if drawing.task != COMPONENTS:
        lines.append(f"generators = image_generators({seed}, {many})")
    return [
        *lines,
        f"walk = sample(decoder.denoiser(z, {drawing.scale:g}), x_T, num_steps={steps}, "
        f"eta={drawing.eta:g},",
        "              generator=generators)",
    ]
