"""How many documents needed a person, and for what: the questions that a sitting of review would ask.

    .venv/bin/sohoa read --json SCANS… > READ.jsonl
    .venv/bin/python -m bench.review READ.jsonl… [--json]

A document is asked about when a field that a record needs, or where it begins or ends, is doubtful. Cases that hang on
other papers (a second scan, a contradiction with a manifest) are met by ``ingest`` only and are not in these figures.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ingest.extract import NEEDED


@dataclass(frozen=True, slots=True)
class Asked:
    """What people are asked about a set of documents."""

    documents: int
    with_a_person: int
    questions: int
    documents_by_question: dict[str, int]
    with_candidate: dict[str, int]
    """Of these fields, how many offer a value to take by a key."""
    alone: dict[str, int]
    """Documents whose only question it is."""


def asked(documents: Iterable[dict[str, Any]]) -> Asked:
    """The questions about *documents*, as ``sohoa read --json`` prints them; scans that were rejected are left out."""
    count = with_a_person = total = 0
    by_question: Counter[str] = Counter()
    offered: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    for document in documents:
        if "fields" not in document:
            continue
        count += 1
        questions = [name for name in NEEDED if document["fields"][name]["state"] == "held"]
        offered.update(name for name in questions if _values(document["fields"][name]))
        if document["cut"]["state"] == "held":
            questions.append("where it begins")
        if document["doubtful_cuts"]:
            questions.append("where it ends")
        if document["state"] == "held" and not questions:
            questions.append("a page that was not read")
        with_a_person += bool(questions)
        total += len(questions)
        by_question.update(questions)
        alone.update(questions if len(questions) == 1 else ())
    return Asked(count, with_a_person, total, dict(by_question.most_common()), dict(offered), dict(alone))


def _values(field: dict[str, Any]) -> list[str]:
    return [value for value in (field["value"], *field["candidates"]) if value]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("read", type=Path, nargs="+")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    lines = (line for file in given.read for line in file.read_text(encoding="utf-8").splitlines())
    found = asked(json.loads(line) for line in lines)
    print(json.dumps(asdict(found)) if given.json else table(found))


def table(found: Asked) -> str:
    share = found.with_a_person / found.documents if found.documents else 0.0
    lines = [
        f"{found.with_a_person} of {found.documents} documents ({share:.0%}) needed a person, "
        f"{found.questions} questions in all",
        "",
        f"{'question':26s}{'documents':>10s}{'share':>7s}{'alone':>7s}{'with a candidate':>18s}",
    ]
    for question, count in found.documents_by_question.items():
        offered = str(found.with_candidate.get(question, 0)) if question in NEEDED else "–"
        lines.append(
            f"{question:26s}{count:10d}{count / found.documents:7.0%}{found.alone.get(question, 0):7d}{offered:>18s}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
