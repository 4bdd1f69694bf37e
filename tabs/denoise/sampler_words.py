"""The page's words for each sampler: its line in the menus, and the hint under the menu.

A sampler of `diffusion_core.samplers` is on the page once it has an entry here. An entry may also
name a variant of one: ddpm with the larger of its two variances.
"""

from __future__ import annotations

from typing import NamedTuple


class SamplerWords(NamedTuple):
    """The words for one choice of the menu."""

    choice: str
    hint: str


LARGE_VARIANCE = "ddpm, large variance"
SAMPLER_WORDS = {
    "ddim": SamplerWords(
        "ddim (few steps do)",
        "Walks straight towards the guess, with no new noise: 20 to 50 steps do. With eta 1 it is "
        "what others call Euler ancestral. Song et al. 2021.",
    ),
    "ddpm": SamplerWords(
        "ddpm (wants many steps)",
        "Adds fresh noise at every step, as the training's own chain does: good with hundreds of "
        "steps. Ho et al. 2020.",
    ),
    LARGE_VARIANCE: SamplerWords(
        "ddpm, large variance (wants all steps)",
        "The same with the larger of the paper's two variances, β: best with all the steps, worst "
        "with few. Ho et al. 2020, section 3.2.",
    ),
    "heun": SamplerWords(
        "heun (two looks a step)",
        "Looks where a step would lead, then goes the mean of both ways: two evaluations a step, "
        "and the error falls with the square of the steps. Karras et al. 2022.",
    ),
    "dpmpp_2m": SamplerWords(
        "dpmpp_2m (few steps do)",
        "Draws a line through its last two guesses: second order for one evaluation a step, so 10 "
        "to 20 steps do. Lu et al. 2022.",
    ),
    "dpmpp_2m_sde": SamplerWords(
        "dpmpp_2m_sde (ddpm with fewer steps)",
        "Draws that line and adds fresh noise at every step, as ddpm does: of second order, where "
        "ddpm is of first. Lu et al. 2022.",
    ),
}
