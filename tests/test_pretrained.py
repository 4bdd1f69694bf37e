"""What ships is what it claims to be."""

import json
from pathlib import Path

import pytest
import torch
from conftest import last, save_tiny

from diffusion_core.checkpoint import CARD, RESULTS, TABLE_BEGIN, TABLE_END, load_checkpoint
from diffusion_core.data import load_dataset
from diffusion_core.evaluation import (
    JudgeFacts,
    best_value,
    judged,
    load_judge,
    read_results,
    results_markdown,
    rights,
)
from diffusion_core.generation import SamplingRequest, walk
from pretrained.recipes.ship import ship

ROOT = Path(__file__).parents[1] / "pretrained"


@pytest.fixture(scope="module")
def shipped():
    return load_checkpoint(ROOT / "fashion-mnist")


def test_the_shipped_checkpoint_is_small_and_complete(shipped):
    weights = ROOT / "fashion-mnist" / "model.safetensors"
    assert weights.stat().st_size <= 10 * 1024 * 1024
    assert sum(p.numel() for p in shipped.unet.parameters()) <= 5_200_000
    assert shipped.config.class_names[8] == "Bag"
    assert shipped.config.dataset == "fashion-mnist"
    assert "--dataset fashion-mnist" in shipped.config.training["command"]
    card = (ROOT / "fashion-mnist" / "README.md").read_text(encoding="utf-8")
    assert "| ddim 25 |" in card and shipped.weights_hash[:12] in card


@pytest.fixture(scope="module")
def avatars():
    return load_checkpoint(ROOT / "avatars")


def test_the_model_in_colour_is_small_complete_and_guided(avatars):
    weights = ROOT / "avatars" / "model.safetensors"
    assert weights.stat().st_size <= 10 * 1024 * 1024
    assert sum(p.numel() for p in avatars.unet.parameters()) <= 5_200_000
    assert avatars.image_shape == (3, 64, 64) and avatars.config.dataset == "avatars"
    assert avatars.config.class_names == ("open-peeps", "pixel-art", "thumbs")
    names = [name for name, _ in avatars.config.attribute_names]
    assert names == ["head", "face", "accessory", "skin", "clothing", "background"]
    assert "--dataset avatars" in avatars.config.training["command"]
    assert avatars.weights_hash[:12] in (ROOT / "avatars" / "README.md").read_text("utf-8")


def test_shipping_keeps_the_card_and_what_suits_the_model(tmp_path):
    trained, shipped = save_tiny(tmp_path / "trained", seed=2), tmp_path / "shipped"
    (trained / RESULTS).write_text("measured")
    ship(trained, shipped)
    assert load_checkpoint(shipped).weights_hash == load_checkpoint(trained).weights_hash
    assert (shipped / RESULTS).read_text() == "measured"
    suits = json.loads((shipped / "config.json").read_text()) | {"sampling": {"label": "Bag"}}
    (shipped / "config.json").write_text(json.dumps(suits))
    (shipped / "README.md").write_text("What it is.")
    later = save_tiny(tmp_path / "later", seed=3)
    (later / RESULTS).write_text("measured later")
    ship(later, shipped)
    found = load_checkpoint(shipped)
    assert found.weights_hash == load_checkpoint(later).weights_hash
    assert found.config.sampling == {"label": "Bag"}
    assert (shipped / "README.md").read_text() == "What it is."
    assert (shipped / RESULTS).read_text() == "measured"  # the card's, not believed any more


@pytest.mark.parametrize("name", ["avatars", "fashion-mnist"])
def test_the_tables_of_the_cards_are_rendered_from_the_results(name):
    card = (ROOT / name / CARD).read_text(encoding="utf-8")
    found = read_results(ROOT / name, load_checkpoint(ROOT / name).weights_hash)
    assert (ROOT / name / RESULTS).read_text(encoding="utf-8") == found.to_json()
    body = card.partition(TABLE_BEGIN)[2].partition(TABLE_END)[0]
    assert body == f"\n{results_markdown(found)}\n"
    judge = "judge-avatars" if name == "avatars" else "judge"
    facts = json.loads((ROOT / judge / "config.json").read_text(encoding="utf-8"))
    assert found.judge == JudgeFacts.of(facts)


@pytest.mark.parametrize("name", ["avatars", "fashion-mnist"])
def test_the_defaults_are_those_of_the_results(name):
    checkpoint = load_checkpoint(ROOT / name)
    found = read_results(ROOT / name, checkpoint.weights_hash)
    sampling, best = checkpoint.config.sampling, best_value(found)
    assert best is not None
    assert (sampling["sampler"], sampling["num_steps"]) == (best.sampler, best.num_steps)
    assert sampling["guidance_scale"] == best.guidance_scale
    assert sampling.get("spacing", "trailing") == best.spacing
    assert len(found.samplers) >= 10


def test_ten_evaluations_come_close_to_the_best_of_the_table(avatars):
    rows = read_results(ROOT / "avatars", avatars.weights_hash).samplers
    ten = min(r.frechet_distance for r in rows if r.num_evaluations <= 10)
    assert ten <= 1.15 * min(r.frechet_distance for r in rows)


def test_avatars_show_what_they_are_asked_for(avatars):
    judge = load_judge(ROOT / "judge-avatars")
    asked = [
        {
            "class": "open-peeps",
            "head": "afro",
            "face": "smileBig",
            "accessory": "glasses",
            "skin": "brown",
            "clothing": "yellow",
            "background": "navy",
        },
        {
            "class": "open-peeps",
            "head": "long",
            "face": "calm",
            "accessory": "none",
            "skin": "pale",
            "clothing": "green",
            "background": "rose",
        },
        {"class": "pixel-art", "skin": "dark", "clothing": "red", "background": "mint"},
        {"class": "thumbs", "background": "sky"},
    ]
    names = ["class", *(name for name, _ in avatars.config.attribute_names)]
    own = avatars.config.sampling
    right = total = 0.0
    for wanted in asked:
        settings = SamplingRequest(
            num_images=4,
            label=wanted["class"],
            sampler=own["sampler"],
            seed=3,
            num_steps=own["num_steps"],
            guidance_scale=own["guidance_scale"],
            spacing=own["spacing"],
            attributes=tuple((k, v) for k, v in wanted.items() if k != "class"),
        )
        end = last(walk(avatars, settings)).x_prev.clamp(-1, 1)
        said = avatars.condition(settings.condition).expand(4, -1)
        shown = rights(judged(judge, end)[1], said)
        shares = [float(x) for name, x in zip(names, shown, strict=True) if name in wanted]
        right, total = right + sum(shares), total + len(shares)
    assert right / total >= 0.9


def test_the_judge_knows_the_embedded_pictures():
    data = load_dataset("fashion-mnist-2000")
    x, y = data.batch(torch.arange(len(data)))
    assert json.loads((ROOT / "judge" / "config.json").read_text())["test_accuracy"] >= 0.92
    assert float((judged(load_judge(ROOT / "judge"), x)[1] == y).float().mean()) > 0.9


def test_the_judge_of_avatars_reads_what_the_embedded_ones_are():
    folder = ROOT / "judge-avatars"
    facts = json.loads((folder / "config.json").read_text())
    assert min(facts["attributes"].values()) >= 0.99  # of held-out combinations
    data = load_dataset("avatars-3000")
    indices = torch.arange(0, len(data), 10)
    seen = judged(load_judge(folder), data.batch(indices)[0])[1]
    assert rights(seen, data.conditions(indices)).min() >= 0.97


def test_the_shipped_model_makes_the_garment_it_is_asked_for(shipped):
    judge = load_judge(ROOT / "judge")
    right = 0
    for label in (1, 8, 9):
        end = last(
            walk(
                shipped,
                SamplingRequest(num_images=8, label=label, num_steps=10, sampler="dpmpp_2m"),
            )
        )
        right += int((judged(judge, end.x_prev.clamp(-1, 1))[1] == label).sum())
    assert right >= 20  # of 24; an untrained network has about 2
