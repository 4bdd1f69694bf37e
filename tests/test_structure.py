"""The house: arrows one way, rooms of a size, nothing that cannot be pushed."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LISTING = ["git", "ls-files", "-co", "--exclude-standard"]
FILES = subprocess.run(LISTING, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = path.parent.name + "." if node.level else ""
            base = package + (node.module or "")
            found |= {base.rstrip(".")} | {f"{base.rstrip('.')}.{a.name}" for a in node.names}
    return found


def rooms(folder: str) -> list[Path]:
    return sorted((ROOT / folder).glob("*.py"))


@pytest.mark.parametrize("path", rooms("diffusion_core"), ids=lambda p: p.name)
def test_the_core_knows_nothing_of_the_page(path):
    tops = {name.split(".")[0] for name in imports(path)}
    assert not tops & {"gradio", "plotly", "tabs", "app", "diffusers"}


SHARED = {"models", "player", "walks", "components", "noising", "comparing", "figures", "uploads"}


@pytest.mark.parametrize("path", rooms("tabs"), ids=lambda p: p.name)
def test_tabs_do_not_import_each_other(path):
    others = {p.stem for p in rooms("tabs")} - SHARED - {path.stem, "__init__"}
    assert not {f"tabs.{o}" for o in others} & imports(path)
    assert "app" not in imports(path)


@pytest.mark.parametrize(
    "name", [f for f in FILES if f.endswith(".py") and not f.startswith("tests/")]
)
def test_a_file_is_one_room(name):
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= 260


def test_no_file_is_too_large_for_a_plain_push():
    assert [f for f in FILES if (ROOT / f).stat().st_size > 10 * 1024 * 1024] == []
