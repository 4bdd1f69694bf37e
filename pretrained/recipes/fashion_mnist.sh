#!/usr/bin/env bash
# The recorded command that made the weights of pretrained/fashion-mnist; its card says where and in
# which precision the table was measured. On two CPU cores with bfloat16 it does about two steps a
# second. Interrupted, it goes on when it is started again.
set -euo pipefail
cd "$(dirname "$0")/../.."
python -m diffusion_core train --dataset fashion-mnist --out runs/fashion-mnist \
    --prediction v_prediction --schedule cosine --channels 64,128 --batch-size 64 \
    --learning-rate 1e-3 --ema-decay 0.999 --steps 20000 --decay-steps 5000 --save-every 200
python -m pretrained.recipes.ship runs/fashion-mnist pretrained/fashion-mnist
python -m diffusion_core evaluate --model pretrained/fashion-mnist
