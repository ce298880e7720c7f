"""Invented papers for the *deliver* stage: titles, authors, abstracts and reasons, ever the same."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from bot.identity import stamped
from bot.models import Identifier, InterestKind, Link, Paper, Reason, Rel, Scheme, Stamp

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)  # a Friday


def invented_paper(number: int) -> Paper:
    """Return the paper of that number: an abstract of about 1,300 characters, two to nine authors."""
    draw = random.Random(number)  # noqa: S311 - generated text, the same every time
    arxiv = f"2611.{number:05d}"
    page = f"https://arxiv.org/abs/{arxiv}"
    links = {Link(Rel.ABSTRACT, page), Link(Rel.PDF, page.replace("abs", "pdf"))}
    if draw.random() < 0.4:  # noqa: PLR2004 - the share of papers that come with code
        links.add(Link(Rel.CODE, f"https://code.example.org/{draw.choice(_SYLLABLES)}{number}"))
    paper = Paper(
        title=_title(draw),
        identifiers=frozenset({Identifier(Scheme.ARXIV, arxiv)}),
        authors=tuple(
            f"{draw.choice(_GIVEN)} {draw.choice(_FAMILY)}" for _ in range(draw.randint(2, 9))
        ),
        abstract=_abstract(draw),
        categories=tuple(draw.sample(_CATEGORIES, draw.randint(1, 3))),
        version=1,
        published=NOW - timedelta(hours=draw.randint(4, 30)),
        links=frozenset(links),
        votes=draw.choice((None, None, draw.randint(1, 300))),
    )
    return stamped(paper, Stamp(40, 1, "2026-11-20"))


def invented_reasons(number: int) -> tuple[Reason, ...]:
    """Return why the paper of that number was picked: two to four interests, the strongest first."""
    draw = random.Random(f"reasons {number}")  # noqa: S311 - generated text, the same every time
    reasons = [
        Reason(InterestKind.KEYWORD, f"{draw.choice(_ADJECTIVES)} {draw.choice(_NOUNS)}", 0.41),
        Reason(InterestKind.AUTHOR, f"{draw.choice(_GIVEN)} {draw.choice(_FAMILY)}", 0.22),
        Reason(InterestKind.LIKE, _title(draw), 0.13),
        Reason(InterestKind.ABOUT, draw.choice(_NOUNS), 0.05),
    ]
    return tuple(reasons[: draw.randint(2, 4)])


def invented_topic(number: int) -> str:
    """Return the title of the profile of that number; no two are the same."""
    draw = random.Random(f"topic {number}")  # noqa: S311 - generated text, the same every time
    return f"{draw.choice(_ADJECTIVES)} {draw.choice(_NOUNS)}, {number}".capitalize()


def _title(draw: random.Random) -> str:
    return draw.choice(_TITLES).format(**_words(draw))


def _abstract(draw: random.Random) -> str:
    return " ".join(sentence.format(**_words(draw)) for sentence in draw.sample(_SENTENCES, 8))


def _words(draw: random.Random) -> dict[str, object]:
    name = "".join(draw.sample(_SYLLABLES, 2)).capitalize()
    return {
        "name": name + draw.choice(("", "", "-2", "Net")),
        "adjective": draw.choice(_ADJECTIVES),
        "Adjective": draw.choice(_ADJECTIVES).capitalize(),
        "noun": draw.choice(_NOUNS),
        "Noun": draw.choice(_NOUNS).capitalize(),
        "field": draw.choice(_FIELDS),
        "other": draw.choice(_FIELDS),
        "percent": round(draw.uniform(1, 40), 1),
        "times": round(draw.uniform(1.3, 12), 1),
        "count": draw.randint(3, 40),
        "order": draw.choice((r"$O(n \log n)$", r"$\mathcal{O}(n^2)$", r"$\tilde{O}(\sqrt{T})$")),
    }


_SYLLABLES = (
    "mira",
    "tal",
    "vex",
    "ori",
    "quen",
    "sol",
    "dra",
    "lumo",
    "pha",
    "zeno",
    "kir",
    "bel",
)
_GIVEN = (
    "Amélie", "Björn", "Chen", "Dorota", "Eszter", "Farid", "Grażyna", "Hiroshi", "Ngozi", "Íñigo",
    "Jonas", "Khadija", "Łukasz", "Mei", "Nikhil", "Oluwaseun", "Priya", "Søren", "Tamsin", "Yusuf",
)  # fmt: skip
_FAMILY = (
    "Abernathy", "Bianchi-Rossi", "Çelik", "Dvořák", "Eriksen", "Fitzwilliam", "García Montoya",
    "Haddad", "Ivanova", "Jørgensen", "Kowalczyk", "Lindqvist", "Müller", "Nakamura", "Okonkwo",
    "Petrescu", "Ramanathan", "Sato", "Tremblay", "van der Berg", "Wójcik", "Yılmaz", "Zhang",
)  # fmt: skip
_CATEGORIES = (
    "cs.LG", "cs.CL", "cs.CV", "cs.AI", "cs.DC", "cs.NE", "cs.RO", "stat.ML", "math.OC", "eess.IV",
    "q-bio.NC", "physics.comp-ph",
)  # fmt: skip
_ADJECTIVES = (
    "sparse", "conditional", "low-rank", "causal", "equivariant", "federated", "quantised",
    "retrieval-augmented", "self-supervised", "differentiable", "hierarchical", "robust", "adaptive",
    "contrastive", "probabilistic", "long-context", "memory-efficient", "asynchronous", "calibrated",
)  # fmt: skip
_NOUNS = (
    "expert routing", "attention", "state-space models", "diffusion", "tokenisation", "pruning",
    "reward models", "speculative decoding", "neural operators", "graph transformers", "world models",
    "distillation", "continual learning", "mixture models", "optimal transport", "curricula",
    "weight averaging", "program synthesis", "activation steering", "key-value caches",
)  # fmt: skip
_FIELDS = (
    "machine translation", "protein design", "weather forecasting", "theorem proving", "code search",
    "medical imaging", "speech recognition", "robotic grasping", "materials discovery", "navigation",
    "click-through prediction", "remote sensing", "molecular dynamics", "question answering",
)  # fmt: skip
_TITLES = (
    "{name}: {Adjective} {noun} for {field}",
    "{Adjective} {noun} without tears: what {field} can teach {other}",
    "On the limits of {adjective} {noun} in {field}",
    "Is {noun} all you need? A {adjective} view of {field} and {other}",
    "{name}: scaling {adjective} {noun} to {count} billion parameters",
    "Learning {adjective} {noun} in {order} time",
)
_SENTENCES = (
    (
        "Recent progress in {field} has been driven by {adjective} {noun}, yet the cost of training such "
        "models keeps most groups from repeating the results that are published."
    ),
    (
        "We introduce {name}, a method that combines {adjective} {noun} with a simple regulariser, and "
        "show that it can be added to existing systems in a few lines of code."
    ),
    (
        "Across {count} benchmarks from {field} to {other}, our approach improves on the strongest "
        "baseline by {percent}% while using {times} times less compute."
    ),
    (
        "The key observation is that {noun} – long thought to be a nuisance – carries the very signal "
        "that {adjective} models need to generalise beyond their training distribution."
    ),
    (
        "A careful ablation reveals that most of the gain comes from {adjective} {noun}; the remaining "
        "components matter only when fewer than {count} examples per class are available."
    ),
    (
        "Theoretically, we prove that the estimator converges in {order}, which matches the lower bound "
        "up to logarithmic factors under mild assumptions on the noise."
    ),
    (
        "In contrast to earlier work on {field}, “{name}” needs no labelled data and runs on a single "
        "accelerator with {count} GB of memory."
    ),
    (
        "Human raters preferred its outputs in {percent}% of the comparisons, and the advantage persists "
        "when the evaluation is restricted to rare cases in {other}."
    ),
    (
        "We also report where it fails: {adjective} inputs of more than {count} thousand tokens, and "
        "tasks in which {noun} and the objective pull in opposite directions."
    ),
    (
        "To support further research on {adjective} {noun}, we release the models, the training code and "
        "a dataset of {count} million annotated examples under a permissive licence."
    ),
    (
        "Finally, we discuss what this means for {other}, where data is scarce and mistakes are costly, "
        "and sketch how {adjective} {noun} might be audited in practice."
    ),
)
