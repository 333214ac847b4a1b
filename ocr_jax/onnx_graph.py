"""A line recogniser as an ONNX graph, for programs without JAX.

Input `image` (height, width) uint8, a line as ocr_jax.images.cleaning leaves it; output
`logits` (frames, classes), class 0 being CTC's blank. The width is free. A line is
computed alone, so that nothing has to be masked.
"""

import json
from typing import NamedTuple

import numpy as np

from ocr_jax import extras
from ocr_jax.data import stretching
from ocr_jax.errors import UserError
from ocr_jax.models import encoders, line, slant
from ocr_jax.models.layers import EPSILON
from ocr_jax.trained import BestModel

onnx = extras.Lazy("onnx")
OPSET = 17
PREPROCESSING = (
    "one line of writing; ink bright (255) on paper that is exactly 0; rows cut to the "
    "ink with a margin; scaled to the height, its aspect kept: "
    "ocr_jax/images/cleaning.py"
)


def build(best: BestModel):
    """Return the ONNX model of a network, with what a reader needs in its metadata.

    Raises UserError if the network is an ensemble or has no convolutional encoder.
    """
    network = best.model
    if not isinstance(network, line.LineRecognizer) or not isinstance(
        network.encoder, encoders.ConvEncoder
    ):
        raise UserError(
            "only a single network with config.encoder=conv or upright_conv can be "
            "written as ONNX"
        )
    graph, head = _Graph([], []), best.state.params["head"]
    x, rows = _encoder(graph, _pixels(graph, best), -(-best.height // 2), best)
    x = _features(graph, x, rows, best)
    for layer in range(network.recurrent.layers):
        x = _lstm(graph, x, layer, best)
    x = graph.add("Squeeze", x, graph.constant([1]))
    x = graph.add("MatMul", x, graph.constant(head["kernel"]))
    graph.add("Add", x, graph.constant(head["bias"]), output="logits")
    return _model(graph, best)


class _Graph(NamedTuple):
    """The nodes and constants of a graph, in order."""

    nodes: list
    constants: list

    def constant(self, values) -> str:
        """Add an array, floats as float32; return its name."""
        values = np.asarray(values)
        kind = np.float32 if values.dtype.kind == "f" else np.int64
        name = f"constant{len(self.constants)}"
        tensor = onnx.numpy_helper.from_array(values.astype(kind), name)
        self.constants.append(tensor)
        return name

    def add(self, kind: str, *inputs: str, output: str = "", **attributes) -> str:
        """Add an operation; return the name of its output."""
        output = output or f"{kind}{len(self.nodes)}"
        node = onnx.helper.make_node(kind, inputs, [output], **attributes)
        self.nodes.append(node)
        return output


def _pixels(graph: _Graph, best: BestModel) -> str:
    """Scale to [0, 1] and fold 2 x 2 pixels: (1, 4, height / 2, width / 2)."""
    x = graph.add("Cast", "image", to=onnx.TensorProto.FLOAT)
    x = graph.add("Div", x, graph.constant(255.0))
    if best.model.encoder.upright:
        x = _straightened(graph, x, best.height)
    return graph.add("SpaceToDepth", _even(graph, x, best.height), blocksize=2)


def _even(graph: _Graph, x: str, height: int) -> str:
    """Pad (height, w) to even sizes: (1, 1, h, w)."""
    odd = graph.add("Mod", _columns(graph, x), graph.constant([2]))
    pads = graph.add("Concat", graph.constant([0, 0, height % 2]), odd, axis=0)
    return graph.add("Unsqueeze", graph.add("Pad", x, pads), graph.constant([0, 1]))


def _columns(graph: _Graph, x: str) -> str:
    return graph.add("Shape", x, start=1, end=2)


def _straightened(graph: _Graph, x: str, height: int) -> str:
    """Do to a line (height, w) what slant.straighten does."""
    shear = graph.add(
        "Gather", graph.constant(slant.shears(height)), _slant(graph, x, height)
    )
    rows = graph.constant(slant.places(height)[:, None])
    first = graph.constant(-slant.MARGIN)
    last = graph.add("Add", _columns(graph, x), graph.constant([slant.MARGIN]))
    last = graph.add("Squeeze", last)
    columns = graph.add("Range", first, last, graph.constant(1))
    columns = graph.add("Cast", columns, to=onnx.TensorProto.FLOAT)
    places = graph.add("Sub", columns, graph.add("Mul", rows, shear))
    left = graph.add("Floor", places)
    padded = graph.add("Pad", x, graph.constant([0, 1, 0, 1]))
    most = graph.add("Add", _columns(graph, x), graph.constant([1]))

    def pixels(shift: int) -> str:
        index = graph.add("Cast", left, to=onnx.TensorProto.INT64)
        index = graph.add("Add", index, graph.constant(shift))
        index = graph.add("Min", graph.add("Max", index, graph.constant(0)), most)
        return graph.add("GatherElements", padded, index, axis=1)

    one, other = pixels(1), pixels(2)
    part = graph.add(
        "Mul", graph.add("Sub", places, left), graph.add("Sub", other, one)
    )
    return graph.add("Add", one, part)


def _slant(graph: _Graph, x: str, height: int) -> str:
    """Return which of the shears that are tried makes a line upright (1,)."""
    kernel = slant.sheared_columns(-(-height // 2)).transpose(3, 2, 0, 1)
    reach = kernel.shape[3] - 1
    x = _even(graph, x, height)
    x = graph.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    ink = graph.add("Greater", x, graph.constant(slant.INK))
    ink = graph.add("Cast", ink, to=onnx.TensorProto.FLOAT)
    ink = graph.add("Conv", ink, graph.constant(kernel), pads=[0, reach, 0, reach])
    squares = graph.add("ReduceSumSquare", ink, axes=[2, 3], keepdims=0)
    return graph.add(
        "Squeeze", graph.add("ArgMax", squares, axis=1), graph.constant([0])
    )


def _encoder(graph: _Graph, x: str, rows: int, best: BestModel) -> tuple[str, int]:
    """Add the blocks of a ConvEncoder to x (1, c, rows, w); return output and rows."""
    encoder, stride, number = best.model.encoder, 2, 0

    def convolved(x: str) -> str:
        nonlocal number
        kernel, bias = _folded(best, number)
        number += 1
        arrays = graph.constant(kernel), graph.constant(bias)
        return graph.add("Conv", x, *arrays, pads=[1, 1, 1, 1])

    for block in range(len(encoder.channels)):
        x = graph.add("Relu", convolved(x))
        for _ in range(encoder.residual_blocks if block else 0):
            y = convolved(graph.add("Relu", convolved(x)))
            x = graph.add("Relu", graph.add("Add", x, y))
        cell = [2 if rows > 1 else 1, 2 if stride < encoder.frame_stride else 1]
        x = graph.add("MaxPool", x, kernel_shape=cell, strides=cell, ceil_mode=1)
        rows, stride = -(-rows // cell[0]), stride * cell[1]
    return x, rows


def _folded(best: BestModel, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a convolution's kernel (O, I, 3, 3) and bias (O,), its norm folded in."""
    params = best.state.params["encoder"]
    kernel = np.asarray(params[f"Conv_{number}"]["kernel"], np.float32)
    kernel = kernel.transpose(3, 2, 0, 1)
    if not best.model.encoder.batch_norm:
        return kernel, np.asarray(params[f"Conv_{number}"]["bias"], np.float32)
    norm = params[f"BatchNorm_{number}"]
    stats = best.state.batch_stats["encoder"][f"BatchNorm_{number}"]
    gain = np.asarray(norm["scale"]) / np.sqrt(np.asarray(stats["var"]) + EPSILON)
    bias = np.asarray(norm["bias"]) - np.asarray(stats["mean"]) * gain
    return kernel * gain[:, None, None, None], bias


def _features(graph: _Graph, x: str, rows: int, best: BestModel) -> str:
    """Join the rows of (1, c, rows, w) into features of frames (w, 1, d)."""
    encoder = best.model.encoder
    if encoder.column_max:
        x = graph.add("ReduceMax", x, axes=[2], keepdims=0)
        return graph.add("Transpose", x, perm=[2, 0, 1])
    x = graph.add("Transpose", x, perm=[3, 0, 2, 1])
    shape = graph.constant([-1, 1, rows * encoder.channels[-1]])
    return graph.add("Reshape", x, shape)


def _lstm(graph: _Graph, x: str, layer: int, best: BestModel) -> str:
    """Add a layer of LSTMs to frames (t, 1, d)."""
    stack, params = best.model.recurrent, best.state.params["recurrent"]
    names = ("forward", "backward")[: 1 + stack.bidirectional]
    weights = [params[f"{name}_{layer}"] for name in names]

    def stacked(key: str) -> np.ndarray:
        return np.stack([_onnx_gates(one[key]) for one in weights])

    # ONNX's second bias, of the recurrent product, is always zero here.
    bias = stacked("bias")
    x = graph.add(
        "LSTM",
        x,
        graph.constant(stacked("input_kernel").swapaxes(1, 2)),
        graph.constant(stacked("recurrent_kernel").swapaxes(1, 2)),
        graph.constant(np.concatenate([bias, np.zeros_like(bias)], axis=1)),
        direction="bidirectional" if stack.bidirectional else "forward",
        hidden_size=stack.dim,
    )
    x = graph.add("Transpose", x, perm=[0, 2, 1, 3])
    return graph.add("Reshape", x, graph.constant([0, 0, len(weights) * stack.dim]))


def _onnx_gates(weights) -> np.ndarray:
    """Reorder the gates of weights (..., 4H) as ONNX has them."""
    i, f, o, c = np.split(np.asarray(weights, np.float32), 4, axis=-1)
    return np.concatenate([i, o, f, c], axis=-1)


def _model(graph: _Graph, best: BestModel):
    """Wrap a graph up with its input, its output and its metadata."""
    classes = best.charset.num_classes
    image = onnx.helper.make_tensor_value_info(
        "image", onnx.TensorProto.UINT8, [best.height, "width"]
    )
    logits = onnx.helper.make_tensor_value_info(
        "logits", onnx.TensorProto.FLOAT, ["frames", classes]
    )
    made = onnx.helper.make_graph(
        graph.nodes, "line_recogniser", [image], [logits], graph.constants
    )
    model = onnx.helper.make_model(
        made, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=8
    )
    metadata = {
        "height": best.height,
        "characters": "".join(best.charset.characters),
        "direction": best.charset.direction,
        "frame_stride": best.model.encoder.frame_stride,
        "temperature": best.temperature,
        "dense": best.dense_from,
        "widest": stretching.WIDEST,
        "preprocessing": PREPROCESSING,
    }
    onnx.helper.set_model_props(
        model, {key: json.dumps(v, ensure_ascii=False) for key, v in metadata.items()}
    )
    onnx.checker.check_model(model, full_check=True)
    return model
