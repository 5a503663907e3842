"""The unpacking kernels again, slow and obvious."""

import numpy as np


def split_pairs(pairs, columns):
    u, v = pairs[:, 0::2], pairs[:, 1::2]
    return u[:, :columns], v[:, :columns]


def unpack_yuyv(packed, width):
    height = packed.shape[0]
    y = packed[:, 0 : 2 * width : 2]
    chroma = []
    for start in (1, 3):
        full = packed[:, start : 2 * width : 4].astype(int)
        rows = [(full[i] + full[min(i + 1, height - 1)] + 1) // 2 for i in range(0, height, 2)]
        chroma.append(np.array(rows, np.uint8))
    return y, *chroma
