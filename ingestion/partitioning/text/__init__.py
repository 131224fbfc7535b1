"""Kinds of text: Markdown, HTML, XML, JSON, CSV; their encoding and their language."""
