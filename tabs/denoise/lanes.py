"""The lanes of a race, and races worth seeing."""

from __future__ import annotations

from typing import Any, NamedTuple

import gradio as gr

from diffusion_core.spacing import SPACINGS

from .asking import LARGE_VARIANCE

LANES = 4
LANE_SAMPLERS = ("ddim", "ddpm", LARGE_VARIANCE, "heun", "dpmpp_2m")
NETWORK, EXACT = "network", "exact answer"
OWN = "my own"


class Lane(NamedTuple):
    """One walk of a race.

    Attributes:
        who: Who is asked at every step: the network, or the exact answer.
        sampler, steps, eta, guidance, spacing: As in `Asked`; guidance is heeded by the network
            only.
    """

    who: str
    sampler: str
    steps: float
    eta: float
    guidance: float
    spacing: str = "trailing"

    @property
    def name(self) -> str:
        """What tells it apart, for people."""
        parts = [f"{self.sampler}, {int(self.steps)} steps"]
        parts += [f"eta {self.eta:g}"] if self.sampler == "ddim" and self.eta else []
        parts += [f"spacing {self.spacing}"] if self.spacing != "trailing" else []
        parts += (
            [f"guidance {self.guidance:g}"] if self.who == NETWORK and self.guidance != 1 else []
        )
        return ", ".join(parts) if self.who == NETWORK else f"exact answer, {', '.join(parts)}"


PRESETS: dict[str, tuple[Lane, ...]] = {
    "ten looks at most: who comes furthest?": (
        Lane(NETWORK, "ddim", 10, 0, 1),
        Lane(NETWORK, "ddpm", 10, 0, 1),
        Lane(NETWORK, "heun", 5, 0, 1),
        Lane(NETWORK, "dpmpp_2m", 10, 0, 1),
    ),
    "where the ten looks are taken: spacing": (
        Lane(NETWORK, "dpmpp_2m", 10, 0, 1, "leading"),
        Lane(NETWORK, "dpmpp_2m", 10, 0, 1, "linspace"),
        Lane(NETWORK, "dpmpp_2m", 10, 0, 1),
        Lane(NETWORK, "dpmpp_2m", 10, 0, 1, "karras"),
    ),
    "the classic: ancestral sampling wants a thousand steps": (
        Lane(NETWORK, LARGE_VARIANCE, 10, 0, 1),
        Lane(NETWORK, LARGE_VARIANCE, 100, 0, 1),
        Lane(NETWORK, LARGE_VARIANCE, 1000, 0, 1),
        Lane(NETWORK, "ddim", 10, 0, 1),
    ),
    "from straight to ancestral: eta": (
        Lane(NETWORK, "ddim", 50, 0, 1),
        Lane(NETWORK, "ddim", 50, 0.3, 1),
        Lane(NETWORK, "ddim", 50, 0.7, 1),
        Lane(NETWORK, "ddim", 50, 1, 1),
    ),
    "how hard to insist: guidance": (
        Lane(NETWORK, "ddim", 25, 0, 1),
        Lane(NETWORK, "ddim", 25, 0, 2),
        Lane(NETWORK, "ddim", 25, 0, 4),
        Lane(NETWORK, "ddim", 25, 0, 8),
    ),
    "the network and one who remembers 200 pictures": (
        Lane(NETWORK, "ddim", 25, 0, 1),
        Lane(EXACT, "ddim", 25, 0, 1),
    ),
}


def preset(name: str) -> list[Any]:
    """Values of the lanes' number and of all lanes' controls for a preset."""
    if name not in PRESETS:
        return [gr.skip()] * (1 + len(Lane._fields) * LANES)
    lanes = PRESETS[name]
    filled = [*lanes, *(PRESETS[next(iter(PRESETS))][len(lanes) :])]
    return [len(lanes), *(value for lane in filled for value in lane)]


def lane_controls(lane: Lane, named: str) -> list[Any]:
    """Lay a lane's controls out, inside its row: menus first, then numbers.

    Args:
        lane: What they hold at first.
        named: Which lane it is, for the labels.

    Returns:
        They, in the order of `Lane`.
    """
    least: dict[str, Any] = {"min_width": 60}  # the row's grid gives the width
    who = gr.Dropdown([NETWORK, EXACT], value=lane.who, label=f"Asked in {named}", **least)
    sampler = gr.Dropdown(
        list(LANE_SAMPLERS), value=lane.sampler, label=f"Sampler of {named}", **least
    )
    spacing = gr.Dropdown(list(SPACINGS), value=lane.spacing, label=f"Spacing of {named}", **least)
    steps = gr.Number(lane.steps, label=f"Steps of {named}", **least)
    eta = gr.Number(lane.eta, label=f"Eta of {named}", step=0.1, **least)
    guidance = gr.Number(lane.guidance, label=f"Guidance of {named}", step=0.5, **least)
    return [who, sampler, steps, eta, guidance, spacing]
