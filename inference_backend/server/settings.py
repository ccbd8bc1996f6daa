"""How one backend is set up, and what it takes. A setting that would expose it is refused at the start."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from AmlartContourLib.contract.errors import BadSetting
from AmlartContourLib.contract.frame_header import FrameLimits
from AmlartContourLib.contract.messages import WireLimits

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
DEFAULT_PORT = 8642


@dataclass(frozen=True)
class Limits:
    """What one backend takes, so that no request can exhaust it. Bytes and seconds."""

    frame: FrameLimits = field(default_factory=FrameLimits)
    upload_bytes: int = (1 << 30) + (1 << 20)
    message_bytes: int = 1 << 16
    requests_at_once: int = 128
    connections: int = 512
    uploads_at_once: int = 4
    streams_at_once: int = 64
    jobs_waiting: int = 1000
    jobs_waiting_of_one_client: int = 200
    upload_seconds: float = 900.0
    silence_seconds: float = 30.0
    job_seconds: float = 3600.0
    stored_bytes: int = 50 << 30
    free_disk_bytes: int = 256 << 20


@dataclass(frozen=True)
class Settings:
    """One backend.

    `home`: its private folder. `port` 0 lets the system choose. `devices`: one worker process each.
    `cancel_grace_s`: how long an engine has to stop by itself before its worker is ended. `sign_of_life_s`:
    how long a worker may be silent. `memory_bytes`: what the engines kept by one worker may take, half the
    machine's where None. `managed`: started by a program for itself: it may be stopped over the wire, and it
    ends by itself when nobody asks for `idle_stop_s` and nothing runs.
    """

    home: Path
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    tls_cert: Path | None = None
    tls_key: Path | None = None
    more_hosts: tuple[str, ...] = ()
    devices: tuple[str, ...] = ("cpu",)
    retention_s: float = 24 * 3600.0
    cancel_grace_s: float = 0.6
    sign_of_life_s: float = 120.0
    memory_bytes: int | None = None
    managed: bool = False
    idle_stop_s: float = 300.0
    housekeeping_s: float = 30.0
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise BadSetting(
                "TLS needs both a certificate and its key.", advice="Give --tls-cert and --tls-key."
            )
        if not self.is_loopback and not self.tls:
            raise BadSetting(
                f"Listening on {self.host} would let others read scans on the network.",
                kept="The backend was not started.",
                advice="Give --tls-cert and --tls-key, or listen on 127.0.0.1.",
            )
        if not 0 <= self.port <= 65535:
            raise BadSetting(f"{self.port} is no port.")
        if not self.devices or len(set(self.devices)) < len(self.devices):
            raise BadSetting("Name at least one device, each once.")

    @property
    def tls(self) -> bool:
        """True when connections are encrypted."""
        return self.tls_cert is not None

    @property
    def is_loopback(self) -> bool:
        """True when only this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """Names under which it answers; any other Host header is refused (a rebound name of a web page)."""
        any_address = {"0.0.0.0", "::"}  # listening on all is no name to be called by
        own = {self.host.lower()} - any_address
        return frozenset({*LOOPBACK_NAMES, *own, *(name.lower() for name in self.more_hosts)})

    @property
    def wire_limits(self) -> WireLimits:
        """What clients are told."""
        return WireLimits(
            upload_bytes=self.limits.upload_bytes,
            voxels=self.limits.frame.voxels,
            structures=self.limits.frame.arrays,
            jobs_waiting=self.limits.jobs_waiting_of_one_client,
            job_seconds=self.limits.job_seconds,
            retention_seconds=self.retention_s,
        )
