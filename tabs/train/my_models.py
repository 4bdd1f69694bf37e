"""What was trained here: the list, a zip of one, its way to the Hub, and its end."""

from __future__ import annotations

import shutil
import threading
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from diffusion_core.checkpoint import CARD, CONFIG, RESULTS, WEIGHTS
from diffusion_core.data import grid
from diffusion_core.publishing import TOKENS, Pushed, Tell, push
from diffusion_core.training_runs import (
    STATE_FILE,
    Check,
    SampleHistory,
    TrainingPlan,
    TrainingProgress,
    TrainingRecord,
)

from ..shared.limits import Limits
from ..shared.sessions import SESSIONS
from ..shared.text import LONGEST_NAME, path_of, path_text, printable
from .jobs import PLAN_FILE, QUEUE, Job, kept_pictures

NONE_CHOSEN = "Choose one of your models first; Train makes one."


def own_models(session: str) -> list[tuple[str, str]]:
    """(name, path) of each model that was trained here, the latest first."""
    folder = SESSIONS.folder(session)
    found = [each for each in folder.glob("*") if (each / PLAN_FILE).exists()]
    found.sort(key=lambda each: (each / PLAN_FILE).stat().st_mtime, reverse=True)
    return [(printable(each.name, LONGEST_NAME), path_text(each)) for each in found]


def chosen(path: str | None, session: str) -> Path:
    """The folder of a choice.

    Raises:
        ValueError: if it is none of the session's models.
    """
    if not path or path not in [p for _, p in own_models(session)]:
        raise ValueError(NONE_CHOSEN)
    return path_of(path)


def saved(path: str | None, session: str) -> Path:
    """The folder of a choice that has weights.

    Raises:
        ValueError: if it has none yet.
    """
    folder = chosen(path, session)
    if not (folder / WEIGHTS).exists():
        raise ValueError(f"{folder.name} has not been saved yet; wait for its first save.")
    return folder


def at_rest(folder: Path) -> Path:
    """The same folder, if nothing is being written into it.

    Raises:
        ValueError: if it is being trained.
    """
    if any(job.folder == folder and not job.over for job in list(QUEUE.jobs)):
        raise ValueError(f"{folder.name} is being trained; stop it first.")
    return folder


def pushed(
    path: str | None, session: str, to: str, private: bool, token: str, tell: Tell
) -> Pushed:
    """Send a model to the Hub; see `diffusion_core.publishing`.

    At home an empty token is the machine's own. On a public page it never is: there the machine is
    its owner's, and the visitor somebody else.

    Raises:
        ValueError: for whatever prevents it, in one sentence.
    """
    folder, token = at_rest(saved(path, session)), token.strip()
    if SESSIONS.public and not token:
        raise ValueError(f"Give a token of yours first, with write rights; {TOKENS} makes one.")
    return push(folder, to, token=token or None, private=private, tell=tell)


def zipped(path: str | None, session: str, into: Path) -> str:
    """A zip of config, weights, card and results: a checkpoint folder. Returns its path.

    Args:
        path: Folder of the model.
        session: The session that owns it.
        into: Folder to write the zip into.

    Raises:
        ValueError: if it has no weights yet.
    """
    folder = saved(path, session)
    file = into / f"{folder.name}.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (CONFIG, WEIGHTS, CARD, RESULTS):
            if (folder / name).exists():
                archive.write(folder / name, f"{folder.name}/{name}")
    return str(file)


def deleted(path: str | None, session: str) -> str:
    """Delete a model with all that belongs to it; returns its name.

    Raises:
        ValueError: if it is being trained.
    """
    folder = at_rest(chosen(path, session))
    shutil.rmtree(folder)
    return folder.name


@dataclass(eq=False)
class PastTraining:
    """What a model keeps of its training, to be shown as a training that is over.

    Attributes:
        name: Name of the model.
        record: Losses, samples and health checks.
        over: Always; as of a `Job`.
        lock: Held while it is read, as that of a `Job`.
    """

    name: str
    record: TrainingRecord
    over: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def state(self) -> str:
        """Whether it came to its last step."""
        progress = self.record.progress
        return "done" if progress.step >= progress.total else "stopped"

    @property
    def progress(self) -> TrainingProgress:
        """Its losses."""
        return self.record.progress

    @property
    def growth(self) -> SampleHistory:
        """Its samples."""
        return self.record.growth

    @property
    def checks(self) -> list[Check]:
        """The latest health checks."""
        return self.record.checks

    @property
    def sheet(self) -> np.ndarray:
        """Some of the pictures that it learned from, uint8 (H, W, C)."""
        return grid(self.growth.clean)

    @property
    def line(self) -> str:
        """The training in words."""
        p = self.progress
        return f"{self.name}, trained before: {p.step:,} of {p.total:,} steps."


def past_training(path: str | None, session: str) -> PastTraining | None:
    """The training of one of the session's models as its folder keeps it; None without one."""
    try:
        folder = chosen(path, session)
    except ValueError:
        return None
    record = TrainingRecord.kept(folder)
    return None if record is None else PastTraining(folder.name, record)


def resumed(path: str | None, session: str, limits: Limits) -> Job:
    """A stopped training, to go on from its last save.

    Raises:
        ValueError: if it is over, or a file that it needs is missing.
    """
    folder = chosen(path, session)
    plan = TrainingPlan.from_json((folder / PLAN_FILE).read_bytes())
    owner = SESSIONS.visitor(session)
    job = Job(folder.name, owner, plan, kept_pictures(folder), folder, limits.minutes)
    if job.progress.step >= plan.train.num_steps and (folder / STATE_FILE).exists():
        raise ValueError(
            f"{folder.name} has done all its steps; choose it under Begin with to train it further."
        )
    return job
