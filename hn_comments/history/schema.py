"""
The tables, indexes and views of the history file, and the steps that lead to them.

A step is never changed once it was released: a file remembers as its `user_version` how
many it has seen, and is given the others when it is opened.

The tables `trees`, `newcomers` and `memory` are what the next
run needs to know; the others and the views are for whoever asks the file.
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
    # A row of `counts` holds until the next one of its story, so the last one is the count.
    """
    CREATE VIEW latest_counts AS
    SELECT story_id, title, rank, comments, live, deleted, dead, missing, descendants,
        counts.score, counts.status, started_at AS since, last_seen, url
    FROM counts JOIN stories USING (story_id) JOIN polls USING (poll_id)
    WHERE poll_id = (
        SELECT max(poll_id) FROM counts AS later WHERE later.story_id = counts.story_id
    )
    """,
    # Since the story's birth, by the comments' own times: also what was before the first poll.
    """
    CREATE VIEW growth_by_hour AS
    SELECT story_id, title, hour,
        strftime('%Y-%m-%dT%H:%M:%SZ', born + 3600 * hour, 'unixepoch') AS from_time,
        count(*) AS comments,
        sum(count(*)) OVER (PARTITION BY story_id ORDER BY hour) AS total
    FROM (
        SELECT items.story_id, title, CAST(strftime('%s', stories.created_at) AS INTEGER) AS born,
            max(0, strftime('%s', items.created_at) - strftime('%s', stories.created_at)) / 3600
                AS hour
        FROM items JOIN stories USING (story_id)
        WHERE items.created_at IS NOT NULL AND stories.created_at IS NOT NULL
    )
    GROUP BY story_id, hour
    """,
    # "Now" is the last poll, so that an old file still says something.
    """
    CREATE VIEW growing_now AS
    SELECT items.story_id, title, count(*) AS last_hour,
        (SELECT comments FROM latest_counts AS latest WHERE latest.story_id = items.story_id)
            AS comments,
        max(items.created_at) AS last_comment
    FROM items JOIN stories USING (story_id)
    WHERE items.created_at > strftime(
        '%Y-%m-%dT%H:%M:%SZ', (SELECT max(started_at) FROM polls), '-1 hour')
    GROUP BY items.story_id
    ORDER BY last_hour DESC
    """,
    # Where Hacker News' own number is not what was counted: for a moment, or `lasting`, after a
    # whole walk, too.
    """
    CREATE VIEW disputes AS
    SELECT story_id, title, latest.live, latest.descendants,
        latest.live - latest.descendants AS difference, coalesce(gap <> 0, 0) AS lasting, since
    FROM latest_counts AS latest LEFT JOIN trees USING (story_id)
    WHERE status = 'exact' AND latest.live <> latest.descendants
    """,
    """
    CREATE VIEW ever_partial AS
    SELECT story_id, title, started_at, counts.status, comments, list, polls.error
    FROM counts JOIN stories USING (story_id) JOIN polls USING (poll_id)
    WHERE counts.status <> 'exact'
    """,
    """
    CREATE VIEW authors AS
    SELECT story_id, title, items."by" AS author, count(*) AS comments,
        min(items.created_at) AS first_comment, max(items.created_at) AS last_comment
    FROM items JOIN stories USING (story_id)
    WHERE items."by" IS NOT NULL
    GROUP BY story_id, items."by"
    """,
)

STATE = "CHECK (state IN ('live', 'deleted', 'dead', 'missing', 'unread'))"

SECOND = (
    # The id above which a comment of a story is news: what is first read later need not be.
    "ALTER TABLE trees ADD COLUMN news_from INTEGER",
    "UPDATE trees SET news_from = upto, unlisted = '[]'",
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
    "DROP VIEW latest_counts",
    # Of a story that left the list the last row has no rank.
    """
    CREATE VIEW latest_counts AS
    SELECT story_id, title, rank, comments, live, deleted, dead, missing, descendants,
        counts.score, counts.status, started_at AS since, last_seen, url, state
    FROM counts JOIN stories USING (story_id) JOIN polls USING (poll_id)
    WHERE poll_id = (
        SELECT max(poll_id) FROM counts AS later WHERE later.story_id = counts.story_id
    )
    """,
    # The same in every poll: a row of `counts` holds until the next one of its story.
    """
    CREATE VIEW counts_by_poll AS
    WITH spans AS (
        SELECT counts.*, list, poll_id AS from_poll,
            lead(poll_id) OVER (PARTITION BY list, story_id ORDER BY poll_id) AS to_poll
        FROM counts JOIN polls USING (poll_id)
    )
    SELECT polls.poll_id, started_at, polls.list, story_id, title, rank, comments, live, deleted,
        dead, missing, descendants, spans.score, spans.status
    FROM polls JOIN spans ON spans.list = polls.list AND from_poll <= polls.poll_id
        AND (to_poll IS NULL OR polls.poll_id < to_poll)
        JOIN stories USING (story_id)
    WHERE rank IS NOT NULL
    """,
    "DROP VIEW growing_now",
    # "Now" is the last poll, so that an old file still says something; the last one by number,
    # since a clock can have been wrong.
    """
    CREATE VIEW growing_now AS
    SELECT items.story_id, title, count(*) AS last_hour,
        (SELECT comments FROM latest_counts AS latest WHERE latest.story_id = items.story_id)
            AS comments,
        max(items.created_at) AS last_comment
    FROM items JOIN stories USING (story_id)
    WHERE items.created_at > strftime(
        '%Y-%m-%dT%H:%M:%SZ',
        (SELECT started_at FROM polls ORDER BY poll_id DESC LIMIT 1), '-1 hour')
    GROUP BY items.story_id
    ORDER BY last_hour DESC
    """,
    # How many comments of each thread were removed, and when.
    """
    CREATE VIEW removals_by_hour AS
    SELECT story_id, title, strftime('%Y-%m-%dT%H:00:00Z', seen_at) AS hour,
        sum(to_state = 'dead') AS died, sum(to_state = 'deleted') AS deleted,
        sum(to_state = 'live') AS came_back
    FROM removals JOIN stories USING (story_id)
    GROUP BY story_id, hour
    """,
)

# What brings a file from version N to N + 1; an empty file is version 0.
MIGRATIONS: tuple[tuple[str, ...], ...] = (FIRST, SECOND)
VERSION = len(MIGRATIONS)
