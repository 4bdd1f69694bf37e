"""Make the embedded data set: the first 200 training pictures of each Fashion-MNIST class."""

import numpy as np
import torch

from diffusion_core.data import EMBEDDED_FASHION, load_dataset

full = load_dataset("fashion-mnist")
assert full.labels is not None
chosen = torch.cat([torch.nonzero(full.labels == c)[:200, 0] for c in range(10)])
pictures, labels = full.pictures[chosen.numpy(), :, :, 0], full.labels[chosen].to(torch.uint8)
EMBEDDED_FASHION.parent.mkdir(exist_ok=True)
np.savez_compressed(EMBEDDED_FASHION, pictures=pictures, labels=labels.numpy())
print(
    f"{EMBEDDED_FASHION}: {len(pictures)} pictures, {EMBEDDED_FASHION.stat().st_size / 1e6:.2f} MB"
)
