"""Documents of an array's night as ingest makes them, from a few words."""

from datetime import UTC, datetime, timedelta

from pipelines.instruments.nights import night_of, time_of_day

NIGHT = "2024-02-20"
ZONE = "America/Denver"
DUSK = datetime(2024, 2, 21, 1, 0, tzinfo=UTC)  # 18:00 in Mayhill, the sun just set
DAWN = datetime(2024, 2, 21, 13, 20, tzinfo=UTC)  # 06:20, it is about to rise


def document(camera, number, kind, taken, *, error=0.0, exptime=10.0, level=None, bias=False, **more):
    """One frame: taken then, stamped with whole seconds of a clock that is `error` seconds ahead."""
    stamped = None if taken is None else (taken + timedelta(seconds=error)).replace(microsecond=0)
    name = f"D/{NIGHT}/{camera}_{number}_{kind}.fits"
    found = {
        "_id": name,
        "root": "raw",
        "path": name,
        "profile": "dragonfly",
        "instrument": "dragonfly",
        "kind": kind,
        "camera": camera,
        "timestamp": stamped,
        "date": NIGHT if stamped is None else night_of(stamped, ZONE).isoformat(),
        "header": {"IMAGETYP": kind, "EXPTIME": exptime, "SERIALNO": camera},
        "obs": {"camera": camera, "exptime": exptime},
        "arrays": {},
        "digests": [],
        "qc": {"flags": []},
        "ingest": {"run": "r", "at": datetime(2024, 2, 22, tzinfo=UTC), "revision": 1, "changes": 0},
    }
    if found["date"] != NIGHT:
        found["path_night"] = NIGHT
    if number is not None:
        found["exposure_number"] = number
    if kind == "flat" and stamped is not None:
        found |= {"flat_time": time_of_day(stamped, ZONE), "flat_time_source": "clock"}
    if level is not None:
        found["stats"] = {"level": level}
    return {**found, **more}


def shots(cameras, *, first, count, start, kind="dark", every=30.0, errors=None, **more):
    """An array's exposures: `errors` gives a camera's clock error, seconds or a function of the time."""
    errors = errors or {}
    found = []
    for place in range(count):
        taken = start + timedelta(seconds=every * place)
        for camera in cameras:
            error = errors.get(camera, 0.0)
            wrong = error(taken) if callable(error) else error
            found.append(document(camera, first + place, kind, taken, error=wrong, **more))
    return found
