"""The options of `python app.py`, each with the environment variable that does the same.

Gradio's own are given to `gr.Blocks.launch`, each with a value: for what is left out there, Gradio
reads variables of its own, and on some hosts asks for a public link by itself. All others are
written back to their variables, which the rest of the page reads; so the options are parsed before
the tabs are imported. An option needs no more than its parameter here.

Who may use the page follows from where it listens: an address of this computer alone is private,
all else is public, unless the owner says that the visitors are trusted or asks them for a password.
"""

from __future__ import annotations

import ipaddress
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
MCP_OR_AUTH = (
    "An MCP client cannot log in to the page: leave out --mcp or --auth, or let a proxy before the "
    "page ask for the password."
)
BAD_AUTH = (
    "--auth takes a name and a password with a colon between them, as class:7f3kq, and neither may "
    "be empty."
)
HERE = "127.0.0.1"
ENGINES = (
    "torch",
    "onnxruntime",
    "cuda-graphs",
)  # those of diffusion_core.engines, which imports torch
# Variables of Gradio that would open the page's files or code to visitors; no option does the same.
NOT_HEEDED = ("GRADIO_ALLOWED_PATHS", "GRADIO_VIBE_MODE")
_app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Options(NamedTuple):
    """The options that launching the page takes.

    Attributes:
        host: The address to listen on; None is this computer's own, which nobody else reaches.
        port: The port to listen on; None takes the first free one from 7860 on.
        share: Whether to ask Gradio for a public link.
        browser: Whether to open a browser.
        mcp: Whether to serve the endpoints as MCP tools too.
        root_path: The path, or the whole address, under which a proxy shows the page; "" is none.
        auth: Name and password that visitors are asked for.
        public: Whether visitors are strangers to each other.
    """

    host: str | None
    port: int | None
    share: bool
    browser: bool
    mcp: bool
    root_path: str = ""
    auth: tuple[str, str] | None = None
    public: bool = False

    def launching(self) -> dict[str, Any]:
        """The same values under the names that `gr.Blocks.launch` gives them."""
        return {
            "server_name": self.host or HERE,
            "server_port": self.port,
            "share": self.share,
            "inbrowser": self.browser,
            "mcp_server": self.mcp,
            "root_path": self.root_path,
            "auth": self.auth,
        }

    @property
    def described(self) -> str:
        """Who reaches the page, and what they may do, in two lines for the terminal."""
        reach = _reach(self)
        if os.environ.get("SPACE_ID"):
            return "Public: this is a Space, whose visitors are strangers to each other."
        if self.public and reach == ONLY_HERE:
            return (
                f"Public: {reach}, but for whom a proxy lets in; visitors are strangers to each "
                "other.\n--private trusts all of them with your folders and models."
            )
        if self.public:
            trusts = "--private trusts all of them" if not self.auth else "--private trusts them"
            return (
                f"Public: {reach}, as strangers to each other and within the limits of --help.\n"
                f"{trusts} with your folders and models; --auth USER:PASSWORD asks for a password."
            )
        if self.auth:
            return (
                f"Private: {reach}, with the password of {self.auth[0]}.\n"
                "Who has it reads your folders and deletes your models, as you do; --public bounds "
                "that."
            )
        if reach == ONLY_HERE:
            return (
                f"Private: {reach}.\n"
                "--host 0.0.0.0 lets your network in, --share anybody; docs/hosting.md says more."
            )
        return (
            f"Private: {reach}, and reads your folders and deletes your models, as you do.\n"
            "--public bounds what they may do; --auth USER:PASSWORD asks for a password."
        )


ONLY_HERE = "nobody but this computer reaches the page"


def _reach(options: Options) -> str:
    """Who reaches the page, as the beginning of a sentence."""
    if options.share:
        return "who has the link that Gradio gives uses the page"
    if options.host and not is_loopback(options.host):
        return f"who reaches {options.host} over the network uses the page"
    if options.root_path:
        return f"who is let in by the proxy before {options.root_path} uses the page"
    return ONLY_HERE


def is_loopback(host: str) -> bool:
    """Whether only this computer reaches a server that listens on this name or address."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return all(ipaddress.ip_address(str(where[0]).split("%")[0]).is_loopback for *_, where in found)


def _limit(variable: str, words: str, least: float = 0) -> Any:
    return typer.Option(
        envvar=variable, help=words, min=least, rich_help_panel=LIMITS, show_default=False
    )


@_app.command(help="Open the Diffusion Playground: see how a diffusion model makes pictures.")
def _playground(
    context: typer.Context,
    host: Annotated[
        str | None,
        typer.Option(
            envvar="GRADIO_SERVER_NAME",
            help="Address to listen on; 0.0.0.0 is every network, and means --public.",
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            envvar="GRADIO_SERVER_PORT",
            min=1,
            max=65535,
            help="Port; else the first free one from 7860 on.",
        ),
    ] = None,
    share: Annotated[
        bool,
        typer.Option(envvar="GRADIO_SHARE", help="Ask Gradio for a public link; means --public."),
    ] = False,
    browser: Annotated[
        bool | None,
        typer.Option(
            envvar="GRADIO_INBROWSER", help="Open a browser; the default except on a Space."
        ),
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(
            envvar="DIFFUSION_MODELS",
            file_okay=False,
            help="Folder of your own checkpoints; else runs/.",
        ),
    ] = None,
    opens_with: Annotated[
        str | None,
        typer.Option(envvar="PLAYGROUND_OPENS_WITH", help="Model that the page opens with."),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            envvar="PLAYGROUND_ENGINE",
            metavar="|".join(ENGINES),
            help="What evaluates networks in walks; else the fastest one on this device.",
        ),
    ] = None,
    mcp: Annotated[
        bool, typer.Option(envvar="GRADIO_MCP_SERVER", help="Also serve the API as MCP tools.")
    ] = False,
    public: Annotated[
        bool | None,
        typer.Option(
            "--public/--private",
            " /--no-public",
            envvar="PLAYGROUND_PUBLIC",
            help="Treat visitors as strangers to each other, as on a Space; or all of them as you.",
        ),
    ] = None,
    auth: Annotated[
        str | None,
        typer.Option(
            envvar="PLAYGROUND_AUTH",
            metavar="USER:PASSWORD",
            help="Ask visitors for this name and password; means --private.",
        ),
    ] = None,
    root_path: Annotated[
        str | None,
        typer.Option(
            envvar="GRADIO_ROOT_PATH",
            help="Path, or whole address, under which a proxy shows the page; means --public.",
        ),
    ] = None,
    max_download_megabytes: Annotated[
        float | None,
        _limit("PLAYGROUND_MAX_DOWNLOAD_MEGABYTES", "Weights of one model from the Hub, at most."),
    ] = None,
    max_cache_megabytes: Annotated[
        float | None,
        _limit(
            "PLAYGROUND_MAX_CACHE_MEGABYTES",
            "Weights of all models from the Hub together, at most.",
        ),
    ] = None,
    max_walk_seconds: Annotated[
        float | None,
        _limit("PLAYGROUND_MAX_WALK_SECONDS", "Seconds that a walk is expected to take, at most."),
    ] = None,
    max_session: Annotated[
        float | None, _limit("PLAYGROUND_MAX_SESSION", "Computations of one page that wait or run.")
    ] = None,
    max_address: Annotated[
        float | None,
        _limit("PLAYGROUND_MAX_ADDRESS", "Computations of one address that wait or run."),
    ] = None,
    max_waiting: Annotated[
        float | None, _limit("PLAYGROUND_MAX_WAITING", "Computations of all visitors that wait.")
    ] = None,
    max_at_work: Annotated[
        int | None,
        _limit(
            "PLAYGROUND_MAX_AT_WORK",
            "Computations of all visitors that run at once; 0: one for each core.",
        ),
    ] = None,
    proxies: Annotated[
        int | None,
        _limit("PLAYGROUND_PROXIES", "Proxies before the page, whose X-Forwarded-For is trusted."),
    ] = None,
    max_train_steps: Annotated[
        int | None, _limit("TRAIN_MAX_STEPS", "Steps of a training.", 1)
    ] = None,
    max_train_batch: Annotated[
        int | None, _limit("TRAIN_MAX_BATCH", "Pictures in a step of a training.", 1)
    ] = None,
    max_train_size: Annotated[
        int | None, _limit("TRAIN_MAX_SIZE", "Side of the pictures of a training, in pixels.", 8)
    ] = None,
    max_train_pictures: Annotated[
        int | None, _limit("TRAIN_MAX_PICTURES", "Pictures that a training learns from.", 1)
    ] = None,
    max_train_millions: Annotated[
        float | None, _limit("TRAIN_MAX_MILLIONS", "Parameters of a trained network, in millions.")
    ] = None,
    max_train_minutes: Annotated[
        float | None, _limit("TRAIN_MAX_MINUTES", "Minutes of a training.")
    ] = None,
    max_train_megabytes: Annotated[
        int | None,
        _limit("TRAIN_MAX_MEGABYTES", "Megabytes of a training's pictures, unpacked.", 1),
    ] = None,
    max_train_reading: Annotated[
        float | None, _limit("TRAIN_MAX_READING", "Seconds that uploads may take to be read.")
    ] = None,
    max_train_gigabytes: Annotated[
        float | None,
        _limit(
            "TRAIN_MAX_GIGABYTES", "Memory that a training is expected to take, in gigabytes.", 1
        ),
    ] = None,
    max_points_steps: Annotated[
        int | None, _limit("POINTS_MAX_STEPS", "Steps of a training on points of the plane.", 1)
    ] = None,
    max_points_seconds: Annotated[
        float | None, _limit("POINTS_MAX_SECONDS", "Seconds of a training on points of the plane.")
    ] = None,
) -> Options:
    settings = {
        option.envvar: context.params[str(option.name)]
        for option in context.command.params
        if isinstance(option.envvar, str) and not option.envvar.startswith("GRADIO_")
    }
    del settings["PLAYGROUND_AUTH"]  # no program that the page starts needs it
    for name in NOT_HEEDED:
        if os.environ.pop(name, ""):
            print(f"{name} is not heeded here.", file=sys.stderr)
    if engine is not None and engine not in ENGINES:
        raise ValueError(
            f"--engine must be {', '.join(ENGINES[:-1])} or {ENGINES[-1]}, not {engine!r}."
        )
    known = _name_and_password(auth)
    if mcp and known:
        raise ValueError(MCP_OR_AUTH)
    root_path = (root_path or "").rstrip("/")
    # Whoever comes from elsewhere must not see the folders of this machine, nor use its token.
    if public is None:
        public = (share or not is_loopback(host or HERE) or bool(root_path)) and known is None
    settings["GRADIO_SERVER_NAME"] = host or HERE  # Gradio tries ports at the address that it names
    settings["PLAYGROUND_PUBLIC"] = "1" if public else ""
    os.environ.update({name: str(value) for name, value in settings.items() if value is not None})
    _reach_itself(host)
    if mcp and find_spec("mcp") is None:
        raise ValueError(NO_MCP)
    if port is not None:
        _can_listen(host, port)
    if browser is None:
        browser = not os.environ.get("SPACE_ID")
    public = public or bool(os.environ.get("SPACE_ID"))
    return Options(host, port, share, browser, mcp, root_path, known, public)


def _name_and_password(text: str | None) -> tuple[str, str] | None:
    """The parts of what `--auth` was given.

    Raises:
        ValueError: if one of them is missing.
    """
    if text is None:
        return None
    user, _, password = text.partition(":")
    if not user.strip() or not password:
        raise ValueError(BAD_AUTH)
    return user.strip(), password


def _reach_itself(host: str | None) -> None:
    """Except this computer from the environment's proxies: Gradio asks whether the page is up."""
    known = os.environ.get("no_proxy", os.environ.get("NO_PROXY", "")).split(",")
    every = filter(None, dict.fromkeys([*known, "localhost", HERE, host]))
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(every)


def _can_listen(host: str | None, port: int) -> None:
    """Refuse an address that no server can listen on, before anything is loaded."""
    name = (host or HERE).strip("[]")
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
