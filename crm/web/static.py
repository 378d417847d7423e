"""The assets: read once, named by their content, kept by browsers for a year."""

import gzip
import mimetypes
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

FOLDER = Path(__file__).parent / "static"
PREFIX = "/static"
_YEAR = "public, max-age=31536000, immutable"
_TEXT_TYPES = ("text/", "image/svg+xml", "application/javascript", "application/json")


@dataclass(frozen=True)
class Asset:
    """One file with its address and both of its encodings."""

    url: str
    media_type: str
    body: bytes
    zipped: bytes | None


@dataclass(frozen=True)
class Assets:
    """Every asset of some folders, as an application to mount at `/static`."""

    by_name: dict[str, Asset] = field(default_factory=dict)
    by_url: dict[str, Asset] = field(default_factory=dict)

    @classmethod
    def read(cls, *folders: Path) -> "Assets":
        """Read all files below the folders; a later folder wins over an earlier one."""
        assets = cls()
        for folder in folders:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                assets._add(path.relative_to(folder).as_posix(), path.read_bytes())
        return assets

    def _add(self, name: str, body: bytes) -> None:
        stem, dot, suffix = name.rpartition(".")
        url = f"{PREFIX}/{stem}.{sha256(body).hexdigest()[:12]}{dot}{suffix}"
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        is_text = media_type.startswith(_TEXT_TYPES)
        zipped = gzip.compress(body, mtime=0) if is_text and len(body) > 500 else None
        self.by_name[name] = self.by_url[url] = Asset(url, media_type, body, zipped)

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
        body = asset.body
        if asset.zipped is not None and "gzip" in Headers(scope=scope).get("accept-encoding", ""):
            body, headers["Content-Encoding"] = asset.zipped, "gzip"
        await Response(body, headers=headers, media_type=asset.media_type)(scope, receive, send)
