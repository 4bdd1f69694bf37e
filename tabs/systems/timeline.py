"""The line of years above the systems: what came when, each entry with the view that shows it."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from ..shared.wire import TimelineEntry, TimelineMessage

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
SYSTEMS_TAB = "systems"


@dataclass(frozen=True)
class Entry:
    """A paper of the line.

    Attributes:
        name: Of the system.
        year: Of its first version on arXiv.
        month: Of that, from 1 to 12.
        paper: Its authors and number.
        added: What it added, after its name.
        tab: The tab that shows it.
        shown: In the tab Systems the view's value in the menu, else the name of a view of the tab,
            as its address has it; "" is the tab itself.
    """

    name: str
    year: int
    month: int
    paper: str
    added: str
    tab: str = SYSTEMS_TAB
    shown: str = ""

    @property
    def months(self) -> int:
        """Months since the year 0."""
        return 12 * self.year + self.month


ENTRIES = (
    Entry("DDPM", 2020, 6, "Ho et al., arXiv 2006.11239", "noise, predicted", "denoise"),
    Entry(
        "Improved DDPM",
        2021,
        2,
        "Nichol and Dhariwal, arXiv 2102.09672",
        "the cosine schedule, a learned variance",
        "schedules",
    ),
    Entry(
        "PVD",
        2021,
        4,
        "Zhou et al., arXiv 2104.03670",
        "shapes in space",
        "points",
        "space",
    ),
    Entry(
        "Guided diffusion",
        2021,
        5,
        "Dhariwal and Nichol, arXiv 2105.05233",
        "a classifier’s gradient",
        shown="guided",
    ),
    Entry("GLIDE", 2021, 12, "Nichol et al., arXiv 2112.10741", "words", shown="glide"),
    Entry(
        "DALL·E 2",
        2022,
        4,
        "Ramesh et al., arXiv 2204.06125",
        "embeddings, and a prior of them",
        shown="unclip",
    ),
    Entry("Imagen", 2022, 5, "Saharia et al., arXiv 2205.11487", "a cascade", shown="imagen"),
)


def timeline_message(systems: Collection[str], seen: str) -> str:
    """The line as the page lays it out, JSON; an entry whose view is not there is left out.

    Args:
        systems: The values of the menu of systems.
        seen: The one that is seen.
    """
    there = [each for each in ENTRIES if each.tab != SYSTEMS_TAB or each.shown in systems]
    after = [*there[1:], there[-1]]
    entries: list[TimelineEntry] = [
        {
            "name": each.name,
            "when": f"{MONTHS[each.month - 1]} {each.year}",
            "paper": each.paper,
            "added": each.added,
            "tab": each.tab,
            "shown": each.shown,
            "months": then.months - each.months,
        }
        for each, then in zip(there, after, strict=True)
    ]
    message: TimelineMessage = {"entries": entries, "seen": seen}
    return json.dumps(message)
