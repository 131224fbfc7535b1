"""Where documents come from: the contract and its adapters."""
