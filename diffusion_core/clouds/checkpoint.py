"""A network of clouds as a folder: `config.json`, `model.safetensors` in half precision, a card.

It becomes a `Checkpoint` as a model of pictures does, so that walks, guidance and conditions are
those of pictures; the folder's form tells it apart.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..checkpoint import (
    CONFIG,
    Checkpoint,
    load_network,
    save_network,
    schedule_from,
)
from ..conditioning import AttributeNames
from ..denoiser import PREDICTION_TYPES
from ..fields import (
    Kind,
    check_fields,
    flag,
    listed,
    mapping,
    number,
    one_of,
    optional,
    parse_json,
    text,
    whole,
)
from .network import CloudNetwork, CloudNetworkConfig

FORMAT = "diffusion-playground-clouds/1"
NETWORK: dict[str, Kind] = {
    "num_points": whole(1, 100_000),
    "grids": listed(whole(2, 64), 1, 6),
    "widths": listed(whole(8, 1024), 1, 6),
    "convolutions": whole(1, 8),
    "attention": whole(1, 32),
    "frequencies": whole(0, 16),
    "embedding": whole(2, 4096),
    "num_classes": optional(whole(1, 10_000)),
    "null_label": flag(),
}
FIELDS: dict[str, Kind] = {
    "network": mapping(NETWORK),
    "schedule": mapping(),
    "prediction_type": one_of(PREDICTION_TYPES),
    "class_names": listed(text(300, least=1), 0, 10_000),
    "dataset": text(10_000, lines=True),
    "training": mapping(),
    "sampling": mapping(),
    "clip_x0": number(0, 1000),
    "notes": listed(text(10_000, lines=True), 0, 100),
}


@dataclass(frozen=True)
class CloudConfig:
    """Everything but the weights, a `checkpoint.ModelSettings`.

    Attributes:
        network: The network's shape.
        schedule: Arguments of `make_schedule`.
        prediction_type: What the network's output means.
        class_names: The categories, in label order.
        dataset: What it was trained on, in words.
        training: How it was trained: settings, steps and command.
        sampling: Recommended settings of a walk, by their names in `samplers.sample`.
        clip_x0: Predicted clouds are clipped to [-clip_x0, clip_x0]; 0 is not clipped.
        notes: Sentences about it that a user should read.
    """

    network: CloudNetworkConfig
    schedule: dict[str, Any]
    prediction_type: str = "v_prediction"
    class_names: tuple[str, ...] = ()
    dataset: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    sampling: dict[str, Any] = field(default_factory=dict)
    clip_x0: float = 1.0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what does not fit together.

        Raises:
            ValueError: in one sentence.
        """
        if len(self.class_names) != (self.network.num_classes or 0):
            raise ValueError(
                f"its class_names are {len(self.class_names)}, and must be "
                f"{self.network.num_classes or 0}, one for each of the network's categories."
            )
        schedule_from(self.schedule)

    @property
    def attribute_names(self) -> AttributeNames:
        """It has no attributes."""
        return ()

    @property
    def attribute_classes(self) -> AttributeNames:
        """It has no attributes."""
        return ()

    def to_json(self) -> str:
        """The settings as JSON."""
        return json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, data: str | bytes) -> CloudConfig:
        """Read what `to_json` wrote.

        Raises:
            ValueError: if it is something else.
        """
        values = parse_json(data, f"its {CONFIG}")
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            raise ValueError(f"its {CONFIG} is not of the form {FORMAT}.")
        check_fields(values, FIELDS, required=("network", "schedule"))
        shape: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values["network"].items()
        }
        values |= {"network": CloudNetworkConfig(**shape)}
        for name in ("class_names", "notes"):
            values[name] = tuple(values.get(name, ()))
        return cls(**values)


def save_clouds(
    folder: str | Path, network: CloudNetwork, config: CloudConfig, card: str | None = None
) -> None:
    """Write a network of clouds; each file beside its name, then renamed into place.

    Args:
        folder: Made if it is not there.
        network: Its weights are stored in half precision.
        config: Its settings.
        card: Text of the README.md; None writes a short one, or keeps one that is there.

    Raises:
        ValueError: if the network is not what config describes, or overflows half precision.
    """
    save_network(folder, network, config.network, config, card)


def load_clouds(folder: str | Path) -> Checkpoint:
    """Read a network of clouds from its folder.

    Raises:
        ValueError: if it is not there, is broken, or something else, in one sentence.
    """
    return load_network(folder, CloudConfig.from_json, lambda config: CloudNetwork(config.network))
