"""The controls of the Denoise tab: what they say, and what follows from one for another."""

import gradio as gr
import numpy as np
import pytest
from test_denoise_tab import asked

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.data import read_picture
from diffusion_core.inpainting import INPAINTING_SAMPLERS
from tabs.denoise import form, layout, start_controls
from tabs.denoise.sampler_words import SAMPLER_WORDS
from tabs.shared.start_image import StartImage
from tabs.shared.text import as_words, worded


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bantuKnots", "Bantu knots"),
        ("noHair1", "No hair 1"),
        ("bangs2", "Bangs 2"),
        ("smileLOL", "Smile LOL"),
        ("angryWithFang", "Angry with fang"),
        ("open-peeps", "Open peeps"),
        ("ankle_boot", "Ankle boot"),
        ("T-shirt", "T-shirt"),
        ("Ankle boot", "Ankle boot"),
        ("7", "7"),
        ("", ""),
    ],
)
def test_names_are_read_as_words(name, words):
    assert as_words(name) == words


def test_names_that_would_read_alike_keep_their_own():
    choices = worded(["longHair", "long_hair", "bun"])
    assert choices == [("longHair", "longHair"), ("long_hair", "long_hair"), ("Bun", "bun")]


@pytest.mark.parametrize("sampler", SAMPLER_WORDS)
def test_every_choice_of_sampler_fills_a_hole_and_says_with_what(tiny_folder, sampler):
    picture = StartImage(np.zeros((28, 28, 3), np.uint8), 0.0)
    hole = {"begin": form.HOLE, "start": picture, "hole": '{"mask": "' + "AQEB" * 261 + 'AQ=="}'}
    mine, _ = asked(tiny_folder, sampler=sampler, eta=0.0, **hole).walk(
        load_checkpoint(tiny_folder)
    )
    assert mine.sampler in INPAINTING_SAMPLERS
    told = start_controls.sampler_told(sampler, form.HOLE, 10, str(tiny_folder))
    assert form.choice_of(mine) == told.get("sampler", sampler)
    assert mine.eta == told.get("eta", 0.0)  # of RePaint, where the sampler was replaced
    assert "A hole takes ddim or ddpm" in told["sampler_words"]
    assert "hole" not in start_controls.sampler_told(sampler, form.NOISE, 10, "")["sampler_words"]


def test_a_sampler_that_needs_more_steps_offers_them(tiny_folder):
    model = str(tiny_folder)  # of 1,000 timesteps
    for sampler, steps, offered in (
        ("ddpm", 10, "Set 250 steps"),
        (form.LARGE_VARIANCE, 250, "Set 1,000 steps"),
    ):
        offer = start_controls.sampler_told(sampler, form.NOISE, steps, model)["more_steps"]
        assert offer.visible and offer.value == offered
        count = start_controls.wanted_steps(sampler, model)
        after = start_controls.sampler_told(sampler, form.NOISE, count, model)["more_steps"]
        assert not after.visible
    for steps in (10, None):
        told = start_controls.sampler_told("dpmpp_2m", form.NOISE, steps, model)
        assert not told["more_steps"].visible and "sampler" not in told


def test_the_picture_to_begin_with_suits_the_model_until_there_is_an_own_one(tiny_folder):
    model = str(tiny_folder)
    boot = read_picture(start_controls.first_picture(model))
    assert start_controls.first_picture(model).name == "ankle-boot.png"
    assert start_controls.first_picture("avatars").name == "avatar.png"
    assert start_controls.first_picture("nowhere").name == "chelsea.png"
    file = start_controls.suited(boot, "avatars")
    assert file.endswith("avatar.png")
    shown, start = start_controls.show_suited(file, 300, "avatars")
    assert shown == file and start.picture.shape == (64, 64, 3)
    assert start_controls.suited(np.zeros((9, 9, 3), np.uint8), "avatars") == gr.skip()


def test_two_seeds_have_their_own_number_of_images(tiny_folder):
    for begin in form.BEGINNINGS:
        updates = start_controls.shown(begin, None, str(tiny_folder), "{}")
        assert updates["images"].interactive == (begin != form.SEEDS)
        assert updates["begin_fold"].label == start_controls.FOLD_WORDS[begin]
    emptied = start_controls.own_start(np.zeros((9, 9, 3), np.uint8), None, str(tiny_folder))
    assert emptied == gr.skip()


def test_what_the_noise_tab_hands_over_is_denoised_at_once_each_time(tiny_folder):
    given = StartImage(np.zeros((28, 28, 3), np.uint8), 0.0)
    first, second = (layout.begin_with(given, str(tiny_folder)) for _ in range(2))
    assert first["now"] and first["now"] != second["now"]
    assert "now" not in layout.begin_with(None, str(tiny_folder))
