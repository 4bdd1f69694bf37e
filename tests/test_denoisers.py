"""What a network's output means, and how networks that count in noise levels are asked."""

import pytest
import torch
from conftest import wake

from diffusion_core.denoiser import PREDICTION_TYPES, PREDICTIONS, ModelDenoiser, network_output
from diffusion_core.process import q_sample
from diffusion_core.schedule import make_schedule
from diffusion_core.unet import UNet, UNetConfig

LINEAR, COSINE = make_schedule("linear"), make_schedule("cosine")
ZERO_SNR = make_schedule("cosine", zero_terminal_snr=True)
SMALL = {"channels": (8, 8), "attention": (False, False), "norm_groups": 4, "head_dim": 4}


@pytest.mark.parametrize("kind", PREDICTION_TYPES)
@pytest.mark.parametrize("schedule", [LINEAR, COSINE], ids=["linear", "cosine"])
@pytest.mark.parametrize("shape", [(64, 2), (64, 3, 2, 2)])
def test_the_estimates_of_the_target_are_the_truth(kind, schedule, shape):
    g = torch.Generator().manual_seed(0)
    x0, eps = (torch.randn(shape, generator=g, dtype=torch.float64) for _ in range(2))
    t = torch.randint(0, 990, shape[:1], generator=g)  # ᾱ above 1e-5 in both
    target = PREDICTIONS[kind].target(x0, t, eps, schedule)
    eps_hat, x0_hat = PREDICTIONS[kind].estimates(
        q_sample(x0, t, eps, schedule), t, target, schedule
    )
    torch.testing.assert_close(eps_hat, eps, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(x0_hat, x0, rtol=1e-6, atol=1e-6)


def test_where_no_signal_is_left_only_predicted_noise_says_nothing():
    x0, eps, t = torch.ones(2, 3), torch.randn(2, 3), torch.tensor([999, 999])
    x_t = q_sample(x0, t, eps, ZERO_SNR)
    for kind in ("v_prediction", "sample"):
        target = PREDICTIONS[kind].target(x0, t, eps, ZERO_SNR)
        torch.testing.assert_close(PREDICTIONS[kind].estimates(x_t, t, target, ZERO_SNR), (eps, x0))
    with pytest.raises(ValueError, match="zero terminal SNR"):
        PREDICTIONS["epsilon"].estimates(x_t, t, eps, ZERO_SNR)


def test_a_network_of_noise_levels_is_conditioned_on_their_logarithm_and_answers_a_score():
    unet = wake(UNet(UNetConfig(**SMALL, time_embedding="fourier"))).eval()
    x, t = torch.randn(2, 3, 8, 8), torch.tensor([3, 700])
    with torch.no_grad():
        output = network_output(unet, unet.config, x, t)
        raw = unet(x, torch.tensor([3.0, 700.0]).log())
        eps_hat, _ = ModelDenoiser(unet, LINEAR, "epsilon").predict(x, t)
    torch.testing.assert_close(output, raw / torch.tensor([3.0, 700.0]).reshape(2, 1, 1, 1))
    assert torch.equal(eps_hat, output)


def test_a_network_of_timesteps_is_asked_as_it_is():
    unet = wake(UNet(UNetConfig(**SMALL))).eval()
    x, t = torch.randn(2, 3, 8, 8), torch.tensor([3, 700])
    with torch.no_grad():
        assert torch.equal(network_output(unet, unet.config, x, t), unet(x, t))
