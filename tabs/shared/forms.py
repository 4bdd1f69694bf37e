"""Forms with names: the one place where names meet the order in which Gradio hands values over.

A tab's form is a frozen dataclass, and its fields are the tab's table: each is declared once by
`entry`, with its default, the control that holds it, and how it is parsed, written and read.
Defaults, layout, handlers, run cards and addresses all follow from that table.

Gradio (and a script in the `js=` of an event) knows the values of an event by their order alone.
`wired` translates: a handler gets whole forms, and returns updates by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar

import gradio as gr
from gradio.blocks import Block

Value = TypeVar("Value")
Form = TypeVar("Form")
_ENTRY = "entry"
# What Gradio passes to a handler that has such a parameter, beside the values of the inputs.
_INJECTED: dict[str, type] = {"request": gr.Request, "event": gr.EventData}


@dataclass(frozen=True)
class Entry:
    """A field of a tab's table, beside its name and default.

    Attributes:
        control: Makes the control from `value` and options of the layout, such as choices.
        parse: From the control's value, which may be anything, to one of the field's type. Raises
            ValueError with a sentence for the page.
        write: From the whole form to what this field adds to a record outside the page, by name.
        read: The way back, from such a record to the control.

    The form's docstring defines what `write` and `read` take and return.
    """

    control: Callable[..., Any] | None = None
    parse: Callable[[Any], Any] | None = None
    write: Callable[..., dict[str, Any]] | None = None
    read: Callable[..., Any] | None = None


def entry(
    default: Value,
    control: Callable[..., Any] | None = None,
    *,
    parse: Callable[[Any], Any] | None = None,
    write: Callable[..., dict[str, Any]] | None = None,
    read: Callable[..., Any] | None = None,
) -> Value:
    """Declare a field of a form; see `Entry`."""
    made: Any = field(default=default, metadata={_ENTRY: Entry(control, parse, write, read)})
    return made


def table(form: Any) -> dict[str, Entry]:
    """A form's table: the entry of each field by its name, in order. A form or its class."""
    return {each.name: each.metadata[_ENTRY] for each in fields(form)}


def parsed(form: Any, name: str) -> Any:
    """A field's value as its table's entry parses it.

    Raises:
        ValueError: with a sentence for the page, if it cannot be.
    """
    value, parse = getattr(form, name), table(form)[name].parse
    return value if parse is None else parse(value)


class Controls(Generic[Form]):
    """A tab's components by name: those of a form, and those beside it that handlers change.

    A name stands for one component, for a tuple of them, or for the controls of another form.
    """

    def __init__(self, form: type[Form], opening: Form | None = None) -> None:
        """Begin without a component.

        Args:
            form: The form's class.
            opening: The controls' values when the page opens; None is the table's defaults.
        """
        self.form, self.opening = form, opening if opening is not None else form()
        self.table = table(form)
        self._parts: dict[str, Any] = {}

    def place(self, name: str, **options: Any) -> Any:
        """Make a field's control where the layout now stands.

        Args:
            name: Name of the field.
            **options: For the entry's `control`, beside the opening value.
        """
        make = self.table[name].control
        assert make is not None, f"{name} has no control of its own"
        return self.add(name, make(**{"value": getattr(self.opening, name), **options}))

    def add(self, name: str, part: Any) -> Any:
        """Give a name to a component, a tuple of them, or the controls of another form."""
        assert name not in self._parts, f"there are two controls called {name}"
        self._parts[name] = part
        return part

    def __getitem__(self, name: str) -> Any:
        """The component, tuple or controls of this name."""
        return self._parts[name]

    @property
    def inputs(self) -> list[Any]:
        """The components of the form, in its table's order."""
        return [c for name in self.table for c in components(self._parts[name])]

    def named(self, *names: str) -> Named:
        """Those components as the outputs of a handler that returns updates by name."""
        return Named({name: self._parts[name] for name in names})


@dataclass(frozen=True)
class Named:
    """Outputs that a handler updates by name; what it does not name stays as it is."""

    parts: Mapping[str, Any]

    def __or__(self, other: Named) -> Named:
        """Both together."""
        assert not self.parts.keys() & other.parts.keys()
        return Named({**self.parts, **other.parts})

    def ordered(self, updates: Any) -> Any:
        """Updates by name in the order of the components, as Gradio takes them.

        Raises:
            KeyError: if a name is none of the outputs.
        """
        if _is_skip(updates):
            updates = {}
        if unknown := updates.keys() - self.parts.keys():
            raise KeyError(f"no such output: {', '.join(sorted(unknown))}")
        values = _spread(self.parts, updates)
        return values[0] if len(values) == 1 else values


def components(part: Any) -> list[Any]:
    """The components that a name stands for, or a handler's inputs or outputs, in their order."""
    if isinstance(part, Controls):
        return part.inputs
    if isinstance(part, Named):
        return components(tuple(part.parts.values()))
    if isinstance(part, tuple | list):
        return [c for each in part for c in components(each)]
    assert isinstance(part, Block), f"{part!r} is no component"
    return [part]


def _gathered(part: Any, values: Iterator[Any]) -> Any:
    """The value of an input: a form, a tuple, or a component's own."""
    if isinstance(part, Controls):
        return part.form(**{name: _gathered(part[name], values) for name in part.table})
    if isinstance(part, tuple):
        return tuple(_gathered(each, values) for each in part)
    return next(values)


def _is_skip(update: Any) -> bool:
    """Whether an update leaves all as it is; an array compares with nothing else."""
    return isinstance(update, dict) and update == gr.skip()


def _spread(parts: Mapping[str, Any], updates: Mapping[str, Any]) -> list[Any]:
    """Updates by name, one for each component."""
    return [
        value
        for name, part in parts.items()
        for value in _spread_one(part, updates.get(name, gr.skip()))
    ]


def _spread_one(part: Any, update: Any) -> list[Any]:
    if _is_skip(update):
        return [gr.skip() for _ in components(part)]
    if isinstance(part, Controls):
        if not isinstance(update, Mapping):
            update = {name: getattr(update, name) for name in part.table}
        return _spread({name: part[name] for name in part.table}, update)
    if isinstance(part, tuple):
        pairs = zip(part, update, strict=True)
        return [value for each, its in pairs for value in _spread_one(each, its)]
    return [update]


def wired(
    handler: Callable[..., Any], inputs: Sequence[Any] = (), outputs: Any = None
) -> dict[str, Any]:
    """The arguments fn, inputs and outputs of a Gradio event, for a handler that works with names.

    Args:
        handler: Gets one argument for each of `inputs`; `request` and `event`, where it has
            parameters of these names, by keyword.
        inputs: Components, tuples of them, and `Controls`, of which the handler gets a form. Their
            components stand in this order, for the event's script too.
        outputs: Components, for values in their order; or `Named`, for updates by name.
    """
    injected = [n for n in _INJECTED if n in inspect.signature(handler).parameters]

    def called(values: tuple[Any, ...]) -> Any:
        special = dict(zip(injected, values, strict=False))
        rest = iter(values[len(injected) :])
        return handler(*(_gathered(part, rest) for part in inputs), **special)

    def answered(answer: Any) -> Any:
        return outputs.ordered(answer) if isinstance(outputs, Named) else answer

    if inspect.isgeneratorfunction(handler):

        def wired_handler(*values: Any) -> Any:
            with closing(called(values)) as answers:
                for answer in answers:
                    yield answered(answer)

    else:

        def wired_handler(*values: Any) -> Any:
            return answered(called(values))

    first, anywhere = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL
    signature = [inspect.Parameter(n, first, annotation=_INJECTED[n]) for n in injected]
    signature.append(inspect.Parameter("values", anywhere, annotation=Any))
    wired_handler.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
    wired_handler.__annotations__ = {n: _INJECTED[n] for n in injected}
    wired_handler.__name__ = getattr(handler, "__name__", "handler")
    wired_handler.__doc__ = handler.__doc__
    return {
        "fn": wired_handler,
        "inputs": components(list(inputs)),
        "outputs": None if outputs is None else components(outputs),
    }
