"""What every process that reads or composes needs, made once before they are forked: they share it, and start sooner.

Loaded by the fork server only (``ingest.fencedprocess``). Made anew, the font of the text layer takes 40 ms of each
scan; syllables and the drawn words of stamps take 130 ms of each worker; what libraries load when they are first used
(lxml, Pillow's formats, the C library's name by ``ldconfig``) takes 30 ms of each process.
"""

import gc

import cv2
from PIL import Image

import ingest.reading  # noqa: F401 - the libraries, for their time to load
from ingest import compose, fence, fencedpages, secrecy, stampwords, syllables

cv2.setNumThreads(1)  # a process with threads must not be forked
Image.preinit()
fence.make_ready()
compose.make_ready()
fencedpages.make_ready()
stampwords.make_ready((*secrecy.DEGREES, *secrecy.OTHERS))
syllables.counted().same_letters("")
gc.freeze()  # no round of the garbage collector goes over what is shared, nor copies it for its marks
