"""The Train tab's rooms, as plain functions."""

import errno
import json
import signal
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from conftest import record_here, save_tiny, wait_for
from forked import started_python
from PIL import Image

from diffusion_core.checkpoint import load_checkpoint
from diffusion_core.data import ImageDataset, load_dataset
from diffusion_core.training_runs import MilestoneReport, history, load_history, milestones
from tabs.shared import errors, limits, models, text
from tabs.shared.limits import PUBLIC_LIMITS, Limits
from tabs.shared.sessions import SESSIONS, Sessions
from tabs.train import datasets, estimates, handlers, jobs, layout, my_models
from tabs.train import messages as messages_module
from tabs.train import plan as plan_module
from tabs.train.form import FRESH, OWN, SourceForm, TrainForm
from tabs.train.jobs import QUEUE, Job, JobQueue, free_folder, kept_pictures
from tabs.train.plan import plan_of

SMALL = TrainForm(
    steps=12,
    batch=4,
    channels="32,32",
    blocks=1,
    T=50,
    prediction="v_prediction",
    weighting="none",
    ema=0.9,
    precision="fp32",
)
ME = SimpleNamespace(session_hash="me")
YOU = SimpleNamespace(session_hash="you")


@pytest.fixture(scope="module")
def dataset():
    whole = load_dataset("fashion-mnist-2000")
    return ImageDataset("some", whole.pictures[::40], whole.labels[::40], whole.class_names)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch, dataset):
    """A folder for models, and pictures chosen by me; trainings stay in this process.

    To start one takes seconds; test_training_process has those that are about that.
    """
    monkeypatch.setenv("DIFFUSION_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(jobs, "record_apart", record_here)
    SESSIONS.keep("me", dataset)
    yield tmp_path / "models"
    for job in list(QUEUE.jobs):
        job.stop.set()
    wait_for(lambda: not QUEUE.jobs)
    QUEUE.late.clear()
    SESSIONS.pictures.clear()
    handlers.READ.clear()
    estimates.FILLED.clear()


def messages(generator):
    return [json.loads(m) for m in generator]


def a_job(dataset, folder, name="a", session="me", **changes) -> Job:
    plan, data = plan_of(replace(SMALL, **changes), dataset, Limits())
    return Job(name, SESSIONS.visitor(session), plan, data, folder / name, float("inf"))


def test_a_training_is_told_of_from_beginning_to_end_and_stands_in_the_lists(home):
    told = messages(handlers.train("My Shoes", SMALL, ME))
    assert told[-1]["state"] == "done" and told[-1]["step"] == told[-1]["total"] == 12
    assert "my-shoes stands in the Denoise tab's list" in told[-1]["line"]
    assert told[-1]["steps"] == milestones(12) == [0, 8, 9, 10, 11, 12]
    seen = {new["step"]: new for m in told for new in m["new"]}
    assert sorted(seen) == milestones(12)
    for new in seen.values():
        assert len(new["walk"]) == 11 and len(new["looks"]) == 8
    assert len({new["walk"][0] for new in seen.values()}) == 1  # the same noise
    assert len({new["walk"][-1] for new in seen.values()}) > 1  # other pictures
    assert told[0]["task"]["times"] == [3, 9, 15, 21, 28, 34, 40, 46]
    assert ("my-shoes", str(home / "my-shoes")) in models.available()
    menus = handlers.newest(None, FRESH, models.available()[0][1], ME)
    assert menus["own"].value == str(home / "my-shoes")
    assert str(home / "my-shoes") in [path for _, path in menus["denoise_model"].choices]
    assert load_checkpoint(home / "my-shoes").config.training["steps"] == 12


def test_stopped_and_gone_on_ends_where_an_unbroken_one_does(home, dataset, monkeypatch):
    whole = a_job(dataset, home, "whole")
    whole.run()
    broken = a_job(dataset, home, "broken")
    take = Job._take

    def stops(self, report):
        take(self, report)
        if isinstance(report, MilestoneReport) and report.step == 9:
            self.stop.set()

    monkeypatch.setattr(Job, "_take", stops)
    broken.run()
    assert broken.state == "stopped" and broken.progress.step == 9
    assert "go on" in messages_module.line(broken)
    monkeypatch.setattr(Job, "_take", take)
    again = my_models.resumed(str(home / "broken"), "me", Limits())
    assert again.growth.steps == [0, 8, 9] and again.progress.step == 9
    again.run()
    assert again.state == "done" and again.growth.steps == whole.growth.steps
    for a, b in zip(again.growth.walks, whole.growth.walks, strict=True):
        assert (a == b).all()
    assert again.progress.losses == whole.progress.losses
    with pytest.raises(ValueError, match="all its steps"):
        my_models.resumed(str(home / "broken"), "me", Limits())


def test_killed_at_any_moment_it_loses_at_most_what_came_after_the_last_save(home, dataset):
    program = """
import dataclasses, os, sys
sys.path[:0] = [".", "tests"]
import test_train_tab as t
whole = t.load_dataset("fashion-mnist-2000")
data = t.ImageDataset("some", whole.pictures[::40], whole.labels[::40], whole.class_names)
t.jobs.record_apart = t.record_here
job = t.a_job(data, t.Path(os.environ["DIFFUSION_MODELS"]), "k", steps=5000)
often = dataclasses.replace(job.plan.train, save_every=5)
job.plan = dataclasses.replace(job.plan, train=often)
job.run()
"""
    with started_python(program) as run:
        wait_for(lambda: (load_history(home / "k") or [None])[0] is not None, 120)
        time.sleep(0.3)  # any moment
        run.send_signal(signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL, run.stderr
    progress, growth = load_history(home / "k")
    done = load_checkpoint(home / "k").config.training["steps"]
    assert done % 5 == 0 and progress.step % 5 == 0 and abs(done - progress.step) <= 5
    job = my_models.resumed(str(home / "k"), "me", Limits())
    thread = threading.Thread(target=job.run)
    thread.start()
    wait_for(lambda: job.progress.step > done + 5 or job.over, 120)
    job.stop.set()
    thread.join()
    assert job.state == "stopped", job.words
    curve = [k for k, _ in job.progress.history]
    assert curve == sorted(set(curve)) and curve[-1] == job.progress.step
    assert len(curve) >= job.progress.step - 5  # killed between state and history, it has a gap


def test_one_trains_at_a_time_and_the_others_wait_in_line(home, dataset):
    line = JobQueue()
    first, second = a_job(dataset, home, "a", steps=4000), a_job(dataset, home, "b", session="you")
    line.enter(first)
    wait_for(lambda: first.progress.step > 1)
    line.enter(second)
    assert second.state == "waiting" and line.ahead(second) == [first]
    with pytest.raises(ValueError, match="of yours runs"):
        line.enter(a_job(dataset, home, "c"))
    with pytest.raises(ValueError, match="in training already"):
        line.enter(a_job(dataset, home, "a", session="else"))
    first.stop.set()
    wait_for(lambda: second.over)
    assert first.state == "stopped" and second.state == "done"
    assert not line.busy
    waiting = a_job(dataset, home, "d")
    waiting.stop.set()  # stopped while it waits: nothing is made
    waiting.run()
    assert waiting.state == "stopped" and not waiting.folder.exists()


def test_the_line_says_how_many_are_before(home, dataset, monkeypatch):
    monkeypatch.setattr(messages_module, "QUEUE", SimpleNamespace(ahead=lambda job: [a, a]))
    a, b = a_job(dataset, home, "a"), a_job(dataset, home, "b")
    a.progress.seconds, a.progress.total = 1.0, 60
    assert messages_module.line(b) == "In line: 2 trainings are before yours, about 2 min in all."


def test_strangers_neither_see_nor_stop_each_others_trainings(dataset):
    line = JobQueue()
    job = SimpleNamespace(session="me", over=False, stop=threading.Event())
    line.jobs.append(job)
    line.late["me"] = job
    assert line.of("you", public=True) is None and line.of("you", public=False) is job
    line.forget("you")
    assert not job.stop.is_set()
    line.forget("me")
    assert job.stop.is_set()
    owners = Sessions(public=True)
    mine, yours = owners.folder("me"), owners.folder("you")
    assert mine != yours and owners.folder("me") == mine
    owners.keep("me", dataset)
    assert owners.chosen("you") is None
    owners.forget("me")
    assert not mine.exists() and owners.chosen("me") is None and yours.exists()
    owners.forget("you")


def test_on_a_public_page_a_model_is_listed_for_its_own_session_alone(monkeypatch, dataset):
    owners = Sessions(public=True)
    monkeypatch.setattr(models, "SESSIONS", owners)
    folder = save_tiny(owners.folder("me") / "secret")
    assert ("secret", str(folder)) in models.available("me")
    assert "secret" not in dict(models.available("you")) | dict(models.available())
    monkeypatch.setattr(estimates, "PUBLIC", True)
    told = messages(handlers.train("x", replace(SMALL, begin=str(folder.parent / "other")), ME))
    assert told == [{"error": "Begin with one of the menu's models."}]
    owners.forget("me")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": 0}, "Training steps must be a whole number from 1 on"),
        ({"steps": 1.5}, "Training steps must be"),
        ({"steps": 2_000_000}, "at most 1,000,000 steps"),
        ({"batch": 4096}, "at most 1024 pictures"),
        ({"channels": "64;128"}, "as in 64,128"),
        ({"channels": "60,60"}, "60 channels are not a multiple of 32"),
        ({"channels": "32,32,32,32"}, "must be a multiple of 16"),
        ({"channels": "2048,4096"}, "at most 200 million parameters"),
        ({"learning_rate": -1}, "Learning rate must be a number above 0, not -1."),
        ({"ema": 1.0}, "EMA decay must be a number from 0 to below 1, not 1."),
        ({"T": 1}, "Timesteps T must be a whole number from 2 on"),
        *(
            ({name: None}, f"{label} is empty; give a number.")
            for name, label in (
                ("steps", "Training steps"),
                ("batch", "Batch"),
                ("learning_rate", "Learning rate"),
                ("blocks", "Blocks"),
                ("patch", "Patch"),
                ("T", "Timesteps T"),
                ("ema", "EMA decay"),
                ("dropout", "Label dropout"),
            )
        ),
        ({"seed": ""}, "Seed of the training must be a whole number"),
        ({"channels": ""}, "Channels must be whole numbers and commas"),
        ({"begin": "no/such"}, "no such checkpoint"),
    ],
)
def test_bad_settings_are_one_sentence_and_nothing_is_begun(change, words, home):
    told = messages(handlers.train("x", replace(SMALL, **change), ME))
    assert len(told) == 1 and words in told[0]["error"] and "\n" not in told[0]["error"]
    assert not home.exists() and not QUEUE.jobs


def test_without_pictures_there_is_nothing_to_train(home):
    told = messages(handlers.train("x", SMALL, YOU))
    assert told == [{"error": estimates.NOTHING}]


def test_the_public_page_has_narrower_bounds(dataset, monkeypatch):
    for change, words in (
        ({"steps": 4001}, "at most 4,000 steps"),
        ({"batch": 65}, "at most 64"),
        ({"channels": "256,256"}, "at most 6 million"),
    ):
        with pytest.raises(ValueError, match=words):
            plan_of(replace(SMALL, **change), dataset, PUBLIC_LIMITS)
    with pytest.raises(ValueError, match="at most 64 pixels"):
        datasets.read(datasets.MINE, [], "", 96, PUBLIC_LIMITS)
    assert len(datasets._shortened(dataset, limits.Limits(pictures=7))) == 7
    monkeypatch.setenv("TRAIN_MAX_STEPS", "77")
    assert Limits.here().steps == 77
    monkeypatch.setenv("TRAIN_MAX_STEPS", "many")
    with pytest.raises(ValueError, match="TRAIN_MAX_STEPS must be a number"):
        Limits.here()


def test_uploads_that_take_too_long_to_be_read_are_given_up_in_one_sentence(tmp_path):
    for i in range(4):
        Image.fromarray(np.full((30, 30, 3), 60 * i, np.uint8)).save(tmp_path / f"{i}.png")
    files = [str(path) for path in sorted(tmp_path.glob("*.png"))]
    with pytest.raises(ValueError, match=r"may take -1 seconds to be read, and 1 of 4 were"):
        datasets.read(datasets.MINE, files, "", 32, Limits(reading=-1))
    assert len(datasets.read(datasets.MINE, files, "", 32, Limits(reading=60))) == 4


def test_a_training_ends_when_its_minutes_are_over(home, dataset):
    job = a_job(dataset, home, "a", steps=4000)
    job.minutes = 1e-6
    job.run()
    assert job.state == "stopped" and "minutes that a training may take" in messages_module.line(
        job
    )
    assert load_checkpoint(home / "a").config.training["steps"] == job.progress.step


def uploads(tmp_path, count=5, size=(40, 30)):
    rng, file = np.random.default_rng(0), tmp_path / "mine.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for i in range(count):
            Image.fromarray(rng.integers(0, 255, (*size, 3), dtype=np.uint8)).save(
                tmp_path / "p.png"
            )
            archive.write(tmp_path / "p.png", f"{'ab'[i % 2]}/{i}.png")
        archive.writestr("a/broken.png", b"no picture")
    return str(file)


def test_uploads_are_shown_as_the_network_will_see_them(tmp_path):
    form = SourceForm(datasets.MINE, [uploads(tmp_path)], size=16)
    *_, said = handlers.chosen_pictures(form, ME)
    message, told = json.loads(said["stage"]), said["words"]
    assert message["state"] == "before" and message["sheet"]["channels"] == 3
    assert "**5 pictures**, 16 × 16, in colour" in told and "**2 classes:** a (3), b (2)" in told
    assert "Left out, as they cannot be read: 1. a/broken.png" in told
    assert SESSIONS.chosen("me").shape == (3, 16, 16)
    assert list(handlers.opened(SourceForm(), ME)) == [{}]  # opening the tab does not forget them


@pytest.mark.parametrize(
    ("source", "folder", "words"),
    [
        (datasets.MINE, "", "broken or no zip"),
        (datasets.FOLDER, "/no/such/folder", "There is no data set or folder"),
        ("something", "", "Choose one of the menu's data sets"),
    ],
)
def test_pictures_that_cannot_be_had_are_one_sentence_and_no_others_are_trained_on(
    source, folder, words, tmp_path, dataset, home
):
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"PK nothing")
    *_, said = handlers.chosen_pictures(SourceForm(source, [str(bad)], folder), ME)
    assert words in said["refused"] and said["refused"].count('role="alert"') == 1
    assert "stage" not in said and words not in said["words"]  # once, beside the field
    assert "not used any more" in said["words"]
    assert messages(handlers.train("mine", SMALL, ME))[-1]["error"] == estimates.NOTHING
    assert not home.exists()


def test_nothing_is_trained_on_before_it_was_given_and_read(home, tmp_path, monkeypatch):
    for nothing in (SourceForm(datasets.MINE, []), SourceForm(datasets.FOLDER, folder=" ")):
        (told,) = handlers.chosen_pictures(nothing, ME)
        assert [*told] == ["words", "facts", "refused"]  # the stage stays
    assert messages(handlers.train("mine", SMALL, ME))[-1]["error"] == estimates.NOTHING
    SESSIONS.keep("me", load_dataset("fashion-mnist-2000"))
    reading = threading.Event()
    monkeypatch.setattr(handlers, "TELL_SECONDS", 0.01)
    monkeypatch.setattr(handlers, "read", lambda *_: reading.wait())
    told = handlers.chosen_pictures(SourceForm(datasets.MINE, ["a.zip"]), ME)
    assert "Reading the pictures" in next(told)["words"]
    assert messages(handlers.train("mine", SMALL, ME))[-1]["error"] == estimates.NOTHING
    reading.set()
    told.close()


def test_a_menu_that_is_left_alone_keeps_its_choice(home, dataset):
    for name in ("older", "newer"):
        messages(handlers.train(name, replace(SMALL, steps=1), ME))
    older = str(home / "older")
    assert handlers.own_menu(older, FRESH, "", ME)["own"].value == older
    assert handlers.newest(older, FRESH, "", ME)["own"].value == str(home / "newer")
    job = a_job(dataset, home, "third", steps=4000)
    QUEUE.enter(job)  # a page that is told of it no longer, since it asked anew
    assert handlers.newest(older, FRESH, "", ME)["own"].value == older


def test_one_that_waits_leaves_the_line_when_it_is_stopped(home, dataset):
    first, second = a_job(dataset, home, "a", steps=4000), a_job(dataset, home, "b", session="you")
    QUEUE.enter(first)
    QUEUE.enter(second)
    told = handlers.watch(None, YOU)
    assert json.loads(next(told))["state"] == "waiting"
    handlers.stop(YOU)
    assert second.state == "stopped" and list(QUEUE.jobs) == [first] and not first.stop.is_set()
    assert json.loads(list(told)[-1])["state"] == "stopped"
    again = a_job(dataset, home, "b", session="you")
    QUEUE.enter(again)
    QUEUE.close()
    wait_for(lambda: not QUEUE.jobs)
    assert first.ended.is_set() and again.ended.is_set() and not again.folder.exists()


def test_what_enters_as_the_last_one_ends_is_run_once():
    """Between the end of a training and the worker's next look at the line."""
    line, ran = JobQueue(), []

    class Door:
        """The line's lock; as soon as a worker has left it empty, another training comes."""

        def __init__(self):
            self.lock, self.waiting = threading.Lock(), [job("b")]

        def __enter__(self):
            self.lock.acquire()

        def __exit__(self, *_):
            comes = bool(ran) and not line.jobs and bool(self.waiting)
            self.lock.release()
            if comes:
                line.enter(self.waiting.pop())

    def job(name):
        made = SimpleNamespace(session=name, folder=name, over=False, stop=threading.Event())
        made.run = lambda: (ran.append(name), time.sleep(0.1))
        return made

    line.lock = Door()
    line.enter(job("a"))
    wait_for(lambda: "b" in ran and not line.jobs)
    time.sleep(0.2)
    assert ran == ["a", "b"]


def test_a_strangers_folder_goes_once_nothing_is_written_into_it(dataset, monkeypatch):
    owners = Sessions(public=True, on_visit_end=[layout.end])
    for module in (layout, handlers, my_models, models):
        monkeypatch.setattr(module, "SESSIONS", owners)
    owners.keep("me", dataset)
    folder = owners.folder("me")
    job = a_job(dataset, folder, "mine", steps=4000)
    job.session = owners.visitor("me")
    QUEUE.enter(job)
    wait_for(lambda: job.progress.step > 1)
    owners.left("me")
    done = job.progress.step
    wait_for(lambda: job.progress.step > done)  # it goes on for a while
    monkeypatch.setattr(messages_module, "SESSIONS", owners)
    line = messages_module.line(job)
    assert line.endswith("It goes on when this page is closed, for 10 minutes.")
    owners.forget("me")
    wait_for(lambda: job.ended.is_set())
    wait_for(lambda: not folder.exists())
    assert owners.folders == {} and owners.chosen("me") is None


def test_the_line_says_that_a_training_warms_up_and_that_it_stops(home, dataset):
    job = a_job(dataset, home, "a")
    job.state, job.progress.seconds, job.progress.step = "running", 60.0, 1
    assert "measured" in messages_module.line(job) and "left" not in messages_module.line(job)
    job.progress.step = 2
    assert "left" in messages_module.line(job)
    job.stop.set()
    assert "Stopping: the step being computed ends" in messages_module.line(job)


def test_pictures_of_ones_own_are_kept_with_the_run_and_named_ones_are_not(home, tmp_path):
    list(handlers.chosen_pictures(SourceForm(datasets.MINE, [uploads(tmp_path)], size=16), ME))
    mine = SESSIONS.chosen("me")
    messages(handlers.train("mine", replace(SMALL, steps=2, batch=2), ME))
    kept = kept_pictures(home / "mine")
    assert kept.content == mine.content and kept.class_names == ("a", "b")
    SESSIONS.keep("me", load_dataset("fashion-mnist-2000"))
    messages(handlers.train("theirs", replace(SMALL, steps=1, batch=2), ME))
    assert not (home / "theirs" / "pictures.npz").exists()
    assert kept_pictures(home / "theirs").content == load_dataset("fashion-mnist-2000").content


def test_a_full_disk_is_said_before_anything_is_begun(home, dataset, monkeypatch):
    monkeypatch.setattr(jobs.shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    job = a_job(dataset, home, "a")
    job.run()
    assert job.state == "failed" and job.words.startswith("The disk is full")
    assert errors.sentence_of(OSError(errno.ENOSPC, "x"), errors.TRAINING) == errors.DISK_FULL


def test_a_model_is_trained_further_on_other_pictures_and_classes(home, dataset):
    messages(handlers.train("first", SMALL, ME))
    colour = ImageDataset("colour", np.repeat(dataset.pictures[:6], 3, 3), None, ())
    SESSIONS.keep("me", colour)
    fine = replace(SMALL, begin=str(home / "first"), learning_rate=1e-9, steps=1, batch=2)
    told = messages(handlers.train("second", fine, ME))
    assert told[-1]["state"] == "done", told[-1]
    a, b = load_checkpoint(home / "first"), load_checkpoint(home / "second")
    assert b.image_shape == (1, 28, 28) and b.unet.config.num_classes is None
    assert b.config.training["init"] == str(home / "first")
    theirs = a.unet.state_dict()
    for name, weight in b.unet.state_dict().items():
        assert abs(weight - theirs[name]).max() < 2e-3


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_training_goes_on_as_it_began(dataset, tmp_path, kind):
    """What a network's output means cannot be changed; a weighting that has no meaning there is."""
    folder = save_tiny(tmp_path / "known", prediction_type=kind)
    asked = replace(SMALL, begin=str(folder), prediction="sample", weighting="clamped_snr")
    plan, pictures = plan_of(asked, dataset, Limits())
    weighting = "none" if kind == "epsilon" else "clamped_snr"
    assert (plan.train.prediction_type, plan.train.loss_weighting) == (kind, weighting)
    words = plan_module.facts(plan, pictures, 0.1)
    assert f"It goes on to predict {kind}" in words and f"weighting: {weighting}." in words
    assert "goes on to predict" not in plan_module.facts(
        plan_of(SMALL, dataset, Limits())[0], dataset, 1
    )


def test_the_denoise_tab_is_opened_with_a_model_and_never_without():
    assert handlers.use("") == handlers.use(None) == {"outcome": my_models.NONE_CHOSEN}
    assert handlers.use("mine")["now"] != handlers.use("mine")["now"]  # each press denoises
    told = handlers.use("mine")
    assert {*told} == {*handlers.USE_PARTS} - {"outcome"} and told["denoise_model"] == "mine"
    assert told["tabs"].selected == "denoise"


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (datasets.SHIPPED, set()),
        (datasets.MINE, {"upload", "sized"}),
        (datasets.FOLDER, {"local", "sized"}),
    ],
)
def test_a_source_shows_the_inputs_that_it_needs(source, shown):
    told = handlers.shown_inputs(source)
    assert {*told} == {*handlers.SOURCE_GROUPS}
    assert {name for name, group in told.items() if group.visible} == shown


def test_a_zip_holds_the_checkpoint_and_opens_again(home, tmp_path):
    messages(handlers.train("mine", replace(SMALL, steps=2), ME))
    (home / "mine" / "results.json").write_text("{}")
    made = handlers.zip_file(str(home / "mine"), ME)
    file = Path(next(made)["file"]["value"])
    with zipfile.ZipFile(file) as z:
        assert sorted(z.namelist()) == [
            "mine/README.md",
            "mine/config.json",
            "mine/model.safetensors",
            "mine/results.json",
        ]
        z.extractall(tmp_path / "out")
    made.close()
    again = load_checkpoint(tmp_path / "out" / "mine")
    assert again.weights_hash == load_checkpoint(home / "mine").weights_hash
    for path in ("", "/etc", str(home / "else"), None):
        (told,) = handlers.zip_file(path, ME)
        assert told == {"outcome": "Choose one of your models first; Train makes one."}


def test_a_model_is_deleted_and_nothing_else_is(home, dataset):
    shipped = models.available()[0][1]
    assert "Choose one of your models" in handlers.delete(shipped, ME)
    job = a_job(dataset, home, "a", steps=4000)
    QUEUE.enter(job)
    wait_for(lambda: job.progress.step > 1)
    assert "stop it first" in handlers.delete(str(home / "a"), ME)
    handlers.stop(ME)
    wait_for(lambda: not QUEUE.jobs)
    assert handlers.delete("", ME) == gr.skip()
    assert handlers.delete(str(home / "a"), ME) == "a is deleted."
    assert not (home / "a").exists()


def test_names_become_folders_and_none_is_taken_twice(tmp_path):
    for name, folder in (
        ("My shoes!", "my-shoes"),
        ("../../etc", "etc"),
        ("", "my-model"),
        ("..", "my-model"),
        ("Ünder", "ünder"),
        ("x" * 99, "x" * 40),
    ):
        made = free_folder(tmp_path, name)
        assert made.name == folder and made.parent == tmp_path
    (tmp_path / "my-shoes").mkdir()
    assert free_folder(tmp_path, "my shoes!").name == "my-shoes-2"


def fill(found):
    """The preset for which something was found, and what it fills in."""
    return tuple(json.loads(found).values())


def test_the_patch_suits_the_pictures():
    assert [plan_module.patch_for(size) for size in (16, 28, 32, 64, 128)] == [1, 2, 2, 4, 4]
    coffee = "a coffee"
    assert fill(estimates.suggested_patch(coffee, ME)) == (coffee, {"patch": 2})
    assert (
        estimates.suggested_patch(coffee, YOU) == ""
        and estimates.suggested_patch(plan_module.OWN, ME) == ""
    )
    SESSIONS.keep("you", load_dataset("avatars-3000"))
    assert fill(estimates.suggested_patch(coffee, YOU)) == (coffee, {"patch": 4})


def test_times_are_said_in_the_unit_that_reads_best():
    said = [text.rough_duration(s) for s in (0.2, 89, 600, 7200, 1e6)]
    assert said == ["1 s", "89 s", "10 min", "2.0 hours", "278 hours"]


def test_the_page_says_what_a_training_takes(dataset, monkeypatch):
    plan, data = plan_of(replace(SMALL, steps=100), dataset, Limits())
    told = plan_module.facts(plan, data, 0.5)
    assert "see each picture 8.0 times" in told and "**about 50 s** on this machine (500 ms" in told
    linear, _ = plan_of(replace(SMALL, schedule="linear", T=50), dataset, Limits())
    assert "At the last timestep" in plan_module.facts(linear, data, None)
    assert "not measured while another" in plan_module.facts(linear, data, None)
    assert plan_module.with_saves(plan, 0.3).train.save_every == 100


def test_a_preset_takes_its_minutes_on_every_machine():
    """The network is as wide as the minutes can teach, and the steps fill them."""
    asked = []

    def machine(speed):
        def measure(channels, batch):
            asked.append((channels, batch))
            return batch * np.prod([int(c) for c in channels.split(",")]) / speed

        return measure

    for name, preset in plan_module.PRESETS.items():
        widths = []
        for speed in (2e4, 1e5, 1e6, 1e7):
            got = plan_module.filled(name, machine(speed), Limits())
            assert 0.88 * 60 * preset.minutes < got.seconds <= 60 * preset.minutes
            assert got.channels in dict(preset.ways) and got.batch == preset.batch
            widths.append([c for c, _ in preset.ways].index(got.channels))
        assert widths == sorted(widths, reverse=True) and widths[0] > widths[-1]
        slow = plan_module.filled(name, machine(1), Limits())
        assert slow.steps == plan_module.FEWEST  # fewer teach nothing, and the time is said
        assert slow.seconds > 60 * preset.minutes
        unknown = plan_module.filled(name, lambda channels, batch: None, Limits())
        assert (unknown.steps, unknown.seconds) == (preset.steps, None)
        assert unknown.channels == preset.ways[0][0]
        asked.clear()
        plan_module.filled(name, machine(1e4), Limits(), fixed=True)
        assert len(asked) == 1
    bounds = Limits(steps=300, batch=8, minutes=2)
    got = plan_module.filled("a night", machine(1e9), bounds)
    assert (got.steps, got.batch) == (300, 8)
    words = plan_module.choices({"a coffee": got._replace(steps=1500, seconds=540.0), "x": unknown})
    assert words[0] == ("a coffee: 1,500 steps, about 9 min", "a coffee")
    assert "about" not in words[1][0] and words[-1] == (plan_module.OWN, plan_module.OWN)


def test_what_a_preset_fills_in_is_measured_here(dataset, monkeypatch):
    took = {"64,128": 1.0, "32,64": 0.25, "96,192": 2.0}
    monkeypatch.setattr(
        estimates,
        "seconds_a_step",
        lambda plan, known=False: (
            took[",".join(map(str, plan.unet.channels))] * plan.train.batch_size / 64
        ),
    )
    values = replace(SMALL, batch=5)
    choices = estimates.measured_presets(values, ME).choices
    of, filled_in = fill(estimates.preset_values("a coffee", values, ME))
    assert of == "a coffee"
    steps, batch, channels = (filled_in[name] for name in ("steps", "batch", "channels"))
    assert any(f"a coffee: {steps:,} steps, about" in words for words, _ in choices)
    assert channels == "32,64" and batch == plan_module.PRESETS["a coffee"].batch
    plan, _ = plan_of(replace(values, **filled_in), dataset, Limits())
    assert 500 < steps * estimates.seconds_a_step(plan) <= 600
    assert estimates.preset_values(plan_module.OWN, values, ME) == ""
    # A network to begin with has its own width.
    one = save_tiny(SESSIONS.folder("me") / "one")
    asked = []
    monkeypatch.setattr(
        estimates,
        "seconds_a_step",
        lambda plan, known=False: asked.append(plan.unet.channels) or 0.1,
    )
    values = replace(values, begin=str(one))
    _, filled_in = fill(estimates.preset_values("a coffee", values, ME))
    assert filled_in["steps"] == 6000  # of 0.1 s
    assert set(asked) == {(16, 32)}


def test_a_preset_of_a_busy_machine_is_not_measured(home, dataset, monkeypatch):
    job = a_job(dataset, home, "a", steps=4000)
    QUEUE.enter(job)
    known = {}
    monkeypatch.setattr(plan_module, "step_seconds", lambda *asked: 1 / 0)
    monkeypatch.setattr(
        plan_module, "known_step_seconds", lambda unet, *rest: known.get(unet.channels)
    )
    assert estimates.measured_presets(SMALL, ME) == gr.skip()
    assert estimates.refilled("a lunch", SMALL, ME) == ""  # what stands there stays
    _, filled_in = fill(estimates.preset_values("a lunch", SMALL, ME))
    assert filled_in["steps"] == plan_module.PRESETS["a lunch"].steps
    assert filled_in["channels"] == "64,128"
    known.update({(64, 128): 10.0, (32, 64): 1.0, (96, 192): 20.0})
    of, filled_in = fill(estimates.refilled("a lunch", SMALL, ME))
    assert of == "a lunch"
    assert [filled_in[name] for name in ("steps", "batch", "channels")] == [3200, 32, "32,64"]
    assert "about 59 min" in estimates.measured_presets(SMALL, ME).choices[1][0]
    assert "not measured while another" in estimates.facts_now(OWN, SMALL, ME)


def test_a_page_is_told_once_however_often_it_opens_the_tab(home, dataset):
    job = a_job(dataset, home, "a", steps=4000)
    QUEUE.enter(job)
    first = handlers.watch(None, ME)
    next(first)
    second = handlers.watch(None, ME)
    assert json.loads(next(second))["state"] in ("waiting", "running")
    assert list(first) == []
    job.stop.set()
    assert json.loads(list(second)[-1])["state"] == "stopped"
    assert messages_module.FOLLOWED == {}


def test_messages_overlap_and_miss_nothing(home, dataset, monkeypatch):
    monkeypatch.setattr(history, "MILESTONES", 3 * messages_module.AT_ONCE)
    job = a_job(dataset, home, "a", steps=40)
    job.run()
    watch, told = messages_module.Watch(job), []
    while watch.behind or watch.count < 3:
        told.append(json.loads(watch.message()))
    steps = [[new["step"] for new in m["new"]] for m in told]
    seen: set[int] = set()
    for now, later in zip(steps, [*steps[1:], steps[-1]], strict=True):
        assert set(now) - seen <= set(later)  # what is new in one stands in the next one too
        seen |= set(now)
    assert {s for each in steps for s in each} == set(job.growth.steps)
    assert len(job.growth.steps) > 2 * messages_module.AT_ONCE
    assert max(map(len, steps)) <= 2 * messages_module.AT_ONCE


def test_a_new_page_shows_what_the_chosen_model_keeps_of_its_training(home, dataset, monkeypatch):
    monkeypatch.setattr(history, "MILESTONES", messages_module.AT_ONCE + 1)
    job = a_job(dataset, home, "kept", steps=60)
    job.run()
    known = messages(handlers.follow(job, "me"))
    QUEUE.late.clear()  # as after a restart: nothing of it is in memory
    path = str(home / "kept")
    for shown in (handlers.watch(path, ME), handlers.look_back(path, ME)):
        told = messages(shown)
        last, before = told[-1], known[-1]
        for name in ("state", "step", "total", "T", "loss", "bins", "first", "steps", "checks"):
            assert last[name] == before[name], name
        assert last["state"] == "done" and last["step"] == 60 and last["checks"]
        assert {new["step"]: new for m in told for new in m["new"]} == {
            new["step"]: new for m in known for new in m["new"]
        }
        assert told[0]["task"] == known[0]["task"] and told[0]["sheet"]["channels"] == 1
        assert last["line"] == "kept, trained before: 60 of 60 steps."
    assert messages(handlers.watch(None, ME)) == messages(handlers.look_back("x", ME)) == []
    (home / "kept" / "checks.json").write_text('[{"name": 1}]')
    assert messages(handlers.watch(path, ME))[-1]["checks"] == []
    (home / "kept" / "history.npz").write_bytes(b"PK nothing")
    assert messages(handlers.watch(path, ME)) == []


def test_a_model_that_is_chosen_does_not_hide_a_training_that_runs(home, dataset):
    a_job(dataset, home, "kept", steps=2).run()
    job = a_job(dataset, home, "runs", steps=4000)
    QUEUE.enter(job)
    shown = handlers.look_back(str(home / "kept"), ME)
    assert json.loads(next(shown))["run"].startswith("runs ")
    job.stop.set()
    list(shown)
