"""Checkpoints from the Hugging Face Hub: fetched once, kept in its cache, offline afterwards.

`huggingface_hub` does the work, so HF_TOKEN, HF_HOME, HF_ENDPOINT and HF_HUB_OFFLINE mean what they
mean everywhere. The settings come first: what cannot be used is refused before its weights travel.

`cached` lists what is on this machine already, without a network. The cache holds what any program
fetched; counted are folders whose settings are a checkpoint that can be used here and whose weights
are there.
"""

from __future__ import annotations

import io
import logging
import math
import re
import threading
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..fields import printable
from .formats import (
    RESULTS,
    SETTINGS,
    THEIRS_HALF,
    check_links,
    files_in,
    in_a_sentence,
    read_settings,
    weights_file,
)

CARD = "README.md"
LISTING_SECONDS = 2.0  # for which a listing of the cache holds
TEXT = 10_000_000  # bytes that settings, card or results may have where downloads are bounded
DownloadProgress = Callable[[int, int], None]
_SITE = re.compile(r"https?://(www\.)?(huggingface\.co|hf\.co)/")
_LOAD_AGAIN = "load it again to go on"


def plain_id(hub_id: str) -> str:
    """The id that an address of the Hub's site names; any other text as it is."""
    return _SITE.sub("", hub_id).rstrip("/") if _SITE.match(hub_id) else hub_id


def download(
    hub_id: str,
    progress: DownloadProgress | None = None,
    most: float = math.inf,
    token: bool | None = None,
) -> Path:
    """Bring a checkpoint's files here, unless they are, and give their folder.

    Args:
        hub_id: The repository, as "owner/name"; the address of its page will do.
        progress: Called as progress(bytes done, bytes in all) while weights travel; what it raises
            stops the download. It may be called from another thread. None leaves it to
            huggingface_hub to draw its bar.
        most: Bytes that its weights may have; more are refused before they travel.
        token: False requests without HF_TOKEN, so that only public repositories are read.

    Raises:
        ValueError: if it cannot be had or is nothing to be used, in one sentence.
    """
    hub_id = plain_id(hub_id)
    if hub_id.count("/") != 1 or hub_id.startswith((".", "/", "~")):
        raise ValueError(
            f"There is no checkpoint at {hub_id}; give a folder or a Hub id owner/name."
        )
    bounded = math.isfinite(most)
    sizes = _files_of(hub_id, token, needed=True) if bounded else {}
    texts = [*SETTINGS, CARD, RESULTS]
    if (large := max((sizes.get(name, 0) for name in texts), default=0)) > TEXT:
        raise ValueError(
            f"Settings or card of {hub_id} have {large / 1e6:,.0f} MB, as no checkpoint's do; "
            "choose another."
        )
    folder = _fetch(hub_id, texts, None, token)
    with in_a_sentence(hub_id):
        _, names = read_settings(folder)
    # The first name is the best; where the repository's files are known, only that one is fetched.
    # Else the half precision, the last name, is fetched where there is no other.
    wanted = [name for name in names if name in sizes][:1] or list(names)
    size = sum(sizes.get(name, 0) for name in wanted)
    if bounded and size > most and not any((folder / name).is_file() for name in names):
        raise ValueError(
            f"The weights of {hub_id} are {size / 1e6:,.0f} MB, and at most {most / 1e6:,.0f} "
            "MB may be fetched here; run the playground on your own machine for it."
        )
    half = [name for name in wanted if name.endswith(THEIRS_HALF)] if len(wanted) > 1 else []
    folder = _fetch(hub_id, [n for n in wanted if n not in half], folder.name, token, progress)
    if half and not any((folder / name).is_file() for name in names):
        folder = _fetch(hub_id, half, folder.name, token, progress)
    if not any((folder / name).is_file() for name in names):
        weights_file(folder, names, _files_of(hub_id, token), hub_id)
    return folder


def _fetch(
    hub_id: str,
    names: Iterable[str],
    revision: str | None,
    token: bool | None,
    progress: DownloadProgress | None = None,
) -> Path:
    """The files of these names that the repository has; the folder that they are in."""
    from huggingface_hub import snapshot_download

    bar = _bar(progress) if progress else None
    try:
        return Path(
            snapshot_download(
                hub_id, revision=revision, allow_patterns=list(names), tqdm_class=bar, token=token
            )
        )
    except failures() as error:
        if bar is not None and bar.raised is not None:
            raise bar.raised from None
        partial = getattr(error, "snapshot_path", None)
        if partial is not None:  # another program may have fetched what is needed, and no more
            return Path(partial)
        raise ValueError(_why(hub_id, error)) from error
    finally:
        _changed_here()


def failures() -> tuple[type[Exception], ...]:
    """What a request can raise; the Hub's errors and the transport's have a base in common."""
    from huggingface_hub.errors import HfHubHTTPError

    bases = tuple(b for b in HfHubHTTPError.__bases__ if issubclass(b, Exception))
    return (OSError, RuntimeError, ValueError, *bases)


def _files_of(hub_id: str, token: bool | None, needed: bool = False) -> dict[str, int]:
    """Names of all files of a repository, and their bytes.

    Where the Hub cannot be asked there are none, or, where they are needed, a ValueError is raised.
    """
    from huggingface_hub import HfApi

    try:
        listed = HfApi(token=token).list_repo_tree(hub_id, recursive=True)
        return {file.path: getattr(file, "size", 0) for file in listed}
    except failures() as error:
        if needed:
            raise ValueError(_why(hub_id, error)) from error
        return {}


def causes(error: BaseException) -> list[BaseException]:
    """An error and what it came from, the latest first."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    return chain


def status(error: BaseException) -> int | None:
    """The status of the Hub's answer that an error came from; None where there was no answer."""
    codes = [getattr(getattr(e, "response", None), "status_code", None) for e in causes(error)]
    return next((c for c in codes if c is not None), None)


def away(error: BaseException) -> bool:
    """Whether an error came from a Hub that could not be reached."""
    names = {type(e).__name__ for e in causes(error)}
    return bool(names & {"ConnectError", "ConnectTimeout", "ConnectionError", "ProxyError"})


def _why(hub_id: str, error: BaseException) -> str:
    """What went wrong with a download, and what to do, in one sentence."""
    from huggingface_hub import errors

    chain, code = causes(error), status(error)

    def met(*kinds: type[BaseException]) -> bool:
        return any(isinstance(e, kinds) for e in chain)

    licence = f"accept its licence at https://huggingface.co/{hub_id} and set HF_TOKEN"
    if met(errors.GatedRepoError) or code == 403:
        return f"{hub_id} is gated: {licence} to a token of the account that accepted it."
    if met(errors.RepositoryNotFoundError, errors.RevisionNotFoundError) or code in (401, 404):
        if met(errors.EntryNotFoundError):
            return f"The Hub lists a file of {hub_id} that it does not have; try again later."
        return (
            f"There is no folder {hub_id}, and no such checkpoint could be had from the Hub; check "
            f"the name, or, if it is private or gated, {licence}."
        )
    if code is not None:
        return f"The Hub answers with an error ({code}) for {hub_id}; try again later."
    if met(errors.HFValidationError):
        return f"There is no folder {hub_id}, and it is no Hub id; give one as owner/name."
    if met(errors.OfflineModeIsEnabled):
        return (
            f"There is no folder {hub_id}, and no such checkpoint was fetched from the Hub before; "
            "unset HF_HUB_OFFLINE to fetch it."
        )
    if away(error):
        return (
            f"There is no folder {hub_id}, and the Hub cannot be reached to fetch it; check the "
            "network and HF_ENDPOINT."
        )
    kept = [e for e in chain if isinstance(e, OSError) and e.errno]
    if kept:
        return f"What was fetched of {hub_id} cannot be stored: {kept[0].strerror}."
    return f"The download of {hub_id} broke off; {_LOAD_AGAIN}."


def _bar(progress: DownloadProgress) -> Any:
    """A class as huggingface_hub wants for its bars, that tells `progress` and draws nothing.

    Of the bars that count bytes one counts what travelled, one what is on the disk; `progress` gets
    the larger count, so that it works for every transport.
    """
    bars: list[Any] = []

    class Bar(tqdm):  # type: ignore[type-arg]
        raised: BaseException | None = None

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "disable": False, "file": io.StringIO()})
            if self.unit == "B":
                bars.append(self)

        def display(self, *args: Any, **kwargs: Any) -> bool:
            return True

        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            totals = [int(bar.total) for bar in bars if bar.total]
            if self in bars and totals:
                done = max(int(bar.n) for bar in bars)
                try:
                    progress(min(done, min(totals)), min(totals))
                except BaseException as error:
                    Bar.raised = error
                    raise
            return shown

        def __eq__(self, other: object) -> bool:
            return self is other

        __hash__ = tqdm.__hash__

    Bar.set_lock(threading.RLock())
    return Bar


def check_cached(file: Path, digest: str, name: str) -> None:
    """Refuse a file of the Hub's cache whose contents do not match its name, and remove it.

    The cache keeps a large file under its SHA-256, so that damage on the way or on the disk shows.

    Raises:
        ValueError: in one sentence.
    """
    kept = file.resolve()
    if kept.parent.name != "blobs" or not re.fullmatch("[0-9a-f]{64}", kept.name):
        return
    if kept.name != digest:
        file.unlink(missing_ok=True)
        kept.unlink(missing_ok=True)
        _changed_here()
        raise ValueError(
            f"The weights of {name} are damaged and were removed; load it again to fetch them anew."
        )


def cached() -> dict[str, Path]:
    """The folder of each checkpoint in the Hub's cache, by its id, in alphabetical order.

    The cache is listed anew where its folder has changed, after a download of this process, and
    else after 2 seconds, within which what other programs add to a repository is not seen. Where
    the cache cannot be read there are none.

    `huggingface_hub.scan_cache_dir` is not used: it reads the state of every file, data sets too,
    and leaves a repository out once a single link of it is broken, as by a download underway.
    """
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE)
    try:
        changed = cache.stat().st_mtime_ns
    except OSError:
        return {}
    return dict(_listed(cache, changed, int(time.monotonic() / LISTING_SECONDS), _last_change))


# A new object with each change that this process makes in the cache: a listing that was underway
# meanwhile, in another thread, is then out of date and is not kept.
_last_change = object()


def _changed_here() -> None:
    global _last_change
    _last_change = object()


@lru_cache(maxsize=1)
def _listed(cache: Path, changed: int, period: int, change: object) -> dict[str, Path]:
    """`cached`, of a cache folder last changed at that time, in that period of the clock."""
    found = {}
    try:
        repositories = sorted(cache.glob("models--*--*"))
    except OSError:
        return {}
    for repository in repositories:
        hub_id = repository.name.removeprefix("models--").replace("--", "/", 1)
        try:
            commit = (repository / "refs" / "main").read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            continue
        folder = repository / "snapshots" / commit
        if weights_in(folder) is not None:
            found[hub_id] = folder
    return found


def weights_in(folder: Path, links: bool = True) -> Path | None:
    """The weights file of a checkpoint folder in any layout; None where it is no checkpoint.

    Whether the file can be read is not checked. Never raises: why a folder is left out says
    `reason_left_out`.

    Args:
        folder: The folder.
        links: Whether its files may be links out of it; see `load_checkpoint`.
    """
    return _look(folder, links)[0]


def reason_left_out(folder: Path, links: bool = True) -> str | None:
    """Why a folder with the settings of a checkpoint is left out of lists, in one sentence.

    None where it is a checkpoint, or has no such settings at all.

    Args:
        folder: The folder.
        links: Whether its files may be links out of it; see `load_checkpoint`.
    """
    return _look(folder, links)[1]


def _look(folder: Path, links: bool) -> tuple[Path | None, str | None]:
    """The weights file of a folder, or why there is none."""
    name = printable(folder.name)
    try:
        stamps = tuple(
            (each, file.stat().st_mtime_ns)
            for each in SETTINGS
            if (file := folder / each).is_file()
        )
        if not stamps:
            return None, None
        names, reason = _names(folder, stamps)
        if reason is None:
            file = weights_file(folder, names, files_in(folder), name)
            with in_a_sentence(name):
                if not links:
                    check_links(folder, [*SETTINGS, file.relative_to(folder).as_posix()])
            return file, None
        return None, reason
    except (OSError, ValueError) as error:
        words = str(error) if isinstance(error, ValueError) else f"{name} cannot be read."
        return None, words


@lru_cache(maxsize=1024)
def _names(folder: Path, stamps: tuple[tuple[str, int], ...]) -> tuple[tuple[str, ...], str | None]:
    """The names that the weights may have; or none, and why the settings cannot be used."""
    name = printable(folder.name)
    try:
        with in_a_sentence(name):
            return read_settings(folder)[1], None
    except ValueError as error:
        return (), str(error)
    except Exception as error:  # a list must stand, whatever one of its folders holds
        logging.error("The settings of %s cannot be read", name, exc_info=error)
        return (), f"The checkpoint {name} cannot be used: its settings cannot be read."


def known_digest(weights: Path) -> str | None:
    """The SHA-256 by which the Hub's cache keeps this file; None for a file of elsewhere."""
    kept = weights.resolve()
    in_cache = kept.parent.name == "blobs" and re.fullmatch("[0-9a-f]{64}", kept.name)
    return kept.name if in_cache else None
