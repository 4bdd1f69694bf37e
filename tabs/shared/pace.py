"""How fast this machine evaluates each model: the one place that knows it, for every forecast.

A first measure is taken before anything was computed, on a cold machine or beside a busy neighbour,
and may be many times too long. So every walk that is computed here adds what it took
(`TimedRun`), and a forecast uses the quickest of the latest measures: what else the machine does
only ever makes a measure longer.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from diffusion_core.checkpoint import Checkpoint
from diffusion_core.device import evaluation_seconds
from diffusion_core.engines import TORCH, on_threads
from diffusion_core.generation import InitialImage, SamplerState, SamplingRequest, SamplingRun
from diffusion_core.process import Denoiser
from diffusion_core.samplers import SamplerStep

LATEST = 8  # measures of a model that are kept
MODELS = 256  # models whose measures are kept
OLD = 30.0  # seconds after which a model may be measured anew
OLD_THREADS = 600.0  # seconds after which the numbers of threads are compared anew


@dataclass(frozen=True)
class Measure:
    """One measure of a network.

    Attributes:
        pictures: Pictures that were evaluated together.
        seconds: Seconds of that evaluation.
    """

    pictures: int
    seconds: float

    def bound(self, pictures: int) -> float:
        """Seconds that one picture takes at most, evaluated with so many together.

        More pictures take at most as much longer as they are more, fewer take no longer.
        """
        return self.seconds * max(1.0, pictures / self.pictures) / pictures


@dataclass
class Paces:
    """The latest measures of each model, by its `pace_name`; safe to use from any thread.

    Attributes:
        measures: The measures, oldest first, of the models, the latest used last.
        measured: When a model was last measured by itself, in seconds of the monotonic clock.
    """

    measures: OrderedDict[str, deque[Measure]] = field(default_factory=OrderedDict)
    measured: dict[str, float] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    measuring: threading.Lock = field(default_factory=threading.Lock)

    def note(self, name: str, pictures: int, seconds: float) -> None:
        """Add what an evaluation took.

        Args:
            name: The `pace_name` of the model.
            pictures: Pictures that were evaluated together.
            seconds: Seconds of that evaluation; not above 0 is not a measure and is not kept.
        """
        if pictures < 1 or not 0 < seconds < float("inf"):
            return
        with self.lock:
            kept = self.measures.setdefault(name, deque(maxlen=LATEST))
            kept.append(Measure(pictures, seconds))
            self.measures.move_to_end(name)
            while len(self.measures) > MODELS:
                gone, _ = self.measures.popitem(last=False)
                self.measured.pop(gone, None)

    def known(self, name: str, pictures: int = 1) -> float | None:
        """Seconds for one picture, evaluated with so many together; None before any measure."""
        with self.lock:
            kept = self.measures.get(name)
            return min(each.bound(pictures) for each in kept) if kept else None

    def seconds(self, checkpoint: Checkpoint, pictures: int = 1, anew: bool = False) -> float:
        """Seconds for one picture, evaluated with so many together; measured if need be.

        Args:
            checkpoint: The model, with the engine that is to evaluate it.
            pictures: Pictures that are evaluated together.
            anew: Measure again, unless that was done a moment ago.
        """
        name = pace_name(checkpoint)
        found = None if anew else self.known(name, pictures)
        if found is not None:
            return found
        with self.measuring:
            last = self.measured.get(name)
            due = anew and (last is None or time.monotonic() - last > OLD)
            if due or self.known(name) is None:
                self.note(name, 1, evaluation_seconds(checkpoint.network))
                self.measured[name] = time.monotonic()
        found = self.known(name, pictures)
        assert found is not None
        return found


PACES = Paces()


def pace_name(checkpoint: Checkpoint, engine: str = "") -> str:
    """What a model's measures are kept under: its weights, and what evaluates it.

    Args:
        checkpoint: The model.
        engine: The engine, where it is another than the checkpoint's.
    """
    return f"{checkpoint.weights_hash} {engine or checkpoint.engine}"


@dataclass
class Threads:
    """How many threads torch is to take for an evaluation on the CPU: one, or one a core.

    For networks as small as those that ship one is faster, since more wait for each other longer
    than they compute, and many times so beside a busy neighbour. Both are measured when a model is
    first walked by torch with so many pictures, and again when a measure is old; a walk that ends
    renews its own.

    Attributes:
        most: Threads of one a core.
        took: Seconds of an evaluation, and when that was measured, by weights, pictures, threads.
    """

    most: int = field(default_factory=torch.get_num_threads)
    took: OrderedDict[tuple[str, int, int], tuple[float, float]] = field(
        default_factory=OrderedDict
    )
    lock: threading.Lock = field(default_factory=threading.Lock)
    measuring: threading.Lock = field(default_factory=threading.Lock)

    def note(self, checkpoint: Checkpoint, pictures: int, threads: int, seconds: float) -> None:
        """Keep what an evaluation took on so many threads."""
        key = (checkpoint.weights_hash, pictures, threads)
        with self.lock:
            self.took[key] = seconds, time.monotonic()
            self.took.move_to_end(key)
            while len(self.took) > MODELS:
                self.took.popitem(last=False)

    def best(self, checkpoint: Checkpoint, pictures: int) -> int:
        """The number of threads that is faster for so many pictures.

        Args:
            checkpoint: The model, on the CPU.
            pictures: Pictures that are evaluated together.
        """
        known = {}
        with self.measuring:
            for threads in {1, self.most}:
                found = self.took.get((checkpoint.weights_hash, pictures, threads))
                if found is not None and time.monotonic() - found[1] <= OLD_THREADS:
                    known[threads] = found[0]
                elif self.most > 1:
                    network = on_threads(checkpoint, threads).network
                    known[threads] = evaluation_seconds(network, pictures)
                    self.note(checkpoint, pictures, threads, known[threads])
        return min(known, key=lambda threads: known[threads], default=1)


THREADS = Threads()


class TimedRun(SamplingRun):
    """A walk whose steps are timed; what one evaluation took is noted in `PACES` when it ends.

    It is the median over its steps, so that neither the first one's start nor a pause counts. A
    walk with another denoiser than the model's own network says nothing of the network.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        settings: SamplingRequest,
        given: InitialImage | None = None,
        moment: SamplerState | None = None,
        denoiser: Denoiser | None = None,
    ) -> None:
        """As a `SamplingRun`."""
        super().__init__(checkpoint, settings, given, moment, denoiser)
        self._of_network = denoiser is None

    def __iter__(self) -> Iterator[SamplerStep]:
        """Every step, as `SamplingRun` computes it."""
        steps = super().__iter__()
        took: list[float] = []
        evaluated = self.beginning().nfe
        try:
            while True:
                start = time.perf_counter()
                step = next(steps, None)
                if step is None:
                    return
                _wait_for(step.x_prev.device)
                if step.nfe > evaluated:
                    took.append((time.perf_counter() - start) / (step.nfe - evaluated))
                evaluated = step.nfe
                yield step
        finally:
            if took and self._of_network:
                engine = self.settings.engine(self.checkpoint)
                pictures = self.settings.pictures_per_evaluation
                seconds = statistics.median(took)
                PACES.note(pace_name(self.checkpoint, engine), pictures, seconds)
                threads = getattr(self.checkpoint.network, "threads", None)
                if engine == TORCH and threads is not None:
                    THREADS.note(self.checkpoint, pictures, threads, seconds)


def _wait_for(device: torch.device) -> None:
    """Return when the device has computed what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
