"""Modules and functions stay small enough to be read at once: a module 350 lines, a function 60 lines of code."""

import ast
import tokenize
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULES = sorted(path for name in ("arraystore", "catalog", "pipelines") for path in (ROOT / name).rglob("*.py"))
LINES, CODE = 350, 60
PASSED_OVER = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def code_lines(path: Path) -> set[int]:
    """Return the lines of a file that hold code: no blank, no comment, no docstring."""
    with path.open("rb") as file:
        lines = {
            line
            for token in tokenize.tokenize(file.readline)
            if token.type not in PASSED_OVER | {tokenize.ENCODING}
            for line in range(token.start[0], token.end[0] + 1)
        }
    for node in ast.walk(ast.parse(path.read_bytes())):
        first = getattr(node, "body", [None])
        first = first[0] if isinstance(first, list) and first else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            lines -= set(range(first.lineno, first.end_lineno + 1))
    return lines


def test_modules_are_read_at_once():
    assert [(str(path), n) for path in MODULES if (n := len(path.read_text().splitlines())) > LINES] == []


def test_functions_are_read_at_once():
    long = []
    for path in MODULES:
        code = code_lines(path)
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = code & set(range(node.body[0].lineno, node.end_lineno + 1))
                long += [(str(path), node.name, len(body))] if len(body) > CODE else []
    assert long == []
