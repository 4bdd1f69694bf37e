"""The mends of Gradio's scripts: they are found, and do what the scripts did."""

import json
import re
import shutil
import subprocess
import time

import gradio as gr
import pytest
from pagelib import free_port, quiet, settle
from playwright.sync_api import expect

from tabs.shared import crossing
from tabs.shared.mended_scripts import ASSETS, MENDS, mended, replaced

EVENTS = r"find_attached_events\(\w+,\w+\)\{"


def script_of(name):
    """Gradio's script of this name, as it is and as it is sent."""
    ((path, sent),) = [each for each in mended().items() if each[0].startswith(f"/assets/{name}-")]
    return (ASSETS / path.rsplit("/", 1)[-1]).read_text("utf-8"), sent.decode("utf-8")


def test_every_mend_is_found_in_the_gradio_that_is_installed():
    assert len(mended()) == len(MENDS) == 4
    for name, mends in MENDS.items():
        as_it_is, _ = script_of(name)
        for mend in mends:
            assert replaced(as_it_is.encode(), mend) != as_it_is.encode(), mend
    assert replaced(b"a a", [(b"a", b"b")]) == b"b b"
    assert replaced(b"a", [(b"a", b"b"), (b"c", b"d")]) == b"a"  # all that belong together, or none


def block(text, beginning):
    """From this beginning to the brace that closes what it opens."""
    start = re.search(beginning, text).start()
    depth, end = 0, text.index("{", start)
    while True:
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        end += 1
        if depth == 0:
            return text[start:end]


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_the_events_of_a_component_are_found_as_before():
    as_it_is, sent = script_of("core")
    assert block(as_it_is, EVENTS) != block(sent, EVENTS)
    code = f"""
      const before = {{ {block(as_it_is, EVENTS)} }};
      const after = {{ {block(sent, EVENTS)} }};
      const events = [
        {{ targets: [[1, "change"], [2, "input"], [1, "click"]] }},
        {{ targets: [] }},
        {{ targets: [[2, null], [3, "load"]] }},
        {{ targets: [[1, "change"]] }},
      ];
      const others = [{{ targets: [[1, "edit"]] }}];
      const same = [], node = (id) => ({{ id, props: {{ shared_props: {{}} }} }});
      for (const list of [events, others, events])
        for (const id of [1, 2, 3, 4])
          same.push([before, after].map((each) =>
            each.find_attached_events(node(id), list).props.shared_props.attached_events));
      console.log(JSON.stringify(same));
    """
    told = subprocess.run(["node", "-e", code], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    same = json.loads(told.stdout)
    assert [a for a, _ in same] == [b for _, b in same]
    assert [a for a, _ in same[:4]] == [["change", "change"], ["input"], ["load"], []]


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_an_event_that_is_sent_as_the_stream_closes_is_answered():
    code = """
      const opened = [];
      const client = (OPEN_STREAM) => {
        const streams = [];
        const page = {
          event_callbacks: {}, unclosed_events: new Set(), pending_stream_messages: {},
          stream_status: { open: false }, config: { root: "http://x", protocol: "sse_v3" },
          session_hash: "s", api_prefix: "", abort_controller: { abort() {} }, streams,
          stream() { const each = {}; streams.push(each); return each; },
          open_stream() { return OPEN_STREAM.call(page); },
        };
        return page;
      };
      const closes = (page) => page.streams.at(-1).onmessage({ data: '{"msg":"close_stream"}' });
      (async () => {
        for (const open of [BEFORE, AFTER]) {
          const page = client(open), counts = [];
          page.unclosed_events.add("a");
          page.event_callbacks.a = () => {};
          await page.open_stream();
          await page.streams[0].onmessage({ data: '{"msg":"process_completed","event_id":"a"}' });
          await closes(page);
          counts.push(page.streams.length);  // nobody waits
          await page.open_stream();
          page.unclosed_events.add("b");  // sent while the stream was open, which then closes
          await closes(page);
          counts.push(page.streams.length);
          await closes(page);  // what never ends keeps no stream open for ever
          counts.push(page.streams.length);
          opened.push(counts);
        }
        console.log(JSON.stringify(opened));
      })();
    """
    opening = r"async function (\w+)\(\)\{let\{event_callbacks:\w+,unclosed_events:"
    helpers = []
    for script in script_of("index"):
        name = re.search(opening, script)[1]
        text = block(script, rf"async function {name}\(\)\{{")
        close = re.search(r"`close_stream`\)\{(\w+)\(", text)[1]
        path = re.search(r"\$\{\w+\.root\}\$\{this\.api_prefix\}/\$\{(\w+)\}", text)[1]
        closing = block(script, rf"function {close}\(")
        helpers.append(f"(() => {{ const {path} = 'queue/data'; {closing} return {text} }})()")
    code = code.replace("BEFORE", helpers[0]).replace("AFTER", helpers[1])
    told = subprocess.run(["node", "-e", code], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == [[1, 2, 2], [1, 3, 3]]


STATUSES = r"async update_loading_stati_state\(\)\{"


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")
def test_a_component_is_told_of_each_status_once():
    as_it_is, sent = script_of("Blocks")
    assert block(as_it_is, STATUSES) != block(sent, STATUSES)
    code = f"""
      const rest = {{ loading_stati: {{}}, update_state_cb(id, {{ loading_status }}) {{
        this.calls.push(id); this.last[id] = loading_status; }} }};
      const pages = [
        {{ ...rest, last: {{}}, {block(as_it_is, STATUSES)} }},
        {{ ...rest, last: {{}}, {block(sent, STATUSES)} }},
      ];
      const frames = [
        {{ 1: {{ status: "pending", eta: null }}, 2: {{ status: "complete", eta: null }} }},
        {{ 1: {{ status: "generating", eta: null }}, 2: {{ status: "complete", eta: null }} }},
        {{ 1: {{ status: "generating", eta: null }}, 2: {{ status: "complete" }} }},
        {{ 1: {{ status: "generating", eta: 2 }}, 2: {{}} }},
        {{ 1: {{ status: "complete", eta: 2 }}, 2: {{}}, 3: {{ status: "pending" }} }},
      ];
      const calls = [[], []];
      (async () => {{
        for (const current of frames) for (const [k, page] of pages.entries()) {{
          page.loading_stati.current = structuredClone(current);
          page.calls = [];
          await page.update_loading_stati_state();
          calls[k].push(page.calls);
        }}
        console.log(JSON.stringify({{ calls, last: pages.map((page) => page.last) }}));
      }})();
    """
    told = subprocess.run(["node", "-e", code], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert found["last"][0] == found["last"][1]
    assert found["calls"][0] == [[1, 2], [1, 2], [1, 2], [1, 2], [1, 2, 3]]
    assert found["calls"][1] == [[1, 2], [1], [2], [1, 2], [1, 3]]


@pytest.mark.browser
def test_handlers_of_one_event_come_to_rest_at_the_last_value(open_page):
    calls = []

    def slowly(name):
        def handler(value):
            calls.append((name, value))
            time.sleep(0.2)
            return value

        return handler

    with gr.Blocks() as demo:
        typed, a, b = gr.Textbox(label="typed"), gr.Textbox(label="a"), gr.Textbox(label="b")
        for name, shown in (("a", a), ("b", b)):
            typed.change(slowly(name), typed, shown, show_progress="hidden")
    crossing.install()
    port = free_port()
    demo.launch(
        server_port=port, prevent_thread_lock=True, quiet=True, app_kwargs=crossing.options()
    )
    try:
        page = open_page()
        page.goto(f"http://127.0.0.1:{port}/")
        page.get_by_label("typed", exact=True).press_sequentially("abcdefgh", delay=60)
        for shown in ("a", "b"):
            expect(page.get_by_label(shown, exact=True)).to_have_value("abcdefgh", timeout=180_000)
        settle(page, 800)
        seen = len(calls)
        settle(page, 1200)
        assert len(calls) == seen
        assert {calls[-1], calls[-2]} == {("a", "abcdefgh"), ("b", "abcdefgh")}
    finally:
        demo.close()


@pytest.mark.browser
def test_a_page_at_rest_draws_no_frames(open_page, url):
    page = open_page()
    page.add_init_script(
        """window.frames_asked = 0;
        const ask = requestAnimationFrame.bind(window);
        window.requestAnimationFrame = (f) => { window.frames_asked++; return ask(f); };"""
    )
    page.goto(url)
    page.wait_for_selector("#denoise-player .player[data-state=done]")
    quiet(page)
    assert page.evaluate("window.frames_asked") > 0  # it was loaded by way of the count
    for _ in range(20):  # a slow machine may still have something to lay out
        before = page.evaluate("window.frames_asked")
        settle(page, 1000)
        if page.evaluate("window.frames_asked") == before:
            return
    raise AssertionError("the page asked for frames all the time")
