"""png_reference.py FILE...   decodes PNG files with the standard library alone and prints for each
"sha256  name" of its PPM over white, or "-  name" where the file is damaged.
tests/data/pngsuite.sha256 is what it prints for the conformance suite."""
import hashlib
import os
import struct
import sys
import zlib

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
# x, y, step x, step y
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2))


def chunks(data):
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("signature")
    at = 8
    while True:
        length, name = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        crc, = struct.unpack(">I", data[at + 8 + length:at + 12 + length])
        if crc != zlib.crc32(name + body):
            raise ValueError("crc")
        yield name, body
        if name == b"IEND":
            return
        at += 12 + length


def paeth(a, b, c):
    p = a + b - c
    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
    return a if pa <= pb and pa <= pc else b if pb <= pc else c


def unfilter(raw, at, height, row_bytes, step):
    above, rows = bytearray(row_bytes), []
    for _ in range(height):
        kind, row = raw[at], bytearray(raw[at + 1:at + 1 + row_bytes])
        if len(row) != row_bytes or kind > 4:
            raise ValueError("data")
        at += 1 + row_bytes
        for i in range(row_bytes):
            a, b = (row[i - step] if i >= step else 0), above[i]
            c = above[i - step] if i >= step else 0
            row[i] = (row[i] + (0, a, b, (a + b) // 2, paeth(a, b, c))[kind]) & 255
        rows.append(row)
        above = row
    return rows, at


def sample(row, i, depth):
    if depth == 16:
        return row[2 * i] << 8 | row[2 * i + 1]
    bit = i * depth
    return row[bit // 8] >> (8 - depth - bit % 8) & (1 << depth) - 1


def orientation(exif):
    order = {b"II": "<", b"MM": ">"}[exif[:2]]
    at, = struct.unpack(order + "I", exif[4:8])
    for k in range(struct.unpack(order + "H", exif[at:at + 2])[0]):
        tag, _, _, value = struct.unpack(order + "HHIH", exif[at + 2 + 12 * k:at + 12 + 12 * k])
        if tag == 0x112:
            return value
    return 1


def decode(data):
    found, idat = {}, b""
    for name, body in chunks(data):
        if name == b"IDAT":
            idat += body
        else:
            found[name] = body
    w, h, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", found[b"IHDR"])
    if depth not in DEPTHS.get(kind, ()):
        raise ValueError("header")
    n, raw, at = CHANNELS[kind], zlib.decompress(idat), 0
    pixels = [[None] * w for _ in range(h)]
    for x0, y0, dx, dy in ADAM7 if interlaced else ((0, 0, 1, 1),):
        pw, ph = (w - x0 + dx - 1) // dx, (h - y0 + dy - 1) // dy
        if pw <= 0 or ph <= 0:
            continue
        rows, at = unfilter(raw, at, ph, (pw * n * depth + 7) // 8, max(1, n * depth // 8))
        for y, row in enumerate(rows):
            for x in range(pw):
                samples = tuple(sample(row, x * n + c, depth) for c in range(n))
                pixels[y0 + y * dy][x0 + x * dx] = samples
    most, trns = (1 << depth) - 1, found.get(b"tRNS")

    def rgb(p):
        m, a = most, most
        if kind == 3:
            colour, m = found[b"PLTE"][3 * p[0]:3 * p[0] + 3], 255
            a = trns[p[0]] if trns and p[0] < len(trns) else 255
        else:
            colour = p[:3] if kind in (2, 6) else p[:1] * 3
            if kind in (4, 6):
                a = p[-1]
            elif trns and struct.unpack(">%dH" % n, trns[:2 * n]) == p:
                a = 0
        return bytes((2 * (c * a * 255 + 255 * m * (m - a)) + m * m) // (2 * m * m) for c in colour)

    image = [[rgb(p) for p in row] for row in pixels]
    turn = orientation(found[b"eXIf"]) if b"eXIf" in found else 1
    if turn in (3, 4, 6, 7):
        image.reverse()
    if turn in (2, 3, 7, 8):
        image = [row[::-1] for row in image]
    if turn >= 5:
        image = [list(column) for column in zip(*image)]
    rows = b"".join(b"".join(row) for row in image)
    return b"P6\n%d %d\n255\n" % (len(image[0]), len(image)) + rows


for path in sys.argv[1:]:
    with open(path, "rb") as f:
        content = f.read()
    try:
        digest = hashlib.sha256(decode(content)).hexdigest()
    except (ValueError, KeyError, struct.error, zlib.error):
        digest = "-"
    print(digest, os.path.basename(path), sep="  ")
