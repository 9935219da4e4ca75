#!/usr/bin/python3
"""A network of dense and relu layers with random weights as an ONNX file.

    onnx_net.py LAYERS FILE.onnx         such as 784-128-10
"""
import sys

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save


def build(widths):
    rng = np.random.default_rng(1)
    nodes, tensors, x = [], [], "x"
    for i, (n, m) in enumerate(zip(widths, widths[1:])):
        last = i + 2 == len(widths)
        weight = rng.normal(size=(n, m)).astype(np.float32) / np.float32(np.sqrt(n))
        tensors += [numpy_helper.from_array(weight, "w%d" % i),
                    numpy_helper.from_array(np.zeros(m, np.float32), "b%d" % i)]
        nodes.append(helper.make_node("Gemm", [x, "w%d" % i, "b%d" % i], ["z%d" % i]))
        nodes.append(helper.make_node("Softmax", ["z%d" % i], ["y"], axis=1) if last else
                     helper.make_node("Relu", ["z%d" % i], ["h%d" % i]))
        x = "h%d" % i
    graph = helper.make_graph(
        nodes, "net", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", widths[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", widths[-1]])], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


if len(sys.argv) != 3:
    raise SystemExit(__doc__)
model = build([int(w) for w in sys.argv[1].split("-")])
checker.check_model(model)
save(model, sys.argv[2])
