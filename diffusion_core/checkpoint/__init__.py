"""Checkpoints: a folder with `config.json`, `model.safetensors` and a card, `README.md`.

The folder can go to the Hugging Face Hub as it stands, and a Hub id can stand where a folder can.
Weights are safetensors alone, stored in half precision; nothing is ever unpickled.

    model             a loaded checkpoint, and its denoiser
    store             reads and writes folders
    config            everything but the weights, as JSON, and what each of its fields may hold
    weights           the weights, compared with the settings before they are read
    measured          what was measured of weights, beside them
    formats           where files lie in a folder: ours, and diffusers'
    diffusers_import  what diffusers' configuration files say, in our words
    diffusers_export  a checkpoint as a folder of diffusers
    hub               the Hugging Face Hub and its cache
"""

from __future__ import annotations

from .config import BETAS, CONFIG, FORMAT, CheckpointConfig, schedule_from, unet_from
from .diffusers_export import export_diffusers
from .formats import INDEX, RESULTS, WEIGHTS, in_a_sentence, is_checkpoint
from .hub import (
    CARD,
    DownloadProgress,
    away,
    cached,
    causes,
    download,
    failures,
    known_digest,
    plain_id,
    reason_left_out,
    status,
    weights_in,
)
from .measured import results_beside, results_rows, results_values
from .model import Checkpoint, GuidingClassifier, GuidingClip, ModelSettings
from .store import (
    TABLE_BEGIN,
    TABLE_END,
    checkpoint_folders,
    load_checkpoint,
    load_network,
    own_folder,
    read_folder,
    save_checkpoint,
    save_network,
    shipped_folder,
)
from .weights import digest_of, parameters_in, read_network

__all__ = [
    "BETAS",
    "CARD",
    "CONFIG",
    "FORMAT",
    "INDEX",
    "RESULTS",
    "TABLE_BEGIN",
    "TABLE_END",
    "WEIGHTS",
    "Checkpoint",
    "CheckpointConfig",
    "DownloadProgress",
    "GuidingClassifier",
    "GuidingClip",
    "ModelSettings",
    "away",
    "cached",
    "causes",
    "checkpoint_folders",
    "digest_of",
    "download",
    "export_diffusers",
    "failures",
    "in_a_sentence",
    "is_checkpoint",
    "known_digest",
    "load_checkpoint",
    "load_network",
    "own_folder",
    "parameters_in",
    "plain_id",
    "read_folder",
    "read_network",
    "reason_left_out",
    "results_beside",
    "results_rows",
    "results_values",
    "save_checkpoint",
    "save_network",
    "schedule_from",
    "shipped_folder",
    "status",
    "unet_from",
    "weights_in",
]
