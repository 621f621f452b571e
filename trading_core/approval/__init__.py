"""Approvals without a database and without Prefect: tokens, requests, answers, judgement."""
