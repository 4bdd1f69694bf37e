"""The view "Take away" of the Inside tab, as plain functions."""

from __future__ import annotations

import json

import pytest
import torch
from conftest import TINY, save_tiny, wake

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.generation import Recording, SamplingRequest
from diffusion_core.inspection import Switches
from diffusion_core.unet import UNet
from tabs.denoise.captions import head
from tabs.denoise.changed import shown, taken
from tabs.denoise.form import DenoiseForm, OpenedCard, card_updates
from tabs.inside.form import InsideForm
from tabs.inside.subject import Subject
from tabs.inside.switches_view import (
    MOST_LEVELS,
    RESET,
    address_values,
    compare,
    handed_over,
    reset,
    switches_of,
    tree_updates,
)
from tabs.shared import models
from tabs.shared.changed_network import ChangedNetwork, switch_words
from tabs.shared.class_menu import NO_CLASS

SWITCHES = Switches(skips=((1, 0.0),))


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("view") / "tiny"))


def values(**changes) -> tuple:
    names = ("backbone", "skips", "attentions", "residuals", "block", "channel", "time")
    return tuple({**dict(zip(names, RESET, strict=True)), **changes}.values())


def subject(path: str) -> Subject:
    checkpoint = load_checkpoint(path)
    generator = torch.Generator().manual_seed(0)
    x0, eps = (torch.randn(1, 1, 28, 28, generator=generator).clamp(-1, 1) for _ in range(2))
    return Subject(path, checkpoint, x0, eps, 0.5 * x0 + 0.5 * eps, 400, None)


def test_controls_are_made_of_the_module_tree() -> None:
    unet = wake(UNet(TINY))
    updates = tree_updates(unet, *values(attentions=["gone", "mid_block.attentions.0"], channel=99))
    assert [row["visible"] for row in updates["rows"]] == [True, True, *[False] * (MOST_LEVELS - 2)]
    assert [s["label"] for s in updates["skips"][:2]] == ["Skips of 14²", "Skips of 7²"]
    assert updates["attentions"]["value"] == ["mid_block.attentions.0"], (
        "what is not here is let go"
    )
    assert ("middle · attention 1", "mid_block.attentions.0") in updates["attentions"]["choices"]
    assert len(updates["residuals"]["choices"]) == 8
    kept = tree_updates(unet, *values(block="mid_block.resnets.0", channel=99))
    assert kept["channel"] == 31


def test_switches_of_the_controls_and_back_by_the_address() -> None:
    assert not switches_of(2, *RESET)
    skips = (1.0, 0.0, 0.5, *(1.0,) * (MOST_LEVELS - 3))
    asked = values(skips=skips, block="mid_block.resnets.0", channel=3, time=True)
    switches = switches_of(2, *asked)
    assert switches.skips == ((1, 0.0),), "a level that the network does not have is not asked for"
    assert switches_of(2, *address_values(json.dumps(switches.to_dict()))) == switches
    for nonsense in ("{", "[1]", '{"skips": [[0, 5]]}', "[" * 9000, '{"x": 1}'):
        assert address_values(nonsense) is None
    with pytest.raises(ValueError, match="Channel must be"):
        switches_of(2, *values(block="mid_block.resnets.0", channel=None))
    assert tuple(reset().values()) == RESET


def test_the_guess_follows_the_switches_and_comes_back_to_the_byte(path) -> None:
    at = subject(path)
    plain = compare(at, *RESET)
    assert plain["stage"] == plain["plain"] and plain["chosen"] == ""
    assert not plain["walk"].interactive
    changed = compare(at, *values(skips=(1.0, 0.0, *(1.0,) * (MOST_LEVELS - 2))))
    stage, beside = json.loads(changed["stage"]), json.loads(changed["plain"])
    assert stage["changed"] == "skips of 7² × 0" and stage["x0_hat"] != beside["x0_hat"]
    assert changed["plain"] == plain["plain"] == compare(at, *RESET)["stage"]
    assert f"{stage['error']:.3f}" in changed["words"] and changed["walk"].interactive
    assert json.loads(changed["chosen"]) == {"skips": [[1, 0.0]]}


def test_words_name_every_change() -> None:
    switches = Switches(
        backbone=((0, 1.5),),
        attentions_off=("up_blocks.0.attentions.1",),
        residuals_off=("down_blocks.0.resnets.0",),
        channels_off=(("mid_block.resnets.0", 3),),
        time_off=True,
    )
    assert switch_words(TINY, switches) == (
        "backbone of 14² × 1.5, without the branch of up 7² · attention 2, without the branch of "
        "down 14² · residual block 1, channel 3 of middle · residual block 1 × 0, "
        "no timestep embedding"
    )
    assert switch_words(TINY, Switches()) == ""


def test_walk_with_it_hands_the_changed_network_over(path, monkeypatch) -> None:
    checkpoint = load_checkpoint(path)
    monkeypatch.setattr(models, "get", lambda _: checkpoint)
    form = InsideForm(model=path, loaded=path, label="3")
    assert "Nothing is changed" in handed_over(form, *RESET)["told"]
    asked = values(skips=(1.0, 0.0, *(1.0,) * (MOST_LEVELS - 2)))
    given = handed_over(form, *asked)["changed"]
    assert given.model == path and given.switches == SWITCHES
    assert handed_over(form, *asked)["changed"] != given, "a second press is another one"
    none = handed_over(InsideForm(model=path, loaded=path, label=NO_CLASS), *asked)["changed"]
    assert "label" in taken(given) and "label" not in taken(none), "Denoise keeps its own class"
    updates = taken(given)
    assert updates["changed"] is given and updates["now"] and taken(None) == {}
    words = shown(given, path)["changed_words"]
    assert words.visible and "skips of 7² × 0" in words.value
    assert not shown(given, "another model")["changed_words"].visible


def test_the_form_walks_with_it_and_a_card_brings_it_back(path, monkeypatch) -> None:
    checkpoint = load_checkpoint(path)
    monkeypatch.setattr(models, "get", lambda _: checkpoint)
    changed = ChangedNetwork(path, SWITCHES)
    walk, _ = DenoiseForm(model=path, changed=changed).walk(checkpoint)
    assert walk.switches == SWITCHES
    other, _ = DenoiseForm(model=path, changed=ChangedNetwork("other", SWITCHES)).walk(checkpoint)
    assert other.switches is None
    updates = card_updates(OpenedCard(path, checkpoint, walk, None))
    assert updates["changed"] == changed
    plain = card_updates(OpenedCard(path, checkpoint, SamplingRequest(), None))
    assert plain["changed"] is None
    assert "changed network: skips of 7² × 0" in head(Recording(checkpoint, walk))["caption"]
    assert "changed" not in head(Recording(checkpoint, SamplingRequest()))["caption"]
