"""Every door of a public page: what goes through the line, what is closed, and what nobody gets.

The page is asked as a browser or a program asks it, over HTTP. It runs in this process, so that a
test can hold the line and see who waits in it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import threading
from pathlib import Path

import httpx
import pytest
from conftest import save_tiny, wait_for
from pagelib import free_port

from diffusion_core.generation import RunCard
from tabs.denoise.form import PICTURE
from tabs.shared import models, sessions
from tabs.shared.line import LINE

ROOT = Path(__file__).parents[1]
CAT = ROOT / "tabs" / "static" / "pictures" / "chelsea.png"
TIMEOUT = 120

# What every function behind the page does, by its name. "line": it takes a place in the one line
# before it computes. "quick": it computes nothing that could keep the machine busy. "own": it has a
# line of its own, as trainings, or waits for a network, as downloads and pushes do. A function that
# is new belongs here: does it compute, then it takes a place, and the tests below see that it does.
DOORS = {
    **dict.fromkeys(["noise", "schedule", "denoise", "branch", "replay", "race"], "line"),
    **dict.fromkeys(["come_back", "lead_to_noise", "chain_messages", "animation"], "line"),
    **dict.fromkeys(["save_csv", "chosen_pictures", "opened", "zip_file", "keep"], "line"),
    **dict.fromkeys(["facts_now", "measured_presets", "refilled", "preset_values"], "line"),
    **dict.fromkeys(["train", "go_on", "watch", "choose", "push"], "own"),
    **dict.fromkeys(["<lambda>", "fn", "refresh", "start_here", "paced_update"], "quick"),
    **dict.fromkeys(["preset", "stop", "stop_all", "give_up", "follow", "card_values"], "quick"),
    **dict.fromkeys(["arrived", "attribute_updates", "own_start", "shown"], "quick"),
    **dict.fromkeys(["begin_with", "shown_inputs", "own_menu", "suggested_patch"], "quick"),
    **dict.fromkeys(["begins", "newest", "use", "delete", "from_address", "menu"], "quick"),
    **dict.fromkeys(["opened_tab", "forget"], "quick"),
}

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """(the app's blocks, its address), with tools and for strangers."""
    import app

    folder = tmp_path_factory.mktemp("models")
    save_tiny(folder / "tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIFFUSION_MODELS", str(folder))
        patch.setenv("PLAYGROUND_OPENS_WITH", "tiny")
        patch.setattr(sessions.SESSIONS, "public", True)
        demo = app.build()
        _, address, _ = app.launch(
            demo,
            prevent_thread_lock=True,
            quiet=True,
            inbrowser=False,
            server_port=free_port(),
            mcp_server=True,
        )
        yield demo, address.rstrip("/")
        demo.close()
    gc.collect()


@pytest.fixture
def url(page):
    return page[1]


@pytest.fixture
def held():
    """The line, with nobody served until the test is over."""
    wait_for(lambda: not LINE.running and not LINE.waiting)
    LINE.paused = True
    yield LINE
    LINE.resume()
    wait_for(lambda: not LINE.running and not LINE.waiting)


def functions(demo) -> dict[str, list]:
    """All functions behind the page, by name: of events, of endpoints and of components."""
    found: dict[str, list] = {}
    for fn in demo.fns.values():
        if fn.fn is not None:
            found.setdefault(getattr(fn.fn, "__name__", "fn"), []).append(fn)
    for block in demo.blocks.values():
        for fn in getattr(block, "server_fns", ()):
            found.setdefault(fn.__name__, []).append(fn)
    return found


def test_every_function_behind_the_page_is_known(page):
    demo, _ = page
    found = functions(demo)
    assert set(found) <= set(DOORS), "does it compute? then it takes a place in the line"
    assert set(DOORS) - set(found) <= {"<lambda>", "fn"}
    tools = {tool for tool in demo.mcp_server_obj.tool_to_endpoint}
    assert tools == {"noise", "schedule", "denoise"}


def card(steps: int = 4, seed: int = 0) -> str:
    """A run card of the model that is always there, never walked before."""
    values = {
        "format": "diffusion-playground/run-1",
        "model": "tiny",
        "weights": models.get(dict(models.available())["tiny"]).weights_hash,
        "schedule": {"name": "cosine", "num_train_timesteps": 1000},
        "walk": {"num_steps": steps, "seed": seed, "num_images": 1},
        "versions": {},
        "result": "0" * 64,
    }
    RunCard.from_json(json.dumps(values))
    return json.dumps(values)


def component(demo, elem_id: str) -> int:
    return next(b._id for b in demo.blocks.values() if getattr(b, "elem_id", None) == elem_id)


def keeping(demo, steps: int, seed: int = 0) -> dict:
    """The body of a call of the player's function that keeps a walk."""
    data = {"run": f"r{seed}", "card": card(steps, seed), "kind": "gif", "view": "x_t"}
    return {
        "session_hash": "z",
        "component_id": component(demo, "denoise-player"),
        "fn_name": "keep",
        "data": data,
    }


def values_of(demo, fn) -> list:
    """What the page would send: what its controls hold as it opens; a state stands here."""
    props = {each["id"]: each["props"] for each in demo.config["components"]}
    values = [None if block.stateful else props[block._id].get("value") for block in fn.inputs]
    if getattr(fn.fn, "__name__", "") in ("come_back", "lead_to_noise"):
        labels = [getattr(block, "label", None) for block in fn.inputs]
        values[labels.index("Begin with")] = PICTURE
    return values


@contextlib.contextmanager
def asked(url: str, fn_index: int, data: list, session: str, event_data=None):
    """A stream of an event's messages, as the page reads it; it ends as a page that is closed."""
    body = {"fn_index": fn_index, "data": data, "session_hash": session, "event_data": event_data}
    answer = httpx.post(f"{url}/gradio_api/queue/join", json=body, timeout=TIMEOUT)
    assert answer.status_code == 200, answer.text
    place = f"{url}/gradio_api/queue/data?session_hash={session}"
    with httpx.stream("GET", place, timeout=TIMEOUT) as stream:
        yield stream.iter_lines()


def of_session(page, session: str, name: str) -> None:
    """Run an event to its end, in this session."""
    demo, url = page
    fn = functions(demo)[name][0]
    with asked(url, fn._id, values_of(demo, fn), session) as lines:
        for line in lines:
            if "process_completed" in line:
                return


def listen(lines, heard: list[str]) -> None:
    """Take all that is sent, until the connection is closed by the test."""
    with contextlib.suppress(httpx.HTTPError, httpx.StreamError, OSError, RuntimeError):
        heard.extend(lines)


MEASURING = ("facts_now", "measured_presets", "refilled", "preset_values")
EVENTS = [n for n, kind in DOORS.items() if kind == "line" and n not in ("keep", "zip_file")]


@pytest.mark.parametrize("name", EVENTS)
def test_what_computes_waits_in_the_line_and_leaves_it_with_its_caller(page, held, request, name):
    demo, url = page
    fn, session = functions(demo)[name][0], f"s-{name}"
    data, event_data = values_of(demo, fn), None
    if name in MEASURING:  # what is measured wants pictures
        LINE.resume()
        of_session(page, session, "chosen_pictures")
        wait_for(lambda: not LINE.running)
        LINE.paused = True
        request.getfixturevalue("unmeasured")
    if name == "noise":
        with open(CAT, "rb") as file:
            sent = httpx.post(f"{url}/gradio_api/upload", files={"files": file}, timeout=TIMEOUT)
        data[:2] = [{"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}, 5]
    if name == "branch":
        data[-4:] = ["nobody", card(seed=9), 2, "branch"]
    if name == "replay":
        event_data, data = {"card": card(seed=8)}, ["replayed"]
    with asked(url, fn._id, data, session, event_data) as lines:
        heard: list[str] = []
        thread = threading.Thread(target=listen, args=(lines, heard), daemon=True)
        thread.start()
        wait_for(lambda: held.waiting or not thread.is_alive(), 30)
        assert held.waiting and not held.running, heard
    wait_for(lambda: not held.waiting, 30)


@pytest.fixture
def unmeasured(monkeypatch):
    """Nothing of this network was measured before."""
    monkeypatch.setattr("diffusion_core.training_runs.cost._TOOK", {})
