"""What a lesson says, computed: a measure of the walks and schedules that its steps show.

    claim: {measure: evaluations, of: {Sampler: heun, Steps: 5}, from: 9, to: 9}
    claim: {measure: sharpness, of: {lane: 3}, more than: [{lane: 1}, {lane: 2}]}

The settings under `of` are controls by their names, in place of those that the lesson has set so
far: a claim is made of what is on the screen. A measure gives one number. `from` and `to` are its
bounds; `more than` and `less than` name other settings, whose numbers it must exceed or fall below;
with `by` at least so many times.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from diffusion_core.checkpoint import Checkpoint, checkpoint_folders
from diffusion_core.data import fit_picture, from_uint8, load_dataset, read_picture
from diffusion_core.denoiser import ExactDenoiser, ModelDenoiser, Network, ScheduledDenoiser
from diffusion_core.evaluation import BENCHMARKS, judged, load_judge
from diffusion_core.fields import Kind, check_fields, either, listed, mapping, number, one_of
from diffusion_core.generation import SamplingRequest, SamplingRun
from diffusion_core.inspection import (
    Switches,
    ToldTimestep,
    draw_loss,
    network_map,
    record_activations,
    switched,
)
from diffusion_core.inversion import invert
from diffusion_core.points import (
    RING_DEVIATION,
    learn_points,
    modes_covered,
    point_set,
    point_training,
    ring_centres,
)
from diffusion_core.process import q_sample
from diffusion_core.samplers import SamplerStep, sample
from diffusion_core.schedule import Schedule, make_schedule
from diffusion_core.seeding import draw_noise, seeded
from diffusion_core.training import TrainConfig

from ..shared import models
from ..shared.components import STATIC
from ..shared.start_image import StartImage
from ..shared.suited_picture import first_picture
from .format import Lesson

State = Mapping[str, Any]
# The controls of a walk and what they are called in a request; a lane has its own of some of them.
WALK = {
    "Class": "label",
    "Sampler": "sampler",
    "Steps": "num_steps",
    "Guidance": "guidance_scale",
    "Spacing": "spacing",
    "Eta": "eta",
    "Seed": "seed",
    "Images": "num_images",
}
OF_LANE = ("Sampler", "Steps", "Guidance", "Spacing", "Eta")
WHO, NETWORK = "Denoiser of", "network"  # of a lane
LARGE_VARIANCE = "ddpm, large variance"
KNOWN_IMAGES = 200  # of the training, that the exact denoiser remembers
# The sets of the tab Points by their names on the page, and its network that learnt.
POINTS = {
    "Ring of eight": "ring",
    "Two moons": "moons",
    "Spiral": "spiral",
    "Checkerboard": "checkerboard",
}
LEARNT = "Learnt network"
POINT_STEPS = 300  # of training: enough to find the ring, and quickly done
ON_A_POINT = 0.02
# The training images at hand, by the first word of a model's data set.
DATA = {"fashion-mnist": "fashion-mnist-2000", "avatars": "avatars-3000"}


@lru_cache(maxsize=8)
def _checkpoint(name: str) -> Checkpoint:
    return models.get(_path(name))


def _path(name: str) -> str:
    """The menu's value for a model's name."""
    return dict(models.available()).get(name, name)


def _own(state: State) -> dict[str, Any]:
    """The settings of a walk by the names of its controls; of a lane its own."""
    lane = state.get("lane")
    if lane is None:
        return {name: state[name] for name in WALK if name in state}
    own = {name: state[name] for name in WALK if name in state and name not in OF_LANE}
    named = {name: state.get(f"{name} of lane {lane}") for name in OF_LANE}
    return {**own, **{name: value for name, value in named.items() if value is not None}}


def request_of(state: State) -> SamplingRequest:
    """The walk that controls of the Denoise tab, or of a lane of its race, ask for."""
    values = {WALK[name]: value for name, value in _own(state).items()}
    if values.get("label") == "none":
        values["label"] = None
    if values.get("sampler") == LARGE_VARIANCE:
        values |= {"sampler": "ddpm", "variance": "beta"}
    return SamplingRequest(**values)


def is_exact(state: State) -> bool:
    """Whether not the network is asked, but the exact answer of one who remembers images."""
    return state.get(f"{WHO} lane {state.get('lane')}", NETWORK) != NETWORK


@lru_cache(maxsize=4)
def _known(checkpoint: Checkpoint, label: str | int | None) -> Tensor:
    """The training images at hand, of a class if one is named, as the page's exact answer has."""
    dataset = load_dataset(DATA[_kind(checkpoint)])
    found = torch.arange(len(dataset))
    if label is not None and dataset.labels is not None:
        found = torch.eq(dataset.labels, checkpoint.label(label) or 0).nonzero()[:, 0]
    return dataset.batch(found[:: max(1, len(found) // KNOWN_IMAGES)])[0]


def _kind(checkpoint: Checkpoint) -> str:
    kind = next((k for k in DATA if checkpoint.config.dataset.startswith(k)), "")
    if not kind:
        raise ValueError("This claim needs a model of fashion-mnist or of avatars.")
    return kind


@lru_cache(maxsize=32)
def _steps(checkpoint: Checkpoint, walk: SamplingRequest, exact: bool) -> tuple[SamplerStep, ...]:
    known = ExactDenoiser(_known(checkpoint, walk.label), checkpoint.schedule) if exact else None
    return tuple(SamplingRun(models.for_walks(checkpoint), walk, denoiser=known))


def steps_of(state: State) -> tuple[SamplerStep, ...]:
    """All steps of the walk."""
    return _steps(_checkpoint(str(state["Model"])), request_of(state), is_exact(state))


def pictures(state: State) -> Tensor:
    """The finished pictures (B, C, H, W); with `guess` x0_hat at that step instead, from 1 on."""
    steps = steps_of(state)
    guess = state.get("guess")
    x = steps[-1].x_prev if guess is None else steps[int(guess) - 1].x0_hat
    return x.float().cpu()


def schedule_of(state: State) -> Schedule:
    """The schedule of the Noise and the Schedules tab."""
    return make_schedule(str(state.get("Schedule", "linear")), int(state.get("T", 1000)))


def noisy(state: State) -> Tensor:
    """x_t of the Noise tab: its picture at this timestep, (1, 3, 128, 128)."""
    picture = fit_picture(read_picture(STATIC / "pictures" / "chelsea.png"), 128)
    x0 = from_uint8(picture[None])
    t = torch.tensor([int(state["Timestep"])])
    eps = draw_noise(x0.shape, [torch.Generator().manual_seed(int(state.get("Seed", 0)))])
    return q_sample(x0, t, eps, schedule_of(state)).float()


def signal(state: State) -> float:
    """How much picture is in x_t: the square root of alpha-bar."""
    return float(schedule_of(state).alpha_bar(int(state["Timestep"])) ** 0.5)


def noise(state: State) -> float:
    """How much noise is in x_t: the square root of 1 - alpha-bar."""
    return float((1 - schedule_of(state).alpha_bar(int(state["Timestep"]))) ** 0.5)


def crossing(state: State) -> float:
    """The first timestep at which there is as much noise as picture."""
    return float((schedule_of(state).alphas_cumprod <= 0.5).nonzero()[0])


def mean(state: State) -> float:
    """The mean of all values of x_t."""
    return float(noisy(state).mean())


def deviation(state: State) -> float:
    """The standard deviation of all values of x_t."""
    return float(noisy(state).std())


def evaluations(state: State) -> float:
    """How often the network is evaluated in a walk; nothing is walked for it."""
    request = request_of(state)
    return looks(state) / request.pictures_per_evaluation


def looks(state: State) -> float:
    """How many pictures the network sees in a walk, all its evaluations together."""
    return float(request_of(state).cost(_checkpoint(str(state["Model"]))))


def sharpness(state: State) -> float:
    """The root mean square of the differences between neighbouring pixels."""
    x = pictures(state)
    across, down = (x[..., 1:] - x[..., :-1]), (x[..., 1:, :] - x[..., :-1, :])
    return float((across.square().mean() + down.square().mean()).sqrt())


def distance(state: State) -> float:
    """How far, root mean square, the pictures are from those of the settings under `to walk`."""
    other = {**state, "guess": None, **state["to walk"]}
    return float((pictures(state) - pictures(other)).square().mean().sqrt())


def noisiness(state: State) -> float:
    """The standard deviation of x_t at the step `guess`, from 1 on."""
    return float(steps_of(state)[int(state["guess"]) - 1].x_t.std())


def accuracy(state: State) -> float:
    """The share of the pictures in which a classifier sees the class that was asked for."""
    checkpoint = _checkpoint(str(state["Model"]))
    name = BENCHMARKS[_kind(checkpoint)].judge.name
    places = [place / name for place in checkpoint_folders()]
    judge = load_judge(next((each for each in places if each.is_dir()), places[0]))
    seen = judged(judge, pictures(state))[1]
    seen = seen if seen.dim() == 1 else seen[:, 0]
    return float(torch.eq(seen, checkpoint.label(str(state["Class"])) or 0).float().mean())


def extremes(state: State) -> float:
    """The share of values that are fully black or white, the limits of the range."""
    return float((pictures(state).abs() > 0.98).float().mean())


def variety(state: State) -> float:
    """How much the pictures differ from each other: the deviation at each pixel, mean square."""
    return float(pictures(state).var(dim=0).mean().sqrt())


def nearest(state: State) -> float:
    """How far, root mean square, the pictures are from the nearest of 200 training images."""
    checkpoint = _checkpoint(str(state["Model"]))
    exact = ExactDenoiser(_known(checkpoint, request_of(state).label), checkpoint.schedule)
    return float(exact.nearest(pictures(state))[1].mean())


def _looked_at(state: State) -> tuple[Checkpoint, Tensor, Tensor]:
    """What the Inside tab looks at: the model, its picture (1, C, H, W), and that noised to t."""
    checkpoint = _checkpoint(str(state["Model"]))
    picture = read_picture(first_picture(_path(str(state["Model"]))))
    x0, _ = StartImage(picture, 0.0).fit(checkpoint)
    eps = draw_noise(x0.shape, torch.Generator().manual_seed(int(state.get("Seed", 0))))
    return checkpoint, x0, q_sample(x0, int(state["Timestep"]), eps, checkpoint.schedule)


def _apart(state: State, network: Network) -> Tensor:
    """A network's guess of what Inside looks at, less the picture itself, (1, C, H, W)."""
    checkpoint, x0, x_t = _looked_at(state)
    label = state.get("Class", "none")
    y = None if label == "none" else checkpoint.condition({"class": str(label)})
    denoiser = ModelDenoiser(network, checkpoint.schedule, checkpoint.config.prediction_type, y)
    with torch.inference_mode():
        _, x0_hat = denoiser.predict(x_t, torch.tensor([int(state["Timestep"])]))
    most = checkpoint.config.clip_x0 or float("inf")
    return x0_hat.clamp(-most, most) - x0


def _rms(values: Tensor) -> float:
    return float(values.square().mean().sqrt())


def _changed(state: State) -> Network:
    """The network with what the view "Take away" scales or takes away."""
    network = _checkpoint(str(state["Model"])).unet
    backbone, skip_scales = (
        tuple(
            (i, float(state.get(f"{what} of level {i + 1}", 1.0)))
            for i in range(len(network.config.channels))
        )
        for what in ("Backbone", "Skips")
    )
    time_off = bool(state.get("Timestep's embedding off", False))
    return switched(network, Switches(backbone, skip_scales, time_off=time_off))


def error(state: State) -> float:
    """How far, root mean square, the guess in the tab Inside is from its picture."""
    return _rms(_apart(state, _changed(state)))


def colour_error(state: State) -> float:
    """The same of the averages of squares of 8 × 8 pixels: of the colours, without the detail."""
    return _rms(avg_pool2d(_apart(state, _changed(state)), 8))


def told_error(state: State) -> float:
    """How far that guess is where the network is told another timestep than the picture's."""
    told = int(state["Timestep that the network is told"])
    return _rms(_apart(state, ToldTimestep(_checkpoint(str(state["Model"])).network, told)))


def places(state: State) -> float:
    """How many positions the feature maps have at the level `level`, 1 being the finest."""
    config = _checkpoint(str(state["Model"])).unet.config
    h, w = (side // config.patch_size >> (int(state["level"]) - 1) for side in config.image_size)
    return float(h * w)


def channels(state: State) -> float:
    """How many numbers the network has at each position of the level `level`."""
    config = _checkpoint(str(state["Model"])).unet.config
    return float(config.channels[int(state["level"]) - 1])


def skips(state: State) -> float:
    """How many skip connections the network has."""
    return float(len(network_map(_checkpoint(str(state["Model"])).unet).skips))


def added(state: State) -> float:
    """How large what the block `block` adds is beside what comes in, by root mean squares."""
    checkpoint, _, x_t = _looked_at(state)
    t = torch.tensor([int(state["Timestep"])])
    found = record_activations(checkpoint.unet, x_t, t, None, str(state["block"]))
    return (found.adds or 0.0) / found.comes_in


def spread(state: State) -> float:
    """How many times the smallest of the first 100 draws of the loss the largest one is."""
    losses = _losses(_checkpoint(str(state["Model"])))
    return float(losses.max() / losses.min())


@lru_cache(maxsize=4)
def _losses(checkpoint: Checkpoint) -> Tensor:
    data = load_dataset(DATA[_kind(checkpoint)])
    config = TrainConfig(batch_size=100, prediction_type=checkpoint.config.prediction_type)
    return draw_loss(checkpoint.unet, config, checkpoint.schedule, data, 0).losses


@lru_cache(maxsize=4)
def _points(data: str, count: int) -> Tensor:
    """The points to learn from, as the tab Points draws them, (N, 2)."""
    return point_set(POINTS[data]).draw(count, seeded("points", "to learn from"))


@lru_cache(maxsize=2)
def _learnt(data: str, count: int, seed: int) -> ScheduledDenoiser:
    config = point_training("v_prediction", steps=POINT_STEPS, seed=seed)
    schedule = make_schedule("cosine")
    *_, last = learn_points(_points(data, count), schedule, config)
    return ModelDenoiser(last.network, schedule, config.prediction_type)


def _of_points(state: State) -> tuple[Tensor, ScheduledDenoiser]:
    """The points to learn from, and what predicts."""
    data, count = str(state["Data"]), int(state["Points to learn from"])
    points = _points(data, count)
    if state["Denoiser"] == LEARNT:
        return points, _learnt(data, count, int(state["Seed"]))
    return points, ExactDenoiser(points, make_schedule("cosine"))


def _ends(state: State) -> tuple[Tensor, Tensor]:
    """The points to learn from, and where the particles of a walk end."""
    points, denoiser = _of_points(state)
    seed = int(state["Seed"])
    noise = torch.randn(int(state["Particles"]), 2, generator=seeded("points", "walk", seed))
    fresh = seeded("points", "fresh noise", seed)
    *_, last = sample(
        denoiser,
        noise,
        sampler=str(state["Sampler"]),
        num_steps=int(state["Steps"]),
        clip_x0=False,
        generator=fresh,
    )
    return points, last.x_prev


def groups(state: State) -> float:
    """How many of the ring's eight groups the points to learn from cover."""
    points = _points(str(state["Data"]), int(state["Points to learn from"]))
    return float(modes_covered(points, ring_centres(), 3 * RING_DEVIATION))


def remembered(state: State) -> float:
    """The share of particles that end on a point to learn from, nearer than 0.02."""
    points, ends = _ends(state)
    return float((torch.cdist(ends, points).amin(dim=1) < ON_A_POINT).float().mean())


def astray(state: State) -> float:
    """How far, on average, particles end from the nearest point to learn from."""
    points, ends = _ends(state)
    return float(torch.cdist(ends, points).amin(dim=1).mean())


def return_error(state: State) -> float:
    """How far, on average, points come back from themselves after the way to noise and back."""
    points, denoiser = _of_points(state)
    *_, up = invert(denoiser, points, num_steps=int(state["Steps"]))
    *_, down = sample(denoiser, up.x_next, num_steps=int(state["Steps"]), clip_x0=False)
    return float((down.x_prev - points).norm(dim=1).mean())


MEASURES: dict[str, Callable[[State], float]] = {
    each.__name__: each
    for each in (
        signal,
        noise,
        crossing,
        mean,
        deviation,
        evaluations,
        looks,
        sharpness,
        distance,
        noisiness,
        accuracy,
        extremes,
        variety,
        nearest,
        error,
        colour_error,
        told_error,
        places,
        channels,
        skips,
        added,
        spread,
        groups,
        remembered,
        astray,
        return_error,
    )
}
OTHERS = either(mapping(), listed(mapping(), 1, 6))
CLAIM: dict[str, Kind] = {
    "measure": one_of([*MEASURES]),
    "of": mapping(),
    "from": number(-1e9, 1e9),
    "to": number(-1e9, 1e9),
    "more than": OTHERS,
    "less than": OTHERS,
    "by": number(0, 1e6),
}


@dataclass(frozen=True)
class Finding:
    """A claim computed.

    Attributes:
        holds: Whether it is true.
        words: The numbers, as a sentence.
    """

    holds: bool
    words: str


def compute(claim: Mapping[str, Any], state: State) -> Finding:
    """Compute a claim.

    Args:
        claim: As the lesson's file has it.
        state: Values of the controls as the step shows them, by their names.

    Raises:
        ValueError: in one sentence, if the claim names what is not known, or claims nothing.
    """
    fields = check_fields(claim, CLAIM, of="A claim", prefix="The claim's ", required=("measure",))
    bounds = {name for name in ("from", "to", "more than", "less than") if name in fields}
    if not bounds:
        raise ValueError("A claim must have from, to, more than or less than.")
    name, measure = fields["measure"], MEASURES[fields["measure"]]
    of = {**state, **fields.get("of", {})}

    def measured(settings: State) -> float:
        try:
            return measure(settings)
        except KeyError as error:
            raise ValueError(
                f"The measure {name} needs {error.args[0]}: set it in a step, or name it in the "
                "claim."
            ) from None

    value, holds, words = measured(of), True, []
    if "from" in fields:
        holds &= value >= fields["from"]
        words.append(f"at least {fields['from']:g}")
    if "to" in fields:
        holds &= value <= fields["to"]
        words.append(f"at most {fields['to']:g}")
    by = fields.get("by", 1)
    for word, sign in (("more than", 1), ("less than", -1)):
        others = fields.get(word, [])
        for other in [others] if isinstance(others, Mapping) else others:
            bar = measured({**state, **other})
            holds &= value > by * bar if sign > 0 else value * by < bar
            words.append(f"{word} {bar:.4g}" + (f" by {by:g} times" if by != 1 else ""))
    return Finding(bool(holds), f"{name} is {value:.4g}, claimed to be {' and '.join(words)}")


def findings(lesson: Lesson) -> list[tuple[int, Finding]]:
    """All claims of a lesson, computed: the number of the step, from 1 on, and what was found."""
    found = []
    for k, step in enumerate(lesson.steps):
        state = lesson.state(k)
        found += [(k + 1, compute(claim, state)) for claim in step.claims]
    return found


def described() -> list[tuple[str, str]]:
    """Every measure's name and what it is, for those who write lessons."""
    return [(name, (inspect.getdoc(m) or "").split("\n")[0]) for name, m in MEASURES.items()]
