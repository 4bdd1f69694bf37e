"""The families on small pictures: what each is by definition, and how they are stored."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from diffusion_core.data import ImageDataset
from diffusion_core.families import (
    PICTURE_FAMILIES,
    FamilyTraining,
    GANSettings,
    PictureGAN,
    PictureShape,
    bits_per_dimension,
    dequantised,
    fit_family,
    load_family,
    picture_family,
)

TINY = PictureShape(channels=1, side=8, num_classes=2, width=8, latent=4)


def two_halves(count=64):
    """Pictures whose left half is bright in class 0, and whose right half in class 1."""
    labels = torch.arange(count) % 2
    pictures = np.full((count, 8, 8, 1), 20, np.uint8)
    for i, label in enumerate(labels.tolist()):
        pictures[i, :, 4 * label : 4 * label + 4] = 180 + i % 40
    return ImageDataset("halves", pictures, labels, ("left", "right"))


def made(kind, shape=TINY, seed=0):
    return picture_family(kind, shape, seed)


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


def stirred():
    """A flow whose couplings are no longer the identity."""
    flow = made("flow")
    for name, parameter in flow.named_parameters():
        if ".last." in name:
            torch.nn.init.normal_(parameter, std=0.1, generator=generator(2))
    return flow


@pytest.mark.parametrize("kind", PICTURE_FAMILIES)
def test_it_draws_the_class_that_it_is_asked_for(kind):
    family, data = made(kind), two_halves()
    if kind == "gan":  # faster than what suits many thousand steps
        torch.manual_seed(0)
        family = PictureGAN(TINY, GANSettings((2e-3, 2e-3), r1=0.1, average=0.9))
    for _ in family.learn(data, {"gan": 60, "vae": 60, "flow": 90}[kind], batch=16):
        pass
    drawn = family.draw(40, generator(), torch.arange(40) % 2)
    assert drawn.shape == (40, 1, 8, 8) and not drawn.requires_grad
    assert float(drawn.abs().max()) <= 1 + 0.2
    more_left = (drawn[..., :4].mean((1, 2, 3)) - drawn[..., 4:].mean((1, 2, 3))).reshape(-1, 2)
    assert float(more_left[:, 0].mean()) > 0.15 > -0.15 > float(more_left[:, 1].mean())


def test_a_flow_of_pictures_runs_backwards_exactly_and_its_determinant_is_its_jacobians():
    flow = stirred()
    x = torch.rand(6, 1, 8, 8, generator=generator()) * 1.9 - 0.95
    y = torch.arange(6) % 2
    with torch.no_grad():
        z, change = flow.encode(x, y)
    assert z.shape == (6, 64) and (flow.decode(z, y) - x).abs().max() < 1e-4
    jacobian = torch.autograd.functional.jacobian(lambda one: flow.encode(one, y[:1])[0], x[:1])
    want = torch.linalg.slogdet(jacobian.reshape(64, 64)).logabsdet
    assert float(change[0]) == pytest.approx(float(want), abs=1e-2)
    with torch.no_grad():
        other, _ = flow.encode(x, 1 - y)
    assert (other - z).abs().max() > 1e-3  # it is told the class
    with pytest.raises(ValueError, match="give a label for each picture"):
        flow.decode(z)


def test_pictures_are_dequantised_within_their_level_and_counted_in_bits():
    levels = torch.arange(256).reshape(1, 1, 16, 16) * (2 / 255) - 1
    spread = dequantised(levels, generator())
    assert torch.equal(((spread + 1) * 128).floor().flatten(), torch.arange(256.0))
    # A density of 1/2 over [-1, 1] gives each of 256 levels the same probability: 8 bits.
    uniform = torch.full((3,), 784 * math.log(1 / 2))
    bits = bits_per_dimension(uniform, torch.zeros(3, 1, 28, 28))
    torch.testing.assert_close(bits, torch.full((3,), 8.0))


@pytest.mark.parametrize("kind", PICTURE_FAMILIES)
def test_a_training_goes_on_to_the_bit_and_its_folder_loads(kind, tmp_path):
    data = two_halves(16)
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    settings = FamilyTraining(steps=5, batch=4, decay=2, save_every=2)
    steps = list(fit_family(made(kind), data, settings, whole, "the command"))
    assert [s.step for s in steps] == [1, 2, 3, 4, 5]
    for done, _ in enumerate(fit_family(made(kind), data, settings, parted), 1):
        if done == 3:  # the last save was at 2
            break
    rest = list(fit_family(made(kind), data, settings, parted, "the command"))
    assert [s.losses for s in rest] == [s.losses for s in steps[2:]]
    stored = load_family(whole)
    names = ("left", "right")
    assert (stored.class_names, stored.dataset) == (names, "halves")
    assert stored.training["command"] == "the command" and stored.training["cpu_seconds"] >= 0
    y = torch.tensor([0, 1, 1])
    want = load_family(parted).family.draw(3, generator(), y)
    torch.testing.assert_close(stored.family.draw(3, generator(), y), want, rtol=0, atol=0)
    assert not list(fit_family(made(kind), data, settings, whole))  # nothing is left to do


def test_a_run_with_other_settings_is_not_gone_on_with(tmp_path):
    data, settings = two_halves(16), FamilyTraining(steps=1, batch=4)
    list(fit_family(made("vae"), data, settings, tmp_path))
    with pytest.raises(ValueError, match="holds a run with kind = vae, not gan"):
        next(fit_family(made("gan"), data, settings, tmp_path))
    with pytest.raises(ValueError, match="batch = 4, not 8"):
        next(fit_family(made("vae"), data, FamilyTraining(steps=2, batch=8), tmp_path))
    list(fit_family(made("vae"), data, FamilyTraining(steps=2, batch=4), tmp_path))
    with pytest.raises(ValueError, match="already did 2 steps"):
        next(fit_family(made("vae"), data, settings, tmp_path))
    (tmp_path / "state.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="not a readable training state; remove it"):
        next(fit_family(made("vae"), data, settings, tmp_path))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"side": 10}, "side must be from 4 to 128, a multiple of 4, got 10"),
        ({"width": 9}, "width must be from 8 to 256, a multiple of 8, got 9"),
        ({"latent": 0}, "latent must be from 1 to 1024, got 0"),
        ({"num_classes": True}, "num_classes must be from 1 to 1000, got True"),
    ],
)
def test_no_network_is_made_of_senseless_numbers(changed, sentence):
    with pytest.raises(ValueError, match=sentence):
        PictureShape(**changed)


def test_what_cannot_be_trained_or_read_gets_one_sentence(tmp_path):
    data, settings = two_halves(8), FamilyTraining(steps=1, batch=4)
    with pytest.raises(ValueError, match="There is no family 'pvd'; choose gan, vae, flow"):
        picture_family("pvd", TINY)
    with pytest.raises(ValueError, match="steps, batch and save_every must be at least 1"):
        FamilyTraining(steps=0)
    large = PictureShape(side=28, num_classes=2, width=8)
    with pytest.raises(ValueError, match="made for 1 × 28 × 28 .* halves has 1 × 8 × 8"):
        next(fit_family(made("vae", large), data, settings, tmp_path))
    three = PictureShape(side=8, num_classes=3, width=8)
    with pytest.raises(ValueError, match="has 3 classes, halves 2"):
        next(fit_family(made("vae", three), data, settings, tmp_path))
    with pytest.raises(ValueError, match="holds no family"):
        load_family(tmp_path)
    list(fit_family(made("vae"), data, settings, tmp_path))
    file = tmp_path / "config.json"
    values = json.loads(file.read_text(encoding="utf-8"))
    for wrong in ({"shape": {}}, {"shape": 3}, {"family": "flow"}, {"class_names": ["left"]}):
        file.write_text(json.dumps(values | wrong), encoding="utf-8")
        with pytest.raises(ValueError, match="is broken"):
            load_family(tmp_path)


def test_the_command_line_trains_one_and_goes_on(tmp_path, capsys, monkeypatch):
    from diffusion_core.__main__ import main

    command = f"family train --kind vae --dataset fashion-mnist-2000 --out {tmp_path} --width 8"

    def run(options):
        monkeypatch.setattr("sys.argv", ["diffusion_core", *command.split(), *options.split()])
        return main(), capsys.readouterr().err

    assert run("--steps 2 --batch-size 4 --save-every 1")[0] == 0
    assert run("--steps 3 --batch-size 4")[0] == 0
    stored = load_family(tmp_path)
    assert stored.dataset == "fashion-mnist-2000" and stored.class_names[8] == "Bag"
    assert stored.training["settings"]["steps"] == 3
    assert stored.training["command"].startswith(f"python -m diffusion_core {command}")
    code, words = run("--steps 3 --batch-size 8")
    assert code == 2 and "holds a run with batch = 4, not 8" in words
    code, words = run("--kind pvd")
    assert code == 2 and "There is no family 'pvd'; choose gan, vae, flow." in words
