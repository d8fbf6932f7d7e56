"""The dashboards in code. `make dashboards` writes them to deploy/grafana/dashboards as Grafana
reads them. Titles are Chinese and English, since both are looked at."""
