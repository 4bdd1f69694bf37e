"""Files written whole or not at all, names for them, and the folders that a process works in.

A file is written beside its name first, then renamed into place.
"""

from __future__ import annotations

import atexit
import errno
import os
import re
import shutil
import tempfile
import time
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_cache_path

if TYPE_CHECKING:
    from torch import Tensor

NAME = "diffusion-playground"
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)  # a file may not be written
# Names that Windows keeps for devices, with any suffix.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)", re.IGNORECASE)
_TEMPORARY: list[tuple[int, Path]] = []  # folders of this process, each with the process's id


def replace_file(path: Path, write: Any) -> None:
    """Call `write` with a temporary path, flush that file, and rename it over `path` in one move.

    Args:
        path: The file to write; folders on the way to it are made.
        write: Writes the file at the path that it is given; what it raises leaves `path` as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        _rename(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _rename(temporary: Path, path: Path) -> None:
    """Rename over `path`; on Windows wait for programs that read it, as a virus scanner does."""
    for seconds in (0.05, 0.1, 0.2, 0.4, 0.8):
        try:
            return os.replace(temporary, path)
        except PermissionError:
            if os.name != "nt":
                raise
            time.sleep(seconds)
    os.replace(temporary, path)


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file beside its name, then rename it into place.

    Args:
        path: The file to write; folders on the way to it are made.
        tensors: On the CPU, contiguous.
        metadata: Texts by name, for the file's header.

    Raises:
        OSError: if it cannot be written, with the system's own number, as of a full disk.
    """
    from safetensors import SafetensorError  # only now: this imports torch, which takes seconds
    from safetensors.torch import save_file

    def write(file: Path) -> None:
        try:
            save_file(tensors, str(file), metadata)
        except SafetensorError as error:
            if (number := re.search(r"os error (\d+)", str(error))) is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error

    replace_file(path, write)


def write_text(path: Path, text: str) -> None:
    r"""Write a text file beside its name, then rename it into place.

    What UTF-8 cannot hold, as in names of files that are not UTF-8, is written as \udcff, which in
    JSON means the same.
    """
    replace_file(
        path,
        lambda file: file.write_text(text, encoding="utf-8", errors="backslashreplace"),
    )


def shipped_folder() -> Path:
    """The folder of the models that ship: in the repository, or in an installed package."""
    within = Path(__file__).parent / "pretrained"
    return within if within.is_dir() else Path(__file__).parents[1] / "pretrained"


def own_folder() -> Path:
    """Where one's own models are kept: the folder that DIFFUSION_MODELS names, else runs/.

    That is beside the packages in a clone of the repository, and for an installed package in the
    folder in which the program was started.
    """
    named = os.environ.get("DIFFUSION_MODELS")
    if named:
        return Path(named)
    installed = (Path(__file__).parent / "pretrained").is_dir()
    return (Path.cwd() if installed else Path(__file__).parents[1]) / "runs"


def cache_folder() -> Path:
    """Folder of downloaded data sets and of the avatars; it need not exist yet.

    It is the platform's own cache folder. Two come before it: one below `XDG_CACHE_HOME`, where
    that is set, on every platform; and `~/.cache/diffusion-playground`, where it exists already,
    because that was the place on every platform once. A user without a home directory has a folder
    among the temporary files.
    """
    xdg = os.environ.get("XDG_CACHE_HOME")
    earlier = Path(os.path.expanduser(xdg or "~/.cache")) / NAME
    if xdg or os.path.isdir(earlier):
        return earlier
    try:
        folder = user_cache_path(NAME, appauthor=False)
    except RuntimeError:  # newer versions of platformdirs refuse a user without a home directory
        folder = Path()
    return folder if folder.is_absolute() else Path(tempfile.gettempdir()) / NAME


def folder_name(text: str, most: int = 40) -> str:
    """A name for a folder that every system takes, near to a text; "" where nothing is left.

    Letters and digits of every script stay, in lower case and composed (NFC); anything else becomes
    a hyphen. Names that Windows keeps for devices, as con or nul, get a hyphen in front of their
    suffix, since no other suffix frees them.

    Args:
        text: What a person typed.
        most: Letters of the name; its bytes stay below what file systems take.
    """
    plain = unicodedata.normalize("NFC", text).lower()
    plain = unicodedata.normalize("NFC", "".join(c if _in_a_name(c) else "-" for c in plain))
    plain = re.sub("-{2,}", "-", plain).strip("-.")[:most].strip("-.")
    return _DEVICES.sub(r"\1-\2", plain)


def _in_a_name(character: str) -> bool:
    return character in "_.-" or unicodedata.category(character)[0] in "LNM"


def why_not_writable(folder: Path) -> str | None:
    """The reason why no file can be written in a folder; None where one can.

    A folder that is not there is judged by the nearest one above it that is, and not made.
    """
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"?")
        return None
    except OSError as error:
        return error.strerror or type(error).__name__


def temporary_folder(prefix: str) -> Path:
    """A new folder for this process alone, which goes with it; its name begins with `prefix`."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    _TEMPORARY.append((os.getpid(), folder))
    return folder


@atexit.register
def remove_temporary_folders() -> None:
    """Remove what `temporary_folder` made; a forked process leaves what its parent made."""
    for owner, folder in list(_TEMPORARY):
        if owner == os.getpid():
            shutil.rmtree(folder, ignore_errors=True)


def ensure_home() -> bool:
    """Whether there is a home directory; if not, HOME then names a folder of this process.

    A user whom the system does not know, as in many containers, has none; libraries then raise, or
    write into a folder that is called "~".

    Raises:
        OSError: if there is no folder for temporary files either.
    """
    home = os.path.expanduser("~")
    known = os.path.isabs(home) and os.path.isdir(home)
    if not known:
        os.environ["USERPROFILE" if os.name == "nt" else "HOME"] = str(temporary_folder(f"{NAME}-"))
    return known
