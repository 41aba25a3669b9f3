"""The client of the Python SDK 2.x, of the era that a job says: uses everything a server of the tests has and tells what it saw."""

from contextlib import AsyncExitStack

import anyio
from jobs import Naming, run_jobs, until, until_changed
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError
from mcp_types import CreateMessageResult, ElicitResult, TextContent


async def elicit(_context, _params):
    return ElicitResult(action="accept", content={"go": True})


async def sample(_context, _params):
    return CreateMessageResult(role="assistant", model="none", content=TextContent(type="text", text="hello"))


def text_of(result):
    return "".join(content.text for content in result.content)


async def hear_news(client, naming, heard):
    """A modern client listens; a legacy one subscribes and hears on the stream of its session."""
    note = naming.resource("note://hello")
    async with AsyncExitStack() as stack:
        if client.protocol_version == "2026-07-28":
            listening = client.listen(tools_list_changed=True, resource_subscriptions=[note])
            subscription = await stack.enter_async_context(listening)

            async def listen():
                async for event in subscription:
                    heard.append(type(event).__name__)

            group = await stack.enter_async_context(anyio.create_task_group())
            group.start_soon(listen)
        else:
            await client.subscribe_resource(note)
        await client.call_tool(naming.tool("touch"), {})
        updated = await until(lambda: {"ResourceUpdated", "ResourceUpdatedNotification"} & set(heard))
        await client.call_tool(naming.tool("grow"), {})
        changed = await until(lambda: {"ToolsListChanged", "ToolListChangedNotification"} & set(heard))
        tools = (await client.list_tools(cache_mode="refresh")).tools
        if client.protocol_version == "2026-07-28":
            group.cancel_scope.cancel()
    grown = naming.tool("grown") in [tool.name for tool in tools]
    return {"updated": bool(updated), "changed": bool(changed), "grown": grown}


async def run(job):
    naming = Naming(job)
    heard = []

    async def hear(message):
        heard.append(type(message).__name__)

    if "url" in job:
        server = job["url"]
    else:
        server = StdioServerParameters(command=job["command"], args=job["args"])
    client = Client(
        server, mode=job["mode"], elicitation_callback=elicit, sampling_callback=sample, message_handler=hear
    )
    async with client:
        if "news" in job:
            return await hear_news(client, naming, heard)
        seen = {"revision": client.protocol_version, "steps": []}

        async def progress(step, _total, _message):
            seen["steps"].append(step)

        async def call(name, arguments={}, **more):
            return text_of(await client.call_tool(naming.tool(name), arguments, **more))

        seen["tools"] = naming.own(tool.name for tool in (await client.list_tools()).tools)
        seen["echo"] = await call("echo", {"message": "hi"})
        seen["count"] = await call("count", progress_callback=progress)
        seen["ask"] = await call("ask")
        seen["sample"] = await call("sample")
        seen["resources"] = naming.own_resources(resource.uri for resource in (await client.list_resources()).resources)
        seen["note"] = (await client.read_resource(naming.resource("note://hello"))).contents[0].text
        seen["prompts"] = naming.own(prompt.name for prompt in (await client.list_prompts()).prompts)
        seen["greet"] = (await client.get_prompt(naming.tool("greet"), {"name": "Ada"})).messages[0].content.text
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
