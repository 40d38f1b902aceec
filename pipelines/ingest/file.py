"""Take one file: read it, store its arrays, compose its document. Touches no catalog.

Everything that can be wrong with one file ends here as a refusal with a code and a hint; only what
would stop every file (the store full, gone or read-only) is raised.
"""

import os
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

import bson
from bson.errors import InvalidDocument

from arraystore import ArrayRef, InvalidArray, Scale, StoreError
from pipelines.documents.roots import Located
from pipelines.documents.schema import RESIDUE, Document
from pipelines.fits import FitsError, FitsFile, open_fits
from pipelines.ingest.document import document_of
from pipelines.ingest.known import Known
from pipelines.ingest.walk import Candidate
from pipelines.instruments import SPLITS, ArrayPlan, Profile, ProfileError, choose, identify, plan_arrays
from pipelines.instruments.sites import NOWHERE, Place

if TYPE_CHECKING:
    from arraystore import Batch

UNSETTLED = "changed-while-read"  # the code of a file that something still writes: no fault, only early
WORTH_A_THREAD = 32 << 20  # bytes of a file that takes long enough to digest for that to be done beside its arrays
DOCUMENT_CAP = 16 * 1024 * 1024  # MongoDB's limit for one document, bytes


State = Literal["taken", "same", "refused"]
Answer = tuple[State, int, int, bytes, str, str, str]


class Task(NamedTuple):  # a tuple, because many thousand are sent to other processes
    """One file to take, with what the catalog already knows of it.

    Attributes
    ----------
    found : Candidate
        The file as it was found; what it may cost is measured by its size then.
    known : Known or None
        What the catalog held of it then.
    profile : str or None
        The instrument profile to use; None chooses by path and header.
    campaign : str or None
        Campaign to record.
    headers_only : bool
        Leave the arrays for later.
    run, version : str
        The ingest run and the software.
    site : Place
        Where its camera stands if nothing else tells.
    whole : bool
        Its root names documents by the whole path below it.
    """

    found: Candidate
    known: Known | None = None
    profile: str | None = None
    campaign: str | None = None
    headers_only: bool = False
    run: str = ""
    version: str = ""
    site: Place = NOWHERE
    whole: bool = False

    @property
    def located(self) -> Located:
        """Root and relative path."""
        return self.found.located

    @property
    def file(self) -> str:
        """Where it is now."""
        return self.found.file

    @property
    def opened(self) -> str:
        """What is opened: for a link its target, as it was when it was found to lie under a root."""
        return self.found.target or self.found.file


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file.

    Attributes
    ----------
    state : {'taken', 'same', 'refused'}
        'same': the bytes are those the catalog knows, only size or time looked new.
    document : bytes
        The BSON document when taken.
    code, message, hint : str
        When refused: what kind of refusal, what happened, how to fix it.
    size, mtime_ns : int
        Of the file.
    """

    state: State
    task: Task
    size: int = -1
    mtime_ns: int = -1
    document: bytes = b""
    code: str = ""
    message: str = ""
    hint: str = ""

    def answer(self) -> Answer:
        """Return it without its task, which whoever handed out the file has."""
        return self.state, self.size, self.mtime_ns, self.document, self.code, self.message, self.hint

    @classmethod
    def of(cls, task: Task, answer: Answer) -> Self:
        """Return the outcome of a task by what was answered."""
        state, size, mtime_ns, document, code, message, hint = answer
        return cls(state, task, size, mtime_ns, document, code, message, hint)


def take(task: Task, *, store: "Batch | None", profiles: Mapping[str, Profile]) -> Outcome:
    """Take one file.

    Parameters
    ----------
    store : arraystore.Batch or None
        Where its arrays go: they are there once it has published. None for headers only.

    Raises
    ------
    arraystore.StoreError
        The store is full, gone, damaged or read-only: no file could be taken now.
    """
    try:
        return _take(task, store, profiles)
    except (FitsError, ProfileError) as error:
        return refused(task, error.code, error.message, error.hint)
    except InvalidArray as error:
        return refused(task, "array-refused", str(error), "the file stays as it is; see the message")
    except StoreError:
        raise
    except MemoryError:
        return refused(task, "out-of-memory", "does not fit in memory", "free memory, then ingest it again")
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
        return refused(task, "unreadable", reason, "check the disk and the file's permissions")
    except InvalidDocument as error:
        return refused(task, "document-refused", f"cannot be a document: {error}", "report it, with the file")
    except Exception as error:  # noqa: BLE001 - a fault of ours costs this file, and is kept to be corrected
        message = f"could not be taken: {type(error).__name__}: {error}\n{traceback.format_exc(limit=-4)}"
        return refused(task, "internal-error", message, "report it, with the file")


def refused(task: Task, code: str, message: str, hint: str) -> Outcome:
    """Return the outcome of a file that could not be taken."""
    return Outcome("refused", task, code=code, message=message, hint=hint)


def _take(task: Task, store: "Batch | None", profiles: Mapping[str, Profile]) -> Outcome:
    before = os.lstat(task.opened)
    outcome = Outcome("same", task, before.st_size, before.st_mtime_ns)
    with open_fits(task.opened, follow=False) as file, ThreadPoolExecutor(1, "sha256") as aside:
        sha256 = _sha256(file, task, aside)
        if task.known is not None and sha256() is not None and sha256() == task.known.sha256:
            return outcome
        path = PurePosixPath(task.file)
        if task.profile is None:
            profile = choose(path, file.hdus, profiles=profiles)
        else:
            profile = profiles[task.profile]
        identity = identify(profile, path, file.hdus, site=task.site, asked=task.profile is not None)
        if task.campaign is not None:
            identity = replace(identity, fields={**identity.fields, "campaign": task.campaign})
        # An image with an axis of length 0 has no pixels to keep.
        plans = [plan for plan in plan_arrays(profile, file.hdus) if file.hdus[plan.hdu].pixels is not None]
        refs = {} if store is None else store_arrays(file, plans, store)
        document = document_of(
            file,
            document_id=_name(task, profile, path),
            profile=profile,
            identity=identity,
            plans=plans,
            refs=refs,
            found=task.found._replace(size=before.st_size, mtime_ns=before.st_mtime_ns),
            sha256=sha256(),
            run=task.run,
            version=task.version,
        )
    after = os.lstat(task.opened)
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        return refused(task, UNSETTLED, "changed while it was read", "ingest it again when it is whole")
    return _encoded(outcome, document)


def _sha256(file: FitsFile, task: Task, aside: Executor) -> Callable[[], str | None]:
    """Return how to ask for the digest of a file: of a large one that is new it is made while its arrays are stored.

    It reads ahead of them, so that the disk is read once, and from the first byte to the last.
    """
    if task.headers_only:
        return lambda: None
    if task.known is None and file.size >= WORTH_A_THREAD:
        return aside.submit(file.sha256).result
    digest = file.sha256()
    return lambda: digest


def _name(task: Task, profile: Profile, path: PurePosixPath) -> str:
    """Return a document's name: the one it has, else by its path and root alone, whatever is stored.

    Files of a profile with a path rule, and those under a root of 0.2, are named by the last components of
    the path; others by the whole path below their root, so that no two are alike.
    """
    if task.known is not None:
        return task.known.document_id
    if task.whole and profile.path is None:
        return f"{task.located.root}/{task.located.path}"
    return "/".join(path.parts[-profile.id_parts :]).lstrip("/")


def _encoded(outcome: Outcome, document: Document) -> Outcome:
    data = bson.encode(document)
    if len(data) > DOCUMENT_CAP:
        message = f"has headers that make a document of {len(data)} bytes, over the limit of {DOCUMENT_CAP}"
        return refused(outcome.task, "document-too-large", message, "split the file into several")
    return replace(outcome, state="taken", document=data)


def store_arrays(file: FitsFile, plans: list[ArrayPlan], store: "Batch") -> dict[str, ArrayRef]:
    """Store every array of a file, and its residue.

    Returns
    -------
    dict
        References by array name.

    Raises
    ------
    ValueError
        A plan names an HDU without pixels.
    """
    refs: dict[str, ArrayRef] = {}
    for plan in plans:
        hdu = file.hdus[plan.hdu]
        if hdu.pixels is None:
            raise ValueError(f"HDU {plan.hdu} has no pixels")
        scale = Scale(*hdu.scale) if hdu.scale else None
        kinds = dict(zip(plan.names, plan.kinds, strict=True))
        if plan.split is None:
            parts = {plan.names[0]: hdu.pixels}
        else:
            parts = SPLITS[plan.split].split(hdu.pixels, hdu.header)
        for name, source in parts.items():
            refs[name] = store.put(source, kind=kinds[name], scale=scale)
    residue = file.residue()
    if residue is not None:
        refs[RESIDUE] = store.put(residue, kind="bytes")
    return refs
