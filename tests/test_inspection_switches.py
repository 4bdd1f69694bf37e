"""Parts of a network taken away: exact, apart from everybody else, and on run cards."""

from __future__ import annotations

import dataclasses
import json
import threading
from pathlib import Path

import pytest
import torch
from conftest import TINY, TINY_AVATARS, last, save_tiny, wake
from torch import Tensor, nn

from diffusion_core.checkpoint import Checkpoint, load_checkpoint
from diffusion_core.generation import RunCard, SamplingRequest, walk
from diffusion_core.inspection import Switches, joins, num_channels, switched
from diffusion_core.unet import Attention, ResnetBlock, UNet, UNetConfig

SMALL = UNetConfig(
    image_size=(16, 16),
    channels=(8, 16, 16),
    blocks_per_level=1,
    attention=(False, True, False),
    head_dim=8,
    norm_groups=4,
)
LAYOUTS = {
    "plain": SMALL,
    "patches, classes, scale and shift": TINY,
    "attributes": TINY_AVATARS,
    "fourier": dataclasses.replace(SMALL, time_embedding="fourier"),
    "resampling blocks": dataclasses.replace(SMALL, resample="resnet", blocks_per_level=2),
    "divided middle": dataclasses.replace(SMALL, mid_scale=2**0.5, mid_norm_groups=0),
    "one level": dataclasses.replace(SMALL, channels=(8,), attention=(True,)),
    "other levels up": dataclasses.replace(SMALL, attention_up=(True, False, True)),
}


def made(config: UNetConfig) -> UNet:
    torch.manual_seed(0)
    return wake(UNet(config)).eval()


def inputs(config: UNetConfig) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn((2, *config.sample_shape), generator=generator)
    return x, torch.tensor([3, 700])


def output(network: nn.Module, config: UNetConfig) -> Tensor:
    with torch.no_grad():
        return network(*inputs(config))


def names(network: nn.Module, kind: type) -> list[str]:
    return [name for name, module in network.named_modules() if isinstance(module, kind)]


def some(network: UNet) -> Switches:
    """A change of every sort."""
    return Switches(
        backbone=((0, 1.5),),
        skips=((len(network.config.channels) - 1, 0),),
        attentions_off=tuple(names(network, Attention)[:1]),
        residuals_off=tuple(names(network, ResnetBlock)[:1]),
        channels_off=((names(network, ResnetBlock)[-1], 0),),
        time_off=True,
    )


@pytest.mark.parametrize("config", LAYOUTS.values(), ids=LAYOUTS)
def test_every_switch_off_gives_the_bits_of_the_plain_network(config) -> None:
    network = made(config)
    before = {name: p.clone() for name, p in network.state_dict().items()}
    plain = output(network, config)
    assert torch.equal(output(switched(network, Switches()), config), plain)
    changed = some(network)
    view = switched(network, changed)
    assert not torch.equal(output(view, config), plain)
    assert torch.equal(output(switched(network, Switches()), config), plain)
    assert torch.equal(output(network, config), plain), "the network itself was changed"
    assert all(torch.equal(p, before[name]) for name, p in network.state_dict().items())
    assert Switches.from_dict(json.loads(json.dumps(changed.to_dict()))) == changed


@pytest.mark.parametrize("name", ["fashion-mnist", "avatars"])
def test_the_models_that_ship_keep_their_bits(name) -> None:
    network = load_checkpoint(Path(__file__).parents[1] / "pretrained" / name).unet
    plain = output(network, network.config)
    ones = tuple((i, 1.0) for i in range(len(network.config.channels)))
    view = switched(network, Switches(backbone=ones, skips=ones))
    assert torch.equal(output(view, network.config), plain)
    without = output(switched(network, Switches(skips=((0, 0.0),))), network.config)
    assert (without - plain).abs().mean() > 0.1 * plain.abs().mean()


@pytest.mark.parametrize("config", LAYOUTS.values(), ids=LAYOUTS)
def test_backbone_and_skip_are_told_apart_at_every_join(config) -> None:
    network = made(config)
    found = list(joins(network))
    assert len(found) == sum(len(level.resnets) for level in network.up_blocks)
    level, block, width = found[-1]
    assert level == 0 and 0 < width < block.norm1.num_channels
    seen: list[Tensor] = []
    for scale in (0.5, 0.0):
        view = switched(network, Switches(backbone=((0, scale),), skips=((0, 0.0),)))
        *_, (_, block, _) = joins(view)
        block.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        output(view, config)
    half, nothing = seen
    assert half[:, :width].abs().sum() > 0 and half[:, width:].abs().sum() == 0
    assert nothing.abs().sum() == 0


def test_what_is_off_adds_nothing() -> None:
    network = made(TINY)
    resnet, attention = names(network, ResnetBlock)[0], names(network, Attention)[0]
    view = switched(
        network,
        Switches(
            attentions_off=(attention,),
            residuals_off=(resnet,),
            channels_off=(("mid_block.resnets.1", 3),),
            time_off=True,
        ),
    )
    seen: dict[str, tuple[Tensor, Tensor]] = {}
    for name in (resnet, attention, "mid_block.resnets.1"):
        view.get_submodule(name).register_forward_hook(
            lambda _, given, out, name=name: seen.update({name: (given[0], out)})
        )
    output(view, TINY)
    assert all(torch.equal(*seen[name]) for name in (resnet, attention))
    assert seen["mid_block.resnets.1"][1][:, 3].abs().sum() == 0
    assert seen["mid_block.resnets.1"][1][:, 2].abs().sum() > 0
    x, t = inputs(TINY)
    with torch.no_grad():
        assert torch.equal(view(x, t), view(x, t + 100)), "it knows no timestep any more"


def test_a_walk_and_a_switched_view_at_once_have_the_bits_that_they_have_alone() -> None:
    network = made(TINY)
    changes = [Switches(), Switches(skips=((0, 0.0),)), Switches(time_off=True)]

    def walked(change: Switches) -> Tensor:
        view = switched(network, change) if change else network
        x, t = inputs(TINY)
        with torch.no_grad():
            for _ in range(12):
                x = x - 0.1 * view(x, t)
        return x

    alone = [walked(change) for change in changes]
    assert not torch.equal(alone[0], alone[1]) and not torch.equal(alone[0], alone[2])
    together: dict[int, Tensor] = {}
    start = threading.Barrier(len(changes))

    def run(i: int) -> None:
        start.wait()
        together[i] = walked(changes[i])

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(changes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(together[i], alone[i]) for i in range(len(changes)))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"skips": [[0, 3]]}, "from 0 to 2"),
        ({"skips": [[0, float("nan")]]}, "from 0 to 2"),
        ({"backbone": [[0, 1.5], [0, 0.5]]}, "a level twice"),
        ({"time_off": "yes"}, "true or false"),
        ({"attentions_off": "mid_block"}, "a list"),
        ({"other": 1}, "not known"),
        ([], "an object"),
    ],
)
def test_switches_of_a_stranger_are_refused_in_a_sentence(values, words) -> None:
    with pytest.raises(ValueError, match=words):
        Switches.from_dict(values)


@pytest.mark.parametrize(
    ("switches", "words"),
    [
        (Switches(skips=((2, 0.0),)), "no level 2"),
        (Switches(attentions_off=("mid_block.resnets.0",)), "no attention"),
        (Switches(residuals_off=("nowhere",)), "no residual block"),
        (Switches(channels_off=(("conv_in", 0),)), "no block"),
        (Switches(channels_off=(("mid_block.resnets.0", 32),)), "channels 0 to 31"),
    ],
)
def test_what_a_network_does_not_have_is_refused_in_a_sentence(switches, words) -> None:
    network = made(TINY)
    assert num_channels(network.mid_block.resnets[0]) == 32
    with pytest.raises(ValueError, match=words):
        switched(network, switches)
    with pytest.raises(ValueError, match="not a UNet"):
        switched(nn.Linear(1, 1), Switches())


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Checkpoint:
    return load_checkpoint(save_tiny(tmp_path_factory.mktemp("switches") / "tiny"))


def test_a_walk_with_switches_is_on_its_card_and_is_walked_again_to_the_bit(tiny) -> None:
    plain = SamplingRequest(num_steps=3, seed=5)
    changed = dataclasses.replace(plain, switches=Switches(skips=((1, 0.0),)))
    results = {r: last(walk(tiny, r)).x_prev for r in (plain, changed)}
    assert not torch.equal(results[plain], results[changed])
    assert torch.equal(last(walk(tiny, plain)).x_prev, results[plain])
    card = RunCard.from_json(RunCard.of(tiny, changed, None, results[changed]).to_json())
    assert card.walk == changed and card.values()["walk"]["switches"] == {"skips": ((1, 0.0),)}
    card.check(tiny)
    assert "to the bit" in card.compare(tiny, last(walk(tiny, card.walk)).x_prev)
    assert "switches" not in RunCard.of(tiny, plain, None, results[plain]).to_json()
    nothing = dataclasses.replace(plain, switches=Switches())
    assert nothing == plain, "no change is one record, whoever writes it"
    branch = dataclasses.replace(plain, parent=changed, branch_step=1)
    assert (
        RunCard.from_json(RunCard.of(tiny, branch, None, results[plain]).to_json()).walk == branch
    )


def test_a_card_with_switches_that_the_model_does_not_have_is_refused(tiny) -> None:
    request = SamplingRequest(num_steps=3, switches=Switches(skips=((7, 0.0),)))
    card = RunCard.of(tiny, request, None, torch.zeros(1, 1, 28, 28))
    with pytest.raises(ValueError, match="no level 7"):
        card.check(tiny)
    values = json.loads(card.to_json())
    values["walk"]["switches"] = {"skips": [[0, 9]]}
    with pytest.raises(ValueError, match="not a run card.*from 0 to 2"):
        RunCard.from_json(json.dumps(values))
