"""Second roots that hold the same objects: kept in step, and able to give a damaged object back.

What is copied is hashed on the way and compared with the inventory that names it, so that damage is never passed on. A
replica only ever grows: an object whose history is not the beginning of the archive's is left alone and named, but for
a document that was destroyed, which must be nowhere: then all others must be, version by version, as they were.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from archive.catalogue import Catalogue
from archive.objects import DIGEST, INVENTORY, HeldObject, lacks_only_what_was_destroyed
from archive.staging import DECLARATION, unavailable
from archive.store import Archive
from schemas.errors import IntegrityBroken, ServiceUnavailable
from schemas.language import _

AT_ONCE = 500
BLOCK_BYTES = 1 << 20


@dataclass(slots=True)
class InStep:
    """What a catch-up of a replica did."""

    objects: int = 0
    """Objects that were copied, in whole or in part."""
    refused: list[IntegrityBroken] | None = None


def open_replica(catalogue: Catalogue, root: Path) -> Archive:
    """The replica at *root*, made if it never held anything.

    ServiceUnavailable where it held records and nothing is there now: a disk that is not mounted must not be taken for
    an empty replica.
    """
    if catalogue.replica_position(str(root)) and not (root / DECLARATION).is_file():
        raise ServiceUnavailable(_("replica {root}: what it held is not there; is its disk mounted?").format(root=root))
    return Archive.open(root)


def bring_in_step(
    archive: Archive, replica: Archive, catalogue: Catalogue, on_object: Callable[[int], None] = lambda count: None
) -> InStep:
    """Copy to *replica* what came or changed since the last time; goes on where a run was stopped.

    An object that cannot be copied (its files are not those of its inventory, or the replica has another history) is
    named in ``refused``, and the rest goes on.
    """
    root = str(replica.root)
    done = InStep(refused=[])
    assert done.refused is not None
    at = catalogue.replica_position(root)
    while rows := catalogue.objects_after(at, AT_ONCE):
        for object_path in dict.fromkeys(path for _position, path in rows):
            try:
                done.objects += copy_object(archive, replica, object_path)
            except IntegrityBroken as error:
                done.refused.append(error)
            on_object(done.objects)
        at = rows[-1][0]
        catalogue.note_replica(root, at)
    return done


def copy_object(source: Archive, target: Archive, object_path: str) -> bool:
    """Bring an object of *target* to what *source* has; False where it is so already."""
    here, there = source.root / object_path, target.root / object_path
    if not here.is_dir() or _same(here, there):
        return False
    held = HeldObject.read(source.root, object_path)
    assert held is not None

    def build(tree: Path) -> None:
        copy_checked(held, tree / object_path, after=0)

    try:
        with target.alone():
            staging = target.staging
            if not there.is_dir():
                staging.add(build)
                return True
            earlier = json.loads((there / INVENTORY).read_bytes())
            before = earlier["head"]
            if _bytes(here / before / INVENTORY) == _bytes(there / INVENTORY):
                version = int(before.removeprefix("v"))
                staging.add(lambda tree: copy_checked(held, tree / object_path, after=version))
            elif lacks_only_what_was_destroyed(json.loads((here / INVENTORY).read_bytes()), earlier):
                staging.swap(object_path, build, aside=None)
            else:
                raise IntegrityBroken(
                    _("replica {root}: {object} has another history than the archive's; see `sohoa audit`").format(
                        root=target.root, object=object_path
                    )
                )
            return True
    except (OSError, ValueError) as error:
        if isinstance(error, OSError):
            raise unavailable(target.root, error) from error
        raise IntegrityBroken(
            _("replica {root}: the inventory of {object} cannot be read; see `sohoa audit`").format(
                root=target.root, object=object_path
            )
        ) from error


def give_back(proven: Archive, damaged: Archive, object_path: str, aside: Path) -> None:
    """Put the object of *proven* in the place of the damaged one, which is kept whole in the folder *aside*.

    The caller has seen that the one is what was deposited and the other is not. IntegrityBroken when a file is not, on
    the way, what its inventory says: then nothing is changed.
    """
    held = HeldObject.read(proven.root, object_path)
    assert held is not None
    try:
        with damaged.alone():
            damaged.staging.swap(object_path, lambda tree: copy_checked(held, tree / object_path, after=0), aside=aside)
    except OSError as error:
        raise unavailable(damaged.root, error) from error


def copy_checked(held: HeldObject, target: Path, *, after: int) -> None:
    """Copy the versions of an object later than *after*, and what stands at its root, each file hashed on the way."""
    source = held.root / held.path
    target.mkdir(mode=0o700, parents=True)
    for name, digest in _files(held, after):
        (target / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = _copied(source / name, target / name)
        if digest is not None and found != digest:
            raise IntegrityBroken(_("{file}: damaged; it is not copied; see `sohoa audit`").format(file=source / name))


def _files(held: HeldObject, after: int) -> Iterator[tuple[str, str | None]]:
    """The files to copy with the SHA-512 that each must have; None for those that are compared by what they say."""
    source = held.root / held.path
    if after == 0:
        yield "0=ocfl_object_1.1", None
    for digest, paths in held.inventory.manifest.items():
        for path in paths:
            if int(path.split("/")[0].removeprefix("v")) > after:
                yield path, digest
    folders = [f"{version}/" for version in held.inventory.version_directories if int(version[1:]) > after]
    for folder in [*folders, ""]:
        sidecar = f"{folder}{INVENTORY}.{DIGEST}"
        yield f"{folder}{INVENTORY}", (source / sidecar).read_text().split(" ")[0]
        yield sidecar, None


def _copied(source: Path, target: Path) -> str:
    """The SHA-512 of what was copied."""
    digest = hashlib.new(DIGEST)
    with source.open("rb") as given, target.open("xb") as taken:
        while block := given.read(BLOCK_BYTES):
            digest.update(block)
            taken.write(block)
    shutil.copystat(source, target)
    return digest.hexdigest()


def _same(here: Path, there: Path) -> bool:
    return _bytes(there / INVENTORY) == _bytes(here / INVENTORY) != b""


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""
