"""Between the browser and the pages: assets, sessions, sign-in, forgery, rendering."""
