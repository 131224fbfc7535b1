"""Text in images, by Tesseract: images as documents, pages that have no text, and the size of type on them."""
