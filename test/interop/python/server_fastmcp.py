"""A server of the package fastmcp in both eras, over what its argument says: stdio, http or sse."""

import sys

import anyio
import mcp_types as types
from fastmcp import Context, FastMCP
from pydantic import BaseModel

server = FastMCP("fm")
cancellations = 0
MODERN = "2026-07-28"
QUESTION = types.SamplingMessage(role="user", content=types.TextContent(type="text", text="Say hello."))


class Go(BaseModel):
    go: bool


@server.tool
def echo(message: str) -> str:
    return f"fm {message}"


@server.tool
async def count(ctx: Context) -> str:
    for step in (1, 2, 3):
        await ctx.report_progress(step)
        await anyio.sleep(0.02)
    return "counted"


def required(name: str, request: types.InputRequest) -> types.InputRequiredResult:
    return types.InputRequiredResult(input_requests={name: request})


@server.tool
async def ask(ctx: Context) -> str | types.InputRequiredResult:
    """In the modern era a tool returns what it needs, and is called again with it."""
    if ctx.request_context.protocol_version != MODERN:
        answer = await ctx.elicit("Go on?", Go)
        return f"go {str(answer.data.go).lower()}" if answer.action == "accept" else answer.action
    if ctx.input_responses is None:
        asked = types.ElicitRequestFormParams(message="Go on?", requested_schema=Go.model_json_schema())
        return required("go", types.ElicitRequest(params=asked))
    return f"go {str(ctx.input_responses['go'].content['go']).lower()}"


@server.tool
async def sample(ctx: Context) -> str | types.InputRequiredResult:
    if ctx.request_context.protocol_version != MODERN:
        said = await ctx.session.create_message([QUESTION], max_tokens=10, related_request_id=ctx.request_id)
        return f"said {said.content.text}"
    if ctx.input_responses is None:
        asked = types.CreateMessageRequestParams(messages=[QUESTION], max_tokens=10)
        return required("said", types.CreateMessageRequest(params=asked))
    return f"said {ctx.input_responses['said'].content.text}"


@server.tool
async def hang() -> str:
    global cancellations
    try:
        await anyio.sleep_forever()
    finally:
        cancellations += 1


@server.tool(name="cancellations")
def count_cancellations() -> str:
    return str(cancellations)


@server.tool
def secret() -> str:
    return "a secret"


@server.resource("note://hello")
def note() -> str:
    return "fm note"


@server.prompt
def greet(name: str) -> str:
    return f"fm greets {name}"


match sys.argv[1]:
    case "stdio":
        server.run(show_banner=False)
    case "http":
        from serve import serve

        serve(server.http_app())
    case "sse":
        from serve import serve

        serve(server.http_app(transport="sse"))
