"""What travels from the notebook, seen from the other end: real replicas use it."""

import pytest

import ciao
from ciao.adapters.notebook_file import NotebookFile

EARLIER = """import math

def area(r):
    if r < 0:
        raise ValueError('no such circle')
    return math.pi * r**2
"""


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ciao.Client(directory=tmp_path, settings={"store.path": str(tmp_path / "jobs")}) as client:
        yield client


@pytest.fixture
def notebook(tmp_path):
    import nbformat  # takes seconds

    path = tmp_path / "circles.ipynb"
    cells = [nbformat.v4.new_code_cell(text) for text in (EARLIER, "radius = 2.0", "area(radius)")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return NotebookFile.read(path).before(3)


def test_functions_with_what_they_need_and_values_reach_every_replica(client, notebook):
    """``%include`` brings a function's own imports along."""
    code = "%include=area;%var=radius\nprint(f'{area(radius):.2f}')\n"
    job = client.launch(code, notebook=notebook, framework="pytorch", worker=1, name="circles")
    job.wait(30)
    assert sorted(client.logs("circles")) == ["[master-0] 12.57", "[worker-0] 12.57"]


def test_a_frame_in_an_included_function_is_shown_where_it_was_written(client, notebook):
    """The reader never meets a file that Ciao made."""
    job = client.launch("%include=area\narea(-1)\n", notebook=notebook, framework="pytorch", name="circles")
    with pytest.raises(ciao.JobFailedError, match="ValueError at line 2 of"):
        job.wait(30)
    text = "\n".join(client.logs("circles"))
    assert "line 5, in area" in text
    assert "ciao_names" not in text


def test_a_name_that_only_the_notebook_has_is_reported_before_anything_starts(client, notebook):
    """Both ways out are ready to copy."""
    with pytest.raises(ciao.UserError) as caught:
        client.launch("print(area(radius))", notebook=notebook, framework="pytorch")
    assert "area" in str(caught.value)
    assert "radius" in str(caught.value)
    assert client.jobs() == ()
