"""Clouds of the view "Space", computed: from noise, from what a camera sees, on from a step.

A walk is a `generation.SamplingRun`, as those of pictures are, and its run card is theirs: it walks
again to the same bits. States are kept at some steps, so that a branch need not walk all anew.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from diffusion_core.checkpoint import CONFIG, RESULTS, Checkpoint, shipped_folder
from diffusion_core.clouds import (
    CATEGORY_NAMES,
    CloudDataset,
    load_clouds,
    read_cloud,
    view_to_complete,
)
from diffusion_core.generation import (
    InitialImage,
    RunCard,
    SamplerState,
    SamplingRequest,
    SamplingRun,
)
from diffusion_core.seeding import seeded

from ..shared.cache import Cache
from ..shared.forms import parsed
from ..shared.wire import SpaceFrame, packed_points
from .space_form import NO_CATEGORY, NOISE, OWN, SpaceForm

SURFACE = 8_192  # points of a held-out shape that hide others from the camera
KEPT_EVERY = 5  # steps between two states that are kept
MOST_EVALUATED = 20_000  # clouds that the network is asked about in a replay
_MODELS: Cache[Checkpoint] = Cache(2)
_SURFACES: Cache[Tensor] = Cache(16)


def folder() -> Path:
    """Where the network of clouds lies."""
    return shipped_folder() / "clouds"


def is_here() -> bool:
    """Whether there is a network of clouds; a page is laid out without loading it."""
    return (folder() / CONFIG).is_file()


def model() -> Checkpoint:
    """The network of clouds.

    Raises:
        ValueError: with a sentence for the page, if there is none, or it is broken.
    """
    place = folder()
    try:
        changed = (place / CONFIG).stat().st_mtime_ns
    except OSError:
        raise ValueError(
            "There is no network of clouds here yet: python -m pretrained.recipes.clouds trains "
            "one, and its folder belongs at pretrained/clouds."
        ) from None
    return _MODELS.of((str(place), changed), lambda: load_clouds(place))


def measured() -> dict[str, Any] | None:
    """What was measured of the network, as the recipe writes it; None where nothing was."""
    try:
        values = json.loads((folder() / RESULTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) and "rows" in values else None


@dataclass(eq=False)
class SpaceWalk:
    """A walk of clouds, with states from which to go on.

    Attributes:
        checkpoint: The network.
        settings: What is computed.
        given: What stays fixed; None in a walk out of noise.
        near: A state of a branch's parent at or before the branch; None computes it again.
        moments: States by the number of steps done.
        result: Where the walk ended, (B, N, 3); None until then.
        seconds: Of computing.
    """

    checkpoint: Checkpoint
    settings: SamplingRequest
    given: InitialImage | None = None
    near: SamplerState | None = None
    moments: dict[int, SamplerState] = field(default_factory=dict)
    result: Tensor | None = None
    seconds: float = 0.0

    @property
    def known(self) -> int:
        """How many of the points are fixed, the first of each cloud."""
        if self.given is None or self.given.mask is None:
            return 0
        return int(self.given.mask[0, :, 0].sum())

    @property
    def total(self) -> int:
        """Frames of the whole walk, those of its parents and its end among them."""
        steps = len(self.settings.timesteps(self.checkpoint))
        return 2 + (steps - 1) * max(1, self.settings.resample)

    def frames(self, whole: bool = False) -> Iterator[SpaceFrame]:
        """Compute the walk and yield what each step shows, and the end.

        Args:
            whole: Whether a branch's parents are shown too; else it begins at the branch.
        """
        if whole and self.settings.parent is not None:
            parent = SpaceWalk(self.checkpoint, self.settings.parent, self.given)
            for k, frame in enumerate(parent.frames(whole)):
                if k == self.settings.branch_step:
                    break
                yield frame
        run = SamplingRun(self.checkpoint, self.settings, self.given, self.near)
        steps, last = iter(run), None
        while True:
            done = run.beginning().index if last is None else last.index + 1
            if done % KEPT_EVERY == 0 and not self.settings.resample:
                self.moments[done] = run.moment()
            began = time.perf_counter()
            step = next(steps, None)
            self.seconds += time.perf_counter() - began
            if step is None:
                break
            last = step
            yield self._frame(step.t, step.x_t, step.x0_hat)
        assert last is not None
        self.result = last.x_prev.float().cpu()
        yield self._frame(-1, last.x_prev, last.x_prev)

    def moment_before(self, index: int) -> SamplerState | None:
        """The latest state that is kept at or before a step."""
        before = [k for k in list(self.moments) if k <= index]
        return self.moments[max(before)] if before else None

    def card(self) -> RunCard:
        """The run card, once the walk has ended."""
        assert self.result is not None
        return RunCard.of(self.checkpoint, self.settings, self.given, self.result)

    def _frame(self, t: int, x: Tensor, x0_hat: Tensor) -> SpaceFrame:
        alpha = 1.0 if t < 0 else float(self.checkpoint.schedule.alpha(t))
        return {
            "t": t,
            "signal": round(alpha**2, 5),
            "x": packed_points(x.float().cpu().numpy()),
            "x0_hat": packed_points(x0_hat.float().cpu().numpy()),
        }


WALKS: Cache[SpaceWalk] = Cache(8)  # the latest ones, by the names that the browsers gave them


def held_out(category: str, which: int) -> Tensor:
    """Points all over one of the shapes that training never saw, float32 (8192, 3).

    Args:
        category: One of `CATEGORY_NAMES`.
        which: Its number, from 1.
    """

    def draw() -> Tensor:
        shapes = CloudDataset.of(which, num_points=SURFACE, held_out=True, seed=1)
        index = CATEGORY_NAMES.index(category) * which + which - 1
        return shapes.batch(torch.tensor([index]))[0][0]

    return _SURFACES.of((category, which), draw)


def given_of(form: SpaceForm, num_points: int) -> InitialImage | None:
    """What stays fixed; None for a walk out of noise.

    Raises:
        ValueError: with a sentence for the page, if there is no such thing.
    """
    if form.begin == NOISE:
        return None
    azimuth, elevation = float(parsed(form, "azimuth")), float(parsed(form, "elevation"))
    generator = seeded("clouds", "seen")
    if form.begin == OWN:
        if not form.cloud:
            raise ValueError("Choose a file of your own cloud first: .ply, .xyz or .npy.")
        points = read_cloud(form.cloud)
        return view_to_complete(points, azimuth, elevation, num_points, generator)
    if form.category == NO_CATEGORY:
        raise ValueError("Choose a category: the held-out shape is one of it.")
    surface = held_out(form.category, round(parsed(form, "shape")))
    points = surface[:num_points]
    return view_to_complete(points, azimuth, elevation, num_points, generator, surface)


def fresh_walk(form: SpaceForm) -> SpaceWalk:
    """The walk that the controls mean.

    Raises:
        ValueError: with a sentence for the page, if something does not fit.
    """
    request, checkpoint = form.request(), model()
    given = given_of(form, checkpoint.sample_shape[0])
    SamplingRun(checkpoint, request, given)  # refuses what does not fit
    return SpaceWalk(checkpoint, request, given)


def branched_walk(form: SpaceForm, parent: str, card: str, step: int) -> SpaceWalk:
    """A walk that goes on from a step of another one, by the controls' sampler and seed.

    Args:
        form: The controls.
        parent: The browser's name of the other walk.
        card: Its run card, which stands in where it is no longer kept.
        step: Steps of it before the branch.

    Raises:
        ValueError: with a sentence for the page, if something does not fit.
    """
    kept, checkpoint = WALKS.get(parent), model()
    if kept is None and not card:
        raise ValueError("Let a walk end first, then choose a step to branch from.")
    before = kept.settings if kept is not None else RunCard.from_json(card).walk
    weights = kept.checkpoint.weights_hash if kept else RunCard.from_json(card).weights
    if before.resample:
        raise ValueError("A completion does not branch; choose another seed and make it anew.")
    if weights != checkpoint.weights_hash:
        raise ValueError("A branch goes on with its parent's network, which is no longer here.")
    request = dataclasses.replace(form, begin=NOISE).request()
    request = dataclasses.replace(request, parent=before, branch_step=step)
    SamplingRun(checkpoint, request)
    near = None if kept is None else kept.moment_before(step)
    return SpaceWalk(checkpoint, request, near=near)


def replayed_walk(card: RunCard) -> SpaceWalk:
    """The walk of a run card.

    Raises:
        ValueError: with a sentence for the page, if it was made with another network.
    """
    checkpoint = model()
    if card.weights != checkpoint.weights_hash:
        raise ValueError(
            f"This run card was made with the model {card.model}, which is not the network of "
            "clouds that is here; open it where it was made."
        )
    if card.walk.num_images > 16 or card.walk.cost(checkpoint) > MOST_EVALUATED:
        raise ValueError("The run card's walk is too long for this page; take fewer steps.")
    checkpoint = card.on_engine(checkpoint)
    card.check(checkpoint)
    return SpaceWalk(checkpoint, card.walk, card.given)
