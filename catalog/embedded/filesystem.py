"""The file system under an embedded catalog: its type, its rights, whether it can change at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["filesystem_type", "is_frozen", "is_network", "make_empty", "make_folders", "needs_wal"]

_NETWORK = frozenset([
    "9p", "acfs", "afp", "afpfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fhgfs", "gfs", "gfs2", "gpfs",
    "lustre", "ncp", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "orangefs", "panfs", "pvfs2", "smb", "smb2", "smb3",
    "smbfs", "vboxsf", "virtiofs", "webdav",
])  # fmt: skip


def make_folders(path: Path) -> None:
    """Make a folder and those above it, each forced to disk in the one above."""
    if path.is_dir():
        return
    make_folders(path.parent)
    path.mkdir(exist_ok=True)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_empty(path: Path, *, like: Path | None = None) -> None:
    """Make an empty file if there is none, with the rights this account gives to others, or those of another file."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except OSError:  # it is there, or SQLite says what is wrong
        return
    try:
        if like is not None:
            os.fchmod(descriptor, os.stat(like).st_mode & 0o777)
    finally:
        os.close(descriptor)


_held: dict[tuple[int, int], int] = {}


def needs_wal(path: Path) -> bool:
    """Tell whether a file of SQLite is one that a WAL belongs to, by bytes 18 and 19 of its format.

    The descriptor stays open, one for each file: closing it would take away every lock that SQLite holds on the file
    in this process, and another process would then remove the WAL that is in use here (POSIX fcntl locks).
    """
    info = os.stat(path)
    name = info.st_dev, info.st_ino
    if name not in _held:
        _held[name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return os.pread(_held[name], 2, 18) == b"\2\2"


def is_frozen(path: Path) -> bool:
    """Tell whether nobody can change a file: its medium is read-only, or neither it nor its folder may be written."""
    if os.statvfs(path).f_flag & os.ST_RDONLY:
        return True
    return not (os.stat(path).st_mode | os.stat(path.parent).st_mode) & 0o222


def filesystem_type(path: Path, *, mounts: str | None = None) -> str | None:
    """Return the type of the file system a path lies on.

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
