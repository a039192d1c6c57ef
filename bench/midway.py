"""What the death of each part of a cluster costs: runs disturbed in their middle, beside one that nothing disturbs.

    .venv/bin/python -m bench.midway SCANS… [--only NAME] [--turns 1] [--json]

The whole cluster of ``tests/cluster/stand.py`` on this machine, with real readers. Each folder or file of SCANS comes
into the inbox as a stack of its own; two ``ingest`` take it in, and one by itself on one of this machine. When
a third of the documents is done, a part is killed (-9) and started anew after two seconds, or the network stalls for
five and is cut. Each run must come to the end of the one that nothing disturbed: the same records, papers that wait,
report and search hits, and an audit without findings. ``cost``: how much longer it took.
"""

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.cluster.stand import OFFICE, Run, Stand, drawn_day, ingested, on_one_machine, stand

FAULTS: Mapping[str, Callable[[Stand, Run], None]] = {
    "nothing": lambda whole, run: None,
    "a reader of pages killed": lambda whole, run: whole.kill_reader(),
    "the scheduler killed": lambda whole, run: whole.kill_scheduler(),
    "one ingest killed": lambda whole, run: run.processes[0].kill(),
    "an OpenSearch node killed": lambda whole, run: whole.kill_node(),
    "PostgreSQL killed": lambda whole, run: whole.kill_database(),
    "the S3 server killed": lambda whole, run: whole.kill_s3(),
    "the network before Dask": lambda whole, run: whole.stall_and_cut("Dask"),
    "the network before PostgreSQL": lambda whole, run: whole.stall_and_cut("PostgreSQL"),
    "the network before S3": lambda whole, run: whole.stall_and_cut("S3"),
    "the network before OpenSearch": lambda whole, run: whole.stall_and_cut("OpenSearch"),
    "the network before all": lambda whole, run: whole.stall_and_cut(),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scans", nargs="*", type=Path, help="scans or folders of them; drawn ones where none is given")
    parser.add_argument("--only", action="append", choices=list(FAULTS))
    parser.add_argument("--json", action="store_true")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sohoa-bench-") as temporary, stand(Path(temporary)) as whole:
        inbox, office = whole.folder / "inbox", "" if a.scans else OFFICE
        if a.scans:
            for number, given in enumerate(a.scans):
                stack = inbox / f"{number}-{given.name}"
                if given.is_dir():
                    shutil.copytree(given, stack)
                else:
                    stack.mkdir(parents=True)
                    shutil.copy(given, stack)
        else:
            drawn_day(inbox)
        undisturbed = ingested(whole.workspace("undisturbed", office), inbox)
        alone = on_one_machine(whole.folder, inbox, office)
        records, holds = (len(undisturbed.state[name]) for name in ("records", "holds"))  # type: ignore[arg-type]
        print(f"{records} records, {holds} wait; undisturbed: {undisturbed.seconds:.1f} s; by one machine: "
              f"{alone.seconds:.1f} s, same end: {alone.state == undisturbed.state}", flush=True)  # fmt: skip
        for number, name in enumerate(a.only or FAULTS):
            fault = FAULTS[name]
            ended = ingested(
                whole.workspace(f"run{number}", office), inbox, fault=lambda run, fault=fault: fault(whole, run),  # type: ignore[misc]
                after_documents=(records + holds) // 3,
            )  # fmt: skip
            whole.mend()
            line = {
                "fault": name, "seconds": round(ended.seconds, 1),
                "cost_s": round(ended.seconds - undisturbed.seconds, 1), "codes": list(ended.codes),
                "again": ended.again, "same_end": ended.state == undisturbed.state,
                "load": round(os.getloadavg()[0], 1),
            }  # fmt: skip
            print(
                json.dumps(line) if a.json else "  ".join(f"{key} {value}" for key, value in line.items()), flush=True
            )


if __name__ == "__main__":
    main()
