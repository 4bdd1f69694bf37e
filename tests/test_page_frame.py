"""The page in the frame of another site, as a Space's page is: its link and its QR code."""

import contextlib
import http.server
import io
import json
import threading
from urllib.parse import urlsplit

import pytest
import zxingcpp
from pagelib import TIMEOUT
from PIL import Image
from playwright.sync_api import expect

from tabs.denoise.link import qr_code

pytestmark = pytest.mark.browser
PLAYER = "#denoise-player .player"


@contextlib.contextmanager
def site_that_frames(address):
    """A site of another origin, whose page shows an address in a frame."""
    html = f'<iframe src="{address}" width="1200" height="880"></iframe>'.encode()

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(html)))
            self.end_headers()
            self.wfile.write(html)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


def test_a_frame_without_the_clipboard_shows_the_link_and_its_code_opens_it(browser, url):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    with site_that_frames(url) as site:
        page.goto(site)
        frame = page.frame_locator("iframe")
        frame.locator(f"{PLAYER}[data-state=done]").wait_for()
        assert urlsplit(site).hostname != urlsplit(url).hostname
        frame.get_by_role("button", name="Link", exact=True).click()
        link = frame.get_by_label("Link to this walk")
        expect(link).to_be_focused()
        assert frame.locator(f"{PLAYER} .kept").inner_text().startswith("Copy this link.")
        shown = link.input_value()
        assert shown.startswith(url) and "run=" in shown
        # The code says the same, as a phone's camera reads it from the screen.
        picture = context.new_page()
        picture.set_content(f"<div style='width: 720px'>{json.loads(qr_code(shown))['svg']}</div>")
        seen = picture.locator("svg").screenshot()
        (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(seen)))
        assert code.text == shown
    context.close()
