"""What the output of a test must not tell: values of this environment that are secrets by their names, and texts that
look like keys. No rule finds every secret: read a file before you publish it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from wire.hiding import Hiding

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS(WORD|WD|PHRASE|CODE)?(_|$)|CREDENTIAL|COOKIE|_PAT$", re.IGNORECASE)
_LOOKS_LIKE_A_KEY = re.compile(
    r"""-----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]*PRIVATE[ ]KEY-----|\Z)
    | \b(?:sk|pk|key)-[\w-]{16,}                    # model services
    | \b(?:gh[pousr]|github_pat|hf|glpat)[_-]\w{16,}
    | \bxox[abprs]-[\w-]{10,}
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b
    | \beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}          # JSON web tokens
    | (?<=://)[^\s/:@'"]+:[^\s/@'"]+(?=@)           # an address with a password
    | (?i:(?<=bearer[ ]))[\w.~+/=-]{8,}""",
    re.VERBOSE | re.DOTALL,
)
_NAMED = re.compile(r"""(?i)(\b[\w-]*(?:password|passwd|secret|token|api_?key)["']?\s*[=:]\s*["']?)[^\s"'=,)]{6,}""")
HIDDEN = "[hidden]"


def secrets_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are secrets by their names."""
    return {name: value for name, value in environ.items() if _SECRET.search(name)}


def redacted(output: bytes, environ: Mapping[str, str]) -> str:
    """Return an output as text without secrets, and without what a terminal obeys."""
    hiding = Hiding(secrets_of(environ))
    text = (hiding.feed(output) + hiding.rest()).decode("utf-8", "replace")
    text = "".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in text.replace("\r\n", "\n"))
    return _NAMED.sub(rf"\1{HIDDEN}", _LOOKS_LIKE_A_KEY.sub(HIDDEN, text))


def redacted_line(text: str, environ: Mapping[str, str]) -> str:
    """Return a text of ours, which may quote a test or a file of a host, as one line without secrets."""
    return " ".join(redacted(text.encode("utf-8", "replace"), environ).split())
