"""The static page: written once, opened from a plain file server with no other network."""

from __future__ import annotations

import functools
import http.server
import importlib
import json
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import save_tiny
from pagelib import faults
from playwright.sync_api import expect

import playground_page
from diffusion_core.__main__ import main
from diffusion_core.checkpoint import CONFIG, CheckpointConfig, load_checkpoint
from diffusion_core.generation import RunCard
from diffusion_core.samplers import take_step
from diffusion_core.unet import num_parameters
from playground_page import write_page
from playground_page.write import MOST_BYTES, _shipped, _values

STEPS = (3, 10)
command = importlib.import_module("diffusion_core.cli.export")  # whose name the function hides
# What the page's worker is sent and sends back: start, pieces of noise, and the result's numbers.
LISTEN = """
window.heard = { pieces: [] };
const Own = Worker;
window.Worker = class extends Own {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", ({ data }) => {
      if (data.kind === "done") window.heard.result = [...data.result];
    });
  }
  postMessage(message, ...rest) {
    if (message.kind === "walk") window.heard.start = [...message.start];
    if (message.kind === "noise") window.heard.pieces.push(...message.values);
    super.postMessage(message, ...rest);
  }
};
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("static")
    tiny = save_tiny(root / "tiny")
    write_page(root / "page", (str(tiny),), steps=STEPS[:1])
    write_page(root / "page", (str(tiny),), steps=STEPS)  # and anew
    return root


@pytest.fixture(scope="module")
def address(folder):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(folder / "page"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_the_shipped_models_fit_into_what_a_page_may_have(folder):
    page = folder / "page"
    every = {p: p.stat().st_size for p in page.rglob("*") if p.is_file()}
    without = sum(size for path, size in every.items() if path.parent.name != "models")
    texts = [(Path(name) / CONFIG).read_text("utf-8") for name in _shipped()]
    assert len(texts) == 2
    graphs = sum(2 * num_parameters(CheckpointConfig.from_json(text).unet) for text in texts)
    per_model = 600_000  # the graph's own nodes, and the tables of 50 steps
    assert without + graphs + 2 * per_model <= MOST_BYTES
    assert "sdk: static" in (page / "README.md").read_text("utf-8")
    notices = (page / "NOTICES.md").read_text("utf-8")
    assert "ONNX Runtime Web" in notices and "Zalando" in notices and "CC0" in notices
    assert (page / "modules" / "onnxruntime" / "LICENSE").is_file()
    assert (page / "LICENSE").read_text("utf-8").startswith("MIT")
    assert "http" not in (page / "page.css").read_text("utf-8").replace("http://www.w3.org", "")


def test_a_folder_of_others_is_left_alone(tmp_path, folder):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds other files; choose a new or an empty folder"):
        write_page(tmp_path, (str(folder / "tiny"),))
    with pytest.raises(ValueError, match="is a file; name a folder"):
        write_page(tmp_path / "thesis.txt", (str(folder / "tiny"),))
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_the_command_finds_the_page_above_it_by_name(monkeypatch, capsys):
    given = []
    monkeypatch.setattr(playground_page, "write_page", lambda *a: given.append(a) or 12_300_000)

    def run(*options):
        monkeypatch.setattr(sys, "argv", ["diffusion_core", "export", *options])
        return main()

    assert run("--page", "there") == 0
    assert run("--page", "there", "--model", "mine") == 0
    assert given == [(Path("there"), None), (Path("there"), ("mine",))]
    assert capsys.readouterr().out.splitlines()[0] == "there (12.3 MB)"
    monkeypatch.setattr(command, "PAGE", "a_page_of_nobody")
    assert run("--page", "there") == 2
    assert "The page's own package is not installed" in capsys.readouterr().err
    assert run("--onnx", "a.onnx") == 2
    assert "Name the checkpoint by --model." in capsys.readouterr().err


def test_lessons_speak_of_the_pages_own_controls_or_say_what_is_missing():
    told = [{"name": name} for name in ("avatars", "fashion-mnist")]
    values = _values(told, playground_page.write.STEPS)
    known = {
        f"{tab} {control['label']}": control
        for tab in ("noise", "schedules", "denoise")
        for control in values[tab]
    }
    noise, schedules, step, *others = values["lessons"]["lessons"]
    for lesson in (noise, schedules, step):
        assert "error" not in lesson and len(lesson["steps"]) == 6
        for each in lesson["steps"]:
            assert set(each["controls"]) <= set(known)
    assert noise["steps"][0]["press"] == ["Cat"] and noise["steps"][0]["own"] == {"Timestep": 0}
    asked = step["steps"][0]
    assert asked["controls"]["denoise Class"] == "Open peeps" and asked["right"] == 1
    assert asked["controls"]["denoise Seed"] == "7" and asked["controls"]["denoise Steps"] == 20
    assert [each["error"].rpartition(": ")[2] for each in others] == [
        "it opens the view Race.",
        "it sets Images to 16.",
        "it opens the view Race.",
        "it opens the tab Inside.",
        "it opens the tab Points.",
    ]
    assert not any(each["steps"] for each in others)
    few = _values(told, (5, 10))["lessons"]["lessons"][2]
    assert few["error"].endswith("it sets Steps to 20.")


@pytest.mark.browser
def test_it_runs_in_a_browser_alone(browser, folder, address):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page = context.new_page()
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.route("**/*", lambda r: r.continue_() if r.request.url.startswith(address) else r.abort())
    page.on("requestfailed", lambda request: wrong.append(request.url))
    page.add_init_script(LISTEN)
    page.goto(address)
    expect(page.locator("html[data-ready]")).to_be_attached()
    assert faults(page) == []
    page.get_by_label("Sampler").select_option(label="ddpm: many steps")
    page.get_by_label("Class").select_option(label="Bag")
    page.get_by_label("Steps", exact=True).select_option(label="10")
    page.get_by_role("button", name="Denoise", exact=True).click()
    page.wait_for_function("window.heard.result !== undefined", timeout=180_000)
    heard = page.evaluate("window.heard")
    x = torch.tensor(heard["start"]).reshape(4, 1, 28, 28)
    noise = torch.tensor(heard["pieces"]).reshape(-1, 4, 1, 28, 28)
    assert abs(float(noise.mean())) < 0.02 and float(noise.std()) == pytest.approx(1, abs=0.02)
    checkpoint = load_checkpoint(folder / "tiny")
    timesteps = [*checkpoint.schedule.timesteps(10), -1]
    denoiser = checkpoint.denoiser(8)
    for k, (t, t_prev) in enumerate(zip(timesteps, timesteps[1:], strict=False)):
        z = noise[k] if t_prev >= 0 else None
        x = take_step(denoiser, "ddpm", x, t, t_prev, clip_x0=1.0, noise=z).x_prev
    assert np.abs(np.array(heard["result"]) - x.numpy().ravel()).max() < 1e-3

    # Its card is a kind of its own: walked again here, refused by a server in a sentence.
    with page.expect_download() as kept:
        page.get_by_role("button", name="Run card", exact=True).click()
    text = kept.value.path().read_text("utf-8")
    card = json.loads(text)
    assert card["walk"]["seed"] == "7" and "own generator" in card["noise"] and card["result"]
    with pytest.raises(ValueError, match="a static page, which draws noise by"):
        RunCard.from_json(text)
    page.evaluate("window.heard.result = undefined; window.heard.pieces = []")
    page.get_by_label("Seed").last.fill("8")
    page.locator("#part-player .open input").set_input_files(
        {"name": "card.json", "mimeType": "application/json", "buffer": text.encode()}
    )
    page.wait_for_function("window.heard.result !== undefined", timeout=180_000)
    assert page.evaluate("window.heard.result") == heard["result"]
    for foreign, sentence in (
        ('{"format": "diffusion-playground/run-1"}', "whose noise this page cannot draw"),
        ("{}", "This is not a run card of this page"),
    ):
        page.locator("#part-player .open input").set_input_files(
            {"name": "card.json", "mimeType": "application/json", "buffer": foreign.encode()}
        )
        expect(page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()

    # The other parts, by keyboard, with the straight path among the schedules.
    page.get_by_role("tab", name="Denoise").press("ArrowLeft")
    page.get_by_label("flow", exact=True).check()
    expect(page.locator("#part-compare .cards figcaption")).to_have_text(
        ["linear", "cosine", "sigmoid", "flow"]
    )
    clean = "document.querySelector('#part-noise .x0 canvas').toDataURL()"
    unseen = page.evaluate(clean)
    page.get_by_role("tab", name="Schedules").press("ArrowLeft")
    page.get_by_label("Schedule", exact=True).select_option(label="flow")
    page.get_by_label("Timestep").first.fill("749")
    expect(page.locator("#part-noise .equation .b")).to_have_text("0.75")
    assert page.evaluate(clean) == unseen  # not cut, however large its button shows it
    # A lesson opens the tab, sets plain controls, presses, asks, and gives all back at its end.
    page.get_by_role("button", name="Lessons", exact=True).click()
    expect(page.locator("#lessons .list li")).to_have_count(8)
    inside = page.locator("#lessons li", has_text="Inside the network")
    expect(inside.get_by_role("button")).to_be_disabled()
    expect(inside).to_contain_text("For the playground with a server: it opens the tab Inside.")
    expect(page.get_by_text("Open a lesson file")).not_to_be_visible()
    page.get_by_role("button", name="What a schedule does").click()
    expect(page.get_by_role("tab", name="Schedules")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#part-compare .cards figcaption")).to_have_text(["linear", "cosine"])
    page.get_by_role("button", name="Next").click()
    page.get_by_role("radio", name="cosine", exact=True).check()
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#lessons .answer")).to_contain_text("Right: cosine.")
    expect(page.locator("#part-compare input.t")).to_have_value("500")
    assert page.url.endswith("#lesson=what-a-schedule-does&step=2")
    page.get_by_role("button", name="Leave", exact=True).click()
    expect(page.get_by_role("tab", name="Noise", exact=True)).to_have_attribute(
        "aria-selected", "true"
    )
    expect(page.locator("#part-compare .cards figcaption")).to_have_text(
        ["linear", "cosine", "sigmoid", "flow"]
    )
    expect(page.locator("#part-noise .equation .b")).to_have_text("0.75")
    page.get_by_label("Your own picture").set_input_files(str(folder / "page" / "LICENSE"))
    expect(page.get_by_role("alert").filter(has_text="is no picture")).to_be_visible()
    assert faults(page) == []
    assert wrong == []
    context.close()
