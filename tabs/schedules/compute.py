"""What the Schedules tab computes: schedules by name or drawn, their numbers, and their meaning."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import torch

from diffusion_core.schedule import (
    FlowSchedule,
    Schedule,
    make_schedule,
    schedule_from_log_snr,
)

from ..shared import models
from ..shared.figures import Curve, Figure, curves
from ..shared.number_input import BadField
from ..shared.picture_and_noise import message, picture_and_noise
from ..shared.wire import CompareMessage, ScheduleNumbers
from .form import DRAWN, NAMES, QUANTITIES, ScheduleForm

# Which of the tab's controls each named schedule takes; one that is not listed has its defaults.
PARAMETERS = {
    "linear": ("beta_start", "beta_end"),
    "scaled_linear": ("beta_start", "beta_end"),
    "cosine": ("s",),
    "sigmoid": ("start", "end", "tau"),
    "sigmoid_beta": ("beta_start", "beta_end"),
    "flow": (),
}
RESIDUAL_WARNING = 1e-4  # of ᾱ at the end: 1 % of the picture's amplitude
FIRST_STEP_WARNING = 0.02


def parameters(form: ScheduleForm, name: str) -> dict[str, float]:
    """The named schedule's own parameters, as the controls hold them."""
    return {parameter: getattr(form, parameter) for parameter in PARAMETERS.get(name, ())}


def schedules(form: ScheduleForm) -> dict[str, Schedule]:
    """Every chosen schedule by its name.

    Raises:
        ValueError: if one cannot be built; one sentence.
    """
    if not form.names:
        raise BadField("names", "Choose at least one schedule.")
    made: dict[str, Schedule] = {}
    for name in form.names:
        if name == DRAWN:
            made[name] = schedule_from_log_snr(form.points, form.T)
        else:
            made[name] = make_schedule(
                name, form.T, zero_terminal_snr=form.zero, **parameters(form, name)
            )
    return made


def quantity(schedule: Schedule, kind: str) -> list[tuple[str, np.ndarray]]:
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


def figure(form: ScheduleForm) -> Figure:
    """The plot: the chosen schedules, and faintly those that checkpoints were trained with.

    Its meta says which quantity it is and whether a drawn schedule is shown, whose points the page
    then lays over it.
    """
    kind = QUANTITIES[form.what]
    lines = []
    for name, schedule in schedules(form).items():
        for i, (suffix, y) in enumerate(quantity(schedule, kind)):
            lines.append(Curve(name + suffix, y, NAMES.index(name), faint=i > 0))
    for name, trained in models.readable():
        y = quantity(trained.schedule, kind)[0][1]
        lines.append(Curve(f"model {name}", y, len(NAMES), faint=True))
    return curves(
        lines,
        form.what.split(",")[0],
        log=form.logarithmic and kind != "log_snr",
        title=form.what,
        meta={"kind": kind, "drawn": DRAWN in form.names, "T": form.T},
    )


def meaning(form: ScheduleForm) -> str:
    """The meaning of the schedules for a model, in plain sentences, as Markdown."""
    sentences = []
    made = schedules(form)
    for name, schedule in made.items():
        left, first = float(schedule.alphas_cumprod[-1]), float(schedule.betas[0])
        if isinstance(schedule, FlowSchedule):
            sentences.append(
                f"**{name}** is the straight path of flow matching, x_t = (1 − u) x0 + u eps with "
                "u = (t + 1)/T: right for a model that predicts the velocity eps − x0. Shown here "
                "is its variance-preserving form, x_t / √((1 − u)² + u²), in which its noise can "
                "be compared with that of the others."
            )
        elif left == 0:
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


def compare_message(picture: np.ndarray | None, form: ScheduleForm) -> str:
    """Picture, noise and all schedules for the browser, which mixes them at the cursor."""
    made = schedules(form)
    steps = torch.arange(form.T)
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


def write_csv(form: ScheduleForm, path: Path) -> None:
    """Write the table of every timestep and schedule as a CSV file.

    Raises:
        ValueError: in one sentence, if a schedule cannot be built.
    """
    made = schedules(form)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["schedule", "t", "beta", "alpha_bar", "log_snr", "posterior_variance"])
        for name, s in made.items():
            t = torch.arange(len(s))
            columns = (s.betas, s.alphas_cumprod, s.log_snr(t), s.posterior_variance(t, t - 1))
            for k, row in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
                writer.writerow([name, k, *map(repr, row)])


def code(form: ScheduleForm) -> str:
    """The lines of Python that give the same schedules, and draw them into a file.

    They run in any folder where the packages are installed; where they are not, the error says what
    to do.
    """
    lines = [
        "# Needs the playground's packages: pip install PATH_OF_ITS_FOLDER, or run this in it.",
        "import plotly.graph_objects as go",
        "",
        "from diffusion_core.schedule import make_schedule, schedule_from_log_snr",
        "",
        "schedules = {",
    ]
    for name in form.names:
        if name == DRAWN:
            lines.append(f'    "drawn": schedule_from_log_snr({form.points}, {form.T}),')
            continue
        options = "".join(f", {k}={v!r}" for k, v in parameters(form, name).items())
        options += ", zero_terminal_snr=True" if form.zero else ""
        lines.append(f'    "{name}": make_schedule("{name}", {form.T}{options}),')
    lines += [
        "}",
        'plot = go.Figure(layout={"xaxis_title": "t", "yaxis_title": "alpha-bar"})',
        "for name, s in schedules.items():",
        "    print(name, s.alpha_bar(len(s) - 1), s.log_snr(0))",
        "    plot.add_scatter(y=s.alphas_cumprod.tolist(), name=name)",
        'plot.write_html("schedules.html")  # open it in a browser',
    ]
    return "\n".join(lines)
