"""keras_h5.py make LAYOUT...: in a folder for each layout an autoencoder of two layers with weights
at random, as Keras would have kept it, net.h5, and what that Keras makes of a few images:
images.npy, code.npy, reconstruction.npy.

keras_h5.py check LAYOUT...: our models in these folders, model.safetensors, run by our formulas,
must give the same numbers.
"""
import json
import os
import struct
import sys

import h5py
import numpy as np

H, W, SIZES = 8, 12, [3, 4, 5]
R = [5, 3]


def conv(x, kernel, bias, turned):
    """x (N,H,W,C), kernel (R,R,C,K), same padding; turned: convolution proper, as Theano's."""
    if turned:
        kernel = kernel[::-1, ::-1]
    pad = kernel.shape[0] // 2
    big = np.pad(x, [(0, 0), (pad, pad), (pad, pad), (0, 0)])
    y = np.zeros(x.shape[:3] + (kernel.shape[3],)) + bias
    for r in range(kernel.shape[0]):
        for s in range(kernel.shape[1]):
            y += big[:, r:r + x.shape[1], s:s + x.shape[2]] @ kernel[r, s]
    return y


def pool(x):
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


def run(x, encoders, decoders, norms, turned):
    for (kernel, bias), norm in zip(encoders, norms):
        x = conv(x, kernel, bias, turned)
        if norm is not None:
            gamma, beta, mean, variance = norm
            x = (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta
        x = pool(np.maximum(x, 0))
    code = x
    for i, (kernel, bias) in enumerate(decoders[::-1]):
        x = conv(x.repeat(2, 1).repeat(2, 2), kernel, bias, turned)
        x = np.maximum(x, 0) if i < len(decoders) - 1 else 1 / (1 + np.exp(-x))
    return code, x


def save(name, x):
    np.save(name, np.ascontiguousarray(x, 'f4'))


def make(layout):
    os.mkdir(layout)
    rng = np.random.default_rng(3)
    keras2, theano = layout.startswith('keras2'), 'theano' in layout
    th, alone, norm = 'th' in layout.split('-'), 'weights' in layout, 'norm' in layout
    draw = lambda *shape: rng.normal(0, 0.3, shape).astype('f4')
    encoders = [(draw(R[k], R[k], SIZES[k], SIZES[k + 1]), draw(SIZES[k + 1])) for k in range(2)]
    decoders = [(draw(R[k], R[k], SIZES[k + 1], SIZES[k]), draw(SIZES[k])) for k in range(2)]
    norms = [(draw(SIZES[k + 1]), draw(SIZES[k + 1]), draw(SIZES[k + 1]), draw(SIZES[k + 1]) ** 2)
             if norm and k == 0 else None for k in range(2)]
    images = rng.random((3, H, W, 3)).astype('f4')
    code, reconstruction = run(images, encoders, decoders, norms, theano)
    save(layout + '/images.npy', images)
    save(layout + '/code.npy', code)
    save(layout + '/reconstruction.npy', reconstruction)

    layers = []
    def add(kind, config, weights=()):
        name = '%s_%d' % (kind.lower(), 1 + sum(l['class_name'] == kind for l in layers))
        layers.append({'class_name': kind, 'name': name, 'config': dict(config, name=name)})
        weights_of[name] = weights
    weights_of = {}
    shape = [None, 3, H, W] if th else [None, H, W, 3]
    ordering = {'dim_ordering': 'th' if th else 'tf'}
    if keras2:
        ordering = {'data_format': 'channels_last'}
    def convolution(kernel, bias, activation):
        given = kernel.transpose(3, 2, 0, 1) if th else kernel
        config = dict(ordering, activation=activation, trainable=True)
        config.update({'padding': 'same', 'strides': [1, 1]} if keras2 else
                      {'border_mode': 'same', 'subsample': [1, 1]})
        if not layers:
            config['batch_input_shape'] = shape
        add('Conv2D' if keras2 else 'Convolution2D', config,
            [('kernel' if keras2 else 'W', given), ('bias' if keras2 else 'b', bias)])
    if keras2:
        add('InputLayer', {'batch_input_shape': shape})
    for (kernel, bias), norm in zip(encoders, norms):
        convolution(kernel, bias, 'linear' if norm else 'relu')
        if norm:
            names = ['gamma', 'beta'] + (['moving_mean', 'moving_variance'] if keras2 else
                                         ['running_mean', 'running_std'])
            add('BatchNormalization', {'epsilon': 1e-3}, list(zip(names, norm)))
            add('Activation', {'activation': 'relu'})
        add('MaxPooling2D', {'pool_size': [2, 2]})
    for i, (kernel, bias) in enumerate(decoders[::-1]):
        add('UpSampling2D', {'size': [2, 2]})
        convolution(kernel, bias, 'sigmoid' if i == 1 else 'relu')

    f = h5py.File(layout + '/net.h5', 'w')
    g = f if alone else f.create_group('model_weights')
    g.attrs['layer_names'] = [l['name'].encode() for l in layers]
    if keras2:
        g.attrs['backend'] = b'theano' if theano else b'tensorflow'
        g.attrs['keras_version'] = b'2.2.4'
    for l in layers:
        name, names = l['name'], []
        group = g.create_group(name)
        for part, value in weights_of[name]:
            names.append('%s/%s:0' % (name, part) if keras2 else
                         '%s_%s%s' % (name, part, '' if theano else ':0'))
            group.create_dataset(names[-1], data=value)
        group.attrs['weight_names'] = names if keras2 and names else [n.encode() for n in names]
    if not alone:
        config = {'layers': layers, 'name': 'model_1'} if keras2 else layers
        f.attrs['model_config'] = json.dumps({'class_name': 'Model', 'config': config}).encode()
        f.attrs['training_config'] = json.dumps({'loss': 'binary_crossentropy'}).encode()
    f.close()


def check(layout):
    data = open(layout + '/model.safetensors', 'rb').read()
    start = 8 + struct.unpack('<Q', data[:8])[0]
    head = json.loads(data[8:start])
    meta = head.pop('__metadata__')
    t = {}
    for name, entry in head.items():
        begin, end = entry['data_offsets']
        t[name] = np.frombuffer(data[start + begin:start + end], '<f4').reshape(entry['shape'])
    both = lambda part: [(t[f'{part}.{k}.kernel'], t[f'{part}.{k}.bias']) for k in (1, 2)]
    norms = [tuple(t[f'encoder.{k}.{n}'] for n in ('gamma', 'beta', 'mean', 'variance'))
             if f'encoder.{k}.gamma' in t else None for k in (1, 2)]
    images = np.load(layout + '/images.npy')
    code, reconstruction = run(images, both('encoder'), both('decoder'), norms, False)
    print(layout, meta['input'], meta['activations'], meta['batch_norm'], meta['loss'],
          abs(code - np.load(layout + '/code.npy')).max() < 1e-5,
          abs(reconstruction - np.load(layout + '/reconstruction.npy')).max() < 1e-5)


for layout in sys.argv[2:]:
    make(layout) if sys.argv[1] == 'make' else check(layout)
