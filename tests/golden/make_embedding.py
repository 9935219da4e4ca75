#!/usr/bin/python3
"""Write the golden cases of the layer embedding and of the losses gaussian and
kl_divergence, in the form of make_torch.py, whose rules and numbers are used.

    python3 tests/golden/make_embedding.py tests/golden/cases

Needs PyTorch; the numbers that are kept were made with 1.13.1.
"""
import sys
import zlib

import torch
from torch import nn

from make_torch import as_float, attributes, mean_by, optimizer, write


class Tables(nn.Module):
    """Embeddings in the place of their columns (a number outside gives zeros), two dense
    layers with tanh between. tables: (words, dims, column of what reaches the layer)."""

    def __init__(self, n_in, tables, hidden, outputs):
        super().__init__()
        self.tables = tables
        self.table = nn.ModuleList(nn.Embedding(words, dims) for words, dims, _ in tables)
        width = n_in + sum(dims - 1 for _, dims, _ in tables)
        self.first, self.last = nn.Linear(width, hidden), nn.Linear(hidden, outputs)

    def forward(self, x):
        for table, (words, _, column) in zip(self.table, self.tables):
            k = x[:, column].long()
            known = ((k >= 0) & (k < words))[:, None]
            row = torch.where(known, table(k.clamp(0, words - 1)), torch.zeros(()))
            x = torch.cat([x[:, :column], row, x[:, column + 1:]], 1)
        return self.last(torch.tanh(self.first(x)))

    def layers(self):
        for words, dims, column in self.tables:
            yield "embedding", {"words": words, "dims": dims, "column": column}
        yield "dense", {"units": self.first.out_features}
        yield "tanh", {}
        yield "dense", {"units": self.last.out_features}

    def tensors(self):
        """(name in nadir, tensor, decays); the embeddings' shape is nadir's."""
        at = len(self.tables)
        for i, table in enumerate(self.table):
            yield f"layers.{i}.weight", table.weight, True
        for i, dense in ((at, self.first), (at + 2, self.last)):
            yield f"layers.{i}.weight", dense.weight, True
            yield f"layers.{i}.bias", dense.bias, False


def gaussian(z, t):
    """softplus and the least variance are the net's; eps is below it."""
    mean, s = z.chunk(2, 1)
    variance = nn.functional.softplus(s, threshold=1000) + 1e-6
    return nn.functional.gaussian_nll_loss(mean, t, variance, eps=1e-12)


def mean_and_deviation(z):
    mean, s = z.chunk(2, 1)
    return torch.cat([mean, (nn.functional.softplus(s, threshold=1000) + 1e-6).sqrt()], 1)


def divergence(z, t):
    return nn.functional.kl_div(torch.log_softmax(z, 1), t, reduction="batchmean")


LOSS = {
    "mse": (nn.functional.mse_loss, lambda z: z),
    "gaussian": (gaussian, mean_and_deviation),
    "kl_divergence": (divergence, lambda z: torch.softmax(z, 1)),
}


def labels(loss, rows, outputs, g):
    if loss == "kl_divergence":
        # 16ths are exact in float, and their sum is 1.
        pick = torch.randint(0, outputs, (rows, 16), generator=g)
        return torch.stack([(pick == k).double().mean(1) for k in range(outputs)], 1)
    return as_float(torch.randn(rows, outputs // (2 if loss == "gaussian" else 1), generator=g))


def inputs(n_in, tables, rows, g):
    """Later tables count the columns that earlier ones made."""
    x = as_float(torch.randn(rows, n_in, generator=g))
    for words, _, column in tables:
        x[:, column] = torch.randint(0, words, (rows,), generator=g).double()
        x[0, column] = -1
    return x


def put(out, net, prefix, name, value):
    """write() turns weights, which embeddings do not want."""
    table = name.endswith(".weight") and int(name.split(".")[1]) < len(net.tables)
    write(out, prefix + name, value.T if table else value)


def case(path, seed, n_in, tables, outputs, loss, rule, rule_attr, weighted=False, rows=14):
    g = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    net = Tables(n_in, tables, 6, outputs)
    with torch.no_grad():
        for _, p, _ in net.tensors():
            p.copy_(as_float(torch.randn(p.shape, generator=g) * 0.6))
    x, y = inputs(n_in, tables, rows, g), labels(loss, rows, outputs, g)
    (value, predict), target = LOSS[loss], y
    if weighted:
        weight = torch.randint(0, 7, (rows, 1), generator=g).double() / 4
        value, y = mean_by(weight[:, 0], value), torch.cat([y, weight], 1)
    with open(path, "w") as out:
        print("input", n_in, file=out)
        for kind, attr in net.layers():
            print("layer", kind, attributes(attr), file=out)
        print("loss", loss, file=out)
        print("rule", rule, attributes(rule_attr), file=out)
        print("steps", 100, file=out)
        if weighted:
            print("labels weighted", file=out)
        write(out, "x", x)
        write(out, "y", y)
        for name, p, _ in net.tensors():
            put(out, net, "start/", name, p)
        write(out, "predict", predict(net(x)))
        write(out, "eval_loss", value(net(x), target))
        opt = optimizer(rule, rule_attr, net)
        for step in range(100):
            opt.zero_grad()
            error = value(net(x), target)
            error.backward()
            if step == 0:
                write(out, "loss", error)
                for name, p, _ in net.tensors():
                    put(out, net, "grad/", name, p.grad)
            opt.step()
        for name, p, _ in net.tensors():
            put(out, net, "end/", name, p)
        write(out, "end_predict", predict(net(x)))
        write(out, "end_loss", value(net(x), target))


def main(folder):
    one, two = [(9, 4, 1)], [(6, 3, 2), (5, 2, 0)]
    cases = {
        "embedding_sgd": (3, one, 2, "mse", "sgd", {"lr": 0.05}),
        "embedding_two_adam": (5, two, 2, "mse", "adam", {"lr": 0.01, "weight_decay": 0.02}),
        "embedding_momentum": (4, two, 3, "kl_divergence", "momentum",
                               {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01}),
        "loss_gaussian": (4, [], 4, "gaussian", "sgd", {"lr": 0.02}),
        "loss_kl_divergence": (4, [], 3, "kl_divergence", "sgd", {"lr": 0.05}),
        "weighted_gaussian": (4, [], 2, "gaussian", "adam", {"lr": 0.005}, True),
        "weighted_kl_divergence": (4, [], 4, "kl_divergence", "adam", {"lr": 0.01}, True),
    }
    for name, arguments in cases.items():
        case(f"{folder}/{name}.txt", zlib.crc32(name.encode()), *arguments)


if __name__ == "__main__":
    main(sys.argv[1])
