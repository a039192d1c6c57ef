"""What ``sohoa audit`` finds of each kind of damage, done to every file of an archive, one after another.

    .venv/bin/python -m bench.damage [--flips 8] [--seed 1] [--json]

An archive of three dossiers, one of them in three versions. Each of its files is damaged in each way, audited and
mended again. *found* counts audits that name anything, *named* those that name the file itself: by its path, with its
new name where it was renamed, or with the other one of a pair (inventory and sidecar of an earlier version) that cannot
be told apart. A bit is flipped at so many places of each file.
"""

import argparse
import json
import random
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from archive.audit import audit
from archive.catalogue import Catalogue
from archive.findings import Finding
from archive.objects import DIGEST
from archive.store import Archive
from tests.archive import submission

Damage = Callable[[Path, random.Random], None]


def flip(file: Path, chance: random.Random) -> None:
    content = bytearray(file.read_bytes())
    place = chance.randrange(len(content))
    content[place] ^= 1 << chance.randrange(8)
    file.write_bytes(content)


def truncate(file: Path, chance: random.Random) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: chance.randrange(len(content))])


def remove(file: Path, chance: random.Random) -> None:
    del chance
    file.unlink()


def rename(file: Path, chance: random.Random) -> None:
    del chance
    file.rename(file.with_name(f"{file.name}.old"))


def add(file: Path, chance: random.Random) -> None:
    file.with_name(f"added-{chance.randrange(1000)}").write_bytes(b"x")


DAMAGES: dict[str, Damage] = {
    "a bit flipped": flip, "cut off": truncate, "missing": remove, "renamed": rename, "a file added beside": add,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flips", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    tally: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    with tempfile.TemporaryDirectory(prefix="sohoa-bench-") as temporary:
        for kind, damage, is_found, is_named in _tried(Path(temporary), a.flips, random.Random(a.seed)):
            before = tally[kind, damage]
            tally[kind, damage] = [before[0] + 1, before[1] + is_found, before[2] + is_named]
    for (kind, damage), (tried, found, named) in sorted(tally.items()):
        line = {"file": kind, "damage": damage, "tried": tried, "found": found, "named": named}
        print(json.dumps(line) if a.json else f"{kind:45} {damage:20} {tried:5d} {found:5d} {named:5d}")


def _tried(folder: Path, flips: int, chance: random.Random) -> Iterator[tuple[str, str, bool, bool]]:
    archive = Archive.open(folder / "archive")
    catalogue = Catalogue.open(f"sqlite:///{folder}/catalogue.db")
    for number in range(5):
        given = submission(folder, scan=f"{number}", dossier=f"D{max(number - 2, 0)}")
        catalogue.note_deposit(archive.deposit(given), who="bench")
    assert audit(archive, catalogue).findings == []
    whole = folder / "whole"
    shutil.copytree(archive.root, whole)
    for file in sorted(path for path in archive.root.rglob("*") if path.is_file()):
        for name, damage in DAMAGES.items():
            for _turn in range(flips if damage is flip else 1):
                before = set(file.parent.iterdir())
                damage(file, chance)
                findings = audit(archive, catalogue).findings
                touched = {file, *(set(file.parent.iterdir()) - before)}
                yield _kind(file, archive.root), name, bool(findings), _names(findings, touched, archive.root)
                for added in set(file.parent.iterdir()) - before:
                    added.unlink()
                shutil.copyfile(whole / file.relative_to(archive.root), file)


def _names(findings: list[Finding], touched: set[Path], root: Path) -> bool:
    paths = {str(path.relative_to(root)) for path in touched}
    return any(found.path in paths or any(Path(path).name in found.detail for path in paths) for found in findings)


def _kind(file: Path, root: Path) -> str:
    parts = file.relative_to(root).parts
    if len(parts) <= 4:
        return "the root's own"
    if parts[-1].startswith("0=ocfl_object"):
        return "an object's declaration"
    within = "an earlier version's " if parts[-2] in ("v1", "v2") and len(list(file.parents[1].glob("v3"))) else "an "
    if parts[-1] == "inventory.json":
        return f"{within}inventory"
    if parts[-1] == f"inventory.json.{DIGEST}":
        return f"{within}inventory's sidecar"
    return "content"


if __name__ == "__main__":
    main()
