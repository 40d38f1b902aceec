"""An archive against a plain dict: any sequence of verbs, kills of its catalog among them, and both agree."""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import pipelines.documents.changes as changes
from pipelines import open_archive
from pipelines.documents.edits import Edit
from pipelines.documents.replay import settled
from pipelines.errors import Refused, UnknownDocument
from pipelines.upkeep.check import check
from pipelines.upkeep.rebuild import rebuild
from tests.crash.invariants import NONE
from tests.crash.nights import document_id, frame, frame_pixels

NUMBERS = st.integers(1, 4)
SEEDS = st.integers(0, 5)
DAY = timedelta(days=1)


class ArchiveMachine(RuleBasedStateMachine):
    """The model: files on disk (number to seed), documents in use, and their lives in the trash (seed, verdict)."""

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="darkroom-model-"))
        self.raw = self.folder / "raw"
        (self.raw / document_id(1)).parent.mkdir(parents=True)
        self.archive = open_archive(self.folder / "home")
        self.archive.roots.add("raw", self.raw)
        self.files: dict[int, int] = {}
        self.live: dict[int, tuple[int, str | None]] = {}
        self.trash: dict[int, list[tuple[int, str | None]]] = {}
        self.clock = 1_700_000_000

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.archive.close()
            shutil.rmtree(self.folder)

    @rule(number=NUMBERS, seed=SEEDS)
    def put(self, number: int, seed: int) -> None:
        path = self.raw / document_id(number)
        # The name of a frame is in its cards: files of one seed share their pixels, not their bytes.
        path.write_bytes(frame(number, seed=seed, tail=b"tail" * (seed % 2)))
        self.clock += 1
        os.utime(path, (self.clock, self.clock))
        self.files[number] = seed

    @rule(number=NUMBERS)
    def remove_original(self, number: int) -> None:
        (self.raw / document_id(number)).unlink(missing_ok=True)
        self.files.pop(number, None)

    @rule()
    def ingest(self) -> None:
        report = self.archive.ingest(self.raw, jobs=1, progress=False)
        assert report.refused == []
        new = {n: s for n, s in self.files.items() if n not in self.live}
        revised = {n: s for n, s in self.files.items() if n in self.live and self.live[n][0] != s}
        assert (report.new, report.revised) == (len(new), len(revised))
        self.live |= {n: (s, None) for n, s in (new | revised).items()}

    @rule(number=NUMBERS, verdict=st.sampled_from(["good", "bad", "odd"]))
    def change(self, number: int, verdict: str) -> None:
        edits = [Edit(document_id(number), {"qc.verdict": verdict})]
        arguments = {"catalog": self.archive.catalog, "store": self.archive.store, "why": "model"}
        if number in self.live:
            changed = changes.change(edits, **arguments)
            assert bool(changed) == (self.live[number][1] != verdict)
            self.live[number] = (self.live[number][0], verdict)
        else:
            with pytest.raises(UnknownDocument):
                changes.change(edits, **arguments)

    @rule(number=NUMBERS)
    def delete(self, number: int) -> None:
        if number in self.live:
            self.archive.delete(document_id(number))
            self.trash.setdefault(number, []).append(self.live.pop(number))
        else:
            with pytest.raises(UnknownDocument):
                self.archive.delete(document_id(number))

    @rule(number=NUMBERS)
    def restore(self, number: int) -> None:
        name = document_id(number)
        if number in self.trash and number not in self.live:
            assert self.archive.restore(name) == [name]
            self.live[number] = self.trash[number].pop()
            self.trash = {n: lives for n, lives in self.trash.items() if lives}
        else:
            with pytest.raises(Refused if number in self.trash else UnknownDocument):
                self.archive.restore(name)

    @rule(all_of_it=st.booleans())
    def sweep(self, all_of_it: bool) -> None:
        swept = self.archive.sweep(grace=NONE if all_of_it else DAY, dry_run=False)
        if all_of_it:
            self.trash = {}
        else:
            assert (swept.trash, swept.objects, swept.records) == (0, 0, 0)

    @rule()
    def check(self) -> None:
        found = check(self.archive.session, grace=NONE)
        assert found.clean, found

    @precondition(lambda self: self.live or self.trash)
    @rule()
    def rebuild(self) -> None:
        before = {name: self.documents(name) for name in ("headers", "trash", "history")}
        self.archive.close()
        for path in (self.folder / "home").glob("catalog.db*"):
            path.unlink()
        self.archive = open_archive(self.folder / "home")
        self.archive.roots.add("raw", self.raw)
        assert rebuild(self.archive.session).lost == []
        for name in ("headers", "trash"):
            assert self.documents(name) == before[name], name

    @rule()
    def reopen(self) -> None:
        self.archive.close()
        self.archive = open_archive(self.folder / "home")

    def documents(self, name: str) -> dict:
        found = {doc["_id"]: doc for doc in self.archive.catalog[name].find()}
        if name == "headers":  # but when a file was last touched: nothing of it changed
            return {key: settled(document) for key, document in found.items()}
        return {
            key: {**doc, "before": settled(doc["before"])} if "before" in doc else doc for key, doc in found.items()
        }

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "archive"):
            return
        documents = self.documents("headers")
        assert documents.keys() == {document_id(number) for number in self.live}
        for number, (seed, verdict) in self.live.items():
            document = documents[document_id(number)]
            assert document["qc"].get("verdict") == verdict
            assert ("residue" in document["arrays"]) == bool(seed % 2)
            assert (self.archive.cube(document)[...] == frame_pixels(seed)).all()
        trashed = {entry["document"] for entry in self.archive.catalog.trash.find()}
        assert trashed == {document_id(number) for number in self.trash}


ArchiveMachine.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestArchive = ArchiveMachine.TestCase


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_long_sequences():
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        ArchiveMachine, settings=settings(ArchiveMachine.TestCase.settings, max_examples=500, stateful_step_count=75)
    )
