"""Decisions about the sender's domain: SPF, DKIM keys, DMARC, and signatures as they arrived.

Pure: the judges of records are generators that yield the questions to DNS and are sent the answers.
"""

from bot.domains.dmarc import judge_dmarc
from bot.domains.keys import OurKey, judge_key
from bot.domains.names import (
    foreign_free_mail,
    in_dns,
    on_this_machine,
    own_free_mail,
    relay_in_words,
)
from bot.domains.records import Asking, Judgement, Lookup, Standing
from bot.domains.signatures import Signature, SignedMail, fault_of, read_received
from bot.domains.spf import judge_spf

__all__ = [
    "Asking",
    "Judgement",
    "Lookup",
    "OurKey",
    "Signature",
    "SignedMail",
    "Standing",
    "fault_of",
    "foreign_free_mail",
    "in_dns",
    "judge_dmarc",
    "judge_key",
    "judge_spf",
    "on_this_machine",
    "own_free_mail",
    "read_received",
    "relay_in_words",
]
