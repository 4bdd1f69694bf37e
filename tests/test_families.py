"""GAN, VAE and normalizing flow on points: what each is by definition, and that each learns."""

from __future__ import annotations

import math

import pytest
import torch

from diffusion_core import points
from diffusion_core.families import GAN, VAE, NormalizingFlow, count_parameters
from diffusion_core.families import normalizing_flow as flows
from diffusion_core.points import PointNetwork

FAMILIES = (GAN, VAE, NormalizingFlow)
SMALL = 3000


def made(family, parameters=SMALL, **options):
    torch.manual_seed(0)
    return family(parameters, **options)


def stirred(flow):
    """A flow whose couplings are no longer the identity."""
    for coupling in flow.couplings:
        torch.nn.init.normal_(coupling.network[-1].weight, std=0.15)
    return flow


@pytest.mark.parametrize("family", FAMILIES)
def test_it_has_as_many_parameters_as_the_diffusion_network(family):
    wanted = count_parameters(PointNetwork())
    assert made(family, wanted).num_parameters == pytest.approx(wanted, rel=0.1)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_learns_where_the_data_are_and_repeats_to_the_bit(family):
    data = point_cloud()
    model = made(family)
    before = points.energy_distance(drawn(model), data)
    steps = list(model.learn(data, 300, batch=128, seed=3))
    assert [step.step for step in steps] == list(range(1, 301))
    assert all(math.isfinite(v) for step in steps for v in step.losses.values())
    after = points.energy_distance(drawn(model), data)
    assert after < 0.25 * before, (before, after)
    again = made(family).learn(data, 3, batch=128, seed=3)
    assert [step.losses for step in again] == [step.losses for step in steps[:3]]
    some = drawn(model, 7)
    assert some.shape == (7, 2) and some.dtype == torch.float32 and not some.requires_grad


def point_cloud():
    generator = torch.Generator().manual_seed(5)
    return torch.tensor([0.6, -0.3]) + 0.1 * torch.randn(400, 2, generator=generator)


def drawn(model, count=400):
    return model.draw(count, torch.Generator().manual_seed(9))


def test_a_flow_runs_backwards_exactly_and_its_determinant_is_that_of_its_jacobian():
    flow = stirred(made(NormalizingFlow))
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(1))
    z, change = flow.encode(x)
    assert (flow.decode(z) - x).abs().max() < 1e-4 and (z - x).abs().max() > 0.1
    for k in range(3):
        jacobian = torch.autograd.functional.jacobian(lambda row: flow.encode(row)[0], x[k : k + 1])
        want = torch.linalg.slogdet(jacobian[0, :, 0])
        assert float(change[k].detach()) == pytest.approx(float(want.logabsdet), abs=1e-4)
        assert want.sign == 1


def test_a_flows_density_is_one_in_all():
    flow = stirred(made(NormalizingFlow))
    line = torch.linspace(-12, 12, 400)
    density = flow.log_likelihood(torch.cartesian_prod(line, line)).exp()
    assert float(density.sum() * (line[1] - line[0]) ** 2) == pytest.approx(1, abs=0.01)
    assert made(GAN).log_likelihood(line[:, None].expand(-1, 2)) is None


def test_a_flow_needs_an_even_number():
    with pytest.raises(ValueError, match="must be even: 3"):
        NormalizingFlow(SMALL, dim=3)
    assert flows.COUPLINGS % 2 == 0  # so that both halves are changed equally often


def test_the_vaes_bound_is_below_the_likelihood():
    model = made(VAE)
    data = point_cloud()
    for _ in model.learn(data, 100, batch=128):
        pass
    # p(x) = E_z p(x | z), by many draws of the prior: one number of this for each point.
    z = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(2))
    s = float(model.log_s.detach().exp())
    far = torch.cdist(data[:20].double(), model.decode(z).double()).square()
    log_p = torch.logsumexp(-far / (2 * s**2), dim=1) - math.log(len(z))
    log_p -= math.log(2 * math.pi * s**2)
    noise = torch.randn(20, 2, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        missing, divergence = model.bound(data[:20], noise)
    elbo = -(missing + divergence)
    assert (divergence >= 0).all() and float(elbo.mean()) <= float(log_p.mean()) + 0.05


def test_the_discriminator_tells_data_from_what_an_untrained_generator_makes():
    model, data = made(GAN), point_cloud()
    made_up = drawn(model)
    for step in model.learn(data, 15, batch=128):
        assert step.losses["discriminator"] > 0
    of_data, of_made_up = model.realness(data), model.realness(made_up)
    assert (of_data.mean() > of_made_up.mean() + 0.01) and ((of_data > 0) & (of_data < 1)).all()


def test_a_gan_loses_modes_where_it_is_provoked_to():
    ring = points.point_set("ring")
    data = ring.draw(1000, torch.Generator().manual_seed(0))
    covered = {}
    for collapse in (False, True):
        model = made(GAN, 8000, collapse=collapse)
        for _ in model.learn(data, 300, batch=256):
            pass
        covered[collapse] = points.modes_covered(drawn(model, 1000), ring.modes, reach=0.3)
    assert covered[True] <= 3 < 6 <= covered[False], covered
