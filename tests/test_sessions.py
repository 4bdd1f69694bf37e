"""Who comes back finds what is theirs; who does not leaves nothing behind."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import wait_for, watch_steps

from diffusion_core.data import ImageDataset
from tabs.denoise import defaults, handlers
from tabs.denoise.recall import recall
from tabs.denoise.run_registry import RECORDINGS
from tabs.shared import connection, sessions
from tabs.shared.sessions import SESSIONS, Sessions
from tabs.shared.stop_signals import STOP_SIGNALS

TOKEN, OTHER = "a" * 32, "b" * 32
SHORT = 0.15  # seconds


def pictures(value=0):
    return ImageDataset("some", np.full((2, 8, 8, 1), value, np.uint8))


def watching():
    return [t for t in threading.enumerate() if t.name in ("closed sessions", "forgetting")]


@pytest.fixture
def strangers():
    owners = Sessions(public=True)
    yield owners
    for session in list(owners.visits):
        owners.forget(session)


def test_a_page_that_is_loaded_anew_finds_its_folder_and_pictures(strangers):
    assert strangers.join("one", TOKEN) is False
    folder, mine = strangers.folder("one"), pictures()
    strangers.keep("one", mine)
    strangers.left("one")
    assert strangers.join("two", TOKEN, before="one") is True
    assert strangers.visitor("two") == strangers.visitor("one")
    assert strangers.folder("two") == folder and strangers.chosen("two") is mine
    strangers.forget("one")
    assert folder.exists() and strangers.chosen("two") is mine
    strangers.forget("two")
    assert not folder.exists() and strangers.chosen("two") is None and not strangers.tokens


def test_what_a_page_asked_for_before_it_had_joined_goes(strangers):
    strangers.join("one", TOKEN)
    strangers.left("one")
    early = strangers.folder("two")  # the menu of models asks for it
    strangers.join("two", TOKEN, before="one")
    assert not early.exists() and strangers.folder("two") == strangers.folder("one")


def test_two_windows_share_models_and_choose_their_pictures_alone(strangers):
    strangers.join("one", TOKEN)
    strangers.keep("one", first := pictures())
    strangers.join("copy", TOKEN, before="one")
    assert strangers.folder("copy") == strangers.folder("one")
    strangers.keep("copy", second := pictures(1))
    assert strangers.chosen("one") is first and strangers.chosen("copy") is second
    strangers.drop("copy")
    assert strangers.chosen("one") is first


def test_nobody_takes_what_is_anothers(strangers):
    strangers.join("one", TOKEN)
    strangers.keep("one", pictures())
    folder = strangers.folder("one")
    with pytest.raises(ValueError, match="could not be connected"):
        strangers.join("one", OTHER)  # their session, a token of one's own
    strangers.join("two", OTHER)
    with pytest.raises(ValueError, match="could not be connected"):
        strangers.join("one", OTHER)
    assert strangers.join("three", OTHER, before="one") is True
    assert strangers.chosen("three") is None  # "before" is not theirs
    assert folder not in (strangers.folder("two"), strangers.folder("three"))
    for bad in ("", "short", "x" * 31):
        with pytest.raises(ValueError, match="could not be connected"):
            strangers.join("four", bad)
    assert strangers.folder("one") == folder


def test_the_token_is_kept_as_a_digest_alone(strangers):
    strangers.join("one", TOKEN)
    assert TOKEN not in repr(vars(strangers)) and TOKEN not in repr(vars(strangers.visits["one"]))


def test_what_is_not_called_for_in_time_goes_with_threads_and_folder():
    ended, before = [], watching()
    owners = Sessions(public=True, grace=SHORT, on_session_end=[ended.append])
    owners.on_visit_end.append(ended.append)
    owners.join("one", TOKEN)
    folder, key = owners.folder("one"), owners.visitor("one")
    owners.keep("one", pictures())
    owners.left("one")
    assert folder.exists()
    wait_for(lambda: not folder.exists())
    assert ended == ["one", key]
    assert not owners.visits and not owners.tokens and not owners.folders and not owners.pictures
    wait_for(lambda: not set(watching()) - set(before))
    assert owners.join("two", TOKEN) is False  # and says that nothing is there


def test_a_page_whose_line_is_open_stays_however_long_it_sleeps(monkeypatch):
    owners = Sessions(public=True, grace=SHORT)
    owners.join("sleeps", TOKEN)
    folder = owners.folder("sleeps")
    now = sessions.time.monotonic() + 3600
    monkeypatch.setattr(sessions.time, "monotonic", lambda: now)
    owners.join("goes", OTHER)
    owners.left("goes")
    monkeypatch.setattr(sessions.time, "monotonic", lambda: now + 3600)
    with owners.lock:
        owners._watch()  # it looks again
    wait_for(lambda: not owners.knows("goes"))
    assert owners.knows("sleeps") and folder.exists()
    owners.forget("sleeps")


def test_a_line_that_breaks_while_nothing_is_computed_is_opened_again(strangers):
    strangers.join("one", TOKEN)
    strangers.left("one")
    strangers.join("one", TOKEN)  # the page still thinks that its connection is open
    assert strangers.was_closed("one") and strangers.visits["one"].sessions["one"] is not None
    strangers.join("one", TOKEN, reopened=True)
    assert not strangers.was_closed("one") and strangers.visits["one"].sessions["one"] is None


def test_sessions_of_programs_end_after_their_last_request():
    owners = Sessions(public=True, grace=SHORT)
    folder = owners.folder("a program's")
    wait_for(lambda: not folder.exists())
    assert not owners.visits


@pytest.mark.parametrize("text", ["soon", "0", "-1", "inf", "nan"])
def test_a_grace_that_is_no_time_is_one_sentence(monkeypatch, text):
    monkeypatch.setenv("PLAYGROUND_GRACE_SECONDS", text)
    with pytest.raises(ValueError, match="PLAYGROUND_GRACE_SECONDS must be a positive number"):
        sessions.grace_here()
    monkeypatch.setenv("PLAYGROUND_GRACE_SECONDS", "2.5")
    assert sessions.grace_here() == 2.5


def joined(**request):
    return json.loads(connection.join({"session": "", "token": "", "before": "", **request}))


def test_the_page_is_told_what_is_here_and_nothing_else(caplog):
    told = joined(session="one", token=TOKEN)
    assert told == {
        "session": "one",
        "server": connection.SERVER,
        "known": False,
        "closed": False,
        "kept": [],
        "minutes": 10,
    }
    assert joined(session="one", token=TOKEN)["known"]
    connection.left(SimpleNamespace(session_hash="one"))
    assert joined(session="one", token=TOKEN)["closed"]
    assert not joined(session="one", token=TOKEN, reopened=True)["closed"]
    for bad in ({"session": "one", "token": OTHER}, {"session": "x", "token": 3}, {}):
        (words,) = joined(**bad).items()
        assert words == ("error", "This page could not be connected; reload it.")
    assert TOKEN not in caplog.text and OTHER not in caplog.text
    SESSIONS.forget("one")


def test_a_page_that_was_cut_off_ends_what_its_old_line_still_computes():
    joined(session="cut", token=TOKEN)
    with STOP_SIGNALS.sign_of("cut player", "a walk") as sign:
        joined(session="stranger", token=OTHER, before="cut", left=True)
        joined(session="anew", token=TOKEN, before="cut", left=False)  # a window's copy
        assert not sign.is_set()
        joined(session="anew", token=TOKEN, before="cut", left=True)
        assert sign.is_set()
    for session in ("cut", "anew", "stranger"):
        SESSIONS.forget(session)


def test_uploads_go_with_their_visitor_and_nothing_else_does(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    owners = Sessions(public=True)
    mine, ours, other = (tmp_path / "uploads" / name / "a.png" for name in ("1", "2", "3"))
    outside = tmp_path / "outside" / "a.png"
    for file in (mine, ours, other, outside):
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x")
    owners.join("one", TOKEN)
    owners.join("two", OTHER)
    dots = mine.parent / ".." / ".." / "outside" / "a.png"
    for path in (mine, ours, outside, dots, tmp_path / "uploads", "nowhere", "", "/etc/passwd"):
        owners.uploaded("one", str(path))
    owners.uploaded("two", str(ours))  # the same file, given by both
    owners.uploaded("nobody", str(other))
    assert owners.visits["one"].uploads == {mine, ours}
    owners.forget("one")
    assert not mine.exists() and ours.exists() and other.exists() and outside.exists()
    owners.forget("two")
    assert not ours.exists() and other.exists()


# A walk that was shown, shown again.


def walk(folder, run_id, session, **changes):
    form = defaults.opening(str(folder))
    form = form.__class__(**{**vars(form), "images": 1, **changes})
    request = SimpleNamespace(session_hash=session)
    return [json.loads(m) for m in handlers.denoise(form, run_id, request)]


def pieces(run_id, session, first=0):
    while text := recall({"run": run_id, "session": session, "first": first}):
        message = json.loads(text)
        assert message["first"] == first
        yield message
        first += len(message["frames"])


def frames_of(messages):
    return {m["first"] + i: f for m in messages for i, f in enumerate(m["frames"])}


def test_a_finished_walk_is_shown_again_as_it_was(tiny_folder, monkeypatch):
    sent = walk(tiny_folder, "w1", "one", steps=8)
    monkeypatch.setattr("tabs.denoise.recall.PIECE_BYTES", 10_000)
    again = list(pieces("w1", "two"))
    assert len(again) > 1 and [m["done"] for m in again] == [*[False] * (len(again) - 1), True]
    assert frames_of(again) == frames_of(sent) and len(frames_of(again)) == 9
    assert again[-1]["card"] == sent[-1]["card"]
    assert all(m["head"] == sent[-1]["head"] and m["total"] == 9 for m in again)
    SESSIONS.forget("one")
    assert RECORDINGS.get("w1") is not None  # it is shown elsewhere
    RECORDINGS.end_session("two")
    assert RECORDINGS.get("w1") is None and "w1" not in RECORDINGS.shown


def test_of_a_walk_that_ended_with_its_line_the_frames_so_far_are_kept(tiny_folder, monkeypatch):
    computed = []

    def look(step):
        computed.append(step.index)
        if step.index == 3:
            connection.left(SimpleNamespace(session_hash="one"))

    watch_steps(monkeypatch, look)
    sent = walk(tiny_folder, "w2", "one", steps=50)
    assert computed == [0, 1, 2, 3] and not any(m["done"] for m in sent)
    again = list(pieces("w2", "two"))
    assert sorted(frames_of(again)) == [0, 1, 2] and not again[-1]["done"]
    assert "card" not in again[-1]
    for session in ("one", "two"):
        SESSIONS.forget(session)
    RECORDINGS.end_session("two")


def test_a_walk_whose_session_has_ended_meanwhile_is_not_kept(tiny_folder, monkeypatch):
    watch_steps(monkeypatch, lambda step: step.index == 2 and SESSIONS.forget("one"))
    walk(tiny_folder, "w3", "one", steps=5)
    assert RECORDINGS.get("w3") is None


@pytest.mark.parametrize("first", [None, "0", -1, 99, 1.5])
def test_what_is_no_frame_of_it_is_nothing(tiny_folder, first):
    walk(tiny_folder, "w4", "one", steps=2)
    assert recall({"run": "w4", "session": "one", "first": first}) == ""
    assert recall({}) == "" and recall({"run": "unknown", "session": "", "first": 0}) == ""
    SESSIONS.forget("one")
