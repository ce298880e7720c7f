"""What `check` found, and how it is shown: one line each."""

from __future__ import annotations

from collections.abc import Iterable

from bot.cli.terminal import as_json, say
from bot.domains import Judgement, Standing
from bot.values import value_type


@value_type(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what, whether it is well, and words."""

    what: str
    ok: bool
    words: str
    warning: bool = False

    @classmethod
    def of(cls, judgement: Judgement) -> Finding:
        """Return a judgement as a finding."""
        return cls(
            judgement.what,
            ok=judgement.standing is not Standing.BROKEN,
            words=judgement.words,
            warning=judgement.standing is Standing.DOUBT,
        )

    @property
    def mark(self) -> str:
        """What stands before it: ok, warn or FAIL."""
        if not self.ok:
            return Standing.BROKEN.value
        return Standing.DOUBT.value if self.warning else Standing.WELL.value


def show_findings(findings: Iterable[Finding], *, as_document: bool) -> int:
    """Print them, as lines or as one JSON document; return the exit code, 1 where one is wrong."""
    findings = list(findings)
    if as_document:
        as_json(
            [{"what": f.what, "ok": f.ok, "warning": f.warning, "words": f.words} for f in findings]
        )
    else:
        for finding in findings:
            say(f"{finding.mark:4} {finding.what}: {finding.words}")
    return 0 if all(finding.ok for finding in findings) else 1
