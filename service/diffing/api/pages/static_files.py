"""Files that the pages need: the style, the script, the icon."""

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

FILES = {path.name: path for path in Path(__file__).with_name("static").iterdir()}


class StaticFiles:
    """Sends the files of the pages."""

    def routes(self) -> list[Route]:
        """The route of these files."""
        return [Route("/static/{name}", self.file, include_in_schema=False)]

    def file(self, request: Request) -> Response:
        """A file by its name."""
        path = FILES.get(request.path_params["name"])
        if path is None:
            raise HTTPException(404)
        return FileResponse(path)
