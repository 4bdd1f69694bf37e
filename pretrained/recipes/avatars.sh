#!/usr/bin/env bash
# The recorded command that makes pretrained/avatars. Interrupted, it goes on when it is started
# again; on two CPU cores with bfloat16 it is a night's work. The data come first: avatars_data.sh;
# the judge too: python -m pretrained.recipes.avatars_judge.
#
# Patches of 4 × 4 make a picture of 64 × 64 a grid of 16 × 16, on which the grid of pixel-art lies
# exactly; a patch has 48 numbers, so the first level is twice as wide as that. The whole has 4.2 M
# parameters. v is predicted, which stays well-posed where a guided walk begins, in pure noise.
set -euo pipefail
cd "$(dirname "$0")/../.."
python -m diffusion_core train --dataset avatars --out runs/avatars \
    --patch-size 4 --channels 96,96 --prediction v_prediction --schedule cosine \
    --batch-size 64 --learning-rate 1e-3 --ema-decay 0.9995 --label-dropout 0.1 \
    --attribute-dropout 0.1 --precision auto --steps 50000 --decay-steps 12000 --save-every 250 "$@"
mkdir -p pretrained/avatars
cp runs/avatars/{config.json,model.safetensors,README.md} pretrained/avatars/
python -m diffusion_core evaluate --model pretrained/avatars --precision auto
