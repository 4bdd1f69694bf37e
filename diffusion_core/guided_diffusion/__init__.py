"""Guided diffusion: a DDPM without classes, steered by a classifier of noisy pictures.

(Dhariwal and Nichol 2021.) What guides is `denoiser.ClassifierGuidance`, beside classifier-free
guidance; here is what it needs.

classifier  the classifier p(y | x_t, log-SNR)
learning    its training, which can go on, and its accuracy by log-SNR
store       the classifier as a folder
"""

from __future__ import annotations

from .classifier import (
    LOG_SNR_LIMIT,
    MAX_PARAMETERS,
    ClassifierConfig,
    LogSnrBlock,
    NoisyClassifier,
    log_snr_embedding,
)
from .learning import (
    LOG_SNRS,
    Accuracy,
    ClassifierStep,
    ClassifierTraining,
    accuracy_by_log_snr,
    check_data,
    drawn_log_snrs,
    fresh_classifier,
    learn_classifier,
    noised,
    training_seconds,
)
from .store import classifier_folders, find_classifier, load_classifier, save_classifier

__all__ = [
    "LOG_SNRS",
    "LOG_SNR_LIMIT",
    "MAX_PARAMETERS",
    "Accuracy",
    "ClassifierConfig",
    "ClassifierStep",
    "ClassifierTraining",
    "LogSnrBlock",
    "NoisyClassifier",
    "accuracy_by_log_snr",
    "check_data",
    "classifier_folders",
    "drawn_log_snrs",
    "find_classifier",
    "fresh_classifier",
    "learn_classifier",
    "load_classifier",
    "log_snr_embedding",
    "noised",
    "save_classifier",
    "training_seconds",
]
