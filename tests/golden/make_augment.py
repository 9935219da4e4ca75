#!/usr/bin/python3
"""Write what numpy, scipy and PyTorch make of distorted images and of mixed labels.

    python3 tests/golden/make_augment.py tests/golden/augment

Needs PyTorch and scipy; the numbers that are kept were made with 1.13.1 and 1.10.1. Files:
warp_*    an image, the way from a pixel of the result to its place, maybe displacements, the
          value outside; and what grid_sample makes of it.
field_*   sigma, alpha and a random key; and noise by Philox (Salmon et al. 2011) after scipy's
          gaussian_filter.
matrix_*  a move of pixels; and the inverse of its matrix, around the centre.
mixup_*   logits and two labels a row with their weights; and cross_entropy on soft labels.
"""
import sys

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter

torch.set_default_dtype(torch.float64)


def write(path, head, arrays):
    with open(path, "w") as out:
        out.write(head + "\n")
        for name, a in arrays:
            out.write(name + "\n" + " ".join("%.17g" % v for v in np.ravel(a)) + "\n")


def sample(image, x, y, outside):
    """The image at places x (columns), y (rows), by grid_sample with zeros beyond it."""
    rows, cols = image.shape
    grid = np.stack([2 * x / (cols - 1) - 1, 2 * y / (rows - 1) - 1], axis=-1)
    got = F.grid_sample(torch.tensor(image - outside)[None, None], torch.tensor(grid)[None],
                        mode="bilinear", padding_mode="zeros", align_corners=True)
    return got[0, 0].numpy() + outside


def warp(folder, name, rows, cols, matrix, bend, outside):
    rng = np.random.RandomState(rows * cols)
    image = rng.uniform(-1, 1, (rows, cols))
    field = rng.normal(0, bend, (rows, 2, cols)) if bend else np.zeros((rows, 2, cols))
    i, j = np.mgrid[0:rows, 0:cols].astype(float)
    m = np.array(matrix)
    x = m[0, 0] * j + m[0, 1] * i + m[0, 2] + field[:, 0]
    y = m[1, 0] * j + m[1, 1] * i + m[1, 2] + field[:, 1]
    write("%s/warp_%s.txt" % (folder, name),
          "%d %d %d %.17g" % (rows, cols, bend > 0, outside),
          [("matrix", m), ("image", image), ("field", field),
           ("result", sample(image, x, y, outside))])


def philox(counter, key):
    c, k, low = list(counter), list(key), 0xFFFFFFFF
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & low, (p0 >> 32) ^ c[3] ^ k[1], p0 & low]
        k = [(k[0] + 0x9E3779B9) & low, (k[1] + 0xBB67AE85) & low]
    return c


def field(folder, name, rows, cols, sigma, alpha, seed, stream, step, first):
    noise = np.zeros((2, rows * cols))
    for p in range(rows * cols):
        word = first + 64 * (p // 128) + p % 64
        block = philox((word // 4, 0, step, stream), (seed, 0))[word % 4]
        for which in range(2):
            byte = block >> (8 * (2 * (p % 128 // 64) + which)) & 0xFF
            noise[which, p] = (byte + 0.5) / 128 - 1
    smooth = [alpha * gaussian_filter(n.reshape(rows, cols), sigma, mode="constant") for n in noise]
    write("%s/field_%s.txt" % (folder, name),
          "%d %d %.17g %.17g %d %d %d %d" % (rows, cols, sigma, alpha, seed, stream, step, first),
          [("field", np.stack(smooth, axis=1))])


def matrix(folder, name, rows, cols, angle, across, down, shear, shift, flips):
    c, s = np.cos(angle), np.sin(angle)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    slant = np.array([[1, shear, 0], [0, 1, 0], [0, 0, 1]])
    size = np.diag([across, down, 1.0])
    mirror = np.diag([-1.0 if flips & 1 else 1.0, -1.0 if flips & 2 else 1.0, 1.0])
    centre = np.array([[1, 0, (cols - 1) / 2], [0, 1, (rows - 1) / 2], [0, 0, 1]])
    moved = centre + np.array([[0, 0, shift[0]], [0, 0, shift[1]], [0, 0, 0]])
    way = moved @ turn @ slant @ size @ mirror @ np.linalg.inv(centre)
    write("%s/matrix_%s.txt" % (folder, name),
          "%d %d %.17g %.17g %.17g %.17g %.17g %.17g %d" % (
              rows, cols, angle, across, down, shear, shift[0], shift[1], flips),
          [("matrix", np.linalg.inv(way)[:2])])


def mixup(folder, name, rows, classes, weighted):
    rng = np.random.RandomState(rows)
    z = torch.tensor(rng.normal(0, 2, (rows, classes)), requires_grad=True)
    a, b = rng.randint(0, classes, rows), rng.randint(0, classes, rows)
    share = rng.beta(0.4, 0.4, rows)
    w = rng.uniform(0, 3, (2, rows)) if weighted else np.ones((2, rows))
    wa, wb = share * w[0], (1 - share) * w[1]
    soft = torch.zeros(rows, classes)
    soft[np.arange(rows), a] += torch.tensor(wa)
    soft[np.arange(rows), b] += torch.tensor(wb)
    loss = F.cross_entropy(z, soft, reduction="sum") / (wa + wb).sum()
    loss.backward()
    write("%s/mixup_%s.txt" % (folder, name), "%d %d %.17g" % (rows, classes, loss.item()),
          [("logits", z.detach()), ("labels", np.stack([a, wa, b, wb], axis=1)),
           ("gradient", z.grad)])


def main(folder):
    turn = [[0.96, 0.27, -3.1], [-0.31, 1.05, 2.2]]
    warp(folder, "identity", 5, 7, [[1, 0, 0], [0, 1, 0]], 0, 0)
    warp(folder, "half_pixel", 6, 4, [[1, 0, 0.5], [0, 1, -0.5]], 0, -0.4)
    warp(folder, "affine", 28, 28, turn, 0, -0.42)
    warp(folder, "bent", 13, 9, turn, 1.5, 0.3)
    warp(folder, "far", 9, 11, [[3, 0, -9], [0, 3, -9]], 4, 1.25)
    warp(folder, "transposed", 8, 8, [[0, 1, 0], [1, 0, 0]], 0, 0)
    field(folder, "mnist", 28, 28, 6, 36, 1, 3, 60001, 512)
    field(folder, "small_sigma", 7, 33, 0.8, 2.5, 77, 3, 5, 512)
    field(folder, "several_blocks", 35, 40, 4, 34, 5, 3, 9, 1024)
    matrix(folder, "turn", 28, 28, 0.2, 1, 1, 0, (0, 0), 0)
    matrix(folder, "all", 20, 31, -0.35, 1.12, 0.87, 0.15, (2.5, -1.75), 0)
    matrix(folder, "mirrored", 9, 12, 0.1, 0.9, 1.1, -0.2, (1, 2), 1)
    matrix(folder, "turned_over", 9, 12, 0.1, 0.9, 1.1, -0.2, (1, 2), 3)
    mixup(folder, "plain", 9, 5, False)
    mixup(folder, "weighted", 70, 3, True)


main(sys.argv[1])
