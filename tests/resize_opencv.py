"""resize_opencv.py figures       prints tests/data/resize-opencv.tsv: what OpenCV makes of noise, as check-image resize reads it
resize_opencv.py augment IN OUT MARGIN   says whether OUT is what OpenCV makes of the images in IN; both plain NPY"""
import sys

import cv2
import numpy as np


def noise(n, seed):
    out = bytearray(n)
    for i in range(n):
        seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
        out[i] = seed >> 56
    return np.frombuffer(bytes(out), np.uint8)


def fnv1a(data):
    h = 14695981039346656037
    for byte in data:
        h = (h ^ byte) * 1099511628211 % 2**64
    return h


def figures():
    rng = np.random.default_rng(1)
    sizes = [(60, 60, 80, 80), (40, 40, 80, 80), (79, 79, 80, 80), (1, 1, 5, 4), (2, 3, 2, 3), (64, 48, 32, 24), (100, 90, 80, 80)]
    sizes += [tuple(int(v) for v in rng.integers(1, 60, 4)) for _ in range(120)]
    for sh, sw, dh, dw in sizes:
        source = noise(sh * sw * 3, sh * 1000 + sw).reshape(sh, sw, 3)
        print(sh, sw, dh, dw, "%016x" % fnv1a(cv2.resize(source, (dw, dh), interpolation=cv2.INTER_LINEAR).tobytes()), sep="\t")


def crops(image, m):
    h, w = image.shape[:2]
    for part in (image[m:, m:], image[:h - m, m:], image[:h - m, :w - m], image[m:, :w - m], image[m // 2:h - m + m // 2, m // 2:w - m + m // 2]):
        yield cv2.resize(np.ascontiguousarray(part), (w, h), interpolation=cv2.INTER_LINEAR)


def augment(images, got, margin):
    images, got = np.load(images), np.load(got)
    want = np.concatenate([images] + [np.stack(list(crops(i, margin))) for i in images])
    if got.shape != want.shape or not np.array_equal(got, want):
        sys.exit("differs from OpenCV's")


if sys.argv[1] == "figures":
    figures()
else:
    augment(sys.argv[2], sys.argv[3], int(sys.argv[4]))
