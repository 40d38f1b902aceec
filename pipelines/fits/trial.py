"""Decompression tried in a process of its own, where the decompressor cannot be trusted with damaged data.

The C code behind HCOMPRESS reads, and at times writes, outside its buffers when the
stream is damaged: it may end the process it runs in. One trial for each such image keeps
that from happening here.
"""

from __future__ import annotations

import subprocess

from pipelines.fits.errors import FitsError
from pipelines.fits.plan import Span
from pipelines.fits.source import ByteSource
from pipelines.processes import interpreter

__all__ = ["try_image"]

_SECONDS = 60
_BYTES_A_SECOND = 1 << 20


def try_image(source: ByteSource, span: Span, pixel_bytes: int) -> None:
    """Decompress an image in another process, and return when that went well.

    Parameters
    ----------
    source, span
        Where the image is.
    pixel_bytes
        What it decompresses to; it is given a second for each megabyte, and a minute.

    Raises
    ------
    FitsError
        ``bad-compression`` when the process crashes, or takes too long.
    """
    disk = source.disk()
    arguments = (disk.descriptor, disk.size, span.header)
    try:
        child = subprocess.run(
            interpreter.command("pipelines.fits.trialrun", *arguments),
            pass_fds=[disk.descriptor],
            env=interpreter.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_SECONDS + pixel_bytes // _BYTES_A_SECOND,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _failed("does not end") from error
    if child.returncode < 0:
        raise _failed(f"was ended by signal {-child.returncode}")
    if child.returncode:
        lines = child.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise _failed(f"failed: {lines[-1]}", "report it, with the file")


def _failed(what: str, hint: str = "the file is damaged; copy it again from where it came") -> FitsError:
    return FitsError(
        "bad-compression",
        f"the tile-compressed image cannot be decompressed (a trial {what})",
        hint,
    )
