"""What the tests of the page forgive: one fault of Gradio's menu, what is cut off, no other."""

import pytest
from pagelib import is_of_gradios_menu
from playwright.sync_api import Error

MENU = "Cannot read properties of undefined (reading '0')"
GRADIO = "http://127.0.0.1:7860/assets/Index-DAYzeNnX.js:1:3178"
OURS = "http://127.0.0.1:7860/gradio_api/file=/tabs/static/player/player.js:1:1"


@pytest.mark.parametrize(
    ("message", "at", "forgiven"),
    [
        (MENU, GRADIO, True),
        (MENU, OURS, False),
        (MENU.replace("'0'", "'px'"), GRADIO, False),
        (MENU, None, False),
    ],
)
def test_an_error_of_our_own_scripts_is_never_forgiven(message, at, forgiven):
    error = Error(message)
    error._stack = at and f"TypeError: {message}\n    at {at}\n    at {OURS}"
    assert is_of_gradios_menu(error) == forgiven


@pytest.mark.browser
def test_what_is_cut_off_as_a_page_is_left_is_forgiven_and_nothing_else(open_page):
    page = open_page()
    page.goto("about:blank")
    errors = []
    page.on("console", lambda message: errors.append(message.text))
    cut_off = "const cut = new DOMException('signal is aborted without reason', 'AbortError');"
    log = "console.error(cut); console.error('Unexpected error', 'Connection errored out.');"
    page.evaluate(f"() => {{ {cut_off} {log} }}")
    assert len(errors) == 2
    errors.clear()
    other = "console.error('Unexpected error', 'no such event');"
    leave = "dispatchEvent(new Event('beforeunload'));"
    page.evaluate(f"() => {{ {cut_off} {leave} {log} {other} }}")
    assert errors == ["Unexpected error no such event"]
