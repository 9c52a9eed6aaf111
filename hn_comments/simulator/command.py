"""
The command `hn-comments-simulator`.
"""

import argparse
import asyncio
import contextlib
import errno
import math
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .. import __version__
from .limit import RETRY_AFTER, STATUSES, Limit
from .server import FAULTS, Simulator
from .sockets import WEATHER
from .world import UPDATES, World


# Stories on the front page, unless the user or a file says otherwise.
STORIES = 30


class Parser(argparse.ArgumentParser):
    """
    An `ArgumentParser` that answers a mistake with one sentence.
    """

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see --help)\n")


def build_parser() -> Parser:
    """
    Return the parser of the command line.
    """
    parser = Parser(
        prog="hn-comments-simulator",
        usage="%(prog)s [options]",
        description="Serve a local stand-in for the Hacker News API.",
        allow_abbrev=False,
    )
    add_server(parser)
    add_world(parser)
    add_trouble(parser)
    return parser


def add_server(parser: Parser) -> None:
    add = parser.add_argument
    add("--version", action="version", version=f"%(prog)s {__version__}")
    add("--host", default="127.0.0.1", metavar="H", help="default: 127.0.0.1")
    add(
        "--port",
        type=whole_number,
        default=8123,
        metavar="P",
        help="default: 8123; 0: any free one",
    )


def add_world(parser: Parser) -> None:
    add = parser.add_argument_group("the world").add_argument
    add("--seed", type=int, default=0, metavar="N", help="the same seed makes the same world")
    add(
        "--stories",
        type=whole_number,
        metavar="N",
        help=f"on the front page (default: {STORIES})",
    )
    add("--data", type=Path, metavar="FILE", help='serve recorded trees: {"top": [], "items": {}}')
    add(
        "--rate",
        type=number,
        default=0.0,
        metavar="COMMENTS_PER_MINUTE",
        help="grow while running (default: stand still)",
    )


def add_trouble(parser: Parser) -> None:
    add = parser.add_argument_group("the server's moods").add_argument
    add("--latency", type=number, default=0.0, metavar="S", help="seconds added to each answer")
    add(
        "--lag",
        type=number,
        default=0.0,
        metavar="S",
        help="parents list new comments, and answers are true, up to S seconds late",
    )
    add("--flap", action="store_true", help="maxitem comes from two replicas, one behind")
    add(
        "--updates",
        type=whole_number,
        default=UPDATES,
        metavar="N",
        help=f"ids that updates holds (default: {UPDATES})",
    )
    add(
        "--fault",
        type=fault,
        action="append",
        default=[],
        metavar="KIND=PROBABILITY",
        help=f"spoil this share of the answers; may be repeated; kinds: {', '.join(FAULTS)}",
    )
    add(
        "--weather",
        type=weather,
        action="append",
        default=[],
        metavar="KIND=NUMBER",
        help=f"what happens to each websocket; may be repeated; kinds: {', '.join(WEATHER)}",
    )
    add(
        "--allow",
        type=allowance,
        metavar="R[/W]",
        help="refuse more than R requests a second, or R in each window of W seconds",
    )
    add("--burst", type=positive, metavar="N", help="of them at once (default: R)")
    add(
        "--refuse-with",
        type=int,
        choices=STATUSES,
        metavar="STATUS",
        help="429 (default), 420 or 503",
    )
    add("--retry-after", choices=RETRY_AFTER, help="what refusals say (default: right)")


def main(argv: Sequence[str] | None = None) -> int:
    """
    Serve until SIGINT or SIGTERM, then say how many requests there were.
    """
    parser = build_parser()
    args = parser.parse_args(argv)
    if sum(dict(args.fault).values()) > 1:
        parser.error("argument --fault: the probabilities add up to more than 1")
    simulator = Simulator(
        make_world(parser, args),
        host=args.host,
        port=args.port,
        latency=args.latency,
        faults=dict(args.fault),
        limit=make_limit(parser, args),
        weather=dict(args.weather),
        seed=args.seed,
    )
    try:
        asyncio.run(serve(simulator))
    except OSError as exc:
        # The system's own sentence, which is shorter; an unknown host has an errno of its own.
        reason = errno.errorcode.get(exc.errno or 0) and os.strerror(exc.errno or 0)
        where = f"{args.host} port {args.port}"
        parser.error(f"cannot serve on {where}: {reason or exc.strerror or exc}")
    refused = f", {simulator.refused} of them refused" if simulator.limit else ""
    print(f"Served {simulator.requests} requests{refused}", file=sys.stderr)
    return 0


def make_world(parser: Parser, args: argparse.Namespace) -> World:
    """
    Return the world that *args* ask for, from a file or from a seed.
    """
    if args.data and args.stories is not None:
        parser.error("argument --stories: not allowed with argument --data")
    settings = {
        "seed": args.seed,
        "rate": args.rate,
        "lag": args.lag,
        "flap": args.flap,
        "updates_size": args.updates,
    }
    if not args.data:
        return World(stories=STORIES if args.stories is None else args.stories, **settings)
    try:
        return World.from_file(args.data, **settings)
    except (OSError, ValueError, TypeError, AttributeError) as exc:
        parser.error(f"argument --data: cannot use {str(args.data)!r}: {exc}")


def make_limit(parser: Parser, args: argparse.Namespace) -> Limit | None:
    """
    Return the limit that *args* ask for, if any.
    """
    details = {
        "burst": args.burst,
        "status": args.refuse_with,
        "retry_after": args.retry_after,
    }
    chosen = {name: value for name, value in details.items() if value is not None}
    if not args.allow:
        if chosen:
            parser.error("--burst, --refuse-with and --retry-after need --allow")
        return None
    rate, window = args.allow
    if window and args.burst:
        parser.error("argument --burst: a window lets all in at once")
    return Limit(rate, window=window, **chosen)


async def serve(simulator: Simulator) -> None:
    """
    Serve until SIGINT or SIGTERM.
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


def positive(text: str) -> float:
    if not (value := number(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not more than 0")
    return value


def allowance(text: str) -> tuple[float, float | None]:
    rate, slash, window = text.partition("/")
    return positive(rate), positive(window) if slash else None


def fault(text: str) -> tuple[str, float]:
    kind, _, probability = text.partition("=")
    if kind not in FAULTS:
        raise argparse.ArgumentTypeError(f"{kind!r} is not one of {', '.join(FAULTS)}")
    if number(probability) > 1:
        raise argparse.ArgumentTypeError(f"{probability!r} is not a probability")
    return kind, number(probability)


def weather(text: str) -> tuple[str, float]:
    kind, _, value = text.partition("=")
    if kind not in WEATHER:
        raise argparse.ArgumentTypeError(f"{kind!r} is not one of {', '.join(WEATHER)}")
    # A frame of less than one character, or a storm without a pause, would never end.
    if kind == "split" and number(value) < 1:
        raise argparse.ArgumentTypeError(f"{value!r} is not 1 or more")
    return kind, positive(value) if kind == "storm" else number(value)


if __name__ == "__main__":
    sys.exit(main())
