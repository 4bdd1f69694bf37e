"""What an evaluation measures, as records: the content of `results.json` beside a checkpoint.

A file holds one `Results`: which weights were measured, by which judge, in which precision and on
which machine, a row for each reference set of images, a row for each setting of a sampler, and, of
a model with attributes, how often each of them is shown.
"""

from __future__ import annotations

import dataclasses
import json
import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, NamedTuple

import torch
from pydantic import Field, FiniteFloat, TypeAdapter

from ..fields import parse_json
from ..samplers import SAMPLERS
from ..schedule import SPACINGS

FORMAT = "diffusion-playground/results-1"
MAX_CHARACTERS = 200_000  # the most in a file
MAX_ROWS = 200  # the most rows of samplers, since a page draws each of them
MIN_HASH = 12  # characters of a weights hash that tell two models apart
TRAINING_IMAGES = "training images"  # the reference that a judge reads best
READABLE = 0.8  # share of real images in which a judge must read an attribute right

# What a file may hold; records that are made here are not checked.
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Magnitude = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Setting(NamedTuple):
    """How the samples of one row are drawn; see `samplers.sample` and `denoiser`."""

    sampler: str
    steps: int
    eta: float = 0.0
    guidance_scale: float = 1.0
    spacing: str = "trailing"

    @property
    def words(self) -> str:
        """Sampler and settings, as in the first column of the table."""
        words = f"{self.sampler} {self.steps}"
        words += f", {self.spacing}" if self.spacing != "trailing" else ""
        words += f", eta {self.eta:g}" if self.eta else ""
        return words + (f", guidance {self.guidance_scale:g}" if self.guidance_scale != 1 else "")


@dataclass(frozen=True)
class Conditions:
    """What milliseconds and the last digits of a measurement depend on; None is not recorded.

    Attributes:
        precision: "fp32" or "bf16".
        torch_version: Without the build, as "2.8.0".
        num_threads: Threads that torch computed with.
        processor: Architecture of the machine, as "x86_64".
    """

    precision: str
    torch_version: str | None = None
    num_threads: int | None = None
    processor: str | None = None

    @classmethod
    def here(cls, precision: str) -> Conditions:
        """The conditions of a measurement by this process."""
        version = torch.__version__.split("+")[0]
        return cls(precision, version, torch.get_num_threads(), platform.machine())


@dataclass(frozen=True)
class JudgeFacts:
    """The network in whose features distances are taken, and which reads what images show.

    Attributes:
        test_accuracy: Share of the test images whose class it reads right; None is not recorded.
        num_features: Dimensions of its features.
        reads_attributes: Whether it has a head for every attribute, beside the one for the class.
        reads_parts: Whether it learned other parts of the images too.
    """

    test_accuracy: FiniteFloat | None
    num_features: Count = 128
    reads_attributes: bool = False
    reads_parts: bool = False

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> JudgeFacts:
        """The facts in the `config.json` of a judge's folder."""
        return cls(
            float(config["test_accuracy"]),
            int(config.get("features", 128)),
            "features" in config,
            bool(config.get("parts")),
        )

    @property
    def words(self) -> str:
        """The sentence of the card on the judge; of equal sentences one judge is assumed."""
        if not self.reads_attributes:
            known = (
                "" if self.test_accuracy is None else f", {self.test_accuracy:.1%} on the test set"
            )
            return (
                f"Judge: a small classifier{known}; the Frechet distance is taken in its "
                f"{self.num_features} features against all test images."
            )
        parts = ", which learnt other parts of the pictures too" if self.reads_parts else ""
        return (
            f"Judge: a small network with a head for every attribute{parts}; the Frechet distance "
            f"is taken in its {self.num_features} features against all held-out pictures."
        )


@dataclass(frozen=True)
class ReferenceRow:
    """Images that no sampler drew, measured like samples: they give the distances a scale.

    Attributes:
        name: A name of the images, as "training images".
        num_samples: Number of images measured.
        frechet_distance: Between them and the test images, in the features of the judge.
        class_accuracy: Share of images in which the judge reads the class that they have; None
            where they have none.
        attribute_accuracy: The same share for attributes, their mean; None where there are none.
    """

    name: str
    num_samples: Count
    frechet_distance: FiniteFloat
    class_accuracy: FiniteFloat | None = None
    attribute_accuracy: FiniteFloat | None = None


@dataclass(frozen=True)
class SamplerRow:
    """One setting of a sampler, measured.

    Attributes:
        sampler: One of `SAMPLERS`.
        num_steps: Steps of the sampler.
        num_evaluations: Evaluations of the network an image; a guided one counts once.
        num_samples: Number of images drawn.
        frechet_distance: Between them and the test images, in the features of the judge.
        class_accuracy: Share of images in which the judge reads the class of their condition; None
            where it is unspecified.
        attribute_accuracy: Share of the condition's attributes that the judge reads, the mean over
            the attributes; None where there are none.
        nearest_training_distance: Mean distance to the nearest training image, over that of test
            images: near 1 is as new as the test images are, near 0 is copied. None if the test
            images are training images.
        milliseconds_per_image: Time of one image, in batches of 250; None where times would not
            compare.
        spacing: One of `SPACINGS`.
        eta: DDIM's stochasticity; see `samplers.sample`.
        guidance_scale: Scale of classifier-free guidance; 1 is no guidance.
        conditions: Its own conditions, where they differ from those of the whole `Results`.
    """

    sampler: str
    num_steps: Count
    num_evaluations: Count
    num_samples: Count
    frechet_distance: FiniteFloat
    class_accuracy: FiniteFloat | None = None
    attribute_accuracy: FiniteFloat | None = None
    nearest_training_distance: FiniteFloat | None = None
    milliseconds_per_image: Magnitude | None = None
    spacing: str = "trailing"
    eta: Magnitude = 0.0
    guidance_scale: FiniteFloat = 1.0
    conditions: Conditions | None = None

    @property
    def setting(self) -> Setting:
        """How the samples were drawn."""
        return Setting(self.sampler, self.num_steps, self.eta, self.guidance_scale, self.spacing)

    @property
    def name(self) -> str:
        """Sampler and settings in words, as "dpmpp_2m 10, karras"."""
        return self.setting.words

    @property
    def plain(self) -> bool:
        """Whether it was run with neither eta nor guidance, and with the usual spacing."""
        return self.setting == Setting(self.sampler, self.num_steps)


@dataclass(frozen=True)
class AttributeAccuracy:
    """How often images that were drawn with an attribute show it.

    Attributes:
        name: Name of the attribute, or "class".
        values: Number of its values.
        real: Share of real held-out images in which the judge reads it right; None where no image
            has it.
        generated: That share of generated images, by guidance scale.
    """

    name: str
    values: Count
    real: FiniteFloat | None
    generated: dict[float, FiniteFloat | None]

    @property
    def readable(self) -> bool:
        """Whether the judge reads it well enough for a statement on generated images."""
        return self.real is not None and self.real >= READABLE


@dataclass(frozen=True)
class Results:
    """All that was measured of one checkpoint.

    Attributes:
        weights: SHA-256 of the weights file, or its beginning; "" where it was not recorded.
        judge: The judge that measured.
        conditions: Conditions of all rows that name none of their own.
        references: Rows of the sets of images that give the distances a scale.
        samplers: Rows of the settings of samplers.
        attributes: Accuracy of each attribute; empty where they were not measured.
    """

    weights: str
    judge: JudgeFacts
    conditions: Conditions
    references: tuple[ReferenceRow, ...] = ()
    samplers: tuple[SamplerRow, ...] = ()
    attributes: tuple[AttributeAccuracy, ...] = ()

    def belongs_to(self, weights_hash: str) -> bool:
        """Whether it is these weights that were measured; so it is taken if none were recorded."""
        known = len(self.weights) >= MIN_HASH and weights_hash.startswith(self.weights)
        return known or not self.weights

    @property
    def has_attributes(self) -> bool:
        """Whether the rows report how often attributes are shown."""
        rows: tuple[ReferenceRow | SamplerRow, ...] = (*self.references, *self.samplers)
        return any(row.attribute_accuracy is not None for row in rows)

    def to_json(self) -> str:
        """As text, in full precision; rows without a finite distance are left out."""
        kept = dataclasses.replace(
            self,
            references=tuple(r for r in self.references if math.isfinite(r.frechet_distance)),
            samplers=tuple(r for r in self.samplers if math.isfinite(r.frechet_distance)),
        )
        values = {"format": FORMAT, **dataclasses.asdict(kept)}
        for row in values["samplers"]:
            if row["conditions"] is None:
                del row["conditions"]
        return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> Results:
        """Read what `to_json` wrote; rows of samplers that are not known here are left out.

        Raises:
            ValueError: if it is something else.
        """
        if len(text) > MAX_CHARACTERS:
            raise ValueError("These results are longer than any that an evaluation writes.")
        values = parse_json(text, "This file of results")
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise ValueError(f"These results are not of the form {FORMAT}.")
        results = _adapter().validate_python(values)
        if not results.weights:
            raise ValueError("These results do not name the weights that were measured.")
        if len(results.samplers) > MAX_ROWS:
            raise ValueError(f"These results have more than {MAX_ROWS} rows.")
        known = [r for r in results.samplers if r.sampler in SAMPLERS and r.spacing in SPACINGS]
        return dataclasses.replace(results, samplers=tuple(known))


@cache
def _adapter() -> TypeAdapter[Results]:
    return TypeAdapter(Results)
