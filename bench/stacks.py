"""Many random stacks of whole documents: which cuts are made, missed or asked about, and whether the weights hold.

    .venv/bin/python -m bench.stacks FOLDER … [--readings DIR] [--stacks N] [--seed N] [--json]

Each folder holds the scans of an agency (or of several), each file a whole document. Stacks are put together from their
readings, mostly several documents of one agency in a row; in half of them odd documents have a blank back, as in a
duplex scan. An inner page with a heading of its own is neither right nor wrong to cut at. Documents without a head on
their first page (annexes filed apart) are laid behind a document that does, as parts of it.

Then the weights are fitted anew to all agencies but one, from where they stand, and that one's boundaries are judged by
them: as long as this asks no less and errs no more, the weights stand.
"""

import argparse
import json
import random
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ingest.intake import find_scans
from ingest.pagesigns import PageSigns, signs_of
from ingest.readings import KeptReadings
from ingest.scanreading import Reading, ReadScan, read_scans
from ingest.separate import BIAS, POSSIBLE, PROBABLE, SURE, WEIGHTS, boundary, separate
from ingest.workers import open_pool
from schemas.documents import CutState
from schemas.pages import MediaType, PageState, PageText, ReadingOptions, Scan

STACK = Scan(Path("stack.pdf"), "0" * 64, 1, MediaType.PDF)
HEAD = 0.75
SAME_AGENCY = 0.75
PRIOR = 0.3
"""How far, in log-odds, a fit may take a weight from where it stands (standard deviation of the prior)."""

Document = tuple[PageText, ...]


@dataclass(frozen=True, slots=True)
class Score:
    what: str
    stacks: int
    cuts: int
    f1: float
    silent: int
    asked_at_cuts: int
    asked_within: int


def read_documents(folders: Sequence[Path], readings: Path, options: ReadingOptions) -> dict[str, list[Document]]:
    """The documents by the folder they lie in; readings kept in *readings* are taken from there."""
    documents: dict[str, list[Document]] = {}
    kept = KeptReadings(readings, options)
    with tempfile.TemporaryDirectory() as spool, open_pool(0, options) as pool:
        scans = [scan for scan in find_scans(folders) if isinstance(scan, Scan)]
        for read in read_scans(scans, Reading(pool, options, Path(spool), kept=kept)):
            if isinstance(read, ReadScan):
                documents.setdefault(read.scan.path.parent.name, []).append(read.texts)
    return documents


def with_annexes(documents: Sequence[Document], rng: random.Random) -> list[Document]:
    """The documents that begin with a head; those without one stand behind one of them."""
    first = [document for document in documents if _begins(document)]
    for annex in (document for document in documents if not _begins(document)):
        at = rng.randrange(len(first))
        first[at] = first[at] + annex
    return first


def _begins(document: Document) -> bool:
    """It bears a head, and does not call itself an annex above a form that does."""
    signs = signs_of(document[0])
    return signs.motto >= HEAD and signs.annex < 1


def scored(agencies: dict[str, list[Document]], stacks: int, rng: random.Random) -> Score:
    """*stacks* random stacks, cut and judged."""
    right = wrong = missed = silent = at_cuts = within = true_cuts = 0
    for number in range(stacks):
        pages: list[PageText] = []
        begin, neutral = set(), set()
        for document in _drawn(agencies, rng):
            begin.add(len(pages) + 1)
            neutral |= {len(pages) + at for at, page in enumerate(document, start=1) if at > 1 and _headed(page)}
            pages += document
            if number % 2 and len(document) % 2:
                pages.append(replace(document[-1], state=PageState.BLANK, lines=(), codes=()))
        papers = separate(STACK, [replace(page, number=at) for at, page in enumerate(pages, start=1)])
        begin -= {1}
        cuts = {paper.pages[0].number: paper.cut.state for paper in papers[1:]}
        held = {page for page, state in cuts.items() if state is CutState.HELD}
        named = {page for paper in papers for page in paper.doubtful_cuts}
        counted = set(cuts) - neutral
        true_cuts += len(begin)
        right, wrong, missed = right + len(counted & begin), wrong + len(counted - begin), missed + len(begin - counted)
        silent += len((counted - begin - held) | (begin - set(cuts) - named))
        at_cuts += len((held | named) & begin)
        within += len((held | named) - begin)
    f1 = 2 * right / ((2 * right + wrong + missed) or 1)
    return Score("", stacks, true_cuts, f1, silent, at_cuts, within)


def _headed(page: PageText) -> bool:
    return page.state is not PageState.BLANK and signs_of(page).motto >= HEAD


def _drawn(agencies: dict[str, list[Document]], rng: random.Random, documents: int = 12) -> list[Document]:
    names = list(agencies)
    agency = rng.choice(names)
    drawn: list[Document] = []
    for _n in range(documents):
        if rng.random() > SAME_AGENCY:
            agency = rng.choice(names)
        drawn.append(rng.choice(agencies[agency]))
    return [document for at, document in enumerate(drawn) if at == 0 or document is not drawn[at - 1]]


# -- the weights ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Boundaries:
    """Signs, a row a boundary; 1 where a document begins there; whose document it is."""

    signs: NDArray[np.float64]
    begins: NDArray[np.float64]
    agency: NDArray[np.str_]


def boundaries(agencies: dict[str, list[Document]], rng: random.Random, before_each: int = 6) -> Boundaries:
    """Every boundary within a document, and each document's first page behind some others."""
    rows: list[tuple[tuple[float, ...], float, str]] = []
    everywhere = [document for documents in agencies.values() for document in documents]
    for agency, documents in agencies.items():
        signs = [_signs(document) for document in documents]
        for mine in signs:
            rows += [(astuple(boundary(mine[:at], mine[at])), 0.0, agency)
                     for at in range(1, len(mine)) if mine[at].motto < HEAD]  # fmt: skip
            others = rng.choices(signs, k=before_each) + [_signs(rng.choice(everywhere)) for _n in range(2)]
            rows += [(astuple(boundary(run, mine[0])), 1.0, agency) for run in others if run is not mine]
    return Boundaries(*(np.array(column) for column in zip(*rows, strict=True)))


def _signs(document: Document) -> list[PageSigns]:
    return [signs_of(page) for page in document if page.state is not PageState.BLANK]


def fitted(on: Boundaries) -> tuple[float, NDArray[np.float64]]:
    """Bias and weights by logistic regression, both kinds of boundary of one weight, pulled to where they stand."""
    design = np.column_stack([np.ones(len(on.signs)), on.signs])
    stand = np.array([BIAS, *astuple(WEIGHTS)])
    worth = np.where(on.begins == 0, on.begins.sum() / max((on.begins == 0).sum(), 1), 1.0)
    weights = stand.copy()
    for _step in range(40):
        chance = 1 / (1 + np.exp(-design @ weights))
        slope = design.T @ (worth * (chance - on.begins)) + (weights - stand) / PRIOR**2
        bend = design.T @ (design * (worth * chance * (1 - chance))[:, None]) + np.eye(len(stand)) / PRIOR**2
        weights = weights - np.linalg.solve(bend, slope)
    return float(weights[0]), weights[1:]


def held_out(all_of_them: Boundaries, *, refit: bool) -> dict[str, int]:
    """What each agency's boundaries would be taken for by weights that have not seen it."""
    counts = dict.fromkeys(("within", "asked_within", "wrong_silently", "starts", "asked_at", "missed_silently"), 0)
    for agency in np.unique(all_of_them.agency):
        here = all_of_them.agency == agency
        rest = Boundaries(all_of_them.signs[~here], all_of_them.begins[~here], all_of_them.agency[~here])
        bias, weights = fitted(rest) if refit else (BIAS, np.array(astuple(WEIGHTS)))
        chance = 1 / (1 + np.exp(-(bias + all_of_them.signs[here] @ weights)))
        starts = all_of_them.begins[here] == 1
        counts["within"] += int((~starts).sum())
        counts["asked_within"] += int((~starts & (chance >= POSSIBLE) & (chance < SURE)).sum())
        counts["wrong_silently"] += int((~starts & (chance >= SURE)).sum())
        counts["starts"] += int(starts.sum())
        counts["asked_at"] += int((starts & (chance < SURE) & (chance >= POSSIBLE)).sum())
        counts["missed_silently"] += int((starts & (chance < POSSIBLE)).sum())
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--readings", type=Path, default=Path("/tmp/sohoa-readings"))
    parser.add_argument("--stacks", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    read = read_documents(arguments.folders, arguments.readings, ReadingOptions())
    agencies = {name: with_annexes(documents, rng) for name, documents in read.items()}
    scores = [replace(scored({name: documents}, arguments.stacks // len(agencies), rng), what=name)
              for name, documents in agencies.items()]  # fmt: skip
    scores.append(replace(scored(agencies, arguments.stacks, rng), what="all, mixed"))
    seen = boundaries(agencies, rng)
    fits = {"as they stand": held_out(seen, refit=False), "fitted without the agency": held_out(seen, refit=True)}
    if arguments.json:
        print(json.dumps({"stacks": [asdict(score) for score in scores], "weights": fits}))
        return
    print(f"{'stacks of':24s}{'stacks':>7s}{'cuts':>6s}{'F1':>8s}{'silent':>8s}{'asked at cuts':>15s}{'within':>8s}")
    for score in scores:
        print(f"{score.what:24s}{score.stacks:7d}{score.cuts:6d}{score.f1:8.4f}{score.silent:8d}"
              f"{score.asked_at_cuts:15d}{score.asked_within:8d}")  # fmt: skip
    print(f"questions begin at {POSSIBLE}, cuts at {PROBABLE}, sure cuts at {SURE}")
    for name, counts in fits.items():
        print(f"weights {name}: " + ", ".join(f"{what} {count}" for what, count in counts.items()))


if __name__ == "__main__":
    main()
