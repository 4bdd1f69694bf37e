"""Point clouds: surfaces drawn by area, shapes, the point-voxel network, training, measures."""

import dataclasses
import io
import json
import math

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from diffusion_core.checkpoint import Checkpoint, load_checkpoint
from diffusion_core.clouds import (
    CATEGORIES,
    CATEGORY_NAMES,
    CloudConfig,
    CloudDataset,
    CloudNetwork,
    CloudNetworkConfig,
    Part,
    Surfaces,
    chamfer_distances,
    cloud_scores,
    cloud_training,
    distances_within,
    draw_recipe,
    learn_clouds,
    load_clouds,
    read_cloud,
    save_clouds,
    seen_from,
    turned,
    view_to_complete,
)
from diffusion_core.clouds.files import _PLY_ORDERS
from diffusion_core.clouds.network import cells, read_at, voxelise
from diffusion_core.clouds.surfaces import (
    ANNULUS,
    FRUSTUM,
    PARALLELEPIPED,
    SPHERE,
    TORUS,
    column,
    upright,
)
from diffusion_core.denoiser import ModelDenoiser
from diffusion_core.generation import RunCard, SamplingRequest, walk
from diffusion_core.samplers import SAMPLERS, sample
from diffusion_core.schedule import make_schedule
from pretrained.recipes import clouds as recipe
from pretrained.recipes import clouds_measured as measured

SMALL = CloudNetworkConfig(
    num_points=32, grids=(4, 2), widths=(8, 16), embedding=16, num_classes=len(CATEGORY_NAMES)
)
MANY = 20_000


def drawn(part: Part, seed: int = 0) -> np.ndarray:
    surfaces = Surfaces.of([[part]])
    generator = torch.Generator().manual_seed(seed)
    return surfaces.draw(torch.zeros(1, dtype=torch.int64), MANY, generator)[0].numpy()


def share(where: np.ndarray, want: float) -> None:
    """A share of the points, within five deviations of what the areas say."""
    assert where.mean() == pytest.approx(want, abs=5 * math.sqrt(want * (1 - want) / MANY))


def test_points_lie_on_their_surface_evenly():
    x, y, z = drawn(Part(SPHERE, (0, 0, 0), numbers=(2.0, -0.5, 1.5))).T
    np.testing.assert_allclose(np.sqrt(x**2 + y**2 + z**2), 2, atol=1e-5)
    share(y > 0.5, 0.5)  # zones of equal height have equal areas
    x, y, z = drawn(Part(FRUSTUM, (0, 0, 0), numbers=(1.0, 0.5, 2.0))).T
    np.testing.assert_allclose(np.hypot(x, z), 1 - y / 4, atol=1e-5)
    share(y < 1, (1 + 0.75) / (2 * 1.5))  # of the lower half, by its mean radius
    x, y, z = drawn(Part(FRUSTUM, (0, 0, 0), numbers=(0.5, 0.5, 2.0))).T
    share(y < 1, 0.5)
    x, y, z = drawn(Part(ANNULUS, (0, 0, 0), numbers=(1.0, 2.0))).T
    assert not y.any()
    share(np.hypot(x, z) < 1.5, (1.5**2 - 1) / 3)
    x, y, z = drawn(Part(TORUS, (0, 0, 0), numbers=(1.0, 0.4, 0.0, math.pi))).T
    np.testing.assert_allclose(np.hypot(np.hypot(x, z) - 1, y), 0.4, atol=1e-5)
    share(np.hypot(x, z) > 1, 0.5 + 0.4 / math.pi)  # the outer half is larger
    assert (z >= -1e-6).all()
    frame = ((3, 0, 1), (0, 1, 0), (0, 0, 2))  # sheared: x moves along z
    points = drawn(Part(PARALLELEPIPED, (1, 0, 0), frame))
    local = (points - (1, 0, 0)) @ np.linalg.inv(np.array(frame, float))
    np.testing.assert_allclose(np.abs(local).max(1), 0.5, atol=1e-5)
    faces = np.array([2.0, 6.0, math.sqrt(10)])  # across x, y, z
    for axis in range(3):
        share(np.abs(np.abs(local[:, axis]) - 0.5) < 1e-5, faces[axis] / faces.sum())


def test_parts_get_points_by_their_area_and_a_frame_keeps_lengths():
    parts = [
        Part(SPHERE, (0, 0, 0), numbers=(1.0, -1.0, 1.0)),
        Part(SPHERE, (9, 0, 0), numbers=(2.0, -2.0, 2.0)),
    ]
    surfaces = Surfaces.of([parts[:1], parts])
    assert surfaces.area[0].tolist() == pytest.approx([4 * math.pi, 0])
    generator = torch.Generator().manual_seed(1)
    points = surfaces.draw(torch.tensor([1]), MANY, generator)[0].numpy()
    share(points[:, 0] > 5, 4 / 5)
    frame = np.array(upright((0.6, 0.0, 0.8)))
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-6)
    x, y, z = drawn(column((0, 0, 0), (0, 0, 3), 0.2, 0.2)).T
    assert z.min() >= 0 and 2.99 < z.max() <= 3.001
    np.testing.assert_allclose(np.hypot(x, y), 0.2, atol=1e-5)


def test_shapes_are_of_every_category_and_what_is_held_out_is_never_trained_on():
    for category in CATEGORIES:
        seen = {draw_recipe(category.name, 0, k).combination for k in range(60)}
        held = {draw_recipe(category.name, 0, k, held_out=True).combination for k in range(20)}
        assert len(seen) > 10 and held and not seen & held
        names = [name for name, _ in category.options]
        assert [n for n, _ in draw_recipe(category.name, 0, 0).options] == names
    assert draw_recipe("chair", 0, 7) == draw_recipe("chair", 0, 7) != draw_recipe("chair", 1, 7)


def test_clouds_are_drawn_anew_in_every_batch_and_the_same_again():
    data = CloudDataset.of(2, num_points=64)
    assert len(data) == 2 * len(CATEGORY_NAMES)
    x, y = data.batch(torch.tensor([0, 5]))
    again, _ = data.batch(torch.tensor([0, 5]))
    other, _ = data.batch(torch.tensor([0, 6]))
    assert x.shape == (2, 64, 3) and x.dtype == torch.float32 and y.tolist() == [0, 2]
    assert torch.equal(x, again) and not torch.equal(x[0], other[0])
    assert x.abs().max() == pytest.approx(1, abs=1e-5)
    middle = (x.amax(1) + x.amin(1)) / 2
    torch.testing.assert_close(middle, torch.zeros(2, 3), atol=1e-5, rtol=0)
    changing = CloudDataset.of(1, num_points=64, fewest=8)
    counts = {len(changing.batch(torch.tensor([k % 6, k // 6]))[0][0]) for k in range(36)}
    assert len(counts) > 10 and 8 <= min(counts) <= 16 and 32 <= max(counts) <= 64
    with pytest.raises(ValueError, match="The fewest points are 1 to 64, got 65"):
        CloudDataset.of(1, num_points=64, fewest=65)
    with pytest.raises(ValueError, match="At least one shape and one point, got 0"):
        CloudDataset.of(0)


def test_a_grid_holds_means_and_gives_back_what_is_linear():
    points = torch.tensor([[[-0.9, -0.9, -0.9], [-0.6, -0.6, -0.6], [0.9, -0.9, 0.1]]])
    grid = voxelise(torch.tensor([[[1.0], [3.0], [5.0]]]), points, 4)
    assert grid.shape == (1, 1, 4, 4, 4) and grid.count_nonzero() == 2
    assert grid[0, 0, 0, 0, 0] == 2 and grid[0, 0, 3, 0, 2] == 5
    centres = (torch.arange(4) - 1.5) / 2
    x, y, z = torch.meshgrid(centres, centres, centres, indexing="ij")
    inside = torch.rand(1, 50, 3, generator=torch.Generator().manual_seed(0)) * 1.5 - 0.75
    read = read_at((x + 10 * y + 100 * z)[None, None], inside)[..., 0]
    torch.testing.assert_close(read, inside @ torch.tensor([1.0, 10, 100]))
    moved = cells(points * 7 + 3)
    torch.testing.assert_close(moved, cells(points))
    assert moved.abs().max() == 1


def test_the_network_knows_no_order_of_points_and_takes_any_number_of_them():
    torch.manual_seed(0)
    network = CloudNetwork(SMALL)
    x, t, y = torch.randn(2, 32, 3), torch.tensor([10, 900]), torch.tensor([0, 4])
    assert not network(x, t, y).any()  # begins at zero
    torch.nn.init.normal_(network.last[-1].weight)
    network.eval()
    out, order = network(x, t, y), torch.randperm(32)
    torch.testing.assert_close(network(x[:, order], t, y), out[:, order], atol=1e-5, rtol=1e-4)
    assert network(x[:, :20], t, y).shape == (2, 20, 3)
    assert not torch.allclose(network(x, t, None), out)
    assert not torch.allclose(network(x, t.flip(0), y), out)
    full = sum(p.numel() for p in CloudNetwork(CloudNetworkConfig(num_classes=6)).parameters())
    assert 1e6 < full <= 2e6  # 4 MB in half precision
    plain = CloudNetwork(dataclasses.replace(SMALL, num_classes=None))
    with pytest.raises(ValueError, match="takes no condition"):
        plain(x, t, y)
    with pytest.raises(ValueError, match="one width for each grid"):
        CloudNetworkConfig(grids=(4,), widths=(8, 16))
    with pytest.raises(ValueError, match="multiples of 8"):
        CloudNetworkConfig(grids=(4,), widths=(12,))


def test_it_learns_goes_on_to_the_bit_and_walks_by_every_sampler(tmp_path):
    data, schedule = CloudDataset.of(1, num_points=32), make_schedule("cosine")
    config = dataclasses.replace(cloud_training(6, batch_size=4), save_every=2)
    whole = [s.loss for s in learn_clouds(data, schedule, config, SMALL)]
    broken = learn_clouds(data, schedule, config, SMALL, folder=tmp_path)
    first = [next(broken).loss for _ in range(5)]  # the last save is that of step 4
    broken.close()
    rest = list(learn_clouds(data, schedule, config, SMALL, folder=tmp_path))
    assert first[:4] + [s.loss for s in rest] == whole
    with pytest.raises(ValueError, match="holds a run with"):
        next(learn_clouds(data, schedule, config, folder=tmp_path))
    denoiser = ModelDenoiser(rest[-1].network.eval(), schedule, config.prediction_type, 3)
    for name in SAMPLERS:
        start = torch.randn(2, 32, 3, generator=torch.Generator().manual_seed(1))
        generator = torch.Generator().manual_seed(2)
        walk = list(sample(denoiser, start, sampler=name, num_steps=3, generator=generator))
        assert len(walk) == 3 and walk[-1].x_prev.shape == start.shape
        assert torch.isfinite(walk[-1].x_prev).all() and walk[-1].x_prev.abs().max() <= 1
    long = dataclasses.replace(cloud_training(60, batch_size=6), learning_rate=5e-3)
    losses = [s.loss for s in learn_clouds(data, schedule, long, SMALL)]
    assert sum(losses[-15:]) < 0.9 * sum(losses[:15])


def test_the_measures_tell_sets_apart_as_far_as_they_are():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 5, 30, 3, generator=generator)
    by_hand = torch.stack(
        [
            torch.stack(
                [(d := torch.cdist(x, y) ** 2).amin(0).mean() + d.amin(1).mean() for y in b]
            )
            for x in a
        ]
    )
    torch.testing.assert_close(chamfer_distances(a, b), by_hand, atol=1e-5, rtol=1e-4)
    within = distances_within(a)
    assert within.diagonal().isinf().all()
    torch.testing.assert_close(
        within.fill_diagonal_(0), chamfer_distances(a, a).fill_diagonal_(0), atol=1e-5, rtol=1e-4
    )
    assert cloud_scores(a, b) == cloud_scores(a, b, distances_within(b))
    far = cloud_scores(a, a + 100)
    assert far.accuracy == 1 and far.matching > 1e4
    data = CloudDataset.of(12, num_points=128)
    mugs = torch.arange(48, 60)
    x, again = data.batch(mugs)[0], data.batch(mugs.flip(0))[0].flip(0)  # the same, drawn twice
    near = cloud_scores(again, x)
    assert near.coverage > 0.7 and near.accuracy < 0.3  # each has its twin in the other set
    chairs = data.batch(torch.arange(12))[0]
    assert cloud_scores(chairs, x).accuracy > 0.9
    with pytest.raises(ValueError, match="At least two clouds"):
        cloud_scores(a[:1], b)
    with pytest.raises(ValueError, match="Two sets of clouds"):
        chamfer_distances(a, b[..., :2])


def test_the_recipe_trains_and_goes_on(tmp_path):
    app = typer.Typer()
    app.command()(recipe.main)
    line = ["--out", str(tmp_path), "--steps", "2", "--shapes", "1", "--points", "16"]
    done = CliRunner().invoke(app, [*line, "--batch-size", "2", "--say-every", "1"])
    assert done.exit_code == 0 and "step 2 of 2: loss" in done.output
    again = CliRunner().invoke(app, [*line, "--batch-size", "2"])
    assert again.exit_code == 0 and "step" not in again.output  # it has come to its end
    loaded = load_clouds(tmp_path)
    assert loaded.sample_shape == (16, 3) and loaded.config.class_names == CATEGORY_NAMES
    with pytest.raises(ValueError, match="makes no images"):
        loaded.image_shape  # noqa: B018
    with pytest.raises(ValueError, match="cannot be used: its config.json is not of the form"):
        load_checkpoint(tmp_path)


def test_a_folder_holds_the_network_and_a_broken_one_is_one_sentence(tmp_path):
    torch.manual_seed(0)
    network, folder = CloudNetwork(SMALL).eval(), tmp_path / "clouds"
    for p in network.parameters():
        torch.nn.init.normal_(p, std=0.1)
    noise = {"name": "cosine", "num_train_timesteps": 50}
    config = CloudConfig(SMALL, noise, class_names=CATEGORY_NAMES, dataset="a few")
    save_clouds(folder, network, config)
    loaded = load_clouds(folder)
    assert loaded.config == config and loaded.name == "clouds" and len(loaded.schedule) == 50
    x, t = torch.randn(2, 32, 3), torch.tensor([3, 30])
    want = network(x, t, torch.tensor([1, 1]))
    torch.testing.assert_close(loaded.network(x, t, torch.tensor([1, 1])), want, atol=2e-2, rtol=0)
    assert loaded.denoiser("lamp", 2.0).predict(x, t)[0].shape == x.shape
    text = (folder / "config.json").read_text()
    for change, words in (
        (("(8, 16)", "(8, 16)"), None),
        (('"cosine"', '"no such"'), "schedule"),
        (('"grids": [\n      4', '"grids": [\n      999'), "network.grids"),
        (('"widths": [\n      8', '"widths": [\n      24'), "where .* is expected"),
        (('"lamp",', ""), "its class_names are 5, and must be 6"),
    ):
        (folder / "config.json").write_text(text.replace(*change))
        if words is None:
            assert load_clouds(folder).config == config
            continue
        with pytest.raises(ValueError, match=f"^The checkpoint clouds cannot be used: .*{words}"):
            load_clouds(folder)
    (folder / "config.json").write_text(text)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(ValueError, match="The checkpoint clouds is broken"):
        load_clouds(folder)
    weights.unlink()
    with pytest.raises(ValueError, match="lacks model.safetensors"):
        load_clouds(folder)


def test_a_camera_sees_the_front_of_a_shape_and_its_view_can_be_completed():
    sphere = torch.from_numpy(drawn(Part(SPHERE, (0, 0, 0), numbers=(1.0, -1.0, 1.0)))).float()
    seen = seen_from(sphere[:1000], 90, 0, sphere)  # from +x
    assert 0.35 < seen.float().mean() < 0.55
    assert sphere[:1000][seen][:, 0].min() > -0.3 and sphere[:1000][~seen][:, 0].max() < 0.45
    torch.testing.assert_close(turned(torch.tensor([1.0, 0, 0]), 90, 0), torch.tensor([0.0, 0, 1]))
    above = turned(torch.tensor([0.0, 1, 0]), 0, 90)
    torch.testing.assert_close(above, torch.tensor([0.0, 0, 1]))
    plane = torch.rand(400, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    hidden = plane * torch.tensor([1, 1, 0.01]) - torch.tensor([0, 0, 1])
    behind = seen_from(hidden, 0, 0, torch.cat([sphere * 1.5, hidden]))
    assert behind.float().mean() < 0.03
    generator = torch.Generator().manual_seed(0)
    given = view_to_complete(sphere[:1000], 90, 0, 64, generator, sphere)
    assert given.picture.shape == given.mask.shape == (1, 64, 3)
    assert given.mask.sum() == 3 * 32 and (given.picture[0, 32:] == 0).all()
    network = CloudNetwork(dataclasses.replace(SMALL, num_points=64)).eval()
    noise = {"name": "cosine", "num_train_timesteps": 50}
    config = CloudConfig(network.config, noise, class_names=CATEGORY_NAMES)
    model = Checkpoint(network, make_schedule("cosine", 50), config, "clouds", "0" * 64)
    request = SamplingRequest(2, "mug", "ddpm", 4, seed=3, resample=1)
    *_, step = walk(model, request, given)
    kept = step.x_prev[:, :32]
    assert torch.equal(kept, given.picture[:, :32].expand_as(kept))
    assert not torch.equal(step.x_prev[0, 32:], step.x_prev[1, 32:])
    # Its run card carries the points, and walks the same again, to the bit.
    card = RunCard.from_json(RunCard.of(model, request, given, step.x_prev).to_json())
    assert torch.equal(card.given.picture, given.picture)
    assert torch.equal(card.given.mask, given.mask)
    card.check(model)
    *_, again = walk(model, card.walk, card.given)
    assert card.compare(model, again.x_prev) == "The replay's result is the same, to the bit."
    values = json.loads(card.to_json())
    values["given"]["points"] = values["given"]["points"][:-9]
    with pytest.raises(ValueError, match=r"its given.points must be float32 \(N, 3\)"):
        RunCard.from_json(json.dumps(values))


def ply(order: str, points: np.ndarray) -> bytes:
    """A PLY file with a colour and a face beside the points."""
    head = f"ply\nformat {order} 1.0\ncomment of a test\nelement vertex {len(points)}\n"
    head += "property float x\nproperty double y\nproperty float z\nproperty uchar red\n"
    head += "element face 1\nproperty list uchar int vertex_indices\nend_header\n"
    if order == "ascii":
        rows = [f"{x} {y} {z} 7\n" for x, y, z in points]
        return (head + "".join(rows) + "3 0 1 2\n").encode()
    e = "<" if "little" in order else ">"
    kind = [("x", e + "f4"), ("y", e + "f8"), ("z", e + "f4"), ("red", "u1")]
    rows = np.array([(*p, 7) for p in points], dtype=kind)
    return head.encode() + rows.tobytes() + b"\x03" + bytes(12)


def test_a_cloud_of_ones_own_is_read_in_every_format_and_bad_ones_are_one_sentence(tmp_path):
    points = np.random.default_rng(0).normal(size=(50, 3)).round(3) * 40 + 300
    low, high = points.min(0), points.max(0)
    want = torch.from_numpy((points - (low + high) / 2) / ((high - low).max() / 2)).float()
    array = io.BytesIO()
    np.save(array, points.astype(np.float32))
    text = "# a comment\n" + "".join(f"{x} {y} {z} 0.5\n" for x, y, z in points)
    good = {f"{order}.ply": ply(order, points) for order in ("ascii", *_PLY_ORDERS)}
    for name, data in {**good, "a.XYZ": text.encode(), "a.npy": array.getvalue()}.items():
        (tmp_path / name).write_bytes(data)
        torch.testing.assert_close(read_cloud(tmp_path / name), want, atol=1e-4, rtol=0)
    pickled, flat, large = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.save(pickled, np.array([[{}, 1, 2]], dtype=object), allow_pickle=True)
    np.save(flat, np.zeros((50, 2)))
    np.save(large, np.zeros((10_001, 3), np.int8))
    many = ply("ascii", points).replace(b"vertex 50", b"vertex 999999999999")
    binary = ply("binary_little_endian", points)
    for name, data, words in (
        ("a.obj", b"v 0 0 0", "A cloud is a file .ply, .xyz or .npy"),
        ("a.ply", b"ply\nnothing", "needs vertices with x, y and z"),
        ("a.ply", many, "has 999,999,999,999 points; 10,000 are the most"),
        ("a.ply", binary[:-900], "needs vertices with x, y and z"),
        ("a.ply", ply("ascii", points).replace(b"float z", b"float w"), "needs vertices"),
        ("a.ply", binary.replace(b"float x", b"list uchar float x"), "needs vertices"),
        ("a.ply", ply("ascii", points).replace(b"vertex 50", b"vertex -4"), "needs vertices"),
        ("a.xyz", b"1 2 three\n" * 30, "needs three numbers in each line"),
        ("a.xyz", b"1 2\n" * 30, "needs three numbers in each line"),
        ("a.xyz", b"1 2 3\n" * 10_001, "10,001 points; 10,000 are the most"),
        ("a.xyz", b"1 2 3\n" * 30, "All points of the cloud lie in one place"),
        ("a.xyz", b"1 2 3\n2 3 4\n", "has 2 points; it needs 16 at least"),
        ("a.xyz", text.encode() + b"nan 0 0\n", "no finite number"),
        ("a.npy", pickled.getvalue(), r"an array \(N, 3\) of numbers"),
        ("a.npy", flat.getvalue(), r"an array \(N, 3\) of numbers"),
        ("a.npy", large.getvalue(), "10,001 points"),
        ("a.npy", array.getvalue()[:-4], r"an array \(N, 3\) of numbers"),
        ("a.npy", b"", r"an array \(N, 3\) of numbers"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=words):
            read_cloud(tmp_path / name)
    with pytest.raises(ValueError, match="cannot be read; choose it again"):
        read_cloud(tmp_path / "none.npy")


def test_what_was_measured_ships_with_its_table_and_goes_on_where_it_was_interrupted(
    tmp_path, monkeypatch
):
    torch.manual_seed(0)
    network, trained = CloudNetwork(SMALL), tmp_path / "trained"
    noise = {"name": "cosine", "num_train_timesteps": 50}
    facts = {"steps": 7, "command": "a command"}
    config = CloudConfig(SMALL, noise, class_names=CATEGORY_NAMES, dataset="few", training=facts)
    save_clouds(trained, network, config)
    app = typer.Typer()
    app.command()(measured.main)
    line = [str(trained), str(tmp_path / "shipped"), "--clouds", "6", "--points", "32"]
    done = CliRunner().invoke(app, [*line, "--steps", "2"])
    assert done.exit_code == 0 and "chair {'made': " in done.output, done.output
    values = json.loads((tmp_path / "shipped" / "results.json").read_text())
    assert [row[0] for row in values["rows"]] == list(CATEGORY_NAMES)
    assert {len(row) for row in values["rows"]} == {len(values["columns"])}
    means = {
        name: sum(figures[name]["matching"] for figures in values["figures"].values()) / 6
        for name in ("training", "noise", "made")
    }
    assert means["training"] < 0.9 * means["noise"] and means["training"] < 0.9 * means["made"]
    text = (tmp_path / "shipped" / "README.md").read_text()
    assert "| chair | " in text and "7 steps by `a command`" in text and "at most 70 %" in text
    shipped = load_clouds(tmp_path / "shipped")
    assert shipped.config.sampling == {"sampler": "ddpm", "num_steps": 2}
    assert shipped.weights_hash == load_clouds(trained).weights_hash
    # Again: nothing is measured anew; with other settings all is.
    asked = []
    monkeypatch.setattr(measured, "measure", lambda *a: asked.append(a) or values["figures"]["mug"])
    assert CliRunner().invoke(app, [*line, "--steps", "2"]).exit_code == 0 and not asked
    assert CliRunner().invoke(app, [*line, "--steps", "3"]).exit_code == 0 and len(asked) == 6
