"""One epoch of finetune --objective views, of a single batch, by PyTorch in double precision, held
against what our program made of the same start and the same views.

usage: views_torch.py INIT TRAINED VIEWS.npy.zst LOG.tsv POOL TEMPERATURE WEIGHT L2 LEARNING_RATE
    EPSILON MOMENTUM SHARE

INIT is the model of no epochs, whose head is drawn, TRAINED that of one. Prints the share of
weights within 1e-4 of their tensor's largest update, the largest deviation in units of that update,
and the deviations of the losses. Fails where they are over the limits.
"""
import sys
import numpy as np, torch
import torch.nn.functional as F
from kasane_files import model, tensor

init_path, trained_path, views_path, log_path = sys.argv[1:5]
pool = int(sys.argv[5])
temperature, weight, l2, rate, epsilon, momentum, share = map(float, sys.argv[6:13])
(init, _), (trained, _) = model(init_path), model(trained_path)
x = tensor(views_path).astype(np.float64)
x = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous()
w = {}
for name, v in init.items():
    v = torch.from_numpy(v).clone()
    w[name] = (v.permute(3, 2, 0, 1).contiguous() if v.dim() == 4 else v).requires_grad_()
running = {}

def conv(y, name):
    k = w[name + ".kernel"]
    return F.conv2d(y, k, w[name + ".bias"], padding=k.shape[-1] // 2)

def norm(y, name):
    """Batch normalisation over all but the channels, and the running averages it leaves."""
    if name + ".gamma" not in w:
        return y
    mean, variance = (w[f"{name}.{what}"].detach().clone() for what in ("mean", "variance"))
    with torch.no_grad():
        d = [i for i in range(y.dim()) if i != 1]
        for average, now in ((mean, y.mean(d)), (variance, y.var(d, unbiased=False))):
            average.mul_(momentum).add_(now, alpha=1 - momentum)
    running[name + ".mean"], running[name + ".variance"] = mean.numpy(), variance.numpy()
    return F.batch_norm(y, None, None, w[name + ".gamma"], w[name + ".beta"], True, 0, 1e-3)

layers = sorted({int(n.split(".")[1]) for n in init if n.startswith("encoder.")})
heads = sorted({int(n.split(".")[1]) for n in init if n.startswith("head.")})
y = x
for k in layers:
    y = F.max_pool2d(torch.relu(norm(conv(y, f"encoder.{k}"), f"encoder.{k}")), 2)
z = F.adaptive_avg_pool2d(y, pool).permute(0, 2, 3, 1).flatten(1)
for k in heads:
    z = z @ w[f"head.{k}.kernel"]
    z = (z + w[f"head.{k}.bias"] if k == heads[-1] else torch.relu(norm(z, f"head.{k}")))
z = F.normalize(z)
n = len(z) // 2
s = z @ z.T / temperature
s.fill_diagonal_(float("-inf"))
nt_xent = F.cross_entropy(s, torch.arange(2 * n).roll(n))
for k in reversed(layers):
    y = conv(y.repeat_interleave(2, 2).repeat_interleave(2, 3), f"decoder.{k}")
    y = y if k == layers[0] else torch.relu(y)
bce = F.binary_cross_entropy_with_logits(y, x) if weight else torch.zeros(())
kernels = [v for name, v in w.items() if name.endswith("kernel")
           and (weight > 0 or not name.startswith("decoder"))]
loss = nt_xent + weight * bce + l2 * sum((v ** 2).sum() for v in kernels)
loss.backward()

near = total = 0
worst = 0.0
for name, v in w.items():
    want = running.get(name, init[name])
    if v.grad is not None:
        m, v2 = 0.1 * v.grad, 0.001 * v.grad ** 2
        want = (v - rate * (1 - 0.999) ** 0.5 / (1 - 0.9) * m / (v2.sqrt() + epsilon)).detach()
        want = (want.permute(2, 3, 1, 0) if want.dim() == 4 else want).numpy()
    largest = np.abs(want - init[name]).max()
    # A bias before batch normalisation changes nothing.
    off = np.abs(trained[name] - want) / (largest if largest > 1e-12 else 1)
    near += (off <= 1e-4).sum()
    total += off.size
    worst = max(worst, off.max())
columns, logged = (line.split("\t") for line in open(log_path).read().splitlines()[:2])
got = dict(zip(columns, map(float, logged)))
d = [abs(got[what] / value.item() - 1)
     for what, value in (("loss", loss), ("nt_xent", nt_xent), ("reconstruction", bce))
     if value.requires_grad and got[what] != 0]
print(f"weights {near / total:.6f} {worst:.2e} losses {max(d):.1e}")
sys.exit(not (near / total >= share and worst <= 1e-2 and max(d) <= 1e-5))
