"""Entry point of ``jupyter assistant``: runs a command, prints its result, maps errors.

Contract: this is the only place that catches for the user. A known failure prints its
sentence and its fix (exit 1); an unknown one prints one sentence and the log file that
holds the traceback (exit 1); wrong usage exits 2; Ctrl-C exits 130 with nothing broken,
because every step writes atomically and starts by looking at what is there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from local_assistant import __version__
from local_assistant.cli.group import NAME, SUBCOMMAND, LazyGroup
from local_assistant.cli.render import Renderer, command_name
from local_assistant.cli.result import Result
from local_assistant.errors import AssistantError

INTERRUPTED = 130

_HELP_OPTIONS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.command(
    cls=LazyGroup,
    context_settings=_HELP_OPTIONS,
    invoke_without_command=True,
    subcommand_metavar=SUBCOMMAND,
)
@click.version_option(__version__, message="jupyter-local-assistant %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """A private AI assistant inside JupyterLab, answered by a model on this machine.

    \b
    First commands to try:
      jupyter assistant install    set everything up (again: changes nothing)
      jupyter assistant status     which server and models answer
      jupyter assistant smoke      prove that each part works
      jupyter assistant pull       download better models than the bundled demo
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (default: the process's own) and return the exit code."""
    args = list(sys.argv[1:] if argv is None else argv)
    # Pydantic would look through every package of the environment for plugins (30 ms).
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    renderer = Renderer(as_json="--json" in args)
    try:
        value = cli.main(args=args, prog_name=command_name(), standalone_mode=False, obj=renderer)
        code = renderer.result(value) if isinstance(value, Result) else int(value or 0)
        # Here, so that a reader that went away is noticed by the lines below.
        sys.stdout.flush()
    except click.UsageError as error:
        return _wrong_usage(renderer, error)
    except click.ClickException as error:
        renderer.error(error.format_message(), None)
        return 1
    except (click.Abort, KeyboardInterrupt):
        again = "Run the same command again to go on."
        if renderer.as_json:
            renderer.error("Stopped.", again)
        else:
            renderer.note(f"Stopped. {again}")
        return INTERRUPTED
    except AssistantError as error:
        _log_failure()
        renderer.error(error.message, error.fix)
        return 1
    except BrokenPipeError:
        return _reader_left()
    except SystemExit as error:
        # Click ends the process itself where the reader of a pipe left.
        return error.code if isinstance(error.code, int) else 1
    except Exception as error:
        path = _log_failure()
        where = f"The traceback is in {path}." if path else "The log file cannot be written."
        renderer.error(
            f"Something unexpected failed: {type(error).__name__}: {error}. {where}",
            "Run the command again; if it fails again, report it with that traceback.",
        )
        return 1
    return code


def _wrong_usage(renderer: Renderer, error: click.UsageError) -> int:
    command = error.ctx.command_path if error.ctx else NAME
    renderer.error(error.format_message(), f"See {command} --help")
    return 2


def _log_failure() -> str | None:
    """Write the traceback of the exception in flight to the log file; return its path."""
    import logging

    from local_assistant.log import setup_logging

    path = setup_logging("cli")
    if path is None:
        return None
    logging.getLogger("local_assistant.cli").exception("the command failed")
    return str(path)


def _reader_left() -> int:
    """End quietly where the reader of our output is gone (``| head``)."""
    # The interpreter flushes stdout once more at exit: let that go nowhere.
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
    return 0
