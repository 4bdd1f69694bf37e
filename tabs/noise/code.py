"""The lines of Python that make the noisy picture which the Noise tab shows."""

from __future__ import annotations

from diffusion_core.data import AUTOMATIC, parse_range
from diffusion_core.schedule import make_schedule
from diffusion_core.seeding import parse_seed

from ..shared.python_needs import NEEDS, NEEDS_PICTURE
from .form import NoiseForm
from .pictures import file_of


def code(form: NoiseForm, t: float) -> str:
    """The lines for the controls' values, or a comment with the error in them.

    Args:
        form: The values of the controls.
        t: The timestep that the page shows.
    """
    try:
        return lines(form, int(t))
    except ValueError as error:
        return f"# {error}"


def lines(form: NoiseForm, t: int) -> str:
    """Python that computes `x_t`, (1, C, H, W) in [-1, 1], and saves it.

    It runs from any folder where the package is installed; its first line says that it needs it.

    Raises:
        ValueError: if a control holds what it may not; one sentence.
    """
    seed, value_range = parse_seed(form.seed), parse_range(form.value_range)
    schedule = make_schedule(form.schedule)
    t = max(0, min(t, len(schedule) - 1))
    shipped = file_of(form.picture)
    where = f'Path(tabs.__path__[0], "static", "pictures", "{shipped}")'
    place = where if shipped else '"picture.png"'
    ranged = "" if value_range == AUTOMATIC else f", value_range={value_range!r}"
    return "\n".join(
        [
            NEEDS,
            *(["from pathlib import Path", ""] if shipped else [NEEDS_PICTURE]),
            "import torch",
            "",
            *(["import tabs"] if shipped else []),
            "from diffusion_core.data import fit_picture, from_uint8, read_picture",
            "from diffusion_core.data import to_pil, to_uint8",
            "from diffusion_core.process import q_sample",
            "from diffusion_core.schedule import make_schedule",
            "from diffusion_core.seeding import draw_noise",
            "",
            f'schedule = make_schedule("{form.schedule}")',
            f"picture = read_picture({place}{ranged})",
            f'square = fit_picture(picture, {form.size}, "{form.crop}")',
            "x0 = from_uint8(square[None])  # (1, C, H, W), from -1 to 1",
            f"eps = draw_noise(x0.shape, torch.Generator().manual_seed({seed}))",
            f"t = {t}  # 0 to {len(schedule) - 1}",
            f"x_t = q_sample(x0, t, eps, schedule)  # here {float(schedule.alpha(t)):.4f} x0 "
            f"+ {float(schedule.sigma(t)):.4f} eps",
            'to_pil(to_uint8(x_t)[0]).save("x_t.png")',
        ]
    )
