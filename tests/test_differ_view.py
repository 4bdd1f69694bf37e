"""The view "How the systems differ" of the tab Systems, and the time line above all of them."""

import json

from app import TABS
from tabs.systems.layout import SYSTEMS
from tabs.systems.timeline import ENTRIES, timeline_message

# --- the time line ---------------------------------------------------------------------------


def test_the_time_line_is_in_order_and_each_entry_opens_what_is_there():
    message = json.loads(timeline_message(SYSTEMS, "glide"))
    entries = message["entries"]
    assert message["seen"] == "glide"
    assert {"DDPM", "Improved DDPM", "PVD", "Guided diffusion", "GLIDE", "DALL·E 2"} <= {
        each["name"] for each in entries
    }
    for each in entries:
        assert each["tab"] in TABS
        if each["tab"] == "systems":
            assert each["shown"] in SYSTEMS
    assert sorted(ENTRIES, key=lambda each: each.months) == [*ENTRIES]
    # The room behind an entry is the time until the next one; the last one has none.
    assert [each["months"] for each in entries][:3] == [8, 2, 1] and entries[-1]["months"] == 0
    first, *_, last = (each.months for each in ENTRIES if each.name != "Imagen")
    assert sum(each["months"] for each in entries if each["name"] != "Imagen") >= last - first


def test_an_entry_without_a_view_is_left_out():
    alone = json.loads(timeline_message(["glide"], "glide"))["entries"]
    assert [each["name"] for each in alone] == ["DDPM", "Improved DDPM", "PVD", "GLIDE"]
