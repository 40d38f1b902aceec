"""The images of a frame and the planes that a master has of each: one image as a rule, several chips or amplifiers."""

from collections.abc import Mapping
from typing import Any

from pipelines.documents.schema import Doc

__all__ = ["SINGLE", "frame_images", "image_names", "of_image", "plane_key", "planes_of"]


SINGLE = "sci"
"""The name of the only image of a frame."""


def frame_images(frame: Doc) -> tuple[str, ...]:
    """Return the names of the arrays of a frame that are its images, in file order; none without pixels."""
    arrays = frame.get("arrays") or {}
    stated = (frame.get("obs") or {}).get("images") or ()
    names = tuple(image["name"] for image in stated if len((arrays.get(image["name"]) or {}).get("shape", ())) == 2)
    return names or ((SINGLE,) if SINGLE in arrays else ())


def image_names(document: Doc) -> tuple[str, ...]:
    """Return the names of the images of a master or of a calibrated frame, in their order.

    Examples
    --------
    >>> image_names({"arrays": {"value": {}, "dq": {}}})
    ('sci',)
    >>> image_names({"images": [{"name": "amp1"}, {"name": "amp2"}]})
    ('amp1', 'amp2')
    """
    images = document.get("images")
    return tuple(image["name"] for image in images) if images else (SINGLE,)


def plane_key(plane: str, image: str, images: tuple[str, ...]) -> str:
    """Return the name among a document's arrays of a plane of one image.

    Examples
    --------
    >>> plane_key("value", "sci", ("sci",)), plane_key("value", "amp2", ("amp1", "amp2"))
    ('value', 'value@amp2')
    """
    return plane if len(images) == 1 else f"{plane}@{image}"


def planes_of(document: Doc, image: str) -> dict[str, Mapping[str, Any]]:
    """Return the references to the planes of one image, by plane; none where there is no such image."""
    images = image_names(document)
    if len(images) == 1:
        return dict(document["arrays"])
    tail = f"@{image}"
    return {key.removesuffix(tail): ref for key, ref in document["arrays"].items() if key.endswith(tail)}


def of_image(document: Doc, image: str) -> dict[str, Any]:
    """Return the document of a master as if it had this one image: its planes, its noise, its statistics."""
    own: Mapping[str, Any] = next((one for one in document.get("images") or () if one["name"] == image), {})
    found = {name: own[name] for name in ("noise", "statistics") if name in own}
    return {**document, "arrays": planes_of(document, image), **found}
