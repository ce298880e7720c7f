"""Where a source's address leads for good, and when that is believed: pure.

Three documents in a row that were read behind the same 301s or 308s are believed; any failure there
leads back to the source's own address.
"""

from __future__ import annotations

from dataclasses import replace

from bot.models import Document, Move, NotModified, SourceState

MOVED_AFTER = 3  # times in a row that an address led elsewhere for good


def asked_at(address: str, move: Move | None) -> str:
    """Return where a source whose own address this is is asked: there, or where it has moved."""
    settled = move is not None and move.old == address and move.times >= MOVED_AFTER
    return move.new if move is not None and settled else address


def after_answer(address: str, move: Move | None, answer: Document | NotModified) -> Move | None:
    """Return what is known of a move once this answer was read and committed.

    Only then: an address that leads to a login page for good has not moved there.
    """
    if asked_at(address, move) != address and not answer.moved_to:
        return move
    if not answer.moved_to:
        return None
    if move is not None and (move.old, move.new) == (address, answer.moved_to):
        return replace(move, times=move.times + 1)
    return Move(address, answer.moved_to)


def not_there(state: SourceState) -> SourceState:
    """Return the state where a source did not answer at the address that it had moved to.

    Its own address is asked next: what was said at the other one, "gone" too, is not its last word.
    """
    return replace(state, gone=False, etag="", last_modified="", body_sha="")
