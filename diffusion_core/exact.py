"""The best denoiser of a finite data set, in closed form: what a network would be that memorised.

If the data are N images and nothing else, x_t is a mixture of N equal Gaussians, and the posterior
mean, which minimises the training loss at every t, is known (Karras et al. 2022, appendix B.3):

    E[x0 | x_t] = Σ_i w_i x_i,    w = softmax_i( -|x_t - sqrt(ᾱ_t) x_i|² / (2 (1 - ᾱ_t)) )

A walk with it can only end on the images themselves; what a trained network does otherwise is what
it has generalised.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from .process import predict_eps
from .schedule import NoiseSchedule

_CHUNK = 2**22  # numbers held in float64 at a time: 32 MiB


class ExactDenoiser:
    """The posterior mean over a set of images, as a denoiser.

    The work is done where x_t is, in float64, over a slice of the images at a time, so that memory
    beyond the images themselves is bounded. They move to the device where they were last needed.

    Args:
        images: The data set, float (N, C, H, W) in [-1, 1].
        schedule: Of the process that is undone.

    Raises:
        ValueError: if images is of another shape or dtype, or empty.
    """

    def __init__(self, images: Tensor, schedule: NoiseSchedule) -> None:
        """Hold the parts; nothing is computed."""
        if images.ndim != 4 or not images.is_floating_point():
            raise ValueError(
                f"images must be float (N, C, H, W), got {images.dtype} {tuple(images.shape)}."
            )
        if images.numel() == 0:
            raise ValueError(f"There must be at least one image, got {tuple(images.shape)}.")
        self.images, self.schedule = images, schedule

    def __call__(self, x_t: Tensor, t: int | Tensor) -> Tensor:
        """eps_hat, (B, C, H, W)."""
        return self.predict(x_t, t)[0]

    @torch.no_grad()
    def predict(self, x_t: Tensor, t: int | Tensor) -> tuple[Tensor, Tensor]:
        """(eps_hat, x0_hat), each (B, C, H, W); x0_hat is the mean of the data where ᾱ_t is 0.

        x0_hat = Σ_i w_i x_i,   eps_hat = (x_t - sqrt(ᾱ_t) x0_hat) / sqrt(1 - ᾱ_t)

        Args:
            x_t: Noisy images, (B, C, H, W).
            t: Zero-based timesteps, int64, (B,), or one for all.

        Raises:
            ValueError: if x_t is no batch of such images or t is outside [0, T).
        """
        x = self._flat(x_t)  # (B, D)
        t = torch.as_tensor(t).cpu()
        if t.shape not in ((), (1,), (len(x),)):
            raise ValueError(
                f"There must be one timestep an image: got {tuple(t.shape)} for {len(x)} images."
            )
        alpha_bar = self.schedule.alpha_bar(t).to(x.device).reshape(-1, 1)
        variance = (1 - alpha_bar).clamp_min(torch.finfo(torch.float64).tiny)
        # The softmax over all slices, of which each rescales what came before (as in attention
        # that is computed by tiles: Milakov and Gimelshein 2018).
        best = x.new_full((len(x), 1), -torch.inf)
        total, mean = torch.zeros_like(best), torch.zeros_like(x)
        for images in self._slices(x):  # (n, D)
            # |x_t|² is the same for all images, so that the softmax does not see it. What is left
            # is divided by 1 - ᾱ_t, which may be 1e-5, so that float32's error would decide
            # between images; and only after the maximum is taken away, so that nothing overflows.
            near = alpha_bar.sqrt() * (x @ images.T) - alpha_bar * images.square().sum(1) / 2
            before, best = best, torch.maximum(best, near.amax(1, keepdim=True))
            weights = ((near - best) / variance).exp()  # (B, n)
            kept = ((before - best) / variance).exp()
            total = kept * total + weights.sum(1, keepdim=True)
            mean = kept * mean + weights @ images
        x0_hat = (mean / total).reshape(x_t.shape).to(x_t.device, x_t.dtype)
        return predict_eps(x_t, t, x0_hat, self.schedule), x0_hat

    @torch.no_grad()
    def nearest(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The nearest image of the set, by root mean square distance over pixels.

        Args:
            x: Images, (B, C, H, W).

        Returns:
            Indices into the set, int64 (B,); and the distances, (B,), in units of the images'
            range: 2 is black against white.

        Raises:
            ValueError: if x is no batch of such images.
        """
        flat, first = self._flat(x), 0
        best = flat.new_full((len(flat),), torch.inf)
        index = torch.zeros(len(flat), dtype=torch.int64, device=flat.device)
        for images in self._slices(flat):
            far, at = (images.square().sum(1) - 2 * flat @ images.T).min(1)  # + |x|²
            index = torch.where(far < best, at + first, index)
            best, first = torch.minimum(best, far), first + len(images)
        # From the difference, since |x|² - 2xy + |y|² of equal images is not exactly 0.
        found = self.image(index).to(flat.device).flatten(1).double()
        rms = (flat - found).square().mean(1).sqrt()
        return index.to(x.device), rms.to(x.device, x.dtype)

    def image(self, index: Tensor) -> Tensor:
        """Images of the set by their indices, (B,): (B, C, H, W), where the set lies."""
        return self.images[index.to(self.images.device)]

    def _flat(self, x: Tensor) -> Tensor:
        """Images as rows, (B, D), float64, where the work is done."""
        if x.shape[1:] != self.images.shape[1:] or not x.is_floating_point():
            raise ValueError(
                f"Images must be float (B, {', '.join(map(str, self.images.shape[1:]))}), "
                f"got {x.dtype} {tuple(x.shape)}."
            )
        device = torch.device("cpu") if x.device.type == "mps" else x.device  # it has no float64
        return x.to(device).double().flatten(1)

    def _slices(self, x: Tensor) -> Iterator[Tensor]:
        """The set as rows, (n, D), float64, on x's device, a slice at a time."""
        for part in self.images.flatten(1).split(max(1, _CHUNK // max(x.shape))):
            yield part.to(x.device).double()
