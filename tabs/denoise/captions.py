"""The player's description of a walk: sizes, captions, the schedule under the scrubber."""

from __future__ import annotations

from collections.abc import Iterable

from diffusion_core.data import GRID_GAP, to_uint8
from diffusion_core.files import folder_name
from diffusion_core.generation import MAX_PICTURE_BYTES, Recording, SamplingRequest
from diffusion_core.samplers import sampler_named
from diffusion_core.schedule import FlowSchedule, Schedule
from diffusion_core.seeding import MAX_SEED

from ..shared.changed_network import switch_words
from ..shared.text import as_words
from ..shared.wire import Formula, Head, as_base64
from .form import choice_of

STRAIGHT = "Flow matching: x at t is (1 − u) x₀ + u ε, with u = (t + 1)/T"


def head(record: Recording, prefix: str = "") -> Head:
    """What the player needs beside the frames."""
    checkpoint, settings = record.checkpoint, record.settings
    schedule = checkpoint.schedule
    C, H, W = checkpoint.image_shape
    values: Head = {
        "width": record.sheet_shape[1],
        "height": record.sheet_shape[0],
        "channels": C,
        "tile": (W, H),
        "columns": (record.sheet_shape[1] + GRID_GAP) // (W + GRID_GAP),
        "images": settings.num_images,
        "row": settings.seed_to is not None,
        "views": record.views,
        "steps": record.num_steps,
        "alpha_bars": [round(float(schedule.alpha_bar(t)), 5) for t in record.timesteps],
        "samplers": _samplers(settings),
        "formulas": formulas([name for _, name in _samplers(settings)], schedule),
        "branch": settings.branch_step if settings.parent else -1,
        "name": file_name(record),
        "seeds": _seeds(settings),
        "caption": prefix + " · ".join(_words(record)),
        "bound": "",
    }
    if record.stride > 1:
        values["bound"] = (
            f"All {record.num_steps} steps are computed; one in {record.stride} is kept and shown, "
            f"since together they would take more than {MAX_PICTURE_BYTES // 2**20} MB."
        )
    if isinstance(schedule, FlowSchedule):
        values["straight"] = True
    if record.exact is not None:
        values["known"] = len(record.exact.images)
    if record.given is not None:
        px = to_uint8(record.given.picture)[0]
        values["x0"] = as_base64(px)
        values["hole"] = record.given.mask is not None
    return values


def file_name(record: Recording) -> str:
    """Model and seed, for the names of a walk's files: as "avatars-seed7"."""
    settings = record.settings
    model = folder_name(_model(record)) or "model"
    to = "" if settings.seed_to is None else f"-to-{settings.seed_to}"
    return f"{model}-seed{settings.seed}{to}"


def _model(record: Recording) -> str:
    return record.checkpoint.name.rsplit("/", 1)[-1]


def _seeds(settings: SamplingRequest) -> str:
    last_seed = (settings.seed + settings.num_images - 1) % (MAX_SEED + 1)
    if settings.seed_to is not None:
        return f"seed {settings.seed} leading to {settings.seed_to}"
    return f"seed {settings.seed}" + (f" to {last_seed}" if settings.num_images > 1 else "")


def _samplers(settings: SamplingRequest) -> list[tuple[int, str]]:
    """(first step, sampler) of the parts of a walk that was branched, from its beginning on."""
    parts = _samplers(settings.parent) if settings.parent else []
    first = settings.branch_step if settings.parent else 0
    return [*(part for part in parts if part[0] < first), (first, settings.sampler)]


def formulas(names: Iterable[str], schedule: Schedule) -> dict[str, Formula]:
    """For samplers by their names: the weights of a step as formulas, and what their letters mean.

    Of the sets of terms, the first that has a formula for each of a step's weights is the step's.
    The registry's formulas are those of schedules of betas; a straight path has the numbers alone.
    """
    samplers = [sampler_named(name) for name in names]
    if isinstance(schedule, FlowSchedule):
        return {s.name: {"terms": (), "letters": STRAIGHT} for s in samplers}
    return {
        s.name: {"terms": s.terms, "letters": f"ᾱ at t, ᾱ′ at t′; {s.letters}"} for s in samplers
    }


def _words(record: Recording) -> list[str]:
    checkpoint, settings = record.checkpoint, record.settings
    label, names = checkpoint.label(settings.label), checkpoint.config.class_names
    named = "no class" if label is None else as_words(names[label]) if names else f"class {label}"
    resampled = f", {settings.resample} times each" if settings.resample > 1 else ""
    named = ", ".join(
        [named, *(f"{name} {as_words(value).lower()}" for name, value in settings.attributes)]
    )
    clipping = ["dynamic clipping"] if settings.threshold == "dynamic" else []
    changed = (
        [f"changed network: {switch_words(checkpoint.unet.config, settings.switches)}"]
        if settings.switches
        else []
    )
    return [
        _model(record),
        *changed,
        named,
        f"{choice_of(settings)}, {len(record.walker.timesteps)} steps{resampled}",
        f"guidance {settings.guidance_scale:g}",
        *([f"eta {settings.eta:g}"] if settings.eta else []),
        *([f"spacing {settings.spacing}"] if settings.spacing != "trailing" else []),
        *clipping,
        _seeds(settings),
        f"weights {checkpoint.weights_hash[:8]}",
    ]
