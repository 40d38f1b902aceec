"""Which documents: names, a night, a query, or all; exactly one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bson import json_util

from pipelines.errors import UsageError
from pipelines.instruments.nights import on
from pipelines.session import Session

__all__ = ["which"]


def which(
    session: Session,
    documents: str | Sequence[str] | None = None,
    *,
    night: str | None = None,
    where: Mapping[str, Any] | str | None = None,
    everything: bool = False,
) -> dict[str, Any]:
    """Return the query of the documents that are meant.

    Raises
    ------
    UsageError
        None of the ways was chosen, or several; a text that is no query, a text that is not a valid date.
    UnknownDocument
        A document is not there.
    """
    chosen = [documents is not None, night is not None, where is not None, everything]
    if sum(chosen) != 1:
        raise UsageError("say which documents: names, --night N, --where QUERY, or --all; one of them")
    if documents is not None:
        names = [documents] if isinstance(documents, str) else list(documents)
        for name in names:
            session.document(name)
        return {"_id": {"$in": names}}
    if night is not None:
        return on(night)
    if where is None:
        return {}
    if isinstance(where, str):
        try:
            where = json_util.loads(where)
        except (json.JSONDecodeError, TypeError, ValueError) as error:
            raise UsageError(f'--where is no query in JSON: {error}; write \'{{"kind": "dark"}}\'') from error
    if not isinstance(where, Mapping):
        raise UsageError("--where is a query, an object in JSON")
    return dict(where)
