"""The page's words for an error: one sentence, whatever goes wrong, and never a stack trace.

A `ValueError` carries a sentence that a user can act on, and is shown as it stands. Of anything
else the page shows only that the work broke off; what happened goes to the server's log.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from dataclasses import dataclass

from diffusion_core.training_runs import TrainingEnded

# Windows has no quota's number.
FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
DISK_FULL = "The disk is full: free some space, then go on; the training stands at its last save."
OUT_OF_MEMORY = "There is not enough memory for this: choose a smaller batch, or fewer channels."


@dataclass(frozen=True)
class Work:
    """A kind of work that can break off, and the sentences for that.

    Attributes:
        name: Its name in the log.
        broke_off: The sentence for an unforeseen error.
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


def memory_ran_out(error: Exception) -> bool:
    """Whether an error means that memory could not be allocated, on the processor or on a GPU."""
    if isinstance(error, ValueError | FloatingPointError):
        return False  # their own sentences are shown
    text = str(error)
    return isinstance(error, MemoryError) or "alloc" in text or "out of memory" in text


COMPUTATION = Work(
    "A computation",
    "The computation broke off, for a reason that is in the server's log; try other settings.",
)
ENDPOINT = Work(
    "An endpoint", "The computation broke off, for a reason that is in the server's log."
)
TRAINING = Work(
    "A training",
    "The training broke off, for a reason that is in the server's log; the last save is kept.",
    shown=(ValueError, FloatingPointError, TrainingEnded),
    causes=((disk_is_full, DISK_FULL), (memory_ran_out, OUT_OF_MEMORY)),
)
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
    return work.broke_off
