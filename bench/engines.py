"""ONNX Runtime against torch, on one thread and on all, and several callers against one.

Where there is a CUDA device, also the evaluations there as CUDA graphs against the plain ones.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from diffusion_core.checkpoint import checkpoint_folders, is_checkpoint, load_checkpoint
from diffusion_core.denoiser import Network
from diffusion_core.engines import CudaGraphNetwork, OnnxNetwork
from diffusion_core.unet import UNet

from .timing import alternate, report
from .unet import CONFIG

__all__ = ["bench_engines"]

AT_LEAST = 0.2  # seconds of a side of a round, since one evaluation is short
CALLERS = 4  # at once


def bench_engines(models: list[str], batches: list[int], rounds: int) -> None:
    """Print the ratios of an evaluation, for the models and for the network of the part unet.

    Args:
        models: Names of checkpoints.
        batches: Images an evaluation, each measured by itself.
        rounds: How often each side runs.

    Raises:
        ValueError: if there is no such model.
    """
    cores = torch.get_num_threads()
    for name, unet in _networks(models):
        network = OnnxNetwork(unet)
        for batch in batches:
            x = torch.randn((batch, *unet.config.sample_shape))
            t = torch.full((batch,), 500)
            what = f"engines, {name}, batch {batch}"
            for threads in sorted({1, cores}):

                def fast(network: Network = network, x: Tensor = x, t: Tensor = t) -> float:
                    return _seconds(network, x, t, 1)

                def plain(
                    unet: Network = unet, x: Tensor = x, t: Tensor = t, threads: int = threads
                ) -> float:
                    torch.set_num_threads(threads)
                    try:
                        return _seconds(unet, x, t, 1)
                    finally:
                        torch.set_num_threads(cores)

                fast(), plain()  # what is done once only is not timed
                on = f"on {threads} thread{'s' * (threads > 1)}"
                report(f"{what}: onnxruntime / torch {on}", *alternate(fast, plain, rounds))

            def crowd(network: Network = network, x: Tensor = x, t: Tensor = t) -> float:
                return _seconds(network, x, t, CALLERS)

            report(
                f"{what}: each of {CALLERS} callers at once / one alone",
                *alternate(crowd, fast, rounds),
            )
        if torch.cuda.is_available():
            _on_cuda(f"engines, {name} on CUDA", unet, batches, rounds)


def _on_cuda(what: str, unet: UNet, batches: list[int], rounds: int) -> None:
    unet.cuda()
    graphs = CudaGraphNetwork(unet)
    for batch in batches:
        x = torch.randn((batch, *unet.config.sample_shape), device="cuda")
        t = torch.full((batch,), 500, device="cuda")

        def seconds(network: Network, x: Tensor = x, t: Tensor = t) -> float:
            torch.cuda.synchronize()
            start, count = time.perf_counter(), 50
            with torch.no_grad():
                for _ in range(count):
                    network(x, t, t * 0 if unet.config.num_classes else None)
            torch.cuda.synchronize()
            return (time.perf_counter() - start) / count

        seconds(graphs), seconds(unet)  # recording, and the choice of kernels
        both = alternate(lambda s=seconds: s(graphs), lambda s=seconds: s(unet), rounds)
        report(f"{what}, batch {batch}: CUDA graphs / one by one", *both)
    unet.cpu()


def _networks(models: list[str]) -> Iterator[tuple[str, UNet]]:
    for name in models:
        folders = [place / name for place in checkpoint_folders()]
        found = next(filter(is_checkpoint, [*folders, Path(name)]), None)
        if found is None:
            raise ValueError(f"There is no model {name!r} here.")
        yield name, load_checkpoint(found).unet
    yield "three levels of 32 × 32", UNet(CONFIG).eval().requires_grad_(False)


@torch.no_grad()
def _seconds(network: Network, x: Tensor, t: Tensor, callers: int) -> float:
    """Seconds of the machine for an evaluation, where so many threads evaluate at once."""
    done, end = [0] * callers, time.perf_counter() + AT_LEAST

    def evaluate(i: int) -> None:
        while time.perf_counter() < end or not done[i]:
            network(x, t, t * 0 if network.config.num_classes else None)
            done[i] += 1

    start = time.perf_counter()
    threads = [threading.Thread(target=evaluate, args=(i,)) for i in range(callers)]
    for thread in threads if callers > 1 else ():
        thread.start()
    if callers == 1:
        evaluate(0)  # torch's number of threads is that of the thread that sets it
    for thread in threads if callers > 1 else ():
        thread.join()
    return (time.perf_counter() - start) / sum(done)
