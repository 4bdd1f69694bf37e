"""A UNet as an ONNX graph gives what the UNet gives, and the file says how to walk with it."""

import dataclasses
import json
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from conftest import TINY, TINY_AVATARS, save_tiny_avatars, wake

from diffusion_core.__main__ import main
from diffusion_core.checkpoint import load_checkpoint, shipped_folder
from diffusion_core.denoiser import PREDICTION_TYPES, PREDICTIONS, network_output
from diffusion_core.engines import onnx_graph
from diffusion_core.engines.onnx_export import ESTIMATES
from diffusion_core.process import q_sample
from diffusion_core.schedule import make_schedule
from diffusion_core.unet import UNet

PLAIN = {"num_classes": None, "image_size": (16, 24), "scale_shift": False}
FORMS = {
    "patches, classes": {},
    "attributes": {**dataclasses.asdict(TINY_AVATARS), "image_size": (32, 32)},
    "without a null label": {"null_label": False},
    "no patches, attention everywhere, one head": {
        **PLAIN,
        "patch_size": 1,
        "attention": (True, True),
        "head_dim": None,
    },
    "asymmetric padding, sines first": {
        **PLAIN,
        "downsample_padding": 0,
        "flip_sin_to_cos": False,
        "freq_shift": 1.0,
    },
    "fourier, centred, resnets resample": {
        **PLAIN,
        "time_embedding": "fourier",
        "center_input": True,
        "resample": "resnet",
        "flip_sin_to_cos": False,
    },
    "scaled middle without a norm": {
        "mid_norm_groups": 0,
        "mid_scale": 1.5,
        "attention_up": (True, False),
        "time_dim": 24,
    },
    "no middle attention, mish, an odd first level": {
        "channels": (15, 30),
        "norm_groups": 5,
        "head_dim": 10,
        "mid_attention": False,
        "activation": "mish",
    },
    "gelu": {"activation": "gelu", "blocks_per_level": 2},
    "relu, three levels": {
        "activation": "relu",
        "channels": (16, 16, 32),
        "attention": (False, True, False),
        "image_size": (24, 16),
    },
}


def export(monkeypatch, *options):
    monkeypatch.setattr(sys, "argv", ["diffusion_core", "export", *options])
    return main()


def run(model, **inputs):
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (output,) = session.run(["output"], {k: v.numpy() for k, v in inputs.items()})
    return torch.from_numpy(output)


@pytest.mark.parametrize("form", FORMS)
@torch.no_grad()
def test_the_graph_gives_what_the_network_gives(form):
    unet = wake(UNet(dataclasses.replace(TINY, **FORMS[form])), size=0.1).eval()
    cfg, model = unet.config, onnx_graph(unet)
    onnx.checker.check_model(model, full_check=True)
    for t in ([1], [999, 3, 500]):
        generator = torch.Generator().manual_seed(len(t))
        inputs = {
            "x_t": torch.randn(len(t), *cfg.sample_shape, generator=generator),
            "t": torch.tensor(t),
        }
        if cfg.num_classes is not None:
            last = cfg.num_classes if cfg.null_label else 0
            y = torch.tensor([last, 1, 2])[: len(t)]
            if cfg.attributes:
                values = torch.tensor([[-1, n - 1, 1] for n in cfg.attributes]).T[: len(t)]
                y = torch.cat([y[:, None], values], dim=1)
            inputs["y"] = y
        want = network_output(unet, cfg, *inputs.values())
        got = run(model, **inputs)
        assert want.abs().max() > 0.1
        assert (got - want).abs().max() < 2e-5 * want.abs().max().clamp(min=1)


@torch.no_grad()
def test_in_half_precision_the_weights_of_a_file_are_the_same(tmp_path):
    unet = load_checkpoint(save_tiny_avatars(tmp_path / "peeps")).unet
    whole, half = onnx_graph(unet), onnx_graph(unet, half=True)
    onnx.checker.check_model(half)
    assert half.ByteSize() < 0.6 * whole.ByteSize()
    inputs = {"x_t": torch.randn(1, *unet.config.sample_shape), "t": torch.tensor([300])}
    inputs["y"] = torch.tensor([[1, *[-1] * len(unet.config.attributes)]])
    assert (run(whole, **inputs) == run(half, **inputs)).all()


def test_an_exported_file_walks_by_its_own_card(tmp_path, monkeypatch, capsys):
    model, written = shipped_folder() / "fashion-mnist", tmp_path / "garments.onnx"
    assert export(monkeypatch, "--model", str(model), "--onnx", str(written)) == 0
    assert capsys.readouterr().out.strip() == str(written)
    file = onnx.load(written)
    settings = {each.key: json.loads(each.value) for each in file.metadata_props}
    checkpoint = load_checkpoint(model)
    assert settings["betas"] == checkpoint.schedule.betas.tolist()
    assert settings["weights_sha256"] == checkpoint.weights_hash
    assert settings["class_names"][8] == "Bag"
    card = (tmp_path / "garments.md").read_text(encoding="utf-8")
    assert "| `y` | int64 (B,) | class, 0 to 9 (0 T-shirt, 1 Trouser," in card
    program = card.split("```python\n")[1].split("```")[0].replace("[0] *", "[8] *")
    monkeypatch.chdir(tmp_path)
    walked: dict = {}
    exec(program, walked)
    pictures = walked["pictures"]
    assert pictures.shape == (4, 1, 28, 28)
    # The bags fill the middle of the picture, and leave its corners black.
    assert pictures[:, :, 12:24, 8:20].mean() > 80 > 20 > np.mean(pictures[:, :, :4, :4])


@pytest.mark.parametrize("kind", PREDICTION_TYPES)
def test_the_card_has_both_estimates_of_every_prediction(kind):
    g = torch.Generator().manual_seed(0)
    x0, eps = (torch.randn(1, 2, 2, generator=g) for _ in range(2))
    schedule, t = make_schedule("cosine"), torch.tensor([300])
    names = {
        "x": q_sample(x0, t, eps, schedule),
        "a": float(schedule.alpha_bar(300)),
        "output": PREDICTIONS[kind].target(x0, t, eps, schedule),
    }
    exec(ESTIMATES[kind], names)
    assert torch.allclose(names["x0"], x0, atol=1e-5)
    assert torch.allclose(names["eps"], eps, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "Give either --out FOLDER or --onnx FILE, or"),
        (["--onnx", "a.onnx", "--out", "b"], "or --page FOLDER."),
        (["--page", "b", "--label", "1"], "--label and --keep-classes go with --out"),
        (["--onnx", "a.onnx", "--label", "1"], "--label and --keep-classes go with --out"),
        (["--onnx", "a.pt"], "The file is 'a.pt', and its name must end in .onnx."),
    ],
)
def test_a_file_that_cannot_be_exported_is_refused_in_a_sentence(
    options, sentence, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    save_tiny_avatars(tmp_path / "peeps")
    assert export(monkeypatch, "--model", "peeps", *options) == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.glob("a.*"))
