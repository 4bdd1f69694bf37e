"""Learned variance: L_hybrid, the third variance of ddpm, and parity with diffusers."""

import dataclasses
import json
import math

import diffusers
import pytest
import torch
from conftest import TINY, last, wake
from torch import nn

from diffusion_core.checkpoint import (
    Checkpoint,
    CheckpointConfig,
    export_diffusers,
    load_checkpoint,
    save_checkpoint,
)
from diffusion_core.data import load_dataset
from diffusion_core.denoiser import (
    ClassifierFreeGuidance,
    ClassifierGuidance,
    ModelDenoiser,
    split_output,
)
from diffusion_core.engines import browser_graph
from diffusion_core.generation import RunCard, SamplingRequest, table_of, walk
from diffusion_core.process import (
    bound_terms,
    discretized_log_likelihood,
    learned_log_variance,
    posterior_mean,
    prior_term,
    variance_bounds,
)
from diffusion_core.samplers import sample, take_step
from diffusion_core.schedule import make_schedule
from diffusion_core.training import (
    LossHistory,
    TrainConfig,
    TrainingState,
    draw_batch,
    train,
    variance_losses,
)
from diffusion_core.training_runs import TrainingPlan, beginning, fit
from diffusion_core.unet import UNet, prediction_alone
from tabs.denoise import form
from tabs.denoise.form import choice_of

LEARNED = dataclasses.replace(TINY, out_channels=2)
COSINE = {"name": "cosine", "num_train_timesteps": 100}
SCHEDULE = make_schedule(**COSINE)


def normal(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


class Smooth(nn.Module):
    """A network of learned variance in closed form, in double precision, of two classes."""

    def __init__(self, num_classes=None):
        super().__init__()
        self.config = dataclasses.replace(LEARNED, image_size=(6, 6), num_classes=num_classes)

    def forward(self, x, t, y=None):
        scale = (t / 2000 + 0.3).reshape(-1, 1, 1, 1).to(x)
        label = 0 if y is None else 0.1 * y.reshape(-1, 1, 1, 1).to(x)
        return torch.cat([scale * x.tanh() + label, 1.5 * (3 * x).cos() + label], dim=1)


def made(folder, seed=0, **settings):
    shape = dataclasses.replace(LEARNED, num_classes=None)
    config = CheckpointConfig(shape, COSINE, sampling={"variance": "learned"}, **settings)
    save_checkpoint(folder, wake(UNet(shape), seed), config)
    return load_checkpoint(folder)


@pytest.mark.parametrize("t_prev", [49, 20])
def test_v_leads_from_one_bound_to_the_other_at_any_stride(t_prev):
    small, large = SCHEDULE.posterior_variance(50, t_prev), SCHEDULE.transition_variance(50, t_prev)
    v = torch.tensor([[-1.0, 1.0, 0.0]], dtype=torch.float64)
    found = learned_log_variance(v, 50, t_prev, SCHEDULE).exp()[0]
    wanted = torch.stack([small, large, (small * large).sqrt()])
    torch.testing.assert_close(found, wanted)


def test_the_last_step_takes_the_smaller_bound_of_the_step_before():
    small, large = variance_bounds(torch.tensor([0, 7]), torch.tensor([-1, 3]), SCHEDULE)
    wanted = torch.stack([SCHEDULE.posterior_variance(1, 0), SCHEDULE.posterior_variance(7, 3)])
    torch.testing.assert_close(small.exp(), wanted)
    torch.testing.assert_close(large.exp()[0], SCHEDULE.betas[0])
    strided, _ = variance_bounds(9, -1, SCHEDULE, 19)
    torch.testing.assert_close(strided.exp(), SCHEDULE.posterior_variance(19, 9))
    alone = variance_bounds(99, -1, SCHEDULE)
    assert alone[0] == alone[1]


def test_the_terms_of_the_bound_are_those_of_two_gaussians():
    x0, x_t, x0_hat = normal(2, 1, 3, 3), normal(2, 1, 3, 3, seed=1), normal(2, 1, 3, 3, seed=2)
    log_variance = normal(2, 1, 3, 3, seed=3) - 4
    true = torch.distributions.Normal(
        posterior_mean(x_t, 60, 40, x0, SCHEDULE), SCHEDULE.posterior_variance(60, 40).sqrt()
    )
    model = torch.distributions.Normal(
        posterior_mean(x_t, 60, 40, x0_hat, SCHEDULE), (log_variance / 2).exp()
    )
    wanted = torch.distributions.kl_divergence(true, model).flatten(1).mean(1) / math.log(2)
    t, t_prev = torch.tensor([60, 60]), torch.tensor([40, 40])
    torch.testing.assert_close(bound_terms(x0, x0_hat, log_variance, t, t_prev, SCHEDULE), wanted)
    prior = torch.distributions.Normal(SCHEDULE.alpha(99) * x0, SCHEDULE.sigma(99))
    wanted = torch.distributions.kl_divergence(prior, torch.distributions.Normal(0.0, 1.0))
    wanted = wanted.flatten(1).mean(1) / math.log(2)
    torch.testing.assert_close(prior_term(x0, 99, SCHEDULE), wanted)


@pytest.mark.parametrize(("mean", "log_variance"), [(0.0, 0.0), (0.3, -8.0), (-0.9, -2.0)])
def test_the_shares_of_256_levels_sum_to_one(mean, log_variance):
    levels = torch.arange(256, dtype=torch.float64) / 127.5 - 1
    given = (torch.full_like(levels, each) for each in (mean, log_variance))
    shares = discretized_log_likelihood(levels, *given).exp()
    assert float(shares.sum()) == pytest.approx(1, abs=1e-9)
    inner = torch.distributions.Normal(mean, math.exp(log_variance / 2))
    wanted = inner.cdf(levels[100] + 1 / 255) - inner.cdf(levels[100] - 1 / 255)
    assert float(shares[100]) == pytest.approx(float(wanted), rel=1e-6)


def test_the_last_term_is_finite_far_out_and_so_are_its_gradients():
    x0 = torch.tensor([[1.0, -1.0, 0.5]])
    x0_hat = torch.tensor([[-300.0, 300.0, 9.0]], requires_grad=True)
    log_variance = torch.full((1, 3), -9.0, requires_grad=True)
    term = bound_terms(x0, x0_hat, log_variance, 0, -1, SCHEDULE)
    term.sum().backward()
    assert term.isfinite().all() and term > 1e5
    assert x0_hat.grad.isfinite().all() and log_variance.grad.isfinite().all()


@pytest.mark.parametrize("steps", [10, 100])
@pytest.mark.parametrize("clip", [False, True])
def test_a_walk_agrees_with_diffusers(steps, clip, monkeypatch):
    theirs = diffusers.DDPMScheduler(
        num_train_timesteps=100,
        trained_betas=SCHEDULE.betas.tolist(),
        variance_type="learned_range",
        clip_sample=clip,
        timestep_spacing="leading",
    )
    theirs.set_timesteps(steps)
    x = normal(2, 1, 6, 6)
    network = Smooth()
    denoiser = ModelDenoiser(network, SCHEDULE, "epsilon")
    ours = list(
        sample(
            denoiser,
            x,
            sampler="ddpm",
            variance="learned",
            num_steps=steps,
            spacing="leading",
            clip_x0=clip,
            generator=torch.Generator().manual_seed(3),
        )
    )
    assert theirs.timesteps.tolist() == [s.t for s in ours]
    noises = iter([s.noise for s in ours if s.noise is not None])
    module = "diffusers.schedulers.scheduling_ddpm.randn_tensor"
    monkeypatch.setattr(module, lambda *a, **k: next(noises))
    # Their tables are of single precision, whose rounding a walk of large numbers amplifies.
    theirs.betas, theirs.alphas = SCHEDULE.betas, SCHEDULE.alphas
    theirs.alphas_cumprod = SCHEDULE.alphas_cumprod
    y = x
    for t, step in zip(theirs.timesteps, ours, strict=True):
        y = theirs.step(network(y, torch.full((2,), int(t))), t, y).prev_sample
        torch.testing.assert_close(step.x_prev, y, rtol=0, atol=1e-4)


def test_guided_walks_take_the_variance_of_the_condition():
    network = Smooth(num_classes=2)
    plain = ModelDenoiser(network, SCHEDULE, "epsilon", 1)
    guided, x, t = ClassifierFreeGuidance(plain, 3.0), normal(2, 1, 6, 6), torch.tensor([50, 50])
    eps_hat, x0_hat, v = guided.predict_variance(x, 50)
    torch.testing.assert_close((eps_hat, x0_hat), guided.predict(x, t))
    assert torch.equal(v, plain.predict_variance(x, 50)[2])
    assert not torch.equal(eps_hat, plain.predict(x, t)[0])


def test_algorithm_1_moves_the_mean_by_the_learned_variance():
    class Reads(nn.Module):
        config = dataclasses.make_dataclass("Shape", ["sample_shape", "num_classes"])((1, 6, 6), 2)

        def forward(self, x, log_snr):
            return torch.stack([x.flatten(1).sum(1), -x.flatten(1).square().sum(1)], dim=1)

    plain = ModelDenoiser(Smooth(), SCHEDULE, "epsilon")
    x, noise = normal(2, 1, 6, 6), normal(2, 1, 6, 6, seed=1)
    guided = ClassifierGuidance(plain, Reads(), 0, 2.0, algorithm=1)
    options = {"variance": "learned", "noise": noise, "clip_x0": 0}
    moved = take_step(guided, "ddpm", x, 60, 40, **options)
    still = take_step(plain, "ddpm", x, 60, 40, **options)
    variance = learned_log_variance(plain.predict_variance(x, 60)[2], 60, 40, SCHEDULE).exp()
    wanted = still.x_prev + 2.0 * variance * guided.look(x, 60).gradient
    torch.testing.assert_close(moved.x_prev, wanted)
    assert moved.weights["shift"] == 1


def test_a_model_that_learned_none_is_refused_in_a_sentence():
    plain = ModelDenoiser(UNet(TINY), SCHEDULE, "epsilon")
    options = {"variance": "learned", "num_steps": 5, "generator": torch.Generator()}
    with pytest.raises(ValueError, match="has learned no variance; choose posterior or beta"):
        next(sample(plain, torch.zeros(1, 1, 28, 28), sampler="ddpm", **options))
    assert last(sample(plain, torch.zeros(1, 1, 28, 28), sampler="ddim", **options)).t_prev == -1
    config = CheckpointConfig(TINY, COSINE)
    model = Checkpoint(UNet(TINY), SCHEDULE, config, "m", "0" * 64)
    request = SamplingRequest(sampler="ddpm", variance="learned")
    with pytest.raises(ValueError, match="has learned no variance"):
        request.denoiser(model)
    with pytest.raises(ValueError, match="sampling.variance is learned, and its unet gives none"):
        CheckpointConfig(TINY, COSINE, sampling={"variance": "learned"})
    with pytest.raises(ValueError, match="must be 1, the channels of its pictures, or 2"):
        CheckpointConfig(dataclasses.replace(TINY, out_channels=3), COSINE)


def test_a_walk_is_replayed_from_its_card_and_differs_from_the_other_variances(tmp_path):
    model = made(tmp_path / "m")
    walks = {
        variance: SamplingRequest(num_images=2, sampler="ddpm", num_steps=5, variance=variance)
        for variance in ("posterior", "beta", "learned")
    }
    ends = {name: last(walk(model, request)).x_prev for name, request in walks.items()}
    assert len({float(x.sum()) for x in ends.values()}) == 3
    card = RunCard.from_json(RunCard.of(model, walks["learned"], None, ends["learned"]).to_json())
    assert card.walk == walks["learned"]
    assert "the same, to the bit" in card.compare(model, last(walk(model, card.walk)).x_prev)
    with pytest.raises(ValueError, match="no table of weights; choose variance posterior or beta"):
        table_of(model, walks["learned"])
    assert choice_of(walks["learned"]) == "ddpm, learned variance"
    assert form._offered(walks["learned"]) == "ddpm"
    # A browser, which walks by tables, gets the prediction alone.
    x, t = torch.randn(1, 1, 28, 28), torch.tensor([40])
    alone = prediction_alone(model.unet)
    assert torch.equal(alone(x, t), model.unet(x, t)[:, :1])
    assert b"output" in browser_graph(model.unet)


# Training


def steps_of(config, shape, data, count=3, state=None):
    state = state or TrainingState.begin(config, shape)
    for step in train(config, state, SCHEDULE, data):
        if step.step == count:
            break
    return state, step


@pytest.fixture(scope="module")
def data():
    return load_dataset("fashion-mnist-2000")


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_the_bound_teaches_the_variance_and_leaves_the_prediction(prediction, data):
    config = TrainConfig(num_steps=1, batch_size=16, prediction_type=prediction)
    batch = draw_batch(config, LEARNED, SCHEDULE, data, 0)
    batch = dataclasses.replace(batch, t=torch.cat([torch.zeros(1).long(), batch.t[1:]]))
    unet = wake(UNet(LEARNED))
    output = unet(batch.x_t, batch.t, batch.y)
    prediction, v = split_output(output, batch.x_t)
    losses = variance_losses(
        config.prediction_type, prediction, v, batch.x0, batch.x_t, batch.t, SCHEDULE
    )
    assert losses.shape == (16,) and losses.isfinite().all()
    losses.sum().backward()
    rows = unet.conv_out.weight.grad.flatten(1).abs().sum(1)
    assert (rows[:4] == 0).all() and (rows[4:] > 0).all()


def test_without_the_bound_the_prediction_is_trained_as_ever(data):
    """L_hybrid with lambda 0 is L_simple: v is not taught, and eps_hat sees the same gradient."""
    config = TrainConfig(num_steps=9, batch_size=8, vlb_weight=0.0, warmup_steps=0)
    state, step = steps_of(config, LEARNED, data, 1)
    fixed = prediction_alone(UNet(LEARNED))
    fixed.load_state_dict(prediction_alone(TrainingState.begin(config, LEARNED).unet).state_dict())
    _, plain = steps_of(config, TINY, data, 1, TrainingState.of(fixed, config))
    assert step.loss == pytest.approx(plain.loss, rel=1e-6)
    assert step.grad_norm == pytest.approx(plain.grad_norm, rel=1e-5)
    torch.testing.assert_close(state.unet.conv_out.weight[:4], fixed.conv_out.weight)


def test_v_learns_a_known_variance():
    """The prediction is held at x0_hat = 0: the best variance is then known, and v finds it."""
    t, t_prev = torch.tensor([50]), torch.tensor([49])
    x0 = torch.full((1, 1, 2, 2), 0.4, dtype=torch.float64)
    v = torch.zeros(1, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([v], lr=0.1)
    for _ in range(150):
        log_variance = learned_log_variance(v, 50, 49, SCHEDULE).expand_as(x0)
        loss = bound_terms(x0, torch.zeros_like(x0), log_variance, t, t_prev, SCHEDULE).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    weight = posterior_mean(*(torch.zeros(1, 1), 50, 49, torch.ones(1, 1)), SCHEDULE).item()
    best = SCHEDULE.posterior_variance(50, 49) + (weight * 0.4) ** 2
    found = learned_log_variance(v.detach(), 50, 49, SCHEDULE).exp()
    torch.testing.assert_close(found, best.expand_as(found), rtol=1e-3, atol=0)


def test_timesteps_are_drawn_by_the_size_of_their_loss():
    history = LossHistory(4)
    for _ in range(9):
        history.add(torch.arange(4), torch.ones(4))
    assert torch.equal(history.probabilities(), torch.full((4,), 0.25, dtype=torch.float64))
    history.add(torch.arange(4), torch.ones(4))
    for _ in range(10):  # the last ten count
        history.add(torch.tensor([2]), torch.tensor([5.0]))
    wanted = 0.999 * torch.tensor([1, 1, 5, 1]).double() / 8 + 0.001 / 4
    torch.testing.assert_close(history.probabilities(), wanted)


def test_what_is_drawn_by_its_loss_is_weighed_back(data):
    config = TrainConfig(num_steps=1, batch_size=4000)
    p = torch.arange(1.0, 101.0).double() / 5050
    batch = draw_batch(config, LEARNED, SCHEDULE, data, 0, p)
    counts = torch.bincount(batch.t, minlength=100)
    assert counts[50:].sum() > 2 * counts[:50].sum()
    assert float(batch.shares.mean()) == pytest.approx(1, abs=0.1)


def test_a_run_that_draws_by_losses_goes_on_to_the_bit(data, tmp_path):
    config = TrainConfig(
        num_steps=6, batch_size=32, importance_sampling=True, warmup_steps=0, precision="fp32"
    )
    noise = {"name": "cosine", "num_train_timesteps": 4}  # so that each soon has ten losses
    shape = dataclasses.replace(LEARNED, num_classes=10)
    plan = TrainingPlan(config, shape, noise)
    whole = list(fit(plan, data, tmp_path / "whole"))
    run = fit(plan, data, tmp_path / "broken")
    first = [next(run) for _ in range(4)]
    run.close()
    rest = list(fit(plan, data, tmp_path / "broken"))
    assert [s.loss for s in first + rest] == [s.loss for s in whole]
    assert all(torch.equal(a.t, b.t) for a, b in zip(first + rest, whole, strict=True))
    config = dataclasses.replace(config, importance_sampling=False)
    even = TrainingPlan(config, shape, noise)
    for other in (plan, even):
        assert TrainingPlan.from_json(other.to_json()) == other
    assert not torch.equal(list(fit(even, data, tmp_path / "even"))[-1].t, whole[-1].t)
    with pytest.raises(ValueError, match="importance_sampling = True, not False"):
        next(fit(even, data, tmp_path / "whole"))
    with pytest.raises(ValueError, match="importance_sampling = False, not True"):
        next(fit(plan, data, tmp_path / "even"))


def test_a_network_that_learned_none_is_widened(data, tmp_path):
    shape = dataclasses.replace(TINY, num_classes=10)
    known = wake(UNet(shape))
    names = data.class_names
    save_checkpoint(tmp_path / "m", known, CheckpointConfig(shape, COSINE, class_names=names))
    known = load_checkpoint(tmp_path / "m")
    plan = TrainingPlan.from_checkpoint(
        known.config,
        data,
        TrainConfig(num_steps=1),
        changes={"out_channels": 2},
        init=str(tmp_path / "m"),
    )
    wide = beginning(plan)
    x, t, y = torch.randn(2, 1, 28, 28), torch.tensor([3, 80]), torch.tensor([1, 10])
    prediction, v = split_output(wide(x, t, y), x)
    assert torch.equal(prediction, known.unet(x, t, y)) and not v.any()
    config = plan.checkpoint_config(data, 1)
    assert config.sampling == {"variance": "learned"} and config.unet.learned_variance
    for learned, channels in ((False, 1), (True, 2)):
        fresh = TrainingPlan.for_data(data, plan.train, COSINE, learned_variance=learned)
        assert fresh.unet.out_channels == channels
        assert TrainingPlan.from_json(fresh.to_json()) == fresh
    assert CheckpointConfig.from_json(config.to_json()) == config


# diffusers


def test_a_learned_range_network_of_diffusers_is_read_and_exported(tmp_path):
    torch.manual_seed(0)
    unet = diffusers.UNet2DModel(
        sample_size=16,
        in_channels=3,
        out_channels=6,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=8,
    ).eval()
    wake(unet, 0, 0.02)
    pipe = diffusers.DDPMPipeline(unet, diffusers.DDPMScheduler(variance_type="learned_range"))
    pipe.set_progress_bar_config(disable=True)
    pipe.save_pretrained(tmp_path / "theirs")
    ours = load_checkpoint(tmp_path / "theirs")
    assert ours.unet.config.learned_variance and ours.sample_shape == (3, 16, 16)
    assert ours.config.sampling["variance"] == "learned"
    x = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for t in (0, 300, 999):
            wanted = unet(x, torch.tensor([t, t])).sample
            found = ours.unet(x, torch.tensor([t, t]))
            torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)
    export_diffusers(tmp_path / "back", ours)
    scheduler = json.loads((tmp_path / "back/scheduler/scheduler_config.json").read_text())
    assert scheduler["variance_type"] == "learned_range"
    back = load_checkpoint(tmp_path / "back")
    assert torch.equal(back.unet(x, torch.tensor([7, 7])), ours.unet(x, torch.tensor([7, 7])))
    request = SamplingRequest(
        num_images=2, sampler="ddpm", num_steps=20, seed=3, spacing="leading", variance="learned"
    )
    found = (last(walk(ours, request)).x_prev / 2 + 0.5).clamp(0, 1)
    pipe = diffusers.DDPMPipeline.from_pretrained(tmp_path / "back")
    pipe.set_progress_bar_config(disable=True)
    pictures = pipe(2, request.generators(), 20, output_type="pt").images
    torch.testing.assert_close(found, pictures, rtol=0, atol=1e-4)


def test_our_network_goes_to_diffusers_and_back(tmp_path):
    shape = dataclasses.replace(LEARNED, patch_size=1, num_classes=None)
    config = CheckpointConfig(shape, COSINE, "v_prediction", sampling={"variance": "learned"})
    save_checkpoint(tmp_path / "ours", wake(UNet(shape)), config)
    ours = load_checkpoint(tmp_path / "ours")
    export_diffusers(tmp_path / "theirs", ours)
    theirs = diffusers.UNet2DModel.from_pretrained(tmp_path / "theirs", subfolder="unet")
    x, t = torch.randn(2, 1, 28, 28), torch.tensor([5, 90])
    with torch.no_grad():
        torch.testing.assert_close(theirs(x, t).sample, ours.unet(x, t), rtol=0, atol=1e-4)
    assert load_checkpoint(tmp_path / "theirs").config.sampling["variance"] == "learned"


def test_a_scheduler_that_wants_a_variance_and_a_network_that_gives_none(tmp_path):
    shape = dataclasses.replace(TINY, patch_size=1, num_classes=None)
    save_checkpoint(tmp_path / "ours", wake(UNet(shape)), CheckpointConfig(shape, COSINE))
    export_diffusers(tmp_path / "m", load_checkpoint(tmp_path / "ours"))
    path = tmp_path / "m/scheduler/scheduler_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "variance_type": "learned_range"}))
    with pytest.raises(ValueError, match="must give 2 channels, and it gives 1"):
        load_checkpoint(tmp_path / "m")
