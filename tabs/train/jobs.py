"""Trainings in the background: a run's folder, one job, and the queue in which jobs wait.

A job outlives the page that began it. One runs at a time, the others wait. The folder of a run
holds, beside state and checkpoint, what it needs to go on after a restart.
"""

from __future__ import annotations

import errno
import json
import shutil
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch

from diffusion_core.data import ImageDataset, load_dataset
from diffusion_core.files import folder_name, replace_file, write_text
from diffusion_core.schedule import make_schedule
from diffusion_core.training import TrainStep
from diffusion_core.training_runs import (
    Check,
    SampleHistory,
    TrainingPlan,
    TrainingProgress,
    beginning,
    check_run,
    ema_gap,
    fit,
    load_history,
    milestones,
    nearest_ratio,
    saturation,
    save_history,
)
from diffusion_core.unet import num_parameters

from ..shared.errors import TRAINING, sentence_of
from ..shared.shutdown import WORKERS, Worker

PLAN_FILE, PICTURES_FILE, NAME_FILE = "plan.json", "pictures.npz", "pictures.txt"


class _Numbers(TypedDict, total=False):
    """What a data set may hold beside its pictures, by its names in the file of kept pictures."""

    labels: np.ndarray
    attributes: np.ndarray


def keep_pictures(folder: Path, dataset: ImageDataset) -> None:
    """Keep the pictures of a run, or the name that stands for them, so that it can go on later."""
    write_text(folder / NAME_FILE, dataset.name)
    try:
        if load_dataset(dataset.name).content == dataset.content:
            return
    except ValueError:
        pass
    numbers: _Numbers = {}
    if dataset.labels is not None:
        numbers["labels"] = dataset.labels.numpy()
    if dataset.attributes is not None:
        numbers["attributes"] = dataset.attributes.numpy()
    names = json.dumps([dataset.name, dataset.class_names, dataset.attribute_names])

    def write(path: Path) -> None:
        with open(path, "wb") as file:
            np.savez(file, pictures=dataset.pictures, names=np.array(names), **numbers)

    replace_file(folder / PICTURES_FILE, write)


def kept_pictures(folder: Path) -> ImageDataset:
    """The pictures of a run: kept beside it, else those that their name stands for.

    Raises:
        ValueError: if they cannot be read.
    """
    if not (folder / PICTURES_FILE).exists():
        try:
            return load_dataset((folder / NAME_FILE).read_text(encoding="utf-8").strip())
        except OSError as error:
            raise ValueError(f"The pictures of {folder.name} are gone.") from error
    with np.load(folder / PICTURES_FILE, allow_pickle=False) as file:
        name, classes, attributes = json.loads(str(file["names"]))
        numbers = {k: torch.from_numpy(file[k]) for k in ("labels", "attributes") if k in file}
        return ImageDataset(
            name,
            file["pictures"],
            labels=numbers.get("labels"),
            class_names=tuple(classes),
            attributes=numbers.get("attributes"),
            attribute_names=tuple((each, tuple(values)) for each, values in attributes),
        )


def free_folder(within: Path, name: str) -> Path:
    """A folder of that name, or with a number after it where there is one already."""
    plain, number = folder_name(name) or "my-model", 1
    folder = within / plain
    while folder.exists():
        number += 1
        folder = within / f"{plain}-{number}"
    return folder


CHECKED_FROM = 50  # steps; earlier the checks mean nothing
STATE_TIMES = 3  # so many states' bytes must be free on the disk


@dataclass(eq=False)
class Job:
    """One training, from its place in the line to its end.

    Attributes:
        name: Name of the model.
        session: The session that owns it.
        plan, dataset: The settings of the training, and its pictures.
        folder: The folder of its state and checkpoint.
        minutes: Minutes after which it ends.
        state: "waiting", "running", "stopped", "done" or "failed".
        words: The reason why it failed or ended early.
        progress, growth, checks: Losses, samples and health checks so far.
        seconds: Seconds that it has run, this time.
        stop, ended: Set when it is to end; set when it has, and nothing is written any more.
    """

    name: str
    session: str
    plan: TrainingPlan
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
        """Begin where the folder's history ends, or with an empty history."""
        train = self.plan.train
        self.schedule = make_schedule(**self.plan.noise)
        known = load_history(self.folder)
        if known is None:
            T = len(self.schedule)
            known = (
                TrainingProgress(train.num_steps, train.batch_size, T),
                SampleHistory.of(self.dataset, self.schedule),
            )
        self.progress, self.growth = known
        self.progress.total = train.num_steps

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
            self.ended.set()

    def _keep_plan(self) -> None:
        """What a later start needs to go on: the plan, and pictures that have no other source."""
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
        """Measure what the health checks need."""
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


@dataclass
class JobQueue:
    """The jobs that wait, first the one that runs.

    Attributes:
        jobs: The jobs, in order.
        late: The last finished job of each session, to show its outcome.
    """

    jobs: deque[Job] = field(default_factory=deque)
    late: dict[str, Job] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, job: Job, most: int = 8) -> None:
        """Take a place; the first begins at once.

        Raises:
            ValueError: if the session has one already, the folder is in use, or the line is long.
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
            if len(self.jobs) == 1:
                threading.Thread(target=self._work, name="training", daemon=True).start()

    def _work(self) -> None:
        with self.lock:
            job = self.jobs[0] if self.jobs else None
        while job is not None:
            job.run()
            with self.lock:  # at once: who enters an empty line begins a thread of its own
                self.jobs.remove(job)
                job = self.jobs[0] if self.jobs else None

    def stop(self, job: Job) -> None:
        """End a training after the step being computed; one that waits leaves the line at once."""
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
