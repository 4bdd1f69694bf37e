"""What belongs to one visitor: the models that they trained, the pictures that they gave.

At home all visitors are the same person: their models lie in one folder and stay. On a public page
each session has a folder of its own, whose name no other session learns, and which goes with the
session.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from diffusion_core.checkpoint import own_folder
from diffusion_core.data import ImageDataset
from diffusion_core.files import temporary_folder

from . import memory

# Read once: `launch_options` decides it, and writes the variable before this is imported.
PUBLIC = bool(os.environ.get("SPACE_ID")) or os.environ.get(
    "PLAYGROUND_PUBLIC", ""
).lower() not in ("", "0", "f", "false", "n", "no", "off")


@dataclass
class Sessions:
    """Folders and pictures by session.

    Attributes:
        public: Whether visitors are strangers to each other.
        folders: The folder of each session, where visitors are strangers.
        pictures: The data set that each session last chose to train on, the latest last.
    """

    public: bool = PUBLIC
    folders: dict[str, Path] = field(default_factory=dict)
    pictures: OrderedDict[str, ImageDataset] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def folder(self, session: str) -> Path:
        """The folder of the session's models."""
        if not self.public:
            return own_folder()
        with self.lock:
            if session not in self.folders:
                self.folders[session] = temporary_folder("diffusion-")
            return self.folders[session]

    def keep(self, session: str, dataset: ImageDataset) -> None:
        """Hold what the session chose; where all hold too much, the oldest choices are let go."""
        with self.lock:
            self.pictures[session] = dataset
            self.pictures.move_to_end(session)
            while len(self.pictures) > 1 and self._held() > memory.PICTURES:
                self.pictures.popitem(last=False)

    def drop(self, session: str) -> None:
        """Forget the session's choice."""
        with self.lock:
            self.pictures.pop(session, None)

    def chosen(self, session: str) -> ImageDataset | None:
        """The data set that the session last chose; None where there is none."""
        with self.lock:
            return self.pictures.get(session)

    def forget(self, session: str) -> None:
        """End the session: its pictures go and, where visitors are strangers, its models."""
        with self.lock:
            self.pictures.pop(session, None)
            folder = self.folders.pop(session, None)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _held(self) -> int:
        each = {id(d.pictures): d.pictures.nbytes for d in self.pictures.values()}
        return sum(each.values())


SESSIONS = Sessions()
