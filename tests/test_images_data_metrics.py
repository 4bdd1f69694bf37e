import numpy as np
import pytest
import torch
from PIL import Image

from diffusion_core.data import from_uint8, grid, load_dataset, to_uint8
from diffusion_core.data.named import FASHION_CLASSES
from diffusion_core.evaluation import frechet_distance
from diffusion_core.evaluation.metrics import blur, nearest_distances


def test_all_levels_survive_and_rounding_rounds():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    assert np.array_equal(to_uint8(from_uint8(levels)), levels)
    x = torch.tensor([-2.0, -1.0, -0.999, 0.0, 0.0043, 1.0, 3.0]).reshape(1, 1, 1, -1)
    assert to_uint8(x).ravel().tolist() == [0, 0, 0, 128, 128, 255, 255]
    with pytest.raises(ValueError):
        from_uint8(np.zeros((1, 2, 2, 1), np.float32))


def test_grid_puts_every_picture_in_its_place():
    p = np.stack([np.full((3, 4, 1), 10 * i, np.uint8) for i in range(5)])
    g = grid(p, gap=1)
    assert g.shape == (2 * 3 + 1, 3 * 4 + 2, 1)
    assert (g[4:7, 5:9] == 40).all() and (g[3] != 0).all()


def test_the_embedded_set_is_balanced_and_real():
    d = load_dataset("fashion-mnist-2000")
    assert len(d) == 2000 and d.shape == (1, 28, 28) and d.class_names == FASHION_CLASSES
    assert d.labels.bincount().tolist() == [200] * 10
    x, y = d.batch(torch.tensor([0, 1999]))
    assert x.min() == -1 and 0.5 < x.max() <= 1 and y.tolist() == [0, 9]
    assert len(np.unique(d.pictures.reshape(2000, -1), axis=0)) > 1990


def test_a_folder_of_pictures_with_one_that_is_broken(tmp_path):
    rng = np.random.default_rng(0)
    hidden = (".thumbnails/1.png", "a/.2.png", "__MACOSX/a/1.png")
    for name in ("a/1.png", "a/2.jpg", "b/3.png", *hidden):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (20, 30, 3), np.uint8)).save(tmp_path / name)
    (tmp_path / "b/4.png").write_bytes(b"not a picture")
    d = load_dataset(tmp_path, size=16)
    assert len(d) == 3 and d.shape == (3, 16, 16)
    assert d.class_names == ("a", "b") and d.labels.tolist() == [0, 0, 1]
    assert len(d.unreadable) == 1 and d.unreadable[0].startswith("b/4.png: ")


def test_data_that_is_not_there_is_one_sentence(tmp_path):
    (tmp_path / "f.txt").write_text("x")
    for bad in ("nope", tmp_path, tmp_path / "f.txt"):
        with pytest.raises(ValueError, match=r"\.$"):
            load_dataset(bad)
    with pytest.raises(ValueError, match="split"):
        load_dataset("fashion-mnist-2000", split="test")


def test_frechet_distance_of_gaussians_is_the_closed_form():
    g = torch.Generator().manual_seed(0)
    a = torch.randn(200_000, 3, generator=g, dtype=torch.float64)
    scale, shift = torch.tensor([1.0, 2.0, 0.5]), torch.tensor([1.0, 0.0, -1.0])
    b = torch.randn(200_000, 3, generator=g, dtype=torch.float64) * scale + shift
    expected = 2 + ((1 - scale) ** 2).sum()
    assert abs(frechet_distance(a, b) - float(expected)) < 0.03
    assert frechet_distance(a, a) < 1e-9
    with pytest.raises(ValueError):
        frechet_distance(a, b[:, :2])


def test_nearest_distance_and_blur():
    x = torch.rand(6, 1, 5, 5) * 2 - 1
    moved = x + 0.1
    assert nearest_distances(x, x, batch_size=4).tolist() == [0] * 6
    assert nearest_distances(moved, x).max() <= 0.1 + 1e-6
    flat = torch.full((1, 2, 5, 5), 0.3)
    torch.testing.assert_close(blur(flat), flat)
    spot = torch.zeros(1, 1, 5, 5)
    spot[0, 0, 2, 2] = 9
    assert blur(spot)[0, 0, 1:4, 1:4].eq(1).all()
