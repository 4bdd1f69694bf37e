"""What the Schedules tab computes: schedules by name or drawn, their numbers, and their meaning."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch

from diffusion_core.schedule import (
    SCHEDULES,
    NoiseSchedule,
    make_schedule,
    schedule_from_log_snr,
)

from ..shared import models
from ..shared.figures import Curve, curves
from ..shared.picture_and_noise import message, picture_and_noise
from ..shared.wire import CompareMessage, ScheduleNumbers

DRAWN = "drawn"
NAMES = (*SCHEDULES, DRAWN)
# Which of the tab's controls each named schedule takes; one that is not listed has its defaults.
PARAMETERS = {
    "linear": ("beta_start", "beta_end"),
    "scaled_linear": ("beta_start", "beta_end"),
    "cosine": ("s",),
    "sigmoid": ("start", "end", "tau"),
    "sigmoid_beta": ("beta_start", "beta_end"),
}
QUANTITIES = {
    "ᾱ, how much picture is left": "alpha_bar",
    "√ᾱ and √(1−ᾱ), signal and noise": "roots",
    "β, noise added in a step": "beta",
    "log-SNR, natural": "log_snr",
    "posterior variance": "posterior",
}
RESIDUAL_WARNING = 1e-4  # of ᾱ at the end: 1 % of the picture's amplitude
FIRST_STEP_WARNING = 0.02


@dataclass(frozen=True)
class Choice:
    """The values of the tab's controls; written into the page's address and read from it.

    Attributes:
        names: Schedules to compare.
        T: Training timesteps.
        zero: Zero terminal SNR.
        beta_start, beta_end: First and last beta of linear, scaled_linear and sigmoid_beta.
        s: Offset of cosine.
        start, end, tau: Ends and temperature of sigmoid.
        p0, p1, p2, p3, p4: Log-SNR of the drawn schedule's points.
    """

    names: tuple[str, ...] = ("linear", "cosine", "sigmoid")
    T: int = 1000
    zero: bool = False
    beta_start: float = 1e-4
    beta_end: float = 0.02
    s: float = 0.008
    start: float = -3.0
    end: float = 3.0
    tau: float = 1.0
    p0: float = 9.0
    p1: float = 3.0
    p2: float = 0.0
    p3: float = -3.0
    p4: float = -9.0

    @classmethod
    def of(cls, **given: Any) -> Choice:
        """From the controls' values, by the names of the fields."""
        if any(v is None for v in given.values()):
            raise ValueError("Fill in every number.")
        return cls(**{**given, "names": tuple(given["names"]), "T": int(given["T"])})

    def parameters(self, name: str) -> dict[str, float]:
        """The named schedule's own parameters."""
        return {parameter: getattr(self, parameter) for parameter in PARAMETERS.get(name, ())}

    @property
    def points(self) -> list[float]:
        """Log-SNR of the drawn schedule's points."""
        return [self.p0, self.p1, self.p2, self.p3, self.p4]

    def schedules(self) -> dict[str, NoiseSchedule]:
        """Every chosen schedule.

        Raises:
            ValueError: if one cannot be built; one sentence.
        """
        if not self.names:
            raise ValueError("Choose at least one schedule.")
        made = {}
        for name in self.names:
            if name == DRAWN:
                made[name] = schedule_from_log_snr(self.points, self.T)
            else:
                made[name] = make_schedule(
                    name, self.T, zero_terminal_snr=self.zero, **self.parameters(name)
                )
        return made


def quantity(schedule: NoiseSchedule, kind: str) -> list[tuple[str, np.ndarray]]:
    """(suffix, values) of one quantity at every timestep."""
    ab = schedule.alphas_cumprod
    t = torch.arange(len(schedule))
    if kind == "alpha_bar":
        return [("", ab.numpy())]
    if kind == "roots":
        return [(" √ᾱ", ab.sqrt().numpy()), (" √(1−ᾱ)", (1 - ab).sqrt().numpy())]
    if kind == "beta":
        return [("", schedule.betas.numpy())]
    if kind == "log_snr":
        return [("", schedule.log_snr(t).numpy())]
    return [("", schedule.posterior_variance(t, t - 1).numpy())]


def figure(choice: Choice, what: str, log: bool) -> go.Figure:
    """The plot: the chosen schedules, and faintly those that checkpoints were trained with."""
    kind = QUANTITIES[what]
    lines = []
    for name, schedule in choice.schedules().items():
        for i, (suffix, y) in enumerate(quantity(schedule, kind)):
            lines.append(Curve(name + suffix, y, NAMES.index(name), faint=i > 0))
    for name, trained in models.readable():
        y = quantity(trained.schedule, kind)[0][1]
        lines.append(Curve(f"{name} was trained with this", y, len(NAMES), faint=True))
    log = log and kind != "log_snr"
    return curves(lines, what.split(",")[0], log=log)


def meaning(choice: Choice) -> str:
    """The meaning of the schedules for a model, in plain sentences, as Markdown."""
    sentences = []
    made = choice.schedules()
    for name, schedule in made.items():
        left, first = float(schedule.alphas_cumprod[-1]), float(schedule.betas[0])
        if left == 0:
            sentences.append(
                f"**{name}** ends in pure noise (zero terminal SNR): right for a model that "
                "predicts v or x0; one that predicts noise learns nothing at the last step."
            )
        elif left > RESIDUAL_WARNING:
            mend = (
                "Lower its last point."
                if name == DRAWN
                else "Raise T or the noise, or turn zero terminal SNR on."
            )
            sentences.append(
                f"**{name}** leaves {100 * math.sqrt(left):.1f} % of the picture in its last step, "
                f"but sampling starts from none: brightness and large shapes suffer. {mend}"
            )
        if first > FIRST_STEP_WARNING:
            mend = "Raise its first point." if name == DRAWN else "Raise T."
            sentences.append(
                f"**{name}** begins coarsely: its first step already adds {100 * first:.1f} % "
                f"noise in variance, so the finest details are never seen clean. {mend}"
            )
    for name, checkpoint in models.readable():
        trained = checkpoint.schedule
        same = [
            n
            for n, s in made.items()
            if len(s) == len(trained) and torch.allclose(s.betas, trained.betas, rtol=1e-6)
        ]
        if same:
            sentences.append(f"**{name}** was trained with {same[0]}, just as it stands here.")
        else:
            sentences.append(
                f"**{name}** was trained with another schedule than any of these; run on one of "
                "them, it would be told the wrong amount of noise and leave grain or blur."
            )
    return "\n\n".join(sentences)


def compare_message(picture: np.ndarray | None, choice: Choice) -> str:
    """Picture, noise and all schedules for the browser, which mixes them at the cursor."""
    made = choice.schedules()
    steps = torch.arange(choice.T)
    numbers: list[ScheduleNumbers] = [
        {
            "name": name,
            "alpha_bars": _short(s.alphas_cumprod.tolist()),
            "betas": _short(s.betas.tolist()),
            "posterior": _short(s.posterior_variance(steps, steps - 1).tolist()),
        }
        for name, s in made.items()
    ]
    values: CompareMessage = {
        **message(*picture_and_noise(picture, 64, "centre", 0)),
        "schedules": numbers,
    }
    return json.dumps(values)


def _short(numbers: list[float]) -> list[float]:
    return [float(f"{x:.7g}") for x in numbers]


def write_csv(choice: Choice, path: Path) -> None:
    """Write the table of every timestep and schedule as a CSV file.

    Raises:
        ValueError: in one sentence, if a schedule cannot be built.
    """
    made = choice.schedules()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["schedule", "t", "beta", "alpha_bar", "log_snr", "posterior_variance"])
        for name, s in made.items():
            t = torch.arange(len(s))
            columns = (s.betas, s.alphas_cumprod, s.log_snr(t), s.posterior_variance(t, t - 1))
            for k, row in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
                writer.writerow([name, k, *map(repr, row)])


def code(choice: Choice) -> str:
    """The lines of Python that give the same schedules."""
    lines = ["from diffusion_core.schedule import make_schedule"]
    if DRAWN in choice.names:
        lines.append("from diffusion_core.schedule import schedule_from_log_snr")
    lines += ["", "schedules = {"]
    for name in choice.names:
        if name == DRAWN:
            lines.append(f'    "drawn": schedule_from_log_snr({choice.points}, {choice.T}),')
            continue
        options = "".join(f", {k}={v!r}" for k, v in choice.parameters(name).items())
        options += ", zero_terminal_snr=True" if choice.zero else ""
        lines.append(f'    "{name}": make_schedule("{name}", {choice.T}{options}),')
    lines += [
        "}",
        "for name, s in schedules.items():",
        "    print(name, s.alpha_bar(len(s) - 1), s.log_snr(0))",
    ]
    return "\n".join(lines)
