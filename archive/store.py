"""The archive: an OCFL 1.1 storage root with an object a dossier, that others can read without this program.

An object's head holds, for each document of the dossier, a folder named by its serial::

    001/document.pdf      the signed, searchable PDF/A
    001/text.json         the text of each page, what read it, what was corrected
    001/metadata.json     the record: labels, fields with their evidence, pages of the scan, hash of the PDF
    001/provenance.json   which programs and people made it, when, with which settings
    001/original.pdf      the scan itself, where it was signed already and so is kept unchanged
    001/certified.pdf     that scan with the agency's own signature added, where the settings ask for it
    001/history.json      what was done to it in the archives where it was before, where a package brought it

When the proofs of a record's signatures are renewed, its ``document.pdf`` grows, and its ``certified.pdf``: a new
version of the object, whose earlier ones stay.

When it is withdrawn, its metadata say so from then on; when its retention is over and it is destroyed, all that is left
of it, in any version, is ``destroyed.json``. How a change becomes visible: ``archive/staging.py``.
"""

import glob
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from archive.bucket import Bucket
from archive.content import (
    SIGNED_PDFS,
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
from archive.objects import CERTIFICATE, EARLIER, HeldObject, dossier_code
from archive.shelves import Shelves
from archive.staging import (
    DECLARATION,
    STAGING,
    Busy,
    Step,
    make_root,
    making,
    no_step,
    unavailable,
)
from schemas.documents import SignedPdf
from schemas.errors import InputRejected, IntegrityBroken
from schemas.language import _
from schemas.records import Deposit, RecordVersion, Submission, Withdrawal
from schemas.retention import Retention
from schemas.stored import to_json

# pairtree, which ocfl-py imports, sends the whole process's log to stderr from INFO up, a line a deposit.
for _handler in [h for h in logging.root.handlers if type(h) is logging.StreamHandler]:
    logging.root.removeHandler(_handler)
logging.root.setLevel(logging.WARNING)

NOTHING_KNOWN: Mapping[str, Sequence[RecordVersion]] = MappingProxyType({})

Arrival = tuple[Submission, Path | None]
"""A document on its way in, and its original where that is kept beside it."""


@dataclass(frozen=True, slots=True)
class Archive(Shelves):
    """Shelves that records are put on. Reading needs no lock; deposits are made one at a time, among all processes."""

    @classmethod
    def open(cls, root: Path, *, at_step: Step = no_step, bucket: Bucket | None = None) -> "Archive":
        """The archive at *root*, made if nothing is there; a deposit that was interrupted is ended or dropped.

        With a *bucket* each change goes there before it counts, and what *root* lacks comes from there.
        ServiceUnavailable when the folder cannot be made or read, IntegrityBroken when it holds something else.
        """
        archive = cls(root.absolute(), at_step, bucket)
        try:
            if not root.exists() or not any(root.iterdir()):
                make_root(archive.root)
            for left in root.absolute().parent.glob(f"{glob.escape(making(root))}*"):  # of a run that was killed there
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
                self._complete(held)
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
                return self._stands(held, serial)
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
            if held.standing(serial).record.withdrawn is not None:
                return self._stands(held, serial)
            by = ", ".join(part for part in (withdrawal.reason, withdrawal.decision) if part)
            return self._described_anew(
                held, serial, {"withdrawn": to_json(withdrawal)}, withdrawal.by, f"withdraw {serial}: {by}",
                f"{withdrawal.at.isoformat(timespec='seconds')} {withdrawal.by}: withdraw {by}",
            )  # fmt: skip

    def retained(self, record_id: str, term: Retention, *, operator: str) -> Deposit:
        """Say how long a record is kept, as a version of its own. InputRejected where there is no such record."""
        with self._changing():
            held, serial = self._held(record_id)
            if held.standing(serial).record.retention == term:
                return self._stands(held, serial)
            said = f"retention {term.code}{f' until {term.until}' if term.until else ''}"
            now = datetime.now(UTC).isoformat(timespec="seconds")
            return self._described_anew(
                held, serial, {"retention": to_json(term)}, operator, f"{said}: {serial}", f"{now} {operator}: {said}"
            )

    def destroy(self, record_id: str, certificate: dict[str, object], *, operator: str) -> list[Deposit]:
        """Take a document out of its object, in every version, and leave the *certificate*; the rest of the dossier.

        The other documents of the dossier stay, byte for byte, in every version; they are returned with the hashes of
        the inventories, which are new. One that was destroyed already stays so. The caller has seen that the retention
        is over. InputRejected where there is no such record.
        """
        with self._changing():
            held, serial = self._known(record_id)
            if held.is_destroyed(serial):
                self._complete(held)
                return list(held.deposits())
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
                return self._stands(held, serial)
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

    def take_back(
        self,
        folders: Mapping[str, Path],
        *,
        operator: str,
        earlier: Mapping[str, Sequence[RecordVersion]] = NOTHING_KNOWN,
    ) -> list[Deposit]:
        """Put records of one dossier in again, under their ids, from *folders* with their files (id → folder);
        *earlier* is what was done to each before, which its history begins with from now on.

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
                        if before := earlier.get(f"{dossier}.{serial}"):
                            write_json(content / serial / EARLIER, [to_json(version) for version in before])

                made = {deposit.record.id: deposit for deposit in self._put(change, write, held, list(fresh))}
            else:
                assert held is not None
                self._complete(held)
                made = {}
            now = self._read(self._object_path(dossier))
            assert now is not None
            return [made.get(f"{dossier}.{serial}") or now.standing(serial) for serial in serials]

    @contextmanager
    def between_deposits(self) -> Iterator[None]:
        """No deposit is in hand while the block runs; where the archive cannot be written, none ever is."""
        with ExitStack() as stack:
            with suppress(OSError):
                stack.enter_context(self.staging.locked(wait=True))
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

    def _stands(self, held: HeldObject, serial: str) -> Deposit:
        """A document that stands as it was to be made."""
        self._complete(held)
        return held.standing(serial)

    def _complete(self, held: HeldObject) -> None:
        """End what the run that made the newest version may have been stopped in: sending it to the bucket."""
        check_validity(self.root / held.path, held.path)
        self._publish(held.path)

    def _publish(self, object_path: str) -> None:
        if self.bucket is not None:
            self.bucket.push(self.root, object_path)
