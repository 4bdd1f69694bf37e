import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diffusion_core.schedule import schedule_from_log_snr


@given(
    values=st.lists(st.floats(-20, 20), min_size=2, max_size=8),
    T=st.integers(2, 3000),
)
@settings(deadline=None, max_examples=60)
def test_any_drawing_is_a_schedule_whose_noise_never_falls(values, T):
    s = schedule_from_log_snr(values, T)
    assert len(s) == T
    assert bool((s.alphas_cumprod[1:] <= s.alphas_cumprod[:-1]).all())


def test_it_runs_through_the_points():
    s = schedule_from_log_snr([8.0, 2.0, -1.0, -6.0], 1000)
    at = torch.tensor([0, 333, 666, 999])
    want = torch.tensor([8.0, 2.0, -1.0, -6.0], dtype=torch.float64)
    torch.testing.assert_close(s.log_snr(at), want, rtol=0, atol=2e-5)


def test_a_rising_point_is_taken_down():
    s = schedule_from_log_snr([4.0, -2.0, 3.0, -5.0], 400)
    assert s.log_snr(266) <= -2.0


@pytest.mark.parametrize("values", [[1.0], [float("nan"), 0.0], [30.0, 0.0]])
def test_bad_drawings_say_what_is_wrong(values):
    with pytest.raises(ValueError, match=r"\.$"):
        schedule_from_log_snr(values)
