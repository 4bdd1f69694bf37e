"""A checkpoint goes to the Hub and comes back; and all that can stand in the way."""

import dataclasses
import io
import json
import re
import shutil
import sys

import pytest
import torch
import yaml
from conftest import TINY, save_tiny, wake
from fakehub import hub
from huggingface_hub import constants
from measured import results, row
from PIL import Image
from twins import theirs

from diffusion_core.__main__ import main
from diffusion_core.checkpoint import CheckpointConfig, load_checkpoint, save_checkpoint
from diffusion_core.data import to_uint8
from diffusion_core.evaluation import Results
from diffusion_core.publishing import push
from diffusion_core.publishing.upload import TAGS, card_for_hub, eval_results, without_paths
from diffusion_core.samplers import sample
from diffusion_core.seeding import draw_noise
from diffusion_core.unet import UNet

__all__ = ["hub", "theirs"]  # the fixtures
SENT = {"README.md", "config.json", "model.safetensors", "samples.png"}


@pytest.fixture
def folder(tmp_path):
    """A checkpoint as a training leaves it, with what is nobody's business."""
    folder = save_tiny(tmp_path / "mine")
    for name in ("state.safetensors", "plan.json", "pictures.npz", ".env", "logs/events"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"secret")
    return folder


@pytest.fixture
def token(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub.token)
    return hub.token


def names(hub, hub_id):
    return set(hub.repos[hub_id]) - {".gitattributes"}


def test_it_goes_and_comes_back_with_the_same_weights(hub, folder, token):
    before = {f: f.read_bytes() for f in folder.rglob("*") if f.is_file()}
    told = []
    pushed = push(folder, "https://huggingface.co/me/tiny", tell=told.append)
    assert (pushed.url, pushed.private, pushed.changed) == (f"{hub.url}/me/tiny", True, True)
    assert pushed.words == "me/tiny is on the Hub, private" and "me/tiny" in hub.private
    sent = {h.get("authorization") for _, path, h in hub.seen if "me/tiny" in path}
    assert sent == {f"Bearer {token}"}
    assert names(hub, "me/tiny") == SENT
    assert told[0].startswith("Drawing") and told[1].startswith("Sending 4 files")
    assert {f: f.read_bytes() for f in folder.rglob("*") if f.is_file()} == before
    back, here = load_checkpoint("me/tiny"), load_checkpoint(folder)
    assert back.weights_hash == here.weights_hash and back.config == here.config
    for key, value in here.unet.state_dict().items():
        assert torch.equal(value, back.unet.state_dict()[key]), key


def test_the_card_shows_what_the_model_itself_drew(hub, folder, token):
    push(folder, "me/tiny")
    files = hub.repos["me/tiny"]
    card = files["README.md"].decode()
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["license"] == "mit" and set(TAGS) <= set(front["tags"])
    assert front["pipeline_tag"] == "unconditional-image-generation"
    assert card.index("![Samples](samples.png)") < card.index("## Measured")
    assert "--model me/tiny" in card and "FOLDER" not in card
    assert "ddim, 25 steps, seeds 0 to 15, one class after the other" in card
    sheet = Image.open(io.BytesIO(files["samples.png"]))
    scale = sheet.width // (4 * 30 - 2)
    assert sheet.size == ((4 * 30 - 2) * scale,) * 2 and scale >= 2
    model, generator = load_checkpoint(folder), torch.Generator().manual_seed(6)
    *_, last = sample(
        model.denoiser(6),
        draw_noise((1, 1, 28, 28), [generator]),
        model.schedule,
        num_steps=25,
        generator=generator,
    )
    small = sheet.resize((4 * 30 - 2,) * 2, Image.Resampling.NEAREST)
    seventh = torch.tensor(list(small.crop((60, 30, 88, 58)).tobytes())).reshape(28, 28)
    drawn = torch.from_numpy(to_uint8(last.x_prev)[0, ..., 0]).int()
    assert (seventh - drawn).abs().max() <= 1 and drawn.float().std() > 10


def test_again_it_is_updated_by_what_changed(hub, folder, token):
    push(folder, "me/tiny", message="First")
    again = push(folder, "me/tiny")
    assert not again.changed and again.words.endswith("private, as it was")
    save_tiny(folder, seed=5)
    assert push(folder, "me/tiny").changed
    first, second = hub.commits["me/tiny"]
    assert (first.message, second.message) == ("First", "Push mine")
    assert set(first.paths) == SENT and "model.safetensors" in second.paths
    assert load_checkpoint("me/tiny").weights_hash == load_checkpoint(folder).weights_hash


def test_a_card_and_a_picture_of_ones_own_stay(hub, folder, token):
    own = "---\nlicense: cc0-1.0\ntags: [clay]\n---\n# Pots\n\nDrawn by hand.\n\nMine.\n"
    (folder / "README.md").write_text(own)
    Image.new("L", (5, 5)).save(folder / "samples.png")
    push(folder, "me/pots", private=False)
    assert "me/pots" not in hub.private
    assert hub.repos["me/pots"]["samples.png"] == (folder / "samples.png").read_bytes()
    card = hub.repos["me/pots"]["README.md"].decode()
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["license"] == "cc0-1.0" and front["tags"] == ["clay", *TAGS]
    assert "Mine.\n\n![Samples](samples.png)\n" in card and "ddim" not in card
    shown = card_for_hub(card, "me/pots", "words", "mit")
    assert shown == card.replace("cc0-1.0", "mit")


def test_measured_results_go_along_and_the_hub_lists_those_of_the_default(hub, folder, token):
    weights = load_checkpoint(folder).weights_hash
    found = results(
        row("ddim 10", 1 / 3), row("ddim 50", 0.5, class_accuracy=None), weights=weights
    )
    (folder / "results.json").write_text(found.to_json(), encoding="utf-8")
    push(folder, "me/tiny")
    assert names(hub, "me/tiny") == SENT | {"results.json"}
    assert Results.from_json(hub.repos["me/tiny"]["results.json"].decode()) == found
    front = yaml.safe_load(hub.repos["me/tiny"]["README.md"].decode().split("---\n")[1])
    (listed,) = front["model-index"]
    (measured,) = listed["results"]
    assert listed["name"] == "tiny" and measured["dataset"]["split"] == "test"
    values = {m["type"]: (m["value"], m["args"]["num_steps"]) for m in measured["metrics"]}
    assert values == {"frechet_distance": (1 / 3, 10), "class_accuracy": (0.9, 10)}
    assert not push(folder, "me/tiny").changed
    save_tiny(folder, seed=5)  # what was measured of other weights stays here
    (folder / "results.json").write_text(found.to_json(), encoding="utf-8")
    push(folder, "me/other")
    assert names(hub, "me/other") == SENT
    assert b"model-index" not in hub.repos["me/other"]["README.md"]


def test_metrics_of_ones_own_stay_beside_ours():
    ours = eval_results(results(row("ddim 10", 0.5)), "fashion-mnist")
    first = card_for_hub("# A\n", "me/a", None, None, ours)
    own = first.replace("name: fashion-mnist", "name: mine").replace(
        "type: fashion-mnist", "type: mine"
    )
    both = card_for_hub(own, "me/b", None, None, ours)
    (index,) = yaml.safe_load(both.split("---\n")[1])["model-index"]
    assert index["name"] == "a"
    assert [r["dataset"]["type"] for r in index["results"]] == ["mine", "fashion-mnist"]
    later = eval_results(results(row("ddim 10", 0.25)), "fashion-mnist")
    assert card_for_hub(first, "me/a", None, None, later) == first.replace("0.5", "0.25")
    assert eval_results(results(), "fashion-mnist") == []


def test_what_was_pushed_in_the_open_or_in_private_stays_so(hub, folder, token):
    push(folder, "me/open", private=False)
    with pytest.raises(ValueError, match="me/open is there already and public; push it as public"):
        push(folder, "me/open")
    assert not push(folder, "me/open", private=False).private
    push(folder, "me/closed")
    assert push(folder, "me/closed", private=False).private


def test_paths_of_this_machine_stay_here(hub, tmp_path, token):
    command = (
        "python -m diffusion_core train --dataset /home/alice/cats --out=/home/alice/runs/cats "
        "--init ../alice/old --steps 9"
    )
    training = {"command": command, "init": "../alice/old", "steps": 9}
    config = CheckpointConfig(TINY, {"name": "cosine"}, dataset="cats", training=training)
    save_checkpoint(tmp_path / "cats", UNet(TINY), config)
    push(tmp_path / "cats", "me/cats")
    for path, data in hub.repos["me/cats"].items():
        assert b"alice" not in data, path
    assert "--dataset cats --out=cats --init old --steps 9" in (
        hub.repos["me/cats"]["README.md"].decode()
    )
    assert without_paths(load_checkpoint("me/cats").config)[1] == {}


def test_in_diffusers_layout(hub, folder, token, tmp_path, capsys, monkeypatch):
    config = dataclasses.replace(TINY, patch_size=1, num_classes=None)
    noise = {"name": "linear", "num_train_timesteps": 1000}
    save_checkpoint(tmp_path / "plain", wake(UNet(config)), CheckpointConfig(config, noise))
    push(tmp_path / "plain", "me/plain", diffusers=True)
    assert names(hub, "me/plain") == {
        "README.md",
        "samples.png",
        "model_index.json",
        "scheduler/scheduler_config.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
    }
    card = hub.repos["me/plain"]["README.md"].decode()
    assert "library_name: diffusers" in card and 'from_pretrained("me/plain")' in card
    back, here = load_checkpoint("me/plain"), load_checkpoint(tmp_path / "plain")
    for key, value in here.unet.state_dict().items():
        assert torch.equal(value, back.unet.state_dict()[key]), key
    assert not push(tmp_path / "plain", "me/plain", diffusers=True).changed
    assert "holds something else" in refused(tmp_path / "plain", capsys, monkeypatch, "me/plain")
    large = {"_class_name": "StableDiffusionPipeline", "vae": ["diffusers", "AutoencoderKL"]}
    small = {"_class_name": "DDPMPipeline", "unet": ["a", "b"], "scheduler": ["a", "b"]}
    for index, more in ((large, {}), (["odd"], {}), (small, {"unet_ema/config.json": b"{}"})):
        hub.repos["me/large"] = {"model_index.json": json.dumps(index).encode()} | more
        more_words = ("me/large", "--public", "--diffusers")
        said = refused(tmp_path / "plain", capsys, monkeypatch, *more_words)
        assert "holds something else" in said and "me/large" not in hub.commits
    said = refused(folder, capsys, monkeypatch, "me/patched", "--diffusers")
    assert "--patch-size 1" in said and "me/patched" not in hub.repos


def refused(folder, capsys, monkeypatch, to="me/tiny", *more):
    """What the command says: one sentence, with exit code 2."""
    line = ["diffusion_core", "push", "--model", str(folder), "--to", to, *more]
    monkeypatch.setattr(sys, "argv", line)
    capsys.readouterr()
    assert main() == 2
    out, said = capsys.readouterr()
    assert not out and "Traceback" not in said and "hf_" not in said
    said = [line for line in said.splitlines() if line and not line.endswith("…")][-1]
    assert said.endswith(".") and said.count(". ") == 0
    return said


@pytest.mark.parametrize("to", ["tiny", "a/b/c", "me/a b", "me/..", "me/tiny.git", "", "-/x"])
def test_what_is_no_name(to, hub, folder, token, capsys, monkeypatch):
    assert "Give the repository as USER/NAME" in refused(folder, capsys, monkeypatch, to)
    assert hub.seen == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "make one with write rights at .*settings/tokens, and set HF_TOKEN to it, or give"),
        ("hf_wrong", "does not accept this token; make a new one with write rights"),
        ("hf_reader", "may not write to me/tiny; use one with write rights, of me or"),
        ("hf_sécret", "This is no token; copy one"),
        ("hf_a b", "This is no token; copy one"),
    ],
)
def test_tokens_that_will_not_do(given, words, hub, folder, capsys, monkeypatch):
    hub.readers.add("hf_reader")
    if given:
        monkeypatch.setenv("HF_TOKEN", given)
    said = refused(folder, capsys, monkeypatch)
    assert re.search(words, said) and "me/tiny" not in hub.repos


def test_another_owner_s_place_and_a_name_that_is_taken(hub, folder, token, capsys, monkeypatch):
    assert "may not write to you/tiny" in refused(folder, capsys, monkeypatch, "you/tiny")
    hub.repos["you/open"] = {}
    said = refused(folder, capsys, monkeypatch, "you/open", "--public")
    assert "may not write to you/open; use one with write rights, of you or" in said
    hub.repos["me/other"] = {"config.json": b'{"model_type": "bert"}', "model.safetensors": b"x"}
    for to in ("me/other", "me/theirs"):
        hub.repos.setdefault(to, {"pytorch_model.bin": b"pickle"})
        said = refused(folder, capsys, monkeypatch, to, "--public")
        assert "holds something else" in said and to not in hub.commits
    hub.repos["me/tiny"] = {}
    hub.private.add("me/tiny")
    hub.reads = False
    assert "me/tiny is taken by a repository that this token may not see" in (
        refused(folder, capsys, monkeypatch)
    )


@pytest.mark.parametrize(
    ("part", "status", "words"),
    [
        ("/api/models/me/tiny", 503, "error (503), and nothing of the model was changed there"),
        ("/api/repos/create", 500, "error (500)"),
        ("/api/repos/create", 400, "does not take me/tiny; choose another name"),
        ("/preupload/", 500, "error (500)"),
        ("/objects/batch", 503, "error (503)"),
        ("/lfs/", 500, "error (500)"),
        ("/commit/", 502, "error (502)"),
        ("/commit/", 413, "error (413)"),
        ("/api/repos/create", 0, "broke off, and nothing of the model was changed there"),
        ("/lfs/", 0, "broke off"),
        ("/commit/", 0, "broke off"),
    ],
)
def test_a_hub_that_fails_on_the_way(part, status, words, hub, folder, token, capsys, monkeypatch):
    hub.stumble[part] = status
    (folder / "samples.png").write_bytes(b"any")
    assert words in refused(folder, capsys, monkeypatch)
    assert set(hub.repos.get("me/tiny", ())) <= {".gitattributes"}
    hub.stumble.clear()
    assert push(folder, "me/tiny").changed and names(hub, "me/tiny") == SENT


def test_no_network_and_no_permission_to_use_it(hub, folder, token, capsys, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "unset it to push" in refused(folder, capsys, monkeypatch)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert "The Hub cannot be reached; check the network" in refused(folder, capsys, monkeypatch)
    assert hub.seen == []


def test_what_is_no_checkpoint_of_ours(hub, folder, theirs, token, tmp_path, capsys, monkeypatch):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no folder")
    cut = shutil.copytree(folder, tmp_path / "cut")
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:99])
    bare = shutil.copytree(folder, tmp_path / "bare")
    (bare / "model.safetensors").unlink()
    for path, words in (
        (tmp_path / "nowhere", "There is no folder"),
        (tmp_path / "file", "There is no folder"),
        (tmp_path / "empty", "lacks config.json"),
        (cut, "broken"),
        (bare, "lacks model.safetensors"),
        (theirs, "`hf upload` sends it as it is"),
    ):
        assert words in refused(path, capsys, monkeypatch)
    assert hub.seen == []


@pytest.mark.parametrize("front", ["tags: [a", "- a list", "tags: 3", "model-index: 3"])
def test_a_card_that_cannot_be_read(front, hub, folder, token, capsys, monkeypatch):
    (folder / "README.md").write_text(f"---\n{front}\n---\n# A\n\nB\n\nC\n")
    said = refused(folder, capsys, monkeypatch)
    assert "front matter of the card README.md cannot be read" in said and hub.repos == {}


def test_a_licence_that_the_hub_does_not_know(hub, folder, token, capsys, monkeypatch):
    said = refused(folder, capsys, monkeypatch, "me/tiny", "--license", "beer")
    assert said == "The Hub does not take the card README.md; mend its front matter."


def test_a_token_given_goes_before_the_machine_s_own(hub, folder, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_machine")
    push(folder, "me/tiny", token=f" {hub.token}\n")
    for call in range(2):
        seen = json.dumps([headers for _, _, headers in hub.seen])
        assert "hf_machine" not in seen and hub.token in seen
        hub.seen.clear()
        if not call:
            push(folder, "me/tiny", token=hub.token)
    with pytest.raises(ValueError, match="wants a token"):
        push(folder, "me/tiny", token="")
    assert hub.seen == []


def test_the_command_prints_where_it_is(hub, folder, token, capsys, monkeypatch):
    line = ["diffusion_core", "push", "--model", str(folder), "--to", "me/tiny", "--message", "Hi"]
    monkeypatch.setattr(sys, "argv", line)
    assert main() == 0
    out, said = capsys.readouterr()
    assert out == f"{hub.url}/me/tiny\n" and "me/tiny is on the Hub, private." in said
    assert hub.commits["me/tiny"][0].message == "Hi" and "me/tiny" in hub.private
