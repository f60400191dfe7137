"""An API that waits for no client for long: `python -m tests.programs.impatient api --port 0`."""

from diffing.api.http.protocol import BoundedProtocol, Patience
from diffing.api.server import serve_api
from diffing.core import logs
from diffing.core.environment import load_settings


class _Impatient(BoundedProtocol):
    patience = Patience(head=0.6, body=0.8, linger=0.5)


if __name__ == "__main__":
    settings = load_settings(port=0)
    logs.configure(logs.Style(settings.log_level, settings.log_format))
    serve_api(settings, protocol=_Impatient)
