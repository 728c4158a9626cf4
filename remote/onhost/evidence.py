"""`evidence`: which files of evidence lie beside a worker's runs; they come to the laptop as results do."""

from __future__ import annotations

import time
from typing import Any, Dict

from remote.onhost import request
from remote.onhost.listing import walk


def evidence(asked: Dict[str, Any]) -> Dict[str, Any]:
    """Return `{"path", "files", "left_out", "clock_s"}`, the files as the verb `files` tells those of a run."""
    root = request.root(asked)
    path = root.evidence(request.folder_name(asked, "project"), request.folder_name(asked, "worker"))
    found, left_out = walk(path)
    return {"path": path, "files": found, "left_out": left_out, "clock_s": time.time()}
