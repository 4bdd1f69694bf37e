"""What several tests share: small networks, a checkpoint folder, seeds."""

from __future__ import annotations

import collections
import dataclasses
import functools
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # as the engine does before it loads it
# One thread in every thread and process: bits can then be compared, and the workers of pytest-xdist
# do not get in each other's way. Read as torch is imported.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import pytest
import torch
from accelerate.state import AcceleratorState

import tabs
from diffusion_core.checkpoint import (
    Checkpoint,
    CheckpointConfig,
    load_checkpoint,
    save_checkpoint,
)
from diffusion_core.data import ImageDataset, load_dataset
from diffusion_core.data.named import FASHION_CLASSES
from diffusion_core.engines import on_engine
from diffusion_core.generation import run
from diffusion_core.unet import UNet, UNetConfig

tabs.importing_gradio.spare_type_stubs()  # before any test imports Gradio, as app.py has it
pytest_plugins = ["pagelib"]


LONGEST = {"test_train_tab.py", "test_training.py", "test_training_process.py"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out long proofs unless ``-m`` names them, and have the files of the browser first.

    An option ``-m "not long"`` of pyproject.toml would be lost where the command line has its own.
    Files that need a browser take long; coming first, they let all workers end together. So do the
    longest of the others, which by their names would come last.
    """
    if not re.search(r"\blong\b", config.option.markexpr or ""):
        long = [item for item in items if item.get_closest_marker("long")]
        if long:
            config.hook.pytest_deselected(items=long)
            items[:] = [item for item in items if not item.get_closest_marker("long")]
    slow = {item.path for item in items if item.get_closest_marker("browser")}
    items.sort(key=lambda item: (item.path not in slow, item.path.name not in LONGEST))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Escape what UTF-8 cannot hold: a worker could not send the log of a test with such names."""
    report = yield
    report.sections = [
        (title, text.encode("utf-8", "backslashreplace").decode())
        for title, text in report.sections
    ]
    return report


TINY = UNetConfig(
    image_size=(28, 28),
    in_channels=1,
    out_channels=1,
    patch_size=2,
    channels=(16, 32),
    blocks_per_level=1,
    attention=(False, True),
    head_dim=16,
    norm_groups=8,
    scale_shift=True,
    num_classes=10,
)

TINY_AVATARS = dataclasses.replace(
    TINY,
    image_size=(64, 64),
    in_channels=3,
    out_channels=3,
    patch_size=8,
    num_classes=3,
    attributes=(48, 30, 9, 5, 7, 8),
)


def wake(unet: UNet, seed: int = 0, size: float = 0.05) -> UNet:
    """Give every zero layer small weights, so that the output depends on the whole network."""
    generator = torch.Generator().manual_seed(seed)
    for p in unet.parameters():
        p.data = p.data + size * torch.randn(p.shape, generator=generator)
    return unet


def for_walks(folder: Path) -> Checkpoint:
    """A model with the engine by which page, endpoints and commands walk: the same bits."""
    return on_engine(load_checkpoint(folder))


def last(steps: Iterable[Any]) -> Any:
    """Walk to the end and give the last step."""
    return collections.deque(steps, maxlen=1)[0]


def wait_for(true: Callable[[], Any], seconds: float = 180) -> None:
    """Look again and again until it is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def watch_steps(monkeypatch: pytest.MonkeyPatch, look: Callable[[Any], None]) -> None:
    """Have every step of every walk looked at, when it has been computed."""
    real = run.SamplingRun.__iter__

    def watched(self: run.SamplingRun) -> Iterator[Any]:
        for step in real(self):
            look(step)
            yield step

    monkeypatch.setattr(run.SamplingRun, "__iter__", watched)


def record_here(folder: Path, stop: Any, **_: Any) -> Iterator[Any]:
    """`record_apart` without a process of its own, which takes seconds to start."""
    from diffusion_core.training_runs import kept_run, record

    yield from record(*kept_run(folder), folder, stop.is_set)


def save_tiny(
    folder: Path,
    seed: int = 0,
    prediction_type: str = "v_prediction",
    dataset: str = "fashion-mnist-2000",
) -> Path:
    torch.manual_seed(seed)
    noise = {"name": "cosine", "num_train_timesteps": 1000}
    config = CheckpointConfig(TINY, noise, prediction_type, FASHION_CLASSES, dataset)
    save_checkpoint(folder, wake(UNet(TINY), seed), config)
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny")


@functools.cache
def avatars() -> ImageDataset:
    """The shipped pictures of people, which take a second to unpack; nobody changes them."""
    return load_dataset("avatars-3000")


def save_tiny_avatars(folder: Path) -> Path:
    """A checkpoint that can be asked for the attributes of avatars."""
    data = avatars()
    noise = {"name": "cosine", "num_train_timesteps": 1000}
    config = CheckpointConfig(
        TINY_AVATARS,
        noise,
        "v_prediction",
        data.class_names,
        "avatars",
        attribute_names=data.attribute_names,
        attribute_classes=data.attribute_classes,
    )
    torch.manual_seed(0)
    save_checkpoint(folder, wake(UNet(TINY_AVATARS)), config)
    return folder


@pytest.fixture(scope="session")
def avatars_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_avatars(tmp_path_factory.mktemp("models") / "avatars")


@pytest.fixture(autouse=True)
def _shared_models_are_as_before(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that changes a model that others read passes, and fails another one by its order."""

    def files(fixture: str) -> dict[str, tuple[int, int]]:
        folder = request.getfixturevalue(fixture)
        found = {str(f): f.stat() for f in folder.rglob("*") if f.is_file()}
        return {name: (s.st_size, s.st_mtime_ns) for name, s in found.items()}

    shared = {"tiny_folder", "avatars_folder"} & set(request.fixturenames)
    before = {fixture: files(fixture) for fixture in shared}
    yield
    for fixture, was in before.items():
        assert files(fixture) == was, f"the test changed {fixture}, which others read: copy it"


@pytest.fixture(autouse=True)
def _no_name_stays_refused() -> None:
    """A run that one test stopped before it began is not that of another test of the same name."""
    if module := sys.modules.get("tabs.shared.stop_signals"):
        module.STOP_SIGNALS.refused.clear()


@pytest.fixture(autouse=True)
def _nothing_stays_in_the_queue() -> Iterator[None]:
    """A test that leaves a computation in the queue, or holds it, lets a later one wait forever."""

    def queue() -> Any:
        module = sys.modules.get("tabs.shared.compute_queue")
        return module and module.COMPUTE_QUEUE

    places = [*queue().running, *queue().waiting] if queue() else []
    yield
    if not queue():
        return
    end = time.monotonic() + 60
    while left := [p for p in (*queue().running, *queue().waiting) if p not in places]:
        if time.monotonic() > end:
            break
        queue().sweep()  # a page that was closed is missed after some seconds
        time.sleep(0.05)
    with queue().changed:
        for place in left:
            queue()._leave(place)  # the next test has what it needs
        paused, queue().paused = queue().paused, False
    assert not left, f"the test left computations in the queue: {left}"
    assert not paused, "the test left the queue paused"


def save_tiny_glide(folder: Path, attends: bool = True) -> Path:
    """A model that is asked in words; its positions look at words by random weights, or not yet."""
    from diffusion_core.glide import VOCABULARY, GlideConfig, begun_from, glide_shape, save_glide

    sizes = {"width": 8, "layers": 1, "heads": 2, "cross_width": 8, "cross_heads": 2}
    torch.manual_seed(0)
    unet = wake(UNet(TINY_AVATARS))
    network = begun_from(unet, glide_shape(TINY_AVATARS, len(VOCABULARY), **sizes), seed=0)
    if attends:
        for name, p in network.cross.named_parameters():
            torch.nn.init.normal_(p, std=0.2 if "to_out" in name else 1.0)
    noise = {"name": "cosine", "num_train_timesteps": 1000}
    sampling = {"sampler": "dpmpp_2m", "num_steps": 10, "guidance_scale": 2.0, "spacing": "karras"}
    save_glide(folder, network, GlideConfig(network.config, noise, VOCABULARY, sampling=sampling))
    return folder


def save_tiny_inpainter(folder: Path, words: Path) -> Path:
    """A network that fills holes, begun from one that is asked in words; it sees what is known."""
    from diffusion_core import glide

    begun = glide.load_glide(words)
    network = glide.inpainter_from(begun.network)
    with torch.no_grad():
        channels = 4 * TINY_AVATARS.patch_size**2  # of picture and mask
        torch.manual_seed(1)
        network.unet.conv_in.weight[:, -channels:].normal_(std=0.1)
    values = {f.name: getattr(begun.config, f.name) for f in dataclasses.fields(begun.config)}
    config = glide.InpainterConfig(**values | {"network": network.config})
    glide.save_inpainter(folder, network, config)
    return folder


def save_tiny_clip(folder: Path) -> Path:
    """A CLIP of the avatars' shape with random weights."""
    from diffusion_core import clip, glide

    words = glide.VOCABULARY
    text = glide.TextEncoderConfig(len(words), glide.MAX_TOKENS, 8, 1, 2, 8)
    made = clip.fresh_clip(clip.ClipConfig(text, patch=8, widths=(8, 16), embedding=8), 0)
    clip.save_clip(folder, made, clip.ClipSettings(made.config, words))
    return folder


def save_tiny_unclip(shipped: Path) -> Path:
    """The folders of a CLIP, a prior and a decoder with random weights; gives what holds them."""
    from diffusion_core import clip, glide, unclip
    from tabs.systems import unclip_walk as view

    words = glide.VOCABULARY
    by = clip.load_clip(save_tiny_clip(shipped / view.CLIP))
    assert isinstance(by.network, clip.Clip)
    noise = {"name": "cosine", "num_train_timesteps": 1000}
    shape = unclip.PriorConfig.of(by.network, width=16, blocks=1)
    prior = unclip.fresh_prior(shape, by.network, 0)
    wake(prior, size=0.3)  # type: ignore[arg-type]
    settings = unclip.PriorSettings(noise, by.weights_hash, network=shape, vocabulary=words)
    unclip.save_prior(shipped / view.PRIOR, prior, settings)
    torch.manual_seed(0)
    decoder = unclip.decoder_from(wake(UNet(TINY_AVATARS)), 8)
    wake(decoder.project, size=0.3)  # type: ignore[arg-type]
    sampling = {"sampler": "dpmpp_2m", "num_steps": 10, "spacing": "karras"}
    known = unclip.DecoderSettings(
        noise, by.weights_hash, sampling=sampling, clip_x0=1.0, network=decoder.config
    )
    unclip.save_decoder(shipped / view.DECODER, decoder, known)
    return shipped


def save_tiny_systems(shipped: Path) -> Path:
    """The folders of all systems that draw avatars, with random weights, and the real judge."""
    from diffusion_core import checkpoint
    from tabs.systems import differ_systems as view
    from tabs.systems import filling_walk
    from tabs.systems.differ_walk import JUDGE

    save_tiny_avatars(shipped / view.AVATARS)
    words = save_tiny_glide(shipped / view.GLIDE)
    save_tiny_inpainter(shipped / filling_walk.INPAINTER, words)
    save_tiny_unclip(shipped)
    save_tiny_imagen(shipped)
    shutil.copytree(checkpoint.shipped_folder() / JUDGE, shipped / JUDGE)
    return shipped


def save_tiny_imagen(shipped: Path) -> Path:
    """The folders of a CLIP and a cascade with random weights; gives what holds them."""
    from diffusion_core import clip, glide, imagen
    from tabs.systems import imagen_walk as view

    by = clip.load_clip(save_tiny_clip(shipped / view.CLIP))
    assert isinstance(by.network, clip.Clip)
    torch.manual_seed(0)
    unet = wake(UNet(TINY_AVATARS))
    base = imagen.base_from(unet, by.network, 32, hidden=8)
    large = imagen.enlarger_from(unet, by.network, 128, hidden=8, width=4, maps=3)
    wake(base.caption.project, size=0.3)
    for part in (large.caption.project, large.level, large.told, large.last):
        wake(part, size=0.1)  # type: ignore[arg-type]
    sampling = {"sampler": "dpmpp_2m", "num_steps": 10, "spacing": "karras"}
    known = {"clip": by.weights_hash, "clip_x0": 1.0, "vocabulary": glide.VOCABULARY}
    known |= {"schedule": {"name": "cosine", "num_train_timesteps": 1000}, "sampling": sampling}
    top = shipped / view.CASCADE
    imagen.save_base(top / "base", base, imagen.BaseSettings(network=base.config, **known))
    settings = imagen.EnlargerSettings(network=large.config, augmentation=0.2, **known)
    imagen.save_enlarger(top / "enlarger", large, settings)
    return shipped


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Whatever a test before has set: so that bits can be compared."""
    torch.set_num_threads(1)
    yield


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Train on the CPU, also where there is a GPU: bits are promised on the CPU alone.

    Accelerate keeps the device of a process's first Accelerator for all later ones, so that state
    is forgotten before and after. Subprocesses inherit the variable.
    """
    AcceleratorState._reset_state(reset_partial_state=True)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "1")
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
