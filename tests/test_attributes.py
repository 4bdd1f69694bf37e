"""The Denoise tab with a model that can be asked for more than a class."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import for_walks, last
from pagelib import choose, number, pixels, run
from playwright.sync_api import expect
from test_denoise_tab import REQUEST, messages
from test_denoise_tab import asked as asked_for

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.data import grid, load_dataset, to_uint8
from diffusion_core.generation import SamplingRequest, walk
from tabs.denoise import attributes, run_card_controls
from tabs.denoise import code as code_module
from tabs.denoise import exact as exact_module


def menus(**chosen):
    """What the attributes' menus hold: a choice for some of them, by their numbers."""
    return tuple(chosen.get(f"menu_{i}", attributes.ANY) for i in range(attributes.SLOTS))


PEEP = {"label": "open-peeps", "attributes": menus(menu_0="afro", menu_3="tan"), "guidance": 3.0}
SAID = (("head", "afro"), ("skin", "tan"))


def asked(folder, **changes):
    return asked_for(folder, **{"label": "open-peeps", "steps": 3, "images": 1, **changes})


def test_the_menus_ask_for_what_they_say(avatars_folder):
    checkpoint = load_checkpoint(avatars_folder)
    mine, _ = asked(avatars_folder, **PEEP, threshold="dynamic").walk(checkpoint)
    assert mine.attributes == SAID and mine.threshold == "dynamic"
    want = SamplingRequest(
        label="open-peeps",
        attributes=SAID,
        guidance_scale=3.0,
        num_steps=3,
        seed=3,
        threshold="dynamic",
    )
    assert mine == want
    plain, _ = asked(avatars_folder).walk(checkpoint)
    assert plain.attributes == ()
    a, b = (last(walk(checkpoint, w)).x_prev for w in (mine, plain))
    assert not torch.equal(a, b)


def test_an_attribute_alone_can_guide(avatars_folder):
    mine, _ = asked(
        avatars_folder, label="none", attributes=menus(menu_5="navy"), guidance=2.0
    ).walk(load_checkpoint(avatars_folder))
    assert mine.label is None and mine.attributes == (("background", "navy"),)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label": "none", "guidance": 2.0}, "Guidance needs a class"),
        ({"attributes": menus(menu_0="wig")}, "There is no head 'wig'; choose from: afro, bangs"),
        ({"threshold": "soft"}, "There is no threshold 'soft'"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_one_sentence(avatars_folder, changes, words):
    (answer,) = messages(
        avatars_folder, **vars(asked(avatars_folder, **changes)) | {"model": str(avatars_folder)}
    )
    assert words in answer["error"] and "\n" not in answer["error"]


def test_the_menus_follow_the_model(avatars_folder, tiny_folder):
    chosen = ("afro", "wig", "none", *["any"] * 5)
    updates = attributes.attribute_updates(str(avatars_folder), "open-peeps", chosen)
    fold, words, shown = (updates[name] for name in attributes.ATTRIBUTE_PARTS)
    assert fold.visible and len(shown) == attributes.SLOTS
    assert fold.label == "head afro, accessory none · edit" and not words.visible
    assert ("Bantu knots", "bantuKnots") in shown[0].choices
    assert [m.value for m in shown[:3]] == ["afro", "any", "none"]  # "none" is an accessory
    assert [m.label for m in shown[:6]] == [
        "Head",
        "Face",
        "Accessory",
        "Skin",
        "Clothing",
        "Background",
    ]
    assert [m.visible for m in shown] == [True] * 6 + [False] * 2
    updates = attributes.attribute_updates(str(tiny_folder), "Bag", chosen)
    fold, _, shown = (updates[name] for name in attributes.ATTRIBUTE_PARTS)
    assert not fold.visible and {m.value for m in shown} == {"any"}
    (answer, *_) = messages(tiny_folder, attributes=menus(menu_0="afro"), images=1)
    assert "error" not in answer  # a menu of the model before says nothing to this one


def test_what_a_class_lacks_is_not_seen_and_no_part_of_the_walk_but_kept(avatars_folder):
    chosen = menus(menu_0="bantuKnots", menu_3="tan", menu_5="navy")
    model, checkpoint = str(avatars_folder), load_checkpoint(avatars_folder)
    for label, seen, line, words in (
        ("open-peeps", 6, "head bantu knots, skin tan, background navy · edit", ""),
        ("pixel-art", 3, "skin tan, background navy · edit", "no head, face or accessory."),
        ("thumbs", 1, "background navy · edit", "no head, face, accessory, skin or clothing."),
        ("none", 6, "head bantu knots, skin tan, background navy · edit", ""),
    ):
        updates = attributes.seen(model, label, chosen)
        fold, told, shown = (updates[name] for name in attributes.ATTRIBUTE_PARTS)
        assert sum(menu.visible for menu in shown) == seen and fold.label == line
        assert told.value.endswith(words) and told.visible == bool(words)
        assert all("value" not in menu._constructor_args[0] for menu in shown)  # they are kept
        mine, _ = asked(avatars_folder, label=label, attributes=chosen).walk(checkpoint)
        assert len(mine.attributes) == line.count(",") + 1
    any_person = attributes.line(model, "pixel-art", menus(menu_0="afro"))
    assert any_person == "any person · edit"


@pytest.mark.parametrize("threshold", ["static", "dynamic"])
def test_the_code_makes_the_same_pictures(avatars_folder, threshold):
    mine = asked(avatars_folder, **PEEP, threshold=threshold)
    checkpoint = for_walks(avatars_folder)
    want = last(walk(checkpoint, mine.walk(checkpoint)[0])).x_prev
    space: dict = {}
    code = code_module.code(mine)
    assert '{"class": "open-peeps", "head": "afro", "skin": "tan"}' in code
    exec(code, space)
    assert torch.equal(space["images"], want)


def test_a_card_fills_the_menus(avatars_folder, monkeypatch):
    monkeypatch.setenv("DIFFUSION_MODELS", str(avatars_folder.parent))
    changes = vars(asked(avatars_folder, **PEEP, threshold="dynamic"))
    done = messages(avatars_folder, **changes | {"model": str(avatars_folder)})
    assert "Open peeps, head afro, skin tan" in done[0]["head"]["caption"]
    assert "dynamic clipping" in done[0]["head"]["caption"]
    filled = run_card_controls.card_values(SimpleNamespace(card=done[-1]["card"]), REQUEST)
    assert filled["threshold"] == "dynamic" and filled["attribute_fold"].visible
    assert [m.value for m in filled["attributes"][:6]] == [
        "afro",
        "any",
        "any",
        "tan",
        "any",
        "any",
    ]
    assert json.loads(done[-1]["card"])["walk"]["threshold"] == "dynamic"


def test_the_exact_answer_is_that_of_the_pictures_that_show_it(avatars_folder):
    checkpoint, data = load_checkpoint(avatars_folder), load_dataset("avatars-3000")
    exact = exact_module.exact_of(
        checkpoint, SamplingRequest(label="open-peeps", attributes=(("skin", "tan"),))
    )
    tan = (data.labels == 0) & (data.attributes[:, 3] == 2)
    assert len(exact.images) <= 2 * exact_module.EXACT_IMAGES
    shown = {x.numpy().tobytes() for x in data.batch(tan.nonzero()[:, 0])[0]}
    assert {x.numpy().tobytes() for x in exact.images} <= shown
    heads = dict(checkpoint.config.attribute_names)["head"]
    faces = dict(checkpoint.config.attribute_names)["face"]
    rare = next(
        (h, f)
        for i, h in enumerate(heads)
        for j, f in enumerate(faces)
        if not ((data.attributes[:, 0] == i) & (data.attributes[:, 1] == j)).any()
    )
    with pytest.raises(ValueError, match=r"None of the 3,000 training images"):
        exact_module.exact_of(
            checkpoint, SamplingRequest(attributes=(("head", rare[0]), ("face", rare[1])))
        )


@pytest.mark.browser
def test_the_page_asks_for_attributes_and_hides_them_with_another_model(page, models_folder):
    expect(page.get_by_label("Head", exact=True)).to_have_count(0)
    choose(page, "Model", "peeps")
    choose(page, "Class", "Open peeps")
    fold = page.locator("#denoise-attributes button.label-wrap")
    expect(fold).to_have_text(re.compile("^any person · edit"))
    fold.click()
    choose(page, "Head", "Afro")
    choose(page, "Skin", "Tan")
    number(page, "Steps", 3)
    run(page)
    expect(page.locator("#denoise-player .caption")).to_contain_text("head afro, skin tan")
    want = SamplingRequest(num_images=4, num_steps=3, seed=7, label="open-peeps", attributes=SAID)
    checkpoint = for_walks(models_folder / "peeps")
    picture = grid(to_uint8(last(walk(checkpoint, want)).x_prev))
    assert np.abs(pixels(page, "x_t").astype(int) - picture).max() <= 1
    choose(page, "Class", "Thumbs")
    expect(page.get_by_label("Head", exact=True)).to_have_count(0)
    run(page)
    expect(page.locator("#denoise-player .caption")).not_to_contain_text("afro")
    choose(page, "Class", "Open peeps")
    expect(page.get_by_label("Head", exact=True)).to_have_value("Afro")
    choose(page, "Model", "one")
    expect(page.get_by_label("Head", exact=True)).to_have_count(0)
    run(page)
    expect(page.locator("#denoise-player .caption")).not_to_contain_text("afro")
