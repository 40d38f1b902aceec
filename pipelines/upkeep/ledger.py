"""The ledger as a table: which runs changed the archive, when, how they ended, and what came of them."""

from pipelines.documents.schema import Doc
from pipelines.errors import UsageError, near_misses
from pipelines.session import Session
from pipelines.table import Answer, Row

__all__ = ["list_runs"]

COLUMNS = ("run", "verb", "started", "minutes", "status", "result", "what", "user", "host")
MAIN = ("run", "verb", "started", "status", "result")


def list_runs(session: Session, *, verb: str | None = None, limit: int = 20) -> Answer:
    """Return the last runs, the newest first.

    Parameters
    ----------
    verb : str, optional
        Only of this verb, such as ``ingest``.
    limit : int
        How many.

    Returns
    -------
    Answer
        Columns ``run`` (its name), ``verb``, ``started``, ``minutes``, ``status`` (finished, stopped, killed, failed,
        running), ``result`` (its numbers), ``what`` (its arguments), ``user``, ``host``.

    Raises
    ------
    UsageError
        No run is of that verb, or the limit is below 1.
    """
    if limit < 1:
        raise UsageError(f"the number of runs is at least 1, not {limit}")
    query = {} if verb is None else {"verb": verb}
    fields = ("verb", "started", "finished", "status", "result", "arguments", "user", "host")
    found = (
        session.runs.find(query, dict.fromkeys(fields, 1)).sort([("started", -1), ("_id", -1)]).limit(limit).to_list()
    )
    if verb is not None and not found:
        verbs = sorted(map(str, session.runs.distinct("verb")))
        hint = near_misses(verb, verbs) or f"; there are runs of {', '.join(verbs) or 'nothing yet'}"
        raise UsageError(f"no run of {verb!r:.60}{hint}")
    return Answer(COLUMNS, tuple(map(_row, found)), "Runs, the newest first", main=MAIN)


def _row(run: Doc) -> Row:
    ended = run.get("finished")
    return {
        "run": run["_id"],
        "verb": run["verb"],
        "started": run["started"],
        "minutes": None if ended is None else round((ended - run["started"]).total_seconds() / 60, 2),
        "status": run["status"],
        "result": outcome_of(run),
        "what": {
            name: value for name, value in (run.get("arguments") or {}).items() if value not in (None, [], "", {})
        },
        "user": run.get("user"),
        "host": run.get("host"),
    }


def outcome_of(run: Doc) -> str | None:
    """Return the numbers of a run's result in one line; a list counts as its length.

    Examples
    --------
    >>> outcome_of({"result": {"new": 3, "revised": 0, "refused": ["a", "b"], "seconds": 1.5}})
    'new 3, refused 2'
    """
    result = run.get("result") or {}
    if error := result.get("error"):
        return str(error)
    counts = {name: len(value) if isinstance(value, list) else value for name, value in result.items()}
    said = [
        f"{name} {value}"
        for name, value in counts.items()
        if isinstance(value, int) and not isinstance(value, bool) and value and name not in ("nbytes", "stored")
    ]
    return ", ".join(said) or None
