"""Results measured again, and the card that shows them: what stays and what goes."""

import dataclasses
import json
import re

import pytest
from measured import JUDGE, REFERENCE, results, row

from diffusion_core.checkpoint import (
    CARD,
    CONFIG,
    RESULTS,
    CheckpointConfig,
    load_checkpoint,
    save_checkpoint,
)
from diffusion_core.evaluation import (
    Conditions,
    JudgeFacts,
    Results,
    best_value,
    default_words,
    read_results,
    results_markdown,
    save_results,
)
from diffusion_core.evaluation.evaluate import ROWS
from diffusion_core.publishing import keep_default, write_card

ELSEWHERE = "some rows are kept from an earlier measurement, in other circumstances;"
FIRST = ("ddim 10", "ddim 25", "heun 10", "ddpm 50")


def text(folder):
    return (folder / CARD).read_text(encoding="utf-8")


def kept(folder):
    return Results.from_json((folder / RESULTS).read_text(encoding="utf-8"))


def write(folder, model, *rows, **others):
    found = results(*rows, weights=model.weights_hash, **others)
    write_card(folder, model, save_results(folder, found))


@pytest.fixture
def model(tiny_folder):
    return load_checkpoint(tiny_folder)


@pytest.fixture
def folder(model, tmp_path):
    """Results with four rows, and their card."""
    write(tmp_path, model, *(row(name, 0.5) for name in FIRST))
    return tmp_path


def test_rows_measured_anew_take_their_places_among_the_others(folder, model):
    anew = [row("dpmpp_2m 20", 0.2), row("ddim 25", 0.3), row("ddim 25, guidance 1.5", 0.4)]
    write(folder, model, *anew)
    read = {r.name: r.frechet_distance for r in kept(folder).samplers}
    order = [each.words for each in ROWS]
    assert list(read) == [name for name in order if name in read]
    assert read == {
        "ddim 10": 0.5,
        "ddim 25": 0.3,
        "ddim 25, guidance 1.5": 0.4,
        "dpmpp_2m 20": 0.2,
        "heun 10": 0.5,
        "ddpm 50": 0.5,
    }
    assert kept(folder).references == (REFERENCE,)
    assert [line.split(" | ")[0] for line in text(folder).splitlines() if line[:2] == "| "][1:] == [
        "| training images",
        *(f"| {name}" for name in read),
    ]
    assert text(folder).count("Judge:") == 1 and ELSEWHERE not in text(folder)


@pytest.mark.parametrize("change", ["weights", "precision", "judge", "attributes"])
def test_rows_of_something_else_go(change, folder, model):
    judge, precision, anew = JUDGE, "fp32", row("ddim 25", 0.3)
    if change == "weights":
        model = dataclasses.replace(model, weights_hash="0" * 64)
    elif change == "precision":
        precision = "bf16"
    elif change == "judge":
        judge = JudgeFacts(0.5)
    else:
        anew = dataclasses.replace(anew, attribute_accuracy=0.5)
    write(folder, model, anew, judge=judge, precision=precision)
    assert kept(folder).samplers == (anew,)
    assert "heun" not in text(folder)


def test_rows_kept_from_another_machine_are_said_to_be_until_all_are_new(folder, model):
    there = Conditions("fp32", "1.0", 64, "riscv64")
    before = dataclasses.replace(kept(folder), conditions=there)
    (folder / RESULTS).write_text(before.to_json(), encoding="utf-8")
    for name in ("ddim 25", "heun 10"):  # the second time the note is of this machine already
        write(folder, model, row(name, 0.3))
        assert text(folder).count(ELSEWHERE) == 1
    conditions = {r.name: r.conditions for r in kept(folder).samplers}
    assert conditions == {"ddim 10": there, "ddim 25": None, "heun 10": None, "ddpm 50": there}
    assert kept(folder).conditions == Conditions.here("fp32")
    write(folder, model, *(row(name, 0.2) for name in FIRST))
    assert ELSEWHERE not in text(folder)


def test_rows_without_a_time_are_said_to_be_of_another_processor():
    timeless = row("ddim 25", 0.3, milliseconds_per_image=None, conditions=Conditions("bf16"))
    words = results_markdown(results(timeless, row("ddim 10", 0.4)))
    assert "; rows without a time in bf16 on another processor, whose milliseconds" in words
    timed = dataclasses.replace(timeless, milliseconds_per_image=1.0)
    assert ELSEWHERE in results_markdown(results(timed, row("ddim 10", 0.4)))


def test_what_was_measured_of_other_weights_is_not_believed(folder, model):
    assert read_results(folder, model.weights_hash) == kept(folder)
    assert read_results(folder, "0" * 64) is None
    other = dataclasses.replace(model, weights_hash="0" * 64)
    assert keep_default(folder, other) is other


def test_saving_other_weights_removes_what_was_measured(folder, model):
    save_checkpoint(folder, model.unet, model.config)
    assert not (folder / RESULTS).exists() and "| ddim" not in text(folder)
    assert read_results(folder, model.weights_hash) is None


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        '{"format": "diffusion-playground/results-1"}',
        '{"format": "diffusion-playground/results-2"}',
        "\x00",
        "\ud800",
    ],
)
def test_broken_results_are_as_none(broken, folder, model):
    (folder / RESULTS).write_bytes(broken.encode("utf-8", "surrogatepass"))
    (folder / CARD).write_text("# A model\n")
    assert read_results(folder, model.weights_hash) is None
    assert keep_default(folder, model) is model
    write(folder, model, row("ddim 25", 0.3))
    assert [r.name for r in kept(folder).samplers] == ["ddim 25"]


def test_what_a_card_says_of_the_training_follows_it(folder, model):
    went_on = dict(model.config.training) | {"steps": 9, "command": "train --out elsewhere"}
    config = dataclasses.replace(model.config, training=went_on)
    later = dataclasses.replace(model, config=config)
    before = text(folder)
    smaller = re.sub(r"[0-9.]+ M parameters", "0.01 M parameters", before)
    assert smaller != before
    (folder / CARD).write_text(smaller, encoding="utf-8")
    write(folder, later, row("ddim 10", 0.4))
    assert text(folder).splitlines()[7:9] == before.splitlines()[7:9]  # name, then the network
    assert "    train --out elsewhere\n\n9 steps. " in text(folder)
    assert before.count("## Training") == text(folder).count("## Training") == 1
    own = text(folder).replace("    train --out elsewhere", "As I like it.")
    (folder / CARD).write_text(own, encoding="utf-8")
    write(folder, later, row("ddim 10", 0.4))
    assert "As I like it." in text(folder)


def test_the_default_is_as_good_as_the_best_in_the_fewest_evaluations():
    rows = [
        row("ddim 10", 1.1),
        row("ddim 50", 1.0),
        row("heun 10", 1.04, 18),
        row("dpmpp_2m 20", 1.05),
    ]
    assert best_value(results(*rows)).name == "heun 10"
    words = default_words(results(*rows))
    assert "heun 10. It takes" in words and "within 5% of the best one's, ddim 50." in words
    assert best_value(results(*rows[:3:2])).name == "heun 10"
    words = default_words(results(*rows[:3:2]))
    assert "heun 10. It has the smallest Frechet distance, and no row" in words
    assert best_value(results(*rows, row("ddpm 10", 1.06))).name == "heun 10"
    assert best_value(results(*rows, row("ddim 10, eta 1", 0.5))).name == "heun 10"
    assert best_value(results()) is None and default_words(results()) == ""


def test_the_default_shows_the_attributes_if_any_row_does():
    real = dataclasses.replace(REFERENCE, attribute_accuracy=0.99)
    inaccurate = row("ddim 10", 1.0, attribute_accuracy=0.7)
    late = row("ddim 20, guidance 2", 1.5, attribute_accuracy=0.95)
    soon = row("ddim 10, guidance 2", 1.57, attribute_accuracy=0.96)
    found = results(inaccurate, late, soon, references=[real])
    assert best_value(found) is soon
    assert "at least 95% of the attributes" in default_words(found)
    assert best_value(results(inaccurate, references=[real])) is inaccurate


def test_a_measured_model_begins_with_its_default(folder, model):
    config = dataclasses.replace(model.config, sampling={"label": "Bag", "sampler": "ddpm"})
    chosen = keep_default(folder, dataclasses.replace(model, config=config))
    assert CheckpointConfig.from_json((folder / CONFIG).read_text()) == chosen.config
    assert chosen.config.sampling == {
        "sampler": "ddim",
        "num_steps": 10,
        "guidance_scale": 1.0,
        "spacing": "trailing",
        "label": "Bag",
    }
    assert "Default, by this table: ddim 10." in text(folder)
    write(folder, model, row("heun 10", 0.3))
    assert keep_default(folder, chosen).config.sampling["sampler"] == "heun"
    assert text(folder).count("Default, by this table") == 1
    write(folder, model, row("dpmpp_2m 10, karras", 0.2))
    latest = keep_default(folder, chosen)
    assert latest.config.sampling["spacing"] == "karras"
    write(folder, latest)
    assert "--sampler dpmpp_2m --steps 10 --spacing karras --out" in text(folder)
    (folder / CARD).unlink()
    assert keep_default(folder, chosen).config == latest.config  # the card is a view of the results
    (folder / RESULTS).unlink()
    assert keep_default(folder, chosen) is chosen


def test_the_file_names_what_was_measured_in_full_precision(folder, model):
    values = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    assert values["format"] == "diffusion-playground/results-1"
    assert values["weights"] == model.weights_hash
    write(folder, model, row("ddim 10", 1 / 3))
    assert kept(folder).samplers[0].frechet_distance == 1 / 3
    assert "| ddim 10 | 10 | 0.33 |" in text(folder)
