"""Class labels as tables have them, made comparable."""

import logging
import re
import unicodedata

logger = logging.getLogger("teminal")


def clean_labels(origin, labels: list[str]) -> list[str]:
    """Labels without spaces around them; those that differ in case or separators alone are warned of."""
    cleaned = [unicodedata.normalize("NFC", label).strip() for label in labels]
    spellings = {}
    for label in sorted(set(cleaned)):
        spellings.setdefault(re.sub(r"[\s_-]+", " ", label).casefold(), []).append(label)
    for alike in spellings.values():
        if len(alike) > 1:
            logger.warning("%s: %s count as different classes", origin, " and ".join(map(repr, alike)))
    return cleaned
