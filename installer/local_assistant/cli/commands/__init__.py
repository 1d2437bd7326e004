"""One module for each verb; each imports click at top and everything else when it runs."""
