<?php
$metadata['urn:idp:simplesamlphp'] = [
    'host' => '__DEFAULT__',
    'privatekey' => 'key.pem',
    'certificate' => 'cert.pem',
    'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    'auth' => getenv('SAML_PEER_AUTH') ?: 'static',
    // With a form, requests have to be signed.
    'validate.authnrequest' => getenv('SAML_PEER_AUTH') === 'form',
    'userid.attribute' => 'uid',
    'attributes.NameFormat' => 'urn:oasis:names:tc:SAML:2.0:attrname-format:uri',
];
