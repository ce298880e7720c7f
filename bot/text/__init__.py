r"""Text from outside made safe and readable: HTML to plain text, TeX to Unicode, controls removed.

Three layers, used at three places. `plain` cleans HTML once, where a document is parsed. `readable`
turns the TeX that titles and abstracts carry (`Andr\'e`, `$\mathcal{O}(n^2)$`, `55\%`) into Unicode
where people read it; what it cannot turn into readable text wholly, it leaves as written. `inert`
removes what could steer a terminal or reorder a line.
"""

from __future__ import annotations

import codecs
import html
import re

import nh3

from bot.text.lines import columns, wrapped
from bot.text.tex import readable

__all__ = ["columns", "inert", "one_line", "plain", "quoted", "readable", "shorten", "wrapped"]

# C0 and C1 controls (tab and newline are white space, handled by callers), and the marks that
# reorder or hide text on a line (CVE-2021-42574); a soft hyphen makes two words of one.
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
_PRINTABLE = bytes(range(0x20, 0x7F))
_SHORT = 40  # characters; below, what is saved on each is lost on the call
_SURROGATES = re.compile(r"[\ud800-\udfff\ufffe\uffff]")


def inert(value: str) -> str:
    """Return the text without control characters, reordering marks and lone surrogates."""
    # None of them is printable; most text is, and that costs a tenth of a search.
    if _is_printable(value) or ("\n" in value and value.replace("\n", " ").isprintable()):
        return value
    return _SURROGATES.sub(
        "\ufffd", _CONTROLS.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))
    )


def one_line(value: str) -> str:
    """Return the text on one line: controls gone, runs of white space (newlines too) one space."""
    if _is_tidy(value):
        return value
    return " ".join(inert(value.replace("\r", "\n")).split())


def _is_tidy(value: str) -> bool:
    """Tell whether a text is one line with single spaces already: most are."""
    # Of all white space only the space is printable. What is compared with itself is not looked at.
    printable = value.isprintable() if len(value) <= _SHORT else _is_printable(value)
    return printable and "  " not in value and value == value.strip()


def _is_printable(value: str) -> bool:
    """Return `value.isprintable()`, which asks Unicode's tables about each letter, at less cost."""
    if len(value) > _SHORT and value.isascii():
        return not value.encode().translate(None, _PRINTABLE)
    return value.isprintable()


def shorten(value: str, limit: int) -> str:
    """Return at most `limit` characters, cut at a word's end and marked with an ellipsis.

    Nothing fits where the limit is below 1.
    """
    if len(value) <= max(limit, 0):
        return value
    if limit < 1:
        return ""
    cut = value[: limit - 1]
    space = cut.rfind(" ")
    if space > limit // 2:
        cut = cut[:space]
    return cut.rstrip(" ,;:.") + "…"


def quoted(said: str, limit: int = 300) -> str:
    """Return another's words as part of a sentence of ours: one line, without its full stop.

    What no terminal can show (unassigned, private use) becomes U+FFFD: an answer in the wrong
    encoding is full of it.
    """
    words = shorten(one_line(said), limit).rstrip(".")
    if words.isprintable():
        return words
    return "".join(char if char.isprintable() else "\ufffd" for char in words)


# What a server quotes: `<ada@example.org>:`, `rfc822;ada@example.org`, `"ada b"@example.org`.
_ADDRESS = re.compile(
    r"""(?:"[^"@]{1,64}"|[^\s<>()\[\],;:"'@]{1,254})@[^\s<>()\[\],;:"'@]{1,254}"""
)


def nameless(value: str) -> str:
    """Return the text with `…` for each mail address: for what is logged, or outlives its reader."""
    return _ADDRESS.sub("…", value) if "@" in value else value


def decoded(content: bytes, charset: str | None) -> str:
    """Return the bytes of a mail as text; in a charset that no mail has they are read as UTF-8."""
    try:
        return content.decode(charset if charset and is_charset(charset) else "utf-8", "replace")
    except (LookupError, ValueError):
        return content.decode("utf-8", "replace")


def is_charset(name: str) -> bool:
    """Whether mail can be in a charset of this name, and we can read it."""
    try:
        return codecs.lookup(name).name not in _NO_CHARSETS
    except (LookupError, ValueError):
        return False


# Python knows them by name too. Punycode takes quadratic time: 120 kB took 1.6 s of CPU.
_NO_CHARSETS = frozenset({"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined"})


# ── HTML ──────────────────────────────────────────────────────────────────────────────────────────

# A `<` that opens one of these is markup; any other is a "less than" of somebody's formula
# (`$D<n$`), which an HTML parser would swallow with all that follows.
_TAG_NAMES = frozenset(
    [
        "a",
        "abbr",
        "address",
        "applet",
        "article",
        "aside",
        "audio",
        "b",
        "base",
        "big",
        "blockquote",
        "body",
        "br",
        "button",
        "canvas",
        "caption",
        "center",
        "cite",
        "code",
        "col",
        "colgroup",
        "dd",
        "del",
        "details",
        "dfn",
        "div",
        "dl",
        "dt",
        "em",
        "embed",
        "fieldset",
        "figcaption",
        "figure",
        "font",
        "footer",
        "form",
        "frame",
        "frameset",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "head",
        "header",
        "hr",
        "html",
        "i",
        "iframe",
        "img",
        "input",
        "ins",
        "kbd",
        "label",
        "legend",
        "li",
        "link",
        "main",
        "map",
        "mark",
        "marquee",
        "math",
        "meta",
        "nav",
        "noscript",
        "object",
        "ol",
        "optgroup",
        "option",
        "p",
        "param",
        "picture",
        "pre",
        "q",
        "rp",
        "rt",
        "ruby",
        "s",
        "samp",
        "script",
        "section",
        "select",
        "small",
        "source",
        "span",
        "strike",
        "strong",
        "style",
        "sub",
        "summary",
        "sup",
        "svg",
        "table",
        "tbody",
        "td",
        "template",
        "textarea",
        "tfoot",
        "th",
        "thead",
        "time",
        "title",
        "tr",
        "track",
        "tt",
        "u",
        "ul",
        "var",
        "video",
        "wbr",
        "mi",
        "mn",
        "mo",
        "mrow",
        "msub",
        "msup",
        "mfrac",
        "mtext",
        "semantics",
        "annotation",
        "xml",
        "sec",
        "italic",
        "bold",
        "underline",
        "sc",
        "monospace",
        "list",
        "list-item",
        "disp-formula",
        "inline-formula",
        "xref",
    ]
)
_OPENING = re.compile(
    r"<(?=(/?)([A-Za-z][A-Za-z0-9]*(?:-[a-z]+)?)(?::([A-Za-z-]+))?[\s/>])|<!--|<!\[CDATA\[|<"
)
# `a<b and c>d` is no bold text: a name of one letter is markup only where a tag is well formed.
_SHORT_TAG = re.compile(
    r"""</?(?:[A-Za-z-]+:)?[A-Za-z](?:\s+[\w:-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>]+))*\s*/?>"""
)
_BLOCK_END = re.compile(
    r"<(?:br|hr|/p|/div|/li|/h[1-6]|/tr|/blockquote|/section|/jats:p|/jats:title|/title)\b[^<>]*>",
    re.IGNORECASE,
)
_LONGEST_FRAGMENT = 400_000  # characters; what people read of it is a twentieth
_MOST_TAGS = 5_000
_AMPERSAND = "\ufdd0"  # no character, and never will be: it stands in for `&` at the parser's
_DROPPED = {"script", "style", "svg", "template"}  # with what stands in them
_JATS = re.compile(r"(</?)jats:", re.IGNORECASE)
# Markup that says nothing but where a paragraph ends: an HTML parser would find the same text.
_NOT_SIMPLE = re.compile(
    r"<(?!/?(?:p|i|b|em|strong|sub|sup|jats:p|jats:italic|jats:sub|jats:sup)>)"
)
_SIMPLE = re.compile(r"<(?:(/(?:jats:)?p)|[^>]*)>")


def _shield(match: re.Match[str]) -> str:
    """Keep a `<` that opens known markup, escape every other one."""
    if match.group(0) != "<":
        return match.group(0)
    name = (match.group(3) or match.group(2) or "").lower()
    if len(name) == 1 and not _SHORT_TAG.match(match.string, match.start()):
        return "&lt;"
    return "<" if name in _TAG_NAMES else "&lt;"


def plain(fragment: str) -> str:
    """Return an HTML or JATS fragment as plain text: paragraphs kept, every tag and script gone.

    At most 400,000 characters of it are read.
    """
    fragment = fragment[:_LONGEST_FRAGMENT].replace(_AMPERSAND, "")
    if "<" not in fragment and "&" not in fragment:
        return fragment if "\n" not in fragment and _is_tidy(fragment) else _paragraphs(fragment)
    bare = fragment.replace("</p>", "\n\n").replace("<p>", "")
    if "<" in bare or _has_controls(fragment):  # most have paragraphs, and nothing else
        if _is_simple(fragment):
            bare = _SIMPLE.sub(lambda found: "\n\n" if found.group(1) else "", fragment)
        else:
            bare = _bare(fragment)
    return _paragraphs(html.unescape(bare) if "&" in bare else bare)


def _is_simple(fragment: str) -> bool:
    """Tell whether a fragment has no markup but a few tags without attributes.

    Nor may it have one of the three controls that an HTML parser makes something else of.
    """
    return not (_has_controls(fragment) or _NOT_SIMPLE.search(fragment))


def _has_controls(fragment: str) -> bool:
    return "\r" in fragment or "\0" in fragment or "\f" in fragment


def _bare(fragment: str) -> str:
    """Return any fragment less its tags and scripts, still with character references."""
    # JSON may spell half a character (\ud800), which nh3 cannot be handed.
    marked = _OPENING.sub(_shield, _SURROGATES.sub("\ufffd", fragment))
    # Nesting costs an HTML parser the square of its depth; no abstract has so many tags.
    marked = "<".join(marked.split("<", _MOST_TAGS + 1)[: _MOST_TAGS + 1])
    marked = _BLOCK_END.sub(lambda match: match.group(0) + "\n\n", _JATS.sub(r"\1", marked))
    # References too cost it the square of their number, and it need not see them to drop tags.
    bare = nh3.clean(marked.replace("&", _AMPERSAND), tags=set(), clean_content_tags=_DROPPED)
    return bare.replace(_AMPERSAND, "&")


def _paragraphs(value: str) -> str:
    """Return the text inert, with single spaces; a blank line, and nothing else, parts paragraphs."""
    if "\r" in value:
        value = inert(value)  # where it makes lines of them
    parts: list[list[str]] = [[]]
    for line in value.split("\n"):
        if bare := line if _is_tidy(line) else " ".join(inert(line).split()):
            parts[-1].append(bare)
        elif parts[-1]:
            parts.append([])
    return "\n\n".join([" ".join(lines) for lines in parts if lines])
