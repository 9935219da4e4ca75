#!/usr/bin/python3
"""Write the golden cases of recurrent layers: the numbers of PyTorch's RNN, LSTM and GRU.

    python3 tests/golden/make_torch_recurrent.py tests/golden/cases

The form of a case is that of make_torch.py. nadir has one bias per sum where PyTorch adds
two, so the second is 0 here, but for the one that the reset gate of a GRU multiplies.
Truncation detaches the state at every K-th step, counted from the last.
"""
import sys
import zlib

import torch
from torch import _VF as VF, nn

import make_torch
from make_torch import dense

GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def yes(attr, key):
    return attr.get(key, "false") == "true"


class Track(nn.Module):
    """One direction; weight is [out][in] as PyTorch has it, recurrent [in][out] as nadir."""

    def __init__(self, kind, features, units, attr):
        super().__init__()
        wide = GATES[kind] * units
        self.run = {"rnn": VF.rnn_relu if attr.get("activation") == "relu" else VF.rnn_tanh,
                    "lstm": VF.lstm, "gru": VF.gru}[kind]
        self.cells = 2 if kind == "lstm" else 1
        self.units, self.truncate = units, int(attr.get("truncate", 0))
        self.weight = nn.Parameter(torch.zeros(wide, features))
        self.recurrent = nn.Parameter(torch.zeros(units, wide))
        self.bias = nn.Parameter(torch.zeros(wide)) if attr.get("bias") != "false" else None
        inner = kind == "gru" and self.bias is not None
        self.recurrent_bias = nn.Parameter(torch.zeros(units)) if inner else None

    def tensors(self):
        """As the functions behind nn.LSTM take them: both weights, then both biases."""
        zeros = torch.zeros(self.recurrent.shape[1])
        second = zeros
        if self.recurrent_bias is not None:
            second = torch.cat([torch.zeros(2 * self.units), self.recurrent_bias])
        return (self.weight, self.recurrent.T, zeros if self.bias is None else self.bias, second)

    def forward(self, x):
        """[rows][time][features] to [rows][time][units]."""
        time, results, at = x.shape[1], [], 0
        state = [torch.zeros(1, x.shape[0], self.units) for _ in range(self.cells)]
        while at < time:
            n = time if not self.truncate else (time - at - 1) % self.truncate + 1
            start = state if self.cells > 1 else state[0]
            y, *state = self.run(x[:, at:at + n], start, self.tensors(), True, 1, 0.0, True, False,
                                 True)
            state = [s.detach() for s in state]
            results.append(y)
            at += n
        return torch.cat(results, 1)


class Recurrent(nn.Module):
    def __init__(self, kind, width, attr):
        super().__init__()
        self.time = int(attr["time"])
        self.all, units = attr.get("return") == "all", int(attr["units"])
        count = 2 if yes(attr, "bidirectional") else 1
        self.tracks = nn.ModuleList(Track(kind, width // self.time, units, attr)
                                    for _ in range(count))
        self.out = units * count * (self.time if self.all else 1)

    def forward(self, x):
        x = x.reshape(x.shape[0], self.time, -1)
        y = [self.tracks[0](x)]
        if len(self.tracks) > 1:
            y.append(self.tracks[1](x.flip(1)))
        if not self.all:
            return torch.cat([t[:, -1] for t in y], 1)
        return torch.cat(y[:1] + [t.flip(1) for t in y[1:]], 2).flatten(1)

    def named(self):
        for prefix, track in zip(("", "reverse_"), self.tracks):
            yield prefix + "weight", track.weight, True
            yield prefix + "recurrent", track.recurrent, True
            if track.bias is not None:
                yield prefix + "bias", track.bias, False
            if track.recurrent_bias is not None:
                yield prefix + "recurrent_bias", track.recurrent_bias, False


class Net(nn.Module):
    """A chain of recurrent and dense layers."""

    def __init__(self, width, layers):
        super().__init__()
        self.mods = nn.ModuleList()
        for kind, attr in layers:
            if kind in GATES:
                self.mods.append(Recurrent(kind, width, attr))
                width = self.mods[-1].out
            else:
                self.mods.append(nn.Linear(width, attr["units"]))
                width = attr["units"]

    def forward(self, x):
        for mod in self.mods:
            x = mod(x)
        return x

    def tensors(self):
        for i, mod in enumerate(self.mods):
            if isinstance(mod, Recurrent):
                for name, tensor, decays in mod.named():
                    yield f"layers.{i}.{name}", tensor, decays
            else:
                yield f"layers.{i}.weight", mod.weight, True
                yield f"layers.{i}.bias", mod.bias, False

    def running(self):
        return ()


def write(out, name, value, plain=make_torch.write):
    """A reverse weight is transposed like a weight."""
    plain(out, name, value.T if name.endswith(".reverse_weight") else value)


def layer(kind, units, time, **attr):
    attr = {"return" if k == "result" else k: v for k, v in attr.items()}
    return kind, {"units": units, "time": time, **attr}


def main(folder):
    make_torch.Net, make_torch.write = Net, write
    momentum = ("mse", "momentum", {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.01})
    adam = ("cross_entropy", "adam", {"lr": 0.01})
    both, all_steps = {"bidirectional": "true"}, {"result": "all"}
    cases = {
        "rnn": (10, [layer("rnn", 4, 5), dense(2)], *momentum),
        "rnn_relu": (12, [layer("rnn", 3, 4, activation="relu", bias="false"), dense(3)], *adam),
        "rnn_both": (12, [layer("rnn", 3, 6, **both, **all_steps), dense(3)], *adam),
        "rnn_truncated": (14, [layer("rnn", 4, 7, truncate=3), dense(2)], *momentum),
        "lstm": (12, [layer("lstm", 4, 6), dense(3)], *adam),
        "lstm_all": (12, [layer("lstm", 4, 4, **all_steps), dense(2)], *momentum),
        "lstm_both": (10, [layer("lstm", 3, 5, **both), dense(3)], *adam),
        "lstm_truncated": (16, [layer("lstm", 4, 8, truncate=3, **all_steps), dense(2)], *momentum),
        "gru": (12, [layer("gru", 4, 6), dense(3)], *adam),
        "gru_plain": (12, [layer("gru", 4, 4, bias="false", **all_steps), dense(2)], *momentum),
        "gru_both": (10, [layer("gru", 3, 5, **both, **all_steps), dense(3)], *adam),
        "gru_truncated": (15, [layer("gru", 4, 5, truncate=2, **both), dense(2)], *momentum),
        "stack": (12, [layer("lstm", 3, 6, **both, **all_steps),
                       layer("rnn", 4, 6, **all_steps), layer("gru", 3, 6, **both), dense(3)],
                  "cross_entropy", "adam", {"lr": 0.003}),
        "stack_truncated": (12, [layer("lstm", 3, 6, truncate=2, **all_steps),
                                 layer("gru", 3, 6, truncate=4), dense(2)], *momentum),
    }
    for name, arguments in cases.items():
        name = f"recurrent_{name}"
        make_torch.case(f"{folder}/{name}.txt", zlib.crc32(name.encode()), *arguments)


if __name__ == "__main__":
    main(sys.argv[1])
