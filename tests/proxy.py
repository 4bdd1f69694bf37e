"""A small proxy, as one stands before a page on a server, which it shows under a path of its own.

It ends every connection after one answer, and hands bytes on as they come, so that streams stream.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def proxied(port: int, path: str = "", scheme: str = "http") -> Iterator[str]:
    """The address of a proxy before the server on a port of this machine.

    Args:
        port: Of the server.
        path: The path that the proxy takes away before the server gets a request, as "/play"; what
            lies elsewhere is answered with 404.
        scheme: What the proxy says that visitors use.
    """
    open_sockets: set[socket.socket] = set()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head = b""
            while line := self.rfile.readline():
                head += line
                if line == b"\r\n":
                    break
            request = _forwarded(head.decode("latin-1"), port, path, scheme)
            if request is None:
                self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", port)) as inner, suppress(OSError):
                open_sockets.update((inner, self.request))
                inner.sendall(request)
                asking = threading.Thread(target=pump, args=(self.rfile.read1, inner))
                asking.start()
                with suppress(OSError):
                    while data := inner.recv(65536):
                        self.request.sendall(data)
                _end(self.request)
                asking.join()
                open_sockets.difference_update((inner, self.request))

    def pump(read, into: socket.socket) -> None:
        with suppress(OSError, ValueError):
            while data := read(65536):
                into.sendall(data)
        _end(into)  # the visitor has gone, and the server learns of it

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads, block_on_close = True, False  # a connection that is kept open ends nothing

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}{path}"
        server.shutdown()
        thread.join()
        for each in list(open_sockets):
            _end(each)


def _end(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)


def _forwarded(head: str, port: int, path: str, scheme: str) -> bytes | None:
    """The head of the request that the server gets; None where its path is not below `path`."""
    if not head:
        return None
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, target, version = first.split(" ")
    if not f"{target}/".startswith(f"{path}/"):
        return None
    target = target.removeprefix(path)
    fields = [line.split(":", 1) for line in lines]
    host = next(value.strip() for name, value in fields if name.lower() == "host")
    kept = [f"{n}:{value}" for n, value in fields if n.lower() not in ("connection", "host")]
    kept += [f"Host: 127.0.0.1:{port}", "Connection: close"]
    kept += [f"X-Forwarded-Host: {host}", f"X-Forwarded-Proto: {scheme}"]
    target = target if target.startswith("/") else f"/{target}"
    return "\r\n".join([f"{method} {target} {version}", *kept, "", ""]).encode("latin-1")
