"""`PYTHON poll_reader.py URLS FOLDER`: lemon24's reader, as its documentation has it, 20 workers.

Run by the peers' interpreter; imports nothing of ours. Prints seconds and entries as a JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from reader import make_reader


def _run(urls: list[str], folder: Path) -> dict[str, float]:
    path = folder / "reader.sqlite"
    known = path.exists()
    reader = make_reader(str(path))
    if not known:
        for url in urls:
            reader.add_feed(url)
    begin = time.perf_counter()
    reader.update_feeds(workers=20, scheduled=False)
    seconds = time.perf_counter() - begin
    entries = reader.get_entry_counts().total
    return {"seconds": seconds, "entries": entries}


if __name__ == "__main__":
    print(json.dumps(_run(Path(sys.argv[1]).read_text().split(), Path(sys.argv[2]))))
