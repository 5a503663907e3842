"""Light on a head: nine smooth patterns over the directions a surface can face, in three colours.

Spherical harmonics up to the second order hold 99 % of what diffuse light does (Ramamoorthi and
Hanrahan 2001). Everything is linear light; pictures are taken as the square of their values.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from swapcast.models.head import Floats, Reals

# Shares of a clamped cosine in each order, after the patterns' own norms.
_ORDERS = np.array(
    [1 / 4, 1 / 2, 1 / 2, 1 / 2, *[15 / 16] * 2, 5 / 64, *[15 / 16, 15 / 64]], np.float32
)

Colour = Sequence[float] | Reals
"""Red, green, blue; linear."""


@dataclass(frozen=True, slots=True)
class Light:
    """What reaches a surface, by the direction it faces."""

    coefficients: Floats
    """float32 [9, 3]: of each pattern, red, green and blue."""

    def on(self, normals: Floats) -> Floats:
        """Return float32 [n, 3] ≥ 0.05, linear, for directions float32 [n, 3] in camera axes."""
        out: Floats = np.maximum(patterns(normals) @ self.coefficients, np.float32(0.05))
        return out


def patterns(normals: Reals) -> Floats:
    """Return the nine patterns, float32 [n, 9], at unit directions float32 [n, 3]."""
    x, y, z = normals.T
    columns = [x * 0 + 1, x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y]
    return np.stack(columns, 1).astype(np.float32)


def lamps(ambient: Colour, *sources: tuple[Sequence[float], Colour]) -> Light:
    """Make the light of an even surrounding and some far, soft lamps.

    Parameters
    ----------
    ambient : red, green, blue
        Linear; 1 leaves skin as it is.
    sources : ((x, y, z), (red, green, blue))
        Direction to the lamp in camera axes (y down, z away from the camera) and its strength.
    """
    out = np.zeros((9, 3), np.float32)
    out[0] = ambient
    for direction, colour in sources:
        unit = np.asarray(direction, np.float32) / np.linalg.norm(direction)
        out += (patterns(unit[None])[0] * _ORDERS)[:, None] * np.asarray(colour, np.float32)
    return Light(out)


def estimate(normals: Floats, colours: Floats, weights: Reals) -> Light:
    """Find the light under which skin of one colour would look like these samples.

    Parameters
    ----------
    normals : float32 [n, 3]
        Camera axes.
    colours : float32 [n, 3]
        Linear.
    weights : float32 [n], ≥ 0

    Returns
    -------
    Light
        Grey, and 1 on the mean of the samples.
    """
    luma = colours @ np.array([0.3, 0.6, 0.1], np.float32)
    luma = luma / max(float(np.average(luma, weights=weights)), 1e-6)
    basis, found = patterns(normals), np.zeros(9, np.float32)
    keep: Reals = weights.copy()
    for _ in range(4):  # brows, lips, nostrils and highlights drop out
        system = basis.T @ (basis * keep[:, None]) / keep.sum()
        system += np.diag([0, *[0.02] * 3, *[0.08] * 5])
        found = np.linalg.solve(system, basis.T @ (luma * keep) / keep.sum()).astype(np.float32)
        miss = np.abs(luma - basis @ found)
        keep = weights / (1 + (miss / 0.15) ** 2)
    return Light(np.repeat(found[:, None], 3, 1))
