"""Units and the results in force that fit the sample papers, as spreadsheets for ``units`` and ``inventory import``."""

import csv
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from samples import papers
from samples.papers import RESULTS

UNITS = (
    (papers.DEPARTMENT_UNIT, "Sở Xây dựng", "sở", ""),
    (papers.DISTRICT_UNIT, "Ủy ban nhân dân Quận 1", "quận", ""),
    (papers.WARD_UNIT, "Ủy ban nhân dân phường Tân Định", "phường", papers.DISTRICT_UNIT),
)
STILL_ON_PAPER: dict[str, tuple[tuple[str, str, date, str], ...]] = {
    papers.DEPARTMENT_UNIT: (
        ("1498", "QĐ-SXD", date(2023, 5, 10), "Về việc cấp giấy phép xây dựng công trình tại số 9 đường Pasteur"),
    ),
    papers.DISTRICT_UNIT: (
        ("3150", "QĐ-UBND", date(2023, 5, 12), "Về việc cấp giấy chứng nhận quyền sử dụng đất"),
        ("3185", "QĐ-UBND", date(2023, 5, 16), "Về việc cấp giấy chứng nhận đăng ký hộ kinh doanh"),
    ),
    papers.WARD_UNIT: (
        ("80", "QĐ-UBND", date(2023, 5, 4), "Về việc trợ cấp xã hội hằng tháng"),
        ("82", "QĐ-UBND", date(2023, 5, 9), "Về việc công nhận hộ nghèo phát sinh"),
        ("85", "QĐ-UBND", date(2023, 5, 11), "Về việc hỗ trợ chi phí mai táng"),
        ("86", "QĐ-UBND", date(2023, 5, 12), "Về việc trợ cấp xã hội hằng tháng"),
    ),
}
"""Results in force of which nothing was scanned that day, so that the rates are not all 100 %."""


def write_units(file: Path) -> Path:
    """The three units whose scans ``samples.scans.write_day`` draws."""
    return _write(file, ("Mã đơn vị", "Tên đơn vị", "Cấp", "Đơn vị cấp trên"), UNITS)


def write_inventory(file: Path) -> Path:
    """Each result among the day's papers, and those still on paper only."""
    return _write(file, ("Mã đơn vị", "Số", "Ký hiệu", "Ngày ban hành", "Trích yếu"), _inventory())


def _inventory() -> Iterable[Sequence[str]]:
    for unit, drawn in RESULTS.items():
        for paper in drawn:
            yield unit, paper.number, paper.symbol, _day(paper.issued_on), paper.abstract
        for number, symbol, issued_on, abstract in STILL_ON_PAPER[unit]:
            yield unit, number, symbol, _day(issued_on), abstract


def _day(day: date) -> str:
    return f"{day.day}/{day.month}/{day.year}"


def _write(file: Path, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    with file.open("w", encoding="utf-8-sig", newline="") as table:  # Excel takes UTF-8 only with its mark
        writer = csv.writer(table)
        writer.writerow(headings)
        writer.writerows(rows)
    return file
