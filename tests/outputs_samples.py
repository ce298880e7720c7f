"""Invented papers, profiles and editions for the tests of what is sent and published."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from bot.config import BotSettings, Profile
from bot.models import (
    Edition,
    Event,
    Identifier,
    InterestKind,
    Link,
    Paper,
    Pick,
    Reason,
    Rel,
    Role,
    Scheme,
    SourceNote,
    Stamp,
    Weather,
)
from bot.outputs.cards import Section
from bot.outputs.charts import filled, periods
from bot.outputs.email import DigestMaterial
from bot.outputs.pages import site_pages
from bot.outputs.site import Archive, Record, Site
from bot.ports import PaperHistory, Seen

NOON = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
TODAY = date(2026, 11, 20)
SENDER = "Morning papers <papers@example.org>"
UNSUBSCRIBE = "https://papers.example.org/unsubscribe/Zm9vYmFyYmF6cXV4cXV1eDEyMzQ1Njc4OTAtYWJjZGVm"
UNSUBSCRIBE_MAIL = "mailto:papers+Zm9vYmFyYmF6cXV4cXV1eDEyMzQ1@example.org?subject=unsubscribe"

BOT = BotSettings(
    title="Morning papers",
    base_url="https://papers.example.org",
    contact="librarian@example.org",
    timezone="Europe/Berlin",
    imprint="Reading Group, 1 Invented Square, 00000 Nowhere\nhttps://papers.example.org/privacy",
)
LOCAL = BotSettings(title="Morning papers", contact="librarian@example.org")

EXPERTS = Profile(
    title="Mixture of experts",
    about="Routing and sparsity in large language models, and serving them cheaply.",
).named("experts")
PROTEINS = Profile(title="Protein design").named("proteins")


def reason(kind: InterestKind, text: str, share: float = 0.1) -> Reason:
    return Reason(kind, text, share)


def arxiv_paper(number: int, title: str, **fields) -> Paper:
    identifier = Identifier(Scheme.ARXIV, f"2611.{number}")
    given = {
        "authors": ("Ada Quill", "Bruno Vellum"),
        "categories": ("cs.LG",),
        "published": datetime(2026, 11, 19, 18, tzinfo=UTC),
        "links": frozenset(
            {
                Link(Rel.ABSTRACT, f"https://arxiv.org/abs/2611.{number}"),
                Link(Rel.PDF, f"https://arxiv.org/pdf/2611.{number}"),
            }
        ),
        "identifiers": frozenset({identifier}),
        "id": number,
        "key": identifier,
        "version": 1,
    }
    return Paper(title=title, **{**given, **fields})


ROUTER = arxiv_paper(
    90001,
    "Quiet Routers: Expert Routing Without a Balancing Loss",
    authors=("Imara Thistlewood", "Joon-ho Bae", "Léa d'Aubépine", "Priya Raghunathan-Moss"),
    categories=("cs.LG", "cs.CL"),
    abstract=(
        "Sparse models spend much of their training fighting their own router. We show that a router "
        "which is allowed to be quiet, abstaining on tokens that no expert wants, needs no auxiliary "
        "balancing loss at all. On models of 0.4 to 12 billion active parameters, quiet routing "
        "matches the perplexity of balanced baselines with 31\\% fewer routed tokens, and it never "
        "collapses in any of our 140 runs. Serving costs fall accordingly, since an abstaining token "
        "visits no expert. We release the code, all routing traces and a small theory of why."
    ),
    votes=45,
    comments=12,
    links=frozenset(
        {
            Link(Rel.ABSTRACT, "https://arxiv.org/abs/2611.90001"),
            Link(Rel.PDF, "https://arxiv.org/pdf/2611.90001"),
            Link(Rel.CODE, "https://github.com/example/quiet-routers"),
            Link(Rel.DISCUSSION, "https://huggingface.co/papers/2611.90001"),
        }
    ),
)
BOUND = arxiv_paper(
    90002,
    "An $\\mathcal{O}(\\sqrt{n})$ Lower Bound for Top-$k$ Gating with $k<n$ Experts",
    authors=("Andr\\'e Kowalczyk", "Mei-Ling Zh\\~ao"),
    categories=("stat.ML", "cs.LG"),
    abstract=(
        "How many experts must a gate look at before it may choose $k$ of them? For gates whose "
        "scores are $\\alpha$-Lipschitz in the token, we prove that $\\mathcal{O}(\\sqrt{n})$ looks "
        "are necessary, and that a two-level gate attains it up to a factor $\\log n$. "
        "The proof is short."
    ),
)
COLLABORATION = arxiv_paper(
    90003,
    "Sparse Activation in the Trigger of a Very Large Detector",
    authors=("Wilhelmina Ostrander", "Tomás Iglesia", "R. Okonkwo", "S. Lindqvist", "H. Abe",
             "N. Petrosyan", *(f"Author {n}" for n in range(2994))),
    categories=("hep-ex", "cs.LG", "physics.ins-det"),
    abstract=(
        "A mixture of 64 small experts, one a detector region, selects collisions within 4 µs. "
        "We describe the first year of running."
    ),
)  # fmt: skip
JOURNAL = Paper(
    title="Language models that know which part of themselves to ask",
    identifiers=frozenset({Identifier(Scheme.DOI, "10.99999/inv-026-00042-x")}),
    authors=("Halldóra Eiríksdóttir", "Benedict Amankwah"),
    abstract="",
    venue="Journal of Invented Results",
    published=datetime(2026, 11, 20, tzinfo=UTC),
    links=frozenset({Link(Rel.ABSTRACT, "https://journal.example.com/articles/inv-026-00042-x")}),
    id=7,
    key=Identifier(Scheme.DOI, "10.99999/inv-026-00042-x"),
)
REPLACED = arxiv_paper(
    80004,
    "Cheap Seats: Serving Sparse Models from Slow Memory",
    authors=("Oluwaseun Adeyemi-Clarke", "Freya Lund"),
    version=3,
    stamps=(("title", Stamp(2, 3, "2026-11-19")),),
)
FOLDS = arxiv_paper(
    90011,
    "Folding by Committee: Experts for Each Secondary Structure",
    authors=("Rosalind Achterberg", "Yusuf Demirci", "Chiara Bellandi"),
    categories=("q-bio.BM", "cs.LG"),
    abstract=(
        "We design backbones with one generative expert for each kind of secondary structure and a "
        "referee that settles their disagreements. Of 96 designs made in the laboratory, 41 fold as "
        "intended; the referee's doubt predicts which."
    ),
    votes=9,
)

TWIN = replace(
    BOUND,
    id=107,
    title="A Lower Bound of Order $\\sqrt{n}$ for Top-$k$ Gating",
    identifiers=frozenset({Identifier(Scheme.DOI, "10.99999/inv-026-00077-x")}),
    links=frozenset({Link(Rel.ABSTRACT, "https://journal.example.org/articles/77")}),
    key=None,
    venue="Journal of Invented Results",
)

PAPERS = {p.id: p for p in (ROUTER, BOUND, COLLABORATION, JOURNAL, REPLACED, FOLDS, TWIN)}

PICKS = (
    Pick(1, ROUTER.id, score=0.91, reasons=(
        reason(InterestKind.KEYWORD, "expert routing", 0.4),
        reason(InterestKind.AUTHOR, "Imara Thistlewood", 0.2),
        reason(InterestKind.LIKE, "Whispering Gates", 0.2),
        reason(InterestKind.TRENDING, "45", 0.1),
        reason(InterestKind.DISLIKE, "A survey of gates", -0.05),
    )),
    Pick(2, BOUND.id, score=0.74, reasons=(
        reason(InterestKind.ABOUT, "gates and experts", 0.3),
        reason(InterestKind.CATEGORY, "cs.LG", 0.1),
    )),
    Pick(3, TWIN.id, Role.FOLDED, score=0.7),
    Pick(4, COLLABORATION.id, score=0.52, reasons=(
        reason(InterestKind.KEYWORD, "sparse activation", 0.3),
    )),
    Pick(5, JOURNAL.id, score=0.31, reasons=(
        reason(InterestKind.LIKE, "Whispering Gates", 0.2),
    )),
    Pick(6, REPLACED.id, role=Role.UPDATE, version=3),
)  # fmt: skip

HEALTH = (
    SourceNote("arxiv-ml", Weather.FINE),
    SourceNote("huggingface", Weather.QUIET),
    SourceNote(
        "invented-letters",
        Weather.FAILED,
        "HTTP 503",
        since=datetime(2026, 11, 18, 6, tzinfo=UTC),
    ),
)
EDITION = Edition(
    profile="experts", number=7, period=TODAY, through=100, made_at=NOON, picks=PICKS,
    health=HEALTH, considered=312, id=70,
)  # fmt: skip
EARLIER = Edition(
    profile="experts", number=6, period=date(2026, 11, 19), through=90,
    made_at=NOON - timedelta(days=1), picks=(Pick(1, REPLACED.id, version=2, score=0.6, reasons=(
        reason(InterestKind.KEYWORD, "sparse activation", 0.6),
    )),), considered=287, id=60,
)  # fmt: skip
OCTOBER = Edition(
    profile="experts", number=5, period=date(2026, 10, 30), through=80,
    made_at=NOON - timedelta(days=21), considered=301, id=50,
)  # fmt: skip
OTHER = Edition(
    profile="proteins", number=3, period=TODAY, through=100, made_at=NOON, considered=118, id=71,
    picks=(Pick(1, FOLDS.id, score=0.8, reasons=(
        reason(InterestKind.KEYWORD, "backbone design", 0.5),
        reason(InterestKind.TRENDING, "9", 0.1),
    )),),
)  # fmt: skip

# What became of papers that the reader had.
MIRAGE = arxiv_paper(
    70021,
    "A Mirage in the Router: Experts That Were Never Called",
    authors=("Benedikta Sorensen", "Okoro Whitlock"),
    abstract="We report that a third of all experts are never called, whatever the token.",
    notice="This paper has been withdrawn by the authors due to an error in the counting script that "
    "makes Table 2 wrong",
    version=2,
    stamps=(("title", Stamp(40, 2, "2026-11-19")), ("notice", Stamp(40, 2, "2026-11-19"))),
)
HARVEST = arxiv_paper(
    60015,
    "The Second Harvest: Growing $2^k$ Experts from One",
    authors=("Ludo Marchetti", "Ines Abrahamsen", "Kofi Lindholm"),
    venue="Journal of Invented Results 12, 345 (2026)",
    identifiers=frozenset({
        Identifier(Scheme.ARXIV, "2611.60015"), Identifier(Scheme.DOI, "10.99999/inv-026-00345-7"),
    }),
    links=frozenset({
        Link(Rel.ABSTRACT, "https://arxiv.org/abs/2611.60015"),
        Link(Rel.CODE, "https://github.com/example/second-harvest"),
    }),
    version=4,
    stamps=(("title", Stamp(40, 4, "2026-11-18")),),
)  # fmt: skip
RECALLED = Paper(
    title="RETRACTED: Perfect Recall in Associative Memories",
    identifiers=frozenset({Identifier(Scheme.DOI, "10.99999/inv-025-00777-1")}),
    authors=("Cornelius Vane",),
    notice="Retracted",
    venue="Journal of Invented Results",
    links=frozenset({Link(Rel.ABSTRACT, "https://journal.example.com/articles/inv-025-00777-1")}),
    id=8,
    key=Identifier(Scheme.DOI, "10.99999/inv-025-00777-1"),
)
PAPERS_WITH_NEWS = {p.id: p for p in (MIRAGE, HARVEST, RECALLED, REPLACED)}
NEWS = Edition(
    profile="experts", number=8, period=TODAY, through=100, made_at=NOON, considered=298, id=72,
    picks=(
        Pick(1, ROUTER.id, score=0.91, reasons=PICKS[0].reasons),
        Pick(2, RECALLED.id, role=Role.UPDATE, told=(Event.WITHDRAWN,)),
        Pick(3, MIRAGE.id, role=Role.UPDATE, version=2, told=(Event.WITHDRAWN, Event.REPLACE)),
        Pick(4, HARVEST.id, role=Role.UPDATE, version=4,
             told=(Event.PUBLISHED, Event.CODE, Event.REPLACE)),
        Pick(5, REPLACED.id, role=Role.UPDATE, version=3, told=(Event.REPLACE,)),
    ),
)  # fmt: skip


def section(profile: Profile, *editions: Edition) -> Section:
    known = PAPERS | PAPERS_WITH_NEWS
    return Section(
        profile=profile,
        picks=tuple((pick, known[pick.paper]) for edition in editions for pick in edition.picks),
        editions=editions,
    )


def material(*sections: Section, **fields) -> DigestMaterial:
    given = {
        "recipient": "reader@example.org",
        "message_id": "<digest.70.1@example.org>",
        "date": NOON,
        "sections": sections or (section(EXPERTS, EDITION),),
    }
    return DigestMaterial(**{**given, **fields})


def feedback(paper: int) -> str:
    return f"https://papers.example.org/feedback/aW52ZW50ZWQtdG9rZW4tZm9yLWEtcmVhZGVy{paper}"


def personal(*sections: Section, **fields) -> DigestMaterial:
    """Return what a subscriber of a bot with every door open is sent."""
    doors = {
        "unsubscribe": UNSUBSCRIBE,
        "unsubscribe_mail": UNSUBSCRIBE_MAIL,
        "feedback": feedback,
    }
    return material(*sections, **{**doors, **fields})


# ── The site ──────────────────────────────────────────────────────────────────────────────────────


def shown(source: str, *days: tuple[date, int, int]) -> tuple[Seen, ...]:
    """Return a source's votes and comments, day by day."""
    return tuple(Seen(source, Event.SEEN, day, votes, told) for day, votes, told in days)


def november(day: int) -> date:
    return date(2026, 11, day)


HISTORIES = {
    ROUTER.id: PaperHistory(
        seen=(
            Seen("arxiv-ml", Event.NEW, november(19)),
            *shown("huggingface", (november(19), 12, 1), (november(20), 45, 12)),
        ),
        former_keys=(Identifier(Scheme.URL, "https://mirror.example.com/quiet-routers"),),
    ),
    REPLACED.id: PaperHistory(
        seen=(
            Seen("arxiv-ml", Event.NEW, date(2026, 10, 29)),
            Seen("arxiv-ml", Event.REPLACE, november(19)),
            *shown("huggingface", (date(2026, 10, 30), 6, 0), (november(19), 31, 4)),
        ),
    ),
    FOLDS.id: PaperHistory(
        seen=(Seen("arxiv-bio", Event.CROSS, november(20)), *shown("huggingface", (TODAY, 9, 0)))
    ),
    JOURNAL.id: PaperHistory(seen=(Seen("invented-letters", Event.SEEN, TODAY),)),
}


def site(**fields) -> Site:
    """Return a site of two profiles, two days of votes in one week, and one three weeks before."""
    days = {seen.day for each in HISTORIES.values() for seen in each.seen if seen.votes is not None}
    charts = filled(periods(days), {n: told for n, told in HISTORIES.items() if n in PAPERS})
    given = {
        "bot": BOT,
        "archives": (Archive(EXPERTS, (EARLIER, OCTOBER, EDITION)), Archive(PROTEINS, (OTHER,))),
        "papers": PAPERS,
        "trending": (ROUTER, FOLDS),
        "today": TODAY,
        "charts": charts,
        "periods": tuple(chart.period for chart in charts),
        "records": {
            id_: Record(paper, HISTORIES.get(id_, PaperHistory())) for id_, paper in PAPERS.items()
        },
    }
    return Site(**{**given, **fields})


def pages(of: Site, render) -> dict[str, bytes]:
    """Return every page of a site, by its path."""
    return {sheet.path: sheet.make() for sheet in site_pages(of, render)}
