"""What is kept from models and from readers: leaks, markup that acts, personal data, content that isn't wanted."""
