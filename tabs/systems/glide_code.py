"""The lines of Python that draw the caption of the view "GLIDE", and look at its words."""

from __future__ import annotations

from diffusion_core.seeding import parse_seed

from ..shared.forms import parsed
from ..shared.python_needs import NEEDS
from .glide_form import GlideForm
from .glide_walk import CLIP, MODEL, glide_model, spacing_for


def code(form: GlideForm) -> str:
    """The lines for the controls' values, or a comment with the error in them."""
    try:
        return lines(form)
    except ValueError as error:
        return f"# {error}"


def lines(form: GlideForm) -> str:
    """Python that computes `image`, uint8 (H, W, C), where the walk of the first caption ends.

    Raises:
        ValueError: if a control holds what it may not; one sentence.
    """
    steps, scale, seed = parsed(form, "steps"), parsed(form, "scale"), parse_seed(form.seed)
    spacing = spacing_for(form.sampler, glide_model())
    clip_scale = parsed(form, "clip_scale")
    caption = str(form.caption or "").strip()
    return "\n".join(
        [
            NEEDS,
            "import torch",
            "",
            "from diffusion_core.checkpoint import shipped_folder",
            *(["from diffusion_core.clip import load_clip"] if clip_scale else []),
            "from diffusion_core.data import to_uint8",
            "from diffusion_core.glide import load_glide",
            "from diffusion_core.samplers import draw_noise, sample",
            "",
            f'model = load_glide(shipped_folder() / "{MODEL}")',
            f"caption = {caption!r}",
            'print(model.config.tokenizer.note(caption) or "every word is known")',
            f'denoiser = model.denoiser({{"caption": caption}}, {scale:g})  # the guidance scale',
            *(_guided(clip_scale) if clip_scale else []),
            f"generator = torch.Generator().manual_seed({seed})",
            "x_T = draw_noise((1, *model.image_shape), [generator])",
            f'walk = sample(denoiser, x_T, sampler="{form.sampler}", num_steps={steps},',
            f'              spacing="{spacing}", clip_x0=model.config.clip_x0,',
            "              generator=[generator])",
            "y = model.read_caption(caption)  # (1, L): its words, and its end",
            "for step in walk:",
            "    with torch.no_grad():  # how much each position attends to each word",
            "        maps = model.network.word_maps(step.x_t, torch.tensor([step.t]), y)",
            "    print(step.t, tuple(maps.shape))  # (1, L, h, w)",
            "image = to_uint8(step.x_prev)[0]",
        ]
    )


def _guided(scale: float) -> list[str]:
    """Lines that have a CLIP guide the denoiser as well."""
    return [
        f'model = model.guided_by_clip(load_clip(shipped_folder() / "{CLIP}"))',
        f"denoiser = model.guided_to_caption(denoiser, caption, {scale:g})",
    ]
