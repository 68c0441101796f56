"""Regular expressions in a document, limited to those with a bounded running time."""

import re
import warnings

from safelight.documents.errors import Refusal, quoted, shown

__all__ = ["LONGEST_PATTERN", "compiled"]

LONGEST_PATTERN = 200
MOST_QUANTIFIERS = 6


def compiled(pattern: str) -> re.Pattern[str]:
    """Return the compiled regular expression, if it is harmless.

    Names are short, so that only a repeated group or many quantifiers in a row could run for very long. Both are
    refused. With six quantifiers a name of 30 letters costs some milliseconds at worst.

    Raises:
        Refusal: invalid, too long or too costly.
    """
    plain = re.sub(r"\\.|\(\?", "", pattern, flags=re.DOTALL)
    if len(pattern) > LONGEST_PATTERN:
        raise Refusal("the regular expression is too long", f"at most {LONGEST_PATTERN} characters")
    if re.search(r"\)[*+?{]", plain) or len(re.findall(r"[*+?{]", plain)) > MOST_QUANTIFIERS:
        raise Refusal(
            f"the regular expression {shown(pattern)} may take for ever",
            f"at most {MOST_QUANTIFIERS} of * + ? {{ and none after a group",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's warnings on style do not concern the observer.
            return re.compile(pattern, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        raise Refusal(f"{shown(pattern)} is not a valid regular expression; {quoted('Python', error)}") from error
