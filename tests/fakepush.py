"""The half of the false Hub that takes what is pushed: repositories, large files, commits."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any

import yaml

LICENCES = ("mit", "apache-2.0", "cc0-1.0")


@dataclass
class Commit:
    sha: str
    message: str
    paths: list[str]


class Taking:
    """What is taken, and what goes wrong on the way.

    Attributes:
        owner: Whom the token belongs to; it writes there alone.
        reads: Whether the token sees what is private.
        readers: Tokens that are known, but may not write.
        stumble: Part of a path: status with which it is answered; 0 hangs up without an answer.
        gate: While it is closed, a commit waits.
        stored: Large files by their SHA-256, whether or not a commit names them.
        commits: Of each repository that was pushed to.
    """

    repos: dict[str, dict[str, bytes]]
    private: set[str]
    seen: list[tuple[str, str, dict[str, str]]]
    token: str
    broken: int | None
    url: str

    def __init__(self) -> None:
        self.owner = "me"
        self.reads = True
        self.readers: set[str] = set()
        self.stumble: dict[str, int] = {}
        self.gate = Event()
        self.gate.set()
        self.stored: dict[str, bytes] = {}
        self.commits: dict[str, list[Commit]] = {}

    def stumbles(self, to: BaseHTTPRequestHandler, path: str) -> bool:
        """Whether it fails here today; then that was answered."""
        status = next((s for part, s in self.stumble.items() if part in path), None)
        if status is None:
            return False
        if status:
            send(to, status, b"{}")
        else:
            to.close_connection = True
        return True

    def take(self, to: BaseHTTPRequestHandler) -> None:
        """Answer a POST or a PUT."""
        path = to.path.partition("?")[0]
        body = to.rfile.read(int(to.headers.get("Content-Length") or 0))
        if to.headers.get("Transfer-Encoding") == "chunked":
            body = read_chunks(to)
        self.seen.append((to.command, path, {k.lower(): v for k, v in to.headers.items()}))
        if self.stumbles(to, path):
            return None
        if self.broken:
            return send(to, self.broken, b"busy")
        if to.command == "PUT":  # what a large file is sent to knows no tokens
            self.stored[hashlib.sha256(body).hexdigest()] = body
            return send(to, 200, b"")
        given = (to.headers.get("Authorization") or "").removeprefix("Bearer ")
        if given != self.token and given not in self.readers:
            said = "Invalid credentials in Authorization header"
            return send(to, 401, b"{}", {"X-Error-Message": said})
        repo = re.fullmatch(
            r"/(?:api/models/)?([^/]+/[^/]+?)(?:\.git/info|/(preupload|commit))/.+", path
        )
        if path == "/api/validate-yaml":
            return answer(to, *validated(json.loads(body)["content"]))
        if path == "/api/repos/create":
            return answer(to, *self.created(json.loads(body), given == self.token))
        if path == "/lfs/verify":
            known = json.loads(body)["oid"] in self.stored
            return answer(to, 200 if known else 404, {})
        assert repo is not None, path
        hub_id = repo[1]
        if hub_id not in self.repos:
            return send(to, 404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if given != self.token or hub_id.split("/")[0] != self.owner:
            return answer(to, 403, {"error": "no rights to write"})
        if repo[2] == "preupload":
            paths = [file["path"] for file in json.loads(body)["files"]]
            return answer(to, 200, {"files": [self.mode(hub_id, path) for path in paths]})
        if repo[2] == "commit":
            self.gate.wait(600)
            return answer(to, *self.committed(hub_id, [json.loads(x) for x in body.splitlines()]))
        return answer(
            to,
            200,
            {
                "transfer": "basic",
                "objects": [
                    {"oid": o["oid"], "size": o["size"]} | self.actions(o["oid"])
                    for o in json.loads(body)["objects"]
                ],
            },
        )

    def created(self, asked: dict[str, Any], writes: bool) -> tuple[int, dict[str, Any]]:
        hub_id = f"{asked['organization']}/{asked['name']}"
        if not writes or asked["organization"] != self.owner:
            return 403, {"error": "no rights to create a model under this namespace"}
        if hub_id in self.repos:
            return 409, {"error": "You already created this model repo"}
        self.repos[hub_id] = {".gitattributes": b"*.safetensors filter=lfs"}
        if asked.get("visibility") == "private" or asked.get("private"):
            self.private.add(hub_id)
        return 200, {"url": f"{self.url}/{hub_id}"}

    def mode(self, hub_id: str, path: str) -> dict[str, Any]:
        known = self.repos[hub_id].get(path)
        large = path.endswith(".safetensors")
        return {
            "path": path,
            "uploadMode": "lfs" if large else "regular",
            "shouldIgnore": False,
            "oid": None if known is None else tag(path, known),
        }

    def actions(self, oid: str) -> dict[str, Any]:
        if oid in self.stored:
            return {}
        upload, verify = {"href": f"{self.url}/lfs/{oid}"}, {"href": f"{self.url}/lfs/verify"}
        return {"actions": {"upload": upload, "verify": verify}}

    def committed(self, hub_id: str, lines: list[dict[str, Any]]) -> tuple[int, dict[str, Any]]:
        head, *rest = lines
        files = {}
        for line in rest:
            value = line["value"]
            if line["key"] == "lfsFile" and value["oid"] not in self.stored:
                return 400, {"error": "a large file was never uploaded"}
            large = line["key"] == "lfsFile"
            content = self.stored[value["oid"]] if large else base64.b64decode(value["content"])
            files[value["path"]] = content
        self.repos[hub_id] |= files
        before = self.commits.setdefault(hub_id, [])
        sha = hashlib.sha1(f"{hub_id} {len(before)}".encode()).hexdigest()
        before.append(Commit(sha, head["value"]["summary"], sorted(files)))
        return 200, {"commitUrl": f"{self.url}/{hub_id}/commit/{sha}", "commitOid": sha}


def validated(card: str) -> tuple[int, dict[str, Any]]:
    """As the Hub looks at a card: its front matter must be a mapping with a known licence."""
    found = re.match(r"---\n(.*?)\n---\n", card, re.S)
    values = yaml.safe_load(found[1]) if found else None
    if not isinstance(values, dict) or values.get("license") not in LICENCES:
        return 400, {"errors": [{"message": "license must be one of a list"}], "warnings": []}
    return 200, {"errors": [], "warnings": []}


def read_chunks(to: BaseHTTPRequestHandler) -> bytes:
    """A body that came in chunks."""
    parts = []
    while size := int(to.rfile.readline(), 16):
        parts.append(to.rfile.read(size))
        to.rfile.readline()
    to.rfile.readline()
    return b"".join(parts)


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


def answer(to: BaseHTTPRequestHandler, status: int, values: dict[str, Any]) -> None:
    send(to, status, json.dumps(values).encode())


def send(
    to: BaseHTTPRequestHandler,
    status: int,
    data: bytes,
    headers: dict[str, str] | None = None,
    part: int | None = None,
    pause: float = 0.0,
    gate: Event | None = None,
) -> None:
    """Answer; with a part, only that many bytes, and then hang up. Pause and gate stretch it."""
    to.send_response(status)
    for key, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
        to.send_header(key, value)
    to.end_headers()
    if to.command != "HEAD":
        piece = max(1, len(data) // 20)
        for begin in range(0, len(data[:part]), piece):
            to.wfile.write(data[:part][begin : begin + piece])
            time.sleep(pause)
            if gate is not None and begin > len(data) // 2:
                gate.wait(600)
    if part is not None:
        to.wfile.flush()
        to.close_connection = True
