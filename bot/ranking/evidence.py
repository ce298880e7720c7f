"""What several interests say of one paper, as one body of evidence.

Each says how strongly it speaks for a paper; together they count by the logarithm of the sum. So what
one has said already counts less when another says it again, none ever lowers a score, and their order
is no matter. It is Dirichlet's smoothing: what a profile says in words counts as a few examples would,
and less beside many, since it is the examples that come to count more.
"""

from __future__ import annotations

BY_WORDS, BY_MEANING = 8.0, 3.2  # what the logarithm of all evidence is worth in a score
_AS_EXAMPLES = 5  # what a profile says in words weighs as much as so many examples
_USUAL, _MOST = 10, 20  # examples: with so many the units hold; with more it goes on as with 20


def experience(examples: int) -> float:
    """Return what likeness to examples counts for where there are so many of them; 1 for ten."""
    return (_AS_EXAMPLES + min(examples, _MOST)) / (_AS_EXAMPLES + _USUAL)
