"""Email and webhooks, for the families whose programs notify by themselves.

Each function waits for its answer and raises `NotifyError` with what the other side said; callers
run it away from the program's own threads.
"""

from __future__ import annotations

import os
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, Dict, List, Mapping, Optional

from .settings import Settings
from .transport import Transport, encode

SMTP_TIMEOUT_S = 15.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class NotifyError(Exception):
    """A notification that did not arrive."""


@dataclass
class MailSettings:
    """How to reach the mail server. `tls` None: where the server offers it."""

    server: str = "localhost"
    port: int = 587
    username: Optional[str] = None
    password: Optional[str] = None
    sender: str = "pharos@localhost"
    recipients: List[str] = field(default_factory=list)
    tls: Optional[bool] = None

    @classmethod
    def from_environment(cls, server: str = "localhost", port: int = 587) -> "MailSettings":
        """By `SMTP_SERVER`, `SMTP_PORT`, `SMTP_USERNAME`, `SMTP_PASSWORD`, `ALERT_FROM_EMAIL`, `ALERT_TO_EMAILS`."""
        env = os.environ
        username = env.get("SMTP_USERNAME") or None
        return cls(
            server=env.get("SMTP_SERVER") or server,
            port=int(env.get("SMTP_PORT") or port),
            username=username,
            password=env.get("SMTP_PASSWORD") or None,
            sender=env.get("ALERT_FROM_EMAIL") or username or "pharos@localhost",
            recipients=addresses(env.get("ALERT_TO_EMAILS", "")),
        )


def addresses(text: str) -> List[str]:
    """A list of addresses parted by commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def send_email(settings: MailSettings, subject: str, text: str) -> None:
    """Sends a plain message. A password travels only encrypted, or on this machine."""
    if not settings.recipients:
        raise NotifyError("no recipient is set")
    message = EmailMessage()
    # A title with a line break must not write headers of its own.
    message["Subject"] = " ".join(subject.split())
    message["From"] = settings.sender
    message["To"] = ", ".join(settings.recipients)
    message.set_content(text)
    try:
        _deliver(settings, message)
    except (OSError, smtplib.SMTPException) as error:
        raise NotifyError("mail by %s:%d: %s" % (settings.server, settings.port, error)) from error


def _deliver(settings: MailSettings, message: EmailMessage) -> None:
    context = ssl.create_default_context()
    if settings.port == 465:
        with smtplib.SMTP_SSL(settings.server, settings.port, timeout=SMTP_TIMEOUT_S, context=context) as smtp:
            return _login_and_send(settings, smtp, message)
    with smtplib.SMTP(settings.server, settings.port, timeout=SMTP_TIMEOUT_S) as smtp:
        smtp.ehlo()
        encrypted = settings.tls if settings.tls is not None else smtp.has_extn("starttls")
        if encrypted:
            smtp.starttls(context=context)
            smtp.ehlo()
        elif settings.password and settings.server not in LOOPBACK:
            raise NotifyError("%s offers no encryption: the password is not sent" % settings.server)
        _login_and_send(settings, smtp, message)


def _login_and_send(settings: MailSettings, smtp: smtplib.SMTP, message: EmailMessage) -> None:
    if settings.username and settings.password and smtp.has_extn("auth"):
        smtp.login(settings.username, settings.password)
    smtp.send_message(message)


def post_webhook(url: str, body: Mapping[str, Any], retries_max: int = 3, timeout_s: float = 10.0) -> None:
    """POSTs JSON, tried again on network errors, 5xx and 429."""
    settings = Settings(url, "webhook", retries_max=retries_max, timeout_s=timeout_s)
    outcome = Transport(settings, lambda: None).post("", encode(dict(body)))
    if not outcome.ok:
        # The address may hold a secret, as Slack's do: only the host is said.
        raise NotifyError("webhook at %s: %s" % (url.split("/")[2:3], outcome.reason()))


SLACK_COLOURS: Dict[str, str] = {
    "LOW": "#36a64f", "MEDIUM": "#f2c744", "HIGH": "#ff9900", "CRITICAL": "#d00000", "RESOLVED": "#36a64f",
}


def post_slack(url: str, title: str, text: str, severity: str, fields: Mapping[str, Any]) -> None:
    """POSTs an attachment to a Slack incoming webhook, coloured by severity."""
    attachment = {
        "color": SLACK_COLOURS.get(severity.upper(), "#888888"),
        "title": title,
        "text": text,
        "fallback": "%s: %s" % (title, text),
        "fields": [{"title": key, "value": str(value), "short": True} for key, value in fields.items()],
    }
    post_webhook(url, {"text": title, "attachments": [attachment]})
