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
    "views": (80, 3, LAYERS, True),
    "views-0": (80, 3, LAYERS, True),
}
# By agreement of two views: the weight of the reconstruction beside it.
VIEWS = {"views": 2, "views-0": 0}


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


LUMA = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)


def views_of(x):
    """One of each image: zoomed to 0.55..1 of its sides, mirrored, light within 20 %."""
    n = len(x)
    draw = lambda low, high: low + (high - low) * torch.rand(n, 1, 1, 1)
    zoom = draw(0.55, 1).flatten()
    place = [(1 - zoom) * draw(-1, 1).flatten() for _ in range(2)]
    flip = 1 - 2 * torch.randint(2, (n,)).float()
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = zoom * flip, zoom
    theta[:, 0, 2], theta[:, 1, 2] = place
    grid = F.affine_grid(theta, x.shape, align_corners=False)
    y = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    y = y * draw(0.8, 1.2)
    mean = (y * LUMA).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    y = mean + draw(0.8, 1.2) * (y - mean)
    grey = (y * LUMA).sum(1, keepdim=True)
    return (grey + draw(0.8, 1.2) * (y - grey)).clamp(0, 1)


class Views(Net):
    def __init__(self, weight, batch, *of):
        super().__init__(batch, *of)
        self.weight = weight
        self.head = torch.nn.Sequential(
            torch.nn.Linear(512, 512, bias=False), torch.nn.BatchNorm1d(512), torch.nn.ReLU(),
            torch.nn.Linear(512, 512))
        self.adam = torch.optim.Adam(
            [*self.net.parameters(), *self.head.parameters()], lr=0.001)

    def train(self):
        self.adam.zero_grad(set_to_none=True)
        with torch.no_grad():
            x = torch.cat([views_of(self.x), views_of(self.x)]).contiguous(
                memory_format=torch.channels_last)
        y = self.code(x)
        z = F.normalize(self.head(F.adaptive_avg_pool2d(y, 2).flatten(1)))
        s = z @ z.T / 0.2
        s.fill_diagonal_(float("-inf"))
        loss = F.cross_entropy(s, torch.arange(len(z)).roll(len(z) // 2))
        if self.weight:
            for decoder in self.decoders:
                y = decoder(F.interpolate(y, scale_factor=2))
                if decoder is not self.decoders[-1]:
                    y = F.relu(y)
            loss = loss + self.weight * F.binary_cross_entropy(torch.sigmoid(y), x)
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
            nets = {name: Views(VIEWS[name], batch, *NETS[name]) if name in VIEWS
                    else Net(batch, *NETS[name])}
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


if __name__ == "__main__":
    main()
