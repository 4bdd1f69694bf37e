"""What the tests of the page forgive: one fault of Gradio's menu, and no other."""

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
