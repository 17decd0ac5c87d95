"""What a Hub on localhost holds, and what can go wrong with it."""

import base64
import hashlib
from dataclasses import dataclass, field
from itertools import count


class Repo:
    """Files of every commit, and which commit each branch is at."""

    def __init__(self, private: bool = False):
        self.private = private
        self.commits = {"0" * 40: {}}
        self.branches = {"main": "0" * 40}

    def sha(self, revision: str) -> str:
        return self.branches.get(revision, revision)

    def files(self, revision: str) -> dict[str, bytes]:
        return self.commits[self.sha(revision)]

    def commit(self, branch: str, files: dict[str, bytes], deleted: tuple[str, ...] = ()) -> str:
        sha = hashlib.sha1(f"{self.branches[branch]} {sorted(files)} {len(self.commits)}".encode()).hexdigest()
        kept = {name: content for name, content in self.files(branch).items() if name not in deleted}
        self.commits[sha] = {**kept, **files}
        self.branches[branch] = sha
        return sha


def tree(files: dict[str, bytes], folder: str, recursive: bool) -> list[dict]:
    """What the Hub lists of a folder ("" for the top): files, and folders too unless it looks into them."""
    inside = [name for name in files if name.startswith(f"{folder}/")] if folder else list(files)
    depth = folder.count("/") + 1 if folder else 0
    parts = {"/".join(name.split("/")[: depth + 1]): name for name in inside}
    shown = inside if recursive else [name for name in parts if name in files]
    found = [{"type": "file", "path": name, "size": len(files[name]), "oid": "0" * 40} for name in shown]
    folders = [] if recursive else [name for name in parts if name not in files]
    return found + [{"type": "directory", "path": name, "oid": "0" * 40} for name in folders]


@dataclass
class Fault:
    """Requests of some methods whose path has `path` in it fail: all, or those whose number (from 1) is in `which`.

    They are answered with `status` and do nothing, or, `cut`, lose their connection: "before" all of the request is
    read, or "after" it is done, so that only the answer is lost.
    """

    methods: str
    path: str
    status: int = 500
    cut: str | None = None
    which: range | None = None
    numbers: count = field(default_factory=lambda: count(1))

    def strikes(self, method: str, path: str) -> bool:
        if method not in self.methods.split() or self.path not in path:
            return False
        return next(self.numbers) in self.which if self.which else True


def changes(lines: list[dict], uploads: dict[str, bytes]) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """(new files, deleted names) of the lines of a commit request."""
    of_kind = {
        key: [line["value"] for line in lines if line["key"] == key] for key in ("file", "lfsFile", "deletedFile")
    }
    files = {value["path"]: base64.b64decode(value["content"]) for value in of_kind["file"]}
    files |= {value["path"]: uploads[value["oid"]] for value in of_kind["lfsFile"]}
    return files, tuple(value["path"] for value in of_kind["deletedFile"])


def upload_mode(path: str) -> str:
    return "lfs" if path.endswith((".safetensors", ".parquet", ".bin")) else "regular"


def oid(path: str, content: bytes) -> str:
    """By which the Hub tells whether a file has changed."""
    if upload_mode(path) == "lfs":
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0%b" % (len(content), content)).hexdigest()
