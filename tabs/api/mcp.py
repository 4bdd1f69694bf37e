"""Endpoints as MCP tools: where what Gradio makes of them does not read well, it is mended here.

Of several results Gradio 6.31 gives each as it is only to a client that asks for progress; all
others get one text, the Python tuple, and never see the picture. A JSON result comes as the text of
a Python dictionary. What explains an argument would stand in a tool's schema twice. A picture
that one tool made could not go into another: Gradio fetches nothing from this machine's addresses.
And what a client asked for would be computed to its end when the client has hung up.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import anyio
import anyio.to_thread
import gradio as gr
import gradio.mcp
from gradio.blocks import Block
from gradio.components.api_component import Api
from gradio.processing_utils import get_upload_folder
from gradio.utils import get_function_description, is_in_or_equal
from gradio_client import handle_file
from gradio_client.utils import is_file_obj_with_meta

from ..shared.compute_queue import address_of

LOOK = 0.1  # seconds between two looks at a job and its client
HUNG_UP = "The client has hung up."
EXPLAINED = "additional_description"  # Gradio's name for what its page and its client show


class Tools(gradio.mcp.GradioMCPServer):
    """Gradio's MCP server; pictures are pictures for every client, and JSON is JSON."""

    def postprocess_output_data(self, data: Any, root_url: str) -> list[Any]:
        """Each result by itself: a file as Gradio gives it, anything else as JSON."""
        if len(data) == 1 and isinstance(data[0], tuple):
            data = data[0]
        plain = (
            x if is_file_obj_with_meta(x) or isinstance(x, str) else json.dumps(x) for x in data
        )
        return super().postprocess_output_data(list(plain), root_url)

    def _prepare_tool_call_args(self, name: str, arguments: dict[str, Any]) -> Any:
        """As Gradio; the call goes on by this machine's own address, and says whose it is."""
        prepared = super()._prepare_tool_call_args(name, arguments)
        endpoint, values, headers, function = prepared
        caller = address_of(self.mcp_server.request_context.request)
        return endpoint, values, {**headers, "x-forwarded-for": caller}, function

    async def _execute_tool_without_progress(self, job: Any) -> list[Any]:
        """The result; where the client hangs up, the work ends."""
        async with _ending(job):
            while not job.done() and not await self._hung_up():
                await anyio.sleep(LOOK)
            if not job.done():
                raise ValueError(HUNG_UP)
            return await super()._execute_tool_without_progress(job)

    async def _execute_tool_with_progress(self, job: Any, progress_token: str | int) -> Any:
        """The same, with progress on the way."""
        told: Any = None
        async with _ending(job), anyio.create_task_group() as group:

            async def watch() -> None:
                while not await self._hung_up():
                    await anyio.sleep(LOOK)
                group.cancel_scope.cancel()

            group.start_soon(watch)
            told = await super()._execute_tool_with_progress(job, progress_token)
            group.cancel_scope.cancel()
        if told is None:
            raise ValueError(HUNG_UP)
        return told

    async def _hung_up(self) -> bool:
        """Whether the client's connection was closed."""
        request = self.mcp_server.request_context.request
        return request is not None and bool(await request.is_disconnected())

    def get_input_schema(
        self, tool_name: str, parameters: dict[str, str] | None = None
    ) -> tuple[dict[str, Any], list[list[str | int]]]:
        """The tool's arguments, each explained once, with its default also where that is 0."""
        schema, files = super().get_input_schema(tool_name, parameters)
        endpoint = self.api_info["named_endpoints"][self.tool_to_endpoint[tool_name]]
        for known in endpoint["parameters"]:
            argument = schema["properties"][known["parameter_name"]]
            argument.pop(EXPLAINED, None)
            if argument.get("type") == "string":
                argument.pop("required", None)  # a remainder of the schema of files
            if "enum" in argument:
                argument["type"] = "string"
            if known["parameter_default"] is not None:
                argument["default"] = known["parameter_default"]
        return schema, files

    def convert_strings_to_filedata(
        self, value: dict[str, Any], filedata_positions: list[list[str | int]]
    ) -> Any:
        """Addresses to files; what lies in this app's own cache is taken from there."""
        own = {}
        for name in (str(first) for first, *_ in filedata_positions):
            path = _own_file(value.get(name))
            if path is not None:
                own[name] = handle_file(path)
        others = {k: v for k, v in value.items() if k not in own}
        return super().convert_strings_to_filedata(others, filedata_positions) | own

    @property
    def _file_data_tool_description(self) -> str:
        return " A file of your own machine goes there by upload_file_to_gradio, if you have it."


@asynccontextmanager
async def _ending(job: Any) -> AsyncIterator[None]:
    """End what a job asked for where it is left before it is done, as by a client that has gone."""
    try:
        yield
    finally:
        if not job.done():
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(job.cancel)


def _own_file(address: Any) -> str | None:
    """The file in the cache that an address of this app names; None where it names another."""
    if not isinstance(address, str):
        return None
    path = unquote(address.partition("/gradio_api/file=")[2])
    mine = path and is_in_or_equal(path, get_upload_folder()) and Path(path).is_file()
    return path if mine else None


def install() -> None:
    """Have the page launched with these tools, where it is launched with `mcp_server=True`."""
    gradio.mcp.GradioMCPServer = Tools  # type: ignore[misc]


def explain(function: Callable[..., Any], event: Any, answers: Sequence[str]) -> list[Any]:
    """Give every argument of an endpoint the line that its docstring has, and results their names.

    Args:
        function: The function of the endpoint.
        event: The result of `gr.api` for it.
        answers: The names of its results.

    Returns:
        The components of the arguments.
    """
    blocks = gr.context.Context.root_block
    assert blocks is not None
    asked, given = (
        [_of_api(blocks.blocks[part]) for part in event[k]] for k in ("inputs", "outputs")
    )
    _, lines, _ = get_function_description(function)
    for (name, line), component in zip(lines.items(), asked, strict=True):
        component.label = name
        component._api_info[EXPLAINED] = line
    for name, component in zip(answers, given, strict=True):
        component.label = name
    return asked


def _of_api(block: Block) -> Api:
    assert isinstance(block, Api)
    return block
