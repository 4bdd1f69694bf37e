"""What a training tells of itself: the messages between its process and whoever follows it.

Each is one line of JSON between processes, its arrays in base64, so that every bit arrives and
nothing is unpickled.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import traceback
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ..training import TrainStep
from .checks import Check


@dataclass(frozen=True, eq=False)
class StepReport:
    """A step was done.

    Attributes:
        step: Steps done so far, from 1.
        loss: Mean weighted loss of the batch.
        seconds: Duration of the step.
        t: The timesteps drawn, int64 (B,).
        losses: Unweighted squared error of each image, float32 (B,).
    """

    step: int
    loss: float
    seconds: float
    t: Tensor
    losses: Tensor

    @classmethod
    def of(cls, done: TrainStep) -> StepReport:
        """The report of a step."""
        return cls(done.step, done.loss, done.seconds, done.t.cpu(), done.losses.cpu())


@dataclass(frozen=True, eq=False)
class MilestoneReport:
    """A milestone was reached.

    Attributes:
        step: Steps done so far.
        walk: Frames of its walk, uint8 (11, H', W', C).
        look: x0_hat of the noised pictures, uint8 (8, H, W, C).
    """

    step: int
    walk: np.ndarray
    look: np.ndarray


@dataclass(frozen=True)
class ChecksReport:
    """The health checks were made.

    Attributes:
        checks: Their results.
    """

    checks: list[Check]


@dataclass(frozen=True)
class EndReport:
    """The training is over, and nothing is written any more.

    Attributes:
        kind: The class of the error that ended it, by its name; "" where there was none.
        text: The error's own text.
        number: The system's number of an OSError; 0 of others.
        trace: The traceback, for a log.
    """

    kind: str = ""
    text: str = ""
    number: int = 0
    trace: str = ""

    @classmethod
    def of(cls, error: BaseException) -> EndReport:
        """The report of an error."""
        kind = next((k for k, each in _ERRORS.items() if isinstance(error, each)), "RuntimeError")
        number = getattr(error, "errno", None) or 0
        trace = "".join(traceback.format_exception(error))
        return cls(kind, str(error) or type(error).__name__, number, trace)

    @property
    def error(self) -> Exception | None:
        """The same error, to be raised here; its cause carries the traceback."""
        if not self.kind:
            return None
        known = _ERRORS.get(self.kind, RuntimeError)
        error = known(self.number, self.text) if known is OSError else known(self.text)
        error.__cause__ = RuntimeError(f"in the training's process:\n{self.trace}")
        return error


_ERRORS: dict[str, type[Exception]] = {
    each.__name__: each for each in (ValueError, FloatingPointError, OSError, MemoryError)
}
Report: TypeAlias = StepReport | MilestoneReport | ChecksReport
_KINDS: dict[str, Any] = {
    each.__name__: each for each in (StepReport, MilestoneReport, ChecksReport, EndReport)
}


def to_line(report: Report | EndReport) -> bytes:
    """A report as one line of JSON, which ends with a line feed."""
    values = {f.name: getattr(report, f.name) for f in dataclasses.fields(report)}
    return json.dumps([type(report).__name__, values], default=_plain).encode() + b"\n"


def from_line(line: bytes) -> Report | EndReport:
    """Read what `to_line` wrote.

    Raises:
        ValueError: if it is something else.
    """
    try:
        kind, values = json.loads(line, object_hook=_rich)
        return _KINDS[kind](**values)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError("This is no report of a training.") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Check):
        return {"check": [value.name, value.ok, value.words]}
    if isinstance(value, Tensor):
        return {"tensor": _plain(value.numpy())}
    if isinstance(value, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"array": [value.dtype.str, value.shape, data]}
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"A report cannot hold a {type(value).__name__}.")


def _rich(values: dict[str, Any]) -> Any:
    if "array" in values:
        dtype, shape, data = values["array"]
        return np.frombuffer(bytearray(base64.b64decode(data)), dtype).reshape(shape)
    if "tensor" in values:
        return torch.from_numpy(values["tensor"])
    return Check(*values["check"]) if "check" in values else values
