"""Every door of a public page: what goes through the queue, what is closed, and what nobody gets.

The page is asked as a browser or a program asks it, over HTTP. It runs in this process, so that a
test can hold the queue and see who waits in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import threading
from collections import OrderedDict
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from conftest import save_tiny, save_tiny_systems, wait_for
from pagelib import free_port

from diffusion_core.generation import RunCard, run
from tabs.denoise import run_registry
from tabs.denoise.form import PICTURE
from tabs.shared import models, sessions
from tabs.shared.compute_queue import COMPUTE_QUEUE
from tabs.systems import (
    differ_systems,
    differ_walk,
    filling_walk,
    glide_walk,
    imagen_card,
    imagen_walk,
    unclip_walk,
)
from tabs.systems.differ_card import Comparison, DifferCard
from tabs.systems.differ_form import DifferForm
from tabs.systems.filling_card import FillingCard
from tabs.systems.filling_form import FillingForm, opening_hole
from tabs.systems.glide_form import GlideForm
from tabs.systems.imagen_form import ImagenForm
from tabs.systems.unclip_card import Drawing, UnclipCard
from tabs.systems.unclip_form import UnclipForm

ROOT = Path(__file__).parents[1]
CAT = ROOT / "tabs" / "static" / "pictures" / "chelsea.png"
TIMEOUT = 120

# What every function behind the page does, by its name. "queued": it takes a place in the one
# queue before it computes. "quick": it computes nothing that could keep the machine busy. "own": it
# has a queue of its own, as trainings, or waits for a network, as downloads and pushes do. A new
# function belongs here: if it computes, it takes a place, and the tests below see that it does.
DOORS = {
    **dict.fromkeys(["noise", "schedule", "denoise", "denoise_anew", "branch"], "queued"),
    **dict.fromkeys(["replay", "race"], "queued"),
    **dict.fromkeys(["compare_steps", "compare_exact"], "queued"),
    **dict.fromkeys(["come_back", "lead_to_noise", "chain_messages", "animation"], "queued"),
    **dict.fromkeys(
        ["save_csv", "chosen_pictures", "opened", "zip_file", "keep", "qr_code"], "queued"
    ),
    **dict.fromkeys(["seen_view"], "queued"),
    **dict.fromkeys(["facts_now", "measured_presets", "refilled", "preset_values"], "queued"),
    **dict.fromkeys(
        ["start_training", "go_on", "watch", "look_back", "choose", "push", "bring"], "own"
    ),
    **dict.fromkeys(["<lambda>", "fn", "refresh", "start_here", "paced_update"], "quick"),
    **dict.fromkeys(["preset", "stop", "stop_all", "give_up", "follow", "card_values"], "quick"),
    **dict.fromkeys(["arrived", "attribute_updates", "own_start", "shown"], "quick"),
    **dict.fromkeys(["seen", "suited", "show_suited", "sampler_told", "wanted_steps"], "quick"),
    **dict.fromkeys(["handed_over", "with_shown", "taken"], "quick"),
    **dict.fromkeys(["parts_of_another_model"], "quick"),
    **dict.fromkeys(["draw_one", "draw_many", "take_step"], "queued"),
    **dict.fromkeys(["train_families", "draw_pictures", "draw_first", "go_between"], "queued"),
    **dict.fromkeys(["open_step", "move_along", "follow_player"], "queued"),
    **dict.fromkeys(["truth"], "quick"),
    **dict.fromkeys(["begin_with", "shown_inputs", "own_menu", "suggested_patch"], "quick"),
    **dict.fromkeys(
        ["begins", "newest", "use", "delete", "from_address", "menu", "corrected"], "quick"
    ),
    **dict.fromkeys(
        ["left", "join", "stop_families", "recall", "cancel_reading", "superseded", "walk_noise"],
        "quick",
    ),
    **dict.fromkeys(["walk_noise", "denoise_in_browser"], "quick"),
    **dict.fromkeys(["points_view", "train", "compare"], "queued"),  # of the tab Points
    **dict.fromkeys(["guide", "guide_first", "switch", "replay_guided"], "queued"),  # of Systems
    **dict.fromkeys(["draw_captions", "draw_captions_first"], "queued"),
    **dict.fromkeys(["go_on_with", "replay_captions"], "queued"),
    **dict.fromkeys(["fill_hole", "fill_hole_first", "replay_filling"], "queued"),
    **dict.fromkeys(["stop_filling", "painted_picture"], "quick"),
    **dict.fromkeys(["draw_embedding", "draw_embedding_first", "replay_embedding"], "queued"),
    **dict.fromkeys(["stop_embedding", "shown_controls", "note_caption"], "quick"),
    **dict.fromkeys(["note_before", "note_after"], "quick"),
    **dict.fromkeys(["draw_by_all", "draw_by_all_first", "replay_comparison"], "queued"),
    **dict.fromkeys(["stop_comparison", "note_compared"], "quick"),
    **dict.fromkeys(["draw_cascade", "draw_cascade_first", "replay_cascade"], "queued"),
    **dict.fromkeys(["stop_cascade", "shown_cascade_controls"], "quick"),
    **dict.fromkeys(["note_cascade_caption", "note_cascade_about"], "quick"),
    **dict.fromkeys(["stop_guided", "stop_captions", "shown_system"], "quick"),
    **dict.fromkeys(["name_unknown", "name_unknown_second"], "quick"),
    **dict.fromkeys(["begin_drawing"], "quick"),
    **dict.fromkeys(["walk_clouds"], "queued"),
    **dict.fromkeys(["stop_clouds", "shown_space", "follow_code"], "quick"),
    **dict.fromkeys(["tell_refusal", "open_lesson", "suited_axis"], "quick"),
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
        shipped = save_tiny_systems(tmp_path_factory.mktemp("shipped"))
        views = (glide_walk, filling_walk, unclip_walk, imagen_walk, differ_systems, differ_walk)
        for view in views:
            patch.setattr(view, "shipped_folder", lambda: shipped)
        # Gradio notices that a stream was closed as it sends the next heartbeat, else every 15 s.
        patch.setattr("gradio.utils.get_heartbeat_rate", lambda: 0.25)
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
    """The queue, with nobody served until the test is over."""
    wait_for(lambda: not COMPUTE_QUEUE.running and not COMPUTE_QUEUE.waiting)
    COMPUTE_QUEUE.paused = True
    yield COMPUTE_QUEUE
    COMPUTE_QUEUE.resume()
    wait_for(lambda: not COMPUTE_QUEUE.running and not COMPUTE_QUEUE.waiting)


def functions(demo) -> dict[str, list]:
    """All functions behind the page, by name: of events, of endpoints and of components."""
    found: dict[str, list] = {}
    for fn in demo.fns.values():
        for part in getattr(fn.fn, "parts", [fn.fn]):  # of several that are one event
            if part is not None:
                found.setdefault(getattr(part, "__name__", "fn"), []).append(fn)
    for block in demo.blocks.values():
        for fn in getattr(block, "server_fns", ()):
            found.setdefault(fn.__name__, []).append(fn)
    return found


def test_every_function_behind_the_page_is_known(page):
    demo, _ = page
    found = functions(demo)
    assert set(found) <= set(DOORS), "does it compute? then it takes a place in the queue"
    assert set(DOORS) - set(found) <= {"<lambda>", "fn"}
    tools = {tool for tool in demo.mcp_server_obj.tool_to_endpoint}
    assert tools == {"noise", "schedule", "denoise"}


def test_no_output_has_a_status_that_is_never_seen(page):
    """Each would cost the page a search of all components at each message of each event."""
    demo, _ = page
    events = [fn for fn in demo.fns.values() if fn.fn is not None and fn.api_visibility != "public"]
    shown = [fn for fn in events if fn.outputs and fn.show_progress_on != []]
    assert {fn.fn.__name__ for fn in shown} == {"animation", "save_csv"}  # bring a file each
    assert all(fn.show_progress == "full" and len(fn.outputs) == 1 for fn in shown)


def test_nothing_that_is_set_is_dropped_while_an_earlier_answer_is_on_its_way(page):
    """Of a second file, choice or fold Gradio's default, "once", would not tell the server."""
    demo, _ = page
    one_only = {"connection": {"submit", "upload"}}  # once a page load, from its script
    dropped = [
        (fn.fn.__name__, type(block).__name__, block.label, event)
        for fn in demo.fns.values()
        for place, event in fn.targets
        if fn.fn is not None and fn.trigger_mode == "once" and (block := demo.blocks.get(place))
        if event in ("input", "change", "select", "upload", "clear", "submit", "blur", "release")
        or (event in ("expand", "collapse") and len(fn.targets) == 1)
        if event not in one_only.get(block.elem_id, ())
    ]
    assert dropped == []


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


def words_card() -> str:
    """A run card of the model that is asked in words, never walked before."""
    values = {**json.loads(card()), "model": "glide-avatars"}
    values["weights"] = glide_walk.glide_model().weights_hash
    return json.dumps(values)


def unclip_card() -> str:
    """A card of the view DALL·E 2, never drawn before."""
    drawing = Drawing("words", caption="an afro", steps=4)
    weights = unclip_walk.unclip_models().weights
    return UnclipCard(drawing, weights, {}, "0" * 64).to_json()


def filling_card() -> str:
    """A card of the view that fills holes, never filled before."""
    form = FillingForm(hole=opening_hole(), steps=4)
    filling = filling_walk.filling_of(form, 64)
    return FillingCard(filling, filling_walk.fillers().weights, {}, "0" * 64).to_json()


def cascade_card() -> str:
    """A card of the view Imagen, never drawn before."""
    drawing = imagen_card.Drawing("words", caption="an afro", steps=4)
    weights = imagen_walk.imagen_models().weights
    return imagen_card.ImagenCard(drawing, weights, {}, "0" * 64).to_json()


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


# The views of the Inside tab: of them, that which is seen is computed.
INSIDE = ("network", "switches", "timestep", "loss")


def values_of(demo, fn, view: str = "") -> list:
    """What the page would send: what its controls hold as it opens; a state stands here."""
    props = {each["id"]: each["props"] for each in demo.config["components"]}
    values = [None if block.stateful else props[block._id].get("value") for block in fn.inputs]
    if getattr(fn.fn, "__name__", "") in ("come_back", "lead_to_noise"):
        labels = [getattr(block, "label", None) for block in fn.inputs]
        values[labels.index("Begin with")] = PICTURE
    if view:
        seen = [i for i, block in enumerate(fn.inputs) if getattr(block, "visible", 1) is False]
        # Of the Points tab's form, what was drawn by hand is not seen either, and comes before.
        values[seen[fn.fn.__name__ == "points_view"]] = view
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
# Of those that need what only a page can hold: a component's functions, and a step that is shown.
HELD_BY_PAGE = ("keep", "qr_code", "zip_file", "move_along", "follow_player")
GLIDE_CONTROLS = len(fields(GlideForm))
EVENTS = [n for n, kind in DOORS.items() if kind == "queued" and n not in HELD_BY_PAGE]
EVENTS += [f"seen_view of {view}" for view in INSIDE]
EVENTS.remove("seen_view")
EVENTS[EVENTS.index("points_view")] = "points_view of walk"


@pytest.mark.parametrize("name", EVENTS)
def test_what_computes_waits_in_the_line_and_leaves_it_with_its_caller(page, held, request, name):
    demo, url = page
    name, _, view = name.partition(" of ")
    fn, session = functions(demo)[name][0], f"s-{name}-{view}"
    data, event_data = values_of(demo, fn, view), None
    if name in MEASURING:  # what is measured wants pictures
        COMPUTE_QUEUE.resume()
        of_session(page, session, "chosen_pictures")
        wait_for(lambda: not COMPUTE_QUEUE.running)
        COMPUTE_QUEUE.paused = True
        request.getfixturevalue("unmeasured")
    if name == "noise":
        with open(CAT, "rb") as file:
            sent = httpx.post(f"{url}/gradio_api/upload", files={"files": file}, timeout=TIMEOUT)
        data[:2] = [{"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}, 5]
    if name == "branch":
        data[-4:] = ["nobody", card(seed=9), 2, "branch"]
    if name == "open_step":
        data = ["nobody", card(seed=12), 2]
    if name == "draw_first":
        data[0] = "pictures"  # the view that is seen
    if name in ("switch", "replay_guided"):
        controls = len(data) - (3 if name == "switch" else 2)
        data[controls] = card(seed=13)
    if name.endswith("_first") and name != "draw_first":
        data[-1] = "a run that the page named"
    if name == "draw_captions_first":
        data[GLIDE_CONTROLS] = "glide"  # the system that is seen, behind the controls
    if name == "draw_embedding_first":
        data[len(fields(UnclipForm))] = "unclip"
    if name == "fill_hole_first":
        data[len(fields(FillingForm))] = "filling"
    if name == "replay_filling":
        data[0] = filling_card()
    if name == "draw_cascade_first":
        data[len(fields(ImagenForm))] = "imagen"
    if name == "replay_cascade":
        data[0] = cascade_card()
    if name == "replay_embedding":
        data[0] = unclip_card()
    if name == "draw_by_all_first":
        data[len(fields(DifferForm))] = "differ"
    if name == "replay_comparison":
        weights = differ_systems.weights()
        data[0] = DifferCard(Comparison("an afro"), weights, {}, "0" * 64).to_json()
    if name in ("go_on_with", "replay_captions"):
        data[GLIDE_CONTROLS if name == "go_on_with" else 0] = words_card()
    if name == "go_on_with":
        data[GLIDE_CONTROLS + 1] = 2
    if name == "switch":
        data[0], data[-2] = dict(models.available())["tiny"], 2
    if name == "replay":
        event_data, data = {"card": card(seed=8)}, ["replayed"]
    with asked(url, fn._id, data, session, event_data) as lines:
        heard: list[str] = []
        thread = threading.Thread(target=listen, args=(lines, heard), daemon=True)
        thread.start()
        wait_for(lambda: held.waiting or not thread.is_alive())
        assert held.waiting and not held.running, heard
    wait_for(lambda: not held.waiting)


@pytest.fixture
def unmeasured(monkeypatch):
    """Nothing of this network was measured before."""
    monkeypatch.setattr("diffusion_core.training_runs.cost._TOOK", OrderedDict())


def test_a_tool_waits_in_the_line_and_leaves_it_with_its_client(url, held):
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    waited = threading.Event()

    async def go() -> None:
        async with (
            httpx.AsyncClient(timeout=TIMEOUT) as http,
            streamable_http_client(f"{url}/gradio_api/mcp/", http_client=http) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            call = asyncio.create_task(session.call_tool("denoise", {"model": "tiny", "steps": 2}))
            while not held.waiting:
                assert not call.done(), call.result()
                await asyncio.sleep(0.05)
            waited.set()
            call.cancel()
            await http.aclose()  # as a client does that is closed

    def run_client() -> None:
        with contextlib.suppress(BaseException):
            asyncio.run(go())

    thread = threading.Thread(target=run_client)
    thread.start()
    assert waited.wait(60) and {p.caller.address for p in held.waiting} == {"127.0.0.1"}
    wait_for(lambda: held.sweep() or not held.waiting, 60)
    thread.join(60)


def test_a_kept_walk_waits_in_the_line_and_leaves_it_with_its_caller(page, held):
    demo, url = page
    place, body = f"{url}/gradio_api/component_server", keeping(demo, 4)

    def call() -> None:
        with contextlib.suppress(httpx.TimeoutException):
            httpx.post(place, json=body, timeout=2)

    thread = threading.Thread(target=call)
    thread.start()
    wait_for(lambda: held.waiting)
    thread.join(30)
    wait_for(lambda: not held.waiting)


def test_a_flood_that_hung_up_leaves_nothing_behind(page, held):
    """45 callers of the function that keeps a walk, whom nobody served before they went."""
    demo, url = page
    place = f"{url}/gradio_api/component_server"
    bodies = [keeping(demo, 300, seed=i) for i in range(45)]

    def call(body) -> None:
        with contextlib.suppress(httpx.TimeoutException):
            httpx.post(place, json=body, timeout=10)

    threads = [threading.Thread(target=call, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    wait_for(lambda: len(held.waiting) == 45)
    assert httpx.get(url, timeout=20).status_code == 200  # the page is there for others
    for thread in threads:
        thread.join(30)
    wait_for(lambda: not held.waiting)


def test_more_than_a_visitor_may_ask_for_is_refused_in_a_sentence(page, held, monkeypatch):
    demo, url = page
    monkeypatch.setenv("PLAYGROUND_MAX_ADDRESS", "0")
    place = f"{url}/gradio_api/component_server"
    answer = httpx.post(place, json=keeping(demo, 4), timeout=TIMEOUT)
    said = json.loads(answer.json())["error"]
    assert answer.status_code == 200 and "As many computations of yours as this page" in said
    assert "As many computations of yours" in called(url, "schedule", {"points": 5})[1]


def test_what_is_beyond_a_page_is_refused_before_it_waits(page, held, monkeypatch):
    demo, url = page
    monkeypatch.setattr(models, "evaluation_seconds_of", lambda checkpoint, pictures=1: 60.0)
    place = f"{url}/gradio_api/component_server"
    answer = httpx.post(place, json=keeping(demo, 300), timeout=TIMEOUT)
    assert "this page gives 300 s to each" in answer.text and not held.waiting
    assert "this page gives 300 s" in called(url, "denoise", {"model": "tiny", "steps": 50})[1]


def called(url: str, name: str, values, version: str = "v2/") -> tuple[str, str]:
    """(event, data) that an endpoint ends with; ("refused", body) where it does not begin."""
    content = values if isinstance(values, str) else json.dumps(values)
    headers = {"content-type": "application/json"}
    answer = httpx.post(
        f"{url}/gradio_api/call/{version}{name}", content=content, headers=headers, timeout=TIMEOUT
    )
    if answer.status_code != 200:
        return f"refused {answer.status_code}", answer.text
    place = f"{url}/gradio_api/call/{name}/{answer.json()['event_id']}"
    text = httpx.get(place, timeout=TIMEOUT).text
    event, data = text.strip().split("\n\n")[-1].split("\n", 1)
    return event.removeprefix("event: "), data.removeprefix("data: ")


@pytest.fixture
def steps(monkeypatch):
    """(the indices of the steps that are computed, what is set when the fifth is)."""
    computed, fifth = [], threading.Event()
    real = run.SamplingRun.__iter__

    def watch(self):
        for step in real(self):
            computed.append(step.index)
            if len(computed) == 5:
                fifth.set()
            yield step

    monkeypatch.setattr(run.SamplingRun, "__iter__", watch)
    return computed, fifth


def test_a_walk_of_a_component_ends_when_its_caller_has_hung_up(page, steps):
    demo, url = page
    computed, fifth = steps
    place, body = f"{url}/gradio_api/component_server", keeping(demo, 1000, seed=77)
    with contextlib.suppress(httpx.TimeoutException):
        httpx.post(place, json=body, timeout=httpx.Timeout(TIMEOUT, read=1))
    assert fifth.wait(60)
    wait_for(lambda: not COMPUTE_QUEUE.running)
    assert len(computed) < 1000
    assert run_registry.RECORDINGS.get("r77") is None


def test_a_call_that_nobody_listens_to_is_given_up(page, steps, monkeypatch):
    monkeypatch.setattr("tabs.shared.compute_queue.UNHEARD", 0.5)
    _, url = page
    computed, fifth = steps
    body = {"model": "tiny", "steps": 1000, "num_images": 1}
    httpx.post(f"{url}/gradio_api/call/v2/denoise", json=body, timeout=TIMEOUT)
    assert fifth.wait(60)
    wait_for(lambda: not COMPUTE_QUEUE.running, 60)
    assert len(computed) < 1000


CLOSED = [
    "/gradio_api/proxy=http://127.0.0.1:1/x",
    "/gradio_api/proxy=https://x.hf.space/",
    "/gradio_api/file=http://127.0.0.1:1/x",
    "/gradio_api/file=https://example.com/x",
    "/gradio_api/deep_link?session_hash=x",
    "/gradio_api/vibe-code",
    "/gradio_api/runs",
    "/gradio_api/stream/a/b/c/playlist.m3u8",
    "/monitoring",
    "/monitoring/summary",
    "/monitoring/key",
]
NEVER_SERVED = [
    "/etc/passwd",
    str(ROOT / "app.py"),
    str(ROOT / "tabs" / "static" / "theme.css"),
    str(ROOT / "pretrained" / "fashion-mnist" / "model.safetensors"),
    str(ROOT / "tabs" / "static" / "pictures" / ".." / ".." / ".." / "api" / "mcp.py"),
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "\\..\\..\\etc\\passwd",
    "/proc/self/environ",
]


@pytest.mark.parametrize("path", CLOSED)
def test_doors_that_are_not_used_are_closed(url, path):
    answer = httpx.get(f"{url}{path}", timeout=TIMEOUT)
    assert answer.status_code == 404 and answer.json() == {"detail": "This page has no such door."}


@pytest.mark.parametrize("path", NEVER_SERVED)
def test_no_file_is_served_that_is_not_the_page_s_own(url, path):
    for route in ("/gradio_api/file=", "/gradio_api/file/", "/file=", "/static/", "/assets/"):
        answer = httpx.get(f"{url}{route}{path}", timeout=TIMEOUT)
        assert answer.status_code in (403, 404, 405), (route, path)
        assert "root:" not in answer.text and "Traceback" not in answer.text


def test_every_route_of_the_server_is_known(page):
    """A new version of Gradio may bring new doors: then decide whether the page wants them."""
    demo, _ = page
    words = {
        "api app_id assets call cancel component_server config favicon.ico file heartbeat info",
        "login_check logout manifest.json mcp openapi.json pwa_icon queue reset robots.txt run",
        "startup-events static svelte theme.css token upload upload_progress user",
        "deep_link dev monitoring process_recording proxy runs stream vibe-code vibe-edit",
        "undo-vibe-edit vibe-starter-queries custom_component run-history profiling login",
        "agents docs redoc",
    }
    known = {word for line in words for word in line.split()}
    paths = {getattr(route, "path", "") for route in demo.app.routes}
    first = {p.removeprefix("/gradio_api").strip("/").split("/")[0].split("=")[0] for p in paths}
    assert {f for f in first if f and not f.startswith("{")} <= known


def test_no_address_is_fetched_for_a_stranger(url, monkeypatch):
    """Neither a private address nor any other, by an endpoint or by a picture of the page."""
    asked_for = []

    async def get(address):
        asked_for.append(address)
        raise OSError

    monkeypatch.setattr("gradio.processing_utils.async_ssrf_protected_get", get)
    for address in ("http://127.0.0.1:9/x.png", "http://169.254.169.254/", "https://8.8.8.8/x"):
        picture = {"path": address, "url": address, "meta": {"_type": "gradio.FileData"}}
        event, said = called(url, "noise", {"picture": picture, "timestep": 5})
        assert event == "error" and "fetch" in json.loads(said)["error"]
    assert asked_for == []


def test_nobody_chooses_by_path_what_belongs_to_another(url, tmp_path):
    """A session's models are found by its folder's random name alone."""
    theirs = save_tiny(sessions.SESSIONS.folder("somebody") / "theirs")
    elsewhere = save_tiny(tmp_path / "elsewhere")
    for name in ("theirs", str(elsewhere), f"{theirs}/../theirs", "../theirs"):
        event, said = called(url, "denoise", {"model": name, "steps": 1})
        assert event == "error" and "There is no model" in said
    assert str(theirs) not in str(models.available("another"))
    assert str(theirs) in str(models.available("somebody"))
    sessions.SESSIONS.forget("somebody")
    wait_for(lambda: not theirs.exists())


def test_what_a_visitor_gave_or_got_goes_with_them(page, tmp_path):
    from gradio.utils import get_upload_folder

    visits = sessions.Sessions(public=True)
    shared = Path(get_upload_folder()) / "ab12" / "cat.png"
    shared.parent.mkdir(parents=True, exist_ok=True)
    shared.write_bytes(b"x")
    mine = tmp_path / "mine.png"
    mine.write_bytes(b"x")
    for session in ("a", "b"):
        visits.visitor(session)
        visits.uploaded(session, str(shared))
        visits.uploaded(session, str(mine))
    made = visits.file_folder("a")
    (made / "model.zip").write_bytes(b"x")
    if os.name == "posix":
        assert made.stat().st_mode & 0o77 == 0
    visits.forget("a")
    assert not made.exists() and shared.exists() and mine.exists()
    visits.forget("b")
    assert not shared.exists() and mine.exists()


def test_a_zip_goes_with_its_visitor(page, monkeypatch):
    from tabs.train import handlers
    from tabs.train.jobs import PLAN_FILE

    request = SimpleNamespace(session_hash="zipper")
    monkeypatch.setattr(sessions.SESSIONS, "public", True)
    model = save_tiny(sessions.SESSIONS.folder("zipper") / "mine")
    (model / PLAN_FILE).write_text("{}")
    (updates,) = handlers.zip_file(str(model), request)
    made = Path(updates["file"]["value"])
    assert made.exists()
    sessions.SESSIONS.forget("zipper")
    wait_for(lambda: not made.exists() and not model.exists())
