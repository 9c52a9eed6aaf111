"""The simulator as a pytest fixture, as those use it who test a tool of their own."""

import json
import sys
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from hn_comments.simulator import RunningSimulator, World

from .support import run


StartSimulator = Callable[..., RunningSimulator]


def get(simulator: RunningSimulator, path: str) -> Any:
    """Return what a client without asyncio gets."""
    with urllib.request.urlopen(f"{simulator.url}/{path}.json", timeout=10) as response:  # noqa: S310
        return json.load(response)


def test_simulator_answers_a_synchronous_client(hn_simulator: StartSimulator) -> None:
    """With as many stories as were asked for, and what happens to them meanwhile."""
    simulator = hn_simulator(stories=3, seed=5)
    top = get(simulator, "topstories")
    before = get(simulator, f"item/{top[0]}")["descendants"]

    simulator.call(lambda: simulator.world.add_reply(top[0]))

    assert len(top) == 3
    assert get(simulator, f"item/{top[0]}")["descendants"] == before + 1
    assert simulator.requests == 3


def test_simulator_fails_and_recovers_on_request(hn_simulator: StartSimulator) -> None:
    """A world of one's own, and one fault in it."""
    simulator = hn_simulator(World(stories=1))
    (story,) = get(simulator, "topstories")
    simulator.fail(f"item/{story}", "null")
    assert get(simulator, f"item/{story}") is None

    simulator.recover()

    assert get(simulator, f"item/{story}")["id"] == story


@pytest.mark.parametrize("name", ["aiohttp", "hn_comments.simulator.server"])
async def test_plugin_costs_nothing_where_it_is_not_used(name: str) -> None:
    """Pytest imports it in each of its runs."""
    code = f"import sys, hn_comments.simulator.fixture; print({name!r} in sys.modules)"

    assert await run(sys.executable, "-c", code) == (0, "False\n", "")
