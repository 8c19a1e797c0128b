"""Start the command line, so that Ctrl-C ends it without a traceback from the first moment on.

Imports next to nothing until it can be interrupted: the command line takes a while to import.
"""

import os
import sys


def _exit(*_: object) -> None:
    os.write(2, b"serbench: stopped\n")
    os._exit(130)


def _interrupt(*_: object) -> None:
    """Raise KeyboardInterrupt, but within an import exit: the import system may swallow it."""
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            _exit()
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line; see `serbench.cli.app.main`."""
    try:
        import signal

        interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if interruptible:
            signal.signal(signal.SIGINT, _interrupt)
        from serbench.cli import app

        try:
            app.main()
        finally:
            if interruptible:
                signal.signal(signal.SIGINT, _exit)
    except KeyboardInterrupt:
        _exit()


if __name__ == "__main__":
    main()
