"""Tells whether a file lies on a network file system, where SQLite's WAL does not work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["filesystem_type", "is_network"]

_NETWORK = frozenset([
    "9p", "acfs", "afp", "afpfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fhgfs", "gfs", "gfs2", "gpfs",
    "lustre", "ncp", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2", "smb", "smb2", "smb3",
    "smbfs", "vboxsf", "virtiofs", "webdav",
])  # fmt: skip


def filesystem_type(path: Path, *, mounts: str | None = None) -> str | None:
    """Give the type of the file system a path lies on.

    Parameters
    ----------
    path : Path
        A path; what does not exist yet counts as lying in its nearest existing folder.
    mounts : str, optional
        The table of mounts, in the form of ``/proc/mounts``; read from the system by default.

    Returns
    -------
    str or None
        The name the system gives the type, None if the system does not tell.
    """
    table = _mounts() if mounts is None else mounts
    target = os.path.realpath(path)
    best: tuple[int, str] | None = None
    for line in table.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = fields[1].encode().decode("unicode_escape").rstrip("/")
        inside = target == point or target.startswith(point + "/")
        if inside and (best is None or len(point) >= best[0]):
            best = (len(point), fields[2])
    return best[1] if best else None


def is_network(path: Path, *, mounts: str | None = None) -> bool:
    """Tell whether a path lies on a network file system; a FUSE one counts as such.

    Examples
    --------
    >>> is_network(Path("/data/x.db"), mounts="server:/d /data nfs4 rw 0 0")
    True
    >>> is_network(Path("/data/x.db"), mounts="/dev/sda1 / ext4 rw 0 0")
    False
    """
    kind = filesystem_type(path, mounts=mounts)
    return kind is not None and (kind in _NETWORK or kind.startswith("fuse."))


def _mounts() -> str:
    try:
        return Path("/proc/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return _mounts_by_command() if sys.platform == "darwin" else ""


def _mounts_by_command() -> str:
    """Bring the answer of ``mount`` on macOS, ``dev on /path (type, ...)``, into the form of /proc/mounts."""
    try:
        text = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=5, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    lines = []
    for line in text.splitlines():
        device, _, rest = line.partition(" on ")
        point, _, options = rest.rpartition(" (")
        point = point.replace(" ", "\\040")
        lines.append(f"{device.replace(' ', '_')} {point} {options.split(',')[0].rstrip(')')}")
    return "\n".join(lines)
