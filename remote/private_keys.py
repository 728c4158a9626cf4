"""Private keys of this person: which file, is it private, and its passphrase asked for at most once."""

from __future__ import annotations

import asyncio
import os
import stat
import weakref
from pathlib import Path

import asyncssh

from remote.asker import Asker
from remote.clean import clean
from remote.errors import AuthenticationFailed, UsageError

PASSPHRASE_TRIES = 3
_DEFAULTS = ("id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk")


def default_identities() -> list[Path]:
    """Keys that ssh(1) tries by itself, as far as they exist."""
    folder = Path("~/.ssh").expanduser()
    return [folder / name for name in _DEFAULTS if (folder / name).is_file()]


def check_identity(path: Path, host: str) -> None:
    """Refuse a key file that is missing or that others may read. Raises `UsageError` or `AuthenticationFailed`."""
    try:
        info = path.stat()
    except FileNotFoundError:
        raise UsageError(f"{host}: the key file {path} does not exist", hint="check `identity` of this host") from None
    except OSError as exc:
        raise UsageError(f"{host}: the key file {path} cannot be read: {exc.strerror}") from exc
    if not stat.S_ISREG(info.st_mode):
        raise UsageError(f"{host}: the key file {path} is not a regular file")
    if info.st_uid == os.getuid() and info.st_mode & 0o077:
        raise AuthenticationFailed(
            f"{host}: others may read the private key {path} (mode {stat.S_IMODE(info.st_mode):04o}): it is not used",
            hint=f"chmod 600 {path}",
        )


def encrypted(path: Path) -> bool:
    """True if a private key needs a passphrase. Raises `UsageError` for a file that is no private key."""
    try:
        asyncssh.read_private_key(str(path))
    except asyncssh.KeyEncryptionError:
        return True
    except asyncssh.KeyImportError as exc:
        if "passphrase" in str(exc).lower():
            return True
        raise UsageError(f"{path} is not a private key: {clean(str(exc))}") from exc
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror}") from exc
    return False


def shared_keyring() -> Keyring:
    """The keyring of all connections of this event loop."""
    return _keyrings.setdefault(asyncio.get_running_loop(), Keyring())


class Keyring:
    """Keys that a person unlocked, in memory only. Connections share one, so each key is asked for once."""

    def __init__(self) -> None:
        self._keys: dict[Path, asyncssh.SSHKey] = {}
        self._asking = asyncio.Lock()

    async def unlock(self, path: Path, asker: Asker) -> asyncssh.SSHKey | None:
        """The private key in `path`; None if the person gave up."""
        async with self._asking:
            if path in self._keys:
                return self._keys[path]
            prompt = f"Passphrase for {path}"
            for _ in range(PASSPHRASE_TRIES):
                passphrase = await asker.passphrase(prompt)
                if passphrase is None:
                    return None
                try:
                    key = await asyncio.to_thread(asyncssh.read_private_key, str(path), passphrase)
                except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError):
                    prompt = f"That was not the passphrase. Passphrase for {path}"
                    continue
                self._keys[path] = key
                return key
        return None


_keyrings: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Keyring] = weakref.WeakKeyDictionary()
