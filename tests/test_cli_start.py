"""The first minutes at the command line: help, init, which configuration, and what gets loaded."""

from __future__ import annotations

import gc
import io
import re
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.app import open_app
from bot.cli.parser import parser
from bot.config import load_config
from bot.loading import load
from bot.render import shipped_templates
from support_cli import desk_in, environment, run
from support_replay import replaying, sample_day

NOW = datetime(2026, 11, 20, 6, tzinfo=UTC)
HEAVY = {
    "pydantic", "rich", "aiohttp", "jinja2", "sqlite3", "feedparser", "numpy", "sqlite_utils",
    "asyncio",
}  # fmt: skip

# What an idle round does without. A first round, with papers, loads these:
FOR_PAPERS = {
    "jinja2", "numpy", "css_inline", "pydantic", "email_validator", "bot.workflows.sheets",
    "bot.workflows.compose", "bot.outputs.site", "bot.outputs.cards", "bot.outputs.charts", "bot.render",
    "bot.text.query",
}  # fmt: skip
# And these are for kinds of sources that are not configured, for backups, SMTP, and `serve`.
NOT_IDLE = FOR_PAPERS | {
    "feedparser", "aiosmtplib", "rich", "sqlite_utils", "apscheduler", "tarfile",
    "bot.sources.pubmed", "bot.sources.openreview", "bot.sources.preprints", "xml.etree.ElementTree",
}  # fmt: skip

COMMANDS = [
    "demo", "init", "check", "once", "collect", "compose", "publish", "deliver", "preview", "rank",
    "explain", "trending", "status", "sources", "subscribers", "deliveries",
]  # fmt: skip


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    yield from desk_in(tmp_path, monkeypatch, capsys)


# ── What gets loaded ──────────────────────────────────────────────────────────────────────────────

_LIST_MODULES = """
import sys
from bot.cli import main
try:
    code = main(sys.argv[1:])
except SystemExit as left:
    code = left.code
print(code, *sorted(sys.modules), file=sys.stderr)
"""


def loaded(cwd, *arguments, ends=("0", "None")):
    """Run a command in a fresh interpreter; return the modules it has at its end."""
    done = subprocess.run(
        [sys.executable, "-c", _LIST_MODULES, *arguments],
        cwd=cwd, env=environment(), capture_output=True, encoding="utf-8", check=True, timeout=60,
    )  # fmt: skip
    code, *modules = done.stderr.split("\n")[-2].split()
    assert code in ends, done.stderr
    return set(modules)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["once", "--help"]])
def test_help_and_version_load_next_to_nothing(tmp_path, arguments):
    assert not loaded(tmp_path, *arguments) & HEAVY


def test_once_with_nothing_due_loads_no_templates_feeds_or_network(tmp_path):
    with replaying(sample_day(1)) as site:
        run(tmp_path, "init", "--email", "you@example.org", "--categories", "cs.CL",
            "--mirror", site.url)  # fmt: skip
        first = loaded(tmp_path, "--now", "2026-11-19T08:00Z", "once", "--json")
        assert {*FOR_PAPERS, "aiohttp"} <= first, "the test looks at the right names"
        idle = loaded(tmp_path, "--now", "2026-11-19T08:10Z", "once", "--json")
        assert not idle & {*NOT_IDLE, "aiohttp"}
        answered = len(site.answered)
        # An hour later all sources are due, and none has anything new: that is told as a table.
        unchanged = loaded(tmp_path, "--now", "2026-11-19T09:10Z", "once")
        assert set(site.answered[answered:]) == {304}
    assert "aiohttp" in unchanged
    assert not unchanged & NOT_IDLE


def test_a_health_check_every_minute_loads_neither_the_house_nor_pydantic(tmp_path):
    with replaying(sample_day(1)) as site:
        run(tmp_path, "init", "--email", "you@example.org", "--categories", "cs.CL",
            "--mirror", site.url)  # fmt: skip
        run(tmp_path, "--now", "2026-11-19T08:00Z", "collect")
    asked = loaded(tmp_path, "status", "--alive", ends=("1",))  # no `serve` runs
    assert "http.client" in asked
    assert not asked & {*NOT_IDLE, *HEAVY, "bot.app", "bot.store", "bot.models", "bot.sources"}
    for command in (["status"], ["search", "experts"]):
        found = loaded(tmp_path, *command)
        assert "bot.app" in found
        assert "pydantic" not in found, "nothing of the configuration changed"


def test_no_garbage_is_looked_for_while_modules_load(monkeypatch):
    seen = []
    monkeypatch.setattr("bot.loading.import_module", lambda _: seen.append(gc.isenabled()))
    load("bot.fetch")
    assert (seen, gc.isenabled()) == ([False], True)


def test_garbage_is_looked_for_again_though_loading_failed():
    with pytest.raises(ModuleNotFoundError):
        load("bot.nothing")
    assert gc.isenabled()


def test_while_an_app_is_open_garbage_is_looked_for_a_tenth_as_often(tmp_path):
    run(tmp_path, "init", "--email", "you@example.org", "--categories", "cs.CL")
    before = gc.get_threshold()
    with open_app(load_config(tmp_path / "config.toml"), lambda: NOW):
        assert gc.get_threshold()[0] >= 10 * before[0]
        assert gc.get_freeze_count() > 0
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


def test_making_a_database_loads_no_numpy(tmp_path):
    run(tmp_path, "init", "--email", "you@example.org", "--categories", "cs.CL")
    made = loaded(tmp_path, "subscribers", "list")
    assert "sqlite_utils" in made
    assert "numpy" not in made


# ── Help ──────────────────────────────────────────────────────────────────────────────────────────


def test_help_names_every_command(desk):
    said = desk("--help")
    assert said.code == 0
    for command in COMMANDS:
        assert f"\n    {command}" in said.out
    assert "Exit: 0 worked, 1 mail or state failed" in said.words


@pytest.mark.parametrize(
    "group", ["profiles", "sources", "subscribers", "deliveries", "quarantine"]
)
def test_a_group_has_its_actions_where_it_was_typed(desk, group):
    """Where it was not, nobody asked for them, and half of all parsers need not be made."""
    assert "list" in desk(group, "--help").out
    assert "{list" not in parser(["once"]).format_help()
    with pytest.raises(SystemExit):
        parser([group]).parse_args([group])
    assert parser(["--verbose", group, "list"]).parse_args([group, "list"]).action == "list"


def test_version(desk):
    assert desk("--version").out.startswith("paperround 0.")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(desk, command):
    said = desk(command, "--help")
    assert said.code == 0
    assert said.out.startswith(f"usage: paperround {command}")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "required: COMMAND"),
        (["onse"], "invalid choice: 'onse'"),
        (["--now", "yesterday", "once"], "'yesterday' is no ISO 8601 time"),
        (["--now", "0001-01-01T00:00+14:00", "once"], "not between the years"),
        (["preview", "x", "--days", "many"], "'many' is no number of days from 1 to 365"),
        (["preview", "x", "--days", "0"], "'0' is no number of days from 1 to 365"),
        (["deliveries", "list", "--limit", "9" * 30], "is no number of rows"),
        (["preview", "x", "--format", "pdf"], "invalid choice: 'pdf'"),
        (["subscribers", "add", "a@example.org"], "required: PROFILE"),
    ],
)
def test_usage_mistakes_exit_2_with_a_word_on_each(desk, arguments, says):
    said = desk(*arguments)
    assert said.code == 2
    assert says in said.words
    assert said.out == ""


# ── init ──────────────────────────────────────────────────────────────────────────────────────────


def test_init_writes_a_commented_configuration_that_loads(desk):
    said = desk("init", "--email", "you@example.org", "--categories", "cs.CL,cs.LG",
        "--keywords", "mixture of experts,expert routing^2")  # fmt: skip
    assert (said.code, said.err) == (0, "")
    config = load_config(desk.folder / "config.toml")
    profile = config.profiles["my-papers"]
    assert profile.to == ("you@example.org",)
    assert profile.categories == config.sources[0].categories == ("cs.CL", "cs.LG")
    assert profile.keywords == ("mixture of experts", "expert routing^2")
    assert [source.kind for source in config.sources] == ["arxiv", "huggingface"]
    assert config.fetch.allow_private == (), "only a mirror on this machine needs that"


def test_init_with_a_mirror_elsewhere_opens_no_private_network(desk):
    desk("init", "--email", "you@example.org", "--mirror", "https://mirror.example.org/arxiv")
    config = load_config(desk.folder / "config.toml")
    assert {source.url for source in config.sources} == {"https://mirror.example.org/arxiv"}
    assert config.fetch.allow_private == ()


def test_init_takes_another_path_and_says_how_to_use_it(desk):
    said = desk("init", "deep/er/papers.toml", "--email", "you@example.org")
    assert said.code == 0
    assert "`paperround --config deep/er/papers.toml once`" in said.words
    assert load_config(desk.folder / "deep" / "er" / "papers.toml").profiles


def test_init_never_overwrites(desk):
    path = desk.write("# mine")
    said = desk("init", "--email", "you@example.org")
    assert said.code == 2
    assert "config.toml exists already and was not changed" in said.words
    assert path.read_text() == "# mine"


def test_init_copies_our_templates_to_be_edited(desk):
    assert desk("init", "--email", "you@example.org", "--templates").code == 0
    copied = desk.folder / "templates"
    names = {p.relative_to(copied) for p in copied.rglob("*") if p.is_file()}
    shipped = shipped_templates()
    assert names == {p.relative_to(shipped) for p in shipped.rglob("*") if p.is_file()}


def test_init_writes_nothing_where_templates_are_in_the_way(desk):
    (desk.folder / "templates").mkdir()
    said = desk("init", "--email", "you@example.org", "--templates")
    assert said.code == 2
    assert "templates exists already" in said.words
    assert not (desk.folder / "config.toml").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "`paperround init --email you@example.org`"),
        (["--email", "you.example.org"], "you.example.org"),
        (["--email", ""], "address"),
        (["--email", "you@example.org", "--categories", "cs CL"], "'cs CL' is no arXiv category"),
        (["--email", "you@example.org", "--categories", ","], "at least one arXiv category"),
        (["--email", "you@example.org", "--mirror", "127.0.0.1:80"], "url"),
        (["--email", "you@example.org", "--keywords", "experts^lots"], "keywords"),
        (
            ["--email", "you@example.org", "--mail", "postfix"],
            "local, gmail, or the name of a mail",
        ),
        (["--email", "you@example.org", "--mail", "smtp.example.org:99999"], "is no way for mail"),
        (["--email", "you@example.org", "--listen", "8600"], "listen"),
        (["--mail", "local"], "`paperround init --email you@example.org`"),
    ],
)
def test_init_refuses_what_would_not_work_and_writes_nothing(desk, arguments, says, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    said = desk("init", *arguments)
    assert said.code == 2
    assert says in said.words
    assert list(desk.folder.iterdir()) == []


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_init_asks_on_a_terminal(desk, monkeypatch):
    monkeypatch.setattr(sys, "stdin", _Terminal("you@example.org\n\nfolding, binders\n\n"))
    said = desk("init")
    assert said.code == 0
    assert "Your mail address: " in said.out
    profile = load_config(desk.folder / "config.toml").profiles["my-papers"]
    assert profile.categories == ("cs.CL", "cs.LG"), "an empty answer takes what was offered"
    assert profile.keywords == ("folding", "binders")
    assert load_config(desk.folder / "config.toml").mail.transport == "maildir"


def test_init_asks_again_where_an_answer_cannot_be_read(desk, monkeypatch):
    answers = (
        "you.example.org\nyou@example.org\nmachine learning\n,\ncs.LG\n\ncarrier pigeon\nmaildir\n"
    )
    monkeypatch.setattr(sys, "stdin", _Terminal(answers))
    said = desk("init")
    assert said.code == 0
    for words in (
        "you.example.org",
        "'machine learning' is no arXiv category",
        "'carrier pigeon' is no way",
    ):
        assert words in said.words
    config = load_config(desk.folder / "config.toml")
    assert config.bot.contact == "you@example.org"
    assert config.profiles["my-papers"].categories == ("cs.LG",)


@pytest.mark.parametrize(
    ("way", "host", "port", "tls", "username"),
    [
        ("gmail", "smtp.gmail.com", 587, "starttls", "you@example.org"),
        ("local", "localhost", 25, "none", ""),
        ("smtp.example.org", "smtp.example.org", 587, "starttls", "you@example.org"),
        ("smtp.example.org:465", "smtp.example.org", 465, "tls", "you@example.org"),
        ("192.0.2.7:25", "192.0.2.7", 25, "starttls", ""),
    ],
)
def test_init_writes_how_mail_leaves(desk, way, host, port, tls, username):
    said = desk("init", "--email", "you@example.org", "--mail", way)
    assert (said.code, said.err) == (0, "")
    mail = load_config(desk.folder / "config.toml").mail
    assert (mail.transport, mail.host, mail.port, mail.tls) == ("smtp", host, port, tls)
    assert mail.username == username
    assert mail.sender == "Morning papers <you@example.org>"
    assert mail.password == ("file:smtp-password" if username else "")
    assert "`paperround check --send you@example.org`" in said.words
    assert ("cat > smtp-password" in said.words) is bool(username), "it was not asked for"


def test_init_sends_no_mail_in_a_free_mail_services_name_from_here(desk, monkeypatch):
    monkeypatch.setattr("bot.cli.ways.socket.getfqdn", lambda: "mail.univ.edu")
    monkeypatch.setattr("bot.cli.ways.getpass.getuser", lambda: "ada")
    desk("init", "--email", "you@gmail.com", "--mail", "local")
    assert (
        load_config(desk.folder / "config.toml").mail.sender == "Morning papers <ada@mail.univ.edu>"
    )
    desk("init", "by-google.toml", "--email", "you@gmail.com", "--mail", "gmail")
    sender = load_config(desk.folder / "by-google.toml").mail.sender
    assert sender == "Morning papers <you@gmail.com>"


def test_init_asks_for_the_password_unseen_and_keeps_it_in_a_file_of_its_own(desk, monkeypatch):
    asked = []
    monkeypatch.setattr(sys, "stdin", _Terminal())
    monkeypatch.setattr(
        "bot.cli.ways.getpass.getpass",
        lambda prompt: asked.append(prompt) or " abcd efgh ijkl mnop",
    )
    told = ("--email", "you@gmail.com", "--categories", "cs.CL", "--keywords", "folding")
    said = desk("init", *told, "--mail", "gmail")
    kept = desk.folder / "smtp-password"
    assert (kept.read_text(), stat.S_IMODE(kept.stat().st_mode)) == ("abcdefghijklmnop\n", 0o600)
    assert "abcd" not in said.words + (desk.folder / "config.toml").read_text()
    assert "cat >" not in said.words
    assert "apppasswords" in asked[0]
    desk("init", "other.toml", *told, "--mail", "gmail")
    assert len(asked) == 1, "there is one already"


def test_init_for_feeds_alone_asks_for_no_address_and_names_the_feed(desk, monkeypatch):
    monkeypatch.setattr(sys, "stdin", _Terminal("\n\n"))
    said = desk("init", "--mail", "none")
    assert "Your mail address" not in said.out
    config = load_config(desk.folder / "config.toml")
    assert (config.profiles["my-papers"].to, config.bot.contact) == ((), "")
    assert (desk.state / "public" / "feeds" / "my-papers.rss").as_uri() in said.out
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    desk("init", "known.toml", "--mail", "none", "--email", "you@example.org")
    assert load_config(desk.folder / "known.toml").bot.contact == "you@example.org"


def test_init_in_a_container_listens_where_its_image_says(desk, monkeypatch):
    monkeypatch.setenv("PAPERROUND_LISTEN", "0.0.0.0:8600")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    said = desk("init", "--email", "you@example.org")
    config = load_config(desk.folder / "config.toml")
    assert (config.web.listen, config.bot.timezone) == ("0.0.0.0:8600", "Europe/Berlin")
    assert "crontab" not in said.words
    monkeypatch.setenv("TZ", "CET-1CEST")
    desk("init", "other.toml", "--email", "you@example.org", "--listen", "127.0.0.1:0")
    assert load_config(desk.folder / "other.toml").web.listen == "127.0.0.1:0"


def test_init_prints_a_line_for_cron_that_works_there(desk, monkeypatch):
    folder = desk.folder / "50% of it's mine"
    folder.mkdir()
    monkeypatch.setattr(sys, "argv", [str(Path(sys.executable).with_name("paperround"))])
    with replaying(sample_day(1)) as site:
        said = desk("init", f"{folder}/papers.toml", "--email", "you@example.org",
            "--categories", "cs.CL", "--mirror", site.url)  # fmt: skip
        (line,) = [line for line in said.out.splitlines() if line.startswith("  7 * * * *")]
        command = line.split(None, 5)[5]
        assert not re.search(r"(?<!\\)%", command), "cron takes it for the end of the line"
        done = subprocess.run(
            ["/bin/sh", "-c", command.replace("\\%", "%")], cwd="/", capture_output=True,
            env={"PATH": "/usr/bin:/bin"}, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (folder / "state" / "paperround.db").exists()


def test_init_takes_the_end_of_input_for_a_no(desk, monkeypatch):
    monkeypatch.setattr(sys, "stdin", _Terminal("you@example.org\n"))
    said = desk("init")
    assert said.code == 2
    assert "nothing was written" in said.words
    assert list(desk.folder.iterdir()) == []


# ── Which configuration ───────────────────────────────────────────────────────────────────────────


def test_a_missing_configuration_says_how_to_begin(desk):
    said = desk("once")
    assert said.code == 2
    assert "config.toml" in said.words
    assert "paperround init" in said.words
    assert list(desk.folder.iterdir()) == []


def test_the_environment_names_a_configuration_and_the_option_wins(desk, monkeypatch):
    for name in ("one", "two"):
        desk("init", f"{name}.toml", "--email", f"{name}@example.org")
    monkeypatch.setenv("PAPERROUND_CONFIG", str(desk.folder / "one.toml"))
    assert desk("subscribers", "list", "--json").document[0]["address"] == "one@example.org"
    told = desk("--config", "two.toml", "subscribers", "list", "--json").document
    assert {subscriber["address"] for subscriber in told} >= {"two@example.org"}


def test_the_state_folder_lies_beside_the_configuration(desk, monkeypatch):
    desk("init", "bot/config.toml", "--email", "you@example.org")
    (desk.folder / "elsewhere").mkdir()
    monkeypatch.chdir(desk.folder / "elsewhere")
    assert desk("--config", "../bot/config.toml", "status").code == 0
    assert (desk.folder / "bot" / "state" / "paperround.db").exists()
    assert list((desk.folder / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[bot]\ntitel = 'x'\n", "titel"),
        ("[profiles.feeds]\n", "feeds"),
        ("[profiles.A]\n", "A"),
        ("not toml at all", "config.toml"),
        (
            "[profiles.a]\nto = ['nobody']\n[profiles.a]\n",
            "config.toml",
        ),
        ("[profiles.a]\nto = ['nobody']\n", "nobody"),
        ("[[sources]]\nname='s'\nkind='feed'\nurl='http://e.org'\n" * 2, "two sources"),
    ],
)
@pytest.mark.parametrize("command", ["once", "status", "check"])
def test_nothing_starts_on_a_wrong_configuration(desk, text, says, command):
    desk.write(text)
    said = desk(command)
    assert said.code == 2
    assert says in said.words
    assert not desk.state.exists()


def test_a_folder_is_no_configuration(desk):
    (desk.folder / "config.toml").mkdir()
    said = desk("once")
    assert said.code == 2
    assert "config.toml" in said.err
