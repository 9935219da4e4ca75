#!/usr/bin/python3
"""Write safetensors files of PyTorch networks, with inputs and the networks' outputs.

    python3 tests/golden/make_torch_files.py tests/golden/transfer

Needs PyTorch; the files that are kept were made with 1.13.1. The package safetensors is not
needed: the format is a length, a JSON header and the tensors' bytes, and is written here as
that package writes it (tensors by descending alignment of their type, then by name).
NAME.safetensors has the network's state_dict; NAME.txt has lines "input N", "layer TYPE
ATTRIBUTES" for nadir's description, and "tensor x ROWS COLS", "tensor y ROWS COLS" with one
line per row: inputs and what the network gives in evaluation mode.
"""
import json
import struct
import sys

import torch
from torch import nn

CODES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16",
         torch.bfloat16: "BF16", torch.int64: "I64"}


def payload(tensor):
    tensor = tensor.contiguous()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.view(torch.int16)
    return tensor.numpy().tobytes()


def save(tensors, path):
    names = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name in names:
        piece = payload(tensors[name])
        header[name] = {"dtype": CODES[tensors[name].dtype], "shape": list(tensors[name].shape),
                        "data_offsets": [len(data), len(data) + len(piece)]}
        data += piece
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def write_rows(file, name, tensor):
    file.write(f"tensor {name} {tensor.shape[0]} {tensor.shape[1]}\n")
    for row in tensor.tolist():
        file.write(" ".join(repr(value) for value in row) + "\n")


class Named(nn.Module):
    """Members whose order is that of their numbers, not of their letters."""

    def __init__(self, widths):
        super().__init__()
        for i, (a, b) in enumerate(zip(widths, widths[1:])):
            setattr(self, f"fc{i + 1}", nn.Linear(a, b))
        self.count = len(widths) - 1

    def forward(self, x):
        for i in range(1, self.count):
            x = torch.tanh(getattr(self, f"fc{i}")(x))
        return getattr(self, f"fc{self.count}")(x)


def spoil(net):
    """Running statistics and factors other than those a network starts with."""
    for part in net.modules():
        if isinstance(part, (nn.BatchNorm1d, nn.LayerNorm)):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.bias, -0.5, 0.5)
        if isinstance(part, nn.BatchNorm1d):
            part.running_mean.uniform_(-1, 1)
            part.running_var.uniform_(0.5, 2)


def case(folder, name, net, layers, dtype=torch.float32):
    torch.manual_seed(sum(name.encode()))
    for part in net.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    spoil(net)
    net.eval().to(dtype)
    save(net.state_dict(), f"{folder}/{name}.safetensors")
    x = torch.randn(7, 5).to(torch.float32)
    with torch.no_grad():
        y = net.double()(x.double())
    with open(f"{folder}/{name}.txt", "w") as file:
        file.write("input 5\n")
        file.writelines(f"layer {layer}\n" for layer in layers)
        write_rows(file, "x", x)
        write_rows(file, "y", y)


def main(folder):
    plain = ["dense units=6", "relu", "dense units=6", "relu", "dense units=3"]
    mlp = lambda: nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(),
                                nn.Linear(6, 3))
    case(folder, "mlp_f32", mlp(), plain)
    case(folder, "mlp_f64", mlp(), plain, torch.float64)
    case(folder, "mlp_f16", mlp(), plain, torch.float16)
    case(folder, "mlp_bf16", mlp(), plain, torch.bfloat16)
    widths = [5] + [6] * 11 + [3]
    case(folder, "named", Named(widths),
         [line for w in widths[1:-1] for line in (f"dense units={w}", "tanh")] + ["dense units=3"])
    case(folder, "norms",
         nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.PReLU(8, 0.3),
                       nn.Linear(8, 6, bias=False), nn.LayerNorm(6), nn.ReLU(), nn.Linear(6, 2)),
         ["dense units=8", "batchnorm", "prelu", "dense units=6, bias=false", "layernorm", "relu",
          "dense units=2"])


if __name__ == "__main__":
    main(sys.argv[1])
