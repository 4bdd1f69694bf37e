"""Hundreds of pictures that are broken, odd or made to break a reader: right, or one sentence."""

import io
import itertools
import struct
import subprocess
import sys
import tempfile
import time
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from diffusion_core.data import CROPS, fit_picture, read_picture, read_raw
from diffusion_core.data.decoding import MAX_PIXELS, MAX_READS

AVIF = features.check("avif") if "avif" in features.get_supported() else False
RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (24, 36, 4), np.uint8)


def saved(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def judged(data):
    """The picture as read, or the sentence: whatever else comes out fails the test.

    Never may it take more than a second, tell a path, or give what is no picture.
    """
    began = time.process_time()
    try:
        got = read_picture(data, 64)
    except ValueError as error:
        sentence = str(error)
        assert sentence[0].isupper() and sentence.endswith(".") and "\n" not in sentence
        assert tempfile.gettempdir() not in sentence and ".py" not in sentence
        assert "Traceback" not in sentence and "0x" not in sentence
        got = sentence
    else:
        assert got.dtype == np.uint8 and got.ndim == 3 and got.shape[2] in (1, 3) and got.size
    assert time.process_time() - began < 1
    return got


# Every format that Pillow writes here, in every mode in which it does.
MODES = ("1", "L", "P", "LA", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV", "I", "F")
MODES += ("I;16", "I;16B", "La", "RGBa")
READ = {"PNG", "JPEG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "MPO", *(["AVIF"] if AVIF else [])}
SKIPPED = {"BUFR", "GRIB", "HDF5", "WMF"}  # no writer without a program of the system


def in_mode(mode):
    """A picture of a mode: noise, and its left half one colour that survives any packing."""
    if mode in ("I", "F", "I;16", "I;16B"):
        kind = {"I": np.int32, "F": np.float32, "I;16": "<u2", "I;16B": ">u2"}[mode]
        return Image.fromarray((NOISE[..., 0].astype(np.int64) * 16).astype(kind))
    image = Image.fromarray(NOISE[..., :3])
    image.paste((200, 100, 50), (0, 0, 18, 24))
    if mode in ("La", "RGBa"):
        return image.convert("RGBA").convert("LA" if mode == "La" else "RGBA").convert(mode)
    if mode == "LAB":
        lab = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, lab[1], lab[0], outputMode="LAB")
    if mode == "PA":
        return image.convert("P").convert("PA")
    return image.convert(mode)


def written(forms, modes):
    """(format, mode, bytes) of what of these can be written here."""
    for form, mode in itertools.product(sorted(forms), modes):
        try:
            yield form, mode, saved(in_mode(mode), form)
        except Exception:  # Pillow has no such mode in this format
            continue


def test_every_format_and_mode_is_read_right_or_refused_in_a_sentence():
    Image.init()
    everything = list(written(set(Image.SAVE) - SKIPPED, MODES))
    assert len(everything) > 70
    seen = {}
    for form, mode, data in everything:
        got = judged(data)
        seen.setdefault((form in READ) or isinstance(got, np.ndarray), []).append((form, mode))
        if form not in READ or (form, mode) == ("TIFF", "YCbCr"):  # which Pillow writes unreadably
            assert isinstance(got, str), (form, mode)
            continue
        assert isinstance(got, np.ndarray) and got.shape[:2] == (24, 36), (form, mode, got)
        flat = got[4:20, 4:14].astype(int).mean((0, 1))
        if mode in ("RGB", "RGBA", "RGBX", "P", "PA", "CMYK", "LAB", "YCbCr", "RGBa", "HSV"):
            near = 40 if mode in ("P", "PA") or form == "GIF" else 12
            assert np.abs(flat - (200, 100, 50)).max() < near, (form, mode, flat)
        elif mode in ("L", "LA", "La"):
            assert np.abs(flat - 124).max() < 12, (form, mode, flat)
    assert {form for form, _ in seen[True]} == READ and len(seen[True]) > 35


@pytest.mark.parametrize("name", ["PNG", "JPEG", "GIF", "BMP", "TIFF"])
def test_another_ending_does_not_matter(tmp_path, name):
    data = ONE_OF_EACH[name]
    for ending in ("png", "jpg", "tif", "webp", "txt"):
        (tmp_path / f"x.{ending}").write_bytes(data)
        assert np.array_equal(read_picture(tmp_path / f"x.{ending}"), read_picture(data))


def one_of_each():
    Image.init()
    rgb = {form: data for form, _, data in written(READ, ["RGB"])}
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb["exif"] = saved(in_mode("RGB"), "JPEG", exif=exif)
    rgb["progressive"] = saved(in_mode("RGB"), "JPEG", progressive=True)
    rgb["lzw"] = saved(in_mode("RGB"), "TIFF", compression="tiff_lzw")
    rgb["deep"] = saved(in_mode("I;16"), "TIFF", compression="tiff_adobe_deflate")
    rgb["apng"] = saved(in_mode("RGB"), "PNG", save_all=True, append_images=[in_mode("RGB")] * 2)
    return rgb


ONE_OF_EACH = one_of_each()


def mutations(data, count, seed):
    """Cut at many places; bytes changed, above all in the header; zeros and ones over a stretch."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        kind = i % 4
        at = int(rng.integers(1, min(len(data), 200) if kind in (1, 2) else len(data)))
        changed = bytearray(data)
        if kind == 0:
            yield data[:at]
            continue
        if kind == 1:
            changed[at] = int(rng.integers(256))
        elif kind == 2:
            changed[at : at + 4] = bytes([255 * int(rng.integers(2))] * 4)
        else:
            changed[at : at + 16] = rng.bytes(16)
        yield bytes(changed)


def test_cut_and_changed_files_are_pictures_or_sentences():
    tried = 0
    for seed, data in enumerate(ONE_OF_EACH.values()):
        for broken in mutations(data, 24, seed):
            judged(broken)
            tried += 1
    assert tried >= 300


@pytest.mark.long
def test_very_many_cut_and_changed_files():
    before = None
    for rounds in range(6):
        for seed, data in enumerate(ONE_OF_EACH.values()):
            for broken in mutations(data, 250, 1000 * rounds + seed):
                judged(broken)
        if rounds == 1:
            before = resident()
    assert resident() - before < 20


def resident():
    """Megabytes in memory; 0 where the system does not tell."""
    try:
        with open("/proc/self/status") as file:
            return int(file.read().split("VmRSS:")[1].split()[0]) / 1024
    except OSError:
        return 0.0


def chunk(kind, body):
    body = kind + body
    return len(body[4:]).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")


def png(width, height, bits=8, colour=0, rows=b"\0", *extra):
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(rows, 9))
    ends = chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(extra) + body + ends


def bombs():
    """Files that declare far more than they hold, or hold far more than they are."""
    yield "png", png(30_000, 30_000), "million pixels"
    yield "png 1 bit", png(200_000, 200_000, 1), "million pixels"
    yield "png lies", png(5000, 5000), "broken"
    yield "png of no width", png(0, 10), None
    yield "png of 2**31", png(2**31 - 1, 2**31 - 1), "million pixels"
    text = zlib.compress(bytes(60_000_000), 9)
    yield "text chunk", png(1, 1, 8, 0, b"\0\0", chunk(b"zTXt", b"a\0\0" + text)), None
    yield "profile", png(1, 1, 8, 0, b"\0\0", chunk(b"iCCP", b"a\0\0" + text)), None
    many = chunk(b"tEXt", b"a\0b") * (MAX_READS // 2)
    yield "many chunks", png(1, 1, 8, 0, b"\0\0", many), "unusual"
    gif = bytearray(ONE_OF_EACH["GIF"])
    gif[6:10] = b"\xff\xff\xff\xff"
    yield "gif canvas", bytes(gif), "million pixels"
    bmp = bytearray(ONE_OF_EACH["BMP"])
    bmp[18:26] = struct.pack("<ii", 2**30, 2**30)
    yield "bmp", bytes(bmp), "million pixels"
    jpeg = bytearray(ONE_OF_EACH["JPEG"])
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    yield "jpeg", bytes(jpeg), "million pixels"
    scans = ONE_OF_EACH["progressive"]
    at = scans.rindex(b"\xff\xda")
    yield "jpeg of endless scans", scans[:at] + scans[at:-2] * 400, "unusual"
    webp = b"VP8X" + struct.pack("<II", 10, 0) + b"\xfe\x3f\x00\xfe\x3f\x00"
    yield "webp canvas", b"RIFF" + struct.pack("<I", 4 + len(webp)) + b"WEBP" + webp, None
    if features.check("webp"):
        large = saved(Image.new("L", (5000, 4000)).convert("RGB"), "WEBP", quality=1, method=0)
        yield "webp of 20 million", large, "million pixels as WEBP"
    tiff = bytearray(ONE_OF_EACH["TIFF"])
    yield (
        "tiff",
        bytes(tiff).replace(
            struct.pack("<HHII", 256, 4, 1, 36)[:8], struct.pack("<HHI", 256, 4, 1)
        ),
        None,
    )
    yield "tiff of one column", wide_tiff(2**28), "million pixels"
    yield "tiff of endless strips", wide_tiff(400_000, strips=400_000), "unusual"
    heic = b"\0\0\0\x18ftypheic" + bytes(60)
    yield "heic", heic, "This is a HEIC picture"
    yield "svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture"
    yield "eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"
    yield "zip", b"PK\3\4" + bytes(60), "not a picture"


def wide_tiff(height, strips=1):
    """A TIFF one pixel wide, with as many strips as are wanted, all of which are the same byte."""
    tags = [(256, 4, 1, 1), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    at = 8 + 2 + 12 * 9 + 4
    inline = strips == 1
    tags += [(273, 4, strips, 0 if inline else at), (277, 3, 1, 1)]
    tags += [(278, 4, 1, height // strips), (279, 4, strips, 1 if inline else at + 4 * strips)]
    body = b"II*\0" + struct.pack("<IH", 8, len(tags))
    body += b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return body + struct.pack("<I", 8) * strips + struct.pack("<I", 1) * strips


@pytest.mark.parametrize(("data", "words"), [pytest.param(d, w, id=n) for n, d, w in bombs()])
def test_bombs_and_lying_headers_are_refused_by_what_they_say(data, words):
    got = judged(data)
    if words is not None:
        assert isinstance(got, str) and words in got


TURNED = ("JPEG", "PNG", "TIFF", "lzw", *(["WEBP"] if features.check("webp") else []))


@pytest.mark.parametrize("form", TURNED)
def test_every_turn_of_exif_is_heeded(form):
    corner = np.full((40, 60, 3), 30, np.uint8)
    corner[:20, :20] = (250, 240, 250)  # top left, as it is meant to be seen
    upright = Image.fromarray(corner)
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transposes that undo each turn
    for turn in range(1, 9) if form == "lzw" else range(10):
        stored = upright.transpose(Image.Transpose(back[turn])) if turn in back else upright
        exif = Image.Exif()
        exif[0x0112] = turn
        options = {"compression": "tiff_lzw"} if form == "lzw" else {"quality": 95}
        data = saved(stored, "TIFF" if form == "lzw" else form, exif=exif, **options)
        for side in (64, 5):  # as it is, and reduced
            got = read_picture(data, side)
            H, W, _ = got.shape
            assert W / H == pytest.approx(1.5, rel=0.2), (turn, side)
            assert got[: H // 4, : W // 5].mean() > 200, (turn, side)
            assert got[H // 2 + 4 :, W // 2 :].mean() < 60, (turn, side)


def test_a_broken_exif_or_profile_keeps_the_picture():
    red = Image.new("RGB", (9, 9), (200, 100, 50))
    for extra in ({"exif": b"Exif\0\0II*\0" + b"\xff" * 40}, {"icc_profile": b"\0" * 200}):
        got = read_picture(saved(red, "JPEG", quality=95, **extra))
        assert np.abs(got.astype(int) - (200, 100, 50)).max() < 6
    grey = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    got = read_picture(saved(red, "PNG", icc_profile=grey))  # of another mode
    assert got[0, 0].tolist() == [200, 100, 50]
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert read_picture(saved(red, "PNG", icc_profile=srgb))[0, 0].tolist() == [200, 100, 50]


def primaries(red, green, blue, gamma):
    """A small RGB profile (ICC version 2) from its primaries in XYZ, relative to D50, and gamma."""

    def fixed(*values):
        return b"".join(struct.pack(">i", round(v * 65536)) for v in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = {b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1, 0.8249)}
    for name, xyz in ((b"rXYZ", red), (b"gXYZ", green), (b"bXYZ", blue)):
        tags[name] = b"XYZ \0\0\0\0" + fixed(*xyz)
    tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    tags[b"desc"] = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(80)
    at, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, at + len(body), len(content))
        body += content
    head = struct.pack(
        ">I4sI4s4s4s", at + len(body), b"test", 0x02400000, b"mntr", b"RGB ", b"XYZ "
    )
    head += bytes(12) + b"acsp" + bytes(28) + fixed(0.9642, 1, 0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


ADOBE = primaries(
    (0.60974, 0.31111, 0.01947),
    (0.20528, 0.62567, 0.06087),
    (0.14919, 0.06322, 0.74457),
    2.19921875,
)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_an_embedded_profile_is_converted_to_srgb(form):
    """Adobe RGB of (219, 0, 0) is sRGB's (255, 0, 0), by the matrices of both."""
    stored = Image.new("RGB", (16, 16), (219, 0, 0))
    options = {"quality": 100, "subsampling": 0} if form == "JPEG" else {}
    got = read_picture(saved(stored, form, icc_profile=ADOBE, **options))
    assert got[8, 8, 0] >= 253 and got[8, 8, 1:].max() <= 3
    grey = read_picture(saved(Image.new("RGB", (4, 4), (128,) * 3), form, icc_profile=ADOBE))
    assert np.abs(grey.astype(int) - 128).max() <= 2
    clear = Image.new("RGBA", (4, 4), (219, 0, 0, 255))
    clear.putpixel((0, 0), (219, 0, 0, 0))
    if form == "PNG":
        got = read_picture(saved(clear, form, icc_profile=ADOBE))
        assert got[0, 0].tolist() == [255] * 3 and got[2, 2, 0] >= 253


@pytest.mark.parametrize("shape", [(1, 1), (1, 10_000), (10_000, 1), (2, 9999), (3000, 40), (1, 2)])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16"])
def test_all_crops_of_extreme_shapes_are_pictures(shape, mode):
    pixels = np.full((*shape, 4), 200, np.uint8)
    image = (
        Image.fromarray(pixels).convert(mode)
        if mode != "I;16"
        else Image.fromarray(np.full(shape, 51_400, np.uint16))
    )
    got = read_picture(saved(image, "PNG"))
    for crop, size in itertools.product(CROPS, (1, 28, 64)):
        square = fit_picture(got, size, crop)
        assert square.shape == (size, size, 1 if mode in ("L", "I;16") else 3)
        assert (square == got[0, 0, 0]).any(), (crop, size)


def test_what_is_reduced_looks_like_what_is_not():
    """Tile by tile, by JPEG's own transform, and of every kind of pixels."""
    y, x = np.mgrid[0:450, 0:650] / 650
    waves = np.stack([np.sin(9 * x + 5 * y), np.cos(7 * y), np.sin(11 * x * y)], 2) * 110 + 128
    rgb = Image.fromarray(waves.astype(np.uint8))
    rgba = rgb.copy()
    rgba.putalpha(Image.fromarray((x * 255).astype(np.uint8)))
    deep = Image.fromarray((waves[..., 0] * 257).astype(np.uint16))
    floats = Image.fromarray((waves[..., 0] / 255).astype(np.float32))
    for image, form in (
        (rgb, "PNG"),
        (rgb, "JPEG"),
        (rgb.convert("L"), "JPEG"),
        (rgba, "PNG"),
        (rgb.convert("CMYK"), "TIFF"),
        (rgb.convert("LA"), "PNG"),
        (deep, "PNG"),
        (floats, "TIFF"),
        (rgb.quantize(200), "GIF"),
    ):
        data = saved(image, form)
        small, whole = read_picture(data, 8), read_picture(data, 450)
        assert min(whole.shape[:2]) == 450 and 24 <= min(small.shape[:2]) < 65
        a, b = (fit_picture(each, 8).astype(int) for each in (small, whole))
        # A JPEG at a fraction has a last pixel of which only a part is in the picture.
        assert np.abs(a - b).max() <= (8 if form == "JPEG" else 4), (image.mode, form)


MEMORY = """
import sys
from diffusion_core.data import read_picture
def megabytes(name):
    return int(open("/proc/self/status").read().split(name + ":")[1].split()[0]) / 1024
read_picture(sys.argv[1] + "/warm.png")
before = megabytes("VmRSS")
for path in sys.argv[2:]:
    try:
        print(path, read_picture(path).shape)
    except ValueError as error:
        print(path, error)
print(megabytes("VmHWM") - before)
"""


def peak(folder, *files):
    """Megabytes that reading these takes at most, in a process of its own."""
    (folder / "warm.png").write_bytes(png(1, 1, 8, 0, b"\0\0"))
    paths = []
    for i, data in enumerate(files):
        paths.append(str(folder / f"{i}"))
        (folder / f"{i}").write_bytes(data)
    command = [sys.executable, "-c", MEMORY, str(folder), *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1]), done.stdout


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@linux
def test_thirty_nine_million_pixels_of_16_bits_take_less_than_300_megabytes(tmp_path):
    width, height = 6500, 6000
    row = b"\0" + (np.arange(width) % 4096).astype(">u2").tobytes()
    packed = zlib.compressobj(1)
    data = b"".join(packed.compress(row) for _ in range(height)) + packed.flush()
    header = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data)
    most, told = peak(tmp_path, file + chunk(b"IEND", b""))
    assert width * height < MAX_PIXELS and len(file) < 10**7
    assert "(2000, 2166, 1)" in told and most < 300


@linux
@pytest.mark.long
def test_no_format_takes_300_megabytes_at_the_largest_that_is_read(tmp_path):
    """Each format and mode just within its limit; what is beyond it is refused for nothing."""
    small = Image.fromarray(NOISE[..., :3]).resize((64, 64))
    cases = [("PNG", "RGBA", 39.9, {}), ("PNG", "I;16", 39.9, {}), ("GIF", "P", 39.9, {})]
    cases += [
        ("JPEG", "RGB", 39.9, {"quality": 5, "subsampling": s, "progressive": p})
        for s in (0, 2)
        for p in (False, True)
    ]
    cases += [("JPEG", "CMYK", 20, {"quality": 5, "progressive": True})]
    cases += [("WEBP", "RGB", 15.5, {"quality": 1, "method": 0})]
    cases += [("AVIF", "RGB", 22.5, {"quality": 1, "speed": 10})] if AVIF else []
    for compression, turn in (("tiff_adobe_deflate", 1), ("tiff_adobe_deflate", 6)):
        for mode in ("RGB", "I;16", "F"):
            at_most = (31 if mode != "I;16" else 39.9) / (1 if turn == 1 else 1.5)
            cases.append(("TIFF", mode, at_most, {"compression": compression, "turn": turn}))
    for form, mode, millions, options in cases:
        side = int((millions * 1e6) ** 0.5)
        image = small.convert("RGB" if mode == "I;16" else mode)
        if mode == "I;16":
            image = Image.fromarray(np.asarray(small)[..., 0].astype(np.uint16) * 16)
        image = image.resize((side, side), Image.Resampling.NEAREST)
        if "turn" in options:
            options = {**options, "tiffinfo": {278: side, 274: options["turn"]}}
            del options["turn"]
        most, told = peak(tmp_path, saved(image, form, **options))
        assert most < 300, (form, mode, most, told)


def test_nothing_grows_while_hostile_files_are_read():
    files = [broken for data in ONE_OF_EACH.values() for broken in mutations(data, 8, 7)]
    for data in files:
        judged(data)
    before = resident()
    for data in files:
        judged(data)
    assert resident() - before < 10


def test_a_raw_picture_tells_what_the_file_holds():
    raw = read_raw(saved(in_mode("I;16"), "PNG"))
    assert raw.deep and (raw.low, raw.high) == (0, 4080) and raw.stated == (0, 65535)
    raw = read_raw(saved(in_mode("RGB"), "PNG"))
    assert not raw.deep and raw.values.dtype == np.uint8
