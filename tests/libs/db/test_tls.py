"""Over TLS or not at all: a real PostgreSQL behind a real TLS, certified by an authority of the test's own.

The locked PostgreSQL is built without TLS, so a proxy ends it in front of it, as a load balancer would.
"""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pydantic import SecretStr, ValidationError

from libs.db.pool import DatabaseSettings, connect
from libs.db.tls import Tls
from libs.messaging.aws import AwsSettings
from tests.conftest import MakeDatabase

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
NOT_BEFORE = datetime(2020, 1, 1, tzinfo=UTC)
NOT_AFTER = NOT_BEFORE + timedelta(days=36500)


@dataclass(frozen=True)
class Authority:
    """Signs certificates of servers."""

    name: x509.Name
    key: ec.EllipticCurvePrivateKey
    file: Path

    @classmethod
    def made(cls, name: str, folder: Path) -> "Authority":
        subject, key = (
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
            ec.generate_private_key(ec.SECP256R1()),
        )
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        made = (
            cls._certificate(subject, subject, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
        file = folder / f"{name}.pem"
        file.write_bytes(made.public_bytes(Encoding.PEM))
        return cls(subject, key, file)

    @staticmethod
    def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOT_BEFORE)
            .not_valid_after(NOT_AFTER)
        )

    def server(self, host: x509.GeneralName) -> ssl.SSLContext:
        """Return what a server of this host shows."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "database")])
        made = (
            self._certificate(subject, self.name, key)
            .add_extension(x509.SubjectAlternativeName([host]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        file = self.file.with_name(f"server-{made.serial_number}.pem")
        told = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(told + made.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


@asynccontextmanager
async def in_front(dsn: str, context: ssl.SSLContext) -> AsyncIterator[str]:
    """Give the DSN of a database by way of a proxy that speaks TLS and nothing else."""
    at = dsn.split("@")[1].split("/", maxsplit=1)[0]
    host, port = at.split(":")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if await reader.readexactly(8) != SSL_REQUEST:
                return
            writer.write(b"S")
            await writer.start_tls(context)
            there, back = await asyncio.open_connection(host, int(port))
            await asyncio.gather(pumped(reader, back), pumped(there, writer))
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        chosen = server.sockets[0].getsockname()[1]
        yield dsn.replace(at, f"127.0.0.1:{chosen}")


async def pumped(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while got := await reader.read(65536):
        writer.write(got)
        await writer.drain()
    writer.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.made("ours", tmp_path)


HERE = x509.IPAddress(IPv4Address("127.0.0.1"))


async def answer(dsn: str, tls: Tls) -> object:
    async with connect(DatabaseSettings(dsn=SecretStr(dsn), tls=tls, pool_min=1, pool_max=1)) as database:
        return await database.fetchval("SELECT 1")


async def test_a_server_with_a_certificate_of_our_authority_is_talked_to(
    database: MakeDatabase, authority: Authority
) -> None:
    # The DSN says `sslmode=disable`: what is required outranks it.
    async with in_front(await database(), authority.server(HERE)) as dsn:
        assert "sslmode=disable" in dsn
        assert await answer(dsn, Tls(required=True, ca_file=authority.file)) == 1
        # As operators may also write it.
        verified = dsn.replace("disable", f"verify-full&sslrootcert={authority.file}")
        assert await answer(verified, Tls()) == 1


async def test_a_server_of_another_authority_or_host_is_not(
    database: MakeDatabase, authority: Authority, tmp_path: Path
) -> None:
    dsn = await database()
    ours = Tls(required=True, ca_file=authority.file)
    async with in_front(dsn, Authority.made("theirs", tmp_path).server(HERE)) as theirs:
        with pytest.raises(ssl.SSLCertVerificationError):
            await answer(theirs, ours)
    async with in_front(dsn, authority.server(x509.DNSName("elsewhere.example"))) as elsewhere:
        with pytest.raises(ssl.SSLCertVerificationError):
            await answer(elsewhere, ours)
        # Without a file, those that the machine trusts.
        with pytest.raises(ssl.SSLCertVerificationError):
            await answer(elsewhere, Tls(required=True))


async def test_a_server_without_tls_is_told_nothing_where_tls_is_required(
    database: MakeDatabase, authority: Authority
) -> None:
    with pytest.raises(ConnectionError, match="SSL"):
        await answer(await database(), Tls(required=True, ca_file=authority.file))


def test_an_authority_that_nobody_is_held_to_is_refused(authority: Authority) -> None:
    with pytest.raises(ValidationError, match="only where required"):
        Tls(ca_file=authority.file)
    with pytest.raises(OSError, match="No such file"):
        Tls(required=True, ca_file=Path("/nowhere.pem")).context()


def test_where_tls_is_required_aws_is_not_asked_without() -> None:
    with pytest.raises(ValidationError, match="must begin with https"):
        AwsSettings(endpoint_url="http://broker:4566", tls=Tls(required=True))
    assert AwsSettings(endpoint_url="https://sqs.example", tls=Tls(required=True)).tls.required
    # Without an address botocore takes AWS's own, which is https.
    assert AwsSettings(tls=Tls(required=True)).endpoint_url is None
