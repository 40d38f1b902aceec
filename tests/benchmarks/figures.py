"""FIGURES.md: tables go under their titles; what people wrote there stays."""

import re
from datetime import UTC, datetime
from pathlib import Path

FIGURES = Path(__file__).with_name("FIGURES.md")
MEASURED = "*Measured by `python -m tests.benchmarks "


def duration(seconds):
    """Seconds in words."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def took(name, path=FIGURES):
    """How long a part took when its tables were written; None where that is not known."""
    found = re.search(re.escape(f"{MEASURED}{name}` in ") + "(.*?) on ", path.read_text())
    return found and found[1]


def tables(printed):
    """Title and lines of each table in what a part printed."""
    for part in re.split(r"^### ", printed, flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        yield title.strip(), [line for line in rest.splitlines() if line.startswith("|")]


def write(printed, name, seconds, place, path=FIGURES):
    """Put tables under their titles, in place of those there, new ones at the end; return the titles."""
    text = path.read_text().rstrip() + "\n"
    day = datetime.now(UTC).date().isoformat()
    said = f"{MEASURED}{name}` in {duration(seconds)} on {day}: {place}.*"
    titles = []
    for title, lines in tables(printed):
        heading = f"## {title}\n"
        if f"\n{heading}" not in text:
            text += f"\n{heading}"
        before, after = text.split(f"\n{heading}", 1)
        section, *others = re.split(r"^(?=## )", after, maxsplit=1, flags=re.MULTILINE)
        kept = [line for line in section.splitlines() if not line.startswith(("|", MEASURED))]
        prose = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
        parts = [heading.strip(), *([prose] if prose else []), said, "\n".join(lines), *others]
        text = before + "\n" + "\n\n".join(parts).rstrip() + "\n"
        titles.append(title)
    path.write_text(text)
    return titles
