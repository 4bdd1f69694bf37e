"""`python -m tabs.lessons FILE`: read a lesson and compute what it claims.

One line a claim; the exit code is 1 where one does not hold, and 2 where the file cannot be read.
"""

from __future__ import annotations

import sys
from pathlib import Path

from .claims import findings
from .format import read_lesson


def main(arguments: list[str]) -> int:
    """Read and compute the lesson that the arguments name."""
    if len(arguments) != 1:
        print("Name the file of one lesson: python -m tabs.lessons FILE", file=sys.stderr)
        return 2
    try:
        lesson = read_lesson(Path(arguments[0]).read_bytes())
        found = findings(lesson)
    except OSError as error:
        print(f"{arguments[0]} cannot be read: {error.strerror}.", file=sys.stderr)
        return 2
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for step, finding in found:
        print(f"step {step}: {'true' if finding.holds else 'NOT TRUE'}: {finding.words}")
    print(f"{lesson.title}: {len(lesson.steps)} steps, {len(found)} claims.")
    return 0 if all(finding.holds for _, finding in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
