"""Forms with names: between a handler's names and the order in which Gradio hands values over."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import gradio as gr
import numpy as np
import pytest
from gradio.helpers import special_args

from tabs.shared.components import never_silent
from tabs.shared.forms import Controls, Named, components, entry, parsed, table, wired


def even(value: float) -> int:
    if value % 2:
        raise ValueError("The number must be even.")
    return int(value)


@dataclass(frozen=True)
class Pair:
    left: float = entry(1, partial(gr.Number, label="left"))
    right: float = entry(2, partial(gr.Number, label="right"), parse=even)


@dataclass(frozen=True)
class Whole:
    word: str = entry("a", partial(gr.Textbox, label="word"))
    menus: tuple[str, ...] = entry(("x", "y"))
    pairs: tuple[Pair, ...] = entry((Pair(), Pair()))


@pytest.fixture
def controls():
    made = Controls(Whole, Whole(word="b"))
    made.add("pairs", tuple(place_pair(pair) for pair in made.opening.pairs))
    made.add("menus", (gr.Textbox("x", label="menu 1"), gr.Textbox("y", label="menu 2")))
    made.place("word")
    made.add("beside", gr.Image(label="beside"))
    return made


def place_pair(pair):
    made = Controls(Pair, pair)
    made.place("right")  # laid out in another order than the table's
    made.place("left")
    return made


FLAT = ["w", "m1", "m2", 1, 2, 3, 4]
FORM = Whole("w", ("m1", "m2"), (Pair(1, 2), Pair(3, 4)))


def test_the_table_makes_the_controls_and_their_order(controls):
    assert [c.label for c in controls.inputs] == [
        "word",
        "menu 1",
        "menu 2",
        *("left", "right") * 2,
    ]
    assert controls["word"].value == "b" and controls["pairs"][0]["right"].value == 2
    assert [*table(Whole)] == ["word", "menus", "pairs"] == [*table(Whole())]
    with pytest.raises(AssertionError, match="two controls called word"):
        controls.place("word")


def test_a_field_is_parsed_as_its_table_says():
    assert parsed(Pair(right=4.0), "right") == 4 and parsed(Pair(left=3), "left") == 3
    with pytest.raises(ValueError, match="must be even"):
        parsed(Pair(right=3), "right")


def test_a_handler_gets_forms_and_what_it_asks_for_by_name(controls):
    def handler(form, name, request: gr.Request, event: gr.EventData):
        return form, name, request, event

    event = wired(handler, [controls, controls["beside"]], controls["word"])
    assert event["inputs"] == [*controls.inputs, controls["beside"]]
    assert event["outputs"] == [controls["word"]]
    assert event["fn"]("its request", "its event", *FLAT, "n") == (
        FORM,
        "n",
        "its request",
        "its event",
    )
    assert wired(lambda form: form, [controls])["fn"](*FLAT) == FORM


def test_gradio_gives_the_request_where_a_handler_names_it(controls):
    """The wrapper's own signature says so: Gradio reads that, and puts the request first."""
    request = gr.Request(session_hash="me")

    def plain(form, request: gr.Request):
        return form, request

    def streamed(form, request: gr.Request) -> Iterator[str]:
        yield form, request

    for handler in (plain, never_silent(streamed)):
        fn = wired(handler, [controls], controls["word"])["fn"]
        given, *_ = special_args(fn, [*FLAT], request)
        assert given == [request, *FLAT]
        assert inspect.isgeneratorfunction(fn) == (handler is not plain)
        answer = fn(*given)
        assert (answer if handler is plain else next(answer)) == (FORM, request)
    given, *_ = special_args(wired(lambda form: form, [controls])["fn"], [*FLAT], request)
    assert given == FLAT


def test_updates_go_out_by_name_and_the_rest_stays(controls):
    skip = gr.skip()
    named = controls.named("beside", "menus", "pairs") | Named({"word": controls["word"]})
    outputs = wired(lambda: {}, outputs=named)["outputs"]
    assert outputs == components(named) and len(outputs) == 8

    def sent(updates):
        return wired(lambda: updates, outputs=named)["fn"]()

    assert sent({}) == sent(skip) == [skip] * 8
    assert sent({"word": "z"}) == [*[skip] * 7, "z"]
    assert sent({"menus": ("p", "q")})[1:3] == ["p", "q"]
    assert sent({"pairs": (Pair(5, 6), {"right": 8})})[3:7] == [5, 6, skip, 8]
    picture = np.zeros((2, 2, 3))
    assert sent({"beside": picture})[0] is picture
    with pytest.raises(KeyError, match="no such output: wrod"):
        sent({"wrod": "z"})
    with pytest.raises(ValueError):
        sent({"menus": ("p",)})  # one of the two was forgotten
    assert wired(lambda: {"word": "z"}, outputs=controls.named("word"))["fn"]() == "z"


def test_a_stream_of_updates_is_closed_with_the_page(controls):
    ended = []

    def handler(form) -> Iterator[dict]:
        try:
            yield {"word": form.word}
            yield {}
        finally:
            ended.append(True)

    stream = wired(never_silent(handler), [controls], controls.named("word", "menus"))["fn"](*FLAT)
    assert next(stream) == ["w", gr.skip(), gr.skip()]
    stream.close()
    assert ended == [True]
