"""What passes through a network's blocks at one evaluation, reduced at once to what is shown.

Hooks on a shallow copy of the network see each output as it comes, keep pictures and numbers of it,
and let the rest go: memory is bounded by what is shown, however large the network.

The three main components of a feature map's channels are those directions in which its positions,
taken as points with one coordinate a channel, vary most (principal components). As red, green and
blue they are one picture of all channels, normed each to its own range.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..denoiser import network_output
from ..unet import Attention, ResnetBlock, UNet
from .network_map import blocks_of
from .shallow_copy import shallow_copy

MOST_MAPS = 24  # single channels that are kept of a block
MOST_SIDE = 64  # pixels of a kept map; larger ones are averaged
BINS = 48  # of a histogram
COMPONENTS = 3
ROUNDS = 3  # of the iteration that finds the components for a thumbnail
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Norm:
    """A group norm, before and after: histograms of the values over the same bins.

    Attributes:
        name: Its name in the block.
        groups: Number of groups of channels that are normed each by itself.
        edges: Lowest and highest value of the bins; what lies outside counts in the outer ones.
        before, after: Share of the values in each bin, (`BINS`,).
        spread: Standard deviation of the values before and after.
    """

    name: str
    groups: int
    edges: tuple[float, float]
    before: np.ndarray
    after: np.ndarray
    spread: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Look:
    """The attention of one position: how much of every other it takes, per head.

    Attributes:
        pixel: Row and column of the position.
        weights: (heads, H, W); each head's add up to 1.
    """

    pixel: tuple[int, int]
    weights: np.ndarray


@dataclass(frozen=True, eq=False)
class Arithmetic:
    """One number of a convolution's output, as the sum that it is.

    value = Σ_c Σ_ij patch[c, i, j] · kernel[c, i, j] + bias

    Attributes:
        name: The convolution's name in the block.
        channel: The output channel.
        channels: Number of its output channels.
        pixel: Row and column in the output.
        patch: The neighbourhood in the input, zero beyond its edge, (C, k, k).
        kernel: The weights of this output channel, (C, k, k).
        bias: Its bias; 0 where there is none.
        value: The convolution's own output there.
    """

    name: str
    channel: int
    channels: int
    pixel: tuple[int, int]
    patch: np.ndarray
    kernel: np.ndarray
    bias: float
    value: float

    @property
    def sums(self) -> np.ndarray:
        """The sum over the neighbourhood for each input channel, (C,)."""
        return (self.patch.astype(np.float64) * self.kernel).sum(axis=(1, 2))


@dataclass(frozen=True, eq=False)
class BlockActivations:
    """What is kept of one block at one evaluation.

    Attributes:
        name: The block's path in the module tree.
        shape: (C, H, W) of its output, or (C,) of a vector.
        vector: The output itself where it is a vector.
        channels: The channels that are kept, most active first: by their standard deviation over
            the positions.
        maps: Those channels, (n, h, w), at most `MOST_SIDE` a side.
        deviations: The standard deviation of each kept channel, (n,).
        components: The three main components as a picture, uint8, (h, w, 3).
        explained: Share of the variance over positions that each of the three explains.
        comes_in, adds, goes_on: Root mean square of what comes in, of what the branch adds, and of
            what goes on; `adds` is None of a block without a branch.
        norms: Its group norms.
        look: Of an attention, what the chosen position takes.
        convolutions: Names of its convolutions in the block, in the order of the module tree.
        arithmetic: Of a block with a convolution, one number of the chosen one.
    """

    name: str
    shape: tuple[int, ...]
    vector: np.ndarray | None
    channels: tuple[int, ...]
    maps: np.ndarray
    deviations: np.ndarray
    components: np.ndarray | None
    explained: tuple[float, ...]
    comes_in: float
    adds: float | None
    goes_on: float
    norms: tuple[Norm, ...]
    look: Look | None
    convolutions: tuple[str, ...]
    arithmetic: Arithmetic | None


def record_activations(
    network: UNet,
    x_t: Tensor,
    t: Tensor,
    y: Tensor | None,
    block: str,
    *,
    pixel: tuple[float, float] = (0.5, 0.5),
    convolution: str | None = None,
    channel: int | None = None,
) -> BlockActivations:
    """What one block makes of a noisy picture: one evaluation of the network.

    Args:
        network: The network; it is not touched.
        x_t: The noisy picture, (1, C, H, W), on the network's device.
        t: The timestep, int64, (1,).
        y: The condition, or None.
        block: The block's path in the module tree, as `Block.name`.
        pixel: The position for the attention and the convolution: row and column as shares of
            height and width, in [0, 1].
        convolution: One of the block's `convolutions` by name; None, or a name that it does not
            have, is the first over neighbours.
        channel: The convolution's output channel; None is the one that varies most.

    Raises:
        ValueError: if the network has no such block.
    """

    def evaluate(copy: UNet) -> Tensor:
        with torch.inference_mode():
            return network_output(copy, network.config, x_t, t, y)

    _, _, opened = look_inside(
        network,
        evaluate,
        block=block,
        pixel=pixel,
        convolution=convolution,
        channel=channel,
        thumbnails=False,
    )
    assert opened is not None
    return opened


def look_inside(
    network: UNet,
    evaluate: Callable[[UNet], Result],
    *,
    block: str | None = None,
    pixel: tuple[float, float] = (0.5, 0.5),
    convolution: str | None = None,
    channel: int | None = None,
    thumbnails: bool = True,
) -> tuple[Result, dict[str, np.ndarray], BlockActivations | None]:
    """Evaluate a network once, and keep what its blocks make of it.

    Args:
        network: The network; it is not touched.
        evaluate: Gets a copy that shares the weights, and evaluates it once for one picture.
        block: A block to keep more of; None is none.
        pixel: As of `record_activations`.
        convolution: As of `record_activations`.
        channel: As of `record_activations`.
        thumbnails: Whether a picture of every block's output is kept.

    Returns:
        What `evaluate` returned; by the names of the blocks their three main components as
        pictures, uint8, (h, w, 3); and what is kept of the block.

    Raises:
        ValueError: if the network has no such block.
    """
    copy = shallow_copy(network)
    blocks = {name: module for name, module, _ in blocks_of(copy)}
    pictures: dict[str, np.ndarray] = {}
    if thumbnails:
        for name, module in blocks.items():
            module.register_forward_hook(_thumbnail(name, pictures))
    opening = None
    if block is not None:
        if block not in blocks:
            raise ValueError(f"The network has no block {block}; choose one of its map.")
        opening = _Opening(block, blocks[block], pixel, convolution, channel)
    result = evaluate(copy)
    return result, pictures, opening.kept() if opening is not None else None


def _thumbnail(name: str, pictures: dict[str, np.ndarray]) -> Callable[..., None]:
    def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
        if output.ndim == 4:
            pictures[name] = as_colours(*_quick_components(_small(output[0].float())))

    return keep


def _small(maps: Tensor) -> Tensor:
    """Maps (C, H, W) averaged so that no side is longer than `MOST_SIDE`."""
    side = max(maps.shape[1:])
    if side <= MOST_SIDE:
        return maps
    scale = MOST_SIDE / side
    height, width = (max(1, round(scale * n)) for n in maps.shape[1:])
    return F.adaptive_avg_pool2d(maps, (height, width))


def _quick_components(maps: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """The main components of (C, h, w), found by a few rounds of subspace iteration.

    Returns:
        The coordinates of the positions, (h w, 3), and (h, w).
    """
    C, h, w = maps.shape
    points = maps.flatten(1).T  # (h w, C)
    points = points - points.mean(dim=0)
    start = torch.randn(C, COMPONENTS, generator=torch.Generator().manual_seed(0))
    basis = start.to(points)
    for _ in range(ROUNDS):
        basis = torch.linalg.qr(points.T @ (points @ basis))[0]
    return _signed(points, basis), (h, w)


def _components(maps: Tensor) -> tuple[Tensor, tuple[float, ...]]:
    """The main components of (C, h, w), exactly: coordinates (h w, 3), shares of variance."""
    points = maps.flatten(1).T.double().cpu()
    points = points - points.mean(dim=0)
    values, vectors = torch.linalg.eigh(points.T @ points)
    basis, total = vectors[:, -COMPONENTS:].flip(1), float(values.clamp(min=0).sum())
    shares = values.clamp(min=0).flip(0)[:COMPONENTS] / max(total, 1e-30)
    return _signed(points, basis), tuple(float(share) for share in shares)


def _signed(points: Tensor, basis: Tensor) -> Tensor:
    """Coordinates in a basis whose largest numbers are positive, so that colours stay."""
    largest = basis.gather(0, basis.abs().argmax(dim=0, keepdim=True))
    signs = torch.where(largest < 0, -1.0, 1.0).to(basis)
    coordinates = points @ (basis * signs)
    if coordinates.shape[1] < COMPONENTS:  # fewer channels than colours
        coordinates = F.pad(coordinates, (0, COMPONENTS - coordinates.shape[1]))
    return coordinates


def as_colours(coordinates: Tensor, size: tuple[int, int]) -> np.ndarray:
    """Coordinates (h w, 3) as a picture, uint8, (h, w, 3): each over its own range."""
    low, high = coordinates.amin(dim=0), coordinates.amax(dim=0)
    share = (coordinates - low) / (high - low).clamp(min=1e-12)
    return (share * 255).round().byte().cpu().numpy().reshape(*size, COMPONENTS)


def _rms(values: Tensor) -> float:
    return float(values.float().square().mean().sqrt())


class _Opening:
    """Keeps of one block what is shown when it is opened."""

    def __init__(
        self,
        name: str,
        module: nn.Module,
        pixel: tuple[float, float],
        convolution: str | None,
        channel: int | None,
    ) -> None:
        self.name, self.pixel, self.channel = name, pixel, channel
        self.comes_in, self.goes_on = 0.0, 0.0
        self.adds: float | None = None
        self.shape: tuple[int, ...] = ()
        self.vector: np.ndarray | None = None
        self.channels: tuple[int, ...] = ()
        self.maps = self.deviations = np.zeros((0, 0, 0), np.float32)
        self.components: np.ndarray | None = None
        self.explained: tuple[float, ...] = ()
        self.norms: list[Norm] = []
        self.queries: Tensor | None = None
        self.look: Look | None = None
        self.size = (1, 1)
        self.arithmetic: Arithmetic | None = None
        module.register_forward_hook(self._output)
        if isinstance(module, Attention):
            self.heads = module.heads
            module.register_forward_pre_hook(self._input_size)
            module.to_q.register_forward_hook(self._query)
            module.to_k.register_forward_hook(self._keys)
        branch_end: nn.Module | None = None
        if isinstance(module, ResnetBlock):
            branch_end = module.conv2
        elif isinstance(module, Attention):
            branch_end = module.to_out[0]
        if branch_end is not None:
            branch_end.register_forward_hook(self._branch)
        for own, part in module.named_modules():
            if isinstance(part, nn.GroupNorm):
                part.register_forward_hook(self._norm(own or "norm"))
        parts = {
            own or "convolution": part
            for own, part in module.named_modules()
            if isinstance(part, nn.Conv2d)
        }
        self.convolutions = tuple(parts)
        # Only the one that is shown has a hook: opening costs the same however many there are.
        over_neighbours = [own for own, part in parts.items() if part.kernel_size[0] > 1]
        chosen = next(iter([*over_neighbours, *parts]), None)
        chosen = convolution if convolution in parts else chosen
        if chosen is not None:
            parts[chosen].register_forward_hook(self._convolved(chosen))

    def _input_size(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.size = (inputs[0].shape[2], inputs[0].shape[3])

    def _at(self, size: tuple[int, int]) -> tuple[int, int]:
        """The chosen position in a map of this size."""
        rows, columns = (
            min(n - 1, max(0, int(share * n))) for share, n in zip(self.pixel, size, strict=True)
        )
        return rows, columns

    def _output(self, module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        first = next((x for x in inputs if isinstance(x, Tensor)), None)
        self.comes_in = _rms(first) if first is not None else 0.0
        self.goes_on = _rms(output)
        self.shape = tuple(output.shape[1:])
        if output.ndim != 4:
            self.vector = output[0].float().cpu().numpy()
            return
        whole = output[0].float()
        deviations = whole.flatten(1).std(dim=1, correction=0)
        order = deviations.argsort(descending=True)[:MOST_MAPS]
        self.channels = tuple(order.tolist())
        self.deviations = deviations[order].cpu().numpy()
        small = _small(whole)
        self.maps = small[order].cpu().numpy()
        coordinates, self.explained = _components(small)
        self.components = as_colours(coordinates, (small.shape[1], small.shape[2]))

    def _branch(self, module: nn.Module, inputs: Any, output: Tensor) -> None:
        self.adds = _rms(output)

    def _norm(self, name: str) -> Callable[..., None]:
        def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            before, after = (values.float().flatten() for values in (inputs[0], output))
            most = max(float(v.abs().mean() + 3 * v.std()) for v in (before, after))
            most = max(most, 1e-6)

            def shares(values: Tensor) -> np.ndarray:
                counts = torch.histc(values.clamp(-most, most).cpu(), BINS, -most, most)
                return (counts / values.numel()).numpy()

            spread = (float(before.std()), float(after.std()))
            groups = module.num_groups if isinstance(module, nn.GroupNorm) else 1
            self.norms.append(
                Norm(name, groups, (-most, most), shares(before), shares(after), spread)
            )

        return keep

    def _query(self, module: nn.Module, inputs: Any, output: Tensor) -> None:
        row, column = self._at(self.size)
        self.queries = output[0, row * self.size[1] + column].float()  # (C,)

    def _keys(self, module: nn.Module, inputs: Any, output: Tensor) -> None:
        assert self.queries is not None  # the forward pass makes them first
        N, C = output.shape[1:]
        keys = output[0].float().view(N, self.heads, C // self.heads)
        queries = self.queries.view(self.heads, C // self.heads)
        scores = torch.einsum("hd,nhd->hn", queries, keys) * (C // self.heads) ** -0.5
        weights = scores.softmax(dim=1).view(self.heads, *self.size)
        self.look = Look(self._at(self.size), weights.cpu().numpy())

    def _convolved(self, name: str) -> Callable[..., None]:
        def keep(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            assert isinstance(module, nn.Conv2d)
            if self.channel is None:
                chosen = int(output[0].float().flatten(1).std(dim=1, correction=0).argmax())
            else:
                chosen = min(max(0, self.channel), output.shape[1] - 1)
            row, column = self._at((output.shape[2], output.shape[3]))
            patch = _neighbourhood(inputs[0][0], module, row, column)
            kernel = module.weight[chosen].float().cpu().numpy()
            bias = 0.0 if module.bias is None else float(module.bias[chosen])
            value = float(output[0, chosen, row, column])
            self.arithmetic = Arithmetic(
                name, chosen, output.shape[1], (row, column), patch, kernel, bias, value
            )

        return keep

    def kept(self) -> BlockActivations:
        """All of it."""
        return BlockActivations(
            name=self.name,
            shape=self.shape,
            vector=self.vector,
            channels=self.channels,
            maps=self.maps,
            deviations=self.deviations,
            components=self.components,
            explained=self.explained,
            comes_in=self.comes_in,
            adds=self.adds,
            goes_on=self.goes_on,
            norms=tuple(self.norms),
            look=self.look,
            convolutions=self.convolutions,
            arithmetic=self.arithmetic,
        )


def _neighbourhood(x: Tensor, module: nn.Conv2d, row: int, column: int) -> np.ndarray:
    """What a convolution sees of x (C, H, W) for one position of its output: (C, k, k)."""
    (kh, kw), (sh, sw) = module.kernel_size, module.stride
    ph, pw = (p if isinstance(p, int) else 0 for p in module.padding)
    top, left = row * sh - ph, column * sw - pw
    patch = x.new_zeros((x.shape[0], kh, kw))
    rows = range(max(0, top), min(x.shape[1], top + kh))
    columns = range(max(0, left), min(x.shape[2], left + kw))
    patch[:, rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = x[
        :, rows.start : rows.stop, columns.start : columns.stop
    ]
    return patch.float().cpu().numpy()
