"""Incremental updates that change nothing but what they are for."""

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter


class QuietWriter(IncrementalPdfFileWriter):
    """pyHanko's own writer states itself as the producer and the time in the document's description with each update.

    Behind the newest signature that would be a change that nobody signed; and the description tells of the composing.
    """

    def _update_meta(self) -> None:
        pass
