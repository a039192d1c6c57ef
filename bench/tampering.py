# mypy: disable-error-code="no-untyped-call"
"""From 200 signed outputs, every way we know of changing one; none may be called valid, by us or by EU DSS.

``python -m bench.tampering [OUTPUTS]`` (200): drawn pages of every kind, signed by one and by two, at B-B, B-T and
B-LTA with a real timestamp service. Each output: a bit flipped in some of its objects, what is added or exchanged
behind the signatures (pages, text layer, appearances, objects exchanged as shadow attacks do it), bytes before and
behind, wider byte ranges, and the signatures of another output. Prints a JSON object: how many were tried of each
kind, which we call valid (wanted: none), and where EU DSS, asked about a tenth of them, differs from us and how.
"""

import json
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError

from commands.verify import overall
from ingest.signing import Verdict, verify
from schemas.documents import SignedPdf
from schemas.errors import InputRejected
from tests.ingest.signed import KINDS, made_scans
from tests.ingest.signing_matrix import Case, Maker
from tests.ingest.test_signing_tampering import INCREMENTAL, contents, incremental, page
from tests.services import dss
from tests.services.pki import running_pki

LEVELS = ("B-B", "B-T", "B-LTA")
KEYS = ("rsa", "p256", "rsa-pss", "p384")
SHARE_FOR_DSS = 10
OBJECTS = 8
"""So many objects of each output have a bit flipped; the tests flip one in every object of one output."""
NOT_POSSIBLE = (PdfError, IndexError, KeyError, TypeError, AttributeError, ValueError)
"""What an attack ends with that the file has no place for: no second page, no form."""


def exchange_an_image(writer: IncrementalPdfFileWriter) -> None:
    """Shadow attack, replace: the page stays, the object that it shows is another."""
    objects = page(writer)["/Resources"]["/XObject"]
    name = next(iter(objects))
    reference = objects.raw_get(name)
    other = generic.StreamObject(dict(objects[name]), encoded_data=b"\0" * 32)
    writer.objects[reference.generation, reference.idnum] = other


def exchange_a_font(writer: IncrementalPdfFileWriter) -> None:
    """Shadow attack: the codes stay, the letters that they show are others."""
    form = page(writer)["/Annots"][0].get_object()["/AP"]["/N"].get_object()
    font = form["/Resources"]["/Font"]["/T"]
    font[pdf_name("/BaseFont")] = pdf_name("/Courier")
    writer.update_container(font)


def exchange_the_pages(writer: IncrementalPdfFileWriter) -> None:
    """Shadow attack, hide and replace: the catalogue leads to another tree of pages."""
    old = writer.root["/Pages"]
    leaf = generic.DictionaryObject({
        pdf_name("/Type"): pdf_name("/Page"),
        pdf_name("/MediaBox"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 595, 842))),
    })  # fmt: skip
    tree = generic.DictionaryObject({
        pdf_name("/Type"): pdf_name("/Pages"), pdf_name("/Count"): generic.NumberObject(1),
        pdf_name("/Kids"): generic.ArrayObject([writer.add_object(leaf)]),
    })  # fmt: skip
    assert old is not None
    writer.root[pdf_name("/Pages")] = writer.add_object(tree)
    writer.update_root()


def exchange_the_proofs(writer: IncrementalPdfFileWriter) -> None:
    """The certificates and answers that the file holds give way to nonsense."""
    store = writer.root["/DSS"]
    for name in ("/Certs", "/OCSPs", "/CRLs"):
        if name in store:
            junk = writer.add_object(generic.StreamObject(stream_data=b"nonsense"))
            store[pdf_name(name)] = generic.ArrayObject([junk])
    writer.update_container(store)


ADDED = [*INCREMENTAL, exchange_an_image, exchange_a_font, exchange_the_pages, exchange_the_proofs]


def tampered(content: bytes, other: bytes, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Each change by its name, and what comes of it."""
    objects = list(re.finditer(rb"\n(\d+) 0 obj(.*?)endobj", content, re.S))
    for found in chance.sample(objects, min(OBJECTS, len(objects))):
        place = chance.randrange(*found.span(2))
        yield "bit flipped in an object", content[:place] + bytes([content[place] ^ 2]) + content[place + 1 :]
    for change in ADDED:
        try:
            yield change.__name__.replace("_", " "), incremental(content, change)
        except NOT_POSSIBLE:
            continue
    yield "bytes behind", content + b"\n% more\n"
    yield "bytes before", b"\n" + content
    for found in re.finditer(rb"/ByteRange ?\[ ?0 (\d+) (\d+) (\d+) ?\]", content):
        wider = b"/ByteRange [0 %d %d %d]" % (int(found[1]) - 8, int(found[2]) + 8, int(found[3]) - 8)
        yield "wider byte range", content[: found.start()] + wider.ljust(len(found[0])) + content[found.end() :]
    for (a0, a1), (b0, b1) in zip(contents(content), contents(other), strict=False):
        moved = other[b0:b1][: a1 - a0 - 1].rstrip(b">").ljust(a1 - a0 - 1, b"0") + b">"
        yield "signature of another file", content[:a0] + moved + content[a1:]


def outputs(folder: Path, count: int) -> Iterator[SignedPdf]:
    scans = list(made_scans(folder))
    with running_pki(folder) as pki:
        maker = Maker(pki, "", folder / "signed")
        (folder / "signed").mkdir()
        for number in range(count):
            composed = scans[number % len(scans)]
            case = Case(
                LEVELS[number % 3], KEYS[number % 4], ("pem", "pkcs12")[number % 2], "text", 1 + number // 2 % 2
            )
            signed = maker.make(case, composed)
            yield SignedPdf(signed.path.rename(folder / "signed" / f"{number:03d}-{case.name}.pdf"), signed.pages,
                            signed.sha256, signed.signatures, signed.level_wanted)  # fmt: skip


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    chance = random.Random(7)
    tried: Counter[str] = Counter()
    valid: list[str] = []
    asked: dict[Path, tuple[str, str]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = list(outputs(folder, count))
        roots = folder / "roots"
        assert all(overall(verify(signed.path, roots)) == Verdict.VALID for signed in made), "before any change"
        file = folder / "tampered.pdf"
        for number, signed in enumerate(made):
            other = made[number - 3].path.read_bytes()
            for change, content in tampered(signed.path.read_bytes(), other, chance):
                tried[change] += 1
                file.write_bytes(content)
                verdict = _verdict(file, roots)
                if verdict == Verdict.VALID:
                    valid.append(f"{signed.path.name}: {change}")
                if sum(tried.values()) % SHARE_FOR_DSS == 0:
                    asked[file.rename(folder / f"asked-{len(asked)}.pdf")] = (change, verdict)
        differ = _where_dss_differs(asked, roots / "root.pem")
    print(json.dumps({
        "outputs": count, "kinds_of_page": len(KINDS), "tampered": sum(tried.values()), "tried": dict(tried),
        "called_valid_by_us": valid, "asked_dss": len(asked), "dss_differs": differ,
    }, indent=1, ensure_ascii=False))  # fmt: skip
    sys.exit(1 if valid else 0)


def _verdict(file: Path, roots: Path) -> str:
    try:
        return overall(verify(file, roots))
    except InputRejected:
        return "rejected"


def _where_dss_differs(asked: dict[Path, tuple[str, str]], root: Path) -> dict[str, int]:
    """Where DSS finds every signature intact and we refuse the file, by what was changed and what we said."""
    judged = dss.judge(asked, [root])
    return dict(Counter(
        f"{change}: we say {verdict}, DSS finds all signatures intact"
        for file, (change, verdict) in asked.items()
        if judged[file] and all(one.intact for one in judged[file])
    ))  # fmt: skip


if __name__ == "__main__":
    main()
