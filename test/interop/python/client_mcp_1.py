"""The client of the Python SDK 1.x: uses everything a server of the tests has and tells what it saw."""

from contextlib import AsyncExitStack

import anyio
from jobs import Naming, run_jobs, until, until_changed
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


async def hang(session, name):
    try:
        await session.call_tool(name, {})
    except McpError as error:
        # Some servers answer what was cancelled with an error.
        assert error.error.message == "Request cancelled", error


async def cancel_a_call(session, name):
    """The SDK 1.x says nothing when a call is given up: a client that wants to cancel sends the notification itself."""
    async with anyio.create_task_group() as group:
        number = session._request_id
        group.start_soon(hang, session, name)
        await anyio.sleep(0.2)
        cancelled = types.CancelledNotification(params=types.CancelledNotificationParams(requestId=number))
        await session.send_notification(types.ClientNotification(cancelled))
        await anyio.sleep(0.1)
        group.cancel_scope.cancel()


async def hear_news(session, naming, heard):
    await session.subscribe_resource(naming.resource("note://hello"))
    await session.call_tool(naming.tool("touch"), {})
    updated = await until(lambda: "notifications/resources/updated" in heard)
    await session.call_tool(naming.tool("grow"), {})
    changed = await until(lambda: "notifications/tools/list_changed" in heard)
    grown = naming.tool("grown") in [tool.name for tool in (await session.list_tools()).tools]
    return {"updated": updated, "changed": changed, "grown": grown}


async def run(job):
    naming = Naming(job)
    heard = []

    async def hear(message):
        if isinstance(message, types.ServerNotification):
            heard.append(message.root.method)

    async with AsyncExitStack() as stack:
        if "url" in job:
            read, write, _ = await stack.enter_async_context(streamable_http_client(job["url"]))
        else:
            bridge = StdioServerParameters(command=job["command"], args=job["args"])
            read, write = await stack.enter_async_context(stdio_client(bridge))
        session = await stack.enter_async_context(
            ClientSession(
                read, write, elicitation_callback=elicit, sampling_callback=sample, message_handler=hear
            )
        )
        opened = await session.initialize()
        if "news" in job:
            return await hear_news(session, naming, heard)
        seen = {"revision": opened.protocolVersion, "steps": []}

        async def progress(step, _total, _message):
            seen["steps"].append(step)

        async def call(name, arguments={}, **more):
            return text_of(await session.call_tool(naming.tool(name), arguments, **more))

        seen["tools"] = naming.own(tool.name for tool in (await session.list_tools()).tools)
        seen["echo"] = await call("echo", {"message": "hi"})
        seen["count"] = await call("count", progress_callback=progress)
        seen["ask"] = await call("ask")
        seen["sample"] = await call("sample")
        seen["resources"] = naming.own_resources(resource.uri for resource in (await session.list_resources()).resources)
        seen["note"] = (await session.read_resource(naming.resource("note://hello"))).contents[0].text
        seen["prompts"] = naming.own(prompt.name for prompt in (await session.list_prompts()).prompts)
        seen["greet"] = (await session.get_prompt(naming.tool("greet"), {"name": "Ada"})).messages[0].content.text
        before = await call("cancellations")
        await cancel_a_call(session, naming.tool("hang"))
        after = await until_changed(lambda: call("cancellations"), before)
        seen["cancelled"] = int(after) - int(before)
        try:
            seen["secret"] = await call("secret")
        except McpError as error:
            seen["refused"] = error.error.message
        return seen


run_jobs(run)
