"""Killed at named steps and at random moments, a run loses nothing, doubles nothing and goes on to the same end."""

from pathlib import Path

import pytest

from ingest.signing import Seal
from samples.keys import make_demo_keys
from tests.faults.campaign import OPERATIONS, Operation, run
from tests.ingest.signed import seals as opened_seals

SOME = [operation for operation in OPERATIONS if operation.name != "index"]
"""Making the index anew is half of ``rebuild``; ``bench.faults`` kills it by itself, and all of them far longer."""


@pytest.fixture(scope="module")
def seals(tmp_path_factory: pytest.TempPathFactory) -> tuple[Seal, ...]:
    return tuple(opened_seals(make_demo_keys(tmp_path_factory.mktemp("keys"))))


@pytest.mark.parametrize("operation", SOME, ids=lambda operation: operation.name)
def test_kills_change_nothing_of_the_end(tmp_path: Path, seals: tuple[Seal, ...], operation: Operation) -> None:
    tally = run(operation, tmp_path, seals, kills=3, seed=1)
    assert tally.broken == []
    assert (tally.lost, tally.doubled) == (0, 0)
