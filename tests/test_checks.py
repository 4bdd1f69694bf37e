"""Each check both ways, on data, schedules and runs that really are so."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from conftest import last
from safetensors.torch import load_file

from diffusion_core.data import ImageDataset, from_uint8, load_dataset, to_uint8
from diffusion_core.denoiser import ExactDenoiser
from diffusion_core.samplers import sample
from diffusion_core.schedule import make_schedule
from diffusion_core.training import TrainConfig
from diffusion_core.training_runs import (
    STATE_FILE,
    check_data,
    check_run,
    check_schedule,
    ema_gap,
    nearest_ratio,
    saturation,
)
from diffusion_core.training_runs import checks as checks_module
from diffusion_core.training_runs import train_resumably as train
from diffusion_core.unet import UNet, UNetConfig

FASHION = load_dataset("fashion-mnist-2000")
SCHEDULE = make_schedule("cosine", 100)
NOTHING = {"ema_gap": None, "x0_saturated": None, "nearest": None, "nearest_real": None}
DATA_CHECKS = [
    "count",
    "value range",
    "variety",
    "duplicates",
    "class size",
    "class balance",
    "unreadable",
]


def found(checks):
    """{name: (ok, words)}; all words are whole sentences."""
    assert all(c.words.endswith(".") and "  " not in c.words for c in checks)
    return {c.name: c for c in checks}


def data(pictures, labels=None, names=(), unreadable=()):
    labels = None if labels is None else torch.as_tensor(labels)
    return ImageDataset("x", pictures, labels, names, unreadable)


def bad(dataset):
    return {c.name for c in check_data(dataset) if not c.ok}


def test_a_good_data_set_is_all_well():
    assert list(found(check_data(FASHION))) == DATA_CHECKS
    assert bad(FASHION) == set()
    # Colour, and without classes.
    noise = np.random.default_rng(0).integers(0, 256, (200, 8, 8, 3), np.uint8)
    assert list(found(check_data(data(noise)))) == [*DATA_CHECKS[:4], "unreadable"]
    assert bad(data(noise)) == set()


def test_few_pictures_will_be_learned_by_heart():
    few = found(check_data(data(FASHION.pictures[:99])))["count"]
    assert not few.ok and "99" in few.words and "by heart" in few.words
    assert "count" not in bad(data(FASHION.pictures[:100]))


def test_faint_pictures_use_little_of_the_range():
    faint = FASHION.pictures // 4 + 60
    check = found(check_data(data(faint)))["value range"]
    assert not check.ok and "25%" in check.words and "contrast" in check.words
    assert "value range" not in bad(data(FASHION.pictures // 2 + 60 + FASHION.pictures % 2))
    # A speck of dust makes no range.
    faint[:20, 0, 0], faint[20:40, 0, 0] = 0, 255
    assert "value range" in bad(data(faint))


def test_pictures_of_nearly_one_value():
    small = np.full((200, 40, 40, 1), 255, np.uint8)
    small[:, 16:24, 16:24] = FASHION.pictures[:200, 10:18, 10:18]
    check = found(check_data(data(small)))["variety"]
    assert not check.ok and "255 of 255" in check.words and "closer" in check.words
    small[:, 14:26, 14:26] = FASHION.pictures[:200, 8:20, 8:20]
    assert "variety" not in bad(data(small))


def test_exact_copies_are_counted():
    twice = FASHION.pictures[:200].copy()
    twice[50:53] = twice[0]
    check = found(check_data(data(twice)))["duplicates"]
    assert not check.ok and "pictures: 3 of 200." in check.words and "Take them out" in check.words
    twice[50] = FASHION.pictures[300]
    check = found(check_data(data(twice)))["duplicates"]
    assert check.ok and "2 of 200" in check.words
    twice[51:53, 0, 0] += np.uint8([[1], [2]])  # one pixel is enough to be another
    assert "0 of 200" in found(check_data(data(twice)))["duplicates"].words


def test_small_and_uneven_classes_are_named():
    pictures, names = FASHION.pictures[:200], ("cat", "dog", "hen")
    of = found(check_data(data(pictures, [0] * 150 + [1] * 49 + [2], names)))
    assert not of["class size"].ok and "hen, has 1 picture." in of["class size"].words
    assert not of["class balance"].ok and "cat, has 150" in of["class balance"].words
    of = found(check_data(data(pictures, [0] * 174 + [1] * 17 + [2] * 9, names)))
    assert not of["class size"].ok and not of["class balance"].ok
    of = found(check_data(data(pictures, [0] * 100 + [1] * 90 + [2] * 10, names)))
    assert of["class size"].ok and of["class balance"].ok
    # A class that is named but has none.
    of = found(check_data(data(pictures, [0] * 100 + [1] * 100, names)))
    assert "hen, has 0 pictures" in of["class size"].words and not of["class balance"].ok


def test_what_could_not_be_read_is_told():
    files = ("a.png: The file is empty; choose another picture.", "b.png: It is broken.")
    check = found(check_data(data(FASHION.pictures, unreadable=files)))["unreadable"]
    assert not check.ok and "not be read: 2; the first is a.png: The file" in check.words


def test_a_schedule_should_end_in_noise():
    for name in ("linear", "cosine"):
        of = found(check_schedule(make_schedule(name), "epsilon"))
        assert of["terminal signal"].ok and of["prediction"].ok
    assert (
        "0.64%"
        in found(check_schedule(make_schedule("linear"), "epsilon"))["terminal signal"].words
    )
    for schedule in (make_schedule("linear", 100), make_schedule("scaled_linear")):
        check = found(check_schedule(schedule, "v_prediction"))["terminal signal"]
        assert not check.ok and "cosine" in check.words
        left = float(schedule.alphas_cumprod[-1] ** 0.5)
        assert f"{left:.2%}" in check.words and left > 0.01


def test_epsilon_says_nothing_where_no_signal_is_left():
    schedule = make_schedule("cosine", zero_terminal_snr=True)
    for kind in ("v_prediction", "sample"):
        assert all(c.ok for c in check_schedule(schedule, kind))
    of = found(check_schedule(schedule, "epsilon"))
    assert of["terminal signal"].ok and not of["prediction"].ok
    assert "v_prediction" in of["prediction"].words
    with pytest.raises(ValueError, match="no prediction_type"):
        check_schedule(schedule, "noise")


SMALL = UNetConfig(
    image_size=(8, 8),
    in_channels=1,
    out_channels=1,
    channels=(16,),
    blocks_per_level=1,
    attention=(False,),
    mid_attention=False,
    head_dim=None,
    norm_groups=8,
    num_classes=10,
)
PICTURES = dataclasses.replace(FASHION, pictures=FASHION.pictures[:, 2:26:3, 2:26:3])
CONFIG = TrainConfig(
    num_steps=200,
    batch_size=8,
    learning_rate=3e-3,
    warmup_steps=20,
    decay_steps=0,
    precision="fp32",
    save_every=1000,
    prediction_type="v_prediction",
)


def a_run(folder, **changes):
    """Losses, network and average of a real run."""
    config = dataclasses.replace(CONFIG, **changes)
    losses = [s.loss for s in train(config, SMALL, SCHEDULE, PICTURES, folder)]
    state, nets = load_file(folder / STATE_FILE), []
    for prefix in ("unet.", "ema.module."):
        nets.append(UNet(SMALL))
        nets[-1].load_state_dict(
            {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
        )
    return losses, *nets


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return a_run(tmp_path_factory.mktemp("trained"))


def falling(losses, **options):
    checks = found(check_run(losses, **NOTHING, **options))
    assert list(checks) == ["finite", "falling"] and checks["finite"].ok
    return checks["falling"]


def test_the_loss_of_a_real_run_falls(trained):
    check = falling(trained[0])
    assert check.ok and "went from" in check.words and "flat" not in check.words
    early = falling(trained[0][:199])
    assert early.ok and "too few" in early.words
    assert falling([]).ok


def test_a_run_that_learns_nothing_is_told(tmp_path):
    losses, _, _ = a_run(tmp_path, learning_rate=1e-9)
    check = falling(losses)
    assert not check.ok and "should have fallen" in check.words
    # But one that began with trained weights may stay where it is.
    assert falling(losses, from_random=False).ok


def noisy(means):
    """Losses as of small batches, about these means."""
    noise = np.random.default_rng(0).normal(0, 0.3, len(means))
    return (np.asarray(means) * (1 + noise).clip(0.1)).tolist()


def test_flat_late_is_normal_and_rising_is_not(trained):
    fell = np.linspace(1, 0.14, 500)
    flat = falling(noisy([*fell, *np.full(5000, 0.14)]))
    assert flat.ok and "flat" in flat.words and "by timestep" in flat.words
    assert "flat" not in falling(noisy(np.geomspace(1, 0.14, 5000))).words
    # From where a real run went, up again.
    rising = falling([*trained[0], *(np.asarray(trained[0][-100:]) * 1.6).tolist()])
    assert not rising.ok and "risen" in rising.words and "learning rate" in rising.words
    # A single peak is no rise.
    assert falling([*noisy([*fell, *np.full(500, 0.14)]), 50.0]).ok


def test_a_loss_that_is_no_number(trained):
    for value in (math.nan, math.inf):
        checks = found(check_run([*trained[0][:30], value, value], **NOTHING))
        assert list(checks) == ["finite"] and not checks["finite"].ok
        assert (
            "step 31" in checks["finite"].words and "lower learning rate" in checks["finite"].words
        )


def average(gap):
    return found(check_run([], **NOTHING | {"ema_gap": gap}))["average"]


def test_an_average_that_follows_and_one_that_lags(trained, tmp_path):
    _, raw, ema = trained
    gap = ema_gap(raw, ema, PICTURES, SCHEDULE, "v_prediction")
    assert average(gap).ok and gap == ema_gap(raw, ema, PICTURES, SCHEDULE, "v_prediction")
    # With a decay of nearly 1 and no warm-up the average is still what the network began as.
    _, _, start = a_run(tmp_path, num_steps=1)
    check = average(ema_gap(raw, start, PICTURES, SCHEDULE, "v_prediction"))
    assert not check.ok and "lags" in check.words and "ema_decay" in check.words
    assert ema_gap(raw, raw, PICTURES, SCHEDULE, "v_prediction") == 0
    assert not average(math.nan).ok


def test_measuring_the_gap_leaves_networks_as_they_were(trained):
    raw, ema = UNet(dataclasses.replace(SMALL, dropout=0.5)), trained[2].eval()
    raw.load_state_dict(trained[1].state_dict())
    before, drawn = {k: v.clone() for k, v in raw.state_dict().items()}, torch.get_rng_state()
    gap = ema_gap(raw.train(), ema, PICTURES, SCHEDULE, "v_prediction")
    assert gap == ema_gap(trained[1], ema, PICTURES, SCHEDULE, "v_prediction")  # no dropout
    assert raw.training and not ema.training and torch.equal(drawn, torch.get_rng_state())
    assert all(torch.equal(before[k], v) for k, v in raw.state_dict().items())
    assert all(p.grad is None for p in raw.parameters())


def test_saturation_is_what_shows_as_black_or_white():
    levels = from_uint8(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1))
    assert saturation(levels) == 2 / 256
    x = torch.linspace(-1.1, 1.1, 4001).reshape(1, 1, 1, -1)
    shown = to_uint8(x)
    assert saturation(x) == pytest.approx(float(np.isin(shown, (0, 255)).mean()), abs=1e-3)


def saturated(x0_hat, x0):
    measured = {"x0_saturated": saturation(x0_hat), "data_saturated": saturation(x0)}
    return found(check_run([], **NOTHING | measured))["saturation"]


def test_x0_hat_that_is_far_more_black_and_white_than_the_data():
    x0, _ = FASHION.batch(torch.arange(2000))
    assert saturation(x0) > 0.5  # half of these pictures is black, which is no fault
    for label in range(10):  # nor is it that some classes have more of it
        assert saturated(x0[FASHION.labels == label], x0).ok
    burnt = saturated((8 * x0).clamp(-1, 1), x0)
    assert not burnt.ok and "guidance" in burnt.words
    faint = 0.8 * x0
    assert saturation(faint) == 0 and saturated(faint, faint).ok
    assert saturated(faint, x0).ok and not saturated(x0, faint).ok


def memorising(samples, dataset):
    near, real = nearest_ratio(samples, dataset)
    return found(check_run([], **NOTHING | {"nearest": near, "nearest_real": real}))["memorising"]


def test_copies_are_told_from_new_pictures():
    order = torch.randperm(2000, generator=torch.Generator().manual_seed(0)).numpy()
    known = data(FASHION.pictures[order[:1000]])
    new = from_uint8(FASHION.pictures[order[1000:1064]])
    assert memorising(new, known).ok
    noise = torch.randn(64, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    copies = from_uint8(known.pictures[:64]) + 0.02 * noise
    check = memorising(copies, known)
    assert not check.ok and "copies" in check.words
    assert memorising(noise.clamp(-1, 1), known).ok  # bad, but no copies


def test_a_walk_with_the_exact_denoiser_ends_on_copies():
    known = data(FASHION.pictures[:300])
    exact = ExactDenoiser(from_uint8(known.pictures), SCHEDULE)
    g = torch.Generator().manual_seed(0)
    start = torch.randn(16, 1, 28, 28, generator=g)
    end = last(sample(exact, start, SCHEDULE, num_steps=20, generator=g)).x_prev
    assert not memorising(end, known).ok
    # As a control, the same walk judged against pictures that it never saw.
    assert memorising(end, data(FASHION.pictures[300:])).ok


def test_most_pictures_twice_leaves_nothing_to_compare_with():
    twice = data(np.concatenate([FASHION.pictures[:50]] * 2))
    check = memorising(from_uint8(FASHION.pictures[60:70]), twice)
    assert not check.ok and "twice" in check.words


@pytest.mark.parametrize("chunk", [1, 5000, 2**22])
def test_the_nearest_are_the_nearest(chunk, monkeypatch):
    monkeypatch.setattr(checks_module, "_CHUNK", chunk)
    known = data(FASHION.pictures[:60])
    x = from_uint8(known.pictures)
    samples = from_uint8(FASHION.pictures[100:107])
    near, real = nearest_ratio(samples, known)
    _, expected = ExactDenoiser(x, SCHEDULE).nearest(samples)
    assert near == pytest.approx(float(expected.median()))
    others = [
        ExactDenoiser(torch.cat([x[:i], x[i + 1 :]]), SCHEDULE).nearest(x[i : i + 1])[1]
        for i in range(60)
    ]
    assert real == pytest.approx(float(torch.cat(others).median()))
    assert nearest_ratio(x[:7], known)[0] == 0
    # Fewer of them: of some pictures, still but themselves.
    assert 0 < nearest_ratio(samples, known, num_real=5)[1] < 2 * real


def test_what_cannot_be_compared_is_refused():
    x = from_uint8(FASHION.pictures[:4])
    for samples, dataset in (
        (x[..., :-1], FASHION),
        (x[:0], FASHION),
        (x, data(FASHION.pictures[:1])),
    ):
        with pytest.raises(ValueError, match="two pictures"):
            nearest_ratio(samples, dataset)
