"""From 200 signed outputs, every way we know of changing one; none may be called valid, by us or by EU DSS.

``python -m bench.tampering [OUTPUTS [FIRST LAST]]`` (200): drawn pages of every kind and papers prepared for shadow
attacks, signed by one and by two, at B-B, B-T and B-LTA with a real timestamp service; FIRST and LAST choose a portion
of them. Prints a JSON object: by what was done, how many were tried, what we say, and what EU DSS says of every tenth
output's; and those that we call valid (wanted: none). Ends with 1 if there is one.
``python -m bench.tampering table FILE…``: the portions together, as a table.
``python -m bench.tampering proofs [FIRST LAST]`` (0 8): outputs at B-LT, whose proofs stand behind the newest
signature; a bit of every 20th byte there is flipped. Prints what we say, and those that we call valid: within a proof
(wanted: none), and in what is around them.
"""

import json
import random
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.attacks import BYTE_RANGE, flip, tampered
from bench.shadows import prepared
from commands.verify import overall
from ingest.signing import Verdict, verify
from samples.keys import make_demo_keys
from schemas.documents import ComposedPdf, SignedPdf
from schemas.errors import InputRejected
from tests.ingest.signed import made_scans, seals
from tests.ingest.signing_matrix import Case, Maker
from tests.services import dss
from tests.services.pki import running_pki

LEVELS = ("B-B", "B-T", "B-LTA")
KEYS = ("rsa", "p256", "rsa-pss", "p384")
PREPARED_EACH = 7
PROOFS_EACH = 20
ASKED_EACH = 10
"""DSS is asked about all that is made of every tenth output."""

Said = dict[str, dict[str, int]]
"""By what was done: how often each thing was said."""


def main() -> None:
    if sys.argv[1:2] == ["table"]:
        print(table([json.loads(Path(name).read_text()) for name in sys.argv[2:]]))
        return
    if sys.argv[1:2] == ["proofs"]:
        with tempfile.TemporaryDirectory() as name:
            print(json.dumps(proofs_flipped(Path(name), *map(int, sys.argv[2:4] or (0, 8))), indent=1))
        return
    numbers = [int(argument) for argument in sys.argv[1:]] or [200]
    first, last = numbers[1:] if len(numbers) == 3 else (0, numbers[0])
    with tempfile.TemporaryDirectory() as name:
        found = campaign(Path(name), first, last)
    print(json.dumps(found, indent=1, ensure_ascii=False))
    sys.exit(1 if found["called_valid_by_us"] else 0)


def campaign(folder: Path, first: int, last: int) -> dict[str, object]:
    """The outputs from *first* to before *last*."""
    made = dict(outputs(folder, first, last))
    roots = folder / "roots"
    assert all(overall(verify(signed.path, roots)) == Verdict.VALID for signed in made.values()), "before any change"
    forger = seals(make_demo_keys(folder / "forger", agency="UBND XÃ MẪU", operator="Lê Văn Thử"))
    others = {number: made.get(number - 1, made[last - 1]).path.read_bytes() for number in made}
    ours: dict[str, Counter[str]] = defaultdict(Counter)
    valid: list[str] = []
    asked: dict[Path, str] = {}
    file = folder / "tampered.pdf"
    for number, signed in made.items():
        chance = random.Random(number)
        for change, content in tampered(signed.path.read_bytes(), others[number], forger, folder, chance):
            file.write_bytes(content)
            verdict = _verdict(file, roots)
            ours[change][verdict] += 1
            if verdict == Verdict.VALID:
                valid.append(f"{signed.path.name}: {change}")
            if number % ASKED_EACH == 0:
                asked[file.rename(folder / f"asked-{len(asked)}.pdf")] = change
        print(f"{number}: {sum(map(Counter.total, ours.values()))} tried", file=sys.stderr, flush=True)
    theirs: dict[str, Counter[str]] = defaultdict(Counter)
    for path, said in _strangers_verdicts(list(asked), roots / "root.pem").items():
        theirs[asked[path]][said] += 1
    return {
        "first": first, "last": last, "tampered": sum(map(Counter.total, ours.values())), "called_valid_by_us": valid,
        "asked_dss": len(asked), "ours": dict(ours), "dss": dict(theirs),
    }  # fmt: skip


def outputs(folder: Path, first: int, last: int) -> Iterator[tuple[int, SignedPdf]]:
    """Each by its number, which settles of what page, by what key and at what level it is."""
    scans = list(made_scans(folder))
    shadow = ComposedPdf(prepared(folder), 1)
    with running_pki(folder) as pki:
        maker = Maker(pki, "", folder / "signed")
        maker.folder.mkdir()
        for number in range(first, last):
            composed = shadow if number % PREPARED_EACH == 0 else scans[number % len(scans)]
            place = ("pem", "pkcs12")[number // 4 % 2]
            case = Case(LEVELS[number % 3], KEYS[number % 4], place, "text", 1 + number // 2 % 2)
            signed = maker.make(case, composed)
            assert not signed.waits_for_timestamp
            yield number, replace(signed, path=signed.path.rename(maker.folder / f"{number:03d}-{case.name}.pdf"))


def proofs_flipped(folder: Path, first: int, last: int) -> dict[str, object]:
    """What stands behind the newest signature at B-LT: proofs, each signed by its issuer, and what holds them."""
    said: Counter[str] = Counter()
    valid: dict[str, list[str]] = {"within": [], "around": []}
    file = folder / "tampered.pdf"
    with running_pki(folder) as pki:
        maker = Maker(pki, "", folder / "signed")
        maker.folder.mkdir()
        scans = list(made_scans(folder))
        for number in range(first, last):
            case = Case("B-LT", KEYS[number % 4], "pem", "text", 1 + number // 4 % 2)
            content = maker.make(case, scans[number % len(scans)]).path.read_bytes()
            start = max(int(found[2]) + int(found[3]) for found in BYTE_RANGE.finditer(content))
            held = [
                found.span(1) for found in re.compile(rb"stream\n(0\x82.*?)\nendstream", re.S).finditer(content, start)
            ]
            chance = random.Random(number)
            for place in range(start, len(content), PROOFS_EACH):
                file.write_bytes(flip(content, place, chance))
                verdict = _verdict(file, pki.roots)
                said[verdict] += 1
                if verdict == Verdict.VALID:
                    where = "within" if any(begin <= place < end for begin, end in held) else "around"
                    valid[where].append(content[place - 12 : place + 12].decode("latin-1"))
            print(f"{number + 1}: {said.total()} tried", file=sys.stderr, flush=True)
    return {"outputs": last - first, "flipped": said.total(), "ours": said, "called_valid": valid}


def _verdict(file: Path, roots: Path) -> str:
    try:
        return overall(verify(file, roots))
    except InputRejected:
        return "rejected"


def _strangers_verdicts(files: list[Path], root: Path) -> dict[Path, str]:
    said = {}
    for file, found in (dss.judge(files, [root]) if files else {}).items():
        if not found:
            said[file] = "no signature"
        elif not all(one.intact for one in found):
            said[file] = "not intact"
        elif all(one.indication == "TOTAL_PASSED" for one in found):
            said[file] = "TOTAL_PASSED"
        else:
            said[file] = "intact, INDETERMINATE"
    return said


def table(portions: list[dict[str, object]]) -> str:
    """All that was tried, as Markdown: what was done, how often, what we say, what DSS says."""
    together: dict[str, dict[str, Counter[str]]] = {"ours": defaultdict(Counter), "dss": defaultdict(Counter)}
    for portion in portions:
        for whose, by_change in together.items():
            said = portion[whose]
            assert isinstance(said, dict)
            for change, counts in said.items():
                by_change[change].update(counts)
    rows = [
        f"| {change} | {counts.total()} | {_counted(counts)} | {_counted(together['dss'][change])} |"
        for change, counts in together["ours"].items()
    ]
    total = sum(map(Counter.total, together["ours"].values()))
    asked = sum(map(Counter.total, together["dss"].values()))
    head = ["| what was done | tried | we say | EU DSS says |", "|---|---:|---|---|"]
    return "\n".join([*head, *rows, f"| **together** | **{total}** | | {asked} asked |"])


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{said} {count}" for said, count in counts.most_common())


if __name__ == "__main__":
    main()
