# mypy: disable-error-code="no-untyped-call"
"""Signing and checking: ours against pyHanko's own signing of the same file, in one run.

``python -m bench.signing [MEGABYTES]`` (10): a PDF/A of that size, signed by one key of RSA 3072. Prints a JSON object:
seconds a signature of both (the middle of nine), their ratio (wanted: at most 1.3), that of the processor's time, the
seconds of both of our signatures at once, and the seconds and the growth of memory of 200 checks.

``python -m bench.signing pipeline SCANS [TIMES]``: the pages per second of the whole way over a folder of scans without
timestamps, and with a timestamp service that takes 2 s, in turns; and the ratio of the medians (wanted: at least 0.95).
``python -m bench.signing paced [PAPERS [TIMES]]`` (120, 2): the same with pages whose reading a clock times, so that
other work on the machine does not matter.

``python -m bench.signing verifying [RECORDS]`` (1000): `sohoa verify --all` over so many records, with its memory after
each hundred.
"""

import json
import logging
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter

from ingest.compose import compose
from ingest.intake import find_scans
from ingest.pages import open_pages
from ingest.signing import open_seals, sign, verify
from samples.keys import make_demo_keys
from schemas.documents import ComposedPdf
from schemas.pages import PageText, Scan
from schemas.settings import Office, Signing

RUNS = 9
CHECKS = 200


def main() -> None:
    if sys.argv[1:2] == ["pipeline"]:
        from bench.stamping import measured

        print(json.dumps(measured(Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 2), indent=1))
        return
    if sys.argv[1:2] == ["paced"]:
        from bench.stamping import paced

        papers, times = [*map(int, sys.argv[2:4]), 120, 2][:2] if len(sys.argv) != 3 else (int(sys.argv[2]), 2)
        print(json.dumps(paced(papers, times), indent=1))
        return
    if sys.argv[1:2] == ["verifying"]:
        from bench.verifying import verified

        print(json.dumps(verified(int(sys.argv[2]) if len(sys.argv) > 2 else 1000), indent=1))
        return
    megabytes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(_measured(Path(name), megabytes), indent=1))


def _measured(folder: Path, megabytes: float) -> dict[str, float]:
    keys = make_demo_keys(folder / "keys")
    settings = Signing(
        operator_key=str(keys.operator_key), operator_password_file=str(keys.operator_password_file),
        agency_key=str(keys.agency_key), agency_password_file=str(keys.agency_password_file),
    )  # fmt: skip
    seals = open_seals(settings, Office())
    pdf = _pdf(folder, megabytes)
    password = keys.operator_password_file.read_text().strip()
    plain = SimpleSigner.load_pkcs12(str(keys.operator_key), passphrase=password.encode())
    target = folder / "signed.pdf"

    def theirs() -> None:
        metadata = PdfSignatureMetadata(field_name="one", subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256")
        spec = SigFieldSpec("one", on_page=0, box=(20, 700, 200, 760))
        with pdf.path.open("rb") as source, target.open("w+b") as output:
            PdfSigner(metadata, plain, new_field_spec=spec).sign_pdf(IncrementalPdfFileWriter(source), output=output)

    def ours() -> None:
        sign(pdf, seals[:1], target, occupied=())

    def both() -> None:
        sign(pdf, seals, target, occupied=())

    seconds, worked = _interleaved(theirs, ours, both)
    checked, grown = _checks(target, keys.roots)
    return {
        "megabytes": round(pdf.path.stat().st_size / 1e6, 1),
        "pyhanko_s": round(seconds[0], 4),
        "sohoa_one_s": round(seconds[1], 4),
        "ratio": round(seconds[1] / seconds[0], 2),
        "ratio_of_processor_time": round(worked[1] / worked[0], 2),
        "sohoa_two_s": round(seconds[2], 4),
        "check_s": round(checked, 4),
        "checks_grew_mb": round(grown, 1),
    }


def _interleaved(*tasks: Callable[[], None]) -> tuple[list[float], list[float]]:
    """The middle of the seconds of each, as they passed and as the processor worked; the tasks in turns so that all
    meet the same machine."""
    passed: list[list[float]] = [[] for _task in tasks]
    worked: list[list[float]] = [[] for _task in tasks]
    for task in tasks:
        task()
    for _run in range(RUNS):
        for number, task in enumerate(tasks):
            begun, began_work = time.perf_counter(), time.process_time()
            task()
            passed[number].append(time.perf_counter() - begun)
            worked[number].append(time.process_time() - began_work)
    return [statistics.median(taken) for taken in passed], [statistics.median(taken) for taken in worked]


def _checks(pdf: Path, roots: Path) -> tuple[float, float]:
    """Seconds a check, and by how many megabytes the process grew over the second half of the checks."""
    begun = time.perf_counter()
    for count in range(CHECKS):
        verify(pdf, roots)
        if count == CHECKS // 2:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (time.perf_counter() - begun) / CHECKS, (after - before) / 1024


def _pdf(folder: Path, megabytes: float) -> ComposedPdf:
    """A page of noise, which no encoder makes smaller than this."""
    side = int((megabytes * 1e6 / 3) ** 0.5)
    noise = np.random.default_rng(1).integers(0, 255, (side, side, 3), dtype=np.uint8)
    packed = BytesIO()
    Image.fromarray(noise).save(packed, "PNG", compress_level=1)
    (folder / "noise.png").write_bytes(packed.getvalue())
    [scan] = find_scans([folder / "noise.png"])
    assert isinstance(scan, Scan)
    with open_pages(scan, spool=folder / "spool") as pages:
        text = PageText(1, side, side, 200)
        return compose(pages, [text], folder / "noise.pdf", title="noise", made_at=datetime.now(UTC))


if __name__ == "__main__":
    main()
