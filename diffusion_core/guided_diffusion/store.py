"""A classifier as a folder: `config.json`, `model.safetensors` in half precision, a card.

Beside them lies `results.json`: its accuracy by log-SNR, and the curve of what its guidance does.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..checkpoint import (
    CONFIG,
    WEIGHTS,
    GuidingClassifier,
    digest_of,
    in_a_sentence,
    read_network,
)
from ..data import ImageDataset
from ..fields import MAX_BYTES, Kind, check_fields, listed, mapping, parse_json, printable, text
from ..files import save_tensors, write_text
from .classifier import CLASSIFIER, ClassifierConfig, NoisyClassifier

FORMAT = "diffusion-playground-classifier/1"
FIELDS: dict[str, Kind] = {
    "network": mapping(CLASSIFIER),
    "class_names": listed(text(300, least=1), 2, 1000),
    "dataset": text(10_000, lines=True),
    "training": mapping(),
}


def save_classifier(
    folder: str | Path,
    classifier: NoisyClassifier,
    data: ImageDataset,
    training: dict[str, Any],
) -> None:
    """Write `model.safetensors`, in half precision, and `config.json`.

    Args:
        folder: Made if it is not there.
        classifier: The classifier.
        data: What it was trained on, which names its classes.
        training: How: settings, command, seconds of processor time.

    Raises:
        ValueError: if a weight overflows half precision.
    """
    half = {k: v.detach().cpu().half().contiguous() for k, v in classifier.state_dict().items()}
    if not all(bool(torch.isfinite(v).all()) for v in half.values()):
        raise ValueError("A weight is not finite in half precision; the training has diverged.")
    folder = Path(folder)
    save_tensors(folder / WEIGHTS, half, {"format": "pt"})
    values = {
        "format": FORMAT,
        "network": dataclasses.asdict(classifier.config),
        "class_names": list(data.class_names),
        "dataset": data.name,
        "training": training,
    }
    write_text(folder / CONFIG, json.dumps(values, indent=2) + "\n")


def load_classifier(folder: str | Path) -> GuidingClassifier:
    """Read a classifier from its folder; on the CPU, in fp32.

    Raises:
        ValueError: if it is not there, is broken, or something else, in one sentence.
    """
    folder = Path(folder)
    name = printable(folder.name)
    if not (folder / CONFIG).is_file():
        raise ValueError(
            f"{name} holds no classifier; train one with `python -m diffusion_core classifier "
            "train`."
        )
    with in_a_sentence(name):
        with open(folder / CONFIG, "rb") as opened:
            values = parse_json(opened.read(MAX_BYTES + 1), f"its {CONFIG}")
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            raise ValueError(f"its {CONFIG} is not of the form {FORMAT}.")
        check_fields(values, FIELDS, required=("network", "class_names"))
        config = ClassifierConfig.from_dict(values["network"])
        if len(values["class_names"]) != config.num_classes:
            raise ValueError(
                f"its class_names are {len(values['class_names'])}, and must be "
                f"{config.num_classes}."
            )
        digest = digest_of(folder / WEIGHTS)
        network = read_network(folder / WEIGHTS, lambda: NoisyClassifier(config))
    return GuidingClassifier(
        network.eval().requires_grad_(False),
        tuple(printable(each) for each in values["class_names"]),
        name,
        digest,
        printable(values.get("dataset", "")),
        values.get("training", {}),
    )


def classifier_folders(folders: Sequence[Path]) -> list[Path]:
    """The folders of classifiers that lie in these folders, by name."""
    found = []
    for folder in folders:
        for file in sorted(folder.glob(f"*/{CONFIG}")):
            try:
                values = json.loads(file.read_text(encoding="utf-8"))
            except (ValueError, OSError):
                continue
            if isinstance(values, dict) and values.get("format") == FORMAT:
                found.append(file.parent)
    return found


def find_classifier(folders: Sequence[Path], weights: str) -> GuidingClassifier:
    """The classifier with these weights, from the folders in which classifiers lie.

    Args:
        folders: See `classifier_folders`.
        weights: SHA-256 of its weights file, hex.

    Raises:
        ValueError: if there is none.
    """
    for folder in classifier_folders(folders):
        if (folder / WEIGHTS).is_file() and digest_of(folder / WEIGHTS) == weights:
            return load_classifier(folder)
    raise ValueError(
        f"The classifier that guided this walk, with weights {weights[:8]}, is not here; name it "
        "by --classifier FOLDER."
    )
