"""
Measure hn-comments against a floor, the naive way and its peers, and print a table.

`./run` sets up the environments. The two sides of a ratio are measured in the same run, in
alternation; a figure is the median of the rounds, with their minimum and maximum.
"""

import argparse
import asyncio
import itertools
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from hn_comments.simulator import Simulator, World
from hn_comments.simulator.answers import answer


HERE = Path(__file__).parent
PYTHON = {
    name: str(HERE / ".venvs" / name / "bin" / "python") for name in ("plain", "speed", "peers")
}

CONNECTIONS = 100
LATENCY = 0.05

# The contestants, each with its environment.
CONTESTANTS = {
    "floor": ("floor", "plain"),
    "hn-comments": ("ours", "plain"),
    "hn-comments[speed]": ("ours", "speed"),
    "naive gather": ("naive", "plain"),
}
PEERS = {
    "haxor 1.2.4": "haxor",
    "hnx": "hnx",
    "hacker-news-to-sqlite": "trees",
}

NGINX = """
load_module /usr/lib/nginx/modules/ngx_http_echo_module.so;
worker_processes 1;
daemon off;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    default_type application/json;
    keepalive_requests 1000000;
    client_body_temp_path {dir}/tmp; proxy_temp_path {dir}/tmp; fastcgi_temp_path {dir}/tmp;
    uwsgi_temp_path {dir}/tmp; scgi_temp_path {dir}/tmp;
    server {{
        listen 127.0.0.1:{port};
        root {dir};
        location ~ ^/slow(/.*)$ {{ echo_sleep {latency}; echo_exec $1; }}
    }}
}}
"""


def generate(directory: Path, world: World, sizes: list[int]) -> None:
    """
    Write the world as static files, and for each of *sizes* the paths that a walk gets.
    """
    (directory / "v0" / "item").mkdir(parents=True)
    for item_id in world.items:
        path = f"item/{item_id}"
        (directory / "v0" / f"{path}.json").write_text(json.dumps(answer(world, path)))
    for path in ("topstories", "maxitem"):
        (directory / "v0" / f"{path}.json").write_text(json.dumps(answer(world, path)))
    (directory / "v0" / "updates.json").write_text('{"items": [], "profiles": []}')
    paths = {}
    for size in sizes:
        top = world.top[:size]
        ids = [*top, *(kid for story in top for kid in world.walk(story))]
        paths[str(size)] = ["topstories.json", *(f"item/{item_id}.json" for item_id in ids)]
    (directory / "paths.json").write_text(json.dumps(paths))


def depth(world: World, stories: int) -> int:
    """
    Return how many requests of a walk must follow one another.
    """

    def below(item_id: int) -> int:
        kids = (world.items[item_id] or {}).get("kids", [])
        return 1 + max(map(below, kids), default=0)

    return 1 + max(map(below, world.top[:stories]))


@contextmanager
def nginx(directory: Path, port: int) -> Iterator[str]:
    """
    Serve the directory; yield the address without the path of the API.
    """
    (directory / "tmp").mkdir()
    config = directory / "nginx.conf"
    config.write_text(NGINX.format(dir=directory, port=port, latency=LATENCY))
    server = subprocess.Popen(["nginx", "-c", config])
    try:
        time.sleep(0.5)
        if server.poll() is not None:
            sys.exit(f"nginx did not start:\n{(directory / 'error.log').read_text()}")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def run(contestant: str, environment: str, url: str, stories: int, **extra: str) -> dict[str, Any]:
    """
    Return the result of one run of a contestant.
    """
    command = [PYTHON[environment], str(HERE / "contestants.py"), contestant, url, str(stories)]
    try:
        output = subprocess.run(
            command, capture_output=True, text=True, timeout=600, env={**os.environ, **extra}
        )
    except subprocess.TimeoutExpired:
        return {"error": "no end within 600 seconds"}
    try:
        result: dict[str, Any] = json.loads(output.stdout)
    except ValueError:
        return {"error": (output.stderr.strip() or "no result").splitlines()[-1][:200]}
    return result


def alternate(url: str, stories: int, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """
    Return the results of all contestants, which take turns.
    """
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in CONTESTANTS}
    for _ in range(rounds):
        for name, (contestant, environment) in CONTESTANTS.items():
            results[name].append(run(contestant, environment, url, stories))
    return results


def spread(values: list[float], form: str = "{:.2f}") -> str:
    middle = form.format(statistics.median(values))
    return f"{middle} ({form.format(min(values))}-{form.format(max(values))})"


def ratios(ours: list[dict[str, Any]], theirs: list[dict[str, Any]], key: str) -> list[float]:
    """
    Return how many times more the others need for a fetch, round by round.
    """
    return [
        (their[key] / their["fetches"]) / (our[key] / our["fetches"])
        for our, their in zip(ours, theirs, strict=True)
    ]


def print_cold_walks(url: str, world: World, stories: int, rounds: int) -> None:
    for title, base in (("no latency", f"{url}/v0"), ("50 ms", f"{url}/slow/v0")):
        results = alternate(base, stories, rounds)
        print(f"\n### Cold walk, {stories} stories, {title}\n")
        print("| | fetches | seconds | fetches/s | CPU us/fetch | speed / floor | CPU / naive |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for name, runs in results.items():
            if "error" in runs[0]:
                print(f"| {name} | {runs[0]['error']} | | | | | |")
                continue
            seconds = [r["seconds"] for r in runs]
            per_second = [r["fetches"] / r["seconds"] for r in runs]
            cpu = [1e6 * r["cpu"] / r["fetches"] for r in runs]
            to_floor = ratios(runs, results["floor"], "seconds")
            to_naive = [1 / ratio for ratio in ratios(runs, results["naive gather"], "cpu")]
            print(
                f"| {name} | {runs[0]['fetches']} | {spread(seconds)} "
                f"| {spread(per_second, '{:.0f}')} | {spread(cpu, '{:.0f}')} "
                f"| {spread(to_floor)} | {spread(to_naive)} |"
            )
        if base.endswith("slow/v0"):
            fetches = results["hn-comments"][0]["fetches"]
            bound = (fetches / CONNECTIONS + depth(world, stories)) * LATENCY
            ours = statistics.median(r["seconds"] for r in results["hn-comments"])
            fast = statistics.median(r["seconds"] for r in results["hn-comments[speed]"])
            print(
                f"\nThe bound, (fetches / connections + depth) x latency, is {bound:.2f} s: "
                f"hn-comments takes {ours / bound:.2f} times that, with `speed` {fast / bound:.2f}."
            )


def print_peers(url: str, stories: int) -> None:
    print(f"\n### Peers, {stories} stories, no latency, one run each\n")
    print("| | fetches | comments | seconds | CPU s |")
    print("| --- | --- | --- | --- | --- |")
    runs = {"hn-comments": run("ours", "plain", f"{url}/v0", stories)}
    runs |= {name: run(peer, "peers", f"{url}/v0", stories) for name, peer in PEERS.items()}
    for name, r in runs.items():
        if "error" in r:
            print(f"| {name} | {r['error']} | | | |")
        else:
            print(
                f"| {name} | {r['fetches']} | {r['comments']} "
                f"| {r['seconds']:.2f} | {r['cpu']:.2f} |"
            )


def print_growth(url: str, sizes: list[int]) -> None:
    print("\n### Growth: a cold walk, then quiet polls\n")
    print("| stories | fetches | seconds | CPU s | peak MB | quiet poll: fetches | CPU ms | MB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for size in sizes:
        cold = run("ours", "plain", f"{url}/v0", size)
        quiet = run("polls", "plain", f"{url}/v0", size, BENCH_POLLS="30")
        print(
            f"| {size} | {cold['fetches']} | {cold['seconds']:.2f} | {cold['cpu']:.2f} "
            f"| {cold['peak']:.0f} | {quiet['fetches']} | {1000 * quiet['quiet_cpu']:.1f} "
            f"| {quiet['memory']['30']:.0f} |"
        )


def print_warm(url: str, stories: int) -> None:
    """
    Print the cost of a run of the command that finds everything in its history file.
    """
    print(f"\n### A warm `--once --history`, {stories} stories\n")
    print("| run | fetches | CPU s, user + sys |")
    print("| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        command = [PYTHON["plain"], "-m", "hn_comments", "--api-url", f"{url}/v0", "--once", "-q"]
        command += ["--limit", str(stories), "--format", "json", "--history", f"{name}/h.db"]
        for which in ("cold", "warm", "warm", "warm"):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            poll = json.loads(output.splitlines()[-1])
            assert poll["status"] == "exact", poll
            print(f"| {which} | {poll['fetches']} | {cpu:.2f} |", flush=True)


def print_many_polls(number: int) -> None:
    print(f"\n### Memory over {number} polls of a growing world\n")

    async def serve() -> dict[str, Any]:
        async with Simulator(World(stories=30, rate=600)) as simulator:
            return await asyncio.to_thread(
                run, "polls", "plain", simulator.url, 5, BENCH_POLLS=str(number)
            )

    memory = asyncio.run(serve())["memory"]
    start, end = memory["100"], memory[str(number)]
    print(f"After 100 polls {start:.1f} MB, after {number} {end:.1f} MB: {end / start - 1:+.1%}.")


def print_start_up(rounds: int) -> None:
    print("\n### Start-up, milliseconds\n")
    commands = {
        "python -c pass": ["-c", "pass"],
        "hn-comments --version": ["-m", "hn_comments", "--version"],
        "hn-comments --help": ["-m", "hn_comments", "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _, (name, arguments) in itertools.product(range(rounds), commands.items()):
        start = time.perf_counter()
        subprocess.run([PYTHON["plain"], *arguments], check=True, stdout=subprocess.DEVNULL)
        times[name].append(1000 * (time.perf_counter() - start))
    print("| | median (min-max) |")
    print("| --- | --- |")
    for name, values in times.items():
        print(f"| {name} | {spread(values, '{:.0f}')} |")


def versions() -> str:
    packages = subprocess.run(
        [PYTHON["speed"], "-m", "pip", "list", "--format", "json"],
        capture_output=True,
        check=True,
    )
    wanted = {"aiohttp", "async-timeout", "uvloop", "orjson"}
    found = [p for p in json.loads(packages.stdout) if p["name"] in wanted]
    return ", ".join(f"{p['name']} {p['version']}" for p in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="./run")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--stories", type=int, default=50, help="of a cold walk; default: 50")
    parser.add_argument("--most", type=int, default=500, help="stories at most; default: 500")
    parser.add_argument("--polls", type=int, default=10_000, help="for memory; default: 10,000")
    parser.add_argument("--port", type=int, default=8199, help="of nginx; default: 8199")
    args = parser.parse_args()

    print(f"{date.today()}, Python {platform.python_version()}, {os.cpu_count()} cores,")
    print(f"{platform.system()} {platform.machine()}; {versions()}.")
    world = World(stories=args.most)
    sizes = sorted({5, min(50, args.most), args.stories, args.most})
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)  # nginx serves it as another user
        generate(directory, world, sizes)
        os.environ.update(BENCH_DIR=name, BENCH_PATHS=f"{name}/paths.json")
        with nginx(directory, args.port) as url:
            print_cold_walks(url, world, args.stories, args.rounds)
            if Path(PYTHON["peers"]).exists():
                print_peers(url, min(10, args.stories))
            print_growth(url, sizes)
            print_warm(url, args.most)
    print_many_polls(args.polls)
    print_start_up(4 * args.rounds)


if __name__ == "__main__":
    main()
