"""QĐ 766: dossiers handled wholly electronically, a report of its own."""

import json
from datetime import date

from reports.handled import Handled, full_marks, handled_report, render_csv, render_json
from reports.progress import Count

FIRST, LAST = date(2023, 1, 1), date(2023, 12, 31)


def test_components_and_result_must_both_be_electronic_and_a_dossier_counts_once() -> None:
    report = handled_report(
        [
            Handled("W1", "a", date(2023, 5, 1), True, True),
            Handled("W1", "b", date(2023, 5, 1), True, False),
            Handled("W1", "c", date(2023, 5, 1), False, True),
            Handled("W1", "b", date(2023, 5, 2), True, True),
            Handled("W2", "a", date(2023, 5, 1), True, True),
            Handled("W2", "d", date(2024, 5, 1), True, True),
        ],
        FIRST,
        LAST,
    )
    assert report.by_unit == (("W1", Count(3, 2)), ("W2", Count(1, 1)))
    assert (report.all, report.twice) == (Count(4, 3), 1)
    assert json.loads(render_json(report))["units"][0]["percent"] == "66.66"
    assert b"66.66" in render_csv(report)


def test_four_of_five_earn_full_marks_and_no_dossier_none() -> None:
    assert [full_marks(Count(5, 4)), full_marks(Count(10_000, 7_999)), full_marks(Count(0, 0))] == [True, False, None]
