"""Guided diffusion: the classifier, its training, and what its gradient does to a walk."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from conftest import TINY, last, wake
from safetensors.torch import load_file, save_file

from diffusion_core.checkpoint import Checkpoint, CheckpointConfig, load_checkpoint
from diffusion_core.data import ImageDataset
from diffusion_core.data.named import FASHION_CLASSES
from diffusion_core.denoiser import ClassifierGuidance, ExactDenoiser
from diffusion_core.evaluation import (
    GuidanceCurve,
    GuidanceResults,
    Judge,
    guidance_results,
    guided_denoiser,
    measure_guidance,
    save_guidance_results,
)
from diffusion_core.evaluation.guidance_curve import coarse_first
from diffusion_core.generation import RunCard, SamplingRequest, walk
from diffusion_core.guided_diffusion import (
    MAX_PARAMETERS,
    ClassifierConfig,
    ClassifierTraining,
    NoisyClassifier,
    accuracy_by_log_snr,
    classifier_folders,
    find_classifier,
    fresh_classifier,
    learn_classifier,
    load_classifier,
    noised,
    save_classifier,
)
from diffusion_core.samplers import SAMPLERS, sample, take_step
from diffusion_core.schedule import (
    FlowSchedule,
    NoiseSchedule,
    make_schedule,
    rescale_zero_terminal_snr,
)
from diffusion_core.unet import UNet

SMALL = ClassifierConfig((1, 8, 8), 3, (8, 16), 8)
COSINE = make_schedule("cosine", 100)


@dataclasses.dataclass(frozen=True)
class Shape:
    sample_shape: tuple[int, ...]
    num_classes: int


class GaussianClassifier:
    """The best classifier of clean data N(mean_y, width² I), in closed form."""

    def __init__(self, means, width=0.5):
        self.means, self.width = means, width
        self.config = Shape(tuple(means.shape[1:]), len(means))

    def __call__(self, x_t, log_snr):
        alpha, variance = torch.sigmoid(log_snr).sqrt(), torch.sigmoid(-log_snr)
        spread = variance + alpha**2 * self.width**2
        apart = x_t[:, None] - alpha[:, None, None] * self.means
        return -apart.square().sum(2) / (2 * spread[:, None])

    def to(self, device):
        return self


class PointsClassifier:
    """The best classifier of labelled points, in closed form."""

    def __init__(self, points, labels):
        self.points, self.labels = points, labels
        self.config = Shape(tuple(points.shape[1:]), int(labels.max()) + 1)

    def __call__(self, x_t, log_snr):
        alpha, variance = torch.sigmoid(log_snr).sqrt(), torch.sigmoid(-log_snr)
        apart = x_t[:, None] - alpha[:, None, None] * self.points
        near = -apart.square().sum(2) / (2 * variance[:, None])
        each = [near[:, self.labels == y].logsumexp(1) for y in range(self.config.num_classes)]
        return torch.stack(each, 1)

    def to(self, device):
        return self


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def awake(config=SMALL, seed=0):
    classifier = fresh_classifier(config, seed)
    generator = torch.Generator().manual_seed(seed)
    for p in classifier.parameters():
        p.data += 0.3 * torch.randn(p.shape, generator=generator)
    return classifier.eval().requires_grad_(False)


@pytest.mark.parametrize("schedule", [COSINE, FlowSchedule(100)], ids=["cosine", "flow"])
def test_the_gradient_is_that_of_a_gaussian_classifier(schedule):
    means, width, y, t = normal(4, 2, seed=1), 0.5, 2, torch.tensor([5, 40, 90])
    guidance = ClassifierGuidance(
        ExactDenoiser(means, schedule), GaussianClassifier(means, width), y, 1.0
    )
    x_t = normal(3, 2)
    look = guidance.look(x_t, t)
    alpha, sigma = schedule.alpha(t)[:, None], schedule.sigma(t)[:, None]
    spread = sigma**2 + alpha**2 * width**2
    log_p = -(x_t[:, None] - alpha[..., None] * means).square().sum(2) / (2 * spread)
    p = log_p.softmax(1)
    expected = (
        alpha * (means[y] - p @ means) / spread
    )  # ∇ log p(x_t | y) - Σ p(y') ∇ log p(x_t | y')
    torch.testing.assert_close(look.log_probs, log_p.log_softmax(1))
    torch.testing.assert_close(look.gradient, expected)


@pytest.mark.parametrize("schedule", [COSINE, FlowSchedule(100)], ids=["cosine", "flow"])
def test_guided_by_the_best_classifier_at_scale_1_a_model_is_one_of_the_class(schedule):
    """∇ log p(x | y) = ∇ log p(x) + ∇ log p(y | x), to which both estimates must come."""
    points, labels = normal(40, 2, seed=3), torch.arange(40) % 4
    guided = ClassifierGuidance(
        ExactDenoiser(points, schedule), PointsClassifier(points, labels), 1, 1.0
    )
    alone = ExactDenoiser(points[labels == 1], schedule)
    t = torch.tensor([20, 50, 80])
    x_t = normal(3, 2)
    for found, wanted in zip(guided.predict(x_t, t), alone.predict(x_t, t), strict=True):
        torch.testing.assert_close(found, wanted)


def test_the_gradient_agrees_with_finite_differences():
    classifier = awake().double()
    guidance = ClassifierGuidance(lambda x, t: x, classifier, 1, 1.0)
    guidance.denoiser = ExactDenoiser(normal(3, 1, 8, 8), COSINE)
    x_t, t, h = normal(1, 1, 8, 8), 60, 1e-5
    gradient = guidance.look(x_t, t).gradient
    for place in ((0, 0, 0, 0), (0, 0, 3, 5), (0, 0, 7, 7)):
        there, here = x_t.clone(), x_t.clone()
        there[place] += h
        here[place] -= h
        up, down = (float(guidance.look(x, t).log_probs[0, 1]) for x in (there, here))
        assert float(gradient[place]) == pytest.approx((up - down) / (2 * h), rel=1e-5, abs=1e-9)


def test_estimates_that_are_moved_still_belong_to_the_same_picture():
    guided = ClassifierGuidance(ExactDenoiser(normal(3, 1, 8, 8), COSINE), awake().double(), 2, 7.0)
    x_t, t = normal(2, 1, 8, 8), torch.tensor([30, 80])
    eps_hat, x0_hat = guided.predict(x_t, t)
    alpha, sigma = (f(t).reshape(2, 1, 1, 1) for f in (COSINE.alpha, COSINE.sigma))
    torch.testing.assert_close(alpha * x0_hat + sigma * eps_hat, x_t)
    assert not torch.equal(eps_hat, guided.denoiser.predict(x_t, t)[0])
    one, every = guided.predict(x_t, 30), guided.predict(x_t, torch.tensor([30, 30]))
    assert torch.equal(one[0], every[0]) and torch.equal(one[1], every[1])


def test_a_walk_keeps_its_precision():
    guided = ClassifierGuidance(ExactDenoiser(normal(3, 1, 8, 8).float(), COSINE), awake(), 2, 3.0)
    assert {z.dtype for z in guided.predict(normal(2, 1, 8, 8).float(), 50)} == {torch.float32}


@pytest.mark.parametrize("algorithm", [1, 2])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_scale_0_is_the_plain_walk_to_the_bit(sampler, algorithm):
    plain = ExactDenoiser(normal(5, 1, 8, 8).float(), COSINE)
    guided = ClassifierGuidance(plain, awake(), 0, 0.0, algorithm)
    ends = []
    for denoiser in (plain, guided):
        generator = torch.Generator().manual_seed(7)
        steps = sample(
            denoiser, normal(2, 1, 8, 8).float(), sampler=sampler, num_steps=6, generator=generator
        )
        ends.append(last(steps))
    assert torch.equal(ends[0].x_prev, ends[1].x_prev) and ends[0].weights == ends[1].weights


@pytest.mark.parametrize("variance", ["posterior", "beta"])
def test_algorithm_1_moves_the_mean_by_the_variance_times_the_gradient(variance):
    plain, noise = ExactDenoiser(normal(5, 1, 8, 8), COSINE), normal(1, 1, 8, 8, seed=9)
    guided = ClassifierGuidance(plain, awake().double(), 2, 5.0, algorithm=1)
    x_t, t, t_prev = normal(1, 1, 8, 8), 60, 50
    options = {"variance": variance, "noise": noise, "clip_x0": 1.0}
    before = take_step(plain, "ddpm", x_t, t, t_prev, **options)
    after = take_step(guided, "ddpm", x_t, t, t_prev, **options)
    spread = COSINE.posterior_variance(t, t_prev)
    if variance == "beta":
        spread = COSINE.transition_variance(t, t_prev)
    moved = after.x_prev - before.x_prev
    torch.testing.assert_close(moved, float(spread) * 5.0 * guided.look(x_t, t).gradient)
    assert torch.equal(after.x0_hat, before.x0_hat) and float(moved.abs().max()) > 0
    end = {**options, "noise": None}
    assert torch.equal(
        take_step(guided, "ddpm", x_t, 3, -1, **end).x_prev,
        take_step(plain, "ddpm", x_t, 3, -1, **end).x_prev,
    )


def test_both_algorithms_go_to_the_wanted_class():
    means = torch.tensor([[-1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    plain, classifier = ExactDenoiser(means, COSINE), GaussianClassifier(means, 0.1)
    for algorithm, sampler in ((1, "ddpm"), (2, "ddim"), (2, "dpmpp_2m")):
        guided = ClassifierGuidance(plain, classifier, 1, 3.0, algorithm)
        generator = torch.Generator().manual_seed(0)
        steps = sample(
            guided, normal(200, 2), sampler=sampler, num_steps=50, clip_x0=False,
            generator=generator,
        )  # fmt: skip
        ends = last(steps).x_prev[:, 0]
        assert float((ends > 0).double().mean()) > 0.98, (algorithm, sampler)


def test_where_nothing_of_the_picture_is_left_nothing_is_moved():
    schedule = rescale_zero_terminal_snr(make_schedule("linear", 100))
    assert float(schedule.alpha(99)) == 0
    plain = ExactDenoiser(normal(5, 1, 8, 8).float(), schedule)
    guided = ClassifierGuidance(plain, awake(), 0, 9.0)
    x_t = normal(1, 1, 8, 8).float()
    for found, wanted in zip(guided.predict(x_t, 99), plain.predict(x_t, 99), strict=True):
        torch.testing.assert_close(found, wanted.to(found.dtype))


def test_the_gradient_falls_with_the_signal_however_the_weights_are():
    classifier, x = awake(), normal(1, 1, 8, 8).float().requires_grad_()

    def size(log_snr):
        logits = classifier(x, torch.tensor([log_snr]))
        return float(torch.autograd.grad(logits[0, 1], x)[0].norm())

    assert size(-30.0) / size(-14.0) == pytest.approx(math.exp(-8.0), rel=1e-3)


def test_what_does_not_fit_is_refused_in_a_sentence():
    plain = ExactDenoiser(normal(5, 1, 8, 8), COSINE)
    with pytest.raises(ValueError, match="has the classes 0 to 2, got 3"):
        ClassifierGuidance(plain, awake(), 3, 1.0)
    for scale in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="at least 0"):
            ClassifierGuidance(plain, awake(), 0, scale)
    with pytest.raises(ValueError, match="algorithms 1 and 2"):
        ClassifierGuidance(plain, awake(), 0, 1.0, 3)
    with pytest.raises(ValueError, match=r"reads pictures of 1 × 8 × 8, and was given 3 × 8 × 8"):
        awake()(torch.zeros(1, 3, 8, 8), torch.zeros(1))
    with pytest.raises(ValueError, match="at most 300,000"):
        ClassifierConfig(widths=(64, 128))
    with pytest.raises(ValueError, match="multiples of 8"):
        ClassifierConfig(widths=(12, 24))
    with pytest.raises(ValueError, match="too small"):
        ClassifierConfig((1, 2, 2), 3, (8, 8, 8))
    with pytest.raises(ValueError, match="sample_shape"):
        ClassifierConfig.from_dict({"num_classes": 3})
    assert NoisyClassifier(ClassifierConfig()).num_parameters <= MAX_PARAMETERS


# Training.


def stripes(count=60):
    """Pictures of three classes that noise cannot hide for long: where they are light."""
    labels = torch.arange(count) % 3
    pictures = np.zeros((count, 8, 8, 1), np.uint8)
    for i, label in enumerate(labels.tolist()):
        pictures[i, 3 * label : 3 * label + 2] = 255
    return ImageDataset("stripes", pictures, labels, ("top", "middle", "bottom"))


def test_a_training_that_was_interrupted_ends_as_the_whole_one(tmp_path):
    data, training = stripes(), ClassifierTraining(60, 32, 20, 1e-2, save_every=10)
    whole = fresh_classifier(SMALL, 0)
    steps = list(learn_classifier(whole, data, training))
    assert steps[0].loss == pytest.approx(math.log(3), abs=1e-5)  # it begins with a guess
    assert steps[-1].loss < steps[0].loss and steps[-1].accuracy > 0.6 and not whole.training
    parted = fresh_classifier(SMALL, 0)
    for step in learn_classifier(parted, data, training, folder=tmp_path):
        if step.step == 55:
            break
    parted = fresh_classifier(SMALL, 0)
    again = list(learn_classifier(parted, data, training, folder=tmp_path))
    assert [step.step for step in again] == list(range(51, 61))
    for name, value in whole.state_dict().items():
        assert torch.equal(value, parted.state_dict()[name]), name
    assert again[-1].seconds >= again[0].seconds > 0
    assert list(learn_classifier(parted, data, training, folder=tmp_path)) == []
    with pytest.raises(ValueError, match="on other pictures"):
        list(learn_classifier(parted, stripes(90), training, folder=tmp_path))
    with pytest.raises(ValueError, match="already did 60 steps"):
        list(
            learn_classifier(parted, data, dataclasses.replace(training, steps=9), folder=tmp_path)
        )
    (tmp_path / "state.safetensors").write_bytes(b"no state")
    with pytest.raises(ValueError, match="not a readable training state"):
        list(learn_classifier(parted, data, training, folder=tmp_path))


def test_pictures_that_do_not_fit_are_refused():
    classifier, training = fresh_classifier(SMALL, 0), ClassifierTraining(1)
    unlabelled = dataclasses.replace(stripes(), labels=None, class_names=())
    with pytest.raises(ValueError, match="has no classes"):
        next(learn_classifier(classifier, unlabelled, training))
    with pytest.raises(ValueError, match="stripes has 3 of"):
        next(learn_classifier(fresh_classifier(ClassifierConfig(), 0), stripes(), training))
    with pytest.raises(ValueError, match="at least 1"):
        ClassifierTraining(0)
    with pytest.raises(ValueError, match="learning rate"):
        ClassifierTraining(learning_rate=2.0)


def test_noised_pictures_have_the_asked_log_snr():
    x0, eps, level = normal(2, 1, 8, 8), normal(2, 1, 8, 8, seed=1), torch.tensor([-3.0, 5.0])
    alpha = noised(torch.ones_like(x0), level, 0 * eps)[:, 0, 0, 0]
    sigma = noised(0 * x0, level, torch.ones_like(eps))[:, 0, 0, 0]
    torch.testing.assert_close((alpha**2 / sigma**2).log(), level.double(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones(2).double(), rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """A classifier of stripes in a folder."""
    folder = tmp_path_factory.mktemp("classifiers") / "stripes"
    classifier = fresh_classifier(SMALL, 0)
    for _ in learn_classifier(classifier, stripes(), ClassifierTraining(80, 32, 20, 1e-2)):
        pass
    save_classifier(folder, classifier, stripes(), {"command": "the command"})
    return folder


def test_accuracy_rises_with_the_signal(learnt):
    rows = accuracy_by_log_snr(load_classifier(learnt).network, stripes(), log_snrs=(-12.0, 0, 9.0))
    assert rows[0].accuracy < 0.6 and rows[2].accuracy > 0.9
    assert rows[0].cross_entropy > rows[1].cross_entropy > rows[2].cross_entropy
    assert {row.num for row in rows} == {60}


def test_a_classifier_is_read_as_it_was_written(learnt, tmp_path):
    stored = load_classifier(learnt)
    assert stored.class_names == ("top", "middle", "bottom") and stored.dataset == "stripes"
    assert stored.label("middle") == stored.label("1") == stored.label(1) == 1
    with pytest.raises(ValueError, match="0 top, 1 middle, 2 bottom"):
        stored.label("left")
    assert classifier_folders([learnt.parent]) == [learnt]
    assert find_classifier([learnt.parent], stored.weights_hash).name == "stripes"
    with pytest.raises(ValueError, match="is not here"):
        find_classifier([learnt.parent], "0" * 64)
    with pytest.raises(ValueError, match="holds no classifier"):
        load_classifier(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "another/1"}, "is not of the form"),
        ({"network": {**dataclasses.asdict(SMALL), "widths": [9000]}}, "widths"),
        ({"network": {**dataclasses.asdict(SMALL), "num_classes": 4}}, "class_names"),
        ({"class_names": ["one", "two", "three", "four"]}, "class_names"),
        ({"unknown": 1}, "not known"),
    ],
)
def test_a_folder_that_holds_something_else_is_refused(learnt, tmp_path, change, words):
    values = json.loads((learnt / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**values, **change}))
    (tmp_path / "model.safetensors").write_bytes((learnt / "model.safetensors").read_bytes())
    with pytest.raises(ValueError, match=words):
        load_classifier(tmp_path)


def test_weights_that_are_not_finite_are_refused(learnt, tmp_path):
    (tmp_path / "config.json").write_bytes((learnt / "config.json").read_bytes())
    weights = load_file(str(learnt / "model.safetensors"))
    weights["head.bias"][0] = math.nan
    save_file(weights, str(tmp_path / "model.safetensors"))
    with pytest.raises(ValueError, match="not finite"):
        load_classifier(tmp_path)


# Walks of a model that has a classifier beside it.


@pytest.fixture(scope="module")
def model(learnt):
    shape = dataclasses.replace(TINY, image_size=(8, 8), num_classes=3)
    torch.manual_seed(0)
    noise = {"name": "cosine", "num_train_timesteps": 100}
    config = CheckpointConfig(shape, noise, "v_prediction", ("top", "middle", "bottom"), "stripes")
    unet = wake(UNet(shape)).eval().requires_grad_(False)
    return Checkpoint(unet, config.noise(), config, "model", "0" * 64)


def end(checkpoint, **settings):
    request = SamplingRequest(num_images=2, num_steps=6, seed=4, **settings)
    return request, last(walk(checkpoint, request)).x_prev


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_request_asks_for_guidance(model, learnt, sampler):
    guided = model.guided_by(load_classifier(learnt))
    plain = end(model, sampler=sampler)[1]
    none = end(guided, sampler=sampler, classifier_label="top", classifier_scale=0.0)[1]
    assert torch.equal(plain, none)
    some = [
        end(guided, sampler=sampler, classifier_label=label, classifier_scale=8.0)[1]
        for label in ("top", 2)
    ]
    assert not torch.equal(plain, some[0]) and not torch.equal(some[0], some[1])
    with_free = {"label": "top", "guidance_scale": 2.0}
    both = end(guided, sampler=sampler, **with_free, classifier_label="top", classifier_scale=8.0)
    assert not torch.equal(both[1], end(guided, sampler=sampler, **with_free)[1])


def test_a_request_that_does_not_fit_is_refused(model, learnt, tiny_folder):
    with pytest.raises(ValueError, match="comes without one"):
        end(model, classifier_label="top", classifier_scale=1.0)
    with pytest.raises(ValueError, match="name one beside its scale"):
        SamplingRequest(classifier_scale=1.0)
    for scale in (-1.0, 101.0, math.nan):
        with pytest.raises(ValueError, match="between 0 and 100"):
            SamplingRequest(classifier_label=0, classifier_scale=scale)
    with pytest.raises(ValueError, match="reads pictures of 1 × 8 × 8, and tiny makes 1 × 28 × 28"):
        load_checkpoint(tiny_folder).guided_by(load_classifier(learnt))


def test_a_run_card_of_a_guided_walk_is_walked_again_to_the_bit(model, learnt):
    """Also one whose class was switched on the way, by a branch."""
    guided = model.guided_by(load_classifier(learnt))
    first = SamplingRequest(
        2, num_steps=6, sampler="ddpm", classifier_label="top", classifier_scale=4.0
    )
    request = dataclasses.replace(first, classifier_label="bottom", parent=first, branch_step=3)
    result = last(walk(guided, request)).x_prev
    assert not torch.equal(result, last(walk(guided, first)).x_prev)
    card = RunCard.of(guided, request, None, result)
    again = RunCard.from_json(card.to_json())
    assert again.walk == request and again.classifier == guided.classifier.weights_hash
    again.check(guided)
    assert "to the bit" in again.compare(guided, last(walk(guided, again.walk)).x_prev)
    assert "classifier none here" in again.compare(model, result + 1)
    with pytest.raises(ValueError, match="comes without one"):
        again.check(model)
    assert RunCard.of(guided, SamplingRequest(), None, result).classifier == ""


def test_the_curve_is_measured_row_by_row_and_goes_on(model, learnt, tmp_path):
    guided = model.guided_by(load_classifier(learnt))
    labels = torch.tensor([0, 1])
    ideal = guided_denoiser(guided, "both", 4.0, labels)
    assert ideal.scale == 2.0 and ideal.denoiser.guidance_scale == 2.0
    with pytest.raises(ValueError, match="no guidance"):
        guided_denoiser(guided, "neither", 1.0, labels)
    curve = GuidanceCurve("model", "0" * 64, guided.classifier.weights_hash, "ddim", 2, 20, 0)
    judge = Judge(1, 3).eval()
    rows = measure_guidance(guided, judge, stripes(), curve, scales=(0.0, 2.0))
    half = [next(rows) for _ in range(4)][-1]
    save_guidance_results(tmp_path, GuidanceResults((), half))
    found = guidance_results(tmp_path).curve
    assert found == half and curve.goes_on(found)
    assert not dataclasses.replace(curve, num=30).goes_on(found)
    whole = last(measure_guidance(guided, judge, stripes(), found, scales=(0.0, 2.0)))
    assert [(r.kind, r.scale) for r in whole.rows] == [
        (kind, scale) for kind in ("classifier", "classifier-free", "both") for scale in (0.0, 2.0)
    ]
    zero = [dataclasses.replace(r, kind="", seconds=0) for r in whole.rows if r.scale == 0]
    assert zero[0] == zero[1] == zero[2]
    assert list(measure_guidance(guided, judge, stripes(), whole, scales=(0.0, 2.0))) == []
    assert whole.table().count("\n") == 7
    with pytest.raises(ValueError, match="num must be from 10 to 60"):
        next(measure_guidance(guided, judge, stripes(), dataclasses.replace(curve, num=61)))
    (tmp_path / "results.json").write_text('{"format": "another"}')
    with pytest.raises(ValueError, match="not of the form"):
        guidance_results(tmp_path)


def test_a_measurement_begins_with_the_ends():
    assert coarse_first((0.0, 0.5, 1.0, 2.0, 4.0, 7.0, 12.0, 20.0)) == [
        0.0, 20.0, 2.0, 0.5, 7.0, 1.0, 4.0, 12.0
    ]  # fmt: skip
    assert coarse_first((1.0, 2.0)) == [1.0, 2.0] and coarse_first((3.0,)) == [3.0]


def test_every_schedule_gives_the_classifier_its_log_snr():
    seen = []

    class Listening(GaussianClassifier):
        def __call__(self, x_t, log_snr):
            seen.append(log_snr.tolist())
            return super().__call__(x_t, log_snr)

    means = normal(3, 2)
    for schedule in (COSINE, make_schedule("linear", 1000), FlowSchedule(50)):
        guided = ClassifierGuidance(ExactDenoiser(means, schedule), Listening(means), 0, 1.0)
        guided.predict(normal(1, 2), 10)
        assert seen[-1] == pytest.approx([float(schedule.log_snr(10))])
    assert isinstance(COSINE, NoiseSchedule) and len(FASHION_CLASSES) == 10
