"""What those on call look at and are woken by: dashboards, alert rules, what is scraped."""
