"""Cards from before there was results.json still open: legacy_card.md is one of them."""

import dataclasses
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured import REFERENCE, results, row

from diffusion_core.checkpoint import CARD, RESULTS, TABLE_BEGIN, TABLE_END, load_checkpoint
from diffusion_core.evaluation import (
    Conditions,
    JudgeFacts,
    ReferenceRow,
    Results,
    SamplerRow,
    best_value,
    read_results,
    results_markdown,
    save_results,
)
from diffusion_core.evaluation.legacy_card import ELSEWHERE, read_legacy_card
from diffusion_core.publishing import keep_default, write_card
from diffusion_core.samplers import SAMPLERS
from diffusion_core.schedule import SPACINGS

LEGACY = (Path(__file__).parent / "legacy_card.md").read_text(encoding="utf-8")
ROOT = Path(__file__).parents[1] / "pretrained"


def card(found: Results) -> str:
    """A card as it was written then."""
    body = f"{TABLE_BEGIN}\n{results_markdown(found)}\n{TABLE_END}"
    return f"# A model\n\n{body}\n\n| x | y |\n"


def test_a_card_of_then_is_read_whole():
    read = read_legacy_card(LEGACY)
    now = Results.from_json((ROOT / "avatars" / RESULTS).read_text(encoding="utf-8"))
    assert read.weights == now.weights[:12] and read.conditions == now.conditions
    assert read.judge == JudgeFacts(None, 192, True, True) and read.judge.words == now.judge.words
    assert read.references == now.references and read.samplers == now.samplers
    assert len(read.samplers) == 21 and len(read.references) == 3
    assert [(a.name, a.values, sorted(a.generated)) for a in read.attributes] == [
        (a.name, a.values, [1.0, 2.0]) for a in now.attributes
    ]
    assert read.attributes[5].generated == {1.0: 0.958, 2.0: 0.973}
    assert best_value(read).name == "dpmpp_2m 10, karras, guidance 2"


def test_it_is_read_only_where_there_are_no_results(tmp_path):
    weights = load_checkpoint(ROOT / "avatars").weights_hash
    (tmp_path / CARD).write_text(LEGACY, encoding="utf-8")
    assert read_results(tmp_path, weights) == read_legacy_card(LEGACY)
    assert read_results(tmp_path, "0" * 64) is None  # they are of other weights
    found = results(row("ddim 10", 1.0), weights=weights)
    (tmp_path / RESULTS).write_text(found.to_json(), encoding="utf-8")
    assert read_results(tmp_path, weights) == found
    (tmp_path / RESULTS).write_text("{", encoding="utf-8")
    assert read_results(tmp_path, weights) == read_legacy_card(LEGACY)
    (tmp_path / CARD).write_bytes(b"\xff" * 9)
    assert read_results(tmp_path, weights) is None


def test_a_folder_of_then_is_measured_again_and_its_rows_are_kept(tiny_folder, tmp_path):
    model = load_checkpoint(tiny_folder)
    old = results(row("ddim 10", 0.5), row("heun 10", 0.3, 18), weights=model.weights_hash)
    (tmp_path / CARD).write_text(card(old), encoding="utf-8")
    kept = keep_default(tmp_path, model)
    assert (kept.config.sampling["sampler"], kept.config.sampling["num_steps"]) == ("heun", 10)
    anew = results(row("ddim 10", 0.25), weights=model.weights_hash)
    write_card(tmp_path, model, save_results(tmp_path, anew))
    now = Results.from_json((tmp_path / RESULTS).read_text(encoding="utf-8"))
    assert now.samplers == (*anew.samplers, *old.samplers[1:])
    assert now.weights == model.weights_hash
    text = (tmp_path / CARD).read_text(encoding="utf-8")
    assert "| heun 10 | 18 | 0.30 |" in text and "| ddim 10 | 10 | 0.25 |" in text


def test_rows_that_were_kept_then_are_of_unknown_conditions():
    older = Conditions("fp32", "1.0", 3, "mips")
    old = results(row("ddim 10", 0.5), row("heun 10", 0.3, 18, conditions=older))
    text = card(old)
    assert ELSEWHERE in text
    assert {r.conditions for r in read_legacy_card(text).samplers} == {Conditions("fp32")}


@given(
    st.sampled_from(SAMPLERS),
    st.integers(1, 1000),
    st.floats(0, 1),
    st.floats(0, 8),
    st.integers(1, 10**6),
    st.floats(0, 1e6),
    st.none() | st.floats(0, 1),
    st.none() | st.floats(0, allow_infinity=False),
    st.sampled_from(SPACINGS),
)
def test_what_the_writer_wrote_is_read_back(
    sampler, steps, eta, guidance, samples, frechet, accuracy, ms, spacing
):
    written = SamplerRow(
        sampler,
        steps,
        2 * steps - 1,
        samples,
        frechet,
        accuracy,
        None,
        None,
        ms,
        spacing,
        eta,
        guidance,
    )
    found = read_legacy_card(card(results(written)))
    assert found.references == (ReferenceRow("training images", 2000, 0.1, 0.94),)
    assert found.samplers == (
        dataclasses.replace(
            written,
            frechet_distance=float(f"{frechet:.2f}"),
            class_accuracy=None if accuracy is None else float(f"{accuracy:.3f}"),
            milliseconds_per_image=None if ms is None else float(f"{ms:.1f}"),
            eta=float(f"{eta:g}"),
            guidance_scale=float(f"{guidance:g}"),
        ),
    )
    assert found.conditions == Conditions.here("fp32") and found.weights == "a" * 12
    (read,) = found.samplers
    assert read.plain == (read.eta == 0 and read.guidance_scale == 1 and spacing == "trailing")


def test_what_is_no_table_gives_nothing_and_what_is_no_row_is_left_out():
    good = card(results(row("ddim 25", 0.4)))
    read = read_legacy_card(good)
    assert len(read.samplers) == len(read.references) == 1
    assert read_legacy_card(good.replace("\n", "\r\n")) == read
    for none in (
        "",
        "# A model\n",
        f"{TABLE_BEGIN}\n{TABLE_END}",
        good.replace(TABLE_END, ""),
        good.replace(TABLE_BEGIN, ""),
        good.replace("| Frechet", "| Other"),
    ):
        assert read_legacy_card(none) is None
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
        read = read_legacy_card(good.replace(*broken))
        assert not read.samplers and read.references == (REFERENCE,), broken


@given(st.text(alphabet="| -.,:0129aegnitx\n\r\x0b", max_size=200), st.randoms())
def test_reading_never_raises(text: str, chance: random.Random):
    whole = LEGACY if chance.random() < 0.5 else card(results(row("ddim 25", 0.4)))
    cut, end = sorted(chance.randrange(len(whole)) for _ in "ab")
    for each in (text, whole[:cut] + text + whole[end:]):
        read = read_legacy_card(each)
        assert read is None or isinstance(read, Results)


@pytest.mark.parametrize("name", ["avatars", "fashion-mnist"])
def test_a_shipped_card_reads_as_its_results(name):
    read = read_legacy_card((ROOT / name / CARD).read_text(encoding="utf-8"))
    now = Results.from_json((ROOT / name / RESULTS).read_text(encoding="utf-8"))
    assert [dataclasses.replace(r, conditions=None) for r in now.samplers] == list(read.samplers)
    assert now.references == read.references and now.belongs_to(now.weights)
