#!/usr/bin/env bash
# The recorded command that makes the data set "avatars": 100,000 pictures, in about 20 minutes on
# one core. Wants Node.js 18 or later. The art is CC0 1.0 (Open Peeps by Pablo Stanley; Pixel Art
# and Thumbs by DiceBear); what draws it, DiceBear's code and resvg, is MIT and MPL-2.0.
#
#     pretrained/recipes/avatars_data.sh            makes the file where `load_dataset` looks for it
#     pretrained/recipes/avatars_data.sh --size 128    draws the same avatars at 128 pixels as well
#     AVATARS_DIR=FOLDER pretrained/recipes/...     makes it there; set the variable also to load it
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${AVATARS_DIR:-$(python -c "from diffusion_core.files import cache_folder; print(cache_folder())")}
mkdir -p "$folder"
npm install --prefix "$folder" --no-save --no-audit --no-fund \
    @dicebear/core@9.4.3 @dicebear/collection@9.4.3 @resvg/resvg-js@2.6.2
cp pretrained/recipes/avatars_render.mjs "$folder"
python -m pretrained.recipes.avatars_data --folder "$folder" "$@"
