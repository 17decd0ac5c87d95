"""Know licences by the names that the Hub has for them, and how much they forbid."""

from collections.abc import Iterable

UNKNOWN = "unknown"
LICENSES = (  # the more they forbid, the later
    *("cc0-1.0", "pddl", "unlicense", "mit", "apache-2.0", "bsd-3-clause", "etalab-2.0"),
    *("cdla-permissive-1.0", "cdla-permissive-2.0", "odc-by", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0"),
    *("cdla-sharing-1.0", "odbl", "gfdl", "cc-by-sa-3.0", "cc-by-sa-4.0", "c-uda"),
    *("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"),
    *("cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "other", UNKNOWN),
)


def strictest(licenses: Iterable[str]) -> str:
    """Find the licence of a mix: the last of `LICENSES`; "other" counts for one that is not among them."""
    return max((name if name in LICENSES else "other" for name in licenses), key=LICENSES.index)


def joint_license(licenses: Iterable[str]) -> str:
    """Find the licence that all share, in the user's own words where those are others; else the strictest."""
    distinct = set(licenses)
    return distinct.pop() if len(distinct) == 1 else strictest(distinct)


def check_publishable(license: str, is_private: bool, private_flag: str) -> None:
    """Raise a ValueError if nobody says under which terms sounds may be passed on, and the repository is public."""
    if license == UNKNOWN and not is_private:
        raise ValueError(
            "--push_to_hub: nothing says under which licence these sounds may be passed on; add --license (such as "
            f"cc-by-4.0) with --attribution, or {private_flag} to keep what is pushed to yourself"
        )
