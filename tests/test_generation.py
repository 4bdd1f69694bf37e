"""Walks that go on, branch, lead from seed to seed, and are recorded: to the same bits."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from conftest import last

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.data import from_uint8, grid, to_uint8
from diffusion_core.denoiser import ExactDenoiser
from diffusion_core.generation import (
    InitialImage,
    Recording,
    RunCard,
    SamplingRequest,
    SamplingRun,
    recording,
    walk,
)
from diffusion_core.generation.run import state_at
from diffusion_core.process import slerp
from diffusion_core.samplers import weighed

KINDS = [
    {"sampler": "ddpm"},
    {"sampler": "ddpm", "variance": "beta"},
    {"sampler": "ddim"},
    {"sampler": "ddim", "eta": 0.6},
    {"sampler": "heun"},
    {"sampler": "dpmpp_2m"},
    {"sampler": "dpmpp_2m_sde"},
]


@pytest.fixture(scope="module")
def checkpoint(tiny_folder):
    return load_checkpoint(tiny_folder)


@pytest.fixture(scope="module")
def given():
    picture = from_uint8((np.arange(28 * 28) % 256).astype(np.uint8).reshape(1, 28, 28, 1))
    mask = torch.zeros(1, 1, 28, 28)
    mask[..., :14] = 1
    return InitialImage(picture, mask)


def settings(**options) -> SamplingRequest:
    return SamplingRequest(**{"num_images": 2, "label": 3, "num_steps": 9, "seed": 5, **options})


@pytest.fixture(scope="module", params=KINDS, ids=str)
def walked(request, checkpoint):
    """A walk of each kind, and all of its steps."""
    asked = settings(**request.param)
    return asked, list(walk(checkpoint, asked))


@pytest.mark.parametrize("k", [0, 1, 4, 8])
def test_a_branch_with_nothing_changed_is_the_parent_to_the_bit(checkpoint, walked, k):
    parent, whole = walked
    branch = list(walk(checkpoint, dataclasses.replace(parent, parent=parent, branch_step=k)))
    assert len(branch) == len(whole) - k
    for a, b in zip(whole[k:], branch, strict=True):
        assert (a.index, a.t, a.t_prev, a.nfe) == (b.index, b.t, b.t_prev, b.nfe)
        assert a.weights == b.weights
        for name in ("x_t", "eps_hat", "x0_hat", "x_prev"):
            assert torch.equal(getattr(a, name), getattr(b, name)), (name, a.index)


@pytest.mark.parametrize(
    "change",
    [
        {"sampler": "ddpm"},
        {"eta": 0.5},
        {"guidance_scale": 3.0},
        {"label": 7},
        {"seed": 99},
        {"num_steps": 30},
        {"sampler": "dpmpp_2m"},
    ],
    ids=str,
)
def test_a_branch_begins_at_its_parents_step_and_goes_elsewhere(checkpoint, change):
    parent = settings(eta=0.3)
    whole = list(walk(checkpoint, parent))
    changed = {"eta": 0.0, **change} if "sampler" in change else change
    mine = dataclasses.replace(parent, **changed, parent=parent, branch_step=4)
    branch = list(walk(checkpoint, mine))
    assert torch.equal(branch[0].x_t, whole[4].x_t) and branch[0].t == whole[4].t
    assert not torch.equal(branch[-1].x_prev, whole[-1].x_prev)
    assert branch[-1].t_prev == -1
    if "num_steps" in change:
        assert [s.t for s in branch[1:]] == [
            t for t in settings(num_steps=30).timesteps(checkpoint) if t < branch[0].t
        ]
    again = dataclasses.replace(mine, parent=mine, branch_step=6)  # a branch of the branch
    assert torch.equal(last(walk(checkpoint, again)).x_prev, branch[-1].x_prev)


def test_a_branch_goes_on_from_any_kept_moment_to_the_same_bits(checkpoint):
    parent = settings(sampler="ddpm", num_steps=12)
    walker = SamplingRun(checkpoint, parent)
    moments = [walker.beginning()]
    for _ in walker:
        moments.append(walker.moment())
    for near in (0, 3, 6):
        moment = state_at(checkpoint, parent, 6, near=moments[near])
        assert torch.equal(moment.x_t, moments[6].x_t)
        assert all(map(torch.equal, moment.states, moments[6].states))
    branch = dataclasses.replace(parent, parent=parent, branch_step=6, label=1)
    a = last(SamplingRun(checkpoint, branch, moment=moments[2])).x_prev
    assert torch.equal(a, last(walk(checkpoint, branch)).x_prev)


def test_the_weights_of_every_step_make_its_end(walked):
    before = None
    for step in walked[1]:
        names = {"x_t", "x0_hat", "eps_hat", "noise", "x0_before", "eps_there"}
        assert set(step.weights) <= names
        if "eps_there" not in step.weights:
            pictures = {n: getattr(step, n, before) for n in step.weights}
            torch.testing.assert_close(weighed(step.weights, pictures), step.x_prev)
        before = step.x0_hat


def test_from_seed_to_seed_both_ends_are_the_seeds_own(checkpoint):
    row = last(walk(checkpoint, settings(num_images=5, seed=5, seed_to=11))).x_prev
    one, other = (last(walk(checkpoint, settings(num_images=1, seed=s))).x_prev for s in (5, 11))
    torch.testing.assert_close(row[:1], one, atol=1e-3, rtol=0)
    torch.testing.assert_close(row[-1:], other, atol=1e-3, rtol=0)
    steps = (row[1:] - row[:-1]).square().mean((1, 2, 3))
    assert bool((steps > 0).all())


def test_slerp_keeps_the_size_of_noise():
    a, b = torch.randn(2, 1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    between = slerp(a, b, 9)
    assert torch.equal(between[0], a[0])
    torch.testing.assert_close(between[-1], b[0])
    assert bool(((between.std((1, 2, 3)) - 1).abs() < 0.03).all())
    straight = (a + b) / 2
    assert float(straight.std()) < 0.75
    torch.testing.assert_close(slerp(a, a, 3), a.expand(3, -1, -1, -1))


def test_a_recording_shows_what_the_walk_computed(checkpoint):
    mine = settings(sampler="ddpm", num_images=3)
    record = Recording(checkpoint, mine)
    frames = list(record.run())
    steps = list(walk(checkpoint, mine))
    assert record.views == ("x_t", "x0_hat", "eps_hat", "change", "noise")
    assert [f.t for f in frames] == record.timesteps == [*[s.t for s in steps], -1]
    for frame, step in zip(frames, steps, strict=False):
        shown = frame.pictures
        assert tuple(shown) == record.views
        for name in ("x_t", "x0_hat", "eps_hat"):
            assert np.array_equal(shown[name], grid(to_uint8(getattr(step, name))))
        change = (step.x_prev - step.x_t) * frame.numbers["gain"]
        assert np.array_equal(shown["change"], grid(to_uint8(change)))
        assert frame.weights == step.weights and frame.nfe == step.nfe
        assert frame.numbers["mean_square"] == pytest.approx(float(step.x_t.square().mean()))
        inside = int(((step.x_t >= -3) & (step.x_t <= 3)).sum())
        assert len(frame.histogram) == 60 and sum(frame.histogram) == inside
    assert np.array_equal(frames[-1].pictures["x_t"], grid(to_uint8(steps[-1].x_prev)))
    assert torch.equal(record.result, steps[-1].x_prev)
    assert [f.ms for f in frames] == sorted(f.ms for f in frames) and frames[0].ms > 0


def test_a_branchs_recording_holds_its_parents_steps_too(checkpoint):
    parent = Recording(checkpoint, settings())
    frames = list(parent.run())
    mine = dataclasses.replace(settings(), label=8, parent=settings(), branch_step=5)
    branch = Recording(checkpoint, mine, parent=parent)
    got = list(branch.run())
    assert [f.t for f in got] == [f.t for f in frames]
    assert all(
        a.pictures["x_t"] is b.pictures["x_t"] for a, b in zip(got[:5], frames[:5], strict=True)
    )
    assert np.array_equal(got[5].pictures["x_t"], frames[5].pictures["x_t"])
    assert not np.array_equal(got[5].pictures["x0_hat"], frames[5].pictures["x0_hat"])
    alone = Recording(checkpoint, mine)  # the parent is not at hand: it is walked again
    again = list(alone.run())
    assert torch.equal(alone.result, branch.result)
    for a, b in zip(got, again, strict=True):
        assert all(map(np.array_equal, a.pictures.values(), b.pictures.values())) and a.nfe == b.nfe
    noisy = dataclasses.replace(settings(), sampler="ddpm", parent=settings(), branch_step=5)
    shown = list(Recording(checkpoint, noisy, parent=parent).run())
    assert [len(f.pictures) for f in shown] == [5] * 10


def test_memory_is_bounded_and_says_so_and_a_branch_is_exact_between_what_is_kept(
    checkpoint, monkeypatch
):
    monkeypatch.setattr(recording, "MAX_PICTURE_BYTES", 100_000)
    monkeypatch.setattr(recording, "MAX_STATE_BYTES", 200_000)
    mine = settings(sampler="ddpm", num_steps=60)
    record = Recording(checkpoint, mine)
    frames = list(record.run())
    assert record.stride > 1 and [f.t for f in frames] == record.timesteps
    assert [f.index for f in frames[:-1]] == list(range(0, 60, record.stride))
    assert sum(p.nbytes for f in frames for p in f.pictures.values()) <= 110_000
    kept = len(record.moments)
    assert 2 < kept < 60 and record.nbytes < 320_000
    k = next(i for i in range(1, 60) if i not in record.moments)
    branch = Recording(
        checkpoint, dataclasses.replace(mine, parent=mine, branch_step=k), parent=record
    )
    list(branch.run())
    assert torch.equal(branch.result, record.result)


def test_exact_answer_and_true_picture_are_recorded_beside(checkpoint, given):
    images = torch.randn(20, 1, 28, 28, generator=torch.Generator().manual_seed(1)).clamp(-1, 1)
    exact = ExactDenoiser(images, checkpoint.schedule)
    record = Recording(checkpoint, settings(t_start=600), InitialImage(given.picture), exact=exact)
    frames = list(record.run())
    assert record.views[-1] == "exact" and frames[0].t == 600
    assert {"exact", "x0"} <= set(frames[0].numbers)
    step = next(walk(checkpoint, settings(t_start=600), given.picture))
    want = float((step.x0_hat - given.picture).square().mean().sqrt())
    assert frames[0].numbers["x0"] == pytest.approx(want, rel=1e-4)
    answer = exact.predict(step.x_t, torch.full((2,), 600))[1]
    assert np.array_equal(frames[0].pictures["exact"], grid(to_uint8(answer)))


def test_filling_in_keeps_what_the_mask_keeps(checkpoint, given):
    mine = settings(resample=3, eta=1.0)
    record = Recording(checkpoint, mine, given)
    frames = list(record.run())
    assert [f.t for f in frames] == record.timesteps
    kept = given.mask.bool().expand_as(record.result)
    assert torch.equal(record.result[kept], given.picture.expand_as(record.result)[kept])
    assert not torch.equal(record.result[0][~kept[0]], record.result[1][~kept[0]])


@pytest.mark.parametrize(
    "mine",
    [
        settings(),
        settings(sampler="ddpm", variance="beta", label="Bag"),
        settings(seed_to=4),
        settings(parent=settings(label=None), branch_step=3, guidance_scale=2.0),
    ],
)
def test_a_run_card_walks_the_same_walk_again(checkpoint, mine):
    result = last(walk(checkpoint, mine)).x_prev
    text = RunCard.of(checkpoint, mine, None, result).to_json()
    card = RunCard.from_json(text)
    assert card.walk == mine and RunCard.from_json(card.to_json(indent=None)).walk == mine
    again = last(walk(checkpoint, card.walk)).x_prev
    assert card.compare(checkpoint, again) == "The replay's result is the same, to the bit."
    assert str(checkpoint.name) not in text  # no path of this machine


def test_a_card_says_what_differs(checkpoint):
    mine = settings()
    result = last(walk(checkpoint, mine)).x_prev
    card = RunCard.of(checkpoint, mine, None, result)
    old = dataclasses.replace(card, versions={**card.versions, "torch": "1.0"}, weights="0" * 64)
    words = old.compare(checkpoint, result + 1e-6)
    assert "weights" in words and f"torch {torch.__version__} here, 1.0 then" in words


def test_a_card_carries_picture_and_mask_but_a_link_does_not(checkpoint, given):
    for mine, start in (
        (settings(resample=2, eta=1.0), given),
        (settings(t_start=500), InitialImage(given.picture)),
    ):
        result = last(walk(checkpoint, mine, start)).x_prev
        card = RunCard.of(checkpoint, mine, start, result)
        again = RunCard.from_json(card.to_json())
        assert torch.equal(last(walk(checkpoint, again.walk, again.given)).x_prev, result)
        with pytest.raises(ValueError, match="open its run card file"):
            RunCard.from_json(card.to_json(with_given=False))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "nonsense",
        '{"format": "diffusion-playground/run-1"}',
        "[" * 100_000,
        '{"format": "other"}',
    ],
)
def test_what_is_no_card_is_one_sentence(text):
    with pytest.raises(ValueError, match="not a run card"):
        RunCard.from_json(text)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": -1}, "seed must"),
        ({"sampler": "euler"}, "no sampler"),
        ({"num_steps": "many"}, "not a run card"),
        ({"odd": 1}, "not a run card"),
        ({"seed": True}, "not a run card"),
        ({"num_images": 1e9}, "number of images"),
    ],
)
def test_a_card_out_of_range_is_one_sentence(checkpoint, change, words):
    mine = settings()
    card = json.loads(RunCard.of(checkpoint, mine, None, torch.zeros(1)).to_json())
    card["walk"].update(change)
    with pytest.raises(ValueError, match=words):
        RunCard.from_json(json.dumps(card))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SamplingRequest(seed_to=-1), "second seed"),
        (lambda: SamplingRequest(variance="big"), "no variance"),
        (lambda: SamplingRequest(resample=99), "resamplings"),
        (
            lambda: SamplingRequest(num_images=2, parent=SamplingRequest()),
            "as many images as its parent",
        ),
        (lambda: SamplingRequest(parent=SamplingRequest(resample=1)), "does not branch"),
    ],
)
def test_what_cannot_be_walked_is_one_sentence(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_branch_past_the_end_or_a_picture_of_another_size_is_one_sentence(checkpoint, given):
    parent = settings()
    with pytest.raises(ValueError, match="after 0 to 8 steps"):
        SamplingRun(checkpoint, dataclasses.replace(parent, parent=parent, branch_step=9))
    with pytest.raises(ValueError, match="own size"):
        SamplingRun(checkpoint, settings(t_start=4), InitialImage(torch.zeros(1, 1, 4, 4)))
    with pytest.raises(ValueError, match="own size"):
        SamplingRun(checkpoint, settings(), given)
    with pytest.raises(ValueError, match="needs a mask"):
        SamplingRun(checkpoint, settings(resample=1), InitialImage(given.picture))


def test_strides_and_views_of_a_branch_need_not_be_its_parents(checkpoint, monkeypatch):
    monkeypatch.setattr(recording, "MAX_PICTURE_BYTES", 100_000)
    trunk = Recording(checkpoint, settings(sampler="ddpm", num_steps=60))
    list(trunk.run())
    mine = dataclasses.replace(
        settings(num_steps=9), parent=trunk.settings, branch_step=21, label=8
    )
    for parent in (trunk, None):
        branch = Recording(checkpoint, mine, parent=parent)
        frames = list(branch.run())
        assert branch.stride < trunk.stride
        assert [f.t for f in frames] == branch.timesteps
        assert all(tuple(f.pictures) == branch.views for f in frames)


def test_a_branch_of_a_branch_shows_each_view_under_its_own_name(checkpoint):
    images = torch.randn(9, 1, 28, 28, generator=torch.Generator().manual_seed(1)).clamp(-1, 1)
    exact = ExactDenoiser(images, checkpoint.schedule)
    root = Recording(checkpoint, settings(), exact=exact)
    list(root.run())
    middle = dataclasses.replace(settings(sampler="ddpm"), parent=root.settings, branch_step=2)
    middle_record = Recording(checkpoint, middle, parent=root, exact=exact)
    list(middle_record.run())
    leaf = dataclasses.replace(settings(label=9), parent=middle, branch_step=5)
    record = Recording(checkpoint, leaf, parent=middle_record, exact=exact)
    frames = list(record.run())
    assert record.views == ("x_t", "x0_hat", "eps_hat", "change", "noise", "exact")
    for k in range(5):
        want = middle_record.frames[k].pictures
        assert all(np.array_equal(frames[k].pictures[v], want[v]) for v in record.views)


def test_a_branch_without_its_parent_at_hand_walks_it_once(checkpoint, monkeypatch):
    from conftest import watch_steps

    computed = []
    watch_steps(monkeypatch, lambda step: computed.append(step.index))
    mine = settings(num_steps=60, parent=settings(num_steps=60), branch_step=50, label=1)
    list(Recording(checkpoint, mine).run())
    assert len(computed) <= 60 + 2


def test_numbers_that_are_none_are_refused(checkpoint):
    with pytest.raises(ValueError, match="whole number"):
        SamplingRequest(num_images=float("inf"))
    with pytest.raises(ValueError, match="start"):
        SamplingRun(
            checkpoint, settings(t_start=float("inf")), InitialImage(torch.zeros(1, 1, 28, 28))
        )
