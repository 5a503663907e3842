"""Say which pixels have the colour of skin, straight from luma and chroma.

The rules were written for RGB and HSV. What they compare is linear in Y, U and V, so that no such
picture is made: R − Y and B − Y are multiples of V − 128 and U − 128.
"""

import numpy as np
from numpy.typing import NDArray

from swapcast.kernels._jit import kernel

# ITU-R BT.601, full range: what (U - 128) and (V - 128) add to Y in R, G and B.
_RED, _GREEN_U, _GREEN_V, _BLUE = (np.float32(x) for x in (1.402, -0.344136, -0.714136, 1.772))


@kernel("void(f4[:, :, ::1], f4[:, ::1])", fastmath=True)
def rgb_rule(levels: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Mark skin by the RGB rule of Kovač, Peer and Solina (EUROCON 2003).

    R > G, R > B and |R − G| > 15; and either R > 95, G > 40, B > 20 and max − min > 15, or
    R > 220, G > 210 and B > 170.

    Parameters
    ----------
    levels : float32 [3, n, n], Y, U, V of BT.601, full range
    out : float32 [n, n]
        Overwritten with 0 or 1.
    """
    for i in range(out.shape[0]):
        y, us, vs, target = levels[0, i], levels[1, i], levels[2, i], out[i]
        for j in range(target.size):
            u, v = us[j] - np.float32(128.0), vs[j] - np.float32(128.0)
            r, g, b = y[j] + _RED * v, y[j] + _GREEN_U * u + _GREEN_V * v, y[j] + _BLUE * u
            first = (r > g) & (r > b) & (r - g > 15)
            day = (r > 95) & (g > 40) & (b > 20) & (r - min(g, b) > 15)
            flash = (r > 220) & (g > 210) & (b > 170)
            target[j] = np.float32(first & (day | flash))


@kernel("void(f4[:, :, ::1], f4[:, ::1])", fastmath=True)
def hsv_rule(levels: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Mark skin by hue 0…50 degrees and saturation 0.23…0.68 (Sobottka and Pitas, ICIP 1996).

    A hue below 60 means R ≥ G ≥ B, and is 60 · (G − B) / (R − B) then.

    Parameters
    ----------
    levels : float32 [3, n, n], Y, U, V of BT.601, full range
    out : float32 [n, n]
        Overwritten with 0 or 1.
    """
    for i in range(out.shape[0]):
        y, us, vs, target = levels[0, i], levels[1, i], levels[2, i], out[i]
        for j in range(target.size):
            u, v = us[j] - np.float32(128.0), vs[j] - np.float32(128.0)
            r, g, b = y[j] + _RED * v, y[j] + _GREEN_U * u + _GREEN_V * v, y[j] + _BLUE * u
            range_ = r - b
            hue = (g >= b) & (r >= g) & (60 * (g - b) <= 50 * range_)
            full = (range_ >= np.float32(0.23) * r) & (range_ <= np.float32(0.68) * r)
            target[j] = np.float32(hue & full & (range_ > 0))


@kernel("void(f4[:, :, ::1], f4[:, ::1])", fastmath=True)
def ycrcb_rule(levels: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """Mark skin by 77 ≤ Cb ≤ 127 and 133 ≤ Cr ≤ 173 (Chai and Ngan, IEEE TCSVT 9, 1999).

    Parameters
    ----------
    levels : float32 [3, n, n], Y, U, V of BT.601, full range
    out : float32 [n, n]
        Overwritten with 0 or 1.
    """
    for i in range(out.shape[0]):
        us, vs, target = levels[1, i], levels[2, i], out[i]
        for j in range(target.size):
            blue = (us[j] >= 77) & (us[j] <= 127)
            target[j] = np.float32(blue & (vs[j] >= 133) & (vs[j] <= 173))


@kernel("void(f4[:, :, ::1], f4[::1], f4, f4, f4[:, ::1])", fastmath=True)
def skin_likeness(
    levels: NDArray[np.float32],
    model: NDArray[np.float32],
    near: float,
    far: float,
    out: NDArray[np.float32],
) -> None:
    """Say how well each pixel fits one person's skin.

    Parameters
    ----------
    levels : float32 [3, n, n], Y, U, V
    model : float32 [9]
        Mean Y, U, V; and the inverse of their covariance: YY, UU, VV, YU, YV, UV.
    near, far : float
        Squared distances, in deviations, up to which a pixel is skin, and from which it is none.
    out : float32 [n, n], 0…1
        Overwritten.
    """
    my, mu, mv, yy, uu, vv, yu, yv, uv = model
    scale, two = np.float32(1.0) / (far - near), np.float32(2.0)
    for i in range(out.shape[0]):
        ys, us, vs, target = levels[0, i], levels[1, i], levels[2, i], out[i]
        for j in range(target.size):
            y, u, v = ys[j] - my, us[j] - mu, vs[j] - mv
            away = y * y * yy + u * u * uu + v * v * vv
            away += two * (y * u * yu + y * v * yv + u * v * uv)
            share = (far - away) * scale
            target[j] = min(max(share, np.float32(0.0)), np.float32(1.0))


@kernel("f8(f8[::1], f8, f8, f8)")
def _away(person: NDArray[np.float64], y: float, u: float, v: float) -> float:
    """Return how far a colour lies from a person's skin, in squared deviations."""
    a, b, c = y - person[0], u - person[1], v - person[2]
    squares = a * a * person[9] + b * b * person[10] + c * c * person[11]
    return float(squares + 2.0 * (a * b * person[12] + a * c * person[13] + b * c * person[14]))


@kernel("void(f8[::1])")
def _invert(person: NDArray[np.float64]) -> None:
    """Write the inverse of the covariance at 3…8 to 9…14: squares first, then YU, YV, UV."""
    a, b, c, d, e, f = person[3], person[4], person[5], person[6], person[7], person[8]
    aa, bb, cc = b * c - f * f, a * c - e * e, a * b - d * d
    ab, ac, bc = e * f - c * d, d * f - b * e, d * e - a * f
    part = 1.0 / (a * aa + d * ab + e * ac)
    person[9], person[10], person[11] = part * aa, part * bb, part * cc
    person[12], person[13], person[14] = part * ab, part * ac, part * bc


@kernel("b1(f4[:, :, ::1], f8, f8, i8, f8[::1])")
def _look_at(
    levels: NDArray[np.float32], x: float, y: float, half: int, patch: NDArray[np.float64]
) -> bool:
    """Write a patch's means, and its covariances as in a person; False if it is not in the crop."""
    i, j, size = int(np.rint(y)), int(np.rint(x)), levels.shape[1]
    if not (half <= i < size - half and half <= j < size - half):
        return False
    patch[:] = 0.0
    for k in range(i - half, i + half + 1):
        for n in range(j - half, j + half + 1):
            a, b, c = levels[0, k, n], levels[1, k, n], levels[2, k, n]
            patch[0], patch[1], patch[2] = patch[0] + a, patch[1] + b, patch[2] + c
            patch[3], patch[4], patch[5] = patch[3] + a * a, patch[4] + b * b, patch[5] + c * c
            patch[6], patch[7], patch[8] = patch[6] + a * b, patch[7] + a * c, patch[8] + b * c
    patch /= (2 * half + 1) ** 2
    return True


@kernel("b1(f4[:, :, ::1], f8[:, ::1], i8, f8, f8, f8[::1], f8[:, ::1], f8[::1])")
def learn_skin(
    levels: NDArray[np.float32],
    places: NDArray[np.float64],
    half: int,
    strange: float,
    rate: float,
    floor: NDArray[np.float64],
    scratch: NDArray[np.float64],
    person: NDArray[np.float64],
) -> bool:
    """Learn what a person's skin is like from a few patches of it.

    A patch that is too strange for what is known is left out; while nothing is known, one that
    differs in chroma from the middle one of all.

    Parameters
    ----------
    levels : float32 [3, n, n], Y, U, V
    places : float64 [m, 2]
        (x, y) of the patches' middles.
    half : int
        They reach so many pixels to each side.
    strange : float
        Squared deviations of a patch's mean from which on it is no skin.
    rate : float, 0…1
        How much of the way to new statistics is gone; more after a step of the light.
    floor : float64 [3]
        Variances of Y, U and V that are added.
    scratch : float64 [m + 1, 9]
        Overwritten.
    person : float64 [16]
        Changed in place: mean Y, U, V; covariances YY, UU, VV, YU, YV, UV; their inverse in the
        same order; and 1 if the person is known.

    Returns
    -------
    bool
        Whether any patch was skin.
    """
    count = places.shape[0]
    seen = np.zeros(count, np.bool_)
    known = person[15] > 0
    for m in range(count):
        seen[m] = _look_at(levels, places[m, 0], places[m, 1], half, scratch[m])
    middle_u, middle_v = np.float64(0.0), np.float64(0.0)
    if not known and seen.any():
        middle_u, middle_v = (
            np.median(scratch[:count, 1][seen]),
            np.median(scratch[:count, 2][seen]),
        )
    total, found = scratch[count], 0
    total[:] = 0.0
    for m in range(count):
        patch = scratch[m]
        if known:
            fits = seen[m] and _away(person, patch[0], patch[1], patch[2]) < strange
        else:
            fits = seen[m] and max(abs(patch[1] - middle_u), abs(patch[2] - middle_v)) < 8.0
        if fits:
            total += patch
            found += 1
    if found == 0:
        return False
    total /= found
    step = np.float64(1.0)
    if known:
        gap = max(abs(total[0] - person[0]), abs(total[1] - person[1]), abs(total[2] - person[2]))
        step = min(rate + 0.05 * gap, 0.7)
    for k in range(3):
        total[3 + k] += floor[k] - total[k] * total[k]
    total[6] -= total[0] * total[1]
    total[7] -= total[0] * total[2]
    total[8] -= total[1] * total[2]
    for k in range(9):
        person[k] += (step if k < 3 or not known else rate) * (total[k] - person[k])
    person[15] = 1.0
    _invert(person)
    return True
