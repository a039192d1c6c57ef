"""The kill campaign: runs killed at every named step and at random moments, and what stands afterwards.

    .venv/bin/python -m bench.faults [--kills 500] [--seed 1] [--only NAME] [--json]

Each operation (ingest with deposit, review, its spreadsheet, rebuild, index, imports, renewal, the whole command with
its processes, and the whole way of lists, ingest, review import, renew and rebuild) is begun in a fresh copy of a
workspace, killed with SIGKILL one to four times, half of them at a named step, half at a random moment, then left to
end. After each kill the archive must be valid OCFL, by ocfl-py and where it is at hand by rocfl, with nothing staged
left and no record twice, and the log's chain whole; the end must be the one of a run that nothing stopped: same
records, scans, holds, lists and files, and the same report. ``lost`` and ``doubled`` count what is not.
"""

import argparse
import json
import logging
import tempfile
import time
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path

from ingest.signing import open_seals
from ingest.signing.seals import lasting_from
from samples.keys import make_demo_keys
from schemas.settings import Office as OfficeSettings
from schemas.settings import Signing
from tests.faults.campaign import COMMAND, OPERATIONS, Operation, Tally, renewal_of, run
from tests.faults.wholeway import whole_way
from tests.ingest.signed import seals as opened_seals
from tests.services.pki import SECRET, Pki, running_pki

SLOW = ("the whole command", "renew", "the whole way")
"""A run takes seconds: these are killed a quarter as often."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=500, help="in all, over the operations")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", help="this operation, by its name; may be given more than once")
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="sohoa-bench-") as temporary, ExitStack() as stack:
        folder = Path(temporary)
        (folder / "pki").mkdir()
        pki = stack.enter_context(running_pki(folder / "pki"))
        seals = tuple(opened_seals(make_demo_keys(folder / "keys")))
        operations = [
            one for one in (*OPERATIONS, renewal(pki), COMMAND, whole_way(pki)) if not a.only or one.name in a.only
        ]
        weights = {one.name: 1 if one.name in SLOW else 4 for one in operations}
        for operation in operations:
            started = time.monotonic()
            kills = -(-a.kills * weights[operation.name] // sum(weights.values()))
            tally = run(operation, folder, seals, kills=kills, seed=a.seed)
            _print(tally, time.monotonic() - started, a.json)


def renewal(pki: Pki) -> Operation:
    """Records whose timestamp service answered nonsense, to be lifted by one that answers."""

    def settings(url: str) -> Signing:
        return Signing(operator_key=pki.key("operator"), level="B-T", timestamp_urls=(url,), timestamp_timeout_s=5,
                       timestamp_tries=1, trust_roots=str(pki.roots))  # fmt: skip

    environment = {"SOHOA_OPERATOR_PASSWORD": SECRET}
    waiting = tuple(open_seals(settings(f"{pki.url}/nonsense"), OfficeSettings(), environment=environment))
    return renewal_of(waiting, cache(partial(lasting_from, settings(pki.timestamps))))


def _print(tally: Tally, seconds: float, as_json: bool) -> None:
    if as_json:
        print(json.dumps({
            "operation": tally.operation, "kills": tally.killed, "at": tally.kills, "ended": tally.ended,
            "lost": tally.lost, "doubled": tally.doubled, "broken": tally.broken, "seconds": round(seconds, 1),
        }), flush=True)  # fmt: skip
        return
    print(f"\n{tally.operation}: {tally.killed} kills, {tally.ended} ended the same, lost {tally.lost}, "
          f"doubled {tally.doubled}, {seconds:.0f} s")  # fmt: skip
    for step, kills in sorted(tally.kills.items(), key=lambda item: -item[1]):
        print(f"  {kills:4d}  {step}")
    for fault in tally.broken:
        print(f"  ! {fault}", flush=True)


if __name__ == "__main__":
    main()
