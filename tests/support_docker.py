"""A stand-in for `docker`, for those commands that docs/five-minutes.md has, where no engine runs.

    support_docker.py DOCKERFILE SITE PORT build|run|exec …

It takes the image's environment and command from the Dockerfile, the folder that is mounted for
`/papers`, and refuses options it does not know. Papers come from SITE; what would be published at the
container's port answers at PORT of loopback. A container's process id and log lie in NAME.pid, NAME.log.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

_WITH_VALUE = {
    "--user", "--env", "-v", "-p", "--name", "--restart", "--stop-timeout", "--tmpfs",
}  # fmt: skip
_ALONE = {"--rm", "--interactive", "--tty", "--detach", "--read-only"}
_PYTHON = [sys.executable, "-X", "utf8", "-m", "bot", "--now", os.environ["NOW"]]


def main(dockerfile: str, site: str, port: str, verb: str, *words: str) -> int:
    """Do one of docker's commands; return its exit code."""
    if verb == "build":
        return 0 if words == ("--tag", "paperround", ".") else 125
    if verb == "exec":
        name, program, *rest = words
        assert program == "paperround"
        config = Path(f"{name}.config").read_text()
        return subprocess.run([*_PYTHON, "--config", config, *rest], check=False).returncode
    options, (image, *command) = _options(list(words))
    assert (verb, image) == ("run", "paperround"), words
    return _run(Path(dockerfile).read_text(), site, port, options, command)


def _options(words: list[str]) -> tuple[dict[str, str], list[str]]:
    options: dict[str, str] = {}
    while words[0].startswith("-"):
        name = words.pop(0)
        assert name in _WITH_VALUE | _ALONE, name
        options[name] = words.pop(0) if name in _WITH_VALUE else ""
    return options, words


def _run(dockerfile: str, site: str, port: str, options: dict[str, str], command: list[str]) -> int:
    outside, inside = options["-v"].split(":")
    assert (inside, Path(outside).is_dir()) == ("/papers", True), "docker would make it as root"
    assert options["--user"] == f"{os.getuid()}:{os.getgid()}"
    image = dict(re.findall(r"(PAPERROUND_\w+)=(\S+)", dockerfile))
    image = {name: value.replace("/papers", outside) for name, value in image.items()}
    told = dict([options["--env"].split("=", 1)]) if "--env" in options else {}
    environment = os.environ | image | told
    command = command or json.loads(re.findall(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE)[0])
    if command[0] == "init":
        assert {"--rm", "--interactive", "--tty"} <= options.keys(), "it asks"
        call = [*_PYTHON, "init", "--mirror", site, *command[1:]]
        return subprocess.run(call, cwd=outside, env=environment, check=False).returncode
    assert "--detach" in options
    return _serve(Path(image["PAPERROUND_CONFIG"]), port, options, environment)


def _serve(config: Path, port: str, options: dict[str, str], environment: dict[str, str]) -> int:
    text, published = config.read_text(), options["-p"]
    address, outer, inner = published.split(":")
    assert (address, outer) == ("127.0.0.1", "8600"), "where the page says that it shows"
    assert f'listen = "0.0.0.0:{inner}"' in text, "nobody outside would reach it"
    here = config.with_name("here.toml")
    here.write_text(text.replace(f"0.0.0.0:{inner}", f"127.0.0.1:{port}"))
    name = options["--name"]
    Path(f"{name}.config").write_text(str(here))
    with Path(f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            [*_PYTHON, "--config", here, "serve"], env=environment, cwd=config.parent, stdout=log,
            stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    Path(f"{name}.pid").write_text(str(process.pid))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
