"""The embed room: text as a model reads it, the model in its process, and a service that is asked."""

from __future__ import annotations

import asyncio
import hashlib
import struct
import subprocess
import sys
from importlib.resources import files

import pytest
from aiohttp import web

from bot.apart import Apart
from bot.embed import LocalEmbedder, RemoteEmbedder, local, model_of_package
from bot.embed.model import MODEL_NAME
from bot.embed.wordpiece import pieces
from bot.embed.words import WordEmbedder, packed, pointing
from bot.errors import EmbeddingError
from bot.fetch import HttpFetcher
from bot.ranking.meaning import SHIPPED_FOR
from support_http import serving
from support_models import REFUSALS, Embeddings, refusing

LOOPBACK = ("127.0.0.1/32",)
MODEL = model_of_package()
with_the_extra = pytest.mark.skipif(MODEL is None, reason="paperround[semantic] is not installed")


# ── Pieces ────────────────────────────────────────────────────────────────────────────────────────


def test_the_table_is_the_published_one():
    table = files("bot.embed").joinpath("vocabulary.txt").read_bytes()
    assert hashlib.sha256(table).hexdigest() == (
        "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
    )


@pytest.mark.parametrize(
    ("text", "numbers"),
    [  # as the published implementation reads them
        ("Mixture-of-Experts routing, cheaply!",
         [8150, 1011, 1997, 1011, 8519, 16972, 1010, 10036, 2135, 999]),
        ("Müller's naïve Ångström", [12304, 1005, 1055, 15743, 17076, 15687]),
        ("機械学習 models", [100, 100, 1817, 100, 4275]),
        ("x" * 101 + " end", [100, 2203]),
        ("α-helix β", [1155, 1011, 25743, 1156]),
        ("", []),
        ("tab\tand\u200bzero \ufffd", [21628, 1998, 6290, 2080]),
    ],
)  # fmt: skip
def test_text_is_read_in_the_pieces_of_the_published_reader(text, numbers):
    assert pieces(text, 128) == [101, *numbers, 102]


def test_a_long_text_is_cut_and_marks_of_the_model_in_it_are_text():
    assert len(pieces("experts " * 500, 128)) == 128
    assert pieces("experts " * 500, 128)[-1] == 102
    assert 101 not in pieces("a [CLS] token", 128)[1:]


# ── The model ─────────────────────────────────────────────────────────────────────────────────────


def test_the_statistics_that_are_shipped_are_of_the_model_that_is_run():
    assert MODEL_NAME == SHIPPED_FOR


def test_our_process_never_loads_what_runs_the_model():
    code = (
        "import sys; from bot.embed import LocalEmbedder, model_of_package; model_of_package(); "
        "import bot.app, bot.workflows.meaning; print('onnxruntime' in sys.modules, 'numpy' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "False"]


@with_the_extra
async def test_the_same_text_has_the_same_vector_whatever_is_read_beside_it():
    with Apart(60, largest=2**31) as apart:
        model = LocalEmbedder(apart)
        assert await model.name() == SHIPPED_FOR
        one, other, again = await model.embed(
            ["Experts route.", "Proteins fold " * 99, "Experts route."]
        )
        (alone,) = await model.embed(["Experts route."])
        process = apart._process  # noqa: SLF001 - what it leaves behind
    assert one == again == alone != other
    assert len(one) == 2 * 384
    assert process is not None
    with pytest.raises(ValueError, match="closed"):
        process.is_alive()


@with_the_extra
def test_what_runs_the_model_leaves_nothing_behind_and_reports_to_nobody(tmp_path):
    """Not even an id of the machine, though it would where nothing says that this is a test."""
    code = (
        "from bot.embed.local import SHIPPED_SHA, model_of_package\n"
        "from bot.embed.model import embedded\n"
        "print(len(embedded(str(model_of_package()), SHIPPED_SHA, ['Experts'])))"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code], capture_output=True, text=True, check=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.stdout.split() == ["1"]
    assert list(tmp_path.rglob("*")) == []


@with_the_extra
async def test_another_file_than_the_published_one_is_not_run(tmp_path, monkeypatch):
    broken = tmp_path / "model.onnx"
    broken.write_bytes(MODEL.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(local, "model_of_package", lambda: broken)
    with Apart(60, largest=2**31) as apart, pytest.raises(EmbeddingError, match="is not the model"):
        await LocalEmbedder(apart).embed(["Experts"])


@with_the_extra
async def test_a_file_of_ones_own_is_known_by_its_content(tmp_path):
    own = tmp_path / "own.onnx"
    own.write_bytes(MODEL.read_bytes())
    with Apart(60, largest=2**31) as apart:
        model = LocalEmbedder(apart, own)
        assert (await model.name()).startswith("file 8199be6f")
        assert await model.embed(["Experts"]) == await LocalEmbedder(apart).embed(["Experts"])


@with_the_extra
@pytest.mark.parametrize("content", [b"", b"no model at all", b"\x08\x07" * 50])
async def test_a_file_that_is_no_model_is_told_in_a_sentence(tmp_path, content):
    own = tmp_path / "own.onnx"
    own.write_bytes(content)
    with (
        Apart(60, largest=2**31) as apart,
        pytest.raises(EmbeddingError, match=r"own\.onnx is no ONNX model"),
    ):
        await LocalEmbedder(apart, own).embed(["Experts"])


async def test_a_model_that_is_not_there_is_told_in_a_sentence(tmp_path, monkeypatch):
    with Apart() as apart:
        monkeypatch.setattr(local, "find_spec", lambda _: None)
        with pytest.raises(EmbeddingError, match="not installed: pip install"):
            await LocalEmbedder(apart).name()
        with pytest.raises(EmbeddingError, match="not installed: pip install"):
            await LocalEmbedder(apart).embed(["Experts"])
        monkeypatch.setattr(local, "find_spec", lambda _: object())
        with pytest.raises(EmbeddingError, match=r"none\.onnx cannot be read"):
            await LocalEmbedder(apart, tmp_path / "none.onnx").name()


async def test_a_process_that_ends_is_told_in_a_sentence(tmp_path):
    async def apart(*_arguments):
        from bot.errors import ApartError

        raise ApartError("took longer than 120 s to read; nothing of it was kept")

    with pytest.raises(EmbeddingError, match="did not read 1 texts: it took longer"):
        await LocalEmbedder(apart, tmp_path / "own.onnx").embed(["Experts"])


# ── A service ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_service_is_asked_as_openais_is_and_its_key_stays_in_the_header():
    service = Embeddings()
    async with serving() as site, HttpFetcher(allow_private=LOOPBACK) as fetcher:
        service.put(site)
        model = RemoteEmbedder(fetcher, site.url("/v1"), "words", "secret key")
        found = await model.embed([f"text {n}" for n in range(40)])
        other = RemoteEmbedder(fetcher, site.url("/v1/embeddings/"), "words")
        assert await other.embed(["text 7"]) == [found[7]]
        assert await other.name() == await model.name()
        assert await RemoteEmbedder(fetcher, site.url("/v1"), "others").name() != await model.name()
    assert [len(each["input"]) for each in service.asked] == [32, 8, 1]
    assert service.keys == ["Bearer secret key", "Bearer secret key", ""]
    assert found[39] == packed(pointing("text 39", 48))


@pytest.mark.parametrize(
    "body",
    [
        "500", "html", "empty", "[]", '{"data": []}', '{"data": [{"index": 0}]}',
        '{"data": [{"index": 0, "embedding": []}]}', '{"data": [{"index": 1, "embedding": [1]}]}',
        '{"data": [{"index": 0, "embedding": [0, 0]}]}', '{"data": [{"index": 0, "embedding": [NaN]}]}',
        '{"data": [{"index": 0, "embedding": [1e400]}]}', '{"data": [{"index": 0, "embedding": ["x"]}]}',
        '{"data": {"index": 0}}', "[" * 100_000,
        '{"data": [{"index": 0, "embedding": [' + "1," * 5000 + "1]}]}",
    ],
)  # fmt: skip
async def test_what_is_no_vector_is_told_in_a_sentence(body):
    service = Embeddings(moods=[body])
    async with serving() as site, HttpFetcher(allow_private=LOOPBACK) as fetcher:
        service.put(site)
        with pytest.raises(EmbeddingError, match=r"answer|sent") as told:
            await RemoteEmbedder(fetcher, site.url("/v1"), "words", "secret key").embed(["text"])
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(("said", "told"), REFUSALS)
async def test_what_a_service_says_where_it_refuses_is_told_in_a_line_without_our_key(said, told):
    async with serving() as site, HttpFetcher(allow_private=LOOPBACK) as fetcher:
        site.put_call("/v1/embeddings", refusing(said))
        with pytest.raises(EmbeddingError) as caught:
            await RemoteEmbedder(fetcher, site.url("/v1"), "words", "secret key").embed(["text"])
    words = str(caught.value)
    whole = f"127.0.0.1 answered HTTP 404 Not Found{told}"
    assert words.startswith(whole) if "long" in told else words == whole
    assert len(words) < 400
    assert words.isprintable()


async def test_a_refusal_that_breaks_off_or_never_ends_is_told_by_its_status(monkeypatch):
    monkeypatch.setattr("bot.fetch._REFUSAL_SECONDS", 0.2)

    async def slow(request):
        answer = web.StreamResponse(status=400)
        await answer.prepare(request)
        await answer.write(b'{"error": ')
        await asyncio.sleep(3)
        return answer

    async with serving() as site, HttpFetcher(allow_private=LOOPBACK) as fetcher:
        short = b'HTTP/1.1 400 Bad Request\r\nContent-Length: 90\r\n\r\n{"error": "x"}'
        site.put_raw("/short/embeddings", short)
        site.put_call("/slow/embeddings", slow)
        for path in ("/short", "/slow"):
            with pytest.raises(EmbeddingError) as caught:
                await RemoteEmbedder(fetcher, site.url(path), "words").embed(["text"])
            assert str(caught.value) == "127.0.0.1 answered HTTP 400 Bad Request"


async def test_a_service_that_is_down_is_told_in_a_sentence():
    async with HttpFetcher(allow_private=LOOPBACK) as fetcher:
        with pytest.raises(EmbeddingError, match=r"127\.0\.0\.1"):
            await RemoteEmbedder(fetcher, "http://127.0.0.1:9/v1", "words").embed(["text"])


# ── The fake ──────────────────────────────────────────────────────────────────────────────────────


async def test_the_fake_finds_texts_alike_that_share_words_and_remembers_what_it_read():
    fake = WordEmbedder(width=64)
    same, near, far = await fake.embed(["Experts route.", "experts route tokens", "a cell divides"])
    assert (await fake.embed(["Experts route."])) == [same]
    assert _likeness(same, near) > 0.7 > _likeness(same, far)
    assert fake.read[-2:] == ["a cell divides", "Experts route."]
    assert await fake.name() == MODEL_NAME


async def test_the_fake_fails_where_it_shall():
    with pytest.raises(EmbeddingError, match="down"):
        await WordEmbedder(problem="down").embed(["Experts route."])
    with pytest.raises(EmbeddingError, match="enough"):
        await WordEmbedder(after=0).embed(["Experts route."])


def _likeness(one, other):
    """The cosine of two vectors of length 1 as embedders answer them."""
    vectors = (struct.unpack(f"<{len(each) // 2}e", each) for each in (one, other))
    return sum(a * b for a, b in zip(*vectors, strict=True))
