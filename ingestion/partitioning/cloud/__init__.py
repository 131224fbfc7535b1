"""PDFs and images read by a cloud service: what it is sent, and what its answers become."""
