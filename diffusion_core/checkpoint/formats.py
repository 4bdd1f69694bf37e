"""Folders that hold a checkpoint, in three layouts: our own, and diffusers' newer and older one.

    config.json  model.safetensors  README.md  results.json                   our own
    model_index.json  unet/…  scheduler/scheduler_config.json                 a saved pipeline
    model_index.json  config.json  diffusion_pytorch_model.safetensors  …     the same, flat

A pipeline's `unet/` holds what diffusers would sample with. Where averaged weights stand beside it
(`unet_ema/`, as diffusers' training scripts leave them, or a file of the variant "ema"), these are
taken: such a `unet/` is the state of a training in the middle of its way, while samples are to be
drawn from the average, which is also what the finished pipeline holds. A note says so.

Only safetensors are read, since a pickle can run code. A file that is a link out of the folder can
be refused (`links`): the folder of a stranger must not name other files of this machine.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from ..fields import MAX_BYTES, check_fields, parse_json, printable, shown, text
from ..unet import UNetConfig
from .config import CONFIG, CheckpointConfig
from .diffusers_import import scheduler_config, unet_config
from .weights import check_size

WEIGHTS = "model.safetensors"
RESULTS = "results.json"  # what was measured of the weights; see `evaluation.records`
INDEX, SCHEDULER = "model_index.json", "scheduler_config.json"
THEIRS = "diffusion_pytorch_model.safetensors"
THEIRS_EMA = "diffusion_pytorch_model.ema.safetensors"
THEIRS_HALF = "diffusion_pytorch_model.fp16.safetensors"  # the same in half precision
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
    config, names = next(layout for layout in LAYOUTS if layout.recognise(folder)).read(folder)
    check_size(config.unet)
    return config, names


def check_links(folder: Path, names: Iterable[str]) -> None:
    """Refuse files of a checkpoint that are links to somewhere else.

    The Hub's cache keeps each file elsewhere in the repository's own folder, which is allowed.

    Args:
        folder: The folder of the checkpoint.
        names: The files that are read, as far as they are there.

    Raises:
        ValueError: in one sentence.
    """
    home = folder.resolve()
    places = [home]
    if home.parent.name == "snapshots":
        places.append(home.parents[1] / "blobs")
    for name in names:
        file = folder / name
        if file.exists() and not any(file.resolve().is_relative_to(place) for place in places):
            raise ValueError(f"its {name} is a link out of its folder; put the file itself there.")


def _is_ours(folder: Path) -> bool:
    """Whether it is our own layout: one config.json, which names no class of diffusers."""
    elsewhere = any((folder / place / CONFIG).is_file() for place in UNETS if place != ".")
    if elsewhere or (folder / INDEX).is_file() or not (folder / CONFIG).is_file():
        return False
    return "_class_name" not in _read(folder / CONFIG)


def _read_ours(folder: Path) -> tuple[CheckpointConfig, tuple[str, ...]]:
    return CheckpointConfig.from_json(_bytes(folder / CONFIG)), (WEIGHTS,)


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
    _check_variance(unet, rest["sampling"], bool(scheduler))
    notes = [*rest.pop("notes"), *([] if scheduler else [NO_SCHEDULER])]
    kinds = (THEIRS_EMA, THEIRS, THEIRS_HALF)
    names = [f"{place}/{name}".removeprefix("./") for name in kinds]
    if place == "unet_ema" or (folder / names[0]).is_file():
        notes.append(AVERAGED)
    return CheckpointConfig(unet, **rest, notes=tuple(notes)), tuple(names)


def _check_variance(unet: UNetConfig, sampling: dict[str, Any], told: bool) -> None:
    """Bring together the network's second half and the scheduler's variance, of one checkpoint.

    Without a scheduler's file a network that learned its variance walks with it.

    Raises:
        ValueError: if the scheduler wants a learned variance, and the network gives none.
    """
    if unet.learned_variance and not told:
        sampling["variance"] = "learned"
    if sampling.get("variance") == "learned" and not unet.learned_variance:
        raise ValueError(
            f"its variance_type is 'learned_range', for which the network must give "
            f"{2 * unet.in_channels} channels, and it gives {unet.out_channels}; set it to "
            "fixed_small in its file"
        )


LAYOUTS = (  # the first that recognises a folder reads it; the last says what is missing
    Layout("ours", _is_ours, _read_ours),
    Layout("diffusers", lambda folder: True, _read_diffusers),
)


def _check_index(index: dict[str, Any]) -> None:
    check_fields(index, {"_class_name": text()}, of=f"its {INDEX}", others=True)
    parts = {k: v for k, v in index.items() if not k.startswith("_") and isinstance(v, list)}
    extra = [k for k, v in parts.items() if k not in ("unet", "scheduler") and v[-1:] != [None]]
    if extra:
        raise ValueError(
            f"it is a {index.get('_class_name', 'pipeline')} with a part "
            f"{shown(printable(extra[0]))}, so its UNet alone makes no pictures; use it with "
            "diffusers itself"
        )


def _bytes(file: Path) -> bytes:
    with open(file, "rb") as opened:
        return opened.read(MAX_BYTES + 1)  # of more the reader says that it is too large


def _read(file: Path) -> dict[str, Any]:
    values = parse_json(_bytes(file), f"its {file.name}")
    if not isinstance(values, dict):
        raise ValueError(f"its {file.name} holds no settings.")
    return values


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
    wanted = next((n for n in names if n.endswith(THEIRS)), names[-1])
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
    raise ValueError(f"{name} is not a checkpoint: it lacks {wanted}.")


def files_in(folder: Path) -> Iterator[str]:
    """Names of the files in a folder and its subfolders, as in a repository."""
    for place in (folder, *(folder / p for p in UNETS[:2])):
        if place.is_dir():
            yield from (f.relative_to(folder).as_posix() for f in place.iterdir())


def modern_name(key: str) -> str:
    """A parameter under today's name: attention once was query, key, value and proj_attn."""
    if key == "time_proj.W":  # beside it, or instead of it, stands .weight
        return "time_proj.weight"
    return re.sub(r"\.(query|key|value|proj_attn)\.", lambda m: f".{_OLD[m[1]]}.", key)


@contextmanager
def in_a_sentence(name: str) -> Iterator[None]:
    """Turn what goes wrong in reading a checkpoint into one sentence that names it."""
    try:
        yield
    except FileNotFoundError as error:
        missing = Path(error.filename or WEIGHTS).name
        raise ValueError(f"{name} is not a checkpoint: it lacks {missing}.") from error
    except (SafetensorError, RuntimeError, OSError) as error:
        raise ValueError(f"The checkpoint {name} is broken; copy or download it again.") from error
    except ValueError as error:
        words = str(error).rstrip(".")
        raise ValueError(f"The checkpoint {name} cannot be used: {words}.") from error
    except (TypeError, LookupError, ArithmeticError, AttributeError) as error:
        logging.error("The checkpoint %s breaks its reader", name, exc_info=error)
        raise ValueError(
            f"The checkpoint {name} cannot be used: its settings do not fit together."
        ) from error
    except MemoryError as error:
        raise ValueError(
            f"The checkpoint {name} cannot be used: there is not enough memory for it."
        ) from error
