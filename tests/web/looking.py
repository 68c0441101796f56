"""What tests look at on the page, and how they start a run from it."""

from typing import Any

UNKNOWN = '#lamps li[data-state="unknown"]'
OFF = '#lamps li[data-state="off"]'
DRAWN = "document.getElementById('frame-image').naturalWidth > 100"
ON = '#lamps li[data-state="on"]'


def begin(page: Any, document: str) -> None:
    """Paste a document and start it, once nothing else holds the observatory."""
    page.wait_for_selector("#idle")
    page.select_option("#library", "")
    page.fill("#document", document)
    page.click("#start")
    page.wait_for_selector("button.abort")
