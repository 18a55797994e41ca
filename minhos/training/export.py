"""Trained members become ONNX graphs of one shape: a float32 input, the output `p_up` (n, 1), free batch.

Every library's converter has its own traps; they end here, so that serving sees graphs that look alike.
Not for checking that a graph forecasts the same as its library: `export_check` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from minhos.models.serving import OUTPUT

if TYPE_CHECKING:
    from minhos.training.lstm import LstmFit

OPSET = 17
GATES = ("input", "output", "forget", "cell")
"""ONNX's order of an LSTM's gates; torch's is input, forget, cell, output."""


def lstm_to_onnx(fit: LstmFit) -> bytes:
    """The network as a graph from `window` (n, window, n_features) to the probability of "up".

    Built by hand from the weights: standardise and clip, time first, the layers, the last step beside the last
    row, a linear head, a sigmoid.
    """
    parameters, n_features = fit.parameters, len(fit.mean)
    constants = {
        "mean": fit.mean,
        "std": fit.std,
        "low": np.float32(-parameters.clip),
        "high": np.float32(parameters.clip),
        "last": np.int64(-1),
        "first_direction": np.array([1], dtype=np.int64),
        "head_weight": fit.weights["head.weight"],
        "head_bias": fit.weights["head.bias"],
    }
    nodes = [
        helper.make_node("Sub", ["window", "mean"], ["centred"]),
        helper.make_node("Div", ["centred", "std"], ["scaled"]),
        helper.make_node("Clip", ["scaled", "low", "high"], ["standardised"]),
        helper.make_node("Transpose", ["standardised"], ["steps"], perm=[1, 0, 2]),
    ]
    states = "steps"
    for layer in range(parameters.layers):
        weights = {f"{name}_{layer}": array for name, array in _layer(fit, layer).items()}
        constants |= weights
        nodes += [
            helper.make_node("LSTM", [states, *weights], [f"directions_{layer}"], hidden_size=parameters.hidden),
            helper.make_node("Squeeze", [f"directions_{layer}", "first_direction"], [f"states_{layer}"]),
        ]
        states = f"states_{layer}"
    nodes += [
        helper.make_node("Gather", [states, "last"], ["last_state"], axis=0),
        helper.make_node("Gather", ["steps", "last"], ["last_row"], axis=0),
        helper.make_node("Concat", ["last_state", "last_row"], ["seen"], axis=1),
        helper.make_node("Gemm", ["seen", "head_weight", "head_bias"], ["logit"], transB=1),
        helper.make_node("Sigmoid", ["logit"], [OUTPUT]),
    ]
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    return _finished(nodes, "window", [parameters.window, n_features], tensors, [helper.make_opsetid("", OPSET)])


def _layer(fit: LstmFit, layer: int) -> dict[str, np.ndarray]:
    """W, R and B of ONNX's LSTM, one direction, from torch's names and gate order."""

    def gates(name: str) -> np.ndarray:
        of = dict(
            zip(("input", "forget", "cell", "output"), np.split(fit.weights[f"lstm.{name}_l{layer}"], 4), strict=True)
        )
        return np.concatenate([of[gate] for gate in GATES])[np.newaxis]

    bias = np.concatenate([gates("bias_ih"), gates("bias_hh")], axis=1)
    return {"W": gates("weight_ih"), "R": gates("weight_hh"), "B": bias}


def uniform(file: bytes, n_features: int) -> bytes:
    """A graph of that shape as it is; a classifier's with one input `row`, only the probability of class 1, and
    nothing that serving does not need."""
    model = onnx.load_model_from_string(file)
    graph = model.graph
    if any(output.name == OUTPUT for output in graph.output):
        return file
    probabilities = graph.output[1].name
    nodes = [node for node in graph.node if node.op_type != "ZipMap"]
    for node in graph.node:
        if node.op_type == "ZipMap" and node.output[0] == probabilities:
            probabilities = node.input[0]
    source = graph.input[0].name
    for node in nodes:
        node.input[:] = ["row" if name == source else name for name in node.input]
    nodes.append(helper.make_node("Gather", [probabilities, "class_up"], [OUTPUT], axis=1))
    tensors = [*graph.initializer, numpy_helper.from_array(np.array([1], dtype=np.int64), "class_up")]
    versions = {opset.domain: opset.version for opset in model.opset_import}
    versions[""] = max(versions.get("", 0), OPSET)
    opsets = [helper.make_opsetid(domain, version) for domain, version in sorted(versions.items())]
    return _finished(_needed(nodes), "row", [n_features], tensors, opsets)


def _needed(nodes: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Those nodes that the output depends on, in their order; the label's are not among them."""
    wanted, kept = {OUTPUT}, []
    for node in reversed(nodes):
        if wanted & set(node.output):
            wanted |= set(node.input)
            kept.append(node)
    return kept[::-1]


def _finished(
    nodes: list[onnx.NodeProto],
    source: str,
    shape: list[int],
    tensors: list[onnx.TensorProto],
    opsets: list[onnx.OperatorSetIdProto],
) -> bytes:
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "minhos",
        [helper.make_tensor_value_info(source, TensorProto.FLOAT, ["n", *shape])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["n", 1])],
        [t for t in tensors if t.name in used],
    )
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="minhos")
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
