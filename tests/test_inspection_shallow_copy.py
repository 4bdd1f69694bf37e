"""A shallow copy: its own modules and hooks, the same weights, the same bits."""

from __future__ import annotations

import time

import pytest
import torch
from conftest import TINY, wake
from torch import Tensor, nn

from diffusion_core.inspection import shallow_copy
from diffusion_core.unet import UNet, UNetConfig


class Shared(nn.Module):
    """A module twice in one tree, a list of modules, a buffer, an absent child and a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.again = self.first
        self.both = nn.ModuleList([self.first, nn.BatchNorm1d(4)])
        self.nothing: nn.Module | None = None
        self.register_module("absent", None)
        self.notes = ["a"]

    def forward(self, x: Tensor) -> Tensor:
        for module in self.both:
            x = module(self.again(x))
        return x


def inputs(config: UNetConfig) -> tuple[Tensor, Tensor]:
    return torch.randn(2, *config.sample_shape), torch.tensor([3, 700])


@pytest.mark.parametrize("make", [lambda: wake(UNet(TINY)), Shared])
def test_every_module_is_new_and_every_weight_is_shared(make) -> None:
    plain = make()
    view = shallow_copy(plain)
    ours, theirs = dict(plain.named_modules()), dict(view.named_modules())
    assert list(ours) == list(theirs)
    assert all(
        type(a) is type(b) and a is not b
        for a, b in zip(ours.values(), theirs.values(), strict=True)
    )
    for kind in ("named_parameters", "named_buffers"):
        one, other = (dict(getattr(m, kind)()) for m in (plain, view))
        assert list(one) == list(other) and all(one[name] is other[name] for name in one)
    assert list(plain.state_dict()) == list(view.state_dict())


def test_a_module_at_two_places_stays_one_module() -> None:
    view = shallow_copy(Shared())
    assert view.first is view.again is view.both[0]
    view.notes.append("b")
    plain = Shared()
    shallow_copy(plain).notes.append("b")
    assert plain.notes == ["a"] and view.notes == ["a", "b"]


def test_hooks_of_the_copy_are_not_called_by_the_original_nor_the_other_way_round() -> None:
    plain = wake(UNet(TINY)).eval()
    x, t = inputs(TINY)
    heard: list[str] = []
    view = shallow_copy(plain)
    view.mid_block.resnets[0].conv2.register_forward_hook(lambda *_: heard.append("copy"))
    plain.mid_block.register_forward_hook(lambda *_: heard.append("original"))
    with torch.no_grad():
        a = plain(x, t)
        assert heard == ["original"]
        b = view(x, t)
        assert heard == ["original", "copy"]
        shallow_copy(view)(x, t)
    assert heard == ["original", "copy", "copy"], "a copy of a copy takes its hooks over"
    assert torch.equal(a, b)


def test_modes_of_training_are_apart() -> None:
    plain = Shared().train()
    view = shallow_copy(plain).eval()
    assert plain.training and plain.first.training and not view.first.training


def test_it_costs_less_than_a_tenth_of_the_evaluation_that_it_is_for() -> None:
    network = UNet(UNetConfig(channels=(32, 64), blocks_per_level=2, attention=(True, True)))
    x, t = inputs(network.config)

    def least(what, times: int) -> float:
        each = []
        for _ in range(times):
            start = time.process_time()
            what()
            each.append(time.process_time() - start)
        return min(each)

    with torch.no_grad():
        assert least(lambda: shallow_copy(network), 5) < 0.1 * least(lambda: network(x, t), 2)
