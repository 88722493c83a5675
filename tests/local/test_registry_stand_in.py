"""The registry of the tests keeps what distribution does; ``tests/e2e`` holds the real one to the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..ociregistry import serving
from ..ociregistry.contract import DistributionContract


class TestStandIn(DistributionContract):
    @pytest.fixture(autouse=True)
    def _served(self) -> Iterator[None]:
        with serving() as registry:
            self._url = registry.url
            yield

    @property
    def url(self) -> str:
        return self._url
