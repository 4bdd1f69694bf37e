"""The script that records the README's animated picture, at its smallest."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[1] / "docs" / "scripts" / "record_animation.py"
README = SCRIPT.parents[2] / "README.md"


@pytest.mark.browser
def test_a_walk_is_recorded_from_the_page(url, tmp_path):
    """In a process of its own, since this one's Playwright runs already."""
    out = tmp_path / "walk.webp"
    options = ["--steps", "2", "--width", "800", "--height", "600", "--address", url]
    line = [sys.executable, str(SCRIPT), "--out", str(out), *options]
    done = subprocess.run(line, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    with Image.open(out) as film:
        assert film.n_frames == 3 and film.size == (800, 600)
        shown = []
        for k in range(3):
            film.seek(k)
            shown.append(np.asarray(film.convert("RGB"), int))
    assert all(np.abs(a - b).max() > 100 for a, b in zip(shown, shown[1:], strict=False))


def test_a_film_too_large_is_refused(tmp_path):
    script = runpy.run_path(str(SCRIPT))
    noise = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    frames = [Image.fromarray(frame) for frame in noise]
    assert script["save"](frames, tmp_path / "a.webp") == (tmp_path / "a.webp").stat().st_size
    script["save"].__globals__["LARGEST"] = 500
    with pytest.raises(ValueError, match="take fewer steps"):
        script["save"](frames, tmp_path / "b.webp")
    assert not (tmp_path / "b.webp").exists()


def test_the_readme_opens_with_the_film():
    text = README.read_text(encoding="utf-8")
    picture = text.split("# Diffusion Playground")[0].rsplit("](", 1)[1].split(")")[0]
    film = README.parent / picture
    assert film.stat().st_size <= 3 * 1024 * 1024
    with Image.open(film) as opened:
        assert opened.n_frames >= 10 and opened.width >= 1000
