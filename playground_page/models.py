"""What the page needs of a model: its graph, the tables of its walks, and a few words."""

from __future__ import annotations

import dataclasses
import gzip
import json
from pathlib import Path
from typing import Any

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.conditioning import UNSPECIFIED
from diffusion_core.engines import browser_graph
from diffusion_core.files import folder_name, replace_file
from diffusion_core.generation import SamplingRequest, table_of
from diffusion_core.samplers import sampler_named
from diffusion_core.schedule import SPACINGS, FlowSchedule
from tabs.denoise.captions import formulas
from tabs.denoise.form import SAMPLER_CHOICES, sampler_of, takes_eta
from tabs.shared.text import as_words

STEPS = (5, 10, 20, 25, 50)
ETAS = (0.0, 0.5, 1.0)


def key_of(choice: str, spacing: str, steps: int, eta: float) -> str:
    """The name of a walk among a model's tables; page/walks.js makes the same."""
    return f"{choice} {spacing} {steps} {eta:g}"


def tables(checkpoint: Checkpoint, steps: tuple[int, ...] = STEPS) -> dict[str, Any]:
    """The table of every walk that can be chosen, by its name."""
    made: dict[str, Any] = {}
    for _, choice in SAMPLER_CHOICES:
        sampler, variance = sampler_of(choice)
        for spacing in SPACINGS:
            for count in steps:
                for eta in ETAS if takes_eta(choice) else (0.0,):
                    request = SamplingRequest(
                        sampler=sampler,
                        variance=variance,
                        spacing=spacing,
                        num_steps=count,
                        eta=eta,
                    )
                    rows = [dataclasses.asdict(row) for row in table_of(checkpoint, request)]
                    made[key_of(choice, spacing, count, eta)] = _short(rows)
    return made


def _short(value: Any) -> Any:
    """The same with numbers of nine digits, which is more than single precision holds."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, dict):
        return {k: _short(v) for k, v in value.items()}
    return [_short(v) for v in value] if isinstance(value, list) else value


def write_model(
    folder: Path, name: str, checkpoint: Checkpoint, steps: tuple[int, ...] = STEPS
) -> dict[str, Any]:
    """Write a model's graph and tables into a folder, and give what the page is told of it.

    Raises:
        ValueError: in one sentence, if its walks cannot be walked in a browser.
        OSError: if a file cannot be written.
    """
    config = checkpoint.config
    stem = folder_name(name)
    graph = browser_graph(checkpoint.unet)
    walks = gzip.compress(json.dumps(tables(checkpoint, steps)).encode(), mtime=0)
    for file, content in ((f"{stem}.onnx", graph), (f"{stem}-walks.json.gz", walks)):
        replace_file(folder / file, lambda beside, held=content: beside.write_bytes(held))  # type: ignore[misc]
    plain = [] if not checkpoint.num_classes else [UNSPECIFIED] * len(checkpoint.attributes)
    classes = [
        (as_words(each), [index, *plain] if plain else index)
        for index, each in enumerate(config.class_names)
    ]
    null = checkpoint.num_classes
    return {
        "name": name,
        "graph": f"{folder.name}/{stem}.onnx",
        "walks": f"{folder.name}/{stem}-walks.json.gz",
        "bytes": len(graph),
        "weights": checkpoint.weights_hash,
        "shape": checkpoint.image_shape,
        "clip": SamplingRequest().clip_limit(checkpoint),
        "classes": classes,
        "null": ([null, *plain] if plain else null) if checkpoint.null_label else None,
        "straight": isinstance(checkpoint.schedule, FlowSchedule),
        "formulas": {
            sampler: formulas([sampler], checkpoint.schedule)[sampler]
            for sampler in {sampler_of(choice)[0] for _, choice in SAMPLER_CHOICES}
        },
        "about": f"{config.dataset}, {checkpoint.num_parameters / 1e6:.1f} million parameters",
    }


def samplers() -> dict[str, dict[str, Any]]:
    """By the menu's choice: the sampler of the core, its variance, and whether it takes eta."""
    made = {}
    for _, choice in SAMPLER_CHOICES:
        sampler, variance = sampler_of(choice)
        record = sampler_named(sampler)
        made[choice] = {"sampler": record.name, "variance": variance, "eta": takes_eta(choice)}
    return made
