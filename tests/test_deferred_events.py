"""Two handlers of one event, each slower than the event comes: both are called for the last one."""

import time

import gradio as gr
import pytest
from pagelib import free_port, settle
from playwright.sync_api import expect

from tabs.shared import crossing
from tabs.shared.deferred_events import mended


def test_the_expression_is_found_in_the_gradio_that_is_installed():
    assert len(mended()) == 1
    (text,) = mended().values()
    assert text.count(b"type:`fn`,fn_index:") >= 2 and b"this.dispatch(e)" not in text


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
            expect(page.get_by_label(shown, exact=True)).to_have_value("abcdefgh", timeout=20_000)
        settle(page, 800)
        seen = len(calls)
        settle(page, 1200)
        assert len(calls) == seen
        assert {calls[-1], calls[-2]} == {("a", "abcdefgh"), ("b", "abcdefgh")}
    finally:
        demo.close()
