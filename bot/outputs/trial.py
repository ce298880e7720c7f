"""A mail of invented papers, made to see whether somebody's own templates can be filled."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.config import Profile
from bot.models import Edition, Identifier, Paper, Pick, Scheme
from bot.outputs.cards import Section
from bot.outputs.email import DigestMaterial, Press
from bot.ports import Renderer

if TYPE_CHECKING:
    from bot.config import Config


def try_templates(config: Config, render: Renderer) -> None:
    """Make a digest of one paper. Raises TemplateError where ours cannot be filled either.

    What is wrong with the user's own is told by the renderer, as ever.
    """
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    paper = Paper(
        title="A sample paper",
        identifiers=frozenset({Identifier(Scheme.ARXIV, "2601.00001")}),
        abstract="It checks that your templates can be filled.",
        id=1,
        key=Identifier(Scheme.ARXIV, "2601.00001"),
    )
    pick = Pick(1, 1)
    edition = Edition("sample", 1, moment.date(), 1, moment, (pick,), considered=1)
    section = Section(Profile(title="Sample").named("sample"), ((pick, paper),), (edition,))
    material = DigestMaterial("you@example.org", "<sample@paperround.invalid>", moment, (section,))
    Press(bot=config.bot, sender=config.mail.sender, render=render).digest(material)
