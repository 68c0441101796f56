"""Web page: a view of the journal and the lamps, with a few buttons. The run itself is another process."""

from safelight.web.server import serve
from safelight.web.settings import ServerSettings

__all__ = ["ServerSettings", "serve"]
