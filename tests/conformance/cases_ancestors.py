"""The questions of the Dragonfly notebooks, in their own words, and their answers."""

from __future__ import annotations

from tests.conformance.case import Call, Case, Document, Pipeline

NIGHT = "2024-02-20"
OTHER = "2023-12-30"


def frame(
    unit: int,
    date: str,
    serialno: str,
    exposure_number: int,
    kind: str,
    exptime: float,
    flat_time: str | None = None,
) -> Document:
    """A header document of the ancestors' shape."""
    document = {
        "_id": f"Dragonfly{unit}/{date}/{serialno}_{exposure_number}_{kind}.fits",
        "date": date,
        "exposure_number": exposure_number,
        "header": {
            "SIMPLE": True,
            "IMAGETYP": kind,
            "SERIALNO": serialno,
            "EXPTIME": exptime,
            "DATE-OBS": date,
        },
    }
    return document if flat_time is None else {**document, "flat_time": flat_time}


DARKS = (
    frame(204, NIGHT, "83F010730", 45, "dark", 600.0),
    frame(204, NIGHT, "83F010730", 46, "dark", 600.0),
    frame(204, NIGHT, "83F010730", 47, "dark", 30.0),
    frame(101, NIGHT, "T13080513", 45, "dark", 600.0),
    frame(101, OTHER, "T13080513", 12, "dark", 600.0),
)
LIGHTS = (
    frame(101, NIGHT, "T13080513", 31, "light", 600.0),
    frame(204, OTHER, "83F010730", 31, "light", 600.0),
    frame(204, "2024-02-22", "83F010730", 31, "light", 600.0),
)
FLATS = (
    frame(101, NIGHT, "T13080513", 2, "flat", 4.0, "evening"),
    frame(204, NIGHT, "83F010730", 2, "flat", 4.0, "evening"),
    frame(101, NIGHT, "T13080513", 1, "flat", 2.0, "evening"),
    frame(204, NIGHT, "83F010730", 1, "flat", 2.0, "morning"),
    frame(305, NIGHT, "83F010826", 1, "flat", 2.0, "evening"),
    frame(305, OTHER, "83F010826", 1, "flat", 2.0, "morning"),
)
EVERYTHING = DARKS + LIGHTS + FLATS
DARK_GROUPS: Pipeline = [
    {"$match": {"header.IMAGETYP": "dark", "date": NIGHT}},
    {
        "$group": {
            "_id": {"serialno": "$header.SERIALNO", "exptime": "$header.EXPTIME"},
            "darks": {"$push": "$_id"},
        }
    },
]
FLAT_GROUPS: Pipeline = [
    {"$match": {"header.IMAGETYP": "flat", "date": NIGHT}},
    {
        "$group": {
            "_id": {"exposure_number": "$exposure_number", "flat_time": "$flat_time"},
            "flat_count": {"$sum": 1},
            "flat_ids": {"$push": "$_id"},
        }
    },
    {
        "$group": {
            "_id": "$_id.exposure_number",
            "flat_times": {"$push": "$_id.flat_time"},
            "flat_counts": {"$push": "$flat_count"},
            "flat_ids": {"$push": "$flat_ids"},
        }
    },
    {"$sort": {"_id": 1}},
]
NIGHT_DARKS = [
    {"_id": {"serialno": "83F010730", "exptime": 600.0}, "darks": [DARKS[0]["_id"], DARKS[1]["_id"]]},
    {"_id": {"serialno": "83F010730", "exptime": 30.0}, "darks": [DARKS[2]["_id"]]},
    {"_id": {"serialno": "T13080513", "exptime": 600.0}, "darks": [DARKS[3]["_id"]]},
]
NIGHT_FLATS = [
    {
        "_id": 1,
        "flat_times": ["evening", "morning"],
        "flat_counts": [2, 1],
        "flat_ids": [[FLATS[2]["_id"], FLATS[4]["_id"]], [FLATS[3]["_id"]]],
    },
    {
        "_id": 2,
        "flat_times": ["evening"],
        "flat_counts": [2],
        "flat_ids": [[FLATS[0]["_id"], FLATS[1]["_id"]]],
    },
]
INDEXES = (
    Call("create_index", ([("date", 1), ("header.IMAGETYP", 1)],)),
    Call("create_index", ([("header.SERIALNO", 1), ("header.EXPTIME", 1), ("date", 1)],)),
)
LIGHTS_OF_NIGHTS = {"header.IMAGETYP": "light", "date": {"$in": [NIGHT, OTHER]}}


def asks(name: str, call: Call, expected: object, **fields: object) -> Case:
    return Case("ancestors", name, EVERYTHING, call, expected, **fields)


# fmt: off
COLUMNS = ("flat_times", "flat_counts", "flat_ids")
CASES: tuple[Case, ...] = (
    asks("lights of some nights", Call("find", (LIGHTS_OF_NIGHTS,)), list(LIGHTS[:2]), unordered=True),
    asks("lights of some nights with indexes", Call("find", (LIGHTS_OF_NIGHTS,)), list(LIGHTS[:2]),
        unordered=True,
         before=INDEXES),
    asks("nights", Call("distinct", ("date",)), [NIGHT, OTHER, "2024-02-22"], unordered=True, before=INDEXES),
    asks("darks by camera and exposure time", Call("aggregate", (DARK_GROUPS,)), NIGHT_DARKS, unordered=True),
    asks("darks with indexes", Call("aggregate", (DARK_GROUPS,)), NIGHT_DARKS, unordered=True,
        before=INDEXES),
    asks("flats by exposure number", Call("aggregate", (FLAT_GROUPS,)), NIGHT_FLATS, parallel=COLUMNS),
    asks("flats with indexes", Call("aggregate", (FLAT_GROUPS,)), NIGHT_FLATS, parallel=COLUMNS,
        before=INDEXES),
    asks("flat groups that disagree", Call("aggregate", ([*FLAT_GROUPS,
        {"$match": {"flat_times.1": {"$exists": True}}}],)),
         NIGHT_FLATS[:1], parallel=COLUMNS),
)
