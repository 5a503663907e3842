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
