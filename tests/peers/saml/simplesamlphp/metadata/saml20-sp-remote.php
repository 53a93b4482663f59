<?php
$acs = getenv('SAML_PEER_ACS');
$persistent = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent';
$certificate = preg_replace('/-----[A-Z ]+-----|\s/', '', file_get_contents(getenv('SAML_PEER_DIRECTORY') . '/cert.pem'));
$modes = [
    'both' => ['NameIDFormat' => $persistent, 'saml20.sign.response' => true, 'saml20.sign.assertion' => true],
    'assertion' => ['NameIDFormat' => $persistent, 'saml20.sign.response' => false, 'saml20.sign.assertion' => true],
    'response' => ['NameIDFormat' => $persistent, 'saml20.sign.response' => true, 'saml20.sign.assertion' => false],
    'sha512' => ['NameIDFormat' => $persistent, 'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512'],
    'sha1' => ['NameIDFormat' => $persistent, 'signature.algorithm' => 'http://www.w3.org/2000/09/xmldsig#rsa-sha1'],
    'transient' => [],
    'encrypted' => ['NameIDFormat' => $persistent, 'assertion.encryption' => true, 'certData' => $certificate],
];
foreach ($modes as $mode => $options) {
    $metadata["urn:sp:$mode"] = ['AssertionConsumerService' => $acs] + $options;
}
// What service providers publish of themselves.
foreach (glob(getenv('SAML_PEER_DIRECTORY') . '/service-providers/*.xml') as $file) {
    $read = \SimpleSAML\Metadata\SAMLParser::parseFile($file);
    $metadata[$read->getEntityId()] = ['NameIDFormat' => $persistent] + $read->getMetadata20SP();
}
