"""What is written into the archive of a document, and how a version of its dossier's object is made of it."""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

import ocfl
from ocfl.inventory_validator import InventoryValidator
from ocfl.validation_logger import ValidationLogger

from archive.objects import DIGEST, HeldObject, dossier_code, object_id
from archive.staging import SPEC_VERSION
from schemas.documents import FieldState, SignedPdf
from schemas.errors import InputRejected, IntegrityBroken
from schemas.language import _
from schemas.pages import MediaType, PageText, box_around
from schemas.records import Submission
from schemas.retention import retention
from schemas.stored import to_json

SUFFIXES = {MediaType.PDF: ".pdf", MediaType.TIFF: ".tif", MediaType.PNG: ".png", MediaType.JPEG: ".jpg"}
WHOLE_VALIDATION_UP_TO = 8
"""Versions up to which ocfl-py looks at the whole object after each change; its time grows with their square."""
DOCUMENT = "document.pdf"
CERTIFIED = "certified.pdf"
SIGNED_PDFS = {DOCUMENT: "pdf", CERTIFIED: "certified"}
"""The PDFs of a record that the office signed, and where its metadata speak of each."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a new version of a dossier's object is about."""

    dossier: str
    message: str
    operator: str
    made_at: datetime
    copies: Mapping[str, tuple[str, Path]]
    """The files that must arrive as they were: SHA-256 and source of each, by its path in the version."""


def deposit_of(dossier: str, arrivals: Mapping[str, tuple[Submission, Path | None]], now: datetime) -> Change:
    """The version that *arrivals* make: documents, each with its original where that is kept, by their serials."""
    copies: dict[str, tuple[str, Path]] = {}
    for serial, (submission, original) in arrivals.items():
        copies[f"{serial}/document.pdf"] = (submission.signed.sha256, submission.signed.path)
        if original is not None:
            copies[f"{serial}/{_original_name(submission)}"] = (submission.document.scan.sha256, original)
        if submission.certified is not None:
            copies[f"{serial}/{CERTIFIED}"] = (submission.certified.sha256, submission.certified.path)
    serials = list(arrivals)
    said = serials[0] if len(serials) == 1 else f"{serials[0]}-{serials[-1]}"
    operator = next(iter(arrivals.values()))[0].provenance.operator
    return Change(dossier, f"deposit {said}", operator, now, copies)


def write_document(
    folder: Path, submission: Submission, original: Path | None, serial: str, deposited_at: datetime
) -> None:
    """Write the files of a new document to *folder*, which is made."""
    folder.mkdir(mode=0o700, parents=True)
    shutil.copyfile(submission.signed.path, folder / "document.pdf")
    if original is not None:
        shutil.copyfile(original, folder / _original_name(submission))
    if submission.certified is not None:
        shutil.copyfile(submission.certified.path, folder / CERTIFIED)
    document = submission.document
    text = {"pages": [
        {"number": page.number, "state": page.state, "text": page.text, "engine": to_json(page.engine),
         "look": page.look, "corrections": corrections(page)}
        for page in document.pages
    ]}  # fmt: skip
    write_json(folder / "metadata.json", metadata_of(submission, serial, deposited_at))
    write_json(folder / "text.json", text)
    write_json(folder / "provenance.json", to_json(submission.provenance))


def corrections(page: PageText) -> list[dict[str, object]]:
    """Where a second reading or the language decided otherwise than the first reading: what that had, what stands now,
    and where on the page (x0, y0, x1, y1 in fractions)."""
    found: list[dict[str, object]] = []
    for line in page.lines:
        for raw, run in groupby(line.words, key=lambda word: word.raw):
            words = list(run)
            if raw:
                box = box_around(word.box for word in words)
                place = [round(edge, 4) for edge in (box.x0, box.y0, box.x1, box.y1)]
                found.append({"raw": raw, "now": " ".join(word.text for word in words), "box": place})
    return found


def write_json(file: Path, content: object) -> None:
    """*content* as the archive keeps it, for people too."""
    # backslashreplace: a letter that is no text (from a file's name) becomes JSON's own escape for it
    file.write_bytes(json.dumps(content, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace"))


def _original_name(submission: Submission) -> str:
    return f"original{SUFFIXES[submission.document.scan.media_type]}"


def metadata_of(submission: Submission, serial: str, deposited_at: datetime) -> dict[str, Any]:
    """What ``metadata.json`` says of a document."""
    document, signed = submission.document, submission.signed
    issued = document.metadata.issued_on
    begins = issued.value if issued.state is FieldState.ACCEPTED and issued.value else deposited_at.date().isoformat()
    term = retention(submission.retention, date.fromisoformat(begins)) if submission.retention else None
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
        "retention": to_json(term) if term is not None else None,
        "pdf": noted_pdf(signed),
        "original_signatures": [to_json(one) for one in submission.found_signatures],
        "certified": noted_pdf(submission.certified) if submission.certified is not None else None,
        "fields": {name: to_json(found) for name, found in document.metadata.items()},
    }


def decisions_together(provenance: Mapping[str, Any], others: Iterable[str]) -> list[str]:
    """The decisions of a stored *provenance* and *others*, each once, in the order of their times."""
    return sorted(dict.fromkeys([*provenance.get("decisions", []), *others]), key=lambda said: said.split(" ", 1)[0])


def noted_pdf(signed: SignedPdf) -> dict[str, Any]:
    """What the metadata say of a signed PDF."""
    return {
        "sha256": signed.sha256,
        "pages": signed.pages,
        "signatures": [to_json(signature) for signature in signed.signatures],
        "level_wanted": signed.level_wanted,
    }


def build(target: Path, content: Path, new: Change, inventory: Any) -> None:
    """Write what is new of an object to *target*: all of a first version, else a version and the inventories."""
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
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


def check_copies(built: HeldObject, change: Change) -> None:
    """The copies that go into the archive are, byte for byte, what was signed and what was scanned."""
    for name, (expected, source) in change.copies.items():
        with built.file(*name.split("/", 1)).open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != expected:
            raise IntegrityBroken(
                _("{file}: its SHA-256 is {found}, not {expected} as when it was made; it was not archived").format(
                    file=source, found=found, expected=expected
                )
            )


def check_validity(folder: Path, object_path: str, *, digests: bool = False) -> None:
    """The object in *folder* is valid OCFL, says ocfl-py; the audit relies on it where nothing has changed since.

    Of an object with many versions it looks at the last two alone: the others were looked at when they were the last,
    and nothing is written to them. With *digests* every file is hashed too, of all versions. IntegrityBroken where it
    is not valid.
    """
    inventory = json.loads((folder / "inventory.json").read_bytes())
    head = int(inventory["head"].removeprefix("v"))
    if digests or head <= WHOLE_VALIDATION_UP_TO:
        _valid, validator = ocfl.Object().validate(str(folder), log_warnings=False, check_digests=digests)
        log = validator.log
    else:
        log = ValidationLogger(log_warnings=False, log_errors=True)
        root = InventoryValidator(log=log, where="root", default_spec_version=SPEC_VERSION)
        root.validate(inventory)
        before = InventoryValidator(log=log, where=f"v{head - 1}", default_spec_version=SPEC_VERSION)
        before.validate(json.loads((folder / f"v{head - 1}/inventory.json").read_bytes()))
        root.validate_as_prior_version(before)
    if log.num_errors:
        raise IntegrityBroken(
            _("{object}: not valid OCFL ({errors}); see `sohoa audit`").format(
                object=object_path, errors="; ".join(map(str, log.messages))
            )
        )


def said_of(folder: Path, record_id: str) -> Any:
    """The metadata in a folder with a record's files. InputRejected where they are none, or of another record."""
    try:
        metadata = json.loads((folder / "metadata.json").read_bytes())
        fits = metadata["id"] == record_id and metadata["pdf"]["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputRejected(_("{folder}: no metadata of a record ({error})").format(
            folder=folder, error=error)) from error  # fmt: skip
    if not fits or dossier_code(metadata["dossier"]) != record_id.rpartition(".")[0]:
        raise InputRejected(_("{folder}: its metadata are not of record {id}").format(folder=folder, id=record_id))
    return metadata


def purge(held: HeldObject, serial: str, target: Path) -> Any:
    """Write the object to *target* as if the document *serial* had never been in it; its inventory then.

    What other documents have in common with it (a text of the same bytes) stays, at a place of the first of them.
    """
    source = held.root / held.path
    kept = _kept(held.inventory, serial)
    target.mkdir(mode=0o700, parents=True)
    (target / "0=ocfl_object_1.1").write_text("ocfl_object_1.1\n")
    for (path, _digest), (_version, place) in kept.items():
        (target / place).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(source / path, target / place)
    inventory: dict[str, Any] = {}
    for name in held.inventory.version_directories:
        inventory = json.loads((source / name / "inventory.json").read_bytes())
        manifest: dict[str, list[str]] = {}
        for (_path, digest), (version, place) in kept.items():
            if version <= int(name[1:]):
                manifest.setdefault(digest, []).append(place)
        inventory["manifest"] = manifest
        for version_of_it in inventory["versions"].values():
            version_of_it["state"] = _without(version_of_it["state"], serial)
        (target / name).mkdir(mode=0o700, exist_ok=True)
        _write_inventory(target / name, inventory)
    _write_inventory(target, inventory)
    return inventory


def _kept(inventory: Any, serial: str) -> dict[tuple[str, str], tuple[int, str]]:
    """Path and digest of each file that another document than *serial* has in some version → version and place to be.

    A file that came with the document *serial* moves to the first version in which another one has it.
    """
    first: dict[str, tuple[int, str]] = {}
    for name in inventory.version_directories:
        for digest, paths in _without(inventory.version(name).state, serial).items():
            first.setdefault(digest, (int(name[1:]), f"{name}/content/{paths[0]}"))
    kept: dict[tuple[str, str], tuple[int, str]] = {}
    for digest, paths in inventory.manifest.items():
        for path in paths if digest in first else ():
            if path.split("/")[2] != serial:
                kept[path, digest] = int(path.split("/")[0][1:]), path
            elif len(paths) == 1:
                kept[path, digest] = first[digest]
    return kept


def _without(state: dict[str, list[str]], serial: str) -> dict[str, list[str]]:
    left = {digest: [p for p in paths if not p.startswith(f"{serial}/")] for digest, paths in state.items()}
    return {digest: paths for digest, paths in left.items() if paths}


def _write_inventory(folder: Path, inventory: dict[str, Any]) -> None:
    content = json.dumps(inventory, ensure_ascii=False, indent=1, sort_keys=True).encode()
    (folder / "inventory.json").write_bytes(content)
    digest = hashlib.new(DIGEST, content).hexdigest()
    (folder / f"inventory.json.{DIGEST}").write_text(f"{digest} inventory.json\n")


def begins_with(longer: Path, shorter: Path) -> bool:
    """Whether *longer* is *shorter* with something added."""
    with longer.open("rb") as whole, shorter.open("rb") as beginning:
        while chunk := beginning.read(1 << 20):
            if whole.read(len(chunk)) != chunk:
                return False
    return True
