"""Time of a training step of recurrent layers in PyTorch, as bench/recurrent.c measures it.

OPENBLAS_CORETYPE should be set where OpenBLAS does not know the processor. Prints the best
of some rounds, milliseconds a step.
"""
import time

import torch

SHAPES = [("LSTM", 100, 2, 32, 64), ("LSTM", 50, 8, 64, 32), ("GRU", 50, 8, 64, 32),
          ("RNN", 50, 8, 64, 32), ("LSTM", 12, 1, 32, 16), ("LSTM", 28, 28, 128, 128)]
ROUNDS = 7


def step_of(layer, steps, features, units, rows):
    recurrent = getattr(torch.nn, layer)(features, units, batch_first=True)
    out = torch.nn.Linear(units, 1)
    parameters = list(recurrent.parameters()) + list(out.parameters())
    optimizer = torch.optim.Adam(parameters, lr=0.001, foreach=True)
    x = torch.rand(rows, steps, features)
    y = x[:, 0, :1].clone()

    def step():
        optimizer.zero_grad(set_to_none=False)
        states, _ = recurrent(x)
        torch.nn.functional.mse_loss(out(states[:, -1]), y).backward()
        optimizer.step()
    return step


def seconds(step, clock):
    best = float("inf")
    for round_ in range(-1, ROUNDS):
        start, count = clock(), 0
        while count < 3 or clock() - start < 0.05:
            step()
            count += 1
        if round_ >= 0:
            best = min(best, (clock() - start) / count)
    return best


for layer, steps, features, units, rows in SHAPES:
    for threads in (1, 2):
        torch.set_num_threads(threads)
        clock = time.process_time if threads == 1 else time.perf_counter
        ms = 1000 * seconds(step_of(layer, steps, features, units, rows), clock)
        print(f"{layer.lower():4} {steps:3} steps of {features:2}, {units:3} units, {rows:3} rows, "
              f"{threads} thread{'s' if threads > 1 else ' '}: {ms:8.3f} ms", flush=True)
