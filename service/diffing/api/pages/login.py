"""The page that begins a session, and its end."""

import re

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from diffing.api.access import LOGIN, SESSION, refuse_other_sites, session_of
from diffing.api.backend import Backend
from diffing.api.pages.forms import fields_of_form
from diffing.api.pages.rendering import page, with_error_page
from diffing.store.sessions import DURATION


class Login:
    """Begins and ends sessions of browsers.

    Args:
        backend: of the API.
        ask_for_api_keys: whether there is anything to sign in to.
    """

    def __init__(self, backend: Backend, *, ask_for_api_keys: bool) -> None:
        self._backend = backend
        self._needed = ask_for_api_keys

    def routes(self) -> list[Route]:
        """The routes of these pages."""
        return [
            Route(LOGIN, self.show, include_in_schema=False),
            Route(LOGIN, self.begin, methods=["POST"], include_in_schema=False),
            Route("/logout", self.end, methods=["POST"], include_in_schema=False),
        ]

    @with_error_page
    async def show(self, request: Request) -> Response:
        """The form for a token."""
        if not self._needed:
            return RedirectResponse("/", status_code=303)
        return _form(_own(request.query_params.get("next", "")))

    @with_error_page
    async def begin(self, request: Request) -> Response:
        """Begin a session with the token of an API key."""
        refuse_other_sites(request.headers)
        fields = await fields_of_form(request)
        token, back = fields.get("token", "").strip(), _own(fields.get("next", ""))
        api_key = await run_in_threadpool(self._backend.api_keys.find, token)
        if not api_key:
            return _form(back, wrong=True)
        session = await run_in_threadpool(self._backend.sessions.begin, api_key)
        response = RedirectResponse(back, status_code=303)
        response.set_cookie(
            SESSION,
            session,
            max_age=int(DURATION.total_seconds()),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    @with_error_page
    async def end(self, request: Request) -> Response:
        """End the session of the browser."""
        refuse_other_sites(request.headers)
        if session := session_of(request.headers):
            await run_in_threadpool(self._backend.sessions.end, session)
        response = RedirectResponse(LOGIN, status_code=303)
        response.delete_cookie(SESSION, httponly=True, samesite="strict")
        return response


def _form(back: str, *, wrong: bool = False) -> Response:
    values = {"frame": None, "back": back, "wrong": wrong}
    return page("login", values, status=401 if wrong else 200)


def _own(address: str) -> str:
    """An address on this service; the start page for any other."""
    return (
        address if re.fullmatch(r"/([A-Za-z0-9?&=%._~+-][\x21-\x5b\x5d-\x7e]*)?", address) else "/"
    )
