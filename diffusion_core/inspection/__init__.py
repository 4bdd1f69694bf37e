"""A network looked into and changed while it computes, without a change to the network itself.

Everything here works by hooks on a shallow copy of the module tree, which shares the weights. The
forward pass is written once, in `unet`, and a network that other threads walk with is not touched.

Its files:

    shallow_copy  a module tree of its own that shares the weights
    network_map   the blocks of a network, their sizes, and their shares of the work
    activations   what passes through the blocks at one evaluation
    switches      parts of a UNet scaled or taken away
    loss_draws    the training loss by hand: draws of it, its average, a step of its gradient
    timestep_encoding  how the timestep is told, and a network that is told another
"""

from __future__ import annotations

from .activations import (
    Arithmetic,
    BlockActivations,
    Look,
    Norm,
    look_inside,
    record_activations,
)
from .loss_draws import (
    GradientStep,
    LayerChange,
    LossDraws,
    average_curve,
    draw_loss,
    gradient_step,
    weightings,
)
from .network_map import Block, NetworkMap, network_map
from .shallow_copy import shallow_copy
from .switches import MOST_SCALE, SWITCHES, Switches, joins, num_channels, switched
from .timestep_encoding import (
    TimestepEncoding,
    ToldTimestep,
    cosine_similarity,
    timestep_encoding,
    told_denoiser,
    wrong_time_curve,
)

__all__ = [
    "Arithmetic",
    "Block",
    "BlockActivations",
    "Look",
    "MOST_SCALE",
    "NetworkMap",
    "GradientStep",
    "LayerChange",
    "LossDraws",
    "average_curve",
    "draw_loss",
    "gradient_step",
    "weightings",
    "Norm",
    "SWITCHES",
    "Switches",
    "TimestepEncoding",
    "ToldTimestep",
    "cosine_similarity",
    "joins",
    "look_inside",
    "network_map",
    "num_channels",
    "record_activations",
    "shallow_copy",
    "switched",
    "timestep_encoding",
    "told_denoiser",
    "wrong_time_curve",
]
