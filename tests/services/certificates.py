"""A throw-away certificate authority: one server certificate for 127.0.0.1 and one client certificate."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    """PEM files. `server` holds key and chain in one file, as a Kafka broker wants them."""

    authority: Path
    server: Path
    client_certificate: Path
    client_key: Path

    @staticmethod
    def make(folder: Path) -> "Certificates":
        folder.mkdir(parents=True, exist_ok=True)
        authority = self_signed(folder, "authority")
        sign(folder, "server", "subjectAltName=IP:127.0.0.1,DNS:localhost")
        sign(folder, "client", "extendedKeyUsage=clientAuth")
        server = folder / "server.pem"
        server.write_text((folder / "server.key").read_text() + (folder / "server.crt").read_text() + authority.read_text())
        return Certificates(authority, server, folder / "client.crt", folder / "client.key")


def self_signed(folder: Path, name: str) -> Path:
    key(folder, name)
    openssl(folder, "req", "-x509", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-days", "2", "-out", f"{name}.crt")
    return folder / f"{name}.crt"


def sign(folder: Path, name: str, extension: str) -> None:
    key(folder, name)
    (folder / f"{name}.ext").write_text(extension + "\n")
    openssl(folder, "req", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr")
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "authority.crt", "-CAkey", "authority.key", "-CAcreateserial",
            "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.crt")


def key(folder: Path, name: str) -> None:
    openssl(folder, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{name}.key")


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
