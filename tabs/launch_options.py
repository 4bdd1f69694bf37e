"""The options of `python app.py`, each with the environment variable that does the same.

Gradio's own are given to `gr.Blocks.launch`. All others are written back to their variables, which
the rest of the page reads; so the options are parsed before the tabs are imported. An option needs
no more than its parameter here.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

LIMITS = "Limits; a public page has narrower ones"
NO_MCP = 'The page as an MCP server needs a package more; run `pip install "gradio[mcp]"` first.'
_app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Options(NamedTuple):
    """The options that launching the page takes.

    Attributes:
        host, port: The address to listen on; None leaves it to Gradio.
        share: Whether to ask Gradio for a public link.
        browser: Whether to open a browser.
        mcp: Whether to serve the endpoints as MCP tools too.
    """

    host: str | None
    port: int | None
    share: bool
    browser: bool
    mcp: bool

    def launching(self) -> dict[str, Any]:
        """The same values under the names that `gr.Blocks.launch` gives them."""
        return {
            "server_name": self.host,
            "server_port": self.port,
            "share": self.share or None,
            "inbrowser": self.browser,
            "mcp_server": self.mcp,
        }


def _limit(variable: str, words: str, least: float = 0) -> Any:
    return typer.Option(
        envvar=variable, help=words, min=least, rich_help_panel=LIMITS, show_default=False
    )


@_app.command(help="Open the Diffusion Playground: see how a diffusion model makes pictures.")
def _playground(
    context: typer.Context,
    host: Annotated[
        str | None,
        typer.Option(envvar="GRADIO_SERVER_NAME", help="Where to listen; 0.0.0.0 is everywhere."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(envvar="GRADIO_SERVER_PORT", min=1, max=65535, help="Else from 7860 on."),
    ] = None,
    share: Annotated[
        bool,
        typer.Option(envvar="GRADIO_SHARE", help="Ask Gradio for a public link; means --public."),
    ] = False,
    browser: Annotated[
        bool | None,
        typer.Option(envvar="GRADIO_INBROWSER", help="Open a browser; usual, but on a Space."),
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(
            envvar="DIFFUSION_MODELS", file_okay=False, help="Your own checkpoints; else runs/."
        ),
    ] = None,
    opens_with: Annotated[
        str | None,
        typer.Option(envvar="PLAYGROUND_OPENS_WITH", help="Model that is there at first."),
    ] = None,
    mcp: Annotated[
        bool, typer.Option(envvar="GRADIO_MCP_SERVER", help="Be an MCP server too.")
    ] = False,
    public: Annotated[
        bool | None,
        typer.Option(
            envvar="PLAYGROUND_PUBLIC", help="Visitors are strangers to each other, as on a Space."
        ),
    ] = None,
    max_download_megabytes: Annotated[
        float | None, _limit("PLAYGROUND_MAX_DOWNLOAD_MEGABYTES", "A model from the Hub.")
    ] = None,
    max_cache_megabytes: Annotated[
        float | None, _limit("PLAYGROUND_MAX_CACHE_MEGABYTES", "All of them together.")
    ] = None,
    max_walk_seconds: Annotated[
        float | None, _limit("PLAYGROUND_MAX_WALK_SECONDS", "A walk, as expected.")
    ] = None,
    max_session: Annotated[
        float | None, _limit("PLAYGROUND_MAX_SESSION", "Computations of one page at once.")
    ] = None,
    max_address: Annotated[
        float | None, _limit("PLAYGROUND_MAX_ADDRESS", "Those of one address.")
    ] = None,
    max_waiting: Annotated[
        float | None, _limit("PLAYGROUND_MAX_WAITING", "Those of all that wait.")
    ] = None,
    max_at_work: Annotated[
        int | None, _limit("PLAYGROUND_MAX_AT_WORK", "Those of all that run; 0: one a core.")
    ] = None,
    proxies: Annotated[
        int | None, _limit("PLAYGROUND_PROXIES", "Proxies before the page, which are believed.")
    ] = None,
    max_train_steps: Annotated[
        int | None, _limit("TRAIN_MAX_STEPS", "Steps of a training.", 1)
    ] = None,
    max_train_batch: Annotated[int | None, _limit("TRAIN_MAX_BATCH", "Pictures a step.", 1)] = None,
    max_train_size: Annotated[int | None, _limit("TRAIN_MAX_SIZE", "Pixels of a side.", 8)] = None,
    max_train_pictures: Annotated[
        int | None, _limit("TRAIN_MAX_PICTURES", "Pictures to learn from.", 1)
    ] = None,
    max_train_millions: Annotated[
        float | None, _limit("TRAIN_MAX_MILLIONS", "Millions of parameters.")
    ] = None,
    max_train_minutes: Annotated[
        float | None, _limit("TRAIN_MAX_MINUTES", "Minutes of a training.")
    ] = None,
    max_train_megabytes: Annotated[
        int | None, _limit("TRAIN_MAX_MEGABYTES", "Of pictures, unpacked.", 1)
    ] = None,
    max_train_reading: Annotated[
        float | None, _limit("TRAIN_MAX_READING", "Seconds that uploads may take to be read.")
    ] = None,
) -> Options:
    settings = {
        option.envvar: context.params[str(option.name)]
        for option in context.command.params
        if isinstance(option.envvar, str) and not option.envvar.startswith("GRADIO_")
    }
    # Whoever has a shared link must not see the folders of this machine, nor use its token.
    settings["PLAYGROUND_PUBLIC"] = "1" if public or (share and public is None) else ""
    os.environ.update({name: str(value) for name, value in settings.items() if value is not None})
    if mcp and find_spec("mcp") is None:
        raise ValueError(NO_MCP)
    if port is not None:
        _can_listen(host, port)
    if browser is None:
        browser = not os.environ.get("SPACE_ID")
    return Options(host, port, share, browser, mcp)


def _can_listen(host: str | None, port: int) -> None:
    """Refuse an address that no server can listen on, before anything is loaded."""
    name = (host or "127.0.0.1").strip("[]")
    try:
        kind, _, _, _, where = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind, socket.SOCK_STREAM) as door:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            door.bind(where)
    except OSError as error:
        raise ValueError(
            f"Nobody can listen on {name}, port {port} ({error.strerror}); choose others by --host "
            "and --port."
        ) from error


def read(arguments: list[str] | None = None) -> Options | int:
    """The options of the command line; or an exit code where nothing is to be launched.

    Args:
        arguments: The words of the command line; None takes the program's own.

    Returns:
        The options. 0 after --help; 2 for bad input, after its sentence on stderr.
    """
    return in_a_sentence(lambda: _app(arguments, standalone_mode=False) or 0)


def in_a_sentence(do: Callable[[], Any]) -> Any:
    """The result of `do`; bad input is one sentence on stderr, and exit code 2."""
    try:
        return do()
    except typer.Abort:
        return 130
    except Exception as error:
        # typer's own usage errors, of whichever click it contains, format their own message.
        usage = getattr(error, "format_message", None)
        if usage is None and not isinstance(error, ValueError | OSError):
            raise
        print(usage() if usage else error, file=sys.stderr)
        return 2
