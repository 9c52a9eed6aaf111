"""
The views of the history file: they answer the obvious questions in `sqlite3` and Datasette.

They hold nothing, so a file gets them anew whenever its version changes.
"""

VIEWS = {
    # Of a story that left the list the last row has no rank.
    "latest_counts": """
    SELECT story_id, title, rank, comments, live, deleted, dead, missing, descendants,
        counts.score, counts.status, started_at AS since, last_seen, url, state
    FROM counts JOIN stories USING (story_id) JOIN polls USING (poll_id)
    WHERE poll_id = (
        SELECT max(poll_id) FROM counts AS later WHERE later.story_id = counts.story_id
    )
    """,
    # "Now" is the last poll, so that an old file still says something; the last one by number,
    # since a clock can have been wrong.
    "growing_now": """
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
    # Since the story's birth, by the comments' own times: also what was before the first poll.
    "growth_by_hour": """
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
    # Where Hacker News' own number is not what was counted: for a moment, or `lasting`, after a
    # whole walk, too.
    "disputes": """
    SELECT story_id, title, latest.live, latest.descendants,
        latest.live - latest.descendants AS difference, coalesce(gap <> 0, 0) AS lasting, since
    FROM latest_counts AS latest LEFT JOIN trees USING (story_id)
    WHERE status = 'exact' AND latest.live <> latest.descendants
    """,
    "ever_partial": """
    SELECT story_id, title, started_at, counts.status, comments, list, polls.error
    FROM counts JOIN stories USING (story_id) JOIN polls USING (poll_id)
    WHERE counts.status <> 'exact'
    """,
    "authors": """
    SELECT story_id, title, items."by" AS author, count(*) AS comments,
        min(items.created_at) AS first_comment, max(items.created_at) AS last_comment
    FROM items JOIN stories USING (story_id)
    WHERE items."by" IS NOT NULL
    GROUP BY story_id, items."by"
    """,
    # The same in every poll: a row of `counts` holds until the next one of its story.
    "counts_by_poll": """
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
    # How many comments of each thread were removed, and when.
    "removals_by_hour": """
    SELECT story_id, title, strftime('%Y-%m-%dT%H:00:00Z', seen_at) AS hour,
        sum(to_state = 'dead') AS died, sum(to_state = 'deleted') AS deleted,
        sum(to_state = 'live') AS came_back
    FROM removals JOIN stories USING (story_id)
    GROUP BY story_id, hour
    """,
}
