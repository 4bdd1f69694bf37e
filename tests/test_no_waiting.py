"""A walk never asks its device for a number, so that a GPU is never waited for between two steps.

Tensors on torch's device "meta" have a shape and no numbers: whoever reads one fails.
"""

import dataclasses

import pytest
import torch

from diffusion_core.conditioning import null_condition
from diffusion_core.denoiser import (
    PREDICTION_TYPES,
    ClassifierFreeGuidance,
    EpsDenoiser,
    ExactDenoiser,
    ModelDenoiser,
    as_denoiser,
    estimate,
)
from diffusion_core.process import eps_from_v, predict_eps, predict_v, predict_x0, q_sample
from diffusion_core.samplers import SAMPLERS, sample
from diffusion_core.schedule import make_schedule

SCHEDULE = make_schedule("cosine", 50)


@dataclasses.dataclass
class Config:
    sample_shape: tuple = (3, 4, 4)
    num_classes: int = 5
    null_label: bool = True
    attributes: tuple = ()
    time_embedding: str = "positional"


class Network:
    """As a network: its output depends on x_t, t and y, wherever they are."""

    config = Config()

    def __call__(self, x_t, t, y=None):
        assert t.device == x_t.device == y.device and len(t) == len(x_t) == len(y)
        each = (t + 2 * y).reshape(-1, 1, 1, 1)
        return x_t.tanh() * each / 60


@pytest.mark.parametrize("prediction", PREDICTION_TYPES)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_walk_reads_no_number_of_its_device(sampler, prediction):
    y = torch.tensor([1, 4])
    guided = ClassifierFreeGuidance(ModelDenoiser(Network(), SCHEDULE, prediction, y), 2.0)
    x = torch.empty(2, 3, 4, 4, device="meta")
    steps = list(sample(guided, x, sampler=sampler, num_steps=3, generator=torch.Generator()))
    assert len(steps) == 3 and steps[-1].x_prev.shape == x.shape
    assert steps[-1].x_prev.device.type == "meta"


def test_a_plain_function_gets_timesteps_where_its_data_are():
    def function(x_t, t):
        assert t.device == x_t.device and t.shape == (2,) and t.dtype == torch.int64
        return x_t

    for x in (torch.empty(2, 3, device="meta"), torch.ones(2, 3)):
        assert len(list(sample(function, x, SCHEDULE, num_steps=2))) == 2


def test_a_stranger_that_predicts_gets_a_tensor_of_timesteps():
    class Stranger:
        schedule = SCHEDULE

        def predict(self, x_t, t):
            assert isinstance(t, torch.Tensor) and t.tolist() == [7, 7]
            return x_t, x_t

    other = make_schedule("linear", 50)
    for denoiser in (Stranger(), as_denoiser(Stranger(), other)):
        estimate(denoiser, torch.ones(2, 3), 7, 1.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_timestep_for_all_gives_the_bits_of_one_an_item(dtype):
    x, e = (torch.randn(5, 3, 7, generator=torch.Generator().manual_seed(k)) for k in (1, 2))
    x, e = x.to(dtype), e.to(dtype)
    for t in (0, 13, 49):
        each = torch.full((5,), t)
        for of in (q_sample, predict_v):
            assert torch.equal(of(x, t, e, SCHEDULE), of(x, each, e, SCHEDULE))
        for of in (predict_x0, predict_eps, eps_from_v):
            assert torch.equal(of(x, t, e, SCHEDULE), of(x, each, e, SCHEDULE))
        for denoiser in (
            EpsDenoiser(lambda x_t, t: x_t * t.reshape(-1, 1, 1) / 50, SCHEDULE),
            ExactDenoiser(e, SCHEDULE),
        ):
            for one, many in zip(denoiser.predict(x, t), denoiser.predict(x, each), strict=True):
                assert torch.equal(one, many)


def test_a_condition_is_moved_to_the_device_once():
    denoiser = ModelDenoiser(Network(), SCHEDULE, "epsilon", torch.tensor([[1, 2]]))
    t = torch.zeros(3, dtype=torch.int64, device="meta")
    assert denoiser.labels(t).shape == (3, 2) and denoiser.y.device.type == "meta"
    assert null_condition(denoiser.labels(t), 5).device.type == "meta"
