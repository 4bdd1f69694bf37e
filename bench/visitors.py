"""Visitors of a page, as programs: for benchmarks, and proofs of what a page bears.

A visitor is what a browser is to the server: a session with a heartbeat, the controls' values as
the page opens with them, and events of buttons in the queue. Nothing is drawn, so that the machine
is left to the page.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

__all__ = ["Visitor", "opened_page", "use"]

ROOT = Path(__file__).parents[1]
MODELS = ("avatars", "fashion-mnist")
SAMPLERS = ("ddim", "ddpm", "heun", "dpmpp_2m")
PATIENCE = 600.0  # seconds for the page to open, and for one answer
Heed = Callable[[dict[str, Any]], bool]


class Visitor:
    """One session of the page.

    Attributes:
        session: Its name, as a browser would make it up.
        run: The name of its latest run.
    """

    def __init__(self, url: str) -> None:
        """Open the page: its configuration, and a heartbeat that tells the server of the end."""
        self.session, self.run = f"{random.getrandbits(64):016x}", ""
        self.client = httpx.Client(base_url=f"{url}/gradio_api", timeout=PATIENCE)
        config = self.client.get(f"{url}/config").raise_for_status().json()
        self.parts = {each["id"]: each["props"] for each in config["components"]}
        self.events = [each for each in config["dependencies"] if each["backend_fn"]]
        self.left, self.here = threading.Event(), threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()
        self.here.wait(PATIENCE)
        for event in self.events:  # what a browser asks for as it opens the page
            if any(trigger == "load" for _, trigger in event["targets"]):
                self._send(event, {})

    def _beat(self) -> None:
        try:
            with self.client.stream("GET", f"heartbeat/{self.session}", timeout=None) as lines:
                self.here.set()
                for _ in lines.iter_lines():
                    if self.left.is_set():
                        return
        except httpx.HTTPError:
            self.here.set()

    def leave(self) -> None:
        """Close the page."""
        self.left.set()
        self.client.close()

    def press(
        self, name: str, trigger: str = "click", heed: Heed | None = None, **changes: Any
    ) -> int:
        """Fire the event of a part of the page and wait for its end.

        Args:
            name: The part: its element's id, its label, or the words on it.
            trigger: The name of the event.
            heed: Called with each answer as it comes; where it returns False, no more are awaited.
            changes: Values that differ from those that the page opens with, by label or id, with
                spaces as underscores.

        Returns:
            The number of messages that came.
        """
        for event in self.events:
            for part, kind in event["targets"]:
                if kind == trigger and name in self._names(part):
                    return self._send(event, changes, heed)
        raise ValueError(f"The page has no {name!r} with the event {trigger}.")

    def _names(self, part: int) -> list[str]:
        props = self.parts.get(part, {})
        return [str(props.get(key)) for key in ("elem_id", "label", "value")]

    def _send(
        self, event: dict[str, Any], changes: dict[str, Any], heed: Heed | None = None
    ) -> int:
        data = [self._value(part, changes) for part in event["inputs"]]
        if "click" in [kind for _, kind in event["targets"]] and data[-1:] in ([""], [None]):
            data[-1] = self.run = f"{self.session} {random.getrandbits(32)}"
        body = {"data": data, "fn_index": event["id"], "session_hash": self.session}
        self.client.post("queue/join", json=body).raise_for_status()
        came = 0
        asked = {"session_hash": self.session}
        with self.client.stream("GET", "queue/data", params=asked) as lines:
            for line in lines.iter_lines():
                if not line.startswith("data:"):
                    continue
                message = json.loads(line[5:])
                came += message["msg"] in ("process_generating", "process_completed")
                if '"error": "' in (said := str(message.get("output"))):
                    raise ValueError(f"The page answered {said[:300]}.")
                if heed is not None and not heed(message.get("output") or {}):
                    return came
                if message["msg"] in ("process_completed", "close_stream", "unexpected_error"):
                    if not message.get("success", True):
                        raise ValueError(f"The page answered {said[:300]}.")
                    return came
        return came

    def _value(self, part: int, changes: dict[str, Any]) -> Any:
        for name in self._names(part)[:2]:
            if (key := name.replace(" ", "_")) in changes:
                return changes[key]
        return self.parts.get(part, {}).get("value")


def use(visitor: Visitor, what: str, chance: random.Random, steps: int) -> None:
    """One thing that a visitor does."""
    if what == "noise":
        visitor.press("Seed", "change", Seed=chance.randrange(1000))
    elif what == "chain":
        visitor.press("Walk the chain again", Seed=chance.randrange(1000))
    elif what == "denoise":
        visitor.press(
            "denoise-run",
            Model=_path_of(visitor, chance.choice(MODELS)),
            Class=None,
            Guidance=1.0,
            Sampler=chance.choice(SAMPLERS),
            Steps=chance.choice((steps, 2 * steps)),
            Seed=chance.randrange(1000),
            Images=chance.choice((1, 4, 4, 16)),
        )
    elif what == "race":
        visitor.press("Race", Images=1)
    elif what == "train":
        visitor.press("Train", "select")
        small = {"Training_steps": 3 * steps, "Batch": 16, "Channels": "32,64", "Timesteps_T": 100}
        visitor.press("train-run", Name=f"of {visitor.session}", **small)


def _path_of(visitor: Visitor, name: str) -> Any:
    for props in visitor.parts.values():
        if props.get("label") == "Model":
            return next((v for n, v in props["choices"] if n == name), props["value"])
    return name


@contextmanager
def opened_page(public: bool) -> Iterator[tuple[int, str]]:
    """Id and address of a page as `python app.py` starts it, with an empty folder for models."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        line = [sys.executable, "app.py", "--host", "127.0.0.1", "--port", str(port)]
        line += ["--no-browser", "--models", folder, *(["--public"] if public else [])]
        env = {**os.environ, "HF_HUB_OFFLINE": "1"}
        process = subprocess.Popen(line, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
        url, end = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE
        try:
            while True:
                try:
                    httpx.get(f"{url}/config", timeout=PATIENCE).raise_for_status()
                    break
                except httpx.HTTPError:
                    if process.poll() is not None or time.monotonic() > end:
                        raise ValueError("The page did not open.") from None
                    time.sleep(0.2)
            yield process.pid, url
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
