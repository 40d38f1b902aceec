"""A page: one HTML file with everything in it, made by a template that escapes what it is given."""

import base64
import hashlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import UsageError, require
from pipelines.table.cells import counted, short

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["Page", "environment", "filled", "render", "text_of"]


@dataclass(frozen=True, slots=True, repr=False)
class Page:
    """A page in memory.

    Attributes
    ----------
    title : str
        Its head.
    html : str
        The whole file.
    attention : int
        How many things on it need somebody.
    """

    title: str
    html: str
    attention: int = 0

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the page, whole or not at all.

        Raises
        ------
        UsageError
            The file is there and `overwrite` is not set, or the folder is not.
        """
        target = Path(path)
        if not target.parent.is_dir():
            raise UsageError(f"{target.parent} is no folder; make it, or write the page elsewhere")
        if target.exists() and not overwrite:
            raise UsageError(f"{target} is there already; write elsewhere, or ask to overwrite it")
        # Whoever has the page open sees the one before or this one, never half of it.
        descriptor, new = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".new", dir=target.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(self.html)
            Path(new).chmod(0o666 & ~_umask())
            Path(new).replace(target)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(new).unlink()
            raise
        return target

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return f"{self.title}: a page of {counted(len(self.html.encode()), 'byte')}"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def render(template: str, values: Mapping[str, Any]) -> str:
    """Fill a template of a page that is a file: style and script are in it, and nothing is linked.

    Raises
    ------
    MissingExtra
        Jinja2 is not installed.
    """
    script = text_of("sort.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    whole = {"base": "base.html", "address": lambda what, name: "", "style": text_of("page.css"), **values}
    return filled(environment(), template, {"script": script, "script_digest": digest, **whole})


def filled(environment: "Environment", template: str, values: Mapping[str, Any]) -> str:
    """Fill a template, without the empty lines that its tags leave."""
    made = environment.get_template(template).render(values)
    return "\n".join(line for line in made.splitlines() if line.strip()) + "\n"


def text_of(name: str, package: str = "pipelines.pages") -> str:
    """Return the text of a template, style or script of a package."""
    return files(package).joinpath("templates", name).read_text(encoding="utf-8")


def environment(*packages: str) -> "Environment":
    """Return what fills templates: those of some packages, and below them those of pages.

    Raises
    ------
    MissingExtra
        Jinja2 is not installed.
    """
    jinja2 = require("jinja2", extra="web", what="a page")

    def found(name: str) -> str | None:
        for package in (*packages, "pipelines.pages"):
            with suppress(FileNotFoundError):
                return text_of(name, package)
        return None

    made: Environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(found), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    made.filters["short"] = short
    made.filters["counted"] = counted
    made.filters["clock"] = lambda value: "-" if value is None else f"{value:%H:%M:%S}"
    made.filters["minute"] = lambda value: f"{value:%H:%M}"
    made.filters["span"] = lambda seconds: str(timedelta(seconds=round(abs(seconds))))
    made.filters["hours"] = lambda value: f"{value:.1f}"
    made.filters["tail"] = lambda name: str(name).rpartition("/")[2]
    return made
