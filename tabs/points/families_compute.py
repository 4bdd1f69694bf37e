"""Five families of generative models learn the same points for the same seconds, and are compared.

GAN, VAE, normalizing flow, flow matching and diffusion have as many parameters (±10 %: all that is
trained counts, a discriminator and an encoder too), and train for the same seconds of one core, in
turns of a fraction of a second. Seconds are those of the computing thread, so that what else the
machine does favours none of them.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from diffusion_core.denoiser import ModelDenoiser
from diffusion_core.device import torch_threads
from diffusion_core.evaluation import precision_recall
from diffusion_core.families import GAN, VAE, Family, NormalizingFlow, count_parameters
from diffusion_core.points import (
    RING_DEVIATION,
    PointNetwork,
    energy_distance,
    learn_points,
    modes_covered,
    point_training,
)
from diffusion_core.samplers import sample
from diffusion_core.seeding import seeded

from .subject import DIFFUSION, FLOW, PATHS, Subject

TURN = 0.25  # seconds of training until the next family's turn
STEPS = 25  # of a walk of diffusion or flow matching
DRAWS = 6  # sets of samples of which a distance is the mean
SHOWN = 400  # samples that are seen
CLOSE = 3 * RING_DEVIATION  # of a mode, within which a sample counts for it
LATTICE = 48  # cells of a side of a field
ARROWS = 13
AT = 0.35  # of the path, where it is shown from where to where the network sees the data
LINES, DOTS_OF_A_LINE = 13, 49
REACH = 1.3  # half the side of what is seen
LATENT_REACH = 2.5
PROVOKED = "GAN, collapse provoked"


class Learner(ABC):
    """One family while it learns points.

    Attributes:
        key: Its name in messages.
        title: Its name on the page.
        parameters: Numbers that are trained.
        evaluations: Network evaluations of one sample.
        latent: Numbers of the latent of one sample.
        steps: Steps done.
        seconds: Of training, on one core.
    """

    key = ""
    title = ""
    parameters = 0
    evaluations = 1
    latent = 2
    steps = 0
    seconds = 0.0

    @abstractmethod
    def step(self) -> None:
        """One step of training."""

    @abstractmethod
    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """New points, float32 (count, 2)."""

    def log_likelihood(self, points: Tensor) -> float | None:
        """Mean log p of points, or a bound of it; None where the family has no such number."""
        return None

    def train(self, seconds: float, over: Callable[[], bool]) -> bool:
        """Train for so long, at least one step; True where it was told to end."""
        start = now = time.thread_time()
        ended = False
        while not ended and (now == start or now - start < seconds):
            self.step()
            self.steps += 1
            now = time.thread_time()
            ended = over()
        self.seconds += now - start
        return ended


class FamilyLearner(Learner):
    """A GAN, a VAE or a normalizing flow."""

    def __init__(self, key: str, title: str, family: Family, points: Tensor, seed: int) -> None:
        """Begin with its first weights."""
        self.key, self.title, self.family = key, title, family
        self.parameters, self.evaluations = family.num_parameters, family.evaluations
        self.latent = family.latent or 0
        self._training = family.learn(points, 10**9, seed=seed)

    def step(self) -> None:
        """One step of training."""
        next(self._training)

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """New points, float32 (count, 2)."""
        return self.family.draw(count, generator)

    @torch.no_grad()
    def log_likelihood(self, points: Tensor) -> float | None:
        """Exact for a flow, by the ELBO for a VAE, None for a GAN."""
        exact = self.family.log_likelihood(points)
        if exact is not None:
            return float(exact.mean())
        if isinstance(self.family, VAE):
            noise = self.family.noise(len(points), seeded("points", "bound"))
            missing, divergence = self.family.bound(points, noise)
            return -float((missing + divergence).mean())
        return None


class PathLearner(Learner):
    """Diffusion or flow matching: a network that learns a path from points to noise."""

    evaluations = STEPS

    def __init__(self, key: str, title: str, path: str, points: Tensor, seed: int) -> None:
        """Begin with the network's first weights."""
        self.key, self.title = key, title
        self.schedule, self.prediction_type = PATHS[path]
        settings = point_training(self.prediction_type, steps=10**6, seed=seed)
        self._training = learn_points(points, self.schedule, settings)
        self.parameters = count_parameters(PointNetwork())
        self.network: PointNetwork | None = None

    @property
    def denoiser(self) -> ModelDenoiser:
        """The averaged weights, after at least one step."""
        assert self.network is not None
        return ModelDenoiser(self.network, self.schedule, self.prediction_type)

    def step(self) -> None:
        """One step of training."""
        self.network = next(self._training).network  # type: ignore[assignment]

    @torch.no_grad()
    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """New points, float32 (count, 2), by DDIM, the solver of the ODE."""
        x = torch.randn(count, 2, generator=generator)
        for step in sample(self.denoiser, x, self.schedule, num_steps=STEPS, clip_x0=False):
            x = step.x_prev
        return x


def learners(points: Tensor, seed: int, collapse: bool) -> list[Learner]:
    """All five, with the first weights of a seed.

    Args:
        points: To learn from, float32 (N, 2).
        seed: Of weights and draws.
        collapse: Whether the GAN is trained in a way that loses modes.
    """
    size = count_parameters(PointNetwork())

    def fresh(make: Callable[[], Family]) -> Family:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return make()

    made: list[Learner] = [
        FamilyLearner(key, title, fresh(make), points, seed)
        for key, title, make in (
            ("gan", PROVOKED if collapse else "GAN", lambda: GAN(size, collapse=collapse)),
            ("vae", "VAE", lambda: VAE(size)),
            ("flow", "Normalizing flow", lambda: NormalizingFlow(size)),
        )
    ]
    made.append(PathLearner("matching", "Flow matching", FLOW, points, seed))
    made.append(PathLearner("diffusion", "Diffusion", DIFFUSION, points, seed))
    return made


@dataclass(frozen=True)
class Row:
    """What was measured of one family.

    Attributes:
        key, title: Its names.
        distance: Mean energy distance of samples and held-out points over `DRAWS` sets, in
            multiples of that of data against data.
        error: Standard error of that mean.
        precision, recall: In the plane itself; see `evaluation.precision_recall`.
        modes: Modes covered, of `of_modes`; None where the points have no known modes.
        evaluations: Network evaluations of a sample.
        microseconds: Of a sample, of 1,000 drawn together.
        likelihood: Mean log p of held-out points; None where there is none.
        parameters: Numbers that were trained.
        latent: Numbers of the latent.
        steps: Of training.
        seconds: Of training.
    """

    key: str
    title: str
    distance: float
    error: float
    precision: float
    recall: float
    modes: int | None
    of_modes: int | None
    evaluations: int
    microseconds: float
    likelihood: float | None
    parameters: int
    latent: int
    steps: int
    seconds: float


def measure(learner: Learner, subject: Subject) -> Row:
    """Measure a family against points that no training saw."""
    with torch_threads(1):
        return _measured(learner, subject)


def _measured(learner: Learner, subject: Subject) -> Row:
    held_out, modes = subject.held_out, subject.drawn.modes
    sets, took = [], []
    for k in range(DRAWS):
        start = time.thread_time()
        sets.append(learner.draw(len(held_out), seeded("points", "measured", k)))
        took.append(time.thread_time() - start)
    distances = torch.tensor([energy_distance(x, held_out) for x in sets]) / subject.scale
    close = precision_recall(sets[0], held_out)
    covered = None
    if modes is not None:
        covered = min(modes_covered(x, modes, CLOSE) for x in sets)
    return Row(
        learner.key,
        learner.title,
        float(distances.mean()),
        float(distances.std() / math.sqrt(DRAWS)),
        close.precision,
        close.recall,
        covered,
        None if modes is None else len(modes),
        learner.evaluations,
        1e6 * sorted(took)[DRAWS // 2] / len(held_out),
        learner.log_likelihood(held_out),
        learner.parameters,
        learner.latent,
        learner.steps,
        learner.seconds,
    )


HOLDS, NOT, UNCLEAR = "holds here", "does not hold here", "not clear here"


@dataclass(frozen=True)
class Claim:
    """A usual claim, and what the figures say of it.

    Attributes:
        claim: As introductions have it.
        verdict: One of `HOLDS`, `NOT`, `UNCLEAR`.
        figures: The numbers that were compared.
    """

    claim: str
    verdict: str
    figures: str


def verdict(smaller: Row, larger: Row) -> str:
    """Whether one energy distance is the smaller: twice the error of the difference decides."""
    difference = larger.distance - smaller.distance
    if abs(difference) <= 2 * math.hypot(smaller.error, larger.error):
        return UNCLEAR
    return HOLDS if difference > 0 else NOT


def worst(*verdicts: str) -> str:
    """All must hold; one that does not decides before one that is not clear."""
    return NOT if NOT in verdicts else UNCLEAR if UNCLEAR in verdicts else HOLDS


def diverse(row: Row) -> bool:
    """Whether samples come near nearly all points: all modes, and nine tenths of the recall."""
    return row.modes == row.of_modes and row.recall >= 0.9


def lost(row: Row) -> int:
    """Modes that are not covered; 0 where none are known."""
    return (row.of_modes or 0) - (row.modes or 0)


def claims(rows: list[Row]) -> list[Claim]:
    """The usual claims, compared with the figures that were measured here.

    Args:
        rows: Of all five families.
    """
    gan, vae, flow, matching, diffusion = (
        next(row for row in rows if row.key == key)
        for key in ("gan", "vae", "flow", "matching", "diffusion")
    )

    def far(*some: Row) -> str:
        return " · ".join(f"{r.title} {r.distance:.1f} ± {r.error:.1f}" for r in some)

    def kept(*some: Row) -> str:
        return " · ".join(
            f"{r.title} {r.recall:.0%}" + ("" if r.modes is None else f", {r.modes}/{r.of_modes}")
            for r in some
        )

    def fast(*some: Row) -> str:
        return " · ".join(f"{r.title} {r.microseconds:.3g} µs" for r in some)

    def holds(true: bool) -> str:
        return HOLDS if true else NOT

    quick = (gan, vae, flow)
    return [
        Claim(
            "GANs have high quality: nearer to the data than VAEs and flows",
            worst(verdict(gan, vae), verdict(gan, flow)),
            far(gan, vae, flow),
        ),
        Claim(
            "GANs lose modes: less of the data is reached than by diffusion",
            holds(
                gan.recall < diffusion.recall - 0.05 or (gan.modes or 0) < (diffusion.modes or 0)
            ),
            kept(gan, diffusion),
        ),
        Claim(
            "VAEs and flows are diverse: all modes, recall at least 90 %",
            holds(diverse(vae) and diverse(flow)),
            kept(vae, flow),
        ),
        Claim(
            "VAEs and flows are of lower quality than diffusion",
            worst(verdict(diffusion, vae), verdict(diffusion, flow)),
            far(diffusion, vae, flow),
        ),
        Claim(
            "Diffusion, by either path, has both: nearest of all to the data, and diverse",
            worst(
                holds(diverse(diffusion)),
                *(verdict(min(diffusion, matching, key=lambda r: r.distance), r) for r in quick),
            ),
            f"{far(diffusion, matching)} · {kept(diffusion)}",
        ),
        Claim(
            "Diffusion is slow in sampling: at least five times as long as each of the three",
            holds(all(diffusion.microseconds >= 5 * row.microseconds for row in quick)),
            fast(diffusion, *quick),
        ),
        Claim(
            "The latents of flows and diffusion have the data's size, those of GANs and VAEs less",
            holds(flow.latent == diffusion.latent == 2 and max(gan.latent, vae.latent) < 2),
            f"data 2 numbers · {' · '.join(f'{r.title} {r.latent}' for r in rows)}",
        ),
    ]


@dataclass(frozen=True, eq=False)
class Look:
    """What all families have come to.

    Attributes:
        seconds: Of training of each, of `of` in all.
        of: Seconds that each was to train.
        learners: The five; their networks are those in training.
        samples: Of each, float32 (400, 2).
        ratios: Energy distance of these and the held-out points, over that of data against data.
        last: Whether the training has ended with it.
    """

    seconds: float
    of: float
    learners: list[Learner]
    samples: list[Tensor]
    ratios: list[float]
    last: bool = field(default=False)


def looks(
    subject: Subject, seed: int, seconds: float, collapse: bool, over: Callable[[], bool]
) -> Iterator[Look]:
    """Train all families in turns, and yield after each round what they have come to.

    The last look is yielded in any case, once each has done a step.

    Args:
        subject: The points.
        seed: Of weights, draws and samples.
        seconds: Of training, for each.
        collapse: Whether the GAN is provoked to lose modes.
        over: Asked between two steps: whether to end.
    """
    with torch_threads(1):
        made = learners(subject.points, seed, collapse)
    ended = False
    while not ended:
        with torch_threads(1):
            for learner in made:
                if not ended or not learner.steps:
                    left = seconds - learner.seconds
                    ended = learner.train(min(TURN, left), over) or ended
            samples = [learner.draw(SHOWN, seeded("points", "shown", seed)) for learner in made]
            ratios = [energy_distance(x, subject.held_out) / subject.scale for x in samples]
        done = min(learner.seconds for learner in made)
        ended = ended or done >= seconds
        yield Look(done, seconds, made, samples, ratios, ended)


def lattice(count: int, reach: float) -> Tensor:
    """Centres of the cells of a square, rows from the top, (count², 2)."""
    line = (torch.arange(count) + 0.5) * (2 * reach / count) - reach
    y, x = torch.meshgrid(line.flip(0), line, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], dim=1)


def grid_lines(reach: float) -> Tensor:
    """Lines of a square grid, first those along x, (2 · LINES, DOTS_OF_A_LINE, 2)."""
    places = torch.linspace(-reach, reach, LINES)
    along = torch.linspace(-reach, reach, DOTS_OF_A_LINE)
    x, y = along.expand(LINES, -1), places[:, None].expand(-1, DOTS_OF_A_LINE)
    level = torch.stack([x, y], dim=2)
    return torch.cat([level, level.flip(2)])


def pictures(learner: Learner, subject: Subject) -> dict[str, Any]:
    """What is to be seen of a family, as arrays; keys are those of `wire.PointsFamilyPicture`.

    GAN: D(x) as a field. VAE: a grid of the latent plane as the decoder bends it, and where data
    lie in that plane. Flow: a grid of the noise as it is bent, log p as a field, the largest error
    of there and back. Flow matching and diffusion: at a part of the path, from where to where the
    network sees the data.
    """
    with torch_threads(1), torch.no_grad():
        return _pictures(learner, subject)


def _pictures(learner: Learner, subject: Subject) -> dict[str, Any]:
    cells = lattice(LATTICE, REACH)
    if isinstance(learner, PathLearner):
        t = round(AT * len(learner.schedule))
        starts = lattice(ARROWS, REACH)
        times = torch.full((len(starts),), t)
        _, x0_hat = learner.denoiser.predict(starts, times)
        return {"starts": starts.numpy(), "ends": x0_hat.numpy(), "t": t}
    assert isinstance(learner, FamilyLearner)
    family = learner.family
    if isinstance(family, GAN):
        realness = family.realness(cells)
        least, most = float(realness.min()), float(realness.max())
        shown = (realness - least) / max(most - least, 1e-6)
        field_ = levels(shown).reshape(LATTICE, LATTICE)
        return {"field": field_, "range": [round(least, 3), round(most, 3)]}
    lines = grid_lines(LATENT_REACH)
    if isinstance(family, VAE):
        mean, _ = family.encode(subject.points[:SHOWN])
        bent = family.decode(lines.flatten(0, 1)).reshape(lines.shape)
        return {
            "lines": bent.numpy(),
            "latent": mean.numpy(),
            "told": subject.points[:SHOWN].numpy(),
        }
    assert isinstance(family, NormalizingFlow)
    z, _ = family.encode(subject.held_out)
    error = float((family.decode(z) - subject.held_out).abs().max())
    log_p = family.log_likelihood(cells)
    bent = family.decode(lines.flatten(0, 1)).reshape(lines.shape)
    shown = ((log_p + 6) / 8).clamp(0, 1)  # from e⁻⁶ to e²: points of the ring have about e¹
    field_ = levels(shown).reshape(LATTICE, LATTICE)
    return {"field": field_, "lines": bent.clamp(-9, 9).numpy(), "error": error}


def levels(shares: Tensor) -> Any:
    """Numbers from 0 to 1 as uint8."""
    return (shares * 255).round().to(torch.uint8).numpy()
