"""A cascade: a walk to a small picture, which becomes the condition of a walk to a large one.

(Ho et al. 2021; Saharia et al. 2022.) Both are walks as the core knows them, a `SamplingRequest`
each, so that samplers, guidance, seeds, thresholds and recordings are those of every model. Static
and dynamic thresholding (Saharia et al. 2022, section 2.3) are the `threshold` of each.

All is determined by the request: image i has seed + i in the first walk, its noise of augmentation
follows from that number, and the second walk's seeds are `large_seed` of them, so that no two draws
are the same. The small picture is brought into [-1, 1] before the noise of augmentation goes in.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..checkpoint import CONFIG, Checkpoint, GuidingClip, in_a_sentence
from ..fields import MAX_BYTES, printable
from ..generation import Frame, Recording, SamplingRequest, SamplingRun
from ..samplers import SamplerStep
from ..seeding import MAX_SEED, seeded
from .enlarger import augmented, check_level
from .store import (
    BASE_FOLDER,
    ENLARGER_FOLDER,
    BaseSettings,
    EnlargerModel,
    load_base,
    load_enlarger,
)

SMALL, LARGE = "small", "large"
STAGES = (SMALL, LARGE)
_APART = 2**31  # of the seeds of both walks, of which torch reads the lower 32 bits


def large_seed(seed: int) -> int:
    """The seed of the second walk that belongs to one of the first."""
    return (seed + _APART) % (MAX_SEED + 1)


@dataclass(frozen=True)
class CascadeRequest:
    """The settings of a cascade; with the weights of both models they determine its pictures.

    Attributes:
        small: The first walk.
        large: The second walk.
        augmentation: Level s of the noise in the small picture, from 0 to 1; see `augmented`.

    Raises:
        ValueError: if both walks do not draw the same pictures, or the level is out of its bounds.
    """

    small: SamplingRequest
    large: SamplingRequest
    augmentation: float

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        check_level(self.augmentation)
        both = self.small, self.large
        if self.small.num_images != self.large.num_images:
            raise ValueError("Both walks of a cascade must draw as many images.")
        if any(walk.parent or walk.t_start is not None or walk.resample for walk in both):
            raise ValueError("The walks of a cascade begin with noise; leave pictures out.")

    @classmethod
    def of(
        cls,
        caption: str | None,
        augmentation: float,
        small: SamplingRequest,
        large: SamplingRequest,
        *,
        num_images: int = 1,
        seed: int = 0,
    ) -> CascadeRequest:
        """Both walks for one caption, with seeds that belong together.

        Args:
            caption: What the pictures shall show, in words; None is nothing.
            augmentation: See the class.
            small: Settings of the first walk, whose caption, number and seed are replaced.
            large: The same of the second walk.
            num_images: Number of images.
            seed: Seed of image 0.

        Raises:
            ValueError: if a number is out of its bounds.
        """
        told = {"caption": caption, "num_images": num_images}
        first = dataclasses.replace(small, seed=seed, **told)  # type: ignore[arg-type]
        second = dataclasses.replace(large, seed=large_seed(first.seed), **told)  # type: ignore[arg-type]
        return cls(first, second, augmentation)


@dataclass(frozen=True, eq=False)
class Cascade:
    """A base model and a model of super-resolution that belong together.

    Attributes:
        base: The base model.
        enlarger: The other one.

    Raises:
        ValueError: if the second is not made for the pictures of the first, or another CLIP reads
            its captions.
    """

    base: Checkpoint
    enlarger: EnlargerModel

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        makes, takes = self.base.image_shape, self.enlarger.network.config.small_shape
        if makes != takes:
            made, taken = (" × ".join(map(str, shape)) for shape in (makes, takes))
            raise ValueError(
                f"The base model makes pictures of {made}, and the model of super-resolution takes "
                f"{taken}; choose two that belong together."
            )

    @property
    def device(self) -> torch.device:
        """The device that both are on."""
        return self.base.device

    def to(self, device: torch.device) -> Cascade:
        """Move both to a device, in place; gives the cascade itself."""
        self.base.to(device)
        self.enlarger.to(device)
        return self

    def condition_of(self, small: Tensor, request: CascadeRequest) -> Tensor:
        """Small pictures (N, C, h, w) in [-1, 1] with the noise of their augmentation in them."""
        seeds = [(request.small.seed + i) % (MAX_SEED + 1) for i in range(len(small))]
        shape = small.shape[1:]
        noise = [torch.randn(shape, generator=seeded("augmentation", s)) for s in seeds]
        level = torch.full((len(small),), float(request.augmentation))
        return augmented(small.float().cpu().clamp(-1, 1), level, torch.stack(noise))

    def large_of(self, small: Tensor, request: CascadeRequest) -> Checkpoint:
        """The model of large pictures of these small ones, of which `request.large` is a walk.

        Args:
            small: (N, C, h, w) in [-1, 1]: of the first walk, or pictures of one's own.
            request: The request, of N images.

        Raises:
            ValueError: if the pictures are of another shape or number.
        """
        count = request.large.num_images
        if len(small) != count:
            raise ValueError(f"There must be {count} small pictures, one an image.")
        return self.enlarger.bound(self.condition_of(small, request), request.augmentation)

    def steps(
        self, request: CascadeRequest, small: Tensor | None = None
    ) -> Iterator[tuple[str, SamplerStep]]:
        """Both walks, one after the other: the stage, one of `STAGES`, and the step.

        Args:
            request: What to compute.
            small: Pictures in place of those of the first walk, as `large_of` takes them; None
                walks to them.

        Raises:
            ValueError: if the request does not fit the models.
        """
        if small is None:
            for step in SamplingRun(self.base, request.small):
                small = step.x_prev
                yield SMALL, step
            assert small is not None
        for step in SamplingRun(self.large_of(small, request), request.large):
            yield LARGE, step

    def draw(self, request: CascadeRequest, small: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Small (N, C, h, w) and large pictures (N, C, H, W) in [-1, 1], on the CPU.

        Arguments and errors are those of `steps`.
        """
        ends = {} if small is None else {SMALL: small}
        for stage, step in self.steps(request, small):
            ends[stage] = step.x_prev
        first, second = (ends[stage].float().cpu().clamp(-1, 1) for stage in STAGES)
        return first, second


class CascadeRecording:
    """Both walks as recordings, of which each frame is handed on when it is there.

    Args:
        cascade: The models.
        request: What to compute.
        small: Pictures in place of those of the first walk; None walks to them.

    Attributes:
        recordings: The recordings that have begun, by stage.

    Raises:
        ValueError: if the request does not fit the models.
    """

    def __init__(
        self, cascade: Cascade, request: CascadeRequest, small: Tensor | None = None
    ) -> None:
        """Check that the first walk fits; `run` computes."""
        self.cascade, self.request, self.small = cascade, request, small
        self.recordings: dict[str, Recording] = {}
        if small is None:
            self.recordings[SMALL] = Recording(cascade.base, request.small)
        else:
            self._begin(small)

    def run(self, stopped: Callable[[], bool] = lambda: False) -> Iterator[tuple[str, Frame]]:
        """Compute both walks and yield each frame with its stage; see `Recording.run`."""
        if self.small is None:
            first = self.recordings[SMALL]
            yield from ((SMALL, frame) for frame in first.run(stopped))
            if first.result is None:
                return
            self._begin(first.result)
        yield from ((LARGE, frame) for frame in self.recordings[LARGE].run(stopped))

    @property
    def result(self) -> Tensor | None:
        """The large pictures, (N, C, H, W), on the CPU; None until they are there."""
        large = self.recordings.get(LARGE)
        return None if large is None else large.result

    def _begin(self, small: Tensor) -> None:
        model = self.cascade.large_of(small, self.request)
        self.recordings[LARGE] = Recording(model, self.request.large)


def load_cascade(folder: str | Path, by: GuidingClip) -> Cascade:
    """A cascade from its folder, which holds the models as `base` and `enlarger`; on the CPU.

    Args:
        folder: The folder.
        by: The CLIP that both were trained with, as `load_clip` gave it.

    Raises:
        ValueError: if one is not there, is broken, or something else, or both do not belong
            together or to the CLIP, in one sentence.
    """
    top = Path(folder)
    return Cascade(load_base(top / BASE_FOLDER, by), load_enlarger(top / ENLARGER_FOLDER, by))


def clip_of(folder: str | Path) -> str:
    """SHA-256 of the weights of the CLIP that a cascade in a folder was trained with, hex.

    Raises:
        ValueError: if there is no cascade, or it is broken, in one sentence.
    """
    file = Path(folder) / BASE_FOLDER / CONFIG
    if not file.is_file():
        raise ValueError(
            f"{printable(Path(folder).name)} holds no cascade; train one with `python -m "
            "pretrained.recipes.imagen`."
        )
    with in_a_sentence(printable(Path(folder).name)), file.open("rb") as opened:
        return BaseSettings.from_json(opened.read(MAX_BYTES + 1)).clip


def recommended(cascade: Cascade) -> tuple[SamplingRequest, SamplingRequest, float]:
    """Walks and level of augmentation as the models' own settings recommend them.

    Raises:
        ValueError: if a setting is none of a walk, or out of its bounds.
    """
    names = {f.name for f in dataclasses.fields(SamplingRequest)}
    walks = []
    for config in (cascade.base.config, cascade.enlarger.config):
        if unknown := sorted(set(config.sampling) - names):
            raise ValueError(f"A walk has no setting {unknown[0]!r}.")
        walks.append(SamplingRequest(**config.sampling))
    return walks[0], walks[1], cascade.enlarger.config.augmentation
