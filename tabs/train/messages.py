"""Messages of a training for the page: one at most three times a second, none in vain."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import numpy as np
import torch

from diffusion_core.data import ImageDataset, grid, to_uint8
from diffusion_core.seeding import draw_noise
from diffusion_core.training_runs import MOST_PIXELS

from ..shared.sessions import SESSIONS
from ..shared.text import rough_duration
from ..shared.wire import (
    DatasetMessage,
    Milestone,
    Picture,
    Task,
    TrainingFailure,
    TrainingMessage,
    as_base64,
)
from .datasets import sheet
from .jobs import QUEUE, Job
from .my_models import PastTraining

SECONDS = 0.35
POINTS = 240  # of the loss curve
AT_ONCE = 4  # milestones in a message
FOLLOWED: dict[str, Watch] = {}  # the watch of each session


def picture(pixels: np.ndarray) -> Picture:
    """A picture (H, W, C) with its size."""
    H, W, C = pixels.shape
    return {"width": W, "height": H, "channels": C, "px": as_base64(pixels)}


def before(dataset: ImageDataset, run: str = "before") -> str:
    """The message of a data set that nothing has been trained on yet: a sheet, and noise.

    Args:
        dataset: The chosen data set.
        run: The run's name, other than that of the last message.
    """
    C, H, W = dataset.shape
    count = 16 if 16 * H * W <= MOST_PIXELS else 4
    generators = [torch.Generator().manual_seed(i) for i in range(count)]
    noise = grid(to_uint8(draw_noise((count, C, H, W), generators)))
    message: DatasetMessage = {
        "run": run,
        "state": "before",
        "sheet": picture(sheet(dataset)),
        "noise": picture(noise),
    }
    return json.dumps(message)


def failed(sentence: str) -> str:
    """The message of a failure; the content of the page stays."""
    message: TrainingFailure = {"error": sentence}
    return json.dumps(message)


class Watch:
    """One page's view of a job: what it was sent already, and what is new.

    Messages overlap: each repeats the milestones of the one before, since the page may take up two
    at once and see only the second.
    """

    def __init__(self, job: Job | PastTraining) -> None:
        """Nothing has been sent yet."""
        self.job, self.sent, self.before, self.count = job, 0, 0, 0

    def message(self) -> str:
        """The message with all that is new."""
        job = self.job
        with job.lock:
            progress, growth = job.progress, job.growth
            steps = list(growth.steps)
            if self.sent > len(steps):  # some were cut
                self.sent = self.before = 0
            first, upto = self.before, min(len(steps), self.sent + AT_ONCE)
            new: list[Milestone] = [
                {
                    "step": steps[i],
                    "walk": [as_base64(frame) for frame in growth.walks[i]],
                    "looks": [as_base64(x) for x in growth.looks[i]],
                }
                for i in range(first, upto)
            ]
            self.before, self.sent = self.sent, upto
            thin = max(1, len(progress.history) // POINTS)
            curve = progress.history[::thin] + progress.history[-1:]
            values: TrainingMessage = {
                "run": f"{job.name} {id(job)}",
                "state": job.state,
                "step": progress.step,
                "total": progress.total,
                "T": progress.T,
                "loss": [(k, float(f"{v:.4g}")) for k, v in curve],
                "bins": [_short(v) for v in progress.by_timestep],
                "first": [_short(v) for v in progress.first_look],
                "steps": steps,
                "new": new,
                "line": line(job),
                "checks": [{"name": c.name, "ok": c.ok, "words": c.words} for c in job.checks],
            }
        if self.count < 3:
            H, W, C = growth.clean.shape[1:]
            values["sheet"] = picture(job.sheet)
            task: Task = {
                "width": W,
                "height": H,
                "channels": C,
                "times": growth.times,
                "clean": [as_base64(x) for x in growth.clean],
                "noised": [as_base64(x) for x in growth.noised],
            }
            values["task"] = task
        if steps:
            height, width, channels = growth.walks[0].shape[1:]
            values["shape"] = (height, width, channels)
        self.count += 1
        return json.dumps(values)

    @property
    def behind(self) -> bool:
        """Whether milestones wait to be sent, or to be sent once more."""
        return self.before < len(self.job.growth.steps)


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def line(job: Job | PastTraining) -> str:
    """The training's progress, in words."""
    if isinstance(job, PastTraining):
        return job.line
    p = job.progress
    done = f"{p.step:,} of {p.total:,} steps"
    if job.state == "waiting":
        if not (ahead := QUEUE.ahead(job)):
            return "Yours is next."
        left = sum(j.progress.seconds_left for j in ahead)
        words = "training is" if len(ahead) == 1 else "trainings are"
        return f"In line: {len(ahead)} {words} before yours, about {rough_duration(left)} in all."
    if job.state == "running":
        if not p.seconds:
            return "Its process starts, and the network is made: a few seconds."
        if job.stop.is_set():
            return f"{done}. Stopping: the step being computed ends, and what was learned is kept."
        if p.step == 1:  # it warms up, which says nothing of the steps to come
            return f"{done}. How long all of them take is measured by the next."
        rate = p.images_per_second
        end = "It goes on when this page is closed"
        if SESSIONS.public:
            end += f", for {SESSIONS.grace / 60:g} minutes"
        rest = rough_duration(p.seconds_left)
        return f"{done}, {rate:,.3g} pictures a second, about {rest} left. {end}."
    if job.state == "done":
        took = rough_duration(job.seconds)
        return f"Done: {done} in {took}. {job.name} stands in the Denoise tab's list."
    if job.state == "stopped":
        kept = " What it learned is kept: go on, or denoise with it." if p.step else ""
        return f"Stopped after {done}. {job.words}{kept}".replace("  ", " ")
    return job.words


def follow(job: Job | PastTraining, session: str) -> Iterator[str]:
    """Messages until the job is over and all that it showed is sent.

    A page follows through one generator only: where it begins another, as when the tab is opened
    again, the one before ends.
    """
    watch, stamp = Watch(job), None
    FOLLOWED[session] = watch
    while FOLLOWED.get(session) is watch:
        over = job.over
        now = (job.state, job.progress.step, len(job.growth.steps), line(job))
        if now != stamp or watch.behind or watch.count < 3:
            stamp = now
            yield watch.message()
        if over and not watch.behind and watch.count >= 3:
            FOLLOWED.pop(session, None)
            return
        time.sleep(SECONDS)
