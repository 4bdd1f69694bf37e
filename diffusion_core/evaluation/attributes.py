"""How often a model shows the attributes that it is asked for, beside how often a judge reads them.

No judge reads every attribute of every real image; so what it says of generated ones is divided by
what it says of real images that were held out: 1 is as good as real. What it does not read well
enough of real ones cannot be measured, and is named as dropped.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..checkpoint import Checkpoint
from ..conditioning import CLASS
from ..data import ImageDataset
from .evaluate import asked_of, draw_samples, known
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
    """Ask for what held-out images show, and look how often it comes.

    Args:
        checkpoint: A model with attributes.
        judge: Who reads them.
        test: Images whose combinations the model was not trained on.
        num: Samples for each guidance scale.
        scales: Guidance scales; None is `default_scales`.
        precision: That the samples are drawn in.
    """
    scales = default_scales(checkpoint) if scales is None else scales
    every = torch.arange(len(test))
    said = test.conditions(every)
    assert said is not None and said.ndim == 2
    seen = torch.cat([judged(judge, test.batch(part)[0])[1] for part in every.split(2000)])
    real = rights(seen, said)
    sampling = checkpoint.config.sampling
    default = Setting(
        sampling.get("sampler", USUAL.sampler),
        int(sampling.get("num_steps", USUAL.steps)),
        spacing=sampling.get("spacing", USUAL.spacing),
    )
    generated = {}
    for scale in scales:
        images, asked, _, _ = draw_samples(
            checkpoint,
            num,
            default._replace(guidance_scale=scale),
            precision=precision,
            said=asked_of(test, num),
        )
        assert asked is not None
        generated[scale] = rights(judged(judge, images)[1], asked)
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
