"""
Watch Hacker News discussions: every comment counted, none guessed.

    async for report in watch(Settings(limit=30, period=60)):
        print(report.poll, report.status, report.fetches)

help(hn_comments.watch), and so on, says more about one of these names:

watch                       yield a report for each poll, as it ends
Settings                    which posts to poll, and how; the fields are the options' names
BadSetting                  a ValueError that names the field and the problem
Control                     stops a `watch` from elsewhere, and tells how far a poll is

PollReport                  the result of one poll: its status, its cost, its stories
PostReport                  the result for one story: the item, the count, the new comments
Item                        an item of the API, checked
Count                       comments by kind, and how many could not be read
Comment                     a new comment, and where it was written
Progress                    how far a running poll has come
Traffic                     the requests under way, and how fast they may be
Growth                      when each comment of a post was written

Crossing                    a threshold that a story has reached
Notice                      what receivers are told of one poll
Event                       a Notice or any of the next eleven: `watch` passes them to *on_event*
PollBegan                   a poll was launched
Trouble                     something went wrong, again and again, or is over
WorldChanged                the API shows another world: everything is read anew
MemoryDropped               the history file contradicted itself: it is read anew
HistoryMoved                the history file is not at its path any more: it is opened anew
PollsLost                   the history file lacks polls
NotTold                     comments and counts that were not written; the next run tells them
AlreadyAbove                stories that stand above a threshold that is new to the history
TaskFailed                  a task in the background ended with an unexpected error
NoticeTaken                 a receiver has taken a notice
Serving                     the port is open

Session                     the connections to one API; use it with `async with`
URLFetcher                  gets JSON through a session, and counts the requests
count                       count the comments of one post, once, in one call
count_sync                  the same without an event loop
count_comments              the same through a URLFetcher of one's own

HNCommentsError             the base of all errors
    FetchError              a request did not give usable JSON
        FetchTimeout        ... in time
        ConnectionFailed    ... because the connection broke
        CertificateInvalid  ... because the server's TLS certificate is not valid
        BadStatus           ... but an HTTP error
        NotJSON             ... but something else
        BodyTooLarge        ... but too many bytes
        BodyCompressed      ... but compressed bytes
        RedirectRefused     ... but a redirect to another server, or in a circle
        ProxyFailed         ... because the proxy would not pass it on
    MalformedItem           the answer is JSON, but not a usable item
    StillUnreadable         an item failed in earlier polls; this one did not ask for it
    NoSuchItem              the post to count is `null`
    BadProxy                the environment names a proxy that cannot be used
    CannotServe             a port, or the metrics file, cannot be used
    FetchLimitExceeded      the poll has used up its requests
    RateLimited             the server has refused everything for a minute
    BadReceiver             the settings name a receiver of notices that cannot be used
    HistoryError            the history file cannot be used
    ScreenFailed            the live table cannot be shown
    PollFailed              a poll had no result, or was cancelled by a failure
    TooManyErrors           too many polls in a row failed
"""

import sys


__version__ = "0.2.0"


def __getattr__(name: str) -> object:
    """
    Import a public name from the module that `__init__.pyi` names (PEP 562).

    On first use only: `hn-comments --help` need not wait for aiohttp.
    """
    # Of the names that Python itself looks for, only this one is ours.
    if name == "__all__" or not name.startswith("__"):
        from importlib import import_module

        names = _public_names()
        # help() prints a page for each name in `__all__`, 2,300 lines in all; where there is
        # no `__all__`, it prints the text above.
        if name == "__all__" and sys._getframe(1).f_code.co_name != "docmodule":  # noqa: SLF001
            return [*names, "__version__"]
        if name in names:
            value = getattr(import_module(f".{names[name]}", __name__), name)
            return globals().setdefault(name, value)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*_public_names(), "__version__", "__doc__"])


def _public_names() -> dict[str, str]:
    """
    Return which module each public name is from.
    """
    import ast
    from importlib.resources import files

    stub = (files(__name__) / "__init__.pyi").read_text(encoding="utf-8")
    return {
        alias.name: str(statement.module)
        for statement in ast.parse(stub).body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
