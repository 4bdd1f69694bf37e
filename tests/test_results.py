"""The records of results.json: written in full precision, and read only if they are whole."""

import dataclasses
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured import REFERENCE, results, row

from diffusion_core.evaluation import (
    AttributeAccuracy,
    Conditions,
    JudgeFacts,
    ReferenceRow,
    Results,
    SamplerRow,
)
from diffusion_core.evaluation.records import MAX_CHARACTERS, MAX_ROWS
from diffusion_core.samplers import SAMPLERS
from diffusion_core.schedule import SPACINGS

counts, finite = st.integers(1, 10**6), st.floats(allow_nan=False, allow_infinity=False)
sizes = st.floats(0, allow_infinity=False)
conditions = st.builds(
    Conditions,
    st.sampled_from(["fp32", "bf16"]),
    st.none() | st.text(max_size=9),
    st.none() | st.integers(1, 99),
    st.none() | st.text(max_size=9),
)
samplers = st.builds(
    SamplerRow,
    st.sampled_from(SAMPLERS),
    counts,
    counts,
    counts,
    finite,
    st.none() | finite,
    st.none() | finite,
    st.none() | finite,
    st.none() | sizes,
    st.sampled_from(SPACINGS),
    sizes,
    finite,
    st.none() | conditions,
)
every = st.builds(
    Results,
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.builds(JudgeFacts, st.none() | finite, counts, st.booleans(), st.booleans()),
    conditions,
    st.tuples(
        st.builds(ReferenceRow, st.text(max_size=9), counts, finite, st.none() | finite, st.none())
    ),
    st.lists(samplers, max_size=3).map(tuple),
    st.lists(
        st.builds(
            AttributeAccuracy,
            st.text(max_size=9),
            counts,
            st.none() | finite,
            st.dictionaries(finite, st.none() | finite, max_size=2),
        ),
        max_size=2,
    ).map(tuple),
)
WHOLE = results(row("ddim 25", 0.4), row("heun 10", 0.3, 18))


@given(every)
def test_what_was_written_is_read_back_to_the_last_digit(found):
    assert Results.from_json(found.to_json()) == found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_steps", 0),
        ("num_evaluations", 0),
        ("num_evaluations", 10**400),
        ("num_evaluations", None),
        ("frechet_distance", None),
        ("frechet_distance", "low"),
        ("frechet_distance", math.nan),
        ("frechet_distance", math.inf),
        ("milliseconds_per_image", -1),
        ("milliseconds_per_image", math.inf),
        ("class_accuracy", math.nan),
        ("guidance_scale", math.inf),
        ("sampler", 3),
        ("conditions", "fast"),
    ],
)
def test_a_row_that_cannot_be_is_an_error(name, value):
    values = json.loads(WHOLE.to_json())
    values["samplers"][0][name] = value
    with pytest.raises(ValueError):
        Results.from_json(json.dumps(values))


def test_what_is_something_else_is_an_error():
    text = WHOLE.to_json()
    for bad in (
        "",
        "[]",
        "[" * 100_000,
        text[:-20],
        text.replace("results-1", "results-2"),
        text.replace(WHOLE.weights, ""),
        text.replace('"judge"', '"judges"'),
        text + " " * MAX_CHARACTERS,
        results(*WHOLE.samplers[:1] * (MAX_ROWS + 1)).to_json(),
    ):
        with pytest.raises(ValueError):
            Results.from_json(bad)


@given(st.integers(0, len(WHOLE.to_json())), st.text(max_size=5), st.integers(0, 30))
def test_reading_raises_nothing_but_value_errors(start, text, length):
    whole = WHOLE.to_json()
    try:
        found = Results.from_json(whole[:start] + text + whole[start + length :])
    except ValueError:
        return
    assert isinstance(found, Results)


def test_rows_of_a_later_version_are_left_out():
    values = json.loads(WHOLE.to_json())
    values["samplers"][0]["sampler"] = "of_the_future"
    values["samplers"].append(values["samplers"][1] | {"spacing": "odd"})
    values["something"] = "more"
    assert Results.from_json(json.dumps(values)).samplers == WHOLE.samplers[1:]


def test_a_diverged_models_rows_are_not_kept():
    lost = ReferenceRow("plain noise", 5, math.inf)
    found = results(row("ddim 25", math.nan), row("ddim 10", 0.3), references=[REFERENCE, lost])
    back = Results.from_json(found.to_json())
    assert [r.name for r in back.samplers] == ["ddim 10"] and back.references == (REFERENCE,)


def test_whose_weights_were_measured_is_told_by_twelve_characters_of_the_hash():
    assert WHOLE.belongs_to("a" * 64) and not WHOLE.belongs_to("b" * 64)
    short = dataclasses.replace(WHOLE, weights="a" * 12)
    assert short.belongs_to("a" * 64) and not short.belongs_to("a" * 11 + "b" * 53)
    assert not dataclasses.replace(WHOLE, weights="a").belongs_to("a" * 64)
    assert dataclasses.replace(WHOLE, weights="").belongs_to("a" * 64)


def test_a_judge_is_known_by_the_configuration_in_its_folder():
    assert JudgeFacts.of({"test_accuracy": 0.921}) == JudgeFacts(0.921, 128, False, False)
    facts = {"test_accuracy": 1, "features": 12, "parts": {"eyes": 1.0}}
    assert JudgeFacts.of(facts) == JudgeFacts(1.0, 12, True, True)
    assert "its 12 features against all held-out pictures" in JudgeFacts.of(facts).words
    assert "classifier, 92.1% on the test set; the" in JudgeFacts(0.921).words
    assert "classifier; the" in JudgeFacts(None).words
