r"""Text from outside becomes safe and readable, and what cannot be read stays as written."""

from __future__ import annotations

import gzip
import json
import re
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.text import inert, one_line, plain, quoted, readable, shorten

SHARED = Path(__file__).parents[1].parent / "shared" / "data"
DAILY_FEEDS = SHARED / "arxiv_rss" / "parsed_daily"
DAILY_CORPUS = SHARED / "corpora" / "arxiv_daily"

# ── TeX ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        # names
        (r"Andr\'e Falc\~ao", "André Falcão"),
        (r"Ji\v{r}\'i Jane\v{c}ek", "Jiří Janeček"),
        (r"\c{C}a\u{g}atay Y{\i}ld{\i}z", "Çağatay Yıldız"),
        (r"H{\aa}kon N{\ae}ss {\O}rka", "Håkon Næss Ørka"),
        (r"Cosmas Hei\ss", "Cosmas Heiß"),
        (r"Stra\ss{}e, \LaTeX{} and \TeX\ users, \~{}ada", "Straße, LaTeX and TeX users, ~ada"),
        (r"Jan H\r{u}la, P{\l}otka", "Jan Hůla, Płotka"),
        (r"\'{\i} \`a \^{o} \"u \=e \.Ilhan \H{o}", "í à ô ü ē İlhan ő"),
        ("Yan-Ann~Chen", "Yan-Ann Chen"),
        # formulas
        (r"$\mathcal{O}(n \log n)$", "O(n log n)"),
        (r"$O(n\log n)$ and $\max_x f$", "O(n log n) and maxₓ f"),
        (r"Ga$_2$O$_3$", "Ga₂O₃"),
        (r"PM$_{2.5}$", "PM₂.₅"),
        (r"$\alpha^2 + \beta_i \leq 10^{-5}$", "α² + βᵢ ≤ 10⁻⁵"),
        (r"${O}(\epsilon^{-1.5})$", "O(ϵ^(−1.5))"),
        (r"$\frac{1}{2}$, $\sqrt{d}$ and $\sqrt{n+1}$", "1/2, √d and √(n+1)"),
        (r"$\mathbb{R}^d$, $\R^n$, $\mathbb{E}[x]$", "ℝᵈ, ℝⁿ, 𝔼[x]"),
        (r"$\hat{x} \neq \vec y$", "x̂ ≠ y⃗"),
        (r"$({\cal X}, d)$", "(X, d)"),
        (r"$\left( a \right)$ and $\left. b \right|$", "(a) and b |"),
        (r"$\textit{Grahak-Nyay}$ and $\text{GeAR}$-s", "Grahak-Nyay and GeAR-s"),
        (r"$D<n$ and $n>D$", "D<n and n>D"),
        (r"\(x_1\) and \[y^2\]", "x₁ and y²"),
        (r"$$x \to \infty$$", "x → ∞"),
        (r"$x \not= y$, $f'$", "x ≠ y, f′"),
        (r"5$\,$GHz, start$-$up", "5 GHz, start–up"),
        ("$π^3$", "π³"),
        (r"AI-45$^{\circ}$ and 360{\deg}", "AI-45° and 360°"),
        (r"$x^{\text{top k}}$, $f_{ab}$", "x^(top k), f_ab"),
        (r"$\unicode{x2014}$", "—"),
        (r"DESIGN-R\textsuperscript{\textregistered}", "DESIGN-R®"),
        # prose
        (r"55\% of \$5 \& more\_", "55% of $5 & more_"),
        ("``quick'' -- not ---", "“quick” – not —"),
        (r"\textbf{bold \emph{and} $\alpha$} {\it old}", "bold and α old"),
        (r"{BERT} and 6{,}000 and {low error}", "BERT and 6,000 and low error"),
        (r"\href{https://a.org/~b}{here} or \url{https://a.org/a_b--c}", "here or https://a.org/a_b--c"),
        (r"code\footnote{at https://a.org} and~\citep[p. 2]{ada26}", "code (at https://a.org) and [ada26]"),
        (r"{\color{blue} sky} \textcolor{red}{rose}", "sky rose"),
        (r"tasks (\eg images, \ie pictures)", "tasks (e.g. images, i.e. pictures)"),
        (r"x_{i} and 10^{5}", "xᵢ and 10⁵"),
        ("all {i,j} of {\"a\": 1}", "all {i,j} of {\"a\": 1}"),
        ("about ~30% (~twice), 0~9, 1 ~ 2, Fig.~3", "about ~30% (~twice), 0~9, 1 ~ 2, Fig. 3"),
        ("https://a.edu/~ada/x--y and https://a.edu/\\~ada", "https://a.edu/~ada/x--y and https://a.edu/~ada"),
        ("the option '--help', a rule -----", "the option '--help', a rule -----"),
    ],
)  # fmt: skip
def test_tex_becomes_unicode(source, shown):
    assert readable(source) == unicodedata.normalize("NFC", shown)


@pytest.mark.parametrize(
    "source",
    [
        r"$\begin{matrix} a & b \end{matrix}$",
        r"$\tilde{\cO}(\epsilon)$ and $\bigol(n)$",
        r"a sum $\weird{x}^2$",
        r"we propose \methodname{}, a \textbf{\name} of \change{the thing}",
        r"structural delimiters like \n\n",
        r"$\unicode{x202e}$ and $\unicode{zz}$ and \unicode",
        r"\textbf{never closed",
        r"\href{https://a.org}",
        r"\cite[p. 2",
        r"\frac{1}",
        r"$x^{$ and $y_$ and $}$",
        r"\(",
        "\\",
        "a { b",
    ],
)
def test_what_has_no_readable_form_stays_as_written(source):
    assert readable(source) == source


@pytest.mark.parametrize(
    "source",
    [
        "costs $5 and sells for $7",
        "between $48-$74 per voter, not $100",
        "under $1,000 USD at today's prices",
        "PUSA V1.0: with $500 Training Cost",
        "<1/4$ the compute, illustrating the superiority and robustness of $ things",
        "($148K) for training and ($2M) for all",
        "$ $",
    ],
)
def test_money_stays_money(source):
    assert readable(source) == source


def test_money_beside_a_formula_leaves_the_formula_readable():
    assert readable(r"from $5 to $\alpha$ and $1.94 \times $") == "from $5 to α and 1.94 ×"


def test_an_unknown_command_does_not_keep_its_neighbours_from_being_read():
    assert (
        readable(r"\ours{} by Andr\'e, 5\% of \foo{50\%}") == r"\ours{} by André, 5% of \foo{50\%}"
    )


@given(st.text())
@example("\\" * 9)
@example("$" * 9)
def test_any_text_can_be_read(source):
    readable(source)


PIECES = (
    r"\ { } $ $$ ^ _ ~ -- `` '' \( \) \[ \] \frac \sqrt \hat \text \textbf{ \cite[ \' \v \unicode{x41} "
    r"\url{ \footnote{ \left \log \mathbb \not \alpha \deg \foo a 1 é"
).split(" ")
tex = st.lists(st.sampled_from([*PIECES, " "]), max_size=14).map("".join)


@given(tex)
def test_any_tex_can_be_read(source):
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in readable(source))


@given(st.text(st.characters(exclude_characters="\\$~{}`'-^_", codec="utf-8")))
def test_text_without_tex_is_unchanged(source):
    assert readable(source) == source


@given(tex)
@example(r"\begin{align} x \end{align}")
def test_a_formula_is_read_as_a_whole_or_left_as_a_whole(body):
    body = body.replace("$", "").replace("\\", "\\alpha ")
    source = f"A $\\unknowable {body}$ B"
    assert readable(source) == source


@given(st.text("aé–α²ᵢ∞ (),.", max_size=30))
def test_what_has_been_read_is_not_read_again(shown):
    assert readable(readable(shown)) == readable(shown)


@pytest.mark.parametrize(
    "hostile",
    ["{", "{}", "\\hat", "\\textbf{", "\\frac", "^{", "$a", "$1 ", "\\footnote{", "\\cite[", "\\(", "--",
     "\\foo{x}", "{a\\foo "],
)  # fmt: skip
def test_no_short_pattern_repeated_takes_long(hostile):
    started = time.process_time()
    readable(hostile * 3_000)
    readable(hostile * 3_000 + "}" * 3_000)
    assert time.process_time() - started < 2


# ── HTML ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fragment", "shown"),
    [
        ("<p>One <b>two</b></p><p>three</p>", "One two\n\nthree"),
        ("<jats:title>Abstract</jats:title><jats:p>Text<jats:sub>2</jats:sub></jats:p>", "Abstract\n\nText2"),
        ("for $D<n$ and $p<q$ and a<b and c>d", "for $D<n$ and $p<q$ and a<b and c>d"),
        ("a &lt; b &amp; c &#8211; d", "a < b & c – d"),
        ("x<script>alert(1)</script>y<style>z{}</style>", "xy"),
        ("<svg/onload=alert(1)>x</svg>y", "y"),
        ("line<br>break<br/>again", "line\n\nbreak\n\nagain"),
        ("<a href='https://a.org/?a=1&amp;b=2'>link</a> <img src=x onerror=alert(1)>", "link"),
        ("<!-- hidden -->shown<![CDATA[", "shown"),
        ("<i class=x>tag</i> but <i am not", "tag but <i am not"),
        ("one\n two\n \n\n three", "one two\n\nthree"),
        ("java\x00script\u202egnp.exe", "javascriptgnp.exe"),
        ("R&D at AT&T", "R&D at AT&T"),
    ],
)  # fmt: skip
def test_html_becomes_plain_text(fragment, shown):
    assert plain(fragment) == shown


@given(st.text(st.sampled_from("<>/&;! abip=\"'-[]xsvg\n\u202e\x07"), max_size=60))
@example("<" * 50)
def test_any_fragment_becomes_text_without_controls(fragment):
    shown = plain(fragment)
    assert inert(shown) == shown
    assert shown == shown.strip()


@given(st.text(st.characters(exclude_characters="<&", categories=["L", "N", "P"]), max_size=30))
def test_a_fragment_without_markup_is_its_own_text(words):
    assert plain(words) == inert(words)


@pytest.mark.parametrize("hostile", ["<", "<b ", "<div>", "<br ", "<!--", "&", "<p x='", "<svg>"])
def test_no_markup_repeated_takes_long(hostile):
    started = time.process_time()
    plain(hostile * 20_000)
    assert time.process_time() - started < 2


# ── Lines ─────────────────────────────────────────────────────────────────────────────────────────


def test_where_a_word_may_be_parted_it_is_not():
    assert one_line("Elec\xadtro\xadchem\xadistry") == "Electrochemistry"


@given(st.text(st.characters()))
@example("\x1b[31mred\x9b1m\u202e\u2066\ud800\ufeff\r\n\r")
def test_inert_text_steers_no_terminal_and_reorders_no_line(value):
    safe = inert(value)
    assert inert(safe) == safe
    assert "\r" not in safe
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", safe
    )
    safe.encode("utf-8")


@given(st.text())
def test_one_line_is_one_line(value):
    line = one_line(value)
    assert one_line(line) == line
    assert len(line.splitlines()) <= 1
    assert line == line.strip()


@given(st.text(), st.integers(1, 40))
def test_anothers_words_can_be_shown_in_a_sentence(value, limit):
    words = quoted(value, limit)
    assert words.isprintable()
    assert len(words) <= limit
    assert not words.endswith(".")


@given(st.text(), st.integers(-1, 40))
def test_a_shortened_text_fits_and_begins_as_the_whole(value, limit):
    short = shorten(value, limit)
    assert len(short) <= max(limit, 0)
    assert value.startswith(short.removesuffix("…"))
    if len(value) <= limit:
        assert short == value


def test_a_text_is_cut_at_a_words_end():
    assert shorten("The index remembers, and forgets", 22) == "The index remembers…"


# ── Real days ─────────────────────────────────────────────────────────────────────────────────────


def of_feeds(path: Path) -> Iterator[tuple[str, str, str]]:
    """Titles, authors and abstracts of one captured day of feeds."""
    for feed in json.loads(gzip.decompress(path.read_bytes())).values():
        for entry in feed["entries"]:
            yield entry["title"], entry.get("author", ""), entry.get("summary", "")


def of_corpus(path: Path) -> Iterator[tuple[str, str, str]]:
    """Titles, authors and abstracts of one day of the corpus."""
    for line in gzip.decompress(path.read_bytes()).splitlines():
        entry = json.loads(line)
        yield entry["title"], ", ".join(entry["authors"]), entry["summary"]


def days(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.gz"))
    if not found:
        pytest.skip("the captured days of arXiv are not beside the project")
    return found


def residue(shown: list[str]) -> float:
    """The share that still shows a backslash or a dollar that is no money."""
    marks = re.compile(r"\\|\$(?![\d.])")
    return sum(1 for text in shown if marks.search(text)) / len(shown)


def check(entries: list[tuple[str, str, str]]) -> None:
    titles, authors, abstracts = (list(texts) for texts in zip(*entries, strict=True))
    started = time.process_time()
    shown = [readable(title) for title in titles]
    elapsed = time.process_time() - started
    assert residue(shown) <= 0.01
    assert residue([readable(names) for names in authors]) == 0
    assert residue([readable(abstract) for abstract in abstracts]) <= 0.02
    assert len(titles) / elapsed >= 5_000
    for text in (*titles[:300], *abstracts[:300]):
        assert not re.search(r"[<&](?:p|b|amp|lt);?[>;]", plain(text))


def test_a_captured_day_of_feeds_reads_well():
    check(list(of_feeds(days(DAILY_FEEDS)[0])))


def test_a_captured_day_of_the_corpus_reads_well():
    check(list(of_corpus(days(DAILY_CORPUS)[0])))


@pytest.mark.long
def test_all_captured_days_read_well():
    check([entry for path in days(DAILY_FEEDS) for entry in of_feeds(path)])
    check([entry for path in days(DAILY_CORPUS) for entry in of_corpus(path)])


def test_half_a_character_in_odd_markup_is_shown_as_one_that_is_missing():
    shown = plain("r<emains unclear <b class=x>whether\ud800</b> it is")
    assert shown == "r<emains unclear whether\ufffd it is"
