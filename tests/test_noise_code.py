"""The Noise tab's lines of Python: they make the picture that the page shows."""

import numpy as np
import pytest
import torch
from PIL import Image

from diffusion_core.data import read_picture, read_raw, to_uint8
from diffusion_core.process import q_sample
from tabs.noise import compute
from tabs.noise.code import NEEDS, NEEDS_PICTURE, code
from tabs.noise.form import NoiseForm
from tabs.noise.pictures import PICTURES
from tabs.shared.code_fold import where_open

OWN = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
DEEP = np.random.default_rng(1).integers(0, 3000, (40, 30), np.uint16)


@pytest.mark.parametrize("shipped", [None, "avatar.png", "ankle-boot.png", "deep"])
def test_the_code_makes_the_same_picture_from_any_folder(shipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if shipped == "deep":
        Image.fromarray(DEEP).save("picture.png")
        picture = read_raw("picture.png")
    elif shipped:
        picture = read_picture(PICTURES / shipped)
    else:
        Image.fromarray(OWN).save("picture.png")
        picture = OWN
    white = 3000.0 if shipped == "deep" else "automatic"
    form = NoiseForm(picture, 32, "top or left", "5", "cosine", white)
    x0, eps, schedule = compute.parts(form)
    want = q_sample(x0, 300, eps, schedule)
    space: dict = {}
    shown = code(form, 300)
    exec(shown, space)
    torch.testing.assert_close(space["x_t"], want, atol=0, rtol=0)
    saved = np.array(Image.open("x_t.png"))
    assert (saved.reshape(to_uint8(want)[0].shape) == to_uint8(want)[0]).all()
    assert shown.startswith(NEEDS) and (NEEDS_PICTURE in shown) == (shipped in (None, "deep"))


def test_the_code_says_what_is_wrong_and_computes_nothing_in_a_closed_fold():
    assert code(NoiseForm(OWN, seed="x"), 3).startswith("# The seed must be a whole number")
    assert "t = 999 " in code(NoiseForm(OWN), 5000)
    assert where_open(code)(False, NoiseForm(OWN, seed="x"), 3) == {"__type__": "update"}
    assert where_open(code)(True, NoiseForm(OWN), 3) == code(NoiseForm(OWN), 3)
