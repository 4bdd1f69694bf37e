"""Training runs: around the loop of `training`, all that a run keeps and shows.

Its files:

    run      a plan, the loop, and its checkpoints
    state    the resumable state in one file
    history  losses and samples so far
    checks   health checks in plain words
    cost     seconds and memory, known before a run begins
"""

from __future__ import annotations

from .checks import Check, check_data, check_run, check_schedule, ema_gap, nearest_ratio, saturation
from .cost import known_step_seconds, memory_of_training, step_seconds
from .history import (
    MOST_PIXELS,
    SampleHistory,
    TrainingProgress,
    load_history,
    milestones,
    save_history,
)
from .run import TrainingPlan, beginning, fit, train_resumably
from .state import STATE_FILE, read_state, write_state

__all__ = [
    "MOST_PIXELS",
    "STATE_FILE",
    "Check",
    "SampleHistory",
    "TrainingPlan",
    "TrainingProgress",
    "beginning",
    "check_data",
    "check_run",
    "check_schedule",
    "ema_gap",
    "fit",
    "known_step_seconds",
    "load_history",
    "memory_of_training",
    "milestones",
    "nearest_ratio",
    "read_state",
    "saturation",
    "save_history",
    "step_seconds",
    "train_resumably",
    "write_state",
]
