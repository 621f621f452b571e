"""A local mail server, aiosmtpd's: mail as people would find it, and faults to switch on."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.fix_postgres import free_port
from trading_core.clock import SystemClock

HOST = "127.0.0.1"
USER, PASSWORD = "tradeops", "only-for-tests"


@dataclass(frozen=True)
class Received:
    """One message as it came in."""

    to: tuple[str, ...]
    letter: EmailMessage

    @property
    def text(self) -> str:
        """Its words."""
        return "\n".join(str(self.letter.get_content()).splitlines())


class Mailbox:
    """What the server does with a message.

    Attributes:
        refusal: What it answers instead of taking it: "451 come again"; empty: it takes it.
        strangers: Recipients it does not know.
        messages: What it took, in order.
    """

    def __init__(self) -> None:
        self.refusal = ""
        self.strangers: tuple[str, ...] = ()
        self.messages: list[Received] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope, to: str, _options: list[str]
    ) -> str:
        if to in self.strangers:
            return "550 no such user here"
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        if self.refusal:
            return self.refusal
        content = envelope.content
        assert isinstance(content, bytes)
        letter = message_from_bytes(content, policy=policy.default)
        self.messages.append(Received(tuple(envelope.rcpt_tos), letter))
        return "250 OK"


@dataclass(frozen=True)
class MailServer:
    """A server that runs: its address, and what came in."""

    address: str
    box: Mailbox
    certificate: Path | None = None


@contextmanager
def running_mail(certificate_in: Path | None = None) -> Iterator[MailServer]:
    """Serve for the length of a `with` block.

    Args:
        certificate_in: Have it want STARTTLS and a login, and put its certificate there.
    """
    box, port = Mailbox(), free_port()
    wants: dict[str, Any] = {}
    if certificate_in is not None:
        certificate = _certificate(certificate_in)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        wants = {
            "tls_context": context,
            "require_starttls": True,
            "auth_required": True,
            "authenticator": _authenticated,
        }
    server = Controller(box, hostname=HOST, port=port, **wants)
    server.start()
    try:
        place = None if certificate_in is None else certificate
        yield MailServer(f"{HOST}:{port}", box, place)
    finally:
        server.stop()


def _authenticated(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object
) -> AuthResult:
    right = LoginPassword(USER.encode(), PASSWORD.encode())
    return AuthResult(success=given == right, handled=False)


def _certificate(directory: Path) -> Path:
    """Write a key and a certificate that vouches for itself, for the loopback address."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail of the tests")])
    now = SystemClock().now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(HOST))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = directory / "mail.pem"
    path.write_bytes(secret + certificate.public_bytes(pem))
    return path
