<?php
// An identity provider of SimpleSAMLphp for `php -S`, in the directory that SAML_PEER_DIRECTORY names.
$directory = getenv('SAML_PEER_DIRECTORY') . '/';
$config = [
    'baseurlpath' => getenv('SAML_PEER_URL') . '/',
    'certdir' => $directory,
    'loggingdir' => $directory,
    'datadir' => $directory,
    'tempdir' => $directory . 'tmp',
    'metadatadir' => __DIR__ . '/../metadata',
    'secretsalt' => 'only for tests',
    'auth.adminpassword' => 'only for tests',
    'admin.protectindexpage' => false,
    'technicalcontact_email' => 'nobody@example.org',
    'timezone' => 'UTC',
    'logging.handler' => 'file',
    'enable.saml20-idp' => true,
    'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
    'store.type' => 'phpsession',
    'session.cookie.secure' => false,
    'session.phpsession.cookiename' => 'SimpleSAML',
    'session.phpsession.savepath' => $directory . 'tmp',
    'language.default' => 'en',
    'metadata.sources' => [['type' => 'flatfile']],
];
