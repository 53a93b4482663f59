<?php
$config = [
    'static' => [
        'exampleauth:StaticSource',
        'uid' => ['ada'],
        'urn:oid:1.3.6.1.4.1.5923.1.1.1.6' => ['ada@example.org'],
        'urn:oid:1.3.6.1.4.1.5923.1.1.1.9' => ['member@example.org', 'staff@example.org'],
        'urn:oid:0.9.2342.19200300.100.1.3' => ['ada@example.org'],
        'urn:oid:2.5.4.42' => ['Ada'],
        'urn:oid:2.5.4.4' => ['Lovelace & Søn'],
    ],
    'form' => [
        'exampleauth:UserPass',
        'sid@hill-road.example:of the provider' => [
            'uid' => ['sid'],
            'urn:oid:0.9.2342.19200300.100.1.3' => ['sid@hill-road.example'],
            'urn:oid:2.5.4.42' => ['Sid'],
            'urn:oid:2.5.4.4' => ['Lovelace & Søn'],
        ],
    ],
];
