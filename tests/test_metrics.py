"""/metrics: what Prometheus is told, read back by its own parser, and who may ask."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import aiohttp
import pytest
from multidict import CIMultiDict
from prometheus_client.parser import text_string_to_metric_families

from bot.app import open_app
from bot.config import load_config
from bot.models import SourceState
from bot.outputs.metrics import Snapshot, exposition
from bot.web import listening

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
CONFIG = """
[bot]
contact = "owner@example.org"
{bot}
[web]
listen = "127.0.0.1:0"
{web}
[[sources]]
name = "nature"
kind = "feed"
url = "https://nature.example.org/rss"
[profiles.experts]
to = ["ada@example.org", "grace@example.org"]
"""


def read(text):
    """Return the metrics by name, each its values by label."""
    return {
        family.name: {"".join(each.labels.values()): each.value for each in family.samples}
        for family in text_string_to_metric_families(text)
    }


def test_every_metric_is_read_by_prometheus_own_parser():
    state = SourceState("nature", failures=3, failing_since=NOW, last_ok=NOW)
    told = read(exposition(Snapshot(
        "0.1.0", NOW, {"nature": state}, {"experts": NOW, "young": None}, 12, {"confirmed": 2},
        {"retry": 1}, held=True, sent_at=NOW, sent_in_a_day=2, reports={"failed": 4},
        alarms=["disk"], troubles=["deliver"], room=1024, database=2**40,
    )))  # fmt: skip
    assert told["paperround_info"] == {"0.1.0": 1}
    assert told["paperround_source_failures"] == {"nature": 3}
    assert told["paperround_source_failing"] == {"nature": 1}
    assert told["paperround_source_alarmed"] == {"nature": 0}
    assert told["paperround_edition_timestamp_seconds"] == {"experts": NOW.timestamp(), "young": 0}
    assert told["paperround_deliveries_waiting"] == {"retry": 1}
    assert told["paperround_sending_held"] == {"": 1}
    assert told["paperround_reports_week"] == {"failed": 4}
    assert told["paperround_alarm"] == {"disk": 1}
    assert told["paperround_database_bytes"] == {"": 2**40}


def test_odd_names_are_quoted():
    name = 'a "b" \\ c\nd'
    told = read(exposition(replace(Snapshot("1", NOW), troubles=[name])))
    assert told["paperround_trouble"] == {name: 1}


# ── Who may ask ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def settings():
    return {"bot": "", "web": ""}


@pytest.fixture
async def app(tmp_path, settings):
    (tmp_path / "config.toml").write_text(CONFIG.format(**settings))
    with open_app(load_config(tmp_path / "config.toml"), lambda: NOW, b"s" * 32) as opened:
        await opened.mirror()
        yield opened


async def ask(address, path="/metrics", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{address}{path}", headers=named) as answer,
    ):
        return answer.status, await answer.text(), answer.headers["Content-Type"]


async def test_a_caller_on_this_machine_is_answered(app):
    app.store.save_source_state(SourceState("nature", last_ok=NOW))
    app.store.save_source_state(SourceState("former", last_ok=NOW))
    async with listening(lambda: app) as address:
        status, text, kind = await ask(address)
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    told = read(text)
    assert told["paperround_subscriptions"] == {"confirmed": 2}
    assert told["paperround_source_answered_timestamp_seconds"] == {"nature": NOW.timestamp()}
    assert "example.org" not in text


@pytest.mark.parametrize(
    ("settings", "forwarded", "status"),
    [
        ({"bot": "", "web": ""}, "203.0.113.7", 404),
        ({"bot": "", "web": ""}, "127.0.0.1", 404),  # anybody can write that
        ({"bot": "", "web": 'trusted_proxies = ["127.0.0.1"]'}, "203.0.113.7", 404),
        ({"bot": "", "web": 'trusted_proxies = ["127.0.0.1"]'}, "127.0.0.1, 203.0.113.7", 404),
        ({"bot": "", "web": 'trusted_proxies = ["127.0.0.1"]'}, "127.0.0.1", 200),
    ],
)
async def test_who_comes_through_a_proxy_is_not(app, forwarded, status):
    async with listening(lambda: app) as address:
        assert (await ask(address, X_Forwarded_For=forwarded))[0] == status


@pytest.mark.parametrize(
    "lines",
    [
        [("X-Forwarded-For", ""), ("X-Forwarded-For", "203.0.113.7")],  # HAProxy adds the second
        [("X-Real-IP", "203.0.113.7")],
        [("Forwarded", "for=203.0.113.7")],
        [("Via", "1.1 proxy")],
    ],
)
async def test_a_proxy_is_known_by_whatever_line_it_adds(app, lines):
    async with (
        listening(lambda: app) as address,
        aiohttp.ClientSession() as session,
        session.get(f"{address}/metrics", headers=CIMultiDict(lines)) as answer,
    ):
        assert answer.status == 404


@pytest.mark.parametrize("settings", [{"bot": "", "web": 'metrics = "127.0.0.1:0"'}])
async def test_an_address_of_their_own_has_the_metrics_and_nothing_else(app, monkeypatch):
    from bot import web

    found: list[str] = []
    real = web.accepting

    def accepting(runner, host, port):
        class Noting:
            async def __aenter__(self):
                self.inner = real(runner, host, port)
                found.append(await self.inner.__aenter__())
                return found[-1]

            async def __aexit__(self, *error):
                return await self.inner.__aexit__(*error)

        return Noting()

    monkeypatch.setattr(web, "accepting", accepting)
    async with listening(lambda: app) as address:
        assert (await ask(address))[0] == 404
        metrics = found[1]
        assert metrics != address
        assert (await ask(metrics))[0] == 200
        assert (await ask(metrics, "/"))[0] == 404
        assert (await ask(metrics, "/health"))[0] == 404


def test_an_address_that_is_none_is_refused_at_the_start(tmp_path):
    from bot.errors import ConfigError

    (tmp_path / "config.toml").write_text(CONFIG.format(bot="", web='metrics = "here"'))
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1:8600"):
        load_config(tmp_path / "config.toml")
