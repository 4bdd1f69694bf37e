"""A CLIP as a folder: `config.json`, `model.safetensors` in half precision, a card.

Beside them lies `results.json`: how well it retrieves and names, by log-SNR.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..checkpoint import (
    CONFIG,
    WEIGHTS,
    GuidingClip,
    digest_of,
    in_a_sentence,
    read_folder,
    save_network,
)
from ..fields import MAX_BYTES, Kind, check_fields, listed, mapping, parse_json, printable, text
from ..glide import Tokenizer, words_of
from .network import CLIP, Clip, ClipConfig

FORMAT = "diffusion-playground-clip/1"
FIELDS: dict[str, Kind] = {
    "network": mapping(CLIP),
    "vocabulary": listed(text(100, least=1), 1, 20_000),
    "dataset": text(10_000, lines=True),
    "training": mapping(),
}


@dataclass(frozen=True)
class ClipSettings:
    """Everything but the weights.

    Attributes:
        network: The network's shape.
        vocabulary: The words that it knows, in the order of their numbers.
        dataset: What it was trained on, in words.
        training: How it was trained: settings, steps and command.

    Raises:
        ValueError: if vocabulary and network do not fit.
    """

    network: ClipConfig
    vocabulary: tuple[str, ...]
    dataset: str = ""
    training: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        words, count = self.vocabulary, self.network.text.num_words
        if len(set(words)) != count or len(words) != count:
            raise ValueError(f"its vocabulary must have {count} different words, as its network.")
        if bad := next((w for w in words if words_of(w) != [w]), None):
            raise ValueError(f"its vocabulary holds {printable(bad)!r}, which is not one word.")

    @property
    def tokenizer(self) -> Tokenizer:
        """What turns captions into this network's numbers."""
        return Tokenizer(self.vocabulary, self.network.text.length)

    def to_json(self) -> str:
        """The settings as JSON."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, data: str | bytes) -> ClipSettings:
        """Read what `to_json` wrote.

        Raises:
            ValueError: if it is something else.
        """
        values = parse_json(data, f"its {CONFIG}")
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            raise ValueError(f"its {CONFIG} is not of the form {FORMAT}.")
        check_fields(values, FIELDS, required=("network", "vocabulary"))
        values["network"] = ClipConfig.from_dict(values["network"])
        values["vocabulary"] = tuple(values["vocabulary"])
        return cls(**values)


def save_clip(
    folder: str | Path, clip: Clip, settings: ClipSettings, card: str | None = None
) -> None:
    """Write a CLIP; each file beside its name, then renamed into place.

    Args:
        folder: Made if it is not there.
        clip: Its weights are stored in half precision.
        settings: Its settings.
        card: Text of the README.md; None writes a short one, or keeps one that is there.

    Raises:
        ValueError: if the CLIP is not what the settings describe, or overflows half precision.
    """
    save_network(folder, clip, settings.network, settings, card)


def read_clip(folder: str | Path) -> tuple[Clip, ClipSettings]:
    """A CLIP and its settings from its folder; in evaluation mode, on the CPU, in fp32.

    Raises:
        ValueError: if it is not there, is broken, or something else, in one sentence.
    """
    clip, settings, _ = _read(folder)
    return clip, settings


def read_clip_settings(folder: str | Path) -> ClipSettings:
    """The settings of a CLIP; its weights are not read.

    Raises:
        ValueError: if they are not there, are broken, or something else, in one sentence.
    """
    with in_a_sentence(printable(Path(folder).name)), open(Path(folder) / CONFIG, "rb") as opened:
        return ClipSettings.from_json(opened.read(MAX_BYTES + 1))


def load_clip(folder: str | Path) -> GuidingClip:
    """A CLIP from its folder, to stand beside a model; see `Checkpoint.guided_by_clip`.

    Raises:
        ValueError: if it is not there, is broken, or something else, in one sentence.
    """
    clip, settings, digest = _read(folder)
    return GuidingClip(
        clip,
        settings.tokenizer.read,
        printable(Path(folder).name),
        digest,
        printable(settings.dataset),
        settings.training,
    )


def clip_folders(folders: Sequence[Path]) -> list[Path]:
    """The folders of CLIPs that lie in these folders, by name."""
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


def find_clip(folders: Sequence[Path], weights: str | None = None) -> GuidingClip:
    """The CLIP with these weights, from the folders in which CLIPs lie.

    Args:
        folders: See `clip_folders`.
        weights: SHA-256 of its weights file, hex; None takes the first.

    Raises:
        ValueError: if there is none.
    """
    for folder in clip_folders(folders):
        file = folder / WEIGHTS
        if file.is_file() and (weights is None or digest_of(file) == weights):
            return load_clip(folder)
    if weights is None:
        raise ValueError("There is no CLIP here; name one by --clip FOLDER.")
    raise ValueError(
        f"The CLIP that guided this walk, with weights {weights[:8]}, is not here; name it by "
        "--clip FOLDER."
    )


def _read(folder: str | Path) -> tuple[Clip, ClipSettings, str]:
    if not (Path(folder) / CONFIG).is_file():
        raise ValueError(
            f"{printable(Path(folder).name)} holds no CLIP; train one with `python -m "
            "pretrained.recipes.clip`."
        )
    return read_folder(folder, ClipSettings.from_json, lambda settings: Clip(settings.network))
