"""PDF: from what its pages draw to lines in reading order, tables and elements."""
