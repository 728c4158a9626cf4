"""Options that every SSH connection of ours shares, measured in the design's prototypes."""

from __future__ import annotations

CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes256-ctr",
)
"""AES-GCM first: twice the throughput of ChaCha20 where the processor has AES instructions."""

BULK = {"window": 8 * 1024 * 1024, "max_pktsize": 64 * 1024}
"""Flow control for a channel that moves much: rsync, git, large outputs."""

KEEPALIVE_INTERVAL_S = 7
KEEPALIVE_COUNT = 1
"""A dead peer is noticed (count + 1) * interval after its last word; asyncssh's default never notices it. A followed
host speaks at least every six seconds (`remote.watch`), so it is never asked this, too."""

CONNECT_TIMEOUT_S = 15
LOGIN_TIMEOUT_S = 120
"""A person may have to type a passphrase or a code; OpenSSH's servers wait as long."""
