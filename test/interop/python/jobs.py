"""Runs what one line of standard input lists, one after the other, and prints what came of each as a line of JSON.

A job has an `id`, a `mode` (what the client speaks), and either a `url` or a `command` with `args`. With `within`, the
endpoint is that of all servers, and the things of the server of that name are meant. With `news`, the client hears of
changes; else it uses everything that a server of the tests has.
"""

import json
import sys
import traceback

import anyio

PATIENCE = 60


class Naming:
    """What the things of a server are called at the endpoint."""

    def __init__(self, job):
        server = job.get("within")
        self.prefix = "" if server is None else f"{server}__"
        self.root = "" if server is None else f"mcp://{server}/"

    def tool(self, name):
        return self.prefix + name

    def resource(self, uri):
        return self.root + uri

    def own(self, names):
        return sorted(name.removeprefix(self.prefix) for name in names if name.startswith(self.prefix))

    def own_resources(self, uris):
        return [str(uri).removeprefix(self.root) for uri in uris if str(uri).startswith(self.root)]


async def run_all(run):
    for job in json.loads(sys.stdin.readline()):
        try:
            with anyio.fail_after(PATIENCE):
                seen = await run(job)
        except BaseException:
            seen = {"error": traceback.format_exc()}
        print(json.dumps({"id": job["id"], **seen}), flush=True)


def run_jobs(run):
    anyio.run(run_all, run)


async def until(condition):
    """Ten seconds at most; tells whether it came true."""
    with anyio.move_on_after(10):
        while not condition():
            await anyio.sleep(0.02)
    return condition()


async def until_changed(read, before):
    """Asks until the answer is another one; ten seconds at most."""
    with anyio.move_on_after(10):
        while (now := await read()) == before:
            await anyio.sleep(0.02)
        return now
    return before
