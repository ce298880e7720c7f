"""poll: three hundred feeds of fifty entries, all new and then all unchanged, beside four peers.

Cold is the whole of `collect`: fetch, parse, clean, identity, commit (`synchronous=FULL`, on a disk);
warm is the round after it, in which every server answers 304. Ours and reader are timed inside of
the process, from the first request to the last commit; newsboat and rss2email as whole processes.
All have their modules compiled, as they are once installed. The floor (libcurl and expat to
dictionaries) stores nothing. The search index, which ours brings up to date after a round or at the
next search, has a row of its own.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks import peers
from benchmarks.deliver_sink import told_by
from benchmarks.measure import as_installed, serving
from benchmarks.poll_feeds import ENTRIES
from benchmarks.poll_server import address

_HERE = Path(__file__).parent
_FAR_SECONDS = 0.15
_RUN_SECONDS = 300.0
_HOURS_LATER = 2


def run(rounds: int = 3, feeds: int = 300) -> list[dict[str, object]]:
    """Return one row a program: cold and warm seconds, CPU, memory, and the targets.

    Ends with a sentence where newsboat or a registry for the peers is missing.
    """
    if shutil.which("newsboat") is None:
        sys.exit(
            "The poll stage needs newsboat, which Debian's package of that name brings; the results of "
            "the last run are kept."
        )
    python = peers.interpreter()
    # Not in memory: what is committed has to reach a disk.
    with (
        tempfile.TemporaryDirectory(dir="/var/tmp", prefix="poll-") as name,
        as_installed(Path(name)),
    ):
        near = _Bench(Path(name) / "near", python, feeds)
        with _serving(near, 0.0):
            rows = _near(near, rounds)
        far = _Bench(Path(name) / "far", python, feeds)
        with _serving(far, _FAR_SECONDS):
            return [*rows, *_far(far, rounds)]


class _Bench:
    """A folder, the feeds' addresses, and what each program took in it."""

    def __init__(self, folder: Path, python: Path, feeds: int) -> None:
        self.folder, self.python, self.feeds = folder, python, feeds
        self.port = 0
        self.figures: dict[str, list[dict[str, float]]] = {}
        folder.mkdir()

    @property
    def urls(self) -> list[str]:
        """The feeds' addresses."""
        return [f"http://{address(n)}:{self.port}/{n}" for n in range(self.feeds)]

    def note(self, what: str, measure: Callable[[], dict[str, float]]) -> dict[str, float]:
        """Take one measurement, with the CPU seconds of what it ran."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.perf_counter()
        told = measure()
        wall = time.perf_counter() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        told = {"seconds": wall, "cpu": cpu} | told
        self.figures.setdefault(what, []).append(told)
        print(what, {name: round(value, 3) for name, value in told.items()}, file=sys.stderr)
        return told

    def of(self, what: str, figure: str = "seconds") -> float:
        """Return the median of a figure."""
        return median(told[figure] for told in self.figures[what])

    @contextmanager
    def afresh(self, what: str) -> Iterator[Path]:
        """Give a folder with nothing in it but the list of addresses."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=f"{what}-") as name:
            (Path(name) / "urls").write_text("\n".join(self.urls) + "\n")
            yield Path(name)

    # ── The programs ──

    def ours(self, *, whole: bool = True) -> None:
        """Collect all, then nothing new, then the search index."""
        with self.afresh("ours") as folder:
            (folder / "config.toml").write_text(_configuration(self.urls))
            self.note("ours cold", lambda: self._ours(folder, "collect", 0))
            papers = self.figures["ours cold"][-1]["papers"]
            if papers != self.feeds * ENTRIES:
                raise RuntimeError(f"{papers} papers came of {self.feeds * ENTRIES}")
            if whole:
                self.note("ours warm", lambda: self._ours(folder, "collect", _HOURS_LATER))
                if self.figures["ours warm"][-1].get("unchanged") != self.feeds:
                    raise RuntimeError("a source was not unchanged")
                self.note("ours index", lambda: self._ours(folder, "index", _HOURS_LATER))

    def _ours(self, folder: Path, what: str, hours: int) -> dict[str, float]:
        told = told_by("benchmarks.poll_ours", what, folder, hours)
        return {k: v for k, v in told.figures.items() if k != "cpu"} | {"MB": sum(told.peaks)}

    def script(self, name: str, *, whole: bool = True) -> None:
        """Run a program of the peers' interpreter that tells its own seconds."""
        with self.afresh(name) as folder:
            command = [self.python, _HERE / f"poll_{name}.py", folder / "urls", folder]
            for state in ("cold", "warm") if whole else ("cold",):
                told = self.note(f"{name} {state}", lambda: json.loads(_output(command)))
                if state == "cold" and told["entries"] != self.feeds * ENTRIES:
                    raise RuntimeError(f"{name} found {told['entries']} entries")

    def newsboat(self) -> None:
        """Let newsboat reload all, in twenty threads."""
        with self.afresh("newsboat") as folder:
            (folder / "config").write_text("reload-threads 20\nmax-items 0\n")
            command = ["newsboat", "-q", "-u", folder / "urls", "-c", folder / "cache.db",
                       "-C", folder / "config", "-x", "reload"]  # fmt: skip
            for state in ("cold", "warm"):
                self.note(f"newsboat {state}", lambda: _nothing(_output(command)))

    def rss2email(self) -> None:
        """Let rss2email fetch all and make the mails, without sending them."""
        with self.afresh("rss2email") as folder:
            feeds = "".join(f"[feed.s{n}]\nurl = {url}\n" for n, url in enumerate(self.urls))
            (folder / "r2e.cfg").write_text(
                f"[DEFAULT]\nfrom = bot@example.org\nto = reader@example.org\n{feeds}"
            )
            command = [self.python.with_name("r2e"), "-c", folder / "r2e.cfg",
                       "-d", folder / "r2e.json", "run", "--no-send"]  # fmt: skip
            for state in ("cold", "warm"):
                self.note(f"rss2email {state}", lambda: _nothing(_output(command)))


def _output(command: Sequence[object]) -> bytes:
    done = subprocess.run(
        list(map(str, command)), check=True, timeout=_RUN_SECONDS, capture_output=True
    )
    return done.stdout


def _nothing(_: bytes) -> dict[str, float]:
    return {}


def _configuration(urls: list[str]) -> str:
    sources = "".join(
        f'[[sources]]\nname = "s{n}"\nkind = "feed"\nurl = "{url}"\n' for n, url in enumerate(urls)
    )
    return (
        '[bot]\ncontact = "owner@example.org"\nstate = "state"\n'
        '[fetch]\nallow_private = ["127.0.0.0/8"]\n'
        '[mail]\ntransport = "maildir"\nfrom = "bot@example.org"\n'
        f'{sources}[profiles.lab]\nkeywords = ["zotra"]\n'
    )


@contextmanager
def _serving(bench: _Bench, seconds: float) -> Iterator[None]:
    with serving("benchmarks.poll_server", bench.feeds, seconds) as port:
        bench.port = int(port)
        yield


# ── The rows ──────────────────────────────────────────────────────────────────────────────────────


def _near(bench: _Bench, rounds: int) -> list[dict[str, object]]:
    for number in range(rounds):  # interleaved: these machines are shared
        bench.script("floor")
        bench.ours()
        bench.newsboat()
        bench.script("reader")
        if not number:  # it is slow, and has no target
            bench.rss2email()
    cold, warm = bench.of("ours cold"), bench.of("ours warm")
    rows = [
        _row(bench, "libcurl and expat (floor): fetch, parse", "floor", cold, warm,
             target="cold ≥0.4"),
        _row(bench, "paperround: collect", "ours", cold, warm),
        _row(bench, "newsboat", "newsboat", cold, warm, target="cold ≥2"),
        _row(bench, "reader, 20 workers", "reader", cold, warm, target="cold ≥12, warm ≥8"),
        _row(bench, "rss2email", "rss2email", cold, warm),
    ]  # fmt: skip
    rows.append({
        "what": "paperround: the search index, afterwards", "cold s": _seconds(bench.of("ours index")),
        "cold CPU s": _seconds(bench.of("ours index", "cpu")),
    })  # fmt: skip
    rows.append({
        "what": "paperround: longest standstill of the event loop, ms",
        "cold s": round(1000 * bench.of("ours cold", "lag")),
        "warm s": round(1000 * bench.of("ours warm", "lag")), "target": "<100",
    })  # fmt: skip
    rows.append({
        "what": "paperround: most memory, MB", "cold s": round(bench.of("ours cold", "MB")),
        "warm s": round(bench.of("ours warm", "MB")), "target": "<80",
    })  # fmt: skip
    return rows


def _far(bench: _Bench, rounds: int) -> list[dict[str, object]]:
    for _ in range(rounds):
        bench.ours(whole=False)
        bench.script("reader", whole=False)
    ours, reader = bench.of("ours cold"), bench.of("reader cold")
    where = f"{1000 * _FAR_SECONDS:.0f} ms of latency"
    return [
        {"what": f"paperround: {where}", "cold s": _seconds(ours)},
        {"what": f"reader: {where}", "cold s": _seconds(reader), "of ours": round(reader / ours, 2),
         "target": "cold ≥10"},
    ]  # fmt: skip


def _row(
    bench: _Bench, what: str, name: str, cold: float, warm: float, *, target: str = ""
) -> dict[str, object]:
    return {
        "what": what,
        "cold s": _seconds(bench.of(f"{name} cold")),
        "of ours": round(bench.of(f"{name} cold") / cold, 2),
        "cold CPU s": _seconds(bench.of(f"{name} cold", "cpu")),
        "warm s": _seconds(bench.of(f"{name} warm")),
        "of ours, warm": round(bench.of(f"{name} warm") / warm, 2),
        "target": target,
    }


def _seconds(value: float) -> float:
    return round(value, 2)
