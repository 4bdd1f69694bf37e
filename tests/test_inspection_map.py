"""The map of a network and what is recorded of its blocks: all of it is the network's own."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from diffusion_core.inspection import look_inside, network_map, record_activations
from diffusion_core.unet import Attention, ResnetBlock, UNet, UNetConfig

SMALL = {"channels": (8, 16), "norm_groups": 4, "head_dim": 8, "attention": (False, True)}
CONFIGS = {
    "plain": {"image_size": (16, 16), **SMALL},
    "patches, classes, attributes": {
        "image_size": (16, 24),
        "patch_size": 2,
        "num_classes": 3,
        "attributes": (2, 4),
        "blocks_per_level": 1,
        **SMALL,
    },
    "as imported": {
        "image_size": (16, 16),
        "resample": "resnet",
        "time_embedding": "fourier",
        "downsample_padding": 0,
        "scale_shift": True,
        "mid_scale": 2.0,
        "attention_up": (True, False),
        **SMALL,
    },
    "asymmetric padding, a label that must be there": {
        "image_size": (8, 8),
        "downsample_padding": 0,
        "num_classes": 2,
        "null_label": False,
        **SMALL,
    },
}


@pytest.fixture(params=[*CONFIGS])
def network(request):
    torch.manual_seed(0)
    made = UNet(UNetConfig(**CONFIGS[request.param])).eval()
    for parameter in made.parameters():  # no branch is zero
        nn.init.normal_(parameter, std=0.2)
    return made


def inputs(network):
    """x_t, t and y as the network takes them."""
    config = network.config
    generator = torch.Generator().manual_seed(1)
    x_t = torch.randn((1, *config.sample_shape), generator=generator)
    y = torch.tensor([1]) if config.num_classes and not config.null_label else None
    return x_t, torch.tensor([300]), y


def hooked(network, names, x_t, t, y):
    """Inputs and outputs of modules, by hooks on a deep copy."""
    seen = {}
    twin = copy.deepcopy(network)
    for name in names:
        twin.get_submodule(name).register_forward_hook(
            lambda _, given, out, name=name: seen.update({name: (given[0], out.clone())})
        )
    if network.config.time_embedding == "fourier":
        t = torch.log(t.float())
    with torch.inference_mode():
        twin(x_t, t, y)
    return seen


def test_the_map_is_the_networks_own(network):
    drawn = network_map(network)
    by_name = {b.name: b for b in drawn.blocks}
    assert len(by_name) == len(drawn.blocks)
    assert sum(b.parameters for b in drawn.blocks) == sum(p.numel() for p in network.parameters())
    seen = hooked(network, by_name, *inputs(network))
    for name, block in by_name.items():
        assert block.resolution == (seen[name][1].shape[2:] if block.resolution else None)
        assert block.channels == seen[name][1].shape[1]
        assert block.seconds > 0
    conv = network.conv_in
    h, w = by_name["conv_in"].resolution
    assert by_name["conv_in"].multiply_adds == conv.weight.numel() * h * w
    kinds = {m: by_name[n].kind for n, m in network.named_modules() if n in by_name}
    assert all(kinds[m] == "attention" for m in kinds if isinstance(m, Attention))
    residual = [m for m in network.modules() if isinstance(m, ResnetBlock)]
    assert all(kinds[m] == (m.resample or "residual") for m in residual)
    # Attention counts its two products beside its four linear layers.
    attention = next(b for b in drawn.blocks if b.kind == "attention")
    n, C = attention.resolution[0] * attention.resolution[1], attention.channels
    assert attention.multiply_adds == 4 * n * C * C + 2 * n * n * C
    levels = {b.level for b in drawn.blocks if b.way == "down"}
    assert levels == {b.level for b in drawn.blocks if b.way == "up"} == {0, 1}
    assert {b.level for b in drawn.blocks if b.way == "middle"} == {1}


def test_a_skip_is_the_output_of_its_first_block_and_an_input_of_its_second(network):
    drawn = network_map(network)
    seen = hooked(network, [b.name for b in drawn.blocks], *inputs(network))
    up = [b for b in drawn.blocks if b.way == "up" and b.kind == "residual"]
    assert len(drawn.skips) == len(up)
    for first, second in drawn.skips:
        kept, got = seen[drawn.blocks[first].name][1], seen[drawn.blocks[second].name][0]
        assert torch.equal(got[:, -kept.shape[1] :], kept)


def test_what_is_recorded_is_what_hooks_on_the_network_see(network):
    x_t, t, y = inputs(network)
    drawn = network_map(network)
    names = [b.name for b in drawn.blocks]
    ends = {
        n: f"{n}.conv2" if isinstance(network.get_submodule(n), ResnetBlock) else f"{n}.to_out.0"
        for n in names
        if isinstance(network.get_submodule(n), ResnetBlock | Attention)
    }
    seen = hooked(network, [*names, *ends.values()], x_t, t, y)
    for block in drawn.blocks:
        got = record_activations(network, x_t, t, y, block.name, pixel=(0.0, 0.99))
        given, out = seen[block.name]
        assert got.shape == tuple(out.shape[1:])
        assert got.goes_on == pytest.approx(out.square().mean().sqrt().item(), rel=1e-5)
        if block.resolution is None:
            np.testing.assert_array_equal(got.vector, out[0].numpy())
            continue
        np.testing.assert_allclose(got.maps, out[0, list(got.channels)].numpy(), atol=1e-6)
        assert list(got.deviations) == sorted(got.deviations, reverse=True)
        assert got.comes_in == pytest.approx(given.square().mean().sqrt().item(), rel=1e-5)
        if block.name in ends:
            branch = seen[ends[block.name]][1].square().mean().sqrt().item()
            assert got.adds == pytest.approx(branch, rel=1e-5)
        assert all(n.before.sum() == pytest.approx(1) for n in got.norms)
        if got.arithmetic is not None:
            sum_ = got.arithmetic
            h, w = out.shape[2:] if block.kind in ("in", "out", "down", "up") else given.shape[2:]
            assert sum_.value == pytest.approx(sum_.sums.sum() + sum_.bias, rel=1e-5, abs=1e-5)
            if block.kind in ("in", "out"):
                assert sum_.value == float(out[0, sum_.channel, 0, w - 1])
    assert any(record_activations(network, x_t, t, y, n).look for n in names)


def test_the_weights_of_an_attention_make_its_output(network):
    x_t, t, y = inputs(network)
    block = next(b for b in network_map(network).blocks if b.kind == "attention")
    got = record_activations(network, x_t, t, y, block.name, pixel=(0.3, 0.6)).look
    v, out = f"{block.name}.to_v", f"{block.name}.to_out.0"
    seen = hooked(network, [v, out], x_t, t, y)
    heads = got.weights.shape[0]
    values = seen[v][1][0].view(-1, heads, block.channels // heads).numpy()
    mixed = np.einsum("hn,nhd->hd", got.weights.reshape(heads, -1), values).reshape(-1)
    place = got.pixel[0] * block.resolution[1] + got.pixel[1]
    np.testing.assert_allclose(mixed, seen[out][0][0, place].numpy(), atol=1e-5)


def test_the_components_are_those_of_a_singular_value_decomposition(network):
    x_t, t, y = inputs(network)
    got = record_activations(network, x_t, t, y, "conv_in")
    points = hooked(network, ["conv_in"], x_t, t, y)["conv_in"][1][0].flatten(1).T
    values = torch.linalg.svdvals((points - points.mean(dim=0)).double()).square()
    np.testing.assert_allclose(got.explained, (values / values.sum())[:3], rtol=1e-4)
    assert got.components.shape == (*got.maps.shape[1:], 3)
    assert got.components.min() == 0 and got.components.max() == 255


def test_looking_changes_no_bit_and_leaves_no_hook(network):
    x_t, t, y = inputs(network)
    t = t.float().log() if network.config.time_embedding == "fourier" else t
    with torch.inference_mode():
        before = network(x_t, t, y)
        got, pictures, opened = look_inside(
            network, lambda twin: twin(x_t, t, y), block="up_blocks.0.resnets.0"
        )
        assert torch.equal(before, got) and torch.equal(before, network(x_t, t, y))
    drawn = network_map(network)
    assert {*pictures} == {b.name for b in drawn.blocks if b.resolution}
    assert opened.name == "up_blocks.0.resnets.0"
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
    with pytest.raises(ValueError, match="has no block nowhere"):
        look_inside(network, lambda twin: None, block="nowhere")


def test_large_maps_are_kept_small():
    config = UNetConfig(image_size=(128, 96), **{**SMALL, "channels": (32, 32)})
    network = UNet(config).eval()
    x_t, t, y = inputs(network)
    got = record_activations(network, x_t, t, y, "down_blocks.0.resnets.0")
    assert got.shape == (32, 128, 96) and got.maps.shape == (24, 64, 48)
    assert got.components.shape == (64, 48, 3)
