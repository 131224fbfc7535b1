"""Answers while they are written, and for minutes after: streams that broke are taken up again."""
