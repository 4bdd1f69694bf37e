"""The settings of samplers that a model card's table measures, and their names in it."""

from __future__ import annotations

from typing import NamedTuple


class Setting(NamedTuple):
    """How one row's samples are drawn; see `samplers.sample` and `guidance`."""

    sampler: str
    steps: int
    eta: float = 0.0
    guidance_scale: float = 1.0
    spacing: str = "trailing"

    @property
    def words(self) -> str:
        """Sampler and settings, as the table's first column has them."""
        words = f"{self.sampler} {self.steps}"
        words += f", {self.spacing}" if self.spacing != "trailing" else ""
        words += f", eta {self.eta:g}" if self.eta else ""
        return words + (f", guidance {self.guidance_scale:g}" if self.guidance_scale != 1 else "")


ROWS = (
    Setting("ddim", 10),
    Setting("ddim", 20),
    Setting("ddim", 25),
    Setting("ddim", 50),
    Setting("ddim", 25, guidance_scale=1.5),
    Setting("dpmpp_2m", 10),
    Setting("dpmpp_2m", 20),
    Setting("dpmpp_2m", 10, spacing="karras"),
    Setting("dpmpp_2m", 20, spacing="karras"),
    Setting("heun", 10),
    Setting("ddpm", 10),
    Setting("ddpm", 20),
    Setting("ddpm", 50),
    Setting("ddpm", 1000),
)
GUIDED_ROWS = (
    *ROWS,
    Setting("dpmpp_2m", 10, guidance_scale=2.0),
    Setting("dpmpp_2m", 20, guidance_scale=2.0),
    Setting("dpmpp_2m", 10, guidance_scale=1.5, spacing="karras"),
    Setting("dpmpp_2m", 10, guidance_scale=2.0, spacing="karras"),
    Setting("dpmpp_2m", 20, guidance_scale=2.0, spacing="karras"),
    Setting("dpmpp_2m", 10, guidance_scale=4.0, spacing="karras"),
    Setting("dpmpp_2m", 25, guidance_scale=8.0, spacing="karras"),
    Setting("ddpm", 20, guidance_scale=2.0),
)
