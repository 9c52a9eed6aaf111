"""
One contestant's walk of a front page, in a process of its own.

    python contestants.py NAME URL STORIES

prints one line of JSON: fetches, comments (if it counts them), and the walk's seconds and CPU
seconds without imports; or the error that ended it.
"""

import asyncio
import contextlib
import io
import json
import os
import resource
import sys
import time
import urllib.request
from collections.abc import Callable
from typing import Any


# Requests in flight, for contestants that have such a limit.
CONNECTIONS = int(os.environ.get("BENCH_CONNECTIONS", "100"))


def get(url: str) -> Any:
    with urllib.request.urlopen(url) as response:
        return json.load(response)


def ours(url: str, stories: int) -> dict[str, Any]:
    """
    The command itself, once.
    """
    import hn_comments.engine  # noqa: F401 - not part of the walk
    from hn_comments.__main__ import main

    def run() -> dict[str, Any]:
        # Bytes, because the command writes below the text layer of stdout.
        output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with contextlib.redirect_stdout(output):
            main(
                ["--api-url", url, "--limit", str(stories), "--once", "-q", "--format", "json"]
                + ["--connections", str(CONNECTIONS)]
            )
        output.flush()
        written = output.buffer.getvalue().decode()
        lines = [json.loads(line) for line in written.splitlines()]
        assert lines[-1]["status"] == "exact", lines[-1]
        comments = sum(line["comments"] for line in lines[:-1])
        return {"fetches": lines[-1]["fetches"], "comments": comments}

    return measure(run)


def floor(url: str, stories: int) -> dict[str, Any]:
    """
    A bare aiohttp loop over the same URLs, known beforehand: no walk can cost less.
    """
    import aiohttp

    with open(os.environ["BENCH_PATHS"]) as file:
        paths = json.load(file)[str(stories)]

    async def walk() -> dict[str, Any]:
        rest = iter(paths)

        async def work() -> None:
            for path in rest:
                async with session.get(f"{url}/{path}") as response:
                    json.loads(await response.read())

        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        async with aiohttp.ClientSession(connector=connector) as session:
            await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
        return {"fetches": len(paths)}

    return measure(lambda: asyncio.run(walk()))


def naive(url: str, stories: int) -> dict[str, Any]:
    """
    Recursive gather without a limit, `response.json()`, a timer for each request.
    """
    import aiohttp

    async def walk() -> dict[str, Any]:
        fetches = 0

        async def fetch(path: str) -> Any:
            nonlocal fetches
            fetches += 1
            async with asyncio.timeout(3600), session.get(f"{url}/{path}") as response:
                return await response.json()

        async def count(item_id: int) -> int:
            kids = (await fetch(f"item/{item_id}.json") or {}).get("kids", [])
            return len(kids) + sum(await asyncio.gather(*map(count, kids)))

        async with aiohttp.ClientSession() as session:
            top = (await fetch("topstories.json"))[:stories]
            comments = sum(await asyncio.gather(*map(count, top)))
        return {"fetches": fetches, "comments": comments}

    return measure(lambda: asyncio.run(walk()))


def haxor(url: str, stories: int) -> dict[str, Any]:
    """
    haxor 1.2.4 has no walk: a minimal one, level by level, over its get_items_by_ids.
    """
    import hackernews.settings

    hackernews.settings.supported_api_versions["v0"] = f"{url}/"
    from hackernews import HackerNews

    client = HackerNews()
    top = get(f"{url}/topstories.json")[:stories]

    def walk() -> dict[str, Any]:
        level, fetches, comments = top, 1, -stories
        while level:
            comments += len(level)
            fetches += len(level)
            level = [kid for item in client.get_items_by_ids(level) for kid in item.kids or ()]
        return {"fetches": fetches, "comments": comments}

    asyncio.set_event_loop(asyncio.new_event_loop())
    return measure(walk)


def hnx(url: str, stories: int) -> dict[str, Any]:
    """
    hnx walks trees through Algolia only: a minimal walk, level by level, over its items().
    """
    from hnx import HackerNews

    async def walk() -> dict[str, Any]:
        async with HackerNews(firebase_base_url=url) as client:
            level = (await client.top())[:stories]
            fetches, comments = 1, -stories
            while level:
                comments += len(level)
                fetches += len(level)
                items = await client.items(level)
                level = [kid for item in items for kid in getattr(item, "kids", None) or ()]
        return {"fetches": fetches, "comments": comments}

    return measure(lambda: asyncio.run(walk()))


def trees(url: str, stories: int) -> dict[str, Any]:
    """
    hacker-news-to-sqlite `trees`: one request after another, into SQLite.
    """
    import requests
    from hacker_news_to_sqlite.cli import cli

    official = "https://hacker-news.firebaseio.com/v0"
    fetches = 0
    real_get = requests.get

    def local_get(address: str, **options: Any) -> Any:
        nonlocal fetches
        fetches += 1
        return real_get(address.replace(official, url), **options)

    requests.get = local_get
    top = get(f"{url}/topstories.json")[:stories]

    def walk() -> dict[str, Any]:
        database = f"{os.environ['BENCH_DIR']}/trees.db"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(database)
        with contextlib.redirect_stdout(io.StringIO()):
            cli(["trees", database, *map(str, top)], standalone_mode=False)
        return {"fetches": fetches, "comments": fetches - stories}

    return measure(walk)


def polls(url: str, stories: int) -> dict[str, Any]:
    """
    Many polls in one process: requests and CPU of each, memory at the start and the end.
    """
    from hn_comments import Session, Settings, URLFetcher
    from hn_comments.memory.memory import Memory
    from hn_comments.stories import Poll

    number = int(os.environ["BENCH_POLLS"])
    settings = Settings(api_url=url, limit=stories)
    reports: list[Any] = []
    cpu: list[float] = []
    memory_at: dict[int, float] = {}

    async def run() -> None:
        memory = Memory()
        async with Session(settings) as session:
            for poll in range(1, number + 1):
                start = time.process_time()
                one = Poll(URLFetcher(session), settings, memory=memory, number=poll)
                await one.run(reports.append)
                cpu.append(time.process_time() - start)
                if poll in {1, 100, number}:
                    memory_at[poll] = resident_megabytes()
                del reports[:-1]

    asyncio.run(run())
    quiet = sorted(cpu[1:])
    return {
        "fetches": reports[-1].fetches,
        "status": reports[-1].status,
        "quiet_cpu": quiet[len(quiet) // 2],
        "memory": memory_at,
    }


def resident_megabytes() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def peak_megabytes() -> float:
    # Not ru_maxrss, which a process inherits from the one that started it.
    with open("/proc/self/status") as file:
        (line,) = (line for line in file if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1000


def measure(walk: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """
    Run *walk*, and add its seconds, its CPU and its memory.
    """
    start, cpu = time.perf_counter(), time.process_time()
    result = walk()
    result["seconds"] = time.perf_counter() - start
    result["cpu"] = time.process_time() - cpu
    result["peak"] = peak_megabytes()
    return result


if __name__ == "__main__":
    name, url, stories = sys.argv[1:]
    try:
        result = globals()[name](url, int(stories))
    except Exception as exc:  # noqa: BLE001 - any error of a contestant is a result
        result = {"error": f"{type(exc).__name__}: {exc}"[:200]}
    print(json.dumps(result))
