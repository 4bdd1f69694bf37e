"""A model of pictures that was trained by flow matching, through every door that a model passes."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from conftest import last

from diffusion_core.checkpoint import CheckpointConfig, export_diffusers, load_checkpoint
from diffusion_core.data import ImageDataset, load_dataset, to_uint8
from diffusion_core.engines import export_onnx, on_engine
from diffusion_core.generation import InitialImage, Recording, RunCard, SamplingRequest, SamplingRun
from diffusion_core.inspection import draw_loss
from diffusion_core.inversion import invert
from diffusion_core.process import q_sample, q_step
from diffusion_core.publishing.card import network_of
from diffusion_core.samplers import SAMPLERS, sample, take_step
from diffusion_core.schedule import FlowSchedule, make_schedule
from diffusion_core.training import TrainConfig
from diffusion_core.training_runs import TrainingPlan, check_schedule, fit
from tabs.api import endpoints
from tabs.denoise.captions import head
from tabs.noise.compute import prepare
from tabs.noise.form import NoiseForm
from tabs.schedules.compute import figure, meaning
from tabs.schedules.form import ScheduleForm
from tabs.shared import models
from tabs.shared.limits import Limits
from tabs.shared.start_image import StartImage
from tabs.train.form import TrainForm
from tabs.train.plan import plan_of

T = 100
NOISE = {"name": "flow", "num_train_timesteps": T}
CONFIG = TrainConfig(
    num_steps=4,
    batch_size=8,
    save_every=2,
    warmup_steps=2,
    decay_steps=0,
    precision="fp32",
    prediction_type="velocity",
)


@pytest.fixture(scope="module")
def pictures():
    whole = load_dataset("fashion-mnist-2000")
    return ImageDataset("some", whole.pictures[:32], whole.labels[:32], whole.class_names)


def plan(pictures, **options) -> TrainingPlan:
    config = dataclasses.replace(CONFIG, **options)
    return TrainingPlan.for_data(pictures, config, NOISE, (32, 32), blocks=1)


@pytest.fixture(scope="module")
def folder(pictures, tmp_path_factory):
    """Stopped after three of its steps, and gone on with."""
    out = tmp_path_factory.mktemp("flow") / "garments"
    torch.set_num_threads(1)
    steps = fit(plan(pictures), pictures, out)
    for _ in range(3):
        next(steps)
    steps.close()
    list(fit(plan(pictures), pictures, out))
    return out


@pytest.fixture
def checkpoint(folder):
    return load_checkpoint(folder)


def test_a_training_goes_on_where_it_stopped_and_another_begins_with_its_weights(
    folder, pictures, checkpoint, tmp_path
):
    list(fit(plan(pictures), pictures, tmp_path / "whole"))
    assert load_checkpoint(tmp_path / "whole").weights_hash == checkpoint.weights_hash
    assert checkpoint.schedule == FlowSchedule(T)
    assert checkpoint.config.prediction_type == "velocity"
    assert CheckpointConfig.from_json(checkpoint.config.to_json()) == checkpoint.config
    again = TrainingPlan.from_checkpoint(checkpoint.config, pictures, CONFIG, init=str(folder))
    assert again.noise == NOISE and again.schedule() == checkpoint.schedule
    assert TrainingPlan.from_json(again.to_json()) == again
    assert network_of(checkpoint).startswith("A flow model on some: ")


def test_what_does_not_go_together_is_refused_in_a_sentence(pictures, checkpoint, tmp_path):
    wrong = {"v_prediction": "choose velocity, or sample", "epsilon": "velocity or sample"}
    for kind, sentence in wrong.items():
        with pytest.raises(ValueError, match=sentence):
            list(fit(plan(pictures, prediction_type=kind), pictures, tmp_path / kind))
    with pytest.raises(ValueError, match="choose velocity, or sample"):
        dataclasses.replace(checkpoint.config, prediction_type="v_prediction")
    assert all(c.ok for c in check_schedule(checkpoint.schedule, "velocity"))
    told = [c.words for c in check_schedule(checkpoint.schedule, "epsilon") if not c.ok]
    assert len(told) == 1 and "choose velocity or sample" in told[0]
    with pytest.raises(ValueError, match="export it with --onnx"):
        export_diffusers(tmp_path / "theirs", checkpoint)
    with pytest.raises(ValueError, match="no parameter 's'; it takes none"):
        make_schedule("flow", T, s=0.008)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_walks_and_its_card_and_branch_give_the_same_bits(checkpoint, sampler):
    walked = on_engine(checkpoint)
    asked = SamplingRequest(2, label=3, sampler=sampler, num_steps=5, guidance_scale=2.0, seed=7)
    record = Recording(walked, asked)
    steps = list(record.walker)
    end = steps[-1].x_prev
    assert end.isfinite().all() and end.abs().max() <= 1.0 and steps[0].t == T - 1
    card = RunCard.from_json(RunCard.of(walked, asked, None, end).to_json())
    card.check(walked)
    assert torch.equal(last(SamplingRun(walked, card.walk)).x_prev, end)
    branch = dataclasses.replace(asked, parent=asked, branch_step=2)
    assert torch.equal(last(SamplingRun(walked, branch)).x_prev, end)


def test_the_player_expects_the_straight_path(checkpoint):
    record = Recording(checkpoint, SamplingRequest(num_steps=4))
    told = head(record)
    assert told["straight"] and "u = (t + 1)/T" in told["formulas"]["ddim"]["letters"]
    share = [(1 - u) ** 2 / ((1 - u) ** 2 + u**2) for u in (1, 0.75, 0.5, 0.25, 0)]
    assert told["alpha_bars"] == pytest.approx(share[: len(told["alpha_bars"])], abs=1e-5)


def test_a_hole_is_filled_and_a_picture_is_led_to_its_noise_and_back(checkpoint, pictures):
    x0, _ = pictures.batch(torch.tensor([0]))
    mask = torch.zeros(1, 1, 28, 28)
    mask[..., :14] = 1
    asked = SamplingRequest(sampler="ddim", num_steps=5, eta=1.0, resample=2, label=1)
    filled = last(SamplingRun(checkpoint, asked, InitialImage(x0, mask))).x_prev
    assert torch.equal(filled[..., :14], x0[..., :14]) and filled.isfinite().all()
    denoiser = checkpoint.denoiser(3)
    up = last(invert(denoiser, x0, num_steps=10, t_end=60, refine=3)).x_next
    start = StartImage(to_uint8(x0)[0], float("-inf"))
    assert start.fit(checkpoint)[1] == T - 1
    assert StartImage(to_uint8(x0)[0], 0.0).fit(checkpoint)[1] == T // 2 - 1
    back = last(sample(denoiser, up, num_steps=10, t_start=60, clip_x0=False)).x_prev
    assert (back - x0).abs().max() < 1e-3


def test_its_onnx_card_walks_along_the_straight_path(checkpoint, tmp_path, monkeypatch):
    card = export_onnx(tmp_path / "flow.onnx", checkpoint).read_text(encoding="utf-8")
    assert "a flow model on" in card and "`flow_timesteps`" in card
    program = card.split("```python\n")[1].split("```")[0].replace("(4, 1", "(1, 1")
    monkeypatch.chdir(tmp_path)
    walked: dict = {}
    exec(program, walked)
    x = np.random.default_rng(0).standard_normal((1, 1, 28, 28)).astype(np.float32)
    x, denoiser = torch.from_numpy(x), checkpoint.denoiser(0)
    for t, t_next in pairwise([*walked["steps"].tolist(), -1]):
        x = take_step(denoiser, "ddim", x, t, t_next, clip_x0=True).x_prev
    got = walked["pictures"][0].transpose(1, 2, 0).astype(int)
    assert np.abs(got - to_uint8(x)[0]).max() <= 1


def test_the_chain_ends_where_the_jump_does():
    schedule, g = FlowSchedule(20), torch.Generator().manual_seed(1)
    x = x0 = torch.full((20_000,), 0.5)
    for t in range(15):
        x = q_step(x, t, torch.randn(x.shape, generator=g), schedule)
    assert x.mean() == pytest.approx(0.25 * 0.5, abs=0.02)
    assert x.std() == pytest.approx(0.75, abs=0.02)
    assert torch.equal(q_sample(x0, 14, torch.ones_like(x0), schedule), 0.25 * x0 + 0.75)


def test_the_loss_by_hand_is_that_of_the_velocity(checkpoint, pictures):
    draws = draw_loss(checkpoint.unet, CONFIG, checkpoint.schedule, pictures, 0)
    assert torch.equal(draws.target, draws.eps - draws.x0) and draws.losses.isfinite().all()


def test_the_tabs_know_it(pictures, monkeypatch):
    monkeypatch.setattr(models, "readable", list)
    form = dataclasses.replace(ScheduleForm(), names=("linear", "flow"), T=T)
    assert "straight path of flow matching" in meaning(form)
    assert "flow" in {curve.name for curve in figure(form).data}
    noised = dataclasses.replace(NoiseForm(), picture=pictures.pictures[0], schedule="flow")
    assert json.loads(prepare(noised))["straight"] is True
    small = dataclasses.replace(
        TrainForm(), steps=4, batch=8, channels="32,32", T=T, schedule="flow"
    )
    made, _ = plan_of(dataclasses.replace(small, prediction="velocity"), pictures, Limits())
    assert made.noise == NOISE and made.train.prediction_type == "velocity"
    with pytest.raises(ValueError, match="choose velocity, or sample"):
        plan_of(dataclasses.replace(small, prediction="v_prediction"), pictures, Limits())
    told = endpoints.schedule("flow", T, points=3)
    assert told["alphas_cumprod"][-1] == 0 and told["log_snr"][-1] is None
