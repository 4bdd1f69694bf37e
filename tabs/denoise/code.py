"""The lines of Python that make what the Denoise tab shows."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from diffusion_core.checkpoint import Checkpoint, shipped_folder
from diffusion_core.conditioning import CLASS
from diffusion_core.engines import ONNXRUNTIME
from diffusion_core.generation import SamplingRequest
from diffusion_core.seeding import MAX_SEED

from ..shared.forms import parsed
from ..shared.python_needs import NEEDS, NEEDS_PICTURE
from ..shared.sessions import SESSIONS
from .form import HOLE, NOISE, PICTURE, ROW, SEEDS, DenoiseForm


def code(form: DenoiseForm) -> str:
    """The lines for the controls' values, or a comment with the error in them."""
    try:
        checkpoint = form.checkpoint()
        # A picture and a hole are files of the reader's own: the lines show where they go.
        walk, _ = dataclasses.replace(form, begin=NOISE).walk(checkpoint)
        return lines(checkpoint, form, walk)
    except ValueError as error:
        return f"# {error}"


def lines(checkpoint: Checkpoint, form: DenoiseForm, walk: SamplingRequest) -> str:
    """Python that computes a walk and saves it: `images`, (B, C, H, W) in [-1, 1], as a sheet.

    It runs from any folder where the package is installed; its first line says that it needs it.
    """
    C, H, _ = checkpoint.image_shape
    where, ships = _place(checkpoint.name)
    shown, words = _condition(checkpoint, walk)
    count = ROW if form.begin == SEEDS else walk.num_images
    imports = [
        "import torch",
        f"from diffusion_core.checkpoint import load_checkpoint{', shipped_folder' * ships}",
        "from diffusion_core.samplers import draw_noise, sample",
    ]
    body = [f"model = load_checkpoint({where})"]
    # A loaded model is on the CPU, where what evaluates networks on a GPU cannot be asked for.
    if (engine := walk.engine(checkpoint)) == ONNXRUNTIME:
        imports.append("from diffusion_core.engines import on_engine")
        body.append(f'model = on_engine(model, "{engine}")')
    if walk.switches is not None:
        imports += [
            "import dataclasses",
            "from diffusion_core.inspection import Switches, switched",
        ]
        body.append(f"switches = Switches.from_dict({walk.switches.to_dict()!r})")
        body.append("network = switched(model.unet, switches)")
        body.append("model = dataclasses.replace(model, network=network)")
    tools = ["grid", "to_pil", "to_uint8"]
    guided = f", guidance_scale={walk.guidance_scale:g}" if walk.guidance_scale != 1 else ""
    body.append(f"denoiser = model.denoiser({shown}{guided}){words}")
    seeds = f"{walk.seed}" if form.begin == SEEDS else f"{walk.seed} + i"
    if walk.seed + count > MAX_SEED + 1 and form.begin != SEEDS:
        seeds = f"({seeds}) % 2**64"
    body.append(
        f"generators = [torch.Generator().manual_seed({seeds}) for i in range({count})]",
    )
    body.append(f"x = draw_noise(({count}, *model.image_shape), generators)")
    options = [f'sampler="{walk.sampler}"', f"num_steps={walk.num_steps}"]
    if walk.eta:
        options.append(f"eta={walk.eta:g}")
    if walk.spacing != "trailing":
        options.append(f'spacing="{walk.spacing}"')
    if walk.variance != "posterior":
        options.append(f'variance="{walk.variance}"')
    if walk.threshold != "static":
        options.append(f'threshold="{walk.threshold}"')
    if walk.clip_limit(checkpoint) != 1:
        options.append(f"clip_x0={walk.clip_limit(checkpoint):g}")
    call = "sample(denoiser, x, model.schedule, "
    if form.begin == SEEDS:
        imports.append("from diffusion_core.process import slerp")
        body.append(f"end = torch.Generator().manual_seed({parsed(form, 'seed_to')})")
        body.append(f"x = slerp(x[:1], draw_noise(x[:1].shape, end), {count})")
    elif form.begin in (PICTURE, HOLE):
        imports.insert(1, "import numpy as np")
        tools += ["fit_picture", "from_uint8", "read_picture"]
        mode = "L" if C == 1 else "RGB"
        body.append(f'square = fit_picture(read_picture("picture.png"), {H})')
        body.append(f'picture = np.array(to_pil(square).convert("{mode}"))')
        body.append(f"x0 = from_uint8(picture.reshape(1, {H}, {H}, {C}))")
    if form.begin == PICTURE and form.start is not None:
        _, t = form.start.fit(checkpoint)
        imports.append("from diffusion_core.process import q_sample")
        body.append(f"x = q_sample(x0.expand_as(x), {t}, x, model.schedule)")
        options.append(f"t_start={t}")
    elif form.begin == HOLE:
        imports.remove("from diffusion_core.samplers import draw_noise, sample")
        imports.append("from diffusion_core.samplers import draw_noise")
        imports.append("from diffusion_core.inpainting import inpaint")
        body.append("mask = torch.ones(1, 1, *x.shape[2:])  # 1 keeps, 0 is made anew")
        body.append("mask[..., : x.shape[3] // 2] = 0")
        call = "inpaint(denoiser, x0.expand_as(x), mask, x, model.schedule, "
        if not walk.eta:
            options.append("eta=0")
        options.append(f"resample={int(form.resample)}")
    options.append("generator=generators")
    joined = ", ".join(options)
    body.append(f"for step in {call}\n                   {joined}):")
    body.append("    print(step.t, step.nfe, float(step.x0_hat.std()))")
    body.append("images = step.x_prev")
    body.append('to_pil(grid(to_uint8(images))).save("images.png")')
    imports.append(f"from diffusion_core.data import {', '.join(sorted(tools))}")
    needs = [NEEDS, *([NEEDS_PICTURE] if form.begin in (PICTURE, HOLE) else [])]
    imports.sort(key=lambda line: (line.startswith("from"), line))
    return "\n".join([*needs, *imports, "", *body])


def _place(name: str) -> tuple[str, bool]:
    """The place of a model as Python, and whether it is among those that ship."""
    folder = Path(name)
    if folder.parent == shipped_folder():
        return f"shipped_folder() / {json.dumps(folder.name, ensure_ascii=False)}", True
    if not folder.is_dir():  # an id of the Hub
        return json.dumps(name, ensure_ascii=False), False
    # A stranger's own model is on their disk once they have made a zip of it, under its name.
    place = folder.name if SESSIONS.public else str(folder.resolve())
    return json.dumps(place, ensure_ascii=False), False


def _condition(checkpoint: Checkpoint, walk: SamplingRequest) -> tuple[str, str]:
    """The condition as Python, and a comment that names the class."""
    if not walk.attributes:
        words = f"  # {' '.join(walk.label.split())}" if isinstance(walk.label, str) else ""
        return str(checkpoint.label(walk.label)), words
    named = {CLASS: walk.label} if walk.label is not None else {}
    return json.dumps({**named, **dict(walk.attributes)}, ensure_ascii=False), ""
