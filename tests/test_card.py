"""The card's measured table, written again: what stays and what goes."""

import dataclasses
import re

import pytest

from diffusion_core.checkpoint import CONFIG, CheckpointConfig, load_checkpoint
from diffusion_core.evaluation import CardRow, Row, best_value, default_words, read_table
from diffusion_core.evaluation.evaluate import ROWS
from diffusion_core.publishing import keep_default, write_card
from diffusion_core.publishing.card import ELSEWHERE

SCALE = Row("training images", 0, 2000, 0.1, 0.94, None, None)
JUDGE = {"test_accuracy": 0.92}


def row(name, frechet):
    return Row(name, int(name.split()[1].rstrip(",")), 2000, frechet, 0.9, 1.0, 9.5)


def text(folder):
    return (folder / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def model(tiny_folder):
    return load_checkpoint(tiny_folder)


@pytest.fixture
def folder(model, tmp_path):
    """A card with four rows."""
    first = [SCALE, *(row(name, 0.5) for name in ("ddim 10", "ddim 25", "heun 10", "ddpm 50"))]
    write_card(tmp_path, model, first, JUDGE, "fp32")
    return tmp_path


def test_rows_measured_anew_take_their_places_among_the_others(folder, model):
    anew = [SCALE, row("dpmpp_2m 20", 0.2), row("ddim 25", 0.3), row("ddim 25, guidance 1.5", 0.4)]
    write_card(folder, model, anew, JUDGE, "fp32")
    read = {r.name: r.frechet for r in read_table(text(folder))}
    order = [each.words for each in ROWS]
    assert list(read) == ["training images", *(name for name in order if name in read)]
    assert read == {
        "training images": 0.1,
        "ddim 10": 0.5,
        "ddim 25": 0.3,
        "ddim 25, guidance 1.5": 0.4,
        "dpmpp_2m 20": 0.2,
        "heun 10": 0.5,
        "ddpm 50": 0.5,
    }
    assert text(folder).count("Judge:") == 1 and ELSEWHERE not in text(folder)


@pytest.mark.parametrize("change", ["weights", "precision", "judge", "columns"])
def test_rows_of_something_else_go(change, folder, model):
    judge, precision, anew = JUDGE, "fp32", [SCALE, row("ddim 25", 0.3)]
    if change == "weights":
        model = dataclasses.replace(model, weights_hash="0" * 64)
    elif change == "precision":
        precision = "bf16"
    elif change == "judge":
        judge = {"test_accuracy": 0.5}
    else:
        anew = [dataclasses.replace(each, attributes=0.5) for each in anew]
    write_card(folder, model, anew, judge, precision)
    assert [r.name for r in read_table(text(folder))] == ["training images", "ddim 25"]


def test_rows_kept_from_another_machine_are_said_to_be_until_all_are_new(folder, model):
    card = folder / "README.md"
    card.write_text(re.sub(r"torch [\d.]+", "torch 1.0", text(folder)), encoding="utf-8")
    for name in ("ddim 25", "heun 10"):  # the second time the note is of this machine already
        write_card(folder, model, [SCALE, row(name, 0.3)], JUDGE, "fp32")
        assert text(folder).count(ELSEWHERE) == 1
    assert len(read_table(text(folder))) == 5
    every = [SCALE, *(row(name, 0.2) for name in ("ddim 10", "ddim 25", "heun 10", "ddpm 50"))]
    write_card(folder, model, every, JUDGE, "fp32")
    assert ELSEWHERE not in text(folder)


def test_a_broken_row_of_the_card_is_left_out(folder, model):
    card = folder / "README.md"
    card.write_text(text(folder).replace("| heun 10 |", "| heun 10"), encoding="utf-8")
    write_card(folder, model, [SCALE, row("ddim 25", 0.3)], JUDGE, "fp32")
    assert [r.name for r in read_table(text(folder))][-1] == "ddpm 50"
    assert "heun" not in text(folder)


def test_what_a_card_says_of_the_training_follows_it(folder, model):
    went_on = dict(model.config.training) | {"steps": 9, "command": "train --out elsewhere"}
    config = dataclasses.replace(model.config, training=went_on)
    later = dataclasses.replace(model, config=config)
    before = text(folder)
    smaller = re.sub(r"[0-9.]+ M parameters", "0.01 M parameters", before)
    assert smaller != before
    (folder / "README.md").write_text(smaller, encoding="utf-8")
    write_card(folder, later, [row("ddim 10", 0.4)], JUDGE, "fp32")
    assert text(folder).splitlines()[7:9] == before.splitlines()[7:9]  # name, then the network
    assert "    train --out elsewhere\n\n9 steps. " in text(folder)
    assert before.count("## Training") == text(folder).count("## Training") == 1
    own = text(folder).replace("    train --out elsewhere", "As I like it.")
    (folder / "README.md").write_text(own, encoding="utf-8")
    write_card(folder, later, [row("ddim 10", 0.4)], JUDGE, "fp32")
    assert "As I like it." in text(folder)


def measured(name, frechet, attributes=None):
    """A row of a card, read back; heun looks twice a step, but for the last."""
    sampler, steps = name.split(",")[0].split()
    count = int(steps) if sampler != "heun" else 2 * int(steps) - 2
    scale = float(name.split("guidance ")[1]) if "guidance" in name else 1.0
    return CardRow(
        name, sampler, int(steps), count, 0.0, scale, frechet, 0.9, 1.0, 9.5, 500, attributes
    )


def test_the_default_is_as_good_as_the_best_in_the_fewest_evaluations():
    rows = [
        measured("ddim 10", 1.1),
        measured("ddim 50", 1.0),
        measured("heun 10", 1.04),
        measured("dpmpp_2m 20", 1.05),
    ]
    assert best_value(rows).name == "heun 10"
    words = default_words(rows)
    assert "heun 10. It takes" in words and "within 5% of the best one's, ddim 50." in words
    assert best_value(rows[:3:2]).name == "heun 10"
    assert "heun 10. It has the smallest Frechet distance, and no row" in default_words(rows[:3:2])
    assert best_value([*rows, measured("ddpm 10", 1.06)]).name == "heun 10"
    assert best_value([]) is None and default_words([]) == ""


def test_the_default_obeys_if_anything_does():
    scale = CardRow("training images", None, 0, 0, 0, 1, 0.1, 1.0, None, None, 500, 0.99)
    disobedient, late = measured("ddim 10", 1.0, 0.7), measured("ddim 20, guidance 2", 1.5, 0.95)
    soon = measured("ddim 10, guidance 2", 1.57, 0.96)
    rows = [scale, disobedient, late, soon]
    assert best_value(rows) is soon
    assert "at least 95% of the attributes" in default_words(rows)
    assert best_value([scale, disobedient]) is disobedient


def test_a_measured_model_begins_with_its_default(folder, model):
    config = dataclasses.replace(model.config, sampling={"label": "Bag", "sampler": "ddpm"})
    kept = keep_default(folder, dataclasses.replace(model, config=config))
    assert CheckpointConfig.from_json((folder / CONFIG).read_text()) == kept.config
    assert kept.config.sampling == {
        "sampler": "ddim",
        "num_steps": 10,
        "guidance_scale": 1.0,
        "spacing": "trailing",
        "label": "Bag",
    }
    assert "Default, by this table: ddim 10." in text(folder)
    write_card(folder, model, [SCALE, row("heun 10", 0.3)], JUDGE, "fp32")
    assert keep_default(folder, kept).config.sampling["sampler"] == "heun"
    assert text(folder).count("Default, by this table") == 1
    write_card(folder, model, [SCALE, row("dpmpp_2m 10, karras", 0.2)], JUDGE, "fp32")
    chosen = keep_default(folder, kept)
    assert chosen.config.sampling["spacing"] == "karras"
    write_card(folder, chosen, [SCALE], JUDGE, "fp32")
    assert "--sampler dpmpp_2m --steps 10 --spacing karras --out" in text(folder)
    (folder / "README.md").unlink()
    assert keep_default(folder, kept) is kept
