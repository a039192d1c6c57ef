"""Duplex piles scanned one side after the other, put together: all fronts, then all backs.

The feeder gives fronts 1, 2, … n. The pile is then turned over as it lies and fed again, so the backs come from the
last sheet to the first, n … 2, 1, unless somebody has put them in order. The result is a PDF of its own, front 1,
back 1, front 2, …: the pages' own streams, none left out, and the same bytes each time, so that a second run knows it.
"""

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import img2pdf
import pikepdf

from ingest.intake import identify
from schemas.errors import InputRejected
from schemas.language import _
from schemas.pages import MediaType, Scan
from schemas.work import RejectedScan

Piles = Literal["file", "pair"]
"""Fronts and backs in one file, or in two files that follow each other by name."""


@dataclass(frozen=True, slots=True)
class Interleaving:
    """How the piles lie in the scans, and where what is put together is kept."""

    piles: Piles
    backs_in_order: bool
    folder: Path
    passwords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pile:
    """A scan with its sides in order, and the file of its fronts."""

    scan: Scan
    fronts: Path


def interleaved(scans: Sequence[Scan | RejectedScan], way: Interleaving) -> Iterator[Pile | RejectedScan]:
    """Each pile as one scan with its sides in order. Where fronts and backs are not as many, or a file cannot be
    opened, the files come as rejected, with the counts; nothing is guessed."""
    waiting: Scan | None = None
    for scan in scans:
        if isinstance(scan, RejectedScan):
            yield scan
        elif way.piles == "file":
            yield _joined([scan], way)
        elif waiting is None:
            waiting = scan
        else:
            yield _joined([waiting, scan], way)
            waiting = None
    if waiting is not None:
        yield RejectedScan(
            str(waiting.path), waiting.sha256,
            _("{file}: fronts without backs: with --interleave pair every second file holds the backs of the one "
              "before it").format(file=waiting.path),
        )  # fmt: skip


def side_order(sheets: int, *, backs_in_order: bool) -> list[int]:
    """Which page (from 0) of fronts and backs, one pile behind the other, comes first, second, … in the result."""
    order = []
    for sheet in range(sheets):
        order += [sheet, sheets + sheet if backs_in_order else 2 * sheets - 1 - sheet]
    return order


def _joined(scans: Sequence[Scan], way: Interleaving) -> Pile | RejectedScan:
    try:
        return Pile(_written(scans, way), scans[0].path)
    except InputRejected as error:
        return RejectedScan(str(scans[0].path), scans[0].sha256, str(error))


def _written(scans: Sequence[Scan], way: Interleaving) -> Scan:
    opened = [_opened(scan, way.passwords) for scan in scans]
    try:
        counts = [len(pdf.pages) for pdf in opened]
        if len(counts) == 1 and counts[0] % 2:
            raise InputRejected(
                _(
                    "{file}: {count} pages cannot be as many fronts as backs; scan both sides of each sheet again"
                ).format(file=scans[0].path, count=counts[0])
            )
        if len(counts) == 2 and counts[0] != counts[1]:
            raise InputRejected(
                _("{file}: {fronts} fronts, but {backs} backs in {other}; scan both sides of each sheet again").format(
                    file=scans[0].path, fronts=counts[0], backs=counts[1], other=scans[1].path
                )
            )
        pages = [page for pdf in opened for page in pdf.pages]
        return _kept([pages[at] for at in side_order(len(pages) // 2, backs_in_order=way.backs_in_order)], scans, way)
    finally:
        for pdf in opened:
            pdf.close()


def _kept(pages: Sequence[pikepdf.Page], scans: Sequence[Scan], way: Interleaving) -> Scan:
    way.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    order = "in-order" if way.backs_in_order else "turned"
    file = way.folder / f"{scans[0].path.stem}-{'-'.join(scan.sha256[:8] for scan in scans)}-{order}.pdf"
    unfinished = file.with_suffix(".part")
    with pikepdf.new() as whole:
        whole.pages.extend(pages)
        whole.save(unfinished, deterministic_id=True)
    os.chmod(unfinished, 0o600)
    os.replace(unfinished, file)
    scan = identify(file)
    assert isinstance(scan, Scan), scan
    return scan


def _opened(scan: Scan, passwords: Sequence[str]) -> pikepdf.Pdf:
    """The scan as a PDF whose pages may be taken out: images as they stand, none of their pixels changed."""
    if scan.media_type is not MediaType.PDF:
        try:
            packed = img2pdf.convert(
                scan.path.read_bytes(), rotation=img2pdf.Rotation.ifvalid, engine=img2pdf.Engine.pikepdf, nodate=True
            )
        except (img2pdf.ImageOpenError, img2pdf.AlphaChannelError, OSError, ValueError) as error:
            raise InputRejected(
                _("{file}: cannot be put together ({error}); scan it as PDF").format(file=scan.path, error=error)
            ) from error
        return pikepdf.open(io.BytesIO(packed))
    for password in ("", *passwords):
        try:
            return pikepdf.open(scan.path, password=password)
        except pikepdf.PasswordError:
            continue
        except (pikepdf.PdfError, OSError) as error:
            raise InputRejected(
                _("{file}: cannot be put together ({error}); scan it as PDF").format(file=scan.path, error=error)
            ) from error
    raise InputRejected(
        _("{file}: encrypted; name its password in sohoa.toml (reading.pdf_passwords)").format(file=scan.path)
    )
