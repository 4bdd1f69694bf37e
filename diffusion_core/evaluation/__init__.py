"""How good are samples? Judges, distances in their features, and the table of a card.

Its files:

    judges      small classifiers that read what a picture shows
    metrics     distances between sets of images
    evaluate    measures a checkpoint, row by row
    attributes  how often asked-for attributes are shown
    benchmark   the test images, judge and rows of each data set
    results     the measured table, read back, and the default that it speaks for
"""

from __future__ import annotations

from .attributes import READABLE, AttributeAccuracy, attribute_table
from .benchmark import BENCHMARKS, Scorecard
from .evaluate import GUIDED_ROWS, Row, Setting, asked_of, draw_samples, evaluations, table
from .judges import WIDTHS, AttributeJudge, Judge, judged, load_judge, rights
from .metrics import frechet_distance
from .results import CardRow, best_value, cells_of, default_words, obedient, read_table

__all__ = [
    "GUIDED_ROWS",
    "READABLE",
    "WIDTHS",
    "BENCHMARKS",
    "AttributeJudge",
    "CardRow",
    "Judge",
    "AttributeAccuracy",
    "Row",
    "Scorecard",
    "Setting",
    "asked_of",
    "best_value",
    "cells_of",
    "default_words",
    "draw_samples",
    "evaluations",
    "frechet_distance",
    "judged",
    "load_judge",
    "attribute_table",
    "obedient",
    "read_table",
    "rights",
    "table",
]
