"""A task workload from claim to end: its bundle, its runtime, a warm child, the attempt, its log."""

from __future__ import annotations

import logging
from pathlib import Path

from aerodrome_runtime.agent.attempt import Attempt
from aerodrome_runtime.agent.bundles import BundleCorrupt, Bundles
from aerodrome_runtime.agent.dagzygotes import Key
from aerodrome_runtime.agent.gateway import GatewayGone, GatewayRefused, GatewayUnreachable
from aerodrome_runtime.agent.runtimes import RuntimeMissing, find_runtime
from aerodrome_runtime.agent.shipping import Shipper
from aerodrome_runtime.agent.spares import SpareFailed, Spares
from aerodrome_runtime.agent.unpack import BundleHostile

log = logging.getLogger("aerodrome.agent")


async def run_task(
    *, attempt: Attempt, bundles: Bundles, spares: Spares, shipper: Shipper, runtimes: Path
) -> None:
    """Run one attempt. Whatever goes wrong before user code ran is told in the task's log."""
    work = attempt.work
    shipper.open(tenant_id=work.tenant_id, id=work.id, epoch=work.epoch, task_log=attempt.log)
    held: str | None = None
    try:
        try:
            runtime = find_runtime(directory=runtimes, digest=work.runtime_digest)
            if work.bundle is None:
                raise BundleCorrupt("the workload names no bundle")
            folder = await bundles.acquire(work.bundle.digest)
            held = work.bundle.digest
            spare = await spares.take(
                Key(
                    tenant_id=work.tenant_id,
                    tenant=work.tenant,
                    runtime=runtime,
                    place=str(folder),
                    bundle_name=work.bundle.name,
                    bundle_version=work.bundle.version or work.bundle.digest,
                    dag_rel_path=attempt.task.dag_rel_path,
                    limits=work.limits,
                )
            )
        except RuntimeMissing as error:
            await attempt.cannot_start_yet(str(error))
            return
        except (
            BundleCorrupt,
            BundleHostile,
            SpareFailed,
            GatewayGone,
            GatewayRefused,
            GatewayUnreachable,
        ) as error:
            await attempt.cannot_start(str(error))
            return
        except Exception as error:
            log.exception("%s e%s could not be started", work.id, work.epoch)
            await attempt.cannot_start(f"{type(error).__name__}: {error}")
            return
        try:
            await attempt.run(spare, lambda: spares.memory_killed(spare))
        finally:
            spares.clear(spare)
    finally:
        if held is not None:
            bundles.release(held)
        shipper.finish(id=work.id, epoch=work.epoch)
