"""How good are samples? Judges, distances in their features, and the results of a checkpoint.

Its files:

    judges       small classifiers that read what a picture shows
    metrics      distances between sets of images
    precision_recall   quality and diversity apart
    families     a GAN, a VAE, a flow and diffusion, side by side
    guidance_curve     fidelity against variety, by kind and scale of guidance
    clip_curve   what a CLIP reads, and its guidance beside the classifier-free
    bound        bits per dimension, by the variance of ddpm's steps
    records      the content of results.json: rows of samplers, and what they were measured with
    evaluate     measures a checkpoint, row by row
    attributes   how often the attributes of a condition are shown
    benchmark    the test images, judge and rows of each data set
    results      reads, merges and writes results.json, and chooses a default from it
    tables       results as Markdown
    legacy_card  the table of a card from before there was results.json
"""

from __future__ import annotations

from .benchmark import BENCHMARKS, Scorecard
from .bound import Bound, bounds_table, variances_of, variational_bounds
from .clip_curve import (
    BY_CLIP,
    CLASSIFIER_FREE,
    CLIP_KINDS,
    CLIP_SCALES,
    FREE_SCALES,
    ClipCurve,
    ClipGuidanceRow,
    ClipResults,
    clip_results,
    measure_clip_guidance,
    save_clip_results,
)
from .evaluate import GUIDED_ROWS, conditions_of, draw_samples
from .families import (
    DIFFUSION_ROWS,
    FamilyResults,
    FamilyRow,
    compare_families,
    draw_family,
    families_in,
    family_results,
    read_family_results,
    save_family_results,
)
from .guidance_curve import (
    GUIDANCE_KINDS,
    GUIDANCE_SCALES,
    GuidanceCurve,
    GuidanceResults,
    GuidanceRow,
    guidance_results,
    guided_denoiser,
    measure_guidance,
    save_guidance_results,
)
from .judges import WIDTHS, AttributeJudge, Judge, judged, load_judge, rights
from .metrics import frechet_distance
from .precision_recall import PrecisionRecall, precision_recall
from .records import (
    READABLE,
    TRAINING_IMAGES,
    AttributeAccuracy,
    Conditions,
    JudgeFacts,
    ReferenceRow,
    Results,
    SamplerRow,
    Setting,
)
from .results import (
    best_value,
    candidates,
    default_words,
    read_results,
    save_results,
)
from .tables import attribute_table, results_markdown, table

__all__ = [
    "BENCHMARKS",
    "BY_CLIP",
    "CLASSIFIER_FREE",
    "CLIP_KINDS",
    "CLIP_SCALES",
    "DIFFUSION_ROWS",
    "FREE_SCALES",
    "GUIDANCE_KINDS",
    "GUIDANCE_SCALES",
    "GUIDED_ROWS",
    "READABLE",
    "TRAINING_IMAGES",
    "WIDTHS",
    "AttributeAccuracy",
    "AttributeJudge",
    "Bound",
    "ClipCurve",
    "ClipGuidanceRow",
    "ClipResults",
    "Conditions",
    "FamilyResults",
    "FamilyRow",
    "GuidanceCurve",
    "GuidanceResults",
    "GuidanceRow",
    "Judge",
    "JudgeFacts",
    "PrecisionRecall",
    "ReferenceRow",
    "Results",
    "SamplerRow",
    "Scorecard",
    "Setting",
    "attribute_table",
    "best_value",
    "bounds_table",
    "candidates",
    "clip_results",
    "compare_families",
    "conditions_of",
    "default_words",
    "draw_family",
    "draw_samples",
    "families_in",
    "family_results",
    "frechet_distance",
    "guidance_results",
    "guided_denoiser",
    "judged",
    "load_judge",
    "measure_clip_guidance",
    "measure_guidance",
    "precision_recall",
    "read_family_results",
    "read_results",
    "results_markdown",
    "rights",
    "save_clip_results",
    "save_family_results",
    "save_guidance_results",
    "save_results",
    "table",
    "variances_of",
    "variational_bounds",
]
