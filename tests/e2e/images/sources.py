"""A builder image for source-to-image, made from the run's Python image: what sclorg's do, in a few lines."""

from __future__ import annotations

import io
import tarfile

from ..nodeimages import docker

_DOCKERFILE = """\
FROM {base}
LABEL io.openshift.s2i.scripts-url="image:///usr/libexec/s2i"
COPY assemble run /usr/libexec/s2i/
RUN ["mkdir", "-p", "/opt/app-root/src"]
RUN ["chown", "-R", "1001:0", "/opt/app-root"]
WORKDIR /opt/app-root/src
ENV HOME=/opt/app-root/src
USER 1001
"""
_ASSEMBLE = """#!/bin/bash
set -e
cp -R /tmp/src/. ./
if [ -f requirements.txt ]; then python -m pip install --user --break-system-packages -r requirements.txt; fi
"""
_RUN = """#!/bin/bash
exec python cell.py
"""


def builder_image(base: str, tag: str) -> str:
    """Its name on this machine."""
    name = f"ciao-e2e-s2i:{tag}"
    files = {"Dockerfile": (_DOCKERFILE.format(base=base), 0o644), "assemble": (_ASSEMBLE, 0o755), "run": (_RUN, 0o755)}
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for path, (text, mode) in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(text), mode
            archive.addfile(info, io.BytesIO(text.encode()))
    context.seek(0)
    docker().images.build(fileobj=context, custom_context=True, tag=name, rm=True, forcerm=True)
    return name
