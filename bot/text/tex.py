r"""Turns the TeX of titles, authors and abstracts into Unicode: `Andr\'e` → `André`.

One reader goes from left to right. Whatever has no readable form in one line raises inside and
stays exactly as written: a formula with its dollars, an unknown command with its arguments.
"""

from __future__ import annotations

import re
import unicodedata

from bot.text.symbols import (
    ABBREVIATIONS,
    ACCENTS,
    ALPHABETS,
    DOUBLE_STRUCK,
    DRESSING,
    ESCAPED,
    LETTERS,
    MACROS,
    MATH_ACCENTS,
    OPERATORS,
    SECOND_ARGUMENT,
    SUBSCRIPT,
    SUPERSCRIPT,
    SYMBOLS,
    VANISHING,
)

# Text without any of these is no TeX. To look for them one by one takes a tenth of what a pattern does.
_MARKS = ("\\", "$", "~", "{", "}", "``", "''", "--")
# In prose, all but these is text; an address is no TeX whatever it holds.
_SPECIAL = re.compile(r"https?://[^\s{}\\$]+|[\\${}~]|[\^_](?=\{)|-{2,}|``|''")
_COMMAND = re.compile(r"\\([A-Za-z]+|.)", re.DOTALL)
_FORMULA = re.compile(
    r"\$\$([^$]{1,400}?)(?<!\\)\$\$|\$([^$]{1,400}?)(?<!\\)\$"
    r"|\\\((.{1,400}?)\\\)|\\\[(.{1,400}?)\\\]",
    re.DOTALL,
)
_SPACES = re.compile(r"\s+")
_BARE_WORDS = re.compile(r"(?:[^\W_]|[\s.:,/&+-])*[A-Za-z]{2}(?:[^\W_]|[\s.:,/&+-])*")
# Braces that somebody meant to be seen: a set, a pattern, a piece of JSON.
_LISTED = re.compile(r"[^\s,],|[\"=|*]|:(?!//)")
_SENTENCE = re.compile(r"(?<![\\A-Za-z])[a-z]{2,}(?: [a-z]{2,}){2}\b")
_WORDED = re.compile(r"\\[A-Za-z]+\s*\{[^{}]*\}")
_TWO_WORDS = re.compile(r"[A-Za-z] +[A-Za-z]")
_CODE_POINT = re.compile(r"x?([0-9A-Fa-f]{2,6})")
_DEEPEST = 16  # nested commands and groups; nobody writes more, a hostile feed would


class _UnreadableError(Exception):
    """This stretch has no readable form; the caller leaves it as written."""


def readable(source: str) -> str:
    r"""Return TeX-laden text as Unicode: `Andr\'e` → `André`, `$\alpha^2$` → `α²`, `55\%` → `55%`.

    Formulas that have no readable form in one line stay exactly as written, dollars included.
    """
    if not _may_be_tex(source):
        return source
    return unicodedata.normalize("NFC", _Reader(source).leniently())


def _may_be_tex(source: str) -> bool:
    for mark in _MARKS:  # noqa: SIM110 - `any` over a generator takes three times as long
        if mark in source:
            return True
    return False


def _braces(source: str) -> dict[int, int]:
    r"""Return where each opening brace closes; `\{` is a character and no brace."""
    closing: dict[int, int] = {}
    waiting: list[int] = []
    for found in re.finditer(r"\\.|[{}]", source, re.DOTALL):
        if found.group() == "{":
            waiting.append(found.start())
        elif found.group() == "}" and waiting:
            closing[waiting.pop()] = found.start()
    return closing


def _is_prose(body: str, after: str) -> bool:
    """Tell `costs $5 and sells for $7`, and a stray dollar, from a formula."""
    if body.isspace() or _SENTENCE.search(_WORDED.sub("", body)):
        return True
    money = body[:1].isdigit() and (body[-1:].isspace() or after.isdigit())
    return money and not any(mark in body for mark in "\\^_")


def _tidy(formula: str) -> str:
    """Return a formula's text as prose has it: single spaces, none inside brackets."""
    line = _SPACES.sub(" ", formula)
    bare = line.replace("( ", "(").replace(" )", ")").strip()
    if not bare:
        return line
    return "–" if bare == "−" else bare


def _double_struck(letters: str) -> str:
    return "".join(
        DOUBLE_STRUCK.get(char) or (chr(0x1D538 + ord(char) - 65) if "A" <= char <= "Z" else char)
        for char in letters
    )


class _Reader:
    """Reads one stretch of TeX from left to right; raises _UnreadableError at what it can't say."""

    def __init__(self, source: str, *, math: bool = False, depth: int = 0) -> None:
        self.source = source
        self.math = math
        self.depth = depth
        self.at = 0
        self.end = len(source)
        self.closing = _braces(source)
        self.failed: set[int] = set()  # where reading again would fail again

    def leniently(self) -> str:
        """Read all of it, leaving what has no readable form as written."""
        out: list[str] = []
        while self.at < len(self.source):
            start = self.at
            try:
                out.append(self._next())
            except _UnreadableError:
                self.end, self.depth, self.math = len(self.source), 0, False
                self.at = self._past(start)
                out.append(self.source[start : self.at])
        return "".join(out)

    def _past(self, start: int) -> int:
        """Return the place behind a command and its arguments, or behind one character."""
        command = _COMMAND.match(self.source, start)
        at = command.end() if command else start + 1
        while command and self.source.startswith("{", at) and at in self.closing:
            at = self.closing[at] + 1
        return at

    def _until(self, end: int) -> str:
        """Read up to `end`, wholly or not at all."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _UnreadableError
        outer, self.end = self.end, end
        out: list[str] = []
        while self.at < end:
            out.append(self._next())
        self.end = outer
        self.depth -= 1
        return "".join(out)

    def _next(self) -> str:
        return self._next_in_formula() if self.math else self._next_in_prose()

    def _next_in_formula(self) -> str:
        char = self.source[self.at]
        if char == "\\":
            return self._command()
        if char == "{":
            return self._group()
        if char in "}$":
            raise _UnreadableError
        self.at += 1
        if char in "^_":
            return self._script(char)
        return {"~": " ", "-": "−", "'": "′"}.get(char, char)

    def _next_in_prose(self) -> str:
        found = _SPECIAL.search(self.source, self.at, self.end)
        stop = found.start() if found else self.end
        if found is None or stop > self.at:
            text, self.at = self.source[self.at : stop], stop
            return text
        mark = found.group()
        if mark == "$" or (mark == "\\" and self.source[stop + 1 : stop + 2] in ("(", "[")):
            return self._formula()
        if mark == "\\":
            return self._command()
        if mark == "{":
            return self._group_in_prose()
        if mark == "}":
            raise _UnreadableError
        self.at = found.end()
        return self._script(mark) if mark in ("^", "_") else self._typography(mark, stop)

    def _typography(self, mark: str, start: int) -> str:
        before = self.source[start - 1 : start] or " "
        after = self.source[self.at : self.at + 1] or " "
        opens = before.isspace() or before in "([{"
        if mark == "~":  # a tie between two words; else "about", a home page, or from to
            tie = not (opens or after.isspace() or before == "/")
            return " " if tie and not (before.isdigit() and after.isdigit()) else "~"
        if mark == "``" or (mark == "''" and opens and after.isalnum()):
            return "“"
        if mark == "''":
            return "”"
        if before in "`'\"":
            return mark  # an option of some command, quoted: '--help'
        return {"--": "–", "---": "—"}.get(mark, mark)

    def _formula(self) -> str:
        found = _FORMULA.match(self.source, self.at, self.end)
        if found is None:
            raise _UnreadableError
        display, inline, *others = found.groups()
        if inline is not None and _is_prose(inline, self.source[found.end() : found.end() + 1]):
            raise _UnreadableError  # the dollar alone stays; what follows is read for itself
        body = next(group for group in (display, inline, *others) if group is not None)
        self.at = found.end()
        reader = _Reader(body, math=True, depth=self.depth)
        try:
            return _tidy(reader._until(len(body)))
        except _UnreadableError:
            return found.group()

    def _group(self) -> str:
        """Read a group; the position is at its opening brace."""
        start, end = self.at, self.closing.get(self.at)
        if end is None or end >= self.end or start in self.failed:
            raise _UnreadableError
        self.at += 1
        try:
            inner = self._until(end)
        except _UnreadableError:
            self.failed.add(start)
            raise
        self.at = end + 1
        return inner

    def _group_in_prose(self) -> str:
        start = self.at
        inner = self._group()
        written = self.source[start + 1 : self.at - 1]
        listed = "\\" not in written and (not written or _LISTED.search(written))
        return f"{{{inner}}}" if listed else inner

    def _argument(self, *, math: bool | None = None) -> str:
        while self.at < self.end and self.source[self.at] == " ":
            self.at += 1
        if self.at >= self.end:
            raise _UnreadableError
        char = self.source[self.at]
        if char in "{\\":
            outer, self.math = self.math, self.math if math is None else math
            argument = self._group() if char == "{" else self._command()
            self.math = outer
            return argument
        if char in "}$^_":
            raise _UnreadableError
        self.at += 1
        return char

    def _verbatim(self) -> str:
        """Return an argument in braces as written; options in brackets before it are skipped."""
        while self.source.startswith("[", self.at):
            bracket = self.source.find("]", self.at, self.end)
            if bracket < 0:
                raise _UnreadableError
            self.at = bracket + 1
        end = self.closing.get(self.at) if self.at < self.end else None
        if end is None:
            raise _UnreadableError
        written, self.at = self.source[self.at + 1 : end], end + 1
        return written

    def _script(self, mark: str) -> str:
        argument = self._argument().replace("−", "-").strip()
        if not argument:
            return ""
        tight = argument.replace(" ", "")
        table = SUPERSCRIPT if mark == "^" else SUBSCRIPT
        if all(ord(char) in table for char in tight) and not _TWO_WORDS.search(argument):
            return tight.translate(table)
        shown = argument.replace("-", "−")
        return f"{mark}{shown}" if shown.isalnum() or len(shown) == 1 else f"{mark}({shown})"

    def _command(self) -> str:
        start = self.at
        found = _COMMAND.match(self.source, start, self.end)
        self.depth += 1
        if found is None or self.depth > _DEEPEST or start in self.failed:
            raise _UnreadableError
        self.at = found.end()
        try:
            said = self._said(found.group(1), self._before(start))
        except _UnreadableError:
            self.failed.add(start)
            raise
        self.depth -= 1
        return said

    def _before(self, start: int) -> str:
        """Return the character before a command, as a reader will see it."""
        command = re.search(r"\\([A-Za-z]+)\s*$", self.source[max(0, start - 20) : start])
        return SYMBOLS.get(command.group(1), " ") if command else self.source[start - 1 : start]

    def _said(self, name: str, before: str) -> str:
        """Return what a command says; the position is behind its name."""
        if name in ACCENTS and (not name.isalpha() or self.source[self.at : self.at + 1] in "{ \\"):
            # Home pages are written with \~.
            return "~" if name == "~" and before == "/" else self._accented(name)
        if name in ESCAPED:
            return ESCAPED[name]
        if name in MATH_ACCENTS:
            return self._marked(MATH_ACCENTS[name])
        if name in OPERATORS and self.math:
            return self._operator(name, before)
        if name in ABBREVIATIONS:
            return ABBREVIATIONS[name]
        symbol = LETTERS.get(name) or SYMBOLS.get(name) or (MACROS.get(name) if self.math else None)
        if name == "sqrt":
            inner = self._argument()
            return f"√{inner}" if len(inner) == 1 else f"√({inner})"
        if symbol is not None:
            self._swallow_space()
            return symbol
        return self._styled(name)

    def _styled(self, name: str) -> str:
        if name in ("frac", "tfrac", "dfrac"):
            return f"{self._wrapped()}/{self._wrapped()}"
        if name in DRESSING:
            return self._dressed()
        if name in SECOND_ARGUMENT:
            self._verbatim()
            return self._argument()
        if name in VANISHING:
            self._swallow_space()
            if name in ("left", "right") and self.source.startswith(".", self.at):
                self.at += 1
            return ""
        if name in ALPHABETS:
            double = name in ("mathbb", "mathds")
            return _double_struck(self._argument()) if double else self._argument()
        return self._worded(name)

    def _worded(self, name: str) -> str:
        """Read the commands whose argument is no TeX."""
        if name == "not":
            return unicodedata.normalize("NFC", self._argument() + "\u0338")
        if name == "unicode":
            return _character(self._verbatim())
        if name == "url":
            return self._verbatim()
        if name == "color":
            self._verbatim()
            self._swallow_space()
            return ""
        if name in ("cite", "citep", "citet", "citealp"):
            return f"[{self._verbatim()}]"
        if name == "footnote":
            return f" ({self._argument(math=False)})"
        if name in ("textsuperscript", "textsubscript"):
            return self._script("^" if name == "textsuperscript" else "_")
        raise _UnreadableError

    def _dressed(self) -> str:
        r"""Read the argument of `\textbf` and the like; words in it are prose, hyphens and all."""
        end = self.closing.get(self.at)
        if end is not None and _BARE_WORDS.fullmatch(self.source, self.at + 1, end):
            return self._verbatim()
        return self._argument()

    def _operator(self, name: str, before: str) -> str:
        r"""`n\log n` is `n log n`: a name stands apart from what it applies to."""
        self._swallow_space()
        after = self.source[self.at : min(self.at + 2, self.end)]
        apart = after[:1].isalnum() or after[:1] == "{" or re.match(r"\\[A-Za-z]", after)
        follows = before.isalnum() or before in (")", "}")
        return f"{' ' if follows else ''}{name}{' ' if apart else ''}"

    def _wrapped(self) -> str:
        argument = self._argument()
        return argument if argument.isalnum() else f"({argument})"

    def _accented(self, name: str) -> str:
        if self.source.startswith("{}", self.at) and name in "~^":
            self.at += 2
            return name
        return self._marked(ACCENTS[name])

    def _marked(self, mark: str) -> str:
        base = self._argument()
        base = {"ı": "i", "ȷ": "j"}.get(base, base)
        return unicodedata.normalize("NFC", base[0] + mark) + base[1:] if base else ""

    def _swallow_space(self) -> None:
        """TeX ends a command's name at a space; `{}` after it is the same, said loudly."""
        if self.source.startswith("{}", self.at):
            self.at += 2
        elif not self.math and self.source[self.at : self.at + 1] == " ":
            follows = self.source[self.at + 1 : self.at + 2]
            if follows and not follows.isspace():
                self.at += 1


def _character(code: str) -> str:
    """Return the character of `x2014`; one that cannot be seen is none."""
    found = _CODE_POINT.fullmatch(code)
    number = int(found.group(1), 16) if found else -1
    if not 0 <= number <= 0x10FFFF or not chr(number).isprintable():  # noqa: PLR2004 - Unicode's end
        raise _UnreadableError
    return chr(number)
