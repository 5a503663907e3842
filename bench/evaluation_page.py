"""An evaluation as one page that holds everything: figures, stills, and what both faces did."""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from swapcast.bench.evaluation_rows import Row
from swapcast.realtime.errors import SettingError
from swapcast.realtime.face_folder import write_text

_STYLE = (
    "body{font:15px system-ui;margin:2em;max-width:70em}table{border-collapse:collapse}"
    "td,th{padding:.25em .7em;text-align:right;border-bottom:1px solid #ccc}"
    "td:first-child,td:nth-child(2){text-align:left}img{max-width:100%}"
)
_MOST = 8  # stills of a row


def write_page(rows: Sequence[Row], path: Path) -> None:
    """Write the page: a table of all rows, then stills and curves of each face on each clip.

    Raises
    ------
    SettingError
        If matplotlib is missing.
    """
    table = [row.plain() for row in rows]
    names = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in table[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in values.values()) + "</tr>"
        for values in sorted(table, key=lambda values: bool(values["clip"]))
    )
    parts = [f"<h2>{html.escape(r.face)} on {html.escape(r.clip)}</h2>{_stills(r)}{_curves(r)}"
             for r in rows if r.face and r.clip and r.after]  # fmt: skip
    write_text(
        path,
        "<!doctype html><meta charset=utf-8><title>swapcast evaluate</title>"
        f"<style>{_STYLE}</style>"
        f"<h1>How well the faces are worn</h1><table><tr>{names}</tr>{body}</table>"
        "<p>An empty face is the wearer's own picture; an empty clip is the mean of all.</p>"
        + "".join(parts),
    )


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else html.escape(str(value))


def _stills(row: Row) -> str:
    if not row.stills:
        return ""
    chosen = row.stills[:: -(-len(row.stills) // _MOST)]
    strip = np.vstack(
        [np.hstack([one.before for one in chosen]), np.hstack([one.after for one in chosen])]
    )
    data = cv2.imencode(".jpg", strip, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
    return _picture(data, "image/jpeg", "before, and below it after")


def _curves(row: Row) -> str:
    try:
        import matplotlib as mpl  # noqa: PLC0415 - heavy, for these charts only

        mpl.use("Agg")
        from matplotlib import pyplot as plt  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise SettingError("--page needs matplotlib: pip install 'swapcast[charts]'") from error
    figure, axes = plt.subplots(3, 1, figsize=(9, 5), sharex=True, layout="constrained")
    for axis, name in zip(axes, ("yaw", "mouth", "eyes"), strict=True):
        axis.plot([getattr(one, name) for one in row.before], label="wearer")
        axis.plot([getattr(one, name) for one in row.after], label="swap")
        axis.set_ylabel(name)
    axes[0].legend(loc="upper right")
    axes[-1].set_xlabel("judged frame")
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=80)
    plt.close(figure)
    return _picture(out.getvalue(), "image/png", "what the wearer did, and what the swap did")


def _picture(data: bytes, kind: str, what: str) -> str:
    text = base64.b64encode(data).decode()
    return f'<p><img alt="{what}" src="data:{kind};base64,{text}"></p>'
