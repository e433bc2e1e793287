"""Makes keys/ and bundles/ anew: signatures by the reference implementation of OpenSSF
Model Signing (pip install model-signing==1.1.1 pyopenssl), which brings cryptography along."""

import datetime
import pathlib
import subprocess

import model_signing
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

KEYS, BUNDLES = pathlib.Path("keys"), pathlib.Path("bundles")


def write(name, key):
    KEYS.joinpath(f"test-only-{name}.key").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    KEYS.joinpath(f"test-only-{name}.pub").write_bytes(key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    return key


for name, curve in {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1(), "other": ec.SECP256R1()}.items():
    write(name, ec.generate_private_key(curve))
write("ed25519", ed25519.Ed25519PrivateKey.generate())


def day(year, month=1):
    return datetime.datetime(year, month, 1, tzinfo=datetime.timezone.utc)


def certificate(name, by, authority, until=day(2055), signs=True):
    """Issues a certificate by (name, key, certificate) of an authority, or by itself."""
    key = write(name, ec.generate_private_key(ec.SECP256R1()))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Test only {name}")])
    builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(by[1].subject if by else subject)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(day(2025)).not_valid_after(until)
               .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
               .add_extension(x509.KeyUsage(
                   digital_signature=signs and not authority, content_commitment=False, key_encipherment=not signs,
                   data_encipherment=False, key_agreement=False, key_cert_sign=authority, crl_sign=authority,
                   encipher_only=False, decipher_only=False), critical=True)
               .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False))
    if by:
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by[0].public_key()), critical=False)
    if not authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name("release@model.example")]), critical=False)
        usage = ExtendedKeyUsageOID.CODE_SIGNING if signs else ExtendedKeyUsageOID.SERVER_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    made = builder.sign(by[0] if by else key, hashes.SHA256())
    KEYS.joinpath(f"test-only-{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return key, made


root = certificate("root", None, True)
certificate("stranger", None, True)
between = certificate("between", root, True)
certificate("leaf", between, False)
certificate("expired", between, False, until=day(2025, 2))
certificate("server", between, False, signs=False)


def sign(bundle, *arguments):
    subprocess.run(["model_signing", "sign", *arguments[:1], "--signature", BUNDLES / bundle, *arguments[1:], "model"], check=True)


for curve in ["p256", "p384", "p521"]:
    sign(f"{curve}.sig", "key", "--private_key", f"keys/test-only-{curve}.key")
sign("ignoring.sig", "key", "--private_key", "keys/test-only-p256.key", "--ignore-paths", "model/a")
for who in ["leaf", "expired", "server"]:
    sign(f"{who}.sig", "certificate", "--private_key", f"keys/test-only-{who}.key", "--signing_certificate",
         f"keys/test-only-{who}.pem", "--certificate_chain", "keys/test-only-between.pem")
for bundle, config in {
    "shards.sig": model_signing.hashing.Config().use_shard_serialization(shard_size=64),
    "blake3.sig": model_signing.hashing.Config().use_file_serialization(hashing_algorithm="blake3"),
}.items():
    signer = model_signing.signing.Config().use_elliptic_key_signer(private_key="keys/test-only-p256.key")
    signer.set_hashing_config(config).sign("model", BUNDLES / bundle)
