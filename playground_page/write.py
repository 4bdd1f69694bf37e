"""Writes the page: its markup, its looks, its modules, and what was computed for them."""

from __future__ import annotations

import dataclasses
import html
import json
import shutil
from pathlib import Path
from typing import Any

import torch

from diffusion_core.checkpoint import CONFIG, FORMAT, load_checkpoint, shipped_folder
from diffusion_core.files import replace_file, write_text
from diffusion_core.schedule import SCHEDULES, FlowSchedule, make_schedule
from tabs.denoise.form import DenoiseForm
from tabs.noise.form import NoiseForm
from tabs.noise.pictures import SHIPPED
from tabs.schedules.compute import quantity
from tabs.schedules.form import QUANTITIES, ScheduleForm
from tabs.shared.components import RUNTIME, STATIC
from tabs.shared.figures import CURVES

from .controls import controls
from .lessons import lessons
from .models import ETAS, STEPS, samplers, write_model

MODULES = ("lib", "player", "walker", "noise", "compare", "lessons", "page", RUNTIME)
PARTS = {part: part for part in ("noise", "compare", "player", "lessons")}  # component: its folder
MARK = "page.json"  # tells a folder of ours
T = 1000
POINTS = 251  # of a curve
MOST_BYTES = 25_000_000
IMAGES = (1, 4)
ROOT = Path(__file__).parents[1]
# The first lines tell the Hugging Face Hub that the folder is a static Space as it is.
README = """---
title: Diffusion Playground
emoji: 🌫️
colorFrom: purple
colorTo: green
sdk: static
pinned: false
license: mit
---

# Diffusion Playground, as a page without a server

Put this folder on any web server, or try it by `python -m http.server` in it. Nothing is computed
but in the visitor's own browser, and nothing is sent anywhere. Licences: `NOTICES.md`.
"""


def write_page(
    folder: str | Path,
    names: tuple[str, ...] | None = None,
    *,
    steps: tuple[int, ...] = STEPS,
) -> int:
    """Write the static page into a folder.

    Args:
        folder: A folder that is new, empty, or holds such a page, which is written anew.
        names: Checkpoint folders of the models; None takes those that ship.
        steps: The numbers of steps that walks can have.

    Returns:
        The size of all files, in bytes.

    Raises:
        ValueError: in one sentence, if the folder holds something else, a model cannot be walked in
            a browser, or the page would be larger than 25 MB.
        OSError: if a file cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; name a folder for the page.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).is_file():
        raise ValueError(f"{folder} holds other files; choose a new or an empty folder.")
    chosen = names or _shipped()
    if not chosen:
        raise ValueError("There is no model to write; name one by --model.")
    checkpoints = [(Path(name).name or name, load_checkpoint(name)) for name in chosen]
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / MARK, "{}")  # so that what is broken off here can be written anew
    for each in ("models", "modules", "pictures"):
        shutil.rmtree(folder / each, ignore_errors=True)
    (folder / "models").mkdir(parents=True, exist_ok=True)
    told = [write_model(folder / "models", name, known, steps) for name, known in checkpoints]
    _copy(folder)
    values = _values(told, steps)
    write_text(folder / MARK, json.dumps(values, separators=(",", ":")))
    write_text(folder / "index.html", _markup())
    write_text(folder / "page.css", _looks())
    write_text(folder / "NOTICES.md", _notices(checkpoints))
    write_text(folder / "README.md", README)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > MOST_BYTES:
        raise ValueError(
            f"The page has {size / 1e6:.1f} MB, and may have {MOST_BYTES / 1e6:.0f}; name fewer "
            "models by --model."
        )
    return size


def _shipped() -> tuple[str, ...]:
    """The folders of the models that ship and can be walked, without judges and classifiers."""
    configs = sorted(shipped_folder().glob(f"*/{CONFIG}"))
    return tuple(
        str(path.parent)
        for path in configs
        if json.loads(path.read_text(encoding="utf-8")).get("format") == FORMAT
    )


def _copy(folder: Path) -> None:
    """The modules, the runtime and the pictures, as they are."""
    for name in MODULES:
        for path in [*(STATIC / name).glob("*.js"), *(STATIC / RUNTIME).glob("*")]:
            if path.suffix == ".js" or name == RUNTIME:
                copy = folder / "modules" / path.relative_to(STATIC)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
    write_text(folder / "modules" / "package.json", '{ "type": "module" }\n')
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    for file in (*SHIPPED.values(), "LICENCES.md"):
        shutil.copyfile(STATIC / "pictures" / file, folder / "pictures" / file)
    licence = ROOT / "LICENSE"
    if licence.is_file():  # a wheel has it among its metadata
        replace_file(folder / "LICENSE", lambda beside: shutil.copyfile(licence, beside))


def _values(told: list[dict[str, Any]], steps: tuple[int, ...]) -> dict[str, Any]:
    """All that the page's script is told, as JSON takes it."""
    noise = dataclasses.replace(NoiseForm(), size=64)
    first = told[0]["name"]
    usual = min(steps, key=lambda count: abs(count - DenoiseForm().steps))  # type: ignore[operator,arg-type]
    named = [(name, name) for name in SCHEDULES]  # what is drawn by hand needs a server
    parts = {
        "noise": controls(noise, ("size", "seed", "schedule"), {}),
        "schedules": controls(ScheduleForm(), ("what", "names"), {"names": {"choices": named}}),
        "denoise": controls(
            DenoiseForm(model=first),
            ("model", "label", "guidance", "sampler", "steps", "seed", "images", "eta", "spacing"),
            {
                "model": {"choices": [(each["name"], each["name"]) for each in told]},
                "steps": {
                    "kind": "menu",
                    "choices": [(str(count), count) for count in steps],
                    "value": usual,
                },
                "eta": {"kind": "menu", "choices": [(f"{eta:g}", eta) for eta in ETAS]},
                "images": {"choices": [(str(count), count) for count in IMAGES]},
            },
        ),
    }
    return {
        **parts,
        "lessons": lessons(parts),
        "pictures": [(name, f"pictures/{file}") for name, file in SHIPPED.items()],
        "curves": {name: _curves(name) for name in SCHEDULES},
        "quantities": QUANTITIES,
        "colours": CURVES,
        "samplers": samplers(),
        "models": told,
        "runtime": f"modules/{RUNTIME}/",
        "runtime_bytes": next((STATIC / RUNTIME).glob("*.wasm.gz")).stat().st_size,
        "version": _runtime_version(),
    }


def _curves(name: str) -> dict[str, Any]:
    """A schedule with its defaults: what the stages mix by, and a curve of every quantity."""
    schedule = make_schedule(name, T)
    t = torch.arange(T)
    at = torch.linspace(0, T - 1, POINTS, dtype=torch.float64).round().long()
    plots = {
        kind: [
            (suffix, _numbers(torch.as_tensor(values)[at]))
            for suffix, values in quantity(schedule, kind)
        ]
        for kind in QUANTITIES.values()
    }
    return {
        "straight": isinstance(schedule, FlowSchedule),
        "alpha_bars": _numbers(schedule.alphas_cumprod),
        "betas": _numbers(schedule.betas),
        "posterior": _numbers(schedule.posterior_variance(t, t - 1)),
        "at": at.tolist(),
        "plots": plots,
    }


def _numbers(values: torch.Tensor) -> list[float | None]:
    """Seven digits of each; None where it is infinite, which JSON has not."""
    return [float(f"{x:.7g}") if abs(x) < float("inf") else None for x in values.tolist()]


def _runtime_version() -> str:
    text = next((STATIC / RUNTIME).glob("*.mjs")).read_text("utf-8")[:500]
    return text.partition("ONNX Runtime Web v")[2].split()[0]


def _markup() -> str:
    text = (STATIC / "page" / "page.html").read_text("utf-8")
    for name, folder in PARTS.items():
        part = (STATIC / folder / f"{folder}.html").read_text("utf-8")
        text = text.replace(f"<!-- {name} -->", part)
    return text


def _looks() -> str:
    """The page's own looks, and those of each component for its own place alone."""
    looks = [(STATIC / "theme.css").read_text("utf-8")]
    for name, folder in PARTS.items():
        style = (STATIC / folder / f"{folder}.css").read_text("utf-8")
        looks.append(f"#part-{name} {{\n{style}\n}}")
    return "\n".join([*looks, (STATIC / "page" / "page.css").read_text("utf-8")])


def _notices(checkpoints: list[tuple[str, Any]]) -> str:
    trained = "\n".join(
        f"- {html.escape(name, quote=False)}: trained on {known.config.dataset or 'pictures'}"
        for name, known in checkpoints
    )
    return f"""# Notices

This page was written by Diffusion Playground (MIT licence; see `LICENSE`).

## Third parties

- ONNX Runtime Web, in `modules/{RUNTIME}`: Microsoft, MIT licence; its own notices are beside it.
- Pictures, in `pictures`: see `pictures/LICENCES.md`.

## Models

{trained}

Fashion-MNIST is by Zalando SE, MIT licence. The avatars are drawn by DiceBear after Open Peeps by
Pablo Stanley, CC0.
"""
