"""What steps cost, in words: measured time and quality for how often a sampler asks the network."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from diffusion_core.card_table import CardRow, best_value, obedient

MANY = 1000  # steps of ddpm, as in its paper
COMMAND = "python -m diffusion_core evaluate --model FOLDER"


def span(ms: float) -> str:
    """A time to two digits, in the unit that reads best."""
    if ms < 99.5:
        return f"{ms:.2g} ms"
    if ms < 119_500:
        return f"{ms / 1000:.2g} s" if ms < 99_500 else f"{ms / 1000:.0f} s"
    return f"{ms / 60_000:.2g} min" if ms < 99.5 * 60_000 else f"{ms / 3_600_000:.2g} h"


def times(count: int) -> str:
    """So many evaluations, in words."""
    return f"{count:,} evaluation{'' if count == 1 else 's'}"


def words(
    rows: Sequence[CardRow],
    sampler: str,
    evaluations: int,
    ms_per_evaluation: float | None = None,
    measurable: bool = True,
) -> str:
    """What the choice costs here, what a thousand steps would, and which row would do: Markdown.

    The row is the one that the card's default is chosen by; see `card_table.best_value`.

    Args:
        rows: Of a card; may be empty.
        sampler: That the page would run now.
        evaluations: That it would take, at least 1.
        ms_per_evaluation: Measured on this machine; None while it is not known.
        measurable: Whether there are test images of what it was trained on.
    """
    said = [_cost(rows, sampler, evaluations, ms_per_evaluation)]
    measured, least = obedient(rows), best_value(rows)
    if least is None:
        how = f"; `{COMMAND}` makes it" if measurable else ", and no test images are known for it"
        said.append(f"This model's card has no table of measured samplers{how}.")
        return " ".join(said)
    best = min(measured, key=lambda r: (r.frechet, r.evaluations))
    if least == best:
        said.append(
            f"On the card, **{best.name}** is the best (Frechet distance {best.frechet:g}), and "
            f"nothing within 5 % of it takes fewer than its {times(best.evaluations)}."
        )
    else:
        said.append(
            f"On the card, **{least.name}** takes the fewest to come within 5 % of the best: "
            f"{times(least.evaluations)} for a Frechet distance of {least.frechet:g}, against "
            f"{best.evaluations:,} for {best.frechet:g} ({best.name})."
        )
    if best.guidance_scale != 1 or least.guidance_scale != 1:
        said.append("Under guidance each evaluation is of two pictures, and takes twice as long.")
    counts = {r.samples for r in measured}
    if len(counts) > 1:
        said.append(
            f"The rows were measured on {min(counts):,} to {max(counts):,} images: the fewer, the "
            "larger the distance comes out."
        )
    return " ".join(said)


def _cost(rows: Sequence[CardRow], sampler: str, count: int, ms: float | None) -> str:
    """The first sentence: the choice's time beside that of a thousand steps of ddpm."""
    ratio = MANY / count
    longer = f"{ratio:,.0f}" if ratio >= 9.95 else f"{ratio:.2g}"
    more = f", {longer} times as long" if ratio >= 1.05 else ""
    opening, many = f"**{sampler}** with {times(count)}", "a thousand steps of ddpm"
    if ms is not None:
        takes = f"{opening} takes about {span(count * ms)} here"
        if sampler == "ddpm" and count == MANY:
            return f"{takes}: that is {many}."
        return f"{takes}; {many} would take about {span(MANY * ms)}{more}."
    timed = [r.ms_per_image / r.evaluations for r in rows if r.plain and r.ms_per_image]
    opening += " has not been timed here yet"
    if not timed:
        return f"{opening}; {many} is {MANY:,} evaluations{more.replace(' long', ' many')}."
    there = median(timed)
    return (
        f"{opening}; where the card was measured it took about {span(count * there)} an image, "
        f"and {many} about {span(MANY * there)}."
    )
