"""Random documents beside their exclusive canonical form by libxml2 (lxml), one JSON object in a line.

usage: canonical.py SEED COUNT"""
import io, json, random, sys
from lxml import etree

R = random.Random(int(sys.argv[1]))
NAMESPACES = ["urn:a", "urn:b", "urn:c", "http://x.test/e", "urn:oasis:names:tc:SAML:2.0:assertion"]
PREFIXES = ["", "p", "q", "xs", "é"]
TEXTS = ["x", " ", "\n", "\t", "&amp;", "&lt;", "&gt;", ">", "'", '"', "é", "日本", "😀", "&#xD;", "&#x9;", "&#xA;", "<![CDATA[a<b&c]]>",
         "<![CDATA[]]>", "<!-- c -->", "<?pi some data?>", "<?pi?>", "&#x41;", "\r\n", "\r"]
VALUES = ["x", " ", "&amp;", "&lt;", ">", "'", "é", "&#xD;", "&#x9;", "&#xA;", "\n", "\t", "  ", "&quot;", "😀", "\r\n", "\r"]


def some(values, most):
    return "".join(R.choice(values) for _ in range(R.randint(0, most)))


def element(depth, scope):
    scope, declared = dict(scope), []
    for prefix in R.sample(PREFIXES, R.randint(0, 3)):
        uri = "" if prefix == "" and R.random() < .3 else R.choice(NAMESPACES)
        declared.append(f'xmlns{":" + prefix if prefix else ""}="{uri}"')
        scope[prefix] = uri
    named = [prefix for prefix in scope if prefix]
    attributes = {}
    for _ in range(R.randint(0, 4)):
        prefix, local = R.choice(["", "", "xml"] + named), R.choice(["a", "b", "Name", "lang", "é1"])
        uri = "xml" if prefix == "xml" else scope[prefix] if prefix else ""
        attributes.setdefault((uri, local), f'{prefix + ":" if prefix else ""}{local}="{some(VALUES, 4)}"')
    parts = declared + list(attributes.values())
    R.shuffle(parts)
    prefix = R.choice([""] + named)
    tag = (prefix + ":" if prefix else "") + R.choice(["e", "f", "Assertion", "é"])
    head = "<" + tag + "".join(R.choice([" ", "\n", "  "]) + part for part in parts) + R.choice(["", " "])
    body = "".join(R.choice(TEXTS) if R.random() < .6 or depth > 4 else element(depth + 1, scope) for _ in range(R.randint(0, 5)))
    return head + "/>" if not body and R.random() < .5 else head + ">" + body + "</" + tag + R.choice(["", " "]) + ">"


for _ in range(int(sys.argv[2])):
    document = element(0, {})
    inclusive = R.choice([[], [], ["p"], ["xs", "q"], ["q", "p", "xs"]])
    root = etree.fromstring(document.encode(), etree.XMLParser(resolve_entities=False))
    canonical = etree.tostring(root, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=inclusive or None)
    print(json.dumps({"document": document, "inclusive": inclusive, "canonical": canonical.decode()}, ensure_ascii=False))
