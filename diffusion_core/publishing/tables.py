"""Tables of a card, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def card_table(title: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table under its title, numbers at the right; of no rows nothing.

    Args:
        title: A heading, with its marks.
        heads: Of the columns, the first of which holds names.
        rows: What stands in them.
    """
    lines = [f"| {' | '.join(map(str, row))} |" for row in rows]
    if not lines:
        return ""
    rule = f"|---|{'---:|' * (len(heads) - 1)}"
    return "\n".join(["", title, "", f"| {' | '.join(heads)} |", rule, *lines, ""])
