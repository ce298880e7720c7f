r"""Text from outside made safe and readable: HTML to plain text, TeX to Unicode, controls removed.

Three layers, used at three places. `plain` cleans HTML once, where a document is parsed. `readable`
turns the TeX that titles and abstracts carry (`Andr\'e`, `$\mathcal{O}(n^2)$`, `55\%`) into Unicode
where people read it; what it cannot turn into readable text wholly, it leaves as written. `inert`
removes what could steer a terminal or reorder a line.
"""

from __future__ import annotations

import html
import re
import unicodedata

import nh3

# C0 and C1 controls (tab and newline are white space, handled by callers), and the marks that
# reorder or hide text on a line (CVE-2021-42574).
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
_SURROGATES = re.compile(r"[\ud800-\udfff\ufffe\uffff]")
_SPACES = re.compile(r"\s+")


def inert(value: str) -> str:
    """Return the text without control characters, reordering marks and lone surrogates."""
    return _SURROGATES.sub(
        "\ufffd", _CONTROLS.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))
    )


def one_line(value: str) -> str:
    """Return the text on one line: controls gone, runs of white space (newlines too) one space."""
    return _SPACES.sub(" ", inert(value.replace("\r", "\n"))).strip()


def shorten(value: str, limit: int) -> str:
    """Return at most `limit` characters, cut at a word's end and marked with an ellipsis."""
    if len(value) <= limit:
        return value
    cut = value[: limit - 1]
    space = cut.rfind(" ")
    if space > limit // 2:
        cut = cut[:space]
    return cut.rstrip(" ,;:.") + "…"


# ── HTML ──────────────────────────────────────────────────────────────────────────────────────────

# A `<` that opens one of these is markup; any other is a "less than" of somebody's formula
# (`$D<n$`), which an HTML parser would swallow with all that follows.
_TAG_NAMES = frozenset(
    "a abbr address article aside audio b base big blockquote body br button canvas caption "
    "center cite code col colgroup dd del details dfn div dl dt em embed fieldset figcaption "
    "figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hr html i iframe img "
    "input ins kbd label legend li link main map mark marquee math meta nav noscript object ol "
    "optgroup option p param picture pre q rp rt ruby s samp script section select small source "
    "span strike strong style sub summary sup svg table tbody td template textarea tfoot th "
    "thead time title tr track tt u ul var video wbr mi mn mo mrow msub msup mfrac mtext "
    "semantics annotation xml sec italic bold underline sc monospace list list-item disp-formula "
    " inline-formula xref".split()
)
_OPENING = re.compile(
    r"<(?=(/?)([A-Za-z][A-Za-z0-9]*(?:-[a-z]+)?)(?::([A-Za-z-]+))?[\s/>])|<!--|<!\[CDATA\[|<"
)
_BLOCK_END = re.compile(
    r"<(?:br|hr|/p|/div|/li|/h[1-6]|/tr|/blockquote|/section|/jats:p|/jats:title|/title)\b[^>]*>",
    re.IGNORECASE,
)
_JATS = re.compile(r"(</?)jats:", re.IGNORECASE)
_PARAGRAPHS = re.compile(r"\s*\n\s*\n\s*")


def _shield(match: re.Match[str]) -> str:
    """Keep a `<` that opens known markup, escape every other one."""
    if match.group(0) != "<":
        return match.group(0)
    name = (match.group(3) or match.group(2) or "").lower()
    return "<" if name in _TAG_NAMES else "&lt;"


def plain(fragment: str) -> str:
    """Return an HTML or JATS fragment as plain text: paragraphs kept, every tag and script gone."""
    if "<" not in fragment and "&" not in fragment:
        return _paragraphs(inert(fragment))
    marked = _OPENING.sub(_shield, fragment)
    marked = _BLOCK_END.sub(lambda match: match.group(0) + "\n\n", _JATS.sub(r"\1", marked))
    bare = nh3.clean(marked, tags=set(), clean_content_tags={"script", "style", "svg", "template"})
    return _paragraphs(inert(html.unescape(bare)))


def _paragraphs(value: str) -> str:
    parts = (_SPACES.sub(" ", part).strip() for part in _PARAGRAPHS.split(value))
    return "\n\n".join(part for part in parts if part)


# ── TeX ───────────────────────────────────────────────────────────────────────────────────────────

_ACCENTS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", '"': "\u0308", "=": "\u0304",
    ".": "\u0307", "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "k": "\u0328",
    "r": "\u030a", "d": "\u0323", "b": "\u0331", "t": "\u0361",
}  # fmt: skip
_MATH_ACCENTS = {
    "hat": "\u0302", "widehat": "\u0302", "tilde": "\u0303", "widetilde": "\u0303", "bar": "\u0304",
    "overline": "\u0304", "dot": "\u0307", "ddot": "\u0308", "vec": "\u20d7", "check": "\u030c",
    "acute": "\u0301", "grave": "\u0300", "breve": "\u0306", "mathring": "\u030a",
}  # fmt: skip
_LETTERS = {
    "ss": "ß", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ",
    "aa": "å", "AA": "Å", "i": "ı", "j": "ȷ", "dh": "ð", "DH": "Ð", "th": "þ", "TH": "Þ", "dj": "đ",
    "DJ": "Đ", "ng": "ŋ", "NG": "Ŋ",
}  # fmt: skip
_SYMBOLS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "varepsilon": "ε",
    "zeta": "ζ", "eta": "η", "theta": "θ", "vartheta": "ϑ", "iota": "ι", "kappa": "κ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "omicron": "ο", "pi": "π", "varpi": "ϖ",
    "rho": "ρ", "varrho": "ϱ", "sigma": "σ", "varsigma": "ς", "tau": "τ", "upsilon": "υ",
    "phi": "ϕ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ",
    "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ",
    "Psi": "Ψ", "Omega": "Ω", "times": "×", "cdot": "·", "cdots": "⋯", "ldots": "…", "dots": "…",
    "dotsc": "…", "dotsb": "⋯", "vdots": "⋮", "pm": "±", "mp": "∓", "div": "÷", "ast": "∗",
    "star": "⋆", "circ": "∘", "bullet": "•", "leq": "≤", "le": "≤", "leqslant": "≤", "geq": "≥",
    "ge": "≥", "geqslant": "≥", "neq": "≠", "ne": "≠", "approx": "≈", "sim": "∼", "simeq": "≃",
    "cong": "≅", "equiv": "≡", "propto": "∝", "ll": "≪", "gg": "≫", "lesssim": "≲", "gtrsim": "≳",
    "to": "→", "rightarrow": "→", "leftarrow": "←", "leftrightarrow": "↔", "Rightarrow": "⇒",
    "Leftarrow": "⇐", "Leftrightarrow": "⇔", "iff": "⇔", "implies": "⇒", "mapsto": "↦",
    "longrightarrow": "⟶", "hookrightarrow": "↪", "uparrow": "↑", "downarrow": "↓",
    "infty": "∞", "partial": "∂", "nabla": "∇", "sum": "∑", "prod": "∏", "int": "∫", "oint": "∮",
    "forall": "∀", "exists": "∃", "in": "∈", "notin": "∉", "ni": "∋", "subset": "⊂",
    "subseteq": "⊆", "supset": "⊃", "supseteq": "⊇", "cup": "∪", "cap": "∩", "setminus": "∖",
    "emptyset": "∅", "varnothing": "∅", "wedge": "∧", "vee": "∨", "neg": "¬", "lnot": "¬",
    "oplus": "⊕", "otimes": "⊗", "odot": "⊙", "dagger": "†", "ddagger": "‡", "prime": "′",
    "ell": "ℓ", "hbar": "ℏ", "Re": "ℜ", "Im": "ℑ", "aleph": "ℵ", "wp": "℘", "angle": "∠",
    "perp": "⊥", "bot": "⊥", "top": "⊤", "parallel": "∥", "mid": "∣", "vert": "|", "Vert": "‖",
    "lvert": "|", "rvert": "|", "lVert": "‖", "rVert": "‖", "langle": "⟨", "rangle": "⟩",
    "lceil": "⌈", "rceil": "⌉", "lfloor": "⌊", "rfloor": "⌋", "lbrace": "{", "rbrace": "}",
    "deg": "°", "degree": "°", "S": "§", "P": "¶", "copyright": "©", "pounds": "£", "euro": "€",
    "textendash": "–", "textemdash": "—", "textquoteright": "’", "textquoteleft": "‘",
    "textquotedblleft": "“", "textquotedblright": "”", "textasciitilde": "~", "textbackslash": "\\",
    "textasciicircum": "^", "textless": "<", "textgreater": ">", "textbar": "|", "slash": "/",
    "quad": " ", "qquad": " ", "colon": ":", "backslash": "\\", "square": "□", "Box": "□",
    "checkmark": "✓", "lbrack": "[", "rbrack": "]", "lt": "<", "gt": ">", "sqrt": "√",
    "triangle": "△", "diamond": "⋄", "models": "⊨", "vdash": "⊢", "ltimes": "⋉", "rtimes": "⋊",
    "bigcup": "⋃", "bigcap": "⋂", "bigoplus": "⨁", "bigotimes": "⨂", "sqcup": "⊔", "sqcap": "⊓",
    "log": "log", "ln": "ln", "exp": "exp", "sin": "sin", "cos": "cos", "tan": "tan", "max": "max",
    "min": "min", "sup": "sup", "inf": "inf", "lim": "lim", "arg": "arg", "det": "det", "dim": "dim",
    "ker": "ker", "gcd": "gcd", "Pr": "Pr", "argmax": "argmax", "argmin": "argmin",
    "tanh": "tanh", "sinh": "sinh", "cosh": "cosh", "TeX": "TeX", "LaTeX": "LaTeX",
}  # fmt: skip
# Commands that only dress their argument: the argument stays.
_DRESSING = frozenset(
    "text textbf textit emph textrm textsf texttt textsc textsl textup textnormal mathrm mathbf "
    "mathit mathsf mathtt mathnormal boldsymbol bm mathop operatorname mbox hbox underline "
    "uline ensuremath pmb rm bf it sf tt sc em boldmath mathord mathbin mathrel url href "
    "textcolor".split()
)
_VANISHING = frozenset(
    "left right big Big bigg Bigg bigl bigr Bigl Bigr displaystyle textstyle scriptstyle limits "
    "nolimits protect noindent xspace normalsize small large bfseries itshape mathstrut".split()
)
_ESCAPED = dict(zip("%&$#_{}", "%&$#_{}", strict=True)) | {
    ",": " ", ";": " ", ":": " ", "!": "", " ": " ", "/": "", "-": "", "|": "‖", "\\": " ", "@": "",
    "(": "", ")": "", "[": "", "]": "",
}  # fmt: skip
_SUPERSCRIPT = str.maketrans(
    "0123456789+-=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWαβγδεθ∗*′∘⊤",
    "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵅᵝᵞᵟᵋᶿ**′°ᵀ",
)
_SUBSCRIPT = str.maketrans(
    "0123456789+-=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ"
)
_ALPHABETS = frozenset({"mathbb", "mathcal", "mathscr", "mathfrak"})
_DOUBLE_STRUCK = dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True))
_COMMAND = re.compile(r"\\([A-Za-z]+|.)", re.DOTALL)
_MATH = re.compile(r"(?<!\\)\$\$?([^$]{1,400}?)(?<!\\)\$\$?|\\\((.{1,400}?)\\\)", re.DOTALL)
_NEEDS_TEX = re.compile(r"[\\$~]|``|''|--|[{}]|[\^_]\{")


class _UnreadableError(Exception):
    """This stretch has no readable form; the caller leaves it as written."""


def readable(source: str) -> str:
    r"""Return TeX-laden text as Unicode: `Andr\'e` → `André`, `$\alpha^2$` → `α²`, `55\%` → `55%`.

    Formulas that have no readable form in one line stay exactly as written, dollars included.
    """
    if not _NEEDS_TEX.search(source):
        return source
    pieces: list[str] = []
    at = 0
    for formula in _MATH.finditer(source):
        pieces.append(_readable_prose(source[at : formula.start()]))
        pieces.append(_readable_formula(formula))
        at = formula.end()
    pieces.append(_readable_prose(source[at:]))
    return unicodedata.normalize("NFC", "".join(pieces))


def _readable_formula(formula: re.Match[str]) -> str:
    body = formula.group(1) if formula.group(1) is not None else formula.group(2)
    if _is_money(formula):
        return formula.group(0)
    try:
        return _SPACES.sub(" ", _Reader(body, math=True).read()).strip()
    except _UnreadableError:
        return formula.group(0)


def _is_money(formula: re.Match[str]) -> bool:
    """Tell `costs $5 and sells for $7` from a formula: TeX wants no space inside its dollars."""
    body = formula.group(1)
    if body is None or formula.group(0).startswith("$$"):
        return False
    after = formula.string[formula.end() : formula.end() + 1]
    return (body[-1:].isspace() and body[:1].isdigit()) or (body[:1].isdigit() and after.isdigit())


def _readable_prose(prose: str) -> str:
    if not _NEEDS_TEX.search(prose):
        return prose
    try:
        return _Reader(prose, math=False).read()
    except _UnreadableError:
        # One unknown command must not keep the accents beside it from being read: word by word.
        words = re.split(r"(\s+)", prose)
        return "".join(_readable_word(word) for word in words)


def _readable_word(word: str) -> str:
    try:
        return _Reader(word, math=False).read()
    except _UnreadableError:
        return word


class _Reader:
    """Reads one stretch of TeX from left to right; raises _UnreadableError at what it can't say."""

    def __init__(self, source: str, *, math: bool) -> None:
        self.source = source
        self.math = math
        self.at = 0

    def read(self) -> str:
        out: list[str] = []
        while self.at < len(self.source):
            out.append(self._next())
        return "".join(out)

    def _next(self) -> str:
        char = self.source[self.at]
        if char == "\\":
            return self._command()
        self.at += 1
        if char == "{":
            return self._group()
        if char == "}":
            raise _UnreadableError
        if char in "^_" and self.math:
            return self._script(char)
        if char in "^_" and self.source[self.at : self.at + 1] == "{":
            return self._script(char)
        if char == "~":
            return " "
        if not self.math:
            return self._ligature(char)
        return "−" if char == "-" else "′" if char == "'" else char

    def _ligature(self, char: str) -> str:
        rest = self.source[self.at :]
        for written, shown in (("---", "—"), ("--", "–"), ("``", "“"), ("''", "”")):
            if (char + rest[: len(written) - 1]) == written:
                self.at += len(written) - 1
                return shown
        return char

    def _group(self) -> str:
        """Read to the matching brace; the position is behind the opening one."""
        depth, start = 1, self.at
        while self.at < len(self.source):
            char = self.source[self.at]
            if char == "\\":
                self.at += 1
            elif char == "{":
                depth += 1
            elif char == "}":
                depth -= 1
                if depth == 0:
                    inner = self.source[start : self.at]
                    self.at += 1
                    return _Reader(inner, math=self.math).read()
            self.at += 1
        raise _UnreadableError

    def _argument(self) -> str:
        while self.source[self.at : self.at + 1] == " ":
            self.at += 1
        if self.at >= len(self.source):
            raise _UnreadableError
        if self.source[self.at] == "{":
            self.at += 1
            return self._group()
        if self.source[self.at] == "\\":
            return self._command()
        self.at += 1
        return self.source[self.at - 1]

    def _script(self, mark: str) -> str:
        argument = self._argument().replace("−", "-").replace(" ", "")
        table = _SUPERSCRIPT if mark == "^" else _SUBSCRIPT
        if argument and all(ord(char) in table for char in argument):
            return argument.translate(table)
        if not argument:
            return ""
        if mark == "_" and argument.isalnum():
            return f"_{argument}"
        if argument.isalnum() or len(argument) == 1:
            return f"{mark}{argument}"
        return f"{mark}({argument})"

    def _command(self) -> str:
        match = _COMMAND.match(self.source, self.at)
        if match is None:
            raise _UnreadableError
        name = match.group(1)
        self.at = match.end()
        if name in _ACCENTS and (not name.isalpha() or self._accent_follows()):
            return self._accented(_ACCENTS[name])
        if name in _ESCAPED:
            return _ESCAPED[name]
        if name in _MATH_ACCENTS:
            return self._accented(_MATH_ACCENTS[name])
        word = _LETTERS.get(name) or _SYMBOLS.get(name)
        if name == "sqrt":
            inner = self._argument()
            return f"√{inner}" if len(inner) == 1 else f"√({inner})"
        if name in ("frac", "tfrac", "dfrac"):
            return f"{self._wrapped()}/{self._wrapped()}"
        if word is not None:
            self._swallow_space()
            return word
        return self._styled(name)

    def _styled(self, name: str) -> str:
        if name in _DRESSING:
            if self.source[self.at : self.at + 1] == "{" or self.math:
                if name in ("href", "textcolor"):
                    self._argument()
                return self._argument()
            self._swallow_space()
            return ""
        if name in _VANISHING:
            self._swallow_space()
            return ""
        if name in _ALPHABETS:
            return _double_struck(self._argument()) if name == "mathbb" else self._argument()
        if name == "not":
            return unicodedata.normalize("NFC", self._argument() + "\u0338")
        raise _UnreadableError

    def _wrapped(self) -> str:
        argument = self._argument()
        return argument if argument.isalnum() else f"({argument})"

    def _accent_follows(self) -> bool:
        r"""Tell `\c{c}` and `\v s`, which are accents; `\cite` was matched whole."""
        return self.source[self.at : self.at + 1] in ("{", " ", "\\")

    def _accented(self, mark: str) -> str:
        base = self._argument()
        base = {"ı": "i", "ȷ": "j"}.get(base, base)
        if not base:
            return ""
        return unicodedata.normalize("NFC", base[0] + mark) + base[1:]

    def _swallow_space(self) -> None:
        """TeX ends a command's name at a space; `{}` after it is the same, said loudly."""
        if self.source.startswith("{}", self.at):
            self.at += 2
        elif not self.math and self.source[self.at : self.at + 1] == " ":
            follows = self.source[self.at + 1 : self.at + 2]
            if follows and not follows.isspace():
                self.at += 1


def _double_struck(letters: str) -> str:
    return "".join(
        _DOUBLE_STRUCK.get(char) or (chr(0x1D538 + ord(char) - 65) if "A" <= char <= "Z" else char)
        for char in letters
    )
