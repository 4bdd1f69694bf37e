"""The lessons that can be followed on the page without a server, in the names of its controls.

They are those of the playground. One that needs what this page has not, as a race or the Inside
tab, is listed with the reason and cannot be opened. A control that this page leaves at its default
is not missed where a lesson sets just that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from tabs.denoise.form import DenoiseForm
from tabs.lessons.format import Lesson, Step, shipped
from tabs.noise.form import NoiseForm
from tabs.noise.pictures import SHIPPED
from tabs.schedules.form import ScheduleForm
from tabs.shared.forms import table
from tabs.shared.text import as_words
from tabs.shared.wire import LessonMessage, LessonsMessage, LessonStep

from .controls import Control

FORMS = {"noise": NoiseForm, "schedules": ScheduleForm, "denoise": DenoiseForm}
SLIDERS = {"noise": "Timestep", "schedules": "Timestep", "denoise": "Frame"}  # of the stages
BUTTONS = {"noise": (*SHIPPED,), "schedules": (), "denoise": ("Denoise", "First frame")}
VIEW = "Walk"  # of the Denoise tab, which here has no other


class Missing(ValueError):
    """What a lesson needs and this page has not, as the end of a sentence."""


def lessons(page: Mapping[str, Sequence[Control]]) -> LessonsMessage:
    """The lessons for the bar.

    Args:
        page: The page's controls, by the name of their tab.
    """
    fixed = {tab: _defaults(form()) for tab, form in FORMS.items()}
    told: list[LessonMessage] = []
    for name, lesson in shipped().items():
        message: LessonMessage = {
            "id": name,
            "title": lesson.title,
            "about": lesson.about,
            "steps": [],
        }
        try:
            message["steps"] = _steps(lesson, page, fixed)
        except Missing as missing:
            message["error"] = f"For the playground with a server: {missing}."
        told.append(message)
    return {"lessons": told}


def _defaults(form: Any) -> dict[str, Any]:
    """The values of a form's controls by their labels."""
    found = {}
    with gr.Blocks():
        for name, entry in table(form).items():
            if entry.control is None:
                continue
            component = entry.control(value=getattr(form, name))
            if label := getattr(component, "label", None):
                found[label] = component.value
    return found


def _steps(
    lesson: Lesson, page: Mapping[str, Sequence[Control]], fixed: Mapping[str, dict[str, Any]]
) -> list[LessonStep]:
    steps: list[LessonStep] = []
    tab = "denoise"
    for step in lesson.steps:
        tab = step.tab or tab
        if tab not in page:
            raise Missing(f"it opens the tab {tab.capitalize()}")
        if step.view not in ("", VIEW):
            raise Missing(f"it opens the view {step.view}")
        for button in step.press:
            if button not in BUTTONS[tab]:
                raise Missing(f"it presses {button}")
        steps.append(_step(step, tab, page[tab], fixed[tab]))
    return steps


def _step(
    step: Step, tab: str, controls: Sequence[Control], fixed: Mapping[str, Any]
) -> LessonStep:
    by_label = {control["label"]: control for control in controls}
    values: dict[str, Any] = {}
    own: dict[str, float] = {}
    for label, value in step.controls:
        if label == SLIDERS[tab]:
            own[label] = value
        elif label in by_label:
            values[f"{tab} {label}"] = _value(by_label[label], value)
        elif label not in fixed or fixed[label] != value:
            raise Missing(f"it sets {label} to {value}")
    return {
        "say": step.say,
        "tab": tab,
        "view": "",
        "controls": values,
        "own": own,
        "press": [*step.press],
        "ask": step.ask,
        "choices": [*step.choices],
        "right": step.choices.index(step.answer) if step.ask else -1,
        "because": step.because,
    }


def _value(control: Control, value: Any) -> Any:
    """A control's own value for what a lesson says."""
    kind, label = control["kind"], control["label"]
    if label == "Class":  # its choices follow from the model
        return as_words(str(value))
    if kind == "checks":
        return [_choice(control, each) for each in (value if isinstance(value, list) else [value])]
    if kind in ("menu", "choice"):
        return _choice(control, value)
    if kind == "seed":
        return str(value)
    if kind == "range" and not control["least"] <= value <= control["most"]:
        raise Missing(f"it sets {label} to {value}")
    return value


def _choice(control: Control, value: Any) -> Any:
    found = [each for words, each in control["choices"] if value == each or str(value) == words]
    if not found:
        raise Missing(f"it sets {control['label']} to {value}")
    return found[0]
