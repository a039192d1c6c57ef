"""Words that administrative papers are built of: types and their codes, heads of agencies' names, titles of signers."""

from ingest.extract.folding import folded, likeness

TYPES = {
    # NĐ 30/2020, Phụ lục III
    "NQ": "Nghị quyết", "QĐ": "Quyết định", "CT": "Chỉ thị", "QC": "Quy chế", "QyĐ": "Quy định", "TC": "Thông cáo",
    "TB": "Thông báo", "HD": "Hướng dẫn", "CTr": "Chương trình", "KH": "Kế hoạch", "PA": "Phương án", "ĐA": "Đề án",
    "DA": "Dự án", "BC": "Báo cáo", "BB": "Biên bản", "TTr": "Tờ trình", "HĐ": "Hợp đồng", "CĐ": "Công điện",
    "BGN": "Bản ghi nhớ", "BTT": "Bản thỏa thuận", "GUQ": "Giấy ủy quyền", "GM": "Giấy mời",
    "GGT": "Giấy giới thiệu", "GNP": "Giấy nghỉ phép", "PG": "Phiếu gửi", "PC": "Phiếu chuyển", "PB": "Phiếu báo",
    # Legal documents (Luật Ban hành văn bản quy phạm pháp luật)
    "NĐ": "Nghị định", "TT": "Thông tư", "TTLT": "Thông tư liên tịch", "NQLT": "Nghị quyết liên tịch",
    "VBHN": "Văn bản hợp nhất", "PL": "Pháp lệnh",
    # Met on results and on papers of earlier decrees (TT 01/2011/TT-BNV)
    "ĐL": "Điều lệ", "GP": "Giấy phép", "GCN": "Giấy chứng nhận", "GXN": "Giấy xác nhận", "GPXD": "Giấy phép xây dựng",
    "CC": "Chứng chỉ", "GĐĐ": "Giấy đi đường", "GBN": "Giấy biên nhận", "KL": "Kết luận", "TTh": "Thông tri",
    "PTr": "Phiếu trình", "GT": "Giấy triệu tập", "TL": "Trích lục",
}  # fmt: skip
"""Code of a type in a symbol, and the type as it is written within a sentence."""

OTHER_TYPES = (
    "Luật", "Công bố", "Nội quy", "Quy trình", "Kết luận thanh tra", "Kết luận kiểm tra", "Giấy khai sinh",
    "Giấy chứng tử", "Trích lục khai sinh", "Trích lục khai tử", "Trích lục kết hôn",
    "Giấy chứng nhận kết hôn", "Giấy xác nhận tình trạng hôn nhân", "Giấy chứng nhận đăng ký kinh doanh",
    "Giấy chứng nhận đăng ký hộ kinh doanh", "Giấy chứng nhận đăng ký doanh nghiệp",
    "Giấy chứng nhận quyền sử dụng đất", "Chứng chỉ hành nghề", "Giấy phép hoạt động", "Giấy phép lái xe",
    "Giấy phép lao động", "Văn bản thỏa thuận", "Lịch công tác", "Chương trình công tác", "Phiếu lý lịch tư pháp",
    "Đơn đề nghị", "Đơn xin", "Tờ khai", "Giấy đề nghị", "Bản cam kết", "Hợp đồng lao động", "Công thư",
)  # fmt: skip
LETTER = "Công văn"
"""A paper to somebody: NĐ 30 gives it neither a heading nor a code."""
EVERY_TYPE = tuple(dict.fromkeys((*TYPES.values(), *OTHER_TYPES)))


AGENCY_HEADS = (
    "UBND", "Ủy ban", "Uỷ ban", "HĐND", "Hội đồng", "Bộ", "Sở", "Tổng cục", "Cục", "Chi cục", "Vụ", "Viện", "Học viện",
    "Trường", "Đại học", "Ban", "Phòng", "Trung tâm", "Bệnh viện", "Văn phòng", "Công an", "Tòa án", "Toà án",
    "Tổng công ty", "Công ty", "Tập đoàn", "Đảng ủy", "Đảng bộ", "Tỉnh ủy", "Thành ủy", "Quận ủy", "Huyện ủy",
    "Thị ủy", "Thành đoàn", "Tỉnh đoàn", "Quận đoàn", "Huyện đoàn", "Chính phủ", "Thủ tướng",
    "Quốc hội", "Kho bạc", "Bảo hiểm", "Ngân hàng", "Hội", "Liên đoàn", "Thanh tra", "Hạt",
    "Chi nhánh", "Chủ tịch nước", "Kiểm toán", "Trạm", "Nhà xuất bản", "Quỹ", "Thông tấn xã", "Đài", "Công đoàn",
    "Đoàn", "Tổ", "Mặt trận", "Tổng hội", "Liên hiệp", "Khu", "Xí nghiệp", "Cảng", "Tiểu ban", "Thường trực",
    "Khoa", "Bộ môn",
)  # fmt: skip
NOT_HEADS = ("phòng chống", "phòng cháy", "phòng ngừa", "phòng thủ", "ban hành", "hội nhập", "bộ phận", "đoàn kết",
             "đoàn thể", "tổ chức", "hội họp", "khu vực", "hội viên", "đại học và", "phòng không", "viện trợ",
             "bảo hiểm xã hội và", "công an nhân dân", "bộ máy", "khoa học", "khoa giáo", "quỹ đất")  # fmt: skip
"""Where a second line of one name begins like the head of another."""
PLACES = ("tỉnh", "thành phố", "tp", "tp.", "quận", "huyện", "thị xã", "thị trấn", "phường", "xã", "đặc khu")
"""A line that begins so goes on with the agency's name above it."""

INITIALS = {
    "ủy ban nhân dân": "UBND", "hội đồng nhân dân": "HĐND", "thủ tướng chính phủ": "TTg", "chính phủ": "CP",
    "văn phòng chính phủ": "VPCP", "chủ tịch nước": "CTN", "quốc hội": "QH", "viện kiểm sát nhân dân": "VKSND",
    "tòa án nhân dân": "TAND", "bộ lao động - thương binh và xã hội": "BLĐTBXH",
}  # fmt: skip
"""How the symbol names agencies whose code is not simply their initials."""

URGENCIES = ("HỎA TỐC", "THƯỢNG KHẨN", "KHẨN", "HỎA TỐC HẸN GIỜ")

TITLE_WORDS = (
    "Giám đốc", "Phó Giám đốc", "Bộ trưởng", "Thứ trưởng", "Chủ tịch", "Phó Chủ tịch", "Thủ tướng", "Phó Thủ tướng",
    "Trưởng phòng", "Phó Trưởng phòng", "Trưởng ban", "Phó Trưởng ban", "Chánh Văn phòng", "Phó Chánh Văn phòng",
    "Cục trưởng", "Phó Cục trưởng", "Chi cục trưởng", "Phó Chi cục trưởng", "Vụ trưởng", "Phó Vụ trưởng",
    "Hiệu trưởng", "Phó Hiệu trưởng", "Viện trưởng", "Phó Viện trưởng", "Tổng Giám đốc", "Phó Tổng Giám đốc",
    "Tổng cục trưởng", "Phó Tổng cục trưởng", "Chủ nhiệm", "Phó Chủ nhiệm", "Bộ trưởng, Chủ nhiệm",
    "Chánh Thanh tra", "Phó Chánh Thanh tra", "Trưởng Công an", "Phó Trưởng Công an", "Tổng Thanh tra",
    "Thống đốc", "Phó Thống đốc", "Bí thư", "Phó Bí thư", "Thứ trưởng thường trực", "Viện trưởng", "Chánh án",
    "Phó Chánh án", "Tổng Kiểm toán", "Trưởng Ban Tổ chức", "Chánh Văn phòng Sở", "Phó Chủ tịch thường trực",
    "Kế toán trưởng", "Trưởng trạm", "Quyền Giám đốc", "Phó Thủ tướng thường trực", "Phó Giám đốc phụ trách",
    "Phó Giám đốc thường trực", "Trưởng đoàn", "Thủ trưởng", "Giám đốc Sở", "Phó Giám đốc Sở",
    "Trưởng khoa", "Phó Trưởng khoa", "Trưởng bộ môn", "Tổng Biên tập", "Phó Tổng Biên tập", "Thẩm phán",
    "Kiểm sát viên", "Chấp hành viên", "Đội trưởng", "Chỉ huy trưởng", "Phó Chỉ huy trưởng", "Hạt trưởng",
    "Phó Trưởng đoàn", "Giám đốc Trung tâm", "Công chứng viên", "Đăng ký viên",
)  # fmt: skip
IN_PLACE_OF = ("KT.", "TM.", "TL.", "TUQ.", "Q.", "T/M", "K/T", "T/L", "TUQ", "TM", "KT", "TL")


def type_named(text: str, at_least: float = 0.8) -> tuple[str, float] | None:
    """The type that *text* names and how like it the text is; None where it names none."""
    name, fit = max(((name, likeness(text, name)) for name in EVERY_TYPE), key=lambda found: found[1])
    return (name, fit) if fit >= at_least else None


def type_named_by(symbol: str) -> str | None:
    """The type whose code a symbol begins with (``QĐ-UBND``, ``2023/TT-BYT``); None where it begins with none."""
    return TYPES.get(symbol.split("/")[-1].split("-")[0])


def type_code(text: str) -> str | None:
    """The code of a type as the decree writes it, from *text* in any case and without marks; None if it is none.

    ``HD`` and ``HĐ``, ``DA`` and ``ĐA`` differ by the stroke alone; it is kept where it was read.
    """
    if text in TYPES:
        return text
    same = [code for code in TYPES if folded(code) == folded(text)]
    if len(same) > 1:
        exact = [code for code in same if code.upper() == text.upper()]
        return exact[0] if exact else None
    return same[0] if same else None
