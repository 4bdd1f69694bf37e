"""The recipe of the improved UNet's trials, begun at its smallest."""

import json

import typer
from typer.testing import CliRunner

from diffusion_core.data import load_dataset
from pretrained.recipes import unet_trials


def test_each_trial_changes_one_setting_of_the_base():
    data = load_dataset("fashion-mnist-2000")
    plans = {n: unet_trials.plan_of(n, data, 8, 4, (64, 128)) for n in unet_trials.TRIALS}
    base = plans["base"]
    for name, plan in plans.items():
        differs = [k for k, v in vars(plan.unet).items() if v != getattr(base.unet, k)]
        assert differs == [*unet_trials.TRIALS[name][0]], name
        assert plan.train == base.train and plan.noise == base.noise


def test_two_trials_at_their_smallest_make_a_table_once(tmp_path):
    recipe = typer.Typer()
    recipe.command()(unet_trials.main)
    small = ["--dataset", "fashion-mnist-2000", "--steps", "1", "--batch-size", "2"]
    small += ["--channels", "32,32", "--num", "2", "--num-test", "9", "--out", str(tmp_path)]
    done = CliRunner().invoke(recipe, ["base", "resample", *small])
    assert done.exit_code == 0, done.exception
    rows = [line for line in done.output.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0] for row in rows] == ["| trial", "| base", "| resample"]
    found = json.loads((tmp_path / "trials.json").read_text())
    assert found["base"]["parameters"] != found["resample"]["parameters"]
    again = CliRunner().invoke(recipe, ["base", "resample", *small])
    assert again.output.splitlines()[-3:] == done.output.splitlines()[-3:]
    # Nothing is trained again: the milliseconds are the same.
    assert json.loads((tmp_path / "trials.json").read_text()) == found
    assert "There is no trial 'wide'" in str(CliRunner().invoke(recipe, ["wide"]).exception)
