"""What a page does to its worker costs that page alone."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from ingest.fencedprocess import TookTooLong, WorkerDied
from ingest.reading import not_read
from ingest.workers import GuardedProcesses, open_pool, read_all
from schemas.errors import ServiceUnavailable
from schemas.pages import PageImage, PageState, PageText, ReadingOptions

OPTIONS = ReadingOptions(page_timeout_s=2.0)


def page(number: int, order: str = "") -> PageImage:
    return PageImage(number, order.encode(), 100, 100, 200.0)


def pages(*orders: str) -> Iterator[tuple[int, PageImage]]:
    return ((number, page(number, order)) for number, order in enumerate(orders, 1))


# -- engines that fail on purpose ---------------------------------------------------------------------------------


def ready(options: ReadingOptions) -> None:
    del options


def missing(options: ReadingOptions) -> None:
    del options
    raise ServiceUnavailable("no model; apt-get install tesseract-ocr-vie")


def dies_at_once(options: ReadingOptions) -> None:
    del options
    os._exit(3)


def obeys(image: PageImage, options: ReadingOptions, /) -> PageText:
    """Does what the page's bytes say."""
    del options
    match image.content.decode():
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit":
            os._exit(1)
        case "hang":
            time.sleep(60)
        case "memory":
            np.zeros(1 << 60, np.uint8)
        case "bad bytes":
            return not_read(image, b"\xff\xfe".decode("utf-8", errors="replace"))
        case "mistake":
            raise ZeroDivisionError("a mistake of ours")
        case "pid":
            return not_read(image, str(os.getpid()))
    return PageText(image.number, 100, 100, 200.0)


# -- the promise --------------------------------------------------------------------------------------------------


def test_pages_come_back_in_their_order() -> None:
    with open_pool(2, OPTIONS, read=obeys, prepare=ready) as pool:
        found = list(read_all(pages(*[""] * 12), replace(pool, room=lambda: 5), OPTIONS))
    assert [key for key, _text in found] == list(range(1, 13))
    assert [text.number for _key, text in found] == list(range(1, 13))


@pytest.mark.parametrize(
    ("order", "reason"),
    [("crash", "crashed"), ("exit", "crashed"), ("hang", "within 2 s"), ("memory", "memory")],
)
def test_a_page_that_breaks_its_worker_is_not_read_and_the_others_are(order: str, reason: str) -> None:
    with open_pool(2, OPTIONS, read=obeys, prepare=ready) as pool:
        found = dict(read_all(pages("", order, "", "", ""), replace(pool, room=lambda: 4), OPTIONS))
    assert found[2].state is PageState.NOT_READ
    assert reason in found[2].reason
    assert all(found[number].state is PageState.READ for number in (1, 3, 4, 5))


def test_only_the_worker_that_died_is_replaced() -> None:
    with open_pool(1, OPTIONS, read=obeys, prepare=ready) as pool:
        found = dict(read_all(pages("pid", "pid", "crash", "pid", "pid"), replace(pool, room=lambda: 1), OPTIONS))
    assert found[1].reason == found[2].reason
    assert found[4].reason == found[5].reason
    assert found[1].reason != found[4].reason


def test_a_page_that_hangs_costs_its_own_time_limit_only() -> None:
    started = time.monotonic()
    with open_pool(2, OPTIONS, read=obeys, prepare=ready) as pool:
        list(read_all(pages("hang", *[""] * 8), replace(pool, room=lambda: 9), OPTIONS))
    assert time.monotonic() - started < OPTIONS.page_timeout_s + 20


def test_bytes_that_are_no_text_come_back_as_text() -> None:
    with open_pool(1, OPTIONS, read=obeys, prepare=ready) as pool:
        [(_key, text)] = read_all(pages("bad bytes"), replace(pool, room=lambda: 1), OPTIONS)
    assert text.reason.encode("utf-8")


def test_a_mistake_of_ours_is_not_hidden() -> None:
    with open_pool(1, OPTIONS, read=obeys, prepare=ready) as pool, pytest.raises(ZeroDivisionError):
        list(read_all(pages("mistake"), replace(pool, room=lambda: 1), OPTIONS))


def test_no_more_pages_are_held_than_asked_for() -> None:
    taken = 0

    def counting() -> Iterator[tuple[int, PageImage]]:
        nonlocal taken
        for number in range(1, 21):
            taken += 1
            yield number, page(number)

    with open_pool(1, OPTIONS, read=obeys, prepare=ready) as pool:
        for done, _found in enumerate(read_all(counting(), replace(pool, room=lambda: 3), OPTIONS), 1):
            assert taken <= done + 3


def test_a_missing_model_stops_the_run_with_its_own_message() -> None:
    with (
        open_pool(1, OPTIONS, read=obeys, prepare=missing) as pool,
        pytest.raises(ServiceUnavailable, match="apt-get install tesseract-ocr-vie"),
    ):
        list(read_all(pages(""), replace(pool, room=lambda: 1), OPTIONS))


def test_a_worker_that_cannot_start_is_said() -> None:
    with (
        open_pool(1, OPTIONS, read=obeys, prepare=dies_at_once) as pool,
        pytest.raises(ServiceUnavailable, match="does not start"),
    ):
        list(read_all(pages(""), replace(pool, room=lambda: 1), OPTIONS))


def test_no_process_is_left_when_the_block_ends() -> None:
    with open_pool(2, OPTIONS, read=obeys, prepare=ready) as pool:
        found = dict(read_all(pages("pid", "pid", "pid", "pid"), replace(pool, room=lambda: 4), OPTIONS))
    for pid in {int(text.reason) for text in found.values()}:
        for _try in range(50):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                break
            time.sleep(0.1)
        else:
            pytest.fail(f"process {pid} is still there")


def test_a_run_that_is_given_up_kills_what_is_at_work() -> None:
    started = time.monotonic()
    with open_pool(1, ReadingOptions(page_timeout_s=60), read=obeys, prepare=ready) as pool:
        pool.executor.submit(obeys, page(1, "hang"), OPTIONS)
        time.sleep(0.5)
    assert time.monotonic() - started < 30


def length(text: str) -> int:
    return len(text)


def ends() -> None:
    os._exit(1)


def sleeps() -> None:
    time.sleep(30)


def test_the_executor_takes_any_task_that_says_what_it_returns() -> None:
    executor = GuardedProcesses(1, 5.0, ready, (OPTIONS,))
    try:
        assert executor.submit(length, "four").result() == 4
        with pytest.raises(WorkerDied):
            executor.submit(ends).result()
        assert executor.submit(length, "seven").result() == 5
        with pytest.raises(TypeError, match="does not say what it returns"):
            executor.submit(len, "four").result()
    finally:
        executor.shutdown(cancel_futures=True)
    short = GuardedProcesses(1, 0.5, ready, (OPTIONS,))
    try:
        with pytest.raises(TookTooLong):
            short.submit(sleeps).result()
    finally:
        short.shutdown(cancel_futures=True)
