"""Push to the Hub, from the Train tab: the handler alone, and the fold in Chromium."""

import json
import logging
from types import SimpleNamespace

import gradio as gr
import pytest
from conftest import save_tiny
from fakehub import hub
from pagelib import beyond, choose, faults, press

from diffusion_core.checkpoint import load_checkpoint
from tabs.shared import errors
from tabs.shared.sessions import Sessions
from tabs.train import my_models, publish
from tabs.train.jobs import PLAN_FILE, QUEUE

__all__ = ["hub"]  # the fixture
ME, YOU = SimpleNamespace(session_hash="me"), SimpleNamespace(session_hash="you")


def a_model(folder):
    (save_tiny(folder) / PLAN_FILE).write_text("{}")
    return str(folder)


def push(path, to="me/tiny", private=True, token="", who=ME):
    """What is said at last, and what becomes of the token."""
    *_, told = publish.push(path, publish.PushForm(to, private, token), who)
    return told["outcome"], told.get("token", gr.skip())


def headers(hub):
    return json.dumps([headers for _, _, headers in hub.seen])


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.setenv("DIFFUSION_MODELS", str(tmp_path))
    return a_model(tmp_path / "mine")


def test_at_home_the_machine_s_own_token_will_do(mine, hub, monkeypatch):
    assert "The Hub wants a token" in push(mine)[0] and hub.seen == []
    monkeypatch.setenv("HF_TOKEN", hub.token)
    words, after = push(mine)
    assert words == f"[me/tiny]({hub.url}/me/tiny) is on the Hub, private." and after == ""
    assert "me/tiny" in hub.private
    assert push(mine, "me/open", private=False)[0].endswith("is on the Hub, public.")
    assert load_checkpoint("me/open").weights_hash == load_checkpoint(mine).weights_hash


def test_on_a_public_page_the_visitor_s_own_token_is_the_only_one(hub, monkeypatch):
    owners = Sessions(public=True)
    monkeypatch.setattr(my_models, "SESSIONS", owners)
    monkeypatch.setenv("HF_TOKEN", "hf_machine")
    path = a_model(owners.folder("me") / "mine")
    for nothing in ("", "  ", None):
        assert push(path, token=nothing)[0].startswith("Give a token of yours first")
    assert push(path, token=hub.token, who=YOU)[0].startswith("Choose one of your models first")
    assert hub.seen == []
    words, after = push(path, token=hub.token)
    assert "is on the Hub, private" in words and after == ""
    assert hub.token in headers(hub) and "hf_machine" not in headers(hub)
    assert push(path, token="hf_wrong")[0].startswith("The Hub does not accept this token")
    assert "hf_machine" not in headers(hub)
    owners.forget("me")


def test_what_cannot_be_pushed_is_a_sentence(mine, hub, monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert "Choose one of your models" in push("")[0]
    assert "Choose one of your models" in push(str(tmp_path / "other"))[0]
    assert "Give the repository as USER/NAME" in push(mine, "tiny")[0]
    monkeypatch.setattr(QUEUE, "jobs", [SimpleNamespace(folder=tmp_path / "mine", over=False)])
    assert push(mine)[0] == "mine is being trained; stop it first."
    monkeypatch.setattr(QUEUE, "jobs", [])
    assert hub.seen == []

    def breaks(*_, token, **__):
        raise RuntimeError(f"no way for {token}")

    monkeypatch.setattr(my_models, "push", breaks)
    with caplog.at_level(logging.DEBUG):
        words, after = push(mine, token="hf_mine")
    assert words == errors.PUSH.broke_off and after != ""
    assert "RuntimeError" in caplog.text and "hf_mine" not in caplog.text + words
    (tmp_path / "mine" / "model.safetensors").unlink()
    assert "has not been saved yet" in push(mine)[0]


def said(page, words):
    page.wait_for_function(
        "words => document.querySelector('#train-pushed').innerText.includes(words)",
        arg=words,
        timeout=300_000,
    )


@pytest.mark.browser
def test_from_the_page(page, hub, models_folder, monkeypatch, capfd):
    a_model(models_folder / "to-push")
    page.get_by_role("tab", name="Train").click()
    page.wait_for_selector("#train-stage .training[data-state=before]", timeout=180_000)
    choose(page, "Model of yours", "to-push")
    page.get_by_role("button", name="Push to the Hub").click()
    field, private = page.get_by_label("Token"), page.get_by_label("Private")
    assert field.get_attribute("type") == "password" and private.is_checked()
    page.get_by_label("Repository").fill("me/from-page")
    press(page, "Push")
    said(page, "The Hub wants a token")
    field.fill("hf_never_shown")
    press(page, "Push")
    said(page, "The Hub does not accept this token")
    assert "hf_never_shown" not in page.locator("body").inner_text()
    field.fill(hub.token)
    hub.gate.clear()
    press(page, "Push")
    said(page, "Sending 4 files")
    press(page, "Make a zip")  # the page is not kept waiting
    page.wait_for_selector('a[download$=".zip"]', timeout=180_000)
    assert "Sending" in page.locator("#train-pushed").inner_text()
    hub.gate.set()
    said(page, "me/from-page is on the Hub, private.")
    link = page.locator("#train-pushed a")
    assert link.get_attribute("href") == f"{hub.url}/me/from-page"
    page.wait_for_function("() => document.querySelector('input[type=password]').value === ''")
    assert "me/from-page" in hub.private
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert load_checkpoint("me/from-page").weights_hash == (
        load_checkpoint(models_folder / "to-push").weights_hash
    )
    assert beyond(page) == [] and faults(page) == []
    printed = "".join(capfd.readouterr())
    assert hub.token not in printed and "hf_never_shown" not in printed
