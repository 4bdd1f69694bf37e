"""A class and attributes: from names to numbers to a vector, dropped in training, guided by."""

import dataclasses
import json
import sys

import pytest
import torch
from conftest import TINY, TINY_AVATARS, avatars, last, wake
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from diffusion_core.__main__ import main
from diffusion_core.checkpoint import CheckpointConfig, load_checkpoint
from diffusion_core.conditioning import ConditionEncoder, null_condition
from diffusion_core.data import load_dataset
from diffusion_core.denoiser import ClassifierFreeGuidance, ModelDenoiser
from diffusion_core.generation import RunCard, SamplingRequest, walk
from diffusion_core.schedule import make_schedule
from diffusion_core.seeding import seeded
from diffusion_core.training import TrainConfig, batch_indices, draw_step
from diffusion_core.training_runs import STATE_FILE, TrainingPlan, fit
from diffusion_core.training_runs import train_resumably as train
from diffusion_core.unet import UNet, UNetConfig, num_parameters

DATA = avatars()
SCHEDULE = make_schedule("cosine")
NULL = [3, -1, -1, -1, -1, -1, -1]
CONFIG = TrainConfig(
    num_steps=4, batch_size=8, warmup_steps=1, decay_steps=1, precision="fp32", save_every=2
)


@pytest.fixture(scope="module")
def checkpoint(avatars_folder):
    return load_checkpoint(avatars_folder)


def encoder(attributes=(2, 4)) -> ConditionEncoder:
    torch.manual_seed(0)
    return ConditionEncoder(3, True, attributes, 5)


def test_the_vector_is_the_sum_of_a_row_for_each_part():
    e = encoder()
    rows, values = e.weight, e.attributes.weight  # values: 0, 1, null; 0, 1, 2, 3, null
    assert values.shape == (3 + 5, 5)
    got = e(torch.tensor([[0, 1, 3], [2, -1, 0], [3, -1, -1]]), 3)
    wanted = [
        rows[0] + values[1] + values[6],
        rows[2] + values[2] + values[3],
        rows[3] + values[2] + values[7],
    ]
    torch.testing.assert_close(got, torch.stack(wanted))
    torch.testing.assert_close(e(torch.tensor([2]), 1), e(torch.tensor([[2, -1, -1]]), 1))
    torch.testing.assert_close(e(None, 2), e(torch.tensor([[3, -1, -1]] * 2), 2))


def test_without_attributes_it_is_a_plain_table_of_classes():
    e = encoder(())
    assert list(e.state_dict()) == ["weight"] and e.weight.shape == (4, 5)
    assert torch.equal(e(torch.tensor([1, 3]), 2), e.weight[[1, 3]])


@pytest.mark.parametrize(
    "y",
    [[[0, 2, 0]], [[0, -2, 0]], [[4, 0, 0]], [[-1, 0, 0]], [[0, 0]], [4], [-1], [[[0, 0, 0]]]],
    ids=str,
)
def test_conditions_that_do_not_fit_are_named(y):
    with pytest.raises(ValueError, match=r"\.$"):
        encoder()(torch.tensor(y), 1)
    with pytest.raises(ValueError, match=r"\.$"):
        encoder()(torch.zeros(2, 3, dtype=torch.int64), 1)


def test_every_part_reaches_the_output_and_has_a_gradient():
    unet = wake(UNet(TINY_AVATARS))
    x, t = torch.randn(1, 3, 64, 64), torch.tensor([400])
    base = [0, 1, 2, 3, 2, 1, 4]
    first = unet(x, t, torch.tensor([base]))
    for k in range(7):
        other = torch.tensor([base[:k] + [base[k] + 1] + base[k + 1 :]])
        assert not torch.allclose(unet(x, t, other), first), k
    first.sum().backward()
    touched = unet.class_embedding.attributes.weight.grad.abs().sum(1) > 0
    assert touched.nonzero()[:, 0].tolist() == [1, 49 + 2, 80 + 3, 90 + 2, 96 + 1, 104 + 4]


def test_the_configuration_goes_to_json_and_back_and_old_ones_have_no_attributes():
    assert UNetConfig.from_json(TINY_AVATARS.to_json()) == TINY_AVATARS
    names = (("hat", ("no", "yes")), ("mood", ("sad", "calm", "glad")))
    unet = dataclasses.replace(TINY, attributes=(2, 3))
    config = CheckpointConfig(unet, {"name": "cosine"}, attribute_names=names)
    assert CheckpointConfig.from_json(config.to_json()) == config
    assert TINY.attributes == ()
    for bad in ({"num_classes": None}, {"null_label": False}, {"attributes": (2, 0)}):
        with pytest.raises(ValueError, match=r"\.$"):
            dataclasses.replace(unet, **bad)
    with pytest.raises(ValueError, match=r"\.$"):
        CheckpointConfig(unet, {"name": "cosine"}, attribute_names=names[:1])


def test_nothing_said_has_the_shape_of_what_was_said():
    assert null_condition(torch.tensor([0, 2]), 3).tolist() == [3, 3]
    assert null_condition(torch.tensor([[0, 1, 2]]), 3).tolist() == [[3, -1, -1]]


def test_dropping_attributes_leaves_all_other_draws_as_they_were():
    """What is drawn for data without attributes is drawn first, and the same to the bit."""
    plain = dataclasses.replace(TINY_AVATARS, attributes=())
    bare = dataclasses.replace(DATA, attributes=None, attribute_names=())
    config = dataclasses.replace(CONFIG, batch_size=256)
    a = draw_step(config, TINY_AVATARS, SCHEDULE, DATA, 3)
    for dataset in (DATA, bare):
        b = draw_step(config, plain, SCHEDULE, dataset, 3)
        assert all(torch.equal(x, y) for x, y in zip(a[:3], b[:3], strict=True))
        assert b[3].shape == (256,)
    generator = seeded(config.seed, "step", 3)
    torch.randint(1000, (256,), generator=generator)
    torch.randn(a[0].shape, generator=generator)
    dropped = torch.rand(256, generator=generator) < config.label_dropout
    assert dropped.any() and a[3][dropped].tolist() == [NULL] * int(dropped.sum())
    assert torch.equal(b[3] == 3, dropped)


def test_of_some_pictures_any_number_of_attributes_is_left_out():
    config = dataclasses.replace(CONFIG, batch_size=3000, label_dropout=0, attribute_dropout=0)
    small = dataclasses.replace(DATA, pictures=DATA.pictures[:, :1, :1])
    full = draw_step(config, TINY_AVATARS, SCHEDULE, small, 0)
    y = draw_step(
        dataclasses.replace(config, sparse_attributes=0.7), TINY_AVATARS, SCHEDULE, small, 0
    )
    assert all(torch.equal(a, b) for a, b in zip(full[:3], y[:3], strict=True))
    assert torch.equal(y[3][:, 0], full[3][:, 0])  # the class is always told
    peeps = full[3][:, 0] == 0  # of which six attributes are known
    told = (y[3][peeps, 1:] >= 0).sum(1)
    assert bool((y[3][peeps, 1:] == full[3][peeps, 1:])[y[3][peeps, 1:] >= 0].all())
    for number, share in enumerate((told.bincount(minlength=7) / len(told)).tolist()):
        assert abs(share - 0.7 / 7 - 0.3 * (number == 6)) < 0.03, number


def test_all_is_dropped_together_and_each_part_by_itself():
    config = dataclasses.replace(CONFIG, batch_size=2000, label_dropout=0.2, attribute_dropout=0.3)
    small = dataclasses.replace(DATA, pictures=DATA.pictures[:, :1, :1])
    y = draw_step(config, TINY_AVATARS, SCHEDULE, small, 0)[3]
    said = DATA.conditions(batch_indices(config, 0, 3000))
    kept = y == said
    assert bool((kept | (y == torch.tensor(NULL))).all())
    applies = said >= 0
    for k in range(7):
        share = float(kept[applies[:, k], k].float().mean())
        assert abs(share - 0.8 * 0.7) < 0.06, k
    peeps = said[:, 0] == 0
    none = float((~kept[peeps]).all(1).float().mean())
    assert abs(none - 0.2) < 0.04  # each part by itself would be 0.3 ** 7
    some = kept[peeps][:, 1] & ~kept[peeps][:, 2]
    assert abs(float(some.float().mean()) - 0.8 * 0.7 * 0.3) < 0.05


@pytest.mark.usefixtures("cpu")
def test_a_run_with_attributes_makes_a_checkpoint_that_knows_their_names(tmp_path):
    small = dataclasses.replace(
        DATA, pictures=DATA.pictures[:64], labels=DATA.labels[:64], attributes=DATA.attributes[:64]
    )
    plan = TrainingPlan.for_data(small, CONFIG, {"name": "cosine"}, (32,), blocks=1, patch_size=16)
    assert plan.unet.attributes == (48, 30, 9, 5, 7, 8)
    for step in fit(plan, small, tmp_path / "a"):
        if step.step == 2:
            break
    list(fit(plan, small, tmp_path / "a"))
    list(fit(plan, small, tmp_path / "b"))
    a, b = (load_file(tmp_path / n / STATE_FILE) for n in "ab")
    assert all(torch.equal(a[k], b[k]) for k in a)
    made = load_checkpoint(tmp_path / "a")
    assert made.config.attribute_names == DATA.attribute_names
    other = dataclasses.replace(plan.unet, attributes=(2,))
    with pytest.raises(ValueError, match="other attributes"):
        next(train(CONFIG, other, SCHEDULE, small, tmp_path / "c"))


def test_a_state_from_before_attributes_is_gone_on_with(tmp_path):
    """Settings that it does not name had no other value then than the default."""
    data = load_dataset("fashion-mnist-2000")
    steps = train(CONFIG, TINY, SCHEDULE, data, tmp_path)
    next(steps)
    steps.close()
    path = tmp_path / STATE_FILE
    tensors = load_file(path)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    settings = json.loads(metadata["settings"])
    settings["unet"].pop("attributes")
    settings["train"].pop("attribute_dropout")
    save_file(tensors, path, {**metadata, "settings": json.dumps(settings)})
    assert next(train(CONFIG, TINY, SCHEDULE, data, tmp_path)).step == 2
    changed = dataclasses.replace(CONFIG, attribute_dropout=0.2)
    with pytest.raises(ValueError, match="attribute_dropout"):
        next(train(changed, TINY, SCHEDULE, data, tmp_path))


def test_guidance_moves_away_from_nothing_said(checkpoint):
    g = torch.Generator().manual_seed(0)
    x, t = torch.randn(2, 3, 64, 64, generator=g), torch.tensor([500, 500])
    y = torch.tensor([[0, 5, 1, -1, 2, -1, 3]])

    def eps(y):
        return ModelDenoiser(checkpoint.unet, SCHEDULE, "v_prediction", y)(x, t)

    conditional = ModelDenoiser(checkpoint.unet, SCHEDULE, "v_prediction", y)
    guided = ClassifierFreeGuidance(conditional, 3.0)(x, t)
    away = eps(None) + 3 * (eps(y) - eps(None))
    torch.testing.assert_close(guided, away, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(eps(y), eps(y.expand(2, -1)))


def test_a_condition_is_asked_for_by_names_numbers_or_tensors(checkpoint):
    ask = checkpoint.condition
    assert ask(None) is None and ask("thumbs") == 2 and ask(1) == 1
    afro = {"class": "open-peeps", "head": "afro", "skin": 2, "face": "5"}
    row = [0, 0, 5, -1, 2, -1, -1]
    assert ask(afro).tolist() == [row]
    assert ask({"background": "navy"}).tolist() == [[3, *[-1] * 5, 7]]
    assert ask([afro, "thumbs", 1]).tolist() == [row, [2, *[-1] * 6], [1, *[-1] * 6]]
    given = torch.tensor([row, NULL])
    assert ask(given) is given
    with pytest.raises(ValueError, match="There is no class 5"):
        ask(torch.tensor([[5, *[-1] * 6]]))


def test_what_a_model_cannot_be_asked_for_is_a_list_of_what_it_can(checkpoint, tiny_folder):
    for asked, words in (
        ({"hat": "red"}, "There is no attribute 'hat'; choose from: head, face, accessory, skin"),
        ({"skin": "green"}, "There is no skin 'green'; choose from: pale, light, tan, brown, dark"),
        ({"skin": 5}, "choose from: pale"),
        ({"skin": "-1"}, "choose from: pale"),
        ({"class": "dog"}, "There is no class 'dog'"),
    ):
        with pytest.raises(ValueError, match=words):
            checkpoint.denoiser(asked)
    plain = load_checkpoint(tiny_folder)
    assert plain.condition({"class": "Bag"}) == 8
    assert plain.condition(["Bag", 1]).tolist() == [8, 1]
    with pytest.raises(ValueError, match="no attributes; leave head out"):
        plain.condition({"head": "afro"})
    with pytest.raises(ValueError, match="a class"):
        plain.condition([None])


def test_a_walk_and_its_card_carry_the_attributes(checkpoint):
    asked = SamplingRequest(
        num_images=2,
        label="open-peeps",
        num_steps=3,
        guidance_scale=2.0,
        attributes=(("head", "afro"), ("skin", "tan")),
    )
    end = last(walk(checkpoint, asked)).x_prev
    other = last(walk(checkpoint, dataclasses.replace(asked, attributes=()))).x_prev
    assert not torch.allclose(end, other, atol=1e-3)
    card = RunCard.of(checkpoint, asked, None, end)
    back = RunCard.from_json(card.to_json())
    assert back.walk == asked and hash(back.walk) == hash(asked)
    assert back.compare(checkpoint, last(walk(checkpoint, back.walk)).x_prev).endswith("bit.")
    assert "attributes" not in RunCard.of(checkpoint, SamplingRequest(), None, end).to_json()
    alone = SamplingRequest(num_steps=2, guidance_scale=2.0, attributes=(("skin", "tan"),))
    last(walk(checkpoint, alone))  # an attribute without a class can guide


@pytest.mark.parametrize(
    "attributes",
    ["head", 5, [("head",)], [("head", 1)], [("a", "b"), ("a", "c")], [("class", "b")]],
)
def test_attributes_that_are_no_pairs_are_refused(attributes):
    with pytest.raises(ValueError, match="pairs of a name and a value"):
        SamplingRequest(attributes=attributes)


def test_the_command_line_asks_for_attributes(avatars_folder, tmp_path, monkeypatch, capsys):
    def run(*options):
        monkeypatch.setattr(
            sys,
            "argv",
            [
                "diffusion_core",
                "sample",
                "--model",
                str(avatars_folder),
                "--steps",
                "2",
                *map(str, options),
            ],
        )
        return main(), capsys.readouterr().err

    card, out = tmp_path / "card.json", tmp_path / "o.png"
    asked = ["--label", "open-peeps", "--attribute", "head=afro", "--attribute", "skin = tan"]
    code, error = run(
        *asked,
        "--num",
        1,
        "--threshold",
        "dynamic",
        "--guidance-scale",
        3,
        "--save-card",
        card,
        "--out",
        out,
    )
    assert code == 0, error
    saved = RunCard.from_json(card.read_text()).walk
    assert saved.attributes == (("head", "afro"), ("skin", "tan"))
    assert saved.threshold == "dynamic"
    for wrong, words in (
        ("head", "NAME=VALUE"),
        ("=afro", "NAME=VALUE"),
        ("hat=x", "choose from: head, face"),
        ("skin=x", "choose from: pale, light"),
    ):
        code, error = run("--attribute", wrong, "--out", tmp_path / "no.png")
        assert code == 2 and words in error and len(error.strip().splitlines()) == 1


def test_the_parameters_of_a_network_with_attributes_are_counted_without_making_it():
    unet = UNet(TINY_AVATARS)
    assert num_parameters(TINY_AVATARS) == sum(p.numel() for p in unet.parameters())
