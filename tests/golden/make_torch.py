#!/usr/bin/python3
"""Write the golden cases: PyTorch's numbers in double for small networks.

    python3 tests/golden/make_torch.py tests/golden/cases

Needs PyTorch; the numbers that are kept were made with 1.13.1. Every number that
nadir starts from is exact in float, so that both builds start from the same one.
A case file: the description (input, layer, loss, rule, steps), then tensors, each
a line "tensor NAME ROWS COLS" and one line per row.
"""
import re
import sys
import zlib

import numpy as np
import torch
from torch import nn

torch.set_default_dtype(torch.float64)


class HardSigmoid(nn.Module):
    """PyTorch's own multiplies by 1/6 in float."""

    def forward(self, x):
        return (x + 3).clamp(0, 6) / 6


class Maxout(nn.Module):
    def __init__(self, pieces):
        super().__init__()
        self.pieces = pieces

    def forward(self, x):
        return x.unflatten(1, (-1, self.pieces)).max(2).values


class CourseNorm(nn.BatchNorm1d):
    """(h - mean) / (sigma + eps); running figures as PyTorch's."""

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            super().forward(x)
            mean, var = x.mean(0), x.var(0, unbiased=False)
        return (x - mean) / (var.sqrt() + self.eps) * self.weight + self.bias


class RMSNorm(nn.Module):
    """Zhang & Sennrich 2019, eq. 4; PyTorch 1.13 has none."""

    def __init__(self, n, eps, offset):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n))
        self.bias = nn.Parameter(torch.zeros(n)) if offset else None
        self.eps = eps

    def forward(self, x):
        y = x / ((x * x).mean(1, keepdim=True) + self.eps).sqrt() * self.weight
        return y if self.bias is None else y + self.bias


def batch_norm(n, attr):
    make = CourseNorm if attr.get("root") == "outside" else nn.BatchNorm1d
    return make(n, eps=float(attr.get("eps", 1e-5)), momentum=float(attr.get("momentum", 0.1)),
                affine=attr.get("scale") != "false")


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
                "log_softmax": lambda: nn.LogSoftmax(dim=1),
                "linear": nn.Identity,
                "hard_sigmoid": HardSigmoid,
                "softsign": nn.Softsign,
                "softplus": nn.Softplus,
                "relu6": nn.ReLU6,
                "elu": lambda: nn.ELU(float(attr.get("alpha", 1))),
                "selu": nn.SELU,
                "gelu": nn.GELU,
                "gelu_tanh": lambda: nn.GELU(approximate="tanh"),
                "silu": nn.SiLU,
                "mish": nn.Mish,
                "prelu": lambda: nn.PReLU(1 if attr.get("shared") == "true" else n),
                "maxout": lambda: Maxout(int(attr.get("pieces", 2))),
                "batchnorm": lambda: batch_norm(n, attr),
                "layernorm": lambda: nn.LayerNorm(n, eps=float(attr.get("eps", 1e-5)),
                                                  elementwise_affine=attr.get("scale") != "false"),
                "rmsnorm": lambda: RMSNorm(n, float(attr.get("eps", 1e-5)), "offset" in attr),
                "add": nn.Identity,
                "concat": nn.Identity,
            }[kind]()
            self.mods.append(mod)
            width[name] = {"dense": int(attr.get("units", 1)),
                           "concat": sum(width[s] for s in source),
                           "maxout": n // int(attr.get("pieces", 2))}.get(kind, n)
            last = name

    def forward(self, x):
        value, last = {"input": x}, "input"
        for i, ((kind, attr), mod) in enumerate(zip(self.layers, self.mods)):
            source = attr.get("from", last).split("|")
            last = attr.get("name", f"_{i}")
            inputs = [value[s] for s in source]
            value[last] = torch.cat(inputs, 1) if kind == "concat" else mod(sum(inputs))
        return value[last]

    def tensors(self):
        """(name in nadir, tensor, decays) of parameters, in nadir's order."""
        for i, ((kind, _), mod) in enumerate(zip(self.layers, self.mods)):
            if kind == "dense":
                yield f"layers.{i}.weight", mod.weight, True
                if mod.bias is not None:
                    yield f"layers.{i}.bias", mod.bias, False
            if kind == "prelu":
                yield f"layers.{i}.slope", mod.weight, False
            if kind in ("batchnorm", "layernorm", "rmsnorm") and mod.weight is not None:
                yield f"layers.{i}.scale", mod.weight, False
                if mod.bias is not None:
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
    "mae": (nn.functional.l1_loss, lambda z: z),
    "huber, delta=0.7": (lambda z, t: nn.functional.huber_loss(z, t, delta=0.7), lambda z: z),
    "log_cosh": (lambda z, t: torch.log(torch.cosh(z - t)).mean(), lambda z: z),
    "quantile, q=0.8": (lambda z, t: torch.maximum(0.8 * (t - z), -0.2 * (t - z)).mean(),
                        lambda z: z),
    "cross_entropy, label_smoothing=0.1": (
        lambda z, t: nn.functional.cross_entropy(z, t, label_smoothing=0.1),
        lambda z: torch.softmax(z, 1)),
    "binary_cross_entropy, label_smoothing=0.2": (
        lambda z, t: nn.functional.binary_cross_entropy_with_logits(z, 0.8 * t + 0.1),
        torch.sigmoid),
    "focal, gamma=1.5": (lambda z, t: focal(torch.log_softmax(z, 1), t, 1.5),
                         lambda z: torch.softmax(z, 1)),
    "brier": (lambda z, t: nn.functional.mse_loss(
        torch.softmax(z, 1), nn.functional.one_hot(t, z.shape[1]).to(z.dtype)),
              lambda z: torch.softmax(z, 1)),
    "hinge": (nn.functional.multi_margin_loss, lambda z: torch.softmax(z, 1)),
    "poisson": (lambda z, t: nn.functional.poisson_nll_loss(z, t) + (torch.xlogy(t, t) - t).mean(),
                torch.exp),
}


class Rule(torch.optim.Optimizer):
    """What PyTorch 1.13 has not, or not in the form of the paper; one tensor at a time."""

    def __init__(self, groups, **defaults):
        super().__init__(groups, defaults)

    def step(self, closure=None):
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    g = p.grad + group.get("weight_decay", 0) * p if self.coupled else p.grad
                    self.one(p, g, group, self.state[p])

    coupled = True


class Nesterov(Rule):
    """Sutskever et al. 2013, eq. 3-4: the gradient is taken at w - gamma v."""

    def step(self, closure=None):
        saved = {}
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    saved[p] = p.clone()
                    v = self.state[p].setdefault("v", torch.zeros_like(p))
                    p.sub_(group["momentum"] * v)
        closure()
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    g = p.grad + group["weight_decay"] * p
                    v = group["momentum"] * self.state[p]["v"] + group["lr"] * g
                    self.state[p]["v"] = v
                    p.copy_(saved[p] - v)


class Lion(Rule):
    """Chen et al. 2023, algorithm 2."""

    coupled = False

    def one(self, p, g, group, state):
        m = state.setdefault("m", torch.zeros_like(p))
        b1, b2 = group["betas"]
        direction = torch.sign(b1 * m + (1 - b1) * g)
        p.copy_(p - group["lr"] * (direction + group["weight_decay"] * p))
        state["m"] = b2 * m + (1 - b2) * g


class Nadam(Rule):
    """Dozat 2016, algorithm 2. PyTorch 1.13 has mu_t twice in the divisor of the mean."""

    def one(self, p, g, group, state):
        state["t"] = t = state.get("t", 0) + 1
        b1, b2 = group["betas"]
        mu = [b1 * (1 - 0.5 * 0.96 ** (k * 0.004)) for k in (t, t + 1)]
        state["product"] = product = state.get("product", 1.0) * mu[0]
        state["m"] = b1 * state.get("m", torch.zeros_like(p)) + (1 - b1) * g
        state["v"] = b2 * state.get("v", torch.zeros_like(p)) + (1 - b2) * g * g
        mean = mu[1] * state["m"] / (1 - product * mu[1]) + (1 - mu[0]) * g / (1 - product)
        p.sub_(group["lr"] * mean / (torch.sqrt(state["v"] / (1 - b2 ** t)) + group["eps"]))


class RpropOfPaper(Rule):
    """Riedmiller & Braun 1993, section III, with the step taken back after a change of
    sign, which PyTorch's Rprop does not do."""

    def one(self, p, g, group, state):
        step = state.setdefault("step", torch.full_like(p, group["lr"]))
        last = state.setdefault("last", torch.zeros_like(p))
        change = state.setdefault("change", torch.zeros_like(p))
        for i in range(p.numel()):
            flat = [t.view(-1) for t in (p.data, g, step, last, change)]
            w, grad, d, before, dw = flat
            product = float(grad[i] * before[i])
            if product < 0:
                d[i] = max(float(d[i]) * 0.5, 1e-6)
                dw[i] = -dw[i]
                before[i] = 0.0
            else:
                if product > 0:
                    d[i] = min(float(d[i]) * 1.2, 50.0)
                dw[i] = -torch.sign(grad[i]) * d[i]
                before[i] = grad[i]
            w[i] += dw[i]


def focal(log_p, t, gamma):
    log_p = log_p.gather(1, t[:, None])
    return (-(1 - log_p.exp()) ** gamma * log_p).mean()


def has_classes(loss):
    return loss.split(",")[0] in ("cross_entropy", "focal", "brier", "hinge")


def optimizer(rule, attr, net):
    decay = float(attr.get("weight_decay", 0))
    groups = [{"params": [p for _, p, d in net.tensors() if d], "weight_decay": decay},
              {"params": [p for _, p, d in net.tensors() if not d], "weight_decay": 0}]
    lr = float(attr["lr"])
    if rule == "adam":
        return torch.optim.Adam(groups, lr=lr, betas=(0.9, 0.999), eps=1e-8)
    gamma = float(attr.get("momentum", 0))
    make = {
        "sgd": lambda: torch.optim.SGD(groups, lr=lr, maximize=bool(attr.get("maximize"))),
        "momentum": lambda: torch.optim.SGD(groups, lr=lr, momentum=gamma),
        "nesterov": lambda: Nesterov(groups, lr=lr, momentum=gamma),
        "nesterov_pytorch": lambda: torch.optim.SGD(groups, lr=lr, momentum=gamma, nesterov=True),
        "adagrad": lambda: torch.optim.Adagrad(groups, lr=lr),
        "rmsprop": lambda: torch.optim.RMSprop(groups, lr=lr, alpha=float(attr.get("alpha", 0.99)),
                                               momentum=gamma, centered="centered" in attr),
        "adadelta": lambda: torch.optim.Adadelta(groups, lr=lr, rho=float(attr.get("rho", 0.9))),
        "adamw": lambda: torch.optim.AdamW(groups, lr=lr),
        "amsgrad": lambda: torch.optim.Adam(groups, lr=lr, amsgrad=True),
        "nadam": lambda: Nadam(groups, lr=lr, betas=(0.9, 0.999), eps=1e-8),
        "lion": lambda: Lion(groups, lr=lr, betas=(0.9, 0.99)),
        "rprop": lambda: RpropOfPaper(groups, lr=lr),
        "lbfgs": lambda: torch.optim.LBFGS([p for _, p, _ in net.tensors()], lr=lr, max_iter=1,
                                           history_size=int(attr.get("history", 10)),
                                           tolerance_grad=0, line_search_fn="strong_wolfe"),
    }
    return make[rule]()


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
    if has_classes(loss):
        return torch.randint(0, outputs, (rows, 1), generator=g)
    if loss.startswith("binary_cross_entropy"):
        return torch.randint(0, 2, (rows, outputs), generator=g).double()
    if loss == "poisson":
        return torch.randint(0, 6, (rows, outputs), generator=g).double()
    return as_float(torch.randn(rows, outputs, generator=g))


def attributes(attr):
    return ", ".join(f"{k}={v}" for k, v in attr.items())


def mean_by(weight, value):
    """sum w l / sum w, l the loss of a row alone."""
    def mean(z, t):
        each = [value(z[r:r + 1], t[r:r + 1]) for r in range(len(weight))]
        return sum(w * v for w, v in zip(weight, each)) / weight.sum()
    return mean


def case(path, seed, n_in, layers, loss, rule, rule_attr, rows=12, steps=100, weighted=False):
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
    target = y[:, 0] if has_classes(loss) else y
    if weighted:
        weight = torch.randint(0, 7, (rows, 1), generator=g).double() / 4
        value, y = mean_by(weight[:, 0], value), torch.cat([y.double(), weight], 1)
    with open(path, "w") as out:
        print("input", n_in, file=out)
        for kind, attr in layers:
            print("layer", kind, attributes(attr), file=out)
        print("loss", loss, file=out)
        print("rule", rule, attributes(rule_attr), file=out)
        print("steps", steps, file=out)
        if weighted:
            print("labels weighted", file=out)
        write(out, "x", x)
        write(out, "y", y.double())
        for name, p, _ in net.tensors():
            write(out, "start/" + name, p)
        net.eval()
        write(out, "predict", predict(net(x)))
        write(out, "eval_loss", value(net(x), target))
        net.train()
        opt = optimizer(rule, rule_attr, net)
        decay = float(rule_attr.get("weight_decay", 0))

        def closure():
            """Loss with the penalty that L-BFGS, which has no decay, is to see."""
            opt.zero_grad()
            error = value(net(x), target)
            if rule == "lbfgs":
                error = error + decay / 2 * sum((p ** 2).sum() for _, p, d in net.tensors() if d)
            error.backward()
            return error

        for step in range(steps):
            opt.zero_grad()
            error = value(net(x), target)
            error.backward()
            if step == 0:
                write(out, "loss", error)
                for name, p, _ in net.tensors():
                    write(out, "grad/" + name, p.grad)
            opt.step(closure if rule in ("nesterov", "lbfgs") else None)
        for name, p, _ in net.tensors():
            write(out, "end/" + name, p)
        for name, r in net.running():
            write(out, "end/" + name, r)
        net.eval()
        write(out, "end_predict", predict(net(x)))
        write(out, "end_loss", value(net(x), target))


def dense(units, **attr):
    return "dense", {"units": units, **attr}


def rules():
    """One small network, every rule that the cases above have not."""
    net = [dense(6), ("tanh", {}), dense(3)]
    cases = {
        "sgd_maximize": ("sgd", {"lr": 0.01, "maximize": "true"}),
        "nesterov": ("nesterov", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}),
        "nesterov_pytorch": ("nesterov_pytorch", {"lr": 0.05, "momentum": 0.9,
                                                  "weight_decay": 0.01}),
        "adagrad": ("adagrad", {"lr": 0.1, "weight_decay": 0.01}),
        "rmsprop": ("rmsprop", {"lr": 0.002, "weight_decay": 0.01}),
        "rmsprop_momentum": ("rmsprop", {"lr": 0.001, "alpha": 0.9, "momentum": 0.8}),
        "rmsprop_centered": ("rmsprop", {"lr": 0.001, "alpha": 0.97, "momentum": 0.5,
                                         "centered": "true"}),
        "adadelta": ("adadelta", {"lr": 1, "rho": 0.95, "weight_decay": 0.01}),
        "adamw": ("adamw", {"lr": 0.01, "weight_decay": 0.1}),
        "amsgrad": ("amsgrad", {"lr": 0.01, "weight_decay": 0.01}),
        "nadam": ("nadam", {"lr": 0.005, "weight_decay": 0.01}),
        "lion": ("lion", {"lr": 0.002, "weight_decay": 0.1}),
        "rprop": ("rprop", {"lr": 0.01, "weight_decay": 0.01}),
        "lbfgs": ("lbfgs", {"lr": 1, "history": 3, "weight_decay": 0.01}),
    }
    return {f"rule_{name}": (5, net, "cross_entropy", rule, attr, 12, 15 if rule == "lbfgs" else 100)
            for name, (rule, attr) in cases.items()}


def normalizations():
    """Both joints and each normalization, with and without learned numbers."""
    kinds = {
        "batchnorm_course": ("batchnorm", {"root": "outside", "eps": 0.1, "momentum": 0.2}),
        "batchnorm_plain": ("batchnorm", {"scale": "false", "offset": "false"}),
        "layernorm": ("layernorm", {"eps": 0.001}),
        "layernorm_plain": ("layernorm", {"scale": "false", "offset": "false"}),
        "rmsnorm": ("rmsnorm", {}),
        "rmsnorm_offset": ("rmsnorm", {"eps": 0.01, "offset": "true"}),
    }
    cases = {f"norm_{name}": (5, [dense(7, bias="false"), norm, ("tanh", {}), dense(3)],
                              "cross_entropy", "momentum", {"lr": 0.05, "momentum": 0.9})
             for name, norm in kinds.items()}
    joined = [dense(4, name="a"), ("tanh", {"name": "t"}), ("concat", {"from": "input|t",
                                                                       "name": "c"}),
              dense(3), ("sigmoid", {"name": "s"}), ("concat", {"from": "c|s|t"}), dense(2)]
    cases["concat"] = (3, joined, "mse", "adam", {"lr": 0.01})
    return cases


ACTIVATIONS = {"linear": {}, "hard_sigmoid": {}, "softsign": {}, "softplus": {}, "relu6": {},
               "elu": {"alpha": 0.7}, "selu": {}, "gelu": {}, "gelu_tanh": {}, "silu": {},
               "mish": {}, "prelu": {}, "maxout": {"pieces": 3}, "log_softmax": {}}


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
        **rules(),
    }
    for loss in LOSS:
        layers = [dense(6), ("tanh", {}), dense(3)]
        name = re.sub("[^a-z_]", "", loss.split("=")[0].replace(", ", "_"))
        cases[f"loss_{name}"] = (4, layers, loss, "sgd", {"lr": 0.05})
    for kind, attr in ACTIVATIONS.items():
        layers = [dense(6), (kind, attr), dense(6), (kind, attr), dense(2)]
        rate = 0.001 if kind in ("log_softmax", "linear") else 0.02
        cases[f"act_{kind}"] = (4, layers, "mse", "momentum", {"lr": rate, "momentum": 0.9})
    normalized = [dense(6, bias="false"), ("batchnorm", {}), ("relu", {}), dense(3)]
    for loss in ("cross_entropy", "binary_cross_entropy", "mse", "huber, delta=0.7"):
        name = loss.split(",")[0]
        cases[f"weighted_{name}"] = (4, [dense(6), ("tanh", {}), dense(3)], loss, "adam",
                                     {"lr": 0.01}, 12, 100, True)
    cases["weighted_batchnorm_mse"] = (4, normalized, "mse", "momentum",
                                       {"lr": 0.02, "momentum": 0.9}, 12, 100, True)
    cases.update(normalizations())
    for name, arguments in cases.items():
        case(f"{folder}/{name}.txt", zlib.crc32(name.encode()), *arguments)


if __name__ == "__main__":
    main(sys.argv[1])
