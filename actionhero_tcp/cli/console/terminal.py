"""The console in a terminal: a prompt, and above it what comes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.patch_stdout import patch_stdout

from ...client.dialects import Dialect
from ...client.outcomes import ConnectionLost
from ...client.settings import CONNECT_TIMEOUT
from ...errors import printable
from . import history, shown
from .completion import offers
from .diagnosis import hint
from .piped import UNREACHABLE, complain
from .server_address import ServerAddress
from .session import Session, connect

PROMPT: Final = "> "


class SessionCompleter(Completer):
    """Offers verbs, actions and their inputs.

    Args:
        session: Knows the actions.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        """See prompt_toolkit."""
        session = self._session
        for offer in offers(document.text_before_cursor, session.actions, session.dialect.name):
            help = printable(offer.help)
            yield Completion(printable(offer.text), -offer.replaced, display_meta=help)


def converse(place: ServerAddress, timeout: float, dialect: Dialect) -> int:
    """Talks until somebody says goodbye.

    Args:
        place: Where the server is.
        timeout: Seconds that an answer may take.
        dialect: The dialect.

    Returns:
        The exit status: 0, or 2 where the server could not be reached or has hung up.
    """
    return asyncio.run(_converse(place, timeout, dialect))


async def _converse(place: ServerAddress, timeout: float, dialect: Dialect) -> int:
    with patch_stdout(raw=True):
        try:
            session = Session(timeout, print, dialect)
            await connect(session, place, CONNECT_TIMEOUT)
        except ConnectionLost as error:
            complain(f"{place}: {error}{hint(place)}")
            return UNREACHABLE
        await _prompt(session)
        lost = await session.ended
        if lost is not None:
            print(shown.failed(lost))
            return UNREACHABLE
        return 0


async def _prompt(session: Session) -> None:
    """Reads lines and sends them, until there are no more, or no connection."""
    prompt: PromptSession[str] = PromptSession(
        PROMPT,
        history=history.LineHistory(history.default_path()),
        completer=SessionCompleter(session),
        complete_while_typing=False,
    )

    def end(_: object) -> None:
        app: Any = prompt.app
        if app.is_running and not app.is_done:
            app.exit(result="")

    session.ended.add_done_callback(end)
    while not session.ended.done():
        try:
            line = await prompt.prompt_async()
        except KeyboardInterrupt:
            continue
        except EOFError:
            session.leave()
            return
        if line.strip() and not session.ended.done():
            session.ask(line)
