"""A network by CUDA graphs: which evaluations are replays, and that all give the network's output.

What records and replays is imitated on the CPU; the last tests, which need a GPU, do it.
"""

import dataclasses
from functools import partialmethod

import pytest
import torch
from conftest import last

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.engines import (
    CUDA_GRAPHS,
    ONNXRUNTIME,
    TORCH,
    CudaGraphNetwork,
    choice,
    on_engine,
)
from diffusion_core.engines.cuda_graph import MOST_GRAPHS
from diffusion_core.generation import Recording, RunCard, SamplingRequest, walk
from diffusion_core.inspection import Switches
from diffusion_core.unet import UNet, UNetConfig

TINY = UNetConfig(
    image_size=(8, 8), channels=(8, 8), norm_groups=4, head_dim=8, attention=(False, True)
)


class Recorder:
    """As `captured`: its evaluations read fixed tensors, and are counted."""

    def __init__(self, refused=()):
        self.refused, self.recorded, self.replays = refused, [], 0

    def __call__(self, network, x_t, t, y):
        if len(x_t) in self.refused:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        self.recorded.append(tuple(x_t.shape))
        output = torch.empty_like(x_t)

        def evaluate(new_x_t, new_t, new_y):
            self.replays += 1
            return output.copy_(network(new_x_t, new_t, new_y)).clone()

        return evaluate


@pytest.fixture
def unet():
    torch.manual_seed(0)
    unet = UNet(dataclasses.replace(TINY, num_classes=3)).eval()
    for p in unet.parameters():
        p.data.normal_(std=0.1)
    return unet


def of(unet, recorder, device_type="cpu"):
    return CudaGraphNetwork(unet, capture=recorder, device_type=device_type)


def inputs(batch, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, 3, 8, 8, generator=generator)
    return x, torch.full((batch,), 7), torch.arange(batch) % 3


@torch.no_grad()
def test_a_shape_is_recorded_once_and_every_evaluation_of_it_is_a_replay(unet):
    recorder = Recorder()
    network = of(unet, recorder)
    for k in range(4):
        given = inputs(2, seed=k)
        assert torch.equal(network(*given), unet(*given))
    assert recorder.recorded == [(2, 3, 8, 8)] and recorder.replays == 4
    network(*inputs(5)), network(*inputs(5))
    assert recorder.recorded == [(2, 3, 8, 8), (5, 3, 8, 8)]


@torch.no_grad()
def test_an_output_is_not_changed_by_the_next_evaluation(unet):
    network = of(unet, Recorder())
    network(*inputs(2))
    first = network(*inputs(2, seed=1))
    kept = first.clone()
    network(*inputs(2, seed=2))
    assert torch.equal(first, kept)


@torch.no_grad()
def test_a_shape_that_cannot_be_recorded_is_evaluated_as_before_and_said_once(unet, caplog):
    recorder = Recorder(refused=[2])
    network = of(unet, recorder)
    for k in range(3):
        given = inputs(2, seed=k)
        assert torch.equal(network(*given), unet(*given))
    assert recorder.recorded == [] and len(caplog.records) == 1
    assert "2 × 3 × 8 × 8" in caplog.text and "out of memory" in caplog.text


def test_what_a_graph_cannot_do_is_left_to_the_network(unet):
    recorder = Recorder()
    given = inputs(1)
    elsewhere = of(unet, recorder, device_type="cuda")
    with torch.no_grad():
        for _ in range(3):
            elsewhere(*given)
    network = of(unet, recorder)
    for _ in range(3):
        assert network(*given).requires_grad
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            network(*given)
    unet.train()
    with torch.no_grad():
        for _ in range(3):
            network(*given)
    assert recorder.recorded == []


@torch.no_grad()
def test_few_graphs_are_kept_and_none_over_a_move(unet):
    recorder = Recorder()
    network = of(unet, recorder)
    for batch in range(1, MOST_GRAPHS + 3):
        network(*inputs(batch))
    assert len(network._graphs) == MOST_GRAPHS
    assert network.to(torch.device("cpu")) is network and not network._graphs
    network(*inputs(1))
    assert len(recorder.recorded) == MOST_GRAPHS + 3


@torch.no_grad()
def test_bad_inputs_are_told_as_by_the_network(unet):
    network = of(unet, Recorder())
    x, t, y = inputs(2)
    for _ in range(3):
        with pytest.raises(ValueError, match="one timestep an image"):
            network(x, t[:1], y)
    with pytest.raises(ValueError, match="A label must lie in"):
        network(x, t, y + 9)


WALK = SamplingRequest(
    num_images=2, num_steps=4, label="Bag", guidance_scale=2.0, sampler="ddpm", seed=3
)


@pytest.fixture
def imitated(tiny_folder, monkeypatch):
    """A checkpoint whose CPU passes for CUDA in the choice of an engine; and its recorder."""
    recorder = Recorder()

    class Imitated(CudaGraphNetwork):
        __init__ = partialmethod(CudaGraphNetwork.__init__, capture=recorder, device_type="cpu")

    monkeypatch.setattr(choice, "CudaGraphNetwork", Imitated)
    monkeypatch.setattr(choice, "runs_on", lambda engine, network, device: True)
    monkeypatch.setitem(choice.OF_DEVICE, "cpu", CUDA_GRAPHS)
    return load_checkpoint(tiny_folder), recorder


def test_walks_take_graphs_on_cuda_with_the_bits_of_the_plain_path(imitated):
    plain, recorder = imitated
    fast = on_engine(plain)
    assert (fast.engine, plain.engine) == (CUDA_GRAPHS, TORCH) and on_engine(plain) is fast
    assert on_engine(fast, TORCH).network is plain.network is fast.unet
    record = Recording(fast, WALK)
    list(record.run())
    assert len(recorder.recorded) == 1 and recorder.replays == 4  # one shape, one graph
    assert torch.equal(record.result, last(walk(plain, WALK)).x_prev)
    branch = dataclasses.replace(WALK, label="Coat", parent=WALK, branch_step=2)
    recorded = Recording(fast, branch, parent=record)
    list(recorded.run())
    assert torch.equal(recorded.result, last(walk(plain, branch)).x_prev)
    replays = recorder.replays
    changed = dataclasses.replace(WALK, switches=Switches(time_off=True))
    list(walk(fast, changed))
    assert changed.engine(fast) == TORCH and recorder.replays == replays  # hooks are torch's


def test_a_card_names_the_graphs_and_another_machine_replays_it_by_its_own_engine(imitated):
    plain, _ = imitated
    fast = on_engine(plain)
    card = RunCard.of(fast, WALK, None, last(walk(fast, WALK)).x_prev)
    again = RunCard.from_json(card.to_json())
    assert again.engine == CUDA_GRAPHS == "cuda-graphs"
    assert again.versions["cuda-graphs"] == str(torch.version.cuda).lower()
    assert again.on_engine(plain) is fast  # stands for the engine of new walks here, too
    choice.OF_DEVICE["cpu"] = ONNXRUNTIME
    on = again.on_engine(plain)
    assert on.engine == ONNXRUNTIME
    words = again.compare(on, last(walk(on, again.walk)).x_prev)
    assert "engine onnxruntime here, cuda-graphs then" in words


def test_off_cuda_graphs_are_torch(tiny_folder):
    plain = load_checkpoint(tiny_folder)
    assert on_engine(plain, CUDA_GRAPHS) is plain
    assert on_engine(on_engine(plain, ONNXRUNTIME), CUDA_GRAPHS).network is plain.network


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda_a_walk_by_graphs_ends_where_the_plain_one_does(tiny_folder):
    plain = load_checkpoint(tiny_folder).to(torch.device("cuda"))
    fast = on_engine(plain)
    assert fast.engine == CUDA_GRAPHS
    end = last(walk(fast, WALK)).x_prev
    torch.testing.assert_close(end, last(walk(plain, WALK)).x_prev, atol=1e-3, rtol=0)
    assert torch.equal(end, last(walk(fast, WALK)).x_prev)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@torch.no_grad()
def test_on_cuda_a_graph_gives_the_output_of_the_network(unet):
    unet.cuda()
    network = CudaGraphNetwork(unet)
    for batch in (1, 4, 1):
        for k in range(3):
            given = [v.cuda() for v in inputs(batch, seed=k)]
            torch.testing.assert_close(network(*given), unet(*given), atol=1e-3, rtol=0)
    assert len(network._graphs) == 2 and all(network._graphs.values())
