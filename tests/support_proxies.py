"""nginx and Caddy on loopback, with the files of docs/running/ and nothing of the machine's own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support_dovecot import free_port, listens, wait_until

FILES = Path(__file__).parents[1] / "docs" / "running"
_NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log {folder}/access.log; include /etc/nginx/mime.types;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    gzip on; gzip_proxied any; gzip_types application/rss+xml application/atom+xml;
    server {{ listen 127.0.0.1:{port}; include {folder}/papers.conf; }}
}}
"""


@contextmanager
def proxy(name: str, folder: Path, behind: str) -> Iterator[str]:
    """Run `nginx` or `caddy` before what listens at `behind` (host:port); yield its address.

    Skips where it is not installed.
    """
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed here")
    folder.mkdir()
    port = free_port()
    command = [found, *_WAYS[name](folder, port, behind)]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    with (
        (folder / "out").open("wb") as out,
        subprocess.Popen(command, stdout=out, stderr=out, env=environment, cwd=folder) as process,
    ):
        try:
            wait_until(lambda: listens(port), f"{name} listens ({folder}/out)")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def _nginx(folder: Path, port: int, behind: str) -> list[str]:
    ours = (FILES / "nginx.conf").read_text()
    assert "127.0.0.1:8600" in ours
    (folder / "papers.conf").write_text(ours.replace("127.0.0.1:8600", behind))
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port))
    return ["-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]


def _caddy(folder: Path, port: int, behind: str) -> list[str]:
    ours = (FILES / "Caddyfile").read_text()
    block = re.sub(r"^example\.org \{", f"http://127.0.0.1:{port} {{", ours, flags=re.MULTILINE)
    assert block != ours
    assert "127.0.0.1:8600" in block
    (folder / "Caddyfile").write_text(
        "{\n\tadmin off\n\tauto_https off\n}\n" + block.replace("127.0.0.1:8600", behind)
    )
    return ["run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


_WAYS = {"nginx": _nginx, "caddy": _caddy}
