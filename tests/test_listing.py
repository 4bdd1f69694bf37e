"""The menu of models stands, whatever lies in a folder of them, and what it lacks is said."""

import json
import logging
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import save_tiny
from fakehub import hub
from huggingface_hub import constants
from twins import pipeline

from diffusion_core.checkpoint import cached, load_checkpoint, reason_left_out, weights_in
from diffusion_core.checkpoint import hub as hub_module
from tabs.denoise import defaults, model_picker
from tabs.shared import limits, models
from tabs.shared.sessions import Sessions

__all__ = ["hub"]  # the fixture
DEEP = "[" * 1500 + "]" * 1500
ME = SimpleNamespace(session_hash="me")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of models of one's own, with one that is fine."""
    monkeypatch.setenv("DIFFUSION_MODELS", str(tmp_path / "models"))
    save_tiny(tmp_path / "models" / "fine")
    monkeypatch.setattr(models, "evaluation_seconds_of", lambda checkpoint, pictures=1: 0.001)
    return tmp_path / "models"


@pytest.fixture
def public(monkeypatch):
    owners = Sessions(public=True)
    for module in (models, limits, model_picker):
        monkeypatch.setattr(module, "SESSIONS", owners)
    return owners


def with_config(folder, name, text):
    made = Path(shutil.copytree(folder / "fine", folder / name))
    (made / "config.json").write_text(text)
    return made


def of_here(folder):
    return [name for name, path in models.available() if Path(path).parent == folder]


def test_a_nested_configuration_is_left_out_and_the_menu_says_so(folder, caplog):
    with_config(folder, "nested", DEEP)
    with_config(folder, "objects", '{"a":' * 900 + "1" + "}" * 900)
    with_config(folder, "digits", "9" * 5000)
    (folder / "no-model").mkdir()
    (folder / "a-file").write_text("x")
    assert of_here(folder) == ["fine"]
    assert models.first() and models.readable() and models.by_hash("none") is None
    left_out = models.left_out()
    assert [each.split(" cannot")[0] for each in left_out] == [
        "The checkpoint digits",
        "The checkpoint nested",
        "The checkpoint objects",
    ]
    assert "its config.json is nested too deeply, over 32 levels." in left_out[1]
    words = model_picker.model_summary(models.get("fine"))
    assert "<p>Not in the menu: The checkpoint nested cannot be used: its config.json" in words
    with pytest.raises(ValueError, match="nested too deeply"):
        models.get(str(folder / "nested"))
    with caplog.at_level(logging.WARNING):
        models.log_left_out()
    assert "A model is left out. The checkpoint nested cannot be used" in caplog.text
    assert defaults.opening("fine").model == "fine"


def test_many_that_are_left_out_are_counted(folder):
    for i in range(5):
        with_config(folder, f"broken-{i}", "{")
    words = model_picker.model_summary(models.get("fine"))
    assert words.count("Not in the menu") == 3
    assert "2 more folders are not in the menu." in words


def test_an_unforeseen_error_leaves_one_folder_out_and_is_logged(folder, monkeypatch, caplog):
    with_config(folder, "odd", "{}")
    real = hub_module.read_settings

    def break_at(path):
        if path.name == "odd":
            raise AssertionError("nobody thought of this")
        return real(path)

    monkeypatch.setattr(hub_module, "read_settings", break_at)
    hub_module._names.cache_clear()
    assert of_here(folder) == ["fine"]
    assert "nobody thought of this" in caplog.text and "nobody" not in "".join(models.left_out())


def test_weights_that_are_missing_are_said_and_a_repaired_folder_comes_back(folder):
    made = Path(shutil.copytree(folder / "fine", folder / "half"))
    (made / "model.safetensors").unlink()
    assert models.left_out() == ["half is not a checkpoint: it lacks model.safetensors."]
    text = (folder / "fine" / "config.json").read_text()
    broken = with_config(folder, "mended", "{")
    assert "mended" not in of_here(folder)
    file = broken / "config.json"
    before = file.stat().st_mtime_ns
    file.write_text(text)
    os.utime(file, ns=(before + 10**9, before + 10**9))
    assert "mended" in of_here(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="names of bytes are a matter of Linux")
def test_a_reason_can_be_shown_whatever_the_name_of_its_folder(folder):
    place = os.fsencode(folder) + b"/caf\xe9\x07"
    os.makedirs(place)
    Path(os.fsdecode(place), "config.json").write_text("{")
    (reason,) = models.left_out()
    assert reason.startswith(r"The checkpoint caf\udce9\x07 cannot be used") and reason.encode()


def test_a_model_of_the_hub_that_breaks_its_reader_stops_nobody(hub, folder, tiny_folder, public):
    hub.add("me/fine", tiny_folder)
    hub.add("me/deep", tiny_folder)
    hub.repos["me/deep"]["config.json"] = DEEP.encode()
    *_, end = model_picker.choose("me/deep", "before", None, ME)
    assert (
        end["model"] == "before" and "its config.json is nested too deeply" in end["model_summary"]
    )
    *_, end = model_picker.choose("me/fine", "before", None, ME)
    assert end["loaded"] == "me/fine"
    hub_module._listed.cache_clear()
    assert "me/fine" in dict(models.available("you")) and "me/deep" not in cached()
    assert (Path(constants.HF_HUB_CACHE) / "models--me--deep").is_dir()  # as at the next start
    assert not [f for f in hub.fetched() if f == "model.safetensors"][1:]  # only the fine one's


def test_on_a_public_page_a_link_is_no_way_out_and_no_path_is_said(folder, public, tmp_path):
    secret = save_tiny(tmp_path / "secret", seed=3)
    linked = Path(shutil.copytree(folder / "fine", folder / "linked"))
    (linked / "model.safetensors").unlink()
    try:
        (linked / "model.safetensors").symlink_to(secret / "model.safetensors")
    except OSError:
        pytest.skip("this account may make no links")
    assert of_here(folder) == ["fine"]
    assert reason_left_out(linked) is None and weights_in(linked) is not None  # at home
    assert models.left_out() == []  # of the owner's folders a visitor hears nothing
    assert "Not in the menu" not in model_picker.model_summary(models.get("fine"))
    with pytest.raises(ValueError, match="on this page"):
        models.get(str(linked))
    mine = Path(shutil.copytree(linked, public.folder("me") / "mine", symlinks=True))
    assert "mine" not in dict(models.available("me"))
    (reason,) = models.left_out("me")
    assert reason.startswith("The checkpoint mine cannot be used: its model.safetensors is a link")
    with pytest.raises(ValueError, match="is a link out of its folder") as caught:
        models.get(str(mine))
    assert str(public.folder("me")) not in str(caught.value)


def test_the_hub_keeps_its_files_by_links_which_are_followed(hub, tiny_folder, public):
    hub.add("me/tiny", tiny_folder)
    models.fetch("me/tiny")
    assert (cached()["me/tiny"] / "model.safetensors").is_symlink() or os.name == "nt"
    assert models.get("me/tiny").weights_hash == load_checkpoint(tiny_folder).weights_hash


def half_of(theirs, tmp_path):
    folder = Path(shutil.copytree(theirs, tmp_path / "half"))
    unet = folder / "unet"
    name = "diffusion_pytorch_model"
    (unet / f"{name}.safetensors").rename(unet / f"{name}.fp16.safetensors")
    return folder


def test_weights_in_half_precision_alone_are_found(hub, tmp_path, public):
    pipe = pipeline("x0-prediction")
    pipe.save_pretrained(tmp_path / "theirs")
    folder = half_of(tmp_path / "theirs", tmp_path)
    half = "unet/diffusion_pytorch_model.fp16.safetensors"
    read = load_checkpoint(folder)
    assert read.weights_hash == load_checkpoint(tmp_path / "theirs").weights_hash
    assert weights_in(folder) == folder / half
    for hub_id, fetch in (("me/half", load_checkpoint), ("me/bounded", models.fetch)):
        hub.add(hub_id, folder)
        hub.seen.clear()
        fetch(hub_id)
        assert [f for f in hub.fetched() if f.endswith("safetensors")] == [half]
    hub.add("me/both", tmp_path / "theirs")
    hub.repos["me/both"][half] = hub.repos["me/half"][half]
    hub.seen.clear()
    models.fetch("me/both")
    sent = [f for f in hub.fetched() if f.endswith("safetensors")]
    assert sent == ["unet/diffusion_pytorch_model.safetensors"]  # the better one, and that alone


def test_a_file_of_the_index_is_checked_like_any_other(tmp_path):
    pipeline("x0-prediction").save_pretrained(tmp_path / "m")
    file = tmp_path / "m" / "model_index.json"
    values = json.loads(file.read_text())
    for change, words in (
        ({"vqvae": []}, "with a part 'vqvae'"),
        ({"_class_name": 3}, "its _class_name is 3"),
        ({"a\ud800": ["x", "Y"]}, "with a part"),
    ):
        file.write_text(json.dumps({**values, **change}))
        with pytest.raises(ValueError, match=words) as caught:
            load_checkpoint(tmp_path / "m")
        assert str(caught.value).encode()
