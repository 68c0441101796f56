"""How Sphinx makes the site: `make docs`, into `.dev/docs`. Nothing is fetched, neither then nor by a reader."""

from docutils import nodes
from sphinx.application import Sphinx

from safelight.version import __version__

project = "safelight"
author = "the authors of safelight"
copyright = f"{author}; BSD-3-Clause"  # noqa: A001 - Sphinx calls it so
version = release = __version__

extensions = ["myst_parser"]
exclude_patterns = ["tables"]
myst_heading_anchors = 4
nitpicky = True

# Blocks of no language are text; `pycon` and the like are named where they are meant.
highlight_language = "text"
pygments_style = "friendly"
pygments_dark_style = "github-dark"

html_theme = "furo"
html_title = "safelight"
html_static_path = ["site"]
html_css_files = ["safelight.css"]
html_favicon = "site/lamp.svg"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#a3341c", "color-brand-content": "#a3341c"},
    "dark_css_variables": {"color-brand-primary": "#ff9b7d", "color-brand-content": "#ff9b7d"},
}


def _widen(_app: Sphinx, page: nodes.document) -> None:
    """Let drawings fill their column; Sphinx makes a picture with a width a link to the whole of it."""
    for image in page.findall(nodes.image):
        if image["uri"].endswith(".svg"):
            image["width"] = "100%"


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("doctree-read", _widen)
