"""The card of a classifier that guides: what it is, how well it reads, what its guidance does."""

from __future__ import annotations

from pathlib import Path

from ..checkpoint import CARD, GuidingClassifier
from ..evaluation import GuidanceResults
from ..files import write_text
from ..guided_diffusion import NoisyClassifier

_FRONT = """---
license: mit
library_name: pytorch
pipeline_tag: image-classification
tags: [diffusion, classifier-guidance, image-classification]
---
"""


def write_classifier_card(
    folder: Path, classifier: GuidingClassifier, results: GuidanceResults
) -> None:
    """Write `README.md` into the classifier's folder.

    Args:
        folder: Its folder.
        classifier: As `guided_diffusion.load_classifier` read it.
        results: As `evaluation.guidance_results` read them.
    """
    network = classifier.network
    assert isinstance(network, NoisyClassifier)
    C, H, W = network.config.sample_shape
    training = classifier.training
    settings = ", ".join(f"{k} {v}" for k, v in training.get("settings", {}).items())
    accuracy = "\n".join(
        f"| {r.log_snr:g} | {r.accuracy:.3f} | {r.cross_entropy:.3f} | {r.num:,} |"
        for r in results.accuracy
    )
    write_text(
        folder / CARD,
        f"""{_FRONT}# {folder.name}

A classifier of noisy pictures of {classifier.dataset}, p(y | x_t, log-SNR): \
{network.num_parameters:,} parameters, pictures {H} × {W} × {C}, {len(classifier.class_names)} \
classes. It guides a diffusion model that was not told classes (Dhariwal and Nichol 2021).

    python -m diffusion_core sample --model MODEL --classifier FOLDER --classifier-label 8 \
--classifier-scale 4 --out out.png

## Accuracy by log-SNR

Test pictures, noised on the variance-preserving path; log-SNR is log(ᾱ / (1 - ᾱ)).

| log-SNR | accuracy | cross entropy, nats | pictures |
|---:|---:|---:|---:|
{accuracy}

## Training

    {training.get("command", "")}

{settings}. {training.get("cpu_seconds", 0):,} seconds of processor time.
{_curve(results)}""",
    )


def _curve(results: GuidanceResults) -> str:
    curve = results.curve
    if curve is None:
        return ""
    return f"""
## What its guidance does

{curve.model}, {curve.sampler}, {curve.steps} steps, the same noise in every row; scale s is in \
classifier-free guidance guidance_scale, and "both" gives half of it to each. Scale 0 is the model \
without classes. Class accuracy is read by a judge that guides nothing; precision and recall after \
Kynkäänniemi et al. (2019), k = 3. They and the Frechet distance are taken in the judge's \
features, against as many test pictures, so that they compare with nothing outside this table.

{curve.table()}

    {curve.command}
"""
