"""
The command `hn-comments-simulator`.
"""

import argparse
import asyncio
import contextlib
import math
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from .. import __version__
from .server import FAULTS, Simulator
from .world import World


def build_parser() -> argparse.ArgumentParser:
    """
    Return the parser of the command line.
    """
    parser = argparse.ArgumentParser(
        prog="hn-comments-simulator",
        description="Serve a local stand-in for the Hacker News API on 127.0.0.1.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--port",
        type=whole_number,
        default=8123,
        metavar="P",
        help="default: 8123; 0: any free one",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="the same seed makes the same world"
    )
    parser.add_argument(
        "--stories", type=whole_number, metavar="N", help="on the front page (default: 30)"
    )
    parser.add_argument(
        "--data", type=Path, metavar="FILE", help='serve recorded trees: {"top": [], "items": {}}'
    )
    parser.add_argument(
        "--rate",
        type=number,
        default=0.0,
        metavar="COMMENTS_PER_MINUTE",
        help="grow while running (default: stand still)",
    )
    parser.add_argument(
        "--latency", type=number, default=0.0, metavar="S", help="seconds added to each answer"
    )
    parser.add_argument(
        "--fault",
        type=fault,
        action="append",
        default=[],
        metavar="KIND=PROBABILITY",
        help=f"spoil this share of the answers; may be repeated; kinds: {', '.join(FAULTS)}",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """
    Serve until SIGINT or SIGTERM, then say how many requests there were.
    """
    parser = build_parser()
    args = parser.parse_args(argv)
    faults = dict(args.fault)
    if sum(faults.values()) > 1:
        parser.error("argument --fault: the probabilities add up to more than 1")
    if args.data and args.stories is not None:
        parser.error("argument --stories: not allowed with argument --data")
    try:
        if args.data:
            world = World.from_file(args.data, seed=args.seed, rate=args.rate)
        else:
            stories = 30 if args.stories is None else args.stories
            world = World(seed=args.seed, stories=stories, rate=args.rate)
    except (OSError, ValueError, TypeError, AttributeError) as exc:
        parser.error(f"argument --data: cannot use {str(args.data)!r}: {exc}")
    simulator = Simulator(
        world, port=args.port, latency=args.latency, faults=faults, seed=args.seed
    )
    try:
        asyncio.run(serve(simulator))
    except OSError as exc:
        parser.error(f"argument --port: cannot serve on port {args.port}: {exc.strerror}")
    print(f"Served {simulator.requests} requests", file=sys.stderr)
    return 0


async def serve(simulator: Simulator) -> None:
    """
    Serve until a signal says stop.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        # signal.signal(), unlike add_signal_handler(), works on Windows too.
        signal.signal(signum, lambda *_: loop.call_soon_threadsafe(stop.set))
    async with simulator:
        items = f"{len(simulator.world.top)} stories, {len(simulator.world.items)} items"
        print(f"Serving {simulator.url} ({items}); stop with Ctrl-C", flush=True)
        await stop.wait()


def whole_number(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number up to 65535")
    return int(text)


def number(text: str) -> float:
    value = math.nan
    with contextlib.suppress(ValueError):
        value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 0 or more")
    return value


def fault(text: str) -> tuple[str, float]:
    kind, _, probability = text.partition("=")
    if kind not in FAULTS:
        raise argparse.ArgumentTypeError(f"{kind!r} is not one of {', '.join(FAULTS)}")
    if number(probability) > 1:
        raise argparse.ArgumentTypeError(f"{probability!r} is not a probability")
    return kind, number(probability)


if __name__ == "__main__":
    sys.exit(main())
