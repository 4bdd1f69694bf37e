"""A loaded checkpoint: the network, its schedule, and the denoiser that both make together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from ..conditioning import CAPTION, CLASS, AttributeNames, attribute_values
from ..denoiser import (
    Classifier,
    ClassifierFreeGuidance,
    ClassifierGuidance,
    ClipGuidance,
    ContrastiveModel,
    ModelDenoiser,
    Network,
    ScheduledDenoiser,
)
from ..schedule import Schedule
from ..unet import UNet

ConditionRequest = str | int | Tensor | Mapping[str, Any] | Sequence[Any] | None


class ModelSettings(Protocol):
    """Settings of a model of any kind: a frozen dataclass, as `CheckpointConfig` is for a UNet."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def schedule(self) -> dict[str, Any]:
        """Arguments of `make_schedule`, or the betas themselves."""

    @property
    def prediction_type(self) -> str:
        """What the network's output means: one of `PREDICTION_TYPES`."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, in label order; empty where there are none."""

    @property
    def dataset(self) -> str:
        """What it was trained on, in words."""

    @property
    def training(self) -> dict[str, Any]:
        """How it was trained: settings, steps and command."""

    @property
    def sampling(self) -> dict[str, Any]:
        """Recommended settings, by their names in `SamplingRequest`."""

    @property
    def clip_x0(self) -> float:
        """x0_hat is clipped to [-clip_x0, clip_x0]; 0 is not clipped."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about it that a user should read."""

    @property
    def attribute_names(self) -> AttributeNames:
        """Names of its attributes, each with the names of its values."""

    @property
    def attribute_classes(self) -> AttributeNames:
        """For an attribute, the names of the classes that show it."""

    def to_json(self) -> str:
        """The settings as JSON."""


@dataclass(frozen=True, eq=False)
class GuidingClassifier:
    """A classifier of noisy samples that guides the walks of a model; see `Checkpoint.guided_by`.

    Attributes:
        network: The classifier, in evaluation mode.
        class_names: The name of each class, in label order.
        name: Its folder's name.
        weights_hash: SHA-256 of its weights file, hex.
        dataset: What it was trained on, in words.
        training: How it was trained: settings, steps and command.
    """

    network: Classifier
    class_names: tuple[str, ...]
    name: str
    weights_hash: str
    dataset: str = ""
    training: dict[str, Any] = field(default_factory=dict)

    def label(self, name_or_index: str | int) -> int:
        """The label of a class given by its name or number.

        Raises:
            ValueError: if the classifier has no such class.
        """
        if isinstance(name_or_index, str) and name_or_index in self.class_names:
            return self.class_names.index(name_or_index)
        try:
            index = int(name_or_index)
        except ValueError:
            index = -1
        if not 0 <= index < len(self.class_names):
            named = ", ".join(f"{i} {n}" for i, n in enumerate(self.class_names))
            raise ValueError(
                f"The classifier has no class {name_or_index!r}; choose one of these: {named}."
            )
        return index


@dataclass(frozen=True, eq=False)
class GuidingClip:
    """A CLIP of noisy pictures that guides the walks of a model; see `Checkpoint.guided_by_clip`.

    Attributes:
        network: The CLIP, in evaluation mode.
        read_caption: Turns a caption into its own numbers, int64 (1, L); ValueError in a sentence.
        name: Its folder's name.
        weights_hash: SHA-256 of its weights file, hex.
        dataset: What it was trained on, in words.
        training: How it was trained: settings, steps and command.
    """

    network: ContrastiveModel
    read_caption: Callable[[str], Tensor]
    name: str
    weights_hash: str
    dataset: str = ""
    training: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A network, the schedule that it was trained with, and its settings.

    The network may be of any kind, of images or of points: what others need of it stands here.

    Attributes:
        network: The network, in evaluation mode, fp32.
        schedule: The schedule that it was trained with.
        config: The settings, as in the folder.
        name: The folder's name or the Hub id.
        weights_hash: SHA-256 of the weights file, hex.
        classifier: What guides the walks that ask for it; None where there is none.
        clip: What guides the walks that ask for it by their captions; None where there is none.
    """

    network: Network
    schedule: Schedule
    config: ModelSettings
    name: str
    weights_hash: str
    classifier: GuidingClassifier | None = None
    clip: GuidingClip | None = None

    @property
    def unet(self) -> UNet:
        """The UNet itself, for those who need its parts: training, hooks, export.

        Raises:
            ValueError: if it is of another kind.
        """
        network = getattr(self.network, "module", self.network)  # of one on another engine
        if not isinstance(network, UNet):
            raise ValueError(f"The network of {self.name} is not a UNet; choose a model of images.")
        return network

    @property
    def engine(self) -> str:
        """The name of what evaluates the network: "torch", unless the network names another."""
        return getattr(self.network, "engine", "torch")

    @property
    def device(self) -> torch.device:
        """The device that the network is on."""
        return next(self.network.parameters()).device

    def to(self, device: torch.device) -> Checkpoint:
        """Move the network to a device, in place; gives the checkpoint itself."""
        self.network.to(device)
        if self.classifier is not None:
            self.classifier.network.to(device)
        if self.clip is not None:
            self.clip.network.to(device)
        return self

    def guided_by(self, classifier: GuidingClassifier) -> Checkpoint:
        """The same model with a classifier beside it, on the model's device.

        Raises:
            ValueError: if the classifier reads samples of another shape.
        """
        self._check_reader(
            f"The classifier {classifier.name}",
            classifier.network.config.sample_shape,
            "train a classifier on this model's pictures",
        )
        classifier.network.to(self.device)
        return dataclasses.replace(self, classifier=classifier)

    def guided(
        self, denoiser: ScheduledDenoiser, label: str | int, scale: float, algorithm: int = 2
    ) -> ClassifierGuidance:
        """A denoiser of this model, guided by the classifier beside it.

        Args:
            denoiser: As `denoiser` gave it.
            label: The class to go to, one of the classifier's, by name or number.
            scale: See `ClassifierGuidance`.
            algorithm: See `ClassifierGuidance`.

        Raises:
            ValueError: if there is no classifier, or it has no such class.
        """
        if self.classifier is None:
            raise ValueError(
                f"This walk is guided by a classifier, and {Path(self.name).name} comes without "
                "one; open it in the tab Systems, or name a classifier beside the model."
            )
        y = self.classifier.label(label)
        return ClassifierGuidance(denoiser, self.classifier.network, y, scale, algorithm)

    def guided_by_clip(self, clip: GuidingClip) -> Checkpoint:
        """The same model with a CLIP beside it, on the model's device.

        Raises:
            ValueError: if the CLIP reads samples of another shape.
        """
        shape = clip.network.config.sample_shape
        self._check_reader(f"The CLIP {clip.name}", shape, "train a CLIP on this model's pictures")
        clip.network.to(self.device)
        return dataclasses.replace(self, clip=clip)

    def _check_reader(self, reader: str, theirs: tuple[int, ...], else_do: str) -> None:
        if tuple(theirs) != tuple(self.sample_shape):
            raise ValueError(
                f"{reader} reads pictures of {_times(theirs)}, and {Path(self.name).name} makes "
                f"{_times(self.sample_shape)}; choose a model of that shape, or {else_do}."
            )

    def guided_to_caption(
        self, denoiser: ScheduledDenoiser, caption: str, scale: float, algorithm: int = 2
    ) -> ClipGuidance:
        """A denoiser of this model, guided to a caption by the CLIP beside it.

        Args:
            denoiser: As `denoiser` gave it.
            caption: What the pictures shall show, in words.
            scale: See `ClipGuidance`.
            algorithm: See `ClipGuidance`.

        Raises:
            ValueError: if there is no CLIP, or it cannot read the caption.
        """
        if self.clip is None:
            raise ValueError(
                f"This walk is guided by a CLIP, and {Path(self.name).name} comes without one; "
                "name one beside the model."
            )
        with torch.no_grad():
            y = self.clip.read_caption(caption).to(self.device)
            wanted = self.clip.network.encode_captions(y)
        return ClipGuidance(denoiser, self.clip.network, wanted, scale, algorithm)

    @property
    def num_parameters(self) -> int:
        """Number of the network's parameters."""
        return sum(p.numel() for p in self.network.parameters())

    @property
    def num_bytes(self) -> int:
        """Bytes of memory of the network's parameters."""
        return sum(p.numel() * p.element_size() for p in self.network.parameters())

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample: (C, H, W) of an image, (D,) of a point."""
        return self.network.config.sample_shape

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images that it makes.

        Raises:
            ValueError: if it makes something else, as points.
        """
        if len(self.sample_shape) != 3:
            raise ValueError(f"{self.name} makes no images; choose a model that does.")
        C, H, W = self.sample_shape
        return C, H, W

    @property
    def num_classes(self) -> int:
        """Number of classes that can be its condition; 0 of an unconditional network."""
        return self.network.config.num_classes or 0

    @property
    def null_label(self) -> bool:
        """Whether it has classes and a label that means "no class", so that it can be guided."""
        return self.num_classes > 0 and self.network.config.null_label

    @property
    def attributes(self) -> tuple[int, ...]:
        """Number of values of each attribute of a condition; see `conditioning`."""
        return self.network.config.attributes

    def label(self, name_or_index: str | int | None) -> int | None:
        """The label of a class given by its name or number; None stays None.

        Raises:
            ValueError: if the model has no such class.
        """
        if name_or_index is None:
            return None
        if not self.num_classes:
            raise ValueError(f"{self.name} has no classes; leave the class out.")
        if isinstance(name_or_index, str) and name_or_index in self.config.class_names:
            return self.config.class_names.index(name_or_index)
        try:
            index = int(name_or_index)
        except ValueError:
            index = -1
        if not 0 <= index < self.num_classes:
            named = [f"{i} {n}" for i, n in enumerate(self.config.class_names)]
            raise ValueError(
                f"There is no class {name_or_index!r}; choose 0 to {self.num_classes - 1}"
                + (f" ({', '.join(named)})." if named else ".")
            )
        return index

    @property
    def reads_captions(self) -> bool:
        """Whether it is asked in words; see `glide`."""
        return hasattr(self.config, "read_caption")

    def read_caption(self, caption: str) -> Tensor:
        """A caption as the network's condition, int64 (1, L).

        Raises:
            ValueError: if the model is not asked in words, or cannot read the caption.
        """
        read = getattr(self.config, "read_caption", None)
        if read is None:
            raise ValueError(
                f"{Path(self.name).name} is not asked in words; choose a class and attributes in "
                "place of a caption, or a model that reads captions."
            )
        return read(caption)

    def condition(self, asked: ConditionRequest) -> int | Tensor | None:
        """The condition of pictures, given by names, in the network's numbers.

        Args:
            asked: A class by name or number; or a mapping with the class and attributes by their
                names, {"class": "open-peeps", "head": "afro"}, each of which may be left out; or a
                sequence of such, one an image; or a tensor (B,) or (B, 1 + K), which is checked.
                Of a model that is asked in words {"caption": "..."}. None is no condition.

        Returns:
            The number of a class, labels (B,), conditions (B, 1 + K) or (1, 1 + K) for all images,
            or None.

        Raises:
            ValueError: if the model has no such class, attribute or value.
        """
        if isinstance(asked, Tensor):
            classes = (asked if asked.ndim == 1 else asked[:, 0]).unique().tolist()
            for label in classes:
                if asked.ndim == 1 or label != self.num_classes:
                    self.label(label)
            return asked
        if isinstance(asked, Mapping) and CAPTION in asked:
            return self.read_caption(asked[CAPTION])
        if self.reads_captions and (isinstance(asked, Mapping) or isinstance(asked, str | int)):
            raise ValueError(
                f"{Path(self.name).name} is asked in words; write a caption in place of class and "
                "attributes."
            )
        if isinstance(asked, Mapping):
            names, label = self.config.attribute_names, self.label(asked.get(CLASS))
            if not names and set(asked) <= {CLASS}:
                return label
            wanted = {k: v for k, v in asked.items() if k != CLASS}
            values = attribute_values(names, wanted)
            for name, classes in self.config.attribute_classes:
                known = [self.label(c) for c in classes]
                if name in wanted and label is not None and label not in known:
                    raise ValueError(
                        f"Only {' and '.join(classes)} can be asked for {name}; choose that class, "
                        f"or leave {name} out."
                    )
            said = self.num_classes if label is None else label
            return torch.tensor([[said, *values]])
        if isinstance(asked, Sequence) and not isinstance(asked, str):
            each = [self.condition(x if isinstance(x, Mapping) else {CLASS: x}) for x in asked]
            if any(x is None for x in each):
                raise ValueError("Each image of a sequence needs a class.")
            rows = [torch.tensor([x]) if isinstance(x, int) else x for x in each]
            return torch.cat(rows)  # type: ignore[arg-type]
        return self.label(asked)

    def denoiser(
        self, y: ConditionRequest = None, guidance_scale: float = 1.0
    ) -> ScheduledDenoiser:
        """The network as a denoiser, guided where the scale asks for it.

        Args:
            y: The condition; see `condition`.
            guidance_scale: How far the estimate is pushed towards the condition; 1.0 is off, and
                any other needs a condition.

        Raises:
            ValueError: if condition or scale do not fit the model.
        """
        y = self.condition(y)
        if not 0 <= guidance_scale <= 100:
            raise ValueError(
                f"The guidance scale must lie between 0 and 100, got {guidance_scale}."
            )
        conditional = ModelDenoiser(self.network, self.schedule, self.config.prediction_type, y)
        if guidance_scale == 1.0:
            return conditional
        if y is None or not self.null_label:
            raise ValueError("Guidance needs a class and a model with a null label; set it to 1.")
        return ClassifierFreeGuidance(conditional, guidance_scale)


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
