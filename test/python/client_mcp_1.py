"""The client of the Python SDK 1.x: uses everything a server of the tests has and tells what it saw."""

from contextlib import AsyncExitStack

import anyio
from jobs import run_jobs, until_changed
from mcp import ClientSession, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import McpError


async def elicit(_context, _params):
    return types.ElicitResult(action="accept", content={"go": True})


async def sample(_context, _params):
    said = types.TextContent(type="text", text="hello")
    return types.CreateMessageResult(role="assistant", model="none", content=said)


def text_of(result):
    return "".join(content.text for content in result.content)


async def hang(session):
    try:
        await session.call_tool("hang", {})
    except McpError as error:
        # Some servers answer what was cancelled with an error.
        assert error.error.message == "Request cancelled", error


async def cancel_a_call(session):
    """The SDK 1.x says nothing when a call is given up: a client that wants to cancel sends the notification itself."""
    async with anyio.create_task_group() as group:
        number = session._request_id
        group.start_soon(hang, session)
        await anyio.sleep(0.2)
        cancelled = types.CancelledNotification(params=types.CancelledNotificationParams(requestId=number))
        await session.send_notification(types.ClientNotification(cancelled))
        await anyio.sleep(0.1)
        group.cancel_scope.cancel()


async def run(job):
    async with AsyncExitStack() as stack:
        if "url" in job:
            read, write, _ = await stack.enter_async_context(streamable_http_client(job["url"]))
        else:
            bridge = StdioServerParameters(command=job["command"], args=job["args"])
            read, write = await stack.enter_async_context(stdio_client(bridge))
        session = await stack.enter_async_context(
            ClientSession(read, write, elicitation_callback=elicit, sampling_callback=sample)
        )
        opened = await session.initialize()
        seen = {"revision": opened.protocolVersion, "steps": []}

        async def progress(step, _total, _message):
            seen["steps"].append(step)

        async def call(name, arguments={}, **more):
            return text_of(await session.call_tool(name, arguments, **more))

        seen["tools"] = sorted(tool.name for tool in (await session.list_tools()).tools)
        seen["echo"] = await call("echo", {"message": "hi"})
        seen["count"] = await call("count", progress_callback=progress)
        seen["ask"] = await call("ask")
        seen["sample"] = await call("sample")
        seen["resources"] = [str(resource.uri) for resource in (await session.list_resources()).resources]
        seen["note"] = (await session.read_resource("note://hello")).contents[0].text
        seen["prompts"] = [prompt.name for prompt in (await session.list_prompts()).prompts]
        seen["greet"] = (await session.get_prompt("greet", {"name": "Ada"})).messages[0].content.text
        before = await call("cancellations")
        await cancel_a_call(session)
        after = await until_changed(lambda: call("cancellations"), before)
        seen["cancelled"] = int(after) - int(before)
        try:
            seen["secret"] = await call("secret")
        except McpError as error:
            seen["refused"] = error.error.message
        return seen


run_jobs(run)
