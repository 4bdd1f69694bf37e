"""An update of the Inside tab's opened block against an evaluation of the network."""

from __future__ import annotations

from functools import partial

import torch

from diffusion_core.checkpoint import checkpoint_folders, load_checkpoint
from diffusion_core.denoiser import network_output
from diffusion_core.inspection import Switches, network_map, record_activations, switched

from .timing import alternate, report

__all__ = ["bench_inside"]


def bench_inside(model: str, rounds: int) -> None:
    """Print the ratios of an opened block, and of a network with a part taken away.

    Args:
        model: The name of a model's folder.
        rounds: How often each side runs.

    Raises:
        ValueError: if there is no such model.
    """
    folders = [place / model for place in checkpoint_folders() if (place / model).is_dir()]
    if not folders:
        raise ValueError(f"There is no model {model}.")
    checkpoint = load_checkpoint(folders[0])
    network = checkpoint.unet
    x, t = torch.randn(1, *checkpoint.image_shape), torch.tensor([400])

    def evaluate(net: torch.nn.Module = network) -> None:
        with torch.inference_mode():
            network_output(net, network.config, x, t, None)

    def taken_away() -> None:
        evaluate(switched(network, Switches(skips=((0, 0.0),))))

    kinds: dict[str, str] = {}
    for block in network_map(network).blocks:
        kinds.setdefault(block.kind, block.name)
    for _ in range(2):  # what is done once only is not timed
        evaluate()
    for kind, name in kinds.items():
        record_activations(network, x, t, None, name)
        opened = partial(record_activations, network, x, t, None, name)
        times = alternate(opened, evaluate, rounds)
        report(f"inside of {model}, {kind} opened / one evaluation", *times)
    report(
        f"inside of {model}, a part taken away / one evaluation",
        *alternate(taken_away, evaluate, rounds),
    )
