"""What belongs to one visitor: the models that they trained, the pictures that they gave.

At home all visitors are the same person: their models lie in one folder and stay. On a public page
each visitor has a folder of their own, whose name nobody else learns, and which goes with them.

Gradio names every loading of the page anew, a *session*: a reload, or a connection that broke,
makes a new one. A `Visit` joins the sessions of one visitor, who proves to be the same by a random
token that only their browser and, as a digest, this process know. A session whose connection is
closed is kept for a while (`Sessions.grace`), and what is the visitor's until the last of their
sessions has gone. The session of a program, which has no connection, is kept as long after its last
request.

A browser's window that is duplicated takes the token with it: both are sessions of one visit, and
share its models and its training; each has the pictures that it chose itself.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gradio.processing_utils import get_upload_folder
from gradio.utils import is_in_or_equal

from diffusion_core.checkpoint import own_folder
from diffusion_core.data import ImageDataset
from diffusion_core.files import temporary_folder

from . import memory

# Read once: `launch_options` decides it, and writes the variable before this is imported.
PUBLIC = bool(os.environ.get("SPACE_ID")) or os.environ.get(
    "PLAYGROUND_PUBLIC", ""
).lower() not in ("", "0", "f", "false", "n", "no", "off")
GRACE_VARIABLE = "PLAYGROUND_GRACE_SECONDS"
GRACE = 600.0  # seconds
NOT_CONNECTED = "This page could not be connected; reload it."
MOST_UPLOADS = 10_000  # of one visitor
LEAST_TOKEN = 32  # letters; the page's are 32 hexadecimal digits, 128 random bits


def grace_here() -> float:
    """Seconds that what belongs to a closed page is kept; the environment may set others.

    Raises:
        ValueError: if the variable is no positive number, in a sentence that names it.
    """
    text = os.environ.get(GRACE_VARIABLE, "")
    try:
        seconds = float(text) if text else GRACE
        if not 0 < seconds < float("inf"):
            raise ValueError
    except ValueError:
        raise ValueError(
            f"{GRACE_VARIABLE} must be a positive number of seconds, not {text!r}."
        ) from None
    return seconds


@dataclass(eq=False)
class Visit:
    """One visitor.

    Attributes:
        key: The name under which things are kept for them; no visitor learns it.
        sessions: Their sessions. Under each name stands when it last showed a sign of life, in
            seconds of the monotonic clock, or None while its connection is open.
        closed: Those of them whose connection was open once, and is closed.
        uploads: Files that they gave or were given, each alone in a folder of Gradio's uploads.
        token: SHA-256 of what proves that a new session is theirs; empty where none was given.
    """

    key: str
    sessions: dict[str, float | None] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    uploads: set[Path] = field(default_factory=set)
    token: bytes = b""


@dataclass
class Sessions:
    """Folders by visitor, chosen pictures by session, and the end of both.

    Attributes:
        public: Whether visitors are strangers to each other.
        grace: Seconds that a session without a connection is kept.
        folders: The folder of each visitor, where they are strangers.
        pictures: The data set that each session last chose to train on, the latest last.
        visits: The visit of each session.
        tokens: The visit that each token's digest proves.
        on_left: Called with the name of a session whose connection is closed: what
            computes for it ends.
        on_session_end: Called with the name of a session that has ended.
        on_visit_end: Called with the key of a visit that has ended; its folder goes after that.
    """

    public: bool = PUBLIC
    grace: float = field(default_factory=grace_here)
    folders: dict[str, Path] = field(default_factory=dict)
    pictures: OrderedDict[str, ImageDataset] = field(default_factory=OrderedDict)
    visits: dict[str, Visit] = field(default_factory=dict)
    tokens: dict[bytes, Visit] = field(default_factory=dict)
    on_left: list[Callable[[str], None]] = field(default_factory=list)
    on_session_end: list[Callable[[str], None]] = field(default_factory=list)
    on_visit_end: list[Callable[[str], None]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    _changed: threading.Condition = field(init=False)
    _watching: bool = False

    def __post_init__(self) -> None:
        """The watch over closed sessions waits on the same lock."""
        self._changed = threading.Condition(self.lock)

    def visitor(self, session: str) -> str:
        """The key of the session's visitor; a request is a sign of life."""
        if not session:
            return ""
        with self.lock:
            visit = self.visits.get(session)
            if visit is None:
                visit = self.visits[session] = Visit(secrets.token_hex(16))
                visit.sessions[session] = time.monotonic()
                self._watch()
            elif visit.sessions[session] is not None:
                visit.sessions[session] = time.monotonic()
            return visit.key

    def knows(self, session: str) -> bool:
        """Whether the session has not ended yet."""
        with self.lock:
            return session in self.visits

    def join(self, session: str, token: str, before: str = "", reopened: bool = False) -> bool:
        """A page shows that it is there, and whose it is.

        Args:
            session: The page's session.
            token: What proves whose it is; the page made it up when it was opened first.
            before: The session of the same window before it was loaded anew, or of the window that
                it was duplicated from; the chosen pictures come over, if the token is its own too.
            reopened: Whether a connection that was closed has been opened again.

        Returns:
            Whether the token was known: whether the visitor was here before.

        Raises:
            ValueError: if session or token cannot be a page's.
        """
        if not session or len(token) < LEAST_TOKEN:
            raise ValueError(NOT_CONNECTED)
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        with self.lock:
            visit, here = self.tokens.get(digest), self.visits.get(session)
            if here is not None and here.token not in (b"", digest):
                raise ValueError(NOT_CONNECTED)
            known = visit is not None
            if visit is None:
                self.visitor(session)
                visit = self.visits[session]
                visit.token, self.tokens[digest] = digest, visit
            elif here is not visit:
                if here is not None:  # what the page asked for before it had joined
                    self._end_session(session)
                self.visits[session] = visit
            if reopened:
                visit.closed.discard(session)
            visit.sessions[session] = time.monotonic() if session in visit.closed else None
            if before and self.visits.get(before) is visit and session not in self.pictures:
                if (chosen := self.pictures.get(before)) is not None:
                    self.pictures[session] = chosen
            return known

    def left(self, session: str) -> None:
        """The session's connection is closed; nothing is lost until `grace` has passed."""
        with self.lock:
            visit = self.visits.get(session)
            if visit is not None:
                visit.sessions[session] = time.monotonic()
                visit.closed.add(session)
                self._watch()
        for tell in self.on_left:
            tell(session)

    def was_closed(self, session: str) -> bool:
        """Whether the session's connection was open once, and is closed."""
        with self.lock:
            visit = self.visits.get(session)
            return visit is not None and session in visit.closed

    def uploaded(self, session: str, path: str) -> None:
        """The session's visitor gave this file, which goes with them.

        Args:
            session: The session.
            path: Of the file; one that is no upload is not heeded, whoever names it.
        """
        file = Path(path)
        if not is_in_or_equal(file, get_upload_folder()) or not file.is_file():
            return
        with self.lock:
            visit = self.visits.get(session)
            if visit is not None and len(visit.uploads) < MOST_UPLOADS:
                visit.uploads.add(file)

    def file_folder(self, session: str) -> Path:
        """A new folder for one file that the visitor is given, in the folder of uploads.

        Gradio serves a file from there without a copy. It goes with the visitor.
        """
        within = Path(get_upload_folder())
        within.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="visitor-", dir=within))
        with self.lock:
            self.visitor(session)
            self.visits[session].uploads.add(folder / "file")
        return folder

    def same(self, session: str, other: str) -> bool:
        """Whether two sessions are one visitor's."""
        with self.lock:
            visit = self.visits.get(session)
            return visit is not None and visit is self.visits.get(other)

    def folder(self, session: str) -> Path:
        """The folder of the models of the session's visitor."""
        if not self.public:
            return own_folder()
        with self.lock:
            key = self.visitor(session)
            if key not in self.folders:
                self.folders[key] = temporary_folder("diffusion-")
            return self.folders[key]

    def keep(self, session: str, dataset: ImageDataset) -> None:
        """Hold what the session chose; where all hold too much, the oldest choices are let go."""
        with self.lock:
            self.visitor(session)
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
        """End the session now, and with the last of a visitor's sessions all that is theirs."""
        with self.lock:
            self._end_session(session)

    def _held(self) -> int:
        each = {id(d.pictures): d.pictures.nbytes for d in self.pictures.values()}
        return sum(each.values())

    def _end_session(self, session: str) -> None:
        """End a session; with the visit's last one the visit ends, in a thread of its own.

        Whoever is told of the visit's end may wait there for a training that still writes.
        """
        self.pictures.pop(session, None)
        visit = self.visits.pop(session, None)
        for tell in self.on_session_end:
            tell(session)
        if visit is None:
            return
        self._changed.notify_all()  # the watch may have no more to wait for
        del visit.sessions[session]
        visit.closed.discard(session)
        if visit.sessions:
            return
        self.tokens.pop(visit.token, None)
        folder = self.folders.pop(visit.key, None)
        # Gradio keeps a file once, under its content's digest, for all who give the same.
        others = set().union(*(other.uploads for other in self.visits.values()))

        def end() -> None:
            for tell in self.on_visit_end:
                tell(visit.key)
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)
            for file in visit.uploads - others:
                shutil.rmtree(file.parent, ignore_errors=True)

        if self.on_visit_end:
            threading.Thread(target=end, name="forgetting", daemon=True).start()
        else:
            end()

    def _watch(self) -> None:
        """See to it that a thread ends what has had its time; it goes when none is left."""
        if self._watching:
            self._changed.notify_all()
            return
        self._watching = True
        threading.Thread(target=self._end_closed, name="closed sessions", daemon=True).start()

    def _end_closed(self) -> None:
        with self.lock:
            while True:
                closed = {
                    name: seen
                    for name, visit in self.visits.items()
                    if (seen := visit.sessions[name]) is not None
                }
                if not closed:
                    self._watching = False
                    return
                now = time.monotonic()
                due = [name for name, seen in closed.items() if seen + self.grace <= now]
                for name in due:
                    self._end_session(name)
                if not due:
                    self._changed.wait(min(closed.values()) + self.grace - now)


SESSIONS = Sessions()
