"""A walk never asks its device for a number, so that a GPU is never waited for between two steps.

Tensors on torch's device "meta" have a shape and no numbers: whoever reads one fails. So have those
of a CUDA device that torch's `FakeTensorMode` imagines, on which whole networks walk and train.
"""

import dataclasses
import threading
from types import SimpleNamespace

import pytest
import torch
from conftest import TINY
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

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
from diffusion_core.training import Batch, TrainConfig, TrainingState, train
from diffusion_core.unet import UNet

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


class NoGPU(TorchDispatchMode):
    """An imagined GPU beside the real CPU; notes each time that the CPU would wait for it.

    It waits for a copy from there, for one to there of memory that is not pinned, and for a look at
    a number.
    """

    def __init__(self):
        super().__init__()
        self.waits, self.pinned = [], []

    def __enter__(self):
        self.imagined = FakeTensorMode(allow_non_fake_inputs=True)
        self.imagined.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self.imagined.__exit__(*error)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name, there = func.overloadpacket.__name__, getattr(kwargs.get("device"), "type", "")
        if name == "_pin_memory":
            self.pinned.append(args[0].clone())
            return self.pinned[-1]
        if name == "is_pinned":
            return any(args[0] is each for each in self.pinned)
        given = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        if there != "cuda" and not any(x.is_cuda for x in given):
            with unset_fake_temporarily():  # on the CPU numbers are numbers
                return func(*args, **kwargs)
        fetched = there == "cpu" and name == "_to_copy"
        if name == "_local_scalar_dense" or fetched:
            self.waits.append(name)
            with unset_fake_temporarily():
                return torch.ones(given[0].shape, dtype=given[0].dtype) if fetched else 1
        if name == "_to_copy" and not given[0].is_cuda and not kwargs.get("non_blocking"):
            self.waits.append("a copy of memory that is not pinned")
        return func(*args, **kwargs)


def test_the_imagined_gpu_notes_whoever_waits_for_it():
    with NoGPU() as gpu:
        x = torch.ones(3).to("cuda")
        assert x.is_cuda and gpu.waits == ["a copy of memory that is not pinned"]
        assert float(x.sum()) == 1.0 and x.cpu().tolist() == [1, 1, 1]
        torch.ones(3).pin_memory().to("cuda", non_blocking=True)
        assert float(torch.full((3,), 2.0).sum()) == 6.0
    assert gpu.waits[1:] == ["_local_scalar_dense", "_to_copy"]


@pytest.mark.parametrize("attributes", [(), (4, 3)])
@pytest.mark.parametrize("sampler", ["ddpm", "heun"])
def test_a_walk_of_the_network_itself_waits_for_no_gpu(sampler, attributes):
    config = dataclasses.replace(TINY, num_classes=5, attributes=attributes)
    y = torch.tensor([[1, 2, -1], [5, -1, 0]]) if attributes else torch.tensor([1, 5])
    generator = torch.Generator()
    with NoGPU() as gpu, torch.no_grad():
        unet = UNet(config).eval().to("cuda")
        guided = ClassifierFreeGuidance(ModelDenoiser(unet, SCHEDULE, "epsilon", y), 2.0)
        x = torch.empty(2, *config.sample_shape, device="cuda")
        walk = sample(guided, x, sampler=sampler, num_steps=4, generator=generator)
        next(walk)  # its condition goes to the GPU once
        gpu.waits.clear()
        steps = list(walk)
    assert len(steps) == 3 and steps[-1].x_prev.is_cuda and gpu.waits == []


@pytest.mark.parametrize("y", [torch.tensor([1, 6]), torch.tensor([-1, 0]), 7])
def test_a_condition_is_looked_at_before_it_goes_to_a_gpu(y):
    with NoGPU(), pytest.raises(ValueError, match=r"A label must lie in \[0, 5\]"):
        denoiser = ModelDenoiser(UNet(dataclasses.replace(TINY, num_classes=5)), SCHEDULE, "v", y)
        denoiser.labels(torch.zeros(2, dtype=torch.int64, device="cuda"))


class Pictures:
    """Noise with labels, as training takes it."""

    def __init__(self, labels):
        self.labels = labels

    def __len__(self):
        return len(self.labels)

    def batch(self, indices):
        x0 = torch.randn(len(indices), 1, 28, 28, generator=torch.Generator().manual_seed(1))
        return x0, self.labels[indices]


def on_gpu(labels, **settings):
    """A training on the imagined GPU, in the parts of Accelerate that it uses.

    torch's engine of gradients asks for a driver, so the gradients are ones.
    """
    config = TrainConfig(num_steps=3, batch_size=4, **settings)
    state = TrainingState.begin(config, dataclasses.replace(TINY, num_classes=5), "cuda")

    def backward(loss):
        assert loss.requires_grad and loss.is_cuda
        for p in state.unet.parameters():
            p.grad = torch.ones_like(p)

    accelerator = SimpleNamespace(
        device=torch.device("cuda"),
        num_processes=1,
        process_index=0,
        scaler=None,
        prepare=lambda *things: things,
        backward=backward,
        clip_grad_norm_=torch.nn.utils.clip_grad_norm_,
        reduce=lambda x, _: x,
    )
    return train(config, state, SCHEDULE, Pictures(labels), accelerator=accelerator)


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")  # to copy it
@pytest.mark.parametrize("loss_weighting", ["none", "min_snr"])
def test_a_training_step_waits_for_a_gpu_once(loss_weighting, monkeypatch):
    with NoGPU() as gpu:

        def pinned(batch):  # in the thread of the draws, which knows nothing of the mode
            assert threading.current_thread() is not threading.main_thread()
            gpu.pinned += [batch.x_t, batch.t, batch.y, batch.target, batch.weights]
            return batch

        monkeypatch.setattr(Batch, "pinned", pinned)
        steps = on_gpu(torch.arange(16) % 5, loss_weighting=loss_weighting)
        next(steps)
        for _ in range(2):
            gpu.waits.clear()
            step = next(steps)
            assert gpu.waits == ["_to_copy"]  # loss, gradient's norm, each picture's error
        assert step.step == 3 and next(steps, None) is None


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")
def test_a_label_that_training_cannot_have_is_refused_before_a_gpu_gets_it():
    with NoGPU(), pytest.raises(ValueError, match="A label must lie in"):
        next(on_gpu(torch.arange(16)))
