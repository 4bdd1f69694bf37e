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
from tabs.denoise.recall import CHANGED, recall
from tabs.denoise.run_registry import RECORDINGS, Shown
from tabs.inside.form import InsideForm
from tabs.inside.subject import Subject
from tabs.inside.switches_view import (
    MOST_LEVELS,
    SwitchForm,
    address_form,
    compare,
    handed_over,
    parts_of_another_model,
    tree_updates,
)
from tabs.shared import models
from tabs.shared.changed_network import ChangedNetwork, switch_words
from tabs.shared.class_menu import NO_CLASS

SWITCHES = Switches(skips=((1, 0.0),))
LESS = (1.0, 0.0, *(1.0,) * (MOST_LEVELS - 2))


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> str:
    return str(save_tiny(tmp_path_factory.mktemp("view") / "tiny"))


def subject(path: str) -> Subject:
    checkpoint = load_checkpoint(path)
    generator = torch.Generator().manual_seed(0)
    x0, eps = (torch.randn(1, 1, 28, 28, generator=generator).clamp(-1, 1) for _ in range(2))
    return Subject(path, checkpoint, x0, eps, 0.5 * x0 + 0.5 * eps, 400, None)


def test_controls_are_made_of_the_module_tree() -> None:
    unet = wake(UNet(TINY))
    form = SwitchForm(attentions=["gone", "mid_block.attentions.0"], channel=99)
    updates = tree_updates(unet, form)
    assert [row["visible"] for row in updates["rows"]] == [True, True, *[False] * (MOST_LEVELS - 2)]
    own = updates["switches"]
    assert [s["info"] for s in own["skips"][:3]] == ["14², 16 channels", "7², 32 channels", ""]
    assert own["attentions"]["value"] == ["mid_block.attentions.0"], "what is not here is let go"
    assert ("middle · attention 1", "mid_block.attentions.0") in own["attentions"]["choices"]
    assert len(own["residuals"]["choices"]) == 8
    kept = tree_updates(unet, SwitchForm(block="mid_block.resnets.0", channel=99))
    assert kept["switches"]["channel"]["value"] == 31


def test_another_model_sets_only_what_it_does_not_have(path) -> None:
    """Else it would set back what the address brings at the same moment."""
    form = SwitchForm(skips=(0.0, 1.0, 0.5, *LESS[3:]), attentions=["gone"], time=True)
    own = parts_of_another_model(path, form)["switches"]
    assert [s.get("value") for s in own["skips"]] == [None, None, 1.0, *[None] * (MOST_LEVELS - 3)]
    assert own["attentions"]["value"] == [] and "value" not in own["residuals"]
    assert "value" not in own["time"] and "value" not in own["channel"]


def test_switches_of_the_controls_and_back_by_the_address() -> None:
    assert not SwitchForm().switches(2)
    skips = (1.0, 0.0, 0.5, *(1.0,) * (MOST_LEVELS - 3))
    asked = SwitchForm(skips=skips, block="mid_block.resnets.0", channel=3, time=True)
    switches = asked.switches(2)
    assert switches.skips == ((1, 0.0),), "a level that the network does not have is not asked for"
    assert address_form(json.dumps(switches.to_dict())).switches(2) == switches
    for nonsense in ("{", "[1]", '{"skips": [[0, 5]]}', "[" * 9000, '{"x": 1}'):
        assert address_form(nonsense) is None
    with pytest.raises(ValueError, match="Channel must be"):
        SwitchForm(block="mid_block.resnets.0", channel=None).switches(2)


def test_the_guess_follows_the_switches_and_comes_back_to_the_byte(path) -> None:
    at = subject(path)
    plain = compare(at, SwitchForm())
    before = json.loads(plain["stage"])
    assert before["x0_hat"] == before["plain"] and plain["chosen"] == ""
    assert not plain["walk"].interactive
    changed = compare(at, SwitchForm(skips=LESS))
    stage = json.loads(changed["stage"])
    assert stage["changed"] == "skips of 7² × 0" and stage["x0_hat"] != stage["plain"]
    assert stage["plain"] == before["plain"] and stage["plain_error"] == before["error"]
    assert stage["error"] > before["error"] and changed["walk"].interactive
    assert json.loads(changed["chosen"]) == {"skips": [[1, 0.0]]}
    assert compare(at, SwitchForm())["stage"] == plain["stage"]


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
    assert "Nothing is changed" in handed_over(form, SwitchForm())["told"]
    asked = SwitchForm(skips=LESS)
    given = handed_over(form, asked)["changed"]
    assert given.model == path and given.switches == SWITCHES
    assert handed_over(form, asked)["changed"] != given, "a second press is another one"
    none = handed_over(InsideForm(model=path, loaded=path, label=NO_CLASS), asked)["changed"]
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


def test_a_walk_of_a_changed_network_says_after_a_reload_that_new_ones_use_the_plain_one(path):
    checkpoint = load_checkpoint(path)
    for switches in (SWITCHES, None):
        record = Recording(checkpoint, SamplingRequest(num_steps=2, switches=switches))
        assert len([*record.run()])
        RECORDINGS.put("left", record, "", Shown(head(record), "As it was."))
        note = json.loads(recall({"run": "left", "session": "new", "first": 0}))["note"]
        assert note == (CHANGED if switches else "As it was.")
