"""`demo`: a repository of its own with the default profile, whose workers train on this machine."""

from __future__ import annotations

from remote.clean import clean
from remote.errors import Declined
from tui.cli.envelope import Answer
from tui.cli.session import Session
from tui.demo import clean_demo, demo_folder, make_demo


async def main(session: Session) -> Answer:
    """Make it, and say how to go on; with `--clean` remove it, after a yes."""
    session.changes()
    folder = demo_folder()
    shown = clean(str(folder))
    if session.arguments.clean:
        if not session.arguments.yes:
            raise Declined(f"{shown} and its results would be removed", hint="trajvid-tui demo --clean --yes")
        gone = clean_demo(folder)
        return Answer({"folder": str(folder), "removed": gone}, f"{'removed' if gone else 'there is no'} {shown}")
    profile = await make_demo(folder)
    lines = (
        f"the demo is in {shown}",
        f"  trajvid-tui --profile {clean(str(profile))} --start    opens it and starts its workers",
        "  trajvid-tui demo --clean --yes    removes it",
    )
    return Answer({"profile": str(profile)}, "\n".join(lines))
