"""The resumable state of a training of any module in one safetensors file, never unpickled.

For what is trained by a loop of its own: a classifier, a GAN, a VAE, a flow. (`state` is that of
`training.train`, which keeps an averaged network and a schedule too.)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..files import save_tensors

_MODULE = "module."


def write_module_state(
    path: Path,
    module: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    settings: dict[str, Any],
    step: int,
    seconds: float,
) -> None:
    """Write everything that the next step depends on, in one file.

    Args:
        path: The file; folders on the way to it are made.
        module: What is trained.
        optimizers: Those that train it, in an order that stays.
        settings: What a training that goes on from this state must have in common with it.
        step: Steps done.
        seconds: Seconds of processor time that they took.
    """
    tensors = {f"{_MODULE}{k}": v for k, v in module.state_dict().items()}
    for number, optimizer in enumerate(optimizers):
        for index, values in optimizer.state_dict()["state"].items():
            for name, value in values.items():
                tensors[f"optimizer.{number}.{index}.{name}"] = torch.as_tensor(value)
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    told = {"settings": json.dumps(settings), "step": str(step), "seconds": f"{seconds:.3f}"}
    save_tensors(path, tensors, told)


def read_module_state(
    path: Path,
    module: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    settings: dict[str, Any],
) -> tuple[int, float]:
    """Load a state into a training that has just begun.

    Returns:
        Steps done, and the seconds of processor time that they took.

    Raises:
        ValueError: if the file is broken or belongs to a training with other settings.
    """
    broken = f"{path} is not a readable training state; remove it to start anew."
    try:
        with safe_open(str(path), framework="pt") as file:
            told = file.metadata() or {}
            # A tensor of safetensors stays mapped to its file, which the next save replaces.
            tensors = {k: file.get_tensor(k).clone() for k in file.keys()}  # noqa: SIM118
        theirs = json.loads(told["settings"])
        step, seconds = int(told["step"]), float(told["seconds"])
        if not isinstance(theirs, dict):
            raise ValueError("its settings are no object")
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise ValueError(broken) from error
    for name, value in json.loads(json.dumps(settings)).items():
        if theirs.get(name) == value:
            continue
        if name == "content":
            raise ValueError(
                f"{path.parent} holds a run on other pictures; choose another folder, or the same "
                "pictures."
            )
        raise ValueError(
            f"{path.parent} holds a run with {name} = {theirs.get(name)}, not {value}; choose "
            "another folder, or the same settings."
        )
    try:
        module.load_state_dict(_below(_MODULE, tensors))
        for number, optimizer in enumerate(optimizers):
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in _below(f"optimizer.{number}.", tensors).items():
                index, name = key.split(".")
                state.setdefault(int(index), {})[name] = value
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": state, "param_groups": groups})
    except (ValueError, KeyError, RuntimeError) as error:
        raise ValueError(broken) from error
    return step, seconds


def seconds_of_training(path: Path) -> float:
    """Seconds of processor time that a training took until this state; 0 where there is none."""
    try:
        with safe_open(str(path), framework="pt") as file:
            return float((file.metadata() or {})["seconds"])
    except (SafetensorError, KeyError, ValueError, OSError):
        return 0.0


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
