"""``nbnumba dataset``: from a recipe to many images with labels."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from nbnumba_cli import options, voice
from nbnumba_cli.dataset_engines import How, check_together, engine_options, make, write_script

#: Changes that name files, relative to the working folder.
_FILES = ("base", "base.experiment", "structures.files", *(f"base.{name}" for name in options.FILES))


@click.command("dataset")
@click.argument("recipe", metavar="RECIPE.toml", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder of the data set, as -o set1.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="Change a value of the recipe, as in --set count=1000, --set vary.crystal.mosaic.spread.high=0.5 (degrees) or "
    "--set base.detector.distance=120 (mm); may be repeated. Names of files are relative to the working folder.",
)
@engine_options
@click.option("--resume", is_flag=True, help="Keep the files that are whole, and make what is missing or damaged.")
@click.option("--master", is_flag=True, help="Write master.h5 and report.html alone, of the files that are there.")
@click.option(
    "--preview", type=click.IntRange(min=1), help="Only draw the first images on one PNG, as in --preview 16."
)
@click.option("--dry-run", is_flag=True, help="Only tell what it takes: time [s], size [bytes], memory [bytes].")
@click.option(
    "--overwrite", is_flag=True, help="Remove a data set that is in the folder, or replace the picture or the script."
)
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    recipe: Path,
    output: Path | None,
    settings: tuple[str, ...],
    as_json: bool,
    preview: int | None,
    dry_run: bool,
    master: bool,
    **how: Any,
) -> None:
    """Make a data set for machine learning: images of RECIPE.toml, and all that is known of them.

    \b
    Examples:
      nbnumba dataset recipe.toml --preview 16
      nbnumba dataset recipe.toml --dry-run --set count=1000000
      nbnumba dataset recipe.toml -o set1 --workers 8
      nbnumba dataset recipe.toml -o set1 --resume
      nbnumba dataset recipe.toml -o set1 --shard 3
      nbnumba dataset recipe.toml -o set1 --slurm submit.sh --sbatch time=02:00:00
      nbnumba dataset recipe.toml -o set1 --dask tcp://10.0.0.1:8786
    """
    from nbnumba.datasets.recipe import Recipe
    from nbnumba.datasets.report import write_page

    check_together(ctx)
    if str(recipe) == "slurm" and not recipe.exists():
        raise click.UsageError("slurm: no recipe; a script for it is written by --slurm SCRIPT.sh, after the recipe.")
    changes = {name: _from_here(name, value) for name, value in map(options.setting, settings)}
    described, made_by = Recipe.from_toml(recipe, changes), How(**how)
    if preview is not None:
        result = _preview(described, output, recipe, preview, made_by)
    elif dry_run:
        result = _estimate(described, made_by)
    elif output is None:
        raise click.UsageError("Give a folder with -o, or --preview or --dry-run.")
    elif master:
        result = _master(output)
    elif made_by.slurm is not None:
        result = write_script(described, recipe, output, settings, made_by)
    else:
        result = make(described, output, made_by)
    if result.get("content_hash"):
        write_page(Path(result["folder"]))
    click.echo(json.dumps(options.jsonable(result), allow_nan=False) if as_json else _text(result))


def _from_here(name: str, value: Any) -> Any:
    from nbnumba.datasets.shipped import MARK

    if name == "structures.files" and isinstance(value, str) and "," in value and not os.path.exists(value):
        return _from_here(name, value.split(","))
    if name in _FILES and isinstance(value, str):
        return value if value.startswith(MARK) else str(Path(value).absolute())
    return [_from_here(name, item) for item in value] if name in _FILES and isinstance(value, list) else value


def _preview(recipe: Any, output: Path | None, source: Path, count: int, how: How) -> dict[str, Any]:
    from nbnumba.datasets.folder import made_folder
    from nbnumba.datasets.preview import write_preview

    path = Path(f"{source.stem}-preview.png") if output is None else output / "preview.png"
    if output is not None:
        made_folder(output)
    with options.progress_bar("Rendering") as bar:
        write_preview(recipe, path, count, overwrite=how.overwrite, threads=how.threads or 1, device=how.device,
                      progress=bar.show)  # fmt: skip
    return {"images": min(count, recipe.count), "files": [str(path)]}


def _estimate(recipe: Any, how: How) -> dict[str, Any]:
    from nbnumba.datasets.engines.local import shared_out
    from nbnumba.datasets.preview import estimate
    from nbnumba.datasets.shard import shards

    with options.progress_bar("Measuring") as bar:
        workers, threads = shared_out(len(shards(recipe)), how.workers, how.threads)
        return estimate(recipe, workers=workers, threads=threads, device=how.device, progress=bar.show)


def _master(folder: Path) -> dict[str, Any]:
    from nbnumba.datasets.folder import MASTER
    from nbnumba.datasets.master import unfinished, write_master

    missing = unfinished(folder)
    if missing:
        few = ", ".join(missing[:3]) + (" ..." if len(missing) > len(missing[:3]) else "")
        voice.note(f"{len(missing)} files are missing: {few}; --resume makes them")
    return {"folder": str(folder), "content_hash": write_master(folder), "files": [str(folder / MASTER)]}


def _text(result: dict[str, Any]) -> str:
    """The summary for people."""
    if "stages" in result:
        stages = ", ".join(f"{name} {1e3 * spent:.1f}" for name, spent in result["stages"].items())
        return "\n".join([
            f"Images        {result['images']} in {result['files']} files of up to {result['images_per_file']}",
            f"Measured      {1e3 * result['seconds_per_image']:.1f} ms an image: {stages}",
            f"Time          {result['seconds']:.6g} s with {result['workers']} workers",
            f"Size          {result['bytes'] / 1e9:.4g} GB, {result['bytes_per_image'] / 1e3:.4g} kB an image",
            f"Memory        {result['memory'] / 1e9:.3g} GB",
        ])  # fmt: skip
    lines = (
        [f"Made {result['made']} of {result['images']} images in {result['seconds']:.1f} s"] if "made" in result else []
    )
    if result.get("content_hash"):
        by = "" if "made" in result else ", as the files say; --resume reads them through"
        lines.append(f"Content hash {result['content_hash']}{by}")
    where = [result["folder"]] if "folder" in result else result["files"]
    return "\n".join([*lines, *(f"Wrote {name}" for name in where)])
