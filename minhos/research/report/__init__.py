"""The research report: `summary.sections` says it, `page.page` draws it; the terminal draws the same tables.

It takes values (`values.ResearchReport`) and computes nothing; what is measured is in `measures`, `luck`, `sizing_lab`.
"""
