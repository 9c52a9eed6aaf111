"""
Who is told: addresses of services that Apprise knows, or a command.

None of them shows a password: neither in its name nor in the reason why it took no message.
"""

import logging
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterable
from typing import Protocol
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlsplit

from async_timeout import timeout

from ..errors import BadReceiver, how_to_install
from ..models import Notice
from ..settings import Settings
from ..tasks import in_thread
from .command import Command
from .message import SECONDS_TO_TAKE, Message, NotTaken, word


# A part of an address that is shorter is not hidden: it would be found in any sentence.
MIN_SECRET = 4

# Schemes, without the "s" of those with TLS, whose host is one. That of others may be a token.
WITH_HOST = frozenset(
    {"amqp", "apprise", "emby", "form", "gotify", "hassio", "http", "irc", "jellyfin", "json"}
    | {"kodi", "mailto", "mastodon", "mmost", "nctalk", "rocket", "signal", "synology", "xml"}
)

# Those whose host is one only where a path follows; it is a topic or a token otherwise.
WITH_HOST_BEFORE_PATH = frozenset({"matrix", "ntfy"})


class Receiver(Protocol):
    """
    One who is told; *name* shows no password.
    """

    name: str

    async def send(self, notice: Notice) -> None:
        """
        Send a notice, within `SECONDS_TO_TAKE`.

        Raises:
            NotTaken: if it was not taken.
        """


async def send(receiver: Receiver, notice: Notice) -> None:
    """
    Send a notice to *receiver*.

    Raises:
        NotTaken: if it was not taken, whatever the reason.
    """
    try:
        await receiver.send(notice)
    except NotTaken:
        raise
    except Exception as exc:
        # A fault of a library, or of ours, must not cost the notice. Its own words may hold the
        # address, and so does its traceback.
        raise NotTaken(f"unexpected {type(exc).__name__}") from exc


class Address:
    """
    An address of one of the services that Apprise knows: mail, chat, push, desktop, webhook.

    Apprise (https://github.com/caronc/apprise, BSD-2) is imported with the first one: it takes a
    quarter of a second.

    Raises:
        BadReceiver: if Apprise does not know such an address, or is not there.
    """

    def __init__(self, url: str) -> None:
        try:
            import apprise
        except ImportError as exc:
            problem = f"--notify needs Apprise: {how_to_install('apprise')}"
            raise BadReceiver(problem) from exc
        # It logs what it does, with addresses; the reasons are taken from its results.
        logging.getLogger("apprise").propagate = False
        self.name = mask(url)
        self._url = url
        # In the thread that asks, without a time limit, which needs another one: for threads of
        # Apprise's own Python waits at the end of the program, whatever they do.
        asset = apprise.AppriseAsset(async_mode=False, service_timeout=0)
        self._apprise = apprise.Apprise(asset=asset)
        with warnings.catch_warnings():
            # It asks for modules that newer versions of Python do not have.
            warnings.simplefilter("ignore", DeprecationWarning)
            known = self._apprise.add(url)
        if not known:
            raise BadReceiver(f"Apprise cannot use the address {self.name}")
        # A chat that takes 2,000 characters would refuse a longer message again and again. Apprise
        # could send it in pieces, but waits for seconds between them. Mail has no such limit.
        limits = {service.body_maxlen for service in self._apprise}
        self._room = min(limits - {apprise.NotifyBase.body_maxlen}, default=sys.maxsize)

    async def send(self, notice: Notice) -> None:
        message = word(notice, room=self._room)
        try:
            async with timeout(SECONDS_TO_TAKE):
                problem = await in_thread(lambda: self._send(message), name=f"to {self.name}")
        except TimeoutError as exc:
            raise NotTaken(f"no answer within {SECONDS_TO_TAKE:g} seconds") from exc
        if problem is not None:
            raise NotTaken(problem)

    def _send(self, message: Message) -> str | None:
        said: list[str] = []
        result = self._apprise.notify(
            message.body,
            message.title,
            body_format="text",
            log_callback=lambda entry, _: said.append(str(entry.message)),
            log_level=logging.WARNING,
        )
        if result:
            return None
        return self._hide(said[0] if said else "it was not taken")

    def _hide(self, text: str) -> str:
        """
        Return *text* without what may be a secret in the address.
        """
        shown = visible_host(self._url).partition(":")[0]
        # The longest first: it may begin as another one. Libraries write hosts in small letters.
        secrets = sorted(map(re.escape, secrets_of(self._url)), key=len, reverse=True)
        pattern = "|".join(secrets) or "(?!)"
        return re.sub(
            pattern, lambda m: m[0] if m[0] == shown else "...", text, flags=re.IGNORECASE
        )


def make_receivers(settings: Settings) -> list[Receiver]:
    """
    Return the receivers that the settings name.

    Raises:
        BadReceiver: if one cannot be used.
    """
    receivers: list[Receiver] = [Address(url) for url in settings.notify]
    if settings.notify_command is not None:
        receivers.append(Command(settings.notify_command))
    number(receivers)
    return receivers


def number(receivers: Iterable[Receiver]) -> None:
    """
    Give receivers of one name a number: nobody could tell their failures apart.
    """
    alike = Counter(receiver.name for receiver in receivers)
    numbers: Counter[str] = Counter()
    for receiver in receivers:
        if alike[name := receiver.name] > 1:
            numbers[name] += 1
            receiver.name = f"{name} ({numbers[name]})"


def secrets_of(url: str) -> Iterable[str]:
    """
    Return the parts of an address that may be passwords or tokens, in all ways to write them.
    """
    parts = re.split("[/:@?&=#,;]", url.partition("://")[2])
    return {form for part in parts for form in forms_of(part) if len(form) >= MIN_SECRET}


def forms_of(part: str) -> Iterable[str]:
    """
    Return a part of an address as it is written, as it is meant, and as a library may write it.
    """
    meant = {unquote(part), unquote_plus(part)}
    # Some leave a slash as it is.
    quoted = {form for text in meant for form in (quote(text), quote(text, ""), quote_plus(text))}
    return {part, *meant, *quoted}


def mask(url: str) -> str:
    """
    Return as much of an address as anybody may see: the scheme, and the host if it is one.
    """
    host = visible_host(url)
    return f"{url.partition('://')[0]}://{host}{'/' if host else ''}..."


def visible_host(url: str) -> str:
    """
    Return host and port of an address; nothing where that may be a secret.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    kinds = {parts.scheme, parts.scheme.removesuffix("s")}
    # In one of its modes even a topic or a token before a path is no host.
    has_path = bool(parts.path.strip("/")) and "mode=" not in parts.query
    if not (kinds & WITH_HOST or (kinds & WITH_HOST_BEFORE_PATH and has_path)):
        return ""
    # A name without a dot may be the user, whose password has a slash.
    if "." not in host and host != "localhost":
        return ""
    return f"{host}:{port}" if port else host
