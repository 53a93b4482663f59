"""Has three identity providers answer requests, and xmlsec1 encrypt an answer, and stores what comes of it below
DIRECTORY, one folder for each: a document for each mode, metadata.xml, and case.json with what a service provider expects.

usage: make.py DIRECTORY WORK, where WORK is a folder for keys, and node finds samlp and express there."""
import base64, datetime, html, http.cookiejar, json, os, pathlib, re, shutil, subprocess, sys, time, urllib.parse, urllib.request, zlib

OUT, WORK = (pathlib.Path(it).resolve() for it in sys.argv[1:3])
HERE = pathlib.Path(__file__).resolve().parent
ACS = "https://rollcall.example.org/v1/sso/saml/1/acs"
SP = "urn:sp:rollcall"
PYSAML2 = """ok replay unsigned_all assertion_signed_only response_signed_only tampered wrong_key wrong_audience wrong_recipient expired
not_yet wrong_irt no_irt wrong_issuer status_fail comment_nameid xsw_wrapped xsw_sibling""".split()
# The key that Rollcall has in the tests.
THEIRS = HERE.parent.parent / "fixtures/saml/keys/other"
# SimpleSAMLphp before its version 2 encrypts by AES-CBC only.
ENCRYPTED = ["encrypted", "encrypted_assertion", "encrypted_response"]
# What xmlsec1 encrypts with.
XMLSEC1 = {"aes128_gcm": ("http://www.w3.org/2009/xmlenc11#aes128-gcm", "aes-128"),
           "aes256_gcm": ("http://www.w3.org/2009/xmlenc11#aes256-gcm", "aes-256"),
           "aes256_cbc": ("http://www.w3.org/2001/04/xmlenc#aes256-cbc", "aes-256")}


def request(entity, mode):
    """A SAMLRequest of the id _<mode>."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    xml = (f'<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_{mode}" Version="2.0" '
           f'IssueInstant="{now}" AssertionConsumerServiceURL="{ACS}" '
           'ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST">'
           f'<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{entity}</saml:Issuer></samlp:AuthnRequest>')
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    return urllib.parse.urlencode({"SAMLRequest": base64.b64encode(packed.compress(xml.encode()) + packed.flush()), "RelayState": "state"})


def get(url):
    jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    for _ in range(100):
        try:
            return urllib.request.build_opener(jar).open(url, timeout=30).read().decode()
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{url}: {error.code} {error.read().decode()[:3000]}")
        except urllib.error.URLError:
            time.sleep(0.2)
    raise SystemExit(f"{url} does not answer")


def response(page):
    tag = next((it for it in re.findall(r"<input[^>]*>", page) if 'name="SAMLResponse"' in it), None)
    if tag is None:
        raise SystemExit(f"no SAMLResponse in {page[:4000]}")
    return base64.b64decode(html.unescape(re.search(r'value="([^"]*)"', tag)[1]))


def store(peer, issuer, metadata, documents):
    folder = OUT / peer
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "metadata.xml").write_text(metadata)
    modes = {}
    for mode, (document, audience) in documents.items():
        (folder / f"{mode}.xml").write_bytes(document)
        modes[mode] = audience
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    case = {"issuer": issuer, "acs_url": ACS, "now": now, "audiences": modes}
    (folder / "case.json").write_text(json.dumps(case, indent=2) + "\n")
    print(peer, len(documents), "documents")


def key(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tmp").mkdir(exist_ok=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "key.pem", "-out", folder / "cert.pem",
                    "-days", "3650", "-subj", f"/CN={folder.name}"], check=True, capture_output=True)


def pysaml2():
    url = "http://127.0.0.1:5731"
    server = subprocess.Popen([sys.executable, HERE / "pysaml2_idp.py", "5731", "urn:idp:pysaml2", SP, ACS])
    try:
        metadata = get(f"{url}/metadata")
        documents = {mode: (response(get(f"{url}/sso?{request(SP, mode)}&mode={mode}")), SP) for mode in PYSAML2}
    finally:
        server.kill()
    store("pysaml2", "urn:idp:pysaml2", metadata, documents)


def samlp():
    url = "http://127.0.0.1:5743"
    key(WORK / "samlp")
    shutil.copy(HERE / "samlp_idp.mjs", WORK)
    server = subprocess.Popen(["node", "samlp_idp.mjs", "5743", WORK / "samlp", SP, ACS], cwd=WORK,
                              env=os.environ | {"SAML_PEER_ENCRYPTION": str(THEIRS)})
    try:
        metadata = get(f"{url}/metadata")
        modes = ["assertion", "response", "sha1", "encrypted", "encrypted_cbc"]
        documents = {mode: (response(get(f"{url}/sso/{mode}?{request(SP, mode)}")), SP) for mode in modes}
        plain = {name: response(get(f"{url}/sso/assertion?{request(SP, name)}")) for name in XMLSEC1}
    finally:
        server.kill()
    store("samlp", "urn:idp:samlp", metadata, documents)
    store("xmlsec1", "urn:idp:samlp", metadata, {name: (encrypted(plain[name], *XMLSEC1[name]), SP) for name in XMLSEC1})


def encrypted(document, algorithm, session_key):
    """A response whose assertion xmlsec1 has encrypted. It leaves namespaces to the elements around."""
    xenc = 'xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"'
    template = WORK / "template.xml"
    template.write_text(
        f'<xenc:EncryptedData {xenc} Type="http://www.w3.org/2001/04/xmlenc#Element"><xenc:EncryptionMethod Algorithm="{algorithm}"/>'
        f'<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><xenc:EncryptedKey><xenc:EncryptionMethod '
        'Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"/><xenc:CipherData><xenc:CipherValue/></xenc:CipherData>'
        '</xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue/></xenc:CipherData></xenc:EncryptedData>')
    plain = WORK / "plain.xml"
    plain.write_bytes(document)
    command = ["xmlsec1", "--encrypt", "--pubkey-cert-pem", f"{THEIRS}.cert.pem", "--session-key", session_key, "--xml-data", plain,
               "--node-name", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion", template]
    made = subprocess.run(command, check=True, capture_output=True).stdout.decode()
    return re.sub("(<xenc:EncryptedData.*</xenc:EncryptedData>)",
                  r'<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">\1</saml:EncryptedAssertion>',
                  made, flags=re.DOTALL).encode()


def simplesamlphp():
    url = "http://127.0.0.1:5751"
    key(WORK / "simplesamlphp")
    environment = os.environ | {"SIMPLESAMLPHP_CONFIG_DIR": str(HERE / "simplesamlphp" / "config"), "SAML_PEER_ACS": ACS,
                                "SAML_PEER_DIRECTORY": str(WORK / "simplesamlphp"), "SAML_PEER_URL": url}
    server = subprocess.Popen(["php", "-S", "127.0.0.1:5751", "-t", "/usr/share/simplesamlphp/www"], env=environment, stderr=subprocess.DEVNULL)
    try:
        metadata = get(f"{url}/saml2/idp/metadata.php")
        modes = ["both", "assertion", "response", "sha512", "sha1", "transient", *ENCRYPTED]
        sso = f"{url}/saml2/idp/SSOService.php"
        documents = {mode: (response(get(f"{sso}?{request(f'urn:sp:{mode}', mode)}")), f"urn:sp:{mode}") for mode in modes}
    finally:
        server.kill()
    store("simplesamlphp", "urn:idp:simplesamlphp", metadata, documents)


for peer in sys.argv[3:] or ["pysaml2", "samlp", "simplesamlphp"]:
    {"pysaml2": pysaml2, "samlp": samlp, "simplesamlphp": simplesamlphp}[peer]()
