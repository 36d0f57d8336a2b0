"""Where the command begins: it listens for Ctrl-C before it imports anything that takes long."""

from __future__ import annotations

from hpsearch.system.import_path import forget_current_folder
from hpsearch.system.stopping import listen


def main() -> None:
    """Run a command."""
    listen()
    from hpsearch.cli.app import main as command

    command()


if __name__ == "__main__":
    forget_current_folder()
    main()
