"""The house: arrows one way, the mathematics at the top, public faces, no large files."""

import ast
import importlib
import inspect
import subprocess
from pathlib import Path

import pytest

import app
import diffusion_core
import tabs.shared

ROOT = Path(__file__).parents[1]
LISTING = ["git", "ls-files", "-co", "--exclude-standard"]
FILES = subprocess.run(LISTING, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
MATHEMATICS = diffusion_core.__all__[:10]  # in reading order
PACKAGES = sorted(p.parent.name for p in (ROOT / "diffusion_core").glob("*/__init__.py"))
TABS = {*app.TABS}


def imports(path: Path) -> set[str]:
    """Full names of all that a file imports, relative ones made absolute."""
    package = path.relative_to(ROOT).parent.parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {base} | {f"{base}.{a.name}" for a in node.names}
    return found


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def rooms(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", rooms("diffusion_core"), ids=name)
def test_the_core_knows_nothing_of_the_page(path):
    tops = {name.split(".")[0] for name in imports(path)}
    assert not tops & {"gradio", "plotly", "tabs", "app", "diffusers"}


@pytest.mark.parametrize("path", rooms("tabs"), ids=name)
def test_tabs_do_not_import_each_other(path):
    own = path.relative_to(ROOT).with_suffix("").parts[1]
    met = {i.split(".")[1] for i in imports(path) if i.startswith("tabs.")}
    assert not met & (TABS - {own})
    if own == "shared":
        assert met <= {"shared"}
    assert "app" not in imports(path)


def test_nothing_below_imports_the_static_page():
    for path in [*rooms("diffusion_core"), *rooms("tabs")]:
        assert not any(met.split(".")[0] == "playground_page" for met in imports(path)), path


def test_the_rule_sees_relative_imports():
    assert "tabs.shared.start_image" in imports(ROOT / "tabs/denoise/form.py")
    assert "tabs.denoise.form" in imports(ROOT / "tabs/denoise/handlers.py")
    assert "tabs.shared.components" in imports(ROOT / "tabs/noise/layout.py")


def test_the_top_of_the_core_is_the_mathematics_in_reading_order():
    top = {p.stem for p in (ROOT / "diffusion_core").glob("*.py")}
    assert top == {*MATHEMATICS, "files", "fields", "device", "__init__", "__main__"}
    listed = [line.split()[0] for line in diffusion_core.__doc__.splitlines() if line[:4] == "    "]
    assert listed == MATHEMATICS  # the docstring tells a newcomer what to read first


@pytest.mark.parametrize("stem", MATHEMATICS)
def test_a_file_of_mathematics_builds_on_what_was_read_before(stem):
    own = imports(ROOT / "diffusion_core" / f"{stem}.py")
    met = {i.split(".")[1] for i in own if i.startswith("diffusion_core.")}
    assert met <= {*MATHEMATICS[: MATHEMATICS.index(stem)], "data"}
    assert not any(i.startswith("diffusion_core.data.") and "ImageDataset" not in i for i in own)


@pytest.mark.parametrize("folder", ["diffusion_core", "tabs"])
def test_imports_have_no_circles(folder):
    """Whoever imports one file gets no half-made other: also for those inside functions."""
    known = {module_of(p): p for p in rooms(folder)}
    arrows = {m: {i for i in imports(p) if i in known and i != m} for m, p in known.items()}
    for module, met in arrows.items():  # a package's face is no step on the way to its own rooms
        arrows[module] = {i for i in met if not module.startswith(f"{i}.")}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join([*path[path.index(module) :], module])
        if module not in done:
            for other in sorted(arrows[module]):
                visit(other, (*path, module))
            done.add(module)

    for module in arrows:
        visit(module, ())


@pytest.mark.parametrize("package", ["", *(f".{p}" for p in PACKAGES)])
def test_a_package_of_the_core_has_a_public_face(package):
    face = importlib.import_module(f"diffusion_core{package}")
    assert face.__doc__ and face.__all__
    if package:
        assert all(hasattr(face, name) for name in face.__all__)
    else:
        assert {*face.__all__} == {*MATHEMATICS, "files", "fields", "device", *PACKAGES}


@pytest.mark.parametrize(
    "path",
    [p for f in ("diffusion_core", "tabs", "playground_page", "bench") for p in rooms(f)],
    ids=name,
)
def test_a_package_is_used_by_its_public_face(path):
    """Only its own rooms and the tests go behind it."""
    for met in imports(path):
        parts = met.split(".")
        if parts[0] == "diffusion_core" and len(parts) > 2 and parts[1] in PACKAGES:
            own = path.relative_to(ROOT).parts[:2] == ("diffusion_core", parts[1])
            face = importlib.import_module(f"diffusion_core.{parts[1]}").__all__
            assert own or parts[2] in face, met


def test_each_tab_and_what_they_share_has_a_public_face():
    for tab in TABS:
        face = importlib.import_module(f"tabs.{tab}")
        assert [name for name in face.__all__ if name != "begin"] == ["build"]
        assert [*inspect.signature(face.build).parameters] == ["page"]  # one signature for all
    shared = {p.stem for p in (ROOT / "tabs" / "shared").glob("*.py")} - {"__init__"}
    assert {*tabs.shared.__all__} == shared


def test_no_file_is_too_large_for_a_plain_push():
    assert [f for f in FILES if (ROOT / f).stat().st_size > 10 * 1024 * 1024] == []
