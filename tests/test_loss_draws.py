"""The loss by hand is the loss of a training, and its gradient changes nothing that is shared."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from conftest import TINY, wake

from diffusion_core.data import load_dataset
from diffusion_core.denoiser import PREDICTION_TYPES, PREDICTIONS
from diffusion_core.inspection import average_curve, draw_loss, gradient_step, weightings
from diffusion_core.process import q_sample
from diffusion_core.schedule import make_schedule
from diffusion_core.training import TrainConfig, TrainingState, loss_weights, train
from diffusion_core.unet import UNet

SCHEDULE = make_schedule("cosine")


@pytest.fixture(scope="module")
def data():
    return load_dataset("fashion-mnist-2000")


@pytest.fixture(scope="module")
def unet():
    return wake(UNet(TINY)).eval()


@pytest.mark.parametrize("prediction", PREDICTION_TYPES)
def test_a_draw_is_that_of_a_training_step(unet, data, prediction):
    config = TrainConfig(
        num_steps=2, batch_size=3, seed=5, prediction_type=prediction, loss_weighting="min_snr"
    )
    drawn = draw_loss(unet, config, SCHEDULE, data, 0)
    state = TrainingState.begin(config, TINY, initial=unet)
    trained = next(train(config, state, SCHEDULE, data))
    assert torch.equal(drawn.t, trained.t)
    torch.testing.assert_close(drawn.losses, trained.losses)
    w = weightings(config, drawn.t, SCHEDULE)
    assert trained.loss == pytest.approx(float((w["min_snr"] * drawn.losses).mean()), rel=1e-4)
    torch.testing.assert_close(drawn.x_t, q_sample(drawn.x0, drawn.t, drawn.eps, SCHEDULE))
    target = PREDICTIONS[prediction].target(drawn.x0, drawn.t, drawn.eps, SCHEDULE)
    assert torch.equal(drawn.target, target)
    apart = (drawn.output - target).square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(drawn.losses, apart)
    other = draw_loss(unet, config, SCHEDULE, data, 1)
    assert not torch.equal(other.t, drawn.t) and not torch.equal(other.x0, drawn.x0)


def test_weightings_are_those_of_training_and_none_is_without_bound():
    t = torch.tensor([10, 500, 999])
    eps = weightings(TrainConfig(), t, SCHEDULE)
    assert [*eps] == ["none", "min_snr"]  # clamped has no bound where eps is predicted
    v = TrainConfig(prediction_type="v_prediction")
    found = weightings(v, t, SCHEDULE)
    assert [*found] == ["none", "min_snr", "clamped_snr"]
    for name, w in found.items():
        want = loss_weights(dataclasses.replace(v, loss_weighting=name), t, SCHEDULE)
        assert torch.equal(w, want)


def test_the_average_curve_is_the_mean_over_pictures_at_each_timestep(unet, data):
    config = TrainConfig(batch_size=4, prediction_type="v_prediction")
    every = list(average_curve(unet, config, SCHEDULE, data, num_timesteps=4, batches=2))
    assert [len(t) for t, _ in every] == [1, 2, 3, 4, 4, 4, 4, 4]
    t, losses = every[-1]
    assert t.tolist() == [0, 333, 666, 999]
    halves = [every[3][1], every[-1][1] * 2 - every[3][1]]
    assert not torch.equal(*halves) and bool((torch.stack(halves) > 0).all())
    torch.testing.assert_close(losses, torch.stack(halves).mean(dim=0))


def test_a_gradient_step_lowers_the_loss_and_leaves_the_shared_weights(unet, data):
    config = TrainConfig(batch_size=4, prediction_type="v_prediction", learning_rate=1e-2)
    drawn = draw_loss(unet, config, SCHEDULE, data, 0)
    before = {name: p.clone() for name, p in unet.state_dict().items()}
    unet.requires_grad_(False)  # as a checkpoint is loaded
    with torch.inference_mode():  # whatever mode the caller is in
        step = gradient_step(unet, config, SCHEDULE, drawn)
    for name, p in unet.state_dict().items():
        assert torch.equal(p, before[name]), name
    assert all(p.grad is None for p in unet.parameters())
    assert step.after < step.before == pytest.approx(float(drawn.losses.mean()), rel=1e-4)
    total = sum(layer.gradient**2 for layer in step.layers) ** 0.5
    assert total == pytest.approx(step.norm, rel=1e-4)  # every parameter is in one block
    # The same by torch's own optimiser, on another copy.
    twin = UNet(TINY)
    twin.load_state_dict(unet.state_dict())
    loss = (twin(drawn.x_t, drawn.t, drawn.y) - drawn.target).square().mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(twin.parameters(), config.grad_clip)
    torch.optim.SGD(twin.parameters(), lr=config.learning_rate).step()
    moved = dict(twin.named_parameters())
    for layer in step.layers:
        own = [n for n in moved if n.startswith(f"{layer.name}.")]
        apart = torch.cat([(moved[n].detach() - before[n]).flatten() for n in own]).norm()
        size = torch.cat([before[n].flatten() for n in own]).norm()
        assert layer.change == pytest.approx(float(apart / size), rel=1e-2, abs=1e-7), layer.name
