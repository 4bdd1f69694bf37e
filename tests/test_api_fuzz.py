"""Anything at all, sent to the endpoints: one short sentence, or an answer; never a traceback.

The strategies are made from the API's own description, so that a new parameter is tried too.
"""

from __future__ import annotations

import json
import math

import gradio as gr
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pagelib import free_port

from tabs.api import endpoints
from tabs.shared import crossing
from tabs.shared.text import LONGEST_SENTENCE

TIMEOUT = 120
NAMES = ("noise", "schedule", "denoise")
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[*HealthCheck])
LONG = settings(max_examples=3000, deadline=None, suppress_health_check=[*HealthCheck])


@pytest.fixture(scope="module")
def url():
    """The endpoints alone, behind the page's own crossing."""
    crossing.install()
    with gr.Blocks() as demo:
        endpoints.build()
    _, address, _ = demo.queue().launch(
        prevent_thread_lock=True,
        quiet=True,
        inbrowser=False,
        server_port=free_port(),
        app_kwargs=crossing.options(),
    )
    yield address.rstrip("/")
    demo.close()


@pytest.fixture(scope="module")
def http():
    with httpx.Client(timeout=TIMEOUT) as client:
        yield client


@pytest.fixture(scope="module")
def described(url, http):
    """The parameters of each endpoint, as its description has them."""
    info = http.get(f"{url}/gradio_api/info").json()["named_endpoints"]
    return {name: info[f"/{name}"]["parameters"] for name in NAMES}


def ask(url, http, name: str, content: str, version: str = "v2/") -> tuple[str, str]:
    """(how it ended, what was said); content is the body, as it is sent."""
    answer = http.post(
        f"{url}/gradio_api/call/{version}{name}",
        content=content.encode("utf-8", "surrogatepass"),
        headers={"content-type": "application/json"},
    )
    assert answer.status_code < 500, answer.text[:500]
    if answer.status_code != 200:
        assert len(answer.text) <= LONGEST_SENTENCE + 20 and "Traceback" not in answer.text
        return "refused", answer.json()["detail"]
    text = http.get(f"{url}/gradio_api/call/{name}/{answer.json()['event_id']}").text
    event, data = text.strip().split("\n\n")[-1].split("\n", 1)
    event, data = event.removeprefix("event: "), data.removeprefix("data: ")
    if event == "error":
        assert len(data) <= 2 * LONGEST_SENTENCE
        return event, is_a_sentence(json.loads(data)["error"])
    assert event == "complete", text[:500]
    return event, data


def is_a_sentence(said) -> str:
    assert isinstance(said, str) and 10 < len(said) <= LONGEST_SENTENCE, said
    assert "\n" not in said and "Traceback" not in said and "/work" not in said
    assert "broke off" not in said, said
    said.encode()
    return said


NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([10**400, -(10**400), 2**63, 2**64, 1e308, -0.0, math.inf, math.nan, 0.5]),
)
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=20),
    st.sampled_from(["false", "1", "../../etc/passwd", "\udcff", "\0", "x" * 20_000, "file:///x"]),
)
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
ANYTHING = st.recursive(
    LEAVES, lambda s: st.lists(s, max_size=3) | st.dictionaries(TEXTS, s, max_size=3), max_leaves=5
)


def fitting(parameter) -> st.SearchStrategy:
    """Values that the description of a parameter calls fitting, kept small."""
    kind = parameter["type"] if isinstance(parameter["type"], dict) else {}
    if kind.get("enum"):
        return st.sampled_from(kind["enum"])
    if kind.get("type") == "boolean":
        return st.booleans()
    if kind.get("type") in ("integer", "number"):
        return st.integers(-1, 12) | st.floats(-1, 3)
    return st.none() | st.sampled_from(["fashion-mnist", "Bag", ""])


@st.composite
def bodies(draw, parameters):
    """By name: some fitting, some anything, some left out, some that the call does not have."""
    body = {}
    for parameter in parameters:
        name = parameter["parameter_name"]
        choice = draw(st.sampled_from(["fits", "any", "out"]))
        if choice == "fits":
            body[name] = draw(fitting(parameter))
        elif choice == "any":
            body[name] = draw(ANYTHING)
        elif name in ("steps", "num_images"):
            body[name] = 1
    if draw(st.integers(0, 9)) == 0:
        body[draw(TEXTS)] = draw(ANYTHING)
    return json.dumps(body)


def fuzz(url, http, parameters, name: str, run: settings) -> None:
    """Send one endpoint what may be sent, by name and in order."""

    @run
    @given(bodies(parameters))
    def by_name(body):
        ask(url, http, name, body)

    @run
    @given(st.lists(ANYTHING, max_size=12).map(lambda data: json.dumps({"data": data})))
    def in_order(body):
        ask(url, http, name, body, version="")

    by_name()
    in_order()


@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_sent_is_answered_in_a_sentence(url, http, described, name):
    fuzz(url, http, described[name], name, QUICK)


@pytest.mark.long
@pytest.mark.timeout(3600)  # 6,000 calls each
@pytest.mark.parametrize("name", NAMES)
def test_whatever_is_sent_is_answered_in_a_sentence_many_times(url, http, described, name):
    fuzz(url, http, described[name], name, LONG)


DEEP = "[" * 5000 + "]" * 5000
BODIES = {
    "1e400": ("schedule", '{"beta_start": 1e400}', "beta_start must be a number"),
    "huge": ("schedule", '{"beta_start": 1' + "0" * 400 + "}", "beta_start must be a number"),
    "nan": ("schedule", '{"s": NaN, "name": "cosine"}', "s must be a number"),
    "infinity": ("denoise", '{"steps": Infinity}', "steps must be a whole number"),
    "text-is-not-true": ("schedule", '{"zero_terminal_snr": "false"}', "must be true or false"),
    "one-is-not-true": ("schedule", '{"zero_terminal_snr": 1}', "must be true or false"),
    "echo": ("denoise", '{"sampler": "' + "x" * 10**6 + '"}', "There is no sampler 'xxx"),
    "echo-model": ("denoise", '{"model": "' + "x" * 10**6 + '"}', "model must be text of at most"),
    "echo-label": ("denoise", '{"label": "' + "x" * 10**6 + '"}', "label must be text of at most"),
    "path": (
        "noise",
        '{"picture": {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, "timestep": 3}',
        "Send the picture as a file",
    ),
    "absent": ("noise", "{}", "do not fit"),
    "unknown": ("schedule", '{"nonsense": 1}', "do not fit"),
    "no-object": ("schedule", "[1, 2]", "do not fit"),
    "no-json": ("schedule", "{", "do not fit"),
    "deep": ("schedule", '{"name": ' + DEEP + "}", ""),
    "surrogate": ("schedule", '{"name": "\\udcff"}', "There is no schedule"),
    "attributes": ("denoise", '{"attributes": {"head": ["afro"]}}', "attributes must be names"),
    "class": ("denoise", '{"label": 1' + "0" * 400 + "}", "label must be the name or the number"),
}


@pytest.mark.parametrize("case", BODIES)
def test_bad_values_get_the_sentence_that_helps(url, http, case):
    name, body, words = BODIES[case]
    event, said = ask(url, http, name, body)
    assert event != "complete" and words in said


def test_too_few_values_in_order_are_counted(url, http):
    event, said = ask(url, http, "schedule", '{"data": []}', version="")
    assert event == "error" and said == "This call takes 10 values, and 0 were sent."


def test_a_name_that_is_no_endpoint_is_refused(url, http):
    for version in ("v2/", ""):
        event, _ = ask(url, http, "nothing", '{"data": []}', version=version)
        assert event == "refused"


def test_a_body_beyond_all_bounds_is_refused_before_it_is_read(url, http):
    body = b" " * (crossing.MOST_BYTES + 1)

    def chunks():
        yield body

    for content in (body, chunks()):
        answer = http.post(f"{url}/gradio_api/call/v2/schedule", content=content)
        assert answer.status_code == 413 and answer.json()["detail"] == crossing.TOO_LARGE
