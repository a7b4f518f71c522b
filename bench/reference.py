"""The reference run of bench/reference in PyTorch and scikit-learn, all in memory: FOLDER INDEX
EPOCHS THREADS.

Reads the images that INDEX names, with its splits. Prints a line for each file that
our pipeline would make: name, seconds.
"""
import csv
import sys
import time

start = time.perf_counter()

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.decomposition import PCA

SIZE, MARGIN, BATCH, L2 = 80, 20, 128, 0.0005
# kernel, in, out, learning rate
LAYERS = [(7, 3, 16, 0.001), (5, 16, 32, 0.0005), (3, 32, 64, 0.0005), (3, 64, 128, 0.0005)]


def done(name):
    global start
    now = time.perf_counter()
    print(f"{name}\t{now - start:.3f}", flush=True)
    start = now


def crops(image):
    for box in ((20, 20, 80, 80), (20, 0, 80, 60), (0, 0, 60, 60), (0, 20, 60, 80),
                (10, 10, 70, 70)):
        yield np.asarray(Image.fromarray(image).crop(box).resize((SIZE, SIZE), Image.BILINEAR))


def batches(rows, order):
    """Rows (N,H,W,C) in memory, uint8 or float32, as (n,C,H,W) in channels_last."""
    for i in range(0, len(order), BATCH):
        x = torch.from_numpy(rows[order[i : i + BATCH]]).permute(0, 3, 1, 2)
        yield x.float().div_(255) if x.dtype == torch.uint8 else x


class Net(torch.nn.Module):
    def __init__(self, encoders, decoders, images):
        super().__init__()
        self.encoders, self.decoders = torch.nn.ModuleList(encoders), torch.nn.ModuleList(decoders)
        self.images = images

    def code(self, x):
        for encoder in self.encoders:
            x = F.max_pool2d(F.relu(encoder(x), inplace=True), 2)
        return x

    def loss(self, x):
        y = self.code(x)
        for decoder in self.decoders:
            y = decoder(F.interpolate(y, scale_factor=2))
            if decoder is not self.decoders[-1]:
                y = F.relu(y, inplace=True)
        return F.binary_cross_entropy_with_logits(y, x) if self.images else F.mse_loss(y, x)


def train(net, rows, test, epochs, rate, l2=0.0):
    net.to(memory_format=torch.channels_last)
    kernels = [m.weight for m in [*net.encoders, *net.decoders]]
    adam = torch.optim.Adam(net.parameters(), lr=rate)
    decay = torch.optim.lr_scheduler.LambdaLR(adam, lambda i: 1 / (1 + 0.005 * i))
    for epoch in range(epochs):
        total = 0.0
        for x in batches(rows, np.random.permutation(len(rows))):
            adam.zero_grad(set_to_none=True)
            loss = net.loss(x)
            if l2:
                loss = loss + l2 * sum((w * w).sum() for w in kernels)
            loss.backward()
            adam.step()
            decay.step()
            total += loss.item() * len(x)
        with torch.no_grad():
            val = sum(net.loss(x).item() * len(x) for x in batches(test, np.arange(len(test))))
        print(f"epoch {epoch + 1}  loss {total / len(rows):.6f}  val_loss {val / len(test):.6f}",
              file=sys.stderr)


def encode(net, rows):
    with torch.no_grad():
        return np.concatenate([net.code(x).permute(0, 2, 3, 1).numpy()
                               for x in batches(rows, np.arange(len(rows)))])


def main():
    folder, index, epochs, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    np.random.seed(0)
    done("imports")
    files = list(csv.DictReader(open(index), delimiter="\t"))
    images = np.stack([np.asarray(Image.open(f"{folder}/{f['path']}").convert("RGB")
                                  .resize((SIZE, SIZE), Image.BOX)) for f in files])
    done("images.npy.zst")
    chosen = images[[f["split"] == "train" for f in files]]
    rows = np.concatenate([chosen, np.stack([crop for image in chosen for crop in crops(image)])])
    done("train-0.npy.zst")
    test = images[[f["split"] == "test" for f in files]]
    first_rows, first_test = rows, test
    encoders, decoders = [], []
    for k, (size, c, filters, rate) in enumerate(LAYERS):
        encoders.append(torch.nn.Conv2d(c, filters, size, padding=size // 2))
        decoders.insert(0, torch.nn.Conv2d(filters, c, size, padding=size // 2))
        for layer in (encoders[-1], decoders[0]):
            torch.nn.init.xavier_uniform_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
        net = Net(encoders[-1:], decoders[:1], k == 0)
        train(net, rows, test, epochs, rate)
        done(f"stage-{k + 1}.safetensors.zst")
        if k + 1 < len(LAYERS):
            rows = encode(net, rows)
            done(f"train-{k + 1}.npy.zst")
            test = encode(net, test)
            done(f"test-{k + 1}.npy.zst")
    deep = Net(encoders, decoders, True)
    train(deep, first_rows, first_test, epochs, 0.001, L2)
    done("deep.safetensors.zst")
    features = encode(deep, images)
    done("features.npy.zst")
    PCA(n_components=2, svd_solver="full").fit_transform(features.reshape(len(features), -1))
    done("pca-2.npy.zst")


main()
