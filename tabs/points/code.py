"""The lines of Python that make the walk which the Points tab shows."""

from __future__ import annotations

from diffusion_core.points import STEPS
from diffusion_core.seeding import parse_seed

from ..shared.forms import parsed
from ..shared.python_needs import NEEDS, NEEDS_PICTURE
from .form import DRAWN, EXACT, PICTURE, WORD, PointsForm
from .learning import steps_here

NEEDS_POINTS = "# Needs points.npy, your own points in the plane: float32 (N, 2), from -1 to 1."


def code(form: PointsForm) -> str:
    """The lines for the controls' values, or a comment with the error in them."""
    try:
        return lines(form)
    except ValueError as error:
        return f"# {error}"


def lines(form: PointsForm) -> str:
    """Python that computes `samples`, (B, 2), where the walk of the chosen sampler ends.

    It runs from any folder where the package is installed; its first line says that it needs it.

    Raises:
        ValueError: if a control holds what it may not; one sentence.
    """
    steps, particles = parsed(form, "steps"), parsed(form, "particles")
    seed = parse_seed(form.seed)
    needs, imported, made = source(form)
    exact = form.model == EXACT
    denoiser = "ExactDenoiser" if exact else "ModelDenoiser"
    learnt = [] if exact else ["learn_points", "point_training"]
    imported = sorted({*imported, *learnt}, key=str.lower)
    return "\n".join(
        [
            NEEDS,
            *needs,
            "import torch",
            "",
            *(["from diffusion_core.data import read_picture"] if form.data == PICTURE else []),
            f"from diffusion_core.denoiser import {denoiser}",
            f"from diffusion_core.points import {', '.join(imported)}",
            "from diffusion_core.samplers import sample",
            "from diffusion_core.schedule import make_schedule",
            "from diffusion_core.seeding import seeded",
            "",
            'schedule = make_schedule("cosine")',
            *made,
            f'points = data.draw({form.count}, seeded("points", "to learn from"))  # (N, 2)',
            *training(exact, seed),
            f'noise = torch.randn({particles}, 2, generator=seeded("points", "walk", {seed}))',
            f'fresh = seeded("points", "fresh noise", {seed})',
            f'walk = sample(denoiser, noise, sampler="{form.sampler}", num_steps={steps},',
            "              clip_x0=False, generator=fresh)",
            "for step in walk:",
            "    samples = step.x_prev  # (B, 2)",
            "print(samples)",
        ]
    )


def source(form: PointsForm) -> tuple[list[str], list[str], list[str]]:
    """What the points need, the names that they import, and the lines that make `data`."""
    if form.data == WORD:
        return [], ["word"], [f"data = word({form.word!r})"]
    if form.data == DRAWN:
        made = ['data = from_points(torch.from_numpy(np.load("points.npy", allow_pickle=False)))']
        return [NEEDS_POINTS, "import numpy as np"], ["from_points"], made
    if form.data == PICTURE:
        made = [
            'picture = np.asarray(read_picture("picture.png"), dtype=float).mean(axis=2)',
            "data = from_darkness(picture.round().astype(np.uint8))",
        ]
        return [NEEDS_PICTURE, "import numpy as np"], ["from_darkness"], made
    return [], ["point_set"], [f'data = point_set("{form.data}")']


def training(exact: bool, seed: int) -> list[str]:
    """The lines that make `denoiser`."""
    if exact:
        return ["denoiser = ExactDenoiser(points, schedule)"]
    steps = "" if steps_here() == STEPS else f"steps={steps_here()}, "
    return [
        f'config = point_training("v_prediction", {steps}seed={seed})',
        "for step in learn_points(points, schedule, config):",
        "    if step.step % 100 == 0:",
        '        print(step.step, f"{step.loss:.4f}")',
        'denoiser = ModelDenoiser(step.network, schedule, "v_prediction")',
    ]
