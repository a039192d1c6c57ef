"""Small drawn pages for tests: quick to make, each unlike the others."""

from PIL import Image, ImageDraw


def small_page(number: int, *, size: tuple[int, int] = (413, 585), mode: str = "RGB") -> Image.Image:
    """An A4 page at 50 dpi with as many bars as its number."""
    page = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(page)
    for bar in range(number):
        draw.rectangle([40, 40 + bar * 20, 200 + bar * 5, 50 + bar * 20], fill=(20, 20, 60))
    return page.convert(mode)
