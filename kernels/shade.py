"""Colour a head that has been rasterised: skin, eyes, mouth, and what lies around and behind."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

NOTHING, INSIDE = 255, 254
"""Kinds of a sample beside the parts of a head: no head there, and the hollow of the mouth."""


@kernel(
    "void(i4[:, ::1], f4[:, :, ::1], i4[:, ::1], u1[::1], f4[:, ::1], f4[:, ::1], f4[::1], i8, "
    "u1[:, ::1])",
    fastmath=True,
)
def classify(
    index: Ints,
    weights: Floats,
    triangles: Ints,
    part: Bytes,
    lit: Floats,
    vertices: Floats,
    lip: Floats,
    last_outer: int,
    kind: Bytes,
) -> None:
    """Say what each sample shows.

    Parameters
    ----------
    index, weights : int32 [h, w], float32 [h, w, 2]
        As `swapcast.kernels.raster.rasterise` leaves them.
    triangles : int32 [m, 3]
    part : uint8 [m]
        Part of the head that each triangle belongs to.
    lit : float32 [n, 4]
        From `swapcast.kernels.light.light_corners`.
    vertices : float32 [n, 3]
        Head axes, centimetres.
    lip : float32 [3]
        Middle of the upper lip's inner edge, head axes.
    last_outer : int
        Parts up to this one are skin. Where their inner side or the last of them (the back of the
        head, and the inside of the cheeks) is seen within 3.7 cm of the lip, or anything 1.8 cm
        behind it within 2 cm, it is the mouth's hollow.
    kind : uint8 [h, w]
        Overwritten: the part, `INSIDE` or `NOTHING`.
    """
    two, four, deep = np.float32(2.0), np.float32(3.7), np.float32(-1.8)
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            t = index[y, x]
            if t < 0:
                kind[y, x] = 255
                continue
            kind[y, x] = part[t]
            if part[t] > last_outer:
                continue
            u, v = weights[y, x, 0], weights[y, x, 1]
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            w = np.float32(1.0) - u - v
            across = u * vertices[i, 0] + v * vertices[j, 0] + w * vertices[k, 0] - lip[0]
            up = u * vertices[i, 1] + v * vertices[j, 1] + w * vertices[k, 1] - lip[1]
            away = u * lit[i, 3] + v * lit[j, 3] + w * lit[k, 3] > 0
            out = u * vertices[i, 2] + v * vertices[j, 2] + w * vertices[k, 2] - lip[2]
            reach = four if away or part[t] == last_outer else two
            hollow = away or part[t] == last_outer or out < deep
            if hollow and abs(across) < reach and abs(up) < reach:
                kind[y, x] = 254


@kernel("f4(f4, f4, f4)", fastmath=True)
def _step(value: np.float32, low: float, high: float) -> np.float32:
    t = min(max((value - low) / (high - low), np.float32(0.0)), np.float32(1.0))
    return t * t * (np.float32(3.0) - np.float32(2.0) * t)


@kernel("void(f4, f4, f4, f4[::1], f4[:, ::1], f4, f4[::1])", fastmath=True)
def _eye(
    x: np.float32,
    y: np.float32,
    z: np.float32,
    eye: Floats,
    colours: Floats,
    lid: np.float32,
    out: Floats,
) -> None:
    """Colour a place (x, y, z) of the eyeball, head axes; `eye` is its centre and line of sight."""
    dx, dy, dz = x - eye[0], y - eye[1], z - eye[2]
    length = np.sqrt(dx * dx + dy * dy + dz * dz)
    dx, dy, dz = dx / length, dy / length, dz / length
    along = min(max(dx * eye[3] + dy * eye[4] + dz * eye[5], np.float32(-1.0)), np.float32(1.0))
    away = np.float32(np.arccos(along)) / eye[9]
    around = np.arctan2(dy - eye[4], dx - eye[3])
    streaks = 1 + 0.14 * np.sin(around * 23) * np.cos(around * 9 + 1) + 0.08 * np.sin(around * 41)
    ring = 1 - 0.55 * _step(away, 0.72, 1.0) + 0.35 * _step(-away, -0.62, -0.4)
    pupil, rim = _step(away, 0.36, 0.48), _step(away, 0.93, 1.06)
    red = _step(away, 1.4, 2.6)
    gx, gy, gz = dx - eye[6], dy - eye[7], dz - eye[8]
    glint = np.float32(np.exp(-(gx * gx + gy * gy + gz * gz) / np.float32(0.045 * 0.045)))
    for c in range(3):
        iris = colours[0, c] * np.float32(streaks) * ring * pupil
        white = colours[1, c] * (1 - red * np.float32(0.0 if c == 0 else 0.15 + 0.05 * c))
        seen = (iris + (white - iris) * rim) * out[c]
        out[c] = seen * (np.float32(0.22) + np.float32(0.78) * lid)
        out[c] += np.float32(0.55) * glint * lid


@kernel("f4(f4[:, ::1], i4[:, ::1], i8, f4, f4, i8)", fastmath=True)
def _spread(
    values: Floats, corners: Ints, t: int, u: np.float32, v: np.float32, c: int
) -> np.float32:
    """Return column c of what is known at the corners, at a place of triangle t."""
    i, j, k = corners[t, 0], corners[t, 1], corners[t, 2]
    w = np.float32(1.0) - u - v
    return np.float32(u * values[i, c] + v * values[j, c] + w * values[k, c])


@kernel("f4(f4[:, :, ::1], i8, i8, f4, f4, i8)", fastmath=True)
def _texel(
    picture: Floats, top: int, left: int, right: np.float32, low: np.float32, c: int
) -> np.float32:
    """Return channel c between four texels: shares of the right and of the lower ones."""
    one = np.float32(1.0)
    upper = (one - right) * picture[top, left, c] + right * picture[top, left + 1, c]
    lower = (one - right) * picture[top + 1, left, c] + right * picture[top + 1, left + 1, c]
    return np.float32((one - low) * upper + low * lower)


@kernel(
    "void(i8, f4, f4, i4[:, ::1], f4[:, ::1], f4[:, :, ::1], f4[:, :, ::1], f4[::1], f4[::1])",
    fastmath=True,
)
def _skin(
    t: int,
    u: np.float32,
    v: np.float32,
    uv_triangles: Ints,
    uv: Floats,
    texture: Floats,
    shares: Floats,
    colour: Floats,
    share: Floats,
) -> None:
    """Multiply light by the texture, and read the shares at the same place."""
    most = np.float32(texture.shape[0] - 1.001)
    p = min(max(_spread(uv, uv_triangles, t, u, v, 0), np.float32(0.0)), most)
    q = min(max(_spread(uv, uv_triangles, t, u, v, 1), np.float32(0.0)), most)
    left, top = int(p), int(q)
    p, q = p - np.float32(left), q - np.float32(top)
    for c in range(3):
        colour[c] *= _texel(texture, top, left, p, q, c)
        share[c] = _texel(shares, top, left, p, q, c)


@kernel(
    "void(i8, i8, f4, f4, i4[:, ::1], f4[:, ::1], f4[:, ::1], f4[:, ::1], f4, f4, f4[::1])",
    fastmath=True,
)
def _inside(
    what: int,
    t: int,
    u: np.float32,
    v: np.float32,
    triangles: Ints,
    vertices: Floats,
    eyes: Floats,
    colours: Floats,
    lip: np.float32,
    dim: np.float32,
    colour: Floats,
) -> None:
    """Colour eyes, teeth, tongue and the mouth's hollow, darker the deeper they lie."""
    z = _spread(vertices, triangles, t, u, v, 2)
    if what >= 4 and what != 254:
        x = _spread(vertices, triangles, t, u, v, 0)
        y = _spread(vertices, triangles, t, u, v, 1)
        _eye(x, y, z, eyes[what - 4], colours, dim, colour)
        return
    deep = min(max(lip - z - np.float32(0.6), np.float32(0.0)), np.float32(8.0))
    level, row = dim * np.float32(np.exp(-deep / np.float32(1.2))), min(what + 1, 5)
    for c in range(3):
        colour[c] *= colours[row, c] * level


@kernel("void(f4[::1], f4[:, ::1], i8)", fastmath=True)
def _tint(colour: Floats, colours: Floats, row: int) -> None:
    for c in range(3):
        colour[c] *= colours[row, c]


@kernel(
    "void(f4[::1], f4[::1], f4[:, :, ::1], f4[:, :, ::1], i8, i8, f4[::1])",
    fastmath=True,
)
def _lay(
    colour: Floats, share: Floats, sheet: Floats, canvas: Floats, y: int, x: int, total: Floats
) -> None:
    """Add one sample to a pixel: head, sheet and background by their shares, and the masks."""
    one = np.float32(1.0)
    under, over = (one - share[0]) * (one - sheet[y, x, 3]), (one - share[0]) * sheet[y, x, 3]
    shown, behind = share[0] + under * share[1], under * (one - share[1])
    for c in range(3):
        total[c] += shown * colour[c] + over * sheet[y, x, c] + behind * canvas[y, x, c]
    total[3] += share[0]
    total[4] += share[2] * shown


@kernel(
    "void(i4[:, ::1], f4[:, :, ::1], u1[:, ::1], i4[:, ::1], i4[:, ::1], f4[:, ::1], f4[:, ::1], "
    "f4[:, ::1], f4[:, :, ::1], f4[:, :, ::1], f4[:, ::1], f4[:, ::1], f4[::1], f4[:, ::1], "
    "f4[:, :, ::1], i8, f4[:, :, ::1], f4[:, :, ::1])",
    fastmath=True,
)
def shade(
    index: Ints,
    weights: Floats,
    kind: Bytes,
    triangles: Ints,
    uv_triangles: Ints,
    uv: Floats,
    lit: Floats,
    vertices: Floats,
    texture: Floats,
    shares: Floats,
    eyes: Floats,
    colours: Floats,
    limits: Floats,
    dim: Floats,
    sheet: Floats,
    samples: int,
    canvas: Floats,
    masks: Floats,
) -> None:
    """Lay background, head, the sheet around it and the face over each other, pixel by pixel.

    Parameters
    ----------
    index, weights : int32 [h·s, w·s], float32 [h·s, w·s, 2]
        As `swapcast.kernels.raster.rasterise` leaves them, at ``samples`` times the frame's size.
    kind : uint8 [h·s, w·s]
        From `classify`.
    triangles, uv_triangles : int32 [m, 3]
        Corners as rows of ``vertices`` and of ``uv``.
    uv : float32 [k, 2]
        (x, y) in the texture, pixels.
    lit : float32 [n, 4]
        From `swapcast.kernels.light.light_corners`.
    vertices : float32 [n, 3]
        Head axes, centimetres.
    texture : float32 [t, t, 3], linear
    shares : float32 [t, t, 3], 0…1
        What is drawn over the sheet, what under it, and what belongs to a face that was put on.
    eyes : float32 [2, 10]
        Of each eye: centre, line of sight, direction of the glint (unit, head axes), and the
        angle in radians from the iris's middle to its rim.
    colours : float32 [6, 3], linear
        Iris, white, hair, teeth, tongue, the mouth's hollow.
    limits : float32 [2]
        Height above which the back of the head is hair, depth of the lips; head axes.
    dim : float32 [h·s, w·s], 0…1
        How much light lids and lips let through; only read at eyes, teeth, tongue and hollow.
    sheet : float32 [h, w, 4]
        Linear red, green, blue and share of hair, ears, neck and clothes.
    samples : int ≥ 1
    canvas : float32 [h, w, 3], linear, in and out
        The background; becomes the frame.
    masks : float32 [h, w, 2]
        Overwritten: share of the face, and share of what was put on.
    """
    colour, share = np.zeros(3, np.float32), np.zeros(3, np.float32)
    one, part = np.float32(1.0), np.float32(1.0) / np.float32(samples * samples)
    total = np.zeros(5, np.float32)
    for row in range(canvas.shape[0]):
        for column in range(canvas.shape[1]):
            total[:] = 0
            for s in range(samples * samples):
                y, x = row * samples + s // samples, column * samples + s % samples
                what, t, u, v = kind[y, x], index[y, x], weights[y, x, 0], weights[y, x, 1]
                share[:] = 0
                if what != 255:
                    for c in range(3):
                        colour[c] = _spread(lit, triangles, t, u, v, c)
                    if what == 1 and _spread(vertices, triangles, t, u, v, 1) > limits[0]:
                        share[1] = one
                        _tint(colour, colours, 2)
                    elif what <= 1:
                        _skin(t, u, v, uv_triangles, uv, texture, shares, colour, share)
                        if what == 1:
                            share[:] = 0
                    else:
                        share[0], share[2] = one, one
                        _inside(
                            what, t, u, v, triangles, vertices, eyes, colours, limits[1],
                            dim[y, x], colour,
                        )  # fmt: skip
                _lay(colour, share, sheet, canvas, row, column, total)
            for c in range(3):
                canvas[row, column, c] = total[c] * part
            masks[row, column, 0], masks[row, column, 1] = total[3] * part, total[4] * part
