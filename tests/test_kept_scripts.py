"""What a browser keeps of the page: its scripts, whose address is another after every start."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from tabs.shared.components import served
from tabs.shared.crossing import Doors


def cache_control(path: str, status: int, root: str = "") -> list[bytes]:
    """What an answer of the app behind the doors is sent with."""
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": [(b"etag", b"1")]})

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": path, "root_path": root, "headers": []}
    with ThreadPoolExecutor(1) as thread:  # a test of the page may have a loop at work in this one
        thread.submit(asyncio.run, Doors(app)(scope, None, send)).result()
    return [value for name, value in sent[0]["headers"] if name == b"cache-control"]


def test_the_scripts_are_kept_and_nothing_else():
    folder = served().as_posix()
    script = f"/gradio_api/file={folder}/lib/keys.js"
    assert cache_control(script, 200) == [b"private, max-age=86400, immutable"]
    assert cache_control(script, 404) == []
    for other in ("/", "/config", f"/gradio_api/file={folder}-of-another/a.js"):
        assert cache_control(other, 200) == []


@pytest.mark.parametrize("root", ["", "/class"])
def test_also_under_the_path_of_a_proxy(root):
    script = f"{root}/gradio_api/file={served().as_posix()}/lib/keys.js"
    assert len(cache_control(script, 200, root)) == 1
