"""The run card: everything that a walk depends on, as JSON, so that it can be walked again.

On the same machine, with the same versions, threads and engine, the replay's result is the same to
the bit; else `RunCard.compare` says what differs. A card that names no engine was walked by torch.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import json
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..checkpoint import Checkpoint, GuidingClassifier, GuidingClip, is_checkpoint
from ..data import from_uint8, to_pil, to_uint8
from ..engines import CUDA_GRAPHS, ONNXRUNTIME, TORCH, on_engine, on_threads
from ..fields import (
    Kind,
    check_fields,
    either,
    flag,
    listed,
    mapping,
    number,
    optional,
    pair,
    parse_json,
    text,
    whole,
)
from ..glide import load_model
from ..inspection import SWITCHES, Switches
from .request import InitialImage, SamplingRequest

FORMAT = "diffusion-playground/run-1"
PAGE_FORMAT = "diffusion-playground/page-run-1"  # cards of tabs/static/page/walks.js
MAX_BRANCHES = 20
MAX_CARD_BYTES = 4 * 2**20
MAX_CAPTION = 2000  # characters
MAX_SIDE = 1024  # of the picture that a walk began with
# The engine that replays what another one walked: a browser runs the graph of ONNX Runtime here.
REPLAYED_BY = {
    TORCH: TORCH,
    ONNXRUNTIME: ONNXRUNTIME,
    CUDA_GRAPHS: CUDA_GRAPHS,
    "onnxruntime-web": ONNXRUNTIME,
}

# What the fields may be. In which bounds a number must lie says `SamplingRequest`, for all doors.
_WHOLE = whole(-(10**30), 10**30, floats=True)
_NUMBER = number(-1e30, 1e30)
_NAME = text(300, least=1)
_PICTURE = text(MAX_CARD_BYTES, lines=True)
WALK: dict[str, Kind] = {
    "num_images": _WHOLE,
    "label": optional(either(_NAME, whole(0, 10**9))),
    "sampler": _NAME,
    "num_steps": _WHOLE,
    "eta": _NUMBER,
    "spacing": _NAME,
    "guidance_scale": _NUMBER,
    "seed": _WHOLE,
    "seed_to": optional(_WHOLE),
    "clip_x0": flag(),
    "variance": _NAME,
    "t_start": optional(_WHOLE),
    "resample": _WHOLE,
    "parent": optional(mapping()),
    "branch_step": _WHOLE,
    "attributes": listed(pair(_NAME, _NAME), 0, 100),
    "threshold": _NAME,
    "switches": optional(mapping(SWITCHES)),
    "classifier_label": optional(either(_NAME, whole(0, 10**9))),
    "classifier_scale": _NUMBER,
    "caption": optional(text(MAX_CAPTION, lines=True)),
    "clip_scale": _NUMBER,
}
CARD: dict[str, Kind] = {
    "format": _NAME,
    "model": _NAME,
    "weights": text(200),
    "schedule": mapping(),
    "walk": mapping(),
    "versions": mapping(),
    "result": text(200),
    "engine": text(40, least=1),
    "classifier": text(200),
    "clip": text(200),
    "given": either(flag(), mapping({"picture": _PICTURE, "mask": _PICTURE, "points": _PICTURE})),
}


@dataclass(frozen=True, eq=False)
class RunCard:
    """The settings of a finished walk, its model, and a digest of its result.

    Attributes:
        model: The checkpoint's name: its folder's last part, or a Hub id.
        weights: SHA-256 of its weights file.
        schedule: Its schedule's name and parameters.
        walk: The request that was computed.
        given: The picture and mask that it began with; None where it began with noise.
        needs_given: Whether there was such a picture; a link cannot carry it.
        versions: The versions of the software that computed it, and the processor.
        result: SHA-256 of the finished pictures, float32 (B, C, H, W).
        engine: What evaluated the network; see `engines`.
        classifier: SHA-256 of the weights of the classifier that guided it; "" of no such walk.
        clip: SHA-256 of the weights of the CLIP that guided it; "" of no such walk.
    """

    model: str
    weights: str
    schedule: dict[str, Any]
    walk: SamplingRequest
    given: InitialImage | None = None
    needs_given: bool = False
    versions: dict[str, str] = field(default_factory=dict)
    result: str = ""
    engine: str = TORCH
    classifier: str = ""
    clip: str = ""

    @classmethod
    def of(
        cls,
        checkpoint: Checkpoint,
        walk: SamplingRequest,
        given: InitialImage | None,
        result: Tensor,
    ) -> RunCard:
        """The card of a finished walk."""
        engine = engine_of(checkpoint, walk)
        by_classifier = any(each.classifier_scale for each in walk.chain)
        by_clip = any(each.clip_scale for each in walk.chain)
        return cls(
            Path(checkpoint.name).name if Path(checkpoint.name).is_dir() else checkpoint.name,
            checkpoint.weights_hash,
            checkpoint.config.schedule,
            walk,
            given,
            given is not None,
            versions(checkpoint, engine),
            digest(result),
            engine,
            _weights(checkpoint.classifier) if by_classifier else "",
            _weights(checkpoint.clip) if by_clip else "",
        )

    def values(self, *, with_given: bool = True) -> dict[str, Any]:
        """The card as plain values, which `to_json` writes as text."""
        values: dict[str, Any] = {
            "format": FORMAT,
            "model": self.model,
            "weights": self.weights,
            "schedule": self.schedule,
            "walk": _short(self.walk),
            "versions": self.versions,
            "result": self.result,
        }
        if self.engine != TORCH:
            values["engine"] = self.engine
        if self.classifier:
            values["classifier"] = self.classifier
        if self.clip:
            values["clip"] = self.clip
        if self.needs_given:
            values["given"] = _encode(self.given) if with_given and self.given else True
        return values

    def to_json(self, *, with_given: bool = True, indent: int | None = 2) -> str:
        """The card as JSON; without the picture that it began with, short enough for a link."""
        values = self.values(with_given=with_given)
        return json.dumps(values, indent=indent, separators=None if indent else (",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> RunCard:
        """Read what `to_json` wrote.

        Raises:
            ValueError: if it is something else, in a sentence.
        """
        try:
            values = parse_json(text, "it", MAX_CARD_BYTES)
            if isinstance(values, dict) and values.get("format") == PAGE_FORMAT:
                raise ValueError(
                    "It is of a static page, which draws noise by a generator of its own; open it "
                    "on that page."
                )
            if not isinstance(values, dict) or values.get("format") != FORMAT:
                raise ValueError(f"it is not a JSON file of the form {FORMAT}.")
            check_fields(values, CARD, required=("model", "weights", "schedule", "walk"))
            given = values.get("given")
            card = cls(
                values["model"],
                values["weights"],
                values["schedule"],
                _walk(values["walk"]),
                _decode(given) if isinstance(given, dict) else None,
                bool(given),
                {k: str(v) for k, v in values.get("versions", {}).items()},
                values.get("result", ""),
                values.get("engine", TORCH),
                values.get("classifier", ""),
                values.get("clip", ""),
            )
        except ValueError as error:
            words = str(error)
            raise ValueError(
                f"This is not a run card that can be walked: {words[:1].lower()}{words[1:]}"
            ) from None
        if card.needs_given and card.given is None:
            raise ValueError(
                "This walk began with a picture, which a link cannot carry; open its run card file."
            )
        return card

    def check(self, checkpoint: Checkpoint) -> None:
        """Refuse a card whose walk cannot be walked with a model, before anything is computed.

        Raises:
            ValueError: in one sentence.
        """
        self.walk.timesteps(checkpoint)
        for each in self.walk.chain:
            each.denoiser(checkpoint)
        shape = (1, *checkpoint.sample_shape)
        if self.given is not None and self.given.picture.shape != shape:
            raise ValueError("The run card's picture is not of the model's own size.")

    def on_engine(self, checkpoint: Checkpoint) -> Checkpoint:
        """The model with the engine that walked the card; else with that of new walks here.

        A browser's walk is replayed by ONNX Runtime: the graph is the same, and its kernels differ.
        Torch takes as many threads as it had then, on which its last bits depend.
        """
        engine = REPLAYED_BY.get(self.engine)
        if engine == CUDA_GRAPHS and checkpoint.device.type != "cuda":
            engine = None
        on = on_engine(checkpoint, engine)
        threads = self.versions.get("threads", "")
        if self.engine != TORCH or not re.fullmatch(r"[1-9]\d{0,2}", threads):
            return on
        return on if int(threads) == torch.get_num_threads() else on_threads(on, int(threads))

    def checkpoint(self, folders: Sequence[Path]) -> Checkpoint:
        """The model, from these folders of checkpoints or the Hub.

        Raises:
            ValueError: if there is none of its name.
        """
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", self.model) or self.model.startswith("."):
            raise ValueError("The run card's model is neither a name nor a Hub id.")
        for folder in folders:
            if is_checkpoint(folder / self.model):
                return load_model(folder / self.model)
        if "/" in self.model:
            return load_model(self.model)
        raise ValueError(
            f"The run card was made with the model {self.model}, which is not here; name it by "
            "--model FOLDER."
        )

    def compare(self, checkpoint: Checkpoint, result: Tensor) -> str:
        """Whether a replay came to the same result, in a sentence; if not, what differs."""
        if digest(result) == self.result:
            return "The replay's result is the same, to the bit."
        engine = engine_of(checkpoint, self.walk)
        here = versions(checkpoint, engine)
        other = [
            f"{name} {here.get(name, 'none')} here, {then} then"
            for name, then in self.versions.items()
            if here.get(name) != then and not (name == self.engine != engine)
        ]
        if engine != self.engine:
            other.insert(0, f"engine {engine} here, {self.engine} then")
        for kind, then, guide in (
            ("classifier", self.classifier, checkpoint.classifier),
            ("CLIP", self.clip, checkpoint.clip),
        ):
            now = _weights(guide) or "none"
            if then and now != then:
                other.insert(0, f"{kind} {now[:8]} here, {then[:8]} then")
        if checkpoint.weights_hash != self.weights:
            other.insert(0, f"weights {checkpoint.weights_hash[:8]} here, {self.weights[:8]} then")
        why = "; ".join(other) if other else "and nothing that the card knows of does"
        return f"The replay's result differs from the card's: {why}."


def engine_of(checkpoint: Checkpoint, walk: SamplingRequest) -> str:
    """What evaluated the network of a walk; of a branch, of the steps of its parents too.

    Where a network was changed in a part of it, and torch computed that part, it is the engine of
    the rest.
    """
    engines = {each.engine(checkpoint) for each in walk.chain}
    return next(iter(engines - {TORCH}), TORCH)


def _weights(guide: GuidingClassifier | GuidingClip | None) -> str:
    """SHA-256 of the weights of what guides; "" where there is nothing."""
    return guide.weights_hash if guide else ""


def versions(checkpoint: Checkpoint, engine: str) -> dict[str, str]:
    """Versions and processor, on which the last bits of a result depend."""
    network: Any = checkpoint.network
    values = {
        "torch": torch.__version__,
        "device": checkpoint.device.type,
        "processor": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "threads": str(getattr(network, "threads", torch.get_num_threads())),
        "python": platform.python_version(),
    }
    return values if engine == TORCH else {**values, engine: network.version}


def digest(x: Tensor) -> str:
    """SHA-256 of a tensor's values as float32, in row-major order, hex."""
    return hashlib.sha256(x.detach().float().cpu().contiguous().numpy().tobytes()).hexdigest()


def _short(walk: SamplingRequest) -> dict[str, Any]:
    """The fields of a request that differ from their defaults, by name."""
    values = {}
    for f in dataclasses.fields(walk):
        value = getattr(walk, f.name)
        if f.name == "parent" and value is not None:
            values["parent"] = _short(value)
        elif f.name == "switches" and value is not None:
            values["switches"] = value.to_dict()
        elif value != f.default:
            values[f.name] = value
    return values


def _walk(values: dict[str, Any], depth: int = 0) -> SamplingRequest:
    if depth > MAX_BRANCHES:
        raise ValueError(f"It branches more than {MAX_BRANCHES} times.")
    prefix = "its " + "parent." * depth
    values = check_fields(values, WALK, of=f"{prefix}walk", prefix=prefix)
    if values.get("parent") is not None:
        values["parent"] = _walk(values["parent"], depth + 1)
    if values.get("switches") is not None:
        values["switches"] = Switches.from_dict(values["switches"])
    return SamplingRequest(**values)


def _encode(given: InitialImage) -> dict[str, str]:
    if given.picture.ndim == 3:  # a cloud (1, N, 3), whose numbers are no levels of a picture
        points = given.picture[0].numpy().astype("<f4").tobytes()
        encoded = {"points": base64.b64encode(points).decode()}
        if given.mask is not None:
            known = given.mask[0, :, 0].numpy().astype(np.uint8).tobytes()
            encoded["mask"] = base64.b64encode(known).decode()
        return encoded
    pictures = {"picture": given.picture}
    if given.mask is not None:
        pictures["mask"] = given.mask * 2 - 1
    encoded = {}
    for name, x in pictures.items():
        buffer = io.BytesIO()
        to_pil(to_uint8(x)[0]).save(buffer, format="PNG")
        encoded[name] = base64.b64encode(buffer.getvalue()).decode()
    return encoded


def _cloud(values: dict[str, str]) -> InitialImage:
    """What a walk of points began with: float32 (N, 3), and a byte a point that is 1 for known."""
    try:
        points = np.frombuffer(base64.b64decode(values["points"]), "<f4").reshape(1, -1, 3)
        mask = None
        if "mask" in values:
            known = np.frombuffer(base64.b64decode(values["mask"]), np.uint8).reshape(1, -1, 1)
            if known.shape[1] != points.shape[1] or not np.isfinite(points).all():
                raise ValueError
            mask = torch.from_numpy((known > 0).repeat(3, axis=2)).float()
    except ValueError:
        raise ValueError("its given.points must be float32 (N, 3) in base64.") from None
    return InitialImage(torch.from_numpy(points.astype(np.float32)), mask)


def _decode(values: dict[str, str]) -> InitialImage:
    if "points" in values:
        return _cloud(values)
    if "picture" not in values:
        raise ValueError("its given.picture is missing, and must be a PNG in base64.")

    def picture(name: str) -> Tensor:
        try:
            image = Image.open(io.BytesIO(base64.b64decode(values[name])), formats=["PNG"])
            if max(image.size) > MAX_SIDE:
                raise ValueError
            array = np.array(image.convert("L" if image.mode == "L" else "RGB"))
        except (ValueError, OSError, SyntaxError, Image.DecompressionBombError):
            raise ValueError(
                f"its given.{name} must be a PNG in base64, of at most {MAX_SIDE} × {MAX_SIDE} "
                "pixels."
            ) from None
        return from_uint8(array.reshape(1, *array.shape[:2], -1))

    mask = (picture("mask")[:, :1] > 0).float() if "mask" in values else None
    return InitialImage(picture("picture"), mask)
