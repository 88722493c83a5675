"""Jupyter's own conformance suite, run on the Ciao kernel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import jupyter_kernel_test
import pytest


@pytest.fixture(autouse=True, scope="module")
def jupyter_path(specs: Path) -> Iterator[None]:
    """The suite finds the kernelspec by Jupyter's search path."""
    former = os.environ.get("JUPYTER_PATH")
    os.environ["JUPYTER_PATH"] = str(specs / "share/jupyter")
    yield
    if former is None:
        del os.environ["JUPYTER_PATH"]
    else:
        os.environ["JUPYTER_PATH"] = former


@pytest.mark.filterwarnings("ignore::Warning")  # the suite's own
class CiaoKernelTests(jupyter_kernel_test.KernelTests):
    """History by range is left out: session 0, which the suite asks for, is not the present one in ipykernel either."""

    kernel_name = "ciao"
    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('oops', file=sys.stderr)"
    completion_samples: ClassVar[list[Any]] = [
        {"text": "zi", "matches": {"zip"}},
        {"text": "%framew", "matches": {"framework="}},
    ]
    complete_code_samples: ClassVar[list[Any]] = [
        "1",
        "print('hello, world')",
        "def f(x):\n  return x*2\n\n\n",
        "%jobs",
    ]
    incomplete_code_samples: ClassVar[list[Any]] = ["print('''hello", "def f(x):\n  x*2"]
    invalid_code_samples: ClassVar[list[Any]] = ["import = 7q"]
    code_page_something = "zip?"
    code_generate_error = "raise ValueError('no')"
    code_execute_result: ClassVar[list[Any]] = [{"code": "1+2+3", "result": "6"}]
    code_display_data: ClassVar[list[Any]] = [
        {"code": "from IPython.display import HTML, display; display(HTML('<b>x</b>'))", "mime": "text/html"}
    ]
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail", "search")
    code_inspect_sample = "zip"
    code_clear_output = "from IPython.display import clear_output; clear_output()"


@pytest.mark.filterwarnings("ignore::Warning")
class CiaoWelcomeTests(jupyter_kernel_test.IopubWelcomeTests):
    """The kernel greets subscribers of its iopub channel."""

    kernel_name = "ciao"
    support_iopub_welcome = True
