"""Folders that hold a checkpoint, in three layouts: our own, and diffusers' newer and older one.

    config.json  model.safetensors  README.md  results.json                   our own
    model_index.json  unet/…  scheduler/scheduler_config.json                 a saved pipeline
    model_index.json  config.json  diffusion_pytorch_model.safetensors  …     the same, flat

A pipeline's `unet/` holds what diffusers would sample with. Where averaged weights stand beside it
(`unet_ema/`, as diffusers' training scripts leave them, or a file of the variant "ema"), these are
taken: such a `unet/` is the state of a training in the middle of its way, while samples are to be
drawn from the average, which is also what the finished pipeline holds. A note says so.

Only safetensors are read, since a pickle can run code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import Tensor, nn

from .config import CONFIG, CheckpointConfig
from .diffusers_import import scheduler_config, unet_config

WEIGHTS = "model.safetensors"
RESULTS = "results.json"  # what was measured of the weights; see `evaluation.records`
INDEX, SCHEDULER = "model_index.json", "scheduler_config.json"
THEIRS = "diffusion_pytorch_model.safetensors"
THEIRS_EMA = "diffusion_pytorch_model.ema.safetensors"
UNETS = ("unet_ema", "unet", ".")
SETTINGS = (
    CONFIG,
    INDEX,
    SCHEDULER,
    f"scheduler/{SCHEDULER}",
    f"unet/{CONFIG}",
    f"unet_ema/{CONFIG}",
)
NO_SCHEDULER = (
    f"It comes without {SCHEDULER}, so diffusers' defaults are taken: a linear schedule of 1,000 "
    "steps, and a network that predicts the noise."
)
AVERAGED = "Its averaged weights (EMA) are taken, not those of the training's last step."
_OLD = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder has the settings of a checkpoint, in any layout."""
    return any((folder / name).is_file() for name in (CONFIG, INDEX, f"unet/{CONFIG}"))


@dataclass(frozen=True)
class Layout:
    """A kind of checkpoint folder.

    Attributes:
        name: Whose layout it is.
        recognise: Whether a folder is laid out so.
        read: Its settings, and the names that its weights may have, best first; raises ValueError
            for what cannot be represented, and FileNotFoundError for settings that are missing.
    """

    name: str
    recognise: Callable[[Path], bool]
    read: Callable[[Path], tuple[CheckpointConfig, tuple[str, ...]]]


def read_settings(folder: Path) -> tuple[CheckpointConfig, tuple[str, ...]]:
    """A checkpoint's settings, and the names that its weights may have in the folder, best first.

    Raises:
        ValueError: if the folder holds something else, or what cannot be represented.
        FileNotFoundError: if a file of settings is missing.
    """
    return next(layout for layout in LAYOUTS if layout.recognise(folder)).read(folder)


def _is_ours(folder: Path) -> bool:
    """Whether it is our own layout: one config.json, which names no class of diffusers."""
    elsewhere = any((folder / place / CONFIG).is_file() for place in UNETS if place != ".")
    if elsewhere or (folder / INDEX).is_file() or not (folder / CONFIG).is_file():
        return False
    return "_class_name" not in _read(folder / CONFIG)


def _read_ours(folder: Path) -> tuple[CheckpointConfig, tuple[str, ...]]:
    text = (folder / CONFIG).read_text(encoding="utf-8")
    return CheckpointConfig.from_json(text), (WEIGHTS,)


def _read_diffusers(folder: Path) -> tuple[CheckpointConfig, tuple[str, ...]]:
    place = next((p for p in UNETS if (folder / p / CONFIG).is_file()), None)
    index = _read(folder / INDEX) if (folder / INDEX).is_file() else {}
    if place is None:
        raise FileNotFoundError(2, "missing", str(folder / (f"unet/{CONFIG}" if index else CONFIG)))
    _check_index(index)
    unet = unet_config(_read(folder / place / CONFIG))
    places = [folder / "scheduler", folder]
    if place == "." and (folder.parent / INDEX).is_file():  # the unet/ of a pipeline
        places.append(folder.parent / "scheduler")
    scheduler = next((f for p in places if (f := p / SCHEDULER).is_file()), None)
    if scheduler is None and index:
        raise FileNotFoundError(2, "missing", f"{folder}/{SCHEDULER}")
    rest = scheduler_config(_read(scheduler) if scheduler else {})
    notes = [*rest.pop("notes"), *([] if scheduler else [NO_SCHEDULER])]
    names = [f"{place}/{name}".removeprefix("./") for name in (THEIRS_EMA, THEIRS)]
    if place == "unet_ema" or (folder / names[0]).is_file():
        notes.append(AVERAGED)
    return CheckpointConfig(unet, **rest, notes=tuple(notes)), tuple(names)


LAYOUTS = (  # the first that recognises a folder reads it; the last says what is missing
    Layout("ours", _is_ours, _read_ours),
    Layout("diffusers", lambda folder: True, _read_diffusers),
)


def _check_index(index: dict[str, Any]) -> None:
    parts = {k: v for k, v in index.items() if not k.startswith("_") and isinstance(v, list)}
    extra = [k for k, v in parts.items() if k not in ("unet", "scheduler") and v[-1] is not None]
    if extra:
        raise ValueError(
            f"it is a {index.get('_class_name', 'pipeline')} with a part {extra[0]!r}, so its UNet "
            "alone makes no pictures; use it with diffusers itself"
        )


def _parsed(text: str) -> dict[str, Any]:
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError(f"its {CONFIG} holds no settings")
    return values


def _read(file: Path) -> dict[str, Any]:
    return _parsed(file.read_text(encoding="utf-8"))


def weights_file(folder: Path, names: Iterable[str], there: Iterable[str], name: str) -> Path:
    """The best of the names that is there.

    Args:
        folder: The folder of the checkpoint.
        names: The names that the weights may have, best first, from `read_settings`.
        there: Names of all files, to say what there is instead.
        name: What the sentence calls the checkpoint.

    Raises:
        ValueError: if none is there, in a sentence that says what to do.
    """
    names = tuple(names)
    for candidate in names:
        if (folder / candidate).is_file():
            return folder / candidate
    wanted = names[-1]
    stem = wanted.removesuffix(".safetensors")
    there = set(there)
    if f"{wanted}.index.json" in there:
        raise ValueError(
            f"The weights of {name} are in several pieces, which are not read; save them in one by "
            'save_pretrained(FOLDER, max_shard_size="100GB").'
        )
    if f"{stem}.bin" in there:
        raise ValueError(
            f"The weights of {name} are pickled ({stem}.bin), and a pickle can run code, so it is "
            "not read; if you trust it, convert it, and load FOLDER instead: python -c "
            f"\"import diffusers; diffusers.DDPMPipeline.from_pretrained('{name}', "
            "use_safetensors=False).save_pretrained('FOLDER')\"."
        )
    raise ValueError(f"{name} is no checkpoint: it lacks {wanted}.")


def files_in(folder: Path) -> Iterator[str]:
    """Names of the files in a folder and its subfolders, as in a repository."""
    for place in (folder, *(folder / p for p in UNETS[:2])):
        if place.is_dir():
            yield from (f.relative_to(folder).as_posix() for f in place.iterdir())


def modern_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights under today's names: attention once was query, key, value and proj_attn."""
    named = {}
    for key, value in tensors.items():
        key = re.sub(r"\.(query|key|value|proj_attn)\.", lambda m: f".{_OLD[m[1]]}.", key)
        if key == "time_proj.W":  # beside it, or instead of it, stands .weight
            key = "time_proj.weight"
        named[key] = value
    return named


def fill(unet: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Load weights into a network; ValueError, by name, if they are not its own."""
    own = {k: tuple(v.shape) for k, v in unet.state_dict().items()}
    given = {k: tuple(v.shape) for k, v in tensors.items()}
    for key in [*own, *given]:
        if own.get(key) != given.get(key):
            raise ValueError(
                f"its weights are not those that its {CONFIG} describes: {key} is "
                f"{given.get(key, 'missing')}, where {own.get(key, 'nothing')} is expected"
            )
    unet.load_state_dict({k: v.float() for k, v in tensors.items()})


@contextmanager
def in_a_sentence(name: str) -> Iterator[None]:
    """Turn what goes wrong in reading a checkpoint into one sentence that names it."""
    try:
        yield
    except FileNotFoundError as error:
        missing = Path(error.filename or WEIGHTS).name
        raise ValueError(f"{name} is no checkpoint: it lacks {missing}.") from error
    except (SafetensorError, json.JSONDecodeError, RuntimeError, OSError) as error:
        raise ValueError(f"The checkpoint {name} is broken; copy or download it again.") from error
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        words = str(error).rstrip(".")
        raise ValueError(f"The checkpoint {name} cannot be used: {words}.") from error
