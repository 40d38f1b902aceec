"""Figures of matplotlib that show themselves in a notebook: made without pyplot, which would keep every one."""

import io
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["shown"]

DPI = 90


def shown(figure: "Figure") -> "Figure":
    """Return a figure that Jupyter shows, whether or not pyplot was imported."""
    figure._repr_png_ = partial(_png, figure)  # type: ignore[attr-defined]
    return figure


def _png(figure: "Figure") -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=DPI, format="png")
    return buffer.getvalue()
