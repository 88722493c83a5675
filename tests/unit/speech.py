"""What the tests of Ciao's language share: a vocabulary, and the shortest way from a cell to its request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ciao.core.frameworks.pytorch import PYTORCH
from ciao.core.frameworks.tensorflow import TENSORFLOW
from ciao.core.interpreter import interpret, launch_from_options
from ciao.core.magics import Vocabulary
from ciao.core.requests import Launch, Request
from ciao.core.settings import resolve

FRAMEWORKS = {"pytorch": PYTORCH, "tensorflow": TENSORFLOW}
VOCABULARY = Vocabulary(
    frameworks=FRAMEWORKS,
    settings=resolve(frameworks=FRAMEWORKS.values(), home="/home/ada"),
    targets=("kubeflow", "local"),
)
"""As of a Ciao without plug-ins of others."""


def fresh(framework: str) -> str:
    return f"{framework}-k3f9x"


def understand(cell: str, vocabulary: Vocabulary = VOCABULARY) -> Request | None:
    return interpret(cell, vocabulary, fresh_name=fresh, directory="/project", label="Cell In [3]")


def job(cell: str, vocabulary: Vocabulary = VOCABULARY) -> Launch:
    request = understand(cell, vocabulary)
    assert isinstance(request, Launch)
    return request


def from_options(options: Mapping[str, Sequence[str]], text: str = "print()\n") -> Launch:
    return launch_from_options(options, text, VOCABULARY, fresh_name=fresh, directory="/project", label="train.py")
