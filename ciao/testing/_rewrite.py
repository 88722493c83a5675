"""Has pytest rewrite the suites' asserts, so that a promise that is broken shows its values. Imported first."""

import pytest

pytest.register_assert_rewrite(
    *(f"ciao.testing.{suite}" for suite in ("backend", "bench", "inbox", "jobstore", "notebook", "s2i", "workspace"))
)
