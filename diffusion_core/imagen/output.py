"""The pictures of a cascade as files, as `generation.write_walk` writes those of one model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor
from tqdm import tqdm

from ..data import grid, to_uint8
from ..generation import enlarged, shows_the_walk, write_animation, write_finished
from ..samplers import SamplerStep
from .cascade import LARGE, Cascade, CascadeRequest


def write_cascade(
    path: str | Path, cascade: Cascade, request: CascadeRequest, small: Tensor | None = None
) -> Tensor:
    """Compute a cascade and write its pictures, or as .gif or .mp4 both walks one after the other.

    Args:
        path: Ends in .png, .gif, .mp4 or .npz, or names a folder for single pictures.
        cascade: The models.
        request: What to compute.
        small: See `Cascade.steps`.

    Returns:
        The large pictures, (N, C, H, W).

    Raises:
        ValueError: if the name ends in something else, the folder holds files, or the request does
            not fit the models.
    """
    film = shows_the_walk(path)
    ratio = cascade.enlarger.network.config.ratio
    frames: list[np.ndarray] = []
    step: SamplerStep | None = None
    for stage, step in tqdm(cascade.steps(request, small), unit="step"):
        if film:
            frames.append(_sheet(step.x_t, 1 if stage == LARGE else ratio))
    assert step is not None
    if film:
        write_animation(path, [*frames, _sheet(step.x_prev, 1)])
    else:
        write_finished(path, to_uint8(step.x_prev), None)
    return step.x_prev


def _sheet(pictures: Tensor, times: int) -> np.ndarray:
    """Pictures (N, C, H, W) side by side, each so many times larger, uint8."""
    return grid(np.stack([enlarged(picture, times) for picture in to_uint8(pictures)]))
