#!/usr/bin/python3
"""Write the learning rates of PyTorch's schedules.

    python3 tests/golden/make_schedules.py tests/golden/schedules

Needs PyTorch; the numbers that are kept were made with 1.13.1. A file: the schedule and
its attributes, the base rate, steps, steps per epoch; then one rate per step, or, for
plateau, the loss of an epoch and the rate after it.
"""
import math
import sys

import torch
from torch.optim import lr_scheduler as L

BASE, STEPS = 0.5, 60


def fresh():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE)


def rates(make):
    opt = fresh()
    schedule, out = make(opt), []
    for _ in range(STEPS):
        out.append(opt.param_groups[0]["lr"])
        opt.step()
        schedule.step()
    return out


def cosine(opt, end=0.0):
    return L.CosineAnnealingLR(opt, T_max=STEPS, eta_min=BASE * end)


# One step per epoch, which is what PyTorch counts.
CASES = {
    "constant": ("", lambda o: L.ConstantLR(o, factor=1)),
    "step": ("every=7, factor=0.3", lambda o: L.StepLR(o, step_size=7, gamma=0.3)),
    "multistep": ("at=3|10|11|40, factor=0.5", lambda o: L.MultiStepLR(o, [3, 10, 11, 40], 0.5)),
    "exponential": ("factor=0.9", lambda o: L.ExponentialLR(o, 0.9)),
    "polynomial": ("power=1.7", lambda o: L.PolynomialLR(o, total_iters=STEPS, power=1.7)),
    "inverse_time": ("rate=0.2", lambda o: L.LambdaLR(o, lambda e: 1 / (1 + 0.2 * e))),
    "cosine": ("", cosine),
    "cosine_end": ("end=0.1", lambda o: cosine(o, 0.1)),
    "cosine_restarts": ("period=5, growth=2, end=0.02",
                        lambda o: L.CosineAnnealingWarmRestarts(o, 5, 2, eta_min=0.02 * BASE)),
    "cosine_restarts_even": ("period=8, growth=1", lambda o: L.CosineAnnealingWarmRestarts(o, 8)),
    "linear": ("end=0.25", lambda o: L.LinearLR(o, 1, 0.25, total_iters=STEPS)),
    "one_cycle": ("", lambda o: L.OneCycleLR(o, BASE, STEPS)),
    "one_cycle_late": ("peak=0.6, start=10, final=100",
                       lambda o: L.OneCycleLR(o, BASE, STEPS, pct_start=0.6, div_factor=10,
                                              final_div_factor=100)),
}

PLATEAU = {
    "plateau": ("factor=0.5, patience=2, threshold=0.01", dict(factor=0.5, patience=2,
                                                               threshold=0.01)),
    "plateau_cooldown": ("factor=0.3, patience=1, cooldown=3, end=0.05",
                         dict(factor=0.3, patience=1, cooldown=3, min_lr=0.05 * BASE)),
}


def head(out, name, attributes):
    kind = {"cosine_end": "cosine", "cosine_restarts_even": "cosine_restarts",
            "one_cycle_late": "one_cycle", "plateau_cooldown": "plateau"}.get(name, name)
    print("schedule", kind, attributes, file=out)
    print("base", repr(BASE), file=out)
    print("steps", STEPS, file=out)


def main(folder):
    for name, (attributes, make) in CASES.items():
        with open(f"{folder}/{name}.txt", "w") as out:
            head(out, name, attributes)
            for rate in rates(make):
                print(repr(rate), file=out)
    losses = [1 / (1 + 0.3 * min(e, 20)) + 0.05 * math.sin(1.7 * e) for e in range(STEPS)]
    for name, (attributes, arguments) in PLATEAU.items():
        opt = fresh()
        schedule = L.ReduceLROnPlateau(opt, eps=0, **arguments)
        with open(f"{folder}/{name}.txt", "w") as out:
            head(out, name, attributes)
            for loss in losses:
                schedule.step(loss)
                print(repr(loss), repr(opt.param_groups[0]["lr"]), file=out)


if __name__ == "__main__":
    main(sys.argv[1])
