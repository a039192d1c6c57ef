"""Fixtures that several folders of tests share."""

import os

os.environ.setdefault("OMP_THREAD_LIMIT", "1")
os.environ["SOHOA_LANG"] = "en"  # the texts that tests compare; what a Vietnamese reader sees is tested by subprocess
