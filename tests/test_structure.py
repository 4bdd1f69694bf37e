"""The house: arrows one way, rooms of a size, nothing that cannot be pushed."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LISTING = ["git", "ls-files", "-co", "--exclude-standard"]
FILES = subprocess.run(LISTING, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()


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


def rooms(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", rooms("diffusion_core"), ids=name)
def test_the_core_knows_nothing_of_the_page(path):
    tops = {name.split(".")[0] for name in imports(path)}
    assert not tops & {"gradio", "plotly", "tabs", "app", "diffusers"}


TABS = {"tabs.noise", "tabs.schedules", "tabs.denoise", "tabs.train"}


@pytest.mark.parametrize("path", rooms("tabs"), ids=name)
def test_tabs_do_not_import_each_other(path):
    own = ".".join(path.relative_to(ROOT).with_suffix("").parts[:2])
    met = {t for t in TABS - {own} for i in imports(path) if i == t or i.startswith(t + ".")}
    assert not met
    assert "app" not in imports(path)


def test_the_rule_sees_relative_imports():
    assert "tabs.starts" in imports(ROOT / "tabs/denoise/asking.py")
    assert "tabs.denoise.asking" in imports(ROOT / "tabs/denoise/running.py")
    assert "tabs.components" in imports(ROOT / "tabs/noise.py")


@pytest.mark.parametrize(
    "name", [f for f in FILES if f.endswith(".py") and not f.startswith("tests/")]
)
def test_a_file_is_one_room(name):
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= 260


def test_no_file_is_too_large_for_a_plain_push():
    assert [f for f in FILES if (ROOT / f).stat().st_size > 10 * 1024 * 1024] == []
