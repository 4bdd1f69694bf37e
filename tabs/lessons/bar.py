"""The bar on the page in which a lesson is followed; static/lessons is its part in the browser.

A lesson names controls as a person reads them. Here these names become the controls of the page,
and the values become theirs, so that a name or a value that is not there is one sentence as the
lesson is opened, and not a step that does nothing. Controls are set as they are put back after a
reload; see `connection`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import gradio as gr

from diffusion_core.fields import flag, number, printable, shown, text

from ..shared import models
from ..shared.components import component, script
from ..shared.connection import EVENTS, controls_of
from ..shared.errors import Work, sentence_of
from ..shared.page import Page
from ..shared.wire import LessonAnswer, LessonMessage, LessonRequest, LessonsMessage, LessonStep
from .format import Lesson, Step, read_lesson, shipped

# Controls in components of our own, which Gradio does not know: sliders of whole numbers.
OWN: dict[str, tuple[str, ...]] = {
    "noise": ("Timestep",),
    "schedules": ("Timestep",),
    "inside": (),
    "denoise": ("Frame",),
    "points": (),
    "train": (),
}
FIRST_TAB = "denoise"
MOST_NAMED = 12  # names in a sentence
LESSON = Work("A lesson", "The lesson could not be read ({reason}).")


class Table:
    """The controls of all tabs by the names that a person reads.

    Attributes:
        parts: For each tab the controls by their labels, each with the name that the page's
            connection has for it.
    """

    def __init__(self) -> None:
        """Nothing is known until the page is built."""
        self.parts: dict[str, dict[str, tuple[str, Any]]] = {}

    def fill(self, tabs: Mapping[str, gr.Tab]) -> None:
        """Take the controls of the tabs; of several with one label the first."""
        for tab, block in tabs.items():
            own = self.parts.setdefault(tab, {})
            for name, part in controls_of(block):
                own.setdefault(getattr(part, "label", None) or "", (f"{tab} {name}", part))

    def message(self, lesson: Lesson, name: str) -> LessonMessage:
        """A lesson for the page.

        Raises:
            ValueError: in one sentence, if it names a control or a value that is not here.
        """
        steps, tab = [], FIRST_TAB
        for k, step in enumerate(lesson.steps, start=1):
            tab = step.tab or tab
            steps.append(self._step(step, tab, f"Step {k}"))
        return {"id": name, "title": lesson.title, "about": lesson.about, "steps": steps}

    def _step(self, step: Step, tab: str, where: str) -> LessonStep:
        controls: dict[str, Any] = {}
        own: dict[str, float] = {}
        for label, value in step.controls:
            if label in OWN[tab]:
                own[label] = number(0, 1e6).check(f"{where}'s {label}", value)
                continue
            found = self.parts.get(tab, {}).get(label)
            if found is None:
                known = [*OWN[tab], *filter(None, self.parts.get(tab, {}))]
                few = ", ".join(known[:MOST_NAMED]) + (", …" if len(known) > MOST_NAMED else "")
                raise ValueError(
                    f"{where} sets {printable(label, 60)}, and the tab {tab} has no control of "
                    f"that name; it has {few}."
                )
            name, part = found
            controls[name] = _value_of(part, value, f"{where}'s {label}")
        return {
            "say": step.say,
            "tab": tab,
            "view": step.view,
            "controls": controls,
            "own": own,
            "press": [*step.press],
            "ask": step.ask,
            "choices": [*step.choices],
            "right": step.choices.index(step.answer) if step.ask else -1,
            "because": step.because,
        }


def _value_of(part: Any, value: Any, where: str) -> Any:
    """A control's value for what a lesson says.

    Raises:
        ValueError: in one sentence, if the control cannot hold it.
    """
    if isinstance(part, gr.CheckboxGroup) or getattr(part, "multiselect", False):
        values = value if isinstance(value, list) else [value]
        return [_choice(part, each, where) for each in values]
    if isinstance(part, gr.Dropdown | gr.Radio):
        return _choice(part, value, where)
    if isinstance(part, gr.Slider):
        return number(part.minimum, part.maximum).check(where, value)
    if isinstance(part, gr.Number):
        return number(-1e9, 1e9).check(where, value)
    if isinstance(part, gr.Checkbox):
        return bool(flag().check(where, value))
    if isinstance(part, gr.Textbox):
        return text(200).check(where, str(value) if isinstance(value, int) else value)
    raise ValueError(f"{where} is a picture or a file, which no lesson can set.")


def _choice(part: Any, value: Any, where: str) -> Any:
    """The value of one choice of a menu, of its name or its value."""
    choices = [(str(name), each) for name, each in part.choices or []]
    if part.label == "Model":  # some came after the page was built
        choices = models.available()
    found = [each for name, each in choices if value == each or str(value) == name]
    if found:
        return found[0]
    # The choices of a menu that takes any text follow from other controls, as classes do from the
    # model; where choices have names beside their values, a text is none of them.
    if getattr(part, "allow_custom_value", False) and part.label != "Model":
        return text(200).check(where, value)
    names = ", ".join(name for name, _ in choices[:MOST_NAMED])
    raise ValueError(f"{where} is {shown(value)}, and must be one of {names}.")


class Bar:
    """The bar: `place` it, and `wire` it when all tabs are built."""

    def __init__(self) -> None:
        """Nothing is on the page yet."""
        self.table = Table()
        self.component = gr.HTML(render=False)

    def place(self) -> None:
        """Lay the bar out, closed."""

        def open_lesson(request: LessonRequest) -> str:
            return self.open_lesson(request)

        self.component = component("lessons", "{}", "lessons", asks=[open_lesson])

    def open_lesson(self, request: LessonRequest) -> str:
        """A lesson from its text, which came from a visitor's file or with an address.

        Args:
            request: It comes from a browser, so any key may be missing or of another type.

        Returns:
            JSON of a `LessonAnswer`.
        """
        answer: LessonAnswer
        try:
            given = request.get("text") if isinstance(request, dict) else None
            if not isinstance(given, str):
                raise ValueError("Choose the file of a lesson.")
            answer = {"lesson": self.table.message(read_lesson(given), "")}
        except Exception as error:
            answer = {"error": sentence_of(error, LESSON)}
        return json.dumps(answer)

    def listed(self) -> LessonsMessage:
        """The page's own lessons; of one that needs what is not here, the reason."""
        lessons: list[LessonMessage] = []
        for name, lesson in shipped().items():
            try:
                lessons.append(self.table.message(lesson, name))
            except ValueError as error:
                title, about = lesson.title, lesson.about
                lessons.append(
                    {"id": name, "title": title, "about": about, "steps": [], "error": str(error)}
                )
        return {"lessons": lessons}

    def wire(self, page: Page, tabs: Mapping[str, gr.Tab]) -> None:
        """Have the bar know the page's controls, and set them.

        It tells its wish by its event; the browser then hands it what the controls hold, and takes
        what they shall hold. What the server keeps beside a control follows, as after a reload, and
        then the bar hears that all is as it wanted it.

        Args:
            page: The page, when all tabs are built.
            tabs: The tabs by their ids.
        """
        self.table.fill(tabs)
        self.component.value = json.dumps(self.listed())
        found = [(f"{tab} {name}", part) for tab in tabs for name, part in controls_of(tabs[tab])]
        names, parts = [name for name, _ in found], [part for _, part in found]
        after: Any = self.component.submit(
            None,
            parts,
            [*parts, page.tabs],
            js=script(EVENTS, "tell", "page:lesson", names),
            api_visibility="private",
        ).then
        for event in page.restores:
            after = after(**event).then
        after(
            None,
            parts,
            None,
            js=script(EVENTS, "tell", "page:lesson-set", names),
            api_visibility="private",
        )
