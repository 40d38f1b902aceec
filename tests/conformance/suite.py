"""All cases of the suite, in the order in which the table shows their groups."""

from __future__ import annotations

from tests.conformance import (
    cases_ancestors,
    cases_api,
    cases_arrays_dates,
    cases_distinct,
    cases_errors,
    cases_expressions,
    cases_fidelity,
    cases_find,
    cases_group,
    cases_indexes,
    cases_stages,
    cases_writes,
)
from tests.conformance.case import Case

GROUPS = {
    "ancestors": "the ancestors' pipelines",
    "find": "find",
    "distinct": "distinct",
    "group": "$group and accumulators",
    "stages": "stages",
    "expressions": "expressions",
    "writes": "writes",
    "errors": "errors, uniqueness",
    "indexes": "indexes",
    "api": "other methods",
    "fidelity": "value fidelity",
}
CASES: tuple[Case, ...] = (
    *cases_ancestors.CASES,
    *cases_find.CASES,
    *cases_distinct.CASES,
    *cases_group.CASES,
    *cases_stages.CASES,
    *cases_expressions.CASES,
    *cases_arrays_dates.CASES,
    *cases_writes.CASES,
    *cases_errors.CASES,
    *cases_indexes.CASES,
    *cases_api.CASES,
    *cases_fidelity.CASES,
)
