"""One training in the background, from its place in the line to its end; it outlives the page."""

from __future__ import annotations

import errno
import logging
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch

from diffusion_core.fitting import Plan, beginning, fit
from diffusion_core.growth import Growth, load_history, milestones, save_history
from diffusion_core.health import Check, check_run, ema_gap, nearest_ratio, saturation
from diffusion_core.image_dataset import ImageDataset
from diffusion_core.progress import Progress
from diffusion_core.resources import num_parameters
from diffusion_core.schedule import make_schedule
from diffusion_core.state import write_text
from diffusion_core.training import TrainStep

from .folders import PLAN_FILE, keep_pictures

CHECKED_FROM = 50  # steps; earlier there is nothing to tell
STATE_TIMES = 3  # so many states' bytes must be free on the disk
BROKE_OFF = (
    "The training broke off, for a reason that is in the server's log; the last save is kept."
)
FULL = "The disk is full: free some space, then go on; the training stands at its last save."


@dataclass(eq=False)
class Job:
    """One training, from its place in the line to its end.

    Attributes:
        name: Of the model.
        session: Whose it is.
        plan, dataset: What is to be done.
        folder: Where it is kept.
        minutes: It ends after so many.
        state: "waiting", "running", "stopped", "done" or "failed".
        words: Why it failed or ended early.
        progress, growth, checks: What it has shown.
        seconds: That it has run, this time.
        stop, ended: It is to end; it has, and nothing is written any more.
    """

    name: str
    session: str
    plan: Plan
    dataset: ImageDataset
    folder: Path
    minutes: float
    state: str = "waiting"
    words: str = ""
    checks: list[Check] = field(default_factory=list)
    seconds: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        """Begin where the folder's history ends, or at nothing."""
        train = self.plan.train
        self.schedule = make_schedule(**self.plan.noise)
        known = load_history(self.folder)
        if known is None:
            T = len(self.schedule)
            known = (
                Progress(train.num_steps, train.batch_size, T),
                Growth.of(self.dataset, self.schedule),
            )
        self.progress, self.growth = known
        self.progress.total = train.num_steps

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ("stopped", "done", "failed")

    def run(self) -> None:
        """Train to the end, to Stop, or to what stands in the way; never raises."""
        try:
            if self.stop.is_set():
                self.state = "stopped"
                return
            self._keep_plan()
            self.state = "running"
            self.state = self._train()
        except Exception as error:
            self.words = sentence_of(error)
            self.state = "failed"
        finally:
            self.ended.set()

    def _keep_plan(self) -> None:
        """What a later start needs to go on: the plan, and pictures that cannot be had again."""
        weights = num_parameters(self.plan.unet)
        self.folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self.folder).free < STATE_TIMES * 16 * weights:
            raise OSError(errno.ENOSPC, "no space")
        if (self.folder / PLAN_FILE).exists():
            return
        keep_pictures(self.folder, self.dataset)
        write_text(self.folder / PLAN_FILE, self.plan.to_json())

    def _train(self) -> str:
        began, wanted = time.monotonic(), set(milestones(self.plan.train.num_steps))
        if not self.growth.steps:
            self._grow(0, beginning(self.plan))
        steps = fit(self.plan, self.dataset, self.folder)
        last: TrainStep | None = None
        try:
            for last in steps:
                with self.lock:
                    if last.step <= self.progress.step:  # the state is older than the history
                        self.progress.cut(last.step - 1)
                        self.growth.cut(last.step - 1)
                    self.progress.add(last)
                    self.seconds = time.monotonic() - began
                if last.step in wanted:
                    self._grow(last.step, last.unet)
                    if last.step >= CHECKED_FROM:
                        self._check(last)
                if last.step % self.plan.train.save_every == 0:
                    save_history(self.folder, self.progress, self.growth)
                if self.seconds > 60 * self.minutes:
                    self.words = (
                        f"It had the {self.minutes:g} minutes that a training may take here."
                    )
                    self.stop.set()
                if self.stop.is_set():
                    break
        finally:
            steps.close()
            if last is not None:
                if self.growth.steps[-1] != last.step and self.stop.is_set():
                    self._grow(last.step, last.unet)
                save_history(self.folder, self.progress, self.growth)
        return "stopped" if self.stop.is_set() else "done"

    def _grow(self, step: int, unet: torch.nn.Module) -> None:
        kind = self.plan.train.prediction_type
        with self.lock:
            self.end = self.growth.add(step, unet, self.dataset, self.schedule, kind)  # type: ignore[arg-type]

    def _check(self, last: TrainStep) -> None:
        """Measure what the health checks want."""
        real, _ = self.dataset.batch(torch.arange(min(64, len(self.dataset))))
        near, usual = nearest_ratio(self.end, self.dataset)
        kind = self.plan.train.prediction_type
        gap = ema_gap(last.raw, last.unet, self.dataset, self.schedule, kind)
        self.checks = check_run(
            self.progress.losses,
            ema_gap=gap,
            x0_saturated=saturation(self.end),
            nearest=near,
            nearest_real=usual,
            data_saturated=saturation(real),
            from_random=not self.plan.init,
        )


def sentence_of(error: Exception) -> str:
    """What the page says of an error."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return FULL
    if isinstance(error, ValueError | FloatingPointError):
        return str(error)
    if isinstance(error, MemoryError) or "alloc" in str(error) or "out of memory" in str(error):
        return "There is not enough memory for this: choose a smaller batch, or fewer channels."
    logging.error("A training broke off", exc_info=error)
    return BROKE_OFF
