"""The same index as static files for nginx: pages in both forms with their gzip beside them, wheels, and their metadata."""

import gzip
import hashlib
import html
import json
import os
import pathlib
import shutil


def build(projects: dict, tree: pathlib.Path) -> None:
    """Write the pages of `projects` (see `wheels.projects`) below `tree` and link the wheels there."""
    (tree / "files").mkdir(parents=True)
    (tree / "incoming").mkdir()
    for name, wheels in projects.items():
        for wheel in wheels:
            _link(wheel.path, tree / "files" / wheel.name)
            (tree / "files" / f"{wheel.name}.metadata").write_bytes(wheel.metadata)
        _write(tree / "simple" / name, _page_json(name, wheels), _page_html(name, wheels))
    _write(tree / "simple", _root_json(projects), _root_html(projects))


def _link(source: pathlib.Path, target: pathlib.Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _write(folder: pathlib.Path, as_json: str, as_html: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("index.json", as_json), ("index.html", as_html)):
        data = text.encode()
        (folder / name).write_bytes(data)
        (folder / f"{name}.gz").write_bytes(gzip.compress(data, 6, mtime=0))


def _compact(value) -> str:
    return json.dumps(value, separators=(",", ":"))


def _page_json(name, wheels) -> str:
    files = [
        {
            "filename": wheel.name,
            "url": f"../../files/{wheel.name}",
            "hashes": {"sha256": wheel.sha256},
            "requires-python": wheel.requires_python,
            "core-metadata": {"sha256": hashlib.sha256(wheel.metadata).hexdigest()},
            "size": wheel.size_bytes,
            "upload-time": "2024-01-01T00:00:00Z",
            "yanked": False,
        }
        for wheel in wheels
    ]
    versions = sorted({wheel.version for wheel in wheels})
    return _compact({"meta": {"api-version": "1.1"}, "name": name, "versions": versions, "files": files})


def _page_html(name, wheels) -> str:
    lines = []
    for wheel in wheels:
        python = f' data-requires-python="{html.escape(wheel.requires_python)}"' if wheel.requires_python else ""
        metadata = hashlib.sha256(wheel.metadata).hexdigest()
        lines.append(
            f'<a href="../../files/{wheel.name}#sha256={wheel.sha256}"{python}'
            f' data-core-metadata="sha256={metadata}">{wheel.name}</a><br>\n'
        )
    return _document(name, lines)


def _root_json(projects) -> str:
    return _compact({"meta": {"api-version": "1.1"}, "projects": [{"name": name} for name in projects]})


def _root_html(projects) -> str:
    return _document("Simple index", [f'<a href="{name}/">{name}</a><br>\n' for name in projects])


def _document(title, lines) -> str:
    head = f'<meta name="pypi:repository-version" content="1.1"><title>{title}</title>'
    return f"<!DOCTYPE html>\n<html><head>{head}</head><body>\n{''.join(lines)}</body></html>\n"
