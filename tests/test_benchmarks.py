"""The benchmarks themselves: each stage runs, small, so that it never rots. No figure is judged here.

Those beside programs of others (poll, deliver, and the peer of rank) need a registry, and one that
limits a process's memory (small) needs to be root.
"""

from __future__ import annotations

import json
import shutil

import pytest

from benchmarks import day, diff, publish, rank, search, serve, start, trending, variety
from benchmarks.__main__ import STAGES, main
from support_replay import SHARED

pytestmark = pytest.mark.long
needs_the_captures = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is not here")


def rows_of(rows):
    assert rows
    assert all(len(row) > 1 and next(iter(row.values())) for row in rows), "said of what"
    json.dumps(rows)  # as results.json keeps them
    return rows


def test_start():
    assert rows_of(start.ours(1))


@needs_the_captures
def test_diff_tells_how_large_a_store_is_with_and_without_its_index():
    *_, bare, whole = rows_of(diff.run(1, 2_000, 9_000))
    assert bare["MB per 100,000 papers"] < whole["MB per 100,000 papers"]


@needs_the_captures
def test_rank_takes_more_for_a_day_than_for_a_profile():
    rows = rows_of(rank.ours(1, 40))
    assert rows[-1]["CPU s"] > rows[1]["CPU s"]


@needs_the_captures
def test_publish_makes_a_site_and_then_only_what_a_day_changes():
    whole, _, quiet, day, *_ = rows_of(publish.run(600))
    assert whole["files"] == whole["changed"] > day["changed"] > quiet["changed"] == 0


@needs_the_captures
def test_search():
    assert rows_of(search.run(2_000, recall=False))


@needs_the_captures
def test_variety_and_trending():
    assert rows_of(variety.run(2))
    assert rows_of(trending.run())


@needs_the_captures
@pytest.mark.e2e
def test_serve_answers_as_often_as_it_says():
    if shutil.which("wrk") is None:
        pytest.skip("wrk is not installed here")
    assert all(row["a second"] > 10 for row in rows_of(serve.run(1, 1)))


@needs_the_captures
@pytest.mark.e2e
def test_a_day_sends_everybody_one_mail():
    if shutil.which("smtp-sink", path="/usr/sbin:/usr/bin") is None:
        pytest.skip("smtp-sink is not installed here")
    few, more = rows_of(day.run((20, 40), papers=40, profiles=3))
    assert few["CPU of the first"] == 1
    assert more["KB written a mail"] > 1


def test_a_stage_that_there_is_not_is_named(capsys):
    assert main(["nonsense"]) == 2
    said = capsys.readouterr().err
    assert "'nonsense'" in said
    assert all(stage in said for stage in STAGES)
