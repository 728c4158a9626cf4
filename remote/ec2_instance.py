"""What Amazon says of one instance at one moment."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remote.clean import clean

CHANGING = frozenset({"pending", "stopping", "shutting-down"})
"""States that pass by themselves."""
GONE = frozenset({"shutting-down", "terminated"})

GROUP_TAG = "aws:autoscaling:groupName"


@dataclass(frozen=True)
class Instance:
    """All texts are cleaned."""

    id: str
    state: str
    """Amazon's word: pending, running, stopping, stopped, shutting-down, terminated."""
    kind: str = ""
    """`g5.xlarge`."""
    zone: str = ""
    spot: bool = False
    group: str = ""
    """The Auto Scaling group that it belongs to, which terminates what is stopped."""
    stops: bool = True
    """False for one whose root is no EBS volume: it can only be terminated."""
    public: str = ""
    private: str = ""
    """Addresses; '' if it has none now. A public one changes with every start."""
    launched_at_s: float | None = None
    """When it was last started."""
    told_at_s: float = 0.0
    """When Amazon said all this. Both times are by Amazon's clock."""
    reason: str = ""
    """Why it is in this state."""

    @property
    def why_no_stop(self) -> str:
        """Why a stop would destroy it, '' if it would not."""
        if self.group:
            return f"{self.id} belongs to the Auto Scaling group {self.group}, which terminates what is stopped"
        return "" if self.stops else f"{self.id} has no EBS root volume, so it cannot be stopped"

    def address(self, *, private: bool) -> str:
        return self.private if private else self.public or self.private

    @property
    def up_s(self) -> float | None:
        """For how long it has been running and paid for; None if it does not run."""
        if self.launched_at_s is None or self.state not in ("running", "stopping"):
            return None
        return max(0.0, self.told_at_s - self.launched_at_s)

    def spent_usd(self, per_hour_usd: float | None) -> float | None:
        """What the time since its last start costs at that price; None where either is not known."""
        return None if per_hour_usd is None or self.up_s is None else per_hour_usd * self.up_s / 3600


def instances_in(answer: Mapping[str, Any]) -> Iterator[Instance]:
    """The instances in an answer to DescribeInstances, as botocore reads it."""
    told_at_s = _told_at_s(answer)
    for reservation in answer.get("Reservations", ()):
        for item in reservation.get("Instances", ()):
            yield _instance(item, told_at_s)


def _instance(item: Mapping[str, Any], told_at_s: float) -> Instance:
    launched = item.get("LaunchTime")
    return Instance(
        id=clean(item["InstanceId"]),
        state=clean(item["State"]["Name"]),
        kind=clean(item.get("InstanceType", "")),
        zone=clean(item.get("Placement", {}).get("AvailabilityZone", "")),
        spot=item.get("InstanceLifecycle") == "spot",
        group=next((clean(tag["Value"]) for tag in item.get("Tags", ()) if tag["Key"] == GROUP_TAG), ""),
        stops=item.get("RootDeviceType") != "instance-store",
        public=clean(item.get("PublicIpAddress") or ""),
        private=clean(item.get("PrivateIpAddress") or ""),
        launched_at_s=launched.timestamp() if isinstance(launched, datetime) else None,
        told_at_s=told_at_s,
        reason=clean(item.get("StateReason", {}).get("Message") or ""),
    )


def _told_at_s(answer: Mapping[str, Any]) -> float:
    """The moment in the answer's own header; this laptop's clock if there is none."""
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()
    except (KeyError, ValueError):
        return time.time()
