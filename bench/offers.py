"""What the inventory offers for numbers by pen: how often the right one is among the candidates, and at which place.

    .venv/bin/sohoa read --json SCANS… > READ.jsonl
    .venv/bin/python -m bench.offers READ.jsonl… --gold DIR [--titles 0.6] [--others 500] [--json]

Each agency's papers, as DIR/metadata.json tells them, are a unit's inventory, together with so many *others*, drawn at
random in the same years and under the same symbols, with titles of its papers. Titles in inventories are shortened: of
each abstract so much of its words is kept. Asked about are the papers whose number is written by hand.
"""

import argparse
import json
import random
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from ingest.offers import with_offers
from schemas.documents import Cut, CutState, Document, Field, FieldState, Kind, Metadata
from schemas.pages import MediaType, Scan
from schemas.units import InventoryRow


@dataclass(frozen=True, slots=True)
class Inventory:
    """The results of one unit, none of which has a record."""

    rows: Sequence[InventoryRow]

    def candidates(
        self, unit: str, *, suits: Callable[[InventoryRow], float], years: Collection[int], limit: int
    ) -> Sequence[InventoryRow]:
        fit = [(suits(row), place) for place, row in enumerate(self.rows) if not years or row.issued_on.year in years]
        return [self.rows[place] for fits, place in sorted(fit, key=lambda one: (-one[0], one[1]))[:limit] if fits > 0]

    def numbers_beside(self, unit: str, symbol: str, day: date) -> tuple[int | None, int | None]:
        given = [(row.issued_on, int(row.number)) for row in self.rows
                 if row.symbol == symbol and row.issued_on.year == day.year and row.number.isdecimal()]  # fmt: skip
        before = max((number for issued, number in given if issued < day), default=None)
        return before, min((number for issued, number in given if issued > day), default=None)


def inventories(gold: Sequence[Mapping[str, Any]], titles: float, others: int, seed: int) -> dict[str, Inventory]:
    """By agency's folder; registers go by number and by day, and so do the results that are drawn."""
    rng = random.Random(seed)
    by_agency: dict[str, list[InventoryRow]] = defaultdict(list)
    for paper in gold:
        number, _slash, symbol = (paper["so_ky_hieu"] or "").partition("/")
        if number and symbol and paper["ngay_ban_hanh"]:
            words = (paper["trich_yeu"] or "").split()
            title = " ".join(words[: max(1, round(titles * len(words)))])
            by_agency[_agency(paper)].append(
                InventoryRow("U", number, symbol, date.fromisoformat(paper["ngay_ban_hanh"]), title=title)
            )
    return {agency: Inventory([*rows, *_drawn(rows, others, rng)]) for agency, rows in by_agency.items()}


def _drawn(rows: Sequence[InventoryRow], count: int, rng: random.Random) -> Iterator[InventoryRow]:
    for _turn in range(count):
        like, title = rng.choice(rows), rng.choice(rows).title
        day = date(like.issued_on.year, 1, 1) + timedelta(days=rng.randrange(365))
        a_day = int(like.number) / like.issued_on.timetuple().tm_yday if like.number.isdecimal() else 1.0
        number = max(1, round(a_day * day.timetuple().tm_yday) + rng.randint(-3, 3))
        yield InventoryRow("U", str(number), like.symbol, day, title=title)


def read_document(line: Mapping[str, Any]) -> Document:
    """The document as far as offers look at it."""
    known = Metadata.__dataclass_fields__
    fields = {
        name: Field(f["value"], FieldState(f["state"]), f["confidence"], tuple(f["candidates"]))
        for name, f in line["fields"].items() if name in known
    }  # fmt: skip
    scan = Scan(Path(line["scan"]), line["sha256"], 0, MediaType.PDF)
    return Document(scan, (), Cut(CutState.ACCEPTED, 1.0), Kind(line["kind"]), Metadata(**fields))


def places(
    lines: Sequence[Mapping[str, Any]], gold: Sequence[Mapping[str, Any]], listed: Mapping[str, Inventory]
) -> Iterator[tuple[str, int | None, int | None]]:
    """The scan, and at which place (from 1) the number stands among the candidates without and with the inventory."""
    first = {unicodedata.normalize("NFC", line["scan"]): line for line in reversed(lines) if line.get("fields")}
    for paper in gold:
        file = unicodedata.normalize("NFC", paper["file"])
        line = next((line for scan, line in first.items() if scan.endswith(file)), None)
        number = (paper["so_ky_hieu"] or "").partition("/")[0]
        if (
            line is None
            or not number
            or "so" not in paper["handwritten"]
            or "so_ky_hieu" in " ".join(paper["uncertain"])
        ):
            continue
        document = read_document(line)
        offered = with_offers(document, "U", listed.get(_agency(paper)), ())
        yield file, _place(number, document), _place(number, offered)


def _place(number: str, document: Document) -> int | None:
    field = document.metadata.number
    told = [
        one.lstrip("0") for one in dict.fromkeys((*field.candidates, *([field.value] if field.value else []))) if one
    ]
    return told.index(number.lstrip("0")) + 1 if number.lstrip("0") in told else None


def _agency(paper: Mapping[str, Any]) -> str:
    return str(Path(paper["file"]).parent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("read", type=Path, nargs="+")
    parser.add_argument("--gold", type=Path, required=True)
    parser.add_argument("--titles", type=float, default=0.6)
    parser.add_argument("--others", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    gold = json.loads((a.gold / "metadata.json").read_text(encoding="utf-8"))["records"]
    lines = [json.loads(line) for file in a.read for line in file.read_text(encoding="utf-8").splitlines()]
    found = list(places(lines, gold, inventories(gold, a.titles, a.others, a.seed)))
    told = {"read alone": [read for _file, read, _with in found], "with the inventory": [one for *_rest, one in found]}
    figures = {
        name: {f"within {most}": sum(place is not None and place <= most for place in at) for most in (1, 3, 6)}
        for name, at in told.items()
    }
    if a.json:
        print(json.dumps(figures | {"numbers by hand": len(found)}))
        return
    print(f"{len(found)} numbers by hand; the right one is among the candidates:")
    for name, counts in figures.items():
        print(f"  {name:20s}" + ", ".join(f"{most}: {count}" for most, count in counts.items()))
    print("  not offered: " + ", ".join(file for file, _read, with_it in found if with_it is None))


if __name__ == "__main__":
    main()
