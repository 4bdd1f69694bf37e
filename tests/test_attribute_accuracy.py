"""Models with attributes measured: the judge of many heads, what is asked for, both tables."""

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from conftest import avatars
from measured import results, row
from safetensors.torch import save_file

from diffusion_core.__main__ import main
from diffusion_core.checkpoint import CARD, RESULTS, load_checkpoint
from diffusion_core.checkpoint.store import without_table
from diffusion_core.data import AvatarFile, load_dataset
from diffusion_core.evaluation import (
    AttributeAccuracy,
    AttributeJudge,
    JudgeFacts,
    Results,
    Setting,
    attribute_table,
    attributes,
    conditions_of,
    evaluate,
    judged,
    load_judge,
    results_markdown,
    rights,
    table,
)
from diffusion_core.evaluation.attributes import default_scales, measure_attributes
from diffusion_core.evaluation.metrics import nearest_distances
from diffusion_core.schedule import make_schedule

SIZES = (3, 48, 30, 9, 5, 7, 8)
DATA = avatars()
FEW = dataclasses.replace(
    DATA, pictures=DATA.pictures[:60], labels=DATA.labels[:60], attributes=DATA.attributes[:60]
)
ROW = row("ddim 25", 0.5, nearest_training_distance=1.0, attribute_accuracy=0.75)


@pytest.fixture(scope="module")
def judge_folder(tmp_path_factory):
    """An untrained judge, narrower than the shipped one, kept in half precision as that is."""
    folder = tmp_path_factory.mktemp("judge")
    torch.manual_seed(0)
    judge = AttributeJudge(3, SIZES, (8, 8, 12))
    save_file(
        {k: v.half() if v.is_floating_point() else v for k, v in judge.state_dict().items()},
        folder / "model.safetensors",
    )
    facts = {"dataset": "avatars", "test_accuracy": 0.9, "features": 12}
    (folder / "config.json").write_text(json.dumps(facts))
    return folder


def test_rights_count_only_what_was_said():
    seen = torch.tensor([[0, 1, 2], [0, 1, 0], [1, 1, 1]])
    said = torch.tensor([[0, 1, -1], [1, 0, -1], [1, -1, -1]])
    share = rights(seen, said)
    torch.testing.assert_close(share[:2], torch.tensor([2 / 3, 1 / 2]))
    assert share[2].isnan()
    assert float(rights(torch.tensor([1, 2]), torch.tensor([1, 0]))[0]) == 0.5


def test_a_judge_is_read_back_with_a_head_for_each_part(judge_folder):
    judge = load_judge(judge_folder)
    assert isinstance(judge, AttributeJudge) and not judge.training
    assert [head.out_features for head in judge.heads] == list(SIZES)
    x, _ = FEW.batch(torch.arange(5))
    features, seen = judged(judge, x, batch_size=2)
    assert features.shape == (5, 12) and seen.shape == (5, 7)
    assert seen[:, 1].tolist() == judge(x)[1].argmax(1).tolist()


def test_samples_are_asked_for_what_the_test_images_show():
    said = conditions_of(FEW, 60)
    every = FEW.conditions(torch.arange(60))
    assert sorted(said.tolist()) == sorted(every.tolist()) and not torch.equal(said, every)
    assert torch.equal(conditions_of(FEW, 130)[60:120], said)
    assert torch.equal(conditions_of(FEW, 10, attributes=False), said[:10, 0])
    assert conditions_of(load_dataset("fashion-mnist-2000"), 10) is None


def test_the_nearest_image_is_found_in_whatever_slice_it_lies(monkeypatch):
    images, _ = DATA.batch(torch.arange(60, 70))
    whole = nearest_distances(images, FEW.batch(torch.arange(60))[0])
    monkeypatch.setattr(evaluate, "SLICE", 7)
    torch.testing.assert_close(evaluate._nearest(images, FEW), whole, atol=1e-3, rtol=0)


def test_images_as_good_as_real_show_attributes_as_often_as_real(
    judge_folder, avatars_folder, monkeypatch
):
    def real(checkpoint, num, *options, conditions, **others):
        by_row = {tuple(row): i for i, row in enumerate(FEW.conditions(torch.arange(60)).tolist())}
        found = torch.tensor([by_row[tuple(r)] for r in conditions.tolist()])
        return FEW.batch(found)[0], conditions, 1, 1.0

    monkeypatch.setattr(attributes, "draw_samples", real)
    checkpoint, judge = load_checkpoint(avatars_folder), load_judge(judge_folder)
    rows = measure_attributes(checkpoint, judge, FEW, num=60)
    assert [r.name for r in rows] == ["class", *(name for name, _ in DATA.attribute_names)]
    assert [r.values for r in rows] == list(SIZES)
    for r in rows:
        assert r.generated == pytest.approx({1.0: r.real, 2.0: r.real})
    said = FEW.conditions(torch.arange(60))
    seen = judged(judge, FEW.batch(torch.arange(60))[0])[1]
    peeps = said[:, 0] == 0
    head = float((seen[peeps][:, 1] == said[peeps][:, 1]).float().mean())
    assert rows[1].real == pytest.approx(head)


def test_it_is_drawn_as_the_checkpoint_draws(judge_folder, avatars_folder, monkeypatch):
    drawn = []

    def real(checkpoint, num, setting, *, conditions, **others):
        drawn.append(setting)
        return FEW.batch(torch.arange(num))[0], conditions, 1, 1.0

    monkeypatch.setattr(attributes, "draw_samples", real)
    checkpoint, judge = load_checkpoint(avatars_folder), load_judge(judge_folder)
    own = {"sampler": "ddim", "num_steps": 7, "spacing": "karras", "guidance_scale": 3.0}
    config = dataclasses.replace(checkpoint.config, sampling=own)
    measure_attributes(dataclasses.replace(checkpoint, config=config), judge, FEW, num=20)
    assert drawn == [Setting("ddim", 7, 0.0, g, "karras") for g in (1.0, 3.0)]


def test_what_is_measured_at_is_1_and_the_default_guidance(avatars_folder):
    checkpoint = load_checkpoint(avatars_folder)
    assert default_scales(checkpoint) == (1.0, 2.0)
    config = dataclasses.replace(checkpoint.config, sampling={"guidance_scale": 3})
    assert default_scales(dataclasses.replace(checkpoint, config=config)) == (1.0, 3.0)


def test_what_the_judge_cannot_read_is_named_as_dropped():
    rows = [
        AttributeAccuracy("head", 48, 0.96, {1.0: 0.48, 2.0: 0.912}),
        AttributeAccuracy("face", 30, 0.6, {1.0: 0.1, 2.0: 0.2}),
    ]
    text = attribute_table(rows)
    assert "| head | 48 | 0.960 | 0.480 | 0.500 | 0.912 | 0.950 |" in text
    assert "| face |" not in text and "face (60%)" in text and text.endswith(".")
    assert "Dropped" not in attribute_table(rows[:1])
    unknown = [
        AttributeAccuracy("head", 48, 0.96, {1.0: None}),
        AttributeAccuracy("face", 30, None, {1.0: 0.1}),
    ]
    text = attribute_table(unknown)
    assert "| head | 48 | 0.960 |  |  |" in text and "face (in none)" in text


def test_the_column_of_attributes_stands_only_where_there_are_any():
    bare = dataclasses.replace(ROW, attribute_accuracy=None)
    with_them = table(results(ROW, bare))
    assert "| class accuracy | attributes | nearest" in with_them
    assert "| 0.900 | 0.750 | 1.00 |" in with_them and "| 0.900 |  | 1.00 |" in with_them
    without = table(results(bare))
    assert "attributes" not in without and "| 0.900 | 1.00 |" in without
    for text in (with_them, without):
        lines = text.splitlines()
        assert len({line.count("|") for line in lines}) == 1


def test_evaluate_measures_a_model_of_avatars_by_its_own_yardstick(
    judge_folder, avatars_folder, tmp_path, monkeypatch, capsys
):
    file = AvatarFile.embedded()
    AvatarFile.write(tmp_path / "avatars.npz", {"train": file.first(50), "test": file.first(30)})
    monkeypatch.setenv("AVATARS_DIR", str(tmp_path))
    folder = Path(shutil.copytree(avatars_folder, tmp_path / "model"))  # results are written to it
    call = [
        "diffusion_core",
        "evaluate",
        "--model",
        str(folder),
        "--judge",
        str(judge_folder),
        "--num",
        "8",
        "--rows",
    ]
    monkeypatch.setattr(sys, "argv", [*call, "ddim 10; dpmpp_2m 10, karras, guidance 4"])
    assert main() == 0, capsys.readouterr().err
    printed = capsys.readouterr()
    card = (folder / CARD).read_text(encoding="utf-8")
    found = Results.from_json((folder / RESULTS).read_text(encoding="utf-8"))
    assert results_markdown(found) in card
    names = [r.name for r in (*found.references, *found.samplers)]
    assert names == [
        "training images",
        "training images, 3×3 blur",
        "plain noise",
        "ddim 10",
        "dpmpp_2m 10, karras, guidance 4",
    ]
    last = found.samplers[-1]
    assert (last.num_samples, last.guidance_scale, last.spacing) == (8, 4, "karras")
    assert last.class_accuracy is not None and last.attribute_accuracy is not None
    assert found.judge == JudgeFacts(0.9, 12, True, False)
    assert found.weights == load_checkpoint(folder).weights_hash
    assert [a.name for a in found.attributes] == ["class", *(n for n, _ in DATA.attribute_names)]
    lines = [json.loads(line) for line in printed.err.splitlines() if line.startswith("{")]
    assert [line["what"] for line in lines] == names
    assert lines[-1] == {
        "what": last.name,
        "nfe": 10,
        "samples": 8,
        "frechet": last.frechet_distance,
        "accuracy": last.class_accuracy,
        "nearest": last.nearest_training_distance,
        "ms": last.milliseconds_per_image,
        "attributes": last.attribute_accuracy,
    }
    assert printed.out == f"{table(found)}\n\n{attribute_table(found.attributes)}\n"
    assert "--label open-peeps --attribute head=afro" in card and "- skin: pale, light" in card
    assert "CC0 1.0" in card
    assert "Dropped" in card and "its 12 features against all held-out" in card
    assert "Dropped" not in without_table(card)
    monkeypatch.setattr(sys, "argv", [*call, "ddim 7"])
    assert main() == 2 and "There is no row 'ddim 7'" in capsys.readouterr().err


def test_the_judge_learns_only_from_what_applies():
    from pretrained.recipes.avatars_judge import ASIDE, loss_of

    logits = [torch.zeros(2, 3), torch.tensor([[5.0, 0], [0, 5]]), torch.zeros(2, 4)]
    said = torch.tensor([[0, 1, -1], [2, -1, -1]])
    first, second = torch.log(torch.tensor(3.0)), torch.log1p(torch.exp(torch.tensor(5.0)))
    torch.testing.assert_close(loss_of(logits, said, 3), first + second)
    torch.testing.assert_close(loss_of(logits, said, 1), first + ASIDE * second)


def test_trials_compare_schedules_at_the_same_noise():
    from pretrained.recipes.avatars_trials import LOG_SNRS, timestep_of

    for name in ("cosine", "sigmoid"):
        schedule = make_schedule(name)
        for level in LOG_SNRS:
            t = timestep_of(level, schedule)
            assert abs(float(schedule.log_snr(torch.tensor(t))) - level) < 0.05, (name, level)
