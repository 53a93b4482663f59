"""A provider of SAML that does wrong on demand, in this process (the standard library and openssl). It writes its
documents in their canonical form, so that it needs no canonicalization."""

import base64
import hashlib
import html
import http.server
import re
import secrets
import subprocess
import threading
import time
import zlib
from urllib.parse import parse_qs, urlsplit

from installation import program

HOST = "127.0.0.3"
DSIG, MORE = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/04/xmldsig-more#"
ENCRYPTION, EXCLUSIVE = "http://www.w3.org/2001/04/xmlenc#", "http://www.w3.org/2001/10/xml-exc-c14n#"
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
ASSERTION = (
    '<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{id}" IssueInstant="{issued}" Version="2.0">'
    '<saml:Issuer>{issuer}</saml:Issuer><saml:Subject><saml:NameID Format="{format}">{who}</saml:NameID>'
    '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData '
    'InResponseTo="{request}" NotOnOrAfter="{ends}" Recipient="{recipient}"></saml:SubjectConfirmationData>'
    '</saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="{begins}" NotOnOrAfter="{ends}">'
    '<saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction></saml:Conditions>'
    '<saml:AuthnStatement AuthnInstant="{issued}" SessionIndex="_5e55"><saml:AuthnContext><saml:AuthnContextClassRef>'
    'urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext>'
    '</saml:AuthnStatement><saml:AttributeStatement><saml:Attribute Name="urn:oid:0.9.2342.19200300.100.1.3">'
    '<saml:AttributeValue>{who}</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>')
RESPONSE = (
    '<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" Destination="{destination}" ID="{response}" '
    'InResponseTo="{request}" IssueInstant="{issued}" Version="2.0"><saml:Issuer '
    'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{issuer}</saml:Issuer><samlp:Status><samlp:StatusCode '
    'Value="{status}"></samlp:StatusCode></samlp:Status>{assertion}</samlp:Response>')

# What a response says otherwise than a good one.
WORDS = {
    "wrong_audience": {"audience": "urn:other:sp"},
    "wrong_recipient": {"recipient": "https://evil.example/acs"},
    "wrong_destination": {"destination": "https://evil.example/acs"},
    "wrong_irt": {"request": "_wrong"},
    "wrong_issuer": {"issuer": "urn:other:idp"},
    "status_fail": {"status": "urn:oasis:names:tc:SAML:2.0:status:Responder"},
    "transient": {"format": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"},
    "no_subject": {"who": ""},
}
# By how many seconds the times of a response are others: until when it is good, or from when.
ENDS = {"expired": -10800, "skew_-170": -170, "skew_-190": -190}
BEGINS = {"not_yet": 10800, "skew_+170": 170, "skew_+190": 190}


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def behind_issuer(element, more):
    return element.replace("</saml:Issuer>", f"</saml:Issuer>{more}", 1)


def inside(signature, more):
    return signature.replace("</ds:Signature>", f"{more}</ds:Signature>")


class FaultyProvider:
    """Serves from its making on; `mode` names what it does wrong, and `who` whom it signs in."""

    def __init__(self, folder):
        self.folder, self.mode, self.who = folder, "ok", "ok"
        for name in ("own", "foreign"):
            subprocess.run([program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                            f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"],
                           check=True, capture_output=True)
        server = http.server.ThreadingHTTPServer((HOST, 0), Page)
        server.provider = self
        self.url = f"http://{HOST}:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def metadata(self):
        lines = (self.folder / "own.pem").read_text().splitlines()
        certificate = "".join(line for line in lines if not line.startswith("-"))
        return (f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{self.url}/metadata">'
                '<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
                f'<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="{DSIG}"><ds:X509Data><ds:X509Certificate>'
                f'{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:SingleSignOnService '
                f'Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{self.url}/sso"/>'
                '</md:IDPSSODescriptor></md:EntityDescriptor>')

    def signature(self, element, key="own", sha="256"):
        """An enveloped signature of an element; `sha` is "256", "1" or "hmac"."""
        digest = "sha1" if sha == "1" else "sha256"
        value = base64.b64encode(hashlib.new(digest, element.encode()).digest()).decode()
        method = {"256": f"{MORE}rsa-sha256", "1": f"{DSIG}rsa-sha1", "hmac": f"{MORE}hmac-sha256"}[sha]
        of_digest = f"{DSIG}sha1" if sha == "1" else f"{ENCRYPTION}sha256"
        name = re.search(r' ID="([^"]*)"', element)[1]
        info = (f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"></ds:CanonicalizationMethod><ds:SignatureMethod '
                f'Algorithm="{method}"></ds:SignatureMethod><ds:Reference URI="#{name}"><ds:Transforms><ds:Transform '
                f'Algorithm="{DSIG}enveloped-signature"></ds:Transform><ds:Transform Algorithm="{EXCLUSIVE}">'
                f'</ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="{of_digest}"></ds:DigestMethod>'
                f'<ds:DigestValue>{value}</ds:DigestValue></ds:Reference>')
        secret = ["-hmac", (self.folder / "own.pem").read_text()] if sha == "hmac" else ["-sign", self.folder / f"{key}.key"]
        made = subprocess.run([program("openssl"), "dgst", f"-{digest}", "-binary", *secret], check=True,
                              capture_output=True, input=f'<ds:SignedInfo xmlns:ds="{DSIG}">{info}</ds:SignedInfo>'.encode())
        value = base64.b64encode(made.stdout).decode()
        return (f'<ds:Signature xmlns:ds="{DSIG}"><ds:SignedInfo>{info}</ds:SignedInfo><ds:SignatureValue>{value}'
                '</ds:SignatureValue></ds:Signature>')

    def signed(self, element, **how):
        return behind_issuer(element, self.signature(element, **how))

    def answer(self, request):
        """The document that answers a request, in this mode."""
        mode = self.mode
        acs = re.search(r'AssertionConsumerServiceURL="([^"]*)"', request)[1]
        words = {
            "id": f"_{secrets.token_hex(16)}", "response": f"_{secrets.token_hex(16)}", "issuer": f"{self.url}/metadata",
            "request": re.search(r'\bID="([^"]*)"', request)[1], "recipient": acs, "destination": acs,
            "audience": html.unescape(re.search(r"Issuer[^>]*>([^<]*)<", request)[1]), "status": SUCCESS,
            "format": PERSISTENT, "who": self.who, "issued": moment(0),
            "begins": moment(BEGINS.get(mode, -5)), "ends": moment(ENDS.get(mode, BEGINS.get(mode, 0) + 300)),
            **WORDS.get(mode, {})}
        assertion = ASSERTION.format(**words)
        if mode == "no_irt":
            assertion = re.sub(r' ?InResponseTo="[^"]*"', "", assertion)
        return self.broken(mode, (assertion, words))

    def broken(self, mode, good):
        """A document around an assertion that is signed and then broken, or the other way round."""
        assertion, words = good
        around = lambda *parts: RESPONSE.format(**words, assertion="".join(parts))
        if mode.startswith("xsw"):
            return self.wrapped(mode, good)
        if mode.startswith("encrypted"):
            return self.hidden(mode, good)
        # A parser reads the same of these, or cuts the name: what is signed has no comment.
        odd = {
            "comment_nameid": lambda signed: signed.replace("@", "<!-- x -->@"),
            "instruction": lambda signed: signed.replace("@", "<?x y?>@"),
            "tampered": lambda signed: signed.replace(self.who, "eve@evil.example"),
            "namespace": lambda signed: signed.replace("<saml:Subject>", '<saml:Subject xmlns:x="relative">'),
            "entity_of_a_character": lambda signed: signed.replace("@", "&#64;"),
        }
        whole = {
            "doctype": lambda document: f"<!DOCTYPE r>{document}",
            "entity": lambda document: '<!DOCTYPE r [<!ENTITY w "x">]>' + document.replace("@", "&w;@"),
            "no_xml": lambda document: document[:300],
            "latin1": lambda document: f'<?xml version="1.0" encoding="ISO-8859-1"?>{document}',
            "xml_1_1": lambda document: f'<?xml version="1.1"?>{document}',
            "deep": lambda document: document.replace("<samlp:Status>", "<a>" * 5000 + "</a>" * 5000 + "<samlp:Status>"),
            "large": lambda document: document.replace("<samlp:Status>", "<!--" + "x" * 300_000 + "--><samlp:Status>"),
        }
        match mode:
            case "unsigned_all":
                return around(assertion)
            case "response_signed_only":
                return self.signed(around(assertion))
            case "both_signed":
                return self.signed(around(self.signed(assertion)))
            case "wrong_key":
                return around(self.signed(assertion, key="foreign"))
            case "sha1":
                return around(self.signed(assertion, sha="1"))
            case "hmac":
                return around(self.signed(assertion, sha="hmac"))
            case "duplicate_id":
                return around(self.signed(assertion)).replace(words["response"], words["id"])
        signed = self.signed(assertion)
        document = around(odd[mode](signed) if mode in odd else signed)
        return whole[mode](document) if mode in whole else document

    def encrypted(self, element, key="federation.pem", wrapping="rsa-oaep-mgf1p"):
        """An element by AES-CBC, as Entra and ADFS encrypt: openssl has no AES-GCM for files."""
        secret, vector = secrets.token_bytes(32), secrets.token_bytes(16)
        openssl = lambda data, *how: subprocess.run([program("openssl"), *how], check=True, capture_output=True, input=data).stdout
        content = vector + openssl(element.encode(), "enc", "-aes-256-cbc", "-K", secret.hex(), "-iv", vector.hex())
        padding = "oaep" if wrapping == "rsa-oaep-mgf1p" else "pkcs1"
        wrapped = openssl(secret, "pkeyutl", "-encrypt", "-inkey", self.folder / key, "-pkeyopt", f"rsa_padding_mode:{padding}")
        value = lambda data: (f"<xenc:CipherData><xenc:CipherValue>{base64.b64encode(data).decode()}</xenc:CipherValue>"
                              "</xenc:CipherData>")
        method = lambda name: f'<xenc:EncryptionMethod Algorithm="{ENCRYPTION}{name}"></xenc:EncryptionMethod>'
        return ('<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"><xenc:EncryptedData '
                f'xmlns:xenc="{ENCRYPTION}" Type="{ENCRYPTION}Element">{method("aes256-cbc")}<ds:KeyInfo xmlns:ds="{DSIG}">'
                f'<xenc:EncryptedKey>{method(wrapping)}{value(wrapped)}</xenc:EncryptedKey></ds:KeyInfo>{value(content)}'
                '</xenc:EncryptedData></saml:EncryptedAssertion>')

    def hidden(self, mode, good):
        """A document with an encrypted assertion. Everybody can encrypt: what counts is what is signed."""
        assertion, words = good
        around = lambda *parts: RESPONSE.format(**words, assertion="".join(parts))
        evil = assertion.replace(words["who"], "eve@evil.example").replace(words["id"], "_e111")
        hidden, signed = self.encrypted(assertion), self.signed(assertion)
        return {
            "encrypted": lambda: self.signed(around(self.encrypted(signed))),
            "encrypted_response_signed_only": lambda: self.signed(around(hidden)),
            "encrypted_assertion_signed_only": lambda: around(self.encrypted(signed)),
            "encrypted_unsigned": lambda: around(hidden),
            "encrypted_for_another": lambda: self.signed(around(self.encrypted(signed, key="foreign.key"))),
            "encrypted_rsa_1_5": lambda: self.signed(around(self.encrypted(signed, wrapping="rsa-1_5"))),
            "encrypted_exchanged": lambda: self.signed(around(hidden)).replace(hidden, self.encrypted(evil)),
            "encrypted_beside": lambda: self.signed(around(signed)).replace("</samlp:Response>",
                                                                            f"{self.encrypted(evil)}</samlp:Response>"),
            "encrypted_two": lambda: self.signed(around(hidden, self.encrypted(evil))),
            "encrypted_tampered": lambda: self.signed(around(self.encrypted(signed.replace(words["who"], "eve@evil.example")))),
            "encrypted_wrong_audience": lambda: self.signed(around(self.encrypted(self.signed(
                assertion.replace(words["audience"], "urn:other:sp"))))),
        }[mode]()

    def wrapped(self, mode, good):
        """Signature wrapping: what was signed stands somewhere, and another person where it is read. The eight known
        forms (Somorovsky and others, "On Breaking SAML", 2012), and more."""
        assertion, words = good
        evil = assertion.replace(words["who"], "eve@evil.example").replace(words["id"], "_e111")
        same = evil.replace("_e111", words["id"])
        signed, own = self.signed(assertion), self.signature(assertion)
        around = lambda *parts: RESPONSE.format(**words, assertion="".join(parts))
        whole = around(assertion)
        of_whole, evil_whole = self.signature(whole), around(evil).replace(words["response"], "_e222")
        boxed = lambda more: f"<samlp:Extensions>{more}</samlp:Extensions>"
        return {
            "xsw_1": behind_issuer(evil_whole, inside(of_whole, whole)),
            "xsw_2": behind_issuer(evil_whole, whole + of_whole),
            "xsw_3": around(evil, signed),
            "xsw_4": around(behind_issuer(evil, signed)),
            "xsw_5": around(behind_issuer(evil, own), assertion),
            "xsw_6": around(behind_issuer(evil, inside(own, assertion))),
            "xsw_7": behind_issuer(around(signed), boxed(evil)),
            "xsw_8": around(behind_issuer(evil, inside(own, f"<ds:Object>{assertion}</ds:Object>"))),
            "xsw_behind": around(signed, evil),
            "xsw_same_id": around(same, signed),
            "xsw_signature_of_another": around(behind_issuer(same, own)),
            "xsw_in_status": around(signed).replace("</samlp:Status>", f"<samlp:StatusDetail>{evil}</samlp:StatusDetail>"
                                                    "</samlp:Status>"),
            "xsw_two_signed": around(signed, self.signed(evil, key="foreign")),
            "xsw_alone": signed,
        }[mode]


class Page(http.server.BaseHTTPRequestHandler):
    """The metadata, and the form with which a browser comes back."""

    def do_GET(self):
        provider, asked = self.server.provider, urlsplit(self.path)
        if asked.path == "/metadata":
            return self.send("application/samlmetadata+xml", provider.metadata())
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        request = zlib.decompress(base64.b64decode(query["SAMLRequest"]), -15).decode()
        document = base64.b64encode(provider.answer(request).encode()).decode()
        acs = re.search(r'AssertionConsumerServiceURL="([^"]*)"', request)[1]
        self.send("text/html", f'<form method="post" action="{acs}"><input name="SAMLResponse" value="{document}">'
                               f'<input name="RelayState" value="{html.escape(query["RelayState"])}"></form>')

    def send(self, kind, text):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass
