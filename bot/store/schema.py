"""The schema, as migrations that go forwards only. Nothing of `bot` is imported in a migration.

Times are whole seconds since 1970 in UTC, except `period` and `seen_on`, which are local dates and
ISO weeks as people say them.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

migrations = Migrations("paperround")


@migrations()
def m001_first(db: Database) -> None:
    """Everything that version 0.1 needs."""
    # Numbers of subscribers stand in tokens, those of subscriptions in Message-IDs: AUTOINCREMENT, so
    # that nobody inherits the number of one who was forgotten.
    # STRICT: a wrong type is an error where it is written, not where it is read.
    for statement in _FIRST.strip().split(";\n"):
        if statement.strip():
            db.execute(statement)


@migrations()
def m002_second(db: Database) -> None:
    """Add what version 0.1 learnt between its first landing and its second."""
    _inbound(db)
    _absorbed(db)
    _enrichment(db)
    _lifecycle(db)


@migrations()
def m003_third(db: Database) -> None:
    """Add what version 0.1 learnt between its second landing and its third."""
    _apart(db)
    _votes(db)
    _alarms(db)
    _meaning(db)
    _packed_texts(db)
    _marks(db)


@migrations()
def m004_fourth(db: Database) -> None:
    """Add what version 0.1 learnt after its third landing."""
    # Papers that were stored as seen and became news later count by this number in place of their own.
    db.execute("ALTER TABLE paper ADD COLUMN renewed INTEGER")
    db.execute("CREATE INDEX paper_renewed ON paper(renewed) WHERE renewed IS NOT NULL")
    # What a profile's sources showed lately, without a look at all that was ever shown.
    db.execute("CREATE INDEX sighting_stored ON sighting(stored_at)")


def _packed_texts(db: Database) -> None:
    """Keep what was indexed packed, and once; all is indexed again, behind, as what is new is."""
    for trigger in ("paper_text_added", "paper_text_removed"):
        db.execute(f"DROP TRIGGER {trigger}")
    for table in ("paper_search", "paper_text"):
        db.execute(f"DROP TABLE {table}")
    db.execute(
        "CREATE TABLE paper_text "
        "(paper INTEGER PRIMARY KEY REFERENCES paper(id), text BLOB NOT NULL) STRICT"
    )
    db.execute(
        "CREATE VIRTUAL TABLE paper_search USING fts5(title, authors, abstract, categories, "
        "content='', tokenize=\"unicode61 remove_diacritics 2\")"
    )
    db.execute(
        "INSERT OR IGNORE INTO unindexed (paper) SELECT id FROM paper WHERE merged_into IS NULL"
    )


def _apart(db: Database) -> None:
    """Add whether a subscriber wants a mail for each profile, and which mail is for one."""
    db.execute("ALTER TABLE subscriber ADD COLUMN apart INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE delivery ADD COLUMN subscription INTEGER NOT NULL DEFAULT 0")


def _votes(db: Database) -> None:
    """Add for which papers which subscribers voted here."""
    db.execute(
        "CREATE TABLE vote (paper INTEGER NOT NULL REFERENCES paper(id), "
        "subscriber INTEGER NOT NULL REFERENCES subscriber(id), at INTEGER NOT NULL, "
        "PRIMARY KEY (paper, subscriber)) STRICT, WITHOUT ROWID"
    )
    db.execute("CREATE INDEX vote_subscriber ON vote(subscriber)")


def _meaning(db: Database) -> None:
    """Add what texts mean as vectors, summaries that were asked for, and who ranked an edition."""
    for statement in _MEANING.strip().split(";\n\n"):
        db.execute(statement)


def _marks(db: Database) -> None:
    """Add marks that change whenever something that pages show does, by whatever way it was written."""
    for statement in _MARKS.strip().replace("RANDOM", _RANDOM).split(";\n\n"):
        db.execute(statement)


def _inbound(db: Database) -> None:
    """To whom inbound mail was sent, what was reported of a delivery, and who agreed to what."""
    db.execute("ALTER TABLE inbox ADD COLUMN recipient TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE subscriber ADD COLUMN feed_epoch INTEGER NOT NULL DEFAULT 0")
    db.execute(
        "CREATE TABLE bounce (delivery INTEGER PRIMARY KEY REFERENCES delivery(id), "
        "kind TEXT NOT NULL, status TEXT NOT NULL, said TEXT NOT NULL, at INTEGER NOT NULL) STRICT"
    )
    db.execute(
        "CREATE TABLE optin (token_sha TEXT PRIMARY KEY, "
        "subscriber INTEGER NOT NULL REFERENCES subscriber(id), profiles TEXT NOT NULL, "
        "door TEXT NOT NULL, wording TEXT NOT NULL, network TEXT NOT NULL, at INTEGER NOT NULL, "
        "expires INTEGER NOT NULL, used_at INTEGER) STRICT, WITHOUT ROWID"
    )
    db.execute("CREATE INDEX optin_subscriber ON optin(subscriber, at)")
    db.execute(
        "CREATE TABLE consent (subscriber INTEGER NOT NULL REFERENCES subscriber(id), "
        "profile TEXT NOT NULL, at INTEGER NOT NULL, door TEXT NOT NULL, wording TEXT NOT NULL, "
        "network TEXT NOT NULL, PRIMARY KEY (subscriber, profile, at)) STRICT, WITHOUT ROWID"
    )


def _absorbed(db: Database) -> None:
    """Know again by a digest what was absorbed word for word; index for the search behind it."""
    # 0 stands for a record that is to be looked at again whenever it is shown.
    db.execute("ALTER TABLE sighting ADD COLUMN digest INTEGER NOT NULL DEFAULT 0")
    db.execute("CREATE TABLE unindexed (paper INTEGER PRIMARY KEY REFERENCES paper(id)) STRICT")


def _enrichment(db: Database) -> None:
    """Add what services said of papers, also that they knew nothing, and when to ask again."""
    db.execute("""
CREATE TABLE enrichment (
    paper INTEGER NOT NULL REFERENCES paper(id), service TEXT NOT NULL, asked_at INTEGER NOT NULL,
    again_at INTEGER NOT NULL, known INTEGER NOT NULL, citations INTEGER, tldr TEXT NOT NULL,
    PRIMARY KEY (paper, service)
) STRICT, WITHOUT ROWID""")


def _lifecycle(db: Database) -> None:
    """Add what becomes of a paper: the notice of its withdrawal, and what each pick has told."""
    for statement in _LIFECYCLE.strip().split(";\n\n"):
        db.execute(statement)


def _alarms(db: Database) -> None:
    """Add what the owner was told by mail, and what is still to be told."""
    db.execute(
        "CREATE TABLE alarm (key TEXT PRIMARY KEY, what TEXT NOT NULL, sentence TEXT NOT NULL, "
        "since INTEGER, told_at INTEGER, quiet_until INTEGER) STRICT, WITHOUT ROWID"
    )


_FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE source (
    name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, etag TEXT NOT NULL, last_modified TEXT NOT NULL,
    body_sha TEXT NOT NULL, batch TEXT NOT NULL, next_poll INTEGER, failures INTEGER NOT NULL,
    failing_since INTEGER, alarmed_at INTEGER, last_ok INTEGER, last_new INTEGER,
    stale_since INTEGER, gone INTEGER NOT NULL, quiet TEXT NOT NULL, error TEXT NOT NULL,
    built INTEGER, owed_from INTEGER, owed_until INTEGER, owed_start INTEGER NOT NULL,
    owed_error TEXT NOT NULL
) STRICT;

CREATE TABLE paper (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE,
    merged_into INTEGER REFERENCES paper(id), title TEXT NOT NULL, authors TEXT NOT NULL,
    abstract TEXT NOT NULL, categories TEXT NOT NULL, venue TEXT NOT NULL, version INTEGER NOT NULL,
    published INTEGER, links TEXT NOT NULL, stamps TEXT NOT NULL, votes INTEGER, comments INTEGER,
    first_seen INTEGER NOT NULL, updated_at INTEGER NOT NULL, backfilled INTEGER NOT NULL
) STRICT;
CREATE INDEX paper_merged ON paper(merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX paper_seen ON paper(first_seen);

CREATE TABLE paper_text (
    paper INTEGER PRIMARY KEY REFERENCES paper(id), title TEXT NOT NULL, authors TEXT NOT NULL,
    abstract TEXT NOT NULL, categories TEXT NOT NULL
) STRICT;
CREATE VIRTUAL TABLE paper_search USING fts5(
    title, authors, abstract, categories, content='paper_text', content_rowid='paper',
    tokenize="unicode61 remove_diacritics 2"
);
CREATE TRIGGER paper_text_added AFTER INSERT ON paper_text BEGIN
    INSERT INTO paper_search (rowid, title, authors, abstract, categories) VALUES
        (new.paper, new.title, new.authors, new.abstract, new.categories); END;
CREATE TRIGGER paper_text_removed AFTER DELETE ON paper_text BEGIN
    INSERT INTO paper_search (paper_search, rowid, title, authors, abstract, categories) VALUES
        ('delete', old.paper, old.title, old.authors, old.abstract, old.categories); END;

CREATE TABLE identifier (
    name TEXT PRIMARY KEY, paper INTEGER NOT NULL REFERENCES paper(id)
) STRICT, WITHOUT ROWID;
CREATE INDEX identifier_paper ON identifier(paper);

CREATE TABLE guid (
    source TEXT NOT NULL, guid TEXT NOT NULL, paper INTEGER NOT NULL REFERENCES paper(id),
    PRIMARY KEY (source, guid)
) STRICT, WITHOUT ROWID;
CREATE INDEX guid_paper ON guid(paper);

CREATE TABLE sighting (
    paper INTEGER NOT NULL REFERENCES paper(id), source TEXT NOT NULL, event TEXT NOT NULL,
    stored_at INTEGER NOT NULL,
    seen_on TEXT NOT NULL, at INTEGER NOT NULL, votes INTEGER, comments INTEGER,
    PRIMARY KEY (paper, source, event, seen_on)
) STRICT, WITHOUT ROWID;
CREATE INDEX sighting_votes ON sighting(seen_on) WHERE votes IS NOT NULL;

CREATE TABLE profile (
    name TEXT PRIMARY KEY, state TEXT NOT NULL, fingerprint TEXT NOT NULL,
    by_hand INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE kept_file (name TEXT PRIMARY KEY, content TEXT NOT NULL) STRICT;

CREATE TABLE edition (
    id INTEGER PRIMARY KEY, profile TEXT NOT NULL REFERENCES profile(name), period TEXT NOT NULL,
    number INTEGER NOT NULL, through INTEGER NOT NULL, fingerprint TEXT NOT NULL,
    considered INTEGER NOT NULL, forced INTEGER NOT NULL, health TEXT NOT NULL,
    made_at INTEGER NOT NULL, UNIQUE (profile, number)
) STRICT;
CREATE UNIQUE INDEX edition_period ON edition(profile, period) WHERE forced = 0;

CREATE TABLE pick (
    edition INTEGER NOT NULL REFERENCES edition(id), position INTEGER NOT NULL,
    paper INTEGER NOT NULL REFERENCES paper(id), role TEXT NOT NULL, version INTEGER NOT NULL,
    score REAL NOT NULL, reasons TEXT NOT NULL,
    PRIMARY KEY (edition, position), UNIQUE (edition, paper)
) STRICT, WITHOUT ROWID;
CREATE INDEX pick_paper ON pick(paper);

CREATE TABLE subscriber (
    id INTEGER PRIMARY KEY AUTOINCREMENT, address TEXT NOT NULL, canonical TEXT NOT NULL UNIQUE,
    zone TEXT NOT NULL, paused_until TEXT NOT NULL, token_epoch INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE subscription (
    id INTEGER PRIMARY KEY AUTOINCREMENT, subscriber INTEGER NOT NULL REFERENCES subscriber(id),
    profile TEXT NOT NULL REFERENCES profile(name), status TEXT NOT NULL, origin TEXT NOT NULL,
    ended_by TEXT NOT NULL, cadence TEXT NOT NULL, hour TEXT NOT NULL, size INTEGER NOT NULL,
    cursor INTEGER NOT NULL, confirmed_at INTEGER, UNIQUE (subscriber, profile)
) STRICT;
CREATE INDEX subscription_profile ON subscription(profile, status);

CREATE TABLE delivery (
    id INTEGER PRIMARY KEY, subscriber INTEGER NOT NULL REFERENCES subscriber(id),
    kind TEXT NOT NULL, status TEXT NOT NULL, due INTEGER NOT NULL, next_try INTEGER,
    stale_at INTEGER NOT NULL, attempts INTEGER NOT NULL, owner TEXT NOT NULL, lease_until INTEGER,
    message_id TEXT NOT NULL UNIQUE, editions TEXT NOT NULL, picks BLOB NOT NULL,
    overflow INTEGER NOT NULL, resent INTEGER NOT NULL, said TEXT NOT NULL,
    created_at INTEGER NOT NULL, sent_at INTEGER
) STRICT;
CREATE INDEX delivery_subscriber ON delivery(subscriber, created_at);
CREATE INDEX delivery_open ON delivery(status, next_try)
    WHERE status IN ('pending', 'sending', 'retry', 'uncertain', 'held');
CREATE INDEX delivery_due ON delivery(due, id) WHERE status IN ('pending', 'retry', 'uncertain');

CREATE TABLE serving (
    subscription INTEGER NOT NULL REFERENCES subscription(id), period TEXT NOT NULL,
    delivery INTEGER NOT NULL REFERENCES delivery(id), cursor_before INTEGER NOT NULL,
    PRIMARY KEY (subscription, period)
) STRICT, WITHOUT ROWID;
CREATE INDEX serving_delivery ON serving(delivery);

CREATE TABLE outgoing (
    delivery INTEGER PRIMARY KEY REFERENCES delivery(id), content BLOB NOT NULL
) STRICT;

CREATE TABLE attempt (
    delivery INTEGER NOT NULL REFERENCES delivery(id), n INTEGER NOT NULL, at INTEGER NOT NULL,
    phase TEXT NOT NULL, verdict TEXT NOT NULL, code INTEGER NOT NULL, said TEXT NOT NULL,
    PRIMARY KEY (delivery, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE suppression (
    address_hmac TEXT PRIMARY KEY, reason TEXT NOT NULL, at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE feedback (
    profile TEXT NOT NULL REFERENCES profile(name), paper INTEGER NOT NULL REFERENCES paper(id),
    subscriber INTEGER NOT NULL, opinion TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (profile, paper, subscriber)
) STRICT, WITHOUT ROWID;
CREATE INDEX feedback_subscriber ON feedback(subscriber);

CREATE TABLE submission (
    paper INTEGER NOT NULL REFERENCES paper(id), profile TEXT NOT NULL REFERENCES profile(name),
    at INTEGER NOT NULL, PRIMARY KEY (paper, profile)
) STRICT, WITHOUT ROWID;

CREATE TABLE inbox (
    key TEXT PRIMARY KEY, raw BLOB NOT NULL, state TEXT NOT NULL, problem TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE revision (
    paper INTEGER NOT NULL REFERENCES paper(id), until INTEGER NOT NULL, title TEXT NOT NULL,
    authors TEXT NOT NULL, abstract TEXT NOT NULL, categories TEXT NOT NULL, venue TEXT NOT NULL,
    version INTEGER NOT NULL, published INTEGER, links TEXT NOT NULL, stamps TEXT NOT NULL,
    PRIMARY KEY (paper, until)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER paper_revised BEFORE UPDATE ON paper
WHEN (old.title, old.authors, old.abstract, old.categories, old.venue, old.version, old.published)
    IS NOT (new.title, new.authors, new.abstract, new.categories, new.venue, new.version, new.published)
BEGIN INSERT OR IGNORE INTO revision VALUES (old.id, new.updated_at, old.title, old.authors,
    old.abstract, old.categories, old.venue, old.version, old.published, old.links, old.stamps); END;
"""

# Picks of before have told nothing but versions. Events are kept only from now on, as they happen, so
# none of them is news of what those papers had all along.
_LIFECYCLE = """
ALTER TABLE paper ADD COLUMN notice TEXT NOT NULL DEFAULT '';

ALTER TABLE revision ADD COLUMN notice TEXT NOT NULL DEFAULT '';

ALTER TABLE pick ADD COLUMN told TEXT NOT NULL DEFAULT '';

DROP TRIGGER paper_revised;

CREATE TRIGGER paper_revised BEFORE UPDATE ON paper
WHEN (old.title, old.authors, old.abstract, old.categories, old.venue, old.version, old.published,
    old.notice) IS NOT (new.title, new.authors, new.abstract, new.categories, new.venue, new.version,
    new.published, new.notice)
BEGIN INSERT OR IGNORE INTO revision VALUES (old.id, new.updated_at, old.title, old.authors,
    old.abstract, old.categories, old.venue, old.version, old.published, old.links, old.stamps,
    old.notice); END
"""

# A vector of paper 0 is of a profile's own text. Editions of before were all ranked by words.
_MEANING = """
CREATE TABLE embedder (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, whitening BLOB
) STRICT;

CREATE TABLE vector (
    paper INTEGER NOT NULL, embedder INTEGER NOT NULL REFERENCES embedder(id),
    digest BLOB NOT NULL, v BLOB NOT NULL, PRIMARY KEY (paper, embedder, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE summary (
    paper INTEGER PRIMARY KEY REFERENCES paper(id), digest BLOB NOT NULL, model TEXT NOT NULL,
    said TEXT NOT NULL, tokens INTEGER NOT NULL, asked_at INTEGER NOT NULL
) STRICT;

CREATE INDEX summary_asked ON summary(asked_at);

CREATE TRIGGER summary_outdated AFTER UPDATE OF title, abstract ON paper
WHEN (old.title, old.abstract) IS NOT (new.title, new.abstract)
BEGIN UPDATE summary SET said = '' WHERE paper = new.id; END;

ALTER TABLE edition ADD COLUMN ranker TEXT NOT NULL DEFAULT ''
"""

# 40 bits, so that a day's marks can be added up. Drawn, not counted: a database that was restored does
# not give a mark again that stood for something else.
_RANDOM = "abs(random() % 1099511627776)"
# `shown` has every paper that a page may show: picked ones and those with votes, and what they became.
# `said` changes with what is said of a paper, `mark` also with its votes and where it was seen. What
# comes new has no row yet, and costs a look. `tide` changes with anything. (Not INSERT OR IGNORE in
# a trigger: the statement that sets it off decides about conflicts.)
_MARKS = """
CREATE TABLE shown (
    paper INTEGER PRIMARY KEY, said INTEGER NOT NULL, mark INTEGER NOT NULL
) STRICT;

CREATE TABLE tide (id INTEGER PRIMARY KEY, mark INTEGER NOT NULL) STRICT;

INSERT INTO tide VALUES (1, RANDOM);

ALTER TABLE edition ADD COLUMN mark INTEGER NOT NULL DEFAULT 0;

UPDATE edition SET mark = RANDOM;

INSERT INTO shown SELECT paper, RANDOM, RANDOM FROM (
    SELECT paper FROM pick UNION SELECT paper FROM vote
    UNION SELECT paper FROM sighting WHERE votes IS NOT NULL
);

INSERT OR IGNORE INTO shown SELECT merged_into, RANDOM, RANDOM FROM paper
WHERE merged_into IS NOT NULL AND id IN (SELECT paper FROM shown);

CREATE TRIGGER shown_added AFTER INSERT ON shown
BEGIN UPDATE tide SET mark = RANDOM; END;

CREATE TRIGGER shown_marked AFTER UPDATE ON shown
BEGIN UPDATE tide SET mark = RANDOM; END;

CREATE TRIGGER edition_added AFTER INSERT ON edition
BEGIN UPDATE edition SET mark = RANDOM WHERE id = new.id; END;

CREATE TRIGGER edition_changed AFTER UPDATE OF profile, period, number, through, fingerprint, considered,
    forced, health, made_at, ranker ON edition
BEGIN UPDATE edition SET mark = RANDOM WHERE id = new.id; END;

CREATE TRIGGER edition_marked AFTER UPDATE OF mark ON edition
BEGIN UPDATE tide SET mark = RANDOM; END;

CREATE TRIGGER edition_removed AFTER DELETE ON edition
BEGIN UPDATE tide SET mark = RANDOM; END;

CREATE TRIGGER pick_added AFTER INSERT ON pick
BEGIN UPDATE edition SET mark = RANDOM WHERE id = new.edition;
    INSERT INTO shown SELECT id, RANDOM, RANDOM FROM paper WHERE id IN (new.paper,
        (SELECT merged_into FROM paper WHERE id = new.paper))
        AND id NOT IN (SELECT paper FROM shown); END;

CREATE TRIGGER pick_changed AFTER UPDATE ON pick
BEGIN UPDATE edition SET mark = RANDOM WHERE id IN (old.edition, new.edition);
    INSERT INTO shown SELECT id, RANDOM, RANDOM FROM paper WHERE id IN (new.paper,
        (SELECT merged_into FROM paper WHERE id = new.paper))
        AND id NOT IN (SELECT paper FROM shown); END;

CREATE TRIGGER pick_removed AFTER DELETE ON pick
BEGIN UPDATE edition SET mark = RANDOM WHERE id = old.edition; END;

CREATE TRIGGER paper_said AFTER UPDATE ON paper
WHEN (old.key, old.merged_into, old.title, old.authors, old.abstract, old.categories, old.venue,
    old.version, old.published, old.links, old.stamps, old.notice, old.first_seen, old.updated_at)
    IS NOT (new.key, new.merged_into, new.title, new.authors, new.abstract, new.categories, new.venue,
    new.version, new.published, new.links, new.stamps, new.notice, new.first_seen, new.updated_at)
BEGIN INSERT INTO shown SELECT new.merged_into, RANDOM, RANDOM FROM shown
        WHERE paper = new.id AND new.merged_into IS NOT NULL
        AND new.merged_into NOT IN (SELECT paper FROM shown);
    UPDATE shown SET said = RANDOM, mark = RANDOM
        WHERE paper IN (new.id, new.merged_into, old.merged_into); END;

CREATE TRIGGER paper_counted AFTER UPDATE OF votes, comments ON paper
WHEN (old.votes, old.comments) IS NOT (new.votes, new.comments)
BEGIN UPDATE shown SET mark = RANDOM WHERE paper = new.id; END;

CREATE TRIGGER identifier_added AFTER INSERT ON identifier
BEGIN UPDATE shown SET said = RANDOM, mark = RANDOM WHERE paper = new.paper; END;

CREATE TRIGGER identifier_changed AFTER UPDATE ON identifier
BEGIN UPDATE shown SET said = RANDOM, mark = RANDOM WHERE paper IN (old.paper, new.paper); END;

CREATE TRIGGER identifier_removed AFTER DELETE ON identifier
BEGIN UPDATE shown SET said = RANDOM, mark = RANDOM WHERE paper = old.paper; END;

CREATE TRIGGER sighting_added AFTER INSERT ON sighting
BEGIN INSERT INTO shown SELECT new.paper, RANDOM, RANDOM
        WHERE new.votes IS NOT NULL AND new.paper NOT IN (SELECT paper FROM shown);
    UPDATE shown SET mark = RANDOM WHERE paper = new.paper; END;

CREATE TRIGGER sighting_changed AFTER UPDATE OF paper, source, event, stored_at, seen_on, at, votes,
    comments ON sighting
WHEN (old.paper, old.source, old.event, old.stored_at, old.seen_on, old.at, old.votes, old.comments)
    IS NOT (new.paper, new.source, new.event, new.stored_at, new.seen_on, new.at, new.votes,
    new.comments)
BEGIN INSERT INTO shown SELECT new.paper, RANDOM, RANDOM
        WHERE new.votes IS NOT NULL AND new.paper NOT IN (SELECT paper FROM shown);
    UPDATE shown SET mark = RANDOM WHERE paper IN (old.paper, new.paper); END;

CREATE TRIGGER sighting_removed AFTER DELETE ON sighting
BEGIN UPDATE shown SET mark = RANDOM WHERE paper = old.paper; END;

CREATE TRIGGER enrichment_added AFTER INSERT ON enrichment WHEN new.known = 1
BEGIN UPDATE shown SET said = RANDOM, mark = RANDOM WHERE paper = new.paper; END;

CREATE TRIGGER enrichment_changed AFTER UPDATE ON enrichment
WHEN (old.paper, old.known, old.citations, old.tldr) IS NOT
    (new.paper, new.known, new.citations, new.tldr)
BEGIN UPDATE shown SET said = RANDOM, mark = RANDOM WHERE paper IN (old.paper, new.paper); END;

CREATE TRIGGER enrichment_removed AFTER DELETE ON enrichment WHEN old.known = 1
BEGIN UPDATE shown SET said = RANDOM, mark = RANDOM WHERE paper = old.paper; END;

CREATE TRIGGER summary_added AFTER INSERT ON summary WHEN new.said <> ''
BEGIN UPDATE shown SET said = RANDOM, mark = RANDOM WHERE paper = new.paper; END;

CREATE TRIGGER summary_changed AFTER UPDATE ON summary
WHEN (old.paper, old.said, old.model) IS NOT (new.paper, new.said, new.model)
BEGIN UPDATE shown SET said = RANDOM, mark = RANDOM WHERE paper IN (old.paper, new.paper); END;

CREATE TRIGGER summary_removed AFTER DELETE ON summary
BEGIN UPDATE shown SET said = RANDOM, mark = RANDOM WHERE paper = old.paper; END;

CREATE TRIGGER vote_added AFTER INSERT ON vote
BEGIN INSERT INTO shown SELECT id, RANDOM, RANDOM FROM paper WHERE id IN (new.paper,
        (SELECT merged_into FROM paper WHERE id = new.paper))
        AND id NOT IN (SELECT paper FROM shown);
    UPDATE shown SET mark = RANDOM WHERE paper IN (new.paper,
        (SELECT merged_into FROM paper WHERE id = new.paper)); END;

CREATE TRIGGER vote_changed AFTER UPDATE ON vote
BEGIN INSERT INTO shown SELECT id, RANDOM, RANDOM FROM paper WHERE id IN (new.paper,
        (SELECT merged_into FROM paper WHERE id = new.paper))
        AND id NOT IN (SELECT paper FROM shown);
    UPDATE shown SET mark = RANDOM WHERE paper IN (old.paper, new.paper,
        (SELECT merged_into FROM paper WHERE id = old.paper),
        (SELECT merged_into FROM paper WHERE id = new.paper)); END;

CREATE TRIGGER vote_removed AFTER DELETE ON vote
BEGIN UPDATE shown SET mark = RANDOM WHERE paper IN (old.paper,
        (SELECT merged_into FROM paper WHERE id = old.paper)); END;

CREATE TRIGGER feedback_added AFTER INSERT ON feedback
BEGIN UPDATE tide SET mark = RANDOM; END;

CREATE TRIGGER feedback_changed AFTER UPDATE ON feedback
BEGIN UPDATE tide SET mark = RANDOM; END;

CREATE TRIGGER feedback_removed AFTER DELETE ON feedback
BEGIN UPDATE tide SET mark = RANDOM; END;

CREATE TRIGGER submission_added AFTER INSERT ON submission
BEGIN UPDATE tide SET mark = RANDOM; END
"""
