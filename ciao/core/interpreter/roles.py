"""Which roles a job has, how many replicas of each, and what each replica may use."""

from __future__ import annotations

from ciao.core.errors import MagicError, Place
from ciao.core.frameworks.base import Framework, RoleRule
from ciao.core.interpreter.gather import Given, Said, SaidRole, many, one, read_item, several_in_one
from ciao.core.magics import Vocabulary, role_magic
from ciao.core.magics.items import CPU, ENV, FRAMEWORK, GPU, IMAGE, MEMORY, RESOURCE
from ciao.core.model import EnvVar, Resources, Role
from ciao.core.words import did_you_mean, listed


def choose_framework(given: Given, vocabulary: Vocabulary) -> Framework:
    """The framework that was named; MagicError when there is none of that name, or none was named."""
    known = vocabulary.frameworks
    name = given.one(FRAMEWORK)
    if name is None:
        first = next(iter(given.roles.values()), None)
        examples = listed((f"%framework={each}" for each in known), "or")
        if first is None:
            raise MagicError("Which framework is this job of?", given.start, f"Add {examples}")
        message = f"%{first.item.name} is a role, and this job has no framework."
        raise MagicError(message, first.item.place, f"Add {examples}")
    for each, framework in known.items():
        if each == name.lower():
            return framework
    hint = several_in_one(FRAMEWORK, name) or did_you_mean(name, known) or f"Known: {listed(known)}."
    raise MagicError(f"There is no framework {name!r}.", given.place(FRAMEWORK), hint)


def job_roles(given: Given, framework: Framework) -> tuple[Role, ...]:
    """The roles in the framework's order, counts checked, resources filled in."""
    for name, said in given.roles.items():
        if framework.rule(name) is None:
            hint = f"It has {listed(f'%{rule.name}' for rule in framework.roles)}."
            raise MagicError(f"{framework.name} has no role {name!r}.", said.item.place, hint)
    counts = {name: _count(framework, name, said) for name, said in given.roles.items()}
    for name in framework.implied if counts else (framework.default_role,):
        counts.setdefault(name, 1)
    _one_of_each_group(given, framework)
    _somebody_decides(given, framework, counts)
    return tuple(_role(rule, counts[rule.name], given) for rule in framework.roles if rule.name in counts)


def _count(framework: Framework, name: str, said: SaidRole) -> int:
    rule = framework.rule(name)
    assert rule is not None
    count = read_item(role_magic(rule), said.item)
    if rule.minimum <= count and (rule.maximum is None or count <= rule.maximum):
        return count
    if rule.minimum == rule.maximum and name in framework.implied:
        allowed = f"exactly {rule.minimum}"
    elif rule.maximum is None or count < rule.minimum:
        allowed = f"at least {rule.minimum}"
    else:
        allowed = f"at most {rule.maximum}"
    message = f"%{rule.name}={count}: {framework.name} jobs have {allowed} {rule.name}."
    raise MagicError(message, said.item.value_place, _count_remedy(framework, rule))


def _count_remedy(framework: Framework, rule: RoleRule) -> str:
    if rule.name in framework.implied:
        return f"Leave it out: Ciao adds the {rule.name}. %worker says how many others there are."
    return f"Leave %{rule.name} out when the job has none."


def _one_of_each_group(given: Given, framework: Framework) -> None:
    for group in framework.exclusive:
        named = [name for name in given.roles if name in group]
        if len(named) > 1:
            message = f"A {framework.name} job has a {named[0]} or a {named[1]}, not both."
            raise MagicError(message, given.roles[named[1]].item.place, f"Leave one of them out: {listed(group)}.")


def _somebody_decides(given: Given, framework: Framework, counts: dict[str, int]) -> None:
    """A job of parameter servers alone would never have succeeded."""
    success = framework.success
    deciding = (*success.leaders, success.otherwise)
    if not any(name in counts for name in deciding):
        place = next((said.item.place for said in given.roles.values()), given.start)
        hint = f"Add {listed((f'%{name}=1' for name in deciding), 'or')}."
        raise MagicError(f"This {framework.name} job would never end: nobody in it does the work.", place, hint)


def _role(rule: RoleRule, count: int, given: Given) -> Role:
    own: Said = given.roles[rule.name].own if rule.name in given.roles else {}

    resources = Resources(
        cpu=one(own, CPU) or given.one(CPU),
        memory=one(own, MEMORY) or given.one(MEMORY),
        gpu=_first(one(own, GPU), given.one(GPU)),
        extended=tuple({**dict(given.many(RESOURCE)), **dict(many(own, RESOURCE))}.items()),
    )
    return Role(rule.name, count, resources, one(own, IMAGE) or given.one(IMAGE), variables(own))


def _first(own: int | None, default: int | None) -> int | None:
    return default if own is None else own


def variables(said: Said) -> tuple[EnvVar, ...]:
    """The variables that were said, in order; MagicError for two values of one name."""
    found: dict[str, EnvVar] = {}
    for item in said.get(ENV.name, ()):
        each = read_item(ENV, item)
        if found.setdefault(each.name, each) != each:
            raise MagicError(f"%env={each.name} is there twice with different values.", _hidden(item.place))
    return tuple(found.values())


def _hidden(place: Place) -> Place:
    """The place without its text: values of variables may be passwords, and errors end in logs."""
    return Place(place.label, place.line, place.column)
