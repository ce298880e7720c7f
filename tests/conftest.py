"""What every test shares: no network beyond loopback, and how hard hypothesis tries."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from bot.embed import model_of_package
from support_postfix import MailServers, mail_servers

# CI fails for a change and never for a lucky draw: who looks for more uses the profile `ci`.
settings.register_profile(
    "fast", max_examples=50, deadline=None, derandomize=os.environ.get("PAPERROUND_E2E") == "1"
)
settings.register_profile(
    "ci", max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under PAPERROUND_E2E=1 (CI) a test that cannot run has failed: green must mean tried."""
    report = yield
    if (
        report.skipped
        and os.environ.get("PAPERROUND_E2E") == "1"
        and not hasattr(report, "wasxfail")
        # What a container's kernel lets nobody do, no package brings.
        and "can be mounted here" not in str(report.longrepr)
    ):
        report.outcome = "failed"
        report.longrepr = f"skipped, which PAPERROUND_E2E=1 forbids: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection and every datagram that would leave this machine."""

    def guarded(name: str) -> None:
        real = getattr(socket.socket, name)

        def call(self: socket.socket, *arguments: object) -> object:
            _refuse_beyond_loopback(self, arguments[-1])
            return real(self, *arguments)

        monkeypatch.setattr(socket.socket, name, call)

    for name in ("connect", "connect_ex", "sendto"):
        guarded(name)


@pytest.fixture(scope="session", autouse=True)
def _words_rank() -> Iterator[None]:
    """Let words rank alone, whether the semantic extra is installed or not."""
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr("bot.embed.model_of_package", lambda: None)
        yield


@pytest.fixture
def meaning_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the semantic tier rank too, where its extra is installed; else skip by name."""
    if model_of_package() is None:
        pytest.skip("paperround[semantic] is not installed")
    monkeypatch.setattr("bot.embed.model_of_package", model_of_package)


def _refuse_beyond_loopback(used: socket.socket, address: object) -> None:
    if used.family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(address, tuple):
        return
    host = str(address[0])
    try:
        local = ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        local = host in ("localhost", "")
    assert local, f"a test tried to reach {host}: only loopback is allowed"


@pytest.fixture(scope="session")
def servers() -> Iterator[MailServers]:
    """A Postfix, a Dovecot and an opendkim of our own; where they cannot be, skip by name."""
    with mail_servers() as running:
        yield running
