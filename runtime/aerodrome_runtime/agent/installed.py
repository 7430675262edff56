"""The code that a tenant runtime must be able to import from us, copied where every uid may read it."""

from __future__ import annotations

import compileall
import hashlib
import os
import shutil
from pathlib import Path

import aerodrome_runtime
import taskwire

OURS = {
    "taskwire": Path(taskwire.__file__).parent,
    "aerodrome_runtime": Path(aerodrome_runtime.__file__).parent,
}
NOT_THERE = frozenset({"agent", "__pycache__"})
"""The agent's own code is no tenant process's business."""


def install_site(directory: Path) -> Path:
    """Copy our two packages into `directory/<digest>`, compiled; return that folder. Idempotent."""
    sources = sorted(
        (name, path.relative_to(root), path)
        for name, root in OURS.items()
        for path in root.rglob("*.py")
        if not NOT_THERE & set(path.relative_to(root).parts)
    )
    digest = hashlib.sha256()
    for name, relative, path in sources:
        digest.update(f"{name}/{relative}\0".encode() + path.read_bytes())
    final = directory / digest.hexdigest()[:16]
    if final.is_dir():
        return final
    partial = directory / f"{final.name}.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    for name, relative, path in sources:
        target = partial / name / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    # Invalidation by hash: a copied tree must not be recompiled for its times.
    compileall.compile_dir(partial, quiet=2)
    for path in (partial, *partial.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    try:
        partial.rename(final)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
    return final
