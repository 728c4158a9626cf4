"""Which EC2 instance a host of the profile is, as the profile says it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ec2Place:
    """An instance by its id, or by tags that only one instance of the region has."""

    region: str
    instance: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    """Names and values that it has all of."""
    profile: str = ""
    """Section of ~/.aws with the credentials, '' for the default ones."""
    private: bool = False
    """Reach it by its address inside the VPC (a VPN, or a jump host)."""
    idle_stop_min: int = 0
    """It stops itself when no run and no person used it for so many minutes; 0 = never."""

    @property
    def words(self) -> str:
        """`i-0abc in eu-west-1`, or the tags instead of the id."""
        tags = " and ".join(f"{name}={value}" for name, value in self.tags)
        return f"{self.instance or f'tag {tags}'} in {self.region}"
