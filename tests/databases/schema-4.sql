PRAGMA user_version = 4;
BEGIN;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
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
, notice TEXT NOT NULL DEFAULT '', renewed INTEGER) STRICT;
CREATE INDEX paper_merged ON paper(merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX paper_seen ON paper(first_seen);
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
    seen_on TEXT NOT NULL, at INTEGER NOT NULL, votes INTEGER, comments INTEGER, digest INTEGER NOT NULL DEFAULT 0,
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
    made_at INTEGER NOT NULL, ranker TEXT NOT NULL DEFAULT '', mark INTEGER NOT NULL DEFAULT 0, UNIQUE (profile, number)
) STRICT;
CREATE UNIQUE INDEX edition_period ON edition(profile, period) WHERE forced = 0;
CREATE TABLE pick (
    edition INTEGER NOT NULL REFERENCES edition(id), position INTEGER NOT NULL,
    paper INTEGER NOT NULL REFERENCES paper(id), role TEXT NOT NULL, version INTEGER NOT NULL,
    score REAL NOT NULL, reasons TEXT NOT NULL, told TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (edition, position), UNIQUE (edition, paper)
) STRICT, WITHOUT ROWID;
CREATE INDEX pick_paper ON pick(paper);
CREATE TABLE subscriber (
    id INTEGER PRIMARY KEY AUTOINCREMENT, address TEXT NOT NULL, canonical TEXT NOT NULL UNIQUE,
    zone TEXT NOT NULL, paused_until TEXT NOT NULL, token_epoch INTEGER NOT NULL,
    created_at INTEGER NOT NULL
, feed_epoch INTEGER NOT NULL DEFAULT 0, apart INTEGER NOT NULL DEFAULT 0) STRICT;
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
, subscription INTEGER NOT NULL DEFAULT 0) STRICT;
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
, recipient TEXT NOT NULL DEFAULT '') STRICT, WITHOUT ROWID;
CREATE TABLE revision (
    paper INTEGER NOT NULL REFERENCES paper(id), until INTEGER NOT NULL, title TEXT NOT NULL,
    authors TEXT NOT NULL, abstract TEXT NOT NULL, categories TEXT NOT NULL, venue TEXT NOT NULL,
    version INTEGER NOT NULL, published INTEGER, links TEXT NOT NULL, stamps TEXT NOT NULL, notice TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (paper, until)
) STRICT, WITHOUT ROWID;
CREATE TABLE bounce (delivery INTEGER PRIMARY KEY REFERENCES delivery(id), kind TEXT NOT NULL, status TEXT NOT NULL, said TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE TABLE optin (token_sha TEXT PRIMARY KEY, subscriber INTEGER NOT NULL REFERENCES subscriber(id), profiles TEXT NOT NULL, door TEXT NOT NULL, wording TEXT NOT NULL, network TEXT NOT NULL, at INTEGER NOT NULL, expires INTEGER NOT NULL, used_at INTEGER) STRICT, WITHOUT ROWID;
CREATE INDEX optin_subscriber ON optin(subscriber, at);
CREATE TABLE consent (subscriber INTEGER NOT NULL REFERENCES subscriber(id), profile TEXT NOT NULL, at INTEGER NOT NULL, door TEXT NOT NULL, wording TEXT NOT NULL, network TEXT NOT NULL, PRIMARY KEY (subscriber, profile, at)) STRICT, WITHOUT ROWID;
CREATE TABLE unindexed (paper INTEGER PRIMARY KEY REFERENCES paper(id)) STRICT;
CREATE TABLE enrichment (
    paper INTEGER NOT NULL REFERENCES paper(id), service TEXT NOT NULL, asked_at INTEGER NOT NULL,
    again_at INTEGER NOT NULL, known INTEGER NOT NULL, citations INTEGER, tldr TEXT NOT NULL,
    PRIMARY KEY (paper, service)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER paper_revised BEFORE UPDATE ON paper
WHEN (old.title, old.authors, old.abstract, old.categories, old.venue, old.version, old.published,
    old.notice) IS NOT (new.title, new.authors, new.abstract, new.categories, new.venue, new.version,
    new.published, new.notice)
BEGIN INSERT OR IGNORE INTO revision VALUES (old.id, new.updated_at, old.title, old.authors,
    old.abstract, old.categories, old.venue, old.version, old.published, old.links, old.stamps,
    old.notice); END;
CREATE TABLE vote (paper INTEGER NOT NULL REFERENCES paper(id), subscriber INTEGER NOT NULL REFERENCES subscriber(id), at INTEGER NOT NULL, PRIMARY KEY (paper, subscriber)) STRICT, WITHOUT ROWID;
CREATE INDEX vote_subscriber ON vote(subscriber);
CREATE TABLE alarm (key TEXT PRIMARY KEY, what TEXT NOT NULL, sentence TEXT NOT NULL, since INTEGER, told_at INTEGER, quiet_until INTEGER) STRICT, WITHOUT ROWID;
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
CREATE TABLE paper_text (paper INTEGER PRIMARY KEY REFERENCES paper(id), text BLOB NOT NULL) STRICT;
CREATE VIRTUAL TABLE paper_search USING fts5(title, authors, abstract, categories, content='', tokenize="unicode61 remove_diacritics 2");
CREATE TABLE shown (
    paper INTEGER PRIMARY KEY, said INTEGER NOT NULL, mark INTEGER NOT NULL
) STRICT;
CREATE TABLE tide (id INTEGER PRIMARY KEY, mark INTEGER NOT NULL) STRICT;
CREATE TRIGGER shown_added AFTER INSERT ON shown
BEGIN UPDATE tide SET mark = abs(random() % 1099511627776); END;
CREATE TRIGGER shown_marked AFTER UPDATE ON shown
BEGIN UPDATE tide SET mark = abs(random() % 1099511627776); END;
CREATE TRIGGER edition_added AFTER INSERT ON edition
BEGIN UPDATE edition SET mark = abs(random() % 1099511627776) WHERE id = new.id; END;
CREATE TRIGGER edition_changed AFTER UPDATE OF profile, period, number, through, fingerprint, considered,
    forced, health, made_at, ranker ON edition
BEGIN UPDATE edition SET mark = abs(random() % 1099511627776) WHERE id = new.id; END;
CREATE TRIGGER edition_marked AFTER UPDATE OF mark ON edition
BEGIN UPDATE tide SET mark = abs(random() % 1099511627776); END;
CREATE TRIGGER edition_removed AFTER DELETE ON edition
BEGIN UPDATE tide SET mark = abs(random() % 1099511627776); END;
CREATE TRIGGER pick_added AFTER INSERT ON pick
BEGIN UPDATE edition SET mark = abs(random() % 1099511627776) WHERE id = new.edition;
    INSERT INTO shown SELECT id, abs(random() % 1099511627776), abs(random() % 1099511627776) FROM paper WHERE id IN (new.paper,
        (SELECT merged_into FROM paper WHERE id = new.paper))
        AND id NOT IN (SELECT paper FROM shown); END;
CREATE TRIGGER pick_changed AFTER UPDATE ON pick
BEGIN UPDATE edition SET mark = abs(random() % 1099511627776) WHERE id IN (old.edition, new.edition);
    INSERT INTO shown SELECT id, abs(random() % 1099511627776), abs(random() % 1099511627776) FROM paper WHERE id IN (new.paper,
        (SELECT merged_into FROM paper WHERE id = new.paper))
        AND id NOT IN (SELECT paper FROM shown); END;
CREATE TRIGGER pick_removed AFTER DELETE ON pick
BEGIN UPDATE edition SET mark = abs(random() % 1099511627776) WHERE id = old.edition; END;
CREATE TRIGGER paper_said AFTER UPDATE ON paper
WHEN (old.key, old.merged_into, old.title, old.authors, old.abstract, old.categories, old.venue,
    old.version, old.published, old.links, old.stamps, old.notice, old.first_seen, old.updated_at)
    IS NOT (new.key, new.merged_into, new.title, new.authors, new.abstract, new.categories, new.venue,
    new.version, new.published, new.links, new.stamps, new.notice, new.first_seen, new.updated_at)
BEGIN INSERT INTO shown SELECT new.merged_into, abs(random() % 1099511627776), abs(random() % 1099511627776) FROM shown
        WHERE paper = new.id AND new.merged_into IS NOT NULL
        AND new.merged_into NOT IN (SELECT paper FROM shown);
    UPDATE shown SET said = abs(random() % 1099511627776), mark = abs(random() % 1099511627776)
        WHERE paper IN (new.id, new.merged_into, old.merged_into); END;
CREATE TRIGGER paper_counted AFTER UPDATE OF votes, comments ON paper
WHEN (old.votes, old.comments) IS NOT (new.votes, new.comments)
BEGIN UPDATE shown SET mark = abs(random() % 1099511627776) WHERE paper = new.id; END;
CREATE TRIGGER identifier_added AFTER INSERT ON identifier
BEGIN UPDATE shown SET said = abs(random() % 1099511627776), mark = abs(random() % 1099511627776) WHERE paper = new.paper; END;
CREATE TRIGGER identifier_changed AFTER UPDATE ON identifier
BEGIN UPDATE shown SET said = abs(random() % 1099511627776), mark = abs(random() % 1099511627776) WHERE paper IN (old.paper, new.paper); END;
CREATE TRIGGER identifier_removed AFTER DELETE ON identifier
BEGIN UPDATE shown SET said = abs(random() % 1099511627776), mark = abs(random() % 1099511627776) WHERE paper = old.paper; END;
CREATE TRIGGER sighting_added AFTER INSERT ON sighting
BEGIN INSERT INTO shown SELECT new.paper, abs(random() % 1099511627776), abs(random() % 1099511627776)
        WHERE new.votes IS NOT NULL AND new.paper NOT IN (SELECT paper FROM shown);
    UPDATE shown SET mark = abs(random() % 1099511627776) WHERE paper = new.paper; END;
CREATE TRIGGER sighting_changed AFTER UPDATE OF paper, source, event, stored_at, seen_on, at, votes,
    comments ON sighting
WHEN (old.paper, old.source, old.event, old.stored_at, old.seen_on, old.at, old.votes, old.comments)
    IS NOT (new.paper, new.source, new.event, new.stored_at, new.seen_on, new.at, new.votes,
    new.comments)
BEGIN INSERT INTO shown SELECT new.paper, abs(random() % 1099511627776), abs(random() % 1099511627776)
        WHERE new.votes IS NOT NULL AND new.paper NOT IN (SELECT paper FROM shown);
    UPDATE shown SET mark = abs(random() % 1099511627776) WHERE paper IN (old.paper, new.paper); END;
CREATE TRIGGER sighting_removed AFTER DELETE ON sighting
BEGIN UPDATE shown SET mark = abs(random() % 1099511627776) WHERE paper = old.paper; END;
CREATE TRIGGER enrichment_added AFTER INSERT ON enrichment WHEN new.known = 1
BEGIN UPDATE shown SET said = abs(random() % 1099511627776), mark = abs(random() % 1099511627776) WHERE paper = new.paper; END;
CREATE TRIGGER enrichment_changed AFTER UPDATE ON enrichment
WHEN (old.paper, old.known, old.citations, old.tldr) IS NOT
    (new.paper, new.known, new.citations, new.tldr)
BEGIN UPDATE shown SET said = abs(random() % 1099511627776), mark = abs(random() % 1099511627776) WHERE paper IN (old.paper, new.paper); END;
CREATE TRIGGER enrichment_removed AFTER DELETE ON enrichment WHEN old.known = 1
BEGIN UPDATE shown SET said = abs(random() % 1099511627776), mark = abs(random() % 1099511627776) WHERE paper = old.paper; END;
CREATE TRIGGER summary_added AFTER INSERT ON summary WHEN new.said <> ''
BEGIN UPDATE shown SET said = abs(random() % 1099511627776), mark = abs(random() % 1099511627776) WHERE paper = new.paper; END;
CREATE TRIGGER summary_changed AFTER UPDATE ON summary
WHEN (old.paper, old.said, old.model) IS NOT (new.paper, new.said, new.model)
BEGIN UPDATE shown SET said = abs(random() % 1099511627776), mark = abs(random() % 1099511627776) WHERE paper IN (old.paper, new.paper); END;
CREATE TRIGGER summary_removed AFTER DELETE ON summary
BEGIN UPDATE shown SET said = abs(random() % 1099511627776), mark = abs(random() % 1099511627776) WHERE paper = old.paper; END;
CREATE TRIGGER vote_added AFTER INSERT ON vote
BEGIN INSERT INTO shown SELECT id, abs(random() % 1099511627776), abs(random() % 1099511627776) FROM paper WHERE id IN (new.paper,
        (SELECT merged_into FROM paper WHERE id = new.paper))
        AND id NOT IN (SELECT paper FROM shown);
    UPDATE shown SET mark = abs(random() % 1099511627776) WHERE paper IN (new.paper,
        (SELECT merged_into FROM paper WHERE id = new.paper)); END;
CREATE TRIGGER vote_changed AFTER UPDATE ON vote
BEGIN INSERT INTO shown SELECT id, abs(random() % 1099511627776), abs(random() % 1099511627776) FROM paper WHERE id IN (new.paper,
        (SELECT merged_into FROM paper WHERE id = new.paper))
        AND id NOT IN (SELECT paper FROM shown);
    UPDATE shown SET mark = abs(random() % 1099511627776) WHERE paper IN (old.paper, new.paper,
        (SELECT merged_into FROM paper WHERE id = old.paper),
        (SELECT merged_into FROM paper WHERE id = new.paper)); END;
CREATE TRIGGER vote_removed AFTER DELETE ON vote
BEGIN UPDATE shown SET mark = abs(random() % 1099511627776) WHERE paper IN (old.paper,
        (SELECT merged_into FROM paper WHERE id = old.paper)); END;
CREATE TRIGGER feedback_added AFTER INSERT ON feedback
BEGIN UPDATE tide SET mark = abs(random() % 1099511627776); END;
CREATE TRIGGER feedback_changed AFTER UPDATE ON feedback
BEGIN UPDATE tide SET mark = abs(random() % 1099511627776); END;
CREATE TRIGGER feedback_removed AFTER DELETE ON feedback
BEGIN UPDATE tide SET mark = abs(random() % 1099511627776); END;
CREATE TRIGGER submission_added AFTER INSERT ON submission
BEGIN UPDATE tide SET mark = abs(random() % 1099511627776); END;
CREATE INDEX paper_renewed ON paper(renewed) WHERE renewed IS NOT NULL;
CREATE INDEX sighting_stored ON sighting(stored_at);
INSERT INTO _sqlite_migrations VALUES (1, 'paperround', 'm001_first', '2026-11-20 08:00:00+00:00');
INSERT INTO _sqlite_migrations VALUES (2, 'paperround', 'm002_second', '2026-11-20 08:00:00+00:00');
INSERT INTO _sqlite_migrations VALUES (3, 'paperround', 'm003_third', '2026-11-20 08:00:00+00:00');
INSERT INTO _sqlite_migrations VALUES (4, 'paperround', 'm004_fourth', '2026-11-20 08:00:00+00:00');
INSERT INTO meta VALUES ('authority', 'example.org,2026');
INSERT INTO meta VALUES ('hold', 'by hand.');
INSERT INTO meta VALUES ('rest', '{"until": 1795165200, "times": 2, "reason": "The relay wants a rest."}');
INSERT INTO meta VALUES ('secret', '61207365637265742074686174206973206e6f207365637265742c2033322062');
INSERT INTO source VALUES ('arxiv', 'f', '', '', '', '', NULL, 0, NULL, NULL, 1795165200, 1795165200, NULL, 0, '', '', NULL, NULL, NULL, 0, '');
INSERT INTO source VALUES ('feed', '', '', '', '', 'b', NULL, 2, 1795161600, NULL, NULL, NULL, NULL, 0, '', 'It timed out.', NULL, NULL, NULL, 0, '');
INSERT INTO source VALUES ('hf', 'f', '', '', '', '', NULL, 0, NULL, NULL, 1795161600, 1795161600, NULL, 0, '', '', NULL, NULL, NULL, 0, '');
INSERT INTO source VALUES ('journal', 'f', '', '', '', '', NULL, 0, NULL, NULL, 1795161600, 1795161600, NULL, 0, '', '', NULL, NULL, NULL, 0, '');
INSERT INTO paper VALUES (1, 'arxiv:2611.00001', NULL, 'Paper 1, again', 'Ada Löve
O''Brien', 'Of
experts.', '', '', 2, NULL, '[]', '[[1,2,"","title notice"],[1,1,"","authors abstract"]]', NULL, NULL, 1795161600, 1795165200, 0, 'This paper is withdrawn', NULL);
INSERT INTO paper VALUES (2, 'arxiv:2611.00002', NULL, 'Paper “2”', 'Ada Löve
O''Brien', 'Of
experts.', '', '', 1, NULL, '[]', '[[1,1,"","title authors abstract"]]', 7, 1, 1795161600, 1795161600, 0, '', NULL);
INSERT INTO paper VALUES (3, 'arxiv:2611.00003', NULL, 'Paper “3”', 'Ada Löve
O''Brien', 'Of
experts.', '', '', 1, NULL, '[]', '[[1,1,"","title authors abstract"]]', NULL, NULL, 1795161600, 1795161600, 0, '', NULL);
INSERT INTO paper VALUES (4, 'arxiv:2611.00004', NULL, 'Paper “4”', 'Ada Löve
O''Brien', 'Of
experts.', 'cell biology', '', 1, NULL, '[]', '[[1,1,"","title authors abstract categories"]]', 1, NULL, 1795161600, 1795165200, 0, '', NULL);
INSERT INTO paper VALUES (5, 'doi:10.1234/5', 4, 'Elsewhere', '', '', 'cell biology', '', 1, NULL, '[]', '[[1,1,"","title categories"]]', NULL, NULL, 1795161600, 1795161600, 0, '', NULL);
INSERT INTO paper VALUES (6, 'url:https://example.org/6', NULL, 'An entry', '', '', '', '', 1, NULL, '[]', '[[1,1,"","title"]]', NULL, NULL, 1795161600, 1795161600, 0, '', NULL);
INSERT INTO identifier VALUES ('arxiv:2611.00001', 1);
INSERT INTO identifier VALUES ('arxiv:2611.00002', 2);
INSERT INTO identifier VALUES ('arxiv:2611.00003', 3);
INSERT INTO identifier VALUES ('arxiv:2611.00004', 4);
INSERT INTO identifier VALUES ('doi:10.1234/5', 4);
INSERT INTO identifier VALUES ('url:https://example.org/6', 6);
INSERT INTO guid VALUES ('feed', 'An entry', 6);
INSERT INTO sighting VALUES (1, 'arxiv', 'new', 1795161600, '2026-11-20', 1795165200, NULL, NULL, 506214461206504433);
INSERT INTO sighting VALUES (1, 'arxiv', 'withdrawn', 1795165200, '2026-11-20', 1795165200, NULL, NULL, 0);
INSERT INTO sighting VALUES (2, 'arxiv', 'new', 1795161600, '2026-11-20', 1795161600, NULL, NULL, 2151137949403555671);
INSERT INTO sighting VALUES (2, 'hf', 'seen', 1795161600, '2026-11-20', 1795161600, 7, 1, 0);
INSERT INTO sighting VALUES (3, 'arxiv', 'new', 1795161600, '2026-11-20', 1795161600, NULL, NULL, 9055842396513573660);
INSERT INTO sighting VALUES (4, 'arxiv', 'new', 1795161600, '2026-11-20', 1795165200, NULL, NULL, 861624527649077642);
INSERT INTO sighting VALUES (4, 'arxiv', 'published', 1795165200, '2026-11-20', 1795165200, NULL, NULL, 0);
INSERT INTO sighting VALUES (4, 'by hand', 'submit', 1795161600, '2026-11-20', 1795161600, 1, NULL, 0);
INSERT INTO sighting VALUES (4, 'journal', 'new', 1795161600, '2026-11-20', 1795161600, NULL, NULL, 4718602545744442583);
INSERT INTO sighting VALUES (6, 'feed', 'seen', 1795161600, '2026-11-20', 1795161600, NULL, NULL, 4260253053927608312);
INSERT INTO profile VALUES ('experts', 'active', 'f', 0);
INSERT INTO profile VALUES ('gone', 'retired', 'f', 0);
INSERT INTO profile VALUES ('proteins', 'active', 'g', 0);
INSERT INTO kept_file VALUES ('profiles/experts.toml', '[profiles.experts]
');
INSERT INTO edition VALUES (1, 'experts', '2026-11-20', 1, 6, '', 0, 0, '[]', 1795158000, '', 1);
INSERT INTO edition VALUES (2, 'experts', '2026-11-21', 2, 6, '', 0, 0, '[]', 1795248000, '', 1);
INSERT INTO pick VALUES (1, 1, 1, 'new', 1, 1.0, '[["keyword", "experts", 1.0]]', '');
INSERT INTO pick VALUES (1, 2, 2, 'new', 1, 0.5, '[["keyword", "experts", 0.5]]', '');
INSERT INTO pick VALUES (2, 1, 3, 'new', 1, 1.0, '[["keyword", "experts", 1.0]]', '');
INSERT INTO pick VALUES (2, 2, 1, 'update', 1, 1.0, '[]', 'withdrawn');
INSERT INTO subscriber VALUES (1, 'pending@example.org', 'pending@example.org', '', '', 0, 1795161600, 0, 0);
INSERT INTO subscriber VALUES (2, 'sending@example.org', 'sending@example.org', '', '', 0, 1795161600, 0, 0);
INSERT INTO subscriber VALUES (3, 'sent@example.org', 'sent@example.org', '', '', 0, 1795161600, 0, 1);
INSERT INTO subscriber VALUES (4, 'retry@example.org', 'retry@example.org', '', '', 0, 1795161600, 0, 0);
INSERT INTO subscriber VALUES (5, 'failed@example.org', 'failed@example.org', '', '', 0, 1795161600, 0, 0);
INSERT INTO subscriber VALUES (6, 'uncertain@example.org', 'uncertain@example.org', '', '', 0, 1795161600, 0, 0);
INSERT INTO subscriber VALUES (7, 'held@example.org', 'held@example.org', '', '', 0, 1795161600, 0, 0);
INSERT INTO subscriber VALUES (8, 'skipped@example.org', 'skipped@example.org', '', '', 0, 1795161600, 0, 0);
INSERT INTO subscriber VALUES (9, 'left@example.org', 'left@example.org', '', '', 0, 1795161600, 0, 0);
INSERT INTO subscription VALUES (1, 1, 'experts', 'confirmed', 'owner', '', '', '', 0, 1, 1795161600);
INSERT INTO subscription VALUES (10, 3, 'proteins', 'confirmed', 'config', '', '', '', 0, 0, 1795161600);
INSERT INTO subscription VALUES (2, 2, 'experts', 'confirmed', 'owner', '', '', '', 0, 1, 1795161600);
INSERT INTO subscription VALUES (3, 3, 'experts', 'confirmed', 'owner', '', '', '', 0, 1, 1795161600);
INSERT INTO subscription VALUES (4, 4, 'experts', 'confirmed', 'owner', '', '', '', 0, 1, 1795161600);
INSERT INTO subscription VALUES (5, 5, 'experts', 'confirmed', 'owner', '', '', '', 0, 0, 1795161600);
INSERT INTO subscription VALUES (6, 6, 'experts', 'confirmed', 'owner', '', '', '', 0, 1, 1795161600);
INSERT INTO subscription VALUES (7, 7, 'experts', 'confirmed', 'owner', '', '', '', 0, 1, 1795161600);
INSERT INTO subscription VALUES (8, 8, 'experts', 'confirmed', 'owner', '', '', '', 0, 0, 1795161600);
INSERT INTO subscription VALUES (9, 9, 'experts', 'unsubscribed', 'owner', 'owner', '', '', 0, 1, 1795161600);
INSERT INTO delivery VALUES (1, 1, 'digest', 'pending', 1795161600, NULL, 1795204800, 0, '', NULL, '<1@example.org>', '[1]', X'010000000100000000010000000200000000', 0, 0, '', 1795161600, NULL, 0);
INSERT INTO delivery VALUES (2, 2, 'digest', 'sending', 1795161600, NULL, 1795204800, 0, '', 1795165200, '<2@example.org>', '[1]', X'010000000100000000010000000200000000', 0, 0, '', 1795161600, NULL, 0);
INSERT INTO delivery VALUES (3, 3, 'digest', 'sent', 1795161600, 1795165200, 1795204800, 1, '', NULL, '<3@example.org>', '[1]', X'010000000100000000010000000200000000', 0, 0, 'said', 1795161600, 1795161600, 3);
INSERT INTO delivery VALUES (4, 4, 'digest', 'retry', 1795161600, 1795165200, 1795204800, 1, '', NULL, '<4@example.org>', '[1]', X'010000000100000000010000000200000000', 0, 0, 'said', 1795161600, NULL, 0);
INSERT INTO delivery VALUES (5, 5, 'digest', 'failed', 1795161600, 1795165200, 1795204800, 1, '', NULL, '<5@example.org>', '[1]', X'010000000100000000010000000200000000', 0, 0, 'said', 1795161600, NULL, 0);
INSERT INTO delivery VALUES (6, 6, 'digest', 'uncertain', 1795161600, 1795165200, 1795204800, 1, '', NULL, '<6@example.org>', '[1]', X'010000000100000000010000000200000000', 0, 0, 'said', 1795161600, NULL, 0);
INSERT INTO delivery VALUES (7, 7, 'digest', 'held', 1795161600, NULL, 1795204800, 0, '', NULL, '<7@example.org>', '[1]', X'010000000100000000010000000200000000', 0, 0, 'held by hand', 1795161600, NULL, 0);
INSERT INTO delivery VALUES (8, 8, 'digest', 'skipped', 1795161600, NULL, 1795204800, 0, '', NULL, '<8@example.org>', '[1]', X'010000000100000000010000000200000000', 0, 0, 'nobody wants it', 1795161600, NULL, 0);
INSERT INTO serving VALUES (1, '2026-11-20', 1, 1);
INSERT INTO serving VALUES (2, '2026-11-20', 2, 1);
INSERT INTO serving VALUES (3, '2026-11-20', 3, 1);
INSERT INTO serving VALUES (4, '2026-11-20', 4, 1);
INSERT INTO serving VALUES (5, '2026-11-20', 5, 1);
INSERT INTO serving VALUES (6, '2026-11-20', 6, 1);
INSERT INTO serving VALUES (7, '2026-11-20', 7, 1);
INSERT INTO serving VALUES (8, '2026-11-20', 8, 1);
INSERT INTO outgoing VALUES (2, X'5375626A6563743A20657870657274730D0A0D0A');
INSERT INTO outgoing VALUES (6, X'5375626A6563743A20657870657274730D0A0D0A');
INSERT INTO attempt VALUES (3, 1, 1795161600, 'data', 'sent', 250, 'said');
INSERT INTO attempt VALUES (4, 1, 1795161600, 'data', 'retry', 250, 'said');
INSERT INTO attempt VALUES (5, 1, 1795161600, 'data', 'refused-content', 250, 'said');
INSERT INTO attempt VALUES (6, 1, 1795161600, 'data', 'uncertain', 250, 'said');
INSERT INTO suppression VALUES ('hidden failed@example.org', 'hard bounce', 1795161600);
INSERT INTO feedback VALUES ('experts', 1, 0, 'like', 1795161600);
INSERT INTO feedback VALUES ('experts', 2, 2, 'dislike', 1795161600);
INSERT INTO submission VALUES (4, 'proteins', 1795161600);
INSERT INTO inbox VALUES ('mail-1', X'5375626A6563743A203F0D0A0D0AFF', 'quarantined', 'It has no sender.', 1795161600, '');
INSERT INTO revision VALUES (1, 1795165200, 'Paper “1”', 'Ada Löve
O''Brien', 'Of
experts.', '', '', 1, NULL, '[]', '[[1,1,"","title authors abstract"]]', '');
INSERT INTO revision VALUES (4, 1795165200, 'Paper “4”', 'Ada Löve
O''Brien', 'Of
experts.', '', '', 1, NULL, '[]', '[[1,1,"","title authors abstract"]]', '');
INSERT INTO unindexed VALUES (1);
INSERT INTO unindexed VALUES (2);
INSERT INTO unindexed VALUES (3);
INSERT INTO unindexed VALUES (4);
INSERT INTO unindexed VALUES (6);
INSERT INTO enrichment VALUES (1, 'semantic-scholar', 1795161600, 1795161600, 0, NULL, '');
INSERT INTO enrichment VALUES (2, 'semantic-scholar', 1795161600, 1795161600, 1, 3, 'Experts route.');
INSERT INTO vote VALUES (3, 3, 1795161600);
INSERT INTO tide VALUES (1, 1);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES ('paper', 6);
INSERT INTO sqlite_sequence VALUES ('subscriber', 10);
INSERT INTO sqlite_sequence VALUES ('subscription', 10);
COMMIT;
