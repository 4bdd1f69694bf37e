"""What `sample --out` writes: names in any case, arrays for evaluators, folders of pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from diffusion_core.__main__ import app
from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.generation import SamplingRequest, write_walk
from diffusion_core.generation import export as exports

REQUEST = SamplingRequest(num_images=3, num_steps=2, label=8)


@pytest.fixture(scope="module")
def checkpoint(tiny_folder):
    return load_checkpoint(tiny_folder)


@pytest.fixture(scope="module")
def arrays(checkpoint, tmp_path_factory):
    path = tmp_path_factory.mktemp("arrays") / "samples.npz"
    write_walk(path, checkpoint, REQUEST)
    with np.load(path) as file:
        return dict(file)


def test_evaluators_find_arr_0_beside_the_names_of_before(arrays):
    assert {*arrays} == {"images", "labels", "arr_0"}
    assert arrays["arr_0"].dtype == np.uint8 and arrays["arr_0"].shape == (3, 28, 28, 1)
    assert np.array_equal(arrays["arr_0"], arrays["images"])
    assert arrays["labels"].tolist() == [8, 8, 8]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("walk.GIF", b"GIF89a"), ("sheet.Png", b"\x89PNG"), ("a.NPZ", b"PK"), ("film.MP4", b"ftyp")],
)
def test_the_case_of_an_extension_does_not_matter(name, kind, checkpoint, tmp_path):
    write_walk(tmp_path / name, checkpoint, REQUEST)
    assert kind in (tmp_path / name).read_bytes()[:12]
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_holds_single_pictures(there, checkpoint, arrays, tmp_path):
    folder = tmp_path / "new" / "fakes.v2"
    if there:
        folder.mkdir(parents=True)
    write_walk(folder if there else f"{folder}/", checkpoint, REQUEST)
    assert sorted(p.name for p in folder.iterdir()) == ["00000.png", "00001.png", "00002.png"]
    assert [p.name for p in folder.parent.iterdir()] == ["fakes.v2"]
    for i, image in enumerate(arrays["images"]):
        assert np.array_equal(np.asarray(Image.open(folder / f"{i:05d}.png")), image[..., 0])


def test_a_folder_that_holds_files_is_refused_before_anything_is_computed(
    checkpoint, tmp_path, monkeypatch
):
    (tmp_path / "00007.png").write_bytes(b"of another run")
    monkeypatch.setattr(exports, "SamplingRun", None)
    with pytest.raises(ValueError, match="holds files already; name another folder"):
        write_walk(tmp_path, checkpoint, REQUEST)
    assert [p.name for p in tmp_path.iterdir()] == ["00007.png"]
    with pytest.raises(ValueError, match="holds files already"):
        write_walk(f"{tmp_path}/00007.png/", checkpoint, REQUEST)
    with pytest.raises(ValueError, match=r"or in / for a folder of single pictures; got 'fakes'"):
        write_walk(tmp_path / "fakes", checkpoint, REQUEST)


def test_a_folder_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    def broken(picture):
        if picture.max():
            raise OSError("the disk is full")
        return Image.fromarray(picture[..., 0])

    monkeypatch.setattr(exports, "to_pil", broken)
    pictures = np.zeros((2, 4, 4, 1), np.uint8)
    pictures[1] = 255
    with pytest.raises(OSError, match="disk is full"):
        exports.write_folder(tmp_path / "fakes", pictures)
    assert list(tmp_path.iterdir()) == []


def test_the_command_keeps_the_slash(tiny_folder, tmp_path):
    arguments = ["sample", "--model", str(tiny_folder), "--num", "2", "--steps", "2"]
    done = CliRunner().invoke(app, [*arguments, "--out", f"{tmp_path}/fakes/"])
    assert done.exit_code == 0, done.output
    assert len(list((tmp_path / "fakes").glob("*.png"))) == 2
