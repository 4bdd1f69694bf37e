"""Training runs: around the loop of `training`, all that a run keeps and shows.

Its files:

    run      a plan, the loop, and its checkpoints
    state    the resumable state in one file
    module_state that of any module with a loop of its own
    module_training a loop for any module with one optimiser
    history  losses and samples so far
    pictures the pictures of a run, kept beside it
    recorded the loop with its history, as a row of reports
    reports  these reports, and how they cross from one process to another
    process  the recorded loop in a process of its own
    child    what that process runs
    checks   health checks in plain words
    cost     seconds and memory, known before a run begins
"""

from __future__ import annotations

from .checks import Check, check_data, check_run, check_schedule, ema_gap, nearest_ratio, saturation
from .cost import (
    known_step_seconds,
    memory_of_process,
    memory_of_training,
    note_step_seconds,
    step_seconds,
)
from .history import (
    MOST_PIXELS,
    SampleHistory,
    TrainingProgress,
    load_history,
    milestones,
    save_history,
)
from .module_state import read_module_state, seconds_of_training, write_module_state
from .module_training import ModuleStep, ModuleTraining, train_module
from .pictures import NAME_FILE, PICTURES_FILE, keep_pictures, kept_pictures
from .process import TrainingEnded, record_apart
from .recorded import PLAN_FILE, TrainingRecord, kept_run, record
from .reports import MilestoneReport, Report, StepReport
from .run import TrainingPlan, beginning, fit, train_resumably
from .state import STATE_FILE, read_state, write_state

__all__ = [
    "MOST_PIXELS",
    "NAME_FILE",
    "PICTURES_FILE",
    "PLAN_FILE",
    "STATE_FILE",
    "Check",
    "MilestoneReport",
    "ModuleStep",
    "ModuleTraining",
    "Report",
    "SampleHistory",
    "StepReport",
    "TrainingEnded",
    "TrainingPlan",
    "TrainingProgress",
    "TrainingRecord",
    "beginning",
    "check_data",
    "check_run",
    "check_schedule",
    "ema_gap",
    "fit",
    "keep_pictures",
    "kept_pictures",
    "kept_run",
    "known_step_seconds",
    "load_history",
    "memory_of_process",
    "memory_of_training",
    "note_step_seconds",
    "milestones",
    "nearest_ratio",
    "read_module_state",
    "read_state",
    "record",
    "record_apart",
    "saturation",
    "save_history",
    "seconds_of_training",
    "step_seconds",
    "train_module",
    "train_resumably",
    "write_module_state",
    "write_state",
]
