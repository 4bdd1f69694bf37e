"""The lines of Python that fill what the view "GLIDE: inpainting" fills."""

from __future__ import annotations

from diffusion_core.seeding import parse_seed

from ..shared.forms import parsed
from ..shared.python_needs import NEEDS, NEEDS_PICTURE
from .captions import caption_of
from .filling_form import FillingForm
from .filling_walk import INPAINTER


def code(form: FillingForm) -> str:
    """The lines for the controls' values, or a comment with the error in them."""
    try:
        return lines(form)
    except ValueError as error:
        return f"# {error}"


def lines(form: FillingForm) -> str:
    """Python that computes `image`, uint8 (H, W, C): the hole filled by the trained network.

    Raises:
        ValueError: if a control holds what it may not; one sentence.
    """
    caption, scale = caption_of(form.caption), parsed(form, "scale")
    asked = f'{{"caption": {caption!r}}}, {scale:g}' if caption else "None, 1"
    return "\n".join(
        [
            NEEDS,
            NEEDS_PICTURE,
            "import torch",
            "",
            "from diffusion_core.checkpoint import shipped_folder",
            "from diffusion_core.data import fit_picture, from_uint8, read_picture, to_uint8",
            "from diffusion_core.glide import load_inpainter",
            "from diffusion_core.inpainting import inpaint",
            "from diffusion_core.samplers import draw_noise",
            "",
            f'inpainter = load_inpainter(shipped_folder() / "{INPAINTER}")',
            'picture = fit_picture(read_picture("picture.png"), 64)  # uint8 (64, 64, 3)',
            'mask = fit_picture(read_picture("mask.png"), 64)  # white stays, black is filled',
            "x0 = from_uint8(picture[None])  # (1, 3, 64, 64)",
            "keep = torch.from_numpy(mask[..., 0] > 127).float()[None, None]",
            "model = inpainter.bound(x0, keep)",
            f"denoiser = model.denoiser({asked})",
            f"generator = torch.Generator().manual_seed({parse_seed(form.seed)})",
            "x_T = draw_noise((1, *model.image_shape), [generator])",
            f"walk = inpaint(denoiser, x0, keep, x_T, num_steps={parsed(form, 'steps')},",
            "               clip_x0=model.config.clip_x0, generator=[generator])",
            "for step in walk:",
            "    print(step.t)",
            "image = to_uint8(step.x_prev)[0]  # outside of the hole it is the picture",
        ]
    )
