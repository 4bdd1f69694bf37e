"""The pages for readers: their commands are parsed, their Python is run, their names exist."""

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from conftest import save_tiny

from diffusion_core.__main__ import app

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
CODE = [path for folder in ("diffusion_core", "tabs") for path in (ROOT / folder).rglob("*.py")]


def commands(page: str) -> list[str]:
    """The indented commands of a page, each on one line."""
    text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.startswith("    ")]


def core_commands() -> list[Any]:
    found = []
    for page in ("README.md", "docs/command-line.md", "docs/training.md"):
        for line in commands(page):
            _, core, words = line.partition("-m diffusion_core ")
            if core:
                found.append(pytest.param(shlex.split(words), id=f"{page} {words[:50]}"))
    return found


def parsed(words: list[str]) -> dict[str, Any]:
    """The options of a command of the core, as it would be called with them; nothing runs."""
    group: Any = typer.main.get_command(app)
    command, rest = group.commands[words[0]], list(words[1:])
    while getattr(command, "commands", None):  # a group, as family
        command = command.commands[rest.pop(0)]
    return command.make_context(words[0], rest).params


@pytest.mark.parametrize("words", core_commands())
def test_the_commands_of_the_pages_are_taken(words):
    options = parsed(words)
    for name in ("model", "init"):  # a folder of this repository is there
        if str(options.get(name) or "").startswith("pretrained/"):
            assert (ROOT / options[name] / "config.json").is_file()


def test_a_command_with_an_unknown_option_is_seen():
    assert len(core_commands()) > 12
    with pytest.raises(Exception, match="No such option"):
        parsed(["sample", "--colour", "red", "--out", "a.png"])
    with pytest.raises(Exception, match="No such option"):
        parsed(["family", "sample", "--colour", "red", "--out", "a.png"])


def test_the_weights_that_the_training_page_begins_with_fit(tmp_path):
    """Its network must have the shape of the one that is asked for."""
    import numpy as np
    import torch

    from diffusion_core.data import ImageDataset
    from diffusion_core.training import TrainConfig
    from diffusion_core.training_runs import TrainingPlan, beginning

    lines = [line for line in commands("docs/training.md") if "--init" in line]
    options = parsed(shlex.split(lines[0].partition("-m diffusion_core ")[2]))
    side = options["size"]
    pictures = np.zeros((4, side, side, 3), np.uint8)
    data = ImageDataset("some", pictures, torch.arange(4) % 2, ("a", "b"))
    up = tuple(word == "yes" for word in options["attention_up"].split(","))
    plan = TrainingPlan.for_data(
        data,
        TrainConfig(),
        {"name": options["schedule"]},
        tuple(map(int, options["channels"].split(","))),
        patch_size=options["patch_size"],
        attention_up=up,
        init=str(ROOT / options["init"]),
    )
    assert beginning(plan).config.image_size == (side, side)


def examples() -> list[Any]:
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    return [pytest.param(code, id=str(k)) for k, code in enumerate(blocks)]


@pytest.mark.parametrize("code", examples())
def test_the_python_of_the_pages_runs(code, tmp_path, capsys):
    """With a tiny network in place of the shipped one, and few steps."""
    folder = save_tiny(tmp_path / "tiny")
    assert "pretrained/fashion-mnist" in code or "load_checkpoint" not in code
    code = code.replace("pretrained/fashion-mnist", folder.as_posix())
    exec(compile(code.replace("num_steps=25", "num_steps=3"), "docs/python.md", "exec"), {})
    printed = capsys.readouterr().out
    assert printed and "differs" not in printed


def test_there_are_examples():
    assert len(examples()) == 4


def test_the_two_commands_stand_in_the_readme_as_the_tests_of_it_read_them():
    lines = commands("README.md")
    assert "pip install -r requirements.txt && python app.py" in lines
    assert "pip install -r requirements.txt -r tests/requirements.txt && pytest" in lines


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_that_are_there(page):
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)", text):
        if not link.startswith(("http:", "https:")):
            assert (page.parent / link).exists(), link


def test_paths_that_contributing_names_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:tabs|diffusion_core|tests|pretrained|docs)/[\w/.]*)`", text)
    for path in named:
        assert "NAME" in path or (ROOT / path).exists(), path
    assert len(named) >= 8


def test_a_row_of_the_map_names_what_is_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8").split("## Where each thing lives")[1]
    above, seen = "", 0
    for line in text.splitlines():
        if line.startswith("    "):
            deep = line.startswith("      ")
            names = re.split(r", | … ", re.split(r" {2,}", line.strip())[0])
            for name in names:
                assert (ROOT / (above if deep else "") / name).exists(), name
                seen += 1
            above = above if deep else names[0]
    assert seen >= 15


def names_in_code() -> set[str]:
    """Every class, and every name that a module assigns."""
    found = set()
    for path in CODE:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.Assign):
                found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def test_every_name_of_the_glossary_exists_in_the_code():
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([A-Z]\w+)` \|", text, re.MULTILINE)
    assert len(named) > 25 and len(named) == len({*named})
    assert {*named} <= names_in_code()


def test_every_symbol_of_the_glossary_is_used_by_the_core():
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").split("## Words")[0]
    source = "\n".join(path.read_text(encoding="utf-8") for path in CODE)
    column = re.findall(r"^\|[^|]*\|([^|]*)\|", text, re.MULTILINE)  # the second one
    symbols = re.findall(r"`(\w+)(?:\(t\))?`", "".join(column))
    assert len(symbols) >= 17
    for symbol in symbols:
        assert re.search(rf"\b{symbol}\b", source), symbol


def test_the_variables_of_the_space_page_are_options_with_these_limits():
    from tabs import launch_options
    from tabs.shared.limits import PUBLIC_BOUNDS, PUBLIC_LIMITS, PUBLIC_PLACES, PUBLIC_POINTS
    from tabs.shared.sessions import GRACE, GRACE_VARIABLE

    options = typer.main.get_command(launch_options._app).params
    heeded = {option.envvar for option in options if isinstance(option.envvar, str)}
    text = (ROOT / "docs" / "space.md").read_text(encoding="utf-8").split("## Variables")[1]
    limits = {
        "PLAYGROUND_MAX_": {**vars(PUBLIC_BOUNDS), **vars(PUBLIC_PLACES)},
        "TRAIN_MAX_": vars(PUBLIC_LIMITS),
        "POINTS_MAX_": vars(PUBLIC_POINTS),
    }
    named, checked = set(), 0
    for first, values in re.findall(r"^\| (`.*?) \| (.*?) \|", text, re.MULTILINE):
        names = re.findall(r"`(\w+)`", first)
        names = [f"TRAIN_MAX{name}" if name.startswith("_") else name for name in names]
        named |= {*names}
        for prefix, known in limits.items():
            if names[0].startswith(prefix):
                numbers = [float(v.replace(",", "")) for v in values.split(", ")]
                assert numbers == [known[n.removeprefix(prefix).lower()] for n in names], first
                checked += len(numbers)
    assert named - {"HF_HOME", GRACE_VARIABLE} <= heeded
    assert f"| `{GRACE_VARIABLE}` | {GRACE:g} |" in text
    assert checked == sum(len(known) for known in limits.values())
