"""Guided lessons: short files of steps that set the page's controls, ask, and then show.

Its files:

    format   a lesson as data, and how its file is read
    claims   what a step says, computed with the shipped models
    bar      the bar on the page in which a lesson is followed

`python -m tabs.lessons FILE` reads a lesson and computes its claims; docs/lessons.md tells how to
write one. The lessons of the page lie in `shipped/`, one file each.
"""

from .bar import Bar

__all__ = ["Bar"]
