"""The page's words for an error: one sentence, whatever goes wrong, and never a stack trace.

A `ValueError` carries a sentence that a user can act on, and is shown as it stands. Of anything
else the page shows that the work broke off, and the reason in the words of the error, without the
paths in them; the rest goes to the server's log.
"""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from diffusion_core.fields import printable
from diffusion_core.files import NOT_ALLOWED
from diffusion_core.training_runs import TrainingEnded

MOST_LETTERS = 160  # of a reason
# Paths of POSIX and of Windows, as they stand in the messages of errors.
_PATH = re.compile(r"""(?<![\w/])(~?/|[A-Za-z]:[\\/])[^\s'",;)\]]+""")
_QUOTED_PATH = re.compile(r"""(['"])(~?/|[A-Za-z]:[\\/]).*?\1""")
# Windows has no quota's number.
FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
DISK_FULL = "The disk is full: free some space, then go on; the training stands at its last save."
OUT_OF_MEMORY = "There is not enough memory for this: choose a smaller batch, or fewer channels."


@dataclass(frozen=True)
class Work:
    """A kind of work that can break off, and the sentences for that.

    Attributes:
        name: Its name in the log.
        broke_off: The sentence for an unforeseen error; {reason} in it is replaced.
        shown: Classes of errors whose own sentence is shown.
        causes: Pairs of a test of an error and the sentence for it; tried first.
        secret: The log gets the error's class alone, since its text may hold a token.
    """

    name: str
    broke_off: str
    shown: tuple[type[Exception], ...] = (ValueError,)
    causes: tuple[tuple[Callable[[Exception], bool], str], ...] = ()
    secret: bool = False


def disk_is_full(error: Exception) -> bool:
    """Whether an error means that no more can be written: space, quota or a file's size."""
    return isinstance(error, OSError) and error.errno in FULL


def is_not_allowed(error: Exception) -> bool:
    """Whether an error means that a file or folder may not be written."""
    return isinstance(error, OSError) and error.errno in NOT_ALLOWED


def reason_of(error: Exception) -> str:
    """An error's own words for why it was raised, on one line, without the paths in them."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    first = next(iter(str(error).strip().splitlines()), "")
    words = _PATH.sub("…", _QUOTED_PATH.sub("…", printable(first))).rstrip(".: ")
    if len(words) > MOST_LETTERS:
        words = f"{words[:MOST_LETTERS]}…"
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def memory_ran_out(error: Exception) -> bool:
    """Whether an error means that memory could not be allocated, on the processor or on a GPU."""
    if isinstance(error, ValueError | FloatingPointError):
        return False  # their own sentences are shown
    text = str(error)
    return isinstance(error, MemoryError) or "alloc" in text or "out of memory" in text


DISK = "The disk is full: free some space, then try again."
COMPUTATION = Work(
    "A computation",
    "The computation broke off ({reason}); try other settings.",
    causes=((disk_is_full, DISK),),
)
ENDPOINT = Work(
    "An endpoint", "The computation broke off ({reason}).", causes=((disk_is_full, DISK),)
)
FILE = Work(
    "A file to be saved",
    "The file could not be made ({reason}); try it again.",
    causes=((disk_is_full, DISK),),
)
TRAINING = Work(
    "A training",
    "The training broke off ({reason}); the last save is kept.",
    shown=(ValueError, FloatingPointError, TrainingEnded),
    causes=(
        (disk_is_full, DISK_FULL),
        (memory_ran_out, OUT_OF_MEMORY),
        (
            is_not_allowed,
            "Nothing can be written in the folder of the models: start the page with --models and "
            "a folder that can be written.",
        ),
    ),
)
DELETION = Work("A deletion", "Not all of it could be deleted ({reason}).")
PUSH = Work("A push", "The push broke off; try it again.", secret=True)


def sentence_of(error: Exception, work: Work) -> str:
    """The sentence that the page shows for an error; an unforeseen error is logged.

    Args:
        error: The error that was raised.
        work: The work that it broke off.
    """
    for is_cause, sentence in work.causes:
        if is_cause(error):
            return sentence
    if isinstance(error, work.shown):
        return str(error)
    if work.secret:
        logging.error("%s broke off: %s", work.name, type(error).__name__)
    else:
        logging.error("%s broke off", work.name, exc_info=error)
    return work.broke_off.replace("{reason}", reason_of(error))
