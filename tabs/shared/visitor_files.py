"""Files that a visitor gave or was given, in Gradio's cache: they go when the page is closed.

Gradio clears its cache by age alone, after an hour. What it keeps is named by its content, so that
two visitors who gave the same file share it; it goes with the last of them.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from gradio.utils import get_upload_folder, is_in_or_equal


@dataclass
class VisitorFiles:
    """Files and folders in Gradio's cache, by the sessions that they belong to."""

    owners: dict[Path, set[str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, session: str, paths: Iterable[str]) -> None:
        """Note whose these are; what lies outside the cache is not ours to delete."""
        inside = [Path(p) for p in paths if is_in_or_equal(p, get_upload_folder())]
        with self.lock:
            for path in inside:
                self.owners.setdefault(path, set()).add(session)

    def folder(self, session: str) -> Path:
        """A new folder in the cache, which goes with the session; Gradio copies nothing of it."""
        within = Path(get_upload_folder())
        within.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="visitor-", dir=within))
        self.keep(session, [str(folder)])
        return folder

    def forget(self, session: str) -> None:
        """Delete what belongs to this session and to no other."""
        with self.lock:
            gone = [path for path, who in self.owners.items() if who == {session}]
            for who in self.owners.values():
                who.discard(session)
            for path in gone:
                del self.owners[path]
        for path in gone:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


VISITOR_FILES = VisitorFiles()
