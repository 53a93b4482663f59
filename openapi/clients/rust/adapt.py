#!/usr/bin/env python3
"""adapt.py DOCUMENT: the document of 3.0 as progenitor can read it, on the standard output."""

import json
import sys
from pathlib import Path

document = json.loads(Path(sys.argv[1]).read_text())
# progenitor knows no multipart/form-data: the walk sends the file by reqwest.
del document["paths"]["/v1/organizations/{organization_id}/imports"]["post"]
# It takes refusals of one kind only, and an identity provider is told of what OpenID Connect names; no client asks this.
del document["paths"]["/v1/sso/backchannel-logout/{connection_id}"]
# It reads JSON of the type application/json alone; by another, every refusal would be a stream of bytes.
print(json.dumps(document).replace('"application/problem+json"', '"application/json"'))
