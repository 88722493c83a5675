"""A proxy between a builder and the registry: it counts what Ciao sends, or it is far away.

In a process of its own, so that it takes no time from a builder that runs in this one. It carries bytes; a byte that
comes in goes out ``delay`` seconds later, in both directions, however many are under way. A connection's first byte
waits for two delays more, as it does for TCP's handshake.

    python -m bench.images.wire PORT DELAY     its own port is the first line; each line of input asks for the counts
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from bench.images.counting import Counts, Requests

_PIECE = 1 << 16
_ROOM = 256  # pieces that may be under way
Sees = Callable[[bytes], None]


@dataclass(frozen=True)
class Wire:
    """``host`` is the registry's name on this side."""

    host: str
    process: subprocess.Popen[str]

    def counts(self) -> Counts:
        """Since the beginning."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return Counts(*json.loads(self.process.stdout.readline()))


@contextmanager
def wire(host: str, delay: float = 0.0) -> Iterator[Wire]:
    """To a registry on this machine. ``delay``: seconds for each direction."""
    command = [sys.executable, "-m", __name__, host.rpartition(":")[2], str(delay)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Wire(f"localhost:{int(process.stdout.readline())}", process)
        finally:
            process.kill()


# -- the process -------------------------------------------------------------------------------------


async def _serve(port: int, delay: float) -> None:
    """Until the input ends."""
    total = Counts()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        requests = Requests(total)
        now = asyncio.get_running_loop().time()
        await asyncio.gather(
            _late(reader, back, delay, requests.see, not_before=now + 2 * delay),
            _late(there, writer, delay, lambda _: None),
        )

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps([total.requests, total.uploaded, total.wire]), flush=True)


async def _late(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    delay: float,
    sees: Sees,
    not_before: float = 0.0,
) -> None:
    """What is read, written after a while; nothing waits for what came before it to arrive."""
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_ROOM)
    giving = asyncio.ensure_future(_give(under_way, writer))
    now = asyncio.get_running_loop().time
    piece = b"-"
    while piece:
        try:
            piece = await reader.read(_PIECE)
        except OSError:
            piece = b""
        sees(piece)
        await under_way.put((max(now(), not_before) + delay, piece))
    await giving


async def _give(under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    now = asyncio.get_running_loop().time
    broken = False
    while True:
        due, piece = await under_way.get()
        if delay := max(0.0, due - now()):
            await asyncio.sleep(delay)
        if not piece:
            writer.close()
            return
        if not broken:
            broken = True
            with suppress(OSError):
                writer.write(piece)
                await writer.drain()
                broken = False


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
