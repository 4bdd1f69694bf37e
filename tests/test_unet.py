import dataclasses

import pytest
import torch
from conftest import TINY, wake
from diffusers import UNet2DModel
from torch.overrides import TorchFunctionMode

from diffusion_core.denoiser import network_output
from diffusion_core.unet import UNet, UNetConfig, num_parameters

BASE = {
    "image_size": (16, 16),
    "channels": (32, 64),
    "attention": (False, True),
    "head_dim": 8,
    "norm_groups": 8,
    "blocks_per_level": 2,
}
VARIANTS = [
    {},
    {"scale_shift": True},
    {"downsample_padding": 0, "flip_sin_to_cos": False, "freq_shift": 1.0, "norm_eps": 1e-6},
    {"head_dim": None, "attention": (True, False), "mid_attention": True},
    {"attention": (False, False), "blocks_per_level": 1, "in_channels": 1, "out_channels": 1},
    {"time_embedding": "fourier", "flip_sin_to_cos": False},
    {"resample": "resnet", "attention": (True, True)},
    {"num_classes": 9, "null_label": True},
    {"channels": (32, 64, 64), "attention": (False, True, False), "image_size": (16, 24)},
]


def twin(cfg: UNetConfig) -> UNet2DModel:
    """diffusers' network of the same configuration."""
    blocks = [("Attn" if a else "") for a in cfg.attention]
    return UNet2DModel(
        sample_size=cfg.image_size,
        in_channels=cfg.in_channels,
        out_channels=cfg.out_channels,
        time_embedding_type=cfg.time_embedding,
        flip_sin_to_cos=cfg.flip_sin_to_cos,
        freq_shift=int(cfg.freq_shift),
        down_block_types=tuple(f"{b}DownBlock2D" for b in blocks),
        up_block_types=tuple(f"{b}UpBlock2D" for b in reversed(blocks)),
        block_out_channels=cfg.channels,
        layers_per_block=cfg.blocks_per_level,
        downsample_padding=cfg.downsample_padding,
        downsample_type=cfg.resample,
        upsample_type=cfg.resample,
        attention_head_dim=cfg.head_dim,
        norm_num_groups=cfg.norm_groups,
        norm_eps=cfg.norm_eps,
        resnet_time_scale_shift="scale_shift" if cfg.scale_shift else "default",
        num_class_embeds=None if cfg.num_classes is None else cfg.num_classes + cfg.null_label,
        add_attention=cfg.mid_attention,
        attn_norm_num_groups=cfg.norm_groups,
    )


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: ",".join(v) or "base")
def test_weights_and_outputs_agree_with_diffusers(variant):
    cfg = UNetConfig(**{**BASE, **variant})
    theirs, ours = twin(cfg).eval(), UNet(cfg).eval()
    shapes = {k: tuple(v.shape) for k, v in ours.state_dict().items()}
    expected = {k: tuple(v.shape) for k, v in theirs.state_dict().items()}
    if cfg.time_embedding == "fourier":
        expected.pop("time_proj.W", None)
    assert shapes == expected
    wake(theirs)
    ours.load_state_dict({k: v for k, v in theirs.state_dict().items() if k in shapes})
    g = torch.Generator().manual_seed(0)
    x = torch.randn(2, cfg.in_channels, *cfg.image_size, generator=g)
    y = None if cfg.num_classes is None else torch.tensor([0, cfg.num_classes])
    for t in (1, 500, 999):
        with torch.no_grad():
            a = network_output(ours, cfg, x, torch.full((2,), t), y)
            b = theirs(x, torch.full((2,), t), class_labels=y).sample
        assert float((a - b).abs().max()) < 1e-4 * max(1.0, float(b.abs().max()))


def test_configuration_goes_to_json_and_back():
    cfg = UNetConfig(**BASE, num_classes=3)
    assert UNetConfig.from_json(cfg.to_json()) == cfg
    with pytest.raises(ValueError, match="no setting 'depth'"):
        UNetConfig.from_dict({"depth": 3})


@pytest.mark.parametrize("size", [(28, 28), (4, 8), (56, 28)])
def test_any_size_that_the_levels_divide(size):
    unet = UNet(TINY)
    x = torch.randn(1, 1, *size)
    assert unet(x, torch.tensor([3])).shape == x.shape


def test_every_input_reaches_the_output():
    unet = wake(UNet(TINY)).eval()
    x, t, y = torch.randn(2, 1, 28, 28), torch.tensor([10, 10]), torch.tensor([1, 1])
    out = unet(x, t, y)
    assert not torch.allclose(out, unet(x, t + 300, y))
    assert not torch.allclose(out, unet(x, t, y + 1))
    assert not torch.allclose(out, unet(x, t, None))
    assert torch.equal(unet(x, t, None), unet(x, t, torch.tensor([10, 10])))
    torch.testing.assert_close(unet(x[:1], t[:1], y[:1]), out[:1], rtol=1e-4, atol=1e-5)


def test_every_parameter_has_a_gradient():
    unet = wake(UNet(TINY))
    unet(torch.randn(2, 1, 28, 28), torch.tensor([5, 900]), torch.tensor([0, 10])).sum().backward()
    assert [n for n, p in unet.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize(
    ("x", "t", "y"),
    [
        (torch.zeros(1, 1, 30, 28), torch.tensor([1]), None),
        (torch.zeros(1, 3, 28, 28), torch.tensor([1]), None),
        (torch.zeros(1, 28, 28), torch.tensor([1]), None),
        (torch.zeros(2, 1, 28, 28), torch.tensor([1]), None),
        (torch.zeros(1, 1, 28, 28), torch.tensor([1]), torch.tensor([11])),
        (torch.zeros(1, 1, 28, 28), torch.tensor([1]), torch.tensor([-1])),
    ],
)
def test_inputs_that_do_not_fit_are_named(x, t, y):
    with pytest.raises(ValueError, match=r"\.$"):
        UNet(TINY)(x, t, y)


@pytest.mark.parametrize(
    "change",
    [
        {"channels": (30, 64)},
        {"attention": (True,)},
        {"head_dim": 7},
        {"resample": "odd"},
        {"time_embedding": "odd"},
        {"patch_size": 0},
        {"num_classes": 0},
    ],
)
def test_configurations_that_cannot_be_built_are_named(change):
    with pytest.raises(ValueError, match=r"\.$"):
        UNetConfig(**{**BASE, **change})


def test_parameters_are_counted_without_drawing_one():
    filled = []

    class Seen(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            filled.append(function.__name__)
            return function(*args, **kwargs or {})

    config = dataclasses.replace(TINY, attributes=(3, 2), channels=(16, 48))
    want = sum(p.numel() for p in UNet(config).parameters())
    num_parameters.cache_clear()
    with Seen():
        assert num_parameters(config) == want
    assert "empty" in filled
    assert not {"kaiming_uniform_", "uniform_", "normal_"} & set(filled)
