"""A lesson as data: YAML read by a safe loader, with bounds, and every field checked by its kind.

    title: What noise does
    about: A picture becomes noise, and you say when.
    steps:
      - say: This is the picture before any noise was added.
        tab: noise
        set: {Schedule: linear, Timestep: 0}
      - say: The noise grows with the timestep.
        ask: At which timestep are picture and noise equally strong?
        choices: [about 260, about 500, about 900]
        answer: about 260
        because: The linear schedule is fast at the beginning.
        set: {Timestep: 260}

A file may come from a stranger. The loader makes texts, numbers, lists and objects, and nothing
else; it takes no aliases, which a few lines could unfold to gigabytes, and no key twice.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from diffusion_core.fields import (
    MAX_DEPTH,
    Kind,
    check_fields,
    either,
    flag,
    listed,
    mapping,
    number,
    one_of,
    printable,
    shown,
    text,
)

MAX_BYTES = 65_536  # of a lesson's file
MAX_STEPS = 20
SHIPPED = Path(__file__).parent / "shipped"
TAB_NAMES = ("noise", "schedules", "inside", "denoise", "points", "systems", "train")
ANY_NUMBER = number(-1e12, 1e12)
WORD = text(80, 1)
VALUE = either(text(200), ANY_NUMBER, flag(), listed(either(text(200), ANY_NUMBER), 0, 20))
LESSON: dict[str, Kind] = {
    "title": text(60, 1),
    "about": text(140),
    "steps": listed(mapping(), 1, MAX_STEPS),
}
STEP: dict[str, Kind] = {
    "say": text(180, 1),
    "tab": one_of(TAB_NAMES),
    "view": WORD,
    "set": mapping(),
    "press": either(WORD, listed(WORD, 1, 6)),
    "ask": text(180, 1),
    "choices": listed(WORD, 2, 4),
    "answer": WORD,
    "because": text(240, 1),
    "claim": either(mapping(), listed(mapping(), 1, 6)),
}
QUESTION = ("ask", "choices", "answer", "because")


@dataclass(frozen=True)
class Step:
    """One step of a lesson.

    Attributes:
        say: The sentence that is shown.
        tab: The tab that is opened; "" stays in the one before.
        view: The view of the stage, or the fold, that is opened by its name; "" opens none.
        controls: Values of controls by their accessible names.
        press: Names of the buttons that are pressed, in order; where the step asks, only once the
            person has chosen.
        ask: A question, for which a prediction is made before anything is pressed; "" asks nothing.
        choices: What may be predicted.
        answer: The choice that is right.
        because: The sentence that says why.
        claims: What is computed to hold, see `claims`; mappings as the file has them.
    """

    say: str
    tab: str = ""
    view: str = ""
    controls: tuple[tuple[str, Any], ...] = ()
    press: tuple[str, ...] = ()
    ask: str = ""
    choices: tuple[str, ...] = ()
    answer: str = ""
    because: str = ""
    claims: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Lesson:
    """A lesson: its title, one line on what it is about, and its steps."""

    title: str
    about: str
    steps: tuple[Step, ...]

    def state(self, index: int) -> dict[str, Any]:
        """Values of all controls that the steps up to this one have set, by name."""
        return {name: value for step in self.steps[: index + 1] for name, value in step.controls}


class _Loader(yaml.SafeLoader):
    """The safe loader, of which YAML's surprises are taken away.

    Only `true` and `false` are flags, since a choice may be "no"; only decimal numbers are numbers,
    since 10:30 is no 630; dates stay texts.
    """

    yaml_implicit_resolvers: dict[str, Any] = {}
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        tagged = getattr(event, "tag", None) not in (None, "!")
        if tagged or self.check_event(yaml.AliasEvent):
            problem = f"{'tags' if tagged else 'aliases'} are not taken"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise RecursionError
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            problem = ""
            if not isinstance(key, yaml.ScalarNode):
                problem = "a field's name must be text"
            elif key.value in seen:
                problem = f"the field {shown(key.value)} stands there twice"
            if problem:
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_BEGINS = {
    "bool": (r"^(?:true|false)$", "tf"),
    "null": (r"^(?:~|null|)$", ["~", "n", ""]),
    "int": (r"^[-+]?[0-9]+$", "-+0123456789"),
    "float": (r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
}


def _decimal(loader: yaml.SafeLoader, node: Any) -> int | float:
    """A number in decimal digits; YAML 1.1 would read 010 as eight."""
    digits = loader.construct_scalar(node)
    return int(digits) if len(digits) < 20 else float(digits)


def _prepare(loader: type[yaml.SafeLoader]) -> None:
    for name, (pattern, first) in _BEGINS.items():
        loader.add_implicit_resolver(f"tag:yaml.org,2002:{name}", re.compile(pattern), list(first))
    loader.add_constructor("tag:yaml.org,2002:int", _decimal)


_prepare(_Loader)


def parse_yaml(data: str | bytes, of: str) -> Any:
    """The values in a YAML text.

    Args:
        data: The text, or its bytes in UTF-8.
        of: What it is called in a sentence.

    Raises:
        ValueError: in one sentence, if it is not YAML, or is larger or deeper than is read.
    """
    size = len(data.encode("utf-8", "surrogatepass")) if isinstance(data, str) else len(data)
    if size > MAX_BYTES:
        raise ValueError(f"{of} has {size:,} bytes, and at most {MAX_BYTES:,} are read.")
    try:
        written = data.decode("utf-8") if isinstance(data, bytes) else data
        return yaml.load(written.removeprefix("\ufeff"), Loader=_Loader)  # noqa: S506
    except UnicodeDecodeError:
        raise ValueError(f"{of} is broken: it is not text in UTF-8.") from None
    except RecursionError:
        raise ValueError(f"{of} is nested too deeply, over {MAX_DEPTH} levels.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" in line {mark.line + 1}, column {mark.column + 1}," if mark else ""
        problem = error.problem or error.context or "it is not YAML"
        raise ValueError(f"{of} is broken:{where} {_plain(problem)}.") from None
    except yaml.YAMLError:
        raise ValueError(f"{of} holds characters that YAML does not take.") from None
    except ValueError:
        raise ValueError(f"{of} holds a value that cannot be read.") from None


def _plain(problem: str) -> str:
    return printable(" ".join(problem.split()), 120).rstrip(".")


def read_lesson(data: str | bytes) -> Lesson:
    """A lesson from the text of its file.

    Raises:
        ValueError: in one sentence that names the field, what it holds and what it may hold.
    """
    values = check_fields(
        parse_yaml(data, "The lesson"),
        LESSON,
        of="The lesson",
        prefix="The lesson's ",
        required=("title", "steps"),
    )
    steps = tuple(_step(each, k) for k, each in enumerate(values["steps"], start=1))
    return Lesson(values["title"], values.get("about", ""), steps)


def _step(values: Mapping[str, Any], k: int) -> Step:
    prefix = f"Step {k}'s "
    check_fields(values, STEP, of=f"Step {k}", prefix=prefix, required=("say",))
    given = [name for name in QUESTION if name in values]
    if given and len(given) < len(QUESTION):
        missing = next(name for name in QUESTION if name not in values)
        raise ValueError(
            f"{prefix}{missing} is missing: a step that asks has ask, choices, answer and because."
        )
    if given and values["answer"] not in values["choices"]:
        raise ValueError(
            f"{prefix}answer is {shown(values['answer'])}, and must be one of its choices."
        )
    if given and len({*values["choices"]}) < len(values["choices"]):
        raise ValueError(f"{prefix}choices hold one of them twice.")
    for name, value in values.get("set", {}).items():
        VALUE.check(f"{prefix}{name}", value)
    press, claim = values.get("press", ()), values.get("claim", ())
    return Step(
        say=values["say"],
        tab=values.get("tab", ""),
        view=values.get("view", ""),
        controls=tuple(values.get("set", {}).items()),
        press=(press,) if isinstance(press, str) else tuple(press),
        ask=values.get("ask", ""),
        choices=tuple(values.get("choices", ())),
        answer=values.get("answer", ""),
        because=values.get("because", ""),
        claims=(claim,) if isinstance(claim, Mapping) else tuple(claim),
    )


def shipped() -> dict[str, Lesson]:
    """The page's own lessons by their ids, in order: the files' names without their numbers."""
    files = sorted(SHIPPED.glob("*.yaml"))
    return {file.stem.split("-", 1)[1]: read_lesson(file.read_bytes()) for file in files}
