"""The avatars: what is chosen, what is held out, what is kept, and that it comes back the same."""

import collections
import dataclasses
import hashlib

import numpy as np
import pytest
import torch

from diffusion_core.data import AvatarFile, load_dataset
from pretrained.recipes import avatars_data
from pretrained.recipes.avatars_choices import (
    ATTRIBUTES,
    BACKGROUNDS,
    COLOURED_HEADS,
    FACES,
    HEADS,
    PARTS,
    STYLES,
    Choice,
    choose,
)

OPTIONS_OF_SEED_5 = {
    "open-peeps": "13c153e9f760",
    "pixel-art": "8d692cb4f506",
    "thumbs": "296c5e4a46d4",
}


@pytest.fixture(scope="module")
def embedded():
    return AvatarFile.embedded()


@pytest.fixture(scope="module")
def choices():
    rng = np.random.default_rng(0)
    return [choose("open-peeps", rng) for _ in range(6000)]


def test_the_embedded_avatars_are_what_they_are_said_to_be(embedded):
    data = load_dataset("avatars-3000")
    assert len(data) == 3000 and data.shape == (3, 64, 64) and data.class_names == STYLES
    assert [name for name, _ in data.attribute_names] == list(ATTRIBUTES)
    assert [len(v) for _, v in data.attribute_names] == [48, 30, 9, 5, 7, 8]
    assert len({picture.tobytes() for picture in data.pictures}) == 3000
    share = data.labels.bincount() / 3000
    torch.testing.assert_close(share, torch.tensor([0.6, 0.2, 0.2]), atol=0.03, rtol=0)
    applies = torch.stack([(data.attributes[data.labels == s] >= 0).all(0) for s in range(3)])
    none = torch.stack([(data.attributes[data.labels == s] < 0).all(0) for s in range(3)])
    assert applies.int().tolist() == [[1] * 6, [0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 1]]
    assert torch.equal(none, ~applies)
    first, last = data.conditions(torch.tensor([0, 2999]))
    assert first.tolist() == [int(data.labels[0]), *data.attributes[0].tolist()]
    assert len(last) == 7


def test_the_grid_of_pixel_art_is_true(embedded):
    pictures = embedded.pictures[embedded.labels == STYLES.index("pixel-art")]
    coarse = pictures[:, ::4, ::4]
    assert np.array_equal(coarse.repeat(4, 1).repeat(4, 2), pictures)


def test_a_background_has_the_colour_it_is_named_by(embedded):
    for name, colour in BACKGROUNDS.items():
        number = ATTRIBUTES["background"].index(name)
        peeps = (embedded.labels == 0) & (embedded.attributes[:, 5] == number)
        wanted = np.array([int(colour[i : i + 2], 16) for i in (0, 2, 4)], np.uint8)
        share = (embedded.pictures[peeps][:40] == wanted).all(-1).mean((1, 2))
        assert len(share) and share.min() > 0.02 and share.mean() > 0.2, name


def test_a_tenth_of_the_combinations_is_held_out_and_every_part_is_seen(choices):
    sides = collections.defaultdict(set)
    for c in choices:
        sides[c.combination].add(c.held_out)
    assert all(len(s) == 1 for s in sides.values())
    assert 0.07 < np.mean([c.held_out for c in choices]) < 0.13
    seen = [c.attributes for c in choices if not c.held_out]
    assert {a["head"] for a in seen} == set(HEADS) and {a["face"] for a in seen} == set(FACES)


def test_what_is_embedded_was_not_held_out(embedded):
    heads, faces, _, skins, _, _ = ATTRIBUTES.values()
    for row in embedded.attributes[embedded.labels == 0]:
        triple = (heads[row[0]], faces[row[1]], skins[row[3]])
        assert not Choice("open-peeps", {}, {}, triple).held_out


@pytest.mark.parametrize("style", STYLES)
def test_nothing_is_left_to_the_seed(style):
    rng = np.random.default_rng(1)
    for _ in range(50):
        options = choose(style, rng).options
        assert all(len(set(v)) <= 1 for v in options.values() if isinstance(v, list)), options
        chances = [v for k, v in options.items() if k.endswith("Probability")]
        assert set(chances) <= {0, 100}


@pytest.mark.parametrize("style", STYLES)
def test_what_nobody_asks_for_is_noted_too(style):
    rng = np.random.default_rng(2)
    chosen = [choose(style, rng) for _ in range(600)]
    rows = np.array([choice.parts for choice in chosen])
    coloured = np.array([choice.attributes.get("head") in COLOURED_HEADS for choice in chosen])
    for column, (name, values) in zip(rows.T, PARTS.items(), strict=True):
        if not name.startswith(style):
            assert set(column) == {-1}
        elif name == "open-peeps headContrastColor":  # of the heads that show it
            assert np.array_equal(column >= 0, coloured) and set(column) == {*range(-1, 10)}
        elif "none" in values:
            assert 0.7 < np.mean(column == 0) < 1 and column.max() == len(values) - 1
        else:
            assert set(column) == set(range(len(values))), name
    again = choose(style, np.random.default_rng(3))
    for name, index in zip(PARTS, again.parts, strict=True):
        if index >= 0 and PARTS[name][index] != "none":
            assert str(again.options[name.split()[1]][0]) == PARTS[name][index]


def test_every_option_that_is_drawn_is_written_down():
    """What changes a picture is an attribute or a part; the rest is the same in all of them."""
    fixed = {"seed", "scale", "translateX", "translateY", "facialHairProbability"}
    fixed |= {"maskProbability", "backgroundColor", "skinColor", "clothingColor"}
    for style in STYLES:
        rng, known = np.random.default_rng(4), {name.split()[1] for name in PARTS}
        drawn = {key for _ in range(50) for key in choose(style, rng).options} - fixed
        drawn = {key.removesuffix("Probability") for key in drawn}
        assert drawn <= known | {"head", "face", "accessories"}, drawn - known


@pytest.mark.parametrize("style", STYLES)
def test_the_pictures_of_a_seed_are_those_of_before_more_was_recorded(style):
    choice = choose(style, np.random.default_rng([5, STYLES.index(style)]))
    digest = hashlib.sha256(repr((choice.options, choice.indices)).encode()).hexdigest()
    assert digest[:12] == OPTIONS_OF_SEED_5[style]


def test_only_the_first_pictures_can_be_drawn(tmp_path):
    """They are those that the whole set begins with."""

    class Drawer:  # in place of Node.js: a picture that shows nothing but its options
        def draw(self, choices):
            for choice in choices:
                digest = hashlib.sha256(repr(choice.options).encode()).digest()
                yield np.resize(np.frombuffer(digest, np.uint8), (64, 64, 3))

    counts = dict.fromkeys(STYLES, 20)
    whole = avatars_data.collect(Drawer(), counts, False, set(), 0)
    some = avatars_data.collect(Drawer(), counts, False, set(), 0, 7)
    assert len(whole.labels) == 60 and len(some.labels) == 7
    for name in ("pictures", "labels", "attributes", "parts"):
        assert np.array_equal(getattr(some, name), getattr(whole, name)[:7])


def small(embedded, count=7) -> AvatarFile:
    return embedded.first(count)


def test_a_sheet_gives_every_pixel_back(embedded, tmp_path):
    few = small(embedded, 61)
    few.embed(tmp_path / "few.npz")
    back = AvatarFile.embedded(tmp_path / "few.npz")
    for name in ("pictures", "labels", "attributes"):
        assert np.array_equal(getattr(back, name), getattr(few, name))
    assert back.attribute_names == few.attribute_names and back.class_names == few.class_names


def test_the_whole_set_is_read_from_its_folder(embedded, tmp_path, monkeypatch):
    train, test = small(embedded, 7), small(embedded, 3)
    AvatarFile.write(tmp_path / "avatars.npz", {"train": train, "test": test})
    monkeypatch.setenv("AVATARS_DIR", str(tmp_path))
    assert len(load_dataset("avatars")) == 7
    data = load_dataset("avatars", split="test")
    assert data.name == "avatars" and np.array_equal(data.pictures, test.pictures)
    assert data.attributes.tolist() == test.attributes.tolist()
    assert AvatarFile.read(tmp_path / "avatars.npz", "test").parts is None
    names = (("hat", ("none", "red")),)
    parts = {
        "train": dataclasses.replace(train, parts=np.eye(7, 1, dtype=np.int8), part_names=names),
        "test": dataclasses.replace(test, parts=np.ones((3, 1), np.int8), part_names=names),
    }
    AvatarFile.write(tmp_path / "avatars.npz", parts)
    for name, part in parts.items():
        back = AvatarFile.read(tmp_path / "avatars.npz", name)
        assert np.array_equal(back.parts, part.parts) and back.part_names == names
    assert len(load_dataset("avatars")) == 7


def test_a_set_that_is_not_there_or_broken_names_its_recipe(tmp_path, monkeypatch):
    monkeypatch.setenv("AVATARS_DIR", str(tmp_path))
    with pytest.raises(ValueError, match=r"make them with .*avatars_data\.sh.*\.$"):
        load_dataset("avatars")
    (tmp_path / "avatars.npz").write_bytes(b"broken")
    with pytest.raises(ValueError, match=r"avatars_data\.sh\.$"):
        load_dataset("avatars")
    with pytest.raises(ValueError, match="no test split"):
        load_dataset("avatars-3000", split="test")
