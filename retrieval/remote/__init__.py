"""Models on servers: how they are asked, and what their failures mean."""
