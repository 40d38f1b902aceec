"""Tables: the rows of an answer, and the one way they are shown on a terminal, in a pipe and in a notebook."""

from pipelines.table.answer import Answer, Row
from pipelines.table.cells import short
from pipelines.table.extended import FORMAT, extended_json
from pipelines.table.terminal import plain

__all__ = ["FORMAT", "Answer", "Row", "extended_json", "plain", "short"]
