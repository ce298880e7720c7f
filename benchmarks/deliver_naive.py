"""`python -m benchmarks.deliver_naive PORT MESSAGES KEY`: the digests as one would first write them.

The usual libraries, used as their documentation shows: a Jinja2 template for the whole message,
premailer for its styles, EmailMessage, dkimpy's signature, aiosmtplib's `send_message` over one
connection; nothing is kept from one message to the next but what the libraries keep themselves.
Prints the seconds that building and all of it took, and the mean size in bytes, as JSON.

It has the papers from the same place as ours, in plain dictionaries made before the clock starts.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from importlib import import_module
from pathlib import Path

import aiosmtplib
import dkim
from jinja2 import Environment, FileSystemLoader

from benchmarks.deliver_office import PAPERS, SENDER, address, reading_list
from benchmarks.deliver_papers import NOW, invented_paper, invented_reasons, invented_topic

# By name: it ships no types, and is not where the linter runs (the extra `bench` brings it).
_premailer = import_module("premailer")

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "naive"), autoescape=True, trim_blocks=True
)


def _paper(number: int) -> dict[str, object]:
    paper = invented_paper(number)
    assert paper.published is not None  # noqa: S101 - the invented ones are dated
    return {
        "title": paper.title,
        "authors": paper.authors,
        "abstract": paper.abstract,
        "categories": paper.categories,
        "date": f"{paper.published:%d %B %Y}",
        "id": str(next(iter(paper.identifiers))),
        "links": {link.rel.value: link.href for link in sorted(paper.links)},
        "reasons": [reason.text for reason in invented_reasons(number)],
    }


def _build(number: int, papers: list[dict[str, object]]) -> EmailMessage:
    """Return the unsigned message for the subscriber of that number."""
    chosen = reading_list(number)
    count = sum(map(len, chosen.values()))
    subject = f"Papers at Example: {count} new papers — {NOW:%a %d %b}"
    unsubscribe = f"https://papers.example.org/unsubscribe/{number:032x}"
    context = {
        "subject": subject,
        "title": "Papers at Example",
        "date": f"{NOW:%A, %d %B %Y}",
        "count": count,
        "recipient": address(number),
        "unsubscribe": unsubscribe,
        "sections": [
            {"title": invented_topic(profile), "papers": [papers[each] for each in numbers]}
            for profile, numbers in chosen.items()
        ],
    }
    page = _TEMPLATES.get_template("digest.html").render(context)
    html = _premailer.transform(
        page,
        strip_important=False,
        disable_validation=True,
        cssutils_logging_level=logging.CRITICAL,
    )
    message = EmailMessage()
    message["From"] = SENDER
    message["To"] = address(number)
    message["Subject"] = subject
    message["Date"] = format_datetime(NOW)
    message["Message-ID"] = make_msgid(domain="papers.example.org")
    message["List-Unsubscribe"] = f"<{unsubscribe}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_TEMPLATES.get_template("digest.txt").render(context))
    message.add_alternative(html, subtype="html")
    return message


def _sign(message: EmailMessage, key: bytes) -> int:
    """Add the signature; return the message's size in bytes."""
    content = message.as_bytes()
    signature: bytes = dkim.sign(content, b"bench", b"papers.example.org", key)
    name, _, value = signature.decode().partition(": ")
    message[name] = value.replace("\r\n", "")
    return len(content) + len(signature)


async def _main(port: int, messages: int, key: bytes) -> dict[str, float]:
    papers = [_paper(number) for number in range(PAPERS)]
    building, size = 0.0, 0
    begin = time.perf_counter()
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as server:
        for number in range(messages):
            built = time.perf_counter()
            message = _build(number, papers)
            size += _sign(message, key)
            building += time.perf_counter() - built
            await server.send_message(message)
    whole = time.perf_counter() - begin
    return {"building": building, "whole": whole, "bytes": size / messages}


if __name__ == "__main__":
    _port, _messages, _key = sys.argv[1:]
    print(json.dumps(asyncio.run(_main(int(_port), int(_messages), Path(_key).read_bytes()))))
