"""
The tables and indexes of the history file, and the steps that lead to them.

A step is never changed once it was released: a file remembers as its `user_version` how
many it has seen, and is given the others when it is opened.

The tables `trees`, `newcomers`, `memory`, `told`, `untold`, `listed`, `notices` and `thresholds`
are what the next run needs to know; the others are for whoever asks the file, with the views
beside them.
"""

import sqlite3


# "HNco", in the file's header: `file` and SQLite's own tools show it, and we refuse others.
APPLICATION_ID = 0x484E636F

# Older libraries, as in RHEL 9, read and write the same rows without checking their types.
STRICT = "STRICT" if sqlite3.sqlite_version_info >= (3, 37) else ""
KEYED = f"{STRICT}, WITHOUT ROWID" if STRICT else "WITHOUT ROWID"

STATUS = "CHECK (status IN ('exact', 'partial', 'failed'))"
# The column is named, though SQLite does not need it: Datasette does.
STORY = "REFERENCES stories (story_id) ON DELETE CASCADE"

FIRST = (
    f"""
    CREATE TABLE polls (
        poll_id INTEGER PRIMARY KEY,
        started_at TEXT NOT NULL,
        list TEXT NOT NULL,
        seconds REAL NOT NULL,
        fetches INTEGER NOT NULL,
        retries INTEGER NOT NULL,
        refused INTEGER NOT NULL,
        mode TEXT NOT NULL CHECK (mode IN ('full', 'delta')),
        changed INTEGER NOT NULL,
        drift INTEGER NOT NULL,
        status TEXT NOT NULL {STATUS},
        error TEXT
    ) {STRICT}
    """,
    "CREATE INDEX polls_started_at ON polls (started_at)",
    f"""
    CREATE TABLE stories (
        story_id INTEGER PRIMARY KEY,
        kind TEXT,
        title TEXT,
        "by" TEXT,
        url TEXT,
        score INTEGER,
        created_at TEXT,
        first_seen TEXT NOT NULL,
        last_seen TEXT NOT NULL
    ) {STRICT}
    """,
    f"""
    CREATE TABLE counts (
        poll_id INTEGER NOT NULL REFERENCES polls (poll_id) ON DELETE CASCADE,
        story_id INTEGER NOT NULL {STORY},
        rank INTEGER,
        comments INTEGER,
        live INTEGER,
        deleted INTEGER,
        dead INTEGER,
        missing INTEGER,
        descendants INTEGER,
        score INTEGER,
        status TEXT NOT NULL {STATUS},
        PRIMARY KEY (story_id, poll_id)
    ) {KEYED}
    """,
    "CREATE INDEX counts_poll_id ON counts (poll_id)",
    f"""
    CREATE TABLE items (
        story_id INTEGER NOT NULL {STORY},
        item_id INTEGER NOT NULL,
        parent_id INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('live', 'deleted', 'dead', 'missing', 'unread')),
        "by" TEXT,
        created_at TEXT,
        seen_at TEXT,
        PRIMARY KEY (story_id, item_id),
        CHECK (item_id <> story_id AND item_id <> parent_id)
    ) {KEYED}
    """,
    "CREATE INDEX items_created_at ON items (created_at)",
    'CREATE INDEX items_by ON items ("by")',
    f"""
    CREATE TABLE notices (
        story_id INTEGER NOT NULL {STORY},
        threshold INTEGER NOT NULL,
        sent_at TEXT NOT NULL,
        PRIMARY KEY (story_id, threshold)
    ) {KEYED}
    """,
    # One row for each tree: up to which id it is complete, what is to be read again, and
    # what its proof rests on. Lists are JSON; `writer` is the process that wrote it last.
    f"""
    CREATE TABLE trees (
        story_id INTEGER PRIMARY KEY {STORY},
        writer INTEGER NOT NULL,
        upto INTEGER NOT NULL,
        known INTEGER NOT NULL,
        walking INTEGER NOT NULL,
        stale TEXT NOT NULL,
        unlisted TEXT NOT NULL,
        again TEXT NOT NULL,
        descendants INTEGER,
        live INTEGER,
        past TEXT NOT NULL,
        gap INTEGER NOT NULL,
        lags_since TEXT,
        doubted INTEGER NOT NULL,
        patience REAL NOT NULL,
        walk_again_at TEXT,
        seen_at TEXT,
        walked_at TEXT,
        checked_at TEXT,
        listed_at TEXT
    ) {STRICT}
    """,
    "CREATE INDEX trees_listed_at ON trees (listed_at)",
    # The comments read lately, whose parents may not list them yet, as JSON.
    f"""
    CREATE TABLE newcomers (
        item_id INTEGER PRIMARY KEY,
        read_at TEXT NOT NULL,
        item TEXT NOT NULL
    ) {STRICT}
    """,
    # What else is remembered, as JSON.
    f"CREATE TABLE memory (name TEXT PRIMARY KEY, value TEXT NOT NULL) {KEYED}",
)

STATE = "CHECK (state IN ('live', 'deleted', 'dead', 'missing', 'unread'))"

SECOND = (
    # The id above which a comment of a story is news: what is first read later need not be.
    "ALTER TABLE trees ADD COLUMN news_from INTEGER",
    "UPDATE trees SET news_from = upto, unlisted = '[]'",
    # Since when `gap` waits for a second walk to confirm it; null where one has.
    "ALTER TABLE trees ADD COLUMN unconfirmed_since TEXT",
    f"ALTER TABLE stories ADD COLUMN state TEXT NOT NULL DEFAULT 'live' {STATE}",
    "DROP TABLE notices",
    # What was last told of each story: `new` is counted from there. A row moves on only when the
    # lines of a poll were written.
    f"""
    CREATE TABLE told (
        story_id INTEGER PRIMARY KEY {STORY},
        comments INTEGER,
        status TEXT NOT NULL {STATUS}
    ) {STRICT}
    """,
    """
    INSERT INTO told SELECT story_id, comments, status FROM counts
    WHERE poll_id = (
        SELECT max(poll_id) FROM counts AS later
        WHERE later.story_id = counts.story_id AND later.status = 'exact'
    )
    """,
    # What is on each list now.
    f"""
    CREATE TABLE listed (
        list TEXT NOT NULL,
        story_id INTEGER NOT NULL {STORY},
        rank INTEGER NOT NULL,
        PRIMARY KEY (list, story_id)
    ) {KEYED}
    """,
    # New comments that did not reach the reader yet, or a receiver of notices; the next run that
    # tells comments tells them.
    f"""
    CREATE TABLE untold (
        item_id INTEGER NOT NULL,
        audience TEXT NOT NULL CHECK (audience IN ('reader', 'receivers')),
        story_id INTEGER NOT NULL {STORY},
        PRIMARY KEY (item_id, audience)
    ) {KEYED}
    """,
    # Thresholds that stories reached, and when a receiver took that (none did where it is null).
    f"""
    CREATE TABLE notices (
        story_id INTEGER NOT NULL {STORY},
        threshold TEXT NOT NULL,
        sent_at TEXT,
        crossed_at TEXT NOT NULL,
        comments INTEGER NOT NULL,
        last_hour INTEGER,
        PRIMARY KEY (story_id, threshold)
    ) {KEYED}
    """,
    # The thresholds that runs have had: only a new one has what stands above it already.
    f"CREATE TABLE thresholds (threshold TEXT PRIMARY KEY) {KEYED}",
    # Each comment's way from live to dead or deleted, or back.
    f"""
    CREATE TABLE removals (
        story_id INTEGER NOT NULL {STORY},
        item_id INTEGER NOT NULL,
        from_state TEXT NOT NULL,
        to_state TEXT NOT NULL,
        seen_at TEXT NOT NULL
    ) {STRICT}
    """,
    "CREATE INDEX removals_story_id ON removals (story_id, item_id)",
    """
    CREATE TRIGGER items_state AFTER UPDATE OF state ON items
    WHEN old.state <> new.state
        AND old.state IN ('live', 'dead', 'deleted') AND new.state IN ('live', 'dead', 'deleted')
    BEGIN
        INSERT INTO removals VALUES (
            new.story_id, new.item_id, old.state, new.state,
            strftime('%Y-%m-%dT%H:%M:%SZ', 'now')
        );
    END
    """,
)

# What brings a file from version N to N + 1; an empty file is version 0.
MIGRATIONS: tuple[tuple[str, ...], ...] = (FIRST, SECOND)
VERSION = len(MIGRATIONS)
