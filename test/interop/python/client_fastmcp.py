"""The client of the package fastmcp, of the era that a job says: uses everything a server of the tests has and tells what it saw."""

import anyio
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from jobs import Naming, run_jobs, until_changed
from mcp.shared.exceptions import MCPError


async def elicit(_message, _response_type, _params, _context):
    return {"go": True}


async def sample(_messages, _params, _context):
    return "hello"


def text_of(result):
    return "".join(content.text for content in result.content)


async def run(job):
    naming = Naming(job)
    server = job["url"] if "url" in job else StdioTransport(job["command"], job["args"], keep_alive=False)
    async with Client(
        server, mode=job["mode"], elicitation_handler=elicit, sampling_handler=sample
    ) as client:
        seen = {"revision": client.protocol_version, "steps": []}

        async def progress(step, _total, _message):
            seen["steps"].append(step)

        async def call(name, arguments={}, **more):
            return text_of(await client.call_tool(naming.tool(name), arguments, **more))

        seen["tools"] = naming.own(tool.name for tool in await client.list_tools())
        seen["echo"] = await call("echo", {"message": "hi"})
        seen["count"] = await call("count", progress_handler=progress)
        seen["ask"] = await call("ask")
        seen["sample"] = await call("sample")
        seen["resources"] = naming.own_resources(resource.uri for resource in await client.list_resources())
        seen["note"] = (await client.read_resource(naming.resource("note://hello")))[0].text
        seen["prompts"] = naming.own(prompt.name for prompt in await client.list_prompts())
        greeting = await client.get_prompt(naming.tool("greet"), {"name": "Ada"})
        seen["greet"] = greeting.messages[0].content.text
        before = await call("cancellations")
        # Leaving the scope of a call cancels it.
        with anyio.move_on_after(0.2):
            await call("hang")
        after = await until_changed(lambda: call("cancellations"), before)
        seen["cancelled"] = int(after) - int(before)
        try:
            seen["secret"] = await call("secret")
        except MCPError as error:
            seen["refused"] = error.error.message
        return seen


run_jobs(run)
