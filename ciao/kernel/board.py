"""The live board: one line of chips that says where every replica is, and stays in the saved notebook.

Text is the main thing in a cell; the board only spares the reader the search for states in a flood. It is
replaced in place (one ``display_id``), uses JupyterLab's own colours, and is one line of text where HTML is not shown.
"""

from __future__ import annotations

import html

from attrs import frozen

from ciao.core.events import Ended, Event, Exit, Phase, ReplicaChanged, Submitted
from ciao.core.model import Replica

_MANY = 24  # replicas; above that roles are summed up, and only what failed is named
_NAMED = 8  # of the failed ones

ROW = (
    "display:flex;flex-wrap:wrap;gap:4px 6px;margin:2px 0;"
    "font:var(--jp-code-font-size,13px)/1.5 var(--jp-code-font-family,monospace);"
    "color:var(--jp-content-font-color1,inherit)"
)
CHIP = (
    "padding:0 8px;border:1px solid var(--jp-border-color2,rgba(128,128,128,.4));border-radius:10px;white-space:nowrap"
)
FAINT = "color:var(--jp-content-font-color2,gray)"


@frozen
class _Look:
    """How a state is shown: a sign that needs no colour to be told from the others, a word and a colour."""

    sign: str
    word: str
    color: str


_WAITING = _Look("○", "waiting", "var(--jp-content-font-color3,gray)")
_RUNNING = _Look("●", "running", "var(--jp-brand-color1,#1976d2)")
_SUCCEEDED = _Look("✓", "succeeded", "var(--jp-success-color1,#388e3c)")
_FAILED = _Look("✗", "failed", "var(--jp-error-color1,#d32f2f)")
_STOPPED = _Look("■", "stopped", "var(--jp-content-font-color3,gray)")
_AGAIN = _Look("↻", "", "var(--jp-content-font-color2,gray)")
_LOOKS = (_FAILED, _WAITING, _RUNNING, _STOPPED, _SUCCEEDED)


@frozen
class _State:
    phase: Phase = Phase.WAITING
    exit: Exit | None = None
    detail: str = ""

    @property
    def look(self) -> _Look:
        if self.exit is not None and self.exit.reason == "Stopped":
            return _STOPPED
        return {
            Phase.WAITING: _WAITING, Phase.RUNNING: _RUNNING, Phase.SUCCEEDED: _SUCCEEDED, Phase.FAILED: _FAILED,
        }[self.phase]  # fmt: skip

    @property
    def words(self) -> str:
        """The state, and for a failure what kind."""
        if self.look is not _FAILED or self.exit is None:
            return self.look.word
        why = self.exit.reason if self.exit.reason not in ("", "Error") else f"exit code {self.exit.code}"
        return f"failed: {why}"


class Board:
    """The states of one job's replicas, kept from its events. Empty until the job is submitted."""

    def __init__(self) -> None:
        self._states: dict[Replica, _State] = {}
        self._attempt = 1

    def note(self, event: Event) -> bool:
        """Whether the event changed what the board shows."""
        before = dict(self._states)
        match event:
            case Submitted():
                self._states = dict.fromkeys(event.spec.replicas, _State())
                self._attempt = event.attempt
            case ReplicaChanged():
                self._states[event.replica] = _State(event.phase, event.exit, event.detail)
            case Ended():
                # A replica that never came to run is not waiting any more.
                gone = _State(Phase.FAILED, Exit(code=143, reason="Stopped", at=event.at))
                self._states = {each: state if state.phase.ended else gone for each, state in before.items()}
        return self._states != before

    def bundle(self) -> dict[str, str]:
        """``text/html`` and ``text/plain`` (for consoles, converters and screen readers)."""
        chips = self._summed() if len(self._states) > _MANY else self._each()
        if self._attempt > 1:
            chips = [(_AGAIN, "", f"attempt {self._attempt}", ""), *chips]
        text = " · ".join(f"{name} {words}".strip() for _, name, words, _ in chips)
        row = "".join(_chip(*chip) for chip in chips)
        return {"text/html": f'<div style="{ROW}">{row}</div>', "text/plain": text}

    def _each(self) -> list[tuple[_Look, str, str, str]]:
        return [(state.look, str(replica), state.words, state.detail) for replica, state in self._states.items()]

    def _summed(self) -> list[tuple[_Look, str, str, str]]:
        chips = []
        for role in dict.fromkeys(replica.role for replica in self._states):
            looks = [state.look for replica, state in self._states.items() if replica.role == role]
            chips += [(look, role, f"{looks.count(look)} {look.word}", "") for look in _LOOKS if look in looks]
        failed = [(replica, state) for replica, state in self._states.items() if state.look is _FAILED]
        return chips + [(_FAILED, str(replica), state.words, state.detail) for replica, state in failed[:_NAMED]]


def _chip(look: _Look, name: str, words: str, detail: str) -> str:
    title = f' title="{html.escape(detail)}"' if detail else ""
    return (
        f'<span style="{CHIP}"{title}><span style="color:{look.color}">{look.sign}</span> {html.escape(name)} '
        f'<span style="{FAINT}">{html.escape(words)}</span></span>'
    )
