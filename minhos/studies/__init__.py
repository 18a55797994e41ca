"""Whole studies, from settings to a result: `studies.study`, `kelly_vs_fixed.kelly_vs_fixed`, `report.report_of`.

Order of work, the trial ledger and files; nothing is measured here, that is `minhos.research`.
"""
