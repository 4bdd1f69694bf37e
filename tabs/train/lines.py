"""The line of trainings: one at a time, the others wait."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

from ..closing import WORKERS, Worker
from .jobs import Job


@dataclass
class Line:
    """Those that wait, first the one that runs.

    Attributes:
        jobs: In order.
        late: The last of each session that is over, to show what became of it.
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
                job.run()  # which then only says so

    def ahead(self, job: Job) -> list[Job]:
        """Those before it that are not over."""
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
        """Whether one runs or waits."""
        with self.lock:
            return any(not j.over for j in self.jobs)

    def close(self) -> None:
        """No training goes on."""
        for job in reversed(list(self.jobs)):
            self.stop(job)

    def forget(self, session: str) -> Job | None:
        """The session of a stranger is over: so is its training, which is given."""
        with self.lock:
            job = self.late.pop(session, None)
        if job is not None:
            self.stop(job)
        return job


LINE = Line()
WORKERS.append(
    Worker(LINE.close, lambda: bool(LINE.jobs), "Keeping what the training has learned …")
)
