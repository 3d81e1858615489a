"""The page and the small server behind it (extra ``web``): ``glassnet serve``.

`server.create_app` puts it together: `guard` decides who comes in, `recording` counts and logs, and each group of
endpoints has a room of its own. What they share is the `workshop`. The page lies in ``page/``, as it is sent.
"""
