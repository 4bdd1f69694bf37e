"""Files of a walk that are looked at elsewhere: how large, how slow, and what they say."""

import io
import json
import re
import xml.etree.ElementTree as ElementTree

import imageio.v3 as iio
import numpy as np
import pytest
import segno
from conftest import save_tiny
from PIL import Image, ImageSequence

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.generation import (
    Recording,
    SamplingRequest,
    enlargement,
    strip,
    write_animation,
)
from tabs.denoise.captions import file_name, head
from tabs.denoise.link import LONGEST_CODE, qr_code
from tabs.denoise.run_registry import OPENING_SEED


def frames(count: int, side: int = 28) -> list[np.ndarray]:
    """Grey sheets, each lighter than the one before."""
    levels = np.linspace(0, 255, count).astype(np.uint8)
    return [np.full((side, side, 1), level) for level in levels]


@pytest.mark.parametrize("count", [1, 2, 11, 101, 1001])
def test_a_gif_takes_four_seconds_whatever_its_frames_and_then_stands_still(tmp_path, count):
    write_animation(tmp_path / "a.gif", frames(count, 8), scale=1)
    with Image.open(tmp_path / "a.gif") as movie:
        shown = [(f.info["duration"], np.asarray(f)[0, 0]) for f in ImageSequence.Iterator(movie)]
    times = [ms for ms, _ in shown]
    assert sum(times) == 4000 + 1000
    assert len(times) == min(count, 100) and max(times[:-1], default=0) <= 4000 / count + 40
    assert min(times) >= 40 - 10  # shorter ones are slowed down by browsers


def test_ten_steps_are_ten_moments_of_a_film(tmp_path):
    write_animation(tmp_path / "a.mp4", frames(11))
    movie = iio.imread(tmp_path / "a.mp4", plugin="pyav")
    assert movie.shape[:3] == (125, 532, 532)
    changes = np.flatnonzero(np.abs(np.diff(movie[:, 200, 200, 0].astype(int))) > 10) + 1
    assert changes.tolist() == [-(-100 * k // 11) for k in range(1, 11)]


@pytest.mark.parametrize(
    ("height", "width", "scale"),
    [(28, 28, 19), (58, 58, 9), (130, 130, 4), (512, 512, 1), (600, 900, 1), (32, 2188, 3)],
)
def test_files_are_the_least_whole_multiple_of_512_pixels_that_is_not_too_long(
    height, width, scale
):
    assert enlargement(height, width) == scale


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [1, 9])
def test_a_strip_has_its_words_under_each_moment_and_every_pixel_above(channels, scale):
    sheets = [f.repeat(channels, axis=2) for f in frames(20)]
    words = [f"t = {50 * (19 - i)}" for i in range(20)]
    made = strip(sheets, words, scale=scale)
    bare = strip(sheets, scale=scale)
    assert made.shape[1:] == bare.shape[1:] and bare.shape == (28 * scale, 252 * scale, channels)
    assert np.array_equal(made[: len(bare)], bare)
    band = made[len(bare) :]
    for k in range(8):
        under = band[:, 32 * scale * k : (32 * k + 28) * scale]
        assert (under < 128).sum() > 5 and (under == 255).mean() > 0.5  # ink on white
    others = strip(sheets, ["t = 1"] * 20, scale=scale)
    assert not np.array_equal(others, made) and np.array_equal(others[: len(bare)], bare)


def test_names_of_files_say_model_and_seed_and_nothing_that_a_system_refuses(tmp_path):
    checkpoint = load_checkpoint(save_tiny(tmp_path / "My Model"))
    record = Recording(checkpoint, SamplingRequest(num_images=2, num_steps=3, seed=7))
    assert file_name(record) == head(record)["name"] == "my-model-seed7"
    assert head(record)["seeds"] == "seed 7 to 8"
    leading = Recording(checkpoint, SamplingRequest(num_images=2, num_steps=3, seed=7, seed_to=9))
    assert re.fullmatch(r"my-model-seed7-to-9", file_name(leading))


def test_a_link_as_a_qr_code_is_a_drawing_of_any_size_with_a_quiet_zone():
    link = "https://example.org/playground?tab=denoise&run=" + "a" * 900
    svg = json.loads(qr_code(link))["svg"]
    drawn = ElementTree.fromstring(svg)
    width = int(drawn.attrib["viewBox"].split()[2])
    code = segno.make_qr(link, error="l", boost_error=False)
    assert width == code.symbol_size(border=4)[0] and "width" not in drawn.attrib
    buffer = io.BytesIO()
    code.save(buffer, kind="svg", border=4, light="white", dark="black", omitsize=True)
    assert svg.encode() == buffer.getvalue()


@pytest.mark.parametrize("link", ["", "a" * (LONGEST_CODE + 1), "ä" * 1500, None, ["a"], 3])
def test_what_no_qr_code_holds_is_one_sentence(link):
    answer = json.loads(qr_code(link))
    assert set(answer) == {"error"} and "2,953" in answer["error"] and answer["error"][-1] == "."


def test_the_longest_link_fits_into_a_qr_code():
    assert "svg" in json.loads(qr_code("a" * LONGEST_CODE))


def test_the_page_opens_with_another_seed_than_the_first_press_takes():
    from tabs.denoise.defaults import OWN

    assert int(OWN.seed or 0) != OPENING_SEED
