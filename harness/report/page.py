"""Templates, style and script put together into one file, written atomically."""

from __future__ import annotations

import base64
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.store import write_atomic

BYTES_MAX = 5_000_000


def _text(name: str) -> str:
    return (Path(__file__).parent / name).read_text("utf-8")


def render(template: str, scripts: tuple[str, ...], **values: Any) -> str:
    """A page from ``template``, with the style and the scripts of this package inlined.

    The policy in the page's head allows one script, by hash, and no connection to anywhere.
    """
    environment = Environment(
        loader=PackageLoader("harness.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = "\n".join(["(() => {", '"use strict";', *(_text(name) for name in scripts), "})();"])
    digest = base64.b64encode(sha256(script.encode()).digest()).decode()
    # our own files, not data of a run: the only places where escaping is off
    return environment.get_template(template).render(
        style=Markup(_text("page.css")),  # noqa: S704
        script=Markup(script),  # noqa: S704
        script_hash=digest,
        **values,
    )


def write(path: Path, page: str) -> Path:
    """Write ``page`` whole or not at all; returns ``path``."""
    write_atomic(path, page)
    return path
