<?php
$acs = getenv('SAML_PEER_ACS');
$persistent = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent';
// Rollcall's, as the tests have it.
$pem = file_get_contents(dirname(__DIR__, 4) . '/fixtures/saml/keys/other.cert.pem');
$encrypted = [
    'NameIDFormat' => $persistent,
    'assertion.encryption' => true,
    'certData' => preg_replace('/-----[A-Z ]+-----|\s/', '', $pem),
];
$assertion = ['saml20.sign.response' => false, 'saml20.sign.assertion' => true];
$response = ['saml20.sign.response' => true, 'saml20.sign.assertion' => false];
$modes = [
    'both' => ['NameIDFormat' => $persistent, 'saml20.sign.response' => true, 'saml20.sign.assertion' => true],
    'assertion' => ['NameIDFormat' => $persistent] + $assertion,
    'response' => ['NameIDFormat' => $persistent] + $response,
    'sha512' => ['NameIDFormat' => $persistent, 'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512'],
    'sha1' => ['NameIDFormat' => $persistent, 'signature.algorithm' => 'http://www.w3.org/2000/09/xmldsig#rsa-sha1'],
    'transient' => [],
    'encrypted' => $encrypted,
    'encrypted_assertion' => $encrypted + $assertion,
    'encrypted_response' => $encrypted + $response,
];
foreach ($modes as $mode => $options) {
    $metadata["urn:sp:$mode"] = ['AssertionConsumerService' => $acs] + $options;
}
// What service providers publish of themselves: who has a certificate for encryption gets nothing plain.
foreach (glob(getenv('SAML_PEER_DIRECTORY') . '/service-providers/*.xml') as $file) {
    $read = \SimpleSAML\Metadata\SAMLParser::parseFile($file);
    $metadata[$read->getEntityId()] = ['NameIDFormat' => $persistent, 'assertion.encryption' => true] + $read->getMetadata20SP();
}
