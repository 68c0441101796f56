"""Fills in the tables of the documentation that come from the code, so that they can't say anything else.

python docs/make-reference.py [--check] [FOLDER]

In every page of the folder (default: this one) whatever stands between `<!-- made: NAME -->` and `<!-- end -->` is
written anew; the rest of the page is written by people. With --check nothing is written, and the exit code is 1 where
a page is not as it should be.
"""

import re
import sys
from pathlib import Path

from tables import PARTS

_PART = re.compile(r"<!-- made: (\S+) -->\n.*?<!-- end -->", re.DOTALL)


def filled(text: str) -> str:
    """A page with its parts made anew."""
    return _PART.sub(lambda found: f"<!-- made: {found[1]} -->\n\n{PARTS[found[1]]().strip()}\n\n<!-- end -->", text)


def main(folder: Path, *, check: bool) -> int:
    """Fill in every page, or look whether that is needed; returns the exit code."""
    stale = []
    for page in sorted(folder.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        made = filled(text)
        if made == text:
            continue
        stale.append(page)
        if not check:
            page.write_text(made, encoding="utf-8")
    for page in stale:
        sys.stdout.write(f"{page} {'is not as the code is' if check else 'written'}\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    names = [word for word in sys.argv[1:] if word != "--check"]
    sys.exit(main(Path(names[0]) if names else Path(__file__).parent, check="--check" in sys.argv))
