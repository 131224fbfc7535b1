"""The catalog: the ledger of sources, documents, runs and failures. What it says is what is true."""
