"""The page as it comes asks nobody outside this machine: neither its server nor the browser."""

import ipaddress
import re
import socket
from urllib.parse import urlparse

import pytest
from pagelib import TIMEOUT, quiet

import app

pytestmark = pytest.mark.browser


def is_here(host) -> bool:
    name = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name in ("localhost", "None", "")


def test_no_tab_asks_anybody_outside(url, browser, monkeypatch):
    outside: list[str] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self, address):
        if isinstance(address, tuple) and not is_here(address[0]):
            outside.append(f"connect {address}")
            raise OSError("no network in this test")
        return connect(self, address)

    def guarded_look_up(host, *rest, **named):
        if not is_here(host):
            outside.append(f"look up {host}")
            raise socket.gaierror("no network in this test")
        return look_up(host, *rest, **named)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)
    with pytest.raises(OSError):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(OSError), socket.socket() as direct:
        direct.connect(("192.0.2.1", 80))
    assert outside == ["look up 192.0.2.1", "connect ('192.0.2.1', 80)"]
    outside.clear()
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.on("request", lambda r: outside.append(r.url) if not is_own(r.url) else None)
    page.goto(url)
    page.wait_for_selector("#denoise-player .player[data-state=done]")
    for title in app.TABS.values():
        page.get_by_role("tab", name=re.compile(title)).click()
        quiet(page)
    context.close()
    assert outside == []


def is_own(address: str) -> bool:
    return address.startswith(("data:", "blob:")) or is_here(urlparse(address).hostname)
