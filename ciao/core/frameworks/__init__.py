"""The frameworks that Ciao knows, each a value in a file of its own; plug-ins add theirs."""
