"""The archive: an OCFL 1.1 storage root with an object a dossier, that others can read without this program.

An object's head holds, for each document of the dossier, a folder named by its serial::

    001/document.pdf      the signed, searchable PDF/A
    001/text.json         the text of each page
    001/metadata.json     the record: labels, fields with their evidence, pages of the scan, hash of the PDF
    001/provenance.json   which programs and people made it, when, with which settings
    001/original.pdf      the scan itself, where it was signed already and so is kept unchanged

When the proofs of a record's signatures are renewed, its ``document.pdf`` grows: a new version of the object, whose
earlier ones stay.

How a deposit becomes visible: the new files are built by ocfl-py in a tree that mirrors the root, under
``extensions/sohoa-staging``, and flushed; one rename marks the tree as ready; then it is merged into the root by
renames, the object's inventory last but for its sidecar. What is not marked is dropped at the next opening, what is
marked is merged to its end: after a kill at any point a deposit is there whole or not at all.
"""

import fcntl
import glob
import hashlib
import json
import logging
import os
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, TypeVar
from urllib.parse import quote, unquote

import ocfl
from ocfl.storage_root import StorageRootException

from schemas.documents import Document, FieldState, Kind, SignedPdf
from schemas.errors import InputRejected, IntegrityBroken, ServiceUnavailable
from schemas.language import _
from schemas.pages import MediaType
from schemas.records import Deposit, Provenance, Record, Submission
from schemas.stored import from_json, to_json

T = TypeVar("T")

# pairtree, which ocfl-py imports, sends the whole process's log to stderr from INFO up, a line a deposit.
for _handler in [h for h in logging.root.handlers if type(h) is logging.StreamHandler]:
    logging.root.removeHandler(_handler)
logging.root.setLevel(logging.WARNING)

SPEC_VERSION = "1.1"
DIGEST = "sha512"
LAYOUT = "0003-hash-and-id-n-tuple-storage-layout"
DECLARATION = f"0=ocfl_{SPEC_VERSION}"
STAGING = "sohoa-staging"
OBJECT_ID = "urn:sohoa:"
SUFFIXES = {MediaType.PDF: ".pdf", MediaType.TIFF: ".tif", MediaType.PNG: ".png", MediaType.JPEG: ".jpg"}

Step = Callable[[str], None]


def _no_step(name: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Archive:
    """An OCFL storage root on a local or mounted folder. Reading needs no lock; deposits are made one at a time."""

    root: Path
    at_step: Step = field(default=_no_step, repr=False)
    """Told of each step of a deposit by name; tests stop the process there."""

    @classmethod
    def open(cls, root: Path, *, at_step: Step = _no_step) -> "Archive":
        """The archive at *root*, made if nothing is there; a deposit that was interrupted is ended or dropped.

        ServiceUnavailable when the folder cannot be made or read, IntegrityBroken when it holds something else.
        """
        archive = cls(root.absolute(), at_step)
        try:
            if not root.exists() or not any(root.iterdir()):
                archive._make()
            for left in root.absolute().parent.glob(f"{glob.escape(_making(root))}*"):  # of a run that was killed there
                shutil.rmtree(left, ignore_errors=True)
            if (root / "extensions" / STAGING).is_dir():
                with suppress(_Busy, PermissionError), archive._locked(wait=False):
                    archive._recover()
        except OSError as error:
            raise _unavailable(root, error) from error
        if not (root / DECLARATION).is_file():
            raise IntegrityBroken(
                _("archive {root}: the folder holds something, but {name} is missing; is archive.root right?").format(
                    root=root, name=DECLARATION
                )
            )
        return archive

    def deposit(self, submission: Submission, *, original: Path | None = None) -> Deposit:
        """Put a signed document into its dossier's object, as a version of its own, and say where it stands.

        The same document of the same scan (SHA-256 and first page) deposited again returns what stands, with
        ``new`` False. InputRejected for a dossier without a code, IntegrityBroken when the signed PDF is not the one
        that was signed, ServiceUnavailable when the folder cannot be written: then nothing of it is visible.
        """
        dossier = dossier_code(submission.dossier)
        if not dossier:
            raise InputRejected(
                _("{scan}: its dossier has no code; give one with --dossier").format(scan=submission.document.scan.path)
            )
        try:
            with self._locked(wait=True):
                self._recover()
                held = _Object.read(self.root, self._object_path(dossier))
                standing = held.standing_of(submission.document) if held else None
                if standing is not None:
                    return self._valid(standing)
                return self._valid(self._add(replace(submission, dossier=dossier), original, held))
        except OSError as error:
            raise _unavailable(self.root, error) from error

    def renewed(self, record_id: str, signed: SignedPdf, *, operator: str, decision: str) -> Deposit:
        """Put *signed* in the place of a record's PDF, as a version of its own; every earlier version stays readable.

        *decision* joins the record's provenance. The PDF that stands already changes nothing (``new`` is False).
        InputRejected where there is no such record or *signed* does not begin with what stands, byte for byte: only
        what was added to the record's own PDF may follow it. ServiceUnavailable when the folder cannot be written.
        """
        try:
            with self._locked(wait=True):
                self._recover()
                held, serial = self._held(record_id)
                standing = held.standing(serial).deposit
                if standing.record.pdf_sha256 == signed.sha256:
                    return self._valid(standing)
                if not _begins_with(signed.path, held.file(serial, "document.pdf")):
                    raise InputRejected(
                        _("{file}: does not go on from the PDF of record {id}; renew the one that stands").format(
                            file=signed.path, id=record_id
                        )
                    )
                metadata, provenance = held.json(serial, "metadata.json"), held.json(serial, "provenance.json")
                metadata["pdf"] = _pdf(signed)
                provenance["decisions"] = [*provenance["decisions"], decision]

                def write(folder: Path) -> None:
                    folder.mkdir(mode=0o700, parents=True)
                    shutil.copyfile(signed.path, folder / "document.pdf")
                    _write_json(folder / "metadata.json", metadata)
                    _write_json(folder / "provenance.json", provenance)

                copies = {"document.pdf": (signed.sha256, signed.path)}
                new = _New(standing.record.dossier, serial, f"renew {serial}", operator, datetime.now(UTC), copies)
                return self._valid(self._put(new, write, held))
        except OSError as error:
            raise _unavailable(self.root, error) from error

    def standing(self, submission: Submission) -> Deposit | None:
        """What is held already of this document of this scan in its dossier; None where it is new."""
        held = _Object.read(self.root, self._object_path(dossier_code(submission.dossier)))
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
        held = _Object.read(self.root, object_path)
        return (standing.deposit for standing in held.deposits()) if held is not None else iter(())

    def records(self) -> Iterator[Record]:
        """Every record, read from the objects alone. IntegrityBroken at the first that cannot be read."""
        return (deposit.record for deposit in self.deposits())

    def find(self, record_id: str) -> Deposit:
        """What is held under a record's id. InputRejected where there is no such record."""
        held, serial = self._held(record_id)
        return held.standing(serial).deposit

    def record(self, record_id: str) -> Record:
        """The record with this id. InputRejected where there is none."""
        return self.find(record_id).record

    def pdf(self, record_id: str) -> Path:
        """The signed PDF of a record. InputRejected where there is no such record."""
        held, serial = self._held(record_id)
        return held.file(serial, "document.pdf")

    def signed(self, record_id: str) -> SignedPdf:
        """The PDF of a record with what was noted of its signatures. InputRejected where there is no such record."""
        held, serial = self._held(record_id)
        noted = held.json(serial, "metadata.json")["pdf"]
        return from_json(SignedPdf, {"path": held.file(serial, "document.pdf"), **noted})

    def provenance(self, record_id: str) -> Provenance:
        """Who and what made a record. InputRejected where there is no such record."""
        held, serial = self._held(record_id)
        return held.value(serial, "provenance.json", Provenance)

    def object_paths(self) -> Iterator[str]:
        """The folder of each object, relative to the root."""
        root = ocfl.StorageRoot(str(self.root))
        root.registered_extensions.append(STAGING)
        try:
            root.open_root_fs()
            root.check_root_structure()
        except (StorageRootException, OSError) as error:
            raise IntegrityBroken(_("archive {root}: {error}").format(root=self.root, error=error)) from error
        yield from root.object_paths()

    @contextmanager
    def between_deposits(self) -> Iterator[None]:
        """No deposit is in hand while the block runs; where the archive cannot be written, none ever is."""
        with ExitStack() as stack:
            with suppress(OSError):
                stack.enter_context(self._locked(wait=True))
            yield

    def _object_path(self, dossier: str) -> str:
        layout = ocfl.StorageRoot(str(self.root), layout_name=LAYOUT).layout
        return str(layout.identifier_to_path(object_id(dossier)))

    def _held(self, record_id: str) -> tuple["_Object", str]:
        dossier, _dot, serial = record_id.rpartition(".")
        held = _Object.read(self.root, self._object_path(dossier)) if dossier else None
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
            _flush(made)
            try:
                made.rename(self.root)
            except OSError:
                if not (self.root / DECLARATION).is_file():  # else another run made it at the same time
                    raise
            _sync_folder(self.root.parent)
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _add(self, submission: Submission, original: Path | None, held: "_Object | None") -> Deposit:
        serial = f"{max((int(name) for name in held.serials), default=0) + 1 if held else 1:03d}"
        now = datetime.now(UTC)
        copies = {"document.pdf": (submission.signed.sha256, submission.signed.path)}
        if original is not None:
            copies[_original_name(submission)] = (submission.document.scan.sha256, original)
        new = _New(submission.dossier, serial, f"deposit {serial}", submission.provenance.operator, now, copies)
        return self._put(new, lambda folder: _write_content(folder, submission, original, serial, now), held)

    def _put(self, new: "_New", write: Callable[[Path], None], held: "_Object | None") -> Deposit:
        """Make a version of a dossier's object of what *write* writes to the folder of one document. Under the lock."""
        path = held.path if held else self._object_path(new.dossier)
        staging = self.root / "extensions" / STAGING
        staging.mkdir(mode=0o700, exist_ok=True)
        work = Path(mkdtemp(suffix=".part", dir=staging))
        try:
            write(work / "content" / new.serial)
            self.at_step("content written")
            built = work / "tree" / path
            _build(built, work / "content", new, held.inventory if held else None)
            shutil.rmtree(work / "content")
            self.at_step("version built")
            deposit = _Object.built(self.root, path, built, held).standing(new.serial).deposit
            _check_copies(built, new.copies)
            _flush(work)
            self.at_step("flushed")
        except BaseException:
            shutil.rmtree(work, ignore_errors=True)
            with suppress(OSError):
                staging.rmdir()
            raise
        ready = work.with_suffix(".ready")
        work.rename(ready)
        _sync_folder(staging)
        self.at_step("ready")
        self._merge(ready)
        self.at_step("deposited")
        staging.rmdir()
        return replace(deposit, new=True)

    def _valid(self, deposit: Deposit) -> Deposit:
        """What stands is valid OCFL, says ocfl-py; the audit relies on it where nothing has changed since."""
        valid, validator = ocfl.Object().validate(
            str(self.root / deposit.object_path), log_warnings=False, check_digests=False
        )
        if not valid:
            raise IntegrityBroken(
                _("{object}: not valid OCFL ({errors}); see `sohoa audit`").format(
                    object=deposit.object_path, errors="; ".join(map(str, validator.log.messages))
                )
            )
        return deposit

    def _recover(self) -> None:
        """Drop what was being built when its run ended, merge what was ready. Only under the lock."""
        staging = self.root / "extensions" / STAGING
        if not staging.is_dir():
            return
        for left in sorted(staging.iterdir()):
            if left.suffix == ".ready":
                self._merge(left)
            else:
                shutil.rmtree(left)
        staging.rmdir()

    def _merge(self, ready: Path) -> None:
        self._merge_folder(ready / "tree", self.root)
        shutil.rmtree(ready)

    def _merge_folder(self, staged: Path, target: Path) -> None:
        # Folders first: a version's files are there before the inventory that names them, its sidecar follows it.
        # A new object goes in by one rename, with those of its parents that are new.
        for entry in sorted(staged.iterdir(), key=lambda entry: (not entry.is_dir(), entry.name)):
            there = target / entry.name
            if entry.is_dir() and there.is_dir():
                self._merge_folder(entry, there)
            else:
                entry.replace(there)
                _sync_folder(target)
                self.at_step(f"in place: {entry.name}")

    @contextmanager
    def _locked(self, *, wait: bool) -> Iterator[None]:
        """Alone in writing to this root, among all processes. _Busy at once where *wait* is False."""
        handle = os.open(self.root / DECLARATION, os.O_RDWR)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError as error:
                raise _Busy from error
            yield
        finally:
            os.close(handle)


@dataclass(frozen=True, slots=True)
class _New:
    """What a new version of a dossier's object is about: one document of it."""

    dossier: str
    serial: str
    message: str
    operator: str
    made_at: datetime
    copies: dict[str, tuple[str, Path]]
    """The files that must arrive as they were: SHA-256 and source of each, by name."""


class _Busy(Exception):
    """Another run is making a deposit now."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One document that an object holds."""

    deposit: Deposit
    origin: tuple[str, int]
    """SHA-256 of its scan and first page in it: what makes it the same document."""


@dataclass(frozen=True, slots=True)
class _Object:
    """An object as its root inventory describes it."""

    root: Path
    path: str
    inventory: Any
    staged: Path | None = None
    """Where the files of the head version lie while it is not in its place."""

    @classmethod
    def read(cls, root: Path, path: str) -> "_Object | None":
        """The object at *path*, None where there is none. IntegrityBroken when its inventory cannot be read."""
        folder = root / path
        if not folder.is_dir():
            return None
        return cls(root, path, _inventory(folder))

    @classmethod
    def built(cls, root: Path, path: str, staged: Path, before: "_Object | None") -> "_Object":
        return cls(root, path, _inventory(staged), staged)

    @property
    def serials(self) -> list[str]:
        """The folders of the documents in the head version, in order."""
        names = {logical.split("/")[0] for logical in self.inventory.current_version.logical_paths}
        return sorted(names, key=int)

    def content_path(self, serial: str, name: str) -> str:
        path = self.inventory.current_version.content_path_for_logical_path(f"{serial}/{name}")
        if path is None:
            raise IntegrityBroken(
                _("{object}: the inventory names no {name}; see `sohoa audit`").format(
                    object=self.path, name=f"{serial}/{name}"
                )
            )
        return str(path)

    def file(self, serial: str, name: str) -> Path:
        """Where a file of a document lies. IntegrityBroken when it is not there."""
        content_path = self.content_path(serial, name)
        for folder in filter(None, (self.staged, self.root / self.path)):
            if (folder / content_path).is_file():
                return folder / content_path
        raise IntegrityBroken(
            _("{file}: missing from the archive; see `sohoa audit`").format(file=self.root / self.path / content_path)
        )

    def json(self, serial: str, name: str) -> Any:
        file = self.file(serial, name)
        try:
            return json.loads(file.read_bytes())
        except ValueError as error:
            raise IntegrityBroken(
                _("{file}: damaged ({error}); see `sohoa audit`").format(file=file, error=error)
            ) from error

    def value(self, serial: str, name: str, kind: type[T]) -> T:
        return from_json(kind, self.json(serial, name))

    def standing(self, serial: str) -> Standing:
        metadata, text = self.json(serial, "metadata.json"), self.json(serial, "text.json")
        version = int(self.content_path(serial, "metadata.json").split("/")[0].removeprefix("v"))
        try:
            record = _record(metadata, text, version)
            origin = (record.scan_sha256, int(metadata["pages"][0]))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise IntegrityBroken(
                _("{object}, document {serial}: its metadata do not fit ({error}); see `sohoa audit`").format(
                    object=self.path, serial=serial, error=error
                )
            ) from error
        pdf_path = f"{self.path}/{self.content_path(serial, 'document.pdf')}"
        return Standing(Deposit(record, self.path, pdf_path, False, self._inventory_sha512(version)), origin)

    def _inventory_sha512(self, version: int) -> str:
        name = f"v{version}/inventory.json.{DIGEST}"
        for folder in filter(None, (self.staged, self.root / self.path)):
            if (folder / name).is_file():
                return (folder / name).read_text(encoding="utf-8", errors="replace").split(" ")[0]
        raise IntegrityBroken(
            _("{file}: missing from the archive; see `sohoa audit`").format(file=self.root / self.path / name)
        )

    def deposits(self) -> Iterator[Standing]:
        return (self.standing(serial) for serial in self.serials)

    def standing_of(self, document: Document) -> Deposit | None:
        origin = (document.scan.sha256, document.pages[0].number)
        return next((standing.deposit for standing in self.deposits() if standing.origin == origin), None)


def dossier_code(given: str) -> str:
    """A dossier's code as it is kept: NFC, with control characters and bytes that are no text spelt out as %XX."""
    return "".join(
        "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))
        if unicodedata.category(letter) in ("Cc", "Cs")
        else letter
        for letter in unicodedata.normalize("NFC", given).strip()
    )


def object_id(dossier: str) -> str:
    """The OCFL id of a dossier's object: its code as a URI (OCFL 1.1, 3.5.1)."""
    return OBJECT_ID + quote(dossier, safe="")


def dossier_of(identifier: str) -> str:
    """The dossier code that ``object_id`` made *identifier* of."""
    return unquote(identifier.removeprefix(OBJECT_ID))


def _making(root: Path) -> str:
    """How the name of a folder begins in which a root is being made."""
    return f".{root.absolute().name}.making-"


def _inventory(folder: Path) -> Any:
    try:
        return ocfl.Object(path=str(folder)).parse_inventory()
    except (ocfl.ObjectException, ValueError, KeyError, OSError) as error:
        raise IntegrityBroken(
            _("{object}: its inventory cannot be read ({error}); see `sohoa audit`").format(object=folder, error=error)
        ) from error


def _write_content(
    folder: Path, submission: Submission, original: Path | None, serial: str, deposited_at: datetime
) -> None:
    folder.mkdir(mode=0o700, parents=True)
    shutil.copyfile(submission.signed.path, folder / "document.pdf")
    if original is not None:
        shutil.copyfile(original, folder / _original_name(submission))
    document = submission.document
    text = {"pages": [{"number": page.number, "state": page.state, "text": page.text} for page in document.pages]}
    _write_json(folder / "metadata.json", _metadata(submission, serial, deposited_at))
    _write_json(folder / "text.json", text)
    _write_json(folder / "provenance.json", to_json(submission.provenance))


def _write_json(file: Path, content: object) -> None:
    # backslashreplace: a letter that is no text (from a file's name) becomes JSON's own escape for it
    file.write_bytes(json.dumps(content, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace"))


def _original_name(submission: Submission) -> str:
    return f"original{SUFFIXES[submission.document.scan.media_type]}"


def _metadata(submission: Submission, serial: str, deposited_at: datetime) -> dict[str, Any]:
    document, signed = submission.document, submission.signed
    return {
        "format": 1,
        "id": f"{submission.dossier}.{serial}",
        "dossier": submission.dossier,
        "serial": int(serial),
        "unit": submission.unit,
        "procedure": submission.procedure,
        "kind": document.kind,
        "deposited_at": deposited_at.isoformat(),
        "scan": {
            "name": document.scan.path.name,
            "sha256": document.scan.sha256,
            "size_bytes": document.scan.size_bytes,
            "media_type": document.scan.media_type,
        },
        "pages": list(document.page_numbers),
        "pdf": _pdf(signed),
        "fields": {name: to_json(found) for name, found in document.metadata.items()},
    }


def _pdf(signed: SignedPdf) -> dict[str, Any]:
    return {
        "sha256": signed.sha256,
        "pages": signed.pages,
        "signatures": [to_json(signature) for signature in signed.signatures],
        "level_wanted": signed.level_wanted,
    }


def _record(metadata: dict[str, Any], text: dict[str, Any], version: int) -> Record:
    fields = {
        name: found["value"] if found["state"] == FieldState.ACCEPTED else None
        for name, found in metadata["fields"].items()
    }
    issued_on = fields.pop("issued_on")
    return Record(
        id=metadata["id"],
        dossier=metadata["dossier"],
        serial=metadata["serial"],
        version=version,
        unit=metadata["unit"],
        procedure=metadata["procedure"],
        kind=Kind(metadata["kind"]),
        issued_on=date.fromisoformat(issued_on) if issued_on else None,
        pages=tuple(page["text"] for page in text["pages"]),
        deposited_at=datetime.fromisoformat(metadata["deposited_at"]),
        scan_sha256=metadata["scan"]["sha256"],
        pdf_sha256=metadata["pdf"]["sha256"],
        **fields,
    )


def _build(target: Path, content: Path, new: _New, inventory: Any) -> None:
    """Write what is new of an object to *target*: all of a first version, else a version and the inventories."""
    target.mkdir(mode=0o700, parents=True)
    about = ocfl.VersionMetadata(
        created=new.made_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        message=new.message,
        name=new.operator or "?",
        address=f"urn:sohoa:operator:{quote(new.operator, safe='')}",
    )
    built = ocfl.Object(identifier=object_id(new.dossier), digest_algorithm=DIGEST, spec_version=SPEC_VERSION)
    if inventory is None:
        built.create(srcdir=str(content), metadata=about, objdir=str(target))
        return
    version = ocfl.NewVersion.next_version(
        inventory=ocfl.Inventory(inventory), srcdir=str(content), metadata=about, spec_version=SPEC_VERSION,
        carry_content_forward=True,
    )  # fmt: skip
    for file in content.rglob("*"):  # what the version before had under that name makes way, in the new one only
        logical = file.relative_to(content).as_posix()
        if logical in version.inventory.current_version.logical_paths:
            version.delete(logical)
    version.add_from_srcdir()
    built.open_obj_fs(str(target))
    built.write_new_version(version)


def _check_copies(built: Path, copies: dict[str, tuple[str, Path]]) -> None:
    """The copies that go into the archive are, byte for byte, what was signed and what was scanned."""
    for name, (expected, source) in copies.items():
        for file in built.glob(f"v*/content/*/{name}"):
            with file.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
            if found != expected:
                raise IntegrityBroken(
                    _("{file}: its SHA-256 is {found}, not {expected} as when it was made; it was not archived").format(
                        file=source, found=found, expected=expected
                    )
                )


def _begins_with(longer: Path, shorter: Path) -> bool:
    with longer.open("rb") as whole, shorter.open("rb") as beginning:
        while chunk := beginning.read(1 << 20):
            if whole.read(len(chunk)) != chunk:
                return False
    return True


def _flush(folder: Path) -> None:
    """Every file and folder below *folder*, and itself, for its owner only and on the disk."""
    for parent, _folders, files in os.walk(folder, topdown=False):
        for name in files:
            handle = os.open(os.path.join(parent, name), os.O_RDONLY)
            try:
                os.fchmod(handle, 0o600)
                os.fsync(handle)
            finally:
                os.close(handle)
        os.chmod(parent, 0o700)
        _sync_folder(Path(parent))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unavailable(root: Path, error: OSError) -> ServiceUnavailable:
    return ServiceUnavailable(
        _("archive {root}: {error} ({file}); make room or mend permissions, then run the same command again").format(
            root=root, error=error.strerror or error, file=error.filename or root
        )
    )
