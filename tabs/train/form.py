"""The controls of the fold "Everything", for who wants to say it all."""

from __future__ import annotations

from typing import Any

import gradio as gr

from diffusion_core.denoiser import PREDICTION_TYPES
from diffusion_core.training import PRECISIONS, WEIGHTINGS

from ..shared.limits import Limits
from .plan import ATTENTION, PRESETS, SCHEDULES, ema_for

# In 75 seconds on 465 emoji of 32 × 32, x0_hat was off by 0.24 (log-SNR 0) where x0 was predicted
# and by 0.29 where v was; the samples of the one are shapes in flat colours, of the other speckles:
# noise has no structure to be learned in a few minutes, pictures have (Li & He 2025).
PREDICTS, WEIGHTING = "sample", "clamped_snr"


def everything_else(limits: Limits) -> list[Any]:
    """The controls of the fold, in the order of `Settings` after its first."""
    coffee = PRESETS["a coffee"]
    with gr.Row():
        made: list[Any] = [
            gr.Number(
                min(coffee.steps, limits.steps),
                label="Training steps",
                precision=0,
                info=f"1 to {limits.steps:,}",
                min_width=120,
            ),
            gr.Number(
                min(coffee.batch, limits.batch),
                label="Batch",
                precision=0,
                info="pictures a step",
                min_width=100,
            ),
        ]
    with gr.Row():
        made.append(
            gr.Number(1e-3, label="Learning rate", info="peak; rises, falls at last", min_width=120)
        )
        made.append(
            gr.Textbox(
                coffee.ways[0][0],
                label="Channels",
                info="of each level, fine to coarse",
                min_width=120,
            )
        )
    with gr.Row():
        made.append(gr.Number(2, label="Blocks", precision=0, info="a level", min_width=90))
        made.append(
            gr.Number(2, label="Patch", precision=0, info="pixels folded, p × p", min_width=90)
        )
    made.append(gr.Dropdown(list(ATTENTION), value=next(iter(ATTENTION)), label="Attention at"))
    with gr.Row():
        made.append(gr.Dropdown(list(SCHEDULES), value="cosine", label="Schedule", min_width=120))
        made.append(gr.Number(1000, label="Timesteps T", precision=0, min_width=100))
    made += [
        gr.Dropdown(
            list(PREDICTION_TYPES),
            value=PREDICTS,
            label="It predicts",
            info="sample is the clean picture",
        ),
        gr.Dropdown(
            list(WEIGHTINGS), value=WEIGHTING, label="Loss weighting", info="by signal over noise"
        ),
    ]
    with gr.Row():
        made.append(
            gr.Number(
                ema_for(coffee.steps), label="EMA decay", info="of the average", min_width=100
            )
        )
        made.append(gr.Dropdown(list(PRECISIONS), value="auto", label="Precision", min_width=100))
    with gr.Row():
        made.append(
            gr.Number(0.1, label="Label dropout", info="share, for guidance", min_width=110)
        )
        made.append(gr.Checkbox(False, label="Mirror half of the pictures", min_width=110))
    made.append(gr.Number(0, label="Seed of the training", precision=0))
    return made
