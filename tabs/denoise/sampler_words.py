"""The page's words for each sampler: its line in the menus, and the hint under the menu.

A sampler of `diffusion_core.samplers` is on the page once it has an entry here. An entry may also
name a variant of one: ddpm with the larger of its two variances.
"""

from __future__ import annotations

from typing import NamedTuple


class SamplerWords(NamedTuple):
    """The words for one choice of the menu.

    Attributes:
        choice: The line in the menu.
        hint: The sentence below the menu.
        share: The share of all T steps that it needs for a good picture; 0 where few are enough.
    """

    choice: str
    hint: str
    share: float = 0.0


LARGE_VARIANCE = "ddpm, large variance"
LEARNED_VARIANCE = "ddpm, learned variance"  # of run cards; the menu is for every model
SAMPLER_WORDS = {
    "ddim": SamplerWords(
        "ddim: few steps",
        "Adds no new noise (eta 0); 20 to 50 steps are enough. Song et al. 2021.",
    ),
    "ddpm": SamplerWords(
        "ddpm: many steps",
        "Adds new noise at every step; needs hundreds of steps. Ho et al. 2020.",
        0.25,
    ),
    LARGE_VARIANCE: SamplerWords(
        "ddpm, large variance: all steps",
        "ddpm with the larger variance, β; needs all the steps. Ho et al. 2020, section 3.2.",
        1.0,
    ),
    "heun": SamplerWords(
        "heun: two evaluations per step",
        "Second order: takes the mean of the slopes at both ends of a step. Karras et al. 2022.",
    ),
    "dpmpp_2m": SamplerWords(
        "dpmpp_2m: few steps",
        "Second order with one evaluation per step; 10 to 20 steps are enough. Lu et al. 2022.",
    ),
    "dpmpp_2m_sde": SamplerWords(
        "dpmpp_2m_sde: ddpm in fewer steps",
        "Second order, with new noise at every step as in ddpm. Lu et al. 2022.",
    ),
}
