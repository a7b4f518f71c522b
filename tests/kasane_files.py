"""Our files as numpy has them, for what holds our programs against PyTorch."""
import io, json, struct, subprocess
import numpy as np

def content(path):
    return subprocess.run(["zstdcat", path], check=True, stdout=subprocess.PIPE).stdout

def tensor(path):
    return np.load(io.BytesIO(content(path)))

def model(path):
    """Weights by name, float64, without where the training stands; and the metadata."""
    data = content(path)
    length, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    about = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        if not name.startswith("training."):
            begin, end = (8 + length + o for o in entry["data_offsets"])
            floats = np.frombuffer(data[begin:end], "<f4")
            tensors[name] = floats.reshape(entry["shape"]).astype(np.float64)
    return tensors, about
