"""Choosing a model: the Hub's in view, folders of any layout, and what a public page refuses."""

import dataclasses
import json
import os
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest import save_tiny
from fakehub import hub
from huggingface_hub import constants
from twins import pipeline

from diffusion_core.checkpoint import hub as hub_module
from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.generation import Recording, SamplingRequest
from tabs.denoise import defaults, model_picker
from tabs.denoise.cost import expected
from tabs.denoise.form import LARGE_VARIANCE, DenoiseForm
from tabs.inside import model_menu
from tabs.shared import fetching, limits, models
from tabs.shared.components import never_silent
from tabs.shared.sessions import Sessions
from tabs.shared.stop_signals import STOP_SIGNALS

__all__ = ["hub"]  # the fixture
ME, YOU = SimpleNamespace(session_hash="me"), SimpleNamespace(session_hash="you")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("theirs")
    pipeline("x0-prediction").save_pretrained(folder)
    return folder


@pytest.fixture
def public(monkeypatch):
    owners = Sessions(public=True)
    monkeypatch.setattr(models, "SESSIONS", owners)
    monkeypatch.setattr(limits, "SESSIONS", owners)
    return owners


def chosen(text, before="before", label=None, request=ME):
    """What the page is told: the lines on the way, and the updates in the end."""
    *way, end = model_picker.choose(text, before, label, request)
    assert all({*updates} == {"model_summary"} for updates in way)
    return [updates["model_summary"] for updates in way], end


def refused(text, words):
    _, end = chosen(text)
    assert {*end} == {"model_summary", "model"} and end["model"] == "before"  # the one before stays
    sentence = end["model_summary"]
    assert words in sentence and sentence.startswith('<p class="error" role="alert">')
    assert sentence.count(". ") == 0 and sentence.endswith(".</p>") and "\n" not in sentence


def test_a_model_of_the_hub_comes_with_progress_and_the_page_adapts(hub, theirs, monkeypatch):
    hub.add("me/theirs", theirs)
    hub.pause = 0.08
    looked, fetch, line = threading.Event(), models.fetch, fetching.Fetching.line

    def seen(self):
        said = line(self)
        looked.set()
        return said

    def after_a_look(*a):  # however busy the machine, the page asks once before the hub answers
        assert looked.wait(60)
        return fetch(*a)

    monkeypatch.setattr(fetching.Fetching, "line", seen)
    monkeypatch.setattr(models, "fetch", after_a_look)
    way, end = chosen(" https://huggingface.co/me/theirs/ ", label="Bag")
    assert "Looking for me/theirs" in way[0]
    bars = [line for line in way if "<progress" in line]
    values = [int(line.split('value="')[1].split('"')[0]) for line in bars]
    assert len(set(values)) > 2 and values == sorted(values) and "left" in bars[0]
    menu, label, summary = end["model"], end["label"], end["model_summary"]
    assert menu.value == end["loaded"] == "me/theirs"
    assert ("me/theirs", "me/theirs") in menu.choices
    assert label.choices == [("none", "none")] and label.value == "none" and end["guidance"] == 1
    assert "16 × 16 colour" in summary and "evaluation of one picture takes" in summary
    for note in load_checkpoint("me/theirs").config.notes:
        assert note.split("(")[0] in summary


def test_what_was_fetched_is_there_without_a_network(hub, theirs, monkeypatch):
    hub.add("me/theirs", theirs)
    chosen("me/theirs")
    hub.seen.clear()
    models._HELD.clear()
    hub_module._names.cache_clear()
    assert ("me/theirs", "me/theirs") in models.available()
    checkpoint = models.get("me/theirs")
    assert checkpoint.name == "me/theirs" and hub.seen == []
    assert models.by_hash(checkpoint.weights_hash) == ("me/theirs", checkpoint)
    way, end = chosen("me/theirs")
    assert end["loaded"] == "me/theirs" and hub.seen == []
    models._HELD.clear()
    assert models.by_hash("0" * 64) is None
    assert "me/theirs" not in {key[1] for key in models._HELD}  # its hash was known unread


def test_what_others_keep_in_the_cache_is_not_offered(hub, theirs):
    hub.add("me/theirs", theirs)
    weights = hub.repos["me/theirs"].pop("unet/diffusion_pytorch_model.safetensors")
    hub.repos["me/words"] = {"config.json": b'{"model_type": "bert"}', "model.safetensors": weights}
    for hub_id in ("me/theirs", "me/words", "me/none"):
        assert chosen(hub_id)[1]["model"] == "before"
    assert not {name for name, _ in models.available()} & {"me/theirs", "me/words", "me/none"}


def test_what_goes_wrong_is_one_sentence_and_the_one_before_stays(hub, theirs, monkeypatch):
    hub.add("me/theirs", theirs)
    files = hub.repos["me/theirs"]
    weights = "unet/diffusion_pytorch_model.safetensors"
    refused("me/nothing", "no such checkpoint")
    refused("nothing at all", "There is no checkpoint nothing at all on this machine")
    refused("<b>bold</b>", "&lt;b&gt;bold")
    hub.gated.add("me/theirs")
    refused("me/theirs", "is gated: accept its licence")
    hub.gated.clear()
    hub.repos["me/pickled"] = {**files, "unet/diffusion_pytorch_model.bin": b"pickle"}
    del hub.repos["me/pickled"][weights]
    refused("me/pickled", "pickled")
    scheduler = json.loads(files["scheduler/scheduler_config.json"])
    scheduler["_class_name"] = "PNDMScheduler"
    hub.repos["me/other"] = {
        **files,
        "scheduler/scheduler_config.json": json.dumps(scheduler).encode(),
    }
    refused("me/other", "PNDMScheduler")
    hub.repos["me/cut"] = {**files, weights: files[weights][:1000]}
    refused("me/cut", "is broken")
    hub.damaged.add(weights)
    refused("me/theirs", "are damaged and were removed")
    hub.damaged.clear()
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    refused("me/elsewhere", "cannot be reached")
    assert chosen("")[1]["model"] == "before"


def test_another_choice_ends_the_one_before(hub, theirs):
    hub.add("me/theirs", theirs)
    hub.pause = 0.2
    first = model_picker.choose("me/theirs", "before", None, ME)
    while "<progress" not in next(first)["model_summary"]:
        pass
    yours = model_picker.choose("me/theirs", "before", None, YOU)
    next(yours)
    _, end = chosen("fashion-mnist")
    assert Path(end["loaded"]).name == "fashion-mnist"
    assert list(first) == []  # it says no more, and does not take its place
    hub.pause = 0
    assert list(yours)[-1]["loaded"] == "me/theirs"  # another's goes on


def test_what_a_run_card_brings_ends_a_download_and_the_same_model_does_not(hub, theirs):
    hub.add("me/theirs", theirs)
    hub.pause = 0.2
    fetched = model_picker.choose("me/theirs", "fashion-mnist", None, ME)
    while "<progress" not in next(fetched)["model_summary"]:
        pass
    assert model_picker.arrived("me/theirs", "fashion-mnist", None, ME) == {}  # not here yet
    model_picker.arrived("avatars", "fashion-mnist", None, YOU)
    assert "<progress" in next(fetched)["model_summary"]
    back = model_picker.arrived("fashion-mnist", "fashion-mnist", None, ME)
    assert "28 × 28 grey" in back.pop("model_summary") and not back  # how far it was is gone
    assert list(fetched) == []
    assert model_picker.arrived("fashion-mnist", "fashion-mnist", None, ME) == {}


def test_a_choice_that_failed_and_is_told_again_keeps_its_sentence(hub, theirs):
    refused = list(model_picker.choose("gibberish", "fashion-mnist", None, ME))[-1]["model_summary"]
    assert "There is no checkpoint gibberish" in refused
    with STOP_SIGNALS.sign_of("me model", "gibberish\ntold again") as sign:
        told = model_picker.arrived("fashion-mnist", "fashion-mnist", None, ME)
        assert sign.is_set() and told == {"model_summary": refused}
    here = "fashion-mnist", "fashion-mnist", None, 300, ME  # the same in the menu of Inside
    (*_, refused) = model_menu.bring("gibberish", *here[1:])
    assert "There is no checkpoint gibberish" in refused["model_told"]
    for name, left in (("gibberish", refused["model_told"]), ("me/theirs", "")):
        with STOP_SIGNALS.sign_of("me inside", f"{name}\ntold again"):
            assert model_menu.arrived(*here) == {"model_told": left}
    assert model_menu.arrived(*here) == {}


def test_the_menu_that_tells_of_its_own_choice_ends_nothing():
    with STOP_SIGNALS.sign_of("me model", "avatars\nits run") as sign:
        model_picker.arrived(
            "avatars", "fashion-mnist", None, ME
        )  # the menu tells of its own choice
        assert not sign.is_set()


def test_of_one_choice_told_twice_the_one_is_skipped_and_the_other_whole(hub, monkeypatch):
    """Gradio's menu tells so; where the one said null, it took the place of the other's words."""
    told, work = [], fetching.Fetching
    first, second = (
        never_silent(model_picker.choose)("gibberish", "before", None, ME) for _ in "12"
    )

    def overtaken(name, sign):
        monkeypatch.setattr(fetching, "Fetching", work)
        told.extend(second)
        return work(name, sign)

    monkeypatch.setattr(fetching, "Fetching", overtaken)
    assert list(first) == [model_picker.gr.skip()]
    assert "There is no checkpoint gibberish" in told[-1]["model_summary"]
    assert told[-1]["model"] == "before"


def test_a_page_that_goes_ends_its_download(hub, theirs):
    hub.add("me/theirs", theirs)
    hub.pause = 0.1
    page = model_picker.choose("me/theirs", "before", None, ME)
    while "<progress" not in next(page)["model_summary"]:
        pass
    page.close()
    for thread in [t for t in threading.enumerate() if t.name == "fetching"]:
        thread.join(30)
        assert not thread.is_alive()
    assert "me/theirs" not in dict(models.available())


def test_a_public_page_fetches_no_more_than_it_may(hub, theirs, public, monkeypatch):
    hub.add("me/theirs", theirs)
    size = (theirs / "unet" / "diffusion_pytorch_model.safetensors").stat().st_size / 1e6
    monkeypatch.setenv("PLAYGROUND_MAX_DOWNLOAD_MEGABYTES", str(size / 2))
    refused("me/theirs", "may be fetched here")
    assert not [f for f in hub.fetched() if f.endswith("safetensors")]
    monkeypatch.setenv("PLAYGROUND_MAX_DOWNLOAD_MEGABYTES", str(size * 2))
    assert chosen("me/theirs")[1]["loaded"] == "me/theirs"
    hub.add("me/wordy", theirs)
    hub.repos["me/wordy"]["README.md"] = b"x" * 10_000_001
    before = hub.fetched()
    refused("me/wordy", "Settings or card of me/wordy have 10 MB")
    assert hub.fetched() == before
    hub.add("me/busy", theirs)
    hub.broken = 503
    with pytest.raises(ValueError, match="me/busy"):
        models.fetch("me/busy")  # what cannot be told is not taken for small
    hub.broken = 0
    monkeypatch.setenv("PLAYGROUND_MAX_CACHE_MEGABYTES", str(size * 1.5))
    hub.repos["me/second"] = hub.repos["me/theirs"]
    refused("me/second", "may be fetched here")
    monkeypatch.setenv("PLAYGROUND_MAX_CACHE_MEGABYTES", "much")
    refused("me/second", "PLAYGROUND_MAX_CACHE_MEGABYTES must be a number")


def test_a_public_page_asks_without_the_owners_token(hub, theirs, public, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub.token)
    hub.add("me/secret", theirs)
    hub.private.add("me/secret")
    refused("me/secret", "no such checkpoint")
    assert not [h for _, _, h in hub.seen if "authorization" in h]


def test_a_public_page_reads_no_path_of_a_visitor(hub, public, tiny_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_folder, tmp_path / "here" / "tiny")
    for text in (str(tiny_folder), "./here/tiny", "~/tiny", "/", "..", str(Path("here") / "tiny")):
        assert chosen(text)[1]["model"] == "before"
        with pytest.raises(ValueError, match="on this page"):
            models.get(text)
    mine = save_tiny(public.folder("me") / "mine")
    assert ("mine", str(mine)) in models.available("me")
    assert models.get(str(mine)).weights_hash == load_checkpoint(mine).weights_hash
    assert "mine" not in dict(models.available("you"))


def test_folders_of_every_layout_are_offered_and_read_anew(theirs, tmp_path, monkeypatch):
    monkeypatch.setenv("DIFFUSION_MODELS", str(tmp_path))
    folder = tmp_path / "of-diffusers"
    shutil.copytree(theirs, folder)
    (tmp_path / "of-another-kind").mkdir()
    (tmp_path / "of-another-kind" / "config.json").write_text("{}")
    save_tiny(tmp_path / "ours")
    shutil.copytree(theirs, tmp_path / "without-weights")
    (tmp_path / "without-weights" / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    names = [name for name, path in models.available() if path.startswith(str(tmp_path))]
    assert names == ["of-diffusers", "ours"]
    before = models.get("of-diffusers").weights_hash
    pipeline("x0-prediction", seed=9).unet.save_pretrained(folder / "unet")
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    os.utime(file, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns + 1))
    assert models.get("of-diffusers").weights_hash != before


def test_a_model_walks_as_its_files_say_where_that_is_soon_done(tiny_folder, monkeypatch):
    read = load_checkpoint(tiny_folder)
    said = {"sampler": "ddpm", "variance": "beta", "spacing": "leading"}
    checkpoint = dataclasses.replace(
        read, config=dataclasses.replace(read.config, sampling=said, notes=("A note.",))
    )
    monkeypatch.setattr(models, "evaluation_seconds_of", lambda checkpoint, pictures=1: 0.001)
    ours = {"sampler": LARGE_VARIANCE, "steps": 1000, "spacing": "leading"}
    assert defaults.recommended_settings(checkpoint) == ours
    assert "its own way" not in model_picker.model_summary(checkpoint).lower()
    monkeypatch.setattr(models, "evaluation_seconds_of", lambda checkpoint, pictures=1: 2.0)
    few = {"sampler": "ddim", "steps": 25, "spacing": "trailing", "images": 1}
    assert defaults.recommended_settings(checkpoint) == few
    words = model_picker.model_summary(checkpoint)
    assert (
        "with 1,000 steps" in words
        and "would take about 2.2 h" in words
        and "<p>A note.</p>" in words
    )


def test_long_walks_are_announced_and_on_a_public_page_bounded(tiny_folder, monkeypatch):
    monkeypatch.setattr(models, "evaluation_seconds_of", lambda checkpoint, pictures=1: 0.5)
    asked = DenoiseForm(
        model=str(tiny_folder),
        label="Bag",
        guidance=2.0,
        sampler="heun",
        steps=10,
        seed=3,
        images=4,
        eta=0.0,
        spacing="trailing",
        begin="noise",
        seed_to=9,
        start=None,
        hole="{}",
        resample=2,
        exact=False,
    )
    assert expected(asked) == "About 72 s on this machine."
    assert expected(dataclasses.replace(asked, steps=1, images=1, sampler="ddim", guidance=1)) == ""
    assert expected(dataclasses.replace(asked, seed=None)) == ""
    checkpoint = load_checkpoint(tiny_folder)
    walk, _ = asked.walk(checkpoint)
    models.bounded(walk, checkpoint)
    monkeypatch.setenv("PLAYGROUND_MAX_WALK_SECONDS", "60")
    with pytest.raises(ValueError, match="about 72 s here, and this page gives 60 s"):
        models.bounded(walk, checkpoint)


def test_a_stop_is_heeded_within_a_step_though_few_are_kept(tiny_folder):
    record = Recording(
        load_checkpoint(tiny_folder), SamplingRequest(num_images=1, num_steps=50), stride=20
    )
    asked = []
    frames = list(record.run(lambda: len(asked) >= 5 or asked.append(1)))
    assert len(frames) == 1 and record.result is None and record.walker._step.index <= 5


def test_settings_that_ask_for_far_more_than_the_weights_hold_take_no_memory(
    tiny_folder, tmp_path, monkeypatch
):
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "huge"))
    values = json.loads((folder / "config.json").read_text())
    values["unet"]["channels"] = [2**14, 2**14]
    (folder / "config.json").write_text(json.dumps(values))
    made = []
    real = torch.nn.Linear.__init__

    def init(self, *args, **kwargs):
        real(self, *args, **kwargs)
        made.append(self.weight.device.type)

    monkeypatch.setattr(torch.nn.Linear, "__init__", init)
    with pytest.raises(ValueError, match="are not those that its config.json describes"):
        load_checkpoint(folder)
    assert set(made) == {"meta"}


def with_sampling(folder, **said):
    read = load_checkpoint(folder)
    return dataclasses.replace(read, config=dataclasses.replace(read.config, sampling=said))


def test_the_controls_stand_at_what_suits_the_model(tiny_folder, monkeypatch):
    said = {"sampler": "dpmpp_2m", "num_steps": 10, "guidance_scale": 2.0, "label": "Coat"}
    own = with_sampling(tiny_folder, **said)
    monkeypatch.setattr(models, "evaluation_seconds_of", lambda checkpoint, pictures=1: 0.001)
    monkeypatch.setattr(models, "get", lambda name: own)
    at = defaults.opening("own")
    assert (at.label, at.guidance, at.sampler, at.steps) == ("Coat", 2.0, "dpmpp_2m", 10)
    walk, _ = at.walk(own)
    assert (walk.label, walk.num_steps, walk.guidance_scale, walk.seed) == ("Coat", 10, 2.0, 7)
    assert defaults.class_menu("own", "open-peeps").value == "Coat"
    ours = {"guidance": 2.0, "sampler": "dpmpp_2m", "steps": 10, "spacing": "trailing"}
    assert defaults.recommended_settings(own) == ours
    # On a slow machine 25 steps of ddim would take longer still: only the pictures are fewer.
    monkeypatch.setattr(models, "evaluation_seconds_of", lambda checkpoint, pictures=1: 2.0)
    assert defaults.recommended_settings(own) == {**ours, "images": 1}
    assert "is set" not in model_picker.model_summary(own)


def test_what_files_leave_open_the_page_decides(tiny_folder, monkeypatch):
    own = with_sampling(tiny_folder)
    monkeypatch.setattr(models, "evaluation_seconds_of", lambda checkpoint, pictures=1: 0.001)
    monkeypatch.setattr(models, "get", lambda name: own)
    at = defaults.opening("own")
    assert (at.label, at.guidance, at.sampler, at.steps) == ("Bag", 1.0, "ddim", 25)
    assert at.walk(own)[0].num_steps == 25 and "25" not in model_picker.model_summary(own)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"sampler": "magic"}, "its sampling.sampler is 'magic', and must be one of ddpm"),
        ({"num_steps": "ten"}, "its sampling.num_steps is 'ten', and must be a whole number"),
        ({"num_steps": 0}, "its sampling.num_steps is 0"),
        ({"guidance_scale": []}, "its sampling.guidance_scale is []"),
        ({"guidance_scale": float("nan")}, "its sampling.guidance_scale is nan"),
        ({"spacing": None}, "its sampling.spacing is None"),
        ({"label": [4]}, "its sampling.label is [4]"),
    ],
)
def test_what_files_say_wrongly_is_refused_by_name(said, words, tiny_folder):
    with pytest.raises(ValueError) as caught:
        with_sampling(tiny_folder, **said)
    assert words in str(caught.value)


def test_guidance_ends_where_there_is_nothing_to_guide_to(tiny_folder, avatars_folder, monkeypatch):
    """Whoever brings the next model: the menu, or a training that has just ended."""
    monkeypatch.setenv("DIFFUSION_MODELS", str(tiny_folder.parent))
    tiny, avatars = str(tiny_folder), str(avatars_folder)
    arrived = model_picker.arrived
    assert arrived(tiny, avatars, "open-peeps", ME)["guidance"] == 1  # no such class: none is
    assert chosen(tiny, avatars, "open-peeps")[1]["guidance"] == 1
    assert "guidance" not in arrived(tiny, avatars, "Bag", ME)
    assert "guidance" not in arrived(avatars, tiny, "none", ME)  # its attributes may guide
    assert arrived(tiny, tiny, "Bag", ME) == {}
