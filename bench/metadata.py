"""How far the confidence of extracted fields can be trusted, and the thresholds that follow from it.

    .venv/bin/sohoa read --json SCANS… > READ.jsonl
    .venv/bin/python -m bench.metadata READ.jsonl… --score SCORE.py --gold DIR… [--fit] [--json]

Several READ.jsonl are readings of the same scans by several versions or settings of the reader, or of other scans whose
truth is in a further DIR: each counts.

For each field: how many values of each confidence are right (the reliability curve), the threshold fitted on all
agencies, and what thresholds fitted on the other agencies would have accepted of each agency in turn. ``--fit`` writes
the thresholds to ``ingest/extract/thresholds.json``. SCORE.py is the scoring program, whose notion of "same" counts.
"""

import argparse
import importlib.util
import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType

from ingest.extract import OF_HEAD
from ingest.extract.finding import THRESHOLDS
from ingest.extract.finding import thresholds as kept_thresholds

SCORED = (*OF_HEAD, "signer", "signer_title")
"""The fields of which there is truth; those of the validity keep the floor."""
EDGES = (0.0, 0.5, 0.7, 0.8, 0.86, 0.9, 0.93, 0.96, 1.001)
FLOOR, FLOOR_OF_FEW = 0.86, 0.93
"""No threshold lies lower; where fewer than FEW values were seen, none lower than the second."""
FEW = 30
AHEAD = 1 / 3
"""How far above the surest wrong value a threshold lies, of the way from there to 1."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One field of one paper: how sure it was, whether it is right; values written by hand count as well."""

    agency: str
    field: str
    confidence: float
    right: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("read", type=Path, nargs="+")
    parser.add_argument("--score", type=Path, required=True)
    parser.add_argument("--gold", type=Path, required=True, nargs="+")
    parser.add_argument("--fit", action="store_true", help="write the thresholds")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    score = scoring(a.score)
    seen = [one for read in a.read for gold in a.gold for one in observations(read, gold, score)]
    thresholds = fitted(seen)
    figures = {
        "reliability": {field: curve([one for one in seen if one.field == field]) for field in SCORED},
        "thresholds": thresholds,
        "cross_validation": {agency: asdict(outcome) for agency, outcome in cross_validated(seen).items()},
    }
    print(json.dumps(figures, ensure_ascii=False) if a.json else _table(figures))
    if a.fit:
        about = "The least confidence with which a field is accepted, fitted by bench/metadata.py."
        THRESHOLDS.write_text(
            json.dumps({"about": about, "accepted_from": kept_thresholds() | thresholds}, ensure_ascii=False, indent=2)
            + "\n",
            encoding="utf-8",
        )


def scoring(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("scoring", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def observations(read: Path, gold: Path, score: ModuleType) -> Iterable[Seen]:
    """Every scored field of the first document of each scan."""
    firsts: dict[str, dict[str, dict[str, object]]] = {}
    for text in read.read_text(encoding="utf-8").splitlines():
        document = json.loads(text)
        if "fields" in document:
            firsts.setdefault(unicodedata.normalize("NFC", document["scan"]), document["fields"])
    for record in json.loads((gold / "metadata.json").read_text(encoding="utf-8"))["records"]:
        file = unicodedata.normalize("NFC", record["file"])
        fields = next((found for scan, found in firsts.items() if scan.endswith(file)), None)
        if fields is None:
            continue
        uncertain = " ".join(record["uncertain"])
        for field in SCORED:
            if score.TRUTH[field] in uncertain or (field.startswith("signer") and record["level"] != "full"):
                continue
            found = fields[field]
            if found["value"] is None and found["state"] == "held":
                continue  # nothing is claimed
            right = score.same(field, score.truth_of(record, field), found["value"])
            confidence = found["confidence"]
            assert isinstance(confidence, float | int)
            agency = f"{record['co_quan_ban_hanh']}, {record['co_quan_chu_quan'] or ''}"
            yield Seen(agency, field, float(confidence), bool(right))


def fitted(seen: Sequence[Seen]) -> dict[str, float]:
    """By field: above the surest wrong value, and never below the floor."""
    found = {}
    for field in SCORED:
        of_field = [one for one in seen if one.field == field]
        wrong = max((one.confidence for one in of_field if not one.right), default=0.0)
        floor = FLOOR if len(of_field) >= FEW else FLOOR_OF_FEW
        found[field] = round(max(floor, wrong + AHEAD * (1 - wrong)), 3)
    return found


@dataclass(frozen=True, slots=True)
class Outcome:
    """What thresholds fitted elsewhere accept of one agency."""

    seen: int
    accepted: int
    accepted_wrong: int


def cross_validated(seen: Sequence[Seen]) -> dict[str, Outcome]:
    """Each agency left out of the fit in turn."""
    outcomes = {}
    for agency in sorted({one.agency for one in seen}):
        thresholds = fitted([one for one in seen if one.agency != agency])
        theirs = [one for one in seen if one.agency == agency]
        accepted = [one for one in theirs if one.confidence >= thresholds[one.field]]
        outcomes[agency] = Outcome(len(theirs), len(accepted), sum(not one.right for one in accepted))
    return outcomes


def curve(seen: Sequence[Seen]) -> list[tuple[float, int, int]]:
    """Lower edge of each bin of confidence, values in it, right ones among them."""
    bins: defaultdict[float, list[bool]] = defaultdict(list)
    for low, high in pairwise(EDGES):
        bins[low] = [one.right for one in seen if low <= one.confidence < high]
    return [(low, len(right), sum(right)) for low, right in bins.items()]


def _table(figures: dict[str, object]) -> str:
    reliability, thresholds, folds = figures["reliability"], figures["thresholds"], figures["cross_validation"]
    assert isinstance(reliability, dict)
    assert isinstance(thresholds, dict)
    assert isinstance(folds, dict)
    lines = [
        "right/values by confidence",
        "field".ljust(15) + "".join(f"{'≥' + str(low):>9s}" for low in EDGES[:-1]) + "   accepted from",
    ]
    for field, bins in reliability.items():
        cells = "".join(f"{f'{right}/{n}' if n else '–':>9s}" for _low, n, right in bins)
        lines.append(f"{field:15s}{cells}{thresholds[field]:14.3f}")
    lines += ["", "left out of the fit: fields, accepted, of these wrong"]
    lines += [
        f"{fold['seen']:6d}{fold['accepted']:6d}{fold['accepted_wrong']:4d}  {agency}" for agency, fold in folds.items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
