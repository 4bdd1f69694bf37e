"""Half precision: too large a scale is no divergence; bf16 only where it is not emulated."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from conftest import TINY

from diffusion_core import device
from diffusion_core.data import ImageDataset
from diffusion_core.schedule import make_schedule
from diffusion_core.training import TrainConfig, TrainingState, train
from diffusion_core.training_runs import STATE_FILE, train_resumably

SCHEDULE = make_schedule("cosine", 20)
C, (H, W) = TINY.in_channels, TINY.image_size
PICTURES = np.random.default_rng(0).integers(0, 256, (8, H, W, C), dtype=np.uint8)
DATA = ImageDataset("pictures", PICTURES, torch.arange(8) % (TINY.num_classes or 1))
CONFIG = TrainConfig(num_steps=3, batch_size=2, precision="fp32", save_every=2)


@pytest.fixture
def half(cpu, monkeypatch):
    """What `accelerate launch --mixed_precision fp16` makes on a GPU, here on the CPU."""
    accelerator = Accelerator()
    monkeypatch.setattr(AcceleratorState, "mixed_precision", property(lambda self: "fp16"))
    accelerator.native_amp = True
    accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40, backoff_factor=2.0**-28)
    return accelerator


def test_under_fp16_a_scale_that_is_too_large_is_lowered_and_the_step_taken_again(half):
    config = TrainConfig(num_steps=2, batch_size=1, precision="fp32")  # fp16 is slow on a CPU
    state = TrainingState.begin(config, TINY, half.device)
    before = {k: v.clone() for k, v in state.unet.state_dict().items()}
    steps = list(train(config, state, SCHEDULE, DATA, accelerator=half))
    assert [step.step for step in steps] == [1, 2]
    assert half.scaler.get_scale() < 2.0**40
    assert all(np.isfinite(step.grad_norm) and np.isfinite(step.loss) for step in steps)
    assert any(not torch.equal(v, before[k]) for k, v in state.unet.state_dict().items())
    assert all(bool(torch.isfinite(v).all()) for v in state.ema.state_dict().values())


def test_under_fp16_what_really_diverges_still_ends_with_a_sentence(half):
    state = TrainingState.begin(CONFIG, TINY, half.device)
    with torch.no_grad():
        next(state.unet.parameters()).fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="diverged at step 1"):
        next(train(CONFIG, state, SCHEDULE, DATA, accelerator=half))
    half.clip_grad_norm_ = lambda *_: torch.tensor(float("inf"))  # of gradients that are finite
    half.scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    state = TrainingState.begin(CONFIG, TINY, half.device)
    with pytest.raises(FloatingPointError, match="diverged at step 1"):
        next(train(CONFIG, state, SCHEDULE, DATA, accelerator=half))


@pytest.mark.parametrize(("real", "fastest"), [(True, "bf16"), (False, "fp32")])
def test_a_gpu_that_only_emulates_bf16_computes_in_fp32(monkeypatch, real, fastest):
    def supported(including_emulation=True):
        return real or including_emulation

    monkeypatch.setattr(device.torch.cuda, "is_bf16_supported", supported)
    assert device.fastest_precision(torch.device("cuda")) == fastest


@pytest.mark.skipif(sys.platform != "linux", reason="what is mapped is listed on Linux alone")
def test_a_state_that_was_resumed_is_not_bound_to_its_file(cpu, tmp_path, monkeypatch):
    """What the next save replaces: on Windows it could not, and elsewhere it would change."""
    list(train_resumably(CONFIG, TINY, SCHEDULE, DATA, tmp_path))
    begun = []
    begin = TrainingState.begin
    monkeypatch.setattr(
        TrainingState, "begin", classmethod(lambda cls, *a: begun.append(begin(*a)) or begun[-1])
    )
    longer = TrainConfig(num_steps=9, batch_size=2, precision="fp32", save_every=100)
    steps = train_resumably(longer, TINY, SCHEDULE, DATA, tmp_path)
    next(steps)
    moments = [v for s in begun[0].optimizer.state.values() for v in s.values()]
    assert len(moments) > 10
    mapped = Path("/proc/self/maps").read_text(encoding="utf-8")
    assert str(tmp_path / STATE_FILE) not in mapped
    steps.close()
