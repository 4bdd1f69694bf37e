"""The model card: what a checkpoint is, how it was made, and its measured results.

The results are rendered from `results.json`; see `evaluation`.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from ..checkpoint import CARD, CONFIG, TABLE_BEGIN, TABLE_END, Checkpoint
from ..data import CREDIT
from ..evaluation import Results, best_value, read_results, results_markdown
from ..files import write_text
from ..schedule import FlowSchedule

USAGE = re.compile(r"^    python -m diffusion_core sample --model FOLDER .*$", re.MULTILINE)
FIRST = re.compile(r"^A (?:DDPM|flow model) on .*, the network predicts \w+\.$", re.MULTILINE)
TRAINED = re.compile(r"^## Training\n\n    .*\n\n\S+ steps\. .*\n", re.MULTILINE)


def write_card(folder: Path, checkpoint: Checkpoint, results: Results) -> None:
    """Show measured results in the folder's card, and leave the rest of it as it is.

    Args:
        folder: Folder of the checkpoint.
        checkpoint: The measured checkpoint.
        results: All results to show, as `save_results` returns them.
    """
    card = folder / CARD
    text = card.read_text(encoding="utf-8") if card.exists() else ""
    write_text(card, with_results(full_card(text, checkpoint), results))


def with_results(text: str, results: Results) -> str:
    """A card whose marked part shows these results; marks are added where it has none."""
    if TABLE_BEGIN not in text or TABLE_END not in text:
        text = f"{text.rstrip()}\n\n## Measured\n\n{TABLE_BEGIN}\n{TABLE_END}\n"
    head, _, rest = text.partition(TABLE_BEGIN)
    _, _, tail = rest.partition(TABLE_END)
    return f"{head}{TABLE_BEGIN}\n{results_markdown(results)}\n{TABLE_END}{tail}"


def keep_default(folder: Path, checkpoint: Checkpoint) -> Checkpoint:
    """Make the best of the measured settings the default of a checkpoint; see `best_value`.

    Args:
        folder: Folder of the checkpoint; its config gets these settings and keeps all others.
        checkpoint: The checkpoint that was read from there.

    Returns:
        The checkpoint with these settings.
    """
    results = read_results(folder, checkpoint.weights_hash)
    best = best_value(results) if results is not None else None
    if best is None:
        return checkpoint
    chosen: dict[str, Any] = {
        "sampler": best.sampler,
        "num_steps": best.num_steps,
        "guidance_scale": best.guidance_scale,
        "spacing": best.spacing,
    }
    sampling = checkpoint.config.sampling | chosen
    config = dataclasses.replace(checkpoint.config, sampling=sampling)
    write_text(folder / CONFIG, config.to_json())
    return dataclasses.replace(checkpoint, config=config)


def full_card(text: str, checkpoint: Checkpoint) -> str:
    """A card as it is, or one that describes where there are but the few words of a training.

    Its text on network, use and training, if it is in `describe`'s own words, is written anew: the
    training may have gone on since, with more layers, or been given another command, and another
    default been found.
    """
    if len(text.splitlines()) < 5:
        return describe(checkpoint)
    text = FIRST.sub(lambda _: network_of(checkpoint), text, count=1)
    text = USAGE.sub(lambda _: usage_of(checkpoint), text, count=1)
    return TRAINED.sub(lambda _: training_of(checkpoint), text)


def network_of(checkpoint: Checkpoint) -> str:
    """The card's first sentence."""
    config, parameters = checkpoint.config, checkpoint.num_parameters
    C, H, W = checkpoint.image_shape
    kind = "flow model" if isinstance(checkpoint.schedule, FlowSchedule) else "DDPM"
    return (
        f"A {kind} on {config.dataset}: {parameters / 1e6:.2f} M parameters, "
        f"images {H} × {W} × {C}, {config.schedule['name']} schedule with "
        f"T = {len(checkpoint.schedule)}, the network predicts {config.prediction_type}."
    )


def usage_of(checkpoint: Checkpoint) -> str:
    """The card's line that draws samples, with the model's default."""
    config, condition = checkpoint.config, ""
    sampler = config.sampling.get("sampler", "ddim")
    steps = config.sampling.get("num_steps", 25)
    scale = config.sampling.get("guidance_scale", 1.0)
    spacing = config.sampling.get("spacing", "trailing")
    spread = f"--spacing {spacing} " if spacing != "trailing" else ""
    if config.attribute_names:
        (name, values), *_ = config.attribute_names
        condition = f"--label {config.class_names[0]} --attribute {name}={values[0]} "
        condition += f"--guidance-scale {scale:g} " if scale != 1 else ""
    return (
        f"    python -m diffusion_core sample --model FOLDER --num 16 --sampler {sampler} "
        f"--steps {steps} {spread}{condition}--out out.png"
    )


def training_of(checkpoint: Checkpoint) -> str:
    """The card's words on the training."""
    training = checkpoint.config.training
    listed = ", ".join(f"{k} {v}" for k, v in training.get("settings", {}).items())
    return (
        f"## Training\n\n    {training.get('command', '')}\n\n"
        f"{training.get('steps', '?')} steps. {listed}.\n"
    )


def describe(checkpoint: Checkpoint) -> str:
    """A card without measurements: front matter, use, training."""
    config, shown = checkpoint.config, ""
    if config.attribute_names:
        lines = [f"- {name}: {', '.join(values)}" for name, values in config.attribute_names]
        shown = "\nIt can be asked for a class (" + ", ".join(config.class_names) + ") and for:\n\n"
        shown += "\n".join(lines) + "\n"
    if config.dataset.startswith("avatars"):
        shown += f"\n{CREDIT}\n"
    return f"""---
license: mit
library_name: pytorch
pipeline_tag: unconditional-image-generation
tags: [diffusion, ddpm, unconditional-image-generation]
---
# {Path(checkpoint.name).name}

{network_of(checkpoint)}

{usage_of(checkpoint)}
{shown}
## Measured

{TABLE_BEGIN}
{TABLE_END}

{training_of(checkpoint)}"""
