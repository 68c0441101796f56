"""The web page: an observer of the journal and the lamps, with a few buttons. The run itself is another process."""

from safelight.web.place import Place
from safelight.web.server import serve

__all__ = ["Place", "serve"]
