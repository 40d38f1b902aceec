"""Masters in use that stand on frames which are no longer what they were made of."""

from pipelines.calibration.select.departed import departures
from pipelines.session import Session
from pipelines.upkeep.findings import Finding

__all__ = ["retired_masters"]

_FIELDS = ("kind", "key", "profile", "inputs", "masters", "recalled", "stale")


def retired_masters(session: Session) -> list[Finding]:
    """Find the masters, verified or certified, whose inputs were corrected, judged bad, recalled or deleted since.

    No frame is given one of them any more; the finding says that the night wants new ones, or has too few
    frames left.
    """
    query = {"status": {"$in": ["verified", "certified"]}, "superseded_by": {"$in": [None, ""]}}
    found = session.masters.find(query, dict.fromkeys(_FIELDS, 1)).to_list()
    in_use = [doc for doc in found if not doc.get("recalled") and not doc.get("stale")]
    findings = []
    for name, reasons in departures(session.catalog, in_use).items():
        doc = next((doc for doc in in_use if doc["_id"] == name), None)
        if doc is None:
            continue
        left = len(doc["inputs"]) - len(reasons)
        said = f"{name} is retired: {reasons[0]}" + (f", and {len(reasons) - 1} more" if len(reasons) > 1 else "")
        if doc["inputs"]:
            said += f"; {max(0, left)} of its {len(doc['inputs'])} frames are left"
        findings.append(Finding("retired-master", name, said))
    return findings
