"""The start of the page: what it may not wait for, and that its benchmark measures it."""

import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace

import torch
from gradio import networking
from safetensors.torch import load_file

import app
from bench.start import bench_start
from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.files import shipped_folder

ROOT = Path(__file__).parents[1]
# What takes long to import, or much memory, and serves only some of what one can do.
LATER = ("torch._dynamo", "sympy", "triton", "torch.distributed.fsdp", "accelerate", "torchvision")
SERVER = (
    "-c",
    "import http.server, os\n"
    "here = ('127.0.0.1', int(os.environ['GRADIO_SERVER_PORT']))\n"
    "http.server.HTTPServer(here, http.server.SimpleHTTPRequestHandler).serve_forever()\n",
)


def test_a_model_is_loaded_and_the_page_laid_out_without_what_only_training_needs(tmp_path):
    """What torch and gradio import themselves counts not; the page opens with a shipped model."""
    code = (
        "import sys, torch\n"
        "before = {*sys.modules}\n"
        "import diffusion_core.generation, diffusion_core.inspection\n"
        "import diffusion_core.training_runs\n"
        "from diffusion_core.checkpoint import load_checkpoint\n"
        f"load_checkpoint({str(shipped_folder() / 'avatars')!r})\n"
        f"print({{*{LATER}}} & ({{*sys.modules}} - before))\n"
        "import gradio\n"
        "before |= {*sys.modules}\n"
        "import app\n"
        "app.build()\n"
        f"print({{*{LATER}}} & ({{*sys.modules}} - before))\n"
    )
    env = os.environ | {"DIFFUSION_MODELS": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.stdout.split() == ["set()", "set()"], done.stdout + done.stderr


def test_gradio_writes_no_type_stubs_and_does_not_parse_its_sources(tmp_path, monkeypatch):
    """Parsing them is a third of its import; see tabs.importing_gradio."""
    import ast

    import gradio.component_meta

    source = tmp_path / "own_component.py"
    source.write_text("import gradio\n\n\nclass Own(gradio.HTML):\n    pass\n")
    monkeypatch.setattr(ast, "parse", None)
    spec = spec_from_file_location("own_component", source)
    assert spec is not None and spec.loader is not None
    spec.loader.exec_module(module_from_spec(spec))
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["own_component.py"]
    # Where Gradio does it by another name, it has to be spared anew.
    assert "create_or_modify_pyi(" in Path(gradio.component_meta.__file__).read_text()


def test_a_page_that_is_slow_to_answer_is_waited_for_and_a_closed_door_is_not(monkeypatch):
    """Gradio gives it three seconds, and ends the program."""

    class Slow(BaseHTTPRequestHandler):
        def do_HEAD(self):
            time.sleep(0.4)
            self.send_response(statuses.pop(0))
            self.end_headers()

        def log_message(self, *args):
            pass

    statuses = [200, 303, 401, 500, 200]
    with HTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        assert [app.answers(url) for _ in range(4)] == [True, True, True, False]
        assert not app.answers(url, within=0.1)
        server.shutdown()
    assert not app.answers(url)
    launched = []
    demo = SimpleNamespace(launch=lambda **options: launched.append(networking.url_ok))
    monkeypatch.setattr(networking, "url_ok", None)
    app.launch(demo)
    assert launched == [app.answers] and app.ANSWERS_WITHIN >= 60


def test_the_numbers_of_a_network_that_is_read_are_those_of_its_file():
    """None is left as it was before the file was read, of parameters or of what else it holds."""
    folder = shipped_folder() / "avatars"
    unet = load_checkpoint(folder).unet
    file = {name: v.float() for name, v in load_file(folder / "model.safetensors").items()}
    torch.testing.assert_close(dict(unet.state_dict()), file, rtol=0, atol=0)
    encoder = unet.class_embedding
    sizes = list(encoder.sizes)
    assert encoder._last.tolist() == sizes
    assert encoder._first.tolist() == [sum(sizes[:k]) + k for k in range(len(sizes))]


def test_the_benchmark_of_the_start_prints_a_line_for_each_measure(capsys):
    bench_start(1, SERVER, SERVER, rest=0)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["what"].split(":")[0] for line in lines] == [
        "start, to the first answer",
        "start, to the first answer, on the processor",
        "start, memory at rest",
    ]
    for line in lines:
        assert 0.01 < line["ratio"] < 100 and all(x > 0 for x in line.get("ms", line.get("MB")))
