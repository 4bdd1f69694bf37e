"""The endpoints, called by programs: the documented examples, the numbers, bad input, the tools."""

import asyncio
import base64
import gc
import io
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gradio as gr
import httpx
import numpy as np
import pytest
import torch
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from pagelib import free_port
from PIL import Image
from test_cli import cli

from bench.callers import bench_callers
from diffusion_core.data import fit_picture, from_uint8, read_picture
from diffusion_core.generation import RunCard, run
from diffusion_core.process import q_sample
from diffusion_core.samplers import SAMPLERS
from diffusion_core.schedule import make_schedule
from diffusion_core.seeding import draw_noise
from tabs.api import endpoints
from tabs.shared import models, sessions

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
CAT = str(ROOT / "tabs" / "static" / "pictures" / "chelsea.png")
PLACE = "http://127.0.0.1:7860"
TIMEOUT = 300

# gradio_client leaves the loops of its threads, and their sockets, for the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """The app, with its tools."""
    import app

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIFFUSION_MODELS", str(tmp_path_factory.mktemp("none")))
        demo = app.build()
        _, address, _ = app.launch(
            demo,
            prevent_thread_lock=True,
            quiet=True,
            inbrowser=False,
            server_port=free_port(),
            mcp_server=True,
        )
        yield address
        demo.close()
    gc.collect()


@pytest.fixture(scope="module")
def client(url):
    client = Client(url, verbose=False, httpx_kwargs={"timeout": TIMEOUT})
    yield client
    client.close()


def pixels(path) -> np.ndarray:
    return np.asarray(Image.open(path))


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, flags=re.DOTALL)


@pytest.mark.parametrize("example", examples("python"))
def test_the_examples_of_the_guide_run(url, example, capsys, monkeypatch):
    assert PLACE in example
    monkeypatch.chdir(ROOT)
    exec(example.replace(PLACE, url.rstrip("/")), {})  # noqa: S102
    assert capsys.readouterr().out.strip()


def test_the_guide_has_an_example_of_each_and_one_by_curl():
    text = "\n".join(examples("python"))
    assert all(f'api_name="/{name}"' in text for name in ("noise", "schedule", "denoise"))
    assert len(examples("sh")) == 1 and len(examples("json")) == 1


def test_the_call_by_curl(url):
    """The guide's words, sent as curl sends them."""
    (example,) = examples("sh")
    (path,) = set(re.findall(r"(/gradio_api/call/v2/\w+)", example))
    (body,) = re.findall(r"-d '(.*?)'", example)
    root = url.rstrip("/")
    event = httpx.post(root + path, json=json.loads(body), timeout=TIMEOUT).json()["event_id"]
    fetched = re.search(r"(/gradio_api/call/\w+)/\$", example).group(1)
    answer = httpx.get(f"{root}{fetched}/{event}", timeout=TIMEOUT).text
    assert "event: complete" in answer and '"log_snr"' in answer


def test_three_endpoints_and_every_argument_is_documented(client):
    info = client.view_api(return_format="dict", print_info=False)
    assert set(info["named_endpoints"]) == {"/noise", "/schedule", "/denoise"}
    assert not info["unnamed_endpoints"]
    answers = {
        "/noise": ["picture", "numbers"],
        "/schedule": ["schedule"],
        "/denoise": ["pictures", "card"],
    }
    for name, endpoint in info["named_endpoints"].items():
        assert len(endpoint["description"]) > 50
        assert [r["label"] for r in endpoint["returns"]] == answers[name]
        for argument in endpoint["parameters"]:
            assert len(argument["python_type"]["description"]) > 10, argument
            assert argument["type"], argument
    menus = {
        p["parameter_name"]: p["type"].get("enum")
        for p in info["named_endpoints"]["/denoise"]["parameters"]
    }
    assert menus["sampler"] == list(SAMPLERS)
    assert menus["spacing"] == ["trailing", "leading", "linspace", "karras"]


@pytest.mark.parametrize("crop", ["centre", "whole picture"])
def test_noise_is_q_sample_within_a_level(client, crop):
    path, numbers = client.predict(
        picture=handle_file(CAT),
        timestep=300,
        schedule="cosine",
        num_train_timesteps=500,
        size=48,
        crop=crop,
        seed=5,
        api_name="/noise",
    )
    made = make_schedule("cosine", 500)
    x0 = from_uint8(fit_picture(read_picture(CAT), 48, crop)[None])
    x_t = q_sample(x0, 300, draw_noise(x0.shape, torch.Generator().manual_seed(5)), made)
    want = ((x_t[0].clamp(-1, 1) + 1) * 127.5).permute(1, 2, 0).numpy()
    assert np.abs(pixels(path) - want).max() <= 0.5001
    ab = float(made.alpha_bar(300))
    assert numbers["alpha_bar"] == ab and numbers["timestep"] == 300
    assert numbers["snr_db"] == pytest.approx(10 * np.log10(ab / (1 - ab)))
    assert numbers["signal"] ** 2 + numbers["noise"] ** 2 == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("linear", {"beta_end": 0.03}),
        ("scaled_linear", {}),
        ("cosine", {"s": 0.02}),
        ("sigmoid", {"start": -2.0, "tau": 0.8}),
        ("sigmoid_beta", {}),
    ],
)
@pytest.mark.parametrize("zero", [False, True])
def test_schedule_is_make_schedule_to_the_bit(name, options, zero):
    told = endpoints.schedule(name, 40, zero, points=10_000, **options)
    made = make_schedule(name, 40, zero_terminal_snr=zero, **options)
    told = json.loads(json.dumps(told, allow_nan=False))
    assert told["t"] == list(range(40))
    assert told["betas"] == made.betas.tolist()
    assert told["alphas_cumprod"] == made.alphas_cumprod.tolist()
    assert told["log_snr"][:-1] == made.log_snr(torch.arange(39)).tolist()
    assert (told["log_snr"][-1] is None) == zero


def test_schedule_lists_as_many_points_as_are_asked_for(client):
    told = client.predict(num_train_timesteps=10_000, points=5, api_name="/schedule")
    made = make_schedule("linear", 10_000)
    assert told["t"] == [0, 2500, 5000, 7499, 9999]
    assert told["betas"] == made.betas[told["t"]].tolist()
    assert len(told["summary"]) == 2 and "amplitude" in told["summary"][1]


@pytest.mark.parametrize(
    ("options", "balance", "left"),
    [
        ({"num_train_timesteps": 1000}, "about the same at t = ", "leaves 0.64 %"),
        ({"num_train_timesteps": 10}, "picture outweighs the noise at every", "leaves 95 %"),
        ({"num_train_timesteps": 2, "beta_end": 0.005}, "picture outweighs", "leaves 99.74 %"),
        (
            {"num_train_timesteps": 5, "beta_start": 0.9, "beta_end": 0.95},
            "noise outweighs",
            "0.14 %",
        ),
    ],
)
def test_what_is_said_of_a_schedule_is_so(options, balance, left):
    first, second = endpoints.schedule("linear", **options)["summary"]
    assert balance in first and left in second


def test_denoise_is_the_command_line_to_the_pixel(client, tmp_path):
    path, card = client.predict(
        label="Bag",
        num_images=3,
        sampler="ddim",
        steps=6,
        seed=4,
        guidance_scale=1.5,
        eta=0.3,
        spacing="leading",
        threshold="dynamic",
        api_name="/denoise",
    )
    out, kept = tmp_path / "sheet.png", tmp_path / "card.json"
    done = cli(
        "sample",
        "--model",
        ROOT / "pretrained" / "fashion-mnist",
        "--label",
        "Bag",
        "--num",
        3,
        "--sampler",
        "ddim",
        "--steps",
        6,
        "--seed",
        4,
        "--guidance-scale",
        1.5,
        "--eta",
        0.3,
        "--spacing",
        "leading",
        "--threshold",
        "dynamic",
        "--out",
        out,
        "--save-card",
        kept,
    )
    assert done.returncode == 0, done.stderr
    assert np.array_equal(pixels(path), pixels(out))
    theirs = json.loads(kept.read_text(encoding="utf-8"))
    assert {k: card[k] for k in ("model", "weights", "walk")} == {
        k: theirs[k] for k in ("model", "weights", "walk")
    }
    assert RunCard.from_json(json.dumps(card)).walk.eta == 0.3


def test_attributes_are_asked_for(avatars_folder):
    *_, (_, card) = endpoints.denoise(
        str(avatars_folder), "open-peeps", 1, "ddim", 2, attributes={"head": "afro"}
    )
    assert RunCard.from_json(json.dumps(card)).walk.attributes == (("head", "afro"),)


BAD = [
    ("/denoise", {"model": "nowhere"}, "There is no model 'nowhere' here; choose from:"),
    ("/denoise", {"label": "Spoon"}, "There is no class 'Spoon'"),
    ("/denoise", {"label": [8]}, "label must be the name or the number of a class"),
    ("/denoise", {"steps": 0}, "steps must be a whole number from 1 to 1000, got 0."),
    ("/denoise", {"steps": 1001}, "steps must be a whole number from 1 to 1000"),
    ("/denoise", {"steps": "many"}, "steps must be a whole number from 1 to 1000, got 'many'."),
    ("/denoise", {"num_images": 17}, "num_images must be a whole number from 1 to 16"),
    ("/denoise", {"num_images": 2.5}, "num_images must be a whole number from 1 to 16"),
    ("/denoise", {"seed": -1}, "seed must be a whole number from 0 to 18446744073709551615"),
    ("/denoise", {"seed": None}, "seed must be a whole number"),
    ("/denoise", {"sampler": "euler"}, "There is no sampler 'euler'; choose one of"),
    ("/denoise", {"spacing": 3}, "There is no spacing 3; choose one of"),
    ("/denoise", {"threshold": "soft"}, "There is no threshold 'soft'"),
    ("/denoise", {"eta": 2}, "eta must be a number from 0 to 1, got 2."),
    ("/denoise", {"sampler": "heun", "eta": 0.5}, "eta belongs to ddim"),
    ("/denoise", {"guidance_scale": 3}, "Guidance needs a class"),
    ("/denoise", {"guidance_scale": 1e9, "label": 8}, "guidance_scale must be a number from 0"),
    ("/denoise", {"attributes": {"head": "afro"}}, "This model has no attributes"),
    ("/denoise", {"attributes": "head=afro"}, "attributes must be names with values"),
    (
        "/denoise",
        {"num_images": 16, "steps": 1000, "sampler": "heun", "label": 8, "guidance_scale": 2},
        "ask for fewer images or steps",
    ),
    ("/schedule", {"name": "square"}, "There is no schedule 'square'; choose one of"),
    ("/schedule", {"name": ["linear"]}, "There is no schedule"),
    ("/schedule", {"num_train_timesteps": 1}, "num_train_timesteps must be a whole number from 2"),
    ("/schedule", {"num_train_timesteps": 10_001}, "from 2 to 10000, got 10001."),
    ("/schedule", {"points": 1}, "points must be a whole number from 2 to 10000"),
    ("/schedule", {"s": 0.1}, "The linear schedule has no parameter 's'"),
    ("/schedule", {"beta_end": 2}, "Every beta must lie in (0, 1)"),
    ("/schedule", {"beta_end": "x"}, "beta_end must be a number, got 'x'."),
    ("/noise", {"timestep": 1000}, "timestep must be a whole number from 0 to 999, got 1000."),
    ("/noise", {"timestep": True}, "timestep must be a whole number from 0 to 999, got True."),
    ("/noise", {"size": 4096}, "size must be a whole number from 8 to 512"),
    ("/noise", {"crop": "middle"}, "There is no crop 'middle'"),
    ("/noise", {"schedule": "square"}, "There is no schedule 'square'"),
    ("/noise", {"picture": "cat.png"}, "Send the picture as a file"),
    ("/noise", {"picture": {"path": CAT}}, "Send the picture as a file"),
    ("/noise", {"picture": handle_file("http://127.0.0.1:9/cat.png")}, "could not be fetched"),
]


def test_bad_input_is_one_sentence(client, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(Path(CAT).read_bytes()[:2000])
    noise = {"picture": handle_file(CAT), "timestep": 5}
    rows = [*BAD, ("/noise", {"picture": handle_file(str(broken))}, "The picture is broken")]
    for name, values, words in rows:
        with pytest.raises(AppError) as caught:
            client.predict(**((noise if name == "/noise" else {}) | values), api_name=name)
        said = str(caught.value)
        assert words in said, (name, values, said)
        assert "\n" not in said and said.endswith((".", ").")) and "Traceback" not in said


def test_a_file_that_was_not_uploaded_is_not_read(url):
    for meta in ({}, {"meta": {}}, {"meta": None}, {"meta": {"_type": "gradio.FileData"}}):
        body = {"picture": {"path": CAT, **meta}, "timestep": 5}
        root = url.rstrip("/")
        event = httpx.post(f"{root}/gradio_api/call/v2/noise", json=body, timeout=TIMEOUT).json()
        answer = httpx.get(f"{root}/gradio_api/call/noise/{event['event_id']}", timeout=TIMEOUT)
        assert "event: error" in answer.text and "alpha_bar" not in answer.text


def test_a_walk_that_takes_too_long_is_refused(monkeypatch):
    monkeypatch.setenv("PLAYGROUND_MAX_WALK_SECONDS", "60")
    monkeypatch.setattr(models, "evaluation_seconds_of", lambda checkpoint, pictures=1: 2.0)
    with pytest.raises(gr.Error, match="about 80 s here, and this page gives 60 s to each"):
        next(endpoints.denoise(num_images=4, steps=10))


def test_on_a_public_page_no_path_is_read(monkeypatch, tiny_folder):
    assert models.listed(str(tiny_folder)).name
    monkeypatch.setattr(sessions.SESSIONS, "public", True)
    for name in (str(tiny_folder), "google/ddpm-cifar10-32", "../runs/x"):
        with pytest.raises(ValueError, match="There is no model") as caught:
            models.listed(name)
        assert "choose from: avatars, fashion-mnist" in str(caught.value)
    assert models.listed("fashion-mnist").name


@pytest.fixture
def watched(monkeypatch):
    """(indices of the steps that are computed, what is set when a walk is over)."""
    computed, ended = [], threading.Event()
    real = run.SamplingRun.__iter__

    def watch(self):
        try:
            for step in real(self):
                computed.append(step.index)
                yield step
        finally:
            ended.set()

    monkeypatch.setattr(run.SamplingRun, "__iter__", watch)
    return computed, ended


def test_a_cancelled_walk_ends_at_once(client, watched):
    computed, ended = watched
    job = client.submit(num_images=1, steps=1000, api_name="/denoise")
    pictures, at = next(iter(job))
    assert pictures is None and at["of"] == 1000 and at["step"] >= 1
    job.cancel()
    assert ended.wait(60)
    assert len(computed) < 1000


def test_a_walk_whose_caller_has_gone_ends_too(url, watched):
    computed, ended = watched
    root = url.rstrip("/")
    body = {"num_images": 1, "steps": 1000}
    event = httpx.post(f"{root}/gradio_api/call/v2/denoise", json=body, timeout=TIMEOUT).json()
    place = f"{root}/gradio_api/call/denoise/{event['event_id']}"
    with httpx.stream("GET", place, timeout=TIMEOUT) as answer:
        assert next(answer.iter_lines()).startswith("event: generating")
    assert ended.wait(60)
    assert len(computed) < 1000


def test_programs_wait_in_the_line_of_the_page_and_in_no_other():
    with gr.Blocks() as demo:
        endpoints.build()
    assert [fn.concurrency_limit for fn in demo.fns.values()] == [None] * 3


def test_nothing_is_left_in_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    walk = endpoints.denoise(num_images=1, steps=2)
    *_, (sheet, _) = walk
    assert not Path(sheet["path"]).exists() and not list(tmp_path.iterdir())


def with_session(url, use):
    """What `use(session)` gives, within a session of MCP's own client."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def go():
        place = url.rstrip("/") + "/gradio_api/mcp/"
        async with (
            httpx.AsyncClient(timeout=TIMEOUT) as http,
            streamable_http_client(place, http_client=http) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await use(session)

    # In a thread of its own: where a browser is open, this one has a loop already.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, go()).result()


def shown(result) -> tuple[np.ndarray, str, dict]:
    """A tool's picture, its address, and the JSON beside it."""
    assert not result.isError, result.content
    picture, address, values = result.content
    png = Image.open(io.BytesIO(base64.b64decode(picture.data)))
    return np.asarray(png), address.text.removeprefix("Image URL: "), json.loads(values.text)


def test_the_tools_are_described(url):
    tools = with_session(url, lambda session: session.list_tools()).tools
    assert [t.name for t in tools] == ["noise", "schedule", "denoise"]
    published = httpx.get(f"{url.rstrip('/')}/gradio_api/mcp/schema", timeout=TIMEOUT).json()
    assert [t["inputSchema"] for t in published] == [t.inputSchema for t in tools]
    for tool in tools:
        assert "Returns: " in tool.description and "  " not in tool.description
        for argument in tool.inputSchema["properties"].values():
            assert argument["description"].endswith(".")
            assert "additional_description" not in argument
    settings = tools[2].inputSchema["properties"]
    assert settings["seed"]["default"] == 0 and settings["sampler"]["type"] == "string"
    assert tools[0].inputSchema["required"] == ["picture", "timestep"]


def test_a_session_calls_every_tool(url, client):
    cat = "data:image/png;base64," + base64.b64encode(Path(CAT).read_bytes()).decode()
    settings = {"label": "Bag", "steps": 12, "num_images": 2, "seed": 3}
    heard = []

    async def listen(progress, total, message):
        heard.append(message)

    async def use(session):
        drawn = await session.call_tool("denoise", settings)
        again = await session.call_tool("denoise", settings, progress_callback=listen)
        _, address, _ = shown(drawn)
        return (
            drawn,
            again,
            await session.call_tool("noise", {"picture": cat, "timestep": 300, "size": 64}),
            await session.call_tool("noise", {"picture": address, "timestep": 0, "size": 28}),
            await session.call_tool("schedule", {"name": "cosine", "points": 3}),
            await session.call_tool("denoise", {"label": "Spoon"}),
        )

    drawn, again, noised, chained, schedule, refused = with_session(url, use)
    path, card = client.predict(**settings, api_name="/denoise")
    for result in (drawn, again):
        picture, _, told = shown(result)
        assert np.array_equal(picture, pixels(path)) and told == card
    assert heard
    path, numbers = client.predict(
        picture=handle_file(CAT), timestep=300, size=64, api_name="/noise"
    )
    picture, _, told = shown(noised)
    assert np.array_equal(picture, pixels(path)) and told == numbers
    assert shown(chained)[0].shape == (28, 28)
    made = make_schedule("cosine")
    assert json.loads(schedule.content[0].text)["betas"] == made.betas[[0, 500, 999]].tolist()
    assert refused.isError and refused.content[0].text.startswith("There is no class 'Spoon'")


def test_a_tool_takes_no_other_file_of_this_machine(url):
    async def use(session):
        place = url.rstrip("/") + "/gradio_api/file="
        return [
            await session.call_tool("noise", {"picture": picture, "timestep": 5})
            for picture in (CAT, f"{place}{CAT}", f"{place}/tmp/gradio/../../{CAT}")
        ]

    for result in with_session(url, use):
        assert result.isError and "alpha_bar" not in result.content[0].text


def test_callers_at_once_get_the_pictures_of_one_alone(url, capsys):
    bench_callers("fashion-mnist", 5, 2, 1, url.rstrip("/"))
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["what"] for line in said] == [
        "callers, fashion-mnist, 2 steps, 1 image: a walk of 5 at once / one alone",
        "callers, fashion-mnist, 2 steps, 1 image: the longest wait of 5 / the median",
    ]
    assert all(line["ratio"] > 0 for line in said)
    with pytest.raises(ValueError, match="There is no model"):
        bench_callers("no such", 1, 2, 1, url.rstrip("/"))
