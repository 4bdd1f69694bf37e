#!/usr/bin/env bash
# The recorded commands that make pretrained/classifier-fashion-mnist: a classifier of noisy pictures
# that guides the shipped model, its accuracy, and the curve of what its guidance does. Interrupted,
# they go on when this is started again. On one core a step of training takes about 0.2 s; a row of
# 1,000 pictures of the curve takes a few minutes. NUM sets the pictures of a row.
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=${RUNS:-runs/classifier-fashion-mnist}
shipped=pretrained/classifier-fashion-mnist
python -m diffusion_core classifier train --dataset fashion-mnist --out "$runs" \
    --steps 850 --decay-steps 250 --num-test 1000
python -m diffusion_core classifier evaluate --folder "$runs" --model pretrained/fashion-mnist \
    --num "${NUM:-1000}"
mkdir -p "$shipped"
cp "$runs/config.json" "$runs/model.safetensors" "$runs/results.json" "$runs/README.md" "$shipped/"
