"""A table as lines of text that fit a width: what all rows share is said once, long cells stand below their row."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.table.cells import cut, short, width

GAP = 2
NARROW = 40
"""No table is made for less than this: one column would be left."""

PROSE = 32
"""A column whose longest text with spaces is longer is prose: it is folded below its row, or cut."""

LEAST = 20
"""Columns of the terminal that prose beside a name is worth."""

FEW = 30
"""A table of so many rows at most has its prose below each row."""

Rows = Sequence[Mapping[str, Any]]


def lines(
    columns: Sequence[str], rows: Rows, *, room: int | None, main: Sequence[str] = (), title: str = ""
) -> list[str]:
    """Lay a table out.

    Parameters
    ----------
    columns : sequence of str
        In the order they are shown.
    rows : sequence of mapping
        Each has every column.
    room : int or None
        Columns of the terminal; None for a pipe or ``--wide``: every column, nothing cut.
    main : sequence of str
        The columns worth most, when there is no room for all.
    title : str
        The head.

    Returns
    -------
    list of str
        Lines; none is longer than `room`.
    """
    if not rows:
        return fold(f"{title}: none" if title else "none", room)
    cells = {column: [short(row[column]) for row in rows] for column in columns}
    if room is None:
        return [*([title] if title else []), *grid(columns, rows, cells)]
    room = max(room, NARROW)
    head = fold(title, room) if title else []
    if len(rows) == 1 and _natural(columns, cells) > room:
        return [*head, *record(columns, cells, 0, room)]
    said = [column for column in columns if any(text not in ("-", "") for text in cells[column])]
    if not said:
        return [*head, *fold(f"{len(rows)} rows without a value", room)]
    shared = [column for column in said if len(rows) > 1 and len(set(cells[column])) == 1]
    if len(shared) == len(said):  # all rows are alike: let one column tell how many they are
        shared = shared[1:]
    # A fact that every row has is said once. A short one is a word in the head, prose is a line of its own.
    alike = ", ".join(f"{column} {cells[column][0]}" for column in shared)
    head += fold(f"all: {alike}", room, indent="     ") if alike else []
    rest = [column for column in said if column not in shared]
    long = {column for column in rest if _is_prose(cells[column])}
    listed = {column for column in long if any(isinstance(row[column], list | tuple) for row in rows)}
    fits = _natural(rest, cells) <= room
    below = [column for column in rest if column in long and not fits] if len(rows) <= FEW else []
    side = [column for column in rest if column not in below and (fits or column not in listed)]
    shown, _ = _chosen(side or rest[:1], cells, room, main)
    left = [column for column in rest if column not in shown and column not in below]
    if len(rows) <= FEW:  # names that there was no room for
        below += [column for column in left if _width(column, cells[column]) > PROSE]
        left = [column for column in left if column not in below]
    table = grid(shown, rows, cells, room=room, below=below)
    foot = fold(f"not shown: {', '.join(left)} (--wide shows all)", room, indent="  ") if left else []
    return [*head, *table, *foot]


def grid(
    columns: Sequence[str],
    rows: Rows,
    cells: Mapping[str, Sequence[str]],
    *,
    room: int | None = None,
    below: Sequence[str] = (),
) -> list[str]:
    """Set columns side by side, numbers to the right; prose stands below its row."""
    widths = {column: _width(column, cells[column]) for column in columns}
    if room is not None:
        # Prose gives way first, a name only where it is the one column.
        for column in sorted(columns, key=lambda name: (not _is_prose(cells[name]), -widths[name])):
            over = sum(widths.values()) + GAP * (len(columns) - 1) - room
            if over > 0:
                widths[column] = max(widths[column] - over, min(widths[column], width(column), LEAST))
    right = {column for column in columns if all(_is_number(row[column]) for row in rows)}

    def line(texts: Mapping[str, str]) -> str:
        parts = []
        for column in columns:
            text = cut(texts[column], widths[column])
            space = " " * (widths[column] - width(text))
            parts.append(space + text if column in right else text + space)
        return (" " * GAP).join(parts).rstrip()

    made = [line({column: column for column in columns})]
    for number in range(len(rows)):
        made.append(line({column: cells[column][number] for column in columns}))
        for column in below:
            if cells[column][number] not in ("-", ""):
                made += fold(f"{column}: {cells[column][number]}", room, first="    ", indent="      ")
    return made


def record(columns: Sequence[str], cells: Mapping[str, Sequence[str]], number: int, room: int) -> list[str]:
    """Return one row as a list of names and values, folded between words."""
    said = [column for column in columns if cells[column][number] != ""]
    margin = min(max(width(column) for column in said), room // 3)
    made = []
    for column in said:
        made += fold(f"{column.ljust(margin)}  {cells[column][number]}", room, indent=" " * (margin + GAP))
    return made


def fold(text: str, room: int | None, *, first: str = "", indent: str = "") -> list[str]:
    """Fold a text between words; a word longer than a line is left whole, to be copied."""
    if room is None:
        return [text]
    made, line, begun = [], first, False  # textwrap counts characters, not the columns they take
    for word in text.split(" "):
        if begun and width(line) + 1 + width(word) > room:
            made.append(line.rstrip())
            line, begun = indent, False
        line += f" {word}" if begun else word
        begun = True
    return [*made, line.rstrip()]


def _chosen(
    columns: Sequence[str], cells: Mapping[str, Sequence[str]], room: int, main: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Choose the columns there is room for, the main ones first; return them in their order, and the rest."""
    ranked = [*(c for c in main if c in columns), *(c for c in columns if c not in main)]
    free = room + GAP
    taken: list[str] = []
    for column in ranked:
        need = _width(column, cells[column])
        if _is_prose(cells[column]):
            need = min(need, max(width(column), LEAST))
        if not taken or need + GAP <= free:
            taken.append(column)
            free -= need + GAP
    return [c for c in columns if c in taken], [c for c in columns if c not in taken]


def _natural(columns: Sequence[str], cells: Mapping[str, Sequence[str]]) -> int:
    return sum(_width(column, cells[column]) + GAP for column in columns) - GAP


def _width(column: str, texts: Sequence[str]) -> int:
    return max(width(column), *(width(text) for text in texts))


def _is_prose(texts: Sequence[str]) -> bool:
    """Tell prose, and lists of names; one name is never long: it is what one copies."""
    return any(width(text) > PROSE and " " in text for text in texts)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
