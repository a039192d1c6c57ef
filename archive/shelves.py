"""The records of an archive, to be read: what each object of the storage root holds now, and held before.

Reading needs no lock: what is there is there whole (``archive/staging.py``).
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import ocfl
from ocfl.storage_root import StorageRootException

from archive.bucket import Bucket
from archive.content import DOCUMENT, SIGNED_PDFS, SUFFIXES
from archive.objects import CERTIFICATE, LAYOUT, HeldObject, dossier_code, object_id
from archive.staging import STAGING, Staging, Step, no_step
from schemas.documents import FoundSignature, SignedPdf
from schemas.errors import InputRejected, IntegrityBroken
from schemas.language import _
from schemas.records import Deposit, Provenance, Record, RecordVersion, Submission
from schemas.stored import from_json


@dataclass(frozen=True, slots=True)
class Shelves:
    """What an OCFL storage root on a local or mounted folder holds."""

    root: Path
    at_step: Step = field(default=no_step, repr=False)
    """Told of each step of a deposit by name; tests stop the process there."""
    bucket: Bucket | None = field(default=None, repr=False)
    """Where the records are kept, if not in ``root``: that is where changes are made, and holds what was asked for."""

    def standing(self, submission: Submission) -> Deposit | None:
        """What is held already of this document of this scan in its dossier; None where it is new."""
        held = self._read(self._object_path(dossier_code(submission.dossier)))
        return held.standing_of(submission.document) if held is not None else None

    def deposits(self) -> Iterator[Deposit]:
        """Everything that is held, read from the objects alone, object by object.

        IntegrityBroken at the first object that cannot be read.
        """
        for path in self.object_paths():
            yield from self.deposits_of(path)

    def deposits_of(self, object_path: str) -> Iterator[Deposit]:
        """What one object holds; nothing where there is none."""
        held = self._read(object_path)
        return held.deposits() if held is not None else iter(())

    def object_at(self, object_path: str) -> HeldObject | None:
        """The object in that folder, None where there is none. IntegrityBroken when its inventory cannot be read."""
        return self._read(object_path)

    def decided(self) -> Iterator[tuple[Record, str, int, tuple[str, ...]]]:
        """Each record that a person decided on, with its scan's name, its first page there, and the decisions.

        What cannot be read is left out.
        """
        for path in self.object_paths():
            with suppress(IntegrityBroken):
                held = self._read(path)
                if held is None:
                    continue
                for serial in held.standing_serials:
                    record = held.standing(serial).record
                    decisions = held.value(serial, "provenance.json", Provenance).decisions
                    if decisions:
                        name = str(held.json(serial, "metadata.json")["scan"]["name"])
                        yield record, name, held.origin(serial)[1], decisions

    def records(self) -> Iterator[Record]:
        """Every record, read from the objects alone. IntegrityBroken at the first that cannot be read."""
        return (deposit.record for deposit in self.deposits())

    def find(self, record_id: str) -> Deposit:
        """What is held under a record's id. InputRejected where there is no such record."""
        held, serial = self._held(record_id)
        return held.standing(serial)

    def record(self, record_id: str) -> Record:
        """The record with this id. InputRejected where there is none."""
        dossier, _dot, serial = record_id.rpartition(".")
        if dossier and self.bucket is None:
            held = HeldObject.as_written(self.root, self._object_path(dossier))
            if held is not None and held.stands(serial):
                return held.record(serial)
        return self.find(record_id).record

    def pdf(self, record_id: str) -> Path:
        """The signed PDF of a record. InputRejected where there is no such record."""
        held, serial = self._held(record_id)
        return held.file(serial, "document.pdf")

    def original(self, record_id: str) -> Path | None:
        """The scan that is kept unchanged beside a record's PDF, where one is. InputRejected for no such record."""
        held, serial = self._held(record_id)
        for suffix in SUFFIXES.values():
            if held.inventory.current_version.content_path_for_logical_path(f"{serial}/original{suffix}"):
                return held.file(serial, f"original{suffix}")
        return None

    def signed(self, record_id: str) -> SignedPdf:
        """The PDF of a record with what was noted of its signatures. InputRejected where there is no such record."""
        return self.signed_pdfs(record_id)[DOCUMENT]

    def signed_pdfs(self, record_id: str) -> dict[str, SignedPdf]:
        """Each PDF of a record that the office signed, by its name, with what was noted of its signatures:
        ``document.pdf``, and ``certified.pdf`` where there is one. InputRejected where there is no such record."""
        held, serial = self._held(record_id)
        metadata = held.json(serial, "metadata.json")
        return {
            name: from_json(SignedPdf, {"path": held.file(serial, name), **metadata[noted]})
            for name, noted in SIGNED_PDFS.items()
            if metadata.get(noted)
        }

    def page_numbers(self, record_id: str) -> tuple[int, ...]:
        """Which pages of its scan a record is, from 1. InputRejected where there is no such record."""
        held, serial = self._held(record_id)
        return tuple(held.json(serial, "metadata.json")["pages"])

    def found_signatures(self, record_id: str) -> tuple[FoundSignature, ...]:
        """Those that its scan bore already, as they were when it came. InputRejected where there is no such record."""
        held, serial = self._held(record_id)
        found = held.json(serial, "metadata.json").get("original_signatures", [])
        return tuple(from_json(FoundSignature, one) for one in found)

    def provenance(self, record_id: str) -> Provenance:
        """Who and what made a record. InputRejected where there is no such record."""
        held, serial = self._held(record_id)
        return held.value(serial, "provenance.json", Provenance)

    def files(self, record_id: str) -> list[tuple[str, Path, str]]:
        """Name, place and SHA-512 of each file of a record as it stands. InputRejected for no such record."""
        held, serial = self._held(record_id)
        return [(name, held.file(serial, name), held.digest(serial, name)) for name in held.names(serial)]

    def history(self, record_id: str) -> tuple[RecordVersion, ...]:
        """Each version in which something of a record changed, the oldest first. InputRejected for no such record."""
        held, serial = self._known(record_id)
        return tuple(held.history(serial))

    def certificate(self, record_id: str) -> dict[str, Any] | None:
        """What is left of a record that was destroyed; None of one that stands. InputRejected for no such record."""
        held, serial = self._known(record_id)
        return held.value(serial, CERTIFICATE, dict[str, Any]) if held.is_destroyed(serial) else None

    def place(self, record_id: str) -> str:
        """Where the object of a record lies, relative to the root. InputRejected where there is no such record."""
        return self._known(record_id)[0].path

    def deposits_beside(self, record_id: str) -> list[Deposit]:
        """What is held in the object of a record. InputRejected where there is no such record."""
        return list(self._known(record_id)[0].deposits())

    def object_paths(self) -> Iterator[str]:
        """The folder of each object, relative to the root."""
        root = ocfl.StorageRoot(str(self.root))
        root.registered_extensions.append(STAGING)
        try:
            root.open_root_fs()
            root.check_root_structure()
        except (StorageRootException, OSError) as error:
            raise IntegrityBroken(_("archive {root}: {error}").format(root=self.root, error=error)) from error
        yield from (here := list(root.object_paths()))
        if self.bucket is not None:
            known = set(here)
            yield from (path for path in self.bucket.object_paths() if path not in known)

    def bring_all(self) -> None:
        """Take every object from the bucket that is not here as it is there."""
        for path in list(self.object_paths()):
            self._read(path)

    def bring(self, object_path: str) -> None:
        """Take what the bucket has of an object and the folder has not, or all of it where a document was destroyed
        since."""
        assert self.bucket is not None
        fetch, here = self.bucket.fetch, self.root / object_path
        having = here if here.is_dir() else None
        with nullcontext() if self.staging.is_mine else self.alone():
            if having is not None and self.bucket.is_purged(self.root, object_path):
                self.staging.swap(object_path, lambda tree: fetch(object_path, tree / object_path), aside=None)
                return
            self.staging.add(lambda tree: fetch(object_path, tree / object_path, having=having))

    def _read(self, object_path: str) -> HeldObject | None:
        """The object at *object_path*, brought here where it is kept elsewhere and has something that is not here."""
        if self.bucket is not None and self.bucket.behind(self.root, object_path):
            self.bring(object_path)
        return HeldObject.read(self.root, object_path)

    @property
    def staging(self) -> Staging:
        """How changes to this root are made."""
        return Staging(self.root, self.at_step)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Alone in writing to this archive; what an earlier run left half done is ended first."""
        with self.staging.locked(wait=True):
            self.staging.recover()
            yield

    def _object_path(self, dossier: str) -> str:
        return str(_layout().identifier_to_path(object_id(dossier)))

    def _held(self, record_id: str) -> tuple[HeldObject, str]:
        held, serial = self._known(record_id)
        if held.is_destroyed(serial):
            raise InputRejected(
                _("record {id} was destroyed; `sohoa show {id}` shows the certificate that is left").format(
                    id=record_id
                )
            )
        return held, serial

    def _known(self, record_id: str) -> tuple[HeldObject, str]:
        dossier, _dot, serial = record_id.rpartition(".")
        held = self._read(self._object_path(dossier)) if dossier else None
        if held is None or serial not in held.serials:
            raise InputRejected(_("there is no record {id} in the archive").format(id=record_id))
        return held, serial


@cache
def _layout() -> Any:
    """Where an object lies by its id; the same for every root."""
    return ocfl.StorageRoot("", layout_name=LAYOUT).layout
