"""What we ask of Amazon: which instance, start it, stop it, what a shutdown does to it. These block; boto3 is imported
here alone.

botocore's `standard` mode asks again with back-off (throttling, a lost connection): AWS_MAX_ATTEMPTS times, default 3.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from remote.ec2_instance import GONE, Instance, instances_in
from remote.ec2_place import Ec2Place
from remote.errors import NeedsYou, RemoteError, ToolMissing, UsageError

CONNECT_TIMEOUT_S = 5
ANSWER_TIMEOUT_S = 20
IDS_SHOWN = 5

_clients: dict[tuple[str, str], Any] = {}
"""By credentials and region: making one takes a third of a second."""
_making = threading.Lock()


def find(host: str, place: Ec2Place) -> Instance:
    """The one instance that is meant; `host` is its name in the profile, for messages.

    Raises `UsageError` (no instance has the tags, or several), `RemoteError` (`instance_gone`), and as `start`.
    """
    if place.instance:
        asked: dict[str, Any] = {"InstanceIds": [place.instance]}
    else:
        asked = {"Filters": [{"Name": f"tag:{name}", "Values": [value]} for name, value in place.tags]}
    found = list(instances_in(_ask(host, place, "describe_instances", **asked)))
    there = [one for one in found if one.state not in GONE]
    if len(there) == 1:
        return there[0]
    if there:
        ids = ", ".join(one.id for one in there[:IDS_SHOWN]) + (", ..." if len(there) > IDS_SHOWN else "")
        hint = "name the one with `instance:`, or more tags"
        raise UsageError(f"{host}: {place.words} is {len(there)} instances: {ids}", hint=hint, code="several_instances")
    if found or place.instance:
        from remote.ec2_errors import gone

        raise gone(host, place, found[0].state if found else "")
    hint = "see the tags and the region in the AWS console; a tag's name and value count to the letter"
    raise UsageError(f"{host}: no instance has {place.words}", hint=hint, code="no_instance")


def start(host: str, place: Ec2Place, instance: str) -> None:
    """Ask for a start. Raises `AuthenticationFailed`, `Unreachable`, `UsageError`, `ToolMissing` or `RemoteError`."""
    _ask(host, place, "start_instances", InstanceIds=[instance])


def stop(host: str, place: Ec2Place, instance: str) -> None:
    """Ask for a stop; its disks stay. Raises as `start`."""
    _ask(host, place, "stop_instances", InstanceIds=[instance])


def why_not_off(host: str, place: Ec2Place) -> str:
    """Why this instance must not shut itself down, '' if a shutdown is a stop. Raises as `find` and `start`."""
    found = find(host, place)
    if found.spot:
        return f"{found.id} is a spot instance, which a shutdown may terminate"
    if found.why_no_stop:
        return found.why_no_stop
    asked = {"InstanceId": found.id, "Attribute": "instanceInitiatedShutdownBehavior"}
    answer = _ask(host, place, "describe_instance_attribute", **asked)
    told = answer.get("InstanceInitiatedShutdownBehavior", {}).get("Value")
    return "" if told == "stop" else f"a shutdown would {told or 'maybe terminate'} {found.id}"


def by_id(place: Ec2Place, instance: Instance) -> Ec2Place:
    """The same place, whoever else is given its tags meanwhile."""
    return replace(place, instance=instance.id, tags=())


def forget() -> None:
    """Let go of all clients: the next question reads the credentials anew."""
    _clients.clear()


def _ask(host: str, place: Ec2Place, question: str, **asked: Any) -> dict[str, Any]:
    try:
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as exc:
        hint = "pip install 'trajvid-tui[ec2]', or pipx inject trajvid-tui boto3"
        raise ToolMissing(f"{host} is an EC2 instance, and boto3 is not installed", hint=hint, code="no_boto3") from exc
    try:
        answer: dict[str, Any] = getattr(_client(place), question)(**asked)
        return answer
    except (Boto3Error, BotoCoreError, ClientError) as exc:
        from remote.ec2_errors import translated

        error: RemoteError = translated(exc, host, place, _regions)
        if isinstance(error, NeedsYou):
            forget()
        raise error from exc


def _client(place: Ec2Place) -> Any:
    key = (place.profile, place.region)
    with _making:
        if key not in _clients:
            import boto3
            from botocore.config import Config

            config = Config(
                connect_timeout=CONNECT_TIMEOUT_S, read_timeout=ANSWER_TIMEOUT_S, retries={"mode": "standard"}
            )
            session = boto3.Session(profile_name=place.profile or None)
            _clients[key] = session.client("ec2", region_name=place.region, config=config)
        return _clients[key]


def _regions() -> list[str]:
    import boto3

    session = boto3.Session()
    partitions = session.get_available_partitions()
    return [region for name in partitions for region in session.get_available_regions("ec2", partition_name=name)]
