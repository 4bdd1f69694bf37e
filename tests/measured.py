"""Results as an evaluation makes them, with made-up figures, for tests."""

from collections.abc import Sequence
from typing import Any

from diffusion_core.evaluation import Conditions, JudgeFacts, ReferenceRow, Results, SamplerRow
from diffusion_core.evaluation.legacy_card import SETTING

JUDGE = JudgeFacts(0.92)
REFERENCE = ReferenceRow("training images", 2000, 0.1, 0.94)


def row(name: str, frechet: float, evaluations: int | None = None, **fields: Any) -> SamplerRow:
    """A sampler's row by its name in words, as "dpmpp_2m 10, karras, guidance 2"."""
    sampler, steps, spacing, eta, guidance = SETTING.fullmatch(name).groups()
    values = {
        "num_samples": 2000,
        "class_accuracy": 0.9,
        "nearest_training_distance": 1.05,
        "milliseconds_per_image": 9.5,
        "spacing": spacing or "trailing",
        "eta": float(eta or 0),
        "guidance_scale": float(guidance or 1),
        "frechet_distance": frechet,
    }
    return SamplerRow(sampler, int(steps), evaluations or int(steps), **values | fields)


def results(
    *samplers: SamplerRow,
    weights: str = "a" * 64,
    precision: str = "fp32",
    judge: JudgeFacts = JUDGE,
    references: Sequence[ReferenceRow] = (REFERENCE,),
) -> Results:
    """Results of these rows, measured here and now."""
    return Results(weights, judge, Conditions.here(precision), tuple(references), samplers)
