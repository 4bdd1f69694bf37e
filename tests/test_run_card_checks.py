"""A run card is checked as a whole when it is opened: one sentence, and the controls stay."""

import dataclasses
import json
from types import SimpleNamespace

import pytest
import torch

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.generation import RunCard, SamplingRequest, SamplingRun
from tabs.denoise import handlers
from tabs.denoise.run_card_controls import card_values

REQUEST = SimpleNamespace(session_hash="me")


@pytest.fixture(scope="module")
def checkpoint(tiny_folder):
    return load_checkpoint(tiny_folder)


@pytest.fixture
def card(checkpoint, tiny_folder, monkeypatch):
    """The values of a valid card, whose model is at hand."""
    monkeypatch.setenv("DIFFUSION_MODELS", str(tiny_folder.parent))
    walk = SamplingRequest(num_steps=2, label="Bag")
    return json.loads(RunCard.of(checkpoint, walk, None, torch.zeros(1)).to_json())


def at_every_door(values):
    """The one sentence that the page says of a card that cannot be walked."""
    text = values if isinstance(values, str) else json.dumps(values)
    event = SimpleNamespace(card=text)
    assert card_values(event, REQUEST) == {}  # no control is set to what it cannot hold
    (message,) = [json.loads(m) for m in handlers.replay("r", event, REQUEST)]
    sentence = message["error"]
    assert sentence.endswith(".") and "\n" not in sentence and sentence.count(". ") == 0
    return sentence


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"eta": -5}, "eta must lie between 0 and 1, got -5."),
        ({"eta": 2}, "eta must lie between 0 and 1, got 2."),
        ({"eta": "x"}, "its eta is 'x', and must be a number"),
        ({"eta": 0.5, "sampler": "heun"}, "eta belongs to ddim"),
        ({"eta": float("nan")}, "its eta is nan, and must be a number"),
        ({"num_steps": 0}, "the number of steps must be a whole number from 1 to 10000, got 0."),
        ({"num_steps": 10**9}, "the number of steps must be"),
        ({"num_steps": 2.5}, "its num_steps is 2.5, and must be a whole number"),
        ({"num_steps": True}, "its num_steps is True, and must be a whole number"),
        ({"guidance_scale": 1000}, "the guidance scale must lie between 0 and 100, got 1000."),
        ({"guidance_scale": 2, "label": None}, "Guidance needs a class"),
        ({"t_start": -1}, "the timestep t_start must be a whole number from 0 to 9999, got -1."),
        ({"branch_step": -1}, "the step of a branch must be a whole number"),
        ({"label": ["Bag"]}, "its label is ['Bag'], and must be printable text"),
        ({"label": "\ud800"}, "its label is "),
        ({"clip_x0": "yes"}, "its clip_x0 is 'yes', and must be true or false"),
        ({"spacing": "odd"}, "there is no spacing 'odd'"),
        ({"threshold": 3}, "its threshold is 3, and must be printable text"),
        ({"attributes": [["head"]]}, "its attributes[0] is ['head'], and must be a pair"),
        ({"attributes": [["head", "afro"]]}, "This model has no attributes"),
        ({"odd": 1}, "its odd is a setting that is not known"),
        ({"parent": [1]}, "its parent is [1], and must be an object"),
        ({"parent": {"eta": "x"}}, "its parent.eta is 'x', and must be a number"),
        ({"parent": {"num_images": 3}}, "a branch has as many images as its parent, 3."),
    ],
    ids=str,
)
def test_a_field_of_a_card_is_named_once(card, change, words):
    card["walk"] |= change
    assert words in at_every_door(card)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": 3}, "its model is 3, and must be printable text"),
        ({"weights": None}, "its weights is None, and must be printable text"),
        ({"schedule": []}, "its schedule is [], and must be an object"),
        ({"walk": "x"}, "its walk is 'x', and must be an object"),
        ({"versions": [1]}, "its versions is [1], and must be an object"),
        ({"given": {"mask": "x"}}, "its given.picture is missing"),
        ({"given": {"picture": "!!!"}}, "its given.picture must be a PNG in base64"),
        ({"given": {"picture": 5}}, "its given is {'picture': 5}"),
        ({"odd": 1}, "its odd is a setting that is not known"),
        ({"format": ["x"]}, "it is not a JSON file of the form diffusion-playground/run-1"),
    ],
    ids=str,
)
def test_the_rest_of_a_card_is_named_too(card, change, words):
    sentence = at_every_door(card | change)
    assert sentence.startswith("This is not a run card that can be walked: ") and words in sentence


def test_what_is_missing_is_named(card):
    for name in ("model", "weights", "schedule", "walk"):
        less = {k: v for k, v in card.items() if k != name}
        assert f"its {name} is missing" in at_every_door(less)


def test_a_card_with_a_mark_at_its_beginning_is_read(card):
    text = json.dumps(card)
    read = RunCard.from_json(text)
    for other in ("\ufeff" + text, b"\xef\xbb\xbf" + text.encode(), text.encode("utf-16")):
        assert RunCard.from_json(other).walk == read.walk
    floats = card | {"walk": card["walk"] | {"num_steps": 2.0, "seed": 3.0}}
    walk = RunCard.from_json(json.dumps(floats)).walk
    assert (walk.num_steps, walk.seed) == (2, 3) and type(walk.num_steps) is int


def test_a_request_is_refused_when_it_is_made_and_not_with_its_first_step(checkpoint):
    good = SamplingRequest(num_steps=2, eta=1.0)
    assert len(list(SamplingRun(checkpoint, good))) == 2
    for change in ({"eta": -5}, {"num_steps": 0}, {"guidance_scale": -1}, {"t_start": 10**9}):
        with pytest.raises(ValueError, match=r"\.$"):
            dataclasses.replace(good, **change)
