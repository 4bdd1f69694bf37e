"""The page's scripts: their own tests and types, their addresses, and the messages they take."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tabs.shared import components, wire
from tabs.shared.components import EVENTS, STATIC

JS = Path(__file__).parent / "js"
MODULES = sorted(STATIC.glob("*/*.js"))
COMPONENTS = sorted(path.parent.name for path in STATIC.glob("*/index.js"))
# Types of messages.js that are no messages: what Gradio gives, and what a module exports.
PAGE_ONLY = {"Host", "Mount"}


def tool(found: str | None, name: str) -> str:
    """The path of a tool; where it is missing the test is skipped, but never in CI."""
    if found is None:
        if os.environ.get("CI") or os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(f"{name} is missing; .ci/run installs it")
        pytest.skip(f"{name} is missing; see tests/js/README.md")
    return found


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=JS, capture_output=True, text=True, timeout=120)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-6000:]
    return said


def test_the_scripts_pass_their_own_tests():
    said = run(tool(shutil.which("node"), "node"), "--test", "--test-reporter=tap")
    passed = re.search(r"^# pass (\d+)$", said, re.MULTILINE)
    assert passed and int(passed[1]) >= 70
    assert "# skipped 0" in said


def test_the_scripts_types_hold():
    node = tool(shutil.which("node"), "node")
    compiler = JS / "node_modules" / "typescript" / "bin" / "tsc"
    run(node, tool(str(compiler) if compiler.exists() else None, "tsc"), "-p", str(JS))


def test_types_are_checked_in_every_script():
    settings = json.loads((JS / "tsconfig.json").read_text(encoding="utf-8"))
    assert settings["compilerOptions"]["checkJs"] and settings["compilerOptions"]["strict"]
    assert settings["include"] == ["../../tabs/static/**/*.js"]
    for path in [*MODULES, STATIC / "load.js"]:
        assert not re.search(r"@ts-(nocheck|ignore|expect-error)", path.read_text(encoding="utf-8"))


def typedefs() -> dict[str, dict[str, bool]]:
    """Keys of every typedef of messages.js, and whether each must be there."""
    text = (STATIC / "lib" / "messages.js").read_text(encoding="utf-8")
    found = {}
    for comment in re.findall(r"/\*\*.*?\*/", text, re.DOTALL):
        if name := re.search(r"@typedef \{.+?\} (\w+)\s*$", comment, re.MULTILINE):
            keys = re.findall(r"@property \{.+?\} (\[?)(\w+)", comment)
            found[name[1]] = {key: not bracket for bracket, key in keys}
    return found


def typed_dicts() -> dict[str, dict[str, bool]]:
    """Keys of every TypedDict of wire.py, and whether each must be there."""
    return {
        name: {key: key in kind.__required_keys__ for key in kind.__annotations__}
        for name, kind in vars(wire).items()
        if hasattr(kind, "__required_keys__") and kind.__module__ == wire.__name__
    }


def test_page_and_server_name_the_same_keys():
    theirs, ours = typedefs(), typed_dicts()
    assert set(theirs) - PAGE_ONLY == set(ours)
    assert len(ours) >= 20
    for name, keys in ours.items():
        assert keys and theirs[name] == keys, name


def test_a_key_that_may_be_missing_is_told_apart():
    assert typed_dicts()["PlayerMessage"]["head"] is False
    assert typed_dicts()["PlayerMessage"]["run"] is True
    assert typed_dicts()["NoiseMessage"]["x0"] is True  # of the message that it extends


def test_what_a_module_imports_is_served_beside_it():
    served = components.served()
    vendored = (STATIC / components.RUNTIME).iterdir()
    assert {p.relative_to(served) for p in served.rglob("*") if p.suffix != ".onnx"} == {
        p.relative_to(STATIC) for p in (*MODULES, *vendored)
    } | {p.relative_to(served) for p in served.rglob("*") if p.is_dir()}
    for path in served.rglob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert text == (STATIC / path.relative_to(served)).read_text(encoding="utf-8")
        for name in re.findall(r'^(?:import|\}) .*?from "(.+)";$', text, re.MULTILINE):
            assert name.startswith("."), f"{path.name} imports {name}"
            assert (path.parent / name).resolve().is_relative_to(served.resolve())
            assert (path.parent / name).exists(), f"{path.name} imports {name}"


def test_another_start_is_another_address():
    """Nothing tells a browser how long a module is good: it must not meet the old name again."""
    first = components.loader("player")
    assert f"gradio_api/file={components.served().as_posix()}/player/index.js" in first
    again = subprocess.run(
        [sys.executable, "-c", "from tabs.shared import components; print(components.served())"],
        cwd=STATIC.parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    folder = Path(again.stdout.strip())
    assert folder != components.served()
    assert not folder.exists()  # it went with its process


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_is_a_folder_that_exports_mount(name):
    files = {path.name for path in (STATIC / name).iterdir()}
    looks = {"inside_views": "views", "points_views": "views"}.get(
        name, name
    )  # whose stylesheet it has
    assert {"index.js", f"{name}.html"} <= files and (STATIC / looks / f"{looks}.css").exists()
    assert (f"{name}.css" in files) == (looks == name)
    script = (STATIC / name / "index.js").read_text(encoding="utf-8")
    assert "\nexport function mount(element" in script
    for file in (STATIC / name / f"{name}.html", STATIC / looks / f"{looks}.css"):
        # Gradio evaluates both as template strings, in which these are no plain letters.
        assert not {"\\", "`"} & {*file.read_text(encoding="utf-8")}, file


def test_load_keeps_all_events_that_the_page_sends():
    """Those that a component hears at its own element: what comes too early must not be lost."""
    heard: dict[str, set[str]] = {}
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        for event in re.findall(r'\broot\.addEventListener\("(\w+:\w+)"', text):
            heard.setdefault(path.parent.name, set()).add(event)
    assert heard == {name: set(events) for name, events in EVENTS.items()}


def test_an_event_calls_a_function_of_a_module_with_what_it_is_given():
    text = components.script("training/clicks.js", "fillIn", ["a", "b"])
    address = f"gradio_api/file={components.served().as_posix()}/training/clicks.js"
    assert f'import(new URL("{address}", document.baseURI).href)' in text
    assert text.endswith('.fillIn(["a", "b"], ...inputs)')
    with pytest.raises(ValueError, match=r"training/clicks.js exports no function fillOut\."):
        components.script("training/clicks.js", "fillOut")


def test_events_have_no_scripts_as_text():
    """Only `script` names what an event runs in the browser: text is neither typed nor tested."""
    for path in [*STATIC.parent.rglob("*.py"), STATIC.parents[1] / "app.py"]:
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call):
                continue
            for given in (k.value for k in call.keywords if k.arg == "js"):
                named = isinstance(given, ast.Name) and given.id == "address"
                assert named or ast.unparse(given).startswith(("script(", "new_seed("))
