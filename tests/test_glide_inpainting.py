"""GLIDE's inpainting: the network that sees what is known, its training, folder, walks, recipes."""

import dataclasses
import json

import pytest
import torch
from conftest import TINY_AVATARS, save_tiny_glide, save_tiny_inpainter
from safetensors.torch import load_file
from typer.testing import CliRunner

from diffusion_core.data import PART_BOXES
from diffusion_core.generation import InitialImage, SamplingRequest, SamplingRun
from diffusion_core.glide import (
    InpainterShape,
    draw_known,
    glide_training,
    inpainter_from,
    learn_inpainter,
    load_glide,
    load_inpainter,
)
from pretrained.recipes import glide as recipe
from pretrained.recipes import glide_inpainting_measured as measured

SIDE = (3, 64, 64)
KNOWN = 4 * TINY_AVATARS.patch_size**2  # channels of picture and mask


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    return load_glide(save_tiny_glide(tmp_path_factory.mktemp("models") / "words"))


@pytest.fixture(scope="module")
def folder(words, tmp_path_factory):
    """The folder of a network that fills holes, which listens to what is known."""
    return save_tiny_inpainter(tmp_path_factory.mktemp("models") / "fills", words.name)


def given(side=SIDE):
    generator = torch.Generator().manual_seed(3)
    picture = torch.rand(1, *side, generator=generator) * 2 - 1
    mask = torch.ones(1, 1, *side[1:])
    mask[:, :, 10:40, 20:50] = 0
    return picture, mask


def asked(network, words, picture, mask, caption="a calm person with an afro"):
    x_t = torch.randn(2, *SIDE, generator=torch.Generator().manual_seed(0))
    y = words.read_caption(caption).repeat(2, 1)
    with torch.no_grad():
        both = picture.repeat(2, 1, 1, 1), mask.repeat(2, 1, 1, 1)
        return network(x_t, torch.tensor([400, 30]), *both, y)


def test_it_begins_as_the_network_whose_weights_it_takes_over(words):
    network = inpainter_from(words.network).eval()
    x_t = torch.randn(2, *SIDE, generator=torch.Generator().manual_seed(0))
    y = words.read_caption("a calm person with an afro").repeat(2, 1)
    with torch.no_grad():
        plain = words.network(x_t, torch.tensor([400, 30]), y)
    assert torch.allclose(asked(network, words, *given()), plain, atol=1e-5)
    assert network.config.sample_shape == SIDE and network.attends


def test_attention_to_words_that_adds_nothing_is_left_out(tmp_path):
    plain = load_glide(save_tiny_glide(tmp_path / "plain", attends=False)).network
    network = inpainter_from(plain)
    assert plain.cross and not network.cross
    assert not any(name.startswith("cross.") for name in network.state_dict())


def test_it_sees_what_is_known_and_nothing_of_the_hole(words, folder):
    network, (picture, mask) = load_inpainter(folder).network, given()
    out = asked(network, words, picture, mask)
    hidden = torch.where(mask > 0, picture, -picture)
    assert torch.equal(asked(network, words, hidden, mask), out)
    assert not torch.equal(asked(network, words, -picture, mask), out)
    assert not torch.equal(asked(network, words, picture, torch.ones_like(mask)), out)


def test_masks_follow_from_seed_and_step_and_are_of_every_kind():
    masks = torch.cat([draw_known(0, step, (16, *SIDE)) for step in range(10)])
    assert masks.shape == (160, 1, 64, 64) and set(masks.unique().tolist()) == {0, 1}
    assert torch.equal(draw_known(0, 3, (16, *SIDE)), masks[48:64])
    assert not torch.equal(draw_known(1, 3, (16, *SIDE)), masks[48:64])
    shares = masks.mean(dim=(1, 2, 3))
    assert 0.05 < (shares == 0).float().mean() < 0.3  # the whole picture
    assert (shares > 0).any() and 0.4 < shares.mean() < 0.8


def test_the_training_moves_the_unet_alone_and_goes_on(words, tmp_path, cpu):
    data = recipe._captioned("avatars-3000", words.config)

    def run(folder, stop=None):
        network = inpainter_from(words.network).train().requires_grad_(True)
        network.text.requires_grad_(False)
        config = dataclasses.replace(glide_training(4, batch_size=2), save_every=1)
        losses = []
        for step in learn_inpainter(network, data, words.schedule, config, folder=folder):
            losses.append(step.loss)
            if step.step == stop:
                break
        return losses

    whole = run(tmp_path / "whole")
    assert run(tmp_path / "parts", 2) + run(tmp_path / "parts") == whole and len(whole) == 4
    a, b = (load_file(tmp_path / name / "state.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(a[key], b[key]) for key in a)
    begun = inpainter_from(words.network).state_dict()
    moved = {key for key in begun if not torch.equal(begun[key], a[f"unet.{key}"])}
    assert "unet.conv_in.weight" in moved and not any(key.startswith("text.") for key in moved)
    known = a["unet.unet.conv_in.weight"][:, -KNOWN:]
    assert known.any()  # it has begun to listen to what is known


def test_a_walk_changes_nothing_outside_of_the_hole(words, folder):
    picture, mask = given()
    model = load_inpainter(folder).bound(picture, mask)
    request = SamplingRequest(
        caption="a happy person", guidance_scale=2.0, num_steps=3, num_images=2, resample=1
    )
    *_, step = SamplingRun(model, request, InitialImage(picture, mask))
    filled = step.x_prev
    assert torch.equal(torch.where(mask > 0, filled, picture), picture.expand_as(filled))
    assert not torch.equal(filled[:1], picture) and not torch.equal(filled[:1], filled[1:])


def test_pictures_of_a_batch_have_holes_of_their_own(words, folder):
    network, (picture, mask) = load_inpainter(folder).network, given()
    pictures, masks = torch.cat([picture, -picture]), torch.cat([mask, 1 - mask])
    bound = network.bound(pictures, masks)
    x_t, t = torch.randn(4, *SIDE), torch.full((4,), 100)
    with torch.no_grad():
        every = bound(x_t, t)
        alone = network.bound(-picture, 1 - mask)(x_t[1::2], t[1::2])
        with pytest.raises(ValueError, match="a batch must be a multiple"):
            bound(x_t[:3], t[:3])
    assert torch.allclose(every[1::2], alone, atol=1e-5)


@pytest.mark.parametrize(
    "picture, mask",
    [
        (torch.zeros(1, 3, 32, 32), torch.ones(1, 1, 64, 64)),
        (torch.zeros(1, 3, 64, 64), torch.ones(1, 3, 64, 64)),
        (torch.zeros(2, 3, 64, 64), torch.ones(3, 1, 64, 64)),
        (torch.zeros(0, 3, 64, 64), torch.ones(1, 1, 64, 64)),
    ],
)
def test_pictures_and_masks_that_do_not_fit_are_refused(folder, picture, mask):
    with pytest.raises(ValueError, match="pictures must be"):
        load_inpainter(folder).bound(picture, mask)


def test_the_folder_is_of_a_form_of_its_own(words, folder, tmp_path):
    network = load_inpainter(folder)
    assert network.name == "fills" and isinstance(network.config.network, InpainterShape)
    with pytest.raises(ValueError, match="not of the form"):
        load_glide(folder)
    with pytest.raises(ValueError, match="not of the form"):
        load_inpainter(save_tiny_glide(tmp_path / "words"))
    values = json.loads((folder / "config.json").read_text())
    values["network"]["unet"]["out_channels"] = 6
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(ValueError, match="no learned variance"):
        load_inpainter(tmp_path)


def test_the_recipes_train_and_measure_it(tmp_path, avatars_folder, cpu):
    words = save_tiny_glide(tmp_path / "words")
    options = ["inpainting", "--init", str(words), "--out", str(tmp_path / "fills")]
    options += ["--dataset", "avatars-3000", "--steps", "2", "--batch-size", "2"]
    done = CliRunner().invoke(recipe.app, options)
    assert done.exit_code == 0, done.output
    assert "step 2 of 2" in done.output
    assert load_inpainter(tmp_path / "fills").config.training["steps"] == 2
    measured.main(
        tmp_path / "fills",
        words=words,
        menus=str(avatars_folder),
        embedded=True,
        num=4,
        steps=2,
    )
    values = json.loads((tmp_path / "fills" / "results.json").read_text())
    assert [row["part"] for row in values["rows"]] == [p for p in PART_BOXES for _ in range(3)]
    for row in values["rows"]:
        assert 0 <= row["obeys"] <= 1 and 0 <= row["stays"] <= 1 and row["seam"] > 0
        assert row["count"] == 4
    card = (tmp_path / "fills" / "README.md").read_text()
    assert "RePaint" in card and "head" in card
