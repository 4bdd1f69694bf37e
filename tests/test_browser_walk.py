"""Walks of the visitor's browser, as the server prepares them: what is sent, and why not."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import json
import re
from types import SimpleNamespace

import gradio as gr
import numpy as np
import onnx
import pytest
from conftest import watch_steps

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.generation import RunCard, SamplingRun
from diffusion_core.inspection import Switches
from tabs.denoise import browser_walk, cost, handlers, model_picker, run_registry, views
from tabs.denoise.form import BROWSER, HOLE, SERVER, DenoiseForm
from tabs.shared.changed_network import ChangedNetwork
from tabs.shared.components import RUNTIME, STATIC, served
from tabs.shared.compute_queue import COMPUTE_QUEUE

ME = SimpleNamespace(session_hash="browser-walk")


@pytest.fixture
def form(tiny_folder, monkeypatch):
    monkeypatch.setenv("DIFFUSION_MODELS", str(tiny_folder.parent))
    return DenoiseForm(
        model=str(tiny_folder), label="Bag", images=1, sampler="ddpm", steps=6, runs_on=BROWSER
    )


def begun(form, run_id="of-browser"):
    (text,) = handlers.denoise(form, run_id, ME)
    return json.loads(text)


def test_the_browser_gets_all_that_a_walk_needs_and_the_server_computes_nothing(
    form, monkeypatch, tiny_folder
):
    watch_steps(monkeypatch, lambda step: pytest.fail("the server walks"))
    monkeypatch.setattr(COMPUTE_QUEUE, "paused", True)
    sent = begun(dataclasses.replace(form, guidance=2.5, threshold="dynamic"))
    walk, table = sent["walk"], sent["walk"]["table"]
    assert sent["total"] == 7 and sent["frames"] == [] and not sent["done"]
    assert sent["head"]["caption"].startswith("walked by this browser · tiny · Bag")
    assert table["shape"] == [1, 28, 28] and len(table["steps"]) == 6
    assert table["y"] == [8, 10] and table["guidance"] == 2.5 and table["percentile"] == 0.995
    name = walk["graph"].rpartition("/")[2]
    graph = onnx.load(served() / "graphs" / name)
    assert [each.name for each in graph.graph.input] == ["x_t", "t", "y"]
    assert walk["size"] > (served() / "graphs" / name).stat().st_size + 3_000_000
    run = SamplingRun(checkpoint := load_checkpoint(tiny_folder), form.walk(checkpoint)[0])
    start = np.frombuffer(base64.b64decode(walk["start"]), np.float32)
    assert np.array_equal(start, run.beginning().x_t.numpy().ravel())


def test_the_card_names_the_engine_and_is_replayed_here(form):
    sent = begun(dataclasses.replace(form, seed=2**63 + 11))
    card = RunCard.from_json(sent["walk"]["card"])
    assert card.engine == "onnxruntime-web" and card.result == "" and card.walk.seed == 2**63 + 11
    assert card.versions["onnxruntime-web"].startswith("1.")
    assert '"result": ""' in sent["walk"]["card"]
    record = run_registry.recorded("of-browser", sent["walk"]["card"])  # for a file, or a branch
    assert record.result is not None and len(record.frames) == 7


def test_noise_comes_piece_by_piece_in_order(form):
    begun(form)

    def noise(**request):
        return json.loads(browser_walk.walk_noise({"run": "of-browser", "count": 3, **request}))

    first, second = noise(first=0), noise(first=3)
    assert [len(base64.b64decode(each["values"])) for each in (first, second)] == [9408, 6272]
    assert noise(first=0) == first and noise(first=3) == second
    for request in ({"first": 4}, {"first": 5}, {"first": -1}, {"first": None}, {"run": "other"}):
        assert noise(**{"first": 0, **request})["error"] == browser_walk.LOST
    browser_walk.WALKS.end_session(ME.session_hash)
    assert noise(first=0)["error"] == browser_walk.LOST


def test_what_no_browser_can_walk_is_refused_in_a_sentence(form, monkeypatch):
    switches = Switches(skips=((0, 0.5),))
    for change, words in (
        ({"begin": HOLE}, "A hole is filled in by the server alone"),
        ({"exact": True}, "The exact answer beside the network is computed by the server"),
        ({"changed": ChangedNetwork(form.model, switches)}, "A network with changes is walked"),
        ({"steps": 1000, "images": 16}, "The noise of this walk has 50 MB, and"),
    ):
        monkeypatch.setattr(browser_walk, "MOST_NOISE_MEGABYTES", 49)
        said = begun(dataclasses.replace(form, **change))["error"]
        assert said.startswith(words) and said.endswith('choose "this server" under Runs on.')
    plenty = {"steps": 1000, "images": 16, "sampler": "ddim"}
    assert "walk" in begun(dataclasses.replace(form, **plenty))  # which adds no noise
    checkpoint = form.checkpoint()
    assert browser_walk.runs_on(checkpoint)["interactive"]
    monkeypatch.setattr(browser_walk, "MOST_MILLIONS", 0.01)
    assert "million parameters, and a browser is sent at most 0.01" in begun(form)["error"]
    control = model_picker.arrived(form.model, "", None, ME)["runs_on"]
    assert control.value == SERVER and not control.interactive and "million" in control.info


def test_what_the_pages_limits_refuse_is_offered_to_the_browser(form, monkeypatch):
    here = dataclasses.replace(form, runs_on=SERVER)
    monkeypatch.setenv("PLAYGROUND_MAX_SESSION", "0")
    refused = begun(here)
    assert refused["offer"] and "As many computations of yours" in refused["error"]
    assert "offer" not in begun(dataclasses.replace(here, exact=True))  # which is the server's
    monkeypatch.delenv("PLAYGROUND_MAX_SESSION")
    assert "offer" not in begun(dataclasses.replace(here, steps=0))  # wrong here and there
    control, walked = handlers.denoise_in_browser(here, "offered", ME)
    assert control == {"runs_on": BROWSER} and "walk" in json.loads(walked["stage"])


def test_what_needs_the_servers_record_of_it_says_so(form, monkeypatch):
    begun(form, "unrecorded")
    with pytest.raises(gr.Error, match="are in your browser alone"):
        views.with_shown("noise", 500, form.model, "unrecorded", 2, 0)
    (said,) = handlers.branch(form, "unrecorded", "", 2, "branched", ME)
    assert json.loads(said)["error"] == browser_walk.STOPPED
    monkeypatch.setattr(cost.models, "seconds_of", lambda walk, checkpoint: 90.0)
    assert cost.expected(form) == ""  # of another computer
    assert cost.expected(dataclasses.replace(form, runs_on=SERVER)).startswith("About 90 s")


def test_the_runtime_is_the_one_that_its_page_names():
    """Unchanged files of the pinned version, each small enough for a plain push to a Space."""
    folder = STATIC / RUNTIME
    about = (folder / "README.md").read_text("utf-8")
    named = dict(re.findall(r"^\| (\S+) \| `([0-9a-f]{64})` \|$", about, re.MULTILINE))
    found = {}
    for path in folder.iterdir():
        content = path.read_bytes()
        assert len(content) < 10_000_000
        packed = path.suffix == ".gz"
        name = path.stem if packed else path.name
        found[name] = hashlib.sha256(gzip.decompress(content) if packed else content).hexdigest()
    assert found.pop("README.md") and found == named and len(named) == 4
    script = (STATIC.parents[1] / "docs" / "scripts" / "vendor_onnxruntime.py").read_text("utf-8")
    assert f'VERSION = "{browser_walk._runtime_version()}"' in script
    assert "MIT License" in (folder / "LICENSE").read_text("utf-8")


def test_a_graph_is_made_once_and_the_oldest_go(form, tiny_folder, avatars_folder, monkeypatch):
    graphs = browser_walk._Graphs()
    one, size = graphs.of(load_checkpoint(tiny_folder))
    file = served() / "graphs" / one.rpartition("/")[2]
    made = file.stat().st_mtime_ns
    assert graphs.of(load_checkpoint(tiny_folder)) == (one, size)
    assert file.stat().st_mtime_ns == made and file.stat().st_size == size
    monkeypatch.setattr(browser_walk, "GRAPHS_KEPT", size)
    other, _ = graphs.of(load_checkpoint(avatars_folder))
    assert other != one and not file.exists()
    assert graphs.of(load_checkpoint(tiny_folder))[0] == one and file.exists()
