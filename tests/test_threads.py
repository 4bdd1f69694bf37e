"""Threads of torch: part of a walk's bits, chosen by measure, one where others compute too."""

import dataclasses
import json
from types import SimpleNamespace

import pytest
import torch
from conftest import last

from diffusion_core.checkpoint import load_checkpoint, shipped_folder
from diffusion_core.engines import ONNXRUNTIME, TorchNetwork, on_engine, on_threads
from diffusion_core.generation import Recording, RunCard, SamplingRequest, walk
from diffusion_core.inspection import Switches
from tabs.api import endpoints
from tabs.denoise import handlers
from tabs.shared import compute_queue, models, pace
from tabs.shared.pace import Threads, TimedRun

REQUEST = SimpleNamespace(session_hash="me")
SETTINGS = SamplingRequest(num_images=1, num_steps=2, label="Bag", seed=3)


@pytest.fixture(scope="module")
def plain(tiny_folder):
    return load_checkpoint(tiny_folder)


@pytest.fixture
def four_cores(monkeypatch):
    """A machine of four cores, for which no measures are kept yet."""
    threads = Threads(most=4)
    for module in (pace, models):
        monkeypatch.setattr(module, "THREADS", threads)
    monkeypatch.setattr(pace, "evaluation_seconds", lambda network, pictures=1: network.threads)
    return threads


def test_a_replay_takes_the_threads_of_its_card(monkeypatch):
    model = load_checkpoint(shipped_folder() / "fashion-mnist")
    torch.set_num_threads(2)
    end = last(walk(model, SETTINGS)).x_prev
    card = RunCard.of(model, SETTINGS, None, end)
    torch.set_num_threads(1)
    assert card.versions["threads"] == "2"
    assert not torch.equal(last(walk(model, SETTINGS)).x_prev, end)  # or it proves nothing
    on = card.on_engine(model)
    again = last(walk(on, SETTINGS)).x_prev
    assert "to the bit" in card.compare(on, again) and torch.get_num_threads() == 1
    assert RunCard.of(on, SETTINGS, None, again).versions == card.versions
    for told in ("1", "0", "-2", "9999", "many", ""):  # what is here, or what none can be
        odd = dataclasses.replace(card, versions={"threads": told})
        assert odd.on_engine(model) is model


def test_a_network_on_threads_is_the_network(plain):
    two = on_threads(on_engine(plain, ONNXRUNTIME), 2)
    assert two.engine == "torch" and two.unet is plain.unet and two.device == plain.device
    assert on_threads(two, 2) is two and on_threads(two, 3).network.module is plain.network
    assert on_engine(two, ONNXRUNTIME).unet is plain.unet
    seen = []
    network = TorchNetwork(lambda *inputs: seen.append(torch.get_num_threads()), 3)
    network(torch.zeros(1), torch.zeros(1))
    assert seen == [3] and torch.get_num_threads() == 1
    changed = dataclasses.replace(SETTINGS, switches=Switches(time_off=True))
    assert changed.denoiser(two).network.threads == 2
    assert RunCard.of(two, changed, None, torch.zeros(1)).versions["threads"] == "2"


def test_between_evaluations_a_walk_has_one_thread(plain, monkeypatch):
    seen = {}
    torch.set_num_threads(2)
    record = Recording(on_engine(plain, ONNXRUNTIME), SETTINGS)
    real = record.walker.denoiser.predict, record.draw.of_step
    monkeypatch.setattr(
        record.walker.denoiser,
        "predict",
        lambda *inputs: seen.update(step=torch.get_num_threads()) or real[0](*inputs),
    )
    monkeypatch.setattr(
        type(record.draw),
        "of_step",
        lambda _, *inputs: seen.update(frame=torch.get_num_threads()) or real[1](*inputs),
    )
    for _ in record.run():
        assert torch.get_num_threads() == 2  # whoever takes the frames has their own
    assert seen == {"step": 1, "frame": 1}
    for checkpoint, number in ((plain, 2), (on_threads(plain, 3), 3)):  # as torch has it; as told
        on = []
        handle = plain.network.conv_in.register_forward_hook(
            lambda *_, on=on: on.append(torch.get_num_threads())
        )
        list(walk(checkpoint, SETTINGS))
        handle.remove()
        assert set(on) == {number}


def test_the_faster_number_is_chosen_and_a_walk_renews_its_measure(plain, four_cores):
    assert models.for_walk(plain, SETTINGS).network.threads == 1
    guided = dataclasses.replace(SETTINGS, guidance_scale=2.0)
    four_cores.note(plain, 2, 1, 8.0)  # two pictures, with and without a condition
    assert models.for_walk(plain, guided).network.threads == 4
    four_cores.note(plain, 2, 4, 9.0)  # as beside a neighbour
    chosen = models.for_walk(plain, guided)
    assert chosen.network.threads == 1
    list(TimedRun(chosen, guided))
    assert four_cores.took[plain.weights_hash, 2, 1][0] < 1
    fast = on_engine(plain, ONNXRUNTIME)
    assert models.for_walk(fast, SETTINGS) is fast
    changed = dataclasses.replace(SETTINGS, switches=Switches(time_off=True))
    assert models.for_walk(fast, changed).network.threads == 1


def test_an_old_measure_is_taken_anew(plain, four_cores, monkeypatch):
    four_cores.note(plain, 1, 1, 100.0)
    assert four_cores.best(plain, 1) == 4
    monkeypatch.setattr(pace, "OLD_THREADS", -1.0)
    assert four_cores.best(plain, 1) == 1


def test_walks_at_once_have_a_thread_each_and_their_cards_say_so(
    tiny_folder, plain, four_cores, monkeypatch
):
    monkeypatch.setenv("DIFFUSION_MODELS", str(tiny_folder.parent))
    monkeypatch.setenv("PLAYGROUND_ENGINE", "torch")
    monkeypatch.setattr(
        compute_queue.Places,
        "here",
        lambda: SimpleNamespace(session=9, address=9, waiting=9, at_work=4),
    )
    for pictures in (1, 4):
        four_cores.note(plain, pictures, 1, 8.0)
    form = handlers.DenoiseForm(model=str(tiny_folder), label="Bag", steps=2, guidance=1, images=4)

    def card_of_the_page():
        return json.loads(json.loads([*handlers.denoise(form, "walk", REQUEST)][-1])["card"])

    def card_of_the_endpoint():
        made = endpoints.denoise(tiny_folder.name, num_images=4, steps=2)
        return [*made][-1][1]

    for card in (card_of_the_page, card_of_the_endpoint):
        assert card()["versions"]["threads"] == "4"
        four_cores.note(plain, 4, 1, 8.0)
        four_cores.note(plain, 4, 4, 4.0)
        with compute_queue.COMPUTE_QUEUE.slot():
            assert card()["versions"]["threads"] == "1"
        four_cores.note(plain, 4, 1, 8.0)
        four_cores.note(plain, 4, 4, 4.0)
