"""Runs what one line of standard input lists, one after the other, and prints what came of each as a line of JSON.

A job has an `id`, a `mode` (what the client speaks), and either a `url` or a `command` with `args`.
"""

import json
import sys
import traceback

import anyio

PATIENCE = 60


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


async def until_changed(read, before):
    """Asks until the answer is another one; ten seconds at most."""
    with anyio.move_on_after(10):
        while (now := await read()) == before:
            await anyio.sleep(0.02)
        return now
    return before
