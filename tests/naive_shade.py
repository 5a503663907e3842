"""Slow twins of the shading kernels, in double precision."""

import numpy as np


def light_corners(points, normals, coefficients):
    """Return light and the sign of the facing, [n, 4], from the nine patterns."""
    x, y, z = normals.T
    basis = np.stack([x * 0 + 1, x, y, z, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], 1)
    light = np.maximum(basis @ coefficients, 0.05)
    return np.concatenate([light, (normals * points).sum(1, keepdims=True)], 1)


def bilinear(picture, x, y):
    """Return the picture at one place, [k]."""
    x = min(max(x, 0), picture.shape[1] - 1.001)
    y = min(max(y, 0), picture.shape[0] - 1.001)
    j, i = int(x), int(y)
    p, q = x - j, y - i
    upper = (1 - p) * picture[i, j] + p * picture[i, j + 1]
    lower = (1 - p) * picture[i + 1, j] + p * picture[i + 1, j + 1]
    return (1 - q) * upper + q * lower


def step(value, low, high):
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def eye(place, facts, colours, light, lid):
    """Return the colour of a place of the eyeball."""
    direction = (place - facts[:3]) / np.linalg.norm(place - facts[:3])
    away = np.arccos(np.clip(direction @ facts[3:6], -1, 1)) / facts[9]
    around = np.arctan2(direction[1] - facts[4], direction[0] - facts[3])
    streaks = 1 + 0.14 * np.sin(around * 23) * np.cos(around * 9 + 1) + 0.08 * np.sin(around * 41)
    ring = 1 - 0.55 * step(away, 0.72, 1.0) + 0.35 * step(-away, -0.62, -0.4)
    iris = colours[0] * streaks * ring * step(away, 0.36, 0.48)
    white = colours[1] * (1 - np.array([0, 0.2, 0.25]) * step(away, 1.4, 2.6))
    seen = (iris + (white - iris) * step(away, 0.93, 1.06)) * light
    glint = np.exp(-((direction - facts[6:9]) ** 2).sum() / 0.045**2)
    return seen * (0.22 + 0.78 * lid) + 0.55 * glint * lid


def sample(scene, y, x):
    """Return colour and shares (over, under, put on) of one sample."""
    what, t = scene["kind"][y, x], scene["index"][y, x]
    if what == 255:
        return np.zeros(3), np.zeros(3)
    u, v = scene["weights"][y, x].astype(float)
    shares = np.array([u, v, 1 - u - v])
    corners = scene["triangles"][t]
    light = shares @ scene["lit"][corners, :3]
    place = shares @ scene["vertices"][corners]
    colours = scene["colours"].astype(float)
    if what == 1 and place[1] > scene["limits"][0]:
        return light * colours[2], np.array([0, 1, 0])
    if what <= 1:
        at = shares @ scene["uv"][scene["uv_triangles"][t]]
        own = bilinear(scene["shares"], *at) if what == 0 else np.zeros(3)
        return light * bilinear(scene["texture"], *at), own
    inner, dim = np.array([1, 0, 1]), float(scene["dim"][y, x])
    if what in (4, 5):
        return eye(place, scene["eyes"][what - 4].astype(float), colours, light, dim), inner
    deep = np.clip(scene["limits"][1] - place[2] - 0.6, 0, 8)
    return light * colours[min(what + 1, 5)] * dim * np.exp(-deep / 1.2), inner


def shade(scene, samples, canvas):
    """Return frame and masks."""
    out, masks = np.zeros(canvas.shape), np.zeros((*canvas.shape[:2], 2))
    for row in range(canvas.shape[0]):
        for column in range(canvas.shape[1]):
            sheet = scene["sheet"][row, column].astype(float)
            for s in range(samples):
                for r in range(samples):
                    colour, share = sample(scene, row * samples + s, column * samples + r)
                    below = sheet[:3] * sheet[3] + (1 - sheet[3]) * (
                        share[1] * colour + (1 - share[1]) * canvas[row, column]
                    )
                    out[row, column] += share[0] * colour + (1 - share[0]) * below
                    shown = share[0] + (1 - share[0]) * (1 - sheet[3]) * share[1]
                    masks[row, column] += [share[0], share[2] * shown]
    return out / samples**2, masks / samples**2
