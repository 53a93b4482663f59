-- Login addresses that were ever made up (docs/imports.md#names-without-addresses): none is given
-- out twice, not even after its account is gone.

CREATE TABLE generated_addresses (
    email text PRIMARY KEY NOT NULL,
    -- The part before the number, and behind the @.
    base text NOT NULL,
    domain text NOT NULL,
    -- 1 where it has no number.
    number bigint NOT NULL
);
CREATE INDEX generated_addresses_numbers ON generated_addresses (domain, base, number);
