"""A forecast of a training's memory leaves nothing of the network that it was made with."""

import gc
import weakref

from conftest import TINY

from diffusion_core.training_runs import cost
from diffusion_core.unet import UNet


def test_a_forecast_frees_the_network_that_it_looked_at():
    unet = UNet(TINY)
    weights = [weakref.ref(weight) for weight in unet.parameters()]
    again = [cost.memory_of_training(unet, 4) for _ in range(3)]
    assert len(set(again)) == 1  # nothing is counted twice, or hidden by an address of before
    cost.step_seconds(unet.config, 1, "fp32", "cpu")
    del unet
    gc.collect()
    assert weights and not any(weight() is not None for weight in weights)
