"""The page as it is given to others: installed from a wheel, behind a proxy, with a password.

It is started once, as `diffusion-playground` starts it, in a folder of its own that holds nothing.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest
from conftest import save_tiny, wait_for
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from pagelib import TIMEOUT, free_port, run
from proxy import proxied
from test_space import KEPT, ROOT, tracked

PACKAGES = ("diffusion_core/", "playground_page/", "tabs/")
USER, PASSWORD = "class", "se:cret"
HTML, SLOW = "text/html", {"timeout": 120}
PIXEL = (ROOT / "tabs" / "static" / "pictures" / "chelsea.png").read_bytes()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of what is tracked, built without a network."""
    here = tmp_path_factory.mktemp("wheel")
    for name in tracked():
        if name.startswith((*PACKAGES, "pretrained/", "docs/")) or "/" not in name:
            (here / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, here / "source" / name)
    code = "from setuptools import build_meta; print(build_meta.build_wheel('..'))"
    line = [sys.executable, "-c", code]
    subprocess.run(line, cwd=here / "source", check=True, capture_output=True, timeout=300)
    return next(here.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The unpacked wheel."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder)
    return folder


def test_the_wheel_holds_all_that_ships(wheel):
    with zipfile.ZipFile(wheel) as file:
        held = set(file.namelist())
    models = [name for name in tracked() if name.startswith("pretrained/")]
    models = [name for name in models if not name.startswith("pretrained/recipes/")]
    assert "pretrained/families-fashion-mnist/vae/model.safetensors" in models
    assert {f"diffusion_core/{name}" for name in models} <= held


class Hosted:
    """The running page: its port, what it said, its folder and that of its temporary files."""

    def __init__(self, installed: Path, place: Path):
        self.folder, self.temporary, self.log = place / "cwd", place / "tmp", place / "log"
        self.folder.mkdir()
        self.temporary.mkdir()
        self.port = free_port()
        env = {name: os.environ[name] for name in KEPT if name in os.environ}
        env |= {
            "PYTHONPATH": str(installed),
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(self.temporary),
            "HOME": "/nonexistent",
            "PLAYGROUND_AUTH": f"{USER}:{PASSWORD}",
            "GRADIO_SERVER_PORT": str(self.port),
            "GRADIO_ALLOWED_PATHS": "/",
            "HF_ENDPOINT": "http://no.such.hub.invalid",  # as where there is no network
        }
        models = save_tiny(place / "models" / "one", seed=1).parent
        self.env = env
        code = "import sys; from diffusion_playground.app import main; sys.exit(main())"
        self.line = [sys.executable, "-c", code, "--root-path", "/play", "--no-browser"]
        self.line += ["--models", str(models), "--opens-with", "one"]
        self.start()

    def start(self) -> None:
        with open(self.log, "wb") as said:
            self.process = subprocess.Popen(
                self.line, cwd=self.folder, env=self.env, stdout=said, stderr=said
            )
        wait_for(lambda: listens(self.port) or self.process.poll() is not None, 500)
        assert self.process.poll() is None, self.said

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def started(installed, tmp_path_factory):
    page = Hosted(installed, tmp_path_factory.mktemp("hosted"))
    yield page
    page.process.kill()
    page.process.wait()


@pytest.fixture
def hosted(started):
    """The page; it is started again after a test that ended it."""
    if started.process.poll() is not None:
        started.start()
    return started


def listens(port: int) -> bool:
    with socket.socket() as door:
        return door.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def behind(started):
    with proxied(started.port, "/play") as address:
        yield address


@pytest.fixture
def outside(behind, hosted):
    """The address of the page behind a proxy that shows it under /play."""
    return behind


@pytest.fixture
def visitor(outside):
    """A program that has logged in through the proxy."""
    with httpx.Client(timeout=60) as client:
        form = {"username": USER, "password": PASSWORD}
        assert client.post(f"{outside}/login", data=form).json() == {"success": True}
        yield client


def test_the_wheel_holds_models_page_and_data_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
        said = next(n for n in file.namelist() if n.endswith("entry_points.txt"))
        assert "diffusion-playground = diffusion_playground.app:main" in file.read(said).decode()
    own = [name for name in tracked() if name.startswith(PACKAGES)]
    models = [name for name in tracked() if re.match(r"pretrained/(?!recipes)", name)]
    wanted = {*own, *(f"diffusion_core/{name}" for name in models)}
    wanted |= {"diffusion_playground/app.py", "tabs/docs/glossary.md"}
    assert names == wanted and len(models) >= 10


def test_it_says_who_may_come_and_what_is_not_heeded(hosted):
    assert "Private: who is let in by the proxy before /play uses the page" in hosted.said
    assert f"with the password of {USER}" in hosted.said and PASSWORD not in hosted.said
    assert "GRADIO_ALLOWED_PATHS is not heeded here." in hosted.said
    assert "has no home directory" in hosted.said and "set HF_HOME" in hosted.said
    assert "Traceback" not in hosted.said


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "config"),
        ("GET", "gradio_api/info"),
        ("GET", "gradio_api/openapi.json"),
        ("POST", "gradio_api/run/noise"),
        ("POST", "gradio_api/call/noise"),
        ("POST", "gradio_api/api/schedule"),
        ("POST", "gradio_api/queue/join"),
        ("GET", "gradio_api/queue/data?session_hash=x"),
        ("GET", "gradio_api/queue/status"),
        ("POST", "gradio_api/component_server"),
        ("POST", "gradio_api/upload"),
        ("POST", "gradio_api/cancel"),
        ("POST", "gradio_api/reset"),
        ("POST", "gradio_api/stream/x"),
        ("GET", "gradio_api/heartbeat/x"),
        ("GET", "gradio_api/mcp/"),
        ("GET", "gradio_api/file=/etc/hostname"),
        ("GET", "gradio_api/proxy=http://localhost/"),
    ],
)
def test_nothing_is_answered_without_a_login(outside, method, path):
    answer = httpx.request(method, f"{outside}/{path}", timeout=60, json={"data": []})
    assert answer.status_code == 401, answer.text[:200]
    assert "noise" not in answer.text and "/" not in answer.json().get("error", "")


def test_without_a_login_the_page_is_a_form_and_a_wrong_password_is_refused(outside):
    text = httpx.get(f"{outside}/", timeout=60).text
    assert '"auth_required":true' in text and "denoise-player" not in text
    form = {"username": USER, "password": "wrong"}
    assert httpx.post(f"{outside}/login", data=form, timeout=60).status_code == 400


def test_behind_the_proxy_all_addresses_lead_through_it(visitor, outside, hosted):
    text = visitor.get(f"{outside}/").text
    assert "denoise-player" in text and '"avatars"' in text  # of the models that ship
    assert f'"root":"{outside}"' in text and "/elsewhere" not in text
    with proxied(hosted.port, "/play", "https") as address:  # where HTTPS ends before the page
        secure = httpx.get(f"{address}/", cookies=visitor.cookies, timeout=60).text
    assert f'"root":"{address.replace("http:", "https:")}"' in secure


def test_files_go_up_and_down_behind_the_proxy_and_stay_in_a_folder_of_their_own(
    visitor, outside, hosted
):
    sent = visitor.post(f"{outside}/gradio_api/upload", files={"files": ("a.png", PIXEL)}).json()[0]
    assert Path(sent).is_relative_to(hosted.temporary)
    assert visitor.get(f"{outside}/gradio_api/file={sent}").content == PIXEL
    assert visitor.get(f"{outside}/gradio_api/file=/etc/hostname").status_code == 403


def test_a_program_logs_in_and_calls_an_endpoint_behind_the_proxy(outside, tmp_path):
    client = Client(
        outside, auth=(USER, PASSWORD), verbose=False, download_files=tmp_path, httpx_kwargs=SLOW
    )
    try:
        picture = handle_file(ROOT / "tabs" / "static" / "pictures" / "chelsea.png")
        made, numbers = client.predict(picture=picture, timestep=500, api_name="/noise")
        assert Path(made).read_bytes()[:4] == b"\x89PNG" and numbers["timestep"] == 500
    finally:
        client.close()


def test_without_a_network_a_model_of_the_hub_is_refused_in_a_sentence(outside):
    client = Client(outside, auth=(USER, PASSWORD), verbose=False, httpx_kwargs=SLOW)
    try:
        with pytest.raises(AppError, match="the Hub cannot be reached to fetch it; check the net"):
            client.predict(model="someone/model", api_name="/denoise")
    finally:
        client.close()


@pytest.mark.browser
def test_in_a_browser_one_logs_in_and_a_walk_streams_behind_the_proxy(browser, outside):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    asked, failed = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto(f"{outside}/")
    page.get_by_label("username").fill(USER)
    page.get_by_label("password").fill(PASSWORD)
    page.get_by_role("button", name="Login").click()
    page.wait_for_selector("#denoise-player .player[data-state=done]")
    run(page)
    modules = [url for url in asked if url.endswith("/player/index.js")]
    assert modules and all(url.startswith(f"{outside}/gradio_api/file=") for url in modules)
    assert [url for url in asked if not url.startswith((outside, "data:", "blob:"))] == []
    assert failed == []
    context.close()


@pytest.mark.browser
def test_another_site_shows_the_page_in_a_frame(browser, url, outside):
    """A page with a password asks for it there; its cookie goes into a frame only over HTTPS."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    for address, shown in (
        (url, "#denoise-player .player[data-state=done]"),
        (f"{outside}/", "input"),
    ):
        site = in_a_frame(context, address)
        site.frame_locator("iframe").locator(shown).first.wait_for()
    context.close()


def in_a_frame(context, address):
    """A page of somebody else, which shows an address in a frame."""
    site = context.new_page()
    site.set_default_timeout(TIMEOUT)
    html = f'<iframe src="{address}" width="1200" height="800"></iframe>'
    site.route("http://elsewhere.test/", lambda route: route.fulfill(body=html, content_type=HTML))
    site.goto("http://elsewhere.test/")
    return site


def test_sigterm_ends_it_and_leaves_nothing_behind(hosted):
    made = {file.name.rsplit("-", 1)[0] for file in hosted.temporary.iterdir()}
    assert {"playground-modules", "playground-files", "diffusion-playground"} <= made
    hosted.process.send_signal(signal.SIGTERM)
    assert hosted.process.wait(60) == 0, hosted.said
    left = [file.name for file in hosted.temporary.iterdir()]
    assert [name for name in left if not name.startswith("torchinductor")] == []
    assert list(hosted.folder.iterdir()) == [] and "Traceback" not in hosted.said
