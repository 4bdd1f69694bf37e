"""What a checkpoint looks like on the Hub: its card with front matter, and a sheet of samples."""

from __future__ import annotations

import re
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .checkpoint import Checkpoint
from .images import grid, to_pil, to_uint8
from .samplers import draw_noise, sample
from .state import replace_file

SAMPLES = "samples.png"
TAGS = ("diffusion", "ddpm", "unconditional-image-generation")
STEPS, SHEET_PIXELS = 25, 480
FRONT_MATTER = re.compile(r"\A\s*---\r?\n.*?\n---[ \t]*\r?\n", re.S)


def write_samples(path: Path, checkpoint: Checkpoint) -> str:
    """Draw a sheet of samples, enlarged crisp, and write it as PNG; gives its caption.

    Classes come one after the other, image i has seed i, and none is picked. Large pictures are
    fewer, since each takes long.

    Args:
        path: Of the file.
        checkpoint: What draws; on the device that its network is on.
    """
    config, (C, H, W) = checkpoint.config, checkpoint.image_shape
    num = 16 if max(H, W) <= 96 else 4
    classes = checkpoint.unet.config.num_classes
    labels = torch.arange(num) % classes if classes else None
    steps = min(STEPS, len(checkpoint.schedule))
    generators = [torch.Generator().manual_seed(i) for i in range(num)]
    device = next(checkpoint.unet.parameters()).device
    walk = sample(
        checkpoint.denoiser(labels),
        draw_noise((num, C, H, W), generators).to(device),
        checkpoint.schedule,
        sampler="ddim",
        num_steps=steps,
        clip_x0=config.clip_x0,
        generator=generators,
    )
    last = deque(walk, maxlen=1)[0]
    sheet = grid(to_uint8(last.x_prev))
    scale = max(1, SHEET_PIXELS // max(sheet.shape[:2]))
    large = np.kron(sheet, np.ones((scale, scale, 1), np.uint8))
    replace_file(path, lambda file: to_pil(large).save(file, format="PNG"))
    order = ", one class after the other" if classes else ""
    return f"Samples that were not picked: ddim, {steps} steps, seeds 0 to {num - 1}{order}."


def card_for_hub(text: str, hub_id: str, caption: str | None, licence: str | None = None) -> str:
    """A card as the Hub wants it: front matter in order, samples shown, the id where to load it.

    What the card says already stays: its licence, its other tags, a picture of samples of its own.

    Args:
        text: The card so far.
        hub_id: Where it goes.
        caption: Of the samples; None is a sheet that came with the folder.
        licence: As the Hub names it; None is the card's own, else mit.

    Raises:
        ValueError: if its front matter cannot be read.
    """
    from huggingface_hub import ModelCard

    if not FRONT_MATTER.match(text):
        text = f"---\nlicense: mit\n---\n{text}"
    try:
        card = ModelCard(text)
        data: Any = card.data
        known = data.to_dict()
        tags = known.get("tags") or []
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise ValueError("tags")
    except Exception as error:  # of YAML's own kinds, too
        raise ValueError(
            "The front matter of the card README.md cannot be read; mend what stands between its "
            "first two lines of ---."
        ) from error
    data.license = licence or known.get("license") or "mit"
    data.tags = [*tags, *(tag for tag in TAGS if tag not in tags)]
    data.library_name = known.get("library_name") or "pytorch"
    data.pipeline_tag = known.get("pipeline_tag") or TAGS[-1]
    body = card.text.replace("--model FOLDER", f"--model {hub_id}")
    body = body.replace('from_pretrained("FOLDER"', f'from_pretrained("{hub_id}"')
    if SAMPLES not in body:
        shown = f"![Samples]({SAMPLES})\n" + (f"\n{caption}\n" if caption else "")
        place = re.search(r"^## ", body, re.M)
        at = place.start() if place else len(body)
        body = f"{body[:at].rstrip()}\n\n{shown}\n{body[at:]}".rstrip() + "\n"
    card.text = body
    return str(card)
