"""One module per change of the schema. A released module must not change."""
