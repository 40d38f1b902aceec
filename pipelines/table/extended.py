"""Values as JSON: MongoDB's relaxed Extended JSON, the same from the command and on the web."""

import json
import math
from collections.abc import Mapping
from typing import Any

FORMAT = 1
"""The version of the JSON that the command prints and the web answers with: its ``format``. A name in it that changes
raises it."""


def extended_json(value: Any) -> str:
    """Return a value as relaxed Extended JSON; what BSON does not know, such as a path, is text.

    Examples
    --------
    >>> extended_json({"exptime": 30.0, "airmass": float("nan")})
    '{"exptime": 30.0, "airmass": {"$numberDouble": "NaN"}}'
    """
    from bson import json_util

    def convert(one: Any) -> Any:
        try:
            return json_util.default(one, json_util.RELAXED_JSON_OPTIONS)
        except TypeError:
            return _finite(one.item()) if getattr(one, "ndim", 1) == 0 else str(one)

    try:
        return json.dumps(value, default=convert, allow_nan=False)
    except ValueError:  # NaN and infinities, which JSON does not have
        return json.dumps(_finite(value), default=convert)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"$numberDouble": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value
