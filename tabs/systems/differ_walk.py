"""What the view "How the systems differ" shows: each system's picture, its cost, what it obeyed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from diffusion_core.checkpoint import digest_of, shipped_folder
from diffusion_core.conditioning import CLASS
from diffusion_core.data import AvatarFile
from diffusion_core.evaluation import AttributeJudge, judged, load_judge, read_results
from diffusion_core.glide import Tokenizer, facts_in, glide_results, phrase_of, words_of
from diffusion_core.imagen import imagen_results, shrunk
from diffusion_core.seeding import parse_seed
from diffusion_core.unclip import unclip_results

from ..shared import models
from ..shared.forms import parsed
from ..shared.text import millions, span
from ..shared.wire import DifferCount, DifferFact, DifferMessage, DifferRow
from .captions import caption_of
from .differ_card import Comparison, DifferCard
from .differ_form import DifferForm
from .differ_systems import (
    AVATARS,
    DECODER,
    GLIDE,
    IMAGEN,
    SAMPLER,
    SYSTEMS,
    System,
    Walks,
    weights,
    weights_file,
)
from .drawing_card import digest, versions
from .walks import picture

JUDGE, JUDGED = "judge-avatars", 64  # pixels of the pictures that it reads
USUAL_SCALE = 2.0  # of guidance, in what was measured


def comparison_of(form: DifferForm) -> Comparison:
    """What the controls ask for.

    Raises:
        ValueError: with a sentence for the page, if something does not fit.
    """
    return Comparison(
        caption_of(form.caption),
        parsed(form, "scale"),
        parsed(form, "classifier_scale"),
        parsed(form, "steps"),
        parse_seed(form.seed),
    )


# --- what the judge reads ------------------------------------------------------------------------


@lru_cache(maxsize=1)
def judged_names() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What the judge of avatars reads: class and attributes, each with the names of its values."""
    file = AvatarFile.embedded()
    names = [(name, tuple(values)) for name, values in file.attribute_names]
    return ((CLASS, tuple(file.class_names)), *names)


@lru_cache(maxsize=1)
def _judge(folder: str, _: str) -> AttributeJudge:
    judge = load_judge(folder)
    if not isinstance(judge, AttributeJudge):
        raise ValueError(f"{JUDGE} reads no attributes.")
    return judge


def read_by_judge(x: Tensor) -> dict[str, str] | None:
    """What the judge reads in a picture (1, C, H, W) in [-1, 1]; None where there is no judge."""
    if not weights_file(JUDGE).is_file():
        return None
    judge = _judge(str(shipped_folder() / JUDGE), digest_of(weights_file(JUDGE)))
    x = x.detach().float().cpu().clamp(-1, 1)
    if (ratio := x.shape[-1] // JUDGED) > 1:
        x = shrunk(x, ratio)
    values = judged(judge, x)[1][0].tolist()
    return {name: each[v] for (name, each), v in zip(judged_names(), values, strict=True)}


def told_facts(caption: str) -> dict[str, str]:
    """What a caption tells of that which the judge reads."""
    names = dict(judged_names())
    return {name: v for name, v in facts_in(caption).items() if v in names.get(name, ())}


def facts_of(caption: str, x: Tensor) -> list[DifferFact]:
    """Of each told fact whether the judge reads it in a picture, and what else it reads."""
    seen = read_by_judge(x)
    if seen is None:
        return []
    return [
        {
            "words": phrase_of(name, v),
            "seen": phrase_of(name, seen[name]),
            "right": seen[name] == v,
        }
        for name, v in told_facts(caption).items()
    ]


# --- what was measured before --------------------------------------------------------------------


def measured_obedience(key: str) -> str:
    """Which share of what it was told a system showed before, in words; "" where none is known.

    What was measured of other weights than those that are here is not told.

    Args:
        key: Of a system.
    """
    try:
        if key == "menus":
            weights = digest_of(weights_file(AVATARS))
            found = read_results(shipped_folder() / AVATARS, weights)
            drawn = [r.generated.get(USUAL_SCALE) for r in found.attributes] if found else []
            return _mean([(x, 1) for x in drawn if x is not None], "all menus, held-out avatars")
        if key == "glide":
            asked = glide_results(shipped_folder() / GLIDE)
            if asked.weights == digest_of(weights_file(GLIDE)):
                return _mean([(r.words, r.told) for r in asked.rows], _captions(asked.num))
        if key == "unclip":
            by_prior = unclip_results(shipped_folder() / DECODER)
            if by_prior.weights == digest_of(weights_file(DECODER)):
                return _mean([(r.prior, r.told) for r in by_prior.words], _captions(by_prior.num))
        if key == "imagen":
            both = imagen_results(shipped_folder() / IMAGEN)
            own = {name: digest_of(weights_file(f"{IMAGEN}/{name}")) for name in both.weights}
            if own == dict(both.weights):
                shares = [(m.obedience, 1) for m in both.models if m.model == "cascade"]
                return _mean(shares, _captions(both.num))
    except (ValueError, OSError):
        pass
    return ""


def _captions(count: int) -> str:
    return f"{count:,} held-out captions"


def _mean(shares: Sequence[tuple[float, int]], over: str) -> str:
    """A mean weighted by counts, in words; "" of none."""
    if not shares:
        return ""
    mean = sum(share * count for share, count in shares) / sum(count for _, count in shares)
    return f"{100 * mean:.1f} % over {over}"


# --- the comparison ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Ready:
    """Systems that are about to draw.

    Attributes:
        walks: The walks of those that are here, by their keys.
        absent: Of the others why, in a sentence.
    """

    walks: dict[str, Walks]
    absent: dict[str, str]

    @property
    def threads(self) -> int:
        """Threads of the CPU that torch is to take, the same for all; see `models.for_walk`."""
        request, model = next(iter(self.walks.values())).bounded[0]
        return int(getattr(models.for_walk(model, request).network, "threads", 1))


def ready(c: Comparison) -> Ready:
    """Load the systems that are here; what would take longer than the page allows is refused.

    Raises:
        ValueError: with a sentence for the page, if none is here, or one would take too long.
    """
    walks, absent = dict[str, Walks](), dict[str, str]()
    for system in SYSTEMS:
        try:
            system.check_there()
            walks[system.key] = system.walks(c)
        except ValueError as error:
            absent[system.key] = str(error)
    for each in walks.values():
        for request, model in each.bounded:
            models.bounded(request, model)
    if not walks:
        raise ValueError("No weights of a system are here; each row says how they are trained.")
    return Ready(walks, absent)


def compare_message(
    c: Comparison,
    systems: Ready,
    run: str,
    stopped: Callable[[], bool] = lambda: False,
    known: DifferCard | None = None,
) -> Iterator[DifferMessage]:
    """Draw by one system after the other, and give what is there after each.

    Args:
        c: The comparison.
        systems: As `ready` gave them.
        run: Its name.
        stopped: Asked after every step; true ends.
        known: The card that is drawn again; None of a new comparison.
    """
    rows = {system.key: row_of(system, c) for system in SYSTEMS}
    for key, sentence in systems.absent.items():
        rows[key].setdefault("absent", sentence)
    ends = []
    for system in SYSTEMS:
        if system.key not in systems.walks:
            continue
        row, each = rows[system.key], systems.walks[system.key]
        frames, spent, end, count = [], 0.0, None, 0
        drawing, begun = each.frames(), time.perf_counter()
        for frame in drawing:
            spent += time.perf_counter() - begun
            if stopped():
                return
            count += 1
            end = frame
            if frame is not None:
                frames.append(picture(frame))
            yield {"run": run, "state": "running", "progress": f"{system.name}: step {count} …"}
            begun = time.perf_counter()
        assert end is not None
        ends.append(end)
        row |= {
            "frames": frames,
            "evaluations": _named(each.evaluations),
            "asked": sum(each.evaluations.values()),
            "milliseconds": round(1000 * spent, 1),
            "time": span(1000 * spent),
            "facts": facts_of(c.caption, end),
        }
        yield _message(c, run, rows, "running")
    card = DifferCard(c, weights(), versions(ends[0].device), digest(*ends))
    message = _message(c, run, rows, "done")
    note = known.compared(card) if known else ""
    yield {**message, "card": card.to_json(), "note": note}


def _message(c: Comparison, run: str, rows: dict[str, DifferRow], state: str) -> DifferMessage:
    threads = torch.get_num_threads()
    return {
        "state": state,
        "run": run,
        "rows": [*rows.values()],
        "file": f"systems-{'-'.join(words_of(c.caption)[:6])}-seed{c.seed}",
        "caption": f"{SAMPLER}, {c.steps} steps · guidance {c.scale:g}, classifier "
        f"{c.classifier_scale:g} · seed {c.seed} · torch, {threads} "
        f"thread{'' if threads == 1 else 's'}",
    }


def row_of(system: System, c: Comparison | None) -> DifferRow:
    """What is known of a system before it draws: its parts, and why it is not here.

    Args:
        system: The system.
        c: What it is to draw; None of nothing yet.
    """
    row: DifferRow = {"key": system.key, "name": system.name, "told": "", "frames": []}
    try:
        counts = system.parameters()
        row["parameters"] = [{"name": name, "words": millions(n)} for name, n in counts.items()]
        row["size"], row["count"] = millions(sum(counts.values())), sum(counts.values())
        if c is not None:
            row["told"] = system.told(c)
    except ValueError as error:
        row["absent"] = str(error)
    row["measured"] = measured_obedience(system.key)
    return row


def _named(counts: dict[str, int]) -> list[DifferCount]:
    return [{"name": name, "words": f"{count:,}"} for name, count in counts.items()]


def opening_message() -> DifferMessage:
    """The rows as the files tell; no weights are loaded."""
    return {"state": "empty", "rows": [row_of(system, None) for system in SYSTEMS]}


def empty_message() -> str:
    """The message that the stage opens with, as JSON."""
    return json.dumps(opening_message())


def known_words() -> list[str]:
    """The words that captions may have."""
    return list(Tokenizer().vocabulary)


def unknown_words(caption: object) -> str:
    """A sentence that names the words of a caption that are not known; "" of none."""
    return Tokenizer().note(str(caption or ""))
