"""What TeX's commands look like as Unicode: the tables that `tex` reads by."""

from __future__ import annotations

ACCENTS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", '"': "\u0308", "=": "\u0304",
    ".": "\u0307", "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "k": "\u0328",
    "r": "\u030a", "d": "\u0323", "b": "\u0331", "t": "\u0361",
}  # fmt: skip
MATH_ACCENTS = {
    "hat": "\u0302", "widehat": "\u0302", "tilde": "\u0303", "widetilde": "\u0303", "bar": "\u0304",
    "overline": "\u0304", "dot": "\u0307", "ddot": "\u0308", "vec": "\u20d7", "check": "\u030c",
    "acute": "\u0301", "grave": "\u0300", "breve": "\u0306", "mathring": "\u030a",
}  # fmt: skip
LETTERS = {
    "ss": "ß", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ",
    "aa": "å", "AA": "Å", "i": "ı", "j": "ȷ", "dh": "ð", "DH": "Ð", "th": "þ", "TH": "Þ", "dj": "đ",
    "DJ": "Đ", "ng": "ŋ", "NG": "Ŋ",
}  # fmt: skip
SYMBOLS = {
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
    "textregistered": "®", "circledR": "®", "texttrademark": "™", "texttimes": "×", "textmu": "µ",
    "textdegree": "°", "guillemotleft": "«", "guillemotright": "»", "land": "∧", "lor": "∨",
    "colonequals": "≔", "coloneqq": "≔", "sqsubseteq": "⊑", "succ": "≻", "prec": "≺",
    "succeq": "⪰", "preceq": "⪯", "asymp": "≍", "gets": "←", "longleftrightarrow": "⟷",
    "Longrightarrow": "⟹", "nearrow": "↗", "searrow": "↘", "varTheta": "Θ", "hslash": "ℏ",
    "bigwedge": "⋀", "bigvee": "⋁", "nmid": "∤", "surd": "√", "flat": "♭",
    "sharp": "♯", "natural": "♮", "heartsuit": "♡", "spadesuit": "♠", "blacksquare": "■",
    "Diamond": "◇", "lozenge": "◊", "triangleq": "≜", "gtrapprox": "⪆", "lessapprox": "⪅",
    "TeX": "TeX", "LaTeX": "LaTeX",
}  # fmt: skip
# Names that are set upright and stand apart from their neighbours.
OPERATORS = frozenset(
    "log ln exp sin cos tan tanh sinh cosh max min sup inf lim limsup liminf arg argmax argmin det "
    "dim ker gcd Pr mod bmod rank tr sgn sign diag span vol poly polylog".split()
)
# What authors define for themselves so often that everybody reads it; inside formulas only.
MACROS = {
    "R": "ℝ", "N": "ℕ", "Z": "ℤ", "Q": "ℚ", "C": "ℂ", "E": "𝔼", "eps": "ε",
}  # fmt: skip
# Nearly everybody's macros; the space after them is meant.
ABBREVIATIONS = {
    "ie": "i.e.", "eg": "e.g.", "etal": "et al.", "wrt": "w.r.t.", "iid": "i.i.d.", "etc": "etc.",
}  # fmt: skip
# Commands that only dress their argument: the argument stays.
DRESSING = frozenset(
    "text textbf textit emph textrm textsf texttt textsc textsl textup textnormal textmd mathrm "
    "mathbf mathit mathsf mathtt mathnormal boldsymbol bm mathop operatorname mbox hbox underline "
    "uline ul ensuremath pmb mathord mathbin mathrel".split()
)
# Of these the first argument is an address, a label or a colour, the second is read.
SECOND_ARGUMENT = frozenset({"href", "hyperlink", "textcolor"})
VANISHING = frozenset(
    "left right big Big bigg Bigg bigl bigr Bigl Bigr displaystyle textstyle scriptstyle limits "
    "nolimits protect noindent xspace normalsize small large bfseries itshape mathstrut rm bf it "
    "sf tt sc em cal boldmath".split()
)
ESCAPED = dict(zip("%&$#_{}", "%&$#_{}", strict=True)) | {
    ",": " ", ";": " ", ":": " ", "!": "", " ": " ", "/": "", "-": "", "|": "‖", "\\": " ", "@": "",
}  # fmt: skip
SUPERSCRIPT = str.maketrans(
    "0123456789+-=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWαβγδεθ∗*′∘⊤†‡⋆®™",
    "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵅᵝᵞᵟᵋᶿ**′°ᵀ†‡⋆®™",
)
SUBSCRIPT = str.maketrans(
    "0123456789+-=()aehijklmnoprstuvxβγρφχ.,", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ.,"
)
ALPHABETS = frozenset({"mathbb", "mathds", "mathcal", "mathscr", "mathfrak"})
DOUBLE_STRUCK = dict(zip("CHNPQRZ", "ℂℍℕℙℚℝℤ", strict=True))
