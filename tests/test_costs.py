"""What steps cost: the card's table read back, evaluations counted, the figure and the words."""

import dataclasses
import math
import random
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffusion_core.checkpoint import TABLE_BEGIN, TABLE_END, load_checkpoint
from diffusion_core.evaluation import (
    CardRow,
    Row,
    Setting,
    best_value,
    evaluations,
    read_table,
    table,
)
from diffusion_core.evaluation.evaluate import ROWS
from diffusion_core.publishing import write_card
from diffusion_core.samplers import SAMPLERS, sample
from diffusion_core.schedule import SPACINGS, make_schedule
from tabs.denoise.cost import words
from tabs.denoise.cost_figure import NOW, PLACES, figure, places
from tabs.shared.text import span

CARD = Path(__file__).parents[1] / "pretrained" / "fashion-mnist" / "README.md"
SCALE = Row("training images", 0, 1000, 0.1, 0.94, None, None)
NOISE = Row("plain noise", 0, 1000, 37.67, None, None, None)


def card(rows: list[Row]) -> str:
    return f"# A model\n\n{TABLE_BEGIN}\n{table(rows)}\n\nJudge: | a |\n{TABLE_END}\n\n| x | y |\n"


def measured(what: str, nfe: int, frechet: float, samples: int = 1000) -> Row:
    return Row(what, nfe, samples, frechet, 0.9, 1.0, 2.0 * nfe)


ALL = read_table(
    card(
        [
            SCALE,
            NOISE,
            measured("ddim 10", 10, 0.6),
            measured("ddim 50", 50, 0.32),
            measured("ddim 25", 25, 0.4),
            measured("ddim 25, guidance 1.5", 25, 0.2),
            measured("ddim 50, eta 1", 50, 0.5),
            measured("dpmpp_2m 20", 20, 0.31),
            measured("heun 10", 18, 0.35),
            measured("ddpm 1000", 1000, 0.3),
        ]
    )
)


@given(
    st.sampled_from(SAMPLERS),
    st.integers(1, 1000),
    st.floats(0, 1),
    st.floats(0, 8),
    st.integers(1, 10**6),
    st.floats(0, 1e6),
    st.none() | st.floats(0, 1),
    st.none() | st.floats(0),
    st.sampled_from(SPACINGS),
)
def test_what_the_writer_wrote_is_read_back(
    sampler, steps, eta, guidance, samples, frechet, accuracy, ms, spacing
):
    ms = None if ms is None or ms == math.inf else ms
    name = Setting(sampler, steps, eta, guidance, spacing).words
    row = Row(name, 2 * steps - 1, samples, frechet, accuracy, None, ms)
    scale, read = read_table(card([SCALE, row]))
    assert scale == CardRow("training images", None, 0, 0, 0, 1, 0.1, 0.94, None, None, 1000)
    assert read == CardRow(
        name,
        sampler,
        steps,
        2 * steps - 1,
        float(f"{eta:g}"),
        float(f"{guidance:g}"),
        float(f"{frechet:.2f}"),
        None if accuracy is None else float(f"{accuracy:.3f}"),
        None,
        None if ms is None else float(f"{ms:.1f}"),
        samples,
        None,
        spacing,
    )
    usual = read.eta == 0 and read.guidance_scale == 1 and spacing == "trailing"
    assert read.plain == usual and not scale.plain


def test_a_written_card_is_read_back(tiny_folder, tmp_path):
    rows = [SCALE, NOISE] + [Row(r.words, r.steps, 2000, 0.5, 0.9, 1.05, 9.5) for r in ROWS]
    checkpoint = load_checkpoint(tiny_folder)
    write_card(tmp_path, checkpoint, rows, {"test_accuracy": 0.92}, "fp32")
    read = read_table((tmp_path / "README.md").read_text(encoding="utf-8"))
    assert [r.name for r in read] == [r.what for r in rows]
    assert list(ROWS) == [
        (r.sampler, r.num_steps, r.eta, r.guidance_scale, r.spacing) for r in read[2:]
    ]
    assert {(r.nearest, r.ms_per_image, r.samples) for r in read[2:]} == {(1.05, 9.5, 2000)}


def test_the_shipped_card_is_readable():
    rows = {r.name: r for r in read_table(CARD.read_text(encoding="utf-8"))}
    text = CARD.read_text(encoding="utf-8").partition(TABLE_BEGIN)[2].partition(TABLE_END)[0]
    assert len(rows) == sum(line.startswith("|") for line in text.splitlines()) - 2
    assert rows["ddim 25"].evaluations == 25 and rows["ddim 25"].plain
    assert rows["training images"].sampler is None
    schedule = load_checkpoint(CARD.parent).schedule
    for r in rows.values():
        if r.sampler:
            assert evaluations(schedule, r.sampler, r.num_steps, r.spacing) == r.evaluations


def test_what_is_no_table_gives_no_rows_and_what_is_no_row_is_left_out():
    good = card([SCALE, measured("ddim 25", 25, 0.4)])
    assert len(read_table(good)) == 2
    assert read_table(good.replace("\n", "\r\n")) == read_table(good)
    assert read_table("") == read_table("# A model\n") == []
    assert read_table(f"{TABLE_BEGIN}\n{TABLE_END}") == []
    assert (
        read_table(good.replace(TABLE_END, "")) == read_table(good.replace(TABLE_BEGIN, "")) == []
    )
    assert read_table(good.replace("Frechet", "Other")) == []
    for broken in (
        ("0.40", "nan"),
        ("0.40", ""),
        ("0.900", "good"),
        ("| 25 |", "|  |"),
        ("| 25 |", "| 24 |"),
        ("| 25 |", "| x |"),
        ("ddim 25", "euler 25"),
        ("ddim 25", "ddim 25, eta much"),
        ("ddim 25", ""),
        ("ddim 25", "a | b"),
    ):
        assert [r.name for r in read_table(good.replace(*broken))] == ["training images"], broken


@given(st.text(alphabet="| -.,:0129aegnitx\n\r\x0b", max_size=200), st.randoms())
def test_reading_never_raises(text: str, chance: random.Random):
    assert isinstance(read_table(text), list)
    whole = card([SCALE, measured("ddim 25", 25, 0.4)])
    cut, end = sorted(chance.randrange(len(whole)) for _ in "ab")
    assert isinstance(read_table(whole[:cut] + text + whole[end:]), list)


class NoNoise:
    """A denoiser with nothing to say, also where ᾱ is 0."""

    def predict(self, x_t, t):
        return x_t, torch.zeros_like(x_t)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("zero", [False, True])
def test_evaluations_are_those_of_a_real_walk(sampler, spacing, zero):
    schedule = make_schedule("cosine", 200, zero_terminal_snr=zero)
    x = torch.zeros(1, 1, 2, 2)
    for steps, t_start in ((1, None), (2, None), (10, None), (200, None), (10, 150), (10, 4)):
        options = {"spacing": spacing, "t_start": t_start}
        g = torch.Generator().manual_seed(0)
        *_, last = sample(
            NoNoise(), x, schedule, sampler=sampler, num_steps=steps, generator=g, **options
        )
        assert evaluations(schedule, sampler, steps, **options) == last.nfe


def test_evaluations_count_eulers_step_of_a_cosine_schedule_once():
    assert evaluations(make_schedule("cosine"), "heun", 10) == 18
    assert evaluations(make_schedule("linear"), "heun", 10) == 19
    with pytest.raises(ValueError, match="no sampler 'euler'"):
        evaluations(make_schedule("cosine"), "euler", 10)


def test_the_figure_has_one_curve_for_each_sampler_told_apart_by_more_than_colour():
    others = {name for name in SAMPLERS if not any(r.sampler == name for r in ALL)}
    rows = [*ALL, *read_table(card([measured(f"{name} 30", 30, 0.34) for name in others]))]
    traces = {t.name: t for t in figure(rows, "ddim", 25, 12.0).data}
    curves = {n: t for n, t in traces.items() if t.showlegend}
    assert curves.keys() == set(SAMPLERS)
    assert curves["ddim"].x == (10, 25, 50) and curves["ddim"].y == (0.6, 0.4, 0.32)
    assert len({t.line.dash for t in curves.values()}) == len(SAMPLERS)
    assert len({t.marker.symbol for t in curves.values()}) == len(SAMPLERS)
    single = traces.keys() - curves.keys()
    assert single == {"ddim 25, guidance 1.5", "ddim 50, eta 1"}
    assert all(traces[n].marker.symbol == "square-open" for n in single)
    assert traces["ddim 50, eta 1"].text == ("eta 1",)


def test_names_beside_marks_cover_neither_each_other_nor_a_mark():
    near = [
        measured(f"ddim {n}, guidance {g}", n, 4.6 + g / 100)
        for n in (9, 10, 20, 24, 25)
        for g in (1.5, 2, 4)
    ]
    made = figure([*read_table(card(near)), *ALL[2:]], "ddim", 25, 12.0)
    shown = [t for t in made.data if "text" in t.mode]
    assert 3 <= len(shown) < len(near)  # the others would not be readable
    marks, names = [(100, 100), (104, 100), (8, 100)], ["guidance 2", "guidance 4", "eta 1"]
    found = places(marks, names, (250, 240), 16, (8, 20))
    assert found == ["top center", "bottom center", "middle right"]
    assert places(marks[:1] * 9, ["x"] * 9, (250, 240), 16, (8, 20)) == [*PLACES, None]
    assert places(marks[:1], [""], (250, 240), 16, (8, 20)) == [None]


@pytest.mark.parametrize(
    ("count", "ms", "said"),
    [
        (25, 12.0, "now: ddim,<br>25 evaluations,<br>about 0.3 s here"),
        (1, None, "now: ddim,<br>1 eva"),
        (1998, 50.0, "now: ddim,<br>1,998 evaluations,<br>about 100 s here"),
    ],
)
def test_the_choice_is_marked_where_it_is(count, ms, said):
    made = figure(ALL, "ddim", count, ms)
    (line,) = [s for s in made.layout.shapes if s.line.color == NOW]
    assert line.x0 == line.x1 == count and (line.y0, line.y1, line.yref) == (0, 1, "paper")
    (label,) = [a for a in made.layout.annotations if "now" in a.text]
    assert label.x == pytest.approx(math.log10(count)) and said in label.text
    assert ("here" in label.text) == (ms is not None)
    low, high = made.layout.xaxis.range
    assert low < math.log10(min(count, 5)) and math.log10(max(count, 1000)) < high
    assert ("time" in made.layout.xaxis.title.text) == (ms is not None)


def test_times_stand_under_powers_of_ten_where_a_phone_has_room_for_them():
    axis = figure(ALL, "ddim", 25, 47.0).layout.xaxis
    under = dict(zip(axis.tickvals, axis.ticktext, strict=True))
    assert under[10] == "10<br><i>0.47 s</i>" and under[1000] == "1000<br><i>47 s</i>"
    assert under[30] == "30" and under[300] == "300"


def test_training_images_are_the_line_below_and_noise_is_not_in_view():
    made = figure(ALL, "ddim", 25, 12.0)
    (line,) = [s for s in made.layout.shapes if s.line.color != NOW]
    assert line.y0 == line.y1 == 0.1 and line.line.dash
    assert any(a.text == "training images: 0.10" for a in made.layout.annotations)
    low, high = (10**v for v in made.layout.yaxis.range)
    assert low < 0.1 and 0.6 < high < 1
    assert made.layout.paper_bgcolor == made.layout.plot_bgcolor == "rgba(0,0,0,0)"


def test_a_card_without_a_table_is_one_sentence_and_an_empty_figure():
    made = figure([], "heun", 18)
    assert not made.data and [s.x0 for s in made.layout.shapes] == [18]
    assert any("no measurements" in a.text for a in made.layout.annotations)
    for rows in ([], ALL[:2]):
        said = words(rows, "heun", 18, 10.0)
        assert said.startswith("**heun** with 18 evaluations takes about 0.18 s here; a thousand")
        assert said.count("`python -m diffusion_core evaluate --model FOLDER` makes it.") == 1
        said = words(rows, "heun", 18, 10.0, measurable=False)
        assert "evaluate" not in said and said.endswith("and no test images are known for it.")
    zero = [dataclasses.replace(ALL[2], frechet=0.0)]
    assert not figure(zero, "ddim", 10).data  # a logarithmic axis has no place for it


def test_the_words_say_the_cost_here_and_of_a_thousand_steps():
    assert (
        "**ddim** with 25 evaluations takes about 0.3 s here; a thousand steps of ddpm would take "
        "about 12 s, 40 times as long." in words(ALL, "ddim", 25, 12.0)
    )
    assert "1 evaluation takes" in words(ALL, "ddim", 1, 12.0)
    assert "here: that is a thousand steps of ddpm." in words(ALL, "ddpm", 1000, 12.0)
    assert "times as long" not in words(ALL, "heun", 1998, 12.0)
    untimed = words(ALL, "ddim", 25)
    assert "not been timed here yet; where the card was measured it took about 50 ms" in untimed
    assert "ddpm about 2 s" in untimed
    assert "1,000 evaluations, 40 times as many" in words([], "ddim", 25)


def test_the_words_name_the_cheapest_row_that_is_good_enough():
    rows = [r for r in ALL if r.guidance_scale == 1]
    said = words(rows, "ddim", 25, 12.0)
    assert "**dpmpp_2m 20** takes the fewest to come within 5 % of the best: 20 eval" in said
    assert "of 0.31, against 1,000 for 0.3 (ddpm 1000)" in said and "guidance" not in said
    assert best_value(rows).name == "dpmpp_2m 20"  # which the card's default would be
    guided = words(ALL, "ddim", 25, 12.0)
    assert "**ddim 25, guidance 1.5** is the best" in guided and "of two pictures" in guided
    fewer = [dataclasses.replace(r, frechet=0.9) if r.sampler == "dpmpp_2m" else r for r in rows]
    assert "**ddpm 1000** is the best" in words(
        [r for r in fewer if r.name != "ddim 50"], "ddim", 25, 12.0
    )
    assert "images: the fewer" not in said
    few = [dataclasses.replace(r, samples=500) if r.num_steps == 1000 else r for r in rows]
    assert "measured on 500 to 1,000 images: the fewer" in words(few, "ddim", 25, 12.0)
    assert "!" not in said


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (0.42, "0.42 ms"),
        (12, "12 ms"),
        (99.6, "0.1 s"),
        (300, "0.3 s"),
        (12_345, "12 s"),
        (100_000, "100 s"),
        (130_000, "2.2 min"),
        (7_200_000, "2 h"),
    ],
)
def test_times_have_two_digits_and_a_unit(ms, said):
    assert span(ms) == said
