"""The OpenAPI document, and a page that shows it without other hosts."""

import json
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from diffing import __version__

_DOCUMENT = Path(__file__).with_name("openapi.json")
DOCS = Path(__file__).with_name("docs")
# HEAD comes with GET
_METHODS = {"get": ("GET", "HEAD"), "post": ("POST",), "delete": ("DELETE",)}
_SWAGGER_UI = DOCS / "swagger-ui"
_FILES = {
    path.name: path
    for path in (
        DOCS / "start.js",
        _SWAGGER_UI / "swagger-ui-bundle.js",
        _SWAGGER_UI / "swagger-ui.css",
        _SWAGGER_UI / "favicon-32x32.png",
    )
}
# Swagger UI creates elements with styles, and icons with data: addresses
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def load_document() -> dict[str, Any]:
    """The OpenAPI document of this release."""
    document: dict[str, Any] = json.loads(_DOCUMENT.read_text(encoding="utf-8"))
    document["info"]["version"] = __version__
    return document


def queries_of(path: str) -> dict[str, dict[str, bool]]:
    """The query parameters of each method of a path, as in the document, and which may repeat."""
    document = load_document()
    return {
        method: {
            parameter["name"]: parameter["schema"].get("type") == "array"
            for given in operation.get("parameters", [])
            if (parameter := _resolved(document, given))["in"] == "query"
        }
        for documented, operation in document["paths"][path].items()
        for method in _METHODS[documented]
    }


def _resolved(document: dict[str, Any], parameter: dict[str, Any]) -> dict[str, Any]:
    name = parameter.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = document["components"]["parameters"][name] if name else parameter
    return found


class Document:
    """Documents the API.

    Args:
        ask_for_api_keys: whether requests need an API key.
    """

    def __init__(self, *, ask_for_api_keys: bool) -> None:
        self._document = load_document()
        if ask_for_api_keys:
            self._document["security"].remove({})  # which makes the API key optional
        else:
            del self._document["security"], self._document["components"]["securitySchemes"]

    def routes(self) -> list[Route]:
        """The routes of these endpoints, which are not in the document."""
        return [
            Route("/openapi.json", self.document, include_in_schema=False),
            Route("/docs", self.page, include_in_schema=False),
            Route("/docs/{name}", self.file, include_in_schema=False),
        ]

    def document(self, _: Request) -> Response:
        """The OpenAPI document."""
        return JSONResponse(self._document)

    def page(self, _: Request) -> Response:
        """The page, which needs no other host."""
        return FileResponse(DOCS / "index.html", headers={"Content-Security-Policy": _POLICY})

    def file(self, request: Request) -> Response:
        """A file of the page."""
        path = _FILES.get(request.path_params["name"])
        if path is None:
            raise HTTPException(404)
        return FileResponse(path)
