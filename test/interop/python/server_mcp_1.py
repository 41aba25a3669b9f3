"""A server of the Python SDK 1.x, over what its argument says: stdio, http or sse."""

import sys

import anyio
from mcp.server.fastmcp import Context, FastMCP
from mcp.types import SamplingMessage, TextContent
from pydantic import BaseModel

server = FastMCP("p1")
cancellations = 0


class Go(BaseModel):
    go: bool


@server.tool()
def echo(message: str) -> str:
    return f"p1 {message}"


@server.tool()
async def count(ctx: Context) -> str:
    for step in (1, 2, 3):
        await ctx.report_progress(step)
        await anyio.sleep(0.02)
    return "counted"


@server.tool()
async def ask(ctx: Context) -> str:
    answer = await ctx.elicit("Go on?", Go)
    return f"go {str(answer.data.go).lower()}" if answer.action == "accept" else answer.action


@server.tool()
async def sample(ctx: Context) -> str:
    question = SamplingMessage(role="user", content=TextContent(type="text", text="Say hello."))
    said = await ctx.session.create_message([question], max_tokens=10, related_request_id=ctx.request_id)
    return f"said {said.content.text}"


@server.tool()
async def hang() -> str:
    global cancellations
    try:
        await anyio.sleep_forever()
    finally:
        cancellations += 1


@server.tool(name="cancellations")
def count_cancellations() -> str:
    return str(cancellations)


@server.tool()
def secret() -> str:
    return "a secret"


@server.resource("note://hello")
def note() -> str:
    return "p1 note"


@server.prompt()
def greet(name: str) -> str:
    return f"p1 greets {name}"


match sys.argv[1]:
    case "stdio":
        server.run()
    case "http":
        from serve import serve

        serve(server.streamable_http_app())
    case "sse":
        from serve import serve

        serve(server.sse_app())
