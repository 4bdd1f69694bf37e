"""Uploads: zips and loose pictures become a data set; what is hostile or odd, one sentence."""

import io
import random
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diffusion_core.data import load_dataset, load_uploads, uploads, zips

MB = 2**20


def png(level=0, side=8, colour=True, noise=0, form="PNG"):
    """A picture's bytes: one level, or with a seed, noise."""
    shape = (side, side + 3, 3) if colour else (side, side + 3)
    pixels = np.full(shape, level, np.uint8)
    if noise:
        pixels = np.random.default_rng(noise).integers(0, 256, shape, np.uint8)
    elif colour:
        pixels[..., 0] = 255 - level
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def zipped(path, members, method=zipfile.ZIP_DEFLATED):
    """A zip of {name or ZipInfo: bytes}."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content, compress_type=method)
    return path


def two(*names):
    return {name: png(10 * i) for i, name in enumerate(names or ("1.png", "2.png"))}


def refused(files, words, **options):
    """The sentence that refuses; it tells no path."""
    with pytest.raises(ValueError, match=r"\A[A-Z0-9a-z][^\n]*\.\Z") as caught:
        load_uploads(files, **({"size": 8} | options))
    assert words in str(caught.value) and tempfile.gettempdir() not in str(caught.value)
    return str(caught.value)


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path, monkeypatch):
    """Whatever happens, nothing stays behind."""
    spare = tmp_path / "spare"
    spare.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spare))
    yield
    assert list(spare.iterdir()) == []


def test_a_zip_is_what_the_same_folder_is(tmp_path):
    folder = tmp_path / "folder"
    members = {
        "cats/b.png": png(20, side=40),
        "cats/a.jpg": png(noise=1, form="JPEG", side=30),
        "dogs/c.png": png(noise=2, side=9),
        "dogs/deeper/d.png": png(50, side=200),
        "dogs/broken.png": b"not a picture",
    }
    for name, content in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    d = load_uploads([zipped(tmp_path / "x.zip", members)], size=12, name="pets")
    f = load_dataset(folder, size=12)
    assert d.name == "pets" and d.shape == (3, 12, 12) and d.pictures.dtype == np.uint8
    assert np.array_equal(d.pictures, f.pictures)
    assert d.class_names == f.class_names == ("cats", "dogs")
    assert d.labels.tolist() == f.labels.tolist() == [0, 0, 1, 1]
    assert len(d.unreadable) == 1 and d.unreadable[0].startswith("dogs/broken.png: This file is no")


def test_what_systems_leave_behind_is_passed_over_and_one_top_folder_seen_through(tmp_path):
    litter = (
        "__MACOSX/pets/cats/._1.png",
        "pets/.DS_Store",
        "pets/cats/Thumbs.db",
        "desktop.ini",
        "pets/.hidden/9.png",
        "pets/cats/.2.png",
        "pets/notes.txt",
    )
    members = {name: b"x" for name in litter} | two("pets/cats/1.png", "./pets/dogs/2.png")
    d = load_uploads([zipped(tmp_path / "x.zip", members)], size=8)
    assert len(d) == 2 and d.unreadable == () and d.class_names == ("cats", "dogs")
    assert d.notes == ("1 file was left out: 1 .txt.",)
    # One class is no class.
    d = load_uploads([zipped(tmp_path / "x.zip", two("pets/1.png", "pets/2.png"))], size=8)
    assert len(d) == 2 and d.labels is None and d.class_names == () and d.notes == ()
    # Folders in folders, as of a downloaded data set.
    d = load_uploads([zipped(tmp_path / "x.zip", two("a/b/c/0/1.png", "a/b/c/1/1.png"))], size=8)
    assert d.class_names == ("0", "1")


def test_several_zips_and_loose_pictures_together(tmp_path):
    (tmp_path / "z.png").write_bytes(png(90))
    (tmp_path / "m.txt").write_text("not a picture")
    a = zipped(tmp_path / "a.zip", two("mine/cats/1.png", "mine/dogs/2.png"))
    b = zipped(tmp_path / "b.ZIP", {"cats/1.png": png(70), "birds/1.png": png(80)})
    d = load_uploads([str(b), a], size=8)
    assert d.class_names == ("birds", "cats", "dogs") and d.labels.tolist() == [1, 2, 0, 1]
    assert d.pictures[:, 0, 0, 2].tolist() == [0, 10, 80, 70]
    d = load_uploads([tmp_path / "z.png", b, tmp_path / "m.txt", a], size=8)
    assert d.pictures[:, 0, 0, 2].tolist() == [0, 10, 80, 70] and d.class_names[0] == "birds"
    assert d.notes == (
        "1 file was left out: 1 .txt.",
        "1 picture lies beside the folders that name the classes, and is left out: z.png.",
    )
    # A zip a class, as they are sent one by one.
    c = zipped(tmp_path / "c.zip", {"fish/1.png": png(50)})
    d = load_uploads([c, zipped(tmp_path / "d.zip", {"owls/1.png": png(60)})], size=8)
    assert d.class_names == ("fish", "owls") and d.labels.tolist() == [0, 1]


def test_the_order_is_that_of_the_names(tmp_path):
    names = [f"{c}/{i}.png" for c in "ab" for i in range(5)]
    shuffled = random.Random(0).sample(names, len(names))
    assert shuffled != names
    x = zipped(tmp_path / "x.zip", {n: png(noise=1 + names.index(n)) for n in shuffled})
    y = zipped(tmp_path / "y.zip", {n: png(noise=1 + names.index(n)) for n in names})
    first, second = load_uploads([x], size=8), load_uploads([y], size=8)
    assert np.array_equal(first.pictures, second.pictures)
    assert first.labels.tolist() == second.labels.tolist() == [0] * 5 + [1] * 5


def test_grey_stays_grey_only_if_all_are(tmp_path):
    grey = {"1.png": png(10, colour=False), "2.png": png(99, colour=False, side=30)}
    d = load_uploads([zipped(tmp_path / "x.zip", grey)], size=8)
    assert d.shape == (1, 8, 8) and d.pictures[:, 4, 4, 0].tolist() == [10, 99]
    d = load_uploads([zipped(tmp_path / "x.zip", grey | {"3.png": png(40)})], size=8)
    assert d.shape == (3, 8, 8)
    assert d.pictures[:, 4, 4].tolist() == [[10] * 3, [99] * 3, [215, 40, 40]]


def test_names_in_other_encodings(tmp_path):
    """UTF-8 that is not marked is mended; old Russian and Japanese names are at least read."""
    marked = load_uploads([zipped(tmp_path / "x.zip", two("Äpfel/1.png", "犬/2.png"))], size=8)
    assert marked.class_names == ("Äpfel", "犬")
    names = {
        b"AAAAAA/1.png": "Äpfel".encode(),
        b"BBBBBB/2.png": "犬猫".encode(),
        b"CCCCCC/3.png": "Яблоко".encode("cp866"),
        b"DDDDDD/4.png": "表示用".encode("cp932"),
    }
    content = zipped(tmp_path / "x.zip", two(*(n.decode() for n in names))).read_bytes()
    for name, raw in names.items():
        assert len(raw) == 6
        content = content.replace(name[:6], raw)
    (tmp_path / "x.zip").write_bytes(content)
    d = load_uploads([tmp_path / "x.zip"], size=8)
    assert len(d) == 4 and {"Äpfel", "犬猫"} < set(d.class_names) and len(d.class_names) == 4
    assert sorted(d.labels.tolist()) == [0, 1, 2, 3]
    # Decomposed as macOS writes it, and with an escape code that no page should be told.
    d = load_uploads([zipped(tmp_path / "x.zip", two("A\u0308/1.png", "\x1b[31m/2.png"))], size=8)
    assert set(d.class_names) == {"Ä", "?[31m"}


def test_backslashes_of_old_tools_are_separators(tmp_path):
    d = load_uploads([zipped(tmp_path / "x.zip", two(r"cats\1.png", r"dogs\2.png"))], size=8)
    assert d.class_names == ("cats", "dogs")


def test_a_broken_member_is_named_and_the_rest_is_used(tmp_path):
    noise = png(noise=3, side=64)
    path = zipped(tmp_path / "x.zip", {"a/bad.png": noise} | two("a/1.png", "b/2.png"))
    content = bytearray(path.read_bytes())
    content[200:220] = bytes(20)
    path.write_bytes(content)
    d = load_uploads([path], size=8)
    assert len(d) == 2 and d.class_names == ("a", "b")
    assert d.unreadable == ("a/bad.png: It is broken inside the zip; zip it again.",)


def test_zips_inside_a_zip_are_named_and_not_opened(tmp_path):
    inner = zipped(tmp_path / "i.zip", two("3.png", "4.png")).read_bytes()
    d = load_uploads([zipped(tmp_path / "x.zip", two() | {"inner.zip": inner})], size=8)
    words = "1 file was left out: 1 .zip. A zip inside is not opened; unpack it first."
    assert len(d) == 2 and d.unreadable == () and d.notes == (words,)
    refused([zipped(tmp_path / "x.zip", {"inner.zip": inner})], words)


def test_nothing_to_read_is_one_sentence(tmp_path):
    refused([], "Choose a zip")
    refused([zipped(tmp_path / "x.zip", {})], "x.zip is empty")
    refused([zipped(tmp_path / "x.zip", {"folder/": b""})], "x.zip is empty")
    refused([zipped(tmp_path / "x.zip", {"a.txt": b"text", "b.md": b"text"})], "holds no pictures")
    refused([zipped(tmp_path / "x.zip", {"a.png": b"x", "b.png": b""})], "a.png: This file is no")
    refused([tmp_path / "gone.png"], "upload it again")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    refused(tmp_path / ".DS_Store", "no picture that can be read")
    # One good zip does not hide that another one is not what it should be.
    good, bad = zipped(tmp_path / "g.zip", two()), zipped(tmp_path / "b.zip", {"a.txt": b"text"})
    refused([good, bad], "b.zip holds no pictures")


@pytest.mark.parametrize("damage", ["cut", "text", "nothing", "missing", "directory"])
def test_a_broken_zip_is_one_sentence(tmp_path, damage):
    path = zipped(tmp_path / "x.zip", two())
    content = path.read_bytes()
    at = content.index(b"PK\1\2")
    broken = {
        "cut": content[: len(content) // 2],
        "text": b"no zip at all",
        "nothing": b"",
        "directory": content[: at + 4] + b"\xff" * 40 + content[at + 44 :],
    }
    path.unlink()
    if damage in broken:
        path.write_bytes(broken[damage])
    refused([path], "x.zip is broken")


def test_a_password_and_an_unusual_packing_are_one_sentence(tmp_path):
    path = zipped(tmp_path / "x.zip", two())
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(mark) + offset] |= 1
    path.write_bytes(content)
    refused([path], "password")
    refused([zipped(tmp_path / "x.zip", two(), zipfile.ZIP_BZIP2)], "unusual way")
    refused([zipped(tmp_path / "x.zip", two(), zipfile.ZIP_LZMA)], "unusual way")


def peak(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def lying(path, count, declared):
    """A zip of 200 MB of zeros in each member, whose directory declares other sizes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(count):
            with archive.open(f"{i}.png", "w") as member:
                for _ in range(200):
                    member.write(bytes(MB))
        for info in archive.filelist:
            info.file_size = declared
    return path


def test_a_bomb_that_tells_what_it_is(tmp_path, monkeypatch):
    path = lying(tmp_path / "x.zip", 1, 200 * MB)
    assert path.stat().st_size < MB
    opened = []
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *args, **kwargs: opened.append(args))
    refused([path], "times its size")
    assert not opened


def test_too_much_in_all_is_refused_at_any_ratio(tmp_path):
    members = {f"{i}.bmp": png(noise=1 + i, side=600, form="BMP") for i in range(3)}
    path = zipped(tmp_path / "x.zip", members)
    assert path.stat().st_size > 3 * MB
    refused([path], "unpack to more than 3 MB", max_bytes=3_000_000)
    assert len(load_uploads([path], size=8, max_bytes=4_000_000)) == 3


def test_a_bomb_that_lies_is_stopped_by_what_comes_out(tmp_path):
    path = lying(tmp_path / "x.zip", 3, 100)
    # Each ends where it is too large for a picture, and takes no more memory than that.
    most = peak(lambda: refused([path], "0.png: It has more than 10 MB"))
    assert most < 60 * MB
    refused([path], "unpack to more than 15 MB", max_bytes=15_000_000)
    small = lying(tmp_path / "y.zip", 1, 100)
    d = load_uploads([small, zipped(tmp_path / "z.zip", two())], size=8)
    assert len(d) == 2 and d.unreadable[0].startswith("y.zip/0.png: It has more than")


def test_the_ratio_counts_what_comes_out(tmp_path, monkeypatch):
    path = lying(tmp_path / "x.zip", 3, 100)
    monkeypatch.setattr(zips, "FREE_BYTES", 20 * MB)
    monkeypatch.setattr(zips, "MAX_RATIO", 30)
    refused([path], "over 30 times its size")


def test_flat_drawings_pack_well_and_are_no_bomb(tmp_path):
    flat = {f"{i}.bmp": png(i, side=600, form="BMP") for i in range(3)}
    path = zipped(tmp_path / "x.zip", flat)
    assert sum(map(len, flat.values())) > 100 * path.stat().st_size
    assert len(load_uploads([path], size=8)) == 3


def link(name):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info


@pytest.mark.parametrize(
    "name",
    [
        "../out.png",
        "a/../../out.png",
        "a/..",
        r"..\out.png",
        r"a\..\out.png",
        "/out.png",
        "//host/out.png",
        r"\out.png",
        "C:/out.png",
        r"c:\out.png",
        link("link.png"),
        link("folder"),
    ],
    ids=str,
)
def test_names_that_lead_out_are_refused_and_nothing_is_written(tmp_path, name):
    content = b"/etc/passwd" if isinstance(name, zipfile.ZipInfo) else png(9)
    path = zipped(tmp_path / "x.zip", two() | {name: content})
    before = sorted(tmp_path.rglob("*"))
    words = "a link" if isinstance(name, zipfile.ZipInfo) else "leads out of it"
    refused([path], words)
    assert sorted(tmp_path.rglob("*")) == before and not Path("/out.png").exists()


def test_dots_in_names_are_no_way_out(tmp_path):
    names = ("a..b/1...png", "a../2.png", "a../c:4.png")
    assert len(load_uploads([zipped(tmp_path / "x.zip", two(*names))], size=8)) == 3


def test_no_member_is_written(tmp_path, monkeypatch):
    """Neither by its name nor by another: a full disk or a folder of others changes nothing."""
    written = []
    real = io.open

    def watched(file, mode="r", *args, **kwargs):
        if set(mode) & set("wax+"):
            written.append(file)
        return real(file, mode, *args, **kwargs)

    path = zipped(tmp_path / "x.zip", two("cats/1.png", "dogs/2.png"))
    monkeypatch.setattr(io, "open", watched)
    monkeypatch.setattr("builtins.open", watched)
    load_uploads([path], size=8)
    assert written == []


def test_too_many_too_few_and_sizes_out_of_range_are_one_sentence(tmp_path, monkeypatch):
    path = zipped(tmp_path / "x.zip", two("1.png", "2.png", "3.png"))
    drawn = load_uploads([path], size=8, max_pictures=2)
    assert len(drawn) == 2 and drawn.notes == (
        "Of 3 pictures 2 are taken, drawn at random; more are not allowed here.",
    )
    assert drawn.content == load_uploads([path], size=8, max_pictures=2).content
    one = zipped(tmp_path / "y.zip", {"1.png": png(), "2.png": b"x"})
    refused([one], "only repeat it; give at least 2")
    for size in (0, -8, 1025):
        refused([path], f"from 1 to 1024 pixels, got {size}", size=size)
    monkeypatch.setattr(uploads, "MAX_HELD", 3 * 100 * 100 * 3 - 1)
    assert len(load_uploads([path], size=99)) == 3
    refused([path], "smaller size", size=100)


def test_memory_is_that_of_the_small_pictures(tmp_path):
    """40 pictures of 3 MB each: one at a time is held."""
    members = {f"{i}.png": png(i, side=1000) for i in range(40)}
    path = zipped(tmp_path / "x.zip", members)
    assert peak(lambda: load_uploads([path], size=8)) < 20 * MB


def test_progress_is_told_and_can_end_the_reading(tmp_path):
    path, told = zipped(tmp_path / "x.zip", two("1.png", "2.png", "3.png")), []

    def stop(done, total):
        told.append((done, total))
        if done == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        load_uploads([path], size=8, progress=stop)
    assert told == [(1, 3), (2, 3)]
