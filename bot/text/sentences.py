"""Where sentences end: not after `et al.`, `e.g.`, `Fig. 3`, an initial, `0.5` or within a formula."""

from __future__ import annotations

import re

_END = re.compile(r"(?:[.!?…]+|[。！？]+)[\"”’»)\]]*")
_WIDE = "。！？"
_OPENS = re.compile(r"\s+[\"“‘«(\[$\\]*(?=[^\Wa-z_]|[$\\])")
_FORMULA = re.compile(r"\$[^$]{1,500}\$|\\\(.{1,500}?\\\)", re.DOTALL)
# After these the sentence goes on, whatever follows.
_NEVER = frozenset(
    "approx cf ca e.g eg fig figs eq eqs eqn eqns i.e ie no nos ref refs resp sec sect st vs viz "
    "w.r.t dr prof mr mrs ms vol pp ed eds tab thm lem prop def app ch univ dept jan feb mar apr jun "
    "jul aug sept sep oct nov dec sp spp subsp var".split()
)
# After these it may end: then a word that begins sentences follows.
_SOMETIMES = frozenset("al etc inc ltd corp co jr sr a.m p.m i.i.d a.k.a u.s u.k e.u ph.d".split())
_BEGINNERS = frozenset(
    "a additionally all also although an as at because both but by code compared conversely despite "
    "each experiments extensive finally first for from furthermore given here hence however i if in it "
    "its many more moreover most nevertheless notably on one our overall recent recently results second "
    "several since some specifically such the their then therefore these they this those though through "
    "thus to two under unlike using we when where whereas while with yet".split()
)
_WORD_BEFORE = re.compile(r"[^\W\d_](?:[\w-]*[^\W_])?(?:\.[^\W\d_]+)*$")
_WORD_AFTER = re.compile(r"[^\W\d_]+")
_LOOK_BACK = 24
_SECTION = re.compile(r"(?:^|[\s(\[])[^\W\d_]$")  # one letter alone: an initial, or `part A.`


def sentence_ends(text: str, limit: int | None = None) -> list[int]:
    """Return where sentences end, within the first `limit` characters; the text's own end is none.

    Text is best made readable first; formulas that stayed as TeX are never cut.
    """
    formulas = (
        [match.span() for match in _FORMULA.finditer(text)] if "$" in text or "\\(" in text else []
    )
    found = []
    for match in _END.finditer(text, 0, len(text) if limit is None else min(len(text), limit)):
        end = match.end()
        if end >= len(text) or any(start < end < stop for start, stop in formulas):
            continue
        if match.group()[0] in _WIDE or (
            _OPENS.match(text, end) and _ends(text, match.start(), end)
        ):
            found.append(end)
    return found


def sentences(text: str) -> list[str]:
    """Return the text's sentences in order, without the space between them."""
    ends = sentence_ends(text)
    parts = (text[start:end].strip() for start, end in zip([0, *ends], [*ends, None], strict=True))
    return [part for part in parts if part]


def _ends(text: str, dot: int, end: int) -> bool:
    """Tell whether the mark at `dot` ends a sentence, and no abbreviation only."""
    if text[dot] != "." or text[dot:end].count(".") > 1:
        return True
    before = text[max(dot - _LOOK_BACK, 0) : dot]
    word = _WORD_BEFORE.search(before)
    if word is None:
        return True
    name = word.group().lower()
    if name in _NEVER:
        return False
    if name in _SOMETIMES or (_SECTION.search(before) and word.group().isupper()):
        after = _WORD_AFTER.search(text, end)
        return after is not None and after.group().lower() in _BEGINNERS
    return True
