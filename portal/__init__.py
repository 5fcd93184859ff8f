"""Pages: owner dashboards, driver portal, guest and public pages."""
