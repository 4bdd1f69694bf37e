"""A folder and a zip of the same tree are the same data set, and what is left out is said."""

import io
import os
import sys
import threading
import unicodedata
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import wait_for
from PIL import Image, features
from typer.testing import CliRunner

from diffusion_core.__main__ import app
from diffusion_core.data import load_dataset, load_uploads, read_raw, to_levels
from diffusion_core.data.places import LeftOut, name_of
from tabs.noise import compute
from tabs.noise.form import NoiseForm
from tabs.shared.picture_upload import receive, receive_raw
from tabs.shared.sessions import SESSIONS
from tabs.train import datasets, handlers, layout
from tabs.train.form import SourceForm

ME = SimpleNamespace(session_hash="folder-reader")


def picture(level, form="PNG"):
    """A picture's bytes, by its one level."""
    buffer = io.BytesIO()
    Image.new("RGB", (12, 9), (255, level, 0)).save(buffer, form)
    return buffer.getvalue()


def deep(values, form="PNG"):
    """A picture of more than 8 bits: 16-bit whole numbers, or floats."""
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(values)).save(buffer, form)
    return buffer.getvalue()


def both(tmp_path, tree, **options):
    """The data sets of a tree {place: content}, as a folder and as a zip of that folder."""
    folder = tmp_path / "pets"
    for place, content in tree.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(content)
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for path in sorted(folder.rglob("*"), reverse=True):
            archive.write(path, Path("pets") / path.relative_to(folder))
    return [
        load_dataset(path, **{"size": 8, **options}) for path in (folder, tmp_path / "pets.zip")
    ]


def numbered(*names):
    return {name: picture(10 * i) for i, name in enumerate(names)}


STRAY = "1 picture lies beside the folders that name the classes, and is left out: stray.png."
TREES = {
    "classes": (numbered("cat/1.png", "cat/2.png", "dog/3.png"), "cat cat dog", ()),
    "a split": (numbered("train/cat/1.png", "train/dog/2.png"), "cat dog", ()),
    "all splits": (
        numbered("Train/cat/1.png", "Train/dog/2.png", "val/cat/3.png", "test/dog/4.png"),
        "cat dog",
        ("Only the folder for training is learned: 2 pictures of test and val are left out.",),
    ),
    "splits without train": (numbered("val/cat/1.png", "test/dog/2.png"), "dog cat", ()),
    "a class called train": (numbered("train/1.png", "bus/2.png"), "bus train", ()),
    "wrapped twice": (numbered("a/b/cat/1.png", "a/b/dog/2.png"), "cat dog", ()),
    "a stray picture": (numbered("cat/1.png", "dog/2.png", "stray.png"), "cat dog", (STRAY,)),
    "a stray beside a split": (
        numbered("train/cat/1.png", "train/dog/2.png", "stray.png"),
        "cat dog",
        (STRAY,),
    ),
    "more beside than inside": (
        numbered("cat/1.png", "dog/2.png", "3.png", "4.png"),
        "",
        (
            "No classes are used, for 2 pictures lie beside the folders that would name them, and "
            "2 in them.",
        ),
    ),
    "no folders": (numbered("1.png", "2.png"), "", ()),
    "what is no picture": (
        numbered("cat/1.jfif", "dog/2.JPE", "dog/3.dib")
        | dict.fromkeys(["cat/a.heic", "b.HEIC", "note.txt", "cat/Makefile", "in.zip"], b"x")
        | dict.fromkeys(["Thumbs.db", ".DS_Store", "__MACOSX/._1.png", "cat/.2.png"], b"x"),
        "cat dog dog",
        (
            "5 files were left out: 2 .heic, 1 .txt, 1 .zip, 1 without an ending. HEIC cannot be "
            "opened here; save it as JPEG. A zip inside is not opened; unpack it first.",
        ),
    ),
    "decomposed names": (
        numbered("Äpfel/1.png", "A\u0308pfel/2.png", "犬/3.png"),
        "Äpfel Äpfel 犬",
        (),
    ),
}


@pytest.mark.parametrize("tree", TREES)
def test_a_folder_and_its_zip_are_the_same_data_set(tmp_path, tree):
    files, classes, notes = TREES[tree]
    files = {**files, "cat/broken.png": b"no picture"} if tree == "classes" else files
    folder, packed = both(tmp_path, files)
    for one in (folder, packed):
        labels = [] if one.labels is None else one.labels.tolist()
        assert [one.class_names[i] for i in labels] == classes.split()
        assert one.notes == notes and one.name == "pets"
        assert [each[:15] for each in one.unreadable] == ["cat/broken.png:"] * (tree == "classes")
    assert folder.content == packed.content and folder.remarks == packed.remarks
    assert len(folder) == len(classes.split()) or not classes


def test_every_kind_that_is_named_can_be_read(tmp_path):
    kinds = {".png": "PNG", ".jfif": "JPEG", ".jpe": "JPEG", ".bmp": "BMP", ".dib": "DIB"}
    kinds |= {".gif": "GIF", ".tif": "TIFF", ".TIFF": "TIFF", ".webp": "WEBP"}
    kinds |= {".avif": "AVIF"} if features.check("avif") else {}
    folder, packed = both(
        tmp_path, {f"{i}{end}": picture(0, form) for i, (end, form) in enumerate(kinds.items())}
    )
    assert len(folder) == len(packed) == len(kinds) and folder.remarks == ()
    assert (folder.pictures[..., 0].astype(int) > 240).all()


def test_nothing_to_read_is_the_same_sentence_for_both(tmp_path):
    for tree, words in (
        ({"a.heic": b"x", "b/c.txt": b"x"}, "2 files were left out: 1 .heic, 1 .txt."),
        ({"only.png": picture(1)}, "give at least 2."),
        ({"1.png": b"x"}, "not a picture that can be read; use PNG or JPEG."),
    ):
        told = []
        for at, path in ((0, "pets"), (1, "pets.zip")):
            place = tmp_path / f"{len(words)}-{at}"
            place.mkdir()
            with pytest.raises(ValueError, match=r"\.$"):
                both(place, tree)
            with pytest.raises(ValueError) as caught:
                load_dataset(place / path, size=8)
            told.append(str(caught.value).replace("pets.zip", "pets"))
        assert told[0] == told[1] and words in told[0] and str(tmp_path) not in told[0]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right on Windows")
def test_linked_class_folders_are_followed_at_home_and_never_in_a_circle(tmp_path):
    both(tmp_path, numbered("real/1.png", "real/2.png"))
    home = tmp_path / "home"
    home.mkdir()
    for name in ("cat", "dog"):
        (home / name).symlink_to(tmp_path / "pets" / "real", target_is_directory=True)
    (home / "cat" / "circle").symlink_to(home, target_is_directory=True)
    (home / "gone").symlink_to(tmp_path / "nowhere")
    read = load_dataset(home, size=8)
    assert read.class_names == ("cat", "dog") and len(read) == 4
    assert read.notes == ("3 links were not followed.",)  # the circle, seen twice, and the gone
    with pytest.raises(ValueError, match="links were not followed"):
        load_dataset(home, size=8, follow_links=False)


def test_names_that_are_not_utf8_are_printable_and_the_same_in_both(tmp_path):
    assert name_of("犬".encode()) == "犬" and name_of(b"caf\xe9") == "cafΘ"
    assert name_of(b"\x1b[31m") == "?[31m"
    if sys.platform != "linux":
        return
    folder, raw = os.fsencode(tmp_path / "bytes"), b"caf\xe9"
    for name, level in ((raw, 1), (b"dog", 2)):
        os.makedirs(os.path.join(folder, name))
        with open(os.path.join(folder, name, b"1.png"), "wb") as file:
            file.write(picture(level))
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("NAME/1.png", picture(1))
        archive.writestr("dog/1.png", picture(2))
    content = (tmp_path / "b.zip").read_bytes().replace(b"NAME", raw)
    (tmp_path / "b.zip").write_bytes(content)
    for path in (tmp_path / "bytes", tmp_path / "b.zip"):
        read = load_dataset(path, size=8)
        assert read.class_names == ("cafΘ", "dog")
        assert all(name.encode("utf-8") for name in read.class_names)
    odd = Path(os.fsdecode(os.path.join(folder, raw)))
    for data in (load_uploads([tmp_path / "bytes", odd], size=8),):
        assert data.remarks == () or all(each.encode("utf-8") for each in data.remarks)


def test_a_folder_is_found_by_the_name_that_is_typed(tmp_path):
    folder = tmp_path / unicodedata.normalize("NFD", "Bärenfotos")
    folder.mkdir()
    for name, content in numbered("1.png", "2.png").items():
        (folder / name).write_bytes(content)
    typed = tmp_path / unicodedata.normalize("NFC", "Bärenfotos")
    assert load_dataset(typed, size=8).name == "Bärenfotos"


def test_files_are_counted_before_they_are_read_and_more_than_allowed_are_drawn(tmp_path):
    tree = numbered(*(f"{name}/{i}.png" for name in "ab" for i in range(250)))
    told = []
    folder, packed = both(
        tmp_path, tree, max_pictures=40, progress=lambda done, total: told.append((done, total))
    )
    assert {total for _, total in told} == {0, 40} and (200, 0) in told and (40, 40) in told
    words = "Of 500 pictures 40 are taken, drawn at random; more are not allowed here."
    assert len(folder) == 40 and folder.notes == packed.notes == (words,)
    assert folder.content == packed.content and folder.class_names == ("a", "b")


def test_the_counts_name_few_kinds_and_sum_up_the_rest():
    left = LeftOut()
    for i in range(9):
        left.note(f"x.e{i}")
    (words,) = left.words()
    assert words.startswith("9 files were left out: 1 .e0,") and words.endswith("3 others.")


TWELVE = np.array([[0, 4095], [2048, 1024]], np.uint16)


def test_one_range_holds_for_the_whole_set(tmp_path):
    dark = TWELVE // 16  # by itself it would look like the other
    folder, packed = both(tmp_path, {"1.png": deep(TWELVE), "2.png": deep(dark)}, size=2)
    assert folder.content == packed.content
    assert folder.pictures[0].max() == 255 and folder.pictures[1].max() == 16
    assert folder.notes == (
        "2 pictures hold more than 8 bits a value, from 0 to 4,095: 0 is shown as black and 4,095 "
        "as white in all of them (12 bits, which hold all values).",
    )


@pytest.mark.parametrize(
    ("choice", "white", "why"),
    [
        ("automatic", 4095, "12 bits, which hold all values"),
        ("format", 65535, "as the format says"),
        ("largest", 4000, "up to the largest value"),
        ("percentiles", 3960, "the 1st and the 99th percentile"),
        ("8000", 8000, "as you set it"),
    ],
)
def test_each_choice_of_a_range_is_heeded_and_said(tmp_path, choice, white, why):
    ramp = np.arange(4001, dtype=np.uint16)[None].repeat(4, 0)
    (tmp_path / "x.png").write_bytes(deep(ramp))
    raw = read_raw(tmp_path / "x.png")
    levels, words = to_levels(raw, choice if choice.isalpha() else float(choice))
    black = 40 if choice == "percentiles" else 0
    expected = ((ramp.astype(float) - black) / (white - black) * 255).clip(0, 255)
    assert np.abs(levels[..., 0] - expected).max() < 1.1 and why in words
    folder, packed = both(
        tmp_path,
        {f"{i}.png": deep(ramp[:, : 4 * i]) for i in (1, 1000)},
        value_range=choice,
        size=4,
    )
    assert folder.content == packed.content and why in folder.notes[0]


@pytest.mark.parametrize("choice", ["", "0", "-3", "nan", "inf", "brightest"])
def test_a_range_that_there_is_not_is_one_sentence(tmp_path, choice):
    with pytest.raises(ValueError, match=r"^The value range must be automatic, format, .*\.$"):
        both(tmp_path, numbered("1.png", "2.png"), value_range=choice)


def test_floats_keep_their_own_scale(tmp_path):
    ramp = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    for scale, shift, black, white in ((1, 0, 0, 1), (200, 0, 0, 255), (2, -1, -1, 1)):
        values = ramp * scale + shift
        values[0, 0] = np.nan if shift == 0 else values[0, 0]
        (tmp_path / "f.tif").write_bytes(deep(values, "TIFF"))
        levels, words = to_levels(read_raw(tmp_path / "f.tif"))
        expected = (np.nan_to_num(values) - black) / (white - black) * 255
        assert np.abs(levels[..., 0] - expected).max() <= 0.51
        assert "the usual range that holds all values" in words


def test_the_noise_tab_takes_the_range_that_is_chosen(tmp_path):
    (tmp_path / "x.png").write_bytes(deep(np.full((64, 64), 2048, np.uint16)))
    payload = SimpleNamespace(path=str(tmp_path / "x.png"))
    assert receive(payload).dtype == np.uint8
    raw = receive_raw(payload)
    seen = {}
    for choice in ("automatic", "format", "4096"):
        form = NoiseForm(raw, 64, value_range=choice)
        seen[choice] = float(compute.parts(form)[0].mean())
        assert "is shown as black" in compute.prepare(form)
    assert abs(seen["automatic"]) < 0.01 and seen["format"] < -0.9 and abs(seen["4096"]) < 0.01
    with pytest.raises(Exception, match="The value range must be"):
        compute.prepare(NoiseForm(raw, 64, value_range="bright"))


@pytest.fixture
def many(tmp_path, monkeypatch):
    """A folder whose reading waits after the first picture, until it is let go."""
    go, begun = threading.Event(), threading.Event()
    both(tmp_path, numbered(*(f"{i}.png" for i in range(30))))

    def slow(file, side):
        begun.set()
        assert go.wait(30)
        return read_raw(file, side)

    monkeypatch.setattr("diffusion_core.data.uploads.read_raw", slow)
    monkeypatch.setattr(handlers, "TELL_SECONDS", 0.01)
    yield SimpleNamespace(
        form=SourceForm(datasets.FOLDER, None, str(tmp_path / "pets"), 8), go=go, begun=begun
    )
    go.set()
    wait_for(lambda: not [t for t in threading.enumerate() if t.name.startswith("reading")])
    SESSIONS.drop(ME.session_hash)


@pytest.mark.parametrize("how", ["cancel", "another choice", "the page goes"])
def test_a_reading_ends_when_it_is_not_wanted_any_more(many, how):
    told = handlers.chosen_pictures(many.form, ME)
    first = next(told)
    assert first["words"].startswith("Reading the pictures") and first["cancel"].visible
    assert many.begun.wait(30)
    handlers.superseded(many.form, ME)  # the same choice once more changes nothing
    assert not handlers.READINGS[ME.session_hash].ended.is_set()
    if how == "cancel":
        handlers.cancel_reading(ME)
    elif how == "another choice":
        handlers.superseded(SourceForm(), ME)
    else:
        layout.leave(ME.session_hash)
    *_, last = told  # at once, though the reader still stands at its picture
    assert last["words"] == handlers.CANCELLED and not last["cancel"].visible
    assert SESSIONS.chosen(ME.session_hash) is None and ME.session_hash not in handlers.READINGS
    handlers.cancel_reading(ME)  # nothing is read, nothing happens


def test_a_reading_tells_how_far_it_is_and_hides_its_cancel_at_the_end(many):
    assert handlers._so_far(400, 0) == "Counting the files: 400 so far …"
    assert handlers._so_far(1234, 20000) == "Reading the pictures 1,234 of 20,000 …"
    told = handlers.chosen_pictures(many.form, ME)
    next(told)
    assert list(handlers.opened(many.form, ME)) == [{}]  # the tab opened again reads no second time
    many.go.set()
    *_, last = told
    assert "**30 pictures**" in last["words"] and not last["cancel"].visible


def test_a_reading_that_only_counts_ends_by_the_limits_of_the_page():
    timed = datasets._timed(None, -1)
    with pytest.raises(
        ValueError, match=r"-1 seconds to be read, and in these 200 files were only"
    ):
        timed(200, 0)


def test_the_command_line_reads_and_says_the_same(tmp_path, monkeypatch):
    both(tmp_path, {**numbered("train/cat/1.png", "train/dog/2.png", "stray.png"), "a.txt": b"x"})

    def ends(*_, **__):
        raise InterruptedError("that is enough")

    monkeypatch.setattr("diffusion_core.training_runs.TrainingPlan.for_data", ends)
    told = []
    for path, option in (("pets", "--dataset"), ("pets.zip", "--data")):
        result = CliRunner().invoke(
            app,
            ["train", option, str(tmp_path / path), "--size", "8", "--out", str(tmp_path / "o")],
        )
        told.append(result.stderr)
    assert told[0] == told[1] == f"1 file was left out: 1 .txt.\n{STRAY}\n"
