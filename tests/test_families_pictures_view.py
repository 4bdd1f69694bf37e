"""The view "Pictures" of the Points tab, as plain handlers: rows of pictures, and the claims."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from diffusion_core.evaluation import FamilyResults, FamilyRow
from tabs.points import families_pictures, families_pictures_view
from tabs.points.families_compute import HOLDS, NOT, UNCLEAR
from tabs.points.families_pictures import garment, garments, more, nearer, picture_claims, stored

VIEW = families_pictures_view


@pytest.fixture
def quick(monkeypatch):
    """Few pictures, few steps, and a short search."""
    monkeypatch.setattr(families_pictures, "SHOWN", 2)
    monkeypatch.setattr(families_pictures, "WALKS", (1, 2))
    monkeypatch.setattr(families_pictures, "ON_THE_WAY", 3)
    monkeypatch.setattr("diffusion_core.families.interpolation.STEPS", 2)
    monkeypatch.setattr("diffusion_core.families.interpolation.SEARCH_STEPS", 2)


def kinds():
    return [VIEW_KEYS[each.family.name] for each in stored()]


VIEW_KEYS = {
    "GAN": "gan",
    "VAE": "vae",
    "normalizing flow": "flow",
    "latent diffusion": "latent",
}


def pixels(strip, side):
    levels = np.frombuffer(base64.b64decode(strip["pictures"]), np.uint8)
    return levels.reshape(strip["count"], side, side)


def test_every_family_draws_the_class_row_after_row_and_is_timed(quick):
    updates = list(VIEW.draw_pictures("Trouser", "7"))
    messages = [json.loads(u["samples"]) for u in updates]
    assert updates[0]["pictures_told"] == "" and messages[0]["state"] == "waiting"
    assert [len(m["strips"]) for m in messages[:3]] == [0, 1, 2]
    last = messages[-1]
    assert last["state"] == "done" and last["words"] == "Trouser, seed 7" and last["side"] == 28
    keys = [strip["key"] for strip in last["strips"]]
    assert keys == ["real", *kinds(), "diffusion-1", "diffusion-2"]
    for strip in last["strips"]:
        seen = pixels(strip, 28)
        assert len(seen) == 2 and seen.std() > 20 and (seen[0] != seen[1]).any(), strip["key"]
    assert all(" ms an image · " in strip["says"] for strip in last["strips"][1:])
    again = [json.loads(u["samples"]) for u in VIEW.draw_pictures("Trouser", "7")][-1]
    assert [s["pictures"] for s in again["strips"]] == [s["pictures"] for s in last["strips"]]
    other = [json.loads(u["samples"]) for u in VIEW.draw_pictures("Trouser", "8")][-1]
    assert all(
        a["pictures"] != b["pictures"] for a, b in zip(other["strips"], last["strips"], strict=True)
    )


def test_every_family_goes_between_the_two_garments_and_says_how(quick):
    messages = [json.loads(u["between"]) for u in VIEW.go_between("Bag", 3, 200)]
    real, *ways = messages[-1]["strips"]
    assert [w["key"] for w in ways] == [*kinds(), "diffusion"] and messages[-1]["rows"] == []
    x = torch.cat([garment(8, 3), garment(8, 200)])
    assert torch.equal(torch.from_numpy(pixels(real, 28).copy()) / 127.5 - 1, x[:, 0])
    says = {way["key"]: way["says"] for way in ways}
    assert says["vae"].startswith("encoded · latent of 16")
    assert says["diffusion"].startswith("DDIM inversion · latent of 784")
    if "gan" in says:
        assert says["gan"].startswith("searched: a GAN has no encoder")
    if "flow" in says:
        assert says["flow"] == "exact inverse · latent of 784 · ends differ by 0.00"
    assert all(way["count"] == 3 for way in ways)


def test_garments_are_of_their_class():
    labels = garments().labels
    for label in (0, 9):
        places = (labels == label).nonzero()[:, 0]
        assert len(places) == families_pictures.OF_A_CLASS
        assert torch.equal(garment(label, 200), garments().batch(places[-1:])[0])


@pytest.mark.parametrize(
    ("handler", "values", "words"),
    [
        ("draw_pictures", ("Hat", 0), "it takes T-shirt, Trouser"),
        ("draw_pictures", (None, 0), "it takes T-shirt, Trouser"),
        ("draw_pictures", ("Bag", "x"), "The seed must be a whole number"),
        ("go_between", ("Bag", 0, 1), "First garment"),
        ("go_between", ("Bag", 1, None), "Second garment"),
        ("go_between", ("Bag", 1, 201), "Second garment"),
    ],
)
def test_bad_input_is_one_sentence(handler, values, words):
    (update,) = getattr(VIEW, handler)(*values)
    assert {*update} == {"pictures_told"} and words in update["pictures_told"]


def test_they_are_drawn_when_the_view_is_first_seen_and_not_again(monkeypatch):
    monkeypatch.setattr(VIEW, "draw_pictures", lambda name, seed: iter([{"samples": name}]))
    assert list(VIEW.draw_first("data", False, "Bag", 0)) == []
    assert list(VIEW.draw_first("pictures", True, "Bag", 0)) == []
    first = list(VIEW.draw_first("pictures", False, "Bag", 0))
    assert first == [{"pictures_drawn": True}, {"samples": "Bag"}]


def test_nothing_more_is_drawn_when_the_caller_has_gone():
    asked = []

    def over():
        asked.append(True)
        return len(asked) > 1

    drawn = list(families_pictures.strips(0, 0, over))
    assert [strip.key for strip in drawn] == ["real", kinds()[0]]


def row(name, **changes):
    usual = FamilyRow(name, 2000, 20.0, 0.6, 0.6, 0.9, 1, 1.0, 400_000, None, 900.0)
    return replace(usual, **changes)


def results(**changes):
    made = [
        row("training images", evaluations=None, milliseconds_per_image=None, recall=0.8),
        row("GAN", **changes.get("gan", {})),
        row("VAE", **changes.get("vae", {})),
        row("normalizing flow", **changes.get("flow", {})),
        row("latent diffusion", **{"evaluations": 25, **changes.get("latent", {})}),
        row("diffusion, ddim 1", evaluations=1, **changes.get("one", {})),
        row("diffusion, ddim 50", **{"evaluations": 50, **changes.get("many", {})}),
    ]
    return FamilyResults("fashion-mnist", tuple(made), "2", 1, "x86_64")


def test_a_difference_within_its_error_decides_nothing():
    assert (more(0.6, 0.5, 2000), more(0.5, 0.6, 2000)) == (HOLDS, NOT)
    assert more(0.51, 0.5, 2000) == UNCLEAR
    assert nearer(row("a", frechet_distance=10.0), row("b")) == HOLDS
    assert nearer(row("a", frechet_distance=19.5), row("b")) == UNCLEAR
    assert nearer(row("a", frechet_distance=40.0), row("b")) == NOT


def test_claims_follow_the_figures_alone():
    as_usual = results(
        gan={"precision": 0.8, "recall": 0.4},
        vae={"precision": 0.5, "recall": 0.8},
        flow={"precision": 0.4, "recall": 0.8},
        latent={"frechet_distance": 15.0, "milliseconds_per_image": 2.0},
        one={"frechet_distance": 90.0},
        many={
            "precision": 0.8,
            "recall": 0.8,
            "frechet_distance": 5.0,
            "milliseconds_per_image": 90.0,
        },
    )
    assert [c.verdict for c in picture_claims(as_usual)] == [HOLDS] * 8
    otherwise = results(
        gan={"precision": 0.3, "recall": 0.9, "frechet_distance": 2.0},
        vae={"precision": 0.9, "recall": 0.2},
        latent={"frechet_distance": 2.0, "milliseconds_per_image": 2.0},
        one={"frechet_distance": 1.0},
        many={"precision": 0.5, "recall": 0.3, "milliseconds_per_image": 3.0},
    )
    assert [c.verdict for c in picture_claims(otherwise)] == [NOT] * 8
    few = replace(as_usual, rows=as_usual.rows[:1] + as_usual.rows[2:3])
    assert [c.claim.split(":")[0] for c in picture_claims(few)] == ["VAEs and flows are diverse"]


def test_the_table_is_shown_where_it_was_measured(monkeypatch):
    monkeypatch.setattr(VIEW, "results", lambda: None)
    empty = VIEW.strips_message("empty", "", [])
    assert VIEW.table_of(empty) == empty
    monkeypatch.setattr(VIEW, "results", results)
    table = VIEW.table_of(empty)
    titles = [each["title"] for each in table["rows"]]
    assert titles[0] == "Training images, for scale" and titles[3] == "Normalizing flow"
    assert table["rows"][1]["milliseconds"] == 1.0 and len(table["claims"]) == 8
