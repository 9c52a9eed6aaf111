"""Fixtures that several test modules ask for by name."""

from collections.abc import Iterator

import pytest
from aioresponses import aioresponses


@pytest.fixture
def mocked() -> Iterator[aioresponses]:
    with aioresponses() as mock:
        yield mock
