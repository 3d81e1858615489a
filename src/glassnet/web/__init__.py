"""HTTP server and browser page (extra ``web``): ``glassnet serve``.

`server.create_app` builds the app. `security` checks requests, `observability` counts and logs them, and each group of
endpoints has its own module or package. They share the `app_state`. The static files of the page are in ``page/``.
"""
