"""Trainings in the background: a run's folder, one job, and the queue in which jobs wait.

A job outlives the page that began it. One runs at a time, the others wait. The folder of a run
holds, beside state and checkpoint, what it needs to go on after a restart; so it is also what the
training's own process is given, whose memory and whose end are not the page's. That process is no
fork, so it is started alike where a page's GPU is borrowed: there it trains on the CPU.
"""

from __future__ import annotations

import errno
import shutil
import threading
import time
from collections import OrderedDict, deque
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from diffusion_core.data import ImageDataset
from diffusion_core.device import best_device
from diffusion_core.files import folder_name, write_text
from diffusion_core.training_runs import (
    NAME_FILE,
    PICTURES_FILE,
    PLAN_FILE,
    Check,
    Report,
    SampleHistory,
    StepReport,
    TrainingPlan,
    TrainingProgress,
    TrainingRecord,
    keep_pictures,
    kept_pictures,
    note_step_seconds,
    record_apart,
)
from diffusion_core.unet import num_parameters

from ..shared import gpu, memory
from ..shared.errors import TRAINING, sentence_of
from ..shared.shutdown import WORKERS, Worker
from .datasets import sheet
from .plan import most_memory

__all__ = [
    "NAME_FILE",
    "PICTURES_FILE",
    "PLAN_FILE",
    "QUEUE",
    "Job",
    "JobQueue",
    "free_folder",
    "keep_pictures",
    "kept_pictures",
]


def free_folder(within: Path, name: str) -> Path:
    """A folder of that name, or with a number after it where there is one already."""
    plain, number = folder_name(name) or "my-model", 1
    folder = within / plain
    while folder.exists():
        number += 1
        folder = within / f"{plain}-{number}"
    return folder


PACE_STEPS = 50  # after so many, the pace of a training is noted
STATE_TIMES = 3  # so many states' bytes must be free on the disk
# Where a GPU is borrowed there is none for a training.
ON_CPU = {"ACCELERATE_USE_CPU": "1", "CUDA_VISIBLE_DEVICES": ""}


@dataclass(eq=False)
class Job:
    """One training, from its place in the queue to its end.

    Attributes:
        name: Name of the model.
        session: The session that owns it.
        plan, dataset: The settings of the training, and its pictures; None once they are kept in
            the folder.
        folder: The folder of its state and checkpoint.
        minutes: Minutes after which it ends.
        state: "waiting", "running", "stopped", "done" or "failed".
        words: The reason why it failed or ended early.
        seconds: Seconds that it has run, this time.
        stop, ended: Set when it is to end; set when it has, and nothing is written any more.
        record: Losses, samples and health checks so far.
        sheet: Some of the pictures, uint8 (H, W, C).
    """

    name: str
    session: str
    plan: TrainingPlan
    dataset: ImageDataset | None
    folder: Path
    minutes: float
    state: str = "waiting"
    words: str = ""
    seconds: float = 0.0
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    ended: threading.Event = field(default_factory=threading.Event)
    record: TrainingRecord = field(init=False)
    sheet: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Begin where the folder's history ends, or with an empty history."""
        assert self.dataset is not None
        self.record = TrainingRecord.of(self.plan, self.dataset, self.folder)
        self.sheet = sheet(self.dataset)

    @property
    def progress(self) -> TrainingProgress:
        """Losses and pace so far."""
        return self.record.progress

    @property
    def growth(self) -> SampleHistory:
        """Samples so far."""
        return self.record.growth

    @property
    def checks(self) -> list[Check]:
        """The latest health checks."""
        return self.record.checks

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ("stopped", "done", "failed")

    def run(self) -> None:
        """Train to the end, to Stop, or to an error; never raises."""
        try:
            if self.stop.is_set():
                self.state = "stopped"
                return
            self._keep_plan()
            self.state = "running"
            self.state = self._train()
        except Exception as error:
            self.words = sentence_of(error, TRAINING)
            self.state = "failed"
        finally:
            self.dataset = None
            self.ended.set()

    def _keep_plan(self) -> None:
        """What a later start needs to go on: the plan, and pictures that have no other source."""
        weights = num_parameters(self.plan.unet)
        self.folder.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self.folder).free < STATE_TIMES * 16 * weights:
            raise OSError(errno.ENOSPC, "no space")
        if not (self.folder / PLAN_FILE).exists():
            assert self.dataset is not None
            keep_pictures(self.folder, self.dataset)
            write_text(self.folder / PLAN_FILE, self.plan.to_json())
        self.dataset = None  # from now on the other process has them

    def _train(self) -> str:
        began = time.monotonic()
        reports = record_apart(
            self.folder,
            self.stop,
            most=most_memory(self.plan),
            environment=ON_CPU if gpu.BORROWED else None,
        )
        with closing(reports):
            for report in reports:
                self.seconds = time.monotonic() - began
                self._take(report)
        return "stopped" if self.stop.is_set() else "done"

    def _take(self, report: Report) -> None:
        """Add what the training's process reports; end it when its minutes are over."""
        with self.lock:
            self.record.take(report)
        if isinstance(report, StepReport) and report.step % PACE_STEPS == 0:
            self._note_pace()
        if self.seconds > 60 * self.minutes and isinstance(report, StepReport):
            self.words = f"It had the {self.minutes:g} minutes that a training may take here."
            self.stop.set()

    def _note_pace(self) -> None:
        """What a step takes corrects the forecasts of later trainings."""
        train, where = self.plan.train, "cpu" if gpu.BORROWED else str(best_device())
        note_step_seconds(
            self.plan.unet, train.batch_size, train.precision, where, self.progress.seconds
        )


@dataclass
class JobQueue:
    """The jobs that wait, first the one that runs.

    Attributes:
        jobs: The jobs, in order.
        late: The last job of each session, to show its outcome, the latest last; of those that are
            over, the oldest are let go where they hold too much.
        most: Bytes that the samples of jobs that are over may take together.
    """

    jobs: deque[Job] = field(default_factory=deque)
    late: OrderedDict[str, Job] = field(default_factory=OrderedDict)
    most: int = memory.TRAININGS
    lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, job: Job, most: int = 8) -> None:
        """Take a place; the first begins at once.

        Raises:
            ValueError: if the session has one already, the folder is in use, or the queue is full.
        """
        with self.lock:
            if any(j.session == job.session and not j.over for j in self.jobs):
                raise ValueError("A training of yours runs or waits already; stop it first.")
            if any(j.folder == job.folder for j in self.jobs):
                raise ValueError(f"{job.name} is in training already.")
            if len(self.jobs) >= most:
                raise ValueError(f"{most} trainings wait already; try again later.")
            self.jobs.append(job)
            self.late[job.session] = job
            self.late.move_to_end(job.session)
            if len(self.jobs) == 1:
                threading.Thread(target=self._work, name="training", daemon=True).start()

    def _work(self) -> None:
        with self.lock:
            job = self.jobs[0] if self.jobs else None
        while job is not None:
            job.run()
            with self.lock:  # at once: who enters an empty queue begins a thread of its own
                self.jobs.remove(job)
                self._let_go(job)
                job = self.jobs[0] if self.jobs else None
            memory.give_back()

    def _let_go(self, latest: Job) -> None:
        """Forget the oldest outcomes where all hold too much; the latest stays."""
        over = [(name, job) for name, job in self.late.items() if job.over]
        held = sum(job.growth.nbytes for _, job in over)
        for name, job in over:
            if held <= self.most or job is latest:
                return
            held -= job.growth.nbytes
            del self.late[name]

    def stop(self, job: Job) -> None:
        """End a training after the step being computed; one that waits leaves the queue at once."""
        with self.lock:
            job.stop.set()
            if job in list(self.jobs)[1:]:
                self.jobs.remove(job)
                job.run()  # which then only records that

    def ahead(self, job: Job) -> list[Job]:
        """The jobs before it that are not over."""
        with self.lock:
            at = self.jobs.index(job) if job in self.jobs else 0
            return [j for j in list(self.jobs)[:at] if not j.over]

    def of(self, session: str, public: bool) -> Job | None:
        """The session's own job, or at home whichever runs; else the session's last one."""
        with self.lock:
            late = self.late.get(session)
            if late is not None and not late.over:
                return late
            if not public:
                for job in self.jobs:
                    if not job.over:
                        return job
            return late

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        with self.lock:
            return any(not j.over for j in self.jobs)

    def close(self) -> None:
        """Stop every training."""
        for job in reversed(list(self.jobs)):
            self.stop(job)

    def forget(self, session: str) -> Job | None:
        """End the training of a stranger's session that is over, and return it."""
        with self.lock:
            job = self.late.pop(session, None)
        if job is not None:
            self.stop(job)
        return job


QUEUE = JobQueue()
WORKERS.append(
    Worker(QUEUE.close, lambda: bool(QUEUE.jobs), "Keeping what the training has learned …")
)
