"""Guided lessons: what a file may hold, what is said when it does not, and that it is true."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import app
from tabs.lessons import claims
from tabs.lessons.__main__ import main
from tabs.lessons.bar import Bar
from tabs.lessons.format import LESSON, MAX_BYTES, SHIPPED, STEP, read_lesson, shipped
from tabs.shared.page import Page

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

LESSONS = shipped()
ROOT = Path(__file__).parents[1]
SMALL = """
title: Steps
steps:
  - say: Few steps.
    tab: denoise
    set: {Steps: 3}
    press: Denoise
  - say: Now more.
    ask: What changes?
    choices: [no, yes]
    answer: no
    because: So it is.
"""


@pytest.fixture(scope="module")
def bar() -> Iterator[Bar]:
    """The bar of a page with all its tabs, which knows their controls."""
    found: list[Bar] = []
    with pytest.MonkeyPatch.context() as patch:
        real = Bar.wire

        def wire(self: Bar, page: Page, tabs: dict) -> None:
            real(self, page, tabs)
            found.append(self)

        patch.setattr(Bar, "wire", wire)
        app.build()
    yield found[0]
    gc.collect()


def test_a_lesson_is_read():
    first, second = read_lesson("\ufeff" + SMALL).steps
    assert first.controls == (("Steps", 3),) and first.press == ("Denoise",)
    assert second.choices == ("no", "yes") and second.answer == "no"  # no flags


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("a: [", "The lesson is broken: in line 1, column 5, expected the node content, but found"),
        ("&x [*x]", "The lesson is broken: in line 1, column 5, aliases are not taken."),
        ("!!python/name:os.system a", "The lesson is broken: in line 1, column 1, tags are not"),
        ("? [a]\n: b", "The lesson is broken: in line 1, column 3, a field's name must be text."),
        (
            "title: a\ntitle: b",
            "The lesson is broken: in line 2, column 1, the field 'title'",
        ),
        ("[" * 100 + "]" * 100, "The lesson is nested too deeply, over 32 levels."),
        ("title: a\x00", "The lesson holds characters that YAML does not take."),
        ("title: " + "9" * 5000, "The lesson's title is inf, and must be printable text"),
        ("", "The lesson must be an object with fields, and is None."),
        ("title: a", "The lesson's steps is missing, and must be a list of 1 to 20"),
        (SMALL + "autor: x", "The lesson's autor is a setting that is not known."),
        (
            SMALL.replace("tab: denoise", "tab: paint"),
            "Step 1's tab is 'paint', and must",
        ),
        (SMALL.replace("    answer: no\n", ""), "Step 2's answer is missing: a step that"),
        (
            SMALL.replace("answer: no", "answer: so"),
            "Step 2's answer is 'so', and must",
        ),
        (SMALL.replace("[no, yes]", "[no, no]"), "Step 2's choices hold one of them twice."),
        (SMALL.replace("Steps: 3", "Steps: null"), "Step 1's Steps is None, and must"),
        (
            SMALL.replace("say: Few steps.", "say: 5"),
            "Step 1's say is 5, and must",
        ),
        ("#" * (MAX_BYTES + 1), "The lesson has 65,537 bytes, and at most 65,536 are read."),
    ],
)
def test_what_is_no_lesson_is_one_sentence(text, sentence):
    with pytest.raises(ValueError) as caught:
        read_lesson(text)
    said = str(caught.value)
    assert said.startswith(sentence) and said.endswith(".") and "\n" not in said and len(said) < 400


def test_bytes_that_are_no_text_are_one_sentence():
    with pytest.raises(ValueError, match=r"^The lesson is broken: it is not text in UTF-8\.$"):
        read_lesson(b"title: \xff")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_changed_lesson_is_read_or_refused_in_one_sentence(data):
    text = data.draw(st.sampled_from([SMALL, *_texts()]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        gone = data.draw(st.integers(0, 12))
        new = data.draw(st.text(max_size=6) | st.sampled_from([*"[]{}:&*!|>-#%@`\"'?,\n\t", "- "]))
        text = text[:at] + new + text[at + gone :]
    try:
        read_lesson(text)
    except ValueError as error:
        assert str(error).endswith(".") and "\n" not in str(error) and len(str(error)) < 1000


def _texts() -> list[str]:
    return [file.read_text(encoding="utf-8") for file in SHIPPED.glob("*.yaml")]


def test_the_lessons_are_there_in_order():
    assert [lesson.title for lesson in LESSONS.values()] == [
        "What noise does",
        "What a schedule does",
        "One step of the way back",
        "Why a thousand steps are slow",
        "Guidance",
        "Memorising or imagining",
        "Inside the network",
        "Points of the plane",
    ]


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_is_short_asks_and_claims(name):
    steps = LESSONS[name].steps
    assert 5 <= len(steps) <= 8
    assert any(step.ask for step in steps)
    for step in steps:
        for words in filter(None, (step.say, step.ask, step.because)):
            assert re.fullmatch(r"[A-Z][^!;–—]*[.?]", words), words  # one plain sentence
            assert not re.search(r"[.?] [A-Z]", words), words
        assert step.claims, step.say


@pytest.mark.parametrize(
    "name",  # 16 pictures four times: six seconds of the processor
    [pytest.param(n, marks=pytest.mark.long) if n == "guidance" else n for n in LESSONS],
)
def test_what_a_lesson_says_is_computed_to_be_true(name):
    found = claims.findings(LESSONS[name])
    assert len(found) >= len(LESSONS[name].steps)
    wrong = [f"step {step}: {finding.words}" for step, finding in found if not finding.holds]
    assert wrong == []


def test_a_claim_that_is_not_true_is_found():
    state = {"Schedule": "linear", "Timestep": 500}
    more = {"measure": "signal", "more than": {"Schedule": "cosine"}}
    assert not claims.compute(more, state).holds
    assert claims.compute({"measure": "signal", "less than": {"Schedule": "cosine"}}, state).holds
    twice = {"measure": "signal", "less than": {"Schedule": "cosine"}, "by": 3}
    assert not claims.compute(twice, state).holds
    assert not claims.compute({"measure": "signal", "from": 0.3}, state).holds
    assert not claims.compute({"measure": "signal", "to": 0.2}, state).holds


@pytest.mark.parametrize(
    "claim, sentence",
    [
        ({"measure": "beauty", "from": 1}, "The claim's measure is 'beauty', and must be one of"),
        ({"measure": "signal"}, "A claim must have from, to, more than or less than."),
        ({"measure": "signal", "from": 0}, "The measure signal needs Timestep: set it in a step"),
        ({"from": 0}, "The claim's measure is missing"),
    ],
)
def test_a_claim_that_cannot_be_computed_is_one_sentence(claim, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}"):
        claims.compute(claim, {})


def test_every_control_of_every_lesson_is_on_the_page(bar):
    listed = bar.listed()["lessons"]
    assert [lesson["id"] for lesson in listed] == [*LESSONS]
    assert [lesson.get("error") for lesson in listed] == [None] * len(LESSONS)
    assert json.loads(bar.component.value) == {"lessons": listed}
    controls = listed[2]["steps"][0]["controls"]
    model = next(str(value) for name, value in controls.items() if name.endswith(" Model"))
    assert Path(model).name == "avatars"


@pytest.mark.parametrize(
    "written, sentence",
    [
        ("{Stps: 3}", "Step 1 sets Stps, and the tab denoise has no control of that name; it has"),
        ("{Steps: 3000}", "Step 1's Steps is 3000, and must be a number from 1 to 1000."),
        ("{Steps: few}", "Step 1's Steps is 'few', and must be a number from 1 to 1000."),
        ("{Model: mnist}", "Step 1's Model is 'mnist', and must be one of "),
        ("{Sampler: best}", "Step 1's Sampler is 'best', and must be one of ddim"),
        (
            "{Attentions off: 5}",
            "Step 1 sets Attentions off, and the tab denoise has no control of that name",
        ),
        ("{Frame: first}", "Step 1's Frame is 'first', and must be a number from 0"),
        ("{Picture to begin with: x}", "Step 1's Picture to begin with is a picture or a file"),
    ],
)
def test_what_the_page_does_not_have_is_said_as_a_lesson_is_opened(bar, written, sentence):
    text = SMALL.replace("{Steps: 3}", written)
    assert json.loads(bar.open_lesson({"text": text}))["error"].startswith(sentence)


def test_a_menu_of_several_takes_a_list(bar):
    text = SMALL.replace("tab: denoise", "tab: inside").replace(
        "{Steps: 3}", "{Attentions off: [mid_block.attentions.0], Timestep: 5}"
    )
    step = json.loads(bar.open_lesson({"text": text}))["lesson"]["steps"][0]
    assert [*step["controls"].values()] == [["mid_block.attentions.0"], 5]


@pytest.mark.parametrize("request_", [{}, {"text": 5}, {"text": None}, [], None])
def test_a_request_without_a_text_is_one_sentence(bar, request_):
    assert json.loads(bar.open_lesson(request_)) == {"error": "Choose the file of a lesson."}


def test_a_lesson_can_be_checked_on_the_command_line(tmp_path, capsys):
    file = tmp_path / "mine.yaml"
    true = "    claim: {measure: signal, of: {Timestep: 0}, from: 0.9}\n"
    file.write_text(SMALL + true, encoding="utf-8")
    assert main([str(file)]) == 0
    assert "step 2: true: signal is 0.9999" in capsys.readouterr().out
    file.write_text(SMALL + true.replace("from", "to"), encoding="utf-8")
    assert main([str(file)]) == 1
    assert "NOT TRUE" in capsys.readouterr().out
    file.write_text("title: [", encoding="utf-8")
    assert main([str(file)]) == 2
    assert main([str(tmp_path / "none.yaml")]) == 2 and main([]) == 2


def test_the_page_for_teachers_is_true(bar):
    text = (ROOT / "docs" / "lessons.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert examples
    for example in examples:
        lesson = read_lesson(example)
        assert "lesson" in json.loads(bar.open_lesson({"text": example}))
        assert all(finding.holds for _, finding in claims.findings(lesson))
    fields = {*re.findall(r"^\| `([\w ]+)` \|", text.split("## Claims")[0], re.MULTILINE)}
    assert fields == {*LESSON, *STEP}
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|$", text.split("## Claims")[1], re.MULTILINE)
    assert dict(rows) == dict(claims.described())
