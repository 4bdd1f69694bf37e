"""Seeds of 64 bits, wherever one is given: all digits are kept, and counting on wraps."""

from __future__ import annotations

import dataclasses
import gc
import json

import gradio as gr
import numpy as np
import pytest
import torch
from gradio_client import Client
from gradio_client.exceptions import AppError
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from diffusion_core.__main__ import app as commands
from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.generation import MAX_SEED, RunCard, SamplingRequest, walk
from diffusion_core.seeding import image_generators, parse_seed
from diffusion_core.training import TrainConfig, fresh_unet
from tabs.api import endpoints
from tabs.denoise.code import lines
from tabs.denoise.form import SEEDS, DenoiseForm
from tabs.noise import compute
from tabs.noise.form import NoiseForm
from tabs.shared.forms import parsed
from tabs.train.form import TrainForm

LARGE = (2**32, 2**53 + 1, 2**63 - 1, 2**63, 15_987_654_321_098_765_432, 2**64 - 1)
BAD = (-1, 2**64, 1.5, float("nan"), float("inf"), 2.0**53, True, None, "", "-1", "1.0", "1e3", [7])


@given(st.integers(0, MAX_SEED))
def test_digits_are_kept(seed):
    assert parse_seed(seed) == parse_seed(str(seed)) == parse_seed(f" {seed} ") == seed


@pytest.mark.parametrize("bad", [*BAD, "18446744073709551616", "٣", "x" * 1000], ids=repr)
def test_what_is_no_seed_is_refused_in_a_short_sentence(bad):
    with pytest.raises(
        ValueError, match=r"^The seed must be a whole number from 0 to \d+, got "
    ) as e:
        parse_seed(bad)
    assert len(str(e.value)) < 150 and str(e.value).endswith(".")


@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1, *LARGE])
def test_image_i_has_seed_plus_i_which_wraps(seed):
    for i, generator in enumerate(image_generators(seed, 3)):
        assert generator.initial_seed() == (seed + i) % 2**64
        again = torch.Generator().manual_seed((seed + i) % 2**64)
        assert torch.equal(torch.randn(9, generator=generator), torch.randn(9, generator=again))


@pytest.mark.parametrize("seed", LARGE)
def test_a_run_card_walks_it_again_to_the_bit(seed, tiny_folder):
    checkpoint = load_checkpoint(tiny_folder)
    request = SamplingRequest(num_images=2, num_steps=2, sampler="ddpm", seed=seed, label=1)
    result = list(walk(checkpoint, request))[-1].x_prev
    text = RunCard.of(checkpoint, request, None, result).to_json()
    assert f'"seed": {seed}' in text
    card = RunCard.from_json(text)
    assert card.walk.seed == seed
    assert torch.equal(list(walk(checkpoint, card.walk))[-1].x_prev, result)


def test_the_command_line_takes_it(tiny_folder, tmp_path):
    arguments = ["sample", "--model", str(tiny_folder), "--num", "2", "--steps", "2"]
    paths = [str(tmp_path / name) for name in ("a.npz", "card.json", "b.npz")]
    arguments += ["--seed", str(MAX_SEED), "--out", paths[0], "--save-card", paths[1]]
    assert CliRunner().invoke(commands, arguments).exit_code == 0
    assert json.loads((tmp_path / "card.json").read_text())["walk"]["seed"] == MAX_SEED
    zero = ["sample", "--model", str(tiny_folder), "--num", "1", "--steps", "2", "--seed", "0"]
    assert CliRunner().invoke(commands, [*zero, "--out", paths[2]]).exit_code == 0
    with np.load(paths[0]) as two, np.load(paths[2]) as one:  # image 1 has seed 2^64, which is 0
        assert np.abs(two["images"][1].astype(int) - one["images"][0]).max() <= 1


@pytest.mark.parametrize("seed", LARGE)
def test_the_page_keeps_all_digits(seed, tiny_folder):
    form = DenoiseForm(model=str(tiny_folder), label="Bag", seed=str(seed), images=1)
    request, _ = form.walk(form.checkpoint())
    assert request.seed == seed
    between = dataclasses.replace(form, begin=SEEDS, seed_to=str(seed))
    assert between.walk(form.checkpoint())[0].seed_to == seed
    assert parsed(TrainForm(seed=str(seed)), "seed") == seed
    picture = np.zeros((28, 28, 3), np.uint8)
    caption = json.loads(compute.prepare(NoiseForm(picture, 28, seed=str(seed))))["caption"]
    assert caption.endswith(f"noise of seed {seed}")


def test_the_lines_of_python_wrap_where_seeds_do(tiny_folder):
    form = DenoiseForm(model=str(tiny_folder), label="Bag", images=4)
    checkpoint = form.checkpoint()
    for seed, words in (
        (MAX_SEED - 3, f"manual_seed({MAX_SEED - 3} + i)"),
        (MAX_SEED - 2, f"manual_seed(({MAX_SEED - 2} + i) % 2**64)"),
    ):
        request, _ = dataclasses.replace(form, seed=seed).walk(checkpoint)
        assert words in lines(checkpoint, form, request)


@pytest.mark.parametrize("seed", LARGE)
def test_a_training_takes_it(seed):
    from conftest import TINY

    state = torch.get_rng_state()
    assert TrainConfig(seed=seed).seed == seed
    a, b = fresh_unet(TINY, seed).state_dict(), fresh_unet(TINY, seed).state_dict()
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert torch.equal(torch.get_rng_state(), state)
    with pytest.raises(ValueError, match="seed must be a whole number from 0 to"):
        TrainConfig(seed=2**64)


# gradio_client leaves the loops of its threads, and their sockets, for the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_api_takes_it_and_its_card_gives_it_back(tiny_folder, monkeypatch):
    monkeypatch.setenv("DIFFUSION_MODELS", str(tiny_folder.parent))
    with gr.Blocks() as demo:
        gr.api(endpoints.denoise, api_name="denoise")
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, inbrowser=False)
    client = Client(url, verbose=False)

    def denoise(seed):
        return client.predict(model=tiny_folder.name, steps=2, seed=seed, api_name="/denoise")

    try:
        for sent in (MAX_SEED, str(MAX_SEED)):
            assert denoise(sent)[1]["walk"]["seed"] == MAX_SEED
        with pytest.raises(AppError, match="seed must be a whole number from 0 to"):
            denoise(2**64)
    finally:
        client.close()
        demo.close(verbose=False)
        gc.collect()
