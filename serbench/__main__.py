"""Start the command line, so that Ctrl-C and SIGTERM end it without a traceback at any moment.

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

        # a signal that this process was told to ignore stays ignored
        defaults = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
        stopping = [number for number in defaults if signal.getsignal(number) is defaults[number]]
        for number in stopping:
            signal.signal(number, _interrupt)
        from serbench.cli import app

        try:
            app.main()
        finally:
            for number in stopping:
                signal.signal(number, _exit)
    except KeyboardInterrupt:
        _exit()


if __name__ == "__main__":
    main()
