"""TOML files of the user: their content, and the line of what is wrong in them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import UsageError

__all__ = ["TomlFile", "read_toml"]


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A TOML file that was read.

    Attributes
    ----------
    path
        Where it lies.
    text
        As it stands there.
    content
        What it says.
    """

    path: Path
    text: str
    content: Mapping[str, Any]

    def wrong(self, name: str, message: str) -> UsageError:
        """Return the error that says what is wrong, with the file and the line.

        Parameters
        ----------
        name
            The field, or the value, that is wrong; the first line that has it is named.
        """
        line = self._line(name)
        return UsageError(f"{self.path}{f', line {line}' if line else ''}: {message}")

    def require_known(self, table: Mapping[str, Any], names: Iterable[str], where: str) -> None:
        """Refuse fields that are not among `names`.

        Raises
        ------
        UsageError
            The first such field, and those there are.
        """
        unknown = sorted(set(table) - set(names))
        if unknown:
            raise self.wrong(
                unknown[0], f"{where} has no field {unknown[0]!r}; there are {', '.join(sorted(names)) or 'none'}"
            )

    def _line(self, name: str) -> int | None:
        """Return the number of the line that has a name as a whole, a field rather than a value; None without one."""
        whole = rf"(?<![\w-]){re.escape(name)}(?![\w-])"
        field = re.compile(rf"""^\s*\[*\s*(?:[\w-]+\.)*["']?{whole}["']?\s*[=.\]]""")
        lines = self.text.splitlines()
        for pattern in (field, re.compile(whole)):
            for number, line in enumerate(lines, 1):
                if not line.lstrip().startswith("#") and pattern.search(line):
                    return number
        return None


def read_toml(file: Path) -> TomlFile:
    """Read a TOML file.

    Raises
    ------
    UsageError
        It cannot be read, or is not TOML: with the line.
    """
    try:
        text = file.read_text(encoding="utf-8")
        return TomlFile(file, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file} is not TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not text in UTF-8: {error}") from error
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
