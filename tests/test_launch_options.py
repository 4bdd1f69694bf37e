"""What `python app.py` can be told: by options and variables; what is wrong is a sentence."""

import dataclasses
import json
import os
import socket
from pathlib import Path

import pytest
from conftest import save_tiny
from forked import run_python
from pagelib import free_port

import tabs.shared.sessions  # noqa: F401  reads once whether the page is public: before a test says so
from tabs import launch_options

ROOT = Path(__file__).parents[1]
OURS = (
    "GRADIO_SERVER_NAME",
    "GRADIO_SERVER_PORT",
    "GRADIO_SHARE",
    "GRADIO_INBROWSER",
    "GRADIO_MCP_SERVER",
    "DIFFUSION_MODELS",
    "SPACE_ID",
    "PLAYGROUND_PUBLIC",
    "PLAYGROUND_OPENS_WITH",
    "PLAYGROUND_AUTH",
    "PLAYGROUND_ENGINE",
    "GRADIO_ROOT_PATH",
    *launch_options.NOT_HEEDED,
)


@pytest.fixture(autouse=True)
def environment():
    """Nothing is set, and what an option sets is taken back, after what monkeypatch takes back."""
    before = dict(os.environ)
    for name in OURS:
        os.environ.pop(name, None)
    yield
    os.environ.clear()
    os.environ.update(before)


def test_nothing_said_leaves_it_to_gradio_and_opens_a_browser():
    asked = launch_options.read([])
    assert asked == launch_options.Options(None, None, False, True, False)
    assert asked.launching()["server_port"] is None


def test_the_engine_of_walks_is_one_of_two(monkeypatch, capsys):
    assert launch_options.read(["--engine", "torch"]) != 2
    assert os.environ["PLAYGROUND_ENGINE"] == "torch"
    monkeypatch.setenv("PLAYGROUND_ENGINE", "tensorrt")
    assert launch_options.read([]) == 2
    said = capsys.readouterr().err.strip()
    assert said == "--engine must be torch, onnxruntime or cuda-graphs, not 'tensorrt'."


def test_options_and_variables_say_the_same(monkeypatch, tmp_path):
    port = free_port()
    line = ["--host", "127.0.0.1", "--port", str(port), "--no-browser", "--share"]
    by_options = launch_options.read(
        [
            *line,
            "--models",
            str(tmp_path),
            "--max-train-steps",
            "70",
            "--max-walk-seconds",
            "9",
            "--public",
        ]
    )
    assert by_options == launch_options.Options("127.0.0.1", port, True, False, False, public=True)
    assert os.environ["DIFFUSION_MODELS"] == str(tmp_path)
    assert os.environ["TRAIN_MAX_STEPS"] == "70" and os.environ["PLAYGROUND_PUBLIC"] == "1"
    from tabs.shared.limits import Bounds, Limits

    assert Limits.here().steps == 70 and Bounds.here().walk_seconds == 9
    for name, value in (
        ("GRADIO_SERVER_NAME", "127.0.0.1"),
        ("GRADIO_SERVER_PORT", str(port)),
        ("GRADIO_INBROWSER", "0"),
        ("GRADIO_SHARE", "True"),
        ("TRAIN_MAX_STEPS", "80"),
    ):
        monkeypatch.setenv(name, value)
    assert launch_options.read([]) == by_options
    assert Limits.here().steps == 80


def test_each_limit_of_the_page_has_an_option():
    from tabs.shared.limits import Bounds, Limits

    for kind, prefix in ((Bounds, "--max-"), (Limits, "--max-train-")):
        names = [field.name for field in dataclasses.fields(kind)]
        values = {name: 11 + k for k, name in enumerate(names)}
        line = [
            word
            for name, value in values.items()
            for word in (prefix + name.replace("_", "-"), str(value))
        ]
        assert isinstance(launch_options.read(line), launch_options.Options)
        assert dataclasses.asdict(kind.here()) == values


def test_the_owner_says_what_the_page_opens_with(tmp_path, monkeypatch):
    from tabs.denoise import defaults
    from tabs.shared import models

    monkeypatch.setenv("DIFFUSION_MODELS", str(save_tiny(tmp_path / "mine").parent))
    shipped = models.first()
    launch_options.read(["--opens-with", "mine"])
    assert models.first() == str(tmp_path / "mine") != shipped
    assert defaults.opening(models.first()).label == "Bag"
    save_tiny(tmp_path / "avatars")  # a namesake stands behind what ships
    monkeypatch.delenv("PLAYGROUND_OPENS_WITH")
    assert models.first() == shipped
    launch_options.read(["--opens-with", "theirs"])
    with pytest.raises(ValueError, match="cannot open with 'theirs', which is not here"):
        models.first()


@pytest.mark.parametrize(
    ("line", "public"),
    [
        ([], ""),
        (["--host", "localhost"], ""),
        (["--host", "[::1]"], ""),
        (["--host", "127.0.0.7"], ""),
        (["--share"], "1"),
        (["--share", "--no-public"], ""),
        (["--share", "--private"], ""),
        (["--host", "0.0.0.0"], "1"),
        (["--host", "::"], "1"),
        (["--host", "no.such.host.invalid"], "1"),
        (["--host", "0.0.0.0", "--private"], ""),
        (["--host", "0.0.0.0", "--auth", "class:secret"], ""),
        (["--host", "0.0.0.0", "--auth", "class:secret", "--public"], "1"),
        (["--root-path", "/play"], "1"),
        (["--root-path", "/play", "--private"], ""),
        (["--public"], "1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_who_comes_from_elsewhere_is_a_stranger_unless_the_owner_says_else(line, public):
    options = launch_options.read(line)
    assert os.environ["PLAYGROUND_PUBLIC"] == public and options.public == bool(public)
    told = options.described
    assert told.startswith("Public: " if public else "Private: ") and told.count("\n") <= 1
    assert max(map(len, told.splitlines())) <= 140 and "secret" not in told
    only_here = "nobody but this computer" in told
    far = {"--share", "--root-path", "0.0.0.0", "::", "no.such.host.invalid"}
    assert only_here == (not far & {*line})
    os.environ["SPACE_ID"] = "me/space"
    assert launch_options.read(line).public and "Space" in launch_options.read(line).described


@pytest.mark.parametrize("value", ["0", "false", "no", "1", "true"])
def test_the_variable_and_the_page_agree_on_who_is_public(value):
    os.environ["PLAYGROUND_PUBLIC"] = value
    code = "\nfrom tabs.shared.sessions import PUBLIC\nprint(PUBLIC)\n"
    assert run_python(code).stdout.strip() == str(value in ("1", "true"))
    assert launch_options.read([]).public == (value in ("1", "true"))


LAUNCH = """
import json, os, sys
import gradio as gr
from tabs import launch_options
asked = []
gr.networking.setup_tunnel = lambda **where: asked.append(where)
options = launch_options.read(sys.argv[1:])
with gr.Blocks() as demo:
    gr.Markdown("x")
demo.launch(prevent_thread_lock=True, quiet=True, **options.launching())
print(json.dumps([
    options.public, demo.share, demo.share_url, asked, demo.allowed_paths, demo.root_path,
    demo.server_name, bool(demo.mcp_server), demo.vibe_mode, os.environ["NO_PROXY"],
]))
sys.stdout.flush()
os._exit(0)
"""


def test_no_variable_of_gradio_and_no_host_overrules_the_options(monkeypatch):
    """Kaggle and Colab ask for a public link by themselves; variables open files, or share."""
    for name, value in (
        ("KAGGLE_KERNEL_RUN_TYPE", "Interactive"),
        ("GRADIO_SHARE", "true"),
        ("GRADIO_SERVER_NAME", "0.0.0.0"),
        ("GRADIO_ROOT_PATH", "/elsewhere"),
        ("GRADIO_ALLOWED_PATHS", "/"),
        ("GRADIO_VIBE_MODE", "1"),
        ("GRADIO_MCP_SERVER", "true"),
        ("HTTP_PROXY", "http://no.such.proxy.invalid:3128"),
        ("http_proxy", "http://no.such.proxy.invalid:3128"),
        ("no_proxy", "intranet"),
    ):
        monkeypatch.setenv(name, value)
    line = ["--no-share", "--host", "127.0.0.1", "--root-path", "", "--no-mcp", "--no-browser"]
    done = run_python(LAUNCH, [*line, "--port", free_port()])
    assert done.returncode == 0, done.stderr
    for name in launch_options.NOT_HEEDED:
        assert f"{name} is not heeded here." in done.stderr.splitlines()
    proxies = "intranet,localhost,127.0.0.1"
    own = [False, False, None, [], [], "", "127.0.0.1", False, False, proxies]
    assert json.loads(done.stdout.splitlines()[-1]) == own


def test_on_a_space_no_browser_opens(monkeypatch):
    monkeypatch.setenv("SPACE_ID", "me/space")
    assert not launch_options.read([]).browser


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["--port", "many"], "--port"),
        (["--port", "70000"], "--port"),
        (["--colour", "red"], "--colour"),
        (["--max-train-steps", "0"], "--max-train-steps"),
        (["--models", str(ROOT / "app.py")], "--models"),
        (["--host", "no.such.host.invalid", "--port", "7999"], "Nobody can listen on"),
        (["extra"], "extra"),
        (["--auth", "secret"], "--auth"),
        (["--auth", "class:"], "--auth"),
        (["--auth", ":secret"], "--auth"),
        (["--auth", "class:secret", "--mcp"], "--mcp"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value)[:20],
)
def test_what_is_wrong_is_one_sentence_and_exit_code_2(line, words, capsys):
    assert launch_options.read(line) == 2
    said = capsys.readouterr().err.strip()
    assert "secret" not in said and words in said and "\n" not in said and "Traceback" not in said


def test_a_variable_that_is_no_number_is_refused_too(monkeypatch, capsys):
    monkeypatch.setenv("TRAIN_MAX_STEPS", "many")
    assert launch_options.read([]) == 2
    assert "TRAIN_MAX_STEPS" in capsys.readouterr().err


def test_a_port_in_use_is_told_before_anything_is_loaded(capsys):
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        assert launch_options.read(["--port", str(door.getsockname()[1])]) == 2
    assert "Nobody can listen on 127.0.0.1" in capsys.readouterr().err


def test_mcp_without_its_package_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(launch_options, "find_spec", lambda name: None)
    assert launch_options.read(["--mcp"]) == 2
    assert 'pip install "gradio[mcp]"' in capsys.readouterr().err
    monkeypatch.setattr(launch_options, "find_spec", lambda name: object())
    assert launch_options.read(["--mcp"]).launching()["mcp_server"] is True


def test_the_password_is_not_handed_to_other_programs(monkeypatch):
    assert launch_options.read(["--auth", "class:se:cret"]).auth == ("class", "se:cret")
    assert "PLAYGROUND_AUTH" not in os.environ
    monkeypatch.setenv("PLAYGROUND_AUTH", "class:secret")
    assert launch_options.read([]).launching()["auth"] == ("class", "secret")


def test_help_lists_them_from_the_command_line():
    told = run_python("app", ["--help"])
    assert told.returncode == 0
    wanted = "--host --port --share --models --browser --mcp --max-train-steps GRADIO_SERVER_PORT"
    for name in [*wanted.split(), "PLAYGROUND_MAX_DOWNLOAD_MEGABYTES"]:
        assert name in told.stdout
    bad = run_python("app", ["--port", "x"])
    assert bad.returncode == 2 and bad.stderr.count("\n") == 1
