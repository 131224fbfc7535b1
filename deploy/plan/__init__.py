"""What an installation needs and costs, before there is one: `footnote plan` (docs/plan.md)."""
