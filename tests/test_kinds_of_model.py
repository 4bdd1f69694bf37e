"""A model of another kind: points in the plane and an MLP, as a Checkpoint without a UNet."""

from __future__ import annotations

import ast
import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from diffusion_core.checkpoint import Checkpoint, ModelSettings
from diffusion_core.device import evaluation_seconds
from diffusion_core.evaluation import Setting, draw_samples
from diffusion_core.generation import RunCard, SamplingRequest, walk
from diffusion_core.schedule import make_schedule

ROOT = Path(__file__).parents[1]
# What truly needs a UNet: reading and writing its files, and training one.
NEED_A_UNET = (
    "diffusion_core/checkpoint/",
    "diffusion_core/cli/train.py",
    "diffusion_core/engines/",  # an operator for each module of a UNet
    "diffusion_core/generation/request.py",  # a walk with a part of the UNet taken away
    "diffusion_core/glide/",  # a UNet that is asked in words
    "diffusion_core/imagen/",  # the same, in two sizes
    "diffusion_core/training.py",
    "diffusion_core/training_runs/",
    "diffusion_core/unclip/",  # a UNet that is given an embedding
    "tabs/denoise/browser_walk.py",  # the graph of a UNet, for a browser
    "tabs/denoise/captions.py",  # the words for a UNet of which a part is taken away
    "tabs/denoise/changed.py",
    "tabs/denoise/form.py",  # the same: only a walk with switches asks for it
    "tabs/inside/",
    "tabs/lessons/claims.py",  # what a lesson says of the Inside tab
    "tabs/train/",
)


@dataclass(frozen=True)
class MLPConfig:
    sample_shape: tuple[int, ...] = (2,)
    num_classes: int | None = 3
    null_label: bool = True
    attributes: tuple[int, ...] = ()
    time_embedding: str = "positional"


@dataclass(frozen=True)
class PointsConfig:
    schedule: dict[str, Any]
    prediction_type: str = "epsilon"
    class_names: tuple[str, ...] = ("left", "middle", "right")
    dataset: str = "moons"
    training: dict[str, Any] = field(default_factory=dict)
    sampling: dict[str, Any] = field(default_factory=dict)
    clip_x0: float = 0.0
    notes: tuple[str, ...] = ()
    attribute_names: tuple[tuple[str, tuple[str, ...]], ...] = ()
    attribute_classes: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))


class MLP(nn.Module):
    def __init__(self, config: MLPConfig):
        super().__init__()
        self.config = config
        self.layers = nn.Sequential(nn.Linear(2 + 1 + 4, 16), nn.SiLU(), nn.Linear(16, 2))

    def forward(self, x_t: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        y = torch.full_like(t, 3, dtype=torch.int64) if y is None else y
        time = t[:, None].to(x_t.dtype) / 1000
        return self.layers(torch.cat([x_t, time, nn.functional.one_hot(y, 4).to(x_t)], 1))


@pytest.fixture
def points() -> Checkpoint:
    torch.manual_seed(0)
    noise = {"name": "linear"}
    network = MLP(MLPConfig()).eval().requires_grad_(False)
    settings: ModelSettings = PointsConfig(noise)
    return Checkpoint(network, make_schedule(**noise), settings, "moons", "0" * 64)


def test_it_says_what_others_need(points):
    assert points.sample_shape == (2,)
    assert (points.num_classes, points.null_label, points.attributes) == (3, True, ())
    assert points.num_parameters == (7 * 16 + 16) + (16 * 2 + 2)
    assert points.num_bytes == 4 * points.num_parameters
    assert points.device == torch.device("cpu")
    assert points.to(torch.device("cpu")) is points
    assert points.label("right") == 2
    assert evaluation_seconds(points.network) > 0


def test_a_unet_or_pictures_are_refused_in_a_sentence(points):
    with pytest.raises(ValueError, match="The network of moons is not a UNet; choose a model"):
        _ = points.unet
    with pytest.raises(ValueError, match="moons makes no images; choose"):
        _ = points.image_shape


@pytest.mark.parametrize("sampler", ["ddpm", "ddim", "heun", "dpmpp_2m"])
def test_a_walk_is_guided_and_its_card_replays_it(points, sampler):
    request = SamplingRequest(
        num_images=4, label="left", sampler=sampler, num_steps=5, guidance_scale=2.0, seed=7
    )
    last = list(walk(points, request))[-1].x_prev
    assert last.shape == (4, 2) and last.isfinite().all()
    card = RunCard.from_json(RunCard.of(points, request, None, last).to_json())
    again = list(walk(points, card.walk))[-1].x_prev
    assert torch.equal(again, last)
    assert "the same, to the bit" in card.compare(points, again)
    other = dataclasses.replace(request, guidance_scale=1.0)
    assert not torch.equal(list(walk(points, other))[-1].x_prev, last)


def test_samples_are_drawn_to_be_measured(points):
    samples, labels, _, _ = draw_samples(points, 6, Setting("ddim", 3))
    assert samples.shape == (6, 2) and labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_an_unconditional_model_has_no_classes(points):
    network = MLP(MLPConfig(num_classes=None)).eval()
    bare = dataclasses.replace(points, network=network)
    assert (bare.num_classes, bare.null_label) == (0, False)
    with pytest.raises(ValueError, match="has no classes"):
        bare.label(0)


def test_a_fourier_network_scales_its_output_whatever_the_shape(points):
    network = MLP(MLPConfig(time_embedding="fourier")).eval().requires_grad_(False)
    fourier = dataclasses.replace(points, network=network)
    x_t, t = torch.ones(5, 2), torch.arange(1, 6)
    expected = network(x_t, torch.log(t.float())) / t[:, None]
    torch.testing.assert_close(fourier.denoiser()(x_t, t), expected)


def test_only_what_needs_a_unet_takes_it():
    found = set()
    for folder in ("diffusion_core", "tabs"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            if any(isinstance(n, ast.Attribute) and n.attr == "unet" for n in ast.walk(tree)):
                found.add(path.relative_to(ROOT).as_posix())
    assert found  # the rule sees some
    assert {name for name in found if not name.startswith(NEED_A_UNET)} == set()
