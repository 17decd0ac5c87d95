"""Compare licences, by their identifiers on the Hub, and find the one of a mix."""

from collections.abc import Iterable

UNKNOWN = "unknown"
NAMES = f"""
cc0-1.0 pddl unlicense mit apache-2.0 bsd-3-clause etalab-2.0
cdla-permissive-1.0 cdla-permissive-2.0 odc-by cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0
cdla-sharing-1.0 odbl gfdl cc-by-sa-3.0 cc-by-sa-4.0 c-uda
cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0
cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 other {UNKNOWN}
"""
LICENSES = NAMES.split()  # from the most to the least permissive


def strictest(licenses: Iterable[str]) -> str:
    """Return the strictest licence: the last in `LICENSES`, where an unlisted one counts as "other"."""
    return max((name if name in LICENSES else "other" for name in licenses), key=LICENSES.index)


def joint_license(licenses: Iterable[str]) -> str:
    """Return the licence that all share, listed or not; else the strictest."""
    distinct = set(licenses)
    return distinct.pop() if len(distinct) == 1 else strictest(distinct)


def check_publishable(license: str, is_private: bool, private_flag: str) -> None:
    """Raise a ValueError if the licence is unknown and the repository is public."""
    if license == UNKNOWN and not is_private:
        raise ValueError(
            "--push_to_hub: nothing says under which licence these sounds may be passed on; add --license (such as "
            f"cc-by-4.0) with --attribution, or {private_flag} to keep what is pushed to yourself"
        )
