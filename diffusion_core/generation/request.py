"""The request of a walk: the settings that, with the model, determine its pictures."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..checkpoint import Checkpoint
from ..conditioning import CAPTION, CLASS
from ..denoiser import THRESHOLDS, Network, ScheduledDenoiser
from ..engines import TorchNetwork
from ..inspection import Switches, switched
from ..samplers import (
    SAMPLERS,
    VARIANCES,
    check_chance,
    check_variance,
    count_evaluations,
    sampler_named,
)
from ..schedule import MAX_TIMESTEPS, SPACINGS
from ..seeding import MAX_SEED, image_generators

MAX_IMAGES = 1024
MAX_RESAMPLE = 20
MAX_GUIDANCE = 100


@dataclass(frozen=True)
class SamplingRequest:
    """The settings of a walk; with the model's weights, and an `InitialImage` where it needs one.

    Attributes:
        num_images: Number of images.
        label: Class, by name or number; None is no class.
        attributes: The condition beside the class: pairs of an attribute's name and a value's, as
            (("head", "afro"), ("skin", "tan")).
        sampler, num_steps, eta, spacing, variance: See `samplers.sample`.
        guidance_scale: Scale of classifier-free guidance; 1.0 is off.
        seed: Seed of image 0, of 64 bits; image i has seed + i, modulo 2^64.
        seed_to: The images lead from the noise of `seed` to the noise of this one; None does not.
        clip_x0: Clip x0_hat at the model's own limit; False never does.
        threshold: The way to clip it; see `samplers.sample`.
        t_start: Timestep of a walk that begins with a picture; None begins with noise.
        resample: How often each step of a walk that fills a mask in is taken; 0 has no mask. See
            `inpaint`.
        parent: The walk that this one branches off; None is a walk from the beginning.
        branch_step: Number of the parent's steps before the branch.
        switches: What is changed in the network; None is the network as it is.
        classifier_label: Class that a classifier guides the walk to, by its name or number there;
            None is not guided so. The classifier is that of the `Checkpoint`.
        classifier_scale: How strongly; 0 is not at all. ddpm is guided by algorithm 1, every other
            sampler by algorithm 2; see `denoiser.ClassifierGuidance`.
        caption: What the pictures shall show, in words, of a model that is asked so; None asks for
            nothing in words.
        clip_scale: How strongly a CLIP guides the walk to the caption, beside what the model itself
            makes of it; 0 is not at all. The CLIP is that of the `Checkpoint`, and the algorithm as
            of a classifier.
    """

    num_images: int = 1
    label: str | int | None = None
    sampler: str = "ddim"
    num_steps: int = 50
    eta: float = 0.0
    spacing: str = "trailing"
    guidance_scale: float = 1.0
    seed: int = 0
    seed_to: int | None = None
    clip_x0: bool = True
    variance: str = "posterior"
    t_start: int | None = None
    resample: int = 0
    parent: SamplingRequest | None = None
    branch_step: int = 0
    attributes: tuple[tuple[str, str], ...] = ()
    threshold: str = "static"
    switches: Switches | None = None
    classifier_label: str | int | None = None
    classifier_scale: float = 0.0
    caption: str | None = None
    clip_scale: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be computed with any model, in one sentence."""
        limits = {
            "num_images": ("number of images", 1, MAX_IMAGES),
            "num_steps": ("number of steps", 1, MAX_TIMESTEPS),
            "seed": ("seed", 0, MAX_SEED),
            "seed_to": ("second seed", 0, MAX_SEED),
            "resample": ("number of resamplings", 0, MAX_RESAMPLE),
            "t_start": ("timestep t_start", 0, MAX_TIMESTEPS - 1),
            "branch_step": ("step of a branch", 0, MAX_TIMESTEPS),
        }
        for name, (words, lowest, highest) in limits.items():
            value = getattr(self, name)
            if value is None and name in ("seed_to", "t_start"):
                continue
            if not _whole(value, lowest, highest):
                raise ValueError(
                    f"The {words} must be a whole number from {lowest} to {highest}, got {value}."
                )
            object.__setattr__(self, name, int(value))
        for name, value, known in (
            ("sampler", self.sampler, SAMPLERS),
            ("spacing", self.spacing, SPACINGS),
            ("variance", self.variance, VARIANCES),
            ("threshold", self.threshold, THRESHOLDS),
        ):
            if value not in known:
                raise ValueError(f"There is no {name} {value!r}; choose one of {', '.join(known)}.")
        check_chance(self.sampler, self.eta, self.variance)
        if not 0 <= self.guidance_scale <= MAX_GUIDANCE:
            raise ValueError(
                f"The guidance scale must lie between 0 and {MAX_GUIDANCE}, "
                f"got {self.guidance_scale}."
            )
        if not 0 <= self.classifier_scale <= MAX_GUIDANCE:
            raise ValueError(
                f"The scale of the classifier must lie between 0 and {MAX_GUIDANCE}, "
                f"got {self.classifier_scale}."
            )
        if self.classifier_scale and self.classifier_label is None:
            raise ValueError("A classifier guides to a class; name one beside its scale.")
        if not 0 <= self.clip_scale <= MAX_GUIDANCE:
            raise ValueError(
                f"The scale of the CLIP must lie between 0 and {MAX_GUIDANCE}, "
                f"got {self.clip_scale}."
            )
        if self.clip_scale and self.caption is None:
            raise ValueError("A CLIP guides to a caption; write one beside its scale.")
        if self.clip_scale and self.classifier_scale:
            raise ValueError("A walk is guided by a classifier or by a CLIP; set one scale to 0.")
        object.__setattr__(self, "attributes", _pairs(self.attributes))
        if self.caption is not None and (self.label is not None or self.attributes):
            raise ValueError("A caption says all in words; leave class and attributes out.")
        object.__setattr__(self, "switches", self.switches or None)  # one record for no change
        if self.parent is not None:
            if self.parent.resample or self.resample:
                raise ValueError("A walk with a mask does not branch; walk it anew.")
            if self.num_images != self.parent.num_images:
                raise ValueError(
                    f"A branch has as many images as its parent, {self.parent.num_images}."
                )

    @property
    def random(self) -> bool:
        """Whether noise is injected on the way."""
        return sampler_named(self.sampler).injects_noise(self.eta)

    @property
    def condition(self) -> str | int | dict[str, str | int | None] | None:
        """Class and attributes, or caption, as `Checkpoint.condition` takes them."""
        if self.caption is not None:
            return {CAPTION: self.caption}
        return {CLASS: self.label, **dict(self.attributes)} if self.attributes else self.label

    @property
    def chain(self) -> tuple[SamplingRequest, ...]:
        """This walk, its parent, and so on to the one from the beginning."""
        return (self, *(self.parent.chain if self.parent else ()))

    @property
    def root(self) -> SamplingRequest:
        """The walk from the beginning that this one goes back to; itself, if it is one."""
        return self.chain[-1]

    def denoiser(self, checkpoint: Checkpoint) -> ScheduledDenoiser:
        """The model's denoiser with the walk's condition, guidance and changes of the network.

        Raises:
            ValueError: if one of these does not fit the model.
        """
        if self.switches is not None:
            network: Network = switched(checkpoint.unet, self.switches)
            if threads := getattr(checkpoint.network, "threads", 0):
                network = TorchNetwork(network, threads)
            checkpoint = dataclasses.replace(checkpoint, network=network)
        plain = checkpoint.denoiser(self.condition, self.guidance_scale)
        check_variance(plain, self.sampler, self.variance)
        algorithm = 1 if self.sampler == "ddpm" else 2
        if self.clip_scale and self.caption is not None:
            return checkpoint.guided_to_caption(plain, self.caption, self.clip_scale, algorithm)
        if not self.classifier_scale or self.classifier_label is None:
            return plain
        return checkpoint.guided(plain, self.classifier_label, self.classifier_scale, algorithm)

    def engine(self, checkpoint: Checkpoint) -> str:
        """What evaluates its network: a changed one is a module with hooks, which is torch's."""
        return "torch" if self.switches is not None else checkpoint.engine

    def clip_limit(self, checkpoint: Checkpoint) -> float:
        """The limit of |x0_hat| with this model; 0 does not clip."""
        return checkpoint.config.clip_x0 if self.clip_x0 else 0.0

    @property
    def pictures_per_evaluation(self) -> int:
        """Pictures that the network sees in one evaluation: guided, each with and without label."""
        return self.num_images * (2 if self.guidance_scale != 1 else 1)

    def cost(self, checkpoint: Checkpoint) -> int:
        """Evaluations of the network on one picture each, those of its parents among them."""
        total, end = 0, [*self.timesteps(checkpoint), -1]
        for walk in self.chain:
            visited = end[int(walk.branch_step) :]
            count = count_evaluations(
                walk.sampler, visited, checkpoint.schedule, resample=max(walk.resample, 1)
            )
            total += count * walk.pictures_per_evaluation
            end = end[: int(walk.branch_step) + 1]
        return total

    def timesteps(self, checkpoint: Checkpoint) -> list[int]:
        """The timesteps that it visits with this model, descending, those of its parent included.

        A branch with its parent's steps and spacing goes on with the parent's timesteps; else it
        visits those of its own that lie below.
        """
        schedule = checkpoint.schedule
        if self.parent is None:
            return schedule.timesteps(self.num_steps, self.spacing, self.t_start)
        before = self.parent.timesteps(checkpoint)
        if not _whole(self.branch_step, 0, len(before) - 1):
            raise ValueError(f"A branch begins after 0 to {len(before) - 1} steps of its parent.")
        k = int(self.branch_step)
        if (self.num_steps, self.spacing) == (self.parent.num_steps, self.parent.spacing):
            return before
        own = schedule.timesteps(self.num_steps, self.spacing)
        return before[: k + 1] + [t for t in own if t < before[k]]

    def generators(self) -> list[torch.Generator]:
        """One generator an image, seeded seed + i; between two seeds, all seeded seed."""
        if self.seed_to is None:
            return image_generators(self.seed, self.num_images)
        return [torch.Generator().manual_seed(self.seed) for _ in range(self.num_images)]


def _whole(value: float, lowest: int, highest: int) -> bool:
    if not math.isfinite(value):
        return False
    return lowest <= value <= highest and int(value) == value


def _pairs(attributes: Any) -> tuple[tuple[str, str], ...]:
    """Pairs of a name and a value as a tuple; ValueError if a name is repeated."""
    try:
        pairs = tuple((name, value) for name, value in attributes)
    except (TypeError, ValueError):
        pairs = ((None, None),)
    names = {CLASS, *(name for name, _ in pairs)}
    if not all(isinstance(x, str) for x in sum(pairs, ())) or len(names) != len(pairs) + 1:
        raise ValueError("The attributes must be pairs of a name and a value, no name twice.")
    return pairs


@dataclass(frozen=True, eq=False)
class InitialImage:
    """The picture that a walk begins with, beside noise.

    Attributes:
        picture: Clean picture, (1, C, H, W) in [-1, 1], of the model's own size.
        mask: 1 where the picture is kept, 0 where it is filled in, (1, 1, H, W); None keeps none.
    """

    picture: Tensor
    mask: Tensor | None = None

    def __post_init__(self) -> None:
        """Bring them into one memory layout: the kernels, and so the last bits, depend on it."""
        for name in ("picture", "mask"):
            x = getattr(self, name)
            if x is not None:
                object.__setattr__(self, name, torch.empty(x.shape, dtype=x.dtype).copy_(x))
