"""The mechanism that reads a profile: what a file is, by the profile that claims it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import PurePath
from typing import Any

from pipelines.instruments.choosing import ends
from pipelines.instruments.dialects.entry import own_keys
from pipelines.instruments.errors import ProfileError
from pipelines.instruments.kinds import Stacking, as_combined, read_kind, read_stacking, word_kind
from pipelines.instruments.lookup import Headers, look_up
from pipelines.instruments.nights import (
    instant_of_mjd,
    night_of,
    parse_day,
    parse_instant,
    site_zone,
    time_of_day,
)
from pipelines.instruments.observe import Facts, observe
from pipelines.instruments.plan import plan_arrays
from pipelines.instruments.profile import Clock, HduLike, Identity, Profile, Take
from pipelines.instruments.sites import NOWHERE, Place, site_of
from pipelines.instruments.when import When, named_night, read_when

ASKED = "asked for"
_FLAGS = frozenset({"camera-model-only", "no-image", "untested-format", "colstart-uneven", "nints-of-segment"})
_FLAG_ENDINGS = (
    *("-conflict", "-from-path", "-missing", "-unknown", "-doubtful", "-outside"),
    *("date-unreadable", "time-unreadable", "night-unreadable", "number-unreadable", "exptime-unreadable"),
)
_LARGEST_INTEGER = 2**63 - 1
_ENDING = re.compile(r"(?:\.(?:fits?|fts))?(?:\.(?:gz|bz2|fz))?\Z", re.IGNORECASE)


def identify(
    profile: Profile, path: PurePath, hdus: Sequence[HduLike], *, site: Place = NOWHERE, asked: bool = False
) -> Identity:
    """Read what a file is, by a profile's rules.

    Parameters
    ----------
    profile
        The profile that claims the file, or that the user insists on.
    path
        Path of the file; only its end matters.
    hdus
        The file's HDUs. Keywords are looked up in the first, then in the first image extension.
    site
        Where the camera stands if neither header nor profile tells.
    asked
        The user named the profile; ``obs_from`` says so, and identification keeps to it.

    Raises
    ------
    ProfileError
        ``name-mismatch``, ``header-mismatch`` or ``shape-mismatch``: the file is not of this
        profile's form.
    """
    reading = _Reading(profile, path, hdus)
    headers = Headers(hdus)
    place = site_of(profile, headers, site)
    stacking = read_stacking(headers)
    kind, note, source = _kind(reading, headers, stacking)
    instrument = reading.take("instrument", profile.instrument)
    camera = reading.take("camera", profile.camera)
    detector = reading.take("detector", profile.detector)
    for name, rule in profile.fields:
        reading.fields[name] = reading.take(name, rule)
    number = reading.number("exposure_number", profile.exposure_number)
    when = _when(reading, headers, place)
    flat_time = None
    if kind in profile.flat_kinds and when.timestamp is not None:
        flat_time = time_of_day(when.timestamp, profile.clock.zone)
        reading.fields["flat_time_source"] = "clock"
    if not any(hdu.shape for hdu in hdus):
        reading.flags.append("no-image")
    if profile.derive is not None:
        derived = profile.derive(path, hdus)
        reading.fields.update(derived.fields)
        reading.flags.extend(derived.flags)
        if derived.kind is not None:  # told by the arrays, where no keyword says
            kind = derived.kind
            reading.flags = [flag for flag in reading.flags if flag != "kind-missing"]
    facts = Facts(
        instrument=instrument,
        camera=camera,
        detector=detector,
        kind=kind,
        kind_source=source,
        kind_note=note,
        timestamp=when.timestamp,
        window=reading.fields.get("window"),
        place=place,
        stacking=stacking,
        names={plan.hdu: plan.names[0] for plan in plan_arrays(profile, hdus)},
    )
    seen = observe(hdus, profile, facts)
    obs = seen.obs | ({"time_doubt": list(when.doubt)} if when.doubt else {})
    if camera is None and profile.camera == Take() and "camera-model-only" not in seen.flags:
        camera = seen.obs.get("camera") if seen.obs_from.get("camera") != "profile" else None
    return Identity(
        instrument=instrument or seen.obs.get("instrument") or seen.obs.get("telescope") or "unknown",
        detector=detector if detector is not None else seen.obs.get("detector"),
        camera=camera,
        kind=kind,
        date=when.day.isoformat() if when.day else None,
        timestamp=when.timestamp,
        exposure_number=number,
        flat_time=flat_time,
        exposure=_exposure(profile, path),
        fields=reading.fields,
        flags=tuple(dict.fromkeys([*reading.flags, *seen.flags])),
        obs=obs,
        obs_from={**seen.obs_from, **when.sources, **({"profile": ASKED} if asked else {})},
    )


def _when(reading: _Reading, headers: Headers, place: Place) -> When:
    """Return instant and night, by the profile's clock or the dialects."""
    if reading.profile.clock.declared:
        return When(*reading.when(reading.profile.clock))
    when = read_when(headers, reading.path, place)
    reading.flags += when.flags
    reading.fields.update(when.fields)
    return when


def _kind(reading: _Reading, headers: Headers, stacking: Stacking) -> tuple[str, str, str | None]:
    """Return kind, note and source, by the profile's rule or the dialects; of combined frames a kind of their own."""
    rule = reading.profile.kind
    said = reading.take("kind", rule) if rule != Take() else None
    if said is None and (rule.expected or rule.group is not None):
        return "unknown", "", None
    known = None if said is None else word_kind(said)
    own = rule.group is not None or not rule.keywords or said in {meaning for _, meaning in rule.vocabulary}
    if said is None or (known is None and not own):  # the dialects know other keywords
        read = read_kind(headers, stacking)
        if said is None or read.source is not None:
            reading.flags += read.flags
            return read.kind, read.note, read.source
        reading.flags.append("kind-unknown")
        said = " ".join(said.lower().split())
    kind, note = known if known is not None and (rule.keywords or rule.group) else (said, "")
    by_header = headers.find(own_keys(rule.keywords))
    source = by_header.source if by_header is not None else "path" if rule.group in reading.groups else "profile"
    return (as_combined(kind, stacking) if known is not None else kind), note, source


def is_identification_flag(flag: str) -> bool:
    """Tell whether a flag of a document is of its identification, so that identifying anew decides on it."""
    return flag in _FLAGS or flag.endswith(_FLAG_ENDINGS)


def path_night(profile: Profile, path: PurePath) -> date | None:
    """Read the night that a path names by a profile's rule, else by the folder nearest to the file; None without."""
    if profile.path is None:
        return named_night(path)
    found = ends(profile.path).search(path.as_posix())
    text = found.groupdict().get("night") if found else None
    return parse_day(text) if text else None


@dataclass(slots=True)
class _Reading:
    """One file read by one profile; `fields` and `flags` collect what is met on the way."""

    profile: Profile
    path: PurePath
    hdus: Sequence[HduLike]
    fields: dict[str, Any] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    groups: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        profile = self.profile
        found = ends(profile.path).search(self.path.as_posix()) if profile.path is not None else None
        if profile.path is not None and found is None:
            raise ProfileError(
                "name-mismatch",
                f"the path {self.path} does not have the form of {profile.title}",
                "rename it, or ingest it with the generic profile",
            )
        missing = [keyword for keyword in profile.requires if look_up(self.hdus, keyword) is None]
        if missing:
            raise ProfileError(
                "header-mismatch",
                f"{self.path.name} lacks {', '.join(missing)}, without which it is no {profile.title}",
                "correct the header, or ingest it with the generic profile",
            )
        self.groups = {name: text for name, text in found.groupdict().items() if text} if found else {}

    def take(self, name: str, source: Take) -> str | None:
        """Return a text field's value, and flag what had to be decided."""
        values = (look_up(self.hdus, keyword) for keyword in source.keywords)
        by_header = next((_word(str(value), source) for value in values if value is not None), None)
        by_path = self.groups.get(source.group) if source.group else None
        if by_path is not None:
            by_path = _word(by_path, source)
        if by_header is not None:
            if by_path is not None and by_path != by_header:
                self.flags.append(f"{name}-conflict")
                self.fields[f"path_{name}"] = by_path
            return by_header
        if by_path is not None and source.keywords:
            self.flags.append(f"{name}-from-path")
        elif by_path is None and source.expected:
            self.flags.append(f"{name}-missing")
        return by_path if by_path is not None else source.constant

    def number(self, name: str, source: Take) -> int | None:
        """Return a whole-number field's value; flag ``<field>-unreadable`` when it is not one of 64 bit."""
        text = self.take(name, source)
        if text is None:
            return None
        if re.fullmatch(r"[+-]?[0-9]{1,19}", text) and abs(int(text)) <= _LARGEST_INTEGER:
            return int(text)
        self.flags.append(f"{name}-unreadable")
        return None

    def when(self, clock: Clock) -> tuple[datetime | None, date | None]:
        """Return the instant, and the night or calendar day: the header's, else the path's."""
        timestamp, seen = self._instant(clock)
        day: date | None = None
        if timestamp is None:
            day = None if clock.nightly else self._day(clock)
            self.flags.append("time-unreadable" if day else "date-unreadable" if seen else "date-missing")
        elif clock.nightly:
            day = night_of(timestamp, clock.zone)
        else:
            day = timestamp.astimezone(site_zone(clock.zone)).date()
        path_night = self.groups.get("night")
        if path_night is None:
            return timestamp, day
        by_path = parse_day(path_night)
        if by_path is None:
            self.flags.append("path-night-unreadable")
        elif day is None:
            self.flags.append("night-from-path")
            return timestamp, by_path
        elif day != by_path:
            self.flags.append("night-conflict")
            self.fields["path_night"] = path_night
        return timestamp, day

    def _instant(self, clock: Clock) -> tuple[datetime | None, bool]:
        """Return the first candidate that reads as an instant, and whether there was any."""
        system = str(look_up(self.hdus, clock.system) or "UTC") if clock.system else "UTC"
        seen = False
        for keywords in clock.keywords:
            texts = [look_up(self.hdus, keyword) for keyword in keywords]
            seen = seen or texts[0] is not None
            # Some write day and time into the first keyword and repeat the time in the second.
            whole = isinstance(texts[0], str) and "T" in texts[0]
            if all(isinstance(text, str) for text in texts[: 1 if whole else None]):
                instant = parse_instant(texts[0] if whole else "T".join(texts), system=system)
                if instant is not None:
                    return instant, True
        for keyword in clock.mjd:
            days = look_up(self.hdus, keyword)
            seen = seen or days is not None
            if isinstance(days, (int, float)) and (instant := instant_of_mjd(float(days))) is not None:
                return instant, True
        return None, seen

    def _day(self, clock: Clock) -> date | None:
        for keywords in clock.keywords:
            text = look_up(self.hdus, keywords[0])
            if isinstance(text, str) and (day := parse_day(text)) is not None:
                return day
        return None


def _word(text: str, source: Take) -> str:
    """Spell a word of the vocabulary as the catalog does; leave other text as it is."""
    word = " ".join(text.lower().split())
    return dict(source.vocabulary).get(word, word if source.fold else text)


def _exposure(profile: Profile, path: PurePath) -> str | None:
    if profile.exposure_suffixes is None:
        return None
    stem = _ENDING.sub("", path.name)
    for suffix in profile.exposure_suffixes:
        stem = stem.removesuffix(f"_{suffix}")
    return re.sub(profile.exposure_parts, "", stem) if profile.exposure_parts else stem
