"""``ciao image``: what Ciao pushed to the registry, and its removal."""

from __future__ import annotations

import argparse
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from ciao.cli import jsonform
from ciao.cli.context import Context
from ciao.cli.parser import Parser
from ciao.core.errors import UserError
from ciao.core.measures import Table, ago, size

if TYPE_CHECKING:
    from ciao.adapters.s2i.catalog import Catalog, Pushed

T = TypeVar("T")
DESCRIPTION = "List, inspect and remove the images that Ciao pushed to the repository registry.push."
EPILOG = """examples:
  ciao image ls
  ciao image inspect ciao-3f9a
  ciao image rm ciao-3f9a pip-77c0
  ciao image rm --all

An image is named by its reference, its tag, its digest, or how one of the last two begins. Removing one takes its
manifest away; a registry frees the space when it collects its garbage."""
_SHORT = 17  # characters of a tag that tell images apart: ciao- and twelve digits


def configure(parser: Parser, context: Context) -> None:
    """What to do, and with which."""
    parser.add_argument("action", metavar="ls|inspect|rm", choices=("ls", "inspect", "rm"), help="what to do")
    parser.add_argument("images", metavar="IMAGE", nargs="*", help="which")
    parser.add_argument("--all", action="store_true", help="rm: every image that Ciao pushed there")
    parser.add_argument("--json", action="store_true", help="a JSON array")


def run(options: argparse.Namespace, context: Context) -> int:
    """Ask the registry, and print what it says."""
    _check(options)
    action = {"ls": _ls, "inspect": _inspect, "rm": _rm}[options.action]
    return action(options, context)


def _check(options: argparse.Namespace) -> None:
    if options.all and options.action != "rm":
        raise UserError("--all belongs to `ciao image rm`.")
    if options.action == "ls" and options.images:
        raise UserError("`ciao image ls` lists all of them.", hint=f"ciao image inspect {options.images[0]}")
    if options.action != "ls" and bool(options.images) == options.all:
        hint = "ciao image ls lists them." if not options.all else "Leave the names out, or --all."
        raise UserError(f"`ciao image {options.action}` wants to know which.", hint=hint)


def _ls(options: argparse.Namespace, context: Context) -> int:
    found = _asked(context, lambda catalog: catalog.listed())
    if options.json:
        context.terminal.answer(jsonform.block([_form(each) for each in found]))
    elif found:
        context.terminal.answer(_table(found).text)
    else:
        context.terminal.say("no images")
    return 0


def _inspect(options: argparse.Namespace, context: Context) -> int:
    found = _asked(context, lambda catalog: catalog.chosen(options.images))
    if options.json:
        context.terminal.answer(jsonform.block([_form(each) for each in found]))
    else:
        context.terminal.answer("\n\n".join(_described(each) for each in found))
    return 0


def _rm(options: argparse.Namespace, context: Context) -> int:
    async def remove(catalog: Catalog) -> tuple[Pushed, ...]:
        wanted = await (catalog.listed() if options.all else catalog.chosen(options.images))
        return await catalog.removed(wanted)

    gone = _asked(context, remove)
    if options.json:
        context.terminal.answer(jsonform.block([_form(each) for each in gone]))
    else:
        context.terminal.answer("\n".join(f"removed {each.reference}" for each in gone) or "nothing to remove")
    return 0


def _asked(context: Context, ask: Callable[[Catalog], Awaitable[T]]) -> T:
    return context.app.runtime.call(context.app.with_catalog(ask)).result()


def _table(images: tuple[Pushed, ...]) -> Table:
    now = time.time()
    return Table(
        ("image", "size", "own", "made by", "on", "pushed", "for"),
        tuple(
            (
                each.tag[:_SHORT], size(each.size), size(each.own) if each.own else "", each.builder, _short(each.base),
                ago(now - each.push.at) if each.push else "", each.push.job if each.push else "",
            )
            for each in images
        ),
    )  # fmt: skip


def _described(image: Pushed) -> str:
    push = image.push
    facts = [
        ("image", image.reference),
        ("digest", image.digest),
        ("made by", image.builder),
        ("on", image.base),
        ("platform", image.platform),
        ("pushed", f"{ago(time.time() - push.at)} for {push.job} ({push.label})" if push else "by another machine"),
        ("size", f"{size(image.size)} in {len(image.layers)} layers, {size(image.own)} of it Ciao's own"),
        *(
            ("" if number else "layers", f"{each.digest}  {size(each.size)}")
            for number, each in enumerate(image.layers)
        ),
    ]
    width = max(len(name) for name, _ in facts)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in facts if value)


def _form(image: Pushed) -> jsonform.Form:
    push = image.push
    return {
        "image": image.reference, "digest": image.digest, "size": image.size, "own": image.own,
        "builder": image.builder, "base": image.base, "platform": image.platform,
        "pushed": push and push.at, "job": push and push.job, "label": push and push.label,
        "layers": [each.json() for each in image.layers],
    }  # fmt: skip


def _short(base: str) -> str:
    return base[:_SHORT] if base.startswith("sha256:") else base
