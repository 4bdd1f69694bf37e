"""A UNet as an ONNX graph, for any batch of pictures of its own size.

The graph is built from the module tree, operator by operator, in a twentieth of a second and
without evaluating anything; `torch.onnx.export` gives about the same nodes, and takes ten seconds.
What it computes is what `denoiser.network_output` computes of a network in evaluation mode, up to
the order of sums: the outputs differ by some units of the seventh digit, and
`tests/test_onnx_graph.py` compares them for every form of network that there is.

Inputs are x_t, float32 (B, C, H, W); t, int64 (B,); and, of a network with classes, y, int64 (B,),
or with attributes (B, 1 + K), where the null condition is written out. The one output, `output`,
is what the network predicts, float32 (B, C_out, H, W).
"""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from ..conditioning import ConditionEncoder
from ..unet import UNet

OPSET = 20  # of ONNX 1.15, the first with Gelu
HALF = np.float16


def onnx_graph(unet: UNet, half: bool = False) -> onnx.ModelProto:
    """Build the graph of a network.

    Args:
        unet: The network, in fp32 on the CPU; its parameters are copied.
        half: Store the weights in half precision, to be cast as the graph is loaded: half as many
            bytes, and to the bit the same output for weights that a checkpoint's file holds in
            half precision.

    Returns:
        The model, with the batch size free, which `onnx.checker` accepts.
    """
    return _Builder(unet, half).model()


class _Builder:
    """Collects nodes and weights; a value is known by its name, and its shape by who made it."""

    def __init__(self, unet: UNet, half: bool) -> None:
        self.unet, self.config, self.half = unet, unet.config, half
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._constants: dict[tuple[Any, ...], str] = {}

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output; its name."""
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def ints(self, *values: int) -> str:
        """A constant int64 vector."""
        return self.constant(np.array(values, dtype=np.int64))

    def number(self, value: float) -> str:
        """A constant float32."""
        return self.constant(np.array(value, dtype=np.float32))

    def constant(self, array: np.ndarray) -> str:
        """A constant; what is equal is stored once."""
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = self._constants[key] = f"constant_{len(self._constants)}"
            self.weights.append(numpy_helper.from_array(array, name))
        return self._constants[key]

    def weight(self, name: str, tensor: Tensor) -> str:
        """A trained tensor, in the precision in which weights are stored."""
        array = tensor.detach().cpu().float().contiguous().numpy()
        if not self.half:
            self.weights.append(numpy_helper.from_array(array, name))
            return name
        self.weights.append(numpy_helper.from_array(array.astype(HALF), f"{name}.half"))
        return self.op("Cast", f"{name}.half", to=TensorProto.FLOAT)

    def model(self) -> onnx.ModelProto:
        """The whole network."""
        cfg = self.config
        C, H, W = cfg.sample_shape
        inputs: list[tuple[str, int, list[Any]]] = [
            ("x_t", TensorProto.FLOAT, ["B", C, H, W]),
            ("t", TensorProto.INT64, ["B"]),
        ]
        if cfg.num_classes is not None:
            shape = ["B", 1 + len(cfg.attributes)] if cfg.attributes else ["B"]
            inputs.append(("y", TensorProto.INT64, shape))
        t = self.op("Unsqueeze", self.op("Cast", "t", to=TensorProto.FLOAT), self.ints(1))
        output = self._forward("x_t", t, H, W)
        if cfg.time_embedding == "fourier":  # of a score; see `network_output`
            output = self.op("Div", output, self.op("Unsqueeze", t, self.ints(2, 3)))
        self.nodes.append(helper.make_node("Identity", [output], ["output"], name="output"))
        graph = helper.make_graph(
            self.nodes,
            "unet",
            [helper.make_tensor_value_info(*each) for each in inputs],
            [
                helper.make_tensor_value_info(
                    "output", TensorProto.FLOAT, ["B", cfg.out_channels, H, W]
                )
            ],
            self.weights,
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9
        )

    def _forward(self, x_t: str, t: str, H: int, W: int) -> str:
        """`UNet.forward` of x_t (B, C, H, W) and t (B, 1)."""
        cfg, unet = self.config, self.unet
        self.activated = self.activation(self._conditioning(t))  # what each block projects
        h = x_t
        if cfg.center_input:
            h = self.op("Sub", self.op("Mul", h, self.number(2)), self.number(1))
        p = cfg.patch_size
        if p > 1:  # pixel_unshuffle; SpaceToDepth would order the channels otherwise
            H, W = H // p, W // p
            h = self.op("Reshape", h, self.ints(0, cfg.in_channels, H, p, W, p))
            h = self.op("Transpose", h, perm=[0, 1, 3, 5, 2, 4])
            h = self.op("Reshape", h, self.ints(0, cfg.in_channels * p * p, H, W))
        h = self.conv("conv_in", unet.conv_in, h)
        skips = [h]
        for i, level in enumerate(cast(list[Any], unet.down_blocks)):
            for j in range(len(level.resnets)):
                h = self.block(f"down_blocks.{i}", level, j, h, H, W)
                skips.append(h)
            for layer in level.downsamplers:
                H, W = (H + 1) // 2, (W + 1) // 2
                h = self.resampled(f"down_blocks.{i}.downsamplers.0", layer, h, H, W)
                skips.append(h)
        middle = unet.mid_block
        h = self.resnet("mid_block.resnets.0", middle.resnets[0], h, H, W)
        for attention in middle.attentions:
            h = self.attention("mid_block.attentions.0", attention, h, H, W)
        h = self.resnet("mid_block.resnets.1", middle.resnets[1], h, H, W)
        for i, level in enumerate(cast(list[Any], unet.up_blocks)):
            for j in range(len(level.resnets)):
                h = self.op("Concat", h, skips.pop(), axis=1)
                h = self.block(f"up_blocks.{i}", level, j, h, H, W)
            for layer in level.upsamplers:
                H, W = 2 * H, 2 * W
                h = self.resampled(f"up_blocks.{i}.upsamplers.0", layer, h, H, W)
        h = self.group_norm("conv_norm_out", unet.conv_norm_out, h, H, W)
        h = self.conv("conv_out", unet.conv_out, self.silu(h))
        return self.op("DepthToSpace", h, blocksize=p, mode="CRD") if p > 1 else h

    def _conditioning(self, t: str) -> str:
        """The conditioning vector, (B, E), of timesteps (B, 1)."""
        unet, cfg = self.unet, self.config
        if cfg.time_embedding == "fourier":
            t = self.op("Log", t)
            weight = unet.time_proj.weight.detach().cpu()[None] * 2 * math.pi
            factor = self.constant(weight.numpy())
        else:
            k = np.arange(half := cfg.channels[0] // 2, dtype=np.float32)
            factor = self.constant(
                np.exp(np.float32(-math.log(10000.0)) * k / np.float32(half - cfg.freq_shift))[None]
            )
        angles = self.op("Mul", t, factor)
        waves = [self.op("Sin", angles), self.op("Cos", angles)]
        features = self.op("Concat", *(waves[::-1] if cfg.flip_sin_to_cos else waves), axis=1)
        if cfg.time_embedding == "positional" and cfg.channels[0] % 2:
            features = self.op("Pad", features, self.ints(0, 0, 0, 1))
        mlp = unet.time_embedding
        h = self.silu(self.linear("time_embedding.linear_1", mlp.linear_1, features))
        emb = self.linear("time_embedding.linear_2", mlp.linear_2, h)
        if cfg.num_classes is None:
            return emb
        return self.op("Add", emb, self._condition(unet.class_embedding))

    def _condition(self, encoder: ConditionEncoder) -> str:
        """The vector of a class and of its attributes, (B, E)."""
        table = self.weight("class_embedding.weight", encoder.weight)
        if not encoder.sizes:
            return self.op("Gather", table, "y")
        classes = self.op("Gather", "y", self.constant(np.array(0, dtype=np.int64)), axis=1)
        values = self.op(
            "Slice", "y", self.ints(1), self.ints(1 + len(encoder.sizes)), self.ints(1)
        )
        last = self.constant(encoder._last.cpu().numpy())
        unspecified = self.op("Less", values, self.constant(np.array(0, dtype=np.int64)))
        rows = self.op("Where", unspecified, last, values)
        rows = self.op("Add", rows, self.constant(encoder._first.cpu().numpy()))
        table_2 = self.weight("class_embedding.attributes.weight", encoder.attributes.weight)
        vectors = self.op("ReduceSum", self.op("Gather", table_2, rows), self.ints(1), keepdims=0)
        return self.op("Add", self.op("Gather", table, classes), vectors)

    def silu(self, x: str) -> str:
        """X · sigmoid(x)."""
        return self.op("Mul", x, self.op("Sigmoid", x))

    def activation(self, x: str) -> str:
        """The activation of residual blocks."""
        if self.config.activation == "silu":
            return self.silu(x)
        return self.op({"mish": "Mish", "gelu": "Gelu", "relu": "Relu"}[self.config.activation], x)

    def linear(self, name: str, layer: nn.Linear, x: str) -> str:
        """(B, in) to (B, out)."""
        weight = self.weight(f"{name}.weight", layer.weight)
        return self.op("Gemm", x, weight, self.weight(f"{name}.bias", layer.bias), transB=1)

    def conv(self, name: str, layer: nn.Conv2d, x: str, pads: list[int] | None = None) -> str:
        """A convolution; pads are top, left, bottom, right."""
        assert isinstance(layer.padding, tuple)
        return self.op(
            "Conv",
            x,
            self.weight(f"{name}.weight", layer.weight),
            *([] if layer.bias is None else [self.weight(f"{name}.bias", layer.bias)]),
            kernel_shape=list(layer.kernel_size),
            strides=list(layer.stride),
            pads=pads or [*layer.padding, *layer.padding],
        )

    def normed(self, layer: nn.GroupNorm, x: str, H: int, W: int) -> str:
        """Each group with mean 0 and variance 1."""
        G, C = layer.num_groups, layer.num_channels
        ones, zeros = (self.constant(np.full(G, v, dtype=np.float32)) for v in (1, 0))
        h = self.op("Reshape", x, self.ints(0, G, -1))
        h = self.op("InstanceNormalization", h, ones, zeros, epsilon=layer.eps)
        return self.op("Reshape", h, self.ints(0, C, H, W))

    def group_norm(self, name: str, layer: nn.GroupNorm, x: str, H: int, W: int) -> str:
        """A group norm with its own scale and shift."""
        scale, shift = (
            self.weight(f"{name}.{part}", getattr(layer, part)[:, None, None])
            for part in ("weight", "bias")
        )
        return self.op("Add", self.op("Mul", self.normed(layer, x, H, W), scale), shift)

    def block(self, name: str, level: Any, j: int, h: str, H: int, W: int) -> str:
        """A residual block of a level, and its attention."""
        h = self.resnet(f"{name}.resnets.{j}", level.resnets[j], h, H, W)
        if level.attentions:
            h = self.attention(f"{name}.attentions.{j}", level.attentions[j], h, H, W)
        return h

    def resampled(self, name: str, layer: Any, h: str, H: int, W: int) -> str:
        """A level left downwards or upwards, to H × W."""
        if hasattr(layer, "resample"):
            return self.resnet(name, layer, h, H, W)
        if hasattr(layer, "asymmetric"):
            return self.conv(
                f"{name}.conv", layer.conv, h, [0, 0, 1, 1] if layer.asymmetric else None
            )
        return self.conv(f"{name}.conv", layer.conv, self.doubled(h))

    def doubled(self, x: str) -> str:
        """Each pixel four times."""
        scales = self.constant(np.array([1, 1, 2, 2], dtype=np.float32))
        return self.op(
            "Resize",
            x,
            "",
            scales,
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )

    def resnet(self, name: str, block: Any, x: str, H: int, W: int) -> str:
        """A residual block that ends at H × W."""
        before = {"down": (2 * H, 2 * W), "up": (H // 2, W // 2)}.get(block.resample, (H, W))
        h = self.activation(self.group_norm(f"{name}.norm1", block.norm1, x, *before))
        if block.resample == "down":
            x, h = (self.op("AveragePool", z, kernel_shape=[2, 2], strides=[2, 2]) for z in (x, h))
        elif block.resample == "up":
            x, h = self.doubled(x), self.doubled(h)
        h = self.conv(f"{name}.conv1", block.conv1, h)
        emb = self.linear(f"{name}.time_emb_proj", block.time_emb_proj, self.activated)
        emb = self.op("Unsqueeze", emb, self.ints(2, 3))
        if block.scale_shift:
            # (norm · w + b) (1 + scale) + shift, with the small products formed first
            C = block.norm2.num_channels
            scale = self.op("Slice", emb, self.ints(0), self.ints(C), self.ints(1))
            shift = self.op("Slice", emb, self.ints(C), self.ints(2 * C), self.ints(1))
            w, b = (
                self.weight(f"{name}.norm2.{part}", getattr(block.norm2, part)[:, None, None])
                for part in ("weight", "bias")
            )
            scale = self.op("Add", scale, self.number(1))
            shift = self.op("Add", self.op("Mul", scale, b), shift)
            h = self.op("Mul", self.normed(block.norm2, h, H, W), self.op("Mul", scale, w))
            h = self.op("Add", h, shift)
        else:
            h = self.group_norm(f"{name}.norm2", block.norm2, self.op("Add", h, emb), H, W)
        h = self.conv(f"{name}.conv2", block.conv2, self.activation(h))
        if block.conv_shortcut is not None:
            x = self.conv(f"{name}.conv_shortcut", block.conv_shortcut, x)
        h = self.op("Add", h, x)
        return h if block.divide == 1 else self.op("Div", h, self.number(block.divide))

    def attention(self, name: str, layer: Any, x: str, H: int, W: int) -> str:
        """Multi-head self-attention around a shortcut, at H × W."""
        C, heads = layer.to_q.in_features, layer.heads
        h = x
        if layer.group_norm is not None:
            h = self.group_norm(f"{name}.group_norm", layer.group_norm, x, H, W)
        tokens = self.op("Reshape", h, self.ints(0, C, H * W))
        tokens = self.op("Transpose", tokens, perm=[0, 2, 1])
        q, k, v = (
            self._heads(f"{name}.{part}", getattr(layer, part), tokens, perm, H * W, heads)
            for part, perm in (
                ("to_q", [0, 2, 1, 3]),
                ("to_k", [0, 2, 3, 1]),
                ("to_v", [0, 2, 1, 3]),
            )
        )
        q = self.op("Mul", q, self.number((C // heads) ** -0.5))
        h = self.op("Softmax", self.op("MatMul", q, k), axis=-1)
        h = self.op("Transpose", self.op("MatMul", h, v), perm=[0, 2, 1, 3])
        h = self.op("Reshape", h, self.ints(0, H * W, C))
        h = self.op(
            "Transpose", self._tokens(f"{name}.to_out.0", layer.to_out[0], h), perm=[0, 2, 1]
        )
        h = self.op("Add", x, self.op("Reshape", h, self.ints(0, C, H, W)))
        return h if layer.divide == 1 else self.op("Div", h, self.number(layer.divide))

    def _tokens(self, name: str, layer: nn.Linear, tokens: str) -> str:
        """A linear layer on each token, (B, N, C) to the same."""
        h = self.op("MatMul", tokens, self.weight(f"{name}.weight", layer.weight.T))
        return self.op("Add", h, self.weight(f"{name}.bias", layer.bias))

    def _heads(
        self, name: str, layer: nn.Linear, tokens: str, perm: list[int], N: int, heads: int
    ) -> str:
        """Queries, keys or values of each head, (B, heads, N, d), or keys as (B, heads, d, N)."""
        h = self._tokens(name, layer, tokens)
        h = self.op("Reshape", h, self.ints(0, N, heads, layer.out_features // heads))
        return self.op("Transpose", h, perm=perm)
