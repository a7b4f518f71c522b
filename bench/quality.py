"""configs/views in PyTorch, all in memory: TRAIN IMAGES CONF EPOCHS THREADS FEATURES.

TRAIN and IMAGES are arrays (N,80,80,3) of uint8, CONF the settings of finetune. Trains a net by
them, writes the features of IMAGES, and prints the seconds, and those of the processor, from rows
in memory to features in memory.
"""
import math
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

from nets import NETS, Views


def rows(images, order):
    x = torch.from_numpy(images[order]).permute(0, 3, 1, 2)
    return x.float().div_(255).contiguous(memory_format=torch.channels_last)


def initialise(net):
    for m in [*net.net.modules(), *net.head.modules()]:
        if isinstance(m, torch.nn.Conv2d):
            torch.nn.init.xavier_normal_(m.weight)
        elif isinstance(m, torch.nn.Linear):
            torch.nn.init.xavier_uniform_(m.weight)
        elif isinstance(m, torch.nn.modules.batchnorm._BatchNorm):
            m.eps = 1e-3
        if isinstance(m, (torch.nn.Conv2d, torch.nn.Linear)) and m.bias is not None:
            torch.nn.init.zeros_(m.bias)


def train(net, images, epochs, batch, rate):
    total = epochs * math.ceil(len(images) / batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        net.adam, lambda i: rate / 0.001 * (1 + math.cos(math.pi * i / total)) / 2)
    for _ in range(epochs):
        for order in np.split(np.random.permutation(len(images)), range(batch, len(images), batch)):
            net.x = rows(images, order)
            net.train()
            schedule.step()


def features(net, images, batch):
    net.net.eval()
    with torch.no_grad():
        codes = [F.normalize(net.code(rows(images, order)))
                 for order in np.split(np.arange(len(images)), range(batch, len(images), batch))]
    return torch.cat(codes).permute(0, 2, 3, 1).contiguous().numpy()


def main():
    conf = dict(line.split(" = ") for line in open(sys.argv[3]).read().splitlines()
                if line[:1] not in ("#", ""))
    epochs, batch = int(sys.argv[4]), int(conf["batch"])
    images, all_images = np.load(sys.argv[1]), np.load(sys.argv[2])
    torch.set_num_threads(int(sys.argv[5]))
    torch.manual_seed(0)
    np.random.seed(0)
    began, processor = time.perf_counter(), time.process_time()
    net = Views(float(conf["reconstruction"]), batch, *NETS["views"])
    initialise(net)
    train(net, images, epochs, batch, float(conf["learning-rate"]))
    codes = features(net, all_images, batch)
    print(time.perf_counter() - began, time.process_time() - processor)
    np.save(sys.argv[6], codes)


main()
