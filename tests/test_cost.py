"""What steps cost: results at hand, evaluations counted, the figure and the words."""

import dataclasses
import itertools
import math
import shutil
from pathlib import Path

import pytest
import torch
from fakehub import hub
from measured import results, row

from diffusion_core.checkpoint import RESULTS, load_checkpoint
from diffusion_core.evaluation import ReferenceRow, Results, SamplerRow, best_value
from diffusion_core.samplers import SAMPLERS, count_evaluations, sample
from diffusion_core.schedule import SPACINGS, make_schedule
from tabs.denoise.cost import results_of, words
from tabs.denoise.cost_figure import NOW, PLACES, figure, places
from tabs.shared.figures import END
from tabs.shared.text import span

__all__ = ["hub"]  # the fixture
SHIPPED = Path(__file__).parents[1] / "pretrained" / "fashion-mnist"
REFERENCES = (
    ReferenceRow("training images", 1000, 0.1, 0.94),
    ReferenceRow("plain noise", 1000, 37.67),
)


def evaluations(schedule, sampler, num_steps, spacing="trailing", t_start=None) -> int:
    steps = schedule.timesteps(num_steps, spacing, t_start)
    return count_evaluations(sampler, [*steps, -1], schedule)


def measured(name: str, nfe: int, frechet: float) -> SamplerRow:
    return row(name, frechet, nfe, num_samples=1000, milliseconds_per_image=2.0 * nfe)


def of(rows) -> Results:
    return results(*rows, references=REFERENCES)


ROWS = (
    measured("ddim 10", 10, 0.6),
    measured("ddim 50", 50, 0.32),
    measured("ddim 25", 25, 0.4),
    measured("ddim 25, guidance 1.5", 25, 0.2),
    measured("ddim 50, eta 1", 50, 0.5),
    measured("dpmpp_2m 20", 20, 0.31),
    measured("heun 10", 18, 0.35),
    measured("ddpm 1000", 1000, 0.3),
)
ALL = of(ROWS)


def test_the_shipped_results_count_evaluations_as_the_sampler_does():
    found = Results.from_json((SHIPPED / RESULTS).read_text(encoding="utf-8"))
    rows = {r.name: r for r in found.samplers}
    assert rows["ddim 25"].num_evaluations == 25 and rows["ddim 25"].plain
    assert not rows["ddim 25, guidance 1.5"].plain
    schedule = load_checkpoint(SHIPPED).schedule
    for r in rows.values():
        assert evaluations(schedule, r.sampler, r.num_steps, r.spacing) == r.num_evaluations


def test_results_are_those_of_a_folder_or_of_a_model_of_the_hub(hub, tiny_folder, tmp_path):
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "mine"))
    here = load_checkpoint(folder)
    assert results_of(here) is None
    found = results(*ROWS, weights=here.weights_hash)
    (folder / RESULTS).write_text(found.to_json(), encoding="utf-8")
    assert results_of(here) == found
    hub.add("me/tiny", folder)
    assert results_of(load_checkpoint("me/tiny")) == found


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
    others = {name for name in SAMPLERS if not any(r.sampler == name for r in ROWS)}
    every = of((*ROWS, *(measured(f"{name} 30", 30, 0.34) for name in others)))
    traces = {t.name: t for t in figure(every, "ddim", 25, 12.0).data}
    curves = {n: t for n, t in traces.items() if t.mode.startswith("lines")}
    assert curves.keys() == set(SAMPLERS)
    assert curves["ddim"].x == (10, 25, 50) and curves["ddim"].y == (0.6, 0.4, 0.32)
    assert len({t.line.dash for t in curves.values()}) == len(SAMPLERS)
    assert len({t.marker.symbol for t in curves.values()}) == len(SAMPLERS)
    single = traces.keys() - curves.keys()
    assert single == {"ddim 25, guidance 1.5", "ddim 50, eta 1"}
    assert all(traces[n].marker.symbol == "square-open" for n in single)
    assert traces["ddim 50, eta 1"].text == ("eta 1",)


def test_curves_are_named_at_their_ends_and_neither_title_nor_choice_lies_on_a_name():
    others = {name for name in SAMPLERS if not any(r.sampler == name for r in ROWS)}
    every = of((*ROWS, *(measured(f"{name} 30", 30, 0.34) for name in others)))
    layout = figure(every, "ddim", 25, 12.0).layout
    assert layout.showlegend is False and layout.title.text
    names = [a for a in layout.annotations if a.name == END]
    assert {a.text.rpartition(" ")[2] for a in names} == set(SAMPLERS)
    assert len({a.text for a in names}) == len(SAMPLERS)  # each with the sign of its marks
    room = layout.height - layout.margin.t - layout.margin.b
    heights = sorted(a.y * room for a in names)
    assert all(b - a > 17.9 for a, b in itertools.pairwise(heights))
    assert heights[0] >= 0 and heights[-1] <= room
    keys = [s for s in layout.shapes if s.name == END]
    assert [k.line.dash for k in keys] and len({k.line.dash for k in keys}) > 4
    # Above the plot are the title's line, and below it the choice's three lines.
    assert layout.margin.t >= 8 + 1.3 * layout.title.font.size + 3 * 1.3 * 16


def test_names_beside_marks_cover_neither_each_other_nor_a_mark():
    near = [
        measured(f"ddim {n}, guidance {g}", n, 4.6 + g / 100)
        for n in (9, 10, 20, 24, 25)
        for g in (1.5, 2, 4)
    ]
    made = figure(of([*near, *ROWS]), "ddim", 25, 12.0)
    shown = [t for t in made.data if "text" in t.mode]
    assert 3 <= len(shown) < len(near)  # the others would not be readable
    marks, names = [(100, 100), (104, 100), (8, 100)], ["guidance 2", "guidance 4", "eta 1"]
    found = places(marks, names, (250, 240), 16, (8, 20))
    assert found == ["top center", "bottom center", "middle right"]
    assert places(marks[:1] * 9, ["x"] * 9, (250, 240), 16, (8, 20)) == [*PLACES, None]
    assert places(marks[:1], [""], (250, 240), 16, (8, 20)) == [None]
    above = [[(0, 120), (250, 120)]]  # a line above the marks
    assert places(marks[:1], ["eta 1"], (250, 240), 16, (8, 20), above) == ["bottom center"]
    assert places(marks[:1], ["eta 1"], (250, 240), 16, (8, 20), [[(0, 199), (250, 199)]]) == [
        "top center"
    ]


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
    (line,) = [s for s in made.layout.shapes if s.line.color != NOW and s.name != END]
    assert line.y0 == line.y1 == 0.1 and line.line.dash
    assert any(a.text == "training images: 0.10" for a in made.layout.annotations)
    low, high = (10**v for v in made.layout.yaxis.range)
    assert low < 0.1 and 0.6 < high < 1
    (words,) = [a for a in made.layout.annotations if a.text.startswith("training")]
    (beside,) = [
        a for a in figure(ALL, "ddpm", 1000).layout.annotations if a.text.startswith("training")
    ]
    assert (words.xanchor, beside.xanchor) == ("right", "left")  # where the choice is not
    assert made.layout.paper_bgcolor == made.layout.plot_bgcolor == "rgba(0,0,0,0)"


def test_a_card_without_a_table_is_one_sentence_and_an_empty_figure():
    made = figure(None, "heun", 18)
    assert not made.data and [s.x0 for s in made.layout.shapes] == [18]
    assert any("no measurements" in a.text for a in made.layout.annotations)
    for found in (None, of([])):
        said = words(found, "heun", 18, 10.0)
        assert said.startswith("**heun** with 18 evaluations takes about 0.18 s here; a thousand")
        assert said.count("`python -m diffusion_core evaluate --model FOLDER` makes it.") == 1
        said = words(found, "heun", 18, 10.0, measurable=False)
        assert "evaluate" not in said and said.endswith("and no test images are known for it.")
    zero = dataclasses.replace(ROWS[0], frechet_distance=0.0)
    assert not figure(of([zero]), "ddim", 10).data  # a logarithmic axis has no place for it


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
    assert "1,000 evaluations, 40 times as many" in words(None, "ddim", 25)


def test_the_words_name_the_cheapest_row_that_is_good_enough():
    rows = [r for r in ROWS if r.guidance_scale == 1]
    said = words(of(rows), "ddim", 25, 12.0)
    assert "**dpmpp_2m 20** takes the fewest to come within 5 % of the best: 20 eval" in said
    assert "of 0.31, against 1,000 for 0.3 (ddpm 1000)" in said and "guidance" not in said
    assert best_value(of(rows)).name == "dpmpp_2m 20"  # which the card's default would be
    guided = words(ALL, "ddim", 25, 12.0)
    assert "**ddim 25, guidance 1.5** is the best" in guided and "of two pictures" in guided
    fewer = [r for r in rows if r.name not in ("ddim 50", "dpmpp_2m 20")]
    assert "**ddpm 1000** is the best" in words(of(fewer), "ddim", 25, 12.0)
    assert "images: the fewer" not in said
    few = [dataclasses.replace(r, num_samples=500) if r.num_steps == 1000 else r for r in rows]
    assert "measured on 500 to 1,000 images: the fewer" in words(of(few), "ddim", 25, 12.0)
    assert "!" not in said


def test_figures_in_full_precision_are_told_as_in_the_table():
    exact = of([measured("ddim 10", 10, 1 / 3), measured("ddim 50", 50, 0.3200001)])
    said = words(exact, "ddim", 25, 12.0)
    assert "for a Frechet distance of 0.33, against 50 for 0.32 (ddim 50)" in said
    (shown,) = figure(exact, "ddim", 25).data
    assert shown.y == (1 / 3, 0.3200001)
    assert "Frechet distance 0.33, of 1,000 images" in shown.customdata[0]


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
