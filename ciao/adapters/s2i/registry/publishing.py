"""A base and what goes on top of it -> an image in a repository, in as few round trips as there can be.

The manifest comes last, and with it the tag: until then nobody sees anything. Registries check that all blobs of a
manifest are there, so what was pushed there before is not asked for again; a registry that lacks it all the same
says which, and gets just those.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager

from attrs import define, field, frozen

from ciao.adapters.oci.bases import Base
from ciao.adapters.oci.blobs import BytesBlob, RemoteBlob, sha256
from ciao.adapters.oci.errors import MissingBlobs, RegistryError
from ciao.adapters.oci.media import Descriptor
from ciao.adapters.oci.session import Blob, Registries, Repository
from ciao.adapters.s2i.apart import apart
from ciao.adapters.s2i.content import Content, Entry
from ciao.adapters.s2i.destination import tag_of
from ciao.adapters.s2i.fingerprints import Fingerprint
from ciao.adapters.s2i.known import Known
from ciao.adapters.s2i.registry import imageconfig
from ciao.adapters.s2i.registry.imageconfig import Changes, Top
from ciao.adapters.s2i.registry.layer import Layer, pack
from ciao.adapters.together import together
from ciao.core.errors import TargetError
from ciao.core.events import Progress
from ciao.core.ports import Report

_FORMAT = 1
"""Another one when the same files make another layer."""
_AT_ONCE = 6
_TOLD = 4 << 20  # bytes from which on progress is worth telling
_LAYER, _PUSHED, _BASED = "layer", "pushed", "based"


@frozen(kw_only=True)
class Part:
    """What becomes one layer: files below ``root`` (``ciao``, without a slash before it)."""

    content: Content
    entries: tuple[Entry, ...]
    prints: tuple[Fingerprint, ...]
    root: str
    note: str

    @property
    def key(self) -> str:
        """Equal parts make equal layers."""
        return tag_of("", _FORMAT, self.root, self.prints)

    @property
    def size(self) -> int:
        """Bytes of the files."""
        return sum(each.size for each in self.entries)


class Publisher:
    """Lives on one event loop."""

    def __init__(self, registries: Registries, known: Known) -> None:
        self._registries, self._known = registries, known

    @asynccontextmanager
    async def sending(
        self, base: Base, parts: tuple[Part, ...], changes: Changes, where: str, report: Report
    ) -> AsyncIterator[Publication]:
        """All blobs of the image are sent from now on; it exists at ``where`` (``host/path:tag``) once it is committed.

        Left before that, what is under way ends, and nobody sees anything of it.
        """
        repository, _, tag = where.rpartition(":")
        with ExitStack() as packed:
            target = self._registries.repository(repository)
            push = _Push(target, self._registries, self._known, base, report, parts, packed)
            sending = asyncio.ensure_future(push.sent(changes))
            try:
                yield Publication(push, sending, tag)
            finally:
                sending.cancel()
                await asyncio.wait((sending,))
                if not sending.cancelled():
                    sending.exception()  # whoever wanted to know has heard it by ``commit``

    async def publish(self, base: Base, parts: tuple[Part, ...], changes: Changes, where: str, report: Report) -> str:
        """The image is at ``where`` when this returns its digest."""
        async with self.sending(base, parts, changes, where, report) as publication:
            return await publication.commit()


@frozen
class Publication:
    """An image whose blobs are being sent."""

    _push: _Push
    _sending: asyncio.Future[_Sent]
    _tag: str

    async def commit(self) -> str:
        """The digest of the image, which exists when this returns. Raises what sending raised."""
        sent, push = await self._sending, self._push
        try:
            await push.commit(self._tag, sent.manifest)
        except MissingBlobs as missing:
            await push.mend(missing.digests, sent.config)
            await push.commit(self._tag, sent.manifest)
        push.remember(sent.tops)
        return sha256(sent.manifest)


@frozen
class _Sent:
    tops: tuple[Top, ...]
    config: BytesBlob
    manifest: bytes


@define(eq=False)
class _Push:
    """One publishing. ``packed`` closes what was packed."""

    target: Repository
    registries: Registries
    known: Known
    base: Base
    report: Report
    parts: tuple[Part, ...]
    packed: ExitStack
    layers: dict[str, Layer] = field(factory=dict)

    async def sent(self, changes: Changes) -> _Sent:
        """All blobs are at the registry, as far as is known."""
        tops = tuple(await together(*(self._top(part) for part in self.parts)))
        config = BytesBlob(imageconfig.config(self.base, tops, changes))
        layers = (self._send(part, top) for part, top in zip(self.parts, tops, strict=True))
        await together(*layers, self._upload(config), self._base_there())
        return _Sent(tops, config, imageconfig.manifest(self.base, tops, _described(self.base, config)))

    # -- layers ----------------------------------------------------------------------------------

    async def _top(self, part: Part) -> Top:
        """The part's layer: known, or packed now."""
        found = self.known.fact(_LAYER, part.key)
        if found is None:
            layer = await self._pack(part)
            found = (layer.diff_id, layer.digest, layer.size)
        return Top(diff_id=found[0], digest=found[1], size=found[2], note=part.note)

    async def _send(self, part: Part, top: Top) -> None:
        """The part's layer is at the registry, as far as is known."""
        layer = self.layers.get(part.key)
        if layer is None:
            if self.known.fact(_PUSHED, self._place(top.digest)) or await self.target.has(top.digest):
                return
            layer = await self._pack(part)
        await self._upload(layer, part.note)

    async def _pack(self, part: Part) -> Layer:
        tell = _teller(self.report, f"packing {part.note}", part.size)
        layer = await apart(
            lambda stop: pack(part.content, part.entries, part.prints, root=part.root, stop=stop, done=tell)
        )
        self.packed.callback(layer.close)
        self.layers[part.key] = layer
        self.known.keep_fact(_LAYER, part.key, (layer.diff_id, layer.digest, layer.size))
        return layer

    async def _upload(self, blob: Blob, note: str = "") -> None:
        """Into the target."""
        await self.target.upload(blob, _teller(self.report, f"pushing {note}", blob.size))

    # -- the base --------------------------------------------------------------------------------

    async def _base_there(self) -> None:
        """Its layers are in the target's repository, too, as far as is known."""
        if self.base.reference.repository != self.target.name and not self.known.fact(_BASED, self._based):
            await self._transfer([each for each in self.base.layers if not each.is_foreign])

    async def _transfer(self, layers: list[Descriptor]) -> None:
        source = self.registries.repository(self.base.reference.repository)
        await together(*(self._take_over(each, source) for each in dict.fromkeys(layers)), at_once=_AT_ONCE)

    async def _take_over(self, layer: Descriptor, source: Repository) -> None:
        if await self.target.mount(layer.digest, source.name) or await self.target.has(layer.digest):
            return
        try:
            await self._upload(RemoteBlob(layer.digest, layer.size, source), f"a layer of {self.base.name}")
        except RegistryError as error:
            if error.status == 404:
                raise TargetError(
                    f"The image {self.base.name} is damaged: {source.name} lacks its layer {layer.digest[:19]}…. "
                    "Push it anew, or choose another (%image)."
                ) from error
            raise

    # -- the end ---------------------------------------------------------------------------------

    async def commit(self, tag: str, manifest: bytes) -> None:
        """The image exists from here on."""
        await self.target.put(tag, manifest, self.base.manifest.media_type)

    async def mend(self, digests: tuple[str, ...], config: BytesBlob) -> None:
        """The registry lacks blobs that it had (or that it should have got); it may not say which."""
        missing = set(digests)

        def lacks(digest: str) -> bool:
            return not missing or digest in missing

        await self._transfer([each for each in self.base.layers if lacks(each.digest) and not each.is_foreign])
        for part in self.parts:
            kept = self.known.fact(_LAYER, part.key)
            if kept is None or lacks(kept[1]):
                await self._upload(self.layers.get(part.key) or await self._pack(part), part.note)
        if lacks(config.digest):
            await self._upload(config)

    def remember(self, tops: tuple[Top, ...]) -> None:
        """What need not be asked for, or sent, next time."""
        self.known.keep_fact(_BASED, self._based, 1)
        for top in tops:
            self.known.keep_fact(_PUSHED, self._place(top.digest), 1)

    @property
    def _based(self) -> str:
        return self._place(self.base.digest)

    def _place(self, digest: str) -> str:
        return f"{self.target.name}@{digest}"


def _described(base: Base, config: BytesBlob) -> Descriptor:
    media_type = str(base.manifest.document["config"].get("mediaType"))
    return Descriptor(media_type, config.digest, config.size)


def _teller(report: Report, what: str, size: int) -> Callable[[int], None]:
    """Tells a part of the way now and then, and nothing of what is small."""
    if size < _TOLD:
        return lambda _: None
    last = 0

    def tell(done: int) -> None:
        nonlocal last
        if done == size or done - last >= size // 100:
            last = done
            report(Progress(what, done, size))

    return tell
