"""The line of time of a night, a row for each camera, as a drawing in the page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipelines.pages.hours import CameraHours, Hours, Span

WIDTH, ROW, LEFT = 1000, 22, 150
"""Units of the drawing: its width, the height of a row, room for names."""

CLOSE = timedelta(seconds=90)
"""Exposures of a kind with a shorter pause between them are drawn as one bar."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of the drawing."""

    x: float
    y: float
    width: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A drawing.

    Attributes
    ----------
    height : int
        Units.
    dark : (float, float) or None
        Where the dark begins, and how wide it is.
    names : tuple of (str, float)
        Cameras and the height of their names.
    bars : tuple of Bar
        Exposures.
    hours : tuple of (str, float)
        Labels of full hours, UTC.
    """

    height: int
    dark: tuple[float, float] | None
    names: tuple[tuple[str, float], ...]
    bars: tuple[Bar, ...]
    hours: tuple[tuple[str, float], ...]


def timeline(hours: Hours) -> Timeline | None:
    """Lay out the exposures of a night; None where no frame says when it was taken."""
    spans = [one.span for camera in hours.cameras for one in camera.exposures]
    if not spans:
        return None
    spans += [hours.dark] if hours.dark else []
    whole = Span(min(span.begin for span in spans), max(span.end for span in spans))
    seconds = max(1.0, whole.hours * 3600)

    def x(instant: datetime) -> float:
        return LEFT + (WIDTH - LEFT) * (instant - whole.begin).total_seconds() / seconds

    bars, names = [], []
    for number, camera in enumerate(hours.cameras):
        y = number * ROW + 4.0
        names.append((camera.camera, y + 12))
        bars += [
            Bar(x(span.begin), y, max(1.5, x(span.end) - x(span.begin)), kind, title)
            for span, kind, title in _joined(camera)
        ]
    dark = None if hours.dark is None else (x(hours.dark.begin), x(hours.dark.end) - x(hours.dark.begin))
    return Timeline(len(names) * ROW + 24, dark, tuple(names), tuple(bars), tuple(_labels(whole, x)))


def _joined(camera: CameraHours) -> list[tuple[Span, str, str]]:
    """Join exposures of one kind that follow each other."""
    joined: list[tuple[Span, str, int]] = []
    for one in camera.exposures:
        kind = "bad" if one.bad else one.kind if one.kind in ("light", "dark", "flat", "bias") else "other"
        if joined and joined[-1][1] == kind and one.span.begin - joined[-1][0].end < CLOSE:
            before, _, count = joined[-1]
            joined[-1] = (Span(before.begin, max(before.end, one.span.end)), kind, count + 1)
        else:
            joined.append((one.span, kind, 1))
    return [
        (span, kind, f"{camera.camera}: {count} {kind}, {span.begin:%H:%M} to {span.end:%H:%M} UTC")
        for span, kind, count in joined
    ]


def _labels(whole: Span, x: Callable[[datetime], float]) -> Sequence[tuple[str, float]]:
    step = 1 if whole.hours <= 14 else 3
    first = whole.begin.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    labels = []
    while first < whole.end:
        if first.hour % step == 0:
            labels.append((f"{first:%H}", x(first)))
        first += timedelta(hours=1)
    return labels
