"""Draws photon transfer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipelines.calibration.quality.transfer import ALL
from pipelines.errors import UsageError, require
from pipelines.table import Answer, Row
from pipelines.table.figures import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_transfer(answer: Answer) -> Figure:
    """Draw photon transfer: variance against level with the line of the gain, and the gain by night.

    Parameters
    ----------
    answer
        Of `photon_transfer`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    UsageError
        There is no point to draw.
    """
    rows = [row for row in answer if row["points"]]
    if not rows:
        raise UsageError("there are no pairs of flats to draw")
    require("matplotlib", extra="plot", what="a plot")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 9), layout="constrained")
    upper, lower = figure.subplots(2, 1)
    nightly: dict[str, list[Row]] = {}
    for row in rows:
        name = " ".join(str(word) for word in (row["camera"], row["part"], row["setup"]) if word)
        if row["date"] == ALL:
            continue
        nightly.setdefault(name, []).append(row)
    for name, mine in nightly.items():
        points = [point for row in mine for point in row["points"] if point["level"] > 0]
        upper.loglog([p["level"] for p in points], [p["variance"] for p in points], ".", label=name)
        known = [row for row in mine if row["gain"] is not None]
        for row in known[-1:]:
            levels = np.geomspace(max(1.0, min(p["level"] for p in points)), max(p["level"] for p in points), 50)
            upper.loglog(levels, (row["read_noise"] or 0.0) ** 2 + levels / row["gain"], linewidth=0.8, color="grey")
        lower.errorbar(
            [row["date"] for row in known],
            [row["gain"] for row in known],
            yerr=[row["gain_error"] or 0.0 for row in known],
            marker=".",
            linewidth=0.8,
            label=name,
        )
    upper.set_xlabel("level above the dark (ADU)")
    upper.set_ylabel("variance of a pixel (ADU²)")
    lower.set_ylabel("gain (e-/ADU)")
    lower.tick_params(axis="x", rotation=30)
    if len(nightly) <= 12:
        upper.legend(fontsize="x-small")
    upper.set_title(answer.title)
    return shown(figure)
