#!/usr/bin/python3
"""One epoch or more of 784-128-10 on MNIST with PyTorch, as a whole process: ready
floats in, a saved model out.

    torch_mnist.py FOLDER EPOCHS THREADS TEST       TEST 1 prints the test accuracy

Adam at 0.003 under a cosine schedule, batches of 128, shuffled; rows are gathered by
index, with no DataLoader in between."""
import math
import os
import sys

import numpy as np
import torch
from torch import nn

folder, epochs, threads, test = sys.argv[1], *(int(a) for a in sys.argv[2:5])
torch.set_num_threads(threads)
torch.set_flush_denormal(True)
torch.manual_seed(1)


def rows(part):
    return [torch.from_numpy(np.load(os.path.join(folder, "%s_%s.npy" % (part, end))))
            for end in "xy"]


x, y = rows("train")
net = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3, foreach=True)
loss = nn.CrossEntropyLoss()
batches = math.ceil(len(x) / 128)
schedule = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * step / (batches * epochs))))
for epoch in range(epochs):
    for index in torch.randperm(len(x)).split(128):
        optimizer.zero_grad(set_to_none=True)
        loss(net(x[index]), y[index]).backward()
        optimizer.step()
        schedule.step()
torch.save(net.state_dict(), os.path.join(folder, "torch.pt"))
if test:
    x, y = rows("test")
    with torch.no_grad():
        print((net(x).argmax(1) == y).float().mean().item())
