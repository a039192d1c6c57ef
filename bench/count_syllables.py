"""Count syllables and pairs of syllables in a folder of Vietnamese texts, for ``ingest/syllables.npz``.

    python bench/count_syllables.py FOLDER [-o ingest/syllables.npz]

Only counts are kept: how often a syllable stands in the texts, and how often it follows another; no text can be made of
them. Syllables seen less than ``FEWEST`` times and pairs seen once are left out.
"""  # fmt: skip

import argparse
import sys
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from ingest.syllables import FILE, FIRST, SPECIAL, tokens

FEWEST = 3
FEWEST_PAIRS = 2


def counted(texts: list[Path]) -> tuple[Counter[str], Counter[tuple[str, str]]]:
    singles: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for text in texts:
        for line in text.read_text(encoding="utf-8").splitlines():
            found = [token.key for token in tokens(line)]
            singles.update(found)
            pairs.update(zip([FIRST, *found], [*found, FIRST], strict=True))
    return singles, pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=FILE)
    options = parser.parse_args()
    singles, pairs = counted(sorted(options.folder.rglob("*.txt")))
    kept = [word for word, count in singles.items() if count >= FEWEST and word not in SPECIAL]
    words = [*SPECIAL, *sorted(kept)]
    number = {word: index for index, word in enumerate(words)}
    rows = sorted(
        (number[first] * len(words) + number[second], count)
        for (first, second), count in pairs.items()
        if count >= FEWEST_PAIRS and first in number and second in number
    )
    np.savez_compressed(
        options.output,
        words=np.frombuffer("\n".join(words).encode(), np.uint8),
        singles=np.array([singles[word] for word in words], np.uint32),
        keys=np.array([key for key, _count in rows], np.uint32),
        pairs=np.minimum([count for _key, count in rows], 65535).astype(np.uint16),
    )
    print(f"{len(words)} syllables, {len(rows)} pairs, {options.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
