"""The archive: an OCFL 1.1 storage root with an object a dossier, that others can read without this program.

An object's head holds, for each document of the dossier, a folder named by its serial::

    001/document.pdf      the signed, searchable PDF/A
    001/text.json         the text of each page, what read it, what was corrected
    001/metadata.json     the record: labels, fields with their evidence, pages of the scan, hash of the PDF
    001/provenance.json   which programs and people made it, when, with which settings
    001/original.pdf      the scan itself, where it was signed already and so is kept unchanged
    001/certified.pdf     that scan with the agency's own signature added, where the settings ask for it

When the proofs of a record's signatures are renewed, its ``document.pdf`` grows, and its ``certified.pdf``: a new
version of the object, whose earlier ones stay.

When it is withdrawn, its metadata say so from then on; when its retention is over and it is destroyed, all that is left
of it, in any version, is ``destroyed.json``. How a change becomes visible: ``archive/staging.py``.
"""

import glob
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import ocfl
from ocfl.storage_root import StorageRootException

from archive.bucket import Bucket
from archive.content import (
    DOCUMENT,
    SIGNED_PDFS,
    SUFFIXES,
    Change,
    begins_with,
    build,
    check_copies,
    check_validity,
    decisions_together,
    deposit_of,
    metadata_of,
    noted_pdf,
    purge,
    said_of,
    write_document,
    write_json,
)
from archive.objects import CERTIFICATE, LAYOUT, HeldObject, dossier_code, object_id
from archive.staging import (
    DECLARATION,
    SPEC_VERSION,
    STAGING,
    Busy,
    Staging,
    Step,
    flush,
    no_step,
    sync_folder,
    unavailable,
)
from schemas.documents import FoundSignature, SignedPdf
from schemas.errors import InputRejected, IntegrityBroken
from schemas.language import _
from schemas.records import Deposit, Provenance, Record, RecordVersion, Submission, Withdrawal
from schemas.retention import Retention
from schemas.stored import from_json, to_json

# pairtree, which ocfl-py imports, sends the whole process's log to stderr from INFO up, a line a deposit.
for _handler in [h for h in logging.root.handlers if type(h) is logging.StreamHandler]:
    logging.root.removeHandler(_handler)
logging.root.setLevel(logging.WARNING)

Arrival = tuple[Submission, Path | None]
"""A document on its way in, and its original where that is kept beside it."""


@dataclass(frozen=True, slots=True)
class Archive:
    """An OCFL storage root on a local or mounted folder. Reading needs no lock; deposits are made one at a time."""

    root: Path
    at_step: Step = field(default=no_step, repr=False)
    """Told of each step of a deposit by name; tests stop the process there."""
    bucket: Bucket | None = field(default=None, repr=False)
    """Where the records are kept, if not in ``root``: that is where changes are made, and holds what was asked for."""

    @classmethod
    def open(cls, root: Path, *, at_step: Step = no_step, bucket: Bucket | None = None) -> "Archive":
        """The archive at *root*, made if nothing is there; a deposit that was interrupted is ended or dropped.

        With a *bucket* each change goes there before it counts, and what *root* lacks comes from there.
        ServiceUnavailable when the folder cannot be made or read, IntegrityBroken when it holds something else.
        """
        archive = cls(root.absolute(), at_step, bucket)
        try:
            if not root.exists() or not any(root.iterdir()):
                archive._make()
            for left in root.absolute().parent.glob(f"{glob.escape(_making(root))}*"):  # of a run that was killed there
                shutil.rmtree(left, ignore_errors=True)
            if (root / "extensions" / STAGING).is_dir():
                with suppress(Busy, PermissionError), archive.staging.locked(wait=False):
                    archive.staging.recover()
        except OSError as error:
            raise unavailable(root, error) from error
        if not (root / DECLARATION).is_file():
            raise IntegrityBroken(
                _("archive {root}: the folder holds something, but {name} is missing; is archive.root right?").format(
                    root=root, name=DECLARATION
                )
            )
        if bucket is not None:
            bucket.make(root)
        return archive

    def deposit(self, submission: Submission, *, original: Path | None = None) -> Deposit:
        """Put a signed document into its dossier's object, as ``deposit_all`` does with several."""
        [deposit] = self.deposit_all([(submission, original)])
        return deposit

    def deposit_all(self, arrivals: Sequence[Arrival]) -> list[Deposit]:
        """Put signed documents of one dossier into its object, as one version, and say where each stands.

        The same document of the same scan (SHA-256 and first page) deposited again returns what stands, with
        ``new`` False. InputRejected for a dossier without a code, IntegrityBroken when a signed PDF is not the one
        that was signed, ServiceUnavailable when the folder cannot be written: then nothing of it is visible.
        """
        [code] = {submission.dossier for submission, _original in arrivals}
        dossier = dossier_code(code)
        if not dossier:
            raise InputRejected(
                _("{scan}: its dossier has no code; give one with --dossier").format(
                    scan=arrivals[0][0].document.scan.path
                )
            )
        with self._changing():
            held = self._read(self._object_path(dossier))
            standing = [held.standing_of(submission.document) if held else None for submission, _o in arrivals]
            fresh = [arrival for arrival, stands in zip(arrivals, standing, strict=True) if stands is None]
            if held is not None and not fresh:
                check_validity(self.root / held.path, held.path)
                self._publish(held.path)  # an earlier run may have been stopped before it did
            added = iter(self._add(dossier, fresh, held) if fresh else [])
            return [stands if stands is not None else next(added) for stands in standing]

    def renewed(self, record_id: str, pdfs: Mapping[str, SignedPdf], *, operator: str, decision: str) -> Deposit:
        """Put *pdfs* in the place of a record's signed PDFs, by their names (``signed_pdfs``), as a version of its own;
        every earlier version stays readable.

        *decision* joins the record's provenance. PDFs that stand already change nothing (``new`` is False).
        InputRejected where there is no such record or one does not begin with what stands, byte for byte: only what
        was added to the record's own PDF may follow it. ServiceUnavailable when the folder cannot be written.
        """
        with self._changing():
            held, serial = self._held(record_id)
            metadata, provenance = held.json(serial, "metadata.json"), held.json(serial, "provenance.json")
            fresh = {name: pdf for name, pdf in pdfs.items() if metadata[SIGNED_PDFS[name]]["sha256"] != pdf.sha256}
            if not fresh:
                check_validity(self.root / held.path, held.path)
                return held.standing(serial)
            for name, pdf in fresh.items():
                if not begins_with(pdf.path, held.file(serial, name)):
                    raise InputRejected(
                        _("{file}: does not go on from the PDF of record {id}; renew the one that stands").format(
                            file=pdf.path, id=record_id
                        )
                    )
                metadata[SIGNED_PDFS[name]] = noted_pdf(pdf)
            provenance["decisions"] = [*provenance["decisions"], decision]

            def write(content: Path) -> None:
                folder = content / serial
                folder.mkdir(mode=0o700, parents=True)
                for name, pdf in fresh.items():
                    shutil.copyfile(pdf.path, folder / name)
                write_json(folder / "metadata.json", metadata)
                write_json(folder / "provenance.json", provenance)

            copies = {f"{serial}/{name}": (pdf.sha256, pdf.path) for name, pdf in fresh.items()}
            standing = held.standing(serial)
            change = Change(standing.record.dossier, f"renew {serial}", operator, datetime.now(UTC), copies)
            [deposit] = self._put(change, write, held, [serial])
            return deposit

    def withdrawn(self, record_id: str, withdrawal: Withdrawal) -> Deposit:
        """Let a record stand no more: a version says so, with the reason and the name; every file stays.

        One that was withdrawn already stays as it is (``new`` is False). InputRejected where there is no such record.
        """
        with self._changing():
            held, serial = self._held(record_id)
            standing = held.standing(serial)
            if standing.record.withdrawn is not None:
                return standing
            by = ", ".join(part for part in (withdrawal.reason, withdrawal.decision) if part)
            return self._described_anew(
                held, serial, {"withdrawn": to_json(withdrawal)}, withdrawal.by, f"withdraw {serial}: {by}",
                f"{withdrawal.at.isoformat(timespec='seconds')} {withdrawal.by}: withdraw {by}",
            )  # fmt: skip

    def retained(self, record_id: str, term: Retention, *, operator: str) -> Deposit:
        """Say how long a record is kept, as a version of its own. InputRejected where there is no such record."""
        with self._changing():
            held, serial = self._held(record_id)
            standing = held.standing(serial)
            if standing.record.retention == term:
                return standing
            said = f"retention {term.code}{f' until {term.until}' if term.until else ''}"
            now = datetime.now(UTC).isoformat(timespec="seconds")
            return self._described_anew(
                held, serial, {"retention": to_json(term)}, operator, f"{said}: {serial}", f"{now} {operator}: {said}"
            )

    def destroy(self, record_id: str, certificate: dict[str, object], *, operator: str) -> list[Deposit]:
        """Take a document out of its object, in every version, and leave the *certificate*; the rest of the dossier.

        The other documents of the dossier stay, byte for byte, in every version; they are returned with the hashes of
        the inventories, which are new. The caller has seen that the retention is over. InputRejected where there is no
        such record.
        """
        with self._changing():
            held, serial = self._held(record_id)
            metadata = held.json(serial, "metadata.json")
            change = Change(metadata["dossier"], f"destroy {serial}", operator, datetime.now(UTC), {})

            def built(tree: Path) -> list[Deposit]:
                inventory = purge(held, serial, tree / held.path)
                content = tree.parent / "content"
                (content / serial).mkdir(mode=0o700, parents=True)
                write_json(content / serial / CERTIFICATE, certificate)
                build(tree / held.path, content, change, inventory)
                shutil.rmtree(content)
                self.at_step("version built")
                check_validity(tree / held.path, held.path, digests=True)
                return list(HeldObject.built(self.root, held.path, tree / held.path).deposits())

            left = self.staging.swap(held.path, built, aside=None)
            self._publish(held.path)
            return left

    def corrected(self, submission: Submission, *, original: Path | None = None) -> Deposit:
        """Put a document that is held already as a person has decided it anew, as a version of its own.

        It keeps its serial and the day of its deposit; every earlier version stays readable. One that stands just so
        changes nothing (``new`` is False), one that is not held is deposited. Errors as ``deposit`` has them.
        """
        dossier = dossier_code(submission.dossier)
        with self._changing():
            held = self._read(self._object_path(dossier))
            standing = held.standing_of(submission.document) if held else None
            if held is None or standing is None:
                [deposit] = self._add(dossier, [(submission, original)], held)
                return deposit
            serial = f"{standing.record.serial:03d}"
            before = held.json(serial, "metadata.json")
            since = standing.record.deposited_at
            after = metadata_of(replace(submission, dossier=dossier), serial, since)
            after["retention"] = before.get("retention") or after["retention"]
            after["certified"] = before.get("certified")  # that copy stays, as the original does
            if before == after:
                return standing
            decisions = decisions_together(held.json(serial, "provenance.json"), submission.provenance.decisions)

            def write(content: Path) -> None:
                alone = replace(submission, dossier=dossier, certified=None)
                write_document(content / serial, alone, None, serial, since)
                write_json(content / serial / "metadata.json", after)
                made = held.json(serial, "provenance.json")
                write_json(content / serial / "provenance.json", made | {"decisions": decisions})

            copies = {f"{serial}/document.pdf": (submission.signed.sha256, submission.signed.path)}
            operator = submission.provenance.operator
            change = Change(dossier, f"correct {serial}", operator, datetime.now(UTC), copies)
            [deposit] = self._put(change, write, held, [serial])
            return deposit

    def standing(self, submission: Submission) -> Deposit | None:
        """What is held already of this document of this scan in its dossier; None where it is new."""
        held = self._read(self._object_path(dossier_code(submission.dossier)))
        return held.standing_of(submission.document) if held is not None else None

    def deposits(self, on_damage: Callable[[IntegrityBroken], None] | None = None) -> Iterator[Deposit]:
        """Everything that is held, read from the objects alone, object by object.

        IntegrityBroken at the first object that cannot be read, or *on_damage* is told of it and it is left out.
        """
        for path in self.object_paths():
            try:
                yield from list(self.deposits_of(path))
            except IntegrityBroken as error:
                if on_damage is None:
                    raise
                on_damage(error)

    def deposits_of(self, object_path: str) -> Iterator[Deposit]:
        """What one object holds; nothing where there is none."""
        held = self._read(object_path)
        return held.deposits() if held is not None else iter(())

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

    def take_back(self, folders: Mapping[str, Path], *, operator: str) -> list[Deposit]:
        """Put records of one dossier in again, under their ids, from *folders* with their files (id → folder).

        What stands with the same PDF and metadata stays (``new`` is False). InputRejected where another record stands
        under an id, or the files do not fit the id; IntegrityBroken where a PDF is not the one that its metadata say.
        """
        [dossier] = {id.rpartition(".")[0] for id in folders}
        serials = {id.rpartition(".")[2]: folder for id, folder in folders.items()}
        with self._changing():
            held = self._read(self._object_path(dossier))
            fresh: dict[str, Path] = {}
            for serial, folder in serials.items():
                metadata = said_of(folder, f"{dossier}.{serial}")
                if held is None or serial not in held.serials:
                    fresh[serial] = folder
                elif held.is_destroyed(serial) or held.json(serial, "metadata.json") != metadata:
                    raise InputRejected(
                        _("{folder}: another record stands under {id}").format(folder=folder, id=f"{dossier}.{serial}")
                    )
            if fresh:
                copies = {f"{serial}/document.pdf": (said_of(folder, f"{dossier}.{serial}")["pdf"]["sha256"],
                                                     folder / "document.pdf")
                          for serial, folder in fresh.items()}  # fmt: skip
                message = f"take back {', '.join(fresh)}"
                change = Change(dossier, message, operator, datetime.now(UTC), copies)

                def write(content: Path) -> None:
                    for serial, folder in fresh.items():
                        shutil.copytree(folder, content / serial)

                made = {deposit.record.id: deposit for deposit in self._put(change, write, held, list(fresh))}
            else:
                made = {}
            now = self._read(self._object_path(dossier))
            assert now is not None
            return [made.get(f"{dossier}.{serial}") or now.standing(serial) for serial in serials]

    def history(self, record_id: str) -> tuple[RecordVersion, ...]:
        """Each version in which something of a record changed, the oldest first. InputRejected for no such record."""
        held, serial = self._known(record_id)
        return tuple(held.history(serial))

    def certificate(self, record_id: str) -> dict[str, Any] | None:
        """What is left of a record that was destroyed; None of one that stands. InputRejected for no such record."""
        held, serial = self._known(record_id)
        return held.value(serial, CERTIFICATE, dict[str, Any]) if held.is_destroyed(serial) else None

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

    @contextmanager
    def between_deposits(self) -> Iterator[None]:
        """No deposit is in hand while the block runs; where the archive cannot be written, none ever is."""
        with ExitStack() as stack:
            with suppress(OSError):
                stack.enter_context(self.staging.locked(wait=True))
            yield

    def _object_path(self, dossier: str) -> str:
        layout = ocfl.StorageRoot(str(self.root), layout_name=LAYOUT).layout
        return str(layout.identifier_to_path(object_id(dossier)))

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

    def _make(self) -> None:
        """Build an empty root beside, then put it in its place by one rename."""
        self.root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = Path(mkdtemp(prefix=_making(self.root), dir=self.root.parent))
        try:
            made = beside / "root"
            ocfl.StorageRoot(str(made), layout_name=LAYOUT).initialize(spec_version=SPEC_VERSION)
            flush(made)
            made.rename(self.root)
            sync_folder(self.root.parent)
        except (OSError, StorageRootException):
            # Another run that makes it at the same time may be first, and sweeps up what it finds beside.
            if not (self.root / DECLARATION).is_file():
                raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)

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

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """``alone``, with errors in the words of this program."""
        try:
            with self.alone():
                yield
        except OSError as error:
            raise unavailable(self.root, error) from error

    def _add(self, dossier: str, arrivals: Sequence[Arrival], held: HeldObject | None) -> list[Deposit]:
        last = max((int(name) for name in held.serials), default=0) if held else 0
        by_serial = {f"{last + n:03d}": arrival for n, arrival in enumerate(arrivals, start=1)}
        now = datetime.now(UTC)

        def write(content: Path) -> None:
            for serial, (submission, original) in by_serial.items():
                write_document(content / serial, replace(submission, dossier=dossier), original, serial, now)

        return self._put(deposit_of(dossier, by_serial, now), write, held, list(by_serial))

    def _described_anew(
        self, held: HeldObject, serial: str, said: dict[str, object], operator: str, message: str, decision: str
    ) -> Deposit:
        """A version in which a document's metadata say something more, and its provenance who decided it."""
        metadata, provenance = held.json(serial, "metadata.json"), held.json(serial, "provenance.json")

        def write(content: Path) -> None:
            folder = content / serial
            folder.mkdir(mode=0o700, parents=True)
            write_json(folder / "metadata.json", metadata | said)
            write_json(
                folder / "provenance.json", provenance | {"decisions": [*provenance.get("decisions", []), decision]}
            )

        change = Change(metadata["dossier"], message, operator, datetime.now(UTC), {})
        [deposit] = self._put(change, write, held, [serial])
        return deposit

    def _put(
        self, change: Change, write: Callable[[Path], None], held: HeldObject | None, serials: Sequence[str]
    ) -> list[Deposit]:
        """Make a version of a dossier's object of what *write* writes, documents by *serials*. Under the lock."""
        path = held.path if held else self._object_path(change.dossier)

        def built(tree: Path) -> list[Deposit]:
            content = tree.parent / "content"
            write(content)
            self.at_step("content written")
            build(tree / path, content, change, held.inventory if held else None)
            shutil.rmtree(content)
            self.at_step("version built")
            made = HeldObject.built(self.root, path, tree / path)
            check_copies(made, change)
            return [replace(made.standing(serial), new=True) for serial in serials]

        deposits = self.staging.add(built)
        check_validity(self.root / path, path)
        self._publish(path)
        return deposits

    def _publish(self, object_path: str) -> None:
        if self.bucket is not None:
            self.bucket.push(self.root, object_path)

    def _read(self, object_path: str) -> HeldObject | None:
        """The object at *object_path*, brought here where it is kept elsewhere and has something that is not here."""
        if self.bucket is not None and self.bucket.behind(self.root, object_path):
            self.bring(object_path)
        return HeldObject.read(self.root, object_path)

    def bring_all(self) -> None:
        """Take every object from the bucket that is not here as it is there."""
        for path in list(self.object_paths()):
            self._read(path)

    def bring(self, object_path: str) -> None:
        """Take what the bucket has of an object and the folder has not."""
        assert self.bucket is not None
        fetch, here = self.bucket.fetch, self.root / object_path
        having = here if here.is_dir() else None
        with nullcontext() if self.staging.is_mine else self.alone():
            self.staging.add(lambda tree: fetch(object_path, tree / object_path, having=having))


def _making(root: Path) -> str:
    """How the name of a folder begins in which a root is being made."""
    return f".{root.absolute().name}.making-"
