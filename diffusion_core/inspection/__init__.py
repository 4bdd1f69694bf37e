"""A network looked into and changed while it computes, without a change to the network itself.

Everything here works by hooks on a shallow copy of the module tree, which shares the weights. The
forward pass is written once, in `unet`, and a network that other threads walk with is not touched.

Its files:

    shallow_copy  a module tree of its own that shares the weights
"""

from __future__ import annotations

from .shallow_copy import shallow_copy

__all__ = ["shallow_copy"]
