"""A Hub on localhost: the calls that `push_to_hub`, `from_pretrained` and `hf_hub_download` make, kept in memory."""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

RESOLVE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
API = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+)(?:/(?P<call>\w+)(?:/(?P<revision>[^/]+))?)?(?:/(?P<path>.+))?")


class Repo:
    """Files of every commit, and which commit each branch is at."""

    def __init__(self):
        self.commits = {"0" * 40: {}}
        self.branches = {"main": "0" * 40}

    def sha(self, revision: str) -> str:
        return self.branches.get(revision, revision)

    def files(self, revision: str) -> dict[str, bytes]:
        return self.commits[self.sha(revision)]

    def commit(self, branch: str, files: dict[str, bytes]) -> str:
        sha = hashlib.sha1(f"{self.branches[branch]} {sorted(files)} {len(self.commits)}".encode()).hexdigest()
        self.commits[sha] = {**self.files(branch), **files}
        self.branches[branch] = sha
        return sha


class Hub(ThreadingHTTPServer):
    """`with Hub() as hub:` serves at `hub.url` until the block ends."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repos: dict[str, Repo] = {}
        self.uploads: dict[str, bytes] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *arguments):
        pass

    def answer(self, body: bytes | dict | list = b"", status: int = 200, **headers: str):
        if not isinstance(body, bytes):
            body, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def missing(self, code: str):
        self.answer({"error": code}, 404, X_Error_Code=code)

    def handle_request(self):
        url = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if url == "/api/repos/create":
            name = "/".join(filter(None, [json.loads(body).get("organization"), json.loads(body)["name"]]))
            name = name if "/" in name else f"user/{name}"
            known = name in self.server.repos
            self.server.repos.setdefault(name, Repo())
            self.answer({"url": f"{self.server.url}/{name}", "id": name}, 409 if known else 200)
        elif url == "/api/whoami-v2":
            self.answer({"name": "user", "type": "user", "orgs": []})
        elif url == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": []})
        elif url.startswith("/upload/"):
            self.server.uploads[url.removeprefix("/upload/")] = body
            self.answer()
        elif url.endswith(".git/info/lfs/objects/batch"):
            objects = json.loads(body)["objects"]
            for item in objects:
                item["actions"] = {"upload": {"href": f"{self.server.url}/upload/{item['oid']}"}}
            self.answer({"transfer": "basic", "objects": objects})
        elif match := RESOLVE.fullmatch(url):
            self.resolve(**match.groupdict())
        elif match := API.fullmatch(url):
            self.api(body, **match.groupdict())
        else:
            self.missing("EntryNotFound")

    do_GET = do_HEAD = do_POST = do_PUT = handle_request  # noqa: N815

    def resolve(self, repo: str, revision: str, path: str):
        if repo not in self.server.repos:
            return self.missing("RepoNotFound")
        repo = self.server.repos[repo]
        if repo.sha(revision) not in repo.commits:
            return self.missing("RevisionNotFound")
        if path not in repo.files(revision):
            return self.missing("EntryNotFound")
        content = repo.files(revision)[path]
        etag = hashlib.sha256(content).hexdigest()
        return self.answer(content, X_Repo_Commit=repo.sha(revision), ETag=f'"{etag}"')

    def api(self, body: bytes, repo: str, call: str | None, revision: str | None, path: str | None):
        if repo not in self.server.repos:
            return self.missing("RepoNotFound")
        name, repo = repo, self.server.repos[repo]
        revision = revision or "main"
        if call == "branch":
            repo.branches.setdefault(revision, repo.branches["main"])
            return self.answer({})
        if repo.sha(revision) not in repo.commits:
            return self.missing("RevisionNotFound")
        if call == "preupload":
            files = [
                {"path": file["path"], "uploadMode": upload_mode(file["path"]), "shouldIgnore": False, "oid": None}
                for file in json.loads(body)["files"]
            ]
            return self.answer({"files": files})
        if call == "commit":
            return self.commit(name, repo, revision, body)
        files = repo.files(revision)
        if call == "tree":
            found = [{"type": "file", "path": file, "size": len(files[file]), "oid": "0" * 40} for file in files]
            return self.answer([entry for entry in found if not path or entry["path"].startswith(f"{path}/")])
        siblings = [{"rfilename": file} for file in files]
        return self.answer({"id": name, "sha": repo.sha(revision), "siblings": siblings, "private": False, "tags": []})

    def commit(self, name: str, repo: Repo, branch: str, body: bytes):
        files = {}
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.uploads[value["oid"]]
        sha = repo.commit(branch, files)
        self.answer({"commitUrl": f"{self.server.url}/{name}/commit/{sha}", "commitOid": sha, "success": True})


def upload_mode(path: str) -> str:
    return "lfs" if path.endswith((".safetensors", ".parquet", ".bin")) else "regular"
