#!/usr/bin/python3
"""Write the golden cases: PyTorch's numbers in double for small networks.

    python3 tests/golden/make_torch.py tests/golden/cases

Needs PyTorch; the numbers that are kept were made with 1.13.1. Every number that
nadir starts from is exact in float, so that both builds start from the same one.
A case file: the description (input, layer, loss, rule, steps), then tensors, each
a line "tensor NAME ROWS COLS" and one line per row.
"""
import sys

import numpy as np
import torch
from torch import nn

torch.set_default_dtype(torch.float64)


class Net(nn.Module):
    """Layers as (type, attributes); inputs by name as in nadir."""

    def __init__(self, n_in, layers):
        super().__init__()
        self.layers, self.mods, width = layers, nn.ModuleList(), {"input": n_in}
        last = "input"
        for i, (kind, attr) in enumerate(layers):
            name = attr.get("name", f"_{i}")
            source = attr.get("from", last).split("|")
            n = width[source[0]]
            mod = {
                "dense": lambda: nn.Linear(n, int(attr.get("units", 1)),
                                           bias=attr.get("bias", "true") == "true"),
                "relu": nn.ReLU,
                "leaky_relu": lambda: nn.LeakyReLU(float(attr.get("slope", 0.01))),
                "sigmoid": nn.Sigmoid,
                "tanh": nn.Tanh,
                "softmax": lambda: nn.Softmax(dim=1),
                "batchnorm": lambda: nn.BatchNorm1d(n, eps=float(attr.get("eps", 1e-5)),
                                                    momentum=float(attr.get("momentum", 0.1))),
                "add": nn.Identity,
            }[kind]()
            self.mods.append(mod)
            width[name] = int(attr.get("units", 1)) if kind == "dense" else n
            last = name

    def forward(self, x):
        value, last = {"input": x}, "input"
        for i, ((_, attr), mod) in enumerate(zip(self.layers, self.mods)):
            source = attr.get("from", last).split("|")
            last = attr.get("name", f"_{i}")
            value[last] = mod(sum(value[s] for s in source))
        return value[last]

    def tensors(self):
        """(name in nadir, tensor, decays) of parameters, in nadir's order."""
        for i, ((kind, _), mod) in enumerate(zip(self.layers, self.mods)):
            if kind == "dense":
                yield f"layers.{i}.weight", mod.weight, True
                if mod.bias is not None:
                    yield f"layers.{i}.bias", mod.bias, False
            if kind == "batchnorm":
                yield f"layers.{i}.scale", mod.weight, False
                yield f"layers.{i}.offset", mod.bias, False

    def running(self):
        for i, ((kind, _), mod) in enumerate(zip(self.layers, self.mods)):
            if kind == "batchnorm":
                yield f"layers.{i}.running_mean", mod.running_mean
                yield f"layers.{i}.running_var", mod.running_var


LOSS = {
    "cross_entropy": (nn.functional.cross_entropy, lambda z: torch.softmax(z, 1)),
    "binary_cross_entropy": (nn.functional.binary_cross_entropy_with_logits, torch.sigmoid),
    "mse": (nn.functional.mse_loss, lambda z: z),
}


def optimizer(rule, attr, net):
    decay = float(attr.get("weight_decay", 0))
    groups = [{"params": [p for _, p, d in net.tensors() if d], "weight_decay": decay},
              {"params": [p for _, p, d in net.tensors() if not d], "weight_decay": 0}]
    lr = float(attr["lr"])
    if rule == "adam":
        return torch.optim.Adam(groups, lr=lr, betas=(0.9, 0.999), eps=1e-8)
    return torch.optim.SGD(groups, lr=lr, momentum=float(attr.get("momentum", 0)))


def write(out, name, value):
    """nadir keeps weights [in][out], PyTorch [out][in]."""
    a = value.detach().numpy()
    a = a.reshape(1, -1) if a.ndim < 2 else a
    a = a.T if name.endswith(".weight") else a
    print("tensor", name, a.shape[0], a.shape[1], file=out)
    for row in a:
        print(" ".join(repr(float(v)) for v in row), file=out)


def as_float(tensor):
    return torch.from_numpy(tensor.numpy().astype(np.float32).astype(np.float64))


def labels(loss, rows, outputs, g):
    if loss == "cross_entropy":
        return torch.randint(0, outputs, (rows, 1), generator=g)
    if loss == "binary_cross_entropy":
        return torch.randint(0, 2, (rows, outputs), generator=g).double()
    return as_float(torch.randn(rows, outputs, generator=g))


def attributes(attr):
    return ", ".join(f"{k}={v}" for k, v in attr.items())


def case(path, seed, n_in, layers, loss, rule, rule_attr, rows=12, steps=100):
    g = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    net = Net(n_in, layers)
    with torch.no_grad():
        for _, p, _ in net.tensors():
            p.copy_(as_float(torch.randn(p.shape, generator=g) * 0.6))
    x = as_float(torch.randn(rows, n_in, generator=g))
    value, predict = LOSS[loss]
    outputs = net.eval()(x).shape[1]
    y = labels(loss, rows, outputs, g)
    target = y[:, 0] if loss == "cross_entropy" else y
    with open(path, "w") as out:
        print("input", n_in, file=out)
        for kind, attr in layers:
            print("layer", kind, attributes(attr), file=out)
        print("loss", loss, file=out)
        print("rule", rule, attributes(rule_attr), file=out)
        print("steps", steps, file=out)
        write(out, "x", x)
        write(out, "y", y.double())
        for name, p, _ in net.tensors():
            write(out, "start/" + name, p)
        net.eval()
        write(out, "predict", predict(net(x)))
        write(out, "eval_loss", value(net(x), target))
        net.train()
        opt = optimizer(rule, rule_attr, net)
        for step in range(steps):
            opt.zero_grad()
            error = value(net(x), target)
            error.backward()
            if step == 0:
                write(out, "loss", error)
                for name, p, _ in net.tensors():
                    write(out, "grad/" + name, p.grad)
            opt.step()
        for name, p, _ in net.tensors():
            write(out, "end/" + name, p)
        for name, r in net.running():
            write(out, "end/" + name, r)
        net.eval()
        write(out, "end_predict", predict(net(x)))
        write(out, "end_loss", value(net(x), target))


def dense(units, **attr):
    return "dense", {"units": units, **attr}


def main(folder):
    # No bias before batchnorm: its gradient is rounding noise, which Adam blows up.
    residual = [dense(6, bias="false"), ("batchnorm", {}), ("relu", {"name": "r"}),
                dense(6, bias="false"), ("batchnorm", {"momentum": 0.3, "eps": 0.001}),
                ("tanh", {"name": "t"}), ("add", {"from": "r|t"}), dense(3)]
    twice = [dense(5, name="a"), ("add", {"from": "a|a|a"}), ("leaky_relu", {"slope": 0.2}),
             dense(2)]
    skip = [("add", {"from": "input|input"}), dense(4, bias="false", name="a"),
            ("sigmoid", {"name": "s"}), dense(4, name="d", **{"from": "a"}),
            ("add", {"from": "d|s"}), dense(2)]
    cases = {
        "linear_mse_sgd": (4, [dense(1)], "mse", "sgd", {"lr": 0.05}),
        "relu_ce_sgd": (5, [dense(7), ("relu", {}), dense(3)], "cross_entropy", "sgd",
                        {"lr": 0.1, "weight_decay": 0.01}),
        "tanh_bce_momentum": (5, [dense(6), ("tanh", {}), dense(2)], "binary_cross_entropy",
                              "momentum", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}),
        "sigmoid_mse_adam": (4, [dense(6), ("sigmoid", {}), dense(5), ("leaky_relu", {"slope": 0.1}),
                                 dense(2)], "mse", "adam", {"lr": 0.01, "weight_decay": 0.02}),
        "relu_ce_adam": (6, [dense(8), ("relu", {}), dense(8), ("relu", {}), dense(4)],
                         "cross_entropy", "adam", {"lr": 0.003, "weight_decay": 0.001}),
        "residual_batchnorm_ce_momentum": (5, residual, "cross_entropy", "momentum",
                                           {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.001}),
        "residual_batchnorm_ce_adam": (5, residual, "cross_entropy", "adam", {"lr": 0.005}),
        "add_twice_mse_sgd": (3, twice, "mse", "sgd", {"lr": 0.01}),
        "skip_bce_momentum": (3, skip, "binary_cross_entropy", "momentum",
                              {"lr": 0.05, "momentum": 0.8}),
        "softmax_mse_sgd": (4, [dense(5), ("tanh", {}), dense(3), ("softmax", {})], "mse", "sgd",
                            {"lr": 0.5}),
    }
    for seed, (name, arguments) in enumerate(cases.items(), 1):
        case(f"{folder}/{name}.txt", seed, *arguments)


if __name__ == "__main__":
    main(sys.argv[1])
