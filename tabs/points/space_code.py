"""The lines of Python that make the clouds which the view "Space" shows."""

from __future__ import annotations

from diffusion_core.generation import SamplingRequest

from ..shared.forms import parsed
from ..shared.python_needs import NEEDS
from .space_form import NOISE, OWN, SpaceForm

NEEDS_CLOUD = "# Needs cloud.ply, a cloud of your own; .xyz and .npy are read too."


def code(form: SpaceForm) -> str:
    """The lines for the controls' values, or a comment with the error in them."""
    try:
        return lines(form)
    except ValueError as error:
        return f"# {error}"


def lines(form: SpaceForm) -> str:
    """Python that computes `clouds`, (4, N, 3): the numbers that the page shows, to the bit.

    It runs from the repository's folder, where the network lies.

    Raises:
        ValueError: if a control holds what it may not; one sentence.
    """
    request = form.request()
    names = ["load_clouds"]
    given: list[str] = []
    imported = ["from diffusion_core.generation import SamplingRequest, walk"]
    if form.begin != NOISE:
        names.append("view_to_complete")
        imported.append("from diffusion_core.seeding import seeded")
        azimuth, elevation = float(parsed(form, "azimuth")), float(parsed(form, "elevation"))
        camera = f'{azimuth:g}, {elevation:g}, N, seeded("clouds", "seen")'
        if form.begin == OWN:
            names.append("read_cloud")
            given = [
                'points = read_cloud("cloud.ply")',
                f"given = view_to_complete(points, {camera})",
            ]
        else:
            names += ["CATEGORY_NAMES", "CloudDataset"]
            which = round(parsed(form, "shape"))
            given = [
                f"shapes = CloudDataset.of({which}, num_points=8192, held_out=True, seed=1)",
                f'index = CATEGORY_NAMES.index("{form.category}") * {which} + {which - 1}',
                "surface = shapes.batch(torch.tensor([index]))[0][0]  # (8192, 3)",
                f"given = view_to_complete(surface[:N], {camera}, surface)",
            ]
        given.insert(0, "N = model.sample_shape[0]  # points of a cloud")
    needs = [NEEDS_CLOUD] if form.begin == OWN else []
    torch_too = ["import torch", ""] if form.begin not in (NOISE, OWN) else []
    last = ", given" if given else ""
    return "\n".join(
        [
            NEEDS,
            *needs,
            *torch_too,
            f"from diffusion_core.clouds import {', '.join(sorted(names, key=str.lower))}",
            *imported,
            "",
            'model = load_clouds("pretrained/clouds")',
            *given,
            f"request = {shown(request)}",
            f"for step in walk(model, request{last}):",
            "    clouds = step.x_prev  # (4, N, 3)",
            "print(clouds)",
        ]
    )


def shown(request: SamplingRequest) -> str:
    """The request as Python, with what differs from its defaults."""
    default = SamplingRequest()
    names = "num_images label sampler num_steps eta guidance_scale seed resample".split()
    values = {name: getattr(request, name) for name in names}
    said = [f"{k}={v!r}" for k, v in values.items() if v != getattr(default, k)]
    return f"SamplingRequest({', '.join(said)})"
