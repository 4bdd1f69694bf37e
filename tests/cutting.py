"""A proxy in front of the page whose connections can be cut, as a network does that goes away."""

from __future__ import annotations

import re
import socket
import threading


class CuttingProxy:
    """Passes TCP on to a server on this machine, until it is cut.

    With a `path`, the page lies under that path: it is taken out of each request's first line, as
    a proxy does that serves several things under one name.

    Attributes:
        port: Where it listens.
        joined: How many connections have been opened.
        seen: The first lines of all requests: what a proxy writes into its log.
    """

    def __init__(self, to: int, path: str = "") -> None:
        """Listen on a port of the system's choice, and pass on to port `to`."""
        self.to, self.path = to, path.encode()
        self.seen: list[str] = []
        self.joined = 0
        self._pairs: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._open = True
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """The page's address through the proxy."""
        return f"http://127.0.0.1:{self.port}{self.path.decode()}/"

    def cut(self) -> None:
        """Break every connection, and let no new one through."""
        with self._lock:
            self._open = False
            for end in self._pairs:
                _shut(end)

    def mend(self) -> None:
        """Let new connections through again."""
        with self._lock:
            self._open = True

    def close(self) -> None:
        """End for good."""
        self.cut()
        self._door.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            with self._lock:
                far = None
                if self._open:
                    try:
                        far = socket.create_connection(("127.0.0.1", self.to))
                    except OSError:
                        pass  # the server is away
                if far is None:
                    near.close()
                    continue
                self._pairs |= {near, far}
                self.joined += 1
            threading.Thread(target=self._up, args=(near, far), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near), daemon=True).start()

    def _up(self, near: socket.socket, far: socket.socket) -> None:
        """Pass requests on: head by head, so that each first line can be read."""
        held = b""
        try:
            while data := near.recv(65536):
                held += data
                while b"\r\n\r\n" in held:
                    head, rest = held.split(b"\r\n\r\n", 1)
                    first, *others = head.split(b"\r\n")
                    self.seen.append(first.decode("latin-1"))
                    if self.path:
                        first = first.replace(self.path, b"", 1)
                    length = re.search(rb"(?i)content-length: *(\d+)", head)
                    missing = int(length[1]) if length else 0
                    far.sendall(b"\r\n".join([first, *others]) + b"\r\n\r\n")
                    while missing > len(rest) and (data := near.recv(65536)):
                        rest += data
                    far.sendall(rest[:missing])
                    held = rest[missing:]
        except OSError:
            pass
        self._end(near, far)

    def _pass(self, far: socket.socket, near: socket.socket) -> None:
        try:
            while data := far.recv(65536):
                near.sendall(data)
        except OSError:
            pass
        self._end(near, far)

    def _end(self, *ends: socket.socket) -> None:
        with self._lock:
            for end in ends:
                _shut(end)
                end.close()
                self._pairs.discard(end)


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it is closed already
