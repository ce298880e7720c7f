"""small: a day of 20 sources and 5 subscribers on one core and in 256 MB, as a Raspberry Pi would.

Every process of ours runs on one core (`taskset`) and in a memory group of its own (cgroup v1 or v2),
where the kernel kills what needs more; the sources are served outside of it. The group's peak counts
what the kernel caches of our files too, the process's is what it needs itself.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median

from benchmarks.poll_feeds import ENTRIES, NOW
from benchmarks.poll_server import address

SOURCES, SUBSCRIBERS, HOURS = 20, 5, 24
LIMIT_MB = 256
_LESS_MB = (192, 160, 128)
_IDLE_SECONDS = 60
# Words of two of the syllables that the invented papers' words are made of.
_PROFILES = (
    "bace digu fola meni poru",
    "save tivi xozu trace plodi",
    "kriba ionfo ulame anesa steru",
)


class _Group:
    """A memory group: what runs in it, and the most it had."""

    def __init__(self, limit_mb: int) -> None:
        v1 = Path("/sys/fs/cgroup/memory")
        root, self._limit, self._peak = (
            (v1, "memory.limit_in_bytes", "memory.max_usage_in_bytes")
            if v1.is_dir()
            else (Path("/sys/fs/cgroup"), "memory.max", "memory.peak")
        )
        self.folder = root / f"paperround-{os.getpid()}-{limit_mb}"
        try:
            self.folder.mkdir()
            (self.folder / self._limit).write_text(str(limit_mb << 20))
        except OSError as error:
            sys.exit(
                f"The small stage needs to make a memory group ({error}); the last results are kept."
            )

    def command(self, *words: str) -> list[str]:
        """Return a command that runs `paperround` with these words, in the group and on one core."""
        into = f'echo $$ > {self.folder}/cgroup.procs; exec taskset -c 0 "$@"'
        return ["sh", "-c", into, "sh", sys.executable, "-m", "bot", *words]

    @property
    def peak_mb(self) -> int:
        return int((self.folder / self._peak).read_text()) >> 20

    def close(self) -> None:
        self.folder.rmdir()


@contextmanager
def _group(limit_mb: int) -> Iterator[_Group]:
    group = _Group(limit_mb)
    try:
        yield group
    finally:
        group.close()


def run() -> list[dict[str, object]]:
    """Return a row for the first morning, a quiet hour, the day, and `serve`."""
    feeds = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.poll_server", str(SOURCES), "0"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert feeds.stdout is not None  # noqa: S101 - it is a pipe
        port = int(feeds.stdout.readline())
        with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="small-") as name:
            rows = _day(Path(name) / "day", port)
            return [*rows, *_with_less(Path(name), port)]
    finally:
        feeds.terminate()
        feeds.wait()


def _configured(folder: Path, port: int) -> Path:
    folder.mkdir()
    profiles = [
        f'[profiles.p{n}]\nkeywords = {json.dumps(words.split())}\nat = "any"\nto = '
        + json.dumps(
            [f"reader{r}@example.org" for r in range(SUBSCRIBERS) if r % len(_PROFILES) == n]
        )
        for n, words in enumerate(_PROFILES)
    ]
    sources = [
        f'[[sources]]\nname = "feed-{n}"\nkind = "feed"\nurl = "http://{address(n)}:{port}/{n}"'
        for n in range(SOURCES)
    ]
    config = folder / "config.toml"
    config.write_text(
        '[bot]\ncontact = "owner@example.org"\n[fetch]\nallow_private = ["127.0.0.0/8"]\n'
        '[web]\nlisten = "127.0.0.1:0"\n[semantic]\nuse = "off"\n'
        + "\n".join([*sources, *profiles])
        + "\n"
    )
    return config


def _once(group: _Group, config: Path, hour: int) -> dict[str, float]:
    """Run one round at this hour; return its CPU and wall seconds, the largest process in MB, mails."""
    moment = (NOW + timedelta(hours=hour)).isoformat()
    begin = time.perf_counter()
    process = subprocess.Popen(
        group.command("--config", str(config), "--now", moment, "once", "--json"),
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    told = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        return {"failed": process.returncode}
    done = json.loads(told)
    return {
        "cpu": used.ru_utime + used.ru_stime, "wall": time.perf_counter() - begin,
        "mb": used.ru_maxrss / 1024, "papers": sum(c["new"] for c in done["collected"]),
    }  # fmt: skip


def _day(folder: Path, port: int) -> list[dict[str, object]]:
    config = _configured(folder, port)
    with _group(LIMIT_MB) as group:
        hours = [_once(group, config, hour) for hour in range(HOURS)]
        peak = group.peak_mb
    failed = [hour for hour in hours if "failed" in hour]
    if failed:
        sys.exit(f"A round failed in {LIMIT_MB} MB: {failed[0]}")
    mails = len(list((folder / "state" / "mail" / "new").iterdir()))
    first, quiet = hours[0], hours[1:]
    if first["papers"] != SOURCES * ENTRIES or mails != SUBSCRIBERS:
        sys.exit(f"The first morning had {first['papers']:.0f} papers and {mails} mails.")
    size = (folder / "state" / "paperround.db").stat().st_size / 1e6
    return [
        {"what": f"the first morning: {first['papers']:.0f} new papers, {mails} mails",
         "CPU s": round(first["cpu"], 1), "largest process, MB": round(first["mb"]),
         "wall s": round(first["wall"], 1)},
        {"what": "an hour with nothing new (median)",
         "CPU s": round(median(hour["cpu"] for hour in quiet), 2),
         "largest process, MB": round(max(hour["mb"] for hour in quiet)),
         "wall s": round(median(hour["wall"] for hour in quiet), 1)},
        {"what": f"the day: {HOURS} rounds of `once`; database {size:.1f} MB",
         "CPU s": round(sum(hour["cpu"] for hour in hours), 1),
         "largest process, MB": round(max(hour["mb"] for hour in hours)),
         "group's peak, MB": peak},
        _serve(config),
    ]  # fmt: skip


def _serve(config: Path) -> dict[str, object]:
    """Let `serve` make a morning of its own, then idle for a minute."""
    with _group(LIMIT_MB) as group, (config.parent / "log").open("w+") as log:
        process = subprocess.Popen(group.command("--config", str(config), "serve"), stderr=log)
        try:
            _wait_for(config.parent / "log", process)
            before = _cpu_of(process.pid)
            time.sleep(_IDLE_SECONDS)
            idle = _cpu_of(process.pid) - before
            peak = group.peak_mb
        finally:
            process.send_signal(signal.SIGTERM)
            _, _, used = os.wait4(process.pid, 0)
            process.returncode = 0
        return {
            "what": "`serve`: a round, then a minute in which nothing happens (CPU of that minute)",
            "CPU s": round(idle, 2), "largest process, MB": round(used.ru_maxrss / 1024),
            "group's peak, MB": peak,
        }  # fmt: skip


def _wait_for(log: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until `serve` is up and its first round over: nothing more is logged for ten seconds."""
    quiet, size = 0, -1
    while quiet < 20:  # noqa: PLR2004 - halves of a second
        if process.poll() is not None:
            sys.exit(f"serve ended: {log.read_text()}")
        time.sleep(0.5)
        now = log.stat().st_size
        quiet, size = (quiet + 1, size) if now == size and now else (0, now)


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _with_less(folder: Path, port: int) -> Iterator[dict[str, object]]:
    """Repeat the first morning with less and less memory, until it is killed."""
    for limit in _LESS_MB:
        config = _configured(folder / f"less-{limit}", port)
        with _group(limit) as group:
            done = _once(group, config, 0)
        if "failed" in done:
            yield {"what": f"the first morning in {limit} MB: killed"}
            return
        yield {
            "what": f"the first morning in {limit} MB", "CPU s": round(done["cpu"], 1),
            "largest process, MB": round(done["mb"]), "wall s": round(done["wall"], 1),
        }  # fmt: skip
