"""One unshuffled epoch by PyTorch in double precision, held against what our program made of the
same start.

usage: epoch_torch.py INIT TRAINED TRAIN.npy.zst TEST.npy.zst LOG.tsv BATCH LEARNING_RATE DECAY
    EPSILON L2 SHARE

Prints "weights S M loss L val_loss V": S the share of weights within 1e-4 of their tensor's largest
update, M the largest deviation in units of that update, L and V the relative deviations of the
losses. Fails where they are over the limits.
"""
import sys
import numpy as np, torch
import torch.nn.functional as F
from kasane_files import model, tensor

def rows(path):
    x = tensor(path)
    x = (x.astype(np.float32) / np.float32(255) if x.dtype == np.uint8 else x).astype(np.float64)
    return torch.from_numpy(x).permute(0, 3, 1, 2).contiguous()

init_path, trained_path, train_path, test_path, log_path = sys.argv[1:6]
batch, rate, decay, epsilon, l2, share = int(sys.argv[6]), *map(float, sys.argv[7:12])
init, about = model(init_path)
trained, _ = model(trained_path)
layers = sorted({int(n.split(".")[1]) for n in init})
w = {}
for n, v in init.items():
    v = torch.from_numpy(v).clone()   # updated in place
    w[n] = (v.permute(3, 2, 0, 1).contiguous() if v.dim() == 4 else v).requires_grad_()
act = {"linear": lambda x: x, "relu": torch.relu, "sigmoid": torch.sigmoid}
activations = dict(zip(layers, about["activations"].split(",")))

def conv(x, name):
    k = w[name + ".kernel"]
    return F.conv2d(x, k, w[name + ".bias"], padding=k.shape[-1] // 2)

def loss_of(x):
    y = x
    for k in layers:
        y = F.max_pool2d(torch.relu(conv(y, f"encoder.{k}")), 2)
    for k in reversed(layers):
        y = y.repeat_interleave(2, 2).repeat_interleave(2, 3)
        y = act[activations[k]](conv(y, f"decoder.{k}"))
    if about["loss"] == "mean-squared-error":
        loss = ((y - x) ** 2).mean()
    else:
        p = y.clamp(1e-7, 1 - 1e-7)
        z = torch.log(p / (1 - p))
        loss = (z.clamp(min=0) - z * x + torch.log1p(torch.exp(-z.abs()))).mean()
    return loss + l2 * sum((v ** 2).sum() for n, v in w.items() if n.endswith("kernel"))

def epoch_loss(x, step):
    total = 0.0
    for i in range(0, len(x), batch):
        part = x[i:i + batch]
        total += step(part) * len(part)
    return total / len(x)

m = {n: torch.zeros_like(v) for n, v in w.items()}
v2 = {n: torch.zeros_like(v) for n, v in w.items()}
updates = 0

def update(x):
    global updates
    loss = loss_of(x)
    for v in w.values():
        v.grad = None
    loss.backward()
    t = updates + 1
    step = rate / (1 + decay * updates) * (1 - 0.999 ** t) ** 0.5 / (1 - 0.9 ** t)
    with torch.no_grad():
        for n, v in w.items():
            m[n] = 0.9 * m[n] + 0.1 * v.grad
            v2[n] = 0.999 * v2[n] + 0.001 * v.grad ** 2
            v -= step * m[n] / (v2[n].sqrt() + epsilon)
    updates += 1
    return loss.item()

loss = epoch_loss(rows(train_path), update)
with torch.no_grad():
    val_loss = epoch_loss(rows(test_path), lambda x: loss_of(x).item())

near = total = 0
worst = 0.0
for n, v in w.items():
    v = v.detach()
    got = trained[n]
    want = (v.permute(2, 3, 1, 0) if v.dim() == 4 else v).numpy()
    off = np.abs(got - want) / np.abs(want - init[n]).max()
    near += (off <= 1e-4).sum()
    total += off.size
    worst = max(worst, off.max())
logged = open(log_path).read().splitlines()[1].split("\t")
d, dv = abs(float(logged[1]) / loss - 1), abs(float(logged[2]) / val_loss - 1)
print(f"weights {near / total:.6f} {worst:.2e} loss {d:.1e} val_loss {dv:.1e}")
sys.exit(not (near / total >= share and worst <= 1e-2 and d <= 1e-5 and dv <= 1e-5))
