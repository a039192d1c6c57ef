"""What a rate is, when a target is reached, and when it will be."""

from datetime import date, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from reports.progress import NOTHING, Against, Count, place_of, progress, target_for
from schemas.units import DayCount, Level, Target, Unit

AS_OF = date(2024, 2, 29)
HALF = Target(Level.WARD, 2023, Fraction(1, 2))
counts = st.builds(Count, st.integers(0, 10**7), st.just(0)).flatmap(
    lambda c: st.builds(Count, st.just(c.rows), st.integers(0, c.rows))
)
shares = st.fractions(Fraction(1, 1000), 1)


@given(counts, shares)
def test_a_target_is_reached_exactly_when_the_exact_share_is(count: Count, share: Fraction) -> None:
    against = Against(count, share, 2023)
    if count.rows == 0:
        assert (against.reached, count.hundredths, against.left) == (None, None, None)
        return
    reached = Fraction(count.done, count.rows) >= share
    assert against.reached == reached
    assert (against.missing_hundredths == 0) == reached
    assert against.left is not None
    assert Against(Count(count.rows, count.done + against.left), share, 2023).reached
    if against.left:
        assert not Against(Count(count.rows, count.done + against.left - 1), share, 2023).reached


@given(counts)
def test_a_shown_percentage_is_never_more_than_the_truth(count: Count) -> None:
    if count.hundredths is not None:
        assert Fraction(count.hundredths, 10_000) <= Fraction(count.done, count.rows)
        assert Fraction(count.hundredths + 1, 10_000) > Fraction(count.done, count.rows)


changes = st.lists(
    st.builds(DayCount, st.sampled_from("ABCDX"), st.dates(AS_OF - timedelta(200), AS_OF + timedelta(30)),
              st.integers(0, 50), st.integers(0, 5)), max_size=40,
)  # fmt: skip
mergers = st.dictionaries(st.sampled_from("ABC"), st.tuples(st.sampled_from("ABCD"),
                          st.dates(AS_OF - timedelta(120), AS_OF + timedelta(5))), max_size=3)  # fmt: skip


@given(changes, mergers)
def test_the_sum_over_the_units_is_the_level_and_nothing_is_lost(
    given_changes: list[DayCount], merged: dict[str, tuple[str, date]]
) -> None:
    units = [
        Unit(code, code, Level.WARD if code in "AB" else Level.DISTRICT,
             valid_to=merged[code][1] if code in merged else None,
             successor=merged[code][0] if code in merged else None)
        for code in "ABCD"
    ]  # fmt: skip
    report = progress(AS_OF, units, [HALF], given_changes)
    for level in report.levels:
        for index, point in enumerate(level.line):
            shown = [u.line[index].count for u in report.units if u.unit.level is level.level]
            assert point.count == sum(shown, NOTHING)
    total = sum((level.now.count for level in report.levels), report.homeless)
    known = [c for c in given_changes if c.day <= AS_OF]
    assert total == Count(sum(c.rows for c in known), sum(c.done for c in known))


def test_a_level_is_the_sum_of_its_units_and_not_the_mean_of_their_rates() -> None:
    units = [Unit("A", "A", Level.WARD), Unit("B", "B", Level.WARD), Unit("C", "C", Level.WARD)]
    day = AS_OF - timedelta(days=100)
    report = progress(AS_OF, units, [HALF], [DayCount("A", day, 10, 10), DayCount("B", day, 90, 0)])
    [ward] = [level for level in report.levels if level.level is Level.WARD]
    assert ward.now.count.hundredths == 1000
    assert (ward.units, ward.with_data, ward.reached) == (3, 2, 1)


def test_the_target_of_the_year_goes_before_an_older_one_and_a_units_own_before_its_levels() -> None:
    unit = Unit("A", "A", Level.WARD)
    targets = [HALF, Target(Level.WARD, 2024, Fraction(3, 5)), Target(Level.WARD, 2024, Fraction(4, 5), "A")]
    assert target_for(targets, unit, Level.WARD, 2024) == (Fraction(4, 5), 2024)
    assert target_for(targets, None, Level.WARD, 2026) == (Fraction(3, 5), 2024)
    assert target_for(targets, unit, Level.WARD, 2022) == (None, None)


def test_units_stand_in_the_order_of_their_levels_and_of_the_numbers_in_their_codes() -> None:
    units = [Unit(code, code, Level.WARD) for code in ("H29.10", "H29.2", "9", "10", "H29.2.1")]
    report = progress(AS_OF, [*units, Unit("Z", "Z", Level.DEPARTMENT)], [], [])
    assert [one.unit.code for one in report.units] == ["Z", "9", "10", "H29.2", "H29.2.1", "H29.10"]


def test_a_chain_of_mergers_is_followed_and_a_ring_of_them_ends() -> None:
    old = date(2024, 1, 1)
    units = [Unit("A", "A", Level.WARD, valid_to=old, successor="B"),
             Unit("B", "B", Level.WARD, valid_to=old, successor="C"),
             Unit("C", "C", Level.WARD), Unit("D", "D", Level.WARD, valid_to=old, successor="E"),
             Unit("E", "E", Level.WARD, valid_to=old, successor="D")]  # fmt: skip
    assert place_of(units, AS_OF) == {"A": "C", "B": "C", "C": "C", "D": None, "E": None}


def test_the_outlook_says_the_pace_the_day_its_range_and_not_at_this_pace() -> None:
    units = [Unit("A", "A", Level.WARD), Unit("B", "B", Level.WARD)]
    start = AS_OF - timedelta(days=90)
    weekly = [DayCount("A", AS_OF - timedelta(days=7 * k), 0, gain) for k, gain in ((3, 7), (2, 14), (1, 0), (0, 7))]
    report = progress(AS_OF, units, [HALF], [DayCount("A", start, 200, 30), DayCount("B", start, 9, 0), *weekly])
    a, b = report.units
    assert (a.now.left, a.outlook.pace_a_day) == (42, Fraction(1))
    assert a.outlook.day == AS_OF + timedelta(days=42)
    assert (a.outlook.earliest, a.outlook.latest) == (AS_OF + timedelta(days=21), None)
    assert a.outlook.needed_a_day == Fraction(42, (date(2024, 12, 31) - AS_OF).days)
    assert (b.outlook.day, b.outlook.earliest) == (None, None)
    assert [u.unit.code for u in report.furthest_behind()] == ["B", "A"]


@given(counts)
def test_the_workbooks_formula_in_floating_point_rounds_down_exactly(count: Count) -> None:
    if count.rows:
        assert int(count.done * 10_000 / count.rows) == count.hundredths
