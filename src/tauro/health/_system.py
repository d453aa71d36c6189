"""Memory and disk of the machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final, TypedDict, Unpack

from tauro.health._check import HealthCheck, check_fractions
from tauro.health._models import Finding, HealthStatus
from tauro.types import StrPath

_GIB: Final = 1 << 30


class UsageOptions(TypedDict, total=False):
    """What the checks of memory and disk take alike; each says what it means."""

    critical_threshold: float | None
    critical: bool
    readiness: bool
    timeout: float


class _UsageHealthCheck(HealthCheck):
    """Judges how much of something is used, by two fractions."""

    _usual_critical: float

    def __init__(
        self,
        name: str,
        *,
        warning_threshold: float,
        critical_threshold: float | None = None,
        critical: bool = False,
        readiness: bool = True,
        timeout: float = 5.0,
    ) -> None:
        super().__init__(name, critical=critical, readiness=readiness, timeout=timeout)
        upper = critical_threshold
        if upper is None:
            upper = max(self._usual_critical, (1 + warning_threshold) / 2)
        check_fractions(warning_threshold=warning_threshold, critical_threshold=upper)
        self.warning_threshold = warning_threshold
        self.critical_threshold = upper


class MemoryHealthCheck(_UsageHealthCheck):
    """Looks at how much of the memory is used: of the machine, and of the container's limit.

    A machine without memory is not mended by a restart, so this is not critical by default.

    Args:
        name: What it is called in reports.
        warning_threshold: The fraction used from which on it is DEGRADED.
        critical_threshold: The fraction used from which on it is UNHEALTHY; by default 0.95, or
            half way from a higher warning threshold to 1.
        critical: Whether the whole is unhealthy when this is.
        readiness: Whether the process is ready only when this answers.
        timeout: Seconds it may take.
    """

    _usual_critical = 0.95

    def __init__(
        self,
        name: str = "memory",
        *,
        warning_threshold: float = 0.8,
        **options: Unpack[UsageOptions],
    ) -> None:
        super().__init__(name, warning_threshold=warning_threshold, **options)

    def check(self) -> Finding:
        """Find out how much memory is used."""
        import psutil

        machine = psutil.virtual_memory()
        used, total, where = machine.total - machine.available, machine.total, "machine"
        limit = _container_memory()
        if limit is not None and limit[1] < total and limit[0] / limit[1] > used / total:
            used, total, where = *limit, "container"
        return _judge(
            f"memory of the {where}", used, total, self.warning_threshold, self.critical_threshold
        )


class DiskHealthCheck(_UsageHealthCheck):
    """Looks at how full the disk of a folder is. Like memory, not critical by default.

    Args:
        name: What it is called in reports.
        path: The folder; where it does not exist yet, the nearest one above it is looked at.
        warning_threshold: The fraction used from which on it is DEGRADED.
        critical_threshold: The fraction used from which on it is UNHEALTHY; by default 0.98, or
            half way from a higher warning threshold to 1.
        critical: Whether the whole is unhealthy when this is.
        readiness: Whether the process is ready only when this answers.
        timeout: Seconds it may take.
    """

    _usual_critical = 0.98

    def __init__(
        self,
        name: str = "disk",
        *,
        path: StrPath = ".",
        warning_threshold: float = 0.9,
        **options: Unpack[UsageOptions],
    ) -> None:
        super().__init__(name, warning_threshold=warning_threshold, **options)
        self.path = Path(path).absolute()

    def check(self) -> Finding:
        """Find out how full the disk is."""
        there = next((one for one in (self.path, *self.path.parents) if one.exists()), None)
        if there is None:
            return Finding(HealthStatus.UNKNOWN, f"Nothing is at {self.path} or above it.")
        # Free is what this user may still use, as df has it; the rest counts as used.
        total, _, free = shutil.disk_usage(there)
        if not total:
            return Finding(HealthStatus.UNKNOWN, f"The file system of {there} has no size.")
        what = f"disk of {there}" + ("" if there == self.path else f" (no {self.path} yet)")
        return _judge(what, total - free, total, self.warning_threshold, self.critical_threshold)


def _judge(what: str, used: int, total: int, warning: float, critical: float) -> Finding:
    fraction = used / total
    if fraction >= critical:
        status = HealthStatus.UNHEALTHY
    elif fraction >= warning:
        status = HealthStatus.DEGRADED
    else:
        status = HealthStatus.HEALTHY
    free = (total - used) / _GIB
    return Finding(
        status,
        f"{fraction:.1%} of the {what} are used, {free:.1f} GiB are free.",
        {
            "used_fraction": round(fraction, 4),
            "used_bytes": used,
            "total_bytes": total,
            "warning_threshold": warning,
            "critical_threshold": critical,
        },
    )


def _container_memory(root: str = "/sys/fs/cgroup") -> tuple[int, int] | None:
    """Return bytes used and allowed in this container (cgroup v2); None without a limit.

    Used is the working set as the kubelet takes it: without the file cache that would go first.
    """
    try:
        limit = int(Path(root, "memory.max").read_text())
        used = int(Path(root, "memory.current").read_text())
        lines = Path(root, "memory.stat").read_text().splitlines()
    except (OSError, ValueError):  # no such file; or "max", which is no limit
        return None
    cached = next((int(one.split()[1]) for one in lines if one.startswith("inactive_file ")), 0)
    return max(0, used - cached), limit
