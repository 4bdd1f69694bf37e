"""The commands of `python -m diffusion_core`, a file each; each imports what it needs when run."""

from __future__ import annotations

from .classifier import classifier
from .evaluate import evaluate
from .export import export
from .family import family
from .likelihood import likelihood
from .options import Command
from .push import push
from .sample import sample
from .train import train

__all__ = ["COMMANDS", "GROUPS", "Command"]

COMMANDS = (train, sample, evaluate, likelihood, export, push)
GROUPS = {"family": family, "classifier": classifier}
