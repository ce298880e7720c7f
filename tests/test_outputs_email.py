"""The digest's bytes: headers, both parts, what hostile input cannot do, and what fits."""

from __future__ import annotations

import email
import email.policy
import quopri
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from email.header import decode_header, make_header
from html.parser import HTMLParser

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.config import Profile, normal_address
from bot.domains.canonical import divided, reduced, relaxed_body
from bot.models import InterestKind, Pick, Role
from bot.outputs import email as mails
from bot.outputs.cards import Section, paper_card
from bot.outputs.contexts import MailCardContext
from bot.outputs.email import HTML_LIMIT, Press, subject_line
from bot.outputs.headers import message_id_line, recipient_line
from bot.outputs.mime import (
    WIRE,
    alternatives,
    boundary_of,
    content_type_line,
    header_line,
    plain_lines,
    quoted_printable,
    whole_lines,
)
from bot.outputs.pieces import Drawer, Foundry, printed
from bot.render import TemplateRenderer
from outputs_samples import (
    BOT,
    BOUND,
    EDITION,
    EXPERTS,
    HEALTH,
    JOURNAL,
    LOCAL,
    NOON,
    OCTOBER,
    OTHER,
    PICKS,
    PROTEINS,
    REPLACED,
    ROUTER,
    SENDER,
    UNSUBSCRIBE,
    UNSUBSCRIBE_MAIL,
    arxiv_paper,
    feedback,
    material,
    personal,
    reason,
    section,
)

RENDER = TemplateRenderer(None, pytest.fail)


def press(**fields):
    return Press(**{"bot": BOT, "sender": SENDER, "render": RENDER, **fields})


def digest(given=None, *, unsubscribe=UNSUBSCRIBE, **fields):
    given = given or material()
    return press(**fields).digest(replace(given, unsubscribe=given.unsubscribe or unsubscribe))


def message(text="", html="", **headers):
    """Return a message of any text, put together as a digest is."""
    head = b"".join(header_line(name, value) for name, value in headers.items())
    parts = [quoted_printable(whole_lines(part)) for part in (text, html)]
    return head + content_type_line("=_b") + b"\r\n" + alternatives("=_b", *parts)


def read(raw):
    return email.message_from_bytes(raw, policy=email.policy.default)


def encoded_size(raw):
    """Return how many bytes the HTML part takes in the mail."""
    part = raw.rpartition(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n")[2]
    return part.rindex(b"\r\n--=_")


def body(raw, kind="plain"):
    return read(raw).get_body((kind,)).get_content().replace("\r\n", "\n")


def header_lines(raw):
    return raw.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")


def picked(*papers, profile=EXPERTS, **fields):
    picks = tuple((Pick(n, paper.id), paper) for n, paper in enumerate(papers, start=1))
    return material(Section(profile, picks, (EDITION,)), **fields)


class Links(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.tags, self.hrefs = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.hrefs += [value for name, value in attrs if name in ("href", "src")]


# ── Headers ───────────────────────────────────────────────────────────────────────────────────────


def test_the_headers_are_those_of_a_correct_digest():
    message = read(digest())
    assert message["Date"].datetime == NOON
    assert message["From"] == "Morning papers <papers@example.org>"
    assert message["To"] == "reader@example.org"
    assert message["Subject"] == "Mixture of experts: 4 new papers — Fri 20 Nov"
    assert message["Message-ID"] == "<digest.70.1@example.org>"
    assert message["MIME-Version"] == "1.0"
    assert message["List-Id"] == '"Mixture of experts" <experts.example.org>'
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Precedence"] == "bulk"
    assert message["Feedback-ID"] == "experts:digest:paperround"
    assert message["List-Help"] == "<mailto:librarian@example.org?subject=help>"
    assert "Bcc" not in message
    assert "Return-Path" not in message
    assert len(message.keys()) == len(set(message.keys()))


def test_the_standard_parser_finds_no_defect_anywhere():
    odd = EXPERTS.model_copy(update={"title": "Größe, “漢字” & <Experten>"}).named("experts")
    given = personal(section(odd, EDITION), recipient="leser+neu@bücher.example")
    parsed = read(digest(given, sender='"Müller, Søren" <papers@example.org>'))
    assert not parsed.defects
    assert not [name for name, value in parsed.items() if value.defects]
    for part in parsed.iter_parts():
        assert not part.defects
        assert not [name for name, value in part.items() if value.defects]


def test_with_an_address_one_click_unsubscribes():
    message = read(digest())
    assert message["List-Unsubscribe"] == f"<{UNSUBSCRIBE}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_mailto_address_is_the_second_form():
    message = read(digest(personal()))
    assert message["List-Unsubscribe"] == f"<{UNSUBSCRIBE}>, <{UNSUBSCRIBE_MAIL}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_mailto_address_alone_is_no_one_click():
    raw = digest(personal(unsubscribe=""), unsubscribe="")
    assert read(raw)["List-Unsubscribe"] == f"<{UNSUBSCRIBE_MAIL}>"
    assert "List-Unsubscribe-Post" not in read(raw)
    assert UNSUBSCRIBE_MAIL in Links(body(raw, "html")).hrefs


def test_a_second_form_that_has_no_room_on_the_line_is_left_out():
    address = "https://papers.example.org/unsubscribe/" + "x" * 900
    raw = digest(personal(unsubscribe=address), unsubscribe="")
    assert f"List-Unsubscribe: <{address}>" in header_lines(raw)
    assert max(map(len, header_lines(raw))) <= 998


def test_nothing_in_an_address_breaks_out_of_its_header():
    address = "https://papers.example.org/unsubscribe/a\r\nBcc: b@example.org>,é"
    (line,) = [x for x in header_lines(digest(unsubscribe=address)) if "unsubscribe/" in x]
    assert line == (
        "List-Unsubscribe: "
        "<https://papers.example.org/unsubscribe/a%0D%0ABcc:%20b@example.org%3E,%C3%A9>"
    )


def test_without_one_unsubscribing_is_a_mail_to_the_contact():
    message = read(digest(bot=LOCAL, unsubscribe=""))
    assert message["List-Unsubscribe"] == "<mailto:librarian@example.org?subject=unsubscribe>"
    assert "List-Unsubscribe-Post" not in message


def test_without_a_contact_the_senders_address_takes_its_place():
    message = read(digest(bot=LOCAL.model_copy(update={"contact": ""}), unsubscribe=""))
    assert message["List-Unsubscribe"] == "<mailto:papers@example.org?subject=unsubscribe>"


def test_long_list_headers_stay_on_one_line_in_the_clear():
    address = "https://papers.example.org/unsubscribe/" + "x" * 600
    assert f"List-Unsubscribe: <{address}>" in header_lines(digest(unsubscribe=address))


def test_the_message_id_is_never_folded():
    long_id = f"<{'x' * 200}@example.org>"
    assert f"Message-ID: {long_id}" in header_lines(digest(material(message_id=long_id)))


def test_the_date_is_in_the_readers_zone():
    assert "Date: Fri, 20 Nov 2026 07:30:00 +0100" in header_lines(digest())
    tokyo = material(date=NOON + timedelta(hours=10), zone="Asia/Tokyo")
    assert "Sat 21 Nov" in read(digest(tokyo))["Subject"]
    assert "Saturday 21 November 2026" in body(digest(tokyo))


def test_two_zones_at_one_moment_have_a_date_each():
    there = digest(material(zone="UTC"))
    here = digest(material(zone="Europe/Berlin"))
    assert [
        line for mail in (there, here) for line in header_lines(mail) if line[:5] == "Date:"
    ] == [
        "Date: Fri, 20 Nov 2026 06:30:00 +0000",
        "Date: Fri, 20 Nov 2026 07:30:00 +0100",
    ]


def test_several_profiles_share_the_bots_title():
    two = digest(material(section(EXPERTS, EDITION), section(PROTEINS, OTHER)))
    assert read(two)["Subject"] == "Morning papers: 5 new papers — Fri 20 Nov"
    assert read(two)["List-Id"] == '"Morning papers" <all.example.org>'


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (material(section(EXPERTS, OCTOBER)), "a quiet day"),
        (material(section(EXPERTS, replace(OCTOBER, health=HEALTH))), "nothing new, and a source"),
        (
            material(Section(EXPERTS, ((Pick(1, 1, Role.UPDATE), REPLACED),))),
            "news of 1 earlier paper",
        ),
        (picked(ROUTER), "1 new paper —"),
    ],
)
def test_the_subject_says_what_kind_of_day_it_was(given, said):
    assert said in subject_line(given, BOT)


def test_a_message_reads_the_same_as_text_and_as_bytes():
    parsed = email.message_from_bytes(digest(), policy=WIRE)
    assert parsed.as_string() == digest().decode("ascii")


# ── What input cannot do ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "mark", ["\r\nBcc: evil@example.org", "\nX: 1", "\r", "\u2028X: 1", "\x00"]
)
def test_no_title_breaks_out_of_its_header(mark):
    profile = Profile.model_construct(title=f"Experts{mark}", public=True).named("experts")
    bot = BOT.model_copy(update={"title": f"Papers{mark}"})
    for sections in [(Section(profile),), (Section(profile), Section(PROTEINS))]:
        raw = digest(material(*sections), bot=bot)
        names = [line.split(":")[0] for line in header_lines(raw) if line[0] != " "]
        assert not {"Bcc", "X"} & set(names)
        assert raw.count(b"\r\n\r\n") >= 3


@pytest.mark.parametrize(
    "recipient", ["a@example.org\r\nBcc: b@example.org", "a b@c", "no address"]
)
def test_a_recipient_that_is_no_address_is_refused(recipient):
    with pytest.raises(ValueError, match="no mail address"):
        digest(material(recipient=recipient))


def test_a_message_id_that_breaks_its_line_is_refused():
    with pytest.raises(ValueError, match="no Message-ID"):
        digest(material(message_id="<a@b>\r\nBcc: b@example.org"))
    with pytest.raises(ValueError, match="linefeed or carriage return"):
        header_line("Subject", "a\r\nBcc: b@example.org")


def test_an_international_domain_becomes_a_labels():
    assert "To: leser@xn--bcher-kva.example" in header_lines(
        digest(material(recipient="leser@bücher.example"))
    )


def test_a_subject_of_240_letters_of_many_scripts_survives():
    title = "混合専門家 Ωmega 🙂, “é”; " * 12
    raw = digest(material(Section(EXPERTS.model_copy(update={"title": title}).named("experts"))))
    assert read(raw)["Subject"].startswith(title[:150])
    assert all(len(line) <= 78 for line in header_lines(raw) if not line.startswith("List-"))
    assert str(make_header(decode_header(read(raw)["List-Id"]))).startswith(title[:40])


@given(st.text(st.sampled_from('abc é漢🙂ßΩ,;:"()<>@=?_.'), min_size=1, max_size=240))
@settings(max_examples=60, deadline=None)
def test_any_subject_and_any_sender_name_come_back_as_they_were(words):
    words = " ".join(words.split()) or "x"
    raw = message("x", "y", Subject=words)
    assert read(raw)["Subject"] == words
    assert all(len(line) <= 78 for line in header_lines(raw))


def test_a_senders_name_may_have_any_letters_and_commas():
    raw = digest(sender='"Müller, Søren & Co" <papers@example.org>')
    (address,) = read(raw)["From"].addresses
    assert (address.display_name, address.addr_spec) == ("Müller, Søren & Co", "papers@example.org")


def test_hostile_text_is_inert_in_both_parts():
    hostile = arxiv_paper(
        90666,
        '<script>alert(1)</script>\u202egnp.exe"><img src=x onerror=alert(2)>{{ 7*7 }}',
        authors=("</style><b>", "\x1b[31mred"),
        abstract="</p><a href='javascript:alert(3)'>x</a> <!-- " + "y " * 20,
        categories=("<svg/onload=1>",),
        venue="<iframe>",
    )
    health = (replace(HEALTH[2], source="<u>s</u>", detail="<marquee>"),)
    pick = Pick(1, 1, reasons=(reason(InterestKind.KEYWORD, "<em onclick=x>"),))
    given = material(Section(EXPERTS, ((pick, hostile),), (replace(EDITION, health=health),)))
    raw = digest(given)
    page = Links(body(raw, "html"))
    assert not {"script", "img", "svg", "iframe", "marquee", "b", "u"} & set(page.tags)
    assert all(href.startswith(("https://", "mailto:")) for href in page.hrefs)
    for kind in ("plain", "html"):
        assert not re.search("[\u202e\x1b]", body(raw, kind))
    assert "7*7" in body(raw)


def test_lone_dots_and_from_lines_are_encoded():
    encoded = quoted_printable("From here\n.\nFrom " + "x" * 71 + "\n").split(b"\r\n")
    assert not any(line == b"." or line.startswith(b"From ") for line in encoded)
    assert max(map(len, encoded)) <= 76
    raw = message("From here\n.\nFrom " + "x" * 71 + "\n", "h")
    assert body(raw) == "From here\n.\nFrom " + "x" * 71 + "\n"


MAIL_TEXT = st.text(st.sampled_from("From .=\r\n\t é漢🙂x"), max_size=400)


def decoded(encoded):
    return quopri.decodestring(encoded).decode()


def with_line_ends(text):
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


@given(st.lists(MAIL_TEXT, max_size=6))
@settings(max_examples=150, deadline=None)
def test_texts_encoded_alone_and_joined_read_as_one_in_short_plain_lines(texts):
    whole = b"".join(map(quoted_printable, texts))
    lines = whole.split(b"\r\n")
    assert lines.pop() == b""
    assert max(map(len, lines), default=0) <= 76
    assert not re.search(rb"[\r\n\x80-\xff]", b"".join(lines))
    assert not any(line == b"." or line.startswith(b"From ") for line in lines)
    assert not any(line != line.rstrip() for line in lines)
    assert decoded(whole) == "".join(map(with_line_ends, texts))


@given(st.lists(MAIL_TEXT, max_size=6), st.text(st.sampled_from(" \t\nab")))
@settings(max_examples=150, deadline=None)
def test_what_a_signature_hashes_can_be_reduced_piece_by_piece(texts, blank):
    pieces = [quoted_printable(text) for text in (*texts, blank)] + [b"--end--\r\n"]
    assert b"".join(map(reduced, pieces)) == relaxed_body(b"".join(pieces))


@given(st.text(st.sampled_from("abcXYZ019:/_.~-"), min_size=1, max_size=400), MAIL_TEXT)
@settings(max_examples=60, deadline=None)
def test_an_address_between_two_texts_comes_out_whole(address, around):
    between = quoted_printable(around) + plain_lines(address) + quoted_printable(around)
    assert decoded(between) == with_line_ends(around) + address + with_line_ends(around)
    assert max(map(len, between.split(b"\r\n"))) <= 76
    assert plain_lines(address).endswith(b"=\r\n")


@given(MAIL_TEXT, MAIL_TEXT)
@settings(max_examples=60, deadline=None)
def test_a_message_of_any_two_texts_reads_back_with_the_standard_parser(text, html):
    raw = message(text, html, Subject="x")
    assert raw.count(b"\n") == raw.count(b"\r") == raw.count(b"\r\n")
    assert not read(raw).defects
    for part, given_text in zip(read(raw).iter_parts(), (text, html), strict=True):
        assert not part.defects
        assert part.get_payload(decode=True).decode().rstrip("\r\n") == (
            with_line_ends(given_text).rstrip("\r\n")
        )


def test_endless_words_and_three_thousand_authors_fit_on_a_card():
    long = arxiv_paper(
        90700,
        "T" * 5000,
        authors=tuple(f"Author {n}" for n in range(3000)),
        abstract="A" * 5000,
    )
    raw = digest(picked(long))
    assert max(map(len, raw.split(b"\r\n"))) <= 120
    assert "and 2,994 more" in " ".join(body(raw).split())
    assert max(map(len, body(raw).split("\n"))) <= len(UNSUBSCRIBE) + 20
    assert encoded_size(raw) < 12_000


ADDRESSES = st.from_regex(
    r"[A-Za-z0-9._+-]{1,40}@[a-z0-9-]{1,12}(\.[a-z0-9-]{1,12}){0,2}\.(com|org|de|local|test)",
    fullmatch=True,
)


@given(st.one_of(ADDRESSES, st.emails(), st.text(max_size=40)))
@example("WWW@0.com")
@example("Ada.Quill@Example.ORG")
@settings(max_examples=300, deadline=None)
def test_a_recipients_line_is_what_the_policy_folds_or_an_error(address):
    try:
        expected = header_line("To", normal_address(address))
    except ValueError:
        with pytest.raises(ValueError, match="no mail address"):
            recipient_line(address)
    else:
        assert recipient_line(address) == expected


def test_a_message_ids_line_is_what_the_policy_folds():
    for message_id in ("<a@b>", "<preview.x-1@paperround.invalid>", f"<{'9f' * 150}@example.org>"):
        assert message_id_line(message_id) == header_line("Message-ID", message_id)


@pytest.mark.parametrize("broken", ["", "a@b", "<a>", "<a@b@c>", "<a b@c>", "<a@b>\n", "<é@b>"])
def test_what_is_no_message_id_is_refused(broken):
    with pytest.raises(ValueError, match="no Message-ID"):
        digest(material(message_id=broken))


def test_the_content_type_is_what_the_policy_folds():
    boundary = boundary_of("<a@b>")
    value = f'multipart/alternative; boundary="{boundary}"'
    assert content_type_line(boundary) == header_line("Content-Type", value)


def test_dots_from_lines_and_line_breaks_in_a_paper_reach_nobody_raw():
    nasty = arxiv_paper(
        90800, "From here\r\nBcc: x@example.org\n.\n", abstract=".\r\nFrom \rx" + "." * 5000
    )
    raw = digest(picked(nasty))
    lines = raw.split(b"\r\n")
    assert not any(line == b"." or line.startswith((b"From ", b"Bcc")) for line in lines)
    assert raw.count(b"\n") == raw.count(b"\r") == raw.count(b"\r\n")
    assert max(map(len, lines)) <= 130
    assert "From here Bcc: x@example.org ." in body(raw)


# ── Body ──────────────────────────────────────────────────────────────────────────────────────────


def test_text_comes_first_html_last_both_quoted_printable():
    message = read(digest())
    assert message.get_content_type() == "multipart/alternative"
    parts = [(p.get_content_type(), p["Content-Transfer-Encoding"]) for p in message.iter_parts()]
    assert parts == [("text/plain", "quoted-printable"), ("text/html", "quoted-printable")]
    assert not message.defects


def test_the_same_input_gives_the_same_bytes_and_bare_line_feeds_never_occur():
    raw = digest()
    assert raw == digest()
    assert raw.count(b"\n") == raw.count(b"\r\n")
    assert raw.isascii()


def test_both_parts_say_all_that_matters():
    for kind in ("plain", "html"):
        text = re.sub(
            r"\s+",
            " ",
            re.sub("<style>.*?</style>|<[^>]+>", "", body(digest(), kind), flags=re.DOTALL),
        )
        text = text.replace("*", "").replace("&#39;", "'")
        for words in (
            "4 new papers from 312 considered, news of 1 earlier paper",
            "An O(√n) Lower Bound for Top-k Gating with k",
            "because: expert routing, Imara Thistlewood, like your “Whispering Gates”, 45 votes",
            "NEWS OF PAPERS YOU HAD" if kind == "plain" else "News of papers you had",
            "new version v3, 19 November",
            "invented-letters has not answered since 18 November (HTTP 503).",
            "2 of 3 sources answered; nothing new from huggingface.",
            "You are subscribed to “Mixture of experts” of Morning papers.",
            "This mail went to reader@example.org",
            "Reading Group, 1 Invented Square",
            "Journal of Invented Results",
        ):  # fmt: skip
            assert words in text, (kind, words)


def test_a_card_leads_to_abstract_pdf_code_and_comments():
    links = "https://arxiv.org/abs/2611.90001 https://arxiv.org/pdf/2611.90001 "
    links += "https://github.com/example/quiet-routers https://huggingface.co/papers/2611.90001"
    raw = digest()
    assert set(links.split()) <= set(Links(body(raw, "html")).hrefs)
    for label, href in zip(("Abstract", "PDF", "Code", "12 comments"), links.split(), strict=True):
        assert f"    {label}: {href}\n" in body(raw)


def test_each_new_paper_takes_more_or_less_like_this():
    raw = digest(personal())
    hrefs = Links(body(raw, "html")).hrefs
    for paper in (ROUTER, BOUND, JOURNAL):
        address = feedback(paper.id)
        assert {f"{address}?v=more", f"{address}?v=less"} <= set(hrefs)
        assert f"    More or less like this: {address}\n" in body(raw)
    assert feedback(REPLACED.id) not in body(raw)


@pytest.mark.parametrize("nowhere", [None, lambda _paper: ""])
def test_without_a_feedback_page_no_link_leads_there(nowhere):
    raw = digest(personal(feedback=nowhere))
    assert "like this" not in body(raw) + body(raw, "html")


def test_the_web_and_the_way_out_stand_near_the_top():
    for kind in ("plain", "html"):
        text = body(digest(), kind)
        first_paper = text.index("Quiet Routers", text.index("Friday 20 November"))
        assert text.index(UNSUBSCRIBE) < first_paper
        assert text.index("https://papers.example.org/p/experts/2026-11-20/") < first_paper


def test_without_a_base_url_there_is_no_web_link():
    raw = digest(material(overflow=4), bot=LOCAL, unsubscribe="")
    assert "on the web" not in body(raw) + body(raw, "html")
    assert "4 more papers not shown in this mail." in body(raw)
    hrefs = Links(body(raw, "html")).hrefs
    assert "mailto:librarian@example.org?subject=unsubscribe" in hrefs


def test_a_profile_that_is_not_public_has_no_web_link():
    hidden = EXPERTS.model_copy(update={"public": False}).named("experts")
    assert "on the web" not in body(digest(material(section(hidden, EDITION))))


def test_a_digest_of_several_editions_leads_to_the_archive():
    text = body(digest(material(section(EXPERTS, OCTOBER, EDITION))))
    assert "Read on the web: https://papers.example.org/p/experts/\n" in text


def test_what_is_over_the_limit_is_counted_and_linked():
    raw = digest(material(overflow=12))
    assert "12 more papers not shown in this mail." in body(raw)
    assert "See them all on the web: https://papers.example.org/p/experts/2026-11-20/" in body(raw)


def test_no_line_of_text_is_over_72_columns_but_for_an_address():
    lines = body(digest(material(section(EXPERTS, EDITION), section(PROTEINS, OTHER)))).split("\n")
    assert not [line for line in lines if len(line) > 72 and "https://" not in line]


def test_the_html_is_dark_at_night_loads_nothing_and_runs_nothing():
    page = body(digest(), "html")
    assert "@media (prefers-color-scheme: dark)" in page
    assert '<html lang="en"' in page
    assert 'role="article"' in page
    assert not {"script", "img", "link", "iframe", "form"} & set(Links(page).tags)
    assert "url(" not in page


def test_a_quiet_day_is_a_short_friendly_mail():
    raw = digest(material(section(EXPERTS, OCTOBER)))
    assert "Nothing here for you among the 301 papers that came in." in body(raw)
    two = digest(material(section(EXPERTS, OCTOBER), Section(PROTEINS)))
    assert "No new papers came in." in body(two)


# ── One press, many readers ───────────────────────────────────────────────────────────────────────


def readers():
    """Return readers of other papers, profiles, zones and addresses."""
    return [
        personal(
            section(EXPERTS, EDITION if n % 2 else OCTOBER),
            *([section(PROTEINS, OTHER)] if n % 3 else []),
            recipient=f"reader{n}@example.org",
            message_id=f"<digest.{n}@example.org>",
            unsubscribe=f"{UNSUBSCRIBE}{n}",
            zone="Asia/Tokyo" if n % 5 else "",
            feedback=(lambda paper, n=n: f"{feedback(paper)}&for={n}") if n % 4 else None,
        )
        for n in range(12)
    ]


def test_what_was_printed_before_changes_no_byte():
    shared = press()
    printed = [shared.digest(reader) for reader in readers()]
    assert printed == [press().digest(reader) for reader in readers()]
    assert [shared.digest(reader) for reader in reversed(readers())] == printed[::-1]


def test_a_press_prints_in_several_threads():
    shared = press()
    with ThreadPoolExecutor(4) as pool:
        printed = list(pool.map(shared.digest, readers()))
    assert printed == [press().digest(reader) for reader in readers()]


def test_a_card_is_made_once_or_twice_however_many_there_are(monkeypatch):
    made: list[str] = []

    def counted(template, context):
        made.append(template)
        return RENDER(template, context)

    monkeypatch.setattr(mails, "_PAPERS_KEPT", 2)
    shared = Press(bot=BOT, sender=SENDER, render=counted)
    printed = [shared.digest(reader) for reader in readers() * 3]
    assert printed == [press().digest(reader) for reader in readers()] * 3
    at_all = made.count("email/card.html")
    printed = [shared.digest(reader) for reader in readers() * 10]
    # The first two that were made were at hand, not in the drawer.
    assert made.count("email/card.html") <= at_all + 2


def test_what_stands_around_the_papers_is_rendered_once_for_all_readers():
    rendered: list[str] = []

    def counted(template, context):
        rendered.append(f"{template} {context!r}")
        return RENDER(template, context)

    shared = Press(bot=BOT, sender=SENDER, render=counted)
    for _ in range(3):
        for reader in readers():
            shared.digest(reader)
    assert len(rendered) == len(set(rendered))


def test_a_drawer_gives_back_what_was_put_in_and_lets_go_of_the_oldest():
    foundry = Foundry(RENDER, ("number", "feedback"))
    said = MailCardContext(foundry.mark("number"), paper_card(ROUTER, today=NOON.date()), "")
    piece = foundry.piece("email/card", said)
    drawer = Drawer(10_000)
    drawer.put(0, piece)
    drawer.put(0, piece)
    own = {"number": printed("1.")}
    assert drawer.get(0).filled(own) == piece.filled(own)
    assert drawer.get(1) is None
    for key in range(1, 100):
        drawer.put(key, piece)
    assert drawer.get(0) is None
    assert drawer.get(99).filled(own) == piece.filled(own)


def test_every_reader_gets_their_own_addresses_only():
    shared = press()
    for n, reader in enumerate(readers()):
        raw = shared.digest(reader)
        said = body(raw) + body(raw, "html")
        assert f"reader{n}@example.org" in said
        assert set(re.findall(r"reader(\d+)@", said)) == {str(n)}
        assert set(re.findall(r"[&;]for=(\d+)", said)) <= {str(n)}


def test_a_paper_that_changed_is_printed_as_it_is_now():
    shared = press()
    shared.digest(picked(ROUTER))
    assert "Loud Routers" in body(shared.digest(picked(replace(ROUTER, title="Loud Routers"))))


def test_a_card_joined_from_its_pieces_is_the_card_rendered_whole():
    today = NOON.date()
    entry = MailCardContext(
        " 1. ", paper_card(ROUTER, PICKS[0], today=today), "https://x.example/f"
    )
    given = personal(feedback=lambda _paper: "https://x.example/f")
    assert RENDER("email/card.txt", entry) in press().parts(given)[0]


def test_a_readers_own_words_are_escaped():
    odd = "https://x.example/f?a=<b>&c='\""
    text, page = press().parts(personal(feedback=lambda _paper: odd))
    assert f"More or less like this: {odd}" in text
    assert f"{odd}?v=more" in Links(page).hrefs
    assert "<b>" not in page


def test_digits_in_a_title_are_no_mark():
    title = "9" * 60
    assert title in body(digest(picked(arxiv_paper(90900, title)))).replace("\n    ", "")


def test_the_message_is_signed_over_its_lines_and_its_body():
    seen = []

    def sign(lines, content):
        seen.append((lines, content))
        return b"DKIM-Signature: v=1\r\n"

    raw = press(sign=sign).digest(personal())
    ((lines, content),) = seen
    (signature, *head), sent = divided(raw)
    assert (signature, head) == (b"DKIM-Signature: v=1\r\n", lines)
    assert content == relaxed_body(sent) != sent, "what several mails share was reduced once"
    assert raw.removeprefix(b"DKIM-Signature: v=1\r\n") == press().digest(personal())
    names = [line.partition(b":")[0] for line in lines]
    assert {b"From", b"List-Unsubscribe", b"List-Unsubscribe-Post", b"Content-Type"} <= set(names)
    assert all(line.endswith(b"\r\n") for line in lines)


def test_the_parts_are_those_of_the_message():
    raw = press().digest(personal())
    assert press().parts(personal()) == (body(raw), body(raw, "html"))


# ── What fits ─────────────────────────────────────────────────────────────────────────────────────


def crowd(size, *, long=False):
    title = "Ünïcödé títle thät is lông " * (10 if long else 2)
    return [
        replace(arxiv_paper(10000 + n, f"{n} {title}", abstract="Çâlm wörds " * 60), id=n)
        for n in range(1, size + 1)
    ]


def test_what_does_not_fit_becomes_titles():
    papers = crowd(80)
    raw = digest(picked(*papers))
    page = body(raw, "html")
    assert HTML_LIMIT * 0.9 < encoded_size(raw) <= HTML_LIMIT
    assert "More, by title" in page
    assert all(f">{n} Ünï" in page for n in range(1, 81))
    assert "not shown" not in page
    noted = re.findall(r'<br><span class="note"[^>]*>Çâlm', page)
    assert len(noted) == page.count("<li") > 5


def test_a_title_without_a_card_says_in_one_sentence_what_is_new():
    whole = (
        "Words are said before. " * 30 + "We propose a calm router that waits. " + "It ends. " * 9
    )
    papers = [replace(paper, abstract=whole) for paper in crowd(150)]
    raw = digest(picked(*papers))
    key = r'<br><span class="note"[^>]*>We propose a calm router that waits\.</span>'
    assert re.search(key, body(raw, "html"))
    assert "    We propose a calm router that waits.\n" in body(raw)


def test_what_does_not_even_fit_as_titles_is_counted_with_one_link():
    raw = digest(picked(*crowd(250, long=True), overflow=5))
    page = body(raw, "html")
    assert not re.search(r'class="note"[^>]*>Çâlm', page), (
        "no paper is left out for another's key sentence"
    )
    assert HTML_LIMIT * 0.9 < encoded_size(raw) <= HTML_LIMIT
    shown = len(re.findall(r'class="title"', page))
    assert f"{250 - shown + 5} more papers not shown in this mail." in page
    assert f"{250 - shown + 5} more papers not shown in this mail." in body(raw)
    assert "Unsubscribe" in page[-1500:]


def test_every_section_keeps_its_best_papers():
    papers = crowd(120)
    sections = [
        Section(profile, tuple((Pick(n, p.id), p) for n, p in enumerate(half, start=1)), (EDITION,))
        for profile, half in ((EXPERTS, papers[:60]), (PROTEINS, papers[60:]))
    ]
    page = body(digest(material(*sections)), "html")
    cards = [
        page.count("Çâlm", *span)
        for span in ((0, page.index("Protein design")), (page.index("Protein design"), None))
    ]
    assert abs(cards[0] - cards[1]) <= 100
    assert min(cards) > 0


def test_any_number_of_sections_and_replacements_fits():
    updates = tuple((Pick(n, 1, Role.UPDATE), REPLACED) for n in range(300))
    sections = [
        Section(Profile(title=f"漢字 {n} " * 20).named(f"p{n}"), updates[:2]) for n in range(300)
    ]
    raw = digest(material(Section(EXPERTS, updates), *sections))
    assert encoded_size(raw) <= HTML_LIMIT
    assert "not shown in this mail." in body(raw)


@given(
    st.lists(
        st.tuples(st.integers(0, 90), st.integers(0, 60), st.sampled_from("x漢 &")), max_size=8
    ),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_the_html_stays_under_its_limit_whatever_is_in_it(shape, in_one):
    sections = []
    for at, (fresh, replaced, letter) in enumerate(shape):
        papers = [
            (Pick(n, n, Role.UPDATE if n >= fresh else Role.NEW), LONG[letter, n % 3])
            for n in range(fresh + replaced)
        ]
        sections.append(Section(EXPERTS.named(f"p{at}"), tuple(papers), (EDITION,)))
    if in_one and sections:
        sections = [replace(sections[0], picks=sum((each.picks for each in sections), ()))]
    raw = SHARED.digest(personal(*(sections or [Section(EXPERTS)])))
    assert encoded_size(raw) <= HTML_LIMIT
    assert UNSUBSCRIBE in body(raw, "html")
    counted = re.search(r"([\d,]+) more papers? not shown", body(raw, "html"))
    left_out = int(counted[1].replace(",", "")) if counted else 0
    shown = body(raw, "html").count('class="title"')
    assert shown + left_out == sum(len(each.picks) for each in sections)


LONG = {
    (letter, n): arxiv_paper(20000 + n, f"{letter * 40} {n} " * 8, abstract=f"{letter * 9} " * 200)
    for letter in "x漢 &"
    for n in range(3)
}
SHARED = Press(bot=BOT, sender=SENDER, render=RENDER)


# ── Dots ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["x" * 75 + ".", "." * 75, "é" * 75 + ".", "." * 80 + "\n"])
def test_no_encoded_line_begins_with_a_dot(text):
    encoded = quoted_printable(text)
    assert re.search(rb"(?m)^\.", encoded) is None
    assert decoded(encoded).replace("\r\n", "\n") == text


@pytest.mark.parametrize("length", range(18, 32))
def test_no_line_of_a_digest_begins_with_a_dot_however_long_its_words(length):
    """A server takes the first dot of a line away, and with it the signature's validity."""
    bot = BOT.model_copy(update={"title": "T" * length})
    assert re.search(rb"(?m)^\.", digest(bot=bot)) is None
