"""What the page tells of an error: one sentence, whatever goes wrong, and never a stack trace.

A `ValueError` carries a sentence that a user can act on, and is told as it stands. Of anything else
the page tells only that the work broke off; what happened goes to the server's log.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from dataclasses import dataclass

DISK_FULL = "The disk is full: free some space, then go on; the training stands at its last save."
OUT_OF_MEMORY = "There is not enough memory for this: choose a smaller batch, or fewer channels."


@dataclass(frozen=True)
class Work:
    """A kind of work that can break off, and the sentences that tell of it.

    Attributes:
        name: What the log calls it.
        broke_off: The sentence for an error that nobody foresaw.
        told: Classes of errors whose own sentence is told.
        causes: Pairs of a test of an error and the sentence for it; tried first.
        secret: The log gets the error's class alone, since its text may hold a token.
    """

    name: str
    broke_off: str
    told: tuple[type[Exception], ...] = (ValueError,)
    causes: tuple[tuple[Callable[[Exception], bool], str], ...] = ()
    secret: bool = False


def disk_is_full(error: Exception) -> bool:
    """Whether an error says that the disk has no space left."""
    return isinstance(error, OSError) and error.errno == errno.ENOSPC


def memory_ran_out(error: Exception) -> bool:
    """Whether an error says that memory could not be had, on the processor or on a GPU."""
    if isinstance(error, ValueError | FloatingPointError):
        return False  # these are told in their own words
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
    told=(ValueError, FloatingPointError),
    causes=((disk_is_full, DISK_FULL), (memory_ran_out, OUT_OF_MEMORY)),
)
PUSH = Work("A push", "The push broke off; try it again.", secret=True)


def sentence_of(error: Exception, work: Work) -> str:
    """The sentence that the page tells of an error; one that nobody foresaw is logged.

    Args:
        error: What was raised.
        work: What it broke off.
    """
    for is_cause, sentence in work.causes:
        if is_cause(error):
            return sentence
    if isinstance(error, work.told):
        return str(error)
    if work.secret:
        logging.error("%s broke off: %s", work.name, type(error).__name__)
    else:
        logging.error("%s broke off", work.name, exc_info=error)
    return work.broke_off
