"""An OCFL object as its inventory describes it: a dossier, its documents, and how each came to be as it is."""

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import fields as fields_of
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote

import ocfl
from pydantic_core import from_json as from_json_bytes

from schemas.documents import Document, FieldState, Kind
from schemas.errors import IntegrityBroken
from schemas.language import _
from schemas.pages import PageState
from schemas.records import Deposit, Record, RecordVersion, Withdrawal
from schemas.retention import Retention
from schemas.stored import from_json

T = TypeVar("T")

DIGEST = "sha512"
LAYOUT = "0003-hash-and-id-n-tuple-storage-layout"
OBJECT_ID = "urn:sohoa:"
EARLIER = "history.json"
"""What was done to a record that a package brought, in the archives where it was before."""
INVENTORY = "inventory.json"
SIDECAR = f"{INVENTORY}.{DIGEST}"
CERTIFICATE = "destroyed.json"
"""What is left of a document that was destroyed: that it was, when, by whom and on which decision."""


@dataclass(frozen=True, slots=True)
class HeldObject:
    """An object as its root inventory describes it."""

    root: Path
    path: str
    inventory: Any
    staged: Path | None = None
    """Where the files of the head version lie while it is not in its place."""

    @classmethod
    def read(cls, root: Path, path: str) -> "HeldObject | None":
        """The object at *path*, None where there is none. IntegrityBroken when its inventory cannot be read."""
        folder = root / path
        if not folder.is_dir():
            return None
        return cls(root, path, _inventory(folder))

    @classmethod
    def as_written(cls, root: Path, path: str) -> "HeldObject | None":
        """The object at *path* where its inventory is the one that its sidecar names: ocfl-py found that valid when it
        was written, and to find it so again is half of what reading a record costs. None where it is another, or is
        being replaced: ``read`` says what is wrong then, if anything is.
        """
        folder = f"{root}/{path}"
        try:
            content = _content(f"{folder}/{INVENTORY}")
            named = _content(f"{folder}/{SIDECAR}").split(b" ")[0].decode("ascii", "replace")
            if hashlib.new(DIGEST, content).hexdigest() != named:
                return None
            inventory = _parsed(content)
        except (OSError, ValueError):
            return None
        return cls(root, path, ocfl.Inventory(inventory)) if is_readable(inventory) else None

    @classmethod
    def built(cls, root: Path, path: str, staged: Path) -> "HeldObject":
        """The object as it will be, with the files of its head version at *staged*."""
        return cls(root, path, _inventory(staged), staged)

    @property
    def serials(self) -> list[str]:
        """The folders of the documents in the head version, in order."""
        return sorted({logical.split("/")[0] for logical in self._logical_paths()}, key=int)

    @property
    def standing_serials(self) -> list[str]:
        """The documents that are held; of the others a certificate says that they were destroyed."""
        return [serial for serial in self.serials if not self.is_destroyed(serial)]

    def stands(self, serial: str) -> bool:
        """Whether a document is held and was not destroyed."""
        return f"{serial}/metadata.json" in self._logical_paths()

    def is_destroyed(self, serial: str) -> bool:
        return f"{serial}/{CERTIFICATE}" in self._logical_paths()

    def _logical_paths(self) -> list[str]:
        return list(self.inventory.current_version.logical_paths)

    def names(self, serial: str) -> list[str]:
        """The files of a document in the head version."""
        return sorted(path.split("/", 1)[1] for path in self._logical_paths() if path.startswith(f"{serial}/"))

    def digest(self, serial: str, name: str) -> str:
        """SHA-512 of a file of a document, as the inventory has it."""
        wanted = f"{serial}/{name}"
        return next(str(digest) for digest, paths in self.inventory.current_version.state.items() if wanted in paths)

    def content_path(self, serial: str, name: str) -> str:
        path = self.inventory.current_version.content_path_for_logical_path(f"{serial}/{name}")
        if path is None or ".." in path.split("/") or path.startswith("/"):
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
        if self.staged is None:  # as a rule: two questions to the file system less
            with suppress(OSError, ValueError):
                return _parsed(_content(f"{self.root}/{self.path}/{self.content_path(serial, name)}"))
        file = self.file(serial, name)
        try:
            return json.loads(file.read_bytes())
        except ValueError as error:
            raise IntegrityBroken(
                _("{file}: damaged ({error}); see `sohoa audit`").format(file=file, error=error)
            ) from error

    def value(self, serial: str, name: str, kind: type[T]) -> T:
        return from_json(kind, self.json(serial, name))

    def standing(self, serial: str) -> Deposit:
        """What is held of a document. IntegrityBroken when its files do not fit."""
        record = self.record(serial)
        pdf_path = f"{self.path}/{self.content_path(serial, 'document.pdf')}"
        return Deposit(record, self.path, pdf_path, False, self._inventory_sha512(record.version))

    def record(self, serial: str) -> Record:
        """What a document's metadata and text say. IntegrityBroken when they do not fit."""
        metadata, text = self.json(serial, "metadata.json"), self.json(serial, "text.json")
        try:
            return _record(metadata, text, _number(self.content_path(serial, "metadata.json")))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise self._unfit(serial, error) from error

    def origin(self, serial: str) -> tuple[str, int]:
        """SHA-256 of a document's scan and its first page there: what makes it the same document."""
        metadata = self.json(serial, "metadata.json")
        try:
            return metadata["scan"]["sha256"], int(metadata["pages"][0])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise self._unfit(serial, error) from error

    def _unfit(self, serial: str, error: Exception) -> IntegrityBroken:
        return IntegrityBroken(
            _("{object}, document {serial}: its metadata do not fit ({error}); see `sohoa audit`").format(
                object=self.path, serial=serial, error=error
            )
        )

    def _inventory_sha512(self, version: int) -> str:
        name = f"v{version}/inventory.json.{DIGEST}"
        for folder in filter(None, (self.staged, self.root / self.path)):
            if (folder / name).is_file():
                return (folder / name).read_text(encoding="utf-8", errors="replace").split(" ")[0]
        raise IntegrityBroken(
            _("{file}: missing from the archive; see `sohoa audit`").format(file=self.root / self.path / name)
        )

    def deposits(self) -> Iterator[Deposit]:
        return (self.standing(serial) for serial in self.standing_serials)

    def standing_of(self, document: Document) -> Deposit | None:
        """What is held of this document of this scan."""
        origin = (document.scan.sha256, document.pages[0].number)
        serial = next((serial for serial in self.standing_serials if self.origin(serial) == origin), None)
        return self.standing(serial) if serial is not None else None

    def history(self, serial: str) -> Iterator[RecordVersion]:
        """What was done to a document in earlier archives, where a package brought it; then the versions of the object
        in which something of it changed. The oldest first."""
        if f"{serial}/{EARLIER}" in self._logical_paths():
            yield from self.value(serial, EARLIER, tuple[RecordVersion, ...])
        before: dict[str, str] = {}
        for name in self.inventory.version_directories:
            version = self.inventory.version(name)
            now = {
                path.split("/", 1)[1]: digest
                for digest, paths in version.state.items()
                for path in paths
                if path.startswith(f"{serial}/")
            }
            if now != before:
                changed = sorted(file for file in now.keys() | before.keys() if now.get(file) != before.get(file))
                yield RecordVersion(_number(name), datetime.fromisoformat(version.created), version.user_name or "",
                                    version.message or "", tuple(changed))  # fmt: skip
            before = now


def lacks_only_what_was_destroyed(inventory: Mapping[str, Any], earlier: Mapping[str, Any]) -> bool:
    """An object with *inventory* is the one that had *earlier*, but for documents of which a certificate is left: all
    others have, in each version, the files that they had."""
    state = inventory["versions"][inventory["head"]]["state"]
    gone = {path.split("/")[0] for paths in state.values() for path in paths if path.endswith(f"/{CERTIFICATE}")}

    def others(said: Mapping[str, Any], name: str) -> Any:
        version = said["versions"].get(name, {"state": {}})
        files = {path: digest for digest, paths in version["state"].items() for path in paths}
        return version | {"state": {path: digest for path, digest in files.items() if path.split("/")[0] not in gone}}

    return bool(gone) and all(others(inventory, name) == others(earlier, name) for name in earlier["versions"])


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


def is_readable(inventory: Any) -> bool:
    """The parts that are looked into are of the kinds that they must be; the rest is ocfl-py's to say."""
    if not isinstance(inventory, dict):
        return False
    manifest, versions, head = (inventory.get(name) for name in ("manifest", "versions", "head"))
    if not isinstance(manifest, dict) or not isinstance(versions, dict) or not isinstance(head, str):
        return False
    if not isinstance(versions.get(head), dict):
        return False
    state = versions[head].get("state")
    named = [*manifest.values(), *(state.values() if isinstance(state, dict) else [None])]
    return all(isinstance(paths, list) and all(isinstance(path, str) for path in paths) for paths in named)


def _inventory(folder: Path) -> Any:
    try:
        return ocfl.Object(path=str(folder)).parse_inventory()
    except (ocfl.ObjectException, ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise IntegrityBroken(
            _("{object}: its inventory cannot be read ({error}); see `sohoa audit`").format(object=folder, error=error)
        ) from error


def _content(file: str) -> bytes:
    with open(file, "rb", buffering=0) as opened:  # by name, read at once: a catch-up opens four files a record
        return opened.read()


def _parsed(content: bytes) -> Any:
    """The JSON of *content*; pydantic's parser takes half the time, and the library's what that one refuses."""
    try:
        return from_json_bytes(content)
    except ValueError:  # half a letter beyond the BMP (a file's name that is no UTF-8), say
        return json.loads(content)


_OF_RECORD = frozenset(field.name for field in fields_of(Record))


def _record(metadata: dict[str, Any], text: dict[str, Any], version: int) -> Record:
    fields = {
        name: found["value"] if found["state"] == FieldState.ACCEPTED else None
        for name, found in metadata["fields"].items()
        if name in _OF_RECORD  # what else was found of a paper stands in the metadata
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
        looks=tuple(page.get("look", "") for page in text["pages"] if page.get("state") == PageState.READ),
        deposited_at=datetime.fromisoformat(metadata["deposited_at"]),
        scan_sha256=metadata["scan"]["sha256"],
        pdf_sha256=metadata["pdf"]["sha256"],
        retention=from_json(Retention, metadata["retention"]) if metadata.get("retention") else None,
        withdrawn=from_json(Withdrawal, metadata["withdrawn"]) if metadata.get("withdrawn") else None,
        **fields,
    )


def _number(path: str) -> int:
    """The version in whose folder *path* lies."""
    return int(path.split("/")[0].removeprefix("v"))
