"""What every process that reads or composes needs, made once before they are forked: they share it, and start sooner.

Loaded by the fork server only (``ingest.fencedprocess``). Made anew, the font of the text layer takes 40 ms of each
scan; syllables and the drawn words of stamps take 130 ms of each worker.
"""

import cv2

import ingest.reading  # noqa: F401 - the libraries, for their time to load
from ingest import compose, secrecy, stampwords, syllables

cv2.setNumThreads(1)  # a process with threads must not be forked
compose.make_ready()
stampwords.make_ready((*secrecy.DEGREES, *secrecy.OTHERS))
syllables.counted().same_letters("")
