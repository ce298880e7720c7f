"""docs/moving.md: each recipe is followed, command by command, out of the page itself."""

from __future__ import annotations

import re
import stat
from functools import partial
from pathlib import Path

import pytest

from bot.cli.parser import parser
from support_cli import CONFIG, mails, text_of
from support_http import in_a_thread
from support_recipes import Follower, edited, recipes
from support_replay import replaying, sample_day
from support_serve import serving
from support_smtp import a_relay

PAGE = Path(__file__).parents[1] / "docs" / "moving.md"
RECIPES = recipes(PAGE)
FRIDAY, SATURDAY, AFTERWARDS = "2026-11-20T08:00Z", "2026-11-21T08:00Z", "2026-12-28T08:00Z"
ADDRESS = '[bot]\nbase_url = "https://old.example.org/papers"'
BOTH = {"ada@example.org", "grace@example.org"}


@pytest.fixture
def site():
    with replaying(sample_day(1)) as replay:
        yield replay


@pytest.fixture
def owner(tmp_path, site):
    """Someone whose bot has walked one morning: ada and grace had their mail."""
    follower = Follower(tmp_path)
    follower.config.write_text(CONFIG.format(url=site.url).replace("[bot]", ADDRESS, 1))
    follower("paperround once")
    assert recipients(follower) == BOTH
    site.show(sample_day(2))
    return follower


def recipients(owner):
    """Return who had mail, and forget it."""
    folder = owner.papers / "state" / "mail" / "new"
    found = {str(mail["To"]) for mail in mails(owner.papers / "state")}
    for mail in folder.glob("*"):
        mail.unlink()
    return found


def walked(owner, now):
    """Walk a round at this time; return who had mail."""
    owner.now = now
    owner("paperround once")
    return recipients(owner)


# ── The page itself ───────────────────────────────────────────────────────────────────────────────


def test_every_recipe_has_its_test_and_does_something():
    followed = set(re.findall(r'RECIPES\["([^"]+)"\]', Path(__file__).read_text()))
    assert set(RECIPES) == followed
    assert all(RECIPES.values())


def test_commands_within_its_sentences_can_be_typed():
    for command in re.findall(r"`paperround ([^`]+)`", PAGE.read_text().replace("\n", " ")):
        parser().parse_args(command.replace("ADDRESS", "ada@example.org").split())


def test_an_edit_takes_the_place_of_what_was_there():
    before = '[bot]\ntitle = "A"\ncontact = "b"\n[profiles.x]\nlimit = 3\n'
    after = edited(before, '[bot]\ntitle = "B"\n[mail.dkim]\nselector = "s"\n')
    assert after.count("title") == 1
    assert '[bot]\ntitle = "B"\ncontact = "b"\n[profiles.x]' in after
    assert after.endswith('[mail.dkim]\nselector = "s"\n')


# ── Moves ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.long
def test_to_another_machine(owner, tmp_path):
    (owner.papers / "smtp-password").write_text("hunter2")
    (owner.papers / "smtp-password").chmod(0o600)
    (owner.papers / ".venv").mkdir()
    owner.old.mkdir(parents=True)
    owner.papers.rename(owner.old / "papers")
    owner.papers.mkdir()
    (owner.papers / ".venv").mkdir()
    (owner.papers / ".venv" / "new").touch()

    owner.follow(RECIPES["To another machine"])
    services = (tmp_path / "systemctl").read_text().splitlines()
    assert services == ["disable --now paperround", "enable --now paperround"]
    assert (owner.papers / ".venv" / "new").exists()
    assert stat.S_IMODE((owner.papers / "smtp-password").stat().st_mode) == 0o600
    assert stat.S_IMODE((owner.papers / "state").stat().st_mode) == 0o700
    assert not list(tmp_path.rglob("moving.tar")), "it has all addresses in it"
    assert walked(owner, "2026-11-19T10:00Z") == set(), "nothing twice"
    assert walked(owner, FRIDAY) == BOTH


@pytest.mark.long
async def test_to_another_address(owner):
    feed = owner.papers / "state" / "public" / "feeds" / "experts.rss"
    before = feed.read_text()
    owner("paperround --now 2026-11-20T08:00Z once")
    (ada,) = [mail for mail in mails(owner.papers / "state") if "ada@" in str(mail["To"])]
    way_out = re.search(r"<https://old\.example\.org/papers(/[^>]+)>", str(ada["List-Unsubscribe"]))
    assert way_out is not None
    before = feed.read_text()
    owner.here = {"web.listen": "127.0.0.1:0"}

    owner.follow(RECIPES["To another address"])
    after = feed.read_text()
    assert re.findall(r"<guid.*", after) == re.findall(r"<guid.*", before)
    for page in (owner.papers / "state" / "public").rglob("*"):
        if page.suffix in (".html", ".rss", ".atom", ".json", ".opml"):
            assert "https://old.example.org" not in page.read_text(), page
    assert "https://papers.example.org/" in after
    # The old address leads to the same `serve`: its path is taken off by the web server, as told.
    with serving(owner.config) as served:
        await one_click(served.address, way_out[1], host="old.example.org")
        served.stop()
    assert "unsubscribed" in owner("paperround subscribers show ada@example.org")


async def one_click(address, path, host):
    import aiohttp

    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{address}{path}", data={"List-Unsubscribe": "One-Click"}, headers={"Host": host}
        ) as answer,
    ):
        assert answer.status == 200


@pytest.mark.long
def test_to_another_sender_domain(owner):
    said = owner.follow(RECIPES["To another sender domain"])
    key = owner.papers / "dkim-new.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "signing: as new.example, selector papers1 (rsa, 2048 bits)" in said[1]
    assert recipients(owner) == {"you@example.org"}
    owner.now = FRIDAY
    owner("paperround once")
    for mail in mails(owner.papers / "state"):
        assert "papers@new.example" in str(mail["From"])
        assert "d=new.example; s=papers1;" in re.sub(r"\s+", " ", str(mail["DKIM-Signature"]))


@pytest.mark.long
def test_to_another_relay(owner):
    with in_a_thread(partial(a_relay, password="correct horse")) as relay:
        owner.typed = "correct horse\n"
        owner.here = {"mail.host": "127.0.0.1", "mail.port": relay.port, "mail.tls": "none"}
        hold, paste, edit, *check, release = RECIPES["To another relay"]
        owner.follow([hold, paste])
        assert walked(owner, FRIDAY) == set(), "held"
        owner.follow([edit])
        owner("paperround once")
        assert relay.taken == [], "held still"
        owner.follow(check)
        assert relay.recipients == ["you@example.org"]
        assert set(relay.logins) == {("papers", "correct horse")}
        owner.follow([release])
        owner("paperround once")
        assert sorted(relay.recipients) == sorted([*BOTH, "you@example.org"])
    assert stat.S_IMODE((owner.papers / "smtp-password").stat().st_mode) == 0o600


# ── People ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.long
def test_a_colleague_leaves(owner):
    said = owner.follow(RECIPES["A colleague leaves"])
    assert "experts" in said[0]
    assert "2 subscriptions ended" in said[1]
    assert walked(owner, FRIDAY) == {"grace@example.org"}, "though still named by `to`"
    owner("paperround subscribers remove ada@example.org --forget")
    assert walked(owner, SATURDAY) <= {"grace@example.org"}


@pytest.mark.long
def test_interests_change(owner):
    owner.now = FRIDAY
    owner("paperround collect")
    edit, backtest, preview, retire = RECIPES["Interests change"]
    said = owner.follow([edit, backtest, preview])
    assert "best first" in said[0]
    assert "rotein" in said[1]
    assert recipients(owner) == set(), "a preview sends nothing"
    owner.follow([retire])
    assert walked(owner, FRIDAY) == BOTH
    assert "retired by you" in owner("paperround status")
    assert "proteins" in owner("paperround subscribers show ada@example.org")


@pytest.mark.long
def test_a_months_vacation(owner):
    pause, hold, release = RECIPES["A month's vacation"]
    owner.follow([pause])
    assert walked(owner, FRIDAY) == {"grace@example.org"}
    owner.now = AFTERWARDS
    owner("paperround once")
    (back,) = [mail for mail in mails(owner.papers / "state") if "ada@" in str(mail["To"])]
    assert "Experts" in text_of(back), "what came meanwhile"
    recipients(owner)
    owner.follow([hold])
    assert walked(owner, "2026-12-29T08:00Z") == set()
    owner.follow([release])


@pytest.mark.long
def test_everybodys_vacation(owner):
    _, hold, release = RECIPES["A month's vacation"]
    owner.follow([hold])
    assert walked(owner, FRIDAY) == set()
    assert walked(owner, AFTERWARDS) == set()
    owner.follow([release])
    assert walked(owner, "2026-12-28T09:00Z") <= BOTH
    assert "held" not in owner("paperround status")


@pytest.mark.long
def test_a_complaint_about_spam(owner):
    said = owner.follow(RECIPES["A complaint about spam"])
    assert "suppressed: complained by phone" in said[1]
    assert "config" in said[1], "how the address came in"
    assert walked(owner, FRIDAY) == {"grace@example.org"}
    owner("paperround subscribers add ada@example.org proteins || true")
    assert walked(owner, SATURDAY) <= {"grace@example.org"}


@pytest.mark.long
def test_a_blocked_address_is_freed(owner):
    owner("paperround suppressions add ada@example.org")
    assert walked(owner, FRIDAY) == {"grace@example.org"}
    listed, freed, shown = owner.follow(RECIPES["A blocked address is freed"])
    assert "ada@example.org" in listed
    assert "is written to again, for experts, proteins" in freed
    assert "suppressed" not in shown
    assert "ada@example.org" in walked(owner, SATURDAY)
