"""A small server that answers as the Hugging Face Hub does, and fails as it can."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest

SHA = "0123456789abcdef0123456789abcdef01234567"


class FakeHub:
    """Repositories as {id: {path: bytes}}, and what is wrong today.

    Attributes:
        token: Gated repositories are read with it alone.
        gated: Ids whose files need it; private: ids that are not even listed without it.
        absent: Paths that are listed but are not there.
        cut: How many answers to a GET still break off in the middle.
        damaged: Paths that come with one byte changed.
        pause: Seconds between two pieces of a file of weights.
        gate: Where it is not set, weights stop in the middle until it is.
        broken: Status with which all is answered; None is well.
        seen: (method, path, headers) of every request.
    """

    def __init__(self) -> None:
        self.repos: dict[str, dict[str, bytes]] = {}
        self.token = "hf_secret"
        self.gated: set[str] = set()
        self.private: set[str] = set()
        self.absent: set[str] = set()
        self.damaged: set[str] = set()
        self.cut = 0
        self.pause = 0.0
        self.gate = Event()
        self.gate.set()
        self.broken: int | None = None
        self.seen: list[tuple[str, str, dict[str, str]]] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            hub = self

            def log_message(self, *_: Any) -> None:
                pass

            def do_HEAD(self) -> None:
                self.hub.answer(self)

            do_GET = do_HEAD

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # clients hang up
        self.thread = Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def add(self, hub_id: str, folder: Path) -> None:
        """A repository with the files of a folder."""
        files = [f for f in folder.rglob("*") if f.is_file()]
        self.repos[hub_id] = {f.relative_to(folder).as_posix(): f.read_bytes() for f in files}

    def fetched(self) -> list[str]:
        """Paths of the files that were sent."""
        return [p.split(f"/resolve/{SHA}/")[1] for m, p, _ in self.seen if m == "GET" and SHA in p
                and "/resolve/" in p]  # fmt: skip

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        path = to.path.partition("?")[0]
        self.seen.append((to.command, path, {k.lower(): v for k, v in to.headers.items()}))
        known = to.headers.get("Authorization") == f"Bearer {self.token}"
        if self.broken:
            return send(to, self.broken, b"busy")
        api = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?", path)
        file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        hub_id = (api or file or [None, ""])[1]
        if hub_id not in self.repos or (hub_id in self.private and not known):
            return send(to, 401, b"{}", {"X-Error-Code": "RepoNotFound"})
        files = self.repos[hub_id]
        if api:
            listed = [entry(p, data) for p, data in files.items()]
            if api[2] == "tree":
                return send(to, 200, json.dumps(listed).encode())
            siblings = [{"rfilename": p} for p in files]
            about = {"id": hub_id, "modelId": hub_id, "sha": SHA, "siblings": siblings}
            return send(to, 200, json.dumps(about).encode())
        assert file is not None
        if hub_id in self.gated and not known:
            headers = {"X-Error-Code": "GatedRepo", "X-Repo-Commit": SHA}
            return send(to, 403 if to.headers.get("Authorization") else 401, b"{}", headers)
        if file[3] not in files or file[3] in self.absent:
            return send(to, 404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": SHA})
        return self.send_file(to, file[3], files[file[3]])

    def send_file(self, to: BaseHTTPRequestHandler, path: str, data: bytes) -> None:
        name = tag(path, data)
        headers = {"X-Repo-Commit": SHA, "ETag": f'"{name}"', "Accept-Ranges": "bytes"}
        if len(name) == 64:
            headers |= {"X-Linked-Etag": f'"{name}"', "X-Linked-Size": str(len(data))}
        if path in self.damaged:
            data = data[:-1] + bytes([data[-1] ^ 1])
        status, total = 200, len(data)
        begin = re.fullmatch(r"bytes=(\d+)-", to.headers.get("Range") or "")
        if begin:
            status, data = 206, data[int(begin[1]) :]
            headers["Content-Range"] = f"bytes {begin[1]}-{total - 1}/{total}"
        part = None
        if to.command == "GET" and self.cut and path.endswith(".safetensors"):
            self.cut -= 1
            part = len(data) // 2
        slow = path.endswith(".safetensors")
        pause, gate = (self.pause, self.gate) if slow else (0.0, None)
        send(to, status, data, headers, part, pause, gate)


def tag(path: str, data: bytes) -> str:
    """Large files go by their SHA-256, others by a git hash."""
    if path.endswith((".safetensors", ".bin")):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def entry(path: str, data: bytes) -> dict[str, Any]:
    name = tag(path, data)
    lfs = {"oid": name, "size": len(data), "pointerSize": 130} if len(name) == 64 else None
    about = {"type": "file", "path": path, "size": len(data), "oid": name[:40]}
    return about | ({"lfs": lfs} if lfs else {})


def send(
    to: BaseHTTPRequestHandler, status: int, data: bytes, headers: dict[str, str] | None = None,
    part: int | None = None, pause: float = 0.0, gate: Event | None = None,
) -> None:  # fmt: skip
    """Answer; with a part, only that many bytes, and then hang up. Pause and gate stretch it."""
    to.send_response(status)
    for key, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
        to.send_header(key, value)
    to.end_headers()
    if to.command == "GET":
        piece = max(1, len(data) // 20)
        for begin in range(0, len(data[:part]), piece):
            to.wfile.write(data[:part][begin : begin + piece])
            time.sleep(pause)
            if gate is not None and begin > len(data) // 2:
                gate.wait(60)
    if part is not None:
        to.wfile.flush()
        to.close_connection = True


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """A Hub of one's own, with an empty cache, and nobody logged in."""
    from huggingface_hub import constants, file_download
    from huggingface_hub.utils import _http

    server = FakeHub()
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 2**16)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    url = server.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url)
    impatient = SimpleNamespace(**{**vars(time), "sleep": lambda seconds: None})
    for module in (file_download, _http):
        monkeypatch.setattr(module, "time", impatient)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield server
    server.close()
