"""What holds for every sampler of the registry, whatever it is called."""

import math

import pytest
import torch
from conftest import last

from diffusion_core.denoiser import ExactDenoiser, as_denoiser
from diffusion_core.generation import SamplingRequest
from diffusion_core.inpainting import inpaint
from diffusion_core.inversion import invert
from diffusion_core.process import predict_x0, slerp
from diffusion_core.samplers import (
    SAMPLERS,
    check_chance,
    count_evaluations,
    sample,
    sampler_named,
    step_weights,
    take_step,
)
from diffusion_core.schedule import SPACINGS, make_schedule, spaced_timesteps
from tabs.denoise.captions import _samplers, formulas
from tabs.denoise.form import sampler_of, takes_eta
from tabs.denoise.sampler_words import SAMPLER_WORDS

LINEAR, COSINE = make_schedule("linear"), make_schedule("cosine")
ZERO_SNR = make_schedule("cosine", zero_terminal_snr=True)
RECORDS = [sampler_named(name) for name in SAMPLERS]


def by_name(record):
    return record.name


class PointOracle:
    """The best denoiser of points ~ N(mean, std²) of any shape; it counts its evaluations."""

    def __init__(self, schedule, mean=0.3, std=0.4):
        self.schedule, self.mean, self.std, self.count = schedule, mean, std, 0

    def __call__(self, x_t, t):
        return self.predict(x_t, t)[0]

    def predict(self, x_t, t):
        self.count += 1
        shape = (-1, *(1,) * (x_t.ndim - 1))
        a, s = (
            f(t).to(x_t.dtype).reshape(shape) for f in (self.schedule.alpha, self.schedule.sigma)
        )
        away = (x_t - a * self.mean) / (a**2 * self.std**2 + s**2)
        return s * away, self.mean + a * self.std**2 * away


def noise(*shape, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=g, dtype=torch.float64)


@pytest.mark.parametrize("record", RECORDS, ids=by_name)
@pytest.mark.parametrize("schedule", [LINEAR, COSINE], ids=["linear", "cosine"])
def test_a_record_says_of_each_step_what_the_walk_does(record, schedule):
    """Its evaluations, its noise and its formulas are those of the steps that are taken."""
    oracle = PointOracle(schedule)
    timesteps = schedule.timesteps(10)
    g = torch.Generator().manual_seed(0)
    steps = list(sample(oracle, noise(2, 3), sampler=record.name, num_steps=10, generator=g))
    nfe = 0
    for s in steps:
        nfe += int(record.evaluations(torch.tensor(s.t), torch.tensor(s.t_prev), schedule))
        assert s.nfe == nfe
        assert (s.noise is not None) == ("noise" in s.weights)
        assert ("noise" in s.weights) == (record.injects_noise(0.0) and s.t_prev >= 0)
        assert any(set(s.weights) <= set(terms) for terms in record.terms)
    assert oracle.count == nfe == count_evaluations(record.name, [*timesteps, -1], schedule)


@pytest.mark.parametrize("record", RECORDS, ids=by_name)
def test_no_formula_is_for_a_step_that_there_is_not(record):
    steps = list(
        sample(
            PointOracle(LINEAR),
            noise(2, 3),
            sampler=record.name,
            num_steps=9,
            generator=torch.Generator().manual_seed(0),
        )
    )
    shown = [next(t for t in record.terms if set(s.weights) <= set(t)) for s in steps]
    assert all(terms in shown for terms in record.terms)


@pytest.mark.parametrize("record", RECORDS, ids=by_name)
def test_a_sampler_lands_on_the_mean_and_variance_of_points(record):
    """Points of (B, 2): nothing in a walk needs an image."""
    g = torch.Generator().manual_seed(1)
    many = 100 * 10 ** record.injects_noise(0.0)
    walk = sample(
        PointOracle(LINEAR),
        noise(10_000, 2),
        sampler=record.name,
        num_steps=many,
        clip_x0=False,
        generator=g,
    )
    end = last(walk).x_prev
    assert end.shape == (10_000, 2)
    assert abs(float(end.mean()) - 0.3) < 0.015 and abs(float(end.std()) - 0.4) < 0.015


@pytest.mark.parametrize("record", RECORDS, ids=by_name)
def test_the_error_of_the_variance_falls_at_the_samplers_order(record):
    """Exactly, without a draw: from T - 1 to t = 99, for data ~ N(0, 0.4²).

    There a step is linear in x_T and in every z, so the walk is taken for the weights that these
    have in x_t, (1 + steps,), and the variance is the sum of their squares.
    """
    oracle, errors = PointOracle(LINEAR, mean=0.0), []
    start, exact = (LINEAR.alpha(t) ** 2 * 0.4**2 + LINEAR.sigma(t) ** 2 for t in (999, 99))
    for num_steps in (50, 100, 200):
        timesteps = LINEAR.timesteps(num_steps)
        timesteps = timesteps[: timesteps.index(99) + 1]
        unit = torch.eye(len(timesteps), dtype=torch.float64)
        x, before = start.sqrt() * unit[0], None
        for z, t, t_prev in zip(unit[1:], timesteps, timesteps[1:], strict=False):
            step = take_step(
                oracle, record.name, x, t, t_prev, before=before, clip_x0=False, noise=z
            )
            x, before = step.x_prev, (t, step.x0_hat)
        errors.append(abs(float(x.square().sum() - exact)))
    measured = [math.log2(a / b) for a, b in zip(errors, errors[1:], strict=False)]
    assert all(record.order - 0.3 < m < record.order + 0.5 for m in measured), measured


class StraightPath:
    """The path of flow matching: alpha = 1 - u, sigma = u, with u = (t + 1) / T."""

    def __init__(self, T):
        self.T = T

    def __len__(self):
        return self.T

    def alpha(self, t):
        return 1 - self.sigma(t)

    def sigma(self, t):
        return (torch.as_tensor(t) + 1).double() / self.T

    def noise_variance(self, t):
        return self.sigma(t) ** 2

    def log_snr(self, t):
        return 2 * (self.alpha(t).log() - self.sigma(t).log())

    def transition_variance(self, t, t_prev):
        ratio = self.alpha(t) / self.alpha(t_prev)
        return self.sigma(t) ** 2 - ratio**2 * self.sigma(t_prev) ** 2

    def posterior_variance(self, t, t_prev):
        share = self.sigma(t_prev) ** 2 / self.sigma(t) ** 2
        return share * self.transition_variance(t, t_prev)

    def timesteps(self, num_steps, spacing="trailing", t_start=None):
        return spaced_timesteps(self.T, num_steps, spacing, t_start)


@pytest.mark.parametrize("record", RECORDS, ids=by_name)
def test_samplers_walk_along_any_path_of_alpha_and_sigma(record):
    """Nothing in them needs alpha² + sigma² = 1."""
    path, g = StraightPath(1000), torch.Generator().manual_seed(1)
    many = 100 * 10 ** record.injects_noise(0.0)
    options = {"sampler": record.name, "num_steps": many, "clip_x0": False, "generator": g}
    end = last(sample(PointOracle(path), noise(10_000, 2), **options)).x_prev
    assert abs(float(end.mean()) - 0.3) < 0.015 and abs(float(end.std()) - 0.4) < 0.015


@pytest.mark.parametrize("record", RECORDS, ids=by_name)
@pytest.mark.parametrize("shape", [(4,), (4, 2), (4, 3, 5), (4, 1, 2, 2), (4, 1, 2, 3, 2)])
@pytest.mark.parametrize("threshold", ["static", "dynamic"])
def test_data_of_any_shape_walk_alike(record, shape, threshold):
    """The same numbers as when they are laid out as images of one row."""
    x = 3 * noise(*shape)
    ends = []
    for start in (x, x.reshape(4, 1, 1, -1)):
        g = [torch.Generator().manual_seed(i) for i in range(4)]
        walk = sample(
            PointOracle(COSINE),
            start,
            sampler=record.name,
            num_steps=6,
            threshold=threshold,
            generator=g,
        )
        ends.append(last(walk).x_prev)
    assert ends[0].shape == shape
    torch.testing.assert_close(ends[0].reshape(4, 1, 1, -1), ends[1], rtol=1e-12, atol=1e-12)


def test_points_are_inverted_filled_remembered_and_joined():
    x0 = 0.3 + 0.4 * noise(5, 2)
    up = last(invert(PointOracle(LINEAR), x0, num_steps=20, refine=12)).x_next
    down = last(sample(PointOracle(LINEAR), up, num_steps=20, clip_x0=False)).x_prev
    torch.testing.assert_close(down, x0)

    for mask in (torch.tensor([[1, 0]]), torch.tensor([[1, 0]]).expand(5, 2)):
        g = torch.Generator().manual_seed(0)
        filled = last(
            inpaint(PointOracle(LINEAR), x0, mask, noise(5, 2), num_steps=8, generator=g)
        ).x_prev
        assert torch.equal(filled[:, 0], x0[:, 0])
        assert not torch.isclose(filled[:, 1], x0[:, 1]).any()
    for wrong in (torch.ones(2), torch.ones(5, 1), torch.ones(4, 2)):
        with pytest.raises(ValueError, match=r"mask must be \(1, 2\) or \(5, 2\)"):
            next(inpaint(PointOracle(LINEAR), x0, wrong, up, generator=torch.Generator()))

    exact = ExactDenoiser(x0, LINEAR)
    eps_hat, x0_hat = exact.predict(x0 + 1e-3 * noise(5, 2), torch.zeros(5, dtype=torch.int64))
    assert eps_hat.shape == x0_hat.shape == (5, 2)
    torch.testing.assert_close(x0_hat, x0, atol=1e-2, rtol=0)
    assert exact.nearest(x0[[3, 1]])[0].tolist() == [3, 1]
    walk = sample(exact, noise(7, 2), num_steps=200, spacing="leading", clip_x0=False)
    end = last(walk).x_prev
    assert float(exact.nearest(end)[1].max()) < 1e-3

    along = slerp(noise(1, 2), noise(1, 2, seed=1), 4)
    assert along.shape == (4, 2)
    torch.testing.assert_close(along[0], noise(1, 2)[0])


@pytest.mark.parametrize("record", RECORDS, ids=by_name)
def test_a_walk_goes_on_from_any_step_to_the_same_bits(record):
    g = torch.Generator().manual_seed(3)
    walk, states = [], []
    options = {"sampler": record.name, "generator": g}
    timesteps = LINEAR.timesteps(9)
    for s in sample(PointOracle(LINEAR), noise(2, 3), timesteps=timesteps, **options):
        walk.append(s)
        states.append(g.get_state())
    for k in (0, 3, 7):
        g.set_state(states[k])
        rest = sample(
            PointOracle(LINEAR),
            walk[k].x_prev,
            timesteps=timesteps[k + 1 :],
            before=(walk[k].t, walk[k].x0_hat),
            **options,
        )
        for a, b in zip(rest, walk[k + 1 :], strict=True):
            assert torch.equal(a.x_prev, b.x_prev) and a.weights == b.weights


@pytest.mark.parametrize("record", RECORDS, ids=by_name)
def test_the_noise_of_an_item_does_not_depend_on_the_batch(record):
    def run(seeds):
        g = [torch.Generator().manual_seed(s) for s in seeds]
        x = torch.cat([noise(1, 2, seed=s) for s in seeds])
        return list(sample(PointOracle(LINEAR), x, sampler=record.name, num_steps=7, generator=g))

    for a, b in zip(run([4, 5, 6]), run([5]), strict=True):
        torch.testing.assert_close(a.x_prev[1], b.x_prev[0])
        if b.noise is not None:
            assert torch.equal(a.noise[1], b.noise[0])


@pytest.mark.parametrize("record", RECORDS, ids=by_name)
def test_the_eta_of_a_record_is_the_eta_that_is_taken(record):
    for eta in (0.0, 0.5, 1.0):
        if record.fixed_eta is None or eta in (0, record.fixed_eta):
            check_chance(record.name, eta, "posterior")
        else:
            with pytest.raises(ValueError, match=r"eta belongs to ddim; .*\.$"):
                check_chance(record.name, eta, "posterior")


@pytest.mark.parametrize("record", RECORDS, ids=by_name)
def test_a_step_alone_is_the_step_of_a_walk(record):
    g = torch.Generator().manual_seed(2)
    first, second, *_ = sample(
        PointOracle(LINEAR), noise(2, 3), sampler=record.name, num_steps=9, generator=g
    )
    alone = take_step(
        PointOracle(LINEAR),
        record.name,
        second.x_t,
        second.t,
        second.t_prev,
        before=(first.t, first.x0_hat),
        noise=second.noise,
    )
    assert torch.equal(alone.x_prev, second.x_prev) and alone.weights == second.weights
    assert alone.weights == step_weights(
        record.name, second.t, second.t_prev, LINEAR, t_before=first.t
    )


@pytest.mark.parametrize("record", RECORDS, ids=by_name)
@pytest.mark.parametrize("spacing", SPACINGS)
def test_evaluations_of_a_part_and_of_repeats_add_up(record, spacing):
    timesteps = [*COSINE.timesteps(10, spacing), -1]
    whole = count_evaluations(record.name, timesteps, COSINE)
    parts = [count_evaluations(record.name, p, COSINE) for p in (timesteps[:5], timesteps[4:])]
    assert sum(parts) == whole
    twice = count_evaluations(record.name, timesteps, COSINE, resample=2)
    assert twice == 2 * whole - int(record.evaluations(*torch.tensor(timesteps[-2:]), COSINE))


def test_every_sampler_has_its_words_on_the_page():
    assert {sampler_of(choice)[0] for choice in SAMPLER_WORDS} == set(SAMPLERS)
    for name, words in SAMPLER_WORDS.items():
        record = sampler_named(sampler_of(name)[0])
        assert words.choice.startswith(name.partition(",")[0])
        assert record.paper in words.hint
        assert takes_eta(name) == (record.name == "ddim")


def test_a_denoiser_knows_its_schedule_or_is_told():
    oracle = PointOracle(LINEAR)
    x = noise(2, 2)
    own = last(sample(oracle, x, num_steps=5)).x_prev
    assert torch.equal(own, last(sample(oracle, x, LINEAR, num_steps=5)).x_prev)
    assert as_denoiser(oracle) is oracle and as_denoiser(oracle, LINEAR) is oracle
    plain = as_denoiser(lambda x_t, t: oracle(x_t, t), LINEAR)
    t = torch.tensor([400, 7])
    torch.testing.assert_close(plain.predict(x, t), oracle.predict(x, t))
    assert torch.equal(plain(x, t), oracle(x, t))
    other = as_denoiser(oracle, COSINE)
    assert other.schedule is COSINE and torch.equal(other(x, t), oracle(x, t))
    moved = as_denoiser(plain, ZERO_SNR)
    torch.testing.assert_close(moved.predict(x, t)[1], predict_x0(x, t, oracle(x, t), ZERO_SNR))
    with pytest.raises(ValueError, match="zero terminal SNR"):
        next(sample(plain, x, ZERO_SNR))
    with pytest.raises(ValueError, match=r"knows no schedule.*\.$"):
        next(sample(lambda x_t, t: x_t, x))


def test_the_players_formulas_are_those_of_the_walk_and_of_its_parent():
    parent = SamplingRequest(sampler="heun")
    branch = SamplingRequest(sampler="ddim", parent=parent, branch_step=3)
    shown = formulas([name for _, name in _samplers(branch)], make_schedule("cosine"))
    assert shown.keys() == {"heun", "ddim"}
    assert shown["heun"]["terms"] == sampler_named("heun").terms
    assert shown["ddim"]["letters"].endswith(sampler_named("ddim").letters)
