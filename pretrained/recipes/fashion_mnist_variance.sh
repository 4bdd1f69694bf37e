#!/usr/bin/env bash
# The shipped model of Fashion-MNIST learns its variance: the output is widened, the weights are
# those of pretrained/fashion-mnist, and L_hybrid trains on. Then ddpm with 10, 25, 50 and 1,000 steps
# is measured with each of its three variances, in one table. Interrupted, both go on when this is
# started again. The variables set another folder, other pictures and smaller numbers.
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=${RUNS:-runs/fashion-mnist-variance}
python -m diffusion_core train --dataset "${DATASET:-fashion-mnist}" --out "$runs" \
    --init "${INIT:-pretrained/fashion-mnist}" --learned-variance --learning-rate 2e-4 \
    --warmup-steps 100 --decay-steps 500 --ema-decay 0.999 --steps "${STEPS:-3000}" \
    --batch-size "${BATCH:-64}" --save-every 100
python -m pretrained.recipes.variances_measured --model "$runs" --num "${NUM:-1000}" \
    --num-slow "${NUM_SLOW:-250}" --num-bound "${NUM_BOUND:-100}" --num-test "${NUM_TEST:-10000}" \
    --steps "${WALKS:-10,25,50,1000}"
