"""A server of the Python SDK 2.x in both eras, over what its argument says: stdio, http or sse."""

import sys
from typing import Annotated

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.resolve import Elicit, Resolve, Sample
from mcp_types import CreateMessageResult, SamplingMessage, TextContent
from pydantic import BaseModel

server = MCPServer("p2")
cancellations = 0


class Go(BaseModel):
    go: bool


def ask_to_go() -> Elicit[Go]:
    return Elicit("Go on?", Go)


def ask_for_hello() -> Sample:
    question = SamplingMessage(role="user", content=TextContent(type="text", text="Say hello."))
    return Sample([question], max_tokens=10)


@server.tool()
def echo(message: str) -> str:
    return f"p2 {message}"


@server.tool()
async def count(ctx: Context) -> str:
    for step in (1, 2, 3):
        await ctx.report_progress(step)
        await anyio.sleep(0.02)
    return "counted"


@server.tool()
def ask(answer: Annotated[Go, Resolve(ask_to_go)]) -> str:
    return f"go {str(answer.go).lower()}"


@server.tool()
def sample(said: Annotated[CreateMessageResult, Resolve(ask_for_hello)]) -> str:
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
    return "p2 note"


@server.prompt()
def greet(name: str) -> str:
    return f"p2 greets {name}"


match sys.argv[1]:
    case "stdio":
        server.run()
    case "http":
        from serve import serve

        serve(server.streamable_http_app())
    case "sse":
        from serve import serve

        serve(server.sse_app())
