"""The kill campaign: runs killed at every named step and at random moments, and what stands afterwards.

    .venv/bin/python -m bench.faults [--kills 500] [--seed 1] [--json]

Each operation (ingest, review, rebuild, index, imports) is begun in a fresh copy of a workspace, killed with SIGKILL
one to four times, half of them at a named step, half at a random moment, then left to end. After each kill the archive
must be valid OCFL with nothing staged left and no record twice, and the log's chain whole; the end must be the one of a
run that nothing stopped: same records, scans, holds, lists and files. ``lost`` and ``doubled`` count what is not.
"""

import argparse
import json
import logging
import tempfile
import time
from pathlib import Path

from samples.keys import make_demo_keys
from tests.faults.campaign import OPERATIONS, run
from tests.ingest.signed import seals as opened_seals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=500, help="in all, over the operations")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    logging.disable(logging.WARNING)
    each = -(-a.kills // len(OPERATIONS))
    with tempfile.TemporaryDirectory(prefix="sohoa-bench-") as temporary:
        folder = Path(temporary)
        seals = tuple(opened_seals(make_demo_keys(folder / "keys")))
        for operation in OPERATIONS:
            started = time.monotonic()
            tally = run(operation, folder, seals, kills=each, seed=a.seed)
            seconds = time.monotonic() - started
            if a.json:
                print(json.dumps({
                    "operation": tally.operation, "kills": tally.killed, "at": tally.kills, "ended": tally.ended,
                    "lost": tally.lost, "doubled": tally.doubled, "broken": tally.broken, "seconds": round(seconds, 1),
                }), flush=True)  # fmt: skip
                continue
            print(f"\n{tally.operation}: {tally.killed} kills, {tally.ended} ended the same, lost {tally.lost}, "
                  f"doubled {tally.doubled}, {seconds:.0f} s")  # fmt: skip
            for step, kills in sorted(tally.kills.items(), key=lambda item: -item[1]):
                print(f"  {kills:4d}  {step}")
            for fault in tally.broken:
                print(f"  ! {fault}")


if __name__ == "__main__":
    main()
