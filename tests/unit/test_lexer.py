"""Where a statement can begin."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciao.core.lexer import split_lines, statement_lines


def lines(text: str) -> list[int]:
    """Numbers, from 1, of the lines where a statement can begin."""
    return [len(split_lines(text[:offset])) for offset in statement_lines(text)]


INSIDE = [
    "x = '''\n%\n'''", 'x = """\n%\n"""', "x = f'''{a}\n%\n'''", "x = rb'''\n%\n'''", "x = '''\\'''\n%\n'''",
    "x = (\n%\n)", "x = [1,\n%\n]", "x = {'a':\n%\n}", "f(a, (b),\n%\n)", "x = 1 + \\\n%\n", "x = 'a\\\n%\n'",
    "x = '''a''' + '''\n%\n'''", "x = f'''{ {'a': 1}['a'] }\n%\n'''", "x = f'''{f(\n%\n)}'''",
    "x = f'''{a:{w}}\n%\n'''",
    "x = f'''{a:\n%\n}'''", "x = f'''{{\n%\n'''", "x = f'''{a['''b''']}\n%\n'''", "x = (']'\n%\n)", "x = (#)\n%\n)",
    "x = f'''{a!r:>{w}.{p}}\n%\n'''", "x = (f'{a}'\n%\n)", "x = rf'''\\{a}\n%\n'''", "x = f'''\\N{DASH}\n%\n'''",
    "x = f'''{a[b:c]}\n%\n'''", "x = f'''\n{a:%H:%M}\n%\n'''",
]  # fmt: skip
OUTSIDE = [
    "x = 1\n%\n", "x = 'a'\n%\n", 'x = "it\'s"\n%\n', "# it's (\n%\n", "# \\\n%\n", "x = (1)\n%\n", "x = '''a'''\n%\n",
    "x = f'{a}'\n%\n", "x = f'{a:>10}'\n%\n", "x = f'{{'\n%\n", "x = f'{a[\"b\"]}'\n%\n", "x = f'{a!r}'\n%\n",
    "x = r'\\'\n%\n'", "x = 'unterminated\n%\n", "x = 'a\\\\'\n%\n", "if x:\n%\n", "x = f'{d[1:2]}'\n%\n",
    "x = 1 if'{'else 2\n%\n", "x = f'\\N{DASH}'\n%\n", "x = f'{a:{b}{c}}'\n%\n", "!echo it's (\n%\n", "?x (\n%\n",
    "%time f(\n%\n", "x = )\n%\n", "x = u'{'\n%\n", "x = f'{lambda}'\n%\n", "f'{x:\n%\n",
    "x = \\ \n%\n", "x = 1\r%\r", "x = 1\r\n%\r\n",
]  # fmt: skip


@pytest.mark.parametrize("text", INSIDE)
def test_inside_a_string_brackets_or_a_continued_line_no_statement_begins(text):
    """A % there is text, whatever the quotes, prefixes, escapes and nested fields."""
    number = next(number for number, (line, _) in enumerate(split_lines(text), 1) if line == "%")
    assert number not in lines(text)


@pytest.mark.parametrize("text", OUTSIDE)
def test_after_a_whole_line_a_statement_can_begin(text):
    """Comments, closed strings, broken code and lines of IPython do not hide what follows."""
    assert 2 in lines(text)


@given(st.text())
def test_any_text_is_read_to_its_end(text):
    """Lexing never fails, goes forward only, and begins at 0."""
    offsets = list(statement_lines(text))
    assert offsets[0] == 0 and offsets == sorted(set(offsets)) and offsets[-1] <= len(text)


@given(st.text(alphabet="'\"\\{}()[]:#fr\n\r x%!"))
def test_any_jumble_of_quotes_and_brackets_is_read_to_its_end(text):
    """The same for texts that consist of nothing else but what matters to the lexer."""
    offsets = list(statement_lines(text))
    assert offsets == sorted(set(offsets)) and all(0 <= offset <= len(text) for offset in offsets)


pieces = st.sampled_from(
    [
        "x = 1", "x = '''\n'''", 'y = """a\n  b"""', "f(\n1,\n  2)", "z = [\n]", "a = 1 + \\\n  2", "# it's (",
        "s = 'a\\\nb'",
        "t = f'{x}'", "u = f'''{x:>{y}}\n{{'''", "if x:\n    y = (1,\n  2)", "", "d = {'a': [1,\n2]}", "r = r'\\\\'",
        "v = b'%'",
        "w = f'''{x['a']\n!r}'''",
    ]
)  # fmt: skip


@given(st.lists(pieces, max_size=8))
def test_the_lexer_agrees_with_python_where_statements_begin(parts):
    """In every program made of these, each statement that ast finds at column 0 begins where the lexer says."""
    text = "\n".join(parts)
    begun = {node.lineno for node in ast.parse(text).body}
    assert begun <= set(lines(text))
    inside = {n for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt) and not hasattr(node, "body")
              for n in range(node.lineno + 1, (node.end_lineno or 0) + 1)}  # fmt: skip
    assert not inside & set(lines(text))


@given(st.text(alphabet="a\r\n\f\v\u2028 "))
def test_lines_joined_again_are_the_text(text):
    r"""Nothing is lost, and only \n, \r\n and \r end a line, as for Python."""
    assert "".join(line + end for line, end in split_lines(text)) == text
    assert all(end in ("\n", "\r\n", "\r", "") for _, end in split_lines(text))
