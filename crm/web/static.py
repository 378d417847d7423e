"""The assets: read once, named by their content, kept by browsers for a year."""

import gzip
import mimetypes
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

FOLDERS = (Path(__file__).parent / "dist", Path(__file__).parent / "static")
"""What `crm.web.assets` built, and what we wrote."""

PREFIX = "/static"
_YEAR = "public, max-age=31536000, immutable"
_TEXT_TYPES = ("text/", "image/svg+xml", "application/javascript", "application/json")
_TWINS = {".br": "br", ".gz": "gzip"}
_REFERENCE = re.compile(rb'url\("([\w./-]+)"\)')


@dataclass(frozen=True)
class Asset:
    """One file with its address; `encoded` holds its compressed twins, the smallest first."""

    url: str
    media_type: str
    body: bytes
    encoded: Mapping[str, bytes]


@dataclass(frozen=True)
class Assets:
    """Every asset of some folders, as an application to mount at `/static`."""

    by_name: dict[str, Asset] = field(default_factory=dict)
    by_url: dict[str, Asset] = field(default_factory=dict)

    @classmethod
    def read(cls, *folders: Path) -> "Assets":
        """Read all files below the folders; a later folder wins over an earlier one.

        A stylesheet that names another asset as `url("name")` gets its address. Raises
        FileNotFoundError where a folder is not there: its files were not built.
        """
        assets, paths = cls(), dict(_files(folders))
        for name in sorted(paths, key=lambda name: (name.endswith(".css"), name)):
            assets._add(name, paths[name])
        return assets

    def _add(self, name: str, path: Path) -> None:
        body = path.read_bytes()
        if name.endswith(".css"):
            body = _REFERENCE.sub(lambda found: b'url("%b")' % self._address(found[1]), body)
        stem, dot, suffix = name.rpartition(".")
        url = f"{PREFIX}/{stem}.{sha256(body).hexdigest()[:12]}{dot}{suffix}"
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        twins = _twins(path) or _zipped(body, media_type)
        self.by_name[name] = self.by_url[url] = Asset(url, media_type, body, twins)

    def _address(self, name: bytes) -> bytes:
        return self.url(name.decode()).encode()

    def url(self, name: str) -> str:
        """Return an asset's address; an unknown name raises KeyError."""
        return self.by_name[name].url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the asset; an address with another content's hash is unknown."""
        asset = self.by_url.get(scope["path"])
        if asset is None or scope["type"] != "http":
            raise HTTPException(404)
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        headers = {"Cache-Control": _YEAR, "Vary": "Accept-Encoding"}
        accepted = Headers(scope=scope).get("accept-encoding", "")
        body = asset.body
        for encoding, twin in asset.encoded.items():
            if encoding in accepted:
                body, headers["Content-Encoding"] = twin, encoding
                break
        await Response(body, headers=headers, media_type=asset.media_type)(scope, receive, send)


def _files(folders: tuple[Path, ...]) -> Iterator[tuple[str, Path]]:
    for folder in folders:
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder.name} is missing: build the assets (make setup)")
        for path in folder.rglob("*"):
            if path.is_file() and path.suffix not in _TWINS and path.name != "manifest.json":
                yield path.relative_to(folder).as_posix(), path


def _twins(path: Path) -> dict[str, bytes]:
    twins = {encoding: path.with_name(path.name + end) for end, encoding in _TWINS.items()}
    return {name: twin.read_bytes() for name, twin in twins.items() if twin.exists()}


def _zipped(body: bytes, media_type: str) -> dict[str, bytes]:
    is_text = media_type.startswith(_TEXT_TYPES)
    return {"gzip": gzip.compress(body, mtime=0)} if is_text and len(body) > 500 else {}
