"""A Hub on localhost: the calls that push and load models, datasets and Spaces, kept in memory."""

import hashlib
import json
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from .hub_repo import Fault, Repo, changes, oid, tree, upload_mode

RESOLVE = re.compile(r"/(?P<repo>(?:(?:datasets|spaces)/)?[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
API = re.compile(
    r"/api/(?:models/)?(?P<repo>(?:(?:datasets|spaces)/)?[^/]+/[^/]+)(?:/(?P<call>[\w-]+)(?:/(?P<revision>[^/]+))?)?(?:/(?P<path>.+))?"
)


class Hub(ThreadingHTTPServer):
    """`with Hub() as hub:` serves at `hub.url` until the block ends; `hub.faults` are what it does wrong.

    `hub.repos` are named user/model, datasets/user/name and spaces/user/name; `hub.requests` are all since its start.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.repos: dict[str, Repo] = {}
        self.uploads: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.requests: list[str] = []

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

    def cut(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def handle_request(self):
        url = unquote(urlsplit(self.path).path)
        self.server.requests.append(f"{self.command} {url}")
        length = int(self.headers.get("Content-Length", 0))
        struck = [fault for fault in self.server.faults if fault.strikes(self.command, url)]
        if struck and struck[0].cut == "before":
            self.rfile.read(length // 2)
            return self.cut()
        body = self.rfile.read(length)
        if struck and not struck[0].cut:
            return self.answer({"error": "fault"}, struck[0].status)
        if struck:
            self.answer = lambda *_, **__: self.cut()
        return self.serve(url, body)

    do_GET = do_HEAD = do_POST = do_PUT = handle_request  # noqa: N815

    def serve(self, url: str, body: bytes):
        if url == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked.get('organization') or 'user'}/{asked['name']}"
            key = {"dataset": f"datasets/{name}", "space": f"spaces/{name}"}.get(asked.get("type"), name)
            known = key in self.server.repos
            self.server.repos.setdefault(key, Repo(asked.get("visibility") == "private"))
            self.answer({"url": f"{self.server.url}/{key}", "id": name}, 409 if known else 200)
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
                if item["oid"] not in self.server.uploads:
                    item["actions"] = {"upload": {"href": f"{self.server.url}/upload/{item['oid']}"}}
            self.answer({"transfer": "basic", "objects": objects})
        elif match := RESOLVE.fullmatch(url):
            self.resolve(**match.groupdict())
        elif match := API.fullmatch(url):
            self.api(body, **match.groupdict())
        else:
            self.missing("EntryNotFound")

    def resolve(self, repo: str, revision: str, path: str):
        if repo not in self.server.repos:
            return self.missing("RepoNotFound")
        repo = self.server.repos[repo]
        if repo.sha(revision) not in repo.commits:
            return self.missing("RevisionNotFound")
        if path not in repo.files(revision):
            return self.missing("EntryNotFound")
        content = repo.files(revision)[path]
        headers = {"X_Repo_Commit": repo.sha(revision), "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            start, end = int(wanted[1]), min(int(wanted[2] or len(content)), len(content) - 1)
            headers["Content_Range"] = f"bytes {start}-{end}/{len(content)}"
            return self.answer(content[start : end + 1], 206, **headers)
        return self.answer(content, **headers)

    def api(self, body: bytes, repo: str, call: str | None, revision: str | None, path: str | None):
        if repo not in self.server.repos:
            return self.missing("RepoNotFound")
        name, repo = repo, self.server.repos[repo]
        if call == "auth-check":
            return self.answer({})
        revision = revision or "main"
        if call == "branch":
            repo.branches.setdefault(revision, repo.branches["main"])
            return self.answer({})
        if repo.sha(revision) not in repo.commits:
            return self.missing("RevisionNotFound")
        if call == "commit":
            return self.commit(name, repo, revision, body)
        files = repo.files(revision)
        if call == "preupload":
            names = [file["path"] for file in json.loads(body)["files"]]
            known = {name: oid(name, files[name]) for name in names if name in files}
            modes = [{"path": name, "uploadMode": upload_mode(name), "oid": known.get(name)} for name in names]
            return self.answer({"files": [{**mode, "shouldIgnore": False} for mode in modes]})
        if call == "tree":
            query = parse_qs(urlsplit(self.path).query)
            found = tree(files, path or "", query.get("recursive", ["false"])[0].lower() == "true")
            return self.answer(found) if found or not path else self.missing("EntryNotFound")
        if call == "paths-info":
            asked = parse_qs(body.decode())["paths"]
            return self.answer([entry for entry in tree(files, "", recursive=True) if entry["path"] in asked])
        about = {"private": repo.private, "tags": [], "siblings": [{"rfilename": file} for file in files]}
        owner_and_name = "/".join(name.split("/")[-2:])
        return self.answer({"id": owner_and_name, "sha": repo.sha(revision), **about})

    def commit(self, name: str, repo: Repo, branch: str, body: bytes):
        lines = [json.loads(line) for line in body.splitlines()]
        parent = lines[0]["value"].get("parentCommit")
        if parent and parent != repo.sha(branch):
            return self.answer({"error": "A commit has happened since."}, 412)
        sha = repo.commit(branch, *changes(lines, self.server.uploads))
        return self.answer({"commitUrl": f"{self.server.url}/{name}/commit/{sha}", "commitOid": sha, "success": True})
