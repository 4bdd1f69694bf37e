"""A stand-in for the `spaces` package of ZeroGPU: GPU calls in forked processes, all pickled.

It keeps to what the real one does (0.51): arguments and yields cross by pickle, the process fills a
queue as fast as it can, and where the caller closes the generator the process ends at its next
yield. It is stricter in one thing: networks and tensors do not cross, which CUDA would make slow or
wrong. What this cannot show is CUDA itself.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import torch

CONTEXT = multiprocessing.get_context("fork")


class _Strict(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, torch.nn.Module | torch.Tensor | torch.Generator):
            raise TypeError(f"cannot pickle {type(value).__name__}: names and arrays cross alone")
        return NotImplemented


def packed(value: Any) -> bytes:
    into = io.BytesIO()
    _Strict(into).dump(value)
    return into.getvalue()


class Spaces:
    """What `import spaces` gives.

    Attributes:
        durations: Seconds that were asked for.
        processes: That have computed.
        yielded: Bytes of each yield.
    """

    def __init__(self) -> None:
        self.durations: list[float] = []
        self.processes: list[Any] = []
        self.yielded: list[int] = []

    def GPU(self, *, duration: Callable[..., float]) -> Callable[[Any], Any]:
        def decorate(task: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
            def call(*args: Any) -> Iterator[Any]:
                self.durations.append(duration(*args))
                sent, stop = packed(args), CONTEXT.Event()
                out, into = CONTEXT.Pipe(duplex=False)
                process = CONTEXT.Process(target=_work, args=(task, sent, into, stop), daemon=True)
                self.processes.append(process)
                process.start()
                into.close()
                try:
                    while True:
                        kind, data = pickle.loads(out.recv_bytes())
                        if kind == "error":
                            raise RuntimeError(data)
                        if kind == "end":
                            return
                        self.yielded.append(len(data))
                        yield pickle.loads(data)
                finally:
                    stop.set()
                    out.close()
                    process.join(30)

            return call

        return decorate


def _work(task: Callable[..., Iterator[Any]], sent: bytes, into: Any, stop: Any) -> None:
    try:
        for value in task(*pickle.loads(sent)):
            if stop.is_set():
                break
            into.send_bytes(pickle.dumps(("value", packed(value))))
        into.send_bytes(pickle.dumps(("end", b"")))
    except BrokenPipeError:
        pass
    except BaseException as error:
        into.send_bytes(pickle.dumps(("error", repr(error))))
    finally:
        os._exit(0)  # as the other's threads are not here, nor is their tidying up
