"""Vendor ONNX Runtime's build for browsers into tabs/static/onnxruntime.

    python docs/scripts/vendor_onnxruntime.py            writes the files of the pinned version
    python docs/scripts/vendor_onnxruntime.py --check    compares them with what lies there

The runtime is that of the npm package onnxruntime-web, as `npm pack` gets it: one module and one
WebAssembly file, gzipped here without a date, so that the same version gives the same bytes. The
package has no text of its licence, so that this and the third parties' notices are those of the
Python package of the same version and source. It needs npm and pip.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

VERSION = "1.30.0"
FOLDER = Path(__file__).parents[2] / "tabs" / "static" / "onnxruntime"
MODULE, BINARY = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
ABOUT = """# ONNX Runtime for browsers

Unchanged files of the npm package [onnxruntime-web](https://www.npmjs.com/package/onnxruntime-web)
{version} by Microsoft, under the MIT licence (`LICENSE`); `ThirdPartyNotices.txt.gz` lists what it
contains of others. Both texts are those of the PyPI package onnxruntime {version}. What
walks in a visitor's browser runs on it; see `../walker`.

| file | SHA-256, unpacked |
|---|---|
{rows}

`python docs/scripts/vendor_onnxruntime.py` writes this folder again, `--check` compares it.
"""


def packed(content: bytes) -> bytes:
    """The content gzipped, the same bytes every time."""
    return gzip.compress(content, 9, mtime=0)


def of_npm(folder: Path) -> dict[str, bytes]:
    """The module and the WebAssembly file."""
    command = ["npm", "pack", "--silent", f"onnxruntime-web@{VERSION}"]
    subprocess.run(command, cwd=folder, check=True, shell=sys.platform == "win32")
    with tarfile.open(folder / f"onnxruntime-web-{VERSION}.tgz") as archive:
        found = {}
        for name in (MODULE, BINARY):
            member = archive.extractfile(f"package/dist/{name}")
            assert member is not None
            found[name] = member.read()
        return found


def of_pypi(folder: Path) -> dict[str, bytes]:
    """The licence and the third parties' notices."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    subprocess.run([*command, f"onnxruntime=={VERSION}"], cwd=folder, check=True)
    (wheel,) = folder.glob("onnxruntime-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {
            name: archive.read(f"onnxruntime/{name}").replace(b"\r\n", b"\n")
            for name in ("LICENSE", "ThirdPartyNotices.txt")
        }


def files() -> dict[str, bytes]:
    """What the folder is to hold, by name."""
    with tempfile.TemporaryDirectory() as folder:
        found = of_npm(Path(folder)) | of_pypi(Path(folder))
    rows = "\n".join(f"| {n} | `{hashlib.sha256(c).hexdigest()}` |" for n, c in found.items())
    return {
        MODULE: found[MODULE],
        f"{BINARY}.gz": packed(found[BINARY]),
        "LICENSE": found["LICENSE"],
        "ThirdPartyNotices.txt.gz": packed(found["ThirdPartyNotices.txt"]),
        "README.md": ABOUT.format(version=VERSION, rows=rows).encode(),
    }


def unpacked(name: str, content: bytes) -> bytes:
    """A file's content: another zlib may pack it otherwise."""
    return gzip.decompress(content) if content and name.endswith(".gz") else content


def main() -> int:
    """Write the files, or compare them; 1 where one differs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    wanted = files()
    if not parser.parse_args().check:
        FOLDER.mkdir(exist_ok=True)
        for name, content in wanted.items():
            (FOLDER / name).write_bytes(content)
        return 0
    here = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    other = sorted(
        name
        for name in {*here, *wanted}
        if unpacked(name, here.get(name, b"")) != unpacked(name, wanted.get(name, b""))
    )
    print("\n".join(f"{name} differs" for name in other) or "All files are those of the packages.")
    return bool(other)


if __name__ == "__main__":
    sys.exit(main())
