"""Vietnamese words as they are compared."""

import unicodedata
from itertools import product

import pytest
import tantivy
from hypothesis import given
from hypothesis import strategies as st

from search.folding import (
    WORD,
    canonical,
    composed,
    folded,
    is_marked,
    is_syllable,
    near,
    plain_number,
    spellings,
    without_marks,
    words,
)

VOWELS = "aăâeêioôơuưy"
TONES = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")


@pytest.mark.parametrize(
    ("old", "new"),
    [("hòa", "hoà"), ("HỎA", "HOẢ"), ("thúy", "thuý"), ("lũy", "luỹ"), ("khỏe", "khoẻ"), ("qúy", "quý"), ("ủy", "uỷ")],
)
def test_the_two_places_of_a_tone_are_one(old: str, new: str) -> None:
    assert canonical(old) == canonical(new)
    assert canonical(old) != canonical(without_marks(composed(old)))


@pytest.mark.parametrize("word", ["hoàn", "của", "mùa", "tuỳ", "quả", "giúp", "hoa"])
def test_a_tone_that_has_one_place_stays_there(word: str) -> None:
    assert canonical(word) == word


def test_every_vowel_with_every_tone_folds_to_its_letter() -> None:
    for vowel, tone in product(VOWELS + VOWELS.upper(), TONES):
        base = unicodedata.normalize("NFD", vowel)[0].lower()
        assert folded(vowel + tone) == base
        assert folded(unicodedata.normalize("NFD", vowel + tone)) == base
    assert folded("Đđ") == "dd"


def test_tantivy_folds_vietnamese_as_we_do() -> None:
    cut = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()).filter(tantivy.Filter.ascii_fold()).build()
    text = " ".join(canonical(f"ng{vowel}{tone}n") for vowel, tone in product([*VOWELS, "đa"], TONES))
    assert cut.analyze(text) == WORD.findall(without_marks(text))


@given(st.text())
def test_places_in_every_form_are_places_in_the_composed_text(text: str) -> None:
    assert len(canonical(text)) == len(folded(text)) == len(composed(text))


@given(st.text())
def test_folding_is_done_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert canonical(canonical(text)) == canonical(text)


@given(st.text(alphabet="aàáeèoòuùyýhđ -_/12"))
def test_marked_words_are_those_that_change(text: str) -> None:
    assert all(is_marked(word) == (folded(word) != word) for word in words(text))


@pytest.mark.parametrize("word", ["nghiep", "thuong", "xay", "khuya", "quyet", "huyen", "oan", "uy", "gi", "yeu"])
def test_syllables_are_known(word: str) -> None:
    assert is_syllable(word)


@pytest.mark.parametrize("word", ["nghlep", "thuorg", "xdy", "qdinh", "brown"])
def test_misread_ones_are_not(word: str) -> None:
    assert not is_syllable(word)


def test_a_misread_word_and_the_true_one_are_near_each_other() -> None:
    assert "nghlep" in near("nghiep")
    assert "nghiep" in near("nghlep")
    assert "truong" not in near("thuong")


@pytest.mark.parametrize("word", ["ma", "phep", "12345", "a1234", "đường", "", "a" * 1999])
def test_short_and_endless_words_numbers_and_marked_ones_are_near_none(word: str) -> None:
    assert near(word) == frozenset()


@given(st.text(alphabet="abcdegh", min_size=1, max_size=8), st.text(alphabet="abcdegh", min_size=1, max_size=8))
def test_being_one_letter_away_is_mutual(one: str, other: str) -> None:
    assert (other in spellings(one)) == (one in spellings(other))


@pytest.mark.parametrize(("typed", "plain"), [("012", "12"), ("000", "0"), ("12", "12"), ("100", "100")])
def test_numbers_lose_their_leading_zeros(typed: str, plain: str) -> None:
    assert plain_number(typed) == plain
