"""What the view "DALL·E 2" computes: words to an embedding, embeddings to pictures.

Every experiment ends in one batch of the decoder: K embeddings, K noises, and one walk. From words
there are three, of what the prior made of the caption, of the caption's own embedding, and of none,
from one noise. From a picture they are its variations, a way to another picture or along a text
difference, or what is left of its embedding in few components.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from diffusion_core.checkpoint import (
    CONFIG,
    WEIGHTS,
    Checkpoint,
    GuidingClip,
    digest_of,
    in_a_sentence,
    parameters_in,
    shipped_folder,
)
from diffusion_core.clip import Clip, ClipSettings, load_clip
from diffusion_core.data import AvatarFile, from_uint8
from diffusion_core.families import slerp
from diffusion_core.generation import SamplingRequest
from diffusion_core.glide import Tokenizer, words_of
from diffusion_core.samplers import SAMPLERS, SamplerStep, sample
from diffusion_core.schedule import SPACINGS
from diffusion_core.seeding import draw_noise, image_generators, parse_seed, seeded
from diffusion_core.unclip import (
    Components,
    Decoder,
    DecoderSettings,
    PriorSettings,
    UnclipResults,
    components,
    embedding_walk,
    encode,
    load_decoder,
    load_prior,
    noise_of,
    text_difference,
    unclip_results,
)

from ..shared import gpu, models
from ..shared.forms import parsed
from ..shared.text import as_words, millions, percent
from ..shared.wire import (
    MeasuredTable,
    PriorMessage,
    SystemBox,
    UnclipItem,
    UnclipMessage,
    UnclipResultsMessage,
    as_base64,
)
from .captions import MOST_CAPTION, caption_of
from .drawing_card import digest, versions
from .pictures import fitted, held_out
from .unclip_card import Drawing, UnclipCard
from .unclip_form import (
    COMPONENTS,
    DIFFERENCE,
    INTERPOLATION,
    TASKS,
    VARIATIONS,
    WORDS,
    UnclipForm,
)
from .walks import check_cost, picture

# Where the weights lie, in the folder of what ships.
CLIP, PRIOR, DECODER = "clip-avatars", "unclip-prior-avatars", "unclip-avatars"
COMMANDS = {
    CLIP: "pretrained.recipes.clip",
    PRIOR: "pretrained.recipes.unclip prior",
    DECODER: "pretrained.recipes.unclip projection and pictures",
}
PRIOR_STEPS, TRIES = 25, 2
MANY_VARIATIONS, MANY_BETWEEN = 6, 7
FARTHEST = 0.48  # θ of a text difference
COUNTS = (4, 8, 16, 32)  # components
CONDITIONS = ("by the prior's zᵢ", "by the caption's zₜ", "by nothing")


@dataclass(frozen=True, eq=False)
class Unclip:
    """The three networks, on one device.

    Attributes:
        by: The CLIP.
        prior: The prior, a model of embeddings.
        decoder: The decoder.
    """

    by: GuidingClip
    prior: Checkpoint
    decoder: Decoder

    @property
    def clip(self) -> Clip:
        """The CLIP's network."""
        return self.decoder.clip

    @property
    def weights(self) -> dict[str, str]:
        """SHA-256 of the weights of each, hex."""
        return {
            "clip": self.by.weights_hash,
            "prior": self.prior.weights_hash,
            "decoder": self.decoder.weights_hash,
        }

    @property
    def size(self) -> int:
        """Rows, and columns, of a picture."""
        return int(self.decoder.network.config.sample_shape[1])

    def read(self, caption: str) -> Tensor:
        """A caption as a condition, int64 (1, L).

        Raises:
            ValueError: in one sentence.
        """
        return self.by.read_caption(caption)

    def embedding(self, caption: str) -> Tensor:
        """The embedding g of a caption, (D,).

        Raises:
            ValueError: in one sentence.
        """
        y = self.read(caption).to(self.decoder.device)
        with torch.no_grad():
            return self.clip.encode_captions(y)[0]

    @property
    def model(self) -> Checkpoint:
        """The decoder as a model of pictures, bound to an embedding of zeros."""
        return self.decoder.bound(torch.zeros(1, self.decoder.network.config.features))


def folders() -> dict[str, Path]:
    """The folders of CLIP, prior and decoder, by their names."""
    return {name: shipped_folder() / name for name in COMMANDS}


def check_there() -> None:
    """Say which weights are not here.

    Raises:
        ValueError: with a sentence for the page.
    """
    gone = [name for name, folder in folders().items() if not (folder / WEIGHTS).is_file()]
    if gone:
        commands = "; ".join(f"{name} by python -m {COMMANDS[name]}" for name in gone)
        raise ValueError(f"No weights of {', '.join(gone)} are shipped; train {commands}.")


def unclip_models() -> Unclip:
    """CLIP, prior and decoder; read once, and anew where a file is another.

    Raises:
        ValueError: with a sentence for the page, if one is not there, broken, or of another CLIP.
    """
    check_there()
    every = tuple(folders().values())
    stats = [(folder / WEIGHTS).stat() for folder in every]
    return _loaded(every, tuple((each.st_mtime_ns, each.st_size) for each in stats))


@lru_cache(maxsize=1)
def _loaded(every: tuple[Path, ...], stamps: tuple[tuple[int, int], ...]) -> Unclip:
    clip, prior, decoder = every
    by, home = load_clip(clip), gpu.home()
    return Unclip(by, load_prior(prior, by).to(home), load_decoder(decoder, by).to(home))


@lru_cache(maxsize=2)
def principal_components(system: Unclip) -> Components:
    """Those of the embeddings of the avatars that the package carries."""
    file = AvatarFile.embedded()
    return components(encode(system.clip, from_uint8(file.pictures)).cpu())


def drawing_of(form: UnclipForm, size: int) -> Drawing:
    """What the controls ask for.

    Args:
        form: The controls' values.
        size: Rows, and columns, of a picture.

    Raises:
        ValueError: with a sentence for the page, if something does not fit.
    """
    if form.task not in TASKS:
        raise ValueError("Choose the experiment from its menu.")
    if form.sampler not in SAMPLERS:
        raise ValueError("Choose the sampler from its menu.")
    scale, seed = parsed(form, "scale"), parse_seed(form.seed)
    if form.task == WORDS:
        return Drawing(
            WORDS,
            caption=caption_of(form.caption),
            prior_scale=parsed(form, "prior_scale"),
            scale=scale,
            sampler=form.sampler,
            steps=parsed(form, "steps"),
            seed=seed,
        )
    own = form.own if form.own is not None else held_out(form.picture)
    pictures = [own, *([held_out(form.other)] if form.task == INTERPOLATION else [])]
    moved = form.task == DIFFERENCE
    return Drawing(
        form.task,
        before=caption_of(form.before) if moved else "",
        after=caption_of(form.after) if moved else "",
        scale=scale,
        steps=parsed(form, "row_steps"),
        eta=parsed(form, "eta") if form.task == VARIATIONS else 0.0,
        seed=seed,
        pictures=tuple(fitted(each, size) for each in pictures),
    )


def spacing_for(sampler: str, system: Unclip) -> str:
    """The spacing that is recommended with the decoder's own sampler; of others the usual one."""
    own = system.decoder.config.sampling
    spacing = own.get("spacing", "trailing") if own.get("sampler") == sampler else "trailing"
    return spacing if spacing in SPACINGS else "trailing"


def check(system: Unclip, drawing: Drawing) -> None:
    """Refuse what would compute too long, or cannot be read, before it waits.

    Raises:
        ValueError: with a sentence for the page.
    """
    model = system.model
    guided = SamplingRequest(
        num_images={WORDS: 3, VARIATIONS: MANY_VARIATIONS}.get(drawing.task, MANY_BETWEEN),
        label=0,
        guidance_scale=drawing.scale,
        sampler=drawing.sampler,
        num_steps=drawing.steps,
        eta=drawing.eta,
    )
    requests = [guided]
    if drawing.pictures and drawing.task != COMPONENTS:  # to the noise, each step twice
        there = SamplingRequest(num_images=len(drawing.pictures), label=0, num_steps=drawing.steps)
        requests += [there, there]
    check_cost(model, requests)
    for each in requests:
        models.bounded(each, model)
    for caption in (drawing.caption, drawing.before, drawing.after):
        if caption:
            system.read(caption)


def threads_for(system: Unclip, drawing: Drawing) -> int:
    """Threads of the CPU that torch is to take; see `models.for_walk`."""
    pictures = 3 if drawing.task == WORDS else MANY_BETWEEN
    request = SamplingRequest(num_images=pictures, label=0, guidance_scale=drawing.scale)
    return int(getattr(models.for_walk(system.model, request).network, "threads", 1))


@dataclass(frozen=True, eq=False)
class Row:
    """What the decoder is given.

    Attributes:
        z: An embedding each, (K, D).
        there: Whether it counts, bool (K,): without one the decoder is told nothing.
        x_T: Noise, (K, C, H, W).
        generators: Of the noise on the way, one a picture.
        words: What stands under each.
    """

    z: Tensor
    there: Tensor
    x_T: Tensor
    generators: list[torch.Generator]
    words: list[str]


def draw_message(
    system: Unclip,
    drawing: Drawing,
    run: str,
    stopped: Callable[[], bool] = lambda: False,
    known: UnclipCard | None = None,
) -> Iterator[UnclipMessage]:
    """Draw, and give what is there by and by; the last message is of the state "done".

    Args:
        system: The networks.
        drawing: What is drawn; see `check`.
        run: Its name.
        stopped: Asked after every step; true ends.
        known: The card that is drawn again; None of a new drawing.

    Raises:
        ValueError: with a sentence for the page, if something does not fit.
    """
    C, H, W = system.model.image_shape
    message: UnclipMessage = {
        **opening_message(),
        "run": run,
        "task": drawing.task,
        "width": W,
        "height": H,
        "channels": C,
        "given": [as_base64(each) for each in drawing.pictures],
        "state": "running",
    }
    if drawing.task == WORDS:
        walk = []
        for step in _prior_walk(system, drawing):
            if stopped():
                return
            walk.append(step)
        g = system.embedding(drawing.caption)
        told, z = prior_message(walk, g, drawing.prior_scale)
        row = _conditions(system, drawing, z, g)
        message |= {"prior": told, "items": _begun(row)}
        yield message
    else:
        yield _progress(run, "Reading the picture …")
        row = _row(system, drawing)
    if stopped():
        return
    steps = []
    for step in decoder_walk(system, drawing, row):
        if stopped():
            return
        steps.append(step)
        yield _progress(run, f"Step {len(steps)} of {drawing.steps} of the decoder …")
    message |= _drawn(system, drawing, row, steps)
    card = UnclipCard(
        drawing, system.weights, versions(system.decoder.device), digest(steps[-1].x_prev)
    )
    message |= {"card": card.to_json(), "note": known.compared(card) if known else ""}
    yield {**message, "state": "done"}


def _progress(run: str, words: str) -> UnclipMessage:
    return {"run": run, "state": "running", "progress": words}


def _prior_walk(system: Unclip, drawing: Drawing) -> Iterator[SamplerStep]:
    return embedding_walk(
        system.prior,
        system.read(drawing.caption),
        seeded(drawing.seed, "prior"),
        guidance_scale=drawing.prior_scale,
        num_steps=PRIOR_STEPS,
        tries=TRIES,
    )


def prior_message(walk: list[SamplerStep], g: Tensor, scale: float) -> tuple[PriorMessage, Tensor]:
    """What the page shows of the prior's walk, and the z_i that is taken, (D,).

    Distances are those of estimates of length 1, between 0 and 2.

    Args:
        walk: Its steps, of samples (TRIES, D).
        g: The embedding of the caption, (D,).
        scale: Scale of the prior's guidance.
    """
    end = F.normalize(walk[-1].x_prev, dim=1)
    far = torch.stack([(F.normalize(step.x0_hat, dim=1) - end).norm(dim=1) for step in walk])
    alike = end @ g
    taken = int(alike.argmax())
    told: PriorMessage = {
        "t": [step.t for step in walk],
        "distances": [[round(x, 4) for x in one] for one in far.T.tolist()],
        "similarities": [round(x, 4) for x in alike.tolist()],
        "taken": taken,
        "scale": scale,
        "nfe": walk[-1].nfe * len(end) * (1 if scale == 1 else 2),
    }
    return told, end[taken]


def _conditions(system: Unclip, drawing: Drawing, z: Tensor, g: Tensor) -> Row:
    """One noise, and three embeddings: the prior's, the caption's, and none."""
    there = torch.tensor([True, True, False])
    return _from_noise(system, drawing, torch.stack([z, g, g]), there, [*CONDITIONS])


def _from_noise(
    system: Unclip, drawing: Drawing, z: Tensor, there: Tensor, words: list[str]
) -> Row:
    """Embeddings that are drawn from one noise."""
    generators = [torch.Generator().manual_seed(drawing.seed) for _ in words]
    x_T = draw_noise((len(words), *system.model.image_shape), generators)
    return Row(z, there, x_T.to(system.decoder.device), generators, words)


def _row(system: Unclip, drawing: Drawing) -> Row:
    x0 = torch.cat([from_uint8(each[None]) for each in drawing.pictures]).to(system.decoder.device)
    z = encode(system.clip, x0)
    if drawing.task == COMPONENTS:
        found, D = principal_components(system), z.shape[1]
        counts = [*(count for count in COUNTS if count < D), D]
        every = torch.cat([found.reconstruct(z.cpu(), count) for count in counts]).to(z.device)
        explained = [100 * float(found.explained[count - 1]) for count in counts]
        words = [
            f"{'all ' if n == D else ''}{n} components · {share:.0f} %"
            for n, share in zip(counts, explained, strict=True)
        ]
        return _from_noise(system, drawing, every, torch.ones(len(counts)).bool(), words)
    x_T = noise_of(system.decoder, x0, z, drawing.steps)
    if drawing.task == VARIATIONS:
        K = MANY_VARIATIONS
        words = [f"seed {g.initial_seed()}" for g in image_generators(drawing.seed, K)]
        z, x_T = z.expand(K, -1), x_T.expand(K, -1, -1, -1)
    else:
        K = MANY_BETWEEN
        share = torch.linspace(0, 1, K, device=z.device)
        if drawing.task == INTERPOLATION:
            z, x_T = slerp(z[0], z[1], share), slerp(x_T[0], x_T[1], share)
            words = [f"{100 * part:.0f} %" for part in share.tolist()]
        else:
            g_a, g_b = system.embedding(drawing.before), system.embedding(drawing.after)
            z = text_difference(z[0], g_a, g_b, FARTHEST * share)
            x_T = x_T.expand(K, -1, -1, -1)
            words = [f"θ = {FARTHEST * part:.2f}" for part in share.tolist()]
    return Row(z, torch.ones(K).bool(), x_T, image_generators(drawing.seed, K), words)


def decoder_walk(system: Unclip, drawing: Drawing, row: Row) -> Iterator[SamplerStep]:
    """The decoder's walk of all pictures of a row together."""
    return sample(
        system.decoder.denoiser(row.z, drawing.scale, row.there),
        row.x_T,
        sampler=drawing.sampler,
        num_steps=drawing.steps,
        spacing=spacing_for(drawing.sampler, system) if drawing.task == WORDS else "trailing",
        eta=drawing.eta,
        generator=row.generators,
    )


def _begun(row: Row) -> list[UnclipItem]:
    """The pictures of a row before the first step: noise, and nothing predicted."""
    return [
        {"words": words, "x_t": [picture(row.x_T[k : k + 1])], "x0_hat": []}
        for k, words in enumerate(row.words)
    ]


def _drawn(system: Unclip, drawing: Drawing, row: Row, steps: list[SamplerStep]) -> UnclipMessage:
    end = steps[-1].x_prev
    estimates = [*(step.x0_hat for step in steps), end]
    noisy = [*(step.x_t for step in steps), end] if drawing.task == WORDS else []
    items: list[UnclipItem] = [
        {
            "words": words,
            "x_t": [picture(x[k : k + 1]) for x in noisy],
            "x0_hat": [picture(x[k : k + 1]) for x in estimates],
        }
        for k, words in enumerate(row.words)
    ]
    named = drawing.caption if drawing.task == WORDS else TASKS[drawing.task]
    eta = f", eta {drawing.eta:g}" if drawing.task == VARIATIONS else ""
    return {
        "state": "running",
        "items": items,
        "t": [*(step.t for step in steps), -1],
        "file": f"dall-e-2-{'-'.join(words_of(named)[:6])}-seed{drawing.seed}",
        "caption": f"{system.decoder.name} · {drawing.sampler}{eta}, {len(steps)} steps · "
        f"guidance {drawing.scale:g} · seed {drawing.seed}",
    }


# --- what is there before anything is drawn: settings and headers of files, and no weights ------


def _settings(folder: Path) -> bytes:
    return (folder / CONFIG).read_bytes()


def tokenizer() -> Tokenizer | None:
    """What reads captions, as the prior's settings tell it; None where there is none."""
    try:
        with in_a_sentence(PRIOR):
            prior = PriorSettings.from_json(_settings(folders()[PRIOR]))
    except ValueError:
        return None
    return Tokenizer(prior.vocabulary, prior.network.length)


def known_words() -> list[str]:
    """The words that are known; none where there are no weights."""
    known = tokenizer()
    return [] if known is None else list(known.vocabulary)


def unknown_words(caption: object) -> str:
    """A sentence that names the words of a caption that are not known; "" of none."""
    known = tokenizer()
    return "" if known is None else known.note(str(caption or "")[:MOST_CAPTION])


def opening_message() -> UnclipMessage:
    """The boxes and what was measured; or why there is nothing."""
    message: UnclipMessage = {"state": "empty", "items": [], "boxes": []}
    try:
        check_there()
        message["boxes"] = boxes()
    except ValueError as error:
        return {**message, "absent": str(error)}
    if (found := measured()) is not None:
        message["results"] = found
    return message


def boxes() -> list[SystemBox]:
    """The parts of the system as their files tell: what each is, and how large.

    Raises:
        ValueError: if a file is broken, in a sentence.
    """
    there = folders()
    count = {}
    for name, folder in there.items():
        with in_a_sentence(name):
            count[name] = millions(sum(parameters_in(folder / WEIGHTS).values()))
    with in_a_sentence(CLIP):
        clip = ClipSettings.from_json(_settings(there[CLIP]))
    with in_a_sentence(PRIOR):
        prior = PriorSettings.from_json(_settings(there[PRIOR]))
    with in_a_sentence(DECODER):
        decoder = DecoderSettings.from_json(_settings(there[DECODER]))
    _, H, W = decoder.network.sample_shape
    return [
        {
            "key": "clip",
            "title": "CLIP, frozen",
            "lines": [
                f"{len(clip.vocabulary)} words, {H} × {W}",
                f"{count[CLIP]} parameters",
                f"gives {clip.network.text.vector} numbers",
            ],
        },
        {
            "key": "prior",
            "title": "Prior",
            "lines": [
                f"{prior.network.blocks} blocks of {prior.network.width}",
                f"{count[PRIOR]} parameters",
                "walks to zᵢ",
            ],
        },
        {
            "key": "decoder",
            "title": "Decoder",
            "lines": [
                f"UNet, {H} × {W}",
                f"{count[DECODER]} parameters",
                "reads xₜ, t and zᵢ",
            ],
        },
    ]


def measured() -> UnclipResultsMessage | None:
    """What was measured of these very weights; None where nothing was that can be read."""
    folder = folders()[DECODER]
    try:
        results = unclip_results(folder)
    except ValueError:
        return None
    if results.weights != digest_of(folder / WEIGHTS):
        return None
    tables = results_tables(results)
    words = (
        f"Held-out pictures and captions; dpmpp_2m, {results.steps} steps, guidance "
        f"{results.guidance_scale:g} of the decoder and {results.prior_scale:g} of the prior. A "
        "judge that draws nothing reads the pictures."
    )
    return {"tables": tables, "words": words} if tables else None


def results_tables(results: UnclipResults) -> list[MeasuredTable]:
    """The measures as tables; one that was not taken is left out."""
    tables: list[MeasuredTable] = []
    if rows := results.words:
        tables.append(
            {
                "title": "What captions tell is shown",
                "columns": ["Told", "Prior", "Text", "Nothing", "Captions"],
                "rows": [
                    [
                        as_words(r.attribute),
                        *map(percent, (r.prior, r.text, r.nothing)),
                        str(r.told),
                    ]
                    for r in rows
                ],
                "says": _mean_of("by the prior's embedding", [(r.prior, r.told) for r in rows])
                + ", "
                + _mean_of("by the caption's own", [(r.text, r.told) for r in rows])
                + ", "
                + _mean_of("without one", [(r.nothing, r.told) for r in rows])
                + ".",
            }
        )
    if kept := results.variations:
        tables.append(
            {
                "title": "What variations keep",
                "columns": ["Attribute", "Kept", "By chance", "Pictures"],
                "rows": [
                    [as_words(r.attribute), percent(r.kept), percent(r.chance), str(r.pictures)]
                    for r in kept
                ],
                "says": _mean_of("are kept", [(r.kept, r.pictures) for r in kept])
                + ", "
                + _mean_of("by chance", [(r.chance, r.pictures) for r in kept])
                + ".",
            }
        )
    if drawn := results.quality:
        tables.append(
            {
                "title": "Beside held-out pictures",
                "columns": ["Drawn", "Frechet distance", "Precision", "Recall"],
                "rows": [
                    [as_words(r.attribute), f"{r.frechet:.1f}", f"{r.precision:.2f}"]
                    + [f"{r.recall:.2f}"]
                    for r in drawn
                ],
                "says": f"{drawn[0].pictures:,} pictures of each, in the judge's features; with as "
                "few, the first row is what is to be had.",
            }
        )
    if moved := results.differences:
        tables.append(
            {
                "title": f"What a text difference changes, θ = {results.share:g}",
                "columns": ["Asked", "Changed", "Others stay", "Pictures"],
                "rows": [
                    [as_words(r.attribute), percent(r.changed), percent(r.others_stay)]
                    + [str(r.pictures)]
                    for r in moved
                ],
                "says": _mean_of("change as asked", [(r.changed, r.pictures) for r in moved])
                + ", "
                + _mean_of("of the others stay", [(r.others_stay, r.pictures) for r in moved])
                + ".",
            }
        )
    return tables


def _mean_of(words: str, rows: list[tuple[float, int]]) -> str:
    """A mean weighted by counts, in words."""
    mean = sum(share * count for share, count in rows) / sum(count for _, count in rows)
    return f"{percent(mean)} {words}"


def empty_message() -> str:
    """The message that the stage opens with, as JSON."""
    return json.dumps(opening_message())
