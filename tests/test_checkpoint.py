import json

import pytest
import torch
from conftest import TINY, save_tiny, wake

from diffusion_core.checkpoint import CheckpointConfig, load_checkpoint, save_checkpoint
from diffusion_core.denoiser import ModelDenoiser
from diffusion_core.process import q_sample
from diffusion_core.unet import UNet


def test_a_checkpoint_goes_to_a_folder_and_back(tmp_path):
    unet = wake(UNet(TINY)).eval()
    config = CheckpointConfig(TINY, {"name": "linear", "beta_end": 0.03}, "epsilon")
    save_checkpoint(tmp_path / "m", unet, config)
    assert {p.name for p in (tmp_path / "m").iterdir()} == {
        "config.json",
        "model.safetensors",
        "README.md",
    }
    back = load_checkpoint(tmp_path / "m")
    assert back.config == config and not back.unet.training
    assert back.schedule.betas[-1] == 0.03
    x, t, y = torch.randn(2, 1, 28, 28), torch.tensor([5, 800]), torch.tensor([1, 10])
    with torch.no_grad():
        assert float((back.unet(x, t, y) - unet(x, t, y)).abs().max()) < 1e-2


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample", "velocity"])
def test_eps_hat_and_x0_hat_belong_together(tmp_path, kind):
    c = load_checkpoint(save_tiny(tmp_path / "m", prediction_type=kind))
    x, t = torch.randn(2, 1, 28, 28), torch.tensor([300, 700])
    d = c.denoiser(3)
    eps_hat, x0_hat = d.predict(x, t)
    torch.testing.assert_close(q_sample(x0_hat, t, eps_hat, c.schedule), x, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(d(x, t), eps_hat)


def test_guidance_moves_away_from_the_unconditional_answer(tiny_folder):
    c = load_checkpoint(tiny_folder)
    x, t = torch.randn(3, 1, 28, 28), torch.tensor([100, 500, 900])
    y = torch.tensor([1, 2, 3])
    with torch.no_grad():
        cond = ModelDenoiser(c.unet, c.schedule, "v_prediction", y).predict(x, t)
        none = ModelDenoiser(c.unet, c.schedule, "v_prediction").predict(x, t)
        for w in (0.0, 2.5):
            guided = c.denoiser(y, w).predict(x, t)
            for g, u, k in zip(guided, none, cond, strict=True):
                torch.testing.assert_close(g, u + w * (k - u), rtol=1e-4, atol=1e-4)
        one = c.denoiser(y, 1.0).predict(x, t)
        torch.testing.assert_close(one[0], cond[0])


def test_what_does_not_fit_is_one_sentence(tiny_folder, tmp_path):
    c = load_checkpoint(tiny_folder)
    for bad in (10, -1, "Hat", "3.5"):
        with pytest.raises(ValueError, match="There is no class"):
            c.denoiser(c.label(bad))
    assert c.label("Bag") == 8 and c.label("3") == 3 and c.label(None) is None
    with pytest.raises(ValueError, match="There is no class"):
        c.denoiser(torch.tensor([0, 12]))
    with pytest.raises(ValueError, match="needs a class"):
        c.denoiser(None, 2.0)
    for scale in (-1, 101, float("nan")):
        with pytest.raises(ValueError, match="between 0 and 100"):
            c.denoiser(1, scale)


def test_broken_checkpoints_are_one_sentence(tiny_folder, tmp_path):
    def broken(name, edit):
        folder = tmp_path / name
        folder.mkdir()
        for file in tiny_folder.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        edit(folder)
        with pytest.raises(ValueError, match=r"\.$") as caught:
            load_checkpoint(folder)
        assert "\n" not in str(caught.value) and name in str(caught.value)

    def config(change):
        def edit(folder):
            values = json.loads((folder / "config.json").read_text())
            change(values)
            (folder / "config.json").write_text(json.dumps(values))

        return edit

    broken("no-weights", lambda f: (f / "model.safetensors").unlink())
    broken("no-config", lambda f: (f / "config.json").unlink())
    broken(
        "cut",
        lambda f: (f / "model.safetensors").write_bytes(
            (f / "model.safetensors").read_bytes()[:5000]
        ),
    )
    broken("not-json", lambda f: (f / "config.json").write_text("{"))
    broken("list", lambda f: (f / "config.json").write_text("[]"))
    broken("other", lambda f: (f / "config.json").write_text('{"_class_name": "UNet2DModel"}'))
    broken("schedule", config(lambda v: v["schedule"].update(name="odd")))
    broken("shape", config(lambda v: v["unet"].update(channels=[16, 64])))
    broken("extra", config(lambda v: v["unet"].update(depth=1)))
    broken("classes", config(lambda v: v.update(class_names=["a"])))
    for name in ("nowhere", "no/such-repo", "../up", "/no/such/folder"):
        with pytest.raises(ValueError, match=r"\.$"):
            load_checkpoint(name)


def test_a_diverged_network_is_not_saved(tmp_path):
    unet = UNet(TINY)
    unet.conv_in.weight.data.fill_(1e6)
    with pytest.raises(ValueError, match="half precision"):
        save_checkpoint(tmp_path / "m", unet, CheckpointConfig(TINY, {"name": "linear"}))
    assert not (tmp_path / "m").exists()
