"""Slow twins of the kernels on planes and crops: NumPy and plain loops, one sample at a time."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def tap(plane: NDArray[np.uint8], width: int, height: int, x: float, y: float) -> float:
    """One bilinear sample; beyond the edge the edge goes on."""
    x, y = min(max(x, 0.0), width - 1.0), min(max(y, 0.0), height - 1.0)
    left, top = int(x), int(y)
    right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
    fx, fy = x - left, y - top
    above = plane[top, left] * (1 - fx) + plane[top, right] * fx
    below = plane[bottom, left] * (1 - fx) + plane[bottom, right] * fx
    return float(above * (1 - fy) + below * fy)


def zoom_out(affine: Floats) -> float:
    """How many pixels of the plane lie side by side under one of the crop."""
    return float(np.sqrt(abs(np.linalg.det(affine[:, :2]))))


def sample_plane(
    plane: NDArray[np.uint8], width: int, height: int, affine: Floats, size: int, n: int = 1
) -> Floats:
    """The mean of n × n taps for each pixel of a crop."""
    offsets = [(k + 0.5) / n - 0.5 for k in range(n)]
    out = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            places = [affine @ (j + dx, i + dy, 1.0) for dy in offsets for dx in offsets]
            out[i, j] = np.mean([tap(plane, width, height, *place) for place in places])
    return out


def sample_luma(
    plane: NDArray[np.uint8], width: int, height: int, affine: Floats, size: int
) -> Floats:
    """Halve the whole plane until it is about as coarse as the crop, then one tap a pixel."""
    plane, affine = plane[:height, :width], affine.copy()
    while zoom_out(affine) > 2**0.5 and min(plane.shape) > 1:
        rows, columns = plane.shape[0] // 2, plane.shape[1] // 2
        blocks = plane[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).astype(int)
        plane = ((blocks.sum((1, 3)) + 2) // 4).astype(np.uint8)
        affine[:, 2] -= 0.5
        affine /= 2
    return sample_plane(plane, plane.shape[1], plane.shape[0], affine, size)


def chroma_affine(affine: Floats, subsampled_rows: bool) -> Floats:
    """The way to a chroma plane: co-sited across, between two rows of luma in 4:2:0."""
    half = affine.astype(np.float64).copy()
    half[0] /= 2
    if subsampled_rows:
        half[1] /= 2
        half[1, 2] -= 0.25
    return half


def sample(
    planes: tuple[NDArray[np.uint8], ...],
    width: int,
    height: int,
    coefficients: NDArray[np.float32],
    affine: NDArray[np.float32],
    size: int,
) -> Floats:
    """RGB 0…1 [3, size, size] of the crop."""
    y, u, v = planes
    rows = u.shape[0]
    chroma = chroma_affine(affine, rows < height)
    taps = max(1, int(zoom_out(chroma) / 1.5 + 0.5))
    levels = np.stack(
        [
            sample_luma(y, width, height, affine.astype(np.float64), size),
            sample_plane(u, (width + 1) // 2, rows, chroma, size, taps),
            sample_plane(v, (width + 1) // 2, rows, chroma, size, taps),
        ]
    )
    rgb = np.einsum("ck,kij->cij", coefficients[:, :3].astype(np.float64), levels)
    return np.clip(rgb + coefficients[:, 3, None, None], 0, 1)


def lerp2(values: Floats, x: float, y: float) -> float:
    """One bilinear sample of values; the four neighbours must exist."""
    left, top = min(int(x), values.shape[1] - 2), min(int(y), values.shape[0] - 2)
    fx, fy = x - left, y - top
    above = values[top, left] * (1 - fx) + values[top, left + 1] * fx
    below = values[top + 1, left] * (1 - fx) + values[top + 1, left + 1] * fx
    return float(above * (1 - fy) + below * fy)


def blocks(values: Floats, block: int) -> Floats:
    """Means of block × block values; what is over is left out."""
    rows, columns = values.shape[0] // block, values.shape[1] // block
    whole = values[: rows * block, : columns * block]
    return np.asarray(whole.reshape(rows, block, columns, block).mean((1, 3)))


def paste_plane(
    plane: NDArray[np.uint8], levels: Floats, mask: Floats, way: Floats, added: Floats
) -> Floats:
    """The blended plane, not rounded; levels are times their share.

    ``way`` maps the plane's (x, y) to the crop's.
    """
    block = 1
    while zoom_out(way) > 2**0.5 * block and 4 * block <= mask.shape[0]:
        block *= 2
    levels, mask = blocks(levels, block), blocks(mask, block)
    out = plane.astype(np.float64)
    for i in range(plane.shape[0]):
        for j in range(plane.shape[1]):
            x, y = (way @ (j, i, 1.0) - (block - 1) / 2) / block
            if 0 <= x < mask.shape[1] - 1 and 0 <= y < mask.shape[0] - 1:
                share = lerp2(mask, x, y)
                out[i, j] += lerp2(levels, x, y) + share * (added[i, j] - out[i, j])
    return np.clip(out, 0, 255)


def spread(mark: NDArray[np.int8], rows: int, columns: int) -> Floats:
    """The mark's rows, again and again over a picture."""
    return np.array([mark[i % mark.shape[0], :columns] for i in range(rows)], np.float64)


def paste(
    face: Floats,
    mask: Floats,
    affine: Floats,
    coefficients: NDArray[np.float32],
    mark: NDArray[np.int8],
    planes: tuple[NDArray[np.uint8], ...],
    coarse: Floats | float = 0.0,
    gate: Floats | float = 0.0,
) -> list[Floats]:
    """Y, U and V with the face blended in, marked, not rounded."""
    back = np.linalg.inv(np.vstack([affine, (0, 0, 1)]).astype(np.float64))[:2]
    to_luma = np.array([[2, 0, 0], [0, 2, 0.5], [0, 0, 1]])  # from chroma's place to luma's
    mask = mask.astype(np.float64)

    def of(rgb: Floats) -> Floats:
        levels = np.einsum("ck,kij->cij", coefficients[:, :3].astype(np.float64), rgb)
        return np.asarray(levels + coefficients[:, 3, None, None])

    levels, shares = mask * of(face), [mask * (1 - np.asarray(gate)), mask, mask]
    levels[0] -= mask * gate * of(np.zeros_like(face) + coarse)[0]
    ways = [back, back @ to_luma, back @ to_luma]
    size, columns = mask.shape[0], planes[1].shape[1]
    if abs(np.linalg.det(back[:, :2])) < 0.3 and (size - 4) * size >= 6 * (columns + 2):
        return enlarge(planes, levels, shares, ways[1], mark)
    marks = [spread(mark, *planes[0].shape), *(np.zeros(plane.shape) for plane in planes[1:])]
    return [
        paste_plane(plane, level, share, way, added)
        for plane, level, share, way, added in zip(planes, levels, shares, ways, marks, strict=True)
    ]


def enlarge(
    planes: tuple[NDArray[np.uint8], ...],
    levels: Floats,
    shares: list[Floats],
    way: Floats,
    mark: NDArray[np.int8],
) -> list[Floats]:
    """Sample at the places of chroma; luma takes what lies between them from their means."""
    rows, columns = planes[1].shape
    size = shares[0].shape[0]
    share, level = np.zeros((2, 3, rows + 2, columns + 1))
    for i in range(rows + 2):  # one row more at each end, and a column at the right
        for j in range(columns + 1):
            x, y = way @ (j, i - 1, 1.0)
            if 0 <= x < size - 1 and 0 <= y < size - 1:
                share[:, i, j] = [lerp2(one, x, y) for one in shares]
                level[:, i, j] = [lerp2(one, x, y) for one in levels]

    def between(values: Floats) -> Floats:
        fine = np.empty((2 * rows, 2 * columns))
        upper = 0.75 * values[1:-1] + 0.25 * values[:-2]
        lower = 0.75 * values[1:-1] + 0.25 * values[2:]
        for k, part in enumerate((upper, lower)):
            fine[k::2, ::2] = part[:, :-1]
            fine[k::2, 1::2] = (part[:, :-1] + part[:, 1:]) / 2
        return fine

    y, u, v = planes
    inner = np.s_[1:-1, :-1]
    old = y - spread(mark, *y.shape)
    return [
        np.clip(y + between(level[0]) - between(share[0]) * old, 0, 255),
        np.clip(u * (1 - share[1][inner]) + level[1][inner], 0, 255),
        np.clip(v * (1 - share[2][inner]) + level[2][inner], 0, 255),
    ]


def render(
    planes: tuple[NDArray[np.uint8], ...],
    width: int,
    height: int,
    coefficients: NDArray[np.float32],
    mark: NDArray[np.int8],
) -> list[Floats]:
    """Even-sized Y, U, V in new colours, marked, not rounded."""
    y, u, v = planes
    columns = (width + 1) // 2
    y = np.pad(y[:height, :width], ((0, height % 2), (0, width % 2)), mode="edge")
    if u.shape[0] == height and height > 1:
        pairs = [np.pad(c[:, :columns], ((0, height % 2), (0, 0)), mode="edge") for c in (u, v)]
        u, v = ((c[::2].astype(int) + c[1::2] + 1) // 2 for c in pairs)
    else:
        u, v = u[:, :columns], v[:, :columns]
    m = coefficients.astype(np.float64)
    tall = [np.repeat(np.repeat(c, 2, 0), 2, 1) for c in (u, v)]
    luma = m[0, 0] * y + m[0, 1] * tall[0] + m[0, 2] * tall[1] + m[0, 3]
    chroma = [m[k, 1] * u + m[k, 2] * v + m[k, 3] for k in (1, 2)]
    luma = np.clip(luma, 0, 255)
    luma[:, :width] += spread(mark, luma.shape[0], width)
    if width % 2:
        luma[:, -1] = luma[:, -2]
    return [np.clip(plane, 0, 255) for plane in (luma, *chroma)]


def cells(left: float, top: float, right: float, bottom: float) -> tuple[int, list[int], list[int]]:
    """Side of a cell, and where its columns and rows begin; all in pixels of chroma."""
    first, end = (
        (int(np.floor(left / 2)), int(np.floor(top / 2))),
        (int(np.ceil((right + 1) / 2)), int(np.ceil((bottom + 1) / 2))),
    )
    if end[0] <= first[0] or end[1] <= first[1]:
        return 1, [], []
    side = -(-max(end[0] - first[0], end[1] - first[1]) // 8)
    return side, list(range(first[0], end[0], side)), list(range(first[1], end[1], side))


def mosaic(
    plane: NDArray[np.uint8],
    side: int,
    columns: list[int],
    rows: list[int],
    fill: float | None = None,
) -> Floats:
    """One plane with cells of means, or all of one level."""
    out = plane.astype(np.float64)
    for i in rows:
        for j in columns:
            part = np.s_[max(i, 0) : max(i + side, 0), max(j, 0) : max(j + side, 0)]
            if plane[part].size:
                out[part] = plane[part].mean() if fill is None else fill
    return out


def soft(depth: Floats) -> Floats:
    """Rise smoothly from 0 to 1."""
    depth = np.clip(depth, 0, 1)
    return np.asarray(depth**2 * (3 - 2 * depth))


def from_border(size: int) -> Floats:
    """Pixels to the nearest border of a crop."""
    to_edge = np.minimum(np.arange(size), np.arange(size)[::-1]).astype(float)
    return np.minimum(to_edge[:, None], to_edge[None])


def hull(points: Floats, feather: float, size: int) -> Floats:
    """A pixel lies as deep as it does behind the least of all lines that leave no point outside."""
    points = points.astype(np.float64)
    i, j = np.mgrid[:size, :size]
    depth = np.full((size, size), np.inf)
    lines = 0
    for p in points:
        for q in points:
            length = np.hypot(*(q - p))
            if length == 0:
                continue
            normal = np.array([p[1] - q[1], q[0] - p[0]]) / length
            if ((points - p) @ normal > -1e-9).all():
                lines += 1
                depth = np.minimum(depth, (j - p[0]) * normal[0] + (i - p[1]) * normal[1])
    if lines < 3:
        return np.zeros((size, size))
    return soft(np.minimum(depth, from_border(size)) / feather)


def ellipse(
    middle: tuple[float, float], axes: tuple[float, float], feather: float, size: int
) -> Floats:
    """Depth is counted along the radius, in units of the shorter axis."""
    i, j = np.mgrid[:size, :size]
    radius = np.hypot((j - middle[0]) / axes[0], (i - middle[1]) / axes[1])
    return soft(np.minimum((1 - radius) * min(axes), from_border(size)) / feather)
