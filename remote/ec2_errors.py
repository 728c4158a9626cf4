"""What botocore and Amazon complain about, as errors that a person can act on: one line each, and what to do next."""

from __future__ import annotations

from collections.abc import Callable

from botocore import exceptions as aws

from remote.clean import clean
from remote.ec2_place import Ec2Place
from remote.errors import AuthenticationFailed, RemoteError, Unreachable, UsageError
from remote.who import nearest

_REFUSED = frozenset({"AuthFailure", "InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_NO_RIGHTS = frozenset({"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"})
_GONE = frozenset({"InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"})
_NO_CAPACITY = frozenset(
    {"InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientReservedInstanceCapacity"}
)
_LIMITS = frozenset({"InstanceLimitExceeded", "VcpuLimitExceeded", "MaxSpotInstanceCountExceeded"})
_THROTTLED = frozenset(
    {"RequestLimitExceeded", "Throttling", "ThrottlingException", "RequestThrottled", "TooManyRequestsException"}
)
_NO_LOGIN = (aws.CredentialRetrievalError, aws.TokenRetrievalError, aws.SSOError)
_NO_ANSWER = (aws.HTTPClientError, aws.EndpointConnectionError)

_LAST = (
    "the credentials are taken from the environment, then from ~/.aws; `profile:` under `ec2:` names a section there"
)


def translated(exc: Exception, host: str, place: Ec2Place, regions: Callable[[], list[str]]) -> RemoteError:
    """`host`: its name in the profile. `regions`: all that botocore knows, asked for only where one may be wrong."""
    login = f"aws sso login{f' --profile {place.profile}' if place.profile else ''}"
    if isinstance(exc, aws.ClientError):
        return _refusal(exc, host, place, login)
    if isinstance(exc, aws.ProfileNotFound):
        return UsageError(
            f"{host}: ~/.aws has no profile {place.profile!r}", hint=f"aws configure list-profiles; {_LAST}"
        )
    if isinstance(exc, (aws.NoCredentialsError, aws.PartialCredentialsError)):
        hint = f"aws configure, {login}, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; {_LAST}"
        return AuthenticationFailed(f"{host}: there are no AWS credentials here", hint=hint, code="aws_credentials")
    if isinstance(exc, _NO_LOGIN):
        text = f"{host}: the AWS login is over: {clean(str(exc))}"
        return AuthenticationFailed(text, hint=login, code="aws_expired")
    if isinstance(exc, aws.InvalidRegionError) or (isinstance(exc, _NO_ANSWER) and place.region not in regions()):
        return UsageError(f"{host}: there is no AWS region {place.region!r}", hint=nearest(place.region, regions()))
    if isinstance(exc, _NO_ANSWER):
        return Unreachable(f"{host}: Amazon does not answer: {clean(str(exc))}", hint="is this laptop online?")
    return RemoteError(f"{host}: {clean(str(exc))}", code="aws")


def _refusal(exc: aws.ClientError, host: str, place: Ec2Place, login: str) -> RemoteError:
    told = exc.response.get("Error", {})
    code, said, right = told.get("Code", ""), clean(told.get("Message", "")), f"ec2:{exc.operation_name}"
    if code in _REFUSED:
        text = f"{host}: Amazon does not know these AWS credentials ({clean(code)})"
        return AuthenticationFailed(text, hint=_LAST, code="aws_credentials")
    if code in _EXPIRED:
        text, hint = f"{host}: the AWS credentials have expired", f"{login}; or this laptop's clock is wrong"
        return AuthenticationFailed(text, hint=hint, code="aws_expired")
    if code in _NO_RIGHTS:
        # The rest of what is said is an encoded blob.
        text, hint = f"{host}: these AWS credentials may not {right} in {place.region}", "docs/ec2.md has the policy"
        return AuthenticationFailed(text, hint=hint, code="aws_rights")
    if code == "OptInRequired":
        return UsageError(f"{host}: the region {place.region} is not enabled for this account", hint=said)
    if code in _GONE:
        return gone(host, place)
    if code in _NO_CAPACITY:
        hint = "it is still stopped; try again later, or change its type or zone in the AWS console"
        return RemoteError(f"{host}: Amazon has no such machine free now: {said}", hint=hint, code="aws_capacity")
    if code in _LIMITS:
        hint = "ask Amazon for a higher quota, or stop another"
        return RemoteError(f"{host}: the account's limit is reached: {said}", hint=hint, code="aws_limit")
    if code in _THROTTLED:
        tries = 1 + int(exc.response.get("ResponseMetadata", {}).get("RetryAttempts", 0))
        text = f"{host}: Amazon gets too many requests from this account; {right} was tried {tries} times"
        return Unreachable(text, hint="try again in a minute", code="aws_throttled")
    return RemoteError(f"{host}: Amazon refuses {right}: {said} ({clean(code)})", code="aws")


def gone(host: str, place: Ec2Place, state: str = "") -> RemoteError:
    """An instance that is no more, or never was there."""
    text = f"{host}: {place.words} is {state}" if state else f"{host}: there is no instance {place.words}"
    hint = f"name another under `hosts: {{{host}: {{ec2: ...}}}}`; an id is only known in its own region and account"
    return RemoteError(text, hint=hint, code="instance_gone")
