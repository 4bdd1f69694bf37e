"""A checkpoint folder goes to the Hugging Face Hub: the model's files, and nothing else.

What goes is staged in a folder of its own first: config, weights, card, measured results and a
sheet of samples, each named here; so no state of a training, no pictures and no notes can travel by
mistake. The checkpoint's own folder stays as it is. Paths of this machine that a training noted are
cut to their last names: they are nobody else's business.

Then one commit brings all of it, or nothing. `huggingface_hub` does the sending: HF_TOKEN,
`hf auth login`, HF_ENDPOINT and HF_HUB_OFFLINE mean what they mean there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shlex
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..checkpoint import (
    CARD,
    CONFIG,
    INDEX,
    RESULTS,
    WEIGHTS,
    Checkpoint,
    CheckpointConfig,
    ModelSettings,
    away,
    causes,
    export_diffusers,
    failures,
    load_checkpoint,
    plain_id,
    status,
)
from ..data import grid, to_pil, to_uint8
from ..evaluation import Results, best_value, read_results
from ..fields import parse_json
from ..files import replace_file, write_text
from ..samplers import sample
from ..seeding import draw_noise
from .card import full_card

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

SAMPLES = "samples.png"
TAGS = ("diffusion", "ddpm", "unconditional-image-generation")
STEPS, SHEET_PIXELS = 25, 480
FRONT_MATTER = re.compile(r"\A\s*---\r?\n.*?\n---[ \t]*\r?\n", re.S)
TOKENS = "https://huggingface.co/settings/tokens"
NO_TOKEN = (
    f"The Hub wants a token: make one with write rights at {TOKENS}, and set HF_TOKEN to it, or "
    "give it to `hf auth login`."
)
Tell = Callable[[str], None]


def stage_files(
    stage: Path,
    folder: Path,
    checkpoint: Checkpoint,
    to: str,
    diffusers: bool,
    licence: str | None,
    device: torch.device | None,
    tell: Callable[[str], None],
) -> None:
    """Put the files that are to be pushed into a folder, and nothing else.

    Args:
        stage: An empty folder.
        folder: The folder of the checkpoint.
        checkpoint: The checkpoint, as read from it.
        to: The repository that it goes to, for the card.
        diffusers: Whether to write diffusers' layout; see `export_diffusers`.
        licence: The licence for the card; None is its own, else mit.
        device: The device that draws samples, where the folder has none; None is the CPU.
        tell: Called with a few words before samples are drawn.

    Raises:
        ValueError: if its card cannot be read, or diffusers cannot have it.
    """
    config, cut = without_paths(checkpoint.config)
    checkpoint = dataclasses.replace(checkpoint, config=config)
    results = read_results(folder, checkpoint.weights_hash)
    if diffusers:
        export_diffusers(stage, checkpoint)
        text = (stage / CARD).read_text(encoding="utf-8")
    else:
        shutil.copyfile(folder / WEIGHTS, stage / WEIGHTS)
        digest = hashlib.sha256((stage / WEIGHTS).read_bytes()).hexdigest()
        if digest != checkpoint.weights_hash:
            raise ValueError(f"{folder.name} was written to just now; push it again.")
        write_text(stage / CONFIG, config.to_json())
        known = folder / CARD
        text = known.read_text(encoding="utf-8", errors="replace") if known.is_file() else ""
        text = full_card(text, checkpoint)
        if results is not None and (folder / RESULTS).is_file():
            write_text(stage / RESULTS, results.to_json())
    for path, name in cut.items():
        text = text.replace(path, name)
    caption = None
    if (folder / SAMPLES).is_file():
        shutil.copyfile(folder / SAMPLES, stage / SAMPLES)
    else:
        tell("Drawing samples for the card")
        checkpoint.to(device or torch.device("cpu"))
        caption = write_samples(stage / SAMPLES, checkpoint)
    metrics = eval_results(results, config.dataset) if results is not None else []
    write_text(stage / CARD, card_for_hub(text, to, caption, licence, metrics))


def without_paths(config: ModelSettings) -> tuple[ModelSettings, dict[str, str]]:
    """Settings whose notes on the training name no folders of this machine.

    Returns:
        The settings, and what was replaced by what, for the card.
    """
    training: dict[str, Any] = dict(config.training)
    changed = {}
    command = str(training.get("command") or "")
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if any(map(_names_a_path, words)):
        changed[command] = training["command"] = shlex.join(map(_last_name, words))
    init = str(training.get("init") or "")
    if _names_a_path(init):
        changed[init] = training["init"] = _last_name(init)
    return dataclasses.replace(config, training=training), changed


def _names_a_path(word: str) -> bool:
    """Whether a word of a command is the path of a file, or an option with one."""
    return bool(re.match(r"(--[\w-]+=)?([/~\\]|\.\.?[/\\]|[A-Za-z]:[/\\])", word))


def _last_name(word: str) -> str:
    """A word of a command with the last part alone of a path in it."""
    if not _names_a_path(word):
        return word
    option, equals, path = word.rpartition("=") if word.startswith("--") else ("", "", word)
    return option + equals + (re.split(r"[/\\]", path.rstrip("/\\"))[-1] or "FOLDER")


def write_samples(path: Path, checkpoint: Checkpoint) -> str:
    """Draw a sheet of samples, enlarged crisp, and write it as PNG; gives its caption.

    Classes come one after the other, image i has seed i, and none is picked. Large pictures are
    fewer, since each takes long.

    Args:
        path: The file to write.
        checkpoint: The checkpoint that draws, on the device that its network is on.
    """
    config, (C, H, W) = checkpoint.config, checkpoint.image_shape
    num = 16 if max(H, W) <= 96 else 4
    classes = checkpoint.num_classes
    labels = torch.arange(num) % classes if classes else None
    steps = min(STEPS, len(checkpoint.schedule))
    generators = [torch.Generator().manual_seed(i) for i in range(num)]
    device = checkpoint.device
    walk = sample(
        checkpoint.denoiser(labels),
        draw_noise((num, C, H, W), generators).to(device),
        checkpoint.schedule,
        sampler="ddim",
        num_steps=steps,
        clip_x0=config.clip_x0,
        generator=generators,
    )
    last = deque(walk, maxlen=1)[0]
    sheet = grid(to_uint8(last.x_prev))
    scale = max(1, SHEET_PIXELS // max(sheet.shape[:2]))
    large = np.kron(sheet, np.ones((scale, scale, 1), np.uint8))
    replace_file(path, lambda file: to_pil(large).save(file, format="PNG"))
    order = ", one class after the other" if classes else ""
    return f"Samples that were not picked: ddim, {steps} steps, seeds 0 to {num - 1}{order}."


def eval_results(results: Results, dataset: str) -> list[EvalResult]:
    """The measurements that the Hub lists beside a model: those of its default settings.

    Args:
        results: The measured results of the model.
        dataset: Whose test images it was measured by.
    """
    from huggingface_hub import EvalResult

    best = best_value(results)
    if best is None:
        return []
    measured = (
        ("frechet_distance", "Frechet distance in the features of a small classifier"),
        ("class_accuracy", "Class accuracy"),
        ("attribute_accuracy", "Attribute accuracy"),
    )
    settings = {
        "sampler": best.sampler,
        "num_steps": best.num_steps,
        "spacing": best.spacing,
        "eta": best.eta,
        "guidance_scale": best.guidance_scale,
        "num_samples": best.num_samples,
    }
    return [
        EvalResult(
            task_type=TAGS[-1],
            dataset_type=dataset,
            dataset_name=dataset,
            dataset_split="test",
            metric_type=field,
            metric_name=f"{name} ({best.name})",
            metric_value=value,
            metric_args=dict(settings),
        )
        for field, name in measured
        if (value := getattr(best, field)) is not None
    ]


def card_for_hub(
    text: str,
    hub_id: str,
    caption: str | None,
    licence: str | None = None,
    metrics: Sequence[EvalResult] = (),
) -> str:
    """Prepare a card for the Hub: front matter, the samples, and the id to load the model by.

    What the card says already stays: its licence, its other tags, a picture of samples of its own.

    Args:
        text: The card so far.
        hub_id: The repository that it goes to.
        caption: The caption of the samples; None is a sheet that came with the folder.
        licence: The licence, by the Hub's name for it; None is the card's own, else mit.
        metrics: Metrics that the Hub shall list, beside those that the card names already.

    Raises:
        ValueError: if its front matter cannot be read.
    """
    from huggingface_hub import ModelCard

    if not FRONT_MATTER.match(text):
        text = f"---\nlicense: mit\n---\n{text}"
    try:
        card = ModelCard(text)
        data: Any = card.data
        known = data.to_dict()
        tags = known.get("tags") or []
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise ValueError("tags")
    except Exception as error:  # of YAML's own kinds, too
        raise ValueError(
            "The front matter of the card README.md cannot be read; mend what stands between its "
            "first two lines of ---."
        ) from error
    data.license = licence or known.get("license") or "mit"
    data.tags = [*tags, *(tag for tag in TAGS if tag not in tags)]
    data.library_name = known.get("library_name") or "pytorch"
    data.pipeline_tag = known.get("pipeline_tag") or TAGS[-1]
    if metrics:
        own = data.eval_results or []
        own = [r for r in own if not any(r.is_equal_except_value(metric) for metric in metrics)]
        data.eval_results = [*own, *metrics]
        data.model_name = data.model_name or hub_id.rpartition("/")[2]
    body = card.text.replace("--model FOLDER", f"--model {hub_id}")
    body = body.replace('from_pretrained("FOLDER"', f'from_pretrained("{hub_id}"')
    if SAMPLES not in body:
        shown = f"![Samples]({SAMPLES})\n" + (f"\n{caption}\n" if caption else "")
        place = re.search(r"^## ", body, re.M)
        at = place.start() if place else len(body)
        body = f"{body[:at].rstrip()}\n\n{shown}\n{body[at:]}".rstrip() + "\n"
    card.text = body
    return str(card)


@dataclass(frozen=True)
class Pushed:
    """The outcome of a push.

    Attributes:
        hub_id: The repository of the model, as "owner/name".
        url: The address of its page.
        private: Whether its owner alone can see it.
        changed: Whether anything was sent; the same model again changes nothing.
    """

    hub_id: str
    url: str
    private: bool
    changed: bool = True

    @property
    def words(self) -> str:
        """The outcome as a sentence without its full stop: "me/mine is on the Hub, private"."""
        seen = "private" if self.private else "public"
        return f"{self.hub_id} is on the Hub, {seen}" + ("" if self.changed else ", as it was")


def push(
    folder: str | Path,
    to: str,
    *,
    token: str | None = None,
    private: bool = True,
    message: str = "",
    diffusers: bool = False,
    licence: str | None = None,
    device: torch.device | None = None,
    tell: Tell | None = None,
) -> Pushed:
    """Send a checkpoint of ours to the Hub, or what has changed of it since the last time.

    Sent are config, weights, card, measured results and a sheet of samples; where the folder has
    no samples.png, the model draws one. The folder itself stays as it is.

    Args:
        folder: The folder of the checkpoint.
        to: The repository, as "owner/name"; the address of its page will do.
        token: A token with write rights; None is the machine's own.
        private: Whether a repository that is made anew is private. One that is there is never made
            more open: a public one is updated only with private=False.
        message: The message of the commit; empty names the folder.
        diffusers: Send it in diffusers' layout; see `export_diffusers`.
        licence: The licence for the card, as the Hub names it; None is the card's own, else mit.
        device: The device that draws the samples; None is the CPU.
        tell: Called with a few words when a part begins.

    Raises:
        ValueError: whatever stands in the way, in one sentence that says what to do.
    """
    from huggingface_hub import HfApi

    tell = tell or (lambda words: None)
    folder, to = Path(folder), _checked_id(to)
    checkpoint = _checkpoint(folder)
    api = HfApi(token=_checked_token(token))
    with _in_a_sentence(to):
        there = _there(api, to)
    if there is not None:
        _refuse_other(api, to, there, private, INDEX if diffusers else CONFIG)
    with tempfile.TemporaryDirectory() as place:
        stage = Path(place)
        stage_files(stage, folder, checkpoint, to, diffusers, licence, device, tell)
        files = sorted(f for f in stage.rglob("*") if f.is_file())
        size = sum(f.stat().st_size for f in files)
        tell(f"Sending {len(files)} files, {size / 1e6:.1f} MB")
        with _in_a_sentence(to):
            if there is None:
                api.create_repo(to, private=private)
            commit = _commit(api, to, stage, files, message.strip() or f"Push {folder.name}")
    if there is None:
        return Pushed(to, f"{api.endpoint}/{to}", private)
    return Pushed(to, f"{api.endpoint}/{to}", bool(there.private), commit != there.sha)


def _checked_id(to: str) -> str:
    """The repository's id; ValueError if the Hub would not take it."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    to = plain_id(to.strip())
    try:
        validate_repo_id(to)
    except HFValidationError:
        to = ""
    if to.count("/") != 1:
        raise ValueError(
            "Give the repository as USER/NAME, of letters, digits, '-', '_' and '.', and with no "
            "two of the last in a row; USER is you or an organisation of yours."
        )
    return to


def _checked_token(token: str | None) -> str:
    """The token to send; it never stands in a sentence."""
    from huggingface_hub import get_token

    token = (get_token() or "" if token is None else token).strip()
    if not token:
        raise ValueError(NO_TOKEN)
    if not re.fullmatch(r"[!-~]+", token):  # else the request's header could not be written
        raise ValueError(f"This is no token; copy one with write rights whole from {TOKENS}.")
    return token


def _checkpoint(folder: Path) -> Checkpoint:
    """The checkpoint that is to be pushed; ValueError if it is not in our layout."""
    if not folder.is_dir():
        raise ValueError(f"There is no folder {folder}; name one that holds a checkpoint.")
    checkpoint = load_checkpoint(folder)
    if not (folder / WEIGHTS).is_file():
        raise ValueError(
            f"{folder} is laid out as diffusers does already; `hf upload` sends it as it is."
        )
    return checkpoint


def _there(api: Any, to: str) -> Any:
    """The Hub's record of the repository; None if the token sees none of that name."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return api.model_info(to)
    except RepositoryNotFoundError:
        return None


def _refuse_other(api: Any, to: str, there: Any, private: bool, layout: str) -> None:
    """Refuse a repository that is more open than `private` allows, or holds something else."""
    if private and not there.private:
        raise ValueError(
            f"{to} is there already and public; push it as public to update it, or choose another "
            "name."
        )
    names = {s.rfilename for s in there.siblings or ()} - {".gitattributes", CARD}
    ours = CONFIG in names and not names & {INDEX, f"unet/{CONFIG}", f"unet_ema/{CONFIG}"}
    if layout == CONFIG and ours:
        with _in_a_sentence(to), tempfile.TemporaryDirectory() as place:
            text = Path(api.hf_hub_download(to, CONFIG, local_dir=place)).read_bytes()
        try:
            CheckpointConfig.from_json(text)
        except ValueError:
            ours = False
    if layout == INDEX:
        ours = INDEX in names and not any(name.startswith("unet_ema/") for name in names)
        ours = ours and _of_two_parts(api, to)
    if names and not ours:
        raise ValueError(
            f"{to} holds something else, which would be overwritten; choose another name."
        )


def _of_two_parts(api: Any, to: str) -> bool:
    """Whether the pipeline there is what `export_diffusers` writes: a network and its scheduler."""
    with _in_a_sentence(to), tempfile.TemporaryDirectory() as place:
        text = Path(api.hf_hub_download(to, INDEX, local_dir=place)).read_bytes()
    try:
        index = parse_json(text, "it")
        parts = {name for name, value in index.items() if isinstance(value, list)}
        return index["_class_name"] == "DDPMPipeline" and parts == {"unet", "scheduler"}
    except (ValueError, TypeError, KeyError, AttributeError):
        return False


def _commit(api: Any, to: str, stage: Path, files: list[Path], message: str) -> str:
    """Send the files in one commit, and return its hash."""
    from huggingface_hub import CommitOperationAdd

    adding = [CommitOperationAdd(f.relative_to(stage).as_posix(), str(f)) for f in files]
    return str(api.create_commit(to, adding, commit_message=message).oid)


@contextmanager
def _in_a_sentence(to: str) -> Iterator[None]:
    """Turn what goes wrong between here and the Hub into one sentence."""
    try:
        yield
    except failures() as error:
        raise ValueError(_why(to, error)) from error


def _why(to: str, error: BaseException) -> str:
    """What went wrong with a push, and what to do, in one sentence."""
    from huggingface_hub import errors

    chain, code, owner = causes(error), status(error), to.partition("/")[0]

    def met(*kinds: type[BaseException]) -> bool:
        return any(isinstance(e, kinds) for e in chain)

    if met(errors.OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE is set, so that nothing is sent; unset it to push."
    if code == 409:
        return f"{to} is taken by a repository that this token may not see; choose another name."
    if code == 403 or met(errors.RepositoryNotFoundError):
        return (
            f"This token may not write to {to}; use one with write rights, of {owner} or of a "
            f"member of it, from {TOKENS}."
        )
    if code == 401:
        return f"The Hub does not accept this token; make a new one with write rights at {TOKENS}."
    if code == 400:
        words = [e for e in chain if "README.md" in str(e)]
        what = f"the card {CARD}; mend its front matter" if words else f"{to}; choose another name"
        return f"The Hub does not take {what}."
    if code is not None:
        return (
            f"The Hub answers with an error ({code}), and nothing of the model was changed there; "
            "push again later."
        )
    if away(error):
        return "The Hub cannot be reached; check the network and HF_ENDPOINT, and push again."
    return f"The push to {to} broke off, and nothing of the model was changed there; push again."
