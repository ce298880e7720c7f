"""What in a sentence says that it tells what is new, and what that it does not."""

from __future__ import annotations

import math
import re
from functools import lru_cache

from bot.patterns import pattern

_PROPOSE = (
    "propose|introduce|present|develop|devise|put forward|design|describe|report|prove|establish|"
    "discover|construct|build|built|create"
)
_DO = (
    f"{_PROPOSE}|offer|provide|release|derive|show|find|found|demonstrate|identify|observe|reveal|obtain|"
    "characteri[sz]e|formulate|study|investigate|examine|explore|analy[sz]e|evaluate|compare|address|"
    "tackle|argue|give|gave|extend|apply|use|measure|estimate|survey|review|solve|conduct|perform|"
    "consider|revisit|detect|determine|implement|train|calculate|compute|quantify|test|assess|uncover|"
    "highlight|document|map|sequence|focus|aim|seek|sought|model"
)
_WORK = (
    "paper|work|article|study|letter|thesis|survey|review|report|chapter|note|manuscript|research|"
    "contribution|tutorial|project|talk|dissertation|position paper"
)
_THING = (
    "framework|method|approach|algorithm|model|architecture|dataset|benchmark|system|technique|"
    "paradigm|mechanism|metric|loss|strategy|pipeline|tool|library|theory"
)
_FRESH = "novel|new|first|simple|general|unified|efficient|scalable|lightweight|principled"
_ADVERB = r"(?:\w+ly |here |also |then |therefore |thus |hence |further |first |now |next )*"
_PAST = r"(?:e?d|n)?"
_THIRD = r"(?:e?s|e?d)"


def _either(*patterns: str) -> str:
    return "|".join(patterns)


proposes = pattern(
    _either(
        rf"\b(?:we|i) {_ADVERB}(?:{_PROPOSE}){_PAST}\b",
        rf"\b(?:this|the present) (?:{_WORK}) {_ADVERB}(?:{_PROPOSE}){_THIRD}\b",
    ),
    re.IGNORECASE,
)

_FIGURE = r"\d+(?:\.\d+)? ?(?:%|×|x\b|times\b|fold\b|-fold\b)"
has_figures = pattern(_FIGURE, re.IGNORECASE)
tells_a_result = pattern(
    _either(
        r"\b(?:outperform\w*|surpass\w*|exceed\w*|achiev\w+|improv\w+|reduc\w+|accuracy|speed-?ups?)\b",
        r"\b(?:results?|experiments?|findings?|find|found|show\w*|demonstrat\w+|reveal\w*|prove)\b",
        r"\bstate[- ]of[- ]the[- ]art\b",
        _FIGURE,
    ),
    re.IGNORECASE,
)

_FOR = (
    (1.6, rf"\b(?:we|i) {_ADVERB}(?:{_DO}){_PAST}\b", ("we ", "i ")),
    (1.2, rf"\bthis (?:{_WORK})\b", ("this ",)),
    (2.0, rf"\bthis (?:{_WORK}) {_ADVERB}(?:(?:{_DO}){_THIRD}|deals|dealt)\b", ("this ",)),
    (1.0, r"\b(?:the present|our) (?:paper|work|study|article|analysis)\b", ("the present ", "our ")),
    (2.0, _either(
        rf"\b(?:is|are|was|were) {_ADVERB}(?:proposed|introduced|presented|developed|described)\b",
        rf"\b(?:is|are|was|were) {_ADVERB}(?:derived|reported|proved|proven|established|studied)\b",
        rf"\b(?:is|are|was|were) {_ADVERB}(?:investigated|analy[sz]ed|discussed)\b",
    ), (
        "posed", "duced", "sented", "veloped", "scribed", "derived", "ported", "prove", "blished",
        "studied", "tigated", "lysed", "lyzed", "cussed",
    )),
    (1.0, rf"\ba (?:{_FRESH})\b.*\b(?:{_THING})\b", tuple(f"a {fresh}" for fresh in _FRESH.split("|"))),
    (0.8, _either(
        r"\b(?:the aim|our (?:aim|goal|objective|contribution|key idea|main result|key insight))\b",
        r"\bthe (?:main|key|central) (?:contribution|idea|result|insight)\b",
    ), ("the aim", "our ", "the main ", "the key ", "the central ")),
    (0.8, r"\bfor the first time\b|\bthe first\b", ("the first",)),
    (0.6, _either(
        r"\bour (?:method|approach|results?|findings?|framework|model|experiments?)\b",
        r"\bour (?:analys[ie]s|data|work|study|observations?)\b",
    ), ("our ",)),
    (0.5, r"\b(?:state[- ]of[- ]the[- ]art|outperform\w*|improv\w+|achiev\w+|surpass\w*|reduc\w+)\b",
     ("state", "outperform", "improv", "achiev", "surpass", "reduc")),
    (0.8, (
        r"\b(?:results|experiments|findings|simulations|observations|analysis|evidence) "
        r"(?:\w+ ){0,6}?(?:shows?|indicates?|demonstrates?|suggests?|reveals?|confirms?)\b"
    ), (
        "results ", "experiments ", "findings ", "simulations ", "observations ", "analysis ", "evidence ",
    )),
    # Abstracts in parts, as medical journals have them.
    (1.2, (
        r"^(?:results|findings|main results|principal findings|conclusions?(?: and relevance)?"
        r"|interpretation|significance)(?:: | [A-Z])"
    )),
    (0.8, _either(
        r"^(?:objectives?|aims?|purpose|goals?)(?:: | [A-Z])",
        r"^to (?:evaluate|assess|determine|examine|investigate|compare|estimate|describe) [^,]*\.$",
    )),
)  # fmt: skip

_AGAINST = (
    # Background and problems.
    (1.5, _either(
        r"^recent|\brecently\b|\bin recent years\b|\bover the (?:past|last)\b",
        r"\brecent (?:advances?|progress|works?|stud(?:y|ies)|years|developments?|breakthroughs?|research)\b",
        r"\b(?:has|have) (?:become|attracted|gained|emerged|been|shown|received|achieved|made)\b",
    ), ("recent", "over the ", "has ", "have ")),
    (1.2, (
        r"^(?:however|but|yet|despite|although|while|existing|current|previous|prior|traditional"
        r"|conventional|unfortunately|nevertheless|most|many)\b"
    )),
    (0.8, (
        r"\b(?:remains?|challeng\w+|difficult|suffer\w*|lack\w*|limited|hinder\w*|is important"
        r"|is crucial|plays? an? \w+ role|fundamental (?:problem|task)|essential)\b"
    ), (
        "remain", "challeng", "difficult", "suffer", "lack", "limited", "hinder", "is important",
        "is crucial", "play", "fundamental ", "essential",
    )),
    (0.8, r"\?$"),
    # What these authors did before.
    (6.0, _either(
        r"\b(?:previously|in (?:previous|earlier|prior) work),? (?:we|reported|showed|shown)\b",
        r"\bwe (?:have |reported )?(?:previously|recently)\b",
    ), ("previously", "recently", "in previous", "in earlier", "in prior")),
    # What is beside the work: its code, where it appeared.
    (5.0, _either(
        (
            r"\b(?:codes?|source|demo|implementation|project page|website|supplement\w*)\b.{0,60}"
            r"\b(?:available|released?|found at|accessible|reproducib\w+|open[- ]sourced?|public\w*)\b"
        ),
        r"\breleas\w+ .{0,60}\b(?:code|data|models?|weights|datasets?)\b|https?://|github",
    ), (
        "code", "source", "demo", "implementation", "project page", "website", "supplement", "releas",
        "http", "github",
    )),
    (2.5, r"\b(?:accepted (?:at|by|to|for)|published in|to appear|\d+ pages|withdrawn)\b",
     ("accepted ", "published in", "to appear", "pages", "withdrawn")),
    # What goes on from the sentence before.
    (0.8, rf"^(?:it|this|these|they|such|those|that|he|she|its|their) (?!(?:{_WORK})\b)"),
    (2.0, (
        r"^(?:moreover|furthermore|additionally|in addition|besides|second(?:ly)?|third(?:ly)?|fourth"
        r"|lastly|once|to (?:efficiently|better|further))\b"
    )),
    (2.0, r"\b(?:we|i) (?:further|also|additionally|then|next|first)\b", ("we ", "i ")),
    (0.7, (
        r"^(?:specifically|for example|for instance|in particular|finally|then|next|also|further|e\.g"
        r"|as a result|consequently|meanwhile|similarly|concretely|i\.e)\b"
    )),
    (2.0, (
        r"^(?:background|introduction|context|importance|methods?|(?:study )?design|settings?|exposures?"
        r"|participants|materials and methods|design, settings?,? and participants|interventions?"
        r"|main outcomes? and measures?)(?:: | [A-Z])"
    )),
    (1.0, r"^(?:data|samples|patients|participants|interviews|measurements) (?:were|was)\b"),
)  # fmt: skip
_PROPOSES = 3.0
_ANYTHING = ("",)  # which every sentence has in it


def _cue(
    weight: float, words: str, parts: tuple[str, ...] = _ANYTHING
) -> tuple[float, re.Pattern[str], tuple[str, ...]]:
    return weight, pattern(words, re.IGNORECASE), parts


# Each (weight, pattern, parts): what matches has one of the parts in it, in lower case, and to look for
# those costs a tenth of the pattern. Where none are given the pattern is cheap: it stands at an end.
_CUES = (
    (_PROPOSES, proposes, ("we ", "i ", "this ", "the present ")),
    *(_cue(*told) for told in _FOR),
    *((-weight, cue, parts) for weight, cue, parts in (_cue(*told) for told in _AGAINST)),
)

# Some feeds put other things before the abstract.
preamble = pattern(r"^.{0,600}?\bAbstract: (?:abstract:? )?|^abstract:? ", re.IGNORECASE)
# The name of a part of the abstract, run into its first sentence.
label = pattern(
    r"^(?i:results|findings|conclusions?(?: and relevance)?|interpretation|significance|objectives?|aims?"
    r"|purpose|goals?|methods?|background)(?:: ?| )(?=[A-Z])"
)
# What a sentence opens with and can stand without.
connective = pattern(
    rf"^(?:in this (?:{_WORK})|here|to (?:this|that) end|therefore|thus|hence|accordingly|so|in response"
    r"|to (?:address|tackle|overcome|solve|mitigate|resolve|bridge|fill|remedy|alleviate|close)"
    r" (?:it|this|these|that|the)(?: \w+){0,2}|motivated by (?:this|these)(?: \w+){0,2}"
    r"|in (?:light|view) of (?:this|these)),? (?=(?:we|i)\b)",
    re.IGNORECASE,
)


@lru_cache(maxsize=1024)
def cues(sentence: str) -> float:
    """Return how much a sentence's own words say that it tells what is new; below 0: that it doesn't."""
    # Beyond ASCII a pattern takes letters for others that their lower case is not.
    lower = sentence.lower() if sentence.isascii() else ""
    found = []
    for weight, cue, parts in _CUES:
        for part in parts if lower else _ANYTHING:
            if part in lower:
                if cue.search(sentence):
                    found.append(weight)
                break
    return math.fsum(found)
