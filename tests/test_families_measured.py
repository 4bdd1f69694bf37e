"""Precision and recall, and the table of families, on sets whose answers are known."""

from __future__ import annotations

import pytest
import torch
from test_families_pictures import TINY, two_halves

from diffusion_core.evaluation import (
    FamilyResults,
    Judge,
    compare_families,
    families_in,
    family_results,
    precision_recall,
    save_family_results,
)
from diffusion_core.families import FamilyTraining, fit_family, picture_family
from diffusion_core.publishing import write_family_cards


def normal(count, seed, shift=0.0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return shift + scale * torch.randn(count, 4, generator=generator)


def test_precision_and_recall_of_sets_made_by_hand():
    real = torch.arange(5.0)[:, None]  # with k = 1 each ball has the radius 1: [-1, 5] in all
    samples = torch.tensor([[0.5], [2.2], [9.0], [9.5]])
    # Balls of the samples: 0.5 ± 1.7, 2.2 ± 1.7, 9 ± 0.5, 9.5 ± 0.5: 0 to 3 lie within, 4 not.
    assert precision_recall(samples, real, k=1) == (0.5, 0.8)
    # With k = 3 the inner ones have the radius 2, the outer ones 3.
    assert precision_recall(torch.tensor([[-3.0], [-3.1], [7.0], [100.0]]), real).precision == 0.5


def test_equal_sets_have_both_and_strangers_neither():
    real = normal(300, 0)
    assert precision_recall(real, real) == (1, 1)
    assert precision_recall(normal(300, 1, shift=50.0), real) == (0, 0)
    same = precision_recall(normal(300, 1), real)
    assert min(same) > 0.6 and same.precision == pytest.approx(same.recall, abs=0.12)


def test_one_good_picture_again_and_again_has_precision_without_recall():
    real = normal(300, 0)
    one = real.mean(0) + normal(300, 1, scale=0.01)
    of_one = precision_recall(one, real)
    assert of_one.precision == 1 and of_one.recall < 0.05
    wide = precision_recall(normal(300, 1, scale=4.0), real)  # diversity without quality
    assert wide.precision < 0.2 and wide.recall > 0.9


@pytest.mark.parametrize(
    ("samples", "real", "k"),
    [((5, 2), (5, 3), 3), ((3, 2), (9, 2), 3), ((5,), (5,), 3), ((5, 2), (5, 2), 0)],
)
def test_what_has_no_neighbours_is_refused(samples, real, k):
    with pytest.raises(ValueError, match="Need"):
        precision_recall(torch.zeros(samples), torch.zeros(real), k)


def test_families_are_measured_side_by_side_and_written(tmp_path):
    data = two_halves(40)
    for kind in ("vae", "flow", "gan"):
        settings = FamilyTraining(steps=1, batch=4)
        list(fit_family(picture_family(kind, TINY), data, settings, tmp_path / kind, "how"))
    families = families_in(tmp_path)
    torch.manual_seed(0)
    judge = Judge(1, 2).eval()
    rows = list(compare_families(families, None, judge, data, data, num=20))
    names = ["training images", "GAN", "VAE", "normalizing flow"]
    assert [row.name for row in rows] == names
    # 1 step of training: a flow begins near the uniform density of 8 bits, and the GAN has none.
    assert [row.bits_per_dimension is None for row in rows] == [True, True, False, False]
    assert 5 < rows[3].bits_per_dimension < 9
    assert all(row.evaluations == 1 and row.milliseconds_per_image > 0 for row in rows[1:])
    assert rows[1].parameters == picture_family("gan", TINY).num_parameters
    results = family_results("halves", rows)
    save_family_results(tmp_path, results)
    text = (tmp_path / "results.json").read_text(encoding="utf-8")
    assert FamilyResults.from_json(text) == results
    with pytest.raises(ValueError, match="not of the form"):
        FamilyResults.from_json("{}")
    write_family_cards(tmp_path, families, results)
    for card in ("README.md", "gan/README.md", "flow/README.md"):
        assert results.table() in (tmp_path / card).read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="num must be from 10 to 40"):
        next(compare_families(families, None, judge, data, data, num=41))
    with pytest.raises(ValueError, match="holds none of the folders gan, vae, flow"):
        families_in(tmp_path / "gan")
