"""The Systems tab in Chromium: a guided walk, its bars and lines, the class switched on the way."""

from __future__ import annotations

import json
import re
import shutil

import pytest
from conftest import (
    save_tiny_glide,
    save_tiny_imagen,
    save_tiny_inpainter,
    save_tiny_systems,
    save_tiny_unclip,
)
from pagelib import beyond, choose, faults, in_light_and_dark, pixels, press
from playwright.sync_api import Page, expect

from diffusion_core.data import part_of_person
from tabs.systems import (
    differ_systems,
    differ_walk,
    filling_walk,
    glide_walk,
    imagen_walk,
    unclip_walk,
)
from tabs.systems.guided_walk import measured_curve
from tabs.systems.pictures import held_out

pytestmark = pytest.mark.browser
MOVE = "(e, t) => { e.value = t; e.dispatchEvent(new Event('input', { bubbles: true })); }"
STAGE = "#guided-stage .guided"


WORDS = "#glide-stage .glide"
FILLING = "#filling-stage .filling"
UNCLIP = "#unclip-stage .unclip"
IMAGEN = "#imagen-stage .imagen"


def walked(page: Page, before: str = "", stage: str = STAGE) -> str:
    """Wait for the end of another walk than that one; its name."""
    page.wait_for_function(
        "([stage, before]) => { const seen = document.querySelector(stage)?.dataset ?? {};"
        " return seen.state === 'done' && seen.run !== before; }",
        arg=[stage, before],
    )
    return str(page.locator(stage).get_attribute("data-run"))


def test_a_walk_is_guided_switched_kept_and_opened_again(page, tmp_path):
    page.get_by_role("tab", name="Systems", exact=True).click()
    run = walked(page)  # the first comes by itself
    expect(page.get_by_label("System", exact=True)).to_have_value("Guided diffusion")
    expect(page.locator("#guided-stage .box.classifier")).to_contain_text("0.19 M parameters")
    stage = page.locator(STAGE)
    assert stage.get_attribute("data-lanes") == "3"
    scrub = page.get_by_label("Step of the guided walk")
    scrub.evaluate(MOVE, "0")
    expect(stage).to_have_attribute("data-frame", "0")
    noise, first = pixels(page, "x_t", "#guided-stage"), float(stage.get_attribute("data-belief"))
    gradient = pixels(page, "gradient", "#guided-stage")
    expect(stage).to_have_attribute("data-lit", "1 3 4")
    scrub.evaluate(MOVE, "25")
    expect(stage).to_have_attribute("data-frame", "25")
    expect(page.locator("#guided-stage .film")).to_have_text("finished · 25 steps")
    expect(page.locator("#guided-stage .algorithm [aria-current]")).to_have_text("return x0")
    assert float(stage.get_attribute("data-belief")) > first + 0.3  # the bar of the class grew
    wide = page.locator("#guided-stage .beliefs .bars i").first.evaluate("e => e.style.width")
    assert re.fullmatch(r"\d+(\.\d+)?%", wide)
    picture = pixels(page, "x_t", "#guided-stage")
    assert (picture != noise).any() and gradient.std() > 5
    assert pixels(page, "gradient", "#guided-stage").std() < 1  # none at the end
    assert (picture != pixels(page, "thumbnail x0_hat, scale 0", "#guided-stage")).any()

    # The class is switched at a step: until then all is the same.
    scrub.evaluate(MOVE, "8")
    expect(stage).to_have_attribute("data-frame", "8")  # pictures are drawn a frame later
    before = pixels(page, "x_t", "#guided-stage")
    choose(page, "Class", "Sneaker")
    press(page, "Switch to this class at the shown step")
    run = walked(page, run)
    expect(page.locator("#guided-stage .caption").first).to_contain_text("switched after 8 steps")
    scrub.evaluate(MOVE, "8")
    expect(stage).to_have_attribute("data-frame", "8")
    expect(page.locator("#guided-stage .film")).to_contain_text("switched")
    assert (pixels(page, "x_t", "#guided-stage") == before).all()
    scrub.evaluate(MOVE, "25")
    expect(stage).to_have_attribute("data-frame", "25")
    expect(page.locator("#guided-stage .beliefs .share.wanted")).to_have_count(1)
    assert (pixels(page, "x_t", "#guided-stage") != picture).any()

    # The run card of that walk opens it again, to the bit.
    with page.expect_download() as download:
        press(page, "Run card")
    card = tmp_path / "card.json"
    download.value.save_as(card)
    assert json.loads(card.read_text())["walk"]["classifier_label"] == "Sneaker"
    page.get_by_label("Open a run card of a guided walk").set_input_files(card)
    walked(page, run)
    expect(page.locator("#guided-stage .note")).to_contain_text("the same, to the bit")

    # The measured trade, with one's own choice in it.
    curve = measured_curve()
    expect(page.locator("#guided-stage .trade .line")).to_have_count(3)
    expect(page.locator("#guided-stage .trade .own")).to_have_count(1)
    assert page.locator("#guided-stage table tr").count() == len(curve["rows"]) + 1
    expect(page.locator("#guided-stage .says")).to_contain_text("is the ring")

    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        assert beyond(page) == [], width
    for _ in in_light_and_dark(page):
        assert faults(page) == []
    page.set_viewport_size({"width": 1280, "height": 844})
    choose(page, "Model", "avatars")
    press(page, "Guide")
    expect(page.locator("#guided-told")).to_contain_text("choose a model of that shape")


@pytest.fixture
def words_shipped(tmp_path, monkeypatch):
    """A small model that is asked in words, whose positions look at words by random weights."""
    save_tiny_glide(tmp_path / "glide-avatars")
    monkeypatch.setattr(glide_walk, "shipped_folder", lambda: tmp_path)


def test_captions_are_drawn_looked_into_gone_on_with_and_opened_again(
    words_shipped, page, tmp_path
):
    page.get_by_role("tab", name="Systems", exact=True).click()
    choose(page, "System", "GLIDE")
    run = walked(page, stage=WORDS)  # the first comes by itself
    stage = page.locator(WORDS)
    assert stage.get_attribute("data-lanes") == "2"
    expect(page.locator("#glide-stage .box.text")).to_contain_text("293 words")

    # Two captions, one of which has a word that is not known; its beginning is completed.
    caption = page.get_by_label("Caption", exact=True)
    caption.fill("")
    caption.press_sequentially("a smiling woman with an af")
    page.get_by_role("button", name="afro", exact=True).first.press("Enter")
    expect(caption).to_have_value("a smiling woman with an afro ")
    expect(page.locator("#glide-caption-words .unknown")).to_contain_text("the word 'woman'")
    page.get_by_label("Second caption", exact=True).fill("pixel art")
    press(page, "Draw")
    run = walked(page, run, WORDS)
    scrub = page.get_by_label("Step of the walks")
    scrub.evaluate(MOVE, "0")
    expect(stage).to_have_attribute("data-frame", "0")
    noise = pixels(page, "x_t", "#glide-stage")
    assert (noise == pixels(page, "thumbnail x_t", "#glide-stage")).all()  # the same
    scrub.evaluate(MOVE, "10")
    expect(stage).to_have_attribute("data-frame", "10")
    picture = pixels(page, "x0_hat", "#glide-stage")
    assert (picture != pixels(page, "thumbnail x0_hat", "#glide-stage")).any()
    assert (picture != noise).any()
    expect(page.locator("#glide-stage .lane").first.locator("s")).to_have_text("woman")

    # Where a word is attended to is laid over the picture, at every step.
    expect(page.locator("#glide-stage .looks")).to_contain_text("Choose a word")
    word = page.locator("#glide-stage .lane").first.get_by_role("button", name="afro", exact=True)
    word.press("Enter")
    expect(word).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#glide-stage .looks")).to_contain_text("4 × 4 positions")
    assert stage.get_attribute("data-word") == "afro"
    late = pixels(page, "x0_hat", "#glide-stage")
    assert (late != picture).mean() > 0.5
    scrub.evaluate(MOVE, "2")
    expect(stage).to_have_attribute("data-frame", "2")
    assert (pixels(page, "x0_hat", "#glide-stage") != late).any()
    word.press("Enter")
    expect(word).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#glide-stage .looks")).to_contain_text("Choose a word")

    # Another caption from a step on: until then all is the same.
    scrub.evaluate(MOVE, "4")
    expect(stage).to_have_attribute("data-frame", "4")
    before = pixels(page, "x_t", "#glide-stage")
    page.get_by_role("button", name="Thumb", exact=True).click()
    expect(caption).to_have_value("a happy orange thumb on a blue background")
    press(page, "Go on with the caption from the shown step")
    run = walked(page, run, WORDS)
    expect(page.locator("#glide-stage .about")).to_contain_text("another caption after 4 steps")
    scrub.evaluate(MOVE, "4")
    expect(page.locator("#glide-stage .film")).to_contain_text("with the other caption")
    expect(page.locator("#glide-stage .lane").first.locator(".words")).to_contain_text("thumb")
    expect(stage).to_have_attribute("data-frame", "4")
    assert (pixels(page, "x_t", "#glide-stage") == before).all()

    # What another system's view showed, it shows again, and this one too.
    choose(page, "System", "Guided diffusion")
    expect(page.locator("#guided-stage .film")).to_have_text("finished · 25 steps")
    expect(page.locator(STAGE)).to_have_attribute("data-state", "done")
    choose(page, "System", "GLIDE")
    expect(page.locator("#glide-stage .lane").first.locator(".words")).to_contain_text("thumb")
    expect(stage).to_have_attribute("data-state", "done")

    # Its run card opens it again, to the bit.
    with page.expect_download() as download:
        press(page, "Run card of the caption")
    card = tmp_path / "card.json"
    download.value.save_as(card)
    assert json.loads(card.read_text())["walk"]["branch_step"] == 4
    page.get_by_label("Open a run card of a caption").set_input_files(card)
    walked(page, run, WORDS)
    expect(page.locator("#glide-stage .note")).to_contain_text("the same, to the bit")

    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        assert beyond(page) == [], width
    page.locator("#glide-stage .words button").first.press("Enter")
    for _ in in_light_and_dark(page):
        assert faults(page) == []
    caption.fill("qwertz")
    page.locator("#page-header .bar").get_by_role("button", name="Draw").click()
    expect(page.locator("#glide-told")).to_contain_text("None of the caption's words is known")


@pytest.fixture
def fillers_shipped(tmp_path, monkeypatch):
    """Small networks that fill holes, with random weights."""
    save_tiny_glide(tmp_path / filling_walk.MODEL)
    save_tiny_inpainter(tmp_path / filling_walk.INPAINTER, tmp_path / filling_walk.MODEL)
    monkeypatch.setattr(filling_walk, "shipped_folder", lambda: tmp_path)


def test_a_hole_is_painted_and_filled_by_both_networks_and_opened_again(
    fillers_shipped, page, tmp_path
):
    page.get_by_role("tab", name="Systems", exact=True).click()
    choose(page, "System", "GLIDE: inpainting")
    run = walked(page, stage=FILLING)  # the first comes by itself
    where, hole = "#filling-stage", page.locator("#filling-hole .hole")
    expect(hole).to_have_attribute("data-open", str(int(part_of_person("head").sum())))

    # A part of another picture: outside of it both pictures are the one that was there.
    choose(page, "Picture", "Pink hair")
    hole.get_by_role("button", name="clothes").press("Enter")
    opened = part_of_person("clothing") > 0
    expect(hole).to_have_attribute("data-open", str(int(opened.sum())))
    page.locator("#filling-steps input[type=number]").fill("3")
    caption = page.locator("#filling-caption textarea")
    caption.fill("a woman in a green shirt")
    expect(page.locator("#filling-caption-words .unknown")).to_contain_text("the word 'woman'")
    page.locator("#filling-run").click()
    run = walked(page, run, FILLING)
    expect(page.locator(f"{where} .film")).to_have_text("finished · 3 steps")
    before = held_out("Pink hair")
    ends = [pixels(page, f"x0_hat of {who}", where) for who in ("the trained network", "RePaint")]
    for end in ends:
        assert (end[~opened] == before[~opened]).all() and (end[opened] != before[opened]).any()
    assert (ends[0] != ends[1]).any()
    scrub = page.get_by_label("Step of the filling")
    scrub.evaluate(MOVE, "1")
    expect(page.locator(f"{where} .film")).to_contain_text("step 1 of 3")
    assert (pixels(page, "x_t of the trained network", where) != ends[0]).any()
    with page.expect_download() as download:
        press(page, "Run card of the filling")
    card = tmp_path / "card.json"
    download.value.save_as(card)

    # Painted by hand, with nothing else open; then nothing at all.
    hole.get_by_role("button", name="nothing").click()
    expect(hole).to_have_attribute("data-open", "0")
    hole.locator("canvas").click()
    expect(hole).not_to_have_attribute("data-open", "0")
    page.locator("#filling-run").click()
    run = walked(page, run, FILLING)
    assert (pixels(page, "x0_hat of RePaint", where) != before).any()
    hole.get_by_role("button", name="nothing").click()
    page.locator("#filling-run").click()
    expect(page.locator("#filling-told")).to_contain_text("Paint over the part")

    page.get_by_label("Open a run card of a filling").set_input_files(card)
    walked(page, run, FILLING)
    expect(page.locator(f"{where} .note")).to_contain_text("the same, to the bit")
    assert (pixels(page, "x0_hat of the trained network", where) == ends[0]).all()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        assert beyond(page) == [], width
    for _ in in_light_and_dark(page):
        assert faults(page) == []


@pytest.fixture
def embeddings_shipped(tmp_path, monkeypatch):
    """A small CLIP, prior and decoder with random weights."""
    save_tiny_unclip(tmp_path)
    monkeypatch.setattr(unclip_walk, "shipped_folder", lambda: tmp_path)


def test_words_and_pictures_are_drawn_by_their_embeddings_and_opened_again(
    embeddings_shipped, page, tmp_path
):
    page.get_by_role("tab", name="Systems", exact=True).click()
    choose(page, "System", "DALL·E 2")
    run = walked(page, stage=UNCLIP)  # the first comes by itself
    stage, where = page.locator(UNCLIP), "#unclip-stage"
    assert stage.get_attribute("data-items") == "3"

    # The prior comes first, then the decoder by three conditions from one noise.
    caption = page.locator("#unclip-caption textarea")
    caption.fill("a smiling woman with an afro")
    expect(page.locator("#unclip-caption-words .unknown")).to_contain_text("the word 'woman'")
    page.locator("#unclip-run").click()
    run = walked(page, run, UNCLIP)
    scrub, film = page.get_by_label("Step of prior and decoder"), page.locator(f"{where} .film")
    scrub.evaluate(MOVE, "3")
    expect(film).to_contain_text("prior: step 4 of 25")
    expect(page.locator(f"{where} .walk-of-prior")).to_contain_text("from where it ends")
    dot = page.locator(f"{where} .nearing circle")
    high = float(dot.get_attribute("cy"))
    expect(page.locator(f"{where} .x0_hat")).to_contain_text("not begun")
    noise = pixels(page, "x_t of the decoder", where)
    scrub.evaluate(MOVE, "25")
    expect(film).to_contain_text("decoder: step 0 of 10")
    assert (pixels(page, "x_t of the decoder", where) == noise).all()
    assert float(dot.get_attribute("cy")) > high  # it came near
    scrub.evaluate(MOVE, "35")
    expect(film).to_have_text("finished · 10 steps")
    picture = pixels(page, "x0_hat of the decoder", where)
    assert (picture != noise).any()
    nothing = page.get_by_role("button", name="by nothing")
    nothing.press("Enter")
    expect(nothing).to_have_attribute("aria-pressed", "true")
    expect(page.locator(f"{where} .x0_hat")).to_contain_text("by nothing")
    assert (pixels(page, "x0_hat of the decoder", where) != picture).any()
    with page.expect_download() as download:
        press(page, "Run card of the drawing")
    card = tmp_path / "card.json"
    download.value.save_as(card)

    # A way between two pictures, walked along; then what the picture's embedding keeps.
    choose(page, "Experiment", "Between two pictures")
    choose(page, "Second picture", "Orange thumb")
    expect(page.locator("#unclip-caption")).to_be_hidden()
    page.locator("#unclip-row-steps input[type=number]").fill("2")
    page.locator("#unclip-run").click()
    run = walked(page, run, UNCLIP)
    expect(film).to_have_text("finished · 2 steps")
    along = page.get_by_label("Place in the row")
    seen = []
    for place in ("0", "3", "6"):
        along.evaluate(MOVE, place)
        expect(stage).to_have_attribute("data-item", place)
        seen.append(pixels(page, "x0_hat of the decoder", where))
    assert (seen[0] != seen[1]).any() and (seen[1] != seen[2]).any()
    assert (pixels(page, "thumbnail x0_hat, 100 %", where) == seen[2]).all()
    own, other = (pixels(page, name, where) for name in ("x0, the picture", "x0, the second"))
    assert (own != other).any() and own.std() > 20

    # The run card opens the first one again, to the bit.
    page.get_by_label("Open a run card of a drawing").set_input_files(card)
    walked(page, run, UNCLIP)
    expect(page.locator(f"{where} .note")).to_contain_text("the same, to the bit")
    expect(stage).to_have_attribute("data-items", "3")

    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        assert beyond(page) == [], width
    for _ in in_light_and_dark(page):
        assert faults(page) == []
    page.set_viewport_size({"width": 1280, "height": 844})
    choose(page, "Experiment", "A difference of two captions")
    page.locator("#unclip-before textarea").fill("qwertz")
    page.locator("#unclip-run").click()
    expect(page.locator("#unclip-told")).to_contain_text("None of the caption's words is known")


@pytest.fixture
def cascade_shipped(tmp_path, monkeypatch):
    """A small cascade with random weights, and its CLIP."""
    save_tiny_imagen(tmp_path)
    monkeypatch.setattr(imagen_walk, "shipped_folder", lambda: tmp_path)


def test_a_small_picture_becomes_the_condition_of_a_large_one(cascade_shipped, page, tmp_path):
    page.get_by_role("tab", name="Systems", exact=True).click()
    choose(page, "System", "Imagen")
    run = walked(page, stage=IMAGEN)  # the first comes by itself
    stage, where = page.locator(IMAGEN), "#imagen-stage"
    assert stage.get_attribute("data-items") == "1"

    # Both walks are one film; the small picture is there before the large one is begun.
    scrub, film = page.get_by_label("Step of both walks"), page.locator(f"{where} .film")
    scrub.evaluate(MOVE, "3")
    expect(film).to_contain_text("first walk: step 3 of 10")
    expect(page.locator(f"{where} .large")).to_contain_text("has not begun")
    assert pixels(page, "x0_hat of the large picture", where).max() == 0
    noisy = pixels(page, "x_t of the first walk", where)
    scrub.evaluate(MOVE, "10")
    expect(film).to_have_text("the small picture is there")
    small = pixels(page, "x0_hat of the first walk", where)
    assert (pixels(page, "x_t of the first walk", where) != noisy).any()
    wide = pixels(page, "x0 of the small picture, enlarged", where)
    told = pixels(page, "The small picture with noise in it", where)
    assert small.shape[0] == 32 and wide.shape[0] == told.shape[0] == 128
    assert (wide != told).any()  # there is noise in it
    level = page.locator("#imagen-augmentation input[type=number]").input_value()
    expect(page.locator(f"{where} .condition")).to_contain_text(f"noise of level {level}")
    scrub.evaluate(MOVE, "21")
    expect(film).to_have_text("finished · 10 + 10 steps")
    large = pixels(page, "x0_hat of the large picture", where)
    assert (pixels(page, "x0_hat of the first walk", where) == small).all()
    assert (large == pixels(page, "x_t of the second walk", where)).all()
    expect(page.locator(f"{where} .counted")).to_contain_text("of the large one")
    with page.expect_download() as download:
        press(page, "Run card of the drawing")
    card = tmp_path / "card.json"
    download.value.save_as(card)

    # The same small picture at every level; a picture of one's own goes before the shipped ones.
    choose(page, "Experiment", "Level of augmentation")
    page.locator("#imagen-source").get_by_text("A picture").click()
    expect(page.locator("#imagen-caption")).to_be_hidden()
    page.locator("#imagen-steps input[type=number]").fill("2")
    page.locator("#imagen-run").click()
    run = walked(page, run, IMAGEN)
    expect(stage).to_have_attribute("data-items", "6")
    expect(film).to_be_hidden()
    along, seen = page.locator(where).get_by_label("Place in the row"), []
    for place in ("0", "5"):
        along.evaluate(MOVE, place)
        expect(stage).to_have_attribute("data-item", place)
        seen.append(pixels(page, "x0_hat of the large picture", where))
    assert (seen[0] != seen[1]).any()
    assert (pixels(page, "thumbnail x0_hat, level 1", where) == seen[1]).all()
    choose(page, "Experiment", "A picture of one's own")
    page.locator("#imagen-own input[type=file]").set_input_files("tabs/static/pictures/chelsea.png")
    expect(page.locator("#imagen-own img")).to_be_visible()
    page.locator("#imagen-run").click()
    run = walked(page, run, IMAGEN)
    expect(stage).to_have_attribute("data-items", "3")
    assert pixels(page, "x0 of the picture before", where).shape[0] == 128
    page.locator("#imagen-about textarea").fill("qwertz")
    expect(page.locator("#imagen-about-words .unknown")).to_contain_text("qwertz")
    page.locator("#imagen-run").click()
    expect(page.locator("#imagen-told")).to_contain_text("None of the caption's words is known")

    # The run card opens the first one again, to the bit.
    page.get_by_label("Open a run card of a drawing").set_input_files(card)
    walked(page, run, IMAGEN)
    expect(page.locator(f"{where} .note")).to_contain_text("the same, to the bit")
    scrub.evaluate(MOVE, "21")
    expect(film).to_have_text("finished · 10 + 10 steps")
    assert (pixels(page, "x0_hat of the large picture", where) == large).all()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        assert beyond(page) == [], width
    for _ in in_light_and_dark(page):
        assert faults(page) == []


@pytest.fixture
def all_shipped(tmp_path, monkeypatch):
    """Small models of all systems with random weights, but for Imagen's; and the judge."""
    save_tiny_systems(tmp_path)
    shutil.rmtree(tmp_path / "imagen-avatars" / "base")
    for module in (differ_systems, differ_walk, glide_walk):
        monkeypatch.setattr(module, "shipped_folder", lambda: tmp_path)


def test_a_caption_is_drawn_by_all_systems_and_the_time_line_opens_their_views(all_shipped, page):
    page.get_by_role("tab", name="Systems", exact=True).click()
    line = page.get_by_label("Time line of the systems")
    expect(line.locator("[aria-current]")).to_contain_text("Guided diffusion")
    choose(page, "System", "How the systems differ")
    expect(line.locator("[aria-current]")).to_have_count(0)
    run = walked(page, stage="#differ-stage .differ")  # the first comes by itself
    where, stage = "#differ-stage", page.locator("#differ-stage .differ")
    names = ("Plain, by menus", "Guided by a class", "GLIDE", "DALL·E 2")
    scrub = page.get_by_label("Place in all walks")
    scrub.evaluate(MOVE, "0")
    expect(stage).to_have_attribute("data-frame", "0")
    early = [pixels(page, f"x0_hat of {name}", where) for name in names]
    scrub.evaluate(MOVE, "10")
    expect(stage).to_have_attribute("data-frame", "10")
    seen = [pixels(page, f"x0_hat of {name}", where) for name in names]
    assert all((a != b).any() for a, b in zip(early, seen, strict=True))
    assert len({each.tobytes() for each in seen}) == 4
    cards = page.locator(f"{where} article")
    expect(cards.nth(4)).to_contain_text("imagen-avatars/base are not here; train with")
    for i, asked in enumerate(("20 evaluations", "20 evaluations", "20 evaluations", "120 ev")):
        expect(cards.nth(i)).to_contain_text(asked)
        expect(cards.nth(i)).to_contain_text("of 5 facts read")
        expect(cards.nth(i).locator(".facts li")).to_have_count(5)

    page.get_by_role("button", name="Thumb", exact=True).click()
    page.locator("#differ-steps input[type=number]").fill("2")
    page.locator("#differ-run").click()
    walked(page, run, "#differ-stage .differ")
    expect(cards.first).to_contain_text("Told by menus: class.")
    assert (pixels(page, "x0_hat of GLIDE", where) != seen[2]).any()
    expect(page.locator(f"{where} .about")).to_contain_text("2 steps")

    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 844})
        assert beyond(page) == [], width
    for _ in in_light_and_dark(page):
        assert faults(page) == []
    page.set_viewport_size({"width": 1280, "height": 844})
    line.get_by_role("button", name="GLIDE").press("Enter")
    expect(page.locator(WORDS)).to_be_visible()
    expect(page.get_by_label("System", exact=True)).to_have_value("GLIDE")
    expect(line.locator("[aria-current]")).to_contain_text("GLIDE")
    line.get_by_role("button", name="PVD").press("Enter")
    expect(page.locator("#points-view-space")).to_be_visible()
    expect(page.get_by_role("tab", name="Points", exact=True)).to_be_focused()
