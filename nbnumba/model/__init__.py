"""What a person describes: frozen, validated, complete, printable, to and from TOML."""
