"""A checkpoint as an ONNX file: the network, and what one must know to walk with it.

The file's own metadata hold the settings of the walk, as JSON: the betas, or of flow matching the
number of timesteps, what the output means, the names of classes and attributes. A card beside it,
the same in words, shows its inputs and outputs and a walk in NumPy, without torch and without this
package.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx

from ..checkpoint import Checkpoint
from ..files import replace_file, write_text
from ..schedule import FlowSchedule
from .onnx_graph import onnx_graph

__all__ = ["export_onnx"]

ENDING = ".onnx"
MEANINGS = {
    "epsilon": "the noise",
    "v_prediction": "v",
    "sample": "the clean picture",
    "velocity": "the noise less the clean picture",
}
# The walk in NumPy: x0_hat and eps_hat of what the network predicts (v of Salimans and Ho 2022).
ESTIMATES = {
    "epsilon": "eps = output; x0 = (x - (1 - a) ** 0.5 * eps) / a**0.5",
    "v_prediction": "x0 = a**0.5 * x - (1 - a) ** 0.5 * output; "
    "eps = (1 - a) ** 0.5 * x + a**0.5 * output",
    "sample": "x0 = output; eps = (x - a**0.5 * x0) / (1 - a) ** 0.5",
    "velocity": "x0 = (x - (1 - a) ** 0.5 * output) / (a**0.5 + (1 - a) ** 0.5); eps = x0 + output",
}
# The same on the straight path, x_t = (1 - u) x0 + u eps.
FLOW_ESTIMATES = {
    "epsilon": "eps = output; x0 = (x - u * eps) / (1 - u)",
    "sample": "x0 = output; eps = (x - (1 - u) * x0) / u",
    "velocity": "x0 = x - u * output; eps = x0 + output",
}
OF_BETAS = (
    'alpha_bar = np.cumprod(1 - np.array(json.loads(settings["betas"])))',
    "len(alpha_bar)",
    """    a = np.float32(alpha_bar[t])
    b = np.float32(1 if t_next is None else alpha_bar[t_next])""",
    "x = b**0.5 * x0 + (1 - b) ** 0.5 * eps",
    "eps = (x - a**0.5 * x0) / (1 - a) ** 0.5",
)
OF_FLOW = (
    'T = json.loads(settings["flow_timesteps"])',
    "T",
    """    u = np.float32((t + 1) / T)
    v = np.float32(0 if t_next is None else (t_next + 1) / T)""",
    "x = (1 - v) * x0 + v * eps",
    "eps = (x - (1 - u) * x0) / u",
)


def export_onnx(file: str | Path, checkpoint: Checkpoint) -> Path:
    """Write the network of a checkpoint as an ONNX file, and its card beside it.

    Args:
        file: The file to write, whose name ends in .onnx; the card has its name and .md.
        checkpoint: Of a UNet, on any device.

    Returns:
        The card's file.

    Raises:
        ValueError: if the name ends otherwise, or the network is of another kind.
        OSError: if a file cannot be written.
    """
    file = Path(file)
    if file.suffix.lower() != ENDING:
        raise ValueError(f"The file is {file.name!r}, and its name must end in {ENDING}.")
    model, config = onnx_graph(checkpoint.unet), checkpoint.config
    names = {name: list(values) for name, values in config.attribute_names}
    settings: dict[str, Any] = {
        "name": Path(checkpoint.name).name,
        "weights_sha256": checkpoint.weights_hash,
        "prediction_type": config.prediction_type,
        "clip_x0": config.clip_x0,
        "class_names": list(config.class_names),
        "attribute_names": names,
    }
    schedule = checkpoint.schedule
    if isinstance(schedule, FlowSchedule):
        settings["flow_timesteps"] = len(schedule)
    else:
        settings["betas"] = schedule.betas.tolist()
    onnx.helper.set_model_props(model, {key: json.dumps(v) for key, v in settings.items()})
    onnx.checker.check_model(model, full_check=True)
    replace_file(file, lambda beside: beside.write_bytes(model.SerializeToString()))
    card = file.with_suffix(".md")
    write_text(card, _card(file.name, checkpoint))
    return card


def _inputs(checkpoint: Checkpoint) -> tuple[list[tuple[str, str, str]], str]:
    """Rows of the table of inputs, and the value of y in the example, as Python."""
    C, H, W = checkpoint.image_shape
    rows = [
        ("x_t", f"float32 (B, {C}, {H}, {W})", "the noisy pictures; black is -1, white is 1"),
        ("t", "int64 (B,)", f"timesteps, 0 to {len(checkpoint.schedule) - 1}"),
    ]
    classes, names = checkpoint.num_classes, checkpoint.config.attribute_names
    if not classes:
        return rows, ""
    listed = ", ".join(f"{i} {name}" for i, name in enumerate(checkpoint.config.class_names))
    words = f"class, 0 to {classes - 1}" + (f" ({listed})" if listed else "")
    if checkpoint.null_label:
        words += f"; {classes} is without a class"
    if not names:
        return [*rows, ("y", "int64 (B,)", words)], "[0] * len(x)"
    words += "; then one number an attribute, from 0, or -1 for unspecified: "
    words += ", ".join(f"{name} (below {len(values)})" for name, values in names)
    values = [0, *[-1] * len(names)]
    return [*rows, ("y", f"int64 (B, {1 + len(names)})", words)], f"[{values}] * len(x)"


def _card(name: str, checkpoint: Checkpoint) -> str:
    rows, y = _inputs(checkpoint)
    C, H, W = checkpoint.image_shape
    kind = checkpoint.config.prediction_type
    meaning = MEANINGS[kind]
    rows.append(("output", f"float32 (B, {C}, {H}, {W})", f"what the network predicts: {meaning}"))
    table = "\n".join(f"| `{name}` | {shape} | {words} |" for name, shape, words in rows)
    limit = checkpoint.config.clip_x0
    flow = isinstance(checkpoint.schedule, FlowSchedule)
    path, count, levels, step, eps_of = OF_FLOW if flow else OF_BETAS
    estimates = (FLOW_ESTIMATES if flow else ESTIMATES)[kind]
    method, held = ("a flow model", "flow_timesteps") if flow else ("a DDPM", "betas")
    clip = ""
    if limit:
        clip = f"\n    x0 = x0.clip(-{limit:g}, {limit:g})"
        clip += f"; {eps_of}"
    asked = f', "y": np.array({y}, np.int64)' if y else ""
    data, model = checkpoint.config.dataset or "pictures", Path(checkpoint.name).name
    return f"""# {name}

The network of {model}, {method} on {data}, as an ONNX graph for any batch size.

| | | |
|---|---|---|
{table}

The metadata of the file hold `{held}`, `prediction_type`, `clip_x0`, `class_names` and
`attribute_names` as JSON. A walk of 25 DDIM steps (Song et al. 2021) in NumPy:

```python
import json
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("{name}")
settings = session.get_modelmeta().custom_metadata_map
{path}
x = np.random.default_rng(0).standard_normal((4, {C}, {H}, {W})).astype(np.float32)
steps = np.linspace({count} - 1, 0, 25).round().astype(np.int64)
for t, t_next in zip(steps, [*steps[1:], None]):
    inputs = {{"x_t": x, "t": np.full(len(x), t){asked}}}
    output = session.run(None, inputs)[0]
{levels}
    {estimates}{clip}
    {step}
pictures = ((x.clip(-1, 1) + 1) * 127.5).round().astype(np.uint8)  # (B, C, H, W)
```
"""
