"""Denoisers: a network, a formula over a data set, or one guided by another.

A denoiser is (x_t, t) -> eps_hat. A network's output may mean eps, v or x0; `ModelDenoiser` turns
it into both eps_hat and x0_hat, without dividing by sqrt(ᾱ) where that can be zero.
`ClassifierFreeGuidance` moves away from what the network predicts without a condition.

`ExactDenoiser` is the best denoiser of a finite data set, in closed form: what a network would be
that memorised. If the data are N images and nothing else, x_t is a mixture of N equal Gaussians,
and the posterior mean, which minimises the training loss at every t, is known (Karras et al. 2022,
appendix B.3):

    E[x0 | x_t] = Σ_i w_i x_i,    w = softmax_i( -|x_t - sqrt(ᾱ_t) x_i|² / (2 (1 - ᾱ_t)) )

A walk with it can only end on the images themselves; what a trained network does otherwise is what
it has generalised.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from .conditioning import nothing
from .process import Denoiser, eps_from_v, predict_eps, predict_v, predict_x0, x0_from_v
from .schedule import NoiseSchedule
from .unet import UNet

PREDICTION_TYPES = ("epsilon", "v_prediction", "sample")


def training_target(
    prediction_type: str, x0: Tensor, t: Tensor, eps: Tensor, schedule: NoiseSchedule
) -> Tensor:
    """What a network of this kind should have answered: eps, v or x0; (B, C, H, W)."""
    if prediction_type == "v_prediction":
        return predict_v(x0, t, eps, schedule)
    return eps if prediction_type == "epsilon" else x0


class ModelDenoiser:
    """A UNet and what its output means, as a denoiser.

    Args:
        unet: The network.
        schedule: The one that it was trained with.
        prediction_type: "epsilon", "v_prediction" or "sample" (x0).
        y: Label for all images, or one an image, int64 (B,); with attributes (B, 1 + K), or
            (1, 1 + K) for all. None says nothing.
    """

    def __init__(
        self,
        unet: UNet,
        schedule: NoiseSchedule,
        prediction_type: str,
        y: int | Tensor | None = None,
    ) -> None:
        """Hold the parts; nothing is computed."""
        self.unet, self.schedule, self.prediction_type, self.y = unet, schedule, prediction_type, y

    def labels(self, t: Tensor) -> Tensor | None:
        """A condition for each of the timesteps t (B,), on their device; None without one."""
        if isinstance(self.y, int):
            return torch.full_like(t, self.y)
        if self.y is not None and self.y.ndim == 2 and len(self.y) == 1:
            return self.y.to(t.device).expand(len(t), -1)
        return None if self.y is None else self.y.to(t.device)

    def with_labels(self, y: Tensor) -> ModelDenoiser:
        """The same network with other conditions, (B,) or (B, 1 + K)."""
        return ModelDenoiser(self.unet, self.schedule, self.prediction_type, y)

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """eps_hat, (B, C, H, W)."""
        return self.predict(x_t, t)[0]

    def predict(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """(eps_hat, x0_hat), each (B, C, H, W).

        An eps-predicting network leaves x0_hat undefined where ᾱ_t is 0: ValueError.
        """
        output = self.unet(x_t, t, self.labels(t))
        if self.prediction_type == "v_prediction":
            return (
                eps_from_v(x_t, t, output, self.schedule),
                x0_from_v(x_t, t, output, self.schedule),
            )
        if self.prediction_type == "sample":
            return predict_eps(x_t, t, output, self.schedule), output
        return output, predict_x0(x_t, t, output, self.schedule)


class ClassifierFreeGuidance:
    """Move away from what the network says without a condition (Ho and Salimans 2022, eq. 6).

    Without one means without class and attributes.

    eps_hat = eps_u + guidance_scale · (eps_c - eps_u), and the same for x0_hat. In the paper's own
    counting the scale is w = guidance_scale - 1: here 1 is off, and 0 is unconditional. Both
    answers come from one evaluation of 2B images, which is faster than two of B.

    Args:
        denoiser: A network with a label and a null label.
        guidance_scale: 1.0 is off.

    Raises:
        ValueError: if the denoiser has no label to be guided by.
    """

    def __init__(self, denoiser: ModelDenoiser, guidance_scale: float) -> None:
        """Hold the parts; nothing is computed."""
        config = denoiser.unet.config
        if denoiser.y is None or config.num_classes is None or not config.null_label:
            raise ValueError("Guidance needs a label, and a network that has a null label.")
        self.denoiser, self.guidance_scale = denoiser, guidance_scale
        self.null: int = config.num_classes

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        """eps_hat, (B, C, H, W)."""
        return self.predict(x_t, t)[0]

    def predict(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """(eps_hat, x0_hat), each (B, C, H, W)."""
        y = self.denoiser.labels(t)
        assert y is not None
        both = self.denoiser.with_labels(torch.cat([y, nothing(y, self.null)]))
        estimates = both.predict(torch.cat([x_t, x_t]), torch.cat([t, t]))
        w = self.guidance_scale
        (eps_c, eps_u), (x0_c, x0_u) = (z.chunk(2) for z in estimates)
        return eps_u + w * (eps_c - eps_u), x0_u + w * (x0_c - x0_u)


THRESHOLDS = ("static", "dynamic")
PERCENTILE = 0.995


def estimate(
    denoiser: Denoiser,
    x_t: Tensor,
    t: int,
    schedule: NoiseSchedule,
    clip_x0: float,
    threshold: str = "static",
) -> tuple[Tensor, Tensor]:
    """(eps_hat, x0_hat) at (x_t, t), consistent with each other after clipping.

    Args:
        denoiser: Who is asked.
        x_t: Noisy images, (B, C, H, W).
        t: Timestep of all.
        schedule: Of the model.
        clip_x0: x0_hat is brought into [-clip_x0, clip_x0]; 0 leaves it.
        threshold: How: one of `THRESHOLDS`.
    """
    steps = torch.full((x_t.shape[0],), t, dtype=torch.int64, device=x_t.device)
    predict = getattr(denoiser, "predict", None)
    if predict is not None:
        eps_hat, x0_hat = predict(x_t, steps)
    else:
        eps_hat = denoiser(x_t, steps)
        x0_hat = predict_x0(x_t, steps, eps_hat, schedule)
    limit = float(clip_x0)  # True is 1
    if limit:
        if threshold == "dynamic":
            x0_hat = limit * dynamic_threshold(x0_hat / limit)
        else:
            x0_hat = x0_hat.clamp(-limit, limit)
        eps_hat = predict_eps(x_t, steps, x0_hat, schedule)
    return eps_hat, x0_hat


def dynamic_threshold(x0_hat: Tensor, percentile: float = PERCENTILE) -> Tensor:
    """Bring each image into [-1, 1] by its own range (Saharia et al. 2022, Imagen, section 2.3).

    x0_hat / s, clipped to [-1, 1], where s is the percentile of |x0_hat| over all values of the
    image, and at least 1. A strong guidance drives most of an image past the range: to clip it
    there (static) leaves flat, garish colours; to scale it keeps its shades apart.

    Args:
        x0_hat: (B, C, H, W).
        percentile: From 0 to 1.
    """
    values = x0_hat.abs().flatten(1)
    values = values if values.dtype == torch.float64 else values.float()
    # One by one, since quantile takes no more than 16 million numbers.
    s = torch.stack([torch.quantile(image, percentile) for image in values]).clamp_min(1.0)
    return (x0_hat / s.to(x0_hat.dtype).reshape(-1, 1, 1, 1)).clamp(-1, 1)


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
