"""A training that is recorded as it goes: `fit`, with its history kept beside the state.

`record` trains, and yields a report of all that is new: of a step, of a milestone, of the health
checks. Whoever follows, in the same process or in another, puts the reports into a `TrainingRecord`
of their own and then has what the training itself has.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from ..data import ImageDataset
from ..schedule import Schedule, make_schedule
from ..training import TrainStep
from ..unet import UNet
from .checks import (
    Check,
    check_run,
    ema_gap,
    load_checks,
    nearest_ratio,
    saturation,
    save_checks,
)
from .history import SampleHistory, TrainingProgress, load_history, milestones, save_history
from .pictures import kept_pictures
from .reports import ChecksReport, MilestoneReport, Report, StepReport
from .run import TrainingPlan, beginning, fit

PLAN_FILE = "plan.json"
CHECKED_FROM = 50  # steps; earlier the checks mean nothing


@dataclass
class TrainingRecord:
    """What a training has shown so far.

    Attributes:
        progress: Losses and pace.
        growth: Samples at milestones.
        checks: The latest health checks.
    """

    progress: TrainingProgress
    growth: SampleHistory
    checks: list[Check] = field(default_factory=list)

    @classmethod
    def of(cls, plan: TrainingPlan, dataset: ImageDataset, folder: Path) -> TrainingRecord:
        """The record where the folder's history ends, or an empty one.

        Args:
            plan: The plan of the run.
            dataset: Its pictures.
            folder: The folder of its state.
        """
        train, schedule = plan.train, make_schedule(**plan.noise)
        known = load_history(folder)
        if known is None:
            known = (
                TrainingProgress(train.num_steps, train.batch_size, len(schedule)),
                SampleHistory.of(dataset, schedule),
            )
        known[0].total = train.num_steps
        return cls(*known, load_checks(folder))

    @classmethod
    def kept(cls, folder: Path) -> TrainingRecord | None:
        """What a folder keeps of its training; None where there is no history to be read."""
        known = load_history(folder)
        return None if known is None else cls(*known, load_checks(folder))

    def take(self, report: Report) -> None:
        """Add what a report tells."""
        if isinstance(report, StepReport):
            if report.step <= self.progress.step:  # the state was older than the history
                self.progress.cut(report.step - 1)
                self.growth.cut(report.step - 1)
            self.progress.add(report)
        elif isinstance(report, MilestoneReport):
            self.growth.put(report.step, report.walk, report.look)
        elif isinstance(report, ChecksReport):
            self.checks = report.checks


def kept_run(folder: Path) -> tuple[TrainingPlan, ImageDataset]:
    """The plan and the pictures that a folder keeps of its run.

    Raises:
        ValueError: in one sentence, if they are gone or broken.
    """
    try:
        text = (folder / PLAN_FILE).read_text(encoding="utf-8")
    except OSError as error:
        raise ValueError(f"The plan of {folder.name} is gone.") from error
    return TrainingPlan.from_json(text), kept_pictures(folder)


def record(
    plan: TrainingPlan,
    dataset: ImageDataset,
    folder: Path,
    stopped: Callable[[], bool] = lambda: False,
) -> Generator[Report, None, None]:
    """Train by `fit`, keep the history beside the state, and yield a report of all that is new.

    Leaving the generator early saves state, checkpoint and history, and so does `stopped`, which
    also adds a milestone of the last step.

    Args:
        plan: The plan of the run.
        dataset: Its pictures.
        folder: The folder of state, checkpoint and history; a run that is there goes on.
        stopped: Asked before the first step and after each; true ends the training.

    Raises:
        ValueError: if plan, data and what is in the folder do not fit together.
        FloatingPointError: if the training diverges; the last save is kept.
        OSError: if nothing can be written; the last save is kept.
    """
    for left in folder.glob(".*.partial"):  # of a process that was killed while it wrote
        left.unlink(missing_ok=True)
    if stopped():
        return
    schedule, wanted = make_schedule(**plan.noise), set(milestones(plan.train.num_steps))
    so_far = TrainingRecord.of(plan, dataset, folder)
    progress, growth = so_far.progress, so_far.growth

    def milestone(step: int, unet: UNet) -> tuple[MilestoneReport, Tensor]:
        end = growth.add(step, unet, dataset, schedule, plan.train.prediction_type)
        return MilestoneReport(step, growth.walks[-1], growth.looks[-1]), end

    if not growth.steps:
        yield milestone(0, beginning(plan))[0]
    steps = fit(plan, dataset, folder)
    last: TrainStep | None = None
    try:
        for last in steps:
            report = StepReport.of(last)
            so_far.take(report)
            yield report
            if last.step in wanted:
                shown, end = milestone(last.step, last.network)
                yield shown
                if last.step >= CHECKED_FROM:
                    checked = _checked(plan, dataset, schedule, progress, last, end)
                    so_far.take(checked)
                    yield checked
            if last.step % plan.train.save_every == 0:
                save_history(folder, progress, growth)
                save_checks(folder, so_far.checks)
            if stopped():
                if growth.steps[-1] != last.step:
                    yield milestone(last.step, last.network)[0]
                break
    finally:
        steps.close()
        if last is not None:
            save_history(folder, progress, growth)
            save_checks(folder, so_far.checks)


def _checked(
    plan: TrainingPlan,
    dataset: ImageDataset,
    schedule: Schedule,
    progress: TrainingProgress,
    last: TrainStep,
    end: Tensor,
) -> ChecksReport:
    """Measure what the health checks need, and make them.

    Args:
        plan: The plan of the run.
        dataset: Its pictures.
        schedule: Its noise schedule.
        progress: Its losses.
        last: The step that was just done.
        end: Finished pictures of its milestone.
    """
    real, _ = dataset.batch(torch.arange(min(64, len(dataset))))
    near, usual = nearest_ratio(end, dataset)
    checks = check_run(
        progress.losses,
        ema_gap=ema_gap(last.raw, last.network, dataset, schedule, plan.train.prediction_type),
        x0_saturated=saturation(end),
        nearest=near,
        nearest_real=usual,
        data_saturated=saturation(real),
        from_random=not plan.init,
    )
    return ChecksReport(checks)
