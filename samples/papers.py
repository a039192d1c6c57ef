"""The papers of a sample day: a department's, a district's and a ward's. Names, numbers and cases are invented."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class SamplePaper:
    """The elements of a paper by NĐ 30/2020, Phụ lục I; an empty one is not drawn.

    Without an ``agency`` it is a citizen's form: motto in the middle, no number, the place and date above the
    signature.
    """

    number: str = ""
    symbol: str = ""
    issued_on: date = date(2023, 5, 12)
    parent: str = ""
    agency: str = ""
    place: str = "Thành phố Hồ Chí Minh"
    type: str = ""
    """Empty: a công văn, whose abstract stands under the number as ``V/v``."""
    abstract: str = ""
    addressee: str = ""
    urgency: str = ""
    body: tuple[str, ...] = ()
    """Paragraphs; one that begins with ``*`` is set in bold, one with ``^`` in the middle."""
    recipients: tuple[str, ...] = ()
    signer_title: tuple[str, ...] = ()
    signer: str = ""
    handwritten_number: bool = False
    handwritten_day: bool = False
    sealed: bool = True

    @property
    def number_text(self) -> str:
        """The number as printed: below 10 with a zero before it (NĐ 30/2020)."""
        return self.number.zfill(2) if self.number else ""


CITY = "ỦY BAN NHÂN DÂN\nTHÀNH PHỐ HỒ CHÍ MINH"
DEPARTMENT_UNIT = "H29.13"
DISTRICT_UNIT = "H29.21"
WARD_UNIT = "H29.21.05"
STACK_DOSSIER = "H29.21-230516-0042"
STACK_PROCEDURE = "1.009994"

PERMIT = SamplePaper(
    number="1520",
    symbol="QĐ-SXD",
    issued_on=date(2023, 5, 12),
    parent=CITY,
    agency="SỞ XÂY DỰNG",
    type="QUYẾT ĐỊNH",
    abstract="Về việc cấp giấy phép xây dựng công trình tại số 135 đường Lê Lợi, phường Bến Thành",
    body=(
        "^*GIÁM ĐỐC SỞ XÂY DỰNG",
        "Căn cứ Luật Xây dựng ngày 18 tháng 6 năm 2014; Luật sửa đổi, bổ sung một số điều của Luật Xây dựng ngày "
        "17 tháng 6 năm 2020;",
        "Căn cứ Nghị định số 15/2021/NĐ-CP ngày 03 tháng 3 năm 2021 của Chính phủ quy định chi tiết một số nội dung về "
        "quản lý dự án đầu tư xây dựng;",
        "Xét hồ sơ đề nghị cấp giấy phép xây dựng của bà Trần Thị Mai nộp ngày 24 tháng 4 năm 2023;",
        "Theo đề nghị của Trưởng phòng Cấp phép xây dựng.",
        "^*QUYẾT ĐỊNH:",
        "*Điều 1. Cấp giấy phép xây dựng",
        "Cấp cho bà Trần Thị Mai giấy phép xây dựng công trình nhà ở kết hợp thương mại tại thửa đất số 27, tờ bản đồ "
        "số 14, số 135 đường Lê Lợi, phường Bến Thành, với các nội dung sau: cấp công trình cấp III; diện tích xây "
        "dựng 96,5 m²; tổng diện tích sàn 482,5 m²; số tầng 05; chiều cao công trình 19,8 m; chỉ giới đường đỏ "
        "trùng với ranh lộ giới.",
        "*Điều 2. Trách nhiệm của chủ đầu tư",
        "1. Chịu trách nhiệm trước pháp luật nếu xâm phạm các quyền hợp pháp của chủ sở hữu liền kề.",
        "2. Thực hiện đúng các quy định của pháp luật về đất đai, về đầu tư xây dựng và giấy phép này.",
        "3. Thông báo ngày khởi công bằng văn bản cho cơ quan cấp phép trước khi khởi công 03 ngày làm việc.",
        "4. Xuất trình giấy phép xây dựng cho chính quyền địa phương trước khi khởi công và niêm yết tại công trường.",
        "*Điều 3. Hiệu lực",
        "Giấy phép có thời hạn khởi công 12 tháng kể từ ngày ký; quá thời hạn trên mà chưa khởi công thì phải đề nghị "
        "gia hạn. Việc điều chỉnh giấy phép thực hiện trước khi xây dựng theo thiết kế điều chỉnh.",
        "*Điều 4. Điều khoản thi hành",
        "Chánh Văn phòng Sở, Trưởng phòng Cấp phép xây dựng, Chánh Thanh tra Sở và bà Trần Thị Mai chịu trách nhiệm "
        "thi hành Quyết định này./.",
    ),
    recipients=("- Như Điều 4;", "- UBND Quận 1;", "- Lưu: VT, CPXD."),
    signer_title=("KT. GIÁM ĐỐC", "PHÓ GIÁM ĐỐC"),
    signer="Nguyễn Minh Khoa",
)

CERTIFICATE = SamplePaper(
    number="1534",
    symbol="QĐ-SXD",
    issued_on=date(2023, 5, 15),
    parent=CITY,
    agency="SỞ XÂY DỰNG",
    type="QUYẾT ĐỊNH",
    abstract="Về việc cấp chứng chỉ hành nghề hoạt động xây dựng hạng II",
    body=(
        "^*GIÁM ĐỐC SỞ XÂY DỰNG",
        "Căn cứ Nghị định số 15/2021/NĐ-CP ngày 03 tháng 3 năm 2021 của Chính phủ;",
        "Căn cứ kết quả xét cấp chứng chỉ hành nghề của Hội đồng ngày 10 tháng 5 năm 2023;",
        "Theo đề nghị của Chánh Văn phòng Sở.",
        "^*QUYẾT ĐỊNH:",
        "*Điều 1.",
        "Cấp chứng chỉ hành nghề hoạt động xây dựng hạng II cho ông Lê Văn Thành, lĩnh vực giám sát thi công xây dựng "
        "công trình dân dụng; thời hạn của chứng chỉ là 05 năm.",
        "*Điều 2.",
        "Quyết định này có hiệu lực kể từ ngày ký. Chánh Văn phòng Sở và ông Lê Văn Thành chịu trách nhiệm thi hành "
        "Quyết định này./.",
    ),
    recipients=("- Như Điều 2;", "- Lưu: VT, HĐ."),
    signer_title=("GIÁM ĐỐC",),
    signer="Trần Quốc Bảo",
)

LETTER = SamplePaper(
    number="2211",
    symbol="SXD-CPXD",
    issued_on=date(2023, 5, 16),
    parent=CITY,
    agency="SỞ XÂY DỰNG",
    abstract="V/v bổ sung hồ sơ đề nghị cấp giấy phép xây dựng",
    addressee="Ông Phạm Hữu Tài",
    urgency="KHẨN",
    body=(
        "Sở Xây dựng nhận được hồ sơ mã số H29.13-230508-0107 của ông Phạm Hữu Tài đề nghị cấp giấy phép xây dựng công "
        "trình tại số 48 đường Nguyễn Huệ.",
        "Sau khi xem xét, đề nghị ông bổ sung bản vẽ mặt bằng móng và bản cam kết bảo đảm an toàn đối với công trình "
        "liền kề trong thời hạn 10 ngày làm việc kể từ ngày nhận được văn bản này.",
        "Quá thời hạn nêu trên, Sở Xây dựng sẽ trả lại hồ sơ theo quy định./.",
    ),
    recipients=("- Như trên;", "- Lưu: VT, CPXD."),
    signer_title=("TL. GIÁM ĐỐC", "TRƯỞNG PHÒNG CẤP PHÉP XÂY DỰNG"),
    signer="Võ Thị Ngọc Lan",
)

LAND = SamplePaper(
    number="3165",
    symbol="QĐ-UBND",
    issued_on=date(2023, 5, 15),
    parent=CITY,
    agency="ỦY BAN NHÂN DÂN QUẬN 1",
    place="Quận 1",
    type="QUYẾT ĐỊNH",
    abstract="Về việc cho phép chuyển mục đích sử dụng đất của hộ gia đình ông Ngô Văn Phúc",
    body=(
        "^*ỦY BAN NHÂN DÂN QUẬN 1",
        "Căn cứ Luật Tổ chức chính quyền địa phương ngày 19 tháng 6 năm 2015;",
        "Căn cứ Luật Đất đai ngày 29 tháng 11 năm 2013;",
        "Xét đề nghị của Trưởng phòng Tài nguyên và Môi trường tại Tờ trình số 412/TTr-TNMT ngày 08 tháng 5 năm 2023.",
        "^*QUYẾT ĐỊNH:",
        "*Điều 1.",
        "Cho phép hộ gia đình ông Ngô Văn Phúc chuyển mục đích sử dụng 120 m² đất trồng cây lâu năm tại thửa đất số "
        "318, tờ bản đồ số 9 sang đất ở tại đô thị; thời hạn sử dụng đất là lâu dài.",
        "*Điều 2.",
        "Hộ gia đình ông Ngô Văn Phúc nộp tiền sử dụng đất theo thông báo của Chi cục Thuế Quận 1 và đăng ký biến động "
        "tại Chi nhánh Văn phòng Đăng ký đất đai.",
        "*Điều 3.",
        "Quyết định này có hiệu lực kể từ ngày ký. Chánh Văn phòng, Trưởng phòng Tài nguyên và Môi trường và hộ gia "
        "đình ông Ngô Văn Phúc chịu trách nhiệm thi hành Quyết định này./.",
    ),
    recipients=("- Như Điều 3;", "- Lưu: VT, TNMT."),
    signer_title=("TM. ỦY BAN NHÂN DÂN", "KT. CHỦ TỊCH", "PHÓ CHỦ TỊCH"),
    signer="Đặng Thị Thu Hà",
)

LAND_FORM = SamplePaper(
    issued_on=date(2023, 4, 28),
    place="Quận 1",
    type="ĐƠN XIN CHUYỂN MỤC ĐÍCH SỬ DỤNG ĐẤT",
    addressee="Ủy ban nhân dân Quận 1",
    body=(
        "1. Người xin phép sử dụng đất: hộ gia đình ông Ngô Văn Phúc.",
        "2. Địa chỉ: số 18 đường Trần Khánh Dư, phường Tân Định, Quận 1.",
        "3. Địa điểm khu đất: thửa đất số 318, tờ bản đồ số 9.",
        "4. Diện tích: 120 m².",
        "5. Để sử dụng vào mục đích: đất ở tại đô thị.",
        "6. Cam kết sử dụng đất đúng mục đích, chấp hành đúng các quy định của pháp luật đất đai, nộp tiền sử dụng đất "
        "đầy đủ, đúng hạn.",
    ),
    signer_title=("NGƯỜI LÀM ĐƠN",),
    signer="Ngô Văn Phúc",
    sealed=False,
)

BUSINESS = SamplePaper(
    number="3172",
    symbol="QĐ-UBND",
    issued_on=date(2023, 5, 16),
    parent=CITY,
    agency="ỦY BAN NHÂN DÂN QUẬN 1",
    place="Quận 1",
    type="QUYẾT ĐỊNH",
    abstract="Về việc thu hồi giấy chứng nhận đăng ký hộ kinh doanh",
    body=(
        "^*ỦY BAN NHÂN DÂN QUẬN 1",
        "Căn cứ Luật Tổ chức chính quyền địa phương ngày 19 tháng 6 năm 2015;",
        "Căn cứ Nghị định số 01/2021/NĐ-CP ngày 04 tháng 01 năm 2021 của Chính phủ về đăng ký doanh nghiệp;",
        "Xét đề nghị của Trưởng phòng Tài chính - Kế hoạch.",
        "^*QUYẾT ĐỊNH:",
        "*Điều 1.",
        "Thu hồi giấy chứng nhận đăng ký hộ kinh doanh số 41A8031765 của hộ kinh doanh Hương Sen, địa chỉ số 7 đường "
        "Mạc Thị Bưởi, phường Bến Nghé.",
        "*Điều 2.",
        "Trưởng phòng Tài chính - Kế hoạch và chủ hộ kinh doanh Hương Sen chịu trách nhiệm thi hành Quyết định này./.",
    ),
    recipients=("- Như Điều 2;", "- Lưu: VT, TCKH."),
    signer_title=("TM. ỦY BAN NHÂN DÂN", "CHỦ TỊCH"),
    signer="Lâm Hoàng Sơn",
    handwritten_number=True,
)

SUPPORT = SamplePaper(
    number="87",
    symbol="QĐ-UBND",
    issued_on=date(2023, 5, 15),
    parent="ỦY BAN NHÂN DÂN QUẬN 1",
    agency="ỦY BAN NHÂN DÂN\nPHƯỜNG TÂN ĐỊNH",
    place="Tân Định",
    type="QUYẾT ĐỊNH",
    abstract="Về việc hỗ trợ chi phí mai táng cho đối tượng bảo trợ xã hội",
    body=(
        "^*CHỦ TỊCH ỦY BAN NHÂN DÂN PHƯỜNG TÂN ĐỊNH",
        "Căn cứ Luật Tổ chức chính quyền địa phương ngày 19 tháng 6 năm 2015;",
        "Căn cứ Nghị định số 20/2021/NĐ-CP ngày 15 tháng 3 năm 2021 của Chính phủ quy định chính sách trợ giúp xã hội;",
        "Xét đề nghị của công chức Văn hóa - Xã hội phường.",
        "^*QUYẾT ĐỊNH:",
        "*Điều 1.",
        "Hỗ trợ chi phí mai táng số tiền 7.200.000 đồng (Bảy triệu hai trăm nghìn đồng) cho gia đình cụ Huỳnh Thị Bảy, "
        "khu phố 4, phường Tân Định.",
        "*Điều 2.",
        "Công chức Văn hóa - Xã hội, công chức Tài chính - Kế toán và ông Huỳnh Văn Lợi chịu trách nhiệm thi hành "
        "Quyết định này./.",
    ),
    recipients=("- Như Điều 2;", "- Lưu: VT."),
    signer_title=("CHỦ TỊCH",),
    signer="Phan Thị Kim Oanh",
)

NOTICE = SamplePaper(
    number="9",
    symbol="TB-UBND",
    issued_on=date(2023, 5, 5),
    parent="ỦY BAN NHÂN DÂN QUẬN 1",
    agency="ỦY BAN NHÂN DÂN\nPHƯỜNG TÂN ĐỊNH",
    place="Tân Định",
    type="THÔNG BÁO",
    abstract="Về việc niêm yết công khai hồ sơ đăng ký đất đai lần đầu",
    body=(
        "Ủy ban nhân dân phường Tân Định thông báo niêm yết công khai kết quả kiểm tra hồ sơ đăng ký đất đai, cấp giấy "
        "chứng nhận quyền sử dụng đất của bà Lý Thu Hương tại thửa đất số 52, tờ bản đồ số 3.",
        "Thời gian niêm yết là 15 ngày kể từ ngày 08 tháng 5 năm 2023 tại trụ sở Ủy ban nhân dân phường và khu phố 2.",
        "Trong thời gian niêm yết, tổ chức, cá nhân có ý kiến về nội dung công khai gửi đến Ủy ban nhân dân phường để "
        "được xem xét, giải quyết./.",
    ),
    recipients=("- Khu phố 2;", "- Bà Lý Thu Hương;", "- Lưu: VT."),
    signer_title=("TM. ỦY BAN NHÂN DÂN", "KT. CHỦ TỊCH", "PHÓ CHỦ TỊCH"),
    signer="Bùi Đức Trung",
)

RESULTS: dict[str, tuple[SamplePaper, ...]] = {
    DEPARTMENT_UNIT: (PERMIT, CERTIFICATE, LETTER),
    DISTRICT_UNIT: (LAND, BUSINESS),
    WARD_UNIT: (SUPPORT, NOTICE),
}
"""By unit: the results among the day's papers, as the inventory lists them."""
