"""The state of a training run in one safetensors file: whole or not there, and never unpickled."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..fields import check_fields, mapping, parse_json
from ..files import save_tensors
from ..schedule import Schedule
from ..training import LossHistory, TrainConfig, TrainingState
from ..unet import UNetConfig

STATE_FILE = "state.safetensors"
# What a resumed run may change; all else must be the same.
_FREE = ("num_steps", "decay_steps", "save_every", "precision", "learning_rate")
_SETTINGS = {part: mapping() for part in ("train", "unet", "data")}
_DEFAULTS = {
    part: json.loads(json.dumps(dataclasses.asdict(config)))
    for part, config in (("train", TrainConfig()), ("unet", UNetConfig()))
}


def write_state(
    path: Path,
    settings: dict[str, Any],
    schedule: Schedule,
    state: TrainingState,
    precision: str,
) -> None:
    """Write everything that the next step depends on, in one file.

    Args:
        path: The file.
        settings: By part: "train", "unet" and "data"; compared when the state is read.
        schedule: The noise schedule of the training.
        state: Networks, optimiser and step.
        precision: The precision that it computes in, "fp32" or "bf16".
    """
    tensors: dict[str, Tensor] = {"betas": schedule.betas}
    tensors |= {f"unet.{k}": v for k, v in state.unet.state_dict().items()}
    tensors |= {f"ema.{k}": v for k, v in state.ema.state_dict().items()}
    for index, values in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{k}": torch.as_tensor(v) for k, v in values.items()}
    if state.history is not None:
        tensors |= {"history.losses": state.history.losses, "history.counts": state.history.counts}
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    metadata = {
        "step": str(state.step),
        "precision": precision,
        "settings": json.dumps(settings, sort_keys=True),
    }
    save_tensors(path, tensors, metadata)


def read_state(
    path: Path,
    settings: dict[str, Any],
    schedule: Schedule,
    state: TrainingState,
) -> str:
    """Load a file into the state of a run that has just begun; gives the precision in use.

    Raises:
        ValueError: if the file is broken or belongs to a run with other settings.
    """
    broken = f"{path} is not a readable training state; remove it to start anew."
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        theirs = check_fields(parse_json(metadata["settings"], "it"), _SETTINGS, others=True)
        step, precision = int(metadata["step"]), metadata["precision"]
        betas = tensors.pop("betas")
        if step < 0 or precision not in ("fp32", "bf16"):
            raise ValueError(f"step {step}, precision {precision}")
    except (SafetensorError, KeyError, ValueError, OSError, MemoryError) as error:
        raise ValueError(broken) from error
    ours = json.loads(json.dumps(settings))
    for part in ours:
        for name in ours[part] | _DEFAULTS.get(part, {}):
            # What a setting did before it had a name, it does by default.
            default = _DEFAULTS.get(part, {}).get(name)
            value, other = (each.get(part, {}).get(name, default) for each in (ours, theirs))
            if name == "content" and other is None:
                continue  # of before it was noted
            if name not in _FREE and other != value:
                if name == "content":
                    raise ValueError(
                        f"{path.parent} holds a run on other pictures; choose another folder, or "
                        "the same pictures."
                    )
                raise ValueError(
                    f"{path.parent} holds a run with {name} = {other}, not {value}; choose "
                    "another folder, or the same settings."
                )
    if not torch.equal(betas, schedule.betas):
        raise ValueError(f"{path.parent} holds a run with another noise schedule.")
    if step > settings["train"]["num_steps"]:
        raise ValueError(f"{path.parent} holds a run that already did {step} steps.")
    try:
        moments = _moments(_below("optimizer.", tensors), list(state.unet.parameters()))
        state.unet.load_state_dict(_below("unet.", tensors))
        state.ema.load_state_dict(_below("ema.", tensors))
        groups = state.optimizer.state_dict()["param_groups"]
        state.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        state.history = _history(_below("history.", tensors), len(schedule))
    except (ValueError, KeyError, RuntimeError) as error:
        raise ValueError(broken) from error
    state.step = step
    return precision


def _history(tensors: dict[str, Tensor], num_timesteps: int) -> LossHistory | None:
    """The losses by which timesteps are drawn; None of a run that draws them evenly.

    Raises:
        ValueError: if they are of another shape.
        KeyError: if a part is missing.
    """
    if not tensors:
        return None
    history = LossHistory(num_timesteps)
    for name, own in (("losses", history.losses), ("counts", history.counts)):
        if tensors[name].shape != own.shape or tensors[name].dtype != own.dtype:
            raise ValueError(f"history.{name} has the shape {tuple(tensors[name].shape)}")
        own.copy_(tensors[name])
    return history


def _moments(
    tensors: dict[str, Tensor], parameters: list[nn.Parameter]
) -> dict[int, dict[str, Tensor]]:
    """The optimiser's state of each parameter, by its number.

    Raises:
        ValueError: if one has another shape than its parameter, or there is no such parameter.
    """
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, name = key.split(".")
        index = int(number)
        if not 0 <= index < len(parameters) or value.shape not in ((), parameters[index].shape):
            raise ValueError(f"{key} has the shape {tuple(value.shape)}")
        # A tensor of safetensors stays mapped to its file, which the next save then could not
        # replace on Windows, and which may change under it elsewhere.
        moments.setdefault(index, {})[name] = value.clone()
    return moments


def load_average(path: Path, average: nn.Module) -> int:
    """Load a state's averaged weights into a network; the number of steps done.

    Raises:
        ValueError: if the file is broken or holds those of another network.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            prefix = "ema.module."
            keys = [key for key in file.keys() if key.startswith(prefix)]  # noqa: SIM118
            average.load_state_dict({key[len(prefix) :]: file.get_tensor(key) for key in keys})
            return int((file.metadata() or {})["step"])
    except (SafetensorError, KeyError, ValueError, RuntimeError, OSError) as error:
        raise ValueError(
            f"{path} is not a readable training state; remove it to start anew."
        ) from error


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
