#!/usr/bin/env bash
# The recorded commands that make pretrained/families-fashion-mnist: a GAN, a VAE, a normalizing flow
# and latent diffusion in the VAE beside the shipped DDPM, and their table. Interrupted, they go on
# when this is started again. On one core a step takes about 0.08 s (VAE), 0.13 s (GAN), 0.24 s
# (flow) and 0.01 s (latent diffusion). THREADS sets threads.
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=${RUNS:-runs/families-fashion-mnist}
shipped=pretrained/families-fashion-mnist
train() {
    kind=$1
    shift
    python -m diffusion_core family train --kind "$kind" --out "$runs/$kind" \
        --dataset fashion-mnist --threads "${THREADS:-0}" "$@"
    mkdir -p "$shipped/$kind"
    cp "$runs/$kind/config.json" "$runs/$kind/model.safetensors" "$shipped/$kind/"
}
train vae --steps 5000 --decay-steps 1500 --latent 16
train gan --steps 6000 --decay-steps 1500 --latent 32
train flow --steps 3500 --decay-steps 1000
train latent --steps 3000 --decay-steps 1000 --batch-size 256 --vae "$shipped/vae"
python -m diffusion_core family evaluate --folder "$shipped"
