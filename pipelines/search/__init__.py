"""Finding anything: leads by name, phone or email, and the product's pages."""
