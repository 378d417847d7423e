"""Renders, and knows no domain: templates, forms, errors, headers, languages."""
