"""Invented feeds for the poll stage: RSS 2.0, Atom and RSS 1.0 in turn, the same at every run.

A feed has fifty entries of about 1.9 KB each, as publishers send them: HTML in CDATA or escaped, or
plain text; authors as one element or several; a DOI, or only an address.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from html import escape

ENTRIES = 50
NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
_SYLLABLES = "ba ce di fo gu la me ni po ru sa te vi xo zu tra ste plo kri ane ion ula".split()
_ABSTRACT = 172  # words


def feed(number: int, origin: str) -> bytes:
    """Return the feed of that number, its links under `origin`; its format is by the number."""
    draw = random.Random(number)  # noqa: S311 - generated text, the same every time
    words = ["".join(draw.choices(_SYLLABLES, k=draw.randint(2, 4))) for _ in range(900)]
    entries = [_Entry(draw, words, number, place, origin) for place in range(ENTRIES)]
    return (_RSS20, _ATOM, _RSS10)[number % 3](number, origin, entries).encode()


class _Entry:
    def __init__(
        self, draw: random.Random, words: list[str], number: int, place: int, origin: str
    ) -> None:
        def sentence(count: int) -> str:
            return " ".join(draw.choices(words, k=count)).capitalize()

        self.title = f"{sentence(9)} < {sentence(3)} & more" if place % 10 == 0 else sentence(12)
        self.paragraphs = [
            ". ".join(sentence(_ABSTRACT // 8) for _ in range(4)) + "." for _ in range(2)
        ]
        self.authors = [
            " ".join(w.capitalize() for w in draw.choices(words, k=2)) for _ in range(4)
        ]
        self.doi = f"10.{5000 + number}/journal.{number}.{place}"
        self.link = f"{origin}/articles/{number}-{place}"
        self.category = draw.choice(words)
        self.at = NOW - timedelta(hours=3 * place, minutes=number)


def _RSS20(number: int, origin: str, entries: list[_Entry]) -> str:  # noqa: N802 - a format's name
    items = "".join(
        f"<item><title>{escape(e.title)}</title><link>{e.link}</link>"
        f'<guid isPermaLink="false">{e.doi}</guid>'
        f"<description><![CDATA[{''.join(f'<p>{p}</p>' for p in e.paragraphs)}]]></description>"
        f"<dc:creator>{', '.join(e.authors)}</dc:creator><category>{e.category}</category>"
        f"<pubDate>{e.at:%a, %d %b %Y %H:%M:%S} +0000</pubDate></item>\n"
        for e in entries
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>'
        f"<title>Journal {number}</title><link>{origin}/</link><description>Papers</description>"
        f"<lastBuildDate>{NOW:%a, %d %b %Y %H:%M:%S} +0000</lastBuildDate>\n{items}</channel></rss>"
    )


def _ATOM(number: int, origin: str, entries: list[_Entry]) -> str:  # noqa: N802 - a format's name
    html = number % 2 == 0
    kind = "html" if html else "text"
    items = "".join(
        f"<entry><id>tag:{e.doi}</id><title>{escape(e.title)}</title>"
        f'<link rel="alternate" type="text/html" href="{e.link}"/>'
        f"<published>{e.at:%Y-%m-%dT%H:%M:%SZ}</published><updated>{e.at:%Y-%m-%dT%H:%M:%SZ}</updated>"
        + "".join(f"<author><name>{name}</name></author>" for name in e.authors)
        + f'<category term="{e.category}"/><summary type="{kind}">'
        + escape(
            "".join(f"<p>{p}</p>" for p in e.paragraphs) if html else "\n\n".join(e.paragraphs)
        )
        + "</summary></entry>\n"
        for e in entries
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
        f'<title>Preprints {number}</title><id>{origin}/</id><link href="{origin}/"/>'
        f"<updated>{NOW:%Y-%m-%dT%H:%M:%SZ}</updated>\n{items}</feed>"
    )


def _RSS10(number: int, origin: str, entries: list[_Entry]) -> str:  # noqa: N802 - a format's name
    places = "".join(f'<rdf:li rdf:resource="{e.link}"/>' for e in entries)
    items = "".join(
        f'<item rdf:about="{e.link}"><title>{escape(e.title)}</title><link>{e.link}</link>'
        f"<description>{escape(' '.join(e.paragraphs))}</description>"
        + "".join(f"<dc:creator>{name}</dc:creator>" for name in e.authors)
        + f"<dc:identifier>doi:{e.doi}</dc:identifier><dc:date>{e.at:%Y-%m-%d}</dc:date>"
        f"<prism:publicationName>Annals {number}</prism:publicationName><prism:doi>{e.doi}</prism:doi>"
        f"<dc:subject>{e.category}</dc:subject></item>\n"
        for e in entries
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rdf:RDF xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/" '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<channel rdf:about="{origin}/"><title>Annals {number}</title><link>{origin}/</link>'
        f"<description>Papers</description><items><rdf:Seq>{places}</rdf:Seq></items></channel>\n"
        f"{items}</rdf:RDF>"
    )
