"""What every part of Footnote shares: domain types, settings, errors, telemetry. Imports nothing of ours."""
