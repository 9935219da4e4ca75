#!/usr/bin/python3
"""PyTorch's side of the comparison: reads one request a line, answers with rows/s.

    LAYERS BATCH RULE FORM THREADS ROWS SECONDS      "784-128-10 128 adam hand 2 8192 0.05"

Forms: "hand" is the fastest way found to write the step: no autograd, every
tensor made beforehand, in-place and out= calls, all parameters in one flat block;
with momentum the gradient goes straight into the velocity (addmm_). "usual" is
nn.Sequential with autograd and the foreach optimizers of torch.optim. One thread is
timed by its processor time, several by the clock."""
import statistics
import sys
import time

import torch
from torch import nn

torch.set_flush_denormal(True)
threshold_backward = torch.ops.aten.threshold_backward.grad_input
BETA1, BETA2, EPS, LR, MOMENTUM = 0.9, 0.999, 1e-8, 1e-3, 0.9


def data(widths, rows):
    """The same task as nadir bench: inputs around zero, a class that can be learned."""
    torch.manual_seed(1)
    x = torch.rand(rows, widths[0]) * 2 - 1
    if widths[-1] == 1:
        y = (x[:, :1] + x[:, 1:2] > 0).float()
    else:
        y = x[:, :widths[-1]].argmax(1)
    return x, y


class Hand:
    def __init__(self, widths, batch, rule):
        self.rule, self.layers, self.scale, self.step_count = rule, len(widths) - 1, 1 / batch, 0
        size = sum(i * o + o for i, o in zip(widths, widths[1:]))
        self.w, self.g, self.m, self.v, self.t = (torch.zeros(size) for _ in range(5))
        self.weight, self.bias = self.views(self.w, widths)
        into = self.m if rule == "momentum" else self.g
        self.weight_to, self.bias_to = self.views(into, widths)
        for weight in self.weight:
            weight.normal_(0, (2 / weight.shape[0]) ** 0.5)
        self.h = [torch.empty(batch, o) for o in widths[1:]]
        self.d = [torch.empty(batch, o) for o in widths[1:]]
        self.turned = [d.t() for d in self.d]
        self.weight_turned = [w.t() for w in self.weight]
        self.ones = torch.ones(batch)

    @staticmethod
    def views(block, widths):
        weight, bias, at = [], [], 0
        for i, o in zip(widths, widths[1:]):
            weight.append(block[at:at + i * o].view(i, o))
            bias.append(block[at + i * o:at + i * o + o])
            at += i * o + o
        return weight, bias

    def forward(self, x):
        for i in range(self.layers):
            torch.addmm(self.bias[i], x, self.weight[i], out=self.h[i])
            if i + 1 < self.layers:
                self.h[i].relu_()
            x = self.h[i]
        return x

    def step(self, x, y):
        last = self.layers - 1
        z, d = self.forward(x), self.d[last]
        if z.shape[1] == 1:
            torch.sigmoid(z, out=d)
        else:
            torch.softmax(z, 1, out=d)
        d.sub_(y)
        beta = MOMENTUM if self.rule == "momentum" else 0
        for i in range(last, -1, -1):
            d = self.d[i]
            below = self.h[i - 1] if i else x
            self.weight_to[i].addmm_(below.t(), d, beta=beta, alpha=self.scale)
            self.bias_to[i].addmv_(self.turned[i], self.ones, beta=beta, alpha=self.scale)
            if i:
                torch.mm(d, self.weight_turned[i], out=self.d[i - 1])
                threshold_backward(self.d[i - 1], below, 0, grad_input=self.d[i - 1])
        self.momentum() if self.rule == "momentum" else self.adam()

    def momentum(self):
        self.w.add_(self.m, alpha=-LR)

    def adam(self):
        self.step_count += 1
        root = (1 - BETA2 ** self.step_count) ** 0.5
        self.m.lerp_(self.g, 1 - BETA1)
        self.v.mul_(BETA2).addcmul_(self.g, self.g, value=1 - BETA2)
        torch.sqrt(self.v, out=self.t).add_(EPS * root)
        self.w.addcdiv_(self.m, self.t, value=-LR * root / (1 - BETA1 ** self.step_count))


class Usual:
    def __init__(self, widths, batch, rule):
        layers = []
        for i, o in zip(widths, widths[1:]):
            layers += [nn.Linear(i, o), nn.ReLU()]
        self.net = nn.Sequential(*layers[:-1])
        self.loss = nn.BCEWithLogitsLoss() if widths[-1] == 1 else nn.CrossEntropyLoss()
        parameters = list(self.net.parameters())
        self.optimizer = (torch.optim.Adam(parameters, lr=LR, foreach=True) if rule == "adam" else
                          torch.optim.SGD(parameters, lr=LR, momentum=MOMENTUM, foreach=True))

    def step(self, x, y):
        self.optimizer.zero_grad(set_to_none=True)
        self.loss(self.net(x), y).backward()
        self.optimizer.step()


def rate(form, widths, batch, rule, rows, seconds, clock):
    x, y = data(widths, rows)
    hand = form == "hand"
    if hand and widths[-1] > 1:
        y = nn.functional.one_hot(y, widths[-1]).float()
    batches = [b for b in zip(x.split(batch), y.split(batch)) if len(b[0]) == batch]
    net = (Hand if hand else Usual)(widths, batch, rule)
    with torch.set_grad_enabled(not hand):
        def run(steps):
            start = clock()
            for i in range(steps):
                net.step(*batches[i % len(batches)])
            return clock() - start

        run(1)
        steps = 1
        while run(steps) < seconds:
            steps *= 2
        return statistics.median(steps * batch / run(steps) for _ in range(3))


def main():
    print("torch", torch.__version__, flush=True)
    for line in sys.stdin:
        layers, batch, rule, form, threads, rows, seconds = line.split()
        torch.set_num_threads(int(threads))
        widths = [int(w) for w in layers.split("-")]
        print(rate(form, widths, int(batch), rule, int(rows), float(seconds),
                   time.thread_time if threads == "1" else time.perf_counter), flush=True)


main()
