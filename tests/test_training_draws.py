"""What training draws ahead in a thread: the same batches, no step too many, no thread left."""

import dataclasses
import threading
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from diffusion_core import training
from diffusion_core.data import ImageDataset
from diffusion_core.schedule import make_schedule
from diffusion_core.training import TrainConfig, TrainingState, ahead, draw_batch, train
from diffusion_core.unet import UNetConfig

TINY = UNetConfig(
    image_size=(8, 8), channels=(8,), attention=(False,), norm_groups=4, head_dim=8, num_classes=2
)
LEARNED = dataclasses.replace(TINY, out_channels=6)
SCHEDULE = make_schedule("cosine", 20)
DATA = ImageDataset(
    "noise",
    np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8),
    torch.arange(6) % 2,
    ("a", "b"),
)
CONFIG = TrainConfig(num_steps=5, batch_size=4, loss_weighting="min_snr", flip=True)


def drawn(step):
    """A batch with all that one can have: a learned variance, and timesteps not drawn evenly."""
    return draw_batch(CONFIG, LEARNED, SCHEDULE, DATA, step, torch.arange(1.0, 21.0).double() / 210)


def same(a, b):
    return all(torch.equal(v, vars(b)[name]) for name, v in vars(a).items())


def test_what_is_drawn_ahead_is_what_is_drawn_when_it_is_asked_for():
    draw = Mock(side_effect=drawn)
    with ahead(draw, 4, threaded=True) as batch_at:
        for step in (0, 1, 1, 2, 3):  # a step that overflowed is taken again
            assert same(batch_at(step), drawn(step))
    asked = [call.args[0] for call in draw.call_args_list]
    assert sorted(set(asked)) == [0, 1, 2, 3]
    assert not [t for t in threading.enumerate() if t.name.startswith("draws")]


def test_a_batch_is_parted_and_moved_as_a_whole():
    whole = drawn(2)
    parts = whole.part(slice(0, 2)), whole.part(slice(2, 4))
    for name, value in vars(whole).items():
        assert torch.equal(torch.cat([vars(p)[name] for p in parts]), value)
    assert {v.device.type for v in vars(whole.to(torch.device("meta"))).values()} == {"meta"}


def test_an_error_of_a_draw_is_that_of_its_step():
    def draw(step):
        if step == 1:
            raise ValueError("A picture is gone.")
        return drawn(step)

    with ahead(draw, 3, threaded=True) as batch_at:
        batch_at(0)
        with pytest.raises(ValueError, match="A picture is gone"):
            batch_at(1)


def test_a_training_that_draws_ahead_is_the_same_to_the_bit(monkeypatch):
    def losses():
        state = TrainingState.begin(CONFIG, TINY)
        steps = train(CONFIG, state, SCHEDULE, DATA)
        first = [(s.loss, s.grad_norm, s.losses.tolist(), s.t.tolist()) for s in steps]
        return first, [p.sum().item() for p in state.ema.parameters()]

    plain = losses()
    with_thread = training.ahead
    monkeypatch.setattr(training, "ahead", lambda draw, end, _: with_thread(draw, end, True))
    assert losses() == plain
    assert not [t for t in threading.enumerate() if t.name.startswith("draws")]
