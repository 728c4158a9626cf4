"""Pixels of a data set as files that other programs read: `videos.npy` (or shards) and `metadata.json`.

Everything is written under temporary names, block by block; the journal knows which blocks are safe. At the end the
files get their names, and `metadata.json` comes last: where it is, the export is whole. A killed export goes on where
it was, and its result has the same bytes as one that nobody disturbed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renderer.recipe import Recipe
from trainer.data.blocks import Advance, render_here, render_in_processes
from trainer.data.dataset import RECIPE_NAME, DataSet
from trainer.data.ground_truth import TRUTH_NAMES, truth_files
from trainer.data.journal import JOURNAL_NAME, Journal
from trainer.data.metadata import METADATA_FORMAT, METADATA_NAME
from trainer.data.safetensors_format import INDEX_NAME, check_readable, index, require_safetensors, tensor_name
from trainer.data.shards import VIDEO_FILES, Block, Shard, plan_blocks, plan_shards
from trainer.data.space import disk_errors, require_space
from trainer.errors import ConfigError, DataError
from trainer.meter import Meter
from wire.run_dir import replace_file

CHECKPOINT_CLIPS = 2000
_AGAIN = f"remove {METADATA_NAME}, and the same command writes the pixels again"
_PIECE_BYTES = 4 * 1024**2

Show = Callable[..., Meter]
"""Opens the meter of a step: (what, total, done=0)."""


@dataclass(frozen=True)
class Layout:
    """How the pixels are cut into files, and how often progress is made safe."""

    form: str
    shard_clips: int = 0
    """Clips a file; 0: all in one (npy), or 2,000 (safetensors)."""
    checkpoint_clips: int = CHECKPOINT_CLIPS


def export(folder: Path, data: DataSet, layout: Layout, workers: int = 1, show: Show = Meter) -> bool:
    """Write the pixels of the data set in `folder` beside it; return False if just this export was there already.

    Raises `DataError` for a disk too small or full, and for an export that is not what was written.
    """
    if layout.form == "safetensors":
        require_safetensors()
    shards = plan_shards(layout.form, len(data.recipe), layout.shard_clips, _clip_shape(data.recipe))
    plan = {
        "digest": data.recipe.digest(),
        "videos": [shard.name for shard in shards],
        "every": layout.checkpoint_clips,
    }
    if (folder / METADATA_NAME).exists():
        _check_whole(folder, plan, shards, show)
        (folder / JOURNAL_NAME).unlink(missing_ok=True)
        return False
    blocks = list(plan_blocks(shards, layout.checkpoint_clips))
    with disk_errors(folder):
        journal = Journal(folder, plan)
        todo = _go_on(folder, shards, blocks, journal, show)
        require_space(folder, sum(block.bytes for block in todo))
        _open_shards(folder, shards)
        _render(folder, data.recipe, blocks, todo, journal, workers, show)
        _finish(folder, data, shards, show)
        journal.path.unlink()
    return True


def export_bytes(clips: int, frames: int, size_px: int) -> int:
    """Return the size of the pixels."""
    return clips * frames * 3 * size_px**2


def _clip_shape(recipe: Recipe) -> tuple[int, ...]:
    return (recipe.window.frames, 3, recipe.window.size_px, recipe.window.size_px)


def _go_on(folder: Path, shards: Sequence[Shard], blocks: list[Block], journal: Journal, show: Show) -> list[Block]:
    """Take stock of an earlier attempt: return the blocks that are not in their place as the journal has them."""
    ours = {name: shard for shard in shards for name in (shard.name, shard.temporary)}
    for path in [path for pattern in VIDEO_FILES for path in folder.glob(pattern)]:
        if path.name in ours:
            path.replace(folder / ours[path.name].temporary)
        else:
            path.unlink()
    recorded = [block for block in blocks if block.start in journal.done]
    sound = set()
    if recorded:
        with show("check what is there", sum(block.stop - block.start for block in recorded)) as counter:
            for block in recorded:
                path = folder / block.shard.temporary
                if _sha256(path, block.offset, block.bytes, block.shard, counter.advance) == journal.done[block.start]:
                    sound.add(block.start)
    journal.keep(sound)
    return [block for block in blocks if block.start not in sound]


def _open_shards(folder: Path, shards: Sequence[Shard]) -> None:
    """See that each file begins with its header and has its full length; what is missing takes no room yet."""
    for shard in shards:
        path = folder / shard.temporary
        path.touch()
        with path.open("r+b") as file:
            file.write(shard.header)
            file.truncate(shard.bytes)


def _render(folder: Path, recipe: Recipe, blocks: Sequence[Block], todo: Sequence[Block], journal: Journal,
            workers: int, show: Show) -> None:  # fmt: skip
    left = sum(block.stop - block.start for block in todo)
    with show("render", len(recipe), len(recipe) - left) as counter:
        if workers == 1 or len(todo) < 2:
            finished = render_here(recipe, todo, folder, counter.advance)
        else:
            finished = render_in_processes(folder / RECIPE_NAME, todo, folder, counter.advance, min(workers, len(todo)))
        for block, digest in finished:
            journal.record(block, digest)


def _finish(folder: Path, data: DataSet, shards: Sequence[Shard], show: Show) -> None:
    """Give every file its name, the metadata last."""
    extra = truth_files(data.recipe)
    if shards[0].name.endswith(".safetensors"):
        places = {tensor_name(number): shard.name for number, shard in enumerate(shards, 1)}
        extra[INDEX_NAME] = index(places, len(data.recipe) * shards[0].clip_bytes)
    for name, content in extra.items():
        replace_file(str(folder / name), content, mode=0o644)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in extra.items()}
    with show("check", len(data.recipe)) as counter:
        for number, shard in enumerate(shards, 1):
            digests[shard.name] = _sha256(folder / shard.temporary, 0, shard.bytes, shard, counter.advance)
            if shard.name.endswith(".safetensors"):
                check_readable(folder / shard.temporary, tensor_name(number), shard.stop - shard.start)
    for shard in shards:
        (folder / shard.temporary).replace(folder / shard.name)
    metadata = _metadata(data, shards, digests)
    replace_file(str(folder / METADATA_NAME), json.dumps(metadata, separators=(",", ":")).encode() + b"\n", mode=0o644)


def _metadata(data: DataSet, shards: Sequence[Shard], digests: dict[str, str]) -> dict[str, Any]:
    recipe = data.recipe
    return {
        "format": METADATA_FORMAT,
        "name": recipe.KIND,
        "tier": recipe.tier,
        "clips": len(recipe),
        "frames": recipe.window.frames,
        "horizon": recipe.window.horizon,
        "fps": recipe.window.fps,
        "size_px": recipe.window.size_px,
        "recipe_digest": recipe.digest(),
        "class_names": list(recipe.class_names),
        "videos": [shard.name for shard in shards],
        **{Path(name).stem: name for name in digests if name in TRUTH_NAMES},
        "content_sha256": dict(sorted(digests.items())),
        "splits": data.manifest.splits,
        "labels": recipe.label.tolist(),
        "scene": recipe.scene.tolist(),
    }


def _check_whole(folder: Path, plan: Mapping[str, Any], shards: Sequence[Shard], show: Show) -> None:
    """Refuse an export that is another one, or not what was written."""
    path = folder / METADATA_NAME
    try:
        found = json.loads(path.read_bytes())
        version, digest, videos = (found[name] for name in ("format", "recipe_digest", "videos"))
        digests = {str(name): str(value) for name, value in found["content_sha256"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise DataError(f"{path}: cannot be read: {exc}", hint=_AGAIN) from exc
    if version != METADATA_FORMAT:
        raise DataError(f"{path}: of format {version}, this program writes {METADATA_FORMAT}", hint=_AGAIN)
    if videos != plan["videos"] or digest != plan["digest"]:
        differs = "in other files" if digest == plan["digest"] else "of other clips"
        raise ConfigError(
            f"{folder} holds another export already, {differs}",
            hint=f"choose another --out, or remove its {METADATA_NAME} to write this one over it",
        )
    clips = {shard.name: shard for shard in shards}
    with show("check what is there", shards[-1].stop) as counter:
        for name in {**clips, **digests}:
            size = (folder / name).stat().st_size if (folder / name).exists() else 0
            if _sha256(folder / name, 0, size, clips.get(name), counter.advance) != digests.get(name):
                problem = f"{folder / name}: content differs from {METADATA_NAME}: edited or damaged"
                raise DataError(problem, hint=_AGAIN)


def _sha256(path: Path, start: int, count: int, shard: Shard | None, advance: Advance) -> str:
    """Return the SHA-256 of a part of a file, '' if there is no such file; for a shard, tell its clips."""
    sha = hashlib.sha256()
    clip_bytes = shard.clip_bytes if shard else 1
    piece_bytes = clip_bytes * max(1, _PIECE_BYTES // clip_bytes)
    try:
        with path.open("rb") as file:
            file.seek(start)
            while piece := file.read(min(piece_bytes, count)):
                sha.update(piece)
                count -= len(piece)
                advance(len(piece) // clip_bytes if shard else 0)
    except FileNotFoundError:
        return ""
    return sha.hexdigest()
