"""Where a paper's page stands: `papers/SCHEME/VALUE/`, whatever the value holds.

What an address says, percent-encoded, is what the folder is called, so that any server of files
finds it. A value comes from outside: a part that could leave the folder, hide in it, meet one of our
own names or be longer than a file system takes, stands there as a digest. No identifier can be read
off a digest: where no file may be, a link says besides whose page it leads to.
"""

from __future__ import annotations

import hashlib
from urllib.parse import quote

from bot.models import Identifier, Scheme

_LONGEST_PART = 200  # bytes; ext4, APFS and NTFS take 255
_LONGEST_VALUE = 800  # bytes; the whole path may have 4,096, and on some systems 1,024
_MOST_PARTS = 24
_DIGEST = 20  # hexadecimal digits: 80 bits
NAMED = "paper"  # in a link's query: the paper's identifier
# RFC 3986, section 3.3: what may stand in a part of a path as it is.
_SAFE = ":@!$()*+,;=-._~"


def paper_folder(key: Identifier) -> str:
    """Return the folder of a paper's page, relative to the public one: `papers/doi/10.1038/xyz`."""
    parts = key.value.split("/")
    if key.scheme is Scheme.URL and parts[:2] == ["https:", ""]:
        del parts[1]  # servers make one of two slashes
    whole = len(parts) > _MOST_PARTS or len(_encoded(key.value)) > _LONGEST_VALUE
    told = [_digest(key.value)] if whole else [_part(part) for part in parts]
    return "/".join(("papers", key.scheme.value, *told))


def link_to(folder: str, root: str) -> str:
    """Return the relative link to a folder's page from a page that `root` ("", "../") leads home."""
    return f"{root}{quoted(folder)}/index.html"


def link_to_any(key: Identifier, root: str) -> str:
    """Return the relative link to the page of a paper of which no file may be, as `serve` makes it."""
    folder = paper_folder(key)
    return link_to(folder, root) + _named(key, folder)


def place_of(key: Identifier) -> str:
    """Return where that page stands under `serve`, below the public address."""
    folder = paper_folder(key)
    return f"{quoted(folder)}/{_named(key, folder)}"


def quoted(folder: str) -> str:
    """Return a folder as it is written in an address."""
    return "/".join(quote(part, safe=_SAFE) for part in folder.split("/"))


def _named(key: Identifier, folder: str) -> str:
    return f"?{NAMED}={quote(str(key), safe='')}" if "/~" in folder else ""


def _part(part: str) -> str:
    # A leading dot would hide the folder or climb out of it; "~" begins our digests.
    awkward = (
        not part
        or part[0] in ".~"
        or part.lower() == "index.html"
        or "\\" in part
        or not part.isprintable()
        or part != part.strip()
        or len(_encoded(part)) > _LONGEST_PART
    )
    return _digest(part) if awkward else part


def _digest(value: str) -> str:
    return f"~{hashlib.sha256(_encoded(value)).hexdigest()[:_DIGEST]}"


def _encoded(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")
