"""coverage's own HTML report as one file that needs no other: its index, then each of its pages below."""

from __future__ import annotations

import re
from pathlib import Path

from wire.run_dir import replace_file

_MAIN = re.compile(r"<main id=\"(?:index|source)\">(.*?)</main>", re.DOTALL)
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>{style}
body {{ max-width: 70em; margin: auto; padding: 1em; }}
.source {{ overflow-x: auto; }}
</style>
</head>
<body>
<h1>{title}</h1>
<main id="index">{index}</main>
{pages}
</body>
</html>
"""


def one_page(folder: Path, path: Path) -> None:
    """Replace `path` by what `coverage html` wrote into a folder. Scripts stay out: the page is to be read."""
    index = (folder / "index.html").read_text(encoding="utf-8")
    names = list(dict.fromkeys(re.findall(r'href="([^"/]+_py\.html)"', index)))
    for name in names:
        index = index.replace(f'href="{name}"', f'href="#{name}"')
    style = "".join(one.read_text(encoding="utf-8") for one in sorted(folder.glob("style*.css")))
    page = _PAGE.format(
        title=_first(_TITLE, index),
        style=style.replace("#source", ".source"),
        index=_first(_MAIN, index),
        pages="\n".join(_section(name, (folder / name).read_text(encoding="utf-8")) for name in names),
    )
    replace_file(str(path), page.encode())


def _section(name: str, page: str) -> str:
    """One file: line numbers become anchors of this file alone."""
    lines = re.sub(r'(id="|href="#)t(\d+)"', rf'\1{name}-\2"', _first(_MAIN, page))
    return f'<section id="{name}">\n<h2>{_first(_TITLE, page)}</h2>\n<div class="source">{lines}</div>\n</section>'


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""
