"""The families on small pictures: what each is by definition, and how they are stored."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from diffusion_core.data import ImageDataset
from diffusion_core.denoiser import ExactDenoiser
from diffusion_core.families import (
    PICTURE_FAMILIES,
    FamilyTraining,
    GANSettings,
    PictureGAN,
    PictureShape,
    between,
    between_by_diffusion,
    bits_per_dimension,
    dequantised,
    fit_family,
    latent_diffusion_of,
    load_family,
    picture_family,
    slerp,
)
from diffusion_core.schedule import make_schedule

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


def learnt(kind, data, steps, batch=16):
    """A family that learnt; of latent diffusion the VAE learnt before."""
    family = made(kind)
    if kind == "gan":  # faster than what suits many thousand steps
        torch.manual_seed(0)
        family = PictureGAN(TINY, GANSettings((2e-3, 2e-3), r1=0.1, average=0.9))
    if kind == "latent":
        family = latent_diffusion_of(learnt("vae", data, 60, batch), seed=0)
    for _ in family.learn(data, steps, batch=batch):
        pass
    return family


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
    family = learnt(kind, two_halves(), {"gan": 60, "vae": 60, "flow": 90, "latent": 60}[kind])
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


def test_latent_diffusion_learns_in_a_vae_that_stays_and_counts_it_too():
    data, vae = two_halves(20), made("vae")
    before = {k: v.clone() for k, v in vae.state_dict().items()}
    family = latent_diffusion_of(vae, seed=3)
    assert family.latent == 4 and family.evaluations == 25
    network = sum(p.numel() for p in family.network.parameters())
    assert family.num_parameters == network + made("vae").num_parameters
    encoded = family.prepared(data)
    x, y = data.batch(torch.arange(20))
    mean, _ = vae.encode(x, y)
    assert len(encoded) == 20 and torch.equal(encoded.labels, y)
    # A level is at most 2/256 wide: what is spread within it encodes nearly as the picture does.
    assert (encoded.moments[:, :4] - mean).abs().max() < 0.02
    for _ in family.learn(data, 3, batch=4):
        pass
    for name, value in vae.state_dict().items():
        assert torch.equal(value, before[name]), name
    with pytest.raises(ValueError, match="its pictures need labels"):
        family.prepared(x)


def test_latents_between_two_lie_on_the_arc():
    z = torch.tensor([[2.0, 0.0], [0.0, 4.0]])
    way = slerp(z[0], z[1], torch.tensor([0.0, 1 / 3, 1.0]))
    third = (2 + 2 / 3) * torch.tensor([math.cos(math.pi / 6), math.sin(math.pi / 6)])
    torch.testing.assert_close(way, torch.stack([z[0], third, z[1]]), rtol=1e-6, atol=1e-6)
    for other in (z[0], -z[0], torch.zeros(2)):  # no arc is defined: a line
        middle = slerp(z[0], other, torch.tensor([0.5]))
        torch.testing.assert_close(middle[0], (z[0] + other) / 2, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="two latents of one shape"):
        slerp(z[0], torch.zeros(3), torch.tensor([0.5]))


@pytest.mark.parametrize("kind", PICTURE_FAMILIES)
def test_the_way_between_two_pictures_begins_and_ends_near_them(kind):
    data = two_halves()
    family = stirred() if kind == "flow" else learnt(kind, data, 60)
    x, _ = data.batch(torch.tensor([0, 38]))
    way = between(family, x, 0, 5, generator())
    assert way.pictures.shape == (5, 1, 8, 8) and float(way.pictures.abs().max()) <= 1
    assert way.error == pytest.approx(float((way.pictures[[0, -1]] - x).square().mean().sqrt()))
    if kind == "flow":
        assert way.error < 1e-4 and way.found == "exact inverse"
    else:
        left = way.pictures[..., :4].mean((1, 2, 3))
        assert bool((left > way.pictures[..., 4:].mean((1, 2, 3))).all())  # all are of the class
        assert way.error < 0.3  # the halves differ by 1.2
    with pytest.raises(ValueError, match="Need two pictures"):
        between(family, x[:1], 0, 5, generator())
    with pytest.raises(ValueError, match="at least 2"):
        between(family, x, 0, 1, generator())


def test_diffusion_goes_to_noise_and_back_to_both_ends():
    x = torch.rand(2, 1, 8, 8, generator=generator()) * 1.6 - 0.8
    denoiser = ExactDenoiser(x, make_schedule("cosine"))
    told = []

    def of_labels(y):
        told.append(y.tolist())
        return denoiser

    way = between_by_diffusion(of_labels, x, 7, 4)
    assert told == [[7, 7], [7, 7, 7, 7]] and way.error < 0.02
    assert way.found == "DDIM inversion" and way.pictures.shape == (4, 1, 8, 8)


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
    with pytest.raises(ValueError, match="There is no family 'pvd'; choose gan, vae, flow, latent"):
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
    vae = ["family", "train", "--kind", "latent", "--vae", str(tmp_path), "--steps", "1"]
    latent = [*vae, "--dataset", "fashion-mnist-2000", "--out", str(tmp_path / "latent")]
    monkeypatch.setattr("sys.argv", ["diffusion_core", *latent])
    assert main() == 0 and load_family(tmp_path / "latent").family.evaluations == 25
    code, words = run(f"--vae {tmp_path}")
    assert code == 2 and "Kind latent, and it alone, takes --vae" in words
    code, words = run(f"--kind latent --vae {tmp_path / 'latent'}")
    assert code == 2 and "holds a latent diffusion, and kind latent learns in a VAE" in words
    code, words = run("--kind pvd")
    assert code == 2 and "There is no family 'pvd'; choose gan, vae, flow, latent." in words
