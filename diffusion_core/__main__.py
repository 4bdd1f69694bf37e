"""The command line; see `python -m diffusion_core --help`. Each command has a file in cli/."""

from __future__ import annotations

import sys

import typer

from .cli import COMMANDS, GROUPS, Command
from .files import ensure_home

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
for command in COMMANDS:
    app.command(cls=Command)(command)
for name, group in GROUPS.items():
    app.add_typer(group, name=name)


def main() -> int:
    """Run; bad input is one sentence on stderr and exit code 2."""
    try:
        ensure_home()
        return int(app(standalone_mode=False) or 0)
    except (typer.Abort, KeyboardInterrupt):
        print("Stopped.", file=sys.stderr)
        return 130
    except Exception as error:
        # typer's own usage errors, of whichever click it carries, know how to say themselves.
        usage = getattr(error, "format_message", None)
        if usage is None and not isinstance(error, ValueError | OSError | FloatingPointError):
            raise
        print(usage() if usage else error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
