"""Observations: the normalised fields of a document, as it keeps them, or identified from the headers it holds.

No file is needed: every card is in the document, and a value corrected since is the one that counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog import header_document, unpack_cards
from pipelines.documents.schema import Document
from pipelines.fits.cards import read_cards
from pipelines.fits.headers import end_of
from pipelines.instruments import Facts, Observation, Profile, StoredHdu, observe, profiles
from pipelines.instruments.lookup import Headers
from pipelines.instruments.sites import NOWHERE, Place, site_of

__all__ = ["hdus_of", "obs_of", "observed", "profile_of"]


def obs_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the observation fields of a document: those it keeps, else those that its headers give.

    Whoever asks what a frame is asks this, and no keyword. `document` holds ``obs``, or else everything
    it was stored with.
    """
    kept = document.get("obs")
    return dict(kept) if kept is not None else observed(document).obs


def observed(document: Mapping[str, Any], *, site: Place = NOWHERE) -> Observation:
    """Identify the observation fields of a document from its headers, whatever it keeps.

    Kind, night, camera and time stay what the document says: they may have been corrected.

    Parameters
    ----------
    document
        With ``header``, ``cards``, ``hdus`` and the fields of identification.
    site
        Where the camera stands if neither header nor profile tells.
    """
    profile = profile_of(document)
    hdus = hdus_of(document)
    constant = profile.instrument.constant if not profile.instrument.keywords else None
    facts = Facts(
        instrument=constant,
        camera=document.get("camera"),
        detector=document.get("detector"),
        kind=document.get("kind", "image"),
        timestamp=document.get("timestamp"),
        window=document.get("window"),
        place=site_of(profile, Headers(hdus), site),
        names={number: hdu["arrays"][0] for number, hdu in enumerate(document.get("hdus", ())) if hdu.get("arrays")},
    )
    return observe(hdus, profile, facts)


def profile_of(document: Mapping[str, Any]) -> Profile:
    """Return the profile a document was identified by; the generic one where this machine does not have it."""
    known = profiles()
    return known.get(str(document.get("profile")), known["generic"])


def hdus_of(document: Mapping[str, Any]) -> list[StoredHdu]:
    """Return the HDUs of a document as profiles and dialects look at them.

    Raises
    ------
    catalog.Damaged
        The packed headers are not what was packed.
    """
    found = []
    moved = _moved(document)
    for number, hdu in enumerate(document.get("hdus", ())):
        if number == 0:
            header = _primary(document) if moved else document.get("header", {})
        else:
            header = document.get("header", {}) if moved else hdu.get("header", {})
        found.append(
            StoredHdu(number, hdu["name"], hdu["ver"], hdu["kind"], tuple(hdu["shape"]), hdu.get("dtype"), header)
        )
    return found


def _moved(document: Mapping[str, Any]) -> bool:
    """Tell whether a packer moved the image, and ``header`` with it, into the first extension."""
    hdus = document.get("hdus", ())
    return (
        document.get("file", {}).get("encoding") == "tile" and len(hdus) == 2 and hdus[1]["kind"] == "compressed-image"
    )


def _primary(document: Mapping[str, Any]) -> Document:
    block = unpack_cards(document["cards"])[0]
    return header_document(read_cards(block[: end_of(block)])).header
