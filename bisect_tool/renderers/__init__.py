"""Draw a saved report; renderers compute nothing."""
