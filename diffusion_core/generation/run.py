"""A walk computed in one place, so that page, command line and checks compute the same.

A `SamplingRequest` is what is to be computed; a `SamplingRun` computes it, a step at a time, and
can return after every step all that the next one depends on: from such a `SamplerState` the walk
goes on, or another one branches off, to the same bits. Image i has its own generator, seeded
seed + i: it draws x_T, then the noise of every step, so its noise is the same to the bit whatever
the batch or the device.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..checkpoint import Checkpoint
from ..denoiser import as_denoiser
from ..device import torch_threads
from ..inpainting import inpaint
from ..process import Denoiser, q_sample, slerp
from ..samplers import SamplerStep, sample
from ..seeding import draw_noise
from .request import InitialImage, SamplingRequest


@dataclass(frozen=True, eq=False)
class SamplerState:
    """All that the steps from here on depend on.

    Attributes:
        index: Number of steps done.
        nfe: Network evaluations so far.
        x_t: Noisy images at this point of the walk, (B, C, H, W).
        before: Timestep and x0_hat of the last step; None at the beginning.
        states: States of the generators.
    """

    index: int
    nfe: int
    x_t: Tensor
    before: tuple[int, Tensor] | None
    states: tuple[Tensor, ...]

    @property
    def nbytes(self) -> int:
        """Memory that it holds."""
        pictures = [self.x_t, *([self.before[1]] if self.before else [])]
        return sum(x.numel() * x.element_size() for x in [*pictures, *self.states])


class SamplingRun:
    """Computes a walk and yields every step; all images in one batch.

    Args:
        checkpoint: The model.
        settings: The walk to compute.
        given: The picture that it begins with, or None for noise. It is noised to
            settings.t_start with the noise that would else have been x_T (SDEdit, Meng et al.
            2022).
        moment: The state to go on from, of this walk or, for a branch, of its parent at the
            branching step; None computes all from the beginning.
        denoiser: The denoiser to use in place of the model's network.

    Raises:
        ValueError: at once, if settings or picture do not fit the model; with the first step,
            if the sampler does not take them.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        settings: SamplingRequest,
        given: InitialImage | None = None,
        moment: SamplerState | None = None,
        denoiser: Denoiser | None = None,
    ) -> None:
        """Check that all fits; the first step is computed when it is requested."""
        self.checkpoint, self.settings, self.given = checkpoint, settings, given
        if denoiser is None:
            denoiser = settings.denoiser(checkpoint)
        self.denoiser = as_denoiser(denoiser, checkpoint.schedule)
        self.timesteps = settings.timesteps(checkpoint)
        self._from, self._began = moment, False
        self._generators: list[torch.Generator] = []
        self._step: SamplerStep | None = None
        needs = settings.root.t_start is not None or settings.resample > 0
        shape = (1, *checkpoint.sample_shape)
        if needs != (given is not None) or (given and given.picture.shape != shape):
            raise ValueError("A walk from a picture needs t_start, and the model's own size.")
        if settings.resample and (given is None or given.mask is None):
            raise ValueError("Filling in needs a mask: paint what is to be made anew.")

    @property
    def num_evaluated(self) -> int:
        """Steps that are yielded: from where it begins, those of a hole as often as taken."""
        began = self._from.index if self._from else self.settings.branch_step
        n = len(self.timesteps) - int(began)
        return 1 + self.settings.resample * (n - 1) if self.settings.resample else n

    def beginning(self) -> SamplerState:
        """The state at the first step: x_T, or the one that the parent of a branch came to."""
        settings, near = self.settings, self._from
        if self._began:
            assert near is not None
            return near
        if settings.parent is not None and (near is None or near.index < settings.branch_step):
            k = int(settings.branch_step)
            near = state_at(self.checkpoint, settings.parent, k, self.given, near)
        if near is None:
            near = self._first()
        elif settings.parent is not None and near.index == settings.branch_step:
            if settings.seed != settings.parent.seed:  # noise of its own
                near = dataclasses.replace(near, states=_states(settings.generators()))
        self._from, self._began = near, True
        return near

    def moment(self) -> SamplerState:
        """The state that the next step depends on; to be read between steps."""
        step = self._step
        if step is None:
            return self.beginning()
        before = (step.t, step.x0_hat)
        return SamplerState(
            step.index + 1, step.nfe, step.x_prev, before, _states(self._generators)
        )

    def __iter__(self) -> Iterator[SamplerStep]:
        """Every step, with index and evaluations counted from the walk's beginning."""
        settings, began = self.settings, self.beginning()
        self._generators = settings.generators()
        for generator, state in zip(self._generators, began.states, strict=True):
            generator.set_state(state)
        if settings.resample:
            yield from self._between_evaluations(self._filling(began))
            return
        steps = sample(
            self.denoiser,
            began.x_t,
            sampler=settings.sampler,
            eta=settings.eta,
            timesteps=self.timesteps[began.index :],
            before=began.before,
            clip_x0=settings.clip_limit(self.checkpoint),
            threshold=settings.threshold,
            variance=settings.variance,
            generator=self._generators,
        )
        for step in self._between_evaluations(steps):
            self._step = dataclasses.replace(
                step, index=step.index + began.index, nfe=step.nfe + began.nfe
            )
            yield self._step

    def _between_evaluations(self, steps: Iterator[SamplerStep]) -> Iterator[SamplerStep]:
        """The steps, computed on one thread but for a network that brings threads of its own.

        Of a few ten thousand numbers threads wait for each other longer than they compute, and
        beside a busy neighbour a hundred times so. These sums of two or three terms for each number
        have the same bits on any number of threads.
        """
        if not hasattr(self.checkpoint.network, "threads"):
            yield from steps
            return
        while True:
            with torch_threads(1):
                step = next(steps, None)
            if step is None:
                return
            yield step

    def _first(self) -> SamplerState:
        settings, checkpoint = self.settings, self.checkpoint
        generators = settings.generators()
        x_t = draw_noise((settings.num_images, *checkpoint.sample_shape), generators)
        if settings.seed_to is not None:
            other = torch.Generator().manual_seed(settings.seed_to)
            x_t = slerp(x_t[:1], draw_noise(x_t[:1].shape, other), settings.num_images)
        x_t = x_t.to(checkpoint.device)
        if self.given is not None and settings.t_start is not None:
            x0 = self.given.picture.to(x_t.device).expand_as(x_t)
            x_t = q_sample(x0, self.timesteps[0], x_t, checkpoint.schedule)
        return SamplerState(0, 0, x_t, None, _states(generators))

    def _filling(self, began: SamplerState) -> Iterator[SamplerStep]:
        settings, given = self.settings, self.given
        assert given is not None and given.mask is not None
        device = began.x_t.device
        yield from inpaint(
            self.denoiser,
            given.picture.to(device).expand_as(began.x_t),
            given.mask.to(device),
            began.x_t,
            sampler=settings.sampler,
            num_steps=settings.num_steps,
            eta=settings.eta,
            spacing=settings.spacing,
            resample=settings.resample,
            clip_x0=settings.clip_limit(self.checkpoint),
            threshold=settings.threshold,
            variance=settings.variance,
            generator=self._generators,
        )


def _states(generators: list[torch.Generator]) -> tuple[Tensor, ...]:
    return tuple(g.get_state() for g in generators)


def state_at(
    checkpoint: Checkpoint,
    settings: SamplingRequest,
    index: int,
    given: InitialImage | None = None,
    near: SamplerState | None = None,
) -> SamplerState:
    """The state of a walk after so many steps.

    Args:
        checkpoint: The model.
        settings: The walk.
        index: Number of steps done.
        given: The picture that the walk begins with; None is noise.
        near: A state of the walk at or before it, to go on from; None begins anew.
    """
    if settings.parent is not None and index < settings.branch_step:
        return state_at(checkpoint, settings.parent, index, given, near)
    walker = SamplingRun(checkpoint, settings, given, near)
    if walker.beginning().index == index:
        return walker.beginning()
    for step in walker:
        if step.index + 1 == index:
            return walker.moment()
    raise ValueError(f"The walk has no step {index}.")


def walk(
    checkpoint: Checkpoint, settings: SamplingRequest, given: InitialImage | Tensor | None = None
) -> Iterator[SamplerStep]:
    """Compute a walk and yield every step; see `SamplingRun`."""
    if isinstance(given, Tensor):
        given = InitialImage(given)
    return iter(SamplingRun(checkpoint, settings, given))
