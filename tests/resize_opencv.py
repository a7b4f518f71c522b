"""resize_opencv.py figures       prints tests/data/resize-opencv.tsv: what OpenCV makes of noise,
                               as check-image resize reads it
resize_opencv.py crops         prints tests/data/augment-opencv.tsv: SHA-256 of the NPY file that
                               augment makes of noise
resize_opencv.py augment MARGIN...   says whether the images out-MARGIN.npy are what OpenCV makes of
                               those in in-MARGIN.npy"""
import hashlib
import io
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
    sizes = [(60, 60, 80, 80), (40, 40, 80, 80), (79, 79, 80, 80), (1, 1, 5, 4), (2, 3, 2, 3),
             (64, 48, 32, 24), (100, 90, 80, 80)]
    sizes += [tuple(int(v) for v in rng.integers(1, 60, 4)) for _ in range(120)]
    for sh, sw, dh, dw in sizes:
        source = noise(sh * sw * 3, sh * 1000 + sw).reshape(sh, sw, 3)
        resized = cv2.resize(source, (dw, dh), interpolation=cv2.INTER_LINEAR)
        print(sh, sw, dh, dw, "%016x" % fnv1a(resized.tobytes()), sep="\t")


def crops(image, m):
    h, w = image.shape[:2]
    for part in (image[m:, m:], image[:h - m, m:], image[:h - m, :w - m], image[m:, :w - m],
                 image[m // 2:h - m + m // 2, m // 2:w - m + m // 2]):
        yield cv2.resize(np.ascontiguousarray(part), (w, h), interpolation=cv2.INTER_LINEAR)


def augmented(images, margin):
    return np.concatenate([images] + [np.stack(list(crops(i, margin))) for i in images])


def digests():
    for n, h, w, margin in ((3, 80, 80, 20), (2, 31, 57, 7), (1, 100, 41, 40), (2, 5, 4, 3),
                            (1, 2, 2, 1), (4, 64, 64, 21)):
        out = io.BytesIO()
        images = noise(n * h * w * 3, 7).reshape(n, h, w, 3)
        np.lib.format.write_array(out, augmented(images, margin), (1, 0))
        print(n, h, w, margin, hashlib.sha256(out.getvalue()).hexdigest(), sep="\t")


def check(margin):
    images, got = np.load("in-%d.npy" % margin), np.load("out-%d.npy" % margin)
    want = augmented(images, margin)
    if got.shape != want.shape or not np.array_equal(got, want):
        sys.exit("margin %d: differs from OpenCV's" % margin)


if sys.argv[1] == "figures":
    figures()
elif sys.argv[1] == "crops":
    digests()
else:
    for text in sys.argv[2:]:
        check(int(text))
