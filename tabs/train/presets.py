"""A coffee, a lunch, a night: as many minutes on every machine, and what can be learned in them.

A step's time is measured; from it follow how wide a network the minutes can teach, and how many
steps they hold. So "a coffee" is a coffee also on a slow laptop, with a narrower network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .limits import Limits
from .plans import span

OWN = "own settings, below"
FEWEST = 50  # steps


class Preset(NamedTuple):
    """How long, and with what.

    Attributes:
        minutes: That it takes.
        ways: (channels, steps that they want at least), widest first; the last wants none.
        batch: Pictures a step.
        steps: Where a step cannot be measured.
    """

    minutes: float
    ways: tuple[tuple[str, int], ...]
    batch: int
    steps: int


# Early on, steps count for more than pictures: in four minutes of one core on 2,700 avatars of
# 32 × 32, x0_hat was off by 0.34 (log-SNR 0) after 83 steps of 64 of 64,128 channels, by 0.29 after
# 270 of 16, by 0.28 after 770 of 16 of 32,64 channels; 64 is for those who stay.
PRESETS = {
    "a coffee": Preset(10, (("64,128", 5000), ("32,64", 0)), 16, 6000),
    "a lunch": Preset(60, (("64,128", 4000), ("32,64", 0)), 32, 15_000),
    "a night": Preset(480, (("96,192", 20_000), ("64,128", 0)), 64, 40_000),
}


class Filled(NamedTuple):
    """What a preset fills in, and the seconds that it takes, where they are known."""

    steps: int
    batch: int
    channels: str
    ema: float
    seconds: float | None


def filled(
    name: str, measure: Callable[[str, int], float | None], limits: Limits, fixed: bool = False
) -> Filled:
    """What a preset comes to on this machine.

    Args:
        name: One of `PRESETS`.
        measure: Seconds of a step, for channels and batch; None where that is not known.
        limits: Of this page.
        fixed: The network is given, so that there is one way only.
    """
    preset = PRESETS[name]
    # Where minutes are bounded, a slower hour of the machine must not cut the training off.
    budget = 60 * min(preset.minutes, 0.85 * limits.minutes)
    batch = min(preset.batch, limits.batch)
    ways = preset.ways[-1:] if fixed else preset.ways
    channels, each = ways[0][0], None
    for channels, wanted in ways:
        each = measure(channels, batch)
        if each is None or budget / each >= min(wanted, limits.steps):
            break
    steps = preset.steps if each is None else _round(budget / each)
    steps = min(limits.steps, max(FEWEST, steps))
    return Filled(steps, batch, channels, ema_for(steps), None if each is None else steps * each)


def ema_for(steps: int) -> float:
    """A decay that averages about the last tenth of a run."""
    return min(0.9995, max(0.9, round(1 - 10 / steps, 4)))


def _round(steps: float) -> int:
    """Down to two digits, as a person would say it."""
    scale = 10 ** max(0, len(str(int(steps))) - 2)
    return int(steps / scale) * scale


def choices(presets: dict[str, Filled]) -> list[tuple[str, str]]:
    """(words, name) of each preset, for the menu, and one's own settings."""
    said = []
    for name, each in presets.items():
        time = "" if each.seconds is None else f", about {span(each.seconds)}"
        said.append((f"{name}: {each.steps:,} steps{time}", name))
    return [*said, (OWN, OWN)]
