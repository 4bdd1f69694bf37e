"""Our UNet against diffusers' UNet2DModel: the same configuration, weights and inputs."""

from __future__ import annotations

import torch
from diffusers import UNet2DModel

from diffusion_core.unet import UNet, UNetConfig

from .timing import alternate, report

__all__ = ["bench_unet"]

CONFIG = UNetConfig(
    image_size=(32, 32), channels=(64, 128, 128), attention=(False, True, True), head_dim=32
)
FORWARDS = 3  # passes a round, for one alone is short


def bench_unet(batches: list[int], rounds: int) -> None:
    """Print the ratios of a forward pass, and of a forward and backward pass.

    Args:
        batches: Images a pass, each measured by itself.
        rounds: How often each network runs.
    """
    blocks = [("Attn" if attends else "") for attends in CONFIG.attention]
    theirs = UNet2DModel(
        sample_size=32,
        in_channels=3,
        out_channels=3,
        block_out_channels=CONFIG.channels,
        layers_per_block=CONFIG.blocks_per_level,
        attention_head_dim=CONFIG.head_dim,
        down_block_types=tuple(f"{b}DownBlock2D" for b in blocks),
        up_block_types=tuple(f"{b}UpBlock2D" for b in reversed(blocks)),
    )
    ours = UNet(CONFIG)
    ours.load_state_dict(theirs.state_dict())
    for batch in batches:
        x, t = torch.randn(batch, 3, 32, 32), torch.full((batch,), 500)

        def forward(model: torch.nn.Module, x: torch.Tensor = x, t: torch.Tensor = t) -> None:
            with torch.no_grad():
                for _ in range(FORWARDS):
                    model(x, t)

        def both(model: torch.nn.Module, x: torch.Tensor = x, t: torch.Tensor = t) -> None:
            out = model(x, t)
            (out if isinstance(out, torch.Tensor) else out.sample).square().mean().backward()

        for name, run in (("forward", forward), ("forward and backward", both)):
            run(ours), run(theirs)  # what is done once only is not timed
            times = alternate(lambda r=run: r(ours), lambda r=run: r(theirs), rounds)
            report(f"unet, batch {batch}, {name}: ours / diffusers", *times)
