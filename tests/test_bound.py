"""Bits per dimension, against chains whose bound is known in closed form."""

import dataclasses
import json
import math
import os
import subprocess
from pathlib import Path

import pytest
import torch
import typer
from conftest import TINY, wake
from torch import nn
from typer.testing import CliRunner

from diffusion_core.__main__ import app
from diffusion_core.checkpoint import Checkpoint, CheckpointConfig, save_checkpoint
from diffusion_core.data.named import FASHION_CLASSES
from diffusion_core.evaluation import bounds_table, variances_of, variational_bounds
from diffusion_core.process import posterior_weights, variance_bounds
from diffusion_core.schedule import make_schedule
from diffusion_core.unet import UNet
from pretrained.recipes import variances_measured

ROOT = Path(__file__).parents[1]
SPREAD = 0.2  # standard deviation of the data, so that hardly a number lies beyond 1
BIN = 2 / 255
NOISE = {"name": "linear", "num_train_timesteps": 20, "beta_start": 0.02, "beta_end": 0.4}
SCHEDULE = make_schedule(**NOISE)
SHAPE = dataclasses.replace(TINY, image_size=(64, 64), num_classes=None)
LEARNED = dataclasses.replace(SHAPE, out_channels=2)


def left(t):
    """Var(x0 | x_t) of the Gaussian data."""
    alpha, noise = SCHEDULE.alpha(t), SCHEDULE.noise_variance(t)
    return SPREAD**2 * noise / (alpha**2 * SPREAD**2 + noise)


class Ideal(nn.Module):
    """E[x0 | x_t] of Gaussian data, and v of the true variance of each step of a chain."""

    def __init__(self, config, timesteps):
        super().__init__()
        self.config, self.timesteps = config, timesteps
        self.held = nn.Parameter(torch.zeros(1))

    def forward(self, x_t, t, y=None):
        at = int(t[0])
        alpha, noise = SCHEDULE.alpha(at), SCHEDULE.noise_variance(at)
        x0_hat = alpha * SPREAD**2 / (alpha**2 * SPREAD**2 + noise) * x_t
        if not self.config.learned_variance:
            return x0_hat.to(x_t)
        k = self.timesteps.index(at)
        t_prev = [*self.timesteps, -1][k + 1]
        small, large = variance_bounds(at, t_prev, SCHEDULE, self.timesteps[k - 1] if k else None)
        v = 2 * (true_variance(at, t_prev).log() - small) / (large - small) - 1
        return torch.cat([x0_hat, v.expand_as(x0_hat)], dim=1).to(x_t)


def true_variance(t, t_prev):
    """The variance of p(x_prev | x_t): that of the posterior, and what x0 is still unknown by."""
    of_x0, _ = posterior_weights(t, t_prev, SCHEDULE)
    return SCHEDULE.posterior_variance(t, t_prev) + of_x0**2 * left(t)


def ideal(config=LEARNED, steps=20):
    settings = CheckpointConfig(config, NOISE, "sample", clip_x0=0.0)
    network = Ideal(config, SCHEDULE.timesteps(steps))
    return Checkpoint(network, SCHEDULE, settings, "ideal", "0" * 64)


@pytest.fixture(scope="module")
def images():
    x0 = SPREAD * torch.randn(8, 1, 64, 64, generator=torch.Generator().manual_seed(0)).double()
    levels = ((x0.clamp(-1, 1) + 1) * 127.5).round()
    return (levels / 127.5 - 1).float()


@pytest.mark.parametrize("steps", [20, 5])
def test_the_bound_of_the_ideal_model_is_the_entropy_of_the_data(images, steps):
    """Its chain is the data's own reversed, so that nothing is lost but at the pure noise."""
    (bound,) = variational_bounds(
        ideal(steps=steps), images, num_steps=steps, variances=["learned"]
    )
    entropy = 0.5 * math.log2(2 * math.pi * math.e * SPREAD**2) - math.log2(BIN)
    end = SCHEDULE.timesteps(steps)[0]
    at_end = SCHEDULE.alpha(end) ** 2 * SPREAD**2 + SCHEDULE.noise_variance(end)
    lost = float((at_end - 1 - at_end.log()) / 2) / math.log(2)
    assert bound.bits_per_dimension == pytest.approx(entropy + lost, abs=0.02)
    assert bound.error < 0.02 and (bound.steps, bound.num) == (steps, 8)


def test_each_term_of_the_fixed_variances_is_that_of_gaussians(images):
    bounds = {b.variance: b for b in variational_bounds(ideal(), images)}
    wanted = {"posterior": 0.0, "beta": 0.0, "learned": 0.0}
    for t in range(1, 20):
        small, large = SCHEDULE.posterior_variance(t, t - 1), SCHEDULE.transition_variance(t, t - 1)
        true = true_variance(t, t - 1)
        for name, of_model in (("posterior", small), ("beta", large), ("learned", true)):
            kl = (of_model / small).log() - 1 + true / of_model
            wanted[name] += float(kl) / 2 / math.log(2)
    for name, bound in bounds.items():
        assert bound.between == pytest.approx(wanted[name], rel=0.02)
    # The last step of both has the posterior's variance of the step before.
    variance = SCHEDULE.posterior_variance(1, 0)
    data = 0.5 * (math.log(2 * math.pi * variance) + left(0) / variance) - math.log(BIN)
    for name in ("posterior", "beta"):
        assert bounds[name].data == pytest.approx(float(data) / math.log(2), rel=0.02)
    assert bounds["learned"].bits_per_dimension < min(
        bounds[name].bits_per_dimension for name in ("posterior", "beta")
    )
    mean = float(images.double().square().mean())
    alpha, noise = float(SCHEDULE.alpha(19)), float(SCHEDULE.noise_variance(19))
    prior = (alpha**2 * mean + noise - 1 - math.log(noise)) / 2 / math.log(2)
    assert bounds["beta"].prior == pytest.approx(prior, rel=1e-6)


def test_a_network_without_a_learned_variance_has_the_other_two(images):
    plain = ideal(SHAPE)
    assert variances_of(plain) == ("posterior", "beta")
    bounds = variational_bounds(plain, images[:2], num_steps=5)
    assert [b.variance for b in bounds] == ["posterior", "beta"]
    assert bounds_table(bounds).count("\n") == 3
    with pytest.raises(ValueError, match="has learned no variance"):
        variational_bounds(plain, images[:2], variances=["learned"])
    with pytest.raises(ValueError, match="no variance 'none'"):
        variational_bounds(plain, images[:2], variances=["none"])
    with pytest.raises(ValueError, match="at least one picture"):
        variational_bounds(plain, images[:0])


def test_the_command_prints_a_table(tmp_path):
    shape = dataclasses.replace(TINY, out_channels=2, num_classes=None)
    noise = {"name": "cosine", "num_train_timesteps": 20}
    config = CheckpointConfig(shape, noise, dataset="fashion-mnist-2000")
    save_checkpoint(tmp_path / "m", wake(UNet(shape)), config)
    command = ["likelihood", "--model", str(tmp_path / "m"), "--dataset", "fashion-mnist-2000"]
    done = CliRunner().invoke(app, [*command, "--num", "3", "--steps", "2,4"])
    assert done.exit_code == 0, done.output
    rows = [line for line in done.output.splitlines() if line.startswith("| ")][-6:]
    assert [row.split(" | ")[:2] for row in rows] == [
        [f"| {variance}", steps] for steps in "24" for variance in ("posterior", "beta", "learned")
    ]
    for wrong, words in (
        (["--steps", "2,x"], "whole numbers above 0"),
        (["--num", "0"], "num must be from 1 to 2,000"),
    ):
        failed = CliRunner().invoke(app, [*command, *wrong])
        assert words in str(failed.exception)


def test_the_recipe_trains_and_measures_at_its_smallest(tmp_path):
    """From a tiny model in the place of the shipped one; begun again, it measures nothing twice."""
    shape = dataclasses.replace(TINY, num_classes=10)
    noise = {"name": "cosine", "num_train_timesteps": 20}
    config = CheckpointConfig(shape, noise, class_names=FASHION_CLASSES, dataset="fashion-mnist")
    save_checkpoint(tmp_path / "init", wake(UNet(shape)), config)
    small = {"INIT": tmp_path / "init", "RUNS": tmp_path / "m", "DATASET": "fashion-mnist-2000"}
    small |= {
        "STEPS": 1,
        "BATCH": 2,
        "NUM": 2,
        "NUM_SLOW": 2,
        "NUM_BOUND": 2,
        "NUM_TEST": 9,
        "WALKS": "2,3",
    }
    environment = os.environ | {name: str(value) for name, value in small.items()}
    done = subprocess.run(
        ["bash", ROOT / "pretrained/recipes/fashion_mnist_variance.sh"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "m/variances.json").read_text())
    assert [(row["steps"], row["variance"]) for row in rows] == [
        (steps, variance) for steps in (2, 3) for variance in ("posterior", "beta", "learned")
    ]
    assert done.stdout.count("| learned |") == 2
    assert json.loads((tmp_path / "m/config.json").read_text())["unet"]["out_channels"] == 2
    before = (tmp_path / "m/variances.json").read_text()
    again = ["--model", str(tmp_path / "m"), "--num", "2", "--num-bound", "2", "--steps", "3,2"]
    again += ["--num-test", "9"]
    recipe = typer.Typer()
    recipe.command()(variances_measured.main)
    assert CliRunner().invoke(recipe, again).exit_code == 0
    after = (tmp_path / "m/variances.json").read_text()
    assert sorted(before.split()) == sorted(after.split())  # the seconds among them
