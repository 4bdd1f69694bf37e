"""Images made by a checkpoint: requested, computed, recorded, and kept so that it can be repeated.

Its files:

    request    the settings that, with the model, determine a walk
    run        computes it, from any step on
    recording  what is kept of it, within bounds
    table      the same walk as numbers, for who has the network but no sampler
    run_card   the JSON that walks it again
    export     PNG, GIF, MP4, NPZ, or a folder of single pictures
"""

from __future__ import annotations

from ..seeding import MAX_SEED
from .export import (
    enlarged,
    enlargement,
    shows_the_walk,
    strip,
    write_animation,
    write_finished,
    write_pictures,
    write_walk,
)
from .recording import MAX_PICTURE_BYTES, Frame, Recording
from .request import MAX_RESAMPLE, InitialImage, SamplingRequest
from .run import SamplerState, SamplingRun, walk
from .run_card import RunCard
from .table import EstimateWeights, NoiseOfWalk, TableStep, conditions, table_of

__all__ = [
    "MAX_PICTURE_BYTES",
    "MAX_RESAMPLE",
    "MAX_SEED",
    "EstimateWeights",
    "Frame",
    "InitialImage",
    "NoiseOfWalk",
    "SamplerState",
    "Recording",
    "RunCard",
    "SamplingRequest",
    "SamplingRun",
    "TableStep",
    "conditions",
    "enlarged",
    "enlargement",
    "shows_the_walk",
    "write_finished",
    "strip",
    "table_of",
    "walk",
    "write_animation",
    "write_pictures",
    "write_walk",
]
