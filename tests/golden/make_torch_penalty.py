#!/usr/bin/python3
"""Write golden cases of penalties, bounds, clipping and averages, in make_torch.py's format.

    python3 tests/golden/make_torch_penalty.py tests/golden/cases

Penalties are part of the loss that PyTorch differentiates; clipping by value and by norm,
averages over steps and epochs are its own (torch.nn.utils, torch.optim.swa_utils). The
order is nadir's: the penalty on orthogonality, clipping, L1 and L2, the step, the bound.
"""
import sys
import zlib

import torch
from torch.optim import swa_utils

from make_torch import LOSS, Net, as_float, attributes, dense, labels, optimizer, write

KEYS = ("l1", "l2", "weight_decay", "max_norm", "orthogonality")


def settings(net, attr):
    """(weight of a layer, its settings): the layer's own where it has some."""
    for (kind, own), mod in zip(net.layers, net.mods):
        if kind == "dense":
            yield mod.weight, {k: float(own.get(k, attr.get(k, 0))) for k in KEYS}


def orthogonality(weight):
    """W [units][inputs]; the smaller of the two products."""
    units, inputs = weight.shape
    product = weight @ weight.T if units <= inputs else weight.T @ weight
    return ((product - torch.eye(len(product))) ** 2).sum()


def clip_adaptive(net, share):
    """Brock et al. 2021, eq. 3; not in the last layer."""
    mods = [mod for (kind, _), mod in zip(net.layers, net.mods) if kind == "dense"]
    for mod in mods[:-1]:
        for p in (mod.weight, mod.bias):
            along = 1 if p.dim() > 1 else 0
            bound = share * p.norm(dim=along, keepdim=True).clamp(min=1e-3)
            norm = p.grad.norm(dim=along, keepdim=True)
            p.grad.copy_(torch.where(norm > bound, p.grad * bound / norm, p.grad))


def clip_norm(tensors, most):
    """PyTorch's own divides by the norm and 1e-6."""
    norm = torch.sqrt(sum((p.grad ** 2).sum() for p in tensors))
    for p in tensors:
        p.grad.mul_(most / norm if norm > most else 1)


def clip(net, attr):
    params = [p for _, p, _ in net.tensors()]
    if "clip_value" in attr:
        torch.nn.utils.clip_grad_value_(params, attr["clip_value"])
    if "clip_norm" in attr:
        clip_norm(params, attr["clip_norm"])
    if "clip_layer_norm" in attr:
        for mod in net.mods:
            if list(mod.parameters()):
                clip_norm(list(mod.parameters()), attr["clip_layer_norm"])
    if "clip_adaptive" in attr:
        clip_adaptive(net, attr["clip_adaptive"])


def step(net, opt, rule, attr):
    """One update; the gradient of the loss stands in the parameters."""
    with torch.enable_grad():
        penalty = sum(s["orthogonality"] * orthogonality(w) for w, s in settings(net, attr))
        if float(penalty) > 0:
            penalty.backward()
    with torch.no_grad():
        clip(net, attr)
        for w, s in settings(net, attr):
            w.grad += s["l1"] * torch.sign(w) + s["l2"] * w
            if attr.get("decoupled_decay"):
                w.mul_(1 - attr["lr"] * s["weight_decay"])
            elif rule != "adamw":
                w.grad += s["weight_decay"] * w
        opt.step()
        for w, s in settings(net, attr):
            if s["max_norm"] > 0:
                norm = w.norm(dim=1, keepdim=True)
                w.copy_(torch.where(norm > s["max_norm"], w * s["max_norm"] / norm, w))


def averaged(net, attr, swa):
    if swa:
        return swa_utils.AveragedModel(net)
    decay = attr.get("ema", 0)

    def follow(average, value, count):
        """The mean that starts at 0, corrected for it: of count + 1 steps."""
        return average + (1 - decay) / (1 - decay ** (int(count) + 1)) * (value - average)

    return swa_utils.AveragedModel(net, avg_fn=follow) if decay else None


def case(path, seed, n_in, layers, rule, attr, swa=0, rows=12, steps=100, loss="cross_entropy"):
    g = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    net = Net(n_in, layers)
    with torch.no_grad():
        for _, p, _ in net.tensors():
            p.copy_(as_float(torch.randn(p.shape, generator=g) * 0.6))
    x = as_float(torch.randn(rows, n_in, generator=g))
    value, predict = LOSS[loss]
    y = labels(loss, rows, net.eval()(x).shape[1], g)
    own = {k: v for k, v in attr.items() if k in ("lr", "momentum")}
    opt = optimizer(rule, {**own, "weight_decay": attr.get("weight_decay", 0) * (rule == "adamw")},
                    net)
    average = averaged(net, attr, swa)
    with open(path, "w") as out:
        print("input", n_in, file=out)
        for kind, layer in layers:
            print("layer", kind, attributes(layer), file=out)
        print("loss", loss, file=out)
        print("rule", rule, attributes(attr), file=out)
        print("steps", steps, file=out)
        if swa:
            print("swa", swa, file=out)
        write(out, "x", x)
        write(out, "y", y.double())
        for name, p, _ in net.tensors():
            write(out, "start/" + name, p)
        write(out, "predict", predict(net(x)))
        write(out, "eval_loss", value(net(x), y[:, 0]))
        net.train()
        for count in range(1, steps + 1):
            opt.zero_grad()
            error = value(net(x), y[:, 0])
            error.backward()
            if count == 1:
                write(out, "loss", error)
                for name, p, _ in net.tensors():
                    write(out, "grad/" + name, p.grad)
            step(net, opt, rule, attr)
            if average and count >= swa:
                average.update_parameters(net)
        if swa:
            swa_utils.update_bn([x], average)
            net = average.module
        elif average:
            for name, p, _ in average.module.tensors():
                write(out, "average/" + name, p)
        for name, p, _ in net.tensors():
            write(out, "end/" + name, p)
        for name, r in net.running():
            write(out, "end/" + name, r)
        net.eval()
        write(out, "end_predict", predict(net(x)))
        write(out, "end_loss", value(net(x), y[:, 0]))


def main(folder):
    net = [dense(7), ("tanh", {}), dense(4), ("tanh", {}), dense(3)]
    apart = [dense(7, l1=0.02, l2=0), ("tanh", {}), dense(4, max_norm=0.8, weight_decay=0.3),
             ("tanh", {}), dense(3, orthogonality=0, l2=0.2)]
    normal = [dense(6, bias="false"), ("batchnorm", {}), ("relu", {}), dense(3)]
    cases = {
        "l1_adam": (net, "adam", {"lr": 0.01, "l1": 0.01}),
        "l2_adamw": (net, "adamw", {"lr": 0.01, "l2": 0.05, "weight_decay": 0.1}),
        "elastic_momentum": (net, "momentum", {"lr": 0.05, "momentum": 0.9, "l1": 0.003,
                                               "l2": 0.02}),
        "elastic_rmsprop": (net, "rmsprop", {"lr": 0.002, "l1": 0.01, "l2": 0.02}),
        "decoupled_momentum": (net, "momentum", {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1,
                                                 "decoupled_decay": "true"}),
        "decoupled_adagrad": (net, "adagrad", {"lr": 0.1, "weight_decay": 0.05,
                                               "decoupled_decay": "true"}),
        "decoupled_amsgrad": (net, "amsgrad", {"lr": 0.01, "weight_decay": 0.2,
                                               "decoupled_decay": "true"}),
        "max_norm_sgd": (net, "sgd", {"lr": 0.3, "max_norm": 1.2}),
        "orthogonality_adam": (net, "adam", {"lr": 0.01, "orthogonality": 0.05}),
        "own_nesterov_pytorch": (apart, "nesterov_pytorch",
                                 {"lr": 0.02, "momentum": 0.9, "l2": 0.05, "orthogonality": 0.01,
                                  "weight_decay": 0.02}),
        "clip_norm_momentum": (net, "momentum", {"lr": 0.1, "momentum": 0.9, "clip_norm": 0.1}),
        "clip_value_momentum": (net, "momentum", {"lr": 0.1, "momentum": 0.9, "clip_value": 0.02,
                                                  "l2": 0.01}),
        "clip_layer_adam": (net, "adam", {"lr": 0.01, "clip_layer_norm": 0.05, "l1": 0.001}),
        "clip_adaptive_sgd": (net, "sgd", {"lr": 0.3, "clip_adaptive": 0.02, "l2": 0.01}),
        "ema_adam": (net, "adam", {"lr": 0.02, "ema": 0.95}),
        "ema_max_norm_momentum": (net, "momentum", {"lr": 0.05, "momentum": 0.9, "ema": 0.9,
                                                    "max_norm": 1}),
        "swa_batchnorm_momentum": (normal, "momentum", {"lr": 0.05, "momentum": 0.9}, 61),
    }
    for name, arguments in cases.items():
        case(f"{folder}/penalty_{name}.txt", zlib.crc32(name.encode()), 5, *arguments)


if __name__ == "__main__":
    main(sys.argv[1])
