"""What the catalogue noted of each object, held against the archive before the list of deposits is made anew of it.

The inventory whose hash was noted at a deposit stays, byte for byte, that of its version, and later ones go on from it:
so a version that was never noted passes, and an object that was written anew does not. A destruction writes all of them
anew; where it was never noted, the signed PDFs of the other documents are held against the hashes that were.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from archive.catalogue import Catalogue
from archive.objects import CERTIFICATE, DIGEST, INVENTORY, HeldObject
from archive.shelves import Shelves
from schemas.errors import IntegrityBroken
from schemas.language import _
from schemas.records import Deposit


def deposits_as_noted(
    archive: Shelves, catalogue: Catalogue, on_fault: Callable[[str, IntegrityBroken], None]
) -> Iterator[Deposit]:
    """Everything that *archive* holds, but for the objects, by their paths, that *on_fault* is told of.

    Those cannot be read, are gone, or are not what *catalogue* noted of them, where it noted something.
    """
    noted: dict[str, list[Any]] = defaultdict(list)
    for row in catalogue.deposits():
        if row.inventory_sha512:  # else it was destroyed
            noted[row.object_path].append(row)
    for path in archive.object_paths():
        rows = noted.pop(path, [])
        try:
            held = archive.object_at(path)
            deposits = list(held.deposits()) if held is not None else []
            if held is not None:
                check_as_noted(held, rows)
        except IntegrityBroken as error:
            on_fault(path, error)
        else:
            yield from deposits
    for path in noted:
        on_fault(
            path,
            IntegrityBroken(_("{file}: missing from the archive; see `sohoa audit`").format(file=archive.root / path)),
        )


def check_as_noted(held: HeldObject, noted: Sequence[Any]) -> None:
    """IntegrityBroken, with the file's name, where an object neither is nor goes on from what was *noted* of it."""
    folder, inventory = held.root / held.path, held.inventory.data
    standing = [row for row in noted if not held.is_destroyed(_serial(row))]
    if not all(held.stands(_serial(row)) for row in standing):
        raise _unlike(folder / INVENTORY)
    if destroyed_unnoted(inventory, noted):
        for pdf in pdfs_unlike_noted(folder, inventory, noted):
            raise _unlike(folder / pdf)
        return
    for row in standing:
        file = folder / f"v{row.version}" / INVENTORY
        if _digest(file, DIGEST) != row.inventory_sha512:
            raise _unlike(file)
        if not _goes_on(inventory, json.loads(file.read_bytes())):
            raise _unlike(folder / INVENTORY)


def destroyed_unnoted(inventory: Mapping[str, Any], noted: Sequence[Any]) -> bool:
    """There is a certificate of a document that was *noted*, and not as destroyed: no inventory is as it was then."""
    head = str(inventory["head"])
    return any(row.inventory_sha512 and _place(inventory, head, f"{_serial(row)}/{CERTIFICATE}") for row in noted)


def pdfs_unlike_noted(folder: Path, inventory: Mapping[str, Any], noted: Sequence[Any]) -> Iterator[str]:
    """Where in the object the signed PDFs lie, of documents that were not destroyed, that are not those *noted*."""
    for row in noted:
        if row.inventory_sha512 and not _place(inventory, str(inventory["head"]), f"{_serial(row)}/{CERTIFICATE}"):
            pdf = _place(inventory, f"v{row.version}", f"{_serial(row)}/document.pdf")
            if _digest(folder / pdf, "sha256") != row.pdf_sha256:
                yield pdf or INVENTORY


def _goes_on(inventory: Mapping[str, Any], earlier: Mapping[str, Any]) -> bool:
    """Each version of *earlier* is one of *inventory* as well, of the same files."""
    return all(version == inventory["versions"].get(name) for name, version in earlier["versions"].items())


def _place(inventory: Mapping[str, Any], version: str, name: str) -> str:
    """Where a file of a version lies; empty where the version has none of that name."""
    state = inventory["versions"].get(version, {"state": {}})["state"]
    digest = next((digest for digest, paths in state.items() if name in paths), "")
    return str(next(iter(inventory["manifest"].get(digest, ())), ""))


def _serial(row: Any) -> str:
    return str(row.id).rpartition(".")[2]


def _digest(file: Path, algorithm: str) -> str:
    """Empty where there is no such file."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, algorithm).hexdigest()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return ""


def _unlike(file: Path) -> IntegrityBroken:
    return IntegrityBroken(
        _(
            "{file}: not what the catalogue noted at the deposit, which is kept: `sohoa audit --repair` gives the "
            "object back from a replica that has it so, or put its folder back from another copy; then `sohoa rebuild`"
        ).format(file=file)
    )
