DROP TABLE generated_addresses;
