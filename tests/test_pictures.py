"""The one careful door: every odd picture is read right, or refused in one sentence."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from diffusion_core.data import decoding, fit_picture, read_picture

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)


def save(tmp_path, image, name, **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


def test_grey_and_colour_come_as_they_are(tmp_path):
    grey = read_picture(save(tmp_path, Image.fromarray(RAMP), "g.png"))
    assert grey.shape == (16, 16, 1) and np.array_equal(grey[..., 0], RAMP)
    rgb = np.stack([RAMP, RAMP[::-1], RAMP.T], axis=2)
    assert np.array_equal(read_picture(save(tmp_path, Image.fromarray(rgb), "c.png")), rgb)


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    deep = RAMP.astype(np.uint16) * 257
    got = read_picture(save(tmp_path, Image.fromarray(deep), "d.png"))
    assert np.array_equal(got[..., 0], RAMP)
    got = read_picture(save(tmp_path, Image.fromarray(deep), "d.tif"))
    assert np.array_equal(got[..., 0], RAMP)
    floats = Image.fromarray((RAMP / 255).astype(np.float32))
    assert np.array_equal(read_picture(save(tmp_path, floats, "f.tif"))[..., 0], RAMP)


def test_transparency_is_laid_on_white_and_hides_what_it_hid(tmp_path):
    rgba = np.zeros((4, 4, 4), np.uint8)
    rgba[..., 0] = 200  # a hidden red
    rgba[0, 0] = (10, 20, 30, 255)
    got = read_picture(save(tmp_path, Image.fromarray(rgba), "a.png"))
    assert got[0, 0].tolist() == [10, 20, 30] and (got[1:] == 255).all()
    palette = Image.fromarray(rgba[..., :3]).convert("P", palette=Image.Palette.ADAPTIVE)
    got = read_picture(save(tmp_path, palette, "p.gif", transparency=palette.getpixel((2, 2))))
    assert (got[2, 2] == 255).all()


def test_palette_cmyk_rotation_and_animation(tmp_path):
    red = Image.new("RGB", (6, 4), (255, 0, 0))
    assert read_picture(save(tmp_path, red.convert("P"), "p.png"))[0, 0].tolist() == [255, 0, 0]
    cmyk = read_picture(save(tmp_path, red.convert("CMYK"), "k.jpg", quality=95))
    assert cmyk[0, 0, 0] > 240 and cmyk[0, 0, 1] < 30
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    assert read_picture(save(tmp_path, red, "e.jpg", exif=exif)).shape == (6, 4, 3)
    blue = Image.new("RGB", (6, 4), (0, 0, 255))
    moving = save(tmp_path, red, "m.gif", save_all=True, append_images=[blue], duration=50)
    assert read_picture(moving)[0, 0].tolist() == [255, 0, 0]


def bomb() -> bytes:
    """A valid PNG of 30,000 × 30,000 black pixels in a few kilobytes."""

    def chunk(kind, data):
        body = kind + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    side = (30_000).to_bytes(4, "big")
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", side + side + bytes([1, 0, 0, 0, 0]))
        + chunk(b"IDAT", zlib.compress(bytes(3751) * 3000, 9))
        + chunk(b"IEND", b"")
    )


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(
        buffer, "JPEG"
    )
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"not a picture at all", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"),
        (jpeg()[:800], "broken"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "picture"),
        (bomb(), "million pixels"),
    ],
    ids=["empty", "text", "svg", "cut jpeg", "broken png", "bomb"],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path, content, words):
    file = tmp_path / "x.png"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"\.$") as caught:
        read_picture(file)
    assert words in str(caught.value) and str(tmp_path) not in str(caught.value)


def test_large_and_missing_files_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "MAX_BYTES", 20)
    with pytest.raises(ValueError, match="at most"):
        read_picture(save(tmp_path, Image.fromarray(RAMP), "x.png"))
    with pytest.raises(ValueError, match="no such picture"):
        read_picture(tmp_path / "nowhere.png")


def test_crops_keep_the_square_that_they_name():
    wide = np.zeros((10, 30, 1), np.uint8)
    wide[:, :10], wide[:, 20:] = 50, 250
    assert (fit_picture(wide, 10, "top or left") == 50).mean() > 0.9
    assert (fit_picture(wide, 10, "centre") == 0).mean() > 0.7
    assert (fit_picture(wide, 10, "bottom or right") == 250).mean() > 0.9
    whole = fit_picture(wide, 12, "whole picture")
    assert whole.shape == (12, 12, 1) and (whole[0] == 128).all() and whole[6, 0] == 50
    with pytest.raises(ValueError, match="no crop"):
        fit_picture(wide, 10, "middle")
