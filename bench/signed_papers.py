"""The signatures that papers bear already: what `verify` sees of them and what EU DSS sees, file by file.

``python -m bench.signed_papers FOLDER…``: every PDF below. Prints a JSON object a line: the file, whether both see the
same signers in the same order and the same integrity, what either says; the last line counts. Unsigned files count, and
are left out of the lines. Ends with 1 where the two differ in signers, their number or integrity.
"""

import json
import sys
from collections import Counter
from pathlib import Path

from commands.verify import overall
from ingest.signing import SignatureVerdict, verify
from schemas.errors import InputRejected
from tests.services import dss


def main() -> None:
    files = sorted(file for folder in sys.argv[1:] for file in Path(folder).rglob("*.pdf"))
    theirs = dss.judge(files)
    counts: Counter[str] = Counter(files=len(files))
    for file in files:
        try:
            verdicts = verify(file, None)
        except InputRejected as error:
            counts["we reject"] += 1
            if theirs[file]:
                counts["differ"] += 1
                print(json.dumps({"file": file.name, "same": False, "we": str(error)}, ensure_ascii=False))
            continue
        ours = [one for one in verdicts if one.kind == "signature"]
        same = _seen(ours) == [(one.signer, one.intact) for one in theirs[file]]
        counts["same" if same else "differ"] += 1
        if ours or theirs[file]:
            counts["signed files"] += 1
            counts["signatures"] += len(ours)
            line = {
                "file": file.name, "same": same, "signatures": len(ours), "we": overall(verdicts),
                "dss": sorted({f"{one.indication} {one.sub}".strip() for one in theirs[file]}),
            }  # fmt: skip
            if not same:
                line |= {"we_see": _seen(ours), "dss_sees": [(one.signer, one.intact) for one in theirs[file]]}
            print(json.dumps(line, ensure_ascii=False), flush=True)
    print(json.dumps(counts, ensure_ascii=False))
    sys.exit(1 if counts["differ"] else 0)


def _seen(verdicts: list[SignatureVerdict]) -> list[tuple[str, bool]]:
    return [(one.signer, one.intact) for one in verdicts]


if __name__ == "__main__":
    main()
