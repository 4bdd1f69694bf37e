"""The lines of Python that draw what the view "Imagen" draws."""

from __future__ import annotations

from ..shared.python_needs import NEEDS, NEEDS_PICTURE
from .imagen_card import Drawing
from .imagen_form import CLIPPING, LEVELS, PICTURE, ImagenForm
from .imagen_walk import (
    CASCADE,
    CLIP,
    LEVELS_SHOWN,
    MANY_NOISES,
    SCALES_SHOWN,
    drawing_of,
    imagen_models,
    one_request,
)
from .pictures import PICTURES


def code(form: ImagenForm) -> str:
    """The lines for the controls' values, or a comment with the error in them."""
    try:
        return lines(form)
    except ValueError as error:
        return f"# {error}"


def lines(form: ImagenForm) -> str:
    """Python that computes `pictures`, uint8 (K, H, W, C), the large ones of an experiment.

    Raises:
        ValueError: if a control holds what it may not; one sentence.
    """
    system = imagen_models()
    drawing = drawing_of(form, system)
    given, own = bool(drawing.pictures), form.own is not None
    sheet = given and not own
    from_data = ["from_uint8", "to_pil", "to_uint8"] if given else ["to_uint8"]
    if given:
        from_data += ["fit_picture", "read_picture"]
    imagen = ["CascadeRequest", "load_cascade", *(["shrunk"] if given else [])]
    return "\n".join(
        [
            NEEDS,
            *([NEEDS_PICTURE] if given and own else []),
            *(["import dataclasses", ""] if drawing.task == LEVELS else []),
            *(["from pathlib import Path", ""] if sheet else []),
            *(["import numpy as np"] if given or drawing.task in (LEVELS, CLIPPING) else []),
            "",
            *(["import tabs"] if sheet else []),
            "from diffusion_core.checkpoint import shipped_folder",
            "from diffusion_core.clip import load_clip",
            f"from diffusion_core.data import {', '.join(sorted(from_data))}",
            "from diffusion_core.generation import SamplingRequest",
            f"from diffusion_core.imagen import {', '.join(imagen)}",
            "",
            f'clip = load_clip(shipped_folder() / "{CLIP}")',
            f'cascade = load_cascade(shipped_folder() / "{CASCADE}", clip)',
            f"caption = {drawing.caption or None!r}",
            *(_shrunk(form, len(drawing.pictures[0]), system.small_shape[1]) if given else []),
            *_walks(drawing),
        ]
    )


def _shrunk(form: ImagenForm, side: int, small: int) -> list[str]:
    """The small picture, `small`, (1, C, h, w)."""
    if form.own is not None:
        read = ['square = fit_picture(read_picture("picture.png"), ' + f"{side})"]
    else:
        at = PICTURES.index(form.picture)
        read = [
            'folder = Path(tabs.__file__).parent / "static/pictures"',
            'sheet = read_picture(folder / "avatars-held-out.png")  # eight, side by side',
            f"n = len(sheet)\nsquare = fit_picture(sheet[:, {at} * n : {at + 1} * n], {side})",
        ]
    return [
        *read,
        'x0 = from_uint8(np.array(to_pil(square).convert("RGB"))[None])',
        f"small = shrunk(x0, {side // small})  # by the mean over the area",
    ]


def _walks(drawing: Drawing) -> list[str]:
    """The requests, and what is computed of them."""
    system = imagen_models()
    request = one_request(system, drawing)
    scales = "scale" if drawing.task == CLIPPING else None
    walks = []
    for name, walk in (("first", request.small), ("second", request.large)):
        threshold = "threshold" if scales else f'"{walk.threshold}"'
        walks += [
            f"{name} = SamplingRequest(",
            f'    sampler="{walk.sampler}", num_steps={walk.num_steps}, spacing="{walk.spacing}",',
            f"    guidance_scale={scales or f'{walk.guidance_scale:g}'}, threshold={threshold},",
            ")",
        ]
    level = f"{drawing.augmentation:g}"
    of = f"request = CascadeRequest.of(caption, {level}, first, second, seed={drawing.seed})"
    if drawing.task == PICTURE:
        many = MANY_NOISES
        return [
            *walks,
            "request = CascadeRequest.of(",
            f"    caption, {level}, first, second, num_images={many}, seed={drawing.seed}",
            ")",
            f"small = small.expand({many}, -1, -1, -1)  # the same picture, and other noises",
            "small, large = cascade.draw(request, small)",
            "pictures = to_uint8(large)",
        ]
    if drawing.task == LEVELS:
        begun = [] if drawing.pictures else ["small, _ = cascade.draw(request)"]
        return [
            *walks,
            of,
            *begun,
            "pictures = []",
            f"for level in {LEVELS_SHOWN}:",
            "    large = cascade.draw(dataclasses.replace(request, augmentation=level), small)[1]",
            "    pictures.append(to_uint8(large)[0])",
            "pictures = np.stack(pictures)",
        ]
    if drawing.task == CLIPPING:
        inner = [*walks, of, "pictures.append(to_uint8(cascade.draw(request)[1])[0])"]
        return [
            "pictures = []",
            'for threshold in ("static", "dynamic"):',
            f"    for scale in {SCALES_SHOWN}:",
            *(f"        {line}" for line in inner),
            "pictures = np.stack(pictures)",
        ]
    return [
        *walks,
        of,
        "for stage, step in cascade.steps(request):",
        "    print(stage, step.t)",
        "pictures = to_uint8(step.x_prev)",
    ]
