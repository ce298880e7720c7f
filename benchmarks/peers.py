"""The peers' interpreter: programs of others, in a virtual environment beside ours.

What they bring along (chardet, another feedparser) would change what ours reads.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

_WANTED = Path(__file__).with_name("peers.txt")


def interpreter() -> Path:
    """Return an interpreter that has the peers; made where it is missing or has others.

    Ends with a sentence where no registry has them.
    """
    folder = Path(sys.prefix) / "peers"
    python = folder / "bin" / "python"
    wanted = _WANTED.read_text()
    done = folder / "installed.txt"
    if not done.exists() or done.read_text() != wanted:
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*command, "-r", str(_WANTED)], check=False).returncode:
            sys.exit("The peers could not be installed; the last results are kept.")
        done.write_text(wanted)
    return python
