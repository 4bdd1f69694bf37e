"""How often a model shows the attributes of its condition, beside how often a judge reads them.

No judge reads every attribute of every real image; so its accuracy on generated ones is divided by
its accuracy on real images that were held out: 1 is as good as real. An attribute that it does not
read well enough in real ones cannot be measured, and is named as dropped.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..checkpoint import Checkpoint
from ..conditioning import CLASS
from ..data import ImageDataset
from .evaluate import conditions_of, draw_samples, known
from .judges import AttributeJudge, judged, rights
from .records import AttributeAccuracy, Setting

SCALES = (1.0, 2.0)
USUAL = Setting("dpmpp_2m", 20)  # where a checkpoint names no default


def default_scales(checkpoint: Checkpoint) -> tuple[float, ...]:
    """1, and the guidance that the checkpoint begins with."""
    default = float(checkpoint.config.sampling.get("guidance_scale", SCALES[1]))
    return tuple(sorted({1.0, default}))


def measure_attributes(
    checkpoint: Checkpoint,
    judge: AttributeJudge,
    test: ImageDataset,
    *,
    num: int = 2000,
    scales: Sequence[float] | None = None,
    precision: str = "fp32",
) -> list[AttributeAccuracy]:
    """Draw samples with the conditions of held-out images, and measure how often they show them.

    Args:
        checkpoint: A model with attributes.
        judge: The classifier that reads them.
        test: Images whose combinations the model was not trained on.
        num: Number of samples for each guidance scale.
        scales: Guidance scales; None is `default_scales`.
        precision: Precision that the samples are drawn in: "fp32" or "bf16".
    """
    scales = default_scales(checkpoint) if scales is None else scales
    every = torch.arange(len(test))
    real_conditions = test.conditions(every)
    assert real_conditions is not None and real_conditions.ndim == 2
    seen = torch.cat([judged(judge, test.batch(part)[0])[1] for part in every.split(2000)])
    real = rights(seen, real_conditions)
    sampling = checkpoint.config.sampling
    default = Setting(
        sampling.get("sampler", USUAL.sampler),
        int(sampling.get("num_steps", USUAL.steps)),
        spacing=sampling.get("spacing", USUAL.spacing),
    )
    generated = {}
    for scale in scales:
        images, conditions, _, _ = draw_samples(
            checkpoint,
            num,
            default._replace(guidance_scale=scale),
            precision=precision,
            conditions=conditions_of(test, num),
        )
        assert conditions is not None
        generated[scale] = rights(judged(judge, images)[1], conditions)
    names = [(CLASS, test.class_names), *test.attribute_names]
    return [
        AttributeAccuracy(
            name,
            len(values),
            known(float(real[k])),
            {s: known(float(g[k])) for s, g in generated.items()},
        )
        for k, (name, values) in enumerate(names)
    ]
