"""Numbers and pictures on their way to the browser: bytes as text, inside JSON messages."""

from __future__ import annotations

import base64

import numpy as np


def as_base64(values: np.ndarray | bytes) -> str:
    """The bytes of an array in C order, or bytes as they are, as text for a JSON message."""
    data = values if isinstance(values, bytes) else np.ascontiguousarray(values).tobytes()
    return base64.b64encode(data).decode()
