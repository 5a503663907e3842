"""Colour a head that has been rasterised: light at its corners, then skin, eyes and mouth."""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel
from swapcast.kernels.raster import corner_normals

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]

NOTHING, INSIDE = 255, 254
"""Kinds of a sample beside the parts of a head: no head there, and the hollow of the mouth."""


@kernel(
    "void(f4[:, ::1], i4[:, ::1], f4[:, ::1], f4[:, ::1], f4[:, ::1])",
    fastmath=True,
)
def light_corners(
    points: Floats, triangles: Ints, coefficients: Floats, normals: Floats, out: Floats
) -> None:
    """Find the light on every corner, from nine patterns over the directions it can face.

    Parameters
    ----------
    points : float32 [n, 3]
        Camera axes, centimetres; the camera at the origin.
    triangles : int32 [m, 3]
    coefficients : float32 [9, 3]
        Of each pattern, as `swapcast.models.head_light.patterns` orders them; linear.
    normals : float32 [n, 3]
        Overwritten with the corners' directions.
    out : float32 [n, 4]
        Red, green, blue ≥ 0.05, linear; and > 0 where the corner looks away from the camera.
    """
    corner_normals(points, triangles, normals)
    one, three, least = np.float32(1.0), np.float32(3.0), np.float32(0.05)
    for n in range(points.shape[0]):
        x, y, z = normals[n, 0], normals[n, 1], normals[n, 2]
        for c in range(3):
            k = coefficients[:, c]
            level = k[0] + k[1] * x + k[2] * y + k[3] * z + k[4] * x * y + k[5] * y * z
            level += k[6] * (three * z * z - one) + k[7] * x * z + k[8] * (x * x - y * y)
            out[n, c] = max(level, least)
        out[n, 3] = x * points[n, 0] + y * points[n, 1] + z * points[n, 2]


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
        From `light_corners`.
    vertices : float32 [n, 3]
        Head axes, centimetres.
    lip : float32 [3]
        Middle of the upper lip's inner edge, head axes.
    last_outer : int
        Parts up to this one are skin. Where their inner side is seen within 4 cm of the lip, or
        the last of them (the back of the head) or anything 1.8 cm behind it within 2 cm, it is
        the mouth's hollow.
    kind : uint8 [h, w]
        Overwritten: the part, `INSIDE` or `NOTHING`.
    """
    two, four, deep = np.float32(2.0), np.float32(4.0), np.float32(-1.8)
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
            reach = four if away else two
            hollow = away or part[t] == last_outer or out < deep
            if hollow and abs(across) < reach and abs(up) < reach:
                kind[y, x] = 254


@kernel("f4(f4, f4, f4)", fastmath=True)
def _step(value: float, low: float, high: float) -> float:
    t = min(max((value - low) / (high - low), np.float32(0.0)), np.float32(1.0))
    return t * t * (np.float32(3.0) - np.float32(2.0) * t)


@kernel("void(f4, f4, f4, f4[::1], f4[:, ::1], f4, f4[::1])", fastmath=True)
def _eye(
    x: float, y: float, z: float, eye: Floats, colours: Floats, lid: float, out: Floats
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
        From `light_corners`.
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
    colour = np.zeros(3, np.float32)
    one, zero = np.float32(1.0), np.float32(0.0)
    side, part = texture.shape[0], one / np.float32(samples * samples)
    for row in range(canvas.shape[0]):
        for column in range(canvas.shape[1]):
            red, green, blue, face, put = zero, zero, zero, zero, zero
            cover = sheet[row, column, 3]
            for s in range(samples * samples):
                y, x = row * samples + s // samples, column * samples + s % samples
                what, front, back, own = kind[y, x], zero, zero, zero
                if what != 255:
                    t = index[y, x]
                    u, v = weights[y, x, 0], weights[y, x, 1]
                    w = one - u - v
                    i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
                    for c in range(3):
                        colour[c] = u * lit[i, c] + v * lit[j, c] + w * lit[k, c]
                    if what <= 1:
                        high = u * vertices[i, 1] + v * vertices[j, 1] + w * vertices[k, 1]
                        if what == 1 and high > limits[0]:
                            back = one
                            for c in range(3):
                                colour[c] *= colours[2, c]
                        else:
                            a, b, d = uv_triangles[t, 0], uv_triangles[t, 1], uv_triangles[t, 2]
                            p = u * uv[a, 0] + v * uv[b, 0] + w * uv[d, 0]
                            q = u * uv[a, 1] + v * uv[b, 1] + w * uv[d, 1]
                            p = min(max(p, zero), np.float32(side - 1.001))
                            q = min(max(q, zero), np.float32(side - 1.001))
                            left, top = np.int64(p), np.int64(q)
                            p, q = p - np.float32(left), q - np.float32(top)
                            e, f = (one - p) * (one - q), p * (one - q)
                            g, h = (one - p) * q, p * q
                            for c in range(3):
                                colour[c] *= (
                                    e * texture[top, left, c]
                                    + f * texture[top, left + 1, c]
                                    + g * texture[top + 1, left, c]
                                    + h * texture[top + 1, left + 1, c]
                                )
                            if what == 0:
                                front = (
                                    e * shares[top, left, 0]
                                    + f * shares[top, left + 1, 0]
                                    + g * shares[top + 1, left, 0]
                                    + h * shares[top + 1, left + 1, 0]
                                )
                                back = shares[top, left, 1]
                                own = (
                                    e * shares[top, left, 2]
                                    + f * shares[top, left + 1, 2]
                                    + g * shares[top + 1, left, 2]
                                    + h * shares[top + 1, left + 1, 2]
                                )
                    elif what == 254:
                        front, own = one, one
                        for c in range(3):
                            colour[c] = colours[5, c]
                    else:
                        front, own = one, one
                        px = u * vertices[i, 0] + v * vertices[j, 0] + w * vertices[k, 0]
                        py = u * vertices[i, 1] + v * vertices[j, 1] + w * vertices[k, 1]
                        pz = u * vertices[i, 2] + v * vertices[j, 2] + w * vertices[k, 2]
                        if what >= 4:
                            _eye(px, py, pz, eyes[what - 4], colours, dim[y, x], colour)
                        else:
                            deep = min(max(limits[1] - pz - np.float32(0.6), zero), np.float32(8))
                            level = dim[y, x] * np.float32(np.exp(-deep / np.float32(1.2)))
                            for c in range(3):
                                colour[c] *= colours[what + 1, c] * level
                    if what == 254:
                        for c in range(3):
                            colour[c] *= dim[y, x]
                under = (one - front) * (one - cover)
                shown = front + under * back
                behind = under * (one - back)
                over = (one - front) * cover
                red += shown * colour[0] + over * sheet[row, column, 0]
                red += behind * canvas[row, column, 0]
                green += shown * colour[1] + over * sheet[row, column, 1]
                green += behind * canvas[row, column, 1]
                blue += shown * colour[2] + over * sheet[row, column, 2]
                blue += behind * canvas[row, column, 2]
                face += front
                put += own * shown
            canvas[row, column, 0] = red * part
            canvas[row, column, 1] = green * part
            canvas[row, column, 2] = blue * part
            masks[row, column, 0] = face * part
            masks[row, column, 1] = put * part


@kernel(
    "void(i4[:, ::1], f4[:, :, ::1], i4[:, ::1], f4[:, ::1], f4[:, ::1], u1[:, :, ::1], "
    "f4[:, :, ::1])",
    fastmath=True,
)
def shade_sheet(
    index: Ints,
    weights: Floats,
    triangles: Ints,
    places: Floats,
    ratio: Floats,
    picture: Bytes,
    out: Floats,
) -> None:
    """Colour the sheet around a face.

    Parameters
    ----------
    index, weights : int32 [h, w], float32 [h, w, 2]
        As `swapcast.kernels.raster.rasterise` leaves them.
    triangles : int32 [m, 3]
    places : float32 [n, 2]
        (x, y) of each corner in ``picture``.
    ratio : float32 [n, 3], ≥ 0
        Light at each corner against that of the picture.
    picture : uint8 [r, c, 4]
        Red, green, blue, and share.
    out : float32 [h, w, 4]
        Overwritten with linear red, green, blue (the square of the picture's), and share, 0…1.
    """
    one, zero = np.float32(1.0), np.float32(0.0)
    bottom, right = np.float32(picture.shape[0] - 1.001), np.float32(picture.shape[1] - 1.001)
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            t = index[y, x]
            if t < 0:
                out[y, x] = zero
                continue
            u, v = weights[y, x, 0], weights[y, x, 1]
            w = one - u - v
            i, j, k = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            p = u * places[i, 0] + v * places[j, 0] + w * places[k, 0]
            q = u * places[i, 1] + v * places[j, 1] + w * places[k, 1]
            p, q = min(max(p, zero), right), min(max(q, zero), bottom)
            left, top = np.int64(p), np.int64(q)
            p, q = p - np.float32(left), q - np.float32(top)
            e, f, g, h = (one - p) * (one - q), p * (one - q), (one - p) * q, p * q
            for c in range(4):
                level = (
                    e * np.float32(picture[top, left, c])
                    + f * np.float32(picture[top, left + 1, c])
                    + g * np.float32(picture[top + 1, left, c])
                    + h * np.float32(picture[top + 1, left + 1, c])
                ) * np.float32(1 / 255)
                out[y, x, c] = level
            for c in range(3):
                light = u * ratio[i, c] + v * ratio[j, c] + w * ratio[k, c]
                out[y, x, c] *= out[y, x, c] * light
