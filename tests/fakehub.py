"""A small server that answers as the Hugging Face Hub does, and fails as it can."""

from __future__ import annotations

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
from fakepush import Taking, entry, send, tag

SHA = "0123456789abcdef0123456789abcdef01234567"


class FakeHub(Taking):
    """Repositories as {id: {path: bytes}}, and what is wrong today; how it takes a push: `Taking`.

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
        super().__init__()
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

            def do_POST(self) -> None:
                self.hub.take(self)

            do_PUT = do_POST

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
        found = (re.search(r"/resolve/[0-9a-f]{40}/(.+)", p) for m, p, _ in self.seen if m == "GET")
        return [each[1] for each in found if each]

    def sha(self, hub_id: str) -> str:
        """Of a repository's last commit."""
        return self.commits[hub_id][-1].sha if hub_id in self.commits else SHA

    def answer(self, to: BaseHTTPRequestHandler) -> None:
        path = to.path.partition("?")[0]
        self.seen.append((to.command, path, {k.lower(): v for k, v in to.headers.items()}))
        if self.stumbles(to, path):
            return None
        known = to.headers.get("Authorization") == f"Bearer {self.token}"
        if self.broken:
            return send(to, self.broken, b"busy")
        api = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?", path)
        file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        hub_id = (api or file or [None, ""])[1]
        if hub_id not in self.repos or (hub_id in self.private and not (known and self.reads)):
            return send(to, 401, b"{}", {"X-Error-Code": "RepoNotFound"})
        files = self.repos[hub_id]
        if api:
            listed = [entry(p, data) for p, data in files.items()]
            if api[2] == "tree":
                return send(to, 200, json.dumps(listed).encode())
            siblings = [{"rfilename": p} for p in files]
            about = {
                "id": hub_id,
                "modelId": hub_id,
                "sha": self.sha(hub_id),
                "private": hub_id in self.private,
                "siblings": siblings,
            }
            return send(to, 200, json.dumps(about).encode())
        assert file is not None
        if hub_id in self.gated and not known:
            headers = {"X-Error-Code": "GatedRepo", "X-Repo-Commit": self.sha(hub_id)}
            return send(to, 403 if to.headers.get("Authorization") else 401, b"{}", headers)
        if file[3] not in files or file[3] in self.absent:
            missing = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": self.sha(hub_id)}
            return send(to, 404, b"", missing)
        return self.send_file(to, file[3], files[file[3]], self.sha(hub_id))

    def send_file(self, to: BaseHTTPRequestHandler, path: str, data: bytes, sha: str) -> None:
        name = tag(path, data)
        headers = {"X-Repo-Commit": sha, "ETag": f'"{name}"', "Accept-Ranges": "bytes"}
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


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """A Hub of one's own, with an empty cache, and nobody logged in."""
    from huggingface_hub import constants, file_download
    from huggingface_hub.utils import _http

    server = FakeHub()
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # whose stores are not faked
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
