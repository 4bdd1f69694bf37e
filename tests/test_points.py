"""Points in the plane: the sets, the network, the measures, and the density that is known."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from diffusion_core import points
from diffusion_core.denoiser import ExactDenoiser, ModelDenoiser
from diffusion_core.points import PointNetwork, PointNetworkConfig, point_set
from diffusion_core.samplers import sample
from diffusion_core.schedule import FlowSchedule, make_schedule


def drawn(name, count=4000, seed=0):
    return point_set(name).draw(count, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", points.POINT_SETS)
def test_a_set_fills_the_square_and_is_repeated_by_its_seed(name):
    some = drawn(name)
    assert some.shape == (4000, 2) and some.dtype == torch.float32
    assert (some.abs() < 1.05).float().mean() > 0.999 and some.abs().amax(0).max() > 0.85
    assert some.mean(0).abs().max() < 0.1  # in the middle
    assert torch.equal(some, drawn(name)) and not torch.equal(some, drawn(name, seed=1))


def test_the_ring_has_eight_equal_modes_and_the_checkerboard_every_other_square():
    ring = point_set("ring")
    which = torch.cdist(drawn("ring"), ring.modes).argmin(1).bincount(minlength=8)
    assert which.min() > 400
    cell = ((drawn("checkerboard") + 0.95) / (1.9 / 4)).long().clamp(0, 3)
    counts = torch.bincount(cell[:, 0] * 4 + cell[:, 1], minlength=16).reshape(4, 4)
    on = (torch.arange(4)[:, None] + torch.arange(4)) % 2 == 0
    assert (counts[on] > 400).all() and (counts[~on] == 0).all()


def test_a_word_is_where_its_letters_are_and_a_picture_where_it_is_dark():
    some = points.word(" I  I ").draw(2000, torch.Generator().manual_seed(0))
    assert (some[:, 0].abs() > 0.1).all()  # nothing between the letters
    picture = np.full((10, 20), 255, dtype=np.uint8)
    picture[0, 0], picture[9, 19] = 0, 127  # twice as dark
    some = points.from_darkness(picture).draw(3000, torch.Generator().manual_seed(0))
    upper = some[:, 1] > 0
    assert (some[upper, 0] < -0.8).all() and (some[~upper, 0] > 0.8).all()
    assert (some[:, 1].abs() < 0.48).all()  # wide pictures stay wide
    assert upper.float().mean() == pytest.approx(255 / (255 + 128), abs=0.03)


def test_own_points_are_drawn_around():
    own = torch.tensor([[-0.5, 0.5], [0.5, -0.5]])
    some = points.from_points(own).draw(1000, torch.Generator().manual_seed(0))
    far, which = torch.cdist(some, own).min(1)
    assert far.max() < 0.1 and which.float().mean() == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: point_set("rings"), "There is no set of points 'rings'; choose one of ring,"),
        (lambda: points.word("  "), "1 to 12 letters, got 0"),
        (lambda: points.word("x" * 13), "1 to 12 letters, got 13"),
        (lambda: points.from_darkness(np.full((4, 4), 255, np.uint8)), "Nothing in this picture"),
        (lambda: points.from_darkness(np.zeros((4, 4, 3), np.uint8)), "must be uint8"),
        (lambda: points.from_points(torch.zeros(3)), "must be float"),
        (lambda: points.from_points(torch.zeros(0, 2)), "1 to 10,000 points, got 0"),
        (lambda: points.from_points(torch.tensor([[0, math.nan]])), "between -1 and 1"),
        (lambda: points.energy_distance(torch.zeros(1, 2), torch.zeros(5, 2)), "at least two"),
    ],
)
def test_what_cannot_be_a_set_is_refused_in_a_sentence(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_the_energy_distance_is_that_of_two_shifted_gaussians():
    a, b = (torch.randn(3000, 1, generator=torch.Generator().manual_seed(k)) for k in (0, 1))
    assert abs(points.energy_distance(a, b)) < 0.01
    # E|X - Y| of N(0, 1) and N(m, 1) is the mean of a folded N(m, 2).
    m = 2.0
    folded = 2 / math.sqrt(math.pi) * math.exp(-(m**2) / 4) + m * math.erf(m / 2)
    want = 2 * folded - 2 * 2 / math.sqrt(math.pi)
    assert points.energy_distance(a, b + m) == pytest.approx(want, rel=0.03)
    scale = points.energy_scale(drawn("moons"))
    assert 0 < scale < 0.002 < points.energy_distance(drawn("moons"), drawn("ring"))


def test_modes_are_counted_where_enough_points_are():
    centres = points.ring_centres()
    some = drawn("ring")
    reach = 3 * points.RING_DEVIATION
    assert points.modes_covered(some, centres, reach) == 8
    which = torch.cdist(some, centres).argmin(1)
    assert points.modes_covered(some[which < 3], centres, reach) == 3
    assert points.modes_covered(some * 0.2, centres, reach) == 0  # near no centre


@pytest.mark.parametrize("schedule", [FlowSchedule(), make_schedule("cosine")])
def test_the_exact_density_is_one_in_all_and_its_gradient_the_score(schedule):
    exact = ExactDenoiser(drawn("moons", 50).double(), schedule)
    line = torch.linspace(-5, 5, 200, dtype=torch.float64)
    grid = torch.cartesian_prod(line, line)
    for t in (200, 700, 999):
        density = exact.log_density(grid, t).exp()
        assert float(density.sum()) * float(line[1] - line[0]) ** 2 == pytest.approx(1, abs=1e-3)
    x, t, h = torch.tensor([[0.3, -0.2], [-1.0, 0.4]], dtype=torch.float64), 300, 1e-5
    slope = [
        (exact.log_density(x + d, t) - exact.log_density(x - d, t)) / (2 * h)
        for d in h * torch.eye(2, dtype=torch.float64)
    ]
    score = -exact(x, t) / schedule.sigma(t)
    assert torch.allclose(torch.stack(slope, dim=1), score, rtol=1e-4)


def test_the_network_is_small_begins_at_zero_and_walks_with_the_samplers():
    torch.manual_seed(0)
    network = PointNetwork()
    assert 20_000 < sum(p.numel() for p in network.parameters()) < 70_000
    x, t = torch.randn(5, 2), torch.arange(5)
    assert not network(x, t).any()
    with pytest.raises(ValueError, match="takes no condition"):
        network(x, t, t)
    with pytest.raises(ValueError, match="is told a class: give labels"):
        PointNetwork(PointNetworkConfig(num_classes=2))(x, t)
    for layer in (network.last, *(block.linear_2 for block in network.blocks)):
        torch.nn.init.normal_(layer.weight)
    assert (network(x, t) != network(x, t + 500)).any()  # it is told the timestep
    short = PointNetwork(PointNetworkConfig(num_train_timesteps=100))
    short.load_state_dict(network.state_dict())
    assert torch.allclose(short(x, t), network(x, 10 * t), atol=1e-4)  # as its share of all
    denoiser = ModelDenoiser(network, FlowSchedule(), "velocity")
    steps = list(sample(denoiser, x, num_steps=4, clip_x0=False))
    assert steps[-1].x_prev.shape == (5, 2) and steps[-1].x_prev.isfinite().all()


def test_the_cores_training_learns_two_points_and_repeats_to_the_bit():
    both = torch.tensor([[-0.6, 0.6], [0.6, -0.6]])
    data = points.from_points(both).draw(500, torch.Generator().manual_seed(0))
    schedule = FlowSchedule(100)
    config = dataclasses.replace(points.point_training(steps=250), batch_size=128)
    shape = PointNetworkConfig(width=32, blocks=1, num_train_timesteps=100)
    steps = list(points.learn_points(data, schedule, config, shape))
    assert [step.step for step in steps] == list(range(1, 251))
    assert steps[-1].loss < 0.7 * steps[0].loss
    denoiser = ModelDenoiser(steps[-1].network, schedule, "velocity")
    start = torch.randn(200, 2, generator=torch.Generator().manual_seed(1))
    last = list(sample(denoiser, start, num_steps=10, clip_x0=False))[-1].x_prev
    assert points.modes_covered(last, both, reach=0.3, least=0.3) == 2
    torch.randn(3)  # no generator of torch's own is read or moved
    again = points.learn_points(data, schedule, config, shape)
    assert [next(again).loss for _ in range(3)] == [step.loss for step in steps[:3]]


def test_what_is_no_set_of_points_cannot_be_learnt():
    with pytest.raises(ValueError, match="must be float32"):
        points.learn_points(torch.zeros(4), FlowSchedule(), points.point_training())
