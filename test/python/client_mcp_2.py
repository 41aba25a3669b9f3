"""The client of the Python SDK 2.x, of the era that a job says: uses everything a server of the tests has and tells what it saw."""

import anyio
from jobs import run_jobs, until_changed
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError
from mcp_types import CreateMessageResult, ElicitResult, TextContent


async def elicit(_context, _params):
    return ElicitResult(action="accept", content={"go": True})


async def sample(_context, _params):
    return CreateMessageResult(role="assistant", model="none", content=TextContent(type="text", text="hello"))


def text_of(result):
    return "".join(content.text for content in result.content)


async def run(job):
    if "url" in job:
        server = job["url"]
    else:
        server = StdioServerParameters(command=job["command"], args=job["args"])
    client = Client(server, mode=job["mode"], elicitation_callback=elicit, sampling_callback=sample)
    async with client:
        seen = {"revision": client.protocol_version, "steps": []}

        async def progress(step, _total, _message):
            seen["steps"].append(step)

        async def call(name, arguments={}, **more):
            return text_of(await client.call_tool(name, arguments, **more))

        seen["tools"] = sorted(tool.name for tool in (await client.list_tools()).tools)
        seen["echo"] = await call("echo", {"message": "hi"})
        seen["count"] = await call("count", progress_callback=progress)
        seen["ask"] = await call("ask")
        seen["sample"] = await call("sample")
        seen["resources"] = [str(resource.uri) for resource in (await client.list_resources()).resources]
        seen["note"] = (await client.read_resource("note://hello")).contents[0].text
        seen["prompts"] = [prompt.name for prompt in (await client.list_prompts()).prompts]
        seen["greet"] = (await client.get_prompt("greet", {"name": "Ada"})).messages[0].content.text
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
