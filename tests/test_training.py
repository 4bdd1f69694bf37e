import dataclasses
import json
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from conftest import TINY
from forked import run_python
from pagelib import free_port
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.optim.swa_utils import AveragedModel

from diffusion_core import training
from diffusion_core.data import ImageDataset, load_dataset
from diffusion_core.denoiser import PREDICTION_TYPES, PREDICTIONS
from diffusion_core.schedule import make_schedule
from diffusion_core.training import (
    NetworkAverage,
    TrainConfig,
    TrainingState,
    batch_indices,
    draw_step,
    ema_update,
    learning_rate_at,
)
from diffusion_core.training_runs import STATE_FILE
from diffusion_core.training_runs import train_resumably as train

DATA = load_dataset("fashion-mnist-2000")
SCHEDULE = make_schedule("cosine")
CONFIG = TrainConfig(
    num_steps=8,
    batch_size=8,
    warmup_steps=2,
    decay_steps=3,
    precision="fp32",
    save_every=3,
)
# On CUDA, kernels sum in an order that changes from run to run, so that losses differ by about
# 1e-7 of their size and the difference grows with the steps. Two runs of CONFIG agree there to:
CUDA_LOSS = 1e-4  # of a loss
CUDA_WEIGHTS = 1e-3  # of the distance that the weights went, both as norms over all of them


@pytest.fixture(autouse=True)
def _bits_are_the_cpus(request):
    """On the CPU, except for the tests that are about CUDA."""
    if not request.node.get_closest_marker("skipif"):
        request.getfixturevalue("cpu")


def run(out, config=CONFIG, unet=TINY, stop_at=None):
    losses = []
    for step in train(config, unet, SCHEDULE, DATA, out):
        losses.append(step.loss)
        if step.step == stop_at:
            break
    return losses


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_a_resumed_run_is_the_unbroken_run_to_the_bit(tmp_path, precision, dropout):
    config = dataclasses.replace(CONFIG, precision=precision)
    unet = dataclasses.replace(TINY, dropout=dropout)
    whole = run(tmp_path / "whole", config, unet)
    first = run(tmp_path / "parts", config, unet, stop_at=5)
    second = run(tmp_path / "parts", config, unet)
    assert first + second == whole
    a, b = (load_file(tmp_path / n / STATE_FILE) for n in ("whole", "parts"))
    assert a.keys() == b.keys()
    assert all(torch.equal(a[k], b[k]) for k in a)


def weights(folder):
    """The trained weights that a state holds, as one vector."""
    state = load_file(folder / STATE_FILE)
    return torch.cat([v.flatten().double() for k, v in state.items() if k.startswith("unet.")])


def test_train_alone_writes_nothing_and_its_state_can_be_trained_further(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = run(tmp_path / "whole")
    state = TrainingState.begin(CONFIG, TINY)
    before = set(tmp_path.rglob("*"))
    losses = []
    for step in training.train(CONFIG, state, SCHEDULE, DATA):
        losses.append(step.loss)
        if step.step == 5:
            break
    assert state.step == 5
    losses += [s.loss for s in training.train(CONFIG, state, SCHEDULE, DATA)]
    assert state.step == CONFIG.num_steps and losses == whole
    assert list(training.train(CONFIG, state, SCHEDULE, DATA)) == []  # all steps are done
    assert set(tmp_path.rglob("*")) == before
    kept = load_file(tmp_path / "whole" / STATE_FILE)
    for name, value in state.ema.state_dict().items():
        assert torch.equal(value, kept[f"ema.{name}"]), name


@pytest.mark.skipif(not torch.cuda.is_available(), reason="compares runs on a CUDA device")
def test_a_resumed_run_on_cuda_is_the_unbroken_run_within_a_tolerance(tmp_path):
    assert Accelerator().device.type == "cuda"
    whole = run(tmp_path / "whole")
    first = run(tmp_path / "parts", stop_at=5)
    assert first + run(tmp_path / "parts") == pytest.approx(whole, rel=CUDA_LOSS)
    a, b = (weights(tmp_path / n) for n in ("whole", "parts"))
    run(tmp_path / "begun", stop_at=1)  # a step of the warm-up: hardly away from the beginning
    assert (a - b).norm() < CUDA_WEIGHTS * (a - weights(tmp_path / "begun")).norm()


def test_the_level_part_of_the_run_does_not_depend_on_its_length(tmp_path):
    longer = dataclasses.replace(CONFIG, num_steps=20)
    first = run(tmp_path, longer, stop_at=5)
    rest = run(tmp_path, CONFIG)
    assert first + rest == run(tmp_path / "short", CONFIG)


def test_the_loss_falls(tmp_path):
    small = dataclasses.replace(TINY, patch_size=4, channels=(32,), attention=(False,))
    config = TrainConfig(
        num_steps=120,
        batch_size=16,
        warmup_steps=10,
        decay_steps=20,
        learning_rate=2e-3,
        precision="fp32",
        save_every=500,
    )
    losses = run(tmp_path, config, small)
    assert sum(losses[-20:]) < 0.5 * sum(losses[:20])


def test_stopping_early_saves_and_a_kill_loses_only_what_came_after_the_last_save(tmp_path):
    run(tmp_path, stop_at=2)
    assert (tmp_path / STATE_FILE).exists()  # leaving the generator saved, before save_every
    code = (
        "import os, signal, sys\n"
        "sys.path[:0] = ['tests', '.']\n"
        "import test_training as t\n"
        "for s in t.train(t.CONFIG, t.TINY, t.SCHEDULE, t.DATA, sys.argv[1]):\n"
        "    if s.step == 5: os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    out = tmp_path / "killed"
    assert run_python(code, [out]).returncode == -signal.SIGKILL
    rest = run(out)
    assert len(rest) == CONFIG.num_steps - 3  # went on from the save at step 3
    assert rest == run(tmp_path / "whole")[3:]
    assert [p.name for p in out.iterdir()] == [STATE_FILE]


def test_the_average_has_the_bits_of_torchs_own():
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    ours = NetworkAverage(network, 0.9)
    theirs = AveragedModel(network, multi_avg_fn=ema_update(0.9))
    for step in range(4):
        torch.nn.init.normal_(network[0].weight)
        network[1].running_mean += step
        for average in (ours, theirs):
            average.update_parameters(network)
        kept = theirs.state_dict()
        assert [*ours.state_dict()] == [*kept] and kept["n_averaged"] == step + 1
        assert all(torch.equal(value, kept[name]) for name, value in ours.state_dict().items())
    assert not torch.equal(ours.module[0].weight, network[0].weight)


def test_a_run_broken_off_inside_a_step_keeps_its_last_save(tmp_path, monkeypatch):
    run(tmp_path, stop_at=3)
    before = (tmp_path / STATE_FILE).read_bytes()

    def broken(*a):
        raise KeyboardInterrupt

    monkeypatch.setattr(NetworkAverage, "update_parameters", broken)  # weights stepped, average not
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    assert (tmp_path / STATE_FILE).read_bytes() == before


def test_batches_are_shuffles_of_the_whole_set():
    config = dataclasses.replace(CONFIG, batch_size=7)
    seen = torch.cat([batch_indices(config, k, 20) for k in range(20)])
    for epoch in seen.split(20):
        assert epoch.sort().values.tolist() == list(range(20))
    assert seen[:20].tolist() != seen[20:40].tolist()


def test_classes_are_drawn_equally_often_where_that_is_wished():
    labels = torch.tensor([0] * 12 + [1] * 5 + [2] * 3)
    pictures = np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1).repeat(8, 1).repeat(8, 2)
    data = ImageDataset("uneven", pictures, labels, ("a", "b", "c"))
    config = dataclasses.replace(CONFIG, batch_size=36, even_classes=True)
    for step in range(3):  # 36 is an epoch: 12 of every class
        x0 = draw_step(config, TINY, SCHEDULE, data, step)[0]
        seen = ((x0[:, 0, 0, 0] + 1) * 127.5).round().long()
        assert labels[seen].bincount().tolist() == [12, 12, 12]
        times = seen.bincount(minlength=20)
        assert times[:12].tolist() == [1] * 12 and set(times[12:17].tolist()) == {2, 3}
        assert times[17:].tolist() == [4] * 3
    bare = dataclasses.replace(data, labels=None, class_names=())
    assert bare.evenly.tolist() == list(range(20))


def test_learning_rate_rises_stays_and_falls():
    config = TrainConfig(num_steps=100, warmup_steps=10, decay_steps=20, learning_rate=1.0)
    rates = [learning_rate_at(config, k) for k in range(100)]
    assert rates[:10] == pytest.approx([0.1 * (k + 1) for k in range(10)])
    assert rates[10:80] == [1.0] * 70
    assert rates[80:] == pytest.approx([(20 - k) / 20 for k in range(20)])


def test_the_average_lags_behind_and_its_buffers_do_not(tmp_path):
    for step in train(CONFIG, TINY, SCHEDULE, DATA, tmp_path):
        last = step
    state = load_file(tmp_path / STATE_FILE)
    key = "conv_in.weight"
    assert not torch.equal(state[f"unet.{key}"], state[f"ema.module.{key}"])
    assert torch.equal(state[f"ema.module.{key}"], last.network.state_dict()[key])


@pytest.mark.parametrize(("weighting", "least"), [("min_snr", 0.0), ("clamped_snr", 1.0)])
def test_targets_and_weights_are_consistent(weighting, least):
    """The same network error costs the same loss, whatever the network predicts."""
    t = torch.tensor([10, 400, 800])
    g = torch.Generator().manual_seed(0)
    x0, eps, d = (torch.randn(3, 1, 4, 4, generator=g, dtype=torch.float64) for _ in range(3))
    from diffusion_core.process import (
        eps_from_v,
        predict_x0,
        q_sample,
        x0_from_v,
        x0_from_velocity,
    )

    x_t = q_sample(x0, t, eps, SCHEDULE)
    costs = {}
    for kind in PREDICTION_TYPES:
        target = PREDICTIONS[kind].target(x0, t, eps, SCHEDULE)
        wrong = target + 0.01 * d
        x0_hat = {
            "epsilon": lambda w: predict_x0(x_t, t, w, SCHEDULE),
            "v_prediction": lambda w: x0_from_v(x_t, t, w, SCHEDULE),
            "sample": lambda w: w,
            "velocity": lambda w: x0_from_velocity(x_t, t, w, SCHEDULE),
        }[kind](wrong)
        if (kind, weighting) == ("epsilon", "clamped_snr"):
            with pytest.raises(ValueError, match="no bound"):
                TrainConfig(prediction_type=kind, loss_weighting=weighting)
            continue
        config = TrainConfig(prediction_type=kind, loss_weighting=weighting)
        weight = training.loss_weights(config, t, SCHEDULE).double()
        loss = weight * (wrong - target).square().flatten(1).mean(1)
        costs[kind] = loss / (x0_hat - x0).square().flatten(1).mean(1)
    snr = SCHEDULE.log_snr(t).exp().clamp(least, 5.0)
    for kind, cost in costs.items():
        torch.testing.assert_close(cost, snr, rtol=1e-4, atol=0, msg=kind)
    assert torch.allclose(
        eps_from_v(x_t, t, PREDICTIONS["v_prediction"].target(x0, t, eps, SCHEDULE), SCHEDULE),
        eps,
    )


def test_two_processes_do_what_one_does(tmp_path, monkeypatch):
    code = (
        "import os, sys\n"
        "os.environ['RANK'] = os.environ['LOCAL_RANK'] = sys.argv[2]\n"
        "sys.path[:0] = ['tests', '.']\n"
        "from accelerate import Accelerator\n"
        "import test_training as t\n"
        "a = Accelerator(cpu=True)\n"
        "assert a.num_processes == 2\n"
        "for s in t.train(t.CONFIG, t.TINY, t.SCHEDULE, t.DATA, sys.argv[1], accelerator=a):\n"
        "    if a.is_main_process: print('loss', s.loss)\n"
        "a.end_training()\n"
    )
    one = run(tmp_path / "one")
    for name, value in (("ADDR", "127.0.0.1"), ("PORT", str(free_port()))):
        monkeypatch.setenv(f"MASTER_{name}", value)
    monkeypatch.setenv("WORLD_SIZE", "2")  # as torchrun and accelerate launch set them
    with ThreadPoolExecutor() as pool:
        first, second = pool.map(lambda rank: run_python(code, [tmp_path / "two", rank]), range(2))
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert second.stdout == ""
    two = [float(x.split()[1]) for x in first.stdout.splitlines() if x.startswith("loss")]
    assert len(one) == CONFIG.num_steps
    assert two == pytest.approx(one, rel=1e-4)


def test_settings_of_another_run_are_refused(tmp_path):
    run(tmp_path, stop_at=1)
    with pytest.raises(ValueError, match="batch_size"):
        run(tmp_path, dataclasses.replace(CONFIG, batch_size=4))
    other = dataclasses.replace(DATA, name="others")
    with pytest.raises(ValueError, match="dataset"):
        next(train(CONFIG, TINY, SCHEDULE, other, tmp_path))
    with pytest.raises(ValueError, match="schedule"):
        next(train(CONFIG, TINY, make_schedule("linear"), DATA, tmp_path))
    (tmp_path / STATE_FILE).write_bytes(b"broken")
    with pytest.raises(ValueError, match="not a readable training state"):
        run(tmp_path)


def test_a_state_of_before_a_setting_existed_had_its_default(tmp_path):
    whole = run(tmp_path / "whole")
    run(tmp_path / "old", stop_at=2)
    path = tmp_path / "old" / STATE_FILE
    with safe_open(str(path), "pt") as file:
        metadata, tensors = file.metadata(), {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    settings = json.loads(metadata["settings"])
    del settings["train"]["flip"], settings["unet"]["dropout"], settings["data"]["content"]
    save_file(tensors, str(path), metadata | {"settings": json.dumps(settings)})
    with pytest.raises(ValueError, match="flip = False, not True"):
        run(tmp_path / "old", dataclasses.replace(CONFIG, flip=True))
    assert run(tmp_path / "old") == whole[2:]


def test_a_state_of_other_pictures_of_the_same_name_is_refused(tmp_path):
    run(tmp_path, stop_at=1)
    other = dataclasses.replace(DATA, pictures=DATA.pictures[::-1].copy())
    with pytest.raises(ValueError, match="run on other pictures"):
        next(train(CONFIG, TINY, SCHEDULE, other, tmp_path))


@pytest.mark.parametrize(
    "change",
    [
        {"prediction_type": "x"},
        {"num_steps": 0},
        {"learning_rate": 0.0},
        {"ema_decay": 1.0},
        {"precision": "fp8"},
        {"label_dropout": 1.0},
        {"seed": -1},
    ],
)
def test_bad_settings_are_named(change):
    with pytest.raises(ValueError, match=r"\.$"):
        TrainConfig(**change)


def test_zero_terminal_snr_and_epsilon_do_not_go_together(tmp_path):
    with pytest.raises(ValueError, match="v_prediction or sample"):
        next(train(CONFIG, TINY, make_schedule("cosine", zero_terminal_snr=True), DATA, tmp_path))


def test_data_that_does_not_fit_the_network_is_refused(tmp_path):
    for change in ({"in_channels": 3}, {"channels": (16, 32, 32), "attention": (False,) * 3}):
        with pytest.raises(ValueError, match="pictures are 1 × 28 × 28"):
            next(train(CONFIG, dataclasses.replace(TINY, **change), SCHEDULE, DATA, tmp_path))


def test_a_diverged_run_stops_with_a_sentence_and_keeps_the_last_good_state(tmp_path, monkeypatch):
    run(tmp_path, stop_at=3)
    before = (tmp_path / STATE_FILE).read_bytes()
    monkeypatch.setattr(training, "loss_weights", lambda c, t, s: torch.full(t.shape, float("nan")))
    with pytest.raises(FloatingPointError, match="diverged"):
        run(tmp_path)
    assert (tmp_path / STATE_FILE).read_bytes() == before
