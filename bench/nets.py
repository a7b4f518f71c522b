"""The nets of bench.c in PyTorch. Reads "NET train N", "NET encode N" or "NET rows N" a line, does
it, answers the milliseconds.

train, encode: one batch after another, N of them behind one that is not counted; the least. rows: N
rows in memory, float32, to their codes in memory, batch by batch.
"""
import sys
import time

import torch
import torch.nn.functional as F

LAYERS = [(7, 16), (5, 32), (3, 64), (3, 128)]
# size, channels, layers; with batch normalisation, a penalty on the code, noise on the input
NETS = {
    "stage-1": (80, 3, LAYERS[0:1]),
    "stage-2": (40, 16, LAYERS[1:2]),
    "stage-3": (20, 32, LAYERS[2:3]),
    "stage-4": (10, 64, LAYERS[3:4]),
    "deep": (80, 3, LAYERS),
    "deep-bn": (80, 3, LAYERS, True),
    "deep-l1": (80, 3, LAYERS, False, 1e-4),
    "deep-n": (80, 3, LAYERS, False, 0, 0.1),
}


class Net:
    def __init__(self, batch, size, channels, layers, normalised=False, l1=0, noise=0):
        c, self.encoders, self.decoders = channels, [], []
        for kernel, filters in layers:
            encoder = torch.nn.Conv2d(c, filters, kernel, padding=kernel // 2)
            self.encoders.append(
                torch.nn.Sequential(encoder, torch.nn.BatchNorm2d(filters)) if normalised
                else encoder)
            self.decoders.insert(0, torch.nn.Conv2d(filters, c, kernel, padding=kernel // 2))
            c = filters
        self.net = torch.nn.ModuleList(self.encoders + self.decoders).to(
            memory_format=torch.channels_last)
        self.adam = torch.optim.Adam(self.net.parameters(), lr=0.001)
        self.x = torch.rand(batch, channels, size, size).to(memory_format=torch.channels_last)
        self.bce, self.l1, self.noise = channels == 3, l1, noise

    def code(self, x):
        y = x
        for encoder in self.encoders:
            y = F.max_pool2d(F.relu(encoder(y)), 2)
        return y

    def encode(self):
        self.net.eval()
        with torch.no_grad():
            self.code(self.x)
        self.net.train()

    def prepare(self, n):
        self.rows = torch.rand(n, *self.x.shape[1:]).to(memory_format=torch.channels_last)

    def encode_rows(self):
        with torch.no_grad():
            return torch.cat([self.code(x) for x in self.rows.split(len(self.x))])

    def train(self):
        self.adam.zero_grad()
        y = code = self.code(
            (self.x + self.noise * torch.randn_like(self.x)).clamp(0, 1) if self.noise else self.x)
        for decoder in self.decoders:
            y = decoder(F.interpolate(y, scale_factor=2))
            if decoder is not self.decoders[-1]:
                y = F.relu(y)
        loss = (F.binary_cross_entropy(torch.sigmoid(y), self.x) if self.bce
                else F.mse_loss(y, self.x))
        if self.l1:
            loss = loss + self.l1 * code.abs().sum() / len(code)
        loss.backward()
        self.adam.step()
        loss.item()


def main():
    threads, batch = int(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(threads)
    nets = {}
    for line in sys.stdin:
        name, what, n = line.split()
        n = int(n)
        if name not in nets:
            nets = {name: Net(batch, *NETS[name])}
        net = nets[name]
        if what == "rows":
            net.prepare(n)
            step, n = net.encode_rows, 1
        else:
            step = net.train if what == "train" else net.encode
            step()
        least = float("inf")
        for _ in range(n):
            start = time.perf_counter()
            step()
            least = min(least, time.perf_counter() - start)
        print(least * 1000, flush=True)


main()
