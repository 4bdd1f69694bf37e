"""The checkpoints that the page offers, each read once and shared by all sessions.

They lie in pretrained/, in the user's own folder, and in the Hub's cache; one that is not there is
fetched first, which `fetch` alone does. On a public page no visitor names a path.
"""

from __future__ import annotations

import logging
import math
import os
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from diffusion_core.checkpoint import (
    Checkpoint,
    DownloadProgress,
    cached,
    checkpoint_folders,
    download,
    known_digest,
    load_checkpoint,
    own_folder,
    plain_id,
    reason_left_out,
    weights_in,
)
from diffusion_core.engines import TORCH, on_engine, on_threads
from diffusion_core.generation import RunCard, SamplingRequest, SamplingRun

from . import gpu, memory
from .compute_queue import COMPUTE_QUEUE
from .limits import Bounds, PageLimit
from .pace import PACES, THREADS, TimedRun
from .sessions import SESSIONS
from .text import LONGEST_NAME, echo, path_of, path_text, printable

OPENS_WITH = "PLAYGROUND_OPENS_WITH"
MOST_NAMED = 8  # names in a sentence
COPIES = 2  # of the weights: torch's, and those that ONNX Runtime laid out for itself
Key = tuple[str, str, int, int]
_HELD: OrderedDict[Key, Checkpoint] = OrderedDict()
_LOCK, _LOCKS = threading.Lock(), defaultdict[Key, threading.Lock](threading.Lock)


def available(session: str = "") -> list[tuple[str, str]]:
    """(name, path or Hub id) of every checkpoint at hand, for a menu; see `left_out`.

    Args:
        session: The session whose own models are included, where visitors are strangers.
    """
    found = [
        (printable(each.name, LONGEST_NAME), path_text(each))
        for each in _folders(session)
        if weights_in(each, links=not SESSIONS.public) is not None
    ]
    return found + [(hub_id, hub_id) for hub_id in cached()]


def left_out(session: str = "") -> list[str]:
    """Why folders that look like checkpoints are not among the `available`, a sentence each.

    Asked is the folder of one's own models. What ships is known, and the Hub's cache also holds
    what other programs fetched for themselves.

    Args:
        session: The session whose own models are included. On a public page only these are
            reported: the others are the owner's, who reads of them in the server's log.
    """
    return _left_out(_own(session) if SESSIONS.public else _within(own_folder()))


def log_left_out() -> None:
    """Tell in the server's log which folders are left out, and why."""
    for sentence in _left_out(_within(own_folder())):
        logging.warning("A model is left out. %s", sentence)


def _left_out(folders: Iterable[Path]) -> list[str]:
    reasons = (reason_left_out(each, links=not SESSIONS.public) for each in folders)
    return [reason for reason in reasons if reason is not None]


def _own(session: str) -> list[Path]:
    """The folders in the session's own place, where visitors are strangers."""
    place = [SESSIONS.folder(session)] if SESSIONS.public and session else []
    return [each for each in place for each in _within(each)]


def _folders(session: str) -> list[Path]:
    """All folders that may hold a checkpoint."""
    return [each for place in checkpoint_folders() for each in _within(place)] + _own(session)


def _within(place: Path) -> list[Path]:
    try:
        return sorted(place.glob("*"))
    except OSError:  # a folder of models that cannot be read has none
        return []


def first() -> str:
    """The menu's value that the page opens with: the owner's option, else the first at hand.

    Raises:
        ValueError: if the model that the option names is not at hand, or no model is.
    """
    choices, named = available(), os.environ.get(OPENS_WITH, "")
    if not choices:
        raise ValueError("There is no checkpoint in pretrained/; train one on the command line.")
    for name, value in choices:
        if named in ("", name, value):
            return value
    raise ValueError(
        f"The page cannot open with {named!r}, which is not here; choose from: "
        f"{', '.join(name for name, _ in choices)}."
    )


def readable() -> list[tuple[str, Checkpoint]]:
    """(name, checkpoint) of every one that can be read; of the Hub's, those already in use."""
    found = []
    with _LOCK:
        held = {key[1] for key in _HELD}
    for name, path in available():
        try:
            if name != path or name in held:
                found.append((name, get(path)))
        except ValueError:
            continue
    return found


def by_hash(weights: str, session: str = "") -> tuple[str, Checkpoint] | None:
    """(path, checkpoint) of the one at hand with these weights, if there is one.

    Args:
        weights: The SHA-256 of the weights.
        session: The session whose own models are included, where visitors are strangers.
    """
    for _, path in available(session):
        try:
            file = weights_in(place(path)[0])
            if file is None or (known_digest(file) or weights) != weights:
                continue  # the Hub's cache names its files by their hash
            checkpoint = get(path)
        except ValueError:
            continue
        if checkpoint.weights_hash == weights:
            return path, checkpoint
    return None


def get(name_or_path: str) -> Checkpoint:
    """The checkpoint of a menu's choice, a folder or a Hub id; on the fastest device here.

    Raises:
        ValueError: if it is not here or cannot be read.
    """
    folder, name = place(name_or_path)
    weights = weights_in(folder)
    stat = weights.stat() if weights else None
    key = (str(folder), name, *((stat.st_mtime_ns, stat.st_size) if stat else (0, 0)))
    with _LOCKS[key]:  # several handlers may request a new one at once
        with _LOCK:
            if key in _HELD:
                _HELD.move_to_end(key)
                return _HELD[key]
        checkpoint = _load(folder, name).to(gpu.home())
        with _LOCK:
            _HELD[key] = checkpoint
            while len(_HELD) > 1 and _held_bytes() > memory.MODELS:
                _HELD.popitem(last=False)
    return checkpoint


def for_walks(checkpoint: Checkpoint, card: RunCard | None = None) -> Checkpoint:
    """A checkpoint with the engine that evaluates its network in walks; see `engines.on_engine`.

    On a page that borrows GPUs it is torch, which computes there.

    Args:
        checkpoint: The model, as `get` gave it.
        card: A run card that is walked again, by its own engine.

    Raises:
        ValueError: if PLAYGROUND_ENGINE names none.
    """
    if gpu.BORROWED:
        return checkpoint
    return on_engine(checkpoint) if card is None else card.on_engine(checkpoint)


def for_walk(checkpoint: Checkpoint, walk: SamplingRequest) -> Checkpoint:
    """A checkpoint for one walk: by torch on as many threads as are the fastest for it.

    Beside another computation it has one, since several that take all cores wait for each other.
    With ONNX Runtime nothing is to choose: its walks share the cores, and their bits do not depend
    on that.

    Args:
        checkpoint: The model, with its engine.
        walk: The walk, from its beginning.
    """
    if walk.engine(checkpoint) != TORCH or checkpoint.device.type != "cpu" or gpu.BORROWED:
        return checkpoint
    if COMPUTE_QUEUE.busy:
        return on_threads(checkpoint, 1)
    plain = on_engine(checkpoint, TORCH)
    return on_threads(plain, THREADS.best(plain, walk.pictures_per_evaluation))


def _held_bytes() -> int:
    return COPIES * sum(checkpoint.num_bytes for checkpoint in _HELD.values())


def _load(folder: Path, name: str) -> Checkpoint:
    """Read a checkpoint; on a public page no sentence names a path, and no link is followed."""
    if not SESSIONS.public:
        return load_checkpoint(folder, name=name)
    try:
        return load_checkpoint(folder, name=name, links=False)
    except ValueError as error:
        raise ValueError(str(error).replace(str(folder), folder.name)) from error


def fetch(text: str, progress: DownloadProgress | None = None) -> str:
    """Bring a checkpoint here, unless it is, and return its value in the menu.

    Args:
        text: A value of the menu, a folder, or a Hub id or the address of its page.
        progress: Called with (bytes done, bytes in all); see `checkpoint.download`.

    Raises:
        ValueError: if it cannot be fetched, in one sentence.
    """
    name = plain_id(text.strip())
    try:
        place(name)
        return dict(available()).get(name, name)
    except ValueError:
        if name.count("/") != 1 or name.startswith(("/", ".", "~")):
            raise
    bounds = Bounds.here()
    most = bounds.download_megabytes * 1e6
    if bounds.cache_megabytes < float("inf"):
        files = [weights_in(folder) for folder in cached().values()]
        taken = sum(file.stat().st_size for file in files if file is not None)
        most = min(most, max(0, bounds.cache_megabytes * 1e6 - taken))
    # A visitor gets public repositories alone, not those that the owner's token opens.
    download(name, progress, most=most, token=False if SESSIONS.public else None)
    return name


def listed(name: str) -> Checkpoint:
    """The checkpoint of that name, for a program; at home also a folder's path or a Hub id.

    Raises:
        ValueError: if there is none; the message lists the known ones.
    """
    known = dict(available())
    text = isinstance(name, str)
    if not text or (name not in known and (SESSIONS.public or "/" not in name)):
        names = [*known]
        more = f", and {len(names) - MOST_NAMED} more" if names[MOST_NAMED:] else ""
        raise ValueError(
            f"There is no model {echo(name)} here; choose from: "
            f"{', '.join(names[:MOST_NAMED])}{more}."
        )
    return get(fetch(name))


def evaluation_seconds_of(checkpoint: Checkpoint, pictures: int = 1) -> float:
    """Seconds that the network takes for one picture on this machine; see `pace`.

    Args:
        checkpoint: The model, with the engine that is to evaluate it; see `for_walks`.
        pictures: Pictures that are evaluated together.
    """
    return PACES.seconds(checkpoint, pictures)


def measure_anew(checkpoint: Checkpoint) -> None:
    """Measure the network's pace again, unless that was done a moment ago: it was chosen."""
    PACES.seconds(checkpoint, anew=True)


def seconds_of(walk: SamplingRequest, checkpoint: Checkpoint) -> float:
    """Seconds that a walk is expected to take, with the checkpoint's engine."""
    if walk.engine(checkpoint) != checkpoint.engine:
        checkpoint = on_engine(checkpoint, walk.engine(checkpoint))
    each = evaluation_seconds_of(checkpoint, walk.pictures_per_evaluation)
    return gpu.seconds_of(_home(checkpoint), walk.cost(checkpoint), each)


def bounded(walk: SamplingRequest, checkpoint: Checkpoint) -> None:
    """Refuse a walk that would take longer than the page allows one visitor.

    Before it is refused the model is measured anew: the first measure may have been taken while
    the machine was busy with something else.

    Raises:
        PageLimit: in one sentence.
    """
    most = min(Bounds.here().walk_seconds, gpu.MOST if gpu.BORROWED else math.inf)
    if most == math.inf or seconds_of(walk, checkpoint) <= most:
        return
    measure_anew(checkpoint)
    if (seconds := seconds_of(walk, checkpoint)) > most:
        raise PageLimit(
            f"This walk would take about {seconds:,.0f} s here, and this page gives {most:,.0f} s "
            "to each; ask for fewer steps or images."
        )


def walker(checkpoint: Checkpoint) -> Callable[..., SamplingRun]:
    """The class that computes the walks of this checkpoint's recordings; it notes their pace."""
    return (
        gpu.run_class_of(_home(checkpoint), evaluation_seconds_of(checkpoint))
        if gpu.BORROWED
        else TimedRun
    )


def _home(checkpoint: Checkpoint) -> str:
    return str(place(checkpoint.name)[0]) if gpu.BORROWED else checkpoint.name


def place(name_or_path: str) -> tuple[Path, str]:
    """The folder and the name of a checkpoint of the menu, of a folder, or of the Hub's cache.

    Raises:
        ValueError: if it is not on this machine, or not for this page.
    """
    listed = dict(available())
    path = listed.get(name_or_path, name_or_path)
    hub = cached()
    if path in hub and path in listed:
        return hub[path], path
    folder = path_of(path)
    if SESSIONS.public:
        # The names of sessions' folders are random, and no other session learns them.
        if path in listed.values() or folder.parent in SESSIONS.folders.values():
            return folder, path
        raise ValueError(
            f"There is no model {name_or_path} on this page; choose one of the menu, or type a Hub "
            "id as owner/name."
        )
    try:
        if path.strip() and folder.is_dir():
            return folder, path
    except (OSError, ValueError):  # a name that no file can have
        pass
    raise ValueError(
        f"There is no checkpoint {name_or_path} on this machine; choose one of the menu, or type a "
        "folder, or a Hub id as owner/name."
    )
