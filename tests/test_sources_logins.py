"""The user and password in a source's address: told to nobody, and kept where it leads on."""

from __future__ import annotations

import pytest

from bot.sources import logins


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://ada:pw@a.org/feed?x=1", "https://…@a.org/feed?x=1"),
        ("https://ada@a.org", "https://…@a.org"),
        ("https://ada:p@w@[::1]:8080/@x", "https://…@[::1]:8080/@x"),
        ("https://a.org/@ada?b=c@d#e@f", "https://a.org/@ada?b=c@d#e@f"),
        ("https://a.org?b=c@d", "https://a.org?b=c@d"),
        ("", ""),
    ],
)
def test_a_login_is_told_to_nobody(address, told):
    assert logins.hidden(address) == told
    assert logins.without(address) == told.replace("…@", "")


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://a.org/new", "https://ada:pw@a.org/new"),
        ("http://a.org/new", "http://a.org/new"),
        ("https://b.org/new", "https://b.org/new"),
        ("https://a.org:8443/new", "https://a.org:8443/new"),
        ("https://bob:x@a.org/new", "https://bob:x@a.org/new"),
        ("https://[", "https://["),
    ],
)
def test_a_login_is_kept_at_its_origin_and_nowhere_else(address, kept):
    assert logins.kept(address, "https://ada:pw@a.org/feed") == kept
    assert logins.kept(address, "https://a.org/feed") == address
