"""Speed, size and judgment of search against SQLite FTS5 and a plain OpenSearch mapping, all on the same records.

    .venv/bin/python -m bench.search TEXTS [--records 100000] [--queries 2000] [--engines sohoa fts5 plain cluster]
                                     [--gold GOLD.json] [--folder DIR] [--limit-mb 400] [--json]

TEXTS is a folder of plain texts (``*.txt``): records of 1 to 5 pages are drawn from their paragraphs, so that words are
as frequent as they are in such papers, with drawn metadata and one misread letter in about two hundred words. ``sohoa``
is the embedded index, ``cluster`` the same over OpenSearch, ``plain`` what one gets from OpenSearch without thought
(standard tokenizer, lower case, ASCII folding, ``multi_match`` over all fields). A real OpenSearch is started for the
last two. Every engine is filled and asked in a process of its own, one after the other, warm. With GOLD (the
transcribed metadata of real papers) the papers stand among the drawn records and are looked for by what people would
type. Besides the clock, the processor's time of client and server is taken: it says what a query costs on a machine
that has other work too, and the longest thread's (ranking and counting run side by side) what the clock would show were
there no other work. One search by itself is the command ``sohoa search`` in a process of its own; ``--limit-mb`` asks
all queries once more in so much memory, the share of the system's file cache included. The embedded index in a FOLDER
that is kept is gone on with: a million records can be filled in parts (``--records 300000``, then
``--records 600000``), and asked at each size.
"""

import argparse
import json
import os
import random
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from opensearchpy import OpenSearch
from opensearchpy.helpers import parallel_bulk

from bench.limited import forget, limited
from schemas.documents import Kind
from schemas.records import Record
from schemas.settings import Search
from search.finding import find
from search.folding import canonical, folded, without_marks
from search.index import Request, SearchIndex
from search.opensearch_index import OpenSearchIndex
from search.parsing import parse
from search.projection import Entry, project
from search.tantivy_index import TantivyIndex
from tests.services.opensearch import running

HITS = 20
FIRST_EXTRA = 9_000_000
"""The number of the first record that is not drawn like the others: the transcribed papers and the pairs of tones."""
WARM_UP = 200
BLOCK = 5_000
SHAPES = ("one word", "three words", "phrase", "number", "field", "without marks", "misread", "prefix", "deep page")
MISREAD_TRIES = 5
"""How often a paper is looked for with a misread letter: another each time."""
MISREADINGS = (("i", "l"), ("n", "u"), ("h", "b"), ("c", "e"), ("g", "q"), ("t", "r"), ("o", "c"), ("m", "rn"))
TYPES = (("Quyết định", "QĐ"), ("Thông báo", "TB"), ("Báo cáo", "BC"), ("Kế hoạch", "KH"), ("Tờ trình", "TTr"),
         ("Giấy phép", "GP"), ("Công văn", ""))  # fmt: skip
NAME_OF = {code: name for name, code in TYPES}
AGENCIES = ("UBND", "HĐND", "SXD", "STNMT", "SYT", "SGDĐT", "STC", "VP", "SNV", "CA")
NAMES = ("Nguyễn Văn An", "Trần Thị Bình", "Lê Hoàng Anh", "Phạm Minh Đức", "Võ Thị Thúy", "Đặng Quốc Hòa")


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as a person types it, and how far down its answer is wanted."""

    shape: str
    typed: str
    offset: int = 0


# The records


@dataclass
class Draw:
    """Draws record *n* of a run: always the same for the same texts and seed."""

    texts: Path
    seed: int = 7
    paragraphs: list[str] = field(init=False)

    def __post_init__(self) -> None:
        whole = (path.read_text(encoding="utf-8") for path in sorted(self.texts.glob("*.txt")))
        lines = (line.strip() for text in whole for line in text.splitlines())
        self.paragraphs = [line for line in lines if 60 <= len(line) <= 1500]
        if not self.paragraphs:
            sys.exit(f"{self.texts}: no *.txt with paragraphs")

    def record(self, n: int) -> Record:
        chance = random.Random(self.seed * 1_000_003 + n)
        pages = tuple(self._page(chance) for _ in range(chance.choice((1, 1, 2, 2, 2, 3, 3, 4, 5))))
        type_, code = chance.choice(TYPES)
        agency = chance.choice(AGENCIES)
        day = date(2012, 1, 1) + timedelta(days=chance.randrange(4500))
        abstract = " ".join(chance.choice(self.paragraphs).split()[: chance.randrange(8, 25)])
        number, symbol = str(chance.randrange(1, 9999)), f"{code}-{agency}" if code else f"{agency}-VX"
        return record_of(
            n, pages, number=number, symbol=symbol, issued_on=day, type=type_, abstract=abstract,
            issuer=f"{agency} {chance.randrange(1, 335)}", unit=f"H29.{chance.randrange(1, 335)}",
            signer=chance.choice(NAMES),
        )  # fmt: skip

    def _page(self, chance: random.Random) -> str:
        lines: list[str] = []
        size = 0
        while size < 1500:
            line = chance.choice(self.paragraphs)
            size += len(line)
            lines.append(misread(line, chance) if chance.random() < 0.25 else line)
        return "\n".join(lines)


def record_of(n: int, pages: tuple[str, ...], **fields: Any) -> Record:
    dossier = f"H29.17-{230101 + n % 9999:06}-{n:07}"
    given: dict[str, Any] = {
        "id": f"{dossier}.001", "dossier": dossier, "serial": 1, "version": 1, "unit": "", "procedure": "1.001193",
        "kind": Kind.RESULT, "number": None, "symbol": None, "issued_on": None, "issuer": None, "parent_issuer": None,
        "type": None, "abstract": None, "urgency": None, "signer": None, "signer_title": None, "pages": pages,
        "deposited_at": datetime(2024, 1, 1, tzinfo=UTC), "scan_sha256": f"{n:064x}", "pdf_sha256": f"{n:064x}",
    }  # fmt: skip
    return Record(**(given | fields))


def misread(text: str, chance: random.Random) -> str:
    """*text* with one letter of one of its longer words misread, as OCR misreads them."""
    words = text.split(" ")
    long = [n for n, word in enumerate(words) if len(word) >= 5 and word.isalpha()]
    chance.shuffle(long)
    for n in long:
        for wrong in chance.sample(MISREADINGS, len(MISREADINGS)):
            if wrong[0] in words[n]:
                words[n] = words[n].replace(*wrong, 1)
                return " ".join(words)
    return text


# The queries


def mixed(draw: Draw, records: int, count: int) -> list[Asked]:
    """*count* queries of every shape in turn, each out of a record that is there."""
    chance = random.Random(11)
    return [_asked(SHAPES[n % len(SHAPES)], draw.record(chance.randrange(records)), chance) for n in range(count)]


def _asked(shape: str, record: Record, chance: random.Random) -> Asked:
    words = [word for word in re.findall(r"[^\W\d_]+", record.pages[0]) if word.isalpha()]
    at = chance.randrange(max(len(words) - 4, 1))
    some = words[at : at + 4]
    long = [word for word in words if len(word) >= 5] or words
    match shape:
        case "one word":
            return Asked(shape, chance.choice(words))
        case "three words":
            return Asked(shape, " ".join(chance.sample(words, 3)))
        case "phrase":
            return Asked(shape, f'"{" ".join(some[:3])}"')
        case "number":
            return Asked(shape, f"{record.number}/{record.symbol}")
        case "field":
            return Asked(
                shape, f"{' '.join(some[:2])} loai:{chance.choice(('QĐ', 'TB'))} ngay:{chance.randrange(2013, 2023)}"
            )
        case "without marks":
            return Asked(shape, folded(" ".join(some)))
        case "misread":
            return Asked(shape, f"{misread(chance.choice(long), chance)} {chance.choice(words)}")
        case "prefix":
            return Asked(shape, f"{some[0]} {without_marks(chance.choice(long)).lower()[:3]}*")
        case _:
            return Asked(shape, " ".join(some[:2]), offset=chance.randrange(200, 2000))


# The engines


class Engine(Protocol):
    """One side of the comparison."""

    def filled(self) -> int:
        """How many drawn records are in already."""

    def fill(self, entries: Iterable[Entry], position: int) -> None: ...

    def ask(self, asked: Asked) -> tuple[int, list[str]]:
        """How many are found, and the ids of the hits."""

    def size_bytes(self) -> int: ...

    def server_cpu_ms(self) -> float:
        """Processor time that a server of its own has taken so far."""


@dataclass
class Sohoa:
    index: SearchIndex

    def filled(self) -> int:
        return self.index.status().position

    def fill(self, entries: Iterable[Entry], position: int) -> None:
        self.index.update(entries, (), position)

    def ask(self, asked: Asked) -> tuple[int, list[str]]:
        found = find(self.index, Request(parse(asked.typed), limit=HITS, offset=asked.offset)).found
        return found.total, [hit.record.id for hit in found.hits]

    def size_bytes(self) -> int:
        return self.index.status().size_bytes

    def server_cpu_ms(self) -> float:
        return cpu_ms(self.index._client) if isinstance(self.index, OpenSearchIndex) else 0.0


class Fts5:
    """SQLite FTS5 with ``unicode61 remove_diacritics 2``: all words must be there, ranked by BM25, with a snippet."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.db = sqlite3.connect(file)
        self.db.execute(
            "CREATE VIRTUAL TABLE IF NOT EXISTS t USING fts5(id UNINDEXED, number, symbol, issued, type, issuer, "
            "signer, abstract, body, tokenize='unicode61 remove_diacritics 2')"
        )

    def filled(self) -> int:
        return 0

    def fill(self, entries: Iterable[Entry], position: int) -> None:
        rows = (
            (r.id, r.number, r.symbol, str(r.issued_on), r.type, r.issuer, r.signer, r.abstract, "\n".join(r.pages))
            for r in (entry.record for entry in entries)
        )
        self.db.executemany("INSERT INTO t VALUES (?,?,?,?,?,?,?,?,?)", rows)
        self.db.execute("INSERT INTO t(t) VALUES ('optimize')")
        self.db.commit()

    def ask(self, asked: Asked) -> tuple[int, list[str]]:
        query = fts_query(unicodedata.normalize("NFC", asked.typed))
        [total] = self.db.execute("SELECT count(*) FROM t WHERE t MATCH ?", (query,)).fetchone()
        rows = self.db.execute(
            "SELECT id, number, symbol, issued, type, issuer, signer, abstract, snippet(t, 8, '[', ']', '…', 20) "
            "FROM t WHERE t MATCH ? ORDER BY rank LIMIT ? OFFSET ?",
            (query, HITS, asked.offset),
        )
        return total, [row[0] for row in rows]

    def size_bytes(self) -> int:
        return self.file.stat().st_size

    def server_cpu_ms(self) -> float:
        return 0.0


def fts_query(typed: str) -> str:
    """What a careful writer makes of what was typed: words quoted, phrases, prefixes and fields kept."""
    parts = []
    for chunk in re.findall(r'"[^"]*"|\S+', typed):
        if chunk.startswith("loai:"):
            parts.append(f'type:"{NAME_OF[chunk[5:]]}"')
        elif chunk.startswith("ngay:"):
            parts.append(f'issued:"{chunk[5:]}"')
        elif chunk.startswith('"'):
            parts.append(chunk)
        elif chunk.endswith("*"):
            parts.append(f'"{chunk[:-1]}"*')
        else:
            parts.append('"' + chunk.replace('"', "") + '"')
    return " AND ".join(parts)


class Plain:
    """OpenSearch with a mapping that takes no thought: lower case, ASCII folding, all fields asked alike."""

    def __init__(self, url: str) -> None:
        self.client = OpenSearch([url], timeout=120)
        self.name = "plain"

    def filled(self) -> int:
        return 0

    def fill(self, entries: Iterable[Entry], position: int) -> None:
        text = {"type": "text", "analyzer": "plain"}
        names = ("number", "symbol", "type", "issuer", "signer", "abstract", "body")
        self.client.indices.create(index=self.name, body={
            "settings": {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1", "analysis": {
                "analyzer": {"plain": {"tokenizer": "standard", "filter": ["lowercase", "asciifolding"]}}}},
            "mappings": {"properties": dict.fromkeys(names, text) | {"issued": {"type": "date"}}},
        })  # fmt: skip
        actions = (
            {"_index": self.name, "_id": r.id, "number": r.number, "symbol": r.symbol, "type": r.type,
             "issuer": r.issuer, "signer": r.signer, "abstract": r.abstract, "issued": str(r.issued_on or "1900-01-01"),
             "body": "\n".join(r.pages)}
            for r in (entry.record for entry in entries)
        )  # fmt: skip
        for _done in parallel_bulk(self.client, actions, thread_count=2, chunk_size=500):
            pass
        self.client.indices.refresh(index=self.name)

    def ask(self, asked: Asked) -> tuple[int, list[str]]:
        must: list[dict[str, Any]] = []
        for chunk in re.findall(r'"[^"]*"|loai:\S+|ngay:\S+|[^\s"]+\*|[^"]+?(?= loai:| ngay:| \S+\*|$)', asked.typed):
            text = unicodedata.normalize("NFC", chunk.strip())
            if text.startswith("loai:"):
                must.append({"match_phrase": {"type": NAME_OF[text[5:]]}})
            elif text.startswith("ngay:"):
                must.append({"range": {"issued": {"gte": f"{text[5:]}-01-01", "lte": f"{text[5:]}-12-31"}}})
            elif text.endswith("*"):
                must.append({"prefix": {"body": text[:-1]}})
            elif text.startswith('"'):
                must.append({"multi_match": {"query": text, "type": "phrase", "fields": ["*"], "lenient": True}})
            elif text:
                fuzzy = {"fuzziness": "AUTO"} if asked.shape == "misread" else {}
                must.append({"multi_match": {"query": text, "fields": ["*"], "lenient": True} | fuzzy})
        answer = self.client.search(index=self.name, body={
            "query": {"bool": {"must": must}}, "size": HITS, "from": asked.offset, "track_total_hits": True,
            "highlight": {"fields": {"body": {"number_of_fragments": 1}}}})  # fmt: skip
        return answer["hits"]["total"]["value"], [hit["_id"] for hit in answer["hits"]["hits"]]

    def size_bytes(self) -> int:
        return int(self.client.indices.stats(index=self.name)["_all"]["primaries"]["store"]["size_in_bytes"])

    def server_cpu_ms(self) -> float:
        return cpu_ms(self.client)


def cpu_ms(client: OpenSearch) -> float:
    nodes: dict[str, Any] = client.nodes.stats(metric="process")["nodes"]
    return float(sum(node["process"]["cpu"]["total_in_millis"] for node in nodes.values()))


def engine(name: str, folder: Path, url: str) -> Engine:
    match name:
        case "sohoa":
            return Sohoa(TantivyIndex.open(folder / "tantivy"))
        case "fts5":
            return Fts5(folder / "fts5.db")
        case "plain":
            return Plain(url)
        case "cluster":
            return Sohoa(OpenSearchIndex.open(Search(engine="opensearch", url=url, timeout_s=120)))
        case _:
            raise ValueError(name)


# Known items: real papers, looked for by what people would type


@dataclass(frozen=True, slots=True)
class Sought:
    way: str
    typed: str
    id: str


def gold_records(file: Path, draw: Draw) -> list[Record]:
    """The transcribed papers as records: their head as it is printed, the body drawn like the others'."""
    chance = random.Random(5)
    records = []
    for n, row in enumerate(json.loads(file.read_text())["records"], FIRST_EXTRA):
        number, _slash, symbol = (row["so_ky_hieu"] or "").partition("/")
        head = [row["co_quan_chu_quan"], row["co_quan_ban_hanh"], f"Số: {row['so_ky_hieu'] or ''}", row["ten_loai"],
                row["trich_yeu"]]  # fmt: skip
        pages = ("\n".join(part for part in head if part) + "\n" + draw._page(chance), draw._page(chance))
        records.append(record_of(
            n, pages, number=number or None, symbol=symbol or None, type=row["ten_loai"], abstract=row["trich_yeu"],
            issuer=row["co_quan_ban_hanh"], parent_issuer=row["co_quan_chu_quan"], signer=row["nguoi_ky"],
            issued_on=date.fromisoformat(row["ngay_ban_hanh"]) if row["ngay_ban_hanh"] else None,
        ))  # fmt: skip
    return records


def sought(records: Sequence[Record], frequency: Callable[[str], int]) -> Iterator[Sought]:
    """Each paper by its abstract (twelve words) typed in five ways, by its three rarest words, and by its number.

    What fits a second paper just as well is left out: two of them open with the same twelve words.
    """
    heads = {record.id: set(re.findall(r"\w+", folded(record.pages[0]))) for record in records}
    chance = random.Random(3)
    for item in (item for record in records for item in _sought(record, frequency, chance)):
        words = set(re.findall(r"\w+", folded(item.typed)))
        if not any(words <= head for id, head in heads.items() if id != item.id):
            yield item


def _sought(record: Record, frequency: Callable[[str], int], chance: random.Random) -> Iterator[Sought]:
    if record.abstract:
        abstract = " ".join(re.findall(r"[\w/.-]+", record.abstract)[:12])
        yield Sought("as printed", abstract, record.id)
        yield Sought("without marks", without_marks(unicodedata.normalize("NFC", abstract)), record.id)
        yield Sought("other tone place", other_tones(abstract), record.id)
        yield Sought("decomposed", unicodedata.normalize("NFD", abstract), record.id)
        for wrong in dict.fromkeys(misread(abstract, chance) for _ in range(MISREAD_TRIES)):
            yield Sought("one letter misread", wrong, record.id)
        words = [w for w in dict.fromkeys(re.findall(r"\w+", record.abstract)) if w.isalpha() and len(w) > 2]
        rare = sorted(words, key=lambda word: frequency(folded(word)))[:3]
        yield Sought("three words", " ".join(sorted(rare, key=words.index)), record.id)
    if record.number and record.symbol:
        yield Sought("number", f"{record.number}/{record.symbol}", record.id)


def other_tones(text: str) -> str:
    """*text* with the tone on the other vowel of ``oa oe uy``, where there is one."""
    moved = canonical(text)
    back = {new: old for old, new in _moves()}
    if moved == unicodedata.normalize("NFC", text).lower():
        for new, old in back.items():
            moved = moved.replace(new, old)
    return moved


def _moves() -> Iterator[tuple[str, str]]:
    for pair in ("oa", "oe", "uy"):
        for tone in "\u0300\u0301\u0309\u0303\u0323":
            old = unicodedata.normalize("NFC", pair[0] + tone) + pair[1]
            yield old, pair[0] + unicodedata.normalize("NFC", pair[1] + tone)


def judged(side: Engine, gold: Path, draw: Draw) -> dict[str, Any]:
    """Where each paper of *gold* came. Of those looked for by number, another that bears just the same does not count:
    numbers are drawn, and among a million every one has its doubles."""
    records = gold_records(gold, draw)
    numbers = {record.id: f"{record.number}/{record.symbol}" for record in records}
    counted = document_frequency(draw)
    ways: dict[str, list[int]] = {}
    for item in sought(records, lambda word: counted.get(word, 0)):
        ids = side.ask(Asked("misread" if item.way == "one letter misread" else "judgment", item.typed))[1]
        if item.way == "number":
            others = {id: draw.record(int(id.split("-")[2].split(".")[0])) for id in ids if id not in numbers}
            doubles = {id for id, r in others.items() if f"{r.number}/{r.symbol}" == item.typed}
            ids = [id for id in ids if id not in doubles]
        ways.setdefault(item.way, []).append(ids.index(item.id) + 1 if item.id in ids else 0)
    every = [rank for ranks in ways.values() for rank in ranks]

    def figures(ranks: list[int]) -> dict[str, Any]:
        return {"n": len(ranks), "first": round(sum(rank == 1 for rank in ranks) / len(ranks), 4),
                "in_three": round(sum(0 < rank <= 3 for rank in ranks) / len(ranks), 4)}  # fmt: skip

    return {"all": figures(every)} | {way: figures(ranks) for way, ranks in ways.items()}


FIRST_TONE = FIRST_EXTRA + 1000
TONE_PAIRS = [("má", "mà"), ("bán", "bạn"), ("cầu", "cậu"), ("dân", "dẫn"), ("hoà", "hoá"), ("thuê", "thuế"),
              ("quy", "quý"), ("phương", "phường"), ("tài", "tại"), ("sở", "số")]  # fmt: skip


def tone_pairs(side: Engine) -> float:
    """The share of words whose record with the very marks comes before the one with others (both in the index)."""
    right = 0
    for n, (one, other) in enumerate(TONE_PAIRS):
        a, b = record_of(FIRST_TONE + 2 * n, ()).id, record_of(FIRST_TONE + 2 * n + 1, ()).id
        for word, wanted, unwanted in ((one, a, b), (other, b, a)):
            ids = side.ask(Asked("tone", f"{word} zq{n}x"))[1]
            right += wanted in ids and (unwanted not in ids or ids.index(wanted) < ids.index(unwanted))
    return right / (2 * len(TONE_PAIRS))


def tone_records() -> list[Record]:
    both = [(n, word) for n, pair in enumerate(TONE_PAIRS) for word in pair]
    return [record_of(FIRST_TONE + k, (f"{word} zq{n}x",)) for k, (n, word) in enumerate(both)]


# The measuring


def measured(name: str, a: argparse.Namespace, url: str, folder: Path) -> dict[str, Any]:
    """Fill and ask one engine, each in a process of its own so that memory is what that work needs."""
    figures = _part("fill", name, a, url, folder) | _part("ask", name, a, url, folder)
    if name == "sohoa":
        figures["one_search"] = one_by_one(a, folder)
        for megabytes in a.limit_mb:
            forget(folder / "tantivy")
            with limited(megabytes) as under_limit:
                figures[f"within_{megabytes}_mb"] = _part("ask", name, a, url, folder, under_limit)
    return figures


def _part(
    part: str, name: str, a: argparse.Namespace, url: str, folder: Path, before: Sequence[str] = ()
) -> dict[str, Any]:
    given = {"--records": a.records, "--queries": a.queries, "--folder": folder, "--engines": name, "--url": url}
    given |= {"--gold": a.gold} if a.gold else {}
    words = [str(word) for option in (given | {"--part": part}).items() for word in option]
    command = [*before, sys.executable, "-m", "bench.search", str(a.texts), *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def fill(name: str, a: argparse.Namespace) -> dict[str, Any]:
    draw = Draw(a.texts)
    extra = tone_records() + (gold_records(a.gold, draw) if a.gold else [])
    side = engine(name, a.folder, a.url)
    before = side.filled()
    drawn_s = drawn_s_cpu = text_bytes = 0.0

    def entries() -> Iterator[Entry]:
        nonlocal drawn_s, drawn_s_cpu, text_bytes
        for n in range(before, a.records + len(extra)):
            began, began_cpu = time.perf_counter(), time.thread_time()
            record = draw.record(n) if n < a.records else extra[n - a.records]
            text_bytes += sum(len(page.encode()) for page in record.pages)
            drawn_s += time.perf_counter() - began
            drawn_s_cpu += time.thread_time() - began_cpu
            yield Entry(n + 1, record)

    began, cpu = time.perf_counter(), time.process_time() * 1000 + side.server_cpu_ms()
    side.fill(entries(), a.records)
    seconds = time.perf_counter() - began - drawn_s
    size = side.size_bytes()
    cpu = time.process_time() * 1000 + side.server_cpu_ms() - cpu - drawn_s_cpu * 1000
    put_in = a.records + len(extra) - before
    return {
        "records": a.records + len(extra), "put_in": put_in, "text_mb": round(text_bytes / 1e6, 1),
        "fill_s": round(seconds, 1), "records_a_second": round(put_in / seconds),
        "fill_cpu_ms_a_record": round(cpu / put_in, 3), "index_mb": round(size / 1e6, 1),
        "index_per_text": round(size / (text_bytes * (a.records + len(extra)) / put_in), 3), "fill_peak_mb": peak_mb(),
    }  # fmt: skip


def ask(name: str, a: argparse.Namespace) -> dict[str, Any]:
    draw = Draw(a.texts)
    queries = mixed(draw, a.records, a.queries)
    draw.paragraphs = []
    side = engine(name, a.folder, a.url)
    for query in queries[:WARM_UP]:
        side.ask(query)
    took: dict[str, list[float]] = {shape: [] for shape in SHAPES}
    cpu: list[float] = []
    longest: list[float] = []
    bare = _bare(side)
    bare_ms: list[float] = []
    server = side.server_cpu_ms()
    for query in queries:
        began, began_cpu, began_here = time.perf_counter(), time.process_time(), time.thread_time()
        side.ask(query)
        here = (time.thread_time() - began_here) * 1000
        cpu.append((time.process_time() - began_cpu) * 1000)
        longest.append(max(here, cpu[-1] - here))
        took[query.shape].append((time.perf_counter() - began) * 1000)
        bare_ms.append(sum(bare) * 1000)
        bare.clear()
    server = side.server_cpu_ms() - server
    figures: dict[str, Any] = {"ms": spread([ms for all_ms in took.values() for ms in all_ms])}
    figures["ms_by_shape"] = {shape: spread(all_ms) for shape, all_ms in took.items() if all_ms}
    figures["client_cpu_ms"] = spread(cpu)
    figures["longest_thread_cpu_ms"] = spread(longest)
    figures["cpu_ms_a_query"] = round((sum(cpu) + server) / len(queries), 2)
    figures["load"] = os.getloadavg()[0]
    figures["ask_rss_mb"] = resident_mb()
    if any(bare_ms):
        figures["bare_query_ms"] = spread(bare_ms)
    if a.gold:
        figures["judged"] = judged(side, a.gold, Draw(a.texts))
    figures["tone_pairs_right"] = tone_pairs(side)
    return figures


PROCESSES = 5
"""Searches of each shape that are run one by one."""
ONE_SEARCH = """
import sys, cli
code = cli.run(sys.argv[1:])
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
sys.exit(code)
"""
"""The command, then the most memory that the process held, in kB: its own, and the files' pages that it had mapped."""


def one_by_one(a: argparse.Namespace, folder: Path) -> dict[str, dict[str, float]]:
    """The most that ``sohoa search`` takes of memory and time for some queries of each shape, a process for each."""
    draw = Draw(a.texts)
    workspace = folder / "workspace"
    workspace.mkdir(exist_ok=True)
    if not (workspace / "index").exists():
        (workspace / "index").symlink_to((folder / "tantivy").resolve())
    took: dict[str, dict[str, list[float]]] = {}
    for query in mixed(draw, a.records, PROCESSES * len(SHAPES)):
        options = ["--json", "--limit", str(HITS), "--skip", str(query.offset), "--", query.typed]
        command = [sys.executable, "-c", ONE_SEARCH, "--workspace", str(workspace), "search", *options]
        began = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        row = took.setdefault(query.shape, {"peak_mb": [], "ms": []})
        row["ms"].append(round((time.perf_counter() - began) * 1000))
        row["peak_mb"].append(round(int(done.stdout.splitlines()[-1]) * 1024 / 1e6))
    return {shape: {name: max(values) for name, values in row.items()} for shape, row in took.items()}


def _bare(side: Engine) -> list[float]:
    """Collects the seconds that opensearch-py takes for each search it is asked: the query without what is ours."""
    taken: list[float] = []
    if isinstance(side, Sohoa) and isinstance(side.index, OpenSearchIndex):
        client = side.index._client
        search = client.search

        def timed(*args: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return search(*args, **options)
            finally:
                taken.append(time.perf_counter() - began)

        client.search = timed
    return taken


def document_frequency(draw: Draw) -> dict[str, int]:
    counted: dict[str, int] = {}
    for line in draw.paragraphs:
        for word in set(folded(line).split()):
            counted[word] = counted.get(word, 0) + 1
    return counted


def spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {f"p{p}": round(ordered[min(len(ordered) * p // 100, len(ordered) - 1)], 2) for p in (50, 95, 99)}


def peak_mb() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def resident_mb() -> dict[str, float]:
    """What the process holds: its own memory, and the pages of mapped files that the system may take back."""
    status = Path("/proc/self/status").read_text()
    kb = {name: int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("RssAnon", "RssFile")}  # type: ignore[index]
    return {name: round(value / 1024, 1) for name, value in kb.items()}


def raw_bulk(a: argparse.Namespace, url: str) -> dict[str, Any]:
    """Records a second of our catch-up and of opensearch-py's own parallel bulk with the very JSON that we send, made
    beforehand; in turns, so that what else the machine does weighs on both."""
    draw = Draw(a.texts)
    client = OpenSearch([url], timeout=120)
    indexes = [OpenSearchIndex.open(Search(engine="opensearch", url=url, index=name, timeout_s=120)) for name in "ab"]
    ours, raw = indexes
    name = raw._there()
    client.indices.put_settings(index=name, body={"refresh_interval": "-1"})
    seconds = {"ours": 0.0, "raw": 0.0}
    client_cpu = {"ours": 0.0, "raw": 0.0}
    for first in range(0, a.records, BLOCK):
        entries = [Entry(n + 1, draw.record(n)) for n in range(first, min(first + BLOCK, a.records))]
        actions = []
        for entry in entries:
            row = asdict(project(entry))
            actions.append({"_index": name, "_id": row.pop("id")} | row | {"stored": json.loads(row["stored"])})
        began, cpu = time.perf_counter(), time.process_time()
        ours.update(entries, (), first + BLOCK)
        seconds["ours"] += time.perf_counter() - began
        client_cpu["ours"] += time.process_time() - cpu
        began, cpu = time.perf_counter(), time.process_time()
        for _done in parallel_bulk(client, actions, thread_count=2, chunk_size=500):
            pass
        client.indices.refresh(index=name)
        seconds["raw"] += time.perf_counter() - began
        client_cpu["raw"] += time.process_time() - cpu
    rates = {who: round(a.records / taken) for who, taken in seconds.items()}
    spent = {f"{who}_client_cpu_ms_a_record": round(cpu / a.records * 1000, 3) for who, cpu in client_cpu.items()}
    return rates | spent | {"ours_by_raw": round(seconds["raw"] / seconds["ours"], 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--records", type=int, default=100_000, help="how many; a million takes about an hour")
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--engines", nargs="+", default=["sohoa", "fts5", "plain", "cluster"])
    parser.add_argument("--gold", type=Path, help="metadata.json of transcribed papers")
    parser.add_argument("--folder", type=Path, help="where the indexes are kept; a temporary folder by default")
    parser.add_argument("--url", default="", help="an OpenSearch that runs already")
    parser.add_argument("--raw-bulk", action="store_true", help="also fill beside opensearch-py's own parallel bulk")
    parser.add_argument("--limit-mb", type=int, nargs="*", default=[], help="ask once more in so much memory (root)")
    parser.add_argument("--part", choices=["fill", "ask"], help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    if a.part:
        part = {"fill": fill, "ask": ask}[a.part]
        print(json.dumps(part(a.engines[0], a)))
        return
    folder = a.folder or Path(tempfile.mkdtemp(prefix="sohoa-bench-search-"))
    folder.mkdir(parents=True, exist_ok=True)
    needs_cluster = not a.url and (a.raw_bulk or {"plain", "cluster"} & set(a.engines))
    try:
        with running("-Xms2g -Xmx2g") if needs_cluster else nullcontext(a.url) as url:
            figures = {name: measured(name, a, url, folder) for name in a.engines}
            if a.raw_bulk:
                figures["bulk"] = raw_bulk(a, url)
    finally:
        if not a.folder:
            shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(figures, ensure_ascii=False, indent=None if a.json else 1))


if __name__ == "__main__":
    os.environ.setdefault("SOHOA_LANG", "en")
    main()
