#!/usr/bin/env bash
# The recorded commands that make pretrained/avatars. Interrupted, they go on when this is started
# again; wherever they stand, each folder is a checkpoint. First avatars_data.sh makes the data, and
# `python -m pretrained.recipes.avatars_judge` who judges them.
#
# Patches of 4 × 4 make a picture of 64 × 64 a grid of 16 × 16, on which the grid of pixel-art lies
# exactly. The clean picture is predicted: of a patch's 48 numbers it needs few, while noise fills
# them all (Li & He 2025). Its loss is weighted by the SNR, clamped to 1 to 5, which neglects no
# level. The trials that chose this stand in avatars_trials.json; avatars_trials.py runs them again.
#
# Five stretches: all avatars as they come, three of five of them people; then every style alike,
# since pixel-art and thumbs have more that nobody asks for and chance has to settle, with fine
# lines weighing up to 20; then the same as the first in weight, the rate falling to 0; and twice
# more, with attention also where a position is one of pixel-art's squares, and told of half of the
# pictures no more than some of their attributes, down to the style alone, as people ask. On two
# cores with bfloat16 they do 3.5 and at last 2.8 steps a second: 68, 32, 42, 69 and 54 minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."
train() {
    python -m diffusion_core train --dataset avatars --patch-size 4 --channels 64,128 \
        --prediction sample --weighting clamped_snr --schedule cosine --batch-size 32 \
        --learning-rate 1e-3 --warmup-steps 100 --ema-decay 0.999 --label-dropout 0.1 \
        --attribute-dropout 0.1 --precision bf16 --save-every 250 "$@"
}
train --out runs/avatars-people --steps 14257 --decay-steps 0 "$@"
train --out runs/avatars-even --init runs/avatars-people --even-classes --min-snr-gamma 20 --seed 1 \
    --steps 6372 --decay-steps 0 "$@"
train --out runs/avatars-decayed --init runs/avatars-even --even-classes --seed 2 \
    --steps 9000 --decay-steps 9000 "$@"
told() {
    train --attention-up yes,yes --even-classes --attribute-dropout 0.05 --sparse-attributes 0.5 "$@"
}
told --out runs/avatars-told --init runs/avatars-decayed --seed 3 --steps 12000 --decay-steps 12000 "$@"
told --out runs/avatars --init runs/avatars-told --seed 4 --steps 9000 --decay-steps 9000 "$@"
python -m pretrained.recipes.ship runs/avatars pretrained/avatars
python -m diffusion_core evaluate --model pretrained/avatars --num 1000 --precision auto
