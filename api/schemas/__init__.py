"""The shapes on the wire, a module per resource."""
